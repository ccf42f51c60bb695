//! A media leg opened for a call that may still come to nothing: whoever drops it closes it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use trunkline_media::{BridgeSpec, Command as Media, LegId, Media as MediaPlane, OpenError, RecordingSpec};

use super::DialerParts;
use crate::admission::Permit;
use crate::call::{Origination, Seed, detection, spec_for};
use crate::model::{CallId, CallPlan, Direction, Refusal};

/// An open leg.
pub struct OpenLeg {
    media: Arc<MediaPlane>,
    leg: Option<LegId>,
    local: SocketAddr,
    recording: Option<PathBuf>,
}

impl OpenLeg {
    /// Binds the ports and prepares recorder and detector: whoever calls us is no machine that answered.
    pub fn open(parts: &DialerParts, plan: &CallPlan, direction: Direction) -> Result<Self, Refusal> {
        let is_second = plan.second.is_some();
        let spec = BridgeSpec {
            detect: (direction == Direction::Outbound && !is_second)
                .then(|| detection(&plan.agent.detection)),
            // Whoever is called for another call is listened to by that one, before the answer too.
            speech: !is_second,
            early: is_second,
            record: plan.record,
            rtp_timeout: parts.settings.rtp_timeout,
            ..BridgeSpec::default()
        };
        let spec = spec_for(plan, spec);
        let recording = recording(parts, plan.call);
        let file = recording.clone().filter(|_| plan.record).map(|path| RecordingSpec { path });
        let opened = parts.media.open(spec, plan.call.get(), file).map_err(|error| match error {
            OpenError::NoPorts => Refusal::Overloaded("every media port is in use"),
            OpenError::Overloaded => Refusal::Overloaded("the media threads are overloaded"),
            OpenError::Io(error) => {
                tracing::error!(%error, "a media leg could not be opened");
                Refusal::Overloaded("a media socket could not be opened")
            }
        })?;
        let local = match parts.settings.advertise {
            Some(address) => SocketAddr::new(address, opened.local.port()),
            None => opened.local,
        };
        Ok(Self { media: Arc::clone(&parts.media), leg: Some(opened.leg), local, recording })
    }

    /// From now on the call closes it.
    pub fn hand_over(mut self, plan: CallPlan, permit: Permit) -> Origination {
        let leg = self.leg.take().expect("handed over once: it takes self");
        let seed = Seed::new(rand::random());
        Origination { plan, leg, local: self.local, recording: self.recording.take(), seed, permit }
    }
}

/// Where the recording of a call goes, if there are any.
pub fn recording(parts: &DialerParts, call: CallId) -> Option<PathBuf> {
    Some(parts.settings.recordings.as_ref()?.join(format!("{}.wav", call.ca())))
}

impl Drop for OpenLeg {
    fn drop(&mut self) {
        if let Some(leg) = self.leg.take()
            && self.media.send(leg, Media::Close).is_err()
        {
            tracing::warn!("a media leg could not be closed: its worker is overloaded");
        }
    }
}
