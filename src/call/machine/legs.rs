//! What is paid for apart: a party that takes the far end's place costs what its own number costs, and has a record of its own.

use std::time::{Duration, Instant};

use super::{Call, Context};
use crate::model::{CallEvent, CallFact, Disposition, MovedLeg, Outcome};

/// What is paid apart for parties that take the far end's place, where calls cost anything: records of their own.
#[derive(Default)]
pub struct Legs {
    /// Of the one who is called.
    pub coming: Option<MovedLeg>,
    /// Of the one who talks, and since when.
    talking: Option<(MovedLeg, Instant)>,
}

impl Legs {
    /// The longest that who talks was paid for.
    pub(super) fn lasts(&self) -> Option<Duration> {
        self.talking.as_ref().map(|(leg, _)| leg.lasts)
    }
}

impl Call {
    /// Whoever is paid for apart is there, and whoever was so before is not.
    pub(super) fn leg_talks(&mut self, cx: &mut Context<'_>) {
        let Some(leg) = self.legs.coming.take() else { return };
        self.leg_left(cx);
        self.legs.talking = Some((leg, cx.now));
        if let Some(dialog) = self.dialog.clone() {
            let fact = CallFact::Answered { dialog, recorded: false };
            cx.out.event(CallEvent { call: leg.call, at: cx.now, fact });
        }
    }

    /// Whoever was to be paid for apart did not come.
    pub(super) fn leg_failed(&mut self, cx: &mut Context<'_>, status: Option<u16>) {
        let Some(leg) = self.legs.coming.take() else { return };
        let disposition = match status {
            Some(486 | 600) => Disposition::Busy,
            Some(408 | 480) => Disposition::NoAnswer,
            Some(603) => Disposition::Rejected,
            None | Some(487) => Disposition::Cancelled,
            Some(_) => Disposition::TrunkFailed,
        };
        let outcome = Outcome { sip_status: status, ..Outcome::by_switch(disposition, cx.now, "a transfer") };
        cx.out.ended(leg.call, outcome);
    }

    /// Whoever was to be paid for apart is not called: its transfer was given up before that was settled.
    pub(super) fn leg_unwanted(&self, cx: &mut Context<'_>, leg: Option<MovedLeg>) {
        let Some(leg) = leg else { return };
        let outcome =
            Outcome::by_switch(Disposition::Cancelled, cx.now, "its transfer was given up before it");
        cx.out.ended(leg.call, outcome);
    }

    /// Nobody talks any more who is paid for apart.
    pub(super) fn leg_left(&mut self, cx: &mut Context<'_>) {
        let Some((leg, since)) = self.legs.talking.take() else { return };
        let ended =
            Outcome::by_switch(Disposition::Completed, self.facts.ended_at.unwrap_or(cx.now), "a transfer");
        let outcome = Outcome { answered_at: Some(since), sip_status: Some(200), ..ended };
        cx.out.ended(leg.call, outcome);
    }
}
