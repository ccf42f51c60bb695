//! What a call knows of its other parties: who they are, what they are called for, and how far each has come. What happens to them
//! is `pairing`'s.

use std::sync::Arc;

use trunkline_media::bridge::Members;
use trunkline_media::{Clip, LegId};

use super::super::outbox::{Hand, Role};
use crate::agent::Place;
use crate::model::{CallId, Dial, Dialled, DialogRecord, Handover, TrunkId};

/// The bot's place, which is the agent's, whatever it is; the listener's is none of a party's.
pub(super) const AGENT_PLACE: u8 = Role::Talker.place();
/// Places that parties may have: the agent's, and the next.
pub(super) const PARTIES: usize = 2;
/// The far end and the parties: whoever listens in beside them hears what he is to hear.
pub(super) const TABLE: Members =
    Members::CALLEE.and(Members::at(AGENT_PLACE)).and(Members::at(AGENT_PLACE + 1));

/// A call's other parties, by their places.
#[derive(Default)]
pub struct Pairs {
    pub(super) at: [Option<Box<Pairing>>; PARTIES],
    pub(super) tickets: u32,
    /// What the far end hears over and over, and how often it has.
    pub(super) waiting: Option<(Arc<Clip>, u16)>,
    /// The far end does not want to hear us now.
    pub(super) holds: bool,
}

/// Somebody who is called, or there.
pub(super) struct Pairing {
    /// The first of its tickets.
    pub(super) number: u32,
    pub(super) purpose: Purpose,
    pub(super) dial: Arc<Dial>,
    pub(super) wished: Vec<Wished>,
    pub(super) stage: Stage,
    pub(super) whisper: Told,
    /// It does not want to hear us now.
    pub(super) holds: bool,
    /// By which trunk it answered, and in which dialog.
    pub(super) dialog: Option<(TrunkId, Box<DialogRecord>)>,
    /// The most that came of those who did not come.
    pub(super) best: Dialled,
}

/// One of those who are called at once.
pub(super) struct Wished {
    pub(super) ticket: u32,
    /// `None`: it is not placed yet.
    pub(super) called: Option<Called>,
}

#[derive(Clone, Copy)]
pub(super) struct Called {
    pub(super) call: CallId,
    pub(super) leg: LegId,
}

/// What for.
pub(super) enum Purpose {
    /// A program dials.
    Step(Hand),
    /// It talks for us.
    Agent,
    /// It is to talk in the agent's place.
    HandOver(Arc<Handover>),
}

#[derive(Clone, Copy)]
pub(super) enum Stage {
    /// Nobody has answered; one may be heard already.
    Calling { is_heard: bool },
    /// It answered, and is told something.
    Whispering(Called),
    /// The agent talks with it.
    Consulting(Called),
    /// It talks with the far end.
    Joined(Called),
}

/// What a party alone is told.
pub(super) enum Told {
    /// Nothing, or it has been.
    Nothing,
    /// It is not rendered yet.
    Awaited,
    Ready(Arc<Clip>),
}

impl Pairing {
    pub(super) fn partner(&self) -> Option<Called> {
        match self.stage {
            Stage::Calling { .. } => None,
            Stage::Whispering(called) | Stage::Consulting(called) | Stage::Joined(called) => Some(called),
        }
    }

    /// Which of those who sit, or sat, at this place.
    pub(super) fn at(&self, place: u8) -> Place {
        Place { at: place, party: self.number }
    }

    pub(super) fn is_joined(&self) -> bool {
        matches!(self.stage, Stage::Joined(_))
    }

    /// Has everybody else to wait for it?
    pub(super) fn parks(&self) -> bool {
        match &self.purpose {
            Purpose::Step(hand) => *hand == Hand::Operator,
            Purpose::Agent => false,
            Purpose::HandOver(_) => !self.is_joined(),
        }
    }

    pub(super) fn to(&self) -> String {
        self.dial.to.first().map_or_else(String::new, |to| to.as_str().to_owned())
    }
}
