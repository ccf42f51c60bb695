//! What the doctor tells. Values only.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// One step's result.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Finding {
    /// Which step.
    pub step: Step,
    /// How bad.
    pub verdict: Verdict,
    /// What is wrong, in a word for machines; `None` where nothing is.
    #[schema(value_type = Option<String>)]
    pub code: Option<Code>,
    /// What was tried.
    pub tried: String,
    /// What came back.
    pub came_back: String,
    /// What to change, to what, or what to ask the carrier.
    pub advice: Option<String>,
}

/// A step of the examination, in its order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
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
    /// Whether the callee can be put on hold (RFC 3264 §8.4).
    Hold,
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
            Self::Hold => "hold",
            Self::Dialog => "dialog",
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ToSchema)]
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
    /// It challenges for another realm than the one that is configured.
    RealmMismatch = "realm-mismatch",
    /// An SRV record names a host that does not listen.
    SrvTargetDead = "srv-target-dead",
    /// The certificate is somebody else's.
    CertificateName = "certificate-name",
    /// The certificate has expired, or is not valid yet.
    CertificateExpired = "certificate-expired",
    /// Its certificate is good for a few weeks only.
    CertificateExpiring = "certificate-expiring",
    /// Nobody whom we believe vouches for the certificate.
    CertificateUntrusted = "certificate-untrusted",
    /// TLS came to nothing otherwise.
    TlsFailed = "tls-failed",
    /// The connection is closed as soon as something is said.
    ConnectionDropped = "connection-dropped",
    /// The registrar takes us for nobody it knows, or does not take our binding.
    RegisterRefused = "register-refused",
    /// The registrar wants longer registrations than are configured.
    RegistrationTooBrief = "registration-too-brief",
    /// OPTIONS is answered, INVITE is not.
    InviteUnanswered = "invite-unanswered",
    /// OPTIONS is answered, and an INVITE too long for one packet is not.
    InviteTooLarge = "invite-too-large",
    /// It wants another host in From.
    NeedsFromDomain = "needs-from-domain",
    /// It wants another user in From.
    NeedsFromUser = "needs-from-user",
    /// It wants `;user=phone`.
    NeedsUserPhone = "needs-user-phone",
    /// It wants numbers written otherwise.
    NumberFormat = "number-format",
    /// It knows no such number, however it is written.
    NumberRefused = "number-refused",
    /// It takes us for a customer and not this call.
    CallRefused = "call-refused",
    /// It takes none of the codecs that were offered.
    CodecRefused = "codec-refused",
    /// It takes encrypted audio alone.
    SrtpRequired = "srtp-required",
    /// It takes no encrypted audio.
    SrtpRefused = "srtp-refused",
    /// It chokes on `100rel`.
    ReliableRefused = "100rel-refused",
    /// It will not do without `100rel`.
    ReliableRequired = "100rel-required",
    /// It chokes on `timer`.
    TimerRefused = "timer-refused",
    /// It wants a longer session interval.
    SessionTooBrief = "session-too-brief",
    /// It wants an extension that is not spoken here.
    ExtensionRequired = "extension-required",
    /// The number called is busy or declines: nothing is said of the trunk.
    CalleeUnavailable = "callee-unavailable",
    /// It rang until we gave up.
    NobodyAnswered = "nobody-answered",
    /// The answer's SDP cannot be used.
    SdpUnusable = "sdp-unusable",
    /// Its SDP names an address of a private network.
    PrivateAddressInSdp = "private-address-in-sdp",
    /// No packet of its audio comes.
    NoRtp = "no-rtp",
    /// Nothing listens where its SDP says.
    RtpRefused = "rtp-refused",
    /// Audio flows one way alone.
    OneWayAudio = "one-way-audio",
    /// Its audio comes from another address than its SDP names.
    RtpFromElsewhere = "rtp-from-elsewhere",
    /// Its audio is lossy or jittery.
    RtpLossy = "rtp-lossy",
    /// It takes no telephone events.
    NoTelephoneEvent = "no-telephone-event",
    /// Digits that we sent do not come back, or not all.
    DtmfNotEchoed = "dtmf-not-echoed",
    /// It does not let itself be put on hold.
    HoldRefused = "hold-refused",
    /// It goes on sending when it is on hold.
    HoldIgnored = "hold-ignored",
    /// It repeats its answer as if our ACK never came.
    AckUnheard = "ack-unheard",
    /// It does not answer a BYE.
    ByeUnanswered = "bye-unanswered",
    /// Its Contact leads nowhere.
    ContactUnreachable = "contact-unreachable",
    /// Its proxy routes strictly.
    StrictRoute = "strict-route",
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
