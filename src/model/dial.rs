//! A party that is called beside the one a call has: where, how, what is heard meanwhile, and what came of it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::{CallId, Disposition, PhoneNumber, Sound};

/// Destinations that ring at once.
pub const DESTINATIONS_MAX: usize = 10;
/// Headers of one INVITE that a request asks for.
pub const HEADERS_MAX: usize = 16;
/// The bytes of each one's name and value together.
pub const HEADER_BYTES_MAX: usize = 512;
/// Bytes of a SIP URI.
pub const SIP_URI_BYTES_MAX: usize = 255;
/// How long somebody may ring.
pub const RING_MAX: Duration = Duration::from_secs(600);
/// How long they do if nobody says.
pub const RING_USUAL: Duration = Duration::from_secs(30);

/// Somebody is called, and put through with the call's far end.
#[derive(Clone, PartialEq, Eq)]
pub struct Dial {
    /// Whom: 1 to [`DESTINATIONS_MAX`], all at once. Whoever answers first is the one.
    pub to: Vec<Destination>,
    /// By this trunk; without it, by those that the call itself may go by, or the one that allows the URI.
    pub trunk: Option<String>,
    /// The number that is shown, one of the tenant's own; without it, ours in the call.
    pub caller: Option<PhoneNumber>,
    /// How long they ring.
    pub ring_timeout: Duration,
    /// How long they talk at most; the agent's longest call if that is shorter.
    pub talk_max: Option<Duration>,
    /// Headers of their INVITEs, [`HEADERS_MAX`] at most.
    pub headers: Vec<Header>,
    /// What the far end hears until somebody is there.
    pub meanwhile: Meanwhile,
    /// Does it hear what a lone callee sends before the answer (ringback of its own, announcements)?
    pub early_media: bool,
    /// Is the call recorded from their answer on?
    pub record: bool,
    /// Does a `*` of the far end's hang them up?
    pub hangup_on_star: bool,
    /// Who is told what came of it, and says what follows; without it, the next step does.
    pub action: Option<String>,
}

impl Dial {
    /// Of which nothing else is said.
    pub fn new(to: Vec<Destination>) -> Self {
        Self {
            to,
            trunk: None,
            caller: None,
            ring_timeout: RING_USUAL,
            talk_max: None,
            headers: Vec::new(),
            meanwhile: Meanwhile::default(),
            early_media: true,
            record: false,
            hangup_on_star: false,
            action: None,
        }
    }
}

/// Whom to call.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// A number, by a trunk that may dial it.
    Number(PhoneNumber),
    /// A SIP URI, by a trunk that allows it.
    Uri(SipUri),
}

impl Destination {
    /// As rows and facts name it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(number) => number.as_str(),
            Self::Uri(uri) => uri.as_str(),
        }
    }
}

impl FromStr for Destination {
    type Err = InvalidDestination;

    fn from_str(text: &str) -> Result<Self, InvalidDestination> {
        match text.parse() {
            Ok(number) => Ok(Self::Number(number)),
            Err(_) => text.parse().map(Self::Uri),
        }
    }
}

/// The text is neither E.164 nor a SIP URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("neither a number in E.164 form nor a URI of the form sip:user@host")]
pub struct InvalidDestination;

/// `sip:user@host[:port][;transport=…]` or `sips:…` (RFC 3261 §19.1), as it is dialled: no password, no headers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SipUri(Box<str>);

impl SipUri {
    /// The whole of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub fn user(&self) -> &str {
        self.0.split_once(':').and_then(|(_, rest)| rest.split_once('@')).map_or("", |(user, _)| user)
    }

    /// What stands behind it, without parameters: `host` or `host:port`.
    pub fn host_port(&self) -> &str {
        let host = self.0.split_once('@').map_or("", |(_, host)| host);
        host.split(';').next().unwrap_or_default()
    }

    /// Must it go by TLS?
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("sips:") || self.0.ends_with(";transport=tls")
    }
}

impl FromStr for SipUri {
    type Err = InvalidDestination;

    fn from_str(text: &str) -> Result<Self, InvalidDestination> {
        let wrong = InvalidDestination;
        if text.len() > SIP_URI_BYTES_MAX {
            return Err(wrong);
        }
        let (scheme, rest) = text.split_once(':').ok_or(wrong)?;
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "sip" | "sips") {
            return Err(wrong);
        }
        let (user, rest) = rest.split_once('@').ok_or(wrong)?;
        // No `;`: it would begin a parameter of the user's, and nobody dials by those.
        let is_user = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,/%#".contains(&byte);
        let (host, parameters) = rest.split_once(';').unwrap_or((rest, ""));
        let is_parameter = |one: &str| matches!(one, "transport=udp" | "transport=tcp" | "transport=tls");
        let may_be = parameters.is_empty() || is_parameter(&parameters.to_ascii_lowercase());
        let is_secure_by_udp = scheme == "sips" && parameters.eq_ignore_ascii_case("transport=udp");
        if user.is_empty() || !user.bytes().all(is_user) || !is_host_port(host) || !may_be || is_secure_by_udp
        {
            return Err(wrong);
        }
        let user = user.replace('#', "%23");
        let parameters = parameters.to_ascii_lowercase();
        let semicolon = if parameters.is_empty() { "" } else { ";" };
        Ok(Self(format!("{scheme}:{user}@{}{semicolon}{parameters}", host.to_ascii_lowercase()).into()))
    }
}

/// Users at a trunk's own host whose SIP URIs may be dialled by it: `*`, `start*` or one user. Whoever dials chooses a user, and
/// never where its INVITE goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserPattern {
    start: String,
    is_open: bool,
}

impl UserPattern {
    /// Does it name this one?
    pub fn allows(&self, user: &str) -> bool {
        if self.is_open { user.starts_with(&self.start) } else { user == self.start }
    }
}

impl FromStr for UserPattern {
    type Err = InvalidDestination;

    fn from_str(text: &str) -> Result<Self, InvalidDestination> {
        let is_open = text.ends_with('*');
        let start = text.strip_suffix('*').unwrap_or(text);
        // Read as the URIs are that it is to meet: with a user of at least one letter.
        let filler = if is_open { "x" } else { "" };
        let read: SipUri = format!("sip:{start}{filler}@a").parse()?;
        let start = read.user().strip_suffix(filler).unwrap_or_default();
        Ok(Self { start: start.to_owned(), is_open })
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn is_host_port(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0) && !port.starts_with('+');
    let is_host = match host.strip_prefix('[').map(|inner| inner.strip_suffix(']')) {
        Some(inner) => inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok()),
        None => {
            let is_label = |label: &str| {
                !label.is_empty()
                    && label.len() <= 63
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            };
            !host.is_empty() && host.split('.').all(is_label)
        }
    };
    is_host && port.is_none_or(is_port)
}

/// Masked, as logs get it: the user may be anybody's number.
impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once(':').unwrap_or(("sip", &self.0));
        write!(f, "{scheme}:…{}", rest.find('@').map_or("", |at| &rest[at..]))
    }
}

impl fmt::Debug for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One header that a request asks for: `X-…`, and nothing that SIP itself knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    name: String,
    value: String,
}

impl Header {
    /// `None`: it is no such header, longer than 512 bytes, or not one line.
    pub fn new(name: &str, value: &str) -> Option<Self> {
        let token = name.get(..2).filter(|start| start.eq_ignore_ascii_case("x-")).map(|_| &name[2..])?;
        let is_token = !token.is_empty()
            && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let is_line = value.chars().all(|c| !c.is_control());
        let fits = name.len() + value.len() <= HEADER_BYTES_MAX;
        (is_token && is_line && fits).then(|| Self { name: name.to_owned(), value: value.trim().to_owned() })
    }

    /// Name and value.
    pub fn pair(&self) -> (String, String) {
        (self.name.clone(), self.value.clone())
    }
}

/// What the far end hears while somebody is called for it.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Meanwhile {
    /// Ringing.
    #[default]
    Ringback,
    /// This, over and over; without one, the switch's own.
    Music(Option<Sound>),
    /// Nothing.
    Silence,
}

/// What a party has been called for.
#[derive(Clone, PartialEq, Eq)]
pub struct Second {
    /// The call that it was called for.
    pub of: CallId,
    /// Which of that call's wishes it is.
    pub ticket: u32,
    /// What it is called by, if that is no number.
    pub uri: Option<SipUri>,
    /// Headers of its INVITE.
    pub headers: Vec<Header>,
}

/// What came of a dial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dialled {
    /// In one word.
    pub status: DialStatus,
    /// The call that it made; none if it was not placed.
    pub call: Option<CallId>,
    /// How long they talked.
    pub talked: Duration,
    /// The last answer to its INVITE.
    pub sip_status: Option<u16>,
}

impl Dialled {
    /// Nobody was called.
    pub const FAILED: Self =
        Self { status: DialStatus::Failed, call: None, talked: Duration::ZERO, sip_status: None };
}

/// How a dial ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DialStatus {
    /// Nobody could be called.
    Failed,
    /// It was given up before anybody answered.
    Canceled,
    /// Nobody answered.
    NoAnswer,
    /// Busy, or declined.
    Busy,
    /// They talked.
    Completed,
}

impl DialStatus {
    /// Of a call that ended so.
    pub const fn of(disposition: Disposition, was_answered: bool) -> Self {
        match disposition {
            _ if was_answered => Self::Completed,
            Disposition::Busy | Disposition::Rejected => Self::Busy,
            Disposition::NoAnswer => Self::NoAnswer,
            Disposition::Cancelled => Self::Canceled,
            _ => Self::Failed,
        }
    }

    /// The word in requests and in the native API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::NoAnswer => "no-answer",
            Self::Busy => "busy",
            Self::Completed => "completed",
        }
    }
}

/// Another party takes the agent's place.
#[derive(Clone, PartialEq, Eq)]
pub struct Handover {
    /// Whom to call, and how.
    pub dial: Arc<Dial>,
    /// The agent talks with it first, until it is said that this is enough; else it is put through at once.
    pub consult: bool,
    /// What it is told beforehand, which the far end does not hear.
    pub whisper: Option<Whisper>,
    /// The agent stays, as the third.
    pub agent_stays: bool,
}

/// What one party alone is told.
#[derive(Clone, PartialEq, Eq)]
pub enum Whisper {
    /// These words.
    Say(Arc<str>),
    /// This.
    Play(Sound),
}

/// A SIP endpoint that talks in an agent's place: a model's, or a PBX queue.
#[derive(Clone, PartialEq, Eq)]
pub struct SipAgent {
    /// Where it is, by which trunk, and what its INVITE holds.
    pub dial: Arc<Dial>,
    /// Names of variables that its INVITE holds too, as `X-…`.
    pub variables: Vec<String>,
    /// When it is called.
    pub call_at: CallAt,
}

/// When whoever talks in an agent's place is called. What a SIP endpoint says before the gate is open is heard by nobody: held back, it
/// would be late for the whole of a live talk.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[schema(as = EndpointMoment)]
#[serde(rename_all = "lowercase")]
pub enum CallAt {
    /// While the callee's phone rings: it is there at once.
    #[default]
    Ringing,
    /// Once somebody answered.
    Answer,
    /// Once it is known who answered: its first word is heard, however soon it says it, and no voicemail meets it.
    Verdict,
}

macro_rules! unshown {
    ($($name:ident),+) => {$(
        /// Numbers, words and headers may be anybody's secret.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )+};
}

unshown!(Dial, Destination, Header, Meanwhile, Second, Handover, Whisper, SipAgent);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_read_as_it_is_dialled_and_nothing_is_smuggled_in() {
        for (text, read) in [
            ("sip:a@b.example", "sip:a@b.example"),
            ("SIPS:proj_1@SIP.Example:5061", "sips:proj_1@sip.example:5061"),
            ("sip:+12@[2001:db8::1]:5070;Transport=TCP", "sip:+12@[2001:db8::1]:5070;transport=tcp"),
            ("sip:*98#@10.0.0.1", "sip:*98%23@10.0.0.1"),
        ] {
            assert_eq!(text.parse::<SipUri>().expect(text).as_str(), read);
        }
        for text in [
            "",
            "sip:",
            "sip:a",
            "sip:@b",
            "sip:a@",
            "tel:+12",
            "sip:a:secret@b",
            "sip:a@b@c",
            "sip:a@b?X=1",
            "sip:a@b;lr",
            "sip:a@b;maddr=10.0.0.1",
            "sips:a@b;transport=udp",
            "sip:a b@c",
            "sip:a@b c",
            "sip:a@b:0",
            "sip:a@b:70000",
            "sip:a\r\n@b",
            "sip:a@b\r\nX: 1",
            "sip:a@[zz]",
            "sip:a<@b>",
        ] {
            assert!(text.parse::<SipUri>().is_err(), "{text:?}");
        }
        assert!(format!("sip:a@{}", "b".repeat(300)).parse::<SipUri>().is_err());
        assert_eq!(format!("{:?}", "sip:+15551230000@b".parse::<SipUri>()), "Ok(sip:…@b)");
    }

    #[test]
    fn a_pattern_opens_users() {
        for (pattern, user, is_open) in [
            ("*", "anybody", true),
            ("proj_*", "proj_7", true),
            ("desk", "desk", true),
            ("*98#", "*98%23", true),
            ("proj_*", "other", false),
            ("desk", "desk2", false),
        ] {
            assert_eq!(
                pattern.parse::<UserPattern>().expect(pattern).allows(user),
                is_open,
                "{pattern} {user}"
            );
        }
        for text in ["", "a@b", "a b", "a:b", "a\r\n"] {
            assert!(text.parse::<UserPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn headers_are_x_and_one_line() {
        assert_eq!(
            Header::new("X-Case", " 7 ").map(|header| header.pair()),
            Some(("X-Case".into(), "7".into()))
        );
        for (name, value) in [
            ("Via", "a"),
            ("X-", "a"),
            ("X", "a"),
            ("", "a"),
            ("X-A B", "a"),
            ("X-A:", "a"),
            ("X-A", "a\r\nVia: b"),
            ("é-a", "b"),
        ] {
            assert!(Header::new(name, value).is_none(), "{name:?}");
        }
        assert!(Header::new("X-A", &"b".repeat(HEADER_BYTES_MAX)).is_none());
    }
}
