//! Shell: one probe call, from INVITE to BYE, with its audio.
#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock")]

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_media::sdp::{self, Direction, Local};
use trunkline_media::srtp::Secret;
use trunkline_media::{BridgeSpec, PendingOffer, SdpError};
use trunkline_sip::{Body, Event, InviteId, Message, Method};

use super::line::Line;
use super::observation::{CallSeen, DIGITS, Exchange, Hold, Reoffered};
use super::patient::Patient;
use super::wire::Wire;
use crate::admission::Permit;
use crate::call as sound;
use crate::config::Config;
use crate::model::{CallId, CallPlan, DtmfMode, PhoneNumber, Trunk};
use crate::trunk::route;

/// How long a call may ring.
const RING: Duration = Duration::from_secs(30);
/// How long an answered call is listened to.
const LISTEN: Duration = Duration::from_secs(3);
/// How long a refusal of our audio is waited for after that.
const REFUSAL: Duration = Duration::from_millis(200);
/// When digits are sent, after the answer: whoever answers by DTMF has had time to begin.
const DIGITS_AFTER: Duration = Duration::from_millis(1_200);
/// How long a re-INVITE of ours is waited for.
const REOFFER: Duration = Duration::from_secs(5);

/// Calls a number by a trunk, which may differ from the patient's in what is being tried.
pub async fn call(
    wire: &mut Wire,
    patient: &Patient,
    trunk: &Arc<Trunk>,
    to: &PhoneNumber,
    permit: Option<Permit>,
) -> io::Result<CallSeen> {
    let plan = plan(patient, trunk, to);
    let mut line =
        Line::bind(patient, sound::spec_for(&plan, BridgeSpec { speech: false, ..BridgeSpec::default() }))
            .await?;
    let mut local = Local::new(line.local(), 1, sound::capabilities(trunk), Secret::random());
    let (offer, pending) = local.offer();
    let body = Body::sdp(offer.to_bytes());
    let invite = route::invite(&plan, trunk, Instant::now(), body).map_err(io::Error::other)?;
    let id = wire.invite(invite)?;
    let mut call = Call {
        id,
        patient,
        trunk,
        local,
        pending: Some(pending),
        seen: unseen(),
        trunk_heard: false,
        permit,
    };
    if call.rings(wire, &mut line).await? {
        call.talks(wire, line).await?;
    }
    if let Some(permit) = &mut call.permit {
        permit.ended(Instant::now());
    }
    call.seen.exchange = wire.end();
    let contact = contact_of(&call.seen.exchange);
    call.seen.contact = match contact {
        Some(uri) => wire.whereabouts(&uri).await,
        None => Vec::new(),
    };
    Ok(call.seen)
}

struct Call<'a> {
    id: InviteId,
    patient: &'a Patient,
    trunk: &'a Trunk,
    local: Local,
    pending: Option<PendingOffer>,
    seen: CallSeen,
    /// Whether anything came back.
    trunk_heard: bool,
    /// The room that it takes in a running switch.
    permit: Option<Permit>,
}

impl Call<'_> {
    /// Until it is answered: true; or has failed: false.
    async fn rings(&mut self, wire: &mut Wire, line: &mut Line) -> io::Result<bool> {
        let began = Instant::now();
        let mut is_given_up = false;
        loop {
            self.trunk_heard |= wire.has_heard();
            let wait = if self.trunk_heard { RING } else { self.patient.patience() };
            let until = began + if is_given_up { wait + self.patient.patience() } else { wait };
            match wire.turn(Some(line), until).await? {
                Some(Event::Progress { body: Some(body), .. }) => {
                    let preview = self.pending.as_ref().zip(body.session());
                    let preview = preview.map(|(pending, sdp)| pending.preview(sdp));
                    if let Some(Ok(negotiated)) = preview {
                        self.seen.has_early_media = true;
                        self.seen.answer = Some(Ok(negotiated.clone()));
                        line.preview(negotiated);
                    }
                }
                Some(Event::Answered { body, .. }) => {
                    if let Some(permit) = &mut self.permit {
                        permit.answered(Instant::now());
                    }
                    let pending = self.pending.take();
                    let sdp = body.as_ref().and_then(Body::session);
                    self.seen.answer = match (sdp, pending) {
                        (Some(sdp), Some(pending)) => Some(pending.accept(sdp)),
                        // The early answer holds, if there was one (RFC 3261 §13.2.1, as gateways do it).
                        _ => self.seen.answer.take().or(Some(Err(SdpError::NoAudio { offered: Vec::new() }))),
                    };
                    return Ok(true);
                }
                Some(Event::Failed { failure, .. }) => {
                    self.seen.answer = None;
                    self.seen.failure = Some(failure);
                    return Ok(false);
                }
                Some(_) => {}
                None if is_given_up => {
                    self.seen.answer = None;
                    return Ok(false);
                }
                // Nothing came back, or something that may be waiting to be asked again.
                None if !self.trunk_heard && wire.has_heard() => {}
                None => {
                    wire.hangup(self.id);
                    is_given_up = true;
                }
            }
        }
    }

    /// Listens, speaks, presses keys, hangs up.
    async fn talks(&mut self, wire: &mut Wire, mut line: Line) -> io::Result<()> {
        let answered = Instant::now();
        let Some(Ok(negotiated)) = self.seen.answer.clone() else { return self.hang_up(wire).await };
        let remote = negotiated.remote;
        line.answered(negotiated);
        for (step, after) in [DIGITS_AFTER, LISTEN, LISTEN + REFUSAL].into_iter().enumerate() {
            while let Some(event) = wire.turn(Some(&mut line), answered + after).await? {
                if let Event::Ended { end, .. } = event {
                    self.seen.end = Some(end);
                    self.seen.audio = Some(line.close());
                    return Ok(());
                }
            }
            match (step, remote) {
                // INFO is the switch's way of pressing keys; here it is not tried.
                (0, _) if self.trunk.media.dtmf != DtmfMode::Info => line.press(DIGITS),
                (1, Some(remote)) if line.is_deaf() => line.narrow(remote).await,
                _ => {}
            }
        }
        if self.patient.probe.hold {
            self.seen.hold = Some(self.holds(wire, &mut line).await?);
        }
        self.seen.audio = Some(line.close());
        match &self.seen.hold {
            Some(Hold { held: Reoffered::Ended, .. } | Hold { resumed: Some(Reoffered::Ended), .. }) => {
                Ok(())
            }
            _ => self.hang_up(wire).await,
        }
    }

    /// Puts the callee on hold, and takes it back.
    async fn holds(&mut self, wire: &mut Wire, line: &mut Line) -> io::Result<Hold> {
        let held = self.reoffers(wire, line, Direction::SendOnly).await?;
        let resumed = match held {
            Reoffered::Taken(_) => Some(self.reoffers(wire, line, Direction::SendRecv).await?),
            _ => None,
        };
        Ok(Hold { held, resumed })
    }

    /// One re-INVITE. Its messages are no part of the call's exchange.
    async fn reoffers(
        &mut self,
        wire: &mut Wire,
        line: &mut Line,
        direction: Direction,
    ) -> io::Result<Reoffered> {
        let (offer, _) = self.local.offer_as(direction);
        let Some(call) = wire.reoffer(self.id, Body::sdp(offer.to_bytes())) else {
            return Ok(Reoffered::Refused(None));
        };
        let until = Instant::now() + REOFFER;
        let outcome = loop {
            match wire.turn(Some(line), until).await? {
                Some(Event::Reanswered { body, .. }) => {
                    let said = body.and_then(|body| sdp::inspect(body.session()?).ok());
                    break Reoffered::Taken(said.map(|said| said.direction));
                }
                Some(Event::OfferRefused { status, .. }) => break Reoffered::Refused(status),
                Some(Event::Ended { end, .. }) => {
                    self.seen.end = Some(end);
                    break Reoffered::Ended;
                }
                Some(_) => {}
                None => break Reoffered::Refused(None),
            }
        };
        wire.reoffered(call);
        Ok(outcome)
    }

    async fn hang_up(&mut self, wire: &mut Wire) -> io::Result<()> {
        let until = Instant::now() + self.patient.patience();
        wire.hangup(self.id);
        while let Some(event) = wire.turn(None, until).await? {
            if let Event::Ended { end, .. } = event {
                self.seen.end = Some(end);
                break;
            }
        }
        Ok(())
    }
}

fn unseen() -> CallSeen {
    CallSeen {
        exchange: Exchange::new(Method::Invite),
        failure: None,
        answer: None,
        has_early_media: false,
        audio: None,
        end: None,
        contact: Vec::new(),
        hold: None,
    }
}

fn contact_of(exchange: &Exchange) -> Option<String> {
    let answer = exchange.last_final().filter(|message| message.status() == Some(200))?;
    Message::contact(answer).map(|contact| contact.uri.to_owned())
}

/// A plan as the dialer would make it, with an agent that never speaks.
fn plan(patient: &Patient, trunk: &Arc<Trunk>, to: &PhoneNumber) -> CallPlan {
    let mut config =
        Config::parse("built in", "[[agent]]\nid = \"doctor\"\n", []).expect("a valid configuration");
    let from = patient.from.clone().unwrap_or_else(|| to.clone());
    CallPlan::plain(
        CallId::new(1).expect("not zero"),
        uuid::Uuid::new_v4().to_string(),
        Arc::new(config.objects.agents.remove(0)),
        Arc::clone(trunk),
        from,
        to.clone(),
        (Instant::now(), crate::clock::wall_now()),
    )
}
