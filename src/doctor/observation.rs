//! What was seen: plain values, so that judging them needs no network.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use trunkline_sip::Message;

/// What came of an order.
#[derive(Clone, Debug)]
pub enum Observation {
    /// Of a look at names.
    Names(Names),
    /// Of a knock.
    Knocked(Knocked),
    /// Of OPTIONS.
    Options(Exchange),
    /// Of OPTIONS whose Via names another port than the one it left by.
    ReturnPath(Exchange),
}

/// How SIP travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// Datagrams.
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
        })
    }
}

/// One place to send to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hop {
    /// How.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transport, self.address)
    }
}

/// A host, what every question about it said, and where it led.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Names {
    /// The host.
    pub host: String,
    /// What was asked, in order.
    pub asked: Vec<Asked>,
    /// Where to send to, best first.
    pub hops: Vec<Hop>,
}

/// One question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// For what.
    pub kind: RecordKind,
    /// About whom.
    pub name: String,
    /// What was said.
    pub answer: Answer,
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordKind {
    /// A and AAAA.
    Address,
}

/// What a question brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// These, as text.
    Records(Vec<String>),
    /// There are none.
    Nothing,
}

/// What a knock at an address brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Knocked {
    /// Where.
    pub hop: Hop,
    /// The system's error; `None`: nothing speaks against it.
    pub refused: Option<String>,
}

/// One message on the wire.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Since the exchange began.
    pub at: Duration,
    /// Whether we sent it.
    pub is_ours: bool,
    /// Which socket of ours: the port.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// What.
    pub message: Message,
}

/// A request of ours and all that passed until it was over.
#[derive(Clone, Default, Debug)]
pub struct Exchange {
    /// Every message, in order.
    pub seen: Vec<Seen>,
    /// How long it took, or was waited for.
    pub took: Duration,
    /// The last final response's status.
    pub status: Option<u16>,
}

impl Exchange {
    /// Theirs, in order.
    pub fn theirs(&self) -> impl DoubleEndedIterator<Item = &Seen> {
        self.seen.iter().filter(|seen| !seen.is_ours)
    }

    /// Ours, in order.
    pub fn ours(&self) -> impl DoubleEndedIterator<Item = &Seen> {
        self.seen.iter().filter(|seen| seen.is_ours)
    }

    /// The last response with a final status.
    pub fn last_final(&self) -> Option<&Message> {
        let is_final = |seen: &&Seen| seen.message.status().is_some_and(|status| status >= 200);
        self.theirs().rev().find(is_final).map(|seen| &seen.message)
    }
}
