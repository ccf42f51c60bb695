//! A call that was made for another one: what it tells that one, and what it is told. Nobody is detected here and no agent
//! talks; its far end is heard by the other's bridge, and hears it.

use trunkline_media::{Command as Media, Rule, Then, When};
use trunkline_sip::Body;

use super::super::disposition::Hangup;
use super::super::offers;
use super::super::sound;
use super::super::tie::Tie;
use super::{Call, Context, Origination, Phase};
use crate::model::{Disposition, EndedBy};

impl Call {
    /// The call that it was made for is over, or wants it no more: the intent on disk still gets its end, and nobody is called.
    pub fn unwanted(origination: Origination, cx: &mut Context<'_>) {
        let mut call = Self::new(origination, cx.now, Phase::Inviting { hangup: None });
        call.facts.detail = Some("the call that it was made for needed it no more".to_owned());
        call.end_as(cx, Hangup { disposition: Disposition::Cancelled, by: EndedBy::Switch });
    }

    /// Its far end hears the other's as soon as it is there.
    pub(super) fn open_at_answer(&self, cx: &mut Context<'_>) {
        self.order(cx, Media::Arm(Rule { when: When::Answered, then: Then::OpenGate, once: true }));
    }

    pub(super) fn tell_first_of_ringing(&self, cx: &mut Context<'_>, status: u16, body: Option<&Body>) {
        if let Some(second) = &self.plan.second {
            let early = offers::sdp(body).is_some();
            cx.out.tie(second.of, self.id(), Tie::Ringing { status, early });
        }
    }

    /// It answered: there is nobody to judge. `false`: it was made for nobody else.
    pub(super) fn tell_first_of_answer(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(second) = &self.plan.second else { return false };
        cx.out.tie(second.of, self.id(), Tie::Answered(self.plan.trunk.id, self.dialog.clone()));
        self.phase = Phase::Talking;
        true
    }

    pub(super) fn tell_first_of_whisper(&self, cx: &mut Context<'_>) {
        if let Some(second) = &self.plan.second {
            cx.out.tie(second.of, self.id(), Tie::Whispered);
        }
    }

    /// The call that it was made for has something to say.
    pub(super) fn told_by_first(&mut self, cx: &mut Context<'_>, tie: Tie) {
        match tie {
            // The other side of the conversation hung up, as an agent does.
            Tie::HangUp if self.facts.answered_at.is_some() => {
                self.close(cx, Disposition::Completed, EndedBy::Agent);
            }
            Tie::HangUp => self.close(cx, Disposition::Cancelled, EndedBy::Switch),
            Tie::Pressed(digit) if self.is_talking() => {
                let _ = self.send_digits(cx, digit.encode_utf8(&mut [0; 4]));
            }
            Tie::Held(true) if self.is_talking() => self.let_wait(cx, sound::hold_music()),
            Tie::Held(_) => self.wait_no_more(cx),
            Tie::Pressed(_) | Tie::Ringing { .. } | Tie::Answered(..) | Tie::Whispered | Tie::Over(_) => {}
        }
    }
}
