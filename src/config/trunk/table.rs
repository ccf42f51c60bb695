//! `[[trunk]]` as the file writes it. Name and uri are enough; every other key is one line for a carrier that wants it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{
    Attended, AudioCodec, CostClass, DtmfMode, IdentityHeader, ReferPolicy, ReliableProvisional, Secret,
    SessionRefresher, SrtpPolicy, UnsignedCalls,
};

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    pub name: String,
    pub uri: String,
    #[serde(default = "yes")]
    pub enabled: bool,

    pub username: Option<String>,
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>, write_only)]
    pub password: Option<Secret<String>>,
    pub auth_realm: Option<String>,
    pub proxy: Option<String>,
    #[serde(default)]
    pub register: bool,
    pub registrar: Option<String>,
    pub register_user: Option<String>,
    #[serde(default = "register_expires")]
    pub register_expires_seconds: u64,

    pub from_domain: Option<String>,
    #[serde(default = "number")]
    pub from_user: String,
    #[serde(default)]
    pub number_format: Format,
    pub caller_format: Option<Format>,
    pub country: Option<String>,
    pub national_prefix: Option<String>,
    pub international_prefix: Option<String>,
    #[serde(default)]
    pub prefix: String,
    #[serde(default)]
    pub user_phone: bool,

    pub caller_id_headers: Option<Vec<IdentityHeader>>,
    #[serde(default)]
    pub caller_id_allow: Vec<String>,
    pub display_name: Option<String>,
    #[serde(default)]
    pub privacy: bool,
    pub diversion: Option<String>,
    pub charge: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,

    #[serde(default = "codecs")]
    pub codecs: Vec<AudioCodec>,
    #[serde(default = "ptime")]
    pub ptime_ms: u16,
    #[serde(default)]
    pub srtp: SrtpPolicy,
    #[serde(default)]
    pub rtcp_mux: bool,
    #[serde(default)]
    pub comfort_noise: bool,
    #[serde(default)]
    pub dtmf: DtmfMode,

    #[serde(default)]
    pub prack: ReliableProvisional,
    #[serde(default = "session_expires")]
    pub session_expires_seconds: u64,
    #[serde(default = "session_min")]
    pub session_min_seconds: u64,
    #[serde(default)]
    pub session_refresher: SessionRefresher,

    pub channels: Option<u32>,
    pub cps: Option<f64>,
    #[serde(default)]
    pub allow: Vec<String>,
    #[serde(default)]
    pub deny: Vec<String>,
    #[serde(default)]
    pub allow_countries: Vec<String>,
    #[serde(default)]
    pub allow_classes: Vec<CostClass>,
    pub max_call_seconds: Option<u64>,
    #[serde(default)]
    pub sip_users: Vec<String>,

    #[serde(default = "options_interval")]
    pub options_interval_seconds: u64,
    #[serde(default = "redirects")]
    pub redirects_max: u8,
    #[serde(default)]
    pub refer: ReferPolicy,
    #[serde(default)]
    pub attended: Attended,

    pub tls: Option<Tls>,
    pub stir: Option<Stir>,
    pub spend: Option<Spend>,
    #[serde(default)]
    pub inbound: Inbound,
}

/// How a number is written.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize, Default, ToSchema)]
#[schema(as = NumberFormat)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    E164,
    Plain,
    International,
    National,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = TrunkTls)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub ca: Option<String>,
    pub certificate: Option<String>,
    #[serde(skip_serializing)]
    #[schema(write_only)]
    pub key: Option<String>,
    pub server_name: Option<String>,
    #[serde(default = "yes")]
    pub verify: bool,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = TrunkStir)]
#[serde(deny_unknown_fields)]
pub struct Stir {
    #[serde(skip_serializing)]
    #[schema(required = false, write_only)]
    pub key: String,
    pub certificate: Option<String>,
    pub certificate_url: String,
    pub origid: Option<String>,
    #[serde(default)]
    pub on_failure: UnsignedCalls,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = TrunkSpend)]
#[serde(deny_unknown_fields)]
pub struct Spend {
    pub per_day: String,
    pub per_minute: String,
}

#[derive(Deserialize, Serialize, Default, ToSchema)]
#[schema(as = TrunkInbound)]
#[serde(deny_unknown_fields, default)]
pub struct Inbound {
    pub addresses: Vec<String>,
    pub username: Option<String>,
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>, write_only)]
    pub password: Option<Secret<String>>,
}

/// One of a number's `trunks`.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = TrunkChoice)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    pub name: String,
    #[serde(default = "one")]
    pub priority: u16,
    #[serde(default = "one")]
    pub weight: u16,
}

fn yes() -> bool {
    true
}

fn one() -> u16 {
    1
}

fn number() -> String {
    "number".into()
}

fn register_expires() -> u64 {
    3_600
}

fn codecs() -> Vec<AudioCodec> {
    vec![AudioCodec::Pcmu, AudioCodec::Pcma]
}

fn ptime() -> u16 {
    20
}

fn session_expires() -> u64 {
    1_800
}

fn session_min() -> u64 {
    90
}

fn options_interval() -> u64 {
    30
}

fn redirects() -> u8 {
    3
}
