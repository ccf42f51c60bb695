//! What the doctor tells. Values only.

use std::fmt;

use serde::Serialize;

/// One step's result.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// Which step.
    pub step: Step,
    /// How bad.
    pub verdict: Verdict,
    /// What is wrong, in a word for machines; `None` where nothing is.
    pub code: Option<Code>,
    /// What was tried.
    pub tried: String,
    /// What came back.
    pub came_back: String,
    /// What to change, to what, or what to ask the carrier.
    pub advice: Option<String>,
}

/// A step of the examination, in its order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// What the configuration says, before anything is sent.
    Configuration,
    /// From the trunk's name to addresses (RFC 3263).
    Names,
    /// Whether anything listens there.
    Connect,
    /// The certificate.
    Tls,
    /// Whether the trunk answers a ping (RFC 3261 §11).
    Options,
    /// Whether answers come back to the port that asked (RFC 3581).
    ReturnPath,
    /// Whether our name and password are taken (RFC 7616).
    Digest,
    /// REGISTER.
    Register,
    /// Whether an INVITE is taken.
    Call,
    /// Reliable provisional responses (RFC 3262).
    Reliable,
    /// Session timers (RFC 4028).
    SessionTimer,
    /// What was agreed upon for the audio.
    Codecs,
    /// Whether audio flows both ways.
    Rtp,
    /// Whether digits can be sent (RFC 4733).
    Dtmf,
    /// Whether requests within the call arrive.
    Dialog,
}

impl Step {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Names => "names",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Options => "options",
            Self::ReturnPath => "return path",
            Self::Digest => "digest",
            Self::Register => "register",
            Self::Call => "call",
            Self::Reliable => "reliable",
            Self::SessionTimer => "session timer",
            Self::Codecs => "codecs",
            Self::Rtp => "rtp",
            Self::Dtmf => "dtmf",
            Self::Dialog => "dialog",
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The step was left out; what came back says why.
    Skipped,
    /// As it should be.
    Ok,
    /// Calls work, but not as they could.
    Warning,
    /// Calls fail, or fail to be heard.
    Fault,
}

impl Verdict {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What is wrong. The words are part of the interface: they do not change.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Code {$($(#[$doc])* $name),+}

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self {$(Self::$name => $text),+}
            }
        }
    };
}

codes! {
    /// The switch listens on loopback, and the trunk is elsewhere.
    ListensOnLoopback = "listens-on-loopback",
    /// The trunk is public, and SIP would name a private address of ours.
    AdvertisesPrivateSip = "advertises-private-sip",
    /// The trunk is public, and SDP would name a private address of ours.
    AdvertisesPrivateMedia = "advertises-private-media",
    /// The trunk is switched off in the configuration.
    TrunkDisabled = "trunk-disabled",
    /// The host has no address.
    NameUnknown = "name-unknown",
    /// An address was refused by ICMP or by TCP.
    PortRefused = "port-refused",
    /// Nothing at all comes back.
    NoAnswer = "no-answer",
    /// OPTIONS alone is not answered.
    OptionsUnanswered = "options-unanswered",
    /// The trunk does not take us for a customer.
    AddressNotAllowed = "address-not-allowed",
    /// It is down, or asks to be left alone for a while.
    Overloaded = "overloaded",
    /// It answers to the port in the Via and not to the one that asked.
    NoRport = "no-rport",
    /// It asks for credentials and there are none.
    CredentialsMissing = "credentials-missing",
    /// It does not take user name or password.
    CredentialsRefused = "credentials-refused",
    /// It calls every nonce stale.
    NonceLoop = "nonce-loop",
    /// It challenges in a way that we do not speak.
    ChallengeUnsupported = "challenge-unsupported",
    /// It answered with an error of its own.
    CarrierError = "carrier-error",
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Finding {
    /// All is well.
    pub fn ok(step: Step, tried: impl Into<String>, came_back: impl Into<String>) -> Self {
        Self::new(step, Verdict::Ok, None, tried.into(), came_back.into(), None)
    }

    /// Left out, and why.
    pub fn skipped(step: Step, why: impl Into<String>) -> Self {
        Self::new(step, Verdict::Skipped, None, String::from("nothing"), why.into(), None)
    }

    /// Something could be better.
    pub fn warning(
        step: Step,
        code: Code,
        tried: impl Into<String>,
        came_back: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(step, Verdict::Warning, Some(code), tried.into(), came_back.into(), Some(advice.into()))
    }

    /// Something is wrong.
    pub fn fault(
        step: Step,
        code: Code,
        tried: impl Into<String>,
        came_back: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(step, Verdict::Fault, Some(code), tried.into(), came_back.into(), Some(advice.into()))
    }

    fn new(
        step: Step,
        verdict: Verdict,
        code: Option<Code>,
        tried: String,
        came_back: String,
        advice: Option<String>,
    ) -> Self {
        Self { step, verdict, code, tried, came_back, advice }
    }
}

/// As a terminal shows it: the step, then what was tried, what came back and what to do, a line each.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verdict, step) = (self.verdict.as_str(), self.step.as_str());
        if self.verdict == Verdict::Skipped {
            return write!(f, "{verdict:<8} {step:<14} {}", self.came_back);
        }
        write!(f, "{verdict:<8} {step:<14} {}", self.tried)?;
        write!(f, "\n{:<24}{}", "", self.came_back)?;
        if let Some(code) = self.code {
            write!(f, " [{}]", code.as_str())?;
        }
        match &self.advice {
            Some(advice) => write!(f, "\n{:<24}do: {advice}", ""),
            None => Ok(()),
        }
    }
}
