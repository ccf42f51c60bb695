//! The end of a call: whoever wants it, whatever is missing, and the one time it is told.

use std::time::Duration;

use trunkline_media::{Command as Media, Recorded};
use trunkline_sip::End;

use super::super::disposition::Hangup;
use super::super::facts;
use super::super::tie::Tie;
use super::super::timer::Timer;
use super::{Call, Context, Phase, pairing};
use crate::model::{Disposition, EndedBy};

/// How long the far end and the recording get to confirm the end.
const CLOSING_MAX: Duration = Duration::from_secs(5);

impl Call {
    /// We hang up, for the first reason that came.
    pub(super) fn close(&mut self, cx: &mut Context<'_>, disposition: Disposition, by: EndedBy) {
        let end = Hangup { disposition: self.counted(disposition), by };
        match &mut self.phase {
            Phase::Inviting { hangup: Some(_) } | Phase::Closing { .. } | Phase::Over => return,
            Phase::Inviting { hangup } => {
                *hangup = Some(end);
                self.sight_given_up(cx, by);
            }
            // Nothing of ours is out.
            Phase::Between { .. } => {
                self.facts.ended_at = Some(cx.now);
                self.phase = Phase::Closing { end, dialog_over: true, recorded: true };
                self.wind_up(cx);
                return self.finish(cx);
            }
            Phase::Ringing { .. } | Phase::Judging | Phase::Talking | Phase::LeavingMessage => {
                // Of whoever has left already there is nothing to await.
                let (dialog_over, recorded) = (self.party.is_none(), !self.is_recording());
                self.phase = Phase::Closing { end, dialog_over, recorded };
            }
        }
        self.facts.ended_at = Some(cx.now);
        if let Some(party) = &self.party {
            party.hangup(cx.now, cx.agent, facts::reason(disposition));
        }
        self.wind_up(cx);
        self.finish_if_confirmed(cx);
    }

    /// The dialog is over: the callee hung up, or confirms that we did.
    pub(super) fn dialog_over(&mut self, cx: &mut Context<'_>, end: End) {
        if self.is_left_to_newcomer() {
            return;
        }
        let recorded = !self.is_recording();
        let (disposition, by) = match &end {
            End::Remote { reasons } => {
                let q850 = reasons.iter().find(|reason| reason.protocol.eq_ignore_ascii_case("Q.850"));
                self.facts.q850 = q850.and_then(|reason| reason.cause);
                match self.is_put_through() {
                    true => (Disposition::Completed, EndedBy::Operator),
                    false => (Disposition::CalleeHangup, EndedBy::Callee),
                }
            }
            End::Local => (Disposition::Cancelled, EndedBy::Switch),
            End::Lost { cause, .. } => {
                self.facts.detail = Some(cause.to_string());
                (Disposition::MediaLost, EndedBy::Switch)
            }
        };
        match &mut self.phase {
            Phase::Closing { dialog_over, .. } => *dialog_over = true,
            Phase::Over | Phase::Between { .. } => return,
            Phase::Inviting { hangup } => {
                let end = hangup.unwrap_or(Hangup { disposition, by });
                self.phase = Phase::Closing { end, dialog_over: true, recorded };
                self.wind_up(cx);
            }
            Phase::Ringing { .. } => {
                self.facts.ended_at = Some(cx.now);
                let end = self.given_up();
                self.phase = Phase::Closing { end, dialog_over: true, recorded };
                self.wind_up(cx);
            }
            Phase::Judging | Phase::Talking | Phase::LeavingMessage => {
                let end = Hangup { disposition: self.counted(disposition), by };
                self.phase = Phase::Closing { end, dialog_over: true, recorded };
                self.wind_up(cx);
            }
        }
        self.finish_if_confirmed(cx);
    }

    /// What an end counts as, by what was being said.
    pub(super) fn counted(&self, disposition: Disposition) -> Disposition {
        match disposition {
            // Nobody was free: who does not hear the notice to its end was abandoned no less.
            Disposition::CalleeHangup | Disposition::MediaLost | Disposition::MaxDuration
                if self.is_told_of_nobody() =>
            {
                Disposition::Abandoned
            }
            // A machine that hangs up while we leave our message has still been dealt with as the request asked.
            Disposition::CalleeHangup if matches!(self.phase, Phase::LeavingMessage) => {
                Disposition::VoicemailDetected
            }
            disposition => disposition,
        }
    }

    pub(super) fn recorded(&mut self, cx: &mut Context<'_>, recorded: &Recorded) {
        self.facts.recording = facts::recording(self.recording.take(), recorded, self.control.takes());
        if let Phase::Closing { recorded, .. } = &mut self.phase {
            *recorded = true;
        }
        self.finish_if_confirmed(cx);
    }

    /// Only an answered call is recorded, and until its recorder has said how it went.
    pub(super) fn is_recording(&self) -> bool {
        self.control.is_begun() && self.recording.is_some() && self.facts.answered_at.is_some()
    }

    pub(super) fn wind_up(&mut self, cx: &mut Context<'_>) {
        self.script.stop();
        self.guided.stop();
        self.operator.stop();
        self.dismiss(cx);
        self.release_people(cx);
        self.part_all(cx);
        self.leave_unheard(cx);
        self.drop_transfer(cx);
        self.timers.clear_all(cx.wheel);
        // Timer B bounds a CANCEL that nobody answers (RFC 3261 §9.1); the call is not kept from its owner so long.
        self.set(cx, Timer::Closing, CLOSING_MAX);
        self.order(cx, Media::Close);
    }

    pub(super) fn finish_if_confirmed(&mut self, cx: &mut Context<'_>) {
        if matches!(self.phase, Phase::Closing { dialog_over: true, recorded: true, .. }) {
            self.finish(cx);
        }
    }

    /// Tells the end, once.
    pub(super) fn finish(&mut self, cx: &mut Context<'_>) {
        let end = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Closing { end, .. } | Phase::Inviting { hangup: Some(end) } => end,
            Phase::Over => return,
            Phase::Inviting { hangup: None }
            | Phase::Between { .. }
            | Phase::Ringing { .. }
            | Phase::Judging
            | Phase::Talking
            | Phase::LeavingMessage => {
                unreachable!("a call finishes only after it was closed")
            }
        };
        self.timers.clear_all(cx.wheel);
        if self.is_recording() {
            self.facts.recording =
                self.recording.take().map(|path| facts::untold(path, self.control.takes()));
        }
        self.permit.ended(self.facts.ended_at.unwrap_or(cx.now));
        self.leg_left(cx);
        let mut outcome = std::mem::take(&mut self.facts).outcome(end, cx.now);
        outcome.attempts = self.dialled.take_attempts();
        if let Some(second) = &self.plan.second {
            let over = Tie::Over(pairing::dialled(self.id(), &outcome));
            cx.out.tie(second.of, self.id(), over);
        }
        cx.out.ended(self.id(), outcome);
    }
}
