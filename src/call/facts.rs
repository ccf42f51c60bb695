//! What a call has learnt, and how its end is told: the outcome, the dialog for recovery, the Reason header.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use trunkline_media::{Recorded, Stats};
use trunkline_sip::{DialogState, Failure, Reason};

use super::disposition::{self, Hangup};
use crate::model::{
    DialogRecord, Disposition, Heard, MediaCounters, Outcome, PEOPLE_MAX, PersonId, RecordingResult, Takes,
    Transcript,
};
use crate::trunk::blocked;

/// What the outcome will say.
#[derive(Default)]
pub struct Facts {
    pub ringing_at: Option<Instant>,
    pub answered_at: Option<Instant>,
    pub ended_at: Option<Instant>,
    pub sip_status: Option<u16>,
    pub q850: Option<u16>,
    pub detail: Option<String>,
    pub callee_hold: Option<Duration>,
    pub heard: Option<Heard>,
    /// Was it told that this is what the call waited for?
    pub is_judged: bool,
    pub dead_air: Option<Duration>,
    pub recording: Option<RecordingResult>,
    pub media: Option<MediaCounters>,
    pub transcript: Transcript,
    pub people: Vec<PersonId>,
}

impl Facts {
    /// The INVITE was refused, or came to nothing: what the far end said of it, in its most telling words.
    pub fn refused(&mut self, failure: &Failure) {
        self.sip_status = failure.status;
        self.q850 = disposition::q850(failure);
        let reason = failure.reasons.iter().find_map(|reason| reason.text.as_deref());
        let phrase = (!failure.phrase.is_empty()).then_some(failure.phrase.as_str());
        let blocked = failure.status.and_then(|status| {
            let call_info = failure.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Call-Info"));
            let call_info = call_info.map(|(_, value)| value.as_str());
            blocked::of(status, &failure.phrase, &failure.reasons, call_info)
        });
        if let Some(blocked) = blocked {
            self.detail = Some(blocked.describe());
            return;
        }
        self.detail = failure.warning.as_deref().or(reason).or(phrase).map(String::from);
    }

    /// This person talks from now on.
    pub fn talks(&mut self, person: PersonId) {
        if self.people.len() < PEOPLE_MAX && self.people.last() != Some(&person) {
            self.people.push(person);
        }
    }

    /// Another INVITE left: what was said of the last one is no longer the call's.
    pub fn begin_again(&mut self) {
        (self.sip_status, self.q850, self.detail, self.callee_hold) = (None, None, None, None);
    }

    /// All of it, for the one who is told the end.
    pub fn outcome(self, end: Hangup, now: Instant) -> Outcome {
        Outcome {
            disposition: end.disposition,
            ended_by: end.by,
            sip_status: self.sip_status,
            q850: self.q850,
            detail: self.detail,
            callee_hold: self.callee_hold,
            attempts: Vec::new(),
            heard: self.heard,
            dead_air: self.dead_air,
            recording: self.recording,
            media: self.media,
            transcript: self.transcript,
            people: self.people,
            ringing_at: self.ringing_at,
            answered_at: self.answered_at,
            ended_at: self.ended_at.unwrap_or(now),
        }
    }
}

/// The figures of a bridge that a call keeps.
pub fn counters(stats: &Stats) -> MediaCounters {
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX >> 1);
    MediaCounters {
        packets_in: stats.packets_in,
        packets_out: stats.packets_out,
        lost: stats.lost,
        late: stats.late,
        duplicates: stats.duplicates,
        concealed: stats.concealed,
        jitter_ms: millis(stats.jitter),
        playout_delay_ms: millis(stats.playout_delay),
        remote_lost: stats.remote_lost,
        remote_jitter_ms: millis(stats.remote_jitter),
        round_trip_ms: stats.round_trip.map(millis),
    }
}

/// What became of the recording; nothing, if nothing was to be recorded. Of one that failed half-way the file stays.
pub fn recording(path: Option<PathBuf>, recorded: &Recorded, takes: Takes) -> Option<RecordingResult> {
    let reason = recorded.error.map(|error| error.to_string());
    match (path.filter(|_| recorded.bytes > 0), reason) {
        (Some(path), None) => Some(RecordingResult::Saved { path, duration: recorded.duration, takes }),
        (Some(path), Some(reason)) => Some(RecordingResult::Cut { path, takes, reason }),
        (None, Some(reason)) => Some(RecordingResult::Failed { reason }),
        (None, None) => None,
    }
}

/// What is said of a recording whose recorder has not told its end in time: it may be whole, and somebody has to know of the file.
pub fn untold(path: PathBuf, takes: Takes) -> RecordingResult {
    RecordingResult::Cut { path, takes, reason: "the recorder did not say in time that it is whole".into() }
}

/// The Reason header of our CANCEL or BYE (RFC 3326): the far end's records then say why.
pub fn reason(disposition: Disposition) -> Option<Reason> {
    let (cause, text) = match disposition {
        Disposition::NoAnswer => (19, "No answer"),
        Disposition::MediaLost => (41, "No media"),
        Disposition::Overloaded | Disposition::AgentFailed => (42, "Switch congestion"),
        _ => (16, "Normal call clearing"),
    };
    Some(Reason { protocol: "Q.850".into(), cause: Some(cause), text: Some(text.into()) })
}

/// What recovery needs to end this dialog after a crash.
pub fn dialog(dialog: DialogState, trunk: &str) -> DialogRecord {
    DialogRecord {
        call_id: dialog.call_id,
        local_tag: dialog.local_tag,
        remote_tag: dialog.remote_tag,
        local_uri: dialog.local_uri,
        remote_uri: dialog.remote_uri,
        remote_target: dialog.remote_target,
        route_set: dialog.route_set,
        local_cseq: dialog.local_cseq,
        remote: dialog.remote,
        transport: Some(dialog.protocol.token().to_owned()),
        tls_host: dialog.tls_host,
        trunk: trunk.into(),
        before: None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn a_recording_that_failed_half_way_is_kept_with_its_reason() {
        let came_to = |bytes, error| {
            let recorded = Recorded { duration: Duration::from_secs(bytes / 32_000), bytes, error };
            recording(Some("r.wav".into()), &recorded, Takes::default())
        };
        let takes = Takes::default;
        let (path, reason) = (PathBuf::from("r.wav"), ErrorKind::StorageFull.to_string());
        let second = Duration::from_secs(1);
        let saved = RecordingResult::Saved { path: path.clone(), duration: second, takes: takes() };
        assert_eq!(came_to(32_044, None), Some(saved));
        let cut = RecordingResult::Cut { path, takes: takes(), reason: reason.clone() };
        assert_eq!(came_to(32_044, Some(ErrorKind::StorageFull)), Some(cut));
        let failed = RecordingResult::Failed { reason };
        assert_eq!(came_to(0, Some(ErrorKind::StorageFull)), Some(failed));
        assert_eq!(came_to(0, None), None);
    }
}
