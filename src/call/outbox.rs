//! What calls want done outside their shard, until the driver takes it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use trunkline_media::{Command as Media, LegId};

use super::knock::Knock;
use super::tie::Tie;
use crate::agent::fate::Errand as PersonErrand;
use crate::agent::{Errand, Place};
use crate::model::{
    CallEvent, CallFact, CallId, CallPlan, Destination, Dial, Dialing, Engaged, Key, Outcome, PhoneNumber,
    Track,
};

/// Which text of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speech {
    /// A line of its script.
    Line(usize),
    /// The message for a voicemail.
    Message,
    /// What is said while the detector listens.
    Opener,
    /// A sound of a program of steps, by its number.
    Step(Hand, u32),
    /// What is heard while a party is called.
    Aside(Aside),
    /// What may be said next: nobody waits for it.
    Ahead,
}

/// What is heard while a party is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aside {
    /// What the far end hears meanwhile.
    Music(Place),
    /// What the party is told, and the far end is not.
    Whisper(Place),
}

/// Whose program it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hand {
    /// The call's own, whose document a guide answered.
    Guide,
    /// What is done by hand while it lives.
    Operator,
}

/// A command for a leg.
pub struct MediaOrder {
    /// Whose leg.
    pub call: CallId,
    /// Which leg.
    pub leg: LegId,
    /// What it should do.
    pub command: Media,
}

/// A text to render.
pub struct SpeechOrder {
    /// Whose.
    pub call: CallId,
    /// Which.
    pub speech: Speech,
    /// What is spoken.
    pub text: Arc<str>,
    /// Whose voice, if its agent names one.
    pub voice: Option<Arc<str>>,
}

/// Something to be fetched.
pub struct ErrandOrder {
    /// For whom.
    pub call: CallId,
    /// For which of its programs.
    pub hand: Hand,
    /// What.
    pub errand: Errand,
}

/// What a call has for its bot.
pub enum BotOrder {
    /// Call it, and give it a place at this leg's bridge.
    Call(Box<Engagement>),
    /// It is heard from now on.
    Hear(CallId),
    /// The callee has answered: the bot that talks is told.
    Answered(CallId),
    /// The callee has pressed a key.
    Digit(CallId, char, Duration),
    /// A transfer that it asked for came to nothing.
    Untransferred(CallId, String),
    /// It is not needed any more.
    Dismiss(CallId, Role),
}

/// What a bot does in a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// It talks with the callee.
    Talker,
    /// It listens in.
    Listener,
}

impl Role {
    /// Its place at the bridge; the one between them is another party's.
    pub const fn place(self) -> u8 {
        match self {
            Self::Talker => 0,
            Self::Listener => 2,
        }
    }
}

/// Which bot: a call may have several, one after the other, and the last word of one comes when the next is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BotId {
    /// Whose.
    pub call: CallId,
    /// What it does there.
    pub role: Role,
    /// Which of the call's, from 1 on.
    pub number: u32,
}

/// A bot that is to be called.
pub struct Engagement {
    /// Which.
    pub id: BotId,
    /// Whom the bot talks with.
    pub leg: LegId,
    /// The bot, and what it is told.
    pub bot: Engaged,
    /// Who calls.
    pub from: PhoneNumber,
    /// Who is called.
    pub to: PhoneNumber,
    /// Who asked for the call: its secret may sign.
    pub key: Option<Arc<Key>>,
    /// What it does there.
    pub part: Part,
}

/// What a bot does in a call, and how it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// It talks, as soon as the gate lets it.
    Talks,
    /// It will talk: it is made ready, and not heard yet.
    Prepares,
    /// It hears this, and says nothing.
    Listens(Track),
}

impl Part {
    /// What that makes it.
    pub const fn role(self) -> Role {
        match self {
            Self::Talks | Self::Prepares => Role::Talker,
            Self::Listens(_) => Role::Listener,
        }
    }
}

/// A party that is to be called for a call.
pub struct DialOrder {
    /// What the call itself was made by.
    pub parent: Box<CallPlan>,
    /// Which of its wishes this is.
    pub ticket: u32,
    /// Whom to call, of those that `dial` names.
    pub to: Destination,
    /// How.
    pub dial: Arc<Dial>,
    /// Our number in the call.
    pub ours: PhoneNumber,
}

/// What calls want done outside the shard.
#[derive(Default)]
pub struct Outbox {
    pub media: VecDeque<MediaOrder>,
    pub speech: VecDeque<SpeechOrder>,
    pub events: VecDeque<CallEvent>,
    pub intents: VecDeque<Dialing>,
    pub knocks: VecDeque<Knock>,
    pub errands: VecDeque<ErrandOrder>,
    pub bots: VecDeque<BotOrder>,
    pub people: VecDeque<PersonErrand>,
    pub dials: VecDeque<DialOrder>,
    /// What calls tell each other: settled by the shard before anybody else has a word.
    pub ties: VecDeque<(CallId, CallId, Tie)>,
}

impl Outbox {
    /// Tells another call of this shard.
    pub fn tie(&mut self, to: CallId, from: CallId, tie: Tie) {
        self.ties.push_back((to, from, tie));
    }

    pub fn media(&mut self, call: CallId, leg: LegId, command: Media) {
        self.media.push_back(MediaOrder { call, leg, command });
    }

    pub fn speech(&mut self, plan: &CallPlan, speech: Speech, text: Arc<str>) {
        let voice = plan.agent.voice.clone();
        self.speech.push_back(SpeechOrder { call: plan.call, speech, text, voice });
    }

    pub fn event(&mut self, event: CallEvent) {
        self.events.push_back(event);
    }

    pub fn ended(&mut self, call: CallId, outcome: Outcome) {
        let at = outcome.ended_at;
        self.event(CallEvent { call, at, fact: CallFact::Ended(Box::new(outcome)) });
    }
}
