//! What a shard can be told to do.

use std::sync::Arc;
use std::time::Duration;

use trunkline_media::Clip;
use trunkline_sip::{ClientTls, Credentials, DialogState, InviteId};

use super::super::machine::{Origination, Reception};
use super::super::outbox::{BotId, Speech};
use crate::agent::fate::Fate;
use crate::agent::stream::Event as BotEvent;
use crate::model::{CallId, Disposition, EndedBy, MovedLeg, NotDone, Step, Trunk};
use crate::trunk::doors::Doors;

/// What a shard can be told to do.
pub enum Command {
    /// Place a call.
    Originate(Box<Origination>),
    /// End a call, if it still lives.
    Hangup {
        /// Which.
        call: CallId,
        /// What that makes of it.
        disposition: Disposition,
        /// Who wants it.
        by: EndedBy,
    },
    /// Do something to a call that talks.
    Control {
        /// Which.
        call: CallId,
        /// What.
        step: Step,
        /// What is being said is cut short for it.
        interrupt: bool,
        /// Hears whether it will be done.
        told: Told,
    },
    /// A call's bot has something to say of itself.
    Bot {
        /// Which.
        bot: BotId,
        /// What.
        event: BotEvent,
    },
    /// What becomes of a call's wish for somebody, and what that person does.
    Person {
        /// Whose person.
        call: CallId,
        /// What.
        fate: Fate,
    },
    /// What a call's guide wants next, or why that cannot be had.
    Guided {
        /// Whose guide.
        call: CallId,
        /// Which of the call's questions this answers.
        question: u32,
        /// What.
        steps: Result<Vec<Step>, String>,
    },
    /// End every call.
    HangupAll,
    /// These are the trunks from now on: asked by OPTIONS, registered at, where that is wanted.
    Trunks(Vec<Arc<Trunk>>),
    /// By these ways calls come in from now on.
    Doors(Doors),
    /// Let a call that knocked ring, and answer it.
    Receive(Box<Reception>),
    /// Turn a call away that knocked.
    Turn {
        /// Its INVITE.
        invite: InviteId,
        /// With what; 401 asks for proof.
        status: u16,
        /// When it may try again.
        retry_after: Option<Duration>,
    },
    /// A text was rendered, or a sound fetched; if not, why.
    Rendered {
        /// Whose text.
        call: CallId,
        /// Which.
        speech: Speech,
        /// Its audio.
        clip: Result<Arc<Clip>, String>,
    },
    /// A party that a call wished for cannot be called.
    Refused {
        /// Whose wish.
        call: CallId,
        /// Which.
        ticket: u32,
        /// Why.
        why: String,
    },
    /// The intent of a call's next INVITE is on disk, or cannot be.
    Intended {
        /// Whose.
        call: CallId,
        /// Which of its INVITEs: how many there were when it was to be written down, itself included.
        attempt: usize,
        /// May it leave?
        is_on_disk: bool,
        /// What is paid apart for it.
        leg: Option<MovedLeg>,
    },
    /// End a dialog that an earlier run of the switch left open.
    End(Box<Orphan>),
}

/// Hears whether it will be done. Never waits.
pub type Told = Box<dyn FnOnce(Result<(), NotDone>) + Send>;

/// A dialog that outlived its process.
pub struct Orphan {
    /// The call it belonged to.
    pub call: CallId,
    /// What a BYE needs.
    pub dialog: DialogState,
    /// What answers a challenge.
    pub credentials: Option<Arc<Credentials>>,
    /// How to speak TLS to its trunk.
    pub tls: Option<Arc<ClientTls>>,
}
