//! What a call tells the house while it lives. Events come up by one road: shard, driver, journal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{CallId, DialogRecord, Heard, Objection, Outcome, PhoneNumber};

/// One fact of one call's life.
#[derive(Clone, Debug)]
pub struct CallEvent {
    /// Whose fact it is.
    pub call: CallId,
    /// When it happened.
    pub at: Instant,
    /// What happened.
    pub fact: CallFact,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum CallFact {
    /// The INVITE left.
    Dialing {
        /// So long after the call was asked for.
        after: Duration,
    },
    /// Another INVITE is about to leave: the last one met the trunk's own trouble, or was sent elsewhere.
    Diverted {
        /// The trunk that it goes by.
        trunk: String,
        /// Where it goes, if a redirection named another place.
        uri: Option<String>,
        /// Why, in one clause.
        why: String,
    },
    /// A provisional response came (180, 183, …).
    Ringing {
        /// Its status.
        status: u16,
    },
    /// Audio came before the answer.
    EarlyMedia,
    /// The callee answered; the dialog is what recovery needs to end the call after a crash.
    Answered {
        /// For the journal.
        dialog: Box<DialogRecord>,
        /// Is it recorded from now on?
        recorded: bool,
    },
    /// A transfer, ours or theirs, or another party's being called for the call, has begun (100), goes on, or has come to an end:
    /// of a transfer by REFER, one that left the call where it was; of a party, its answer (200) or why there is none.
    Transfer {
        /// The number, or the Call-ID of an INVITE with Replaces.
        to: String,
        /// What is known of the new party, in SIP's words.
        status: u16,
        /// Nothing more comes of it.
        is_final: bool,
    },
    /// The call's far end is another party from now on; the dialog is what recovery needs.
    Moved {
        /// For the journal. The one before stands beside it.
        dialog: Box<DialogRecord>,
        /// The new party is paid for apart, and the old one no more.
        paid_apart: bool,
    },
    /// The detector decided.
    Verdict(Box<Heard>),
    /// The last verdict is the one that the call waited for. At most once.
    Judged,
    /// The agent's first packet left, so long after the verdict.
    AgentSpoke {
        /// From the verdict, or from the answer when nothing was awaited.
        dead_air: Duration,
    },
    /// The callee stopped the agent by speaking.
    BargeIn,
    /// The callee pressed a key.
    Dtmf {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// A step of its agent's script has asked, and this came of it.
    Answer {
        /// Which step: its label, or its place.
        step: Arc<str>,
        /// `digits`, `speech`, `nothing`, or `invalid` for digits that lead nowhere. Which digits is told to nobody.
        came: &'static str,
    },
    /// Something was done to the call while it talked, by hand or by a program's document.
    Controlled {
        /// Which step (`hold`, `resume`, `mute`, `say`, …).
        what: &'static str,
        /// Why it came to nothing; `None`: it is done.
        failed: Option<String>,
    },
    /// Its recording began after its answer. At most once.
    RecordingStarted,
    /// A SIP message of a tapped call.
    Message {
        /// Did we send it?
        sent: bool,
        /// Its start line.
        line: String,
    },
    /// Whoever is at the other end wants no more such calls.
    Objected {
        /// Its number.
        number: PhoneNumber,
        /// How that is known.
        reason: Objection,
    },
    /// The call is over. Told exactly once, and nothing follows it.
    Ended(Box<Outcome>),
}
