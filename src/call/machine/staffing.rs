//! The people who talk in a call: wanted once it is known that somebody listens, rung while somebody calls in; put on the line, and
//! taken leave of. For whom nobody is free it is told so, and counts as abandoned.

use std::sync::Arc;

use trunkline_media::bridge::Members;
use trunkline_media::{Clip, Command as Media, Seat, amd};

use super::super::outbox::{Hand, Role};
use super::super::{sound, verdict};
use super::pairs::TABLE;
use super::waiting::PEOPLES;
use super::{Call, Context, Phase};
use crate::agent;
use crate::agent::desk::wire::{About, Detail};
use crate::agent::desk::{Manner, Quit, Times, Wanted};
use crate::agent::fate::{Errand, Fate};
use crate::model::{Direction, Disposition, EndedBy, Music, Notice, PersonId, Sound, Staff, Step, Variable};

/// Why the call has nobody to talk, for its record.
const NOBODY: &str = "nobody was free in time";
const LOST: &str = "the audio of whoever talked was lost";
const UNTRANSFERRED: &str = "the far end was not put through";

/// Where the person is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Attendance {
    /// Not wanted yet, or not at all.
    #[default]
    None,
    /// One is looked for.
    Wanted,
    /// One talks.
    Talks,
    /// The one who talked is cut off, and may come back.
    Away,
    /// None was free.
    Nobody,
    /// It has gone, or was sent away.
    Gone,
}

impl Call {
    /// What is heard if nobody is free is made ready beforehand: two seconds are no time to render it.
    pub(super) fn prepare_notice(&mut self, cx: &mut Context<'_>) {
        let staff = self.plan.staff.as_ref().filter(|_| self.plan.guide.is_none());
        let Some(notice) = staff.and_then(|staff| staff.notice.clone()) else { return };
        let step = match notice {
            Notice::Text(text) => Step::Say(text.into()),
            Notice::Url(url) => Step::Play(Sound::Url(url)),
        };
        self.guided.prepare(vec![step, Step::Hangup]);
        self.run(cx, Hand::Guide);
    }

    /// Somebody calls in: people are rung while it rings here.
    pub(super) fn ring_people(&mut self, cx: &mut Context<'_>) {
        self.want_person(cx, Manner::Ring);
        if let Some(music) = self.music() {
            self.play_music(cx, music);
        }
    }

    fn music(&self) -> Option<Music> {
        self.plan.staff.as_ref().and_then(|staff| staff.music.clone())
    }

    fn play_music(&mut self, cx: &mut Context<'_>, music: Music) {
        match music {
            Music::Own => self.entertain(cx, sound::hold_music()),
            Music::Url(url) => {
                let errand = agent::Errand::Aside { from: Sound::Url(url), place: PEOPLES, whispered: false };
                self.send_for(cx, Hand::Operator, errand);
            }
        }
    }

    /// There is music for who waits: it is answered, and hears that until somebody comes, or comes back.
    pub(super) fn entertain(&mut self, cx: &mut Context<'_>, clip: Arc<Clip>) {
        if self.awaits_person() {
            self.pick_up(cx);
            self.let_wait(cx, clip);
        } else if self.lacks_person() && !self.is_parked() && !self.is_handed() {
            self.let_wait(cx, clip);
        }
    }

    /// It is known who answered. True: people see to the call, whatever else is heard of it.
    pub(super) fn call_people(&mut self, cx: &mut Context<'_>, class: amd::Class) -> bool {
        let is_message_s = verdict::is_machine(class) && !self.plan.voicemail.talks();
        let is_early = class == amd::Class::Ringback;
        if self.attendance == Attendance::None
            && self.plan.guide.is_none()
            && !self.is_handed()
            && !is_message_s
            && !is_early
            && matches!(self.phase, Phase::Judging | Phase::Talking)
        {
            self.want_person(cx, Manner::AtOnce);
        }
        self.attendance != Attendance::None
    }

    /// Its guide is of no help: if it is not known yet who answered, people are called as soon as it is.
    pub(super) fn call_people_instead(&mut self, cx: &mut Context<'_>) {
        if self.facts.heard.is_some() {
            self.want_person(cx, Manner::AtOnce);
        }
    }

    fn want_person(&mut self, cx: &mut Context<'_>, manner: Manner) {
        let Some(staff) = self.plan.staff.clone().filter(|_| self.attendance == Attendance::None) else {
            return;
        };
        self.attendance = Attendance::Wanted;
        cx.out.people.push_back(Errand::Want {
            call: self.id(),
            tenant: self.plan.agent.tenant,
            wanted: wanted(&staff, manner),
            about: Box::new(self.about(manner)),
        });
    }

    fn about(&self, manner: Manner) -> About {
        let far = if manner == Manner::Ring { &self.plan.from } else { &self.plan.to };
        let (names, details): (Vec<_>, Vec<_>) =
            self.plan.variables.iter().partition(|variable| variable.name == "name");
        let detail = |of: &Variable| Detail { name: of.name.clone(), value: of.value.clone() };
        About {
            number: far.as_str().to_owned(),
            name: names.first().map(|variable| variable.value.clone()),
            brief: self.plan.staff.as_ref().and_then(|staff| staff.brief.clone()),
            details: details.into_iter().map(detail).collect(),
            campaign: self.plan.campaign.clone(),
            direction: match manner {
                Manner::Ring => Direction::Inbound.as_str(),
                Manner::AtOnce => Direction::Outbound.as_str(),
            },
        }
    }

    /// What becomes of the wish for somebody, and what that person does.
    pub fn handle_person(&mut self, cx: &mut Context<'_>, fate: Fate) {
        match fate {
            Fate::Ringing(_) => {}
            Fate::Assigned { person, seat } => self.seat_person(cx, person, seat),
            Fate::Nobody => self.abandon(cx),
            Fate::Digit(digit) => {
                if let (true, Err(why)) = (self.is_attended_by_person(), self.press(cx, digit)) {
                    self.tell_person(cx, why);
                }
            }
            // Who was put through meanwhile holds and sends elsewhere nobody any more.
            Fate::Transfer(_) | Fate::Hold(_) if !self.is_attended_by_person() => {}
            Fate::Transfer(to) => self.person_transfers(cx, &to),
            Fate::Hold(on) => {
                if let Err(why) = self.hold(cx, Hand::Operator, on) {
                    self.unheld(cx, why.to_string());
                }
            }
            Fate::Objected => {
                if let Err(why) = self.object(cx) {
                    self.tell_person(cx, why.to_string());
                }
            }
            Fate::Lost => self.person_lost(cx),
            Fate::Returned(seat) => self.person_returned(cx, seat),
            Fate::Left(why) => self.person_left(cx, why),
        }
    }

    /// Does a person talk, or is it waited for in the midst of that?
    pub(super) fn is_attended_by_person(&self) -> bool {
        matches!(self.attendance, Attendance::Talks | Attendance::Away)
    }

    /// Is a person cut off from it, and waited for?
    pub(super) fn lacks_person(&self) -> bool {
        self.attendance == Attendance::Away
    }

    pub(super) fn wants_people(&self) -> bool {
        matches!(self.attendance, Attendance::Wanted | Attendance::Talks | Attendance::Away)
    }

    /// Has the person gone who talked, and does nobody else?
    pub(super) fn is_left_alone(&self) -> bool {
        self.attendance == Attendance::Gone && self.agents() == Members::NOBODY
    }

    /// Is it a call in which somebody may talk?
    fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Ringing { .. } | Phase::Judging | Phase::Talking)
    }

    /// Is one looked for?
    pub(super) fn awaits_person(&self) -> bool {
        self.attendance == Attendance::Wanted
    }

    /// Was nobody found to talk?
    pub(super) fn is_abandoned(&self) -> bool {
        self.attendance == Attendance::Nobody
    }

    /// Does it hear that nobody was free, and has nobody come since?
    pub(super) fn is_told_of_nobody(&self) -> bool {
        self.is_abandoned() && self.agents() == Members::NOBODY
    }

    fn seat_person(&mut self, cx: &mut Context<'_>, person: PersonId, seat: Box<Seat>) {
        let is_wanted = self.wants_people();
        // A seat that is dropped tells the person that the call is over.
        if !self.is_open() || !is_wanted {
            return;
        }
        // Who takes over from a colleague knows nothing of a hold.
        if self.attendance != Attendance::Wanted && self.control.is_held_by_hand() {
            let _ = self.hold(cx, Hand::Operator, false);
        }
        self.attendance = Attendance::Talks;
        self.facts.talks(person);
        self.guided.stop();
        self.sit_down(cx, seat);
        match self.phase {
            Phase::Ringing { .. } => self.pick_up(cx),
            _ => self.order(cx, Media::OpenGate),
        }
    }

    /// It hears nobody while somebody is called to take its place.
    fn sit_down(&mut self, cx: &mut Context<'_>, seat: Box<Seat>) {
        if !self.is_parked() {
            self.wait_no_more(cx);
        }
        self.order(cx, Media::Join { place: Role::Talker.place(), seat });
        match self.is_handing() {
            true => self.hear(cx, TABLE, Members::NOBODY),
            false => self.hear_again(cx),
        }
    }

    /// Nobody came: who listens hears why it was called, if there is anything to hear.
    fn abandon(&mut self, cx: &mut Context<'_>) {
        if self.attendance != Attendance::Wanted {
            return;
        }
        self.attendance = Attendance::Nobody;
        self.wait_no_more(cx);
        self.facts.detail = Some(NOBODY.to_owned());
        let has_notice = self.plan.staff.as_ref().is_some_and(|staff| staff.notice.is_some());
        if !has_notice {
            return self.close(cx, Disposition::Abandoned, EndedBy::Switch);
        }
        self.pick_up(cx);
        self.order(cx, Media::OpenGate);
        self.guided.begin();
        self.run(cx, Hand::Guide);
    }

    fn press(&mut self, cx: &mut Context<'_>, digit: char) -> Result<(), String> {
        self.send_digits(cx, &digit.to_string()).map_err(|why| why.to_string())
    }

    fn person_transfers(&mut self, cx: &mut Context<'_>, to: &str) {
        let number =
            to.parse().map_err(|_| "that is neither a number nor a colleague who is here".to_owned());
        let asked = number.and_then(|to| self.handle_transfer(cx, to).map_err(|why| why.to_string()));
        if let Err(why) = asked {
            self.tell_person(cx, why);
        }
    }

    /// The far end was not put through where a person wanted it to go.
    pub(super) fn person_untransferred(&mut self, cx: &mut Context<'_>) {
        match self.attendance {
            Attendance::Talks | Attendance::Away => self.tell_person(cx, UNTRANSFERRED.to_owned()),
            // It has left meanwhile, and there is nobody else.
            Attendance::Gone if self.is_left_alone() => {
                self.facts.detail = Some(UNTRANSFERRED.to_owned());
                self.close(cx, Disposition::Completed, EndedBy::Agent);
            }
            _ => {}
        }
    }

    fn tell_person(&self, cx: &mut Context<'_>, why: String) {
        cx.out.people.push_back(Errand::Failed { call: self.id(), why, held: None });
    }

    /// The far end was not put on hold, or not taken back: the page shows what is so.
    pub(super) fn unheld(&self, cx: &mut Context<'_>, why: String) {
        if self.is_attended_by_person() {
            let held = Some(self.control.is_to_be_held());
            cx.out.people.push_back(Errand::Failed { call: self.id(), why, held });
        }
    }

    /// Its audio is gone: the far end waits with music for it to come back.
    fn person_lost(&mut self, cx: &mut Context<'_>) {
        if self.attendance != Attendance::Talks {
            return;
        }
        self.attendance = Attendance::Away;
        self.order(cx, Media::Part { place: Role::Talker.place() });
        // Who is on hold hears what it heard before; who is being put through elsewhere hears that; who talks with another hears that.
        if self.control.is_held() || self.is_moving() || self.is_parked() || self.is_handed() {
            return;
        }
        self.play_music(cx, self.music().unwrap_or(Music::Own));
    }

    /// It talks again.
    fn person_returned(&mut self, cx: &mut Context<'_>, seat: Box<Seat>) {
        // A seat that is dropped tells the person that the call is over.
        if self.attendance != Attendance::Away || !self.is_open() {
            return;
        }
        self.attendance = Attendance::Talks;
        self.sit_down(cx, seat);
    }

    fn person_left(&mut self, cx: &mut Context<'_>, why: Quit) {
        if !matches!(self.attendance, Attendance::Talks | Attendance::Away) {
            return;
        }
        self.attendance = Attendance::Gone;
        self.order(cx, Media::Part { place: Role::Talker.place() });
        // The far end goes where it was asked to go, or has somebody else to talk with. What it has asked for itself excuses nobody:
        // it waits here until that has come to pass.
        if self.is_referred() || self.is_handed() || self.is_left_to_another(cx) {
            return;
        }
        match why {
            Quit::HungUp => self.close(cx, Disposition::Completed, EndedBy::Agent),
            Quit::Declined | Quit::Missed | Quit::Gone | Quit::Ended | Quit::Passed => {
                self.facts.detail = Some(LOST.to_owned());
                self.close(cx, Disposition::AgentFailed, EndedBy::Switch);
            }
        }
    }

    /// The call is over, or is somebody else's: whoever talks or is looked for is free again.
    pub(super) fn release_people(&mut self, cx: &mut Context<'_>) {
        if self.wants_people() {
            self.attendance = Attendance::Gone;
            cx.out.people.push_back(Errand::End(self.id()));
        }
    }
}

fn wanted(staff: &Arc<Staff>, manner: Manner) -> Wanted {
    let patience = match manner {
        Manner::AtOnce => staff.patience,
        Manner::Ring => staff.wait,
    };
    let times = Times { ring: staff.ring, wrap_up: staff.wrap_up, wait_max: patience + staff.ring };
    Wanted { whom: staff.whom.clone(), manner, patience, times }
}
