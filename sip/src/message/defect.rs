//! What is wrong with a message that can still be answered. A request with a defect gets [`Defect::status`]; a response with
//! one is dropped (RFC 3261 §8.1.3.5, §18.3; RFC 4475 §3.1.2).

use super::{Message, Method, Name, NameAddr, Uri, Via};

/// The first fault found in a message whose Via, From, To, Call-ID and CSeq are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Defect {
    /// Not SIP/2.0.
    Version,
    /// Spaces or brackets where the start line has none.
    StartLine,
    /// A Request-URI that cannot be read, or with header fields in it (RFC 3261 §19.1.1).
    RequestUri,
    /// A line of the head that is no header field.
    StrayLine,
    /// A Content-Length that is no number, or larger than the datagram's rest.
    ContentLength,
    /// A second value of a field that has one.
    Repeated(Name),
    /// A CSeq that is no number and method, or whose method is not the start line's.
    CSeq,
    /// A field whose value cannot be read.
    Unreadable(Name),
}

impl Defect {
    /// The status to answer a request with.
    pub fn status(self) -> u16 {
        match self {
            Self::Version => 505,
            _ => 400,
        }
    }

    /// The phrase to answer a request with: it helps who has to find the fault (RFC 3261 §21.4.1).
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Version => "Version Not Supported",
            Self::StartLine => "Bad Start Line",
            Self::RequestUri => "Bad Request-URI",
            Self::StrayLine => "Bad Header Line",
            Self::ContentLength => "Bad Content-Length",
            Self::Repeated(_) => "Repeated Header Field",
            Self::CSeq => "Bad CSeq",
            Self::Unreadable(Name::Via) => "Bad Via",
            Self::Unreadable(Name::From) => "Bad From",
            Self::Unreadable(Name::To) => "Bad To",
            Self::Unreadable(Name::MaxForwards) => "Bad Max-Forwards",
            Self::Unreadable(Name::Contact) => "Bad Contact",
            Self::Unreadable(_) => "Bad Header Field",
        }
    }
}

impl Message {
    /// Looks for faults in the order they mislead; `method` is the CSeq's.
    pub(super) fn find_defect(&self, cseq: Option<(u32, Method)>) -> Option<Defect> {
        if self.index.stray_lines {
            return Some(Defect::StrayLine);
        }
        if let Some(name) = self.repeated() {
            return Some(Defect::Repeated(name));
        }
        let Some((_, method)) = cseq else { return Some(Defect::CSeq) };
        if let Some(uri) = self.request_uri() {
            if self.method() != Some(method) || self.method_token() != Some(self.cseq_token()) {
                return Some(Defect::CSeq);
            }
            // A scheme that nobody knows is the user agent's to refuse, with 416.
            if Uri::parse(uri).is_none_or(|uri| uri.is_sip() && uri.headers.is_some()) {
                return Some(Defect::RequestUri);
            }
        }
        if self.values(Name::Via).any(|value| Via::parse(value).is_none()) {
            return Some(Defect::Unreadable(Name::Via));
        }
        if self.from().is_none() {
            return Some(Defect::Unreadable(Name::From));
        }
        if self.to().is_none() {
            return Some(Defect::Unreadable(Name::To));
        }
        let max_forwards = self.header(Name::MaxForwards);
        if max_forwards.is_some_and(|value| value.parse::<u8>().is_err()) {
            return Some(Defect::Unreadable(Name::MaxForwards));
        }
        // A star stands alone, in REGISTER (§20.10).
        let unreadable = |value: &str| value != "*" && NameAddr::parse(value).is_none();
        if self.values(Name::Contact).any(unreadable) {
            return Some(Defect::Unreadable(Name::Contact));
        }
        None
    }

    fn repeated(&self) -> Option<Name> {
        let mut seen = 0u128;
        let mut singles = self.index.fields.iter().map(|field| field.name).filter(|name| name.is_single());
        singles.find(|name| {
            let bit = 1 << *name as u8;
            let again = seen & bit != 0;
            seen |= bit;
            again
        })
    }
}
