//! What was seen: plain values, so that judging them needs no network.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline_media::sdp::Direction;
use trunkline_media::{Negotiated, SdpError, Stats};
use trunkline_sip::{End, Failure, Message, Method, Target, TransportError};

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
    /// Of REGISTER.
    Registered(Exchange),
    /// Of a call.
    Called(Box<CallSeen>),
    /// There was no room for a call; why, in words.
    NotAdmitted(String),
}

/// A host, what every question about it said, and where it led.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Names {
    /// The host.
    pub host: String,
    /// What was asked, in order.
    pub asked: Vec<Asked>,
    /// Where to send to, best first.
    pub hops: Vec<Target>,
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
    /// Which transports, in which order.
    Naptr,
    /// Which hosts and ports, in which order.
    Srv,
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
    pub hop: Target,
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
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request's method.
    pub method: Method,
    /// Every message, in order.
    pub seen: Vec<Seen>,
    /// How long it took, or was waited for.
    pub took: Duration,
    /// Why it could not be sent, the last time it was tried.
    pub transport: Option<TransportError>,
    /// For how long the certificate that was shown is good from now on; zero: it is over; `None`: nobody showed one.
    pub certificate_left: Option<Duration>,
}

impl Exchange {
    /// Nothing seen yet.
    pub fn new(method: Method) -> Self {
        Self { method, seen: Vec::new(), took: Duration::ZERO, transport: None, certificate_left: None }
    }

    /// Theirs, in order.
    pub fn theirs(&self) -> impl DoubleEndedIterator<Item = &Seen> {
        self.seen.iter().filter(|seen| !seen.is_ours)
    }

    /// Ours, in order.
    pub fn ours(&self) -> impl DoubleEndedIterator<Item = &Seen> {
        self.seen.iter().filter(|seen| seen.is_ours)
    }

    /// Requests of ours by this method.
    pub fn requests(&self, method: Method) -> impl DoubleEndedIterator<Item = &Seen> {
        self.ours().filter(move |seen| seen.message.method() == Some(method))
    }

    /// Responses to this method, in order.
    pub fn responses(&self, method: Method) -> impl DoubleEndedIterator<Item = &Seen> {
        self.theirs().filter(move |seen| seen.message.status().is_some() && seen.message.cseq().1 == method)
    }

    /// The last final response to the exchange's own request. Of an answer that is repeated, the first.
    pub fn seen_final(&self) -> Option<&Seen> {
        let is_final = |seen: &&Seen| seen.message.status().is_some_and(|status| status >= 200);
        let last = self.responses(self.method).rev().find(is_final)?;
        let same = |seen: &&Seen| seen.message.as_bytes() == last.message.as_bytes();
        self.responses(self.method).find(same)
    }

    /// The same without when and where.
    pub fn last_final(&self) -> Option<&Message> {
        self.seen_final().map(|seen| &seen.message)
    }
}

/// One probe call.
#[derive(Clone, Debug)]
pub struct CallSeen {
    /// Every message of it.
    pub exchange: Exchange,
    /// How it failed, if it was not answered.
    pub failure: Option<Failure>,
    /// What its answer agreed to, once it was answered.
    pub answer: Option<Result<Negotiated, SdpError>>,
    /// Whether media was agreed to before the answer.
    pub has_early_media: bool,
    /// Its audio, once it was answered and agreed.
    pub audio: Option<Audio>,
    /// How our hanging up ended; `None`: it had not, when patience was over.
    pub end: Option<End>,
    /// Where its Contact leads; empty: nowhere.
    pub contact: Vec<SocketAddr>,
    /// What came of putting it on hold and taking it back, if that was tried.
    pub hold: Option<Hold>,
}

/// Two re-INVITEs of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// With `a=sendonly`.
    pub held: Reoffered,
    /// With `a=sendrecv`, if it came to that.
    pub resumed: Option<Reoffered>,
}

/// What came of a re-INVITE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reoffered {
    /// It was taken, and the answer says who sends; `None`: it says nothing that can be read.
    Taken(Option<Direction>),
    /// It was refused, or not answered at all.
    Refused(Option<u16>),
    /// The call ended over it.
    Ended,
}

/// The digits that are pressed: three of different rows and columns.
pub const DIGITS: &str = "159";

/// What was heard on the line.
#[derive(Clone, Debug)]
pub struct Audio {
    /// How long it was listened for.
    pub listened: Duration,
    /// Who sent RTP, in the order of appearance.
    pub sources: Vec<Source>,
    /// The leg's own figures.
    pub stats: Stats,
    /// Whether the address that the SDP names refuses packets.
    pub is_refused: bool,
    /// Whether digits left; `None`: they were not tried.
    pub digits_sent: Option<bool>,
    /// Digits that came.
    pub digits_heard: String,
}

/// One sender of RTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source {
    /// Where from.
    pub address: SocketAddr,
    /// How many.
    pub packets: u32,
}
