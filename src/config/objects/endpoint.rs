//! `[agent.sip]`: a SIP endpoint that talks in an agent's place, a model's or a PBX queue.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::checker::Checker;
use crate::model::{CallAt, Destination, Dial, HEADERS_MAX, Header, Meanwhile, RING_MAX, SipAgent};

/// A SIP endpoint that talks in an agent's place.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Endpoint)]
pub struct Table {
    /// Where it is: a SIP URI whose trunk names its user in `sip_users`, or a number.
    uri: String,
    /// The trunk that it is called by; without it, the first that allows the URI, or the call's own for a number.
    trunk: Option<String>,
    /// When it is called: while the callee's phone rings, once somebody answered, or once it is known who. What it says before that
    /// is known is not heard.
    #[serde(default)]
    call_at: CallAt,
    /// How long it may take to answer.
    #[serde(default = "ring_timeout")]
    #[schema(minimum = 1, maximum = 600)]
    ring_timeout_seconds: u64,
    /// Headers of its INVITE, `X-…` alone.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Variables of the call that its INVITE holds, each as `X-` and its name.
    #[serde(default)]
    variables: Vec<String>,
}

impl Table {
    /// The trunk that it names.
    pub fn trunk(&self) -> Option<&str> {
        self.trunk.as_deref()
    }
}

fn ring_timeout() -> u64 {
    20
}

/// The endpoint that a table describes; `None` where that cannot be, and the fault was told.
pub fn endpoint(table: &Table, path: &str, check: &mut Checker<'_>) -> Option<Arc<SipAgent>> {
    let path = format!("{path}.sip");
    let ring_timeout = check.seconds(
        &format!("{path}.ring_timeout_seconds"),
        table.ring_timeout_seconds,
        1..=RING_MAX.as_secs(),
    );
    let few = table.headers.len() + table.variables.len() <= HEADERS_MAX;
    check.that(&format!("{path}.headers"), few, || {
        format!("must be at most {HEADERS_MAX}, the variables among them")
    });
    let mut headers = Vec::new();
    for (name, value) in &table.headers {
        let header = Header::new(name, value);
        check.that(&format!("{path}.headers"), header.is_some(), || {
            format!("`{name}` must be an X- header of one short line")
        });
        headers.extend(header);
    }
    for (index, name) in table.variables.iter().enumerate() {
        let valid = Header::new(&format!("X-{}", name.replace('_', "-")), "").is_some();
        check.that(&format!("{path}.variables[{index}]"), valid, || {
            "must be a name of letters, digits, `.`, `_` or `-`".into()
        });
    }
    let to: Destination =
        table.uri.parse().map_err(|error| check.fault(&format!("{path}.uri"), format!("is {error}"))).ok()?;
    let dial = Dial {
        trunk: table.trunk.clone(),
        ring_timeout,
        headers,
        meanwhile: Meanwhile::Silence,
        early_media: false,
        ..Dial::new(vec![to])
    };
    let (dial, variables) = (Arc::new(dial), table.variables.clone());
    Some(Arc::new(SipAgent { dial, variables, call_at: table.call_at }))
}
