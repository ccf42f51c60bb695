//! A carrier's SIP trunk: everything that a customer can say of one. Values only, valid once they are here; what is not
//! said has a default that suits most carriers ([`Trunk::new`]).

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use trunkline_sip::ClientTls;

use super::{
    CostClass, Country, IdentityHeader, NumberFormat, PhoneNumber, Secret, SpendLimit, Stir, TenantId,
    TrunkId, UserPattern,
};

/// A carrier's SIP trunk.
#[derive(Clone, Debug)]
pub struct Trunk {
    /// Its id.
    pub id: TrunkId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name in the configuration.
    pub name: String,
    /// Where INVITEs go: `sip:host[:port]` or `sips:…`, with the URI's parameters.
    pub uri: String,
    /// Disabled trunks place no calls.
    pub enabled: bool,
    /// Digest user (RFC 7616).
    pub username: Option<String>,
    /// Digest password.
    pub password: Option<Secret<String>>,
    /// The only realm whose challenges are answered; `None` answers any.
    pub auth_realm: Option<String>,
    /// The host of the From URI and of the caller-ID headers; the trunk's own if absent.
    pub from_domain: Option<String>,
    /// The user of the From URI.
    pub from_user: FromUser,
    /// The proxy that every request goes through first: a SIP URI, without `lr` (it is added).
    pub outbound_proxy: Option<String>,
    /// How we register; `None`: the trunk knows us by our address.
    pub registration: Option<Registration>,
    /// How numbers are written.
    pub number: NumberFormat,
    /// How the caller is shown.
    pub caller_id: CallerId,
    /// Headers of the customer's own, in order; values may hold `{variables}`.
    pub headers: Vec<(String, String)>,
    /// How it speaks.
    pub media: TrunkMedia,
    /// Reliable provisional responses (RFC 3262).
    pub reliable: ReliableProvisional,
    /// Session timer (RFC 4028); `None` neither asks for one nor offers to take part.
    pub session: Option<TrunkSession>,
    /// TLS other than the system's roots and the URI's own name.
    pub tls: Option<TrunkTls>,
    /// How caller ids are signed (RFC 8224); `None` leaves that to the carrier.
    pub stir: Option<Stir>,
    /// At most so many calls at once; `None` is unlimited.
    pub channels: Option<u32>,
    /// At most so many new calls a second; `None` is unlimited.
    pub cps: Option<f64>,
    /// Where it may dial, and for how long and how much.
    pub destinations: Destinations,
    /// Users at its host whose SIP URIs may be dialled, beside numbers; none, unless they are named.
    pub sip_users: Vec<UserPattern>,
    /// How its health is asked.
    pub health: TrunkHealth,
    /// So many redirections (3xx) are followed for one call; 0 follows none.
    pub redirects_max: u8,
    /// What a REFER from it comes to.
    pub refer: ReferPolicy,
    /// How an attended transfer within it is completed.
    pub attended: Attended,
    /// Which calls it may bring.
    pub inbound: Inbound,
}

impl Trunk {
    /// A trunk of which nothing else is said.
    pub fn new(id: TrunkId, tenant: TenantId, name: impl Into<String>, uri: impl Into<String>) -> Self {
        Self {
            id,
            tenant,
            name: name.into(),
            uri: uri.into(),
            enabled: true,
            username: None,
            password: None,
            auth_realm: None,
            from_domain: None,
            from_user: FromUser::Number,
            outbound_proxy: None,
            registration: None,
            number: NumberFormat::default(),
            caller_id: CallerId::default(),
            headers: Vec::new(),
            media: TrunkMedia::default(),
            reliable: ReliableProvisional::Supported,
            session: Some(TrunkSession::default()),
            tls: None,
            stir: None,
            channels: None,
            cps: None,
            destinations: Destinations::default(),
            sip_users: Vec::new(),
            health: TrunkHealth::default(),
            redirects_max: 3,
            refer: ReferPolicy::Refuse,
            attended: Attended::default(),
            inbound: Inbound::default(),
        }
    }
}

/// The user part of our From URI.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FromUser {
    /// The number that calls.
    Number,
    /// The digest user: carriers that know an account by its From.
    Username,
    /// Always this.
    Fixed(String),
}

/// A registration (RFC 3261 §10).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registration {
    /// The registrar's URI; the trunk's own if absent.
    pub registrar: Option<String>,
    /// The user of the address of record; the digest user if absent.
    pub user: Option<String>,
    /// For how long we ask.
    pub expires: Duration,
}

/// How the caller is shown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CallerId {
    /// Headers that carry the calling number beside From, in this order.
    pub headers: Vec<IdentityHeader>,
    /// A name to show, in From and in these headers.
    pub display_name: Option<String>,
    /// Withhold the number: an anonymous From and `Privacy: id` (RFC 3323, RFC 3325).
    pub privacy: bool,
    /// `Diversion` (RFC 5806): the number that the call pretends to be forwarded from.
    pub diversion: Option<ShownNumber>,
    /// `P-Charge-Info` (RFC 8496): the number that pays.
    pub charge: Option<ShownNumber>,
    /// The numbers, or prefixes of numbers, that may be shown; empty allows every one of ours.
    pub allow: Vec<String>,
}

impl CallerId {
    /// May this number be shown?
    pub fn may_show(&self, number: &PhoneNumber) -> bool {
        self.allow.is_empty() || self.allow.iter().any(|prefix| number.as_str().starts_with(prefix.as_str()))
    }
}

/// A number for a header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ShownNumber {
    /// The number that calls.
    Caller,
    /// Always this.
    Fixed(PhoneNumber),
}

/// What a trunk's audio may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrunkMedia {
    /// In order of preference; not empty.
    pub codecs: Vec<AudioCodec>,
    /// The packet length that we ask for: 10, 20, 30, 40 or 60 ms.
    pub ptime_ms: u16,
    /// Encryption by keys in SDP (RFC 4568).
    pub srtp: SrtpPolicy,
    /// RTP and RTCP on one port (RFC 5761).
    pub rtcp_mux: bool,
    /// Comfort noise (RFC 3389).
    pub comfort_noise: bool,
    /// How digits travel.
    pub dtmf: DtmfMode,
}

impl Default for TrunkMedia {
    fn default() -> Self {
        Self {
            codecs: vec![AudioCodec::Pcmu, AudioCodec::Pcma],
            ptime_ms: 20,
            srtp: SrtpPolicy::Off,
            rtcp_mux: false,
            comfort_noise: false,
            dtmf: DtmfMode::Rfc4733,
        }
    }
}

/// A codec that a trunk may speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AudioCodec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// Opus.
    Opus,
}

/// Whether audio is encrypted.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SrtpPolicy {
    /// Never.
    #[default]
    Off,
    /// If the other side takes it.
    Offered,
    /// Or there is no call.
    Required,
}

/// How digits travel.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DtmfMode {
    /// As telephone events (RFC 4733).
    #[default]
    Rfc4733,
    /// In INFO requests.
    Info,
    /// As tones in the audio.
    Inband,
}

/// Reliable provisional responses (RFC 3262).
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ReliableProvisional {
    /// Never: for carriers that choke on `Supported: 100rel`.
    Off,
    /// If the other side wants them.
    #[default]
    Supported,
    /// Or there is no call.
    Required,
}

/// A session timer (RFC 4028).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrunkSession {
    /// Session-Expires that we ask for.
    pub interval: Duration,
    /// Min-SE: the shortest that we accept.
    pub min: Duration,
    /// Who refreshes.
    pub refresher: SessionRefresher,
}

impl Default for TrunkSession {
    /// The interval that RFC 4028 §4 recommends, the shortest that it allows, and either side refreshes.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1_800),
            min: Duration::from_secs(90),
            refresher: SessionRefresher::Either,
        }
    }
}

/// Who refreshes a session.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SessionRefresher {
    /// We do.
    Us,
    /// The trunk does.
    Them,
    /// Whoever the other side says.
    #[default]
    Either,
}

/// How TLS to this trunk differs from the usual. Certificates and keys are PEM, read when the configuration was.
#[derive(Clone, Debug)]
pub struct TrunkTls {
    /// All of it, made ready: one for each trunk, so that no two share a connection. Opaque here.
    pub client: Arc<ClientTls>,
    /// The CAs to believe instead of the system's.
    pub ca: Option<Vec<u8>>,
    /// Our certificate and those above it.
    pub certificate: Option<Vec<u8>>,
    /// Its key.
    pub key: Option<Secret<Vec<u8>>>,
    /// The name that the trunk's certificate must bear; the URI's host if absent.
    pub server_name: Option<String>,
    /// False believes anybody.
    pub verify: bool,
}

/// Where a trunk may dial, for how long and for how much.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Destinations {
    /// Prefixes, with `+`, that it may dial.
    pub allow: Vec<String>,
    /// Prefixes, with `+`, that it may not. The longest matching prefix of both lists decides.
    pub deny: Vec<String>,
    /// Countries that it may dial.
    pub countries: Vec<Country>,
    /// Kinds of expensive numbers that it may dial.
    pub classes: Vec<CostClass>,
    /// No call lasts longer, from its answer.
    pub call_max: Option<Duration>,
    /// What it may cost in a day.
    pub spend: Option<SpendLimit>,
}

impl Destinations {
    /// How long a call may last that would last so long by itself.
    pub fn longest(&self, own: Duration) -> Duration {
        self.call_max.map_or(own, |most| most.min(own))
    }
}

/// How a trunk's health is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrunkHealth {
    /// Time between two OPTIONS; `None` asks never.
    pub options_interval: Option<Duration>,
}

impl Default for TrunkHealth {
    fn default() -> Self {
        Self { options_interval: Some(Duration::from_secs(30)) }
    }
}

/// What a REFER comes to.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ReferPolicy {
    /// 603: the other side does not move our calls.
    #[default]
    Refuse,
    /// It is followed, to where the trunk may dial.
    Allow,
}

/// How an attended transfer is completed whose two far ends both are at this trunk.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Attended {
    /// Here: both stay on the line, and their audio passes.
    #[default]
    Bridge,
    /// There: the one is asked to take our place in the other's call (RFC 5589 §7.3), and both lines are free again. Whoever
    /// refuses is bridged.
    Refer,
}

/// Which calls a trunk may bring: from its own addresses, from these, or with these credentials.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inbound {
    /// Networks beside the addresses that the trunk's URI resolves to.
    pub addresses: Vec<IpNet>,
    /// The user whom a call from elsewhere must prove to be.
    pub username: Option<String>,
    /// That user's password.
    pub password: Option<Secret<String>>,
}
