//! `[[trunk]]`: from the file's table to the model's trunk, with every fault that there is.

mod caller;
mod keys;
mod limits;
pub mod table;
pub mod tenants;

use std::ops::RangeInclusive;
use std::time::Duration;

use super::checker::{Checker, networks};
use super::uri;
use crate::model::{
    AudioCodec, Inbound, Registration, Secret, TenantId, Trunk, TrunkHealth, TrunkId, TrunkMedia,
    TrunkSession, UserPattern,
};

/// RFC 4028 §4: no shorter session is allowed.
const SESSION_MIN_SECONDS: u64 = 90;
/// A day.
const SECONDS_MAX: u64 = 86_400;
/// Users whose SIP URIs one trunk allows.
const SIP_USERS_MAX: usize = 32;
/// Redirections for one call: more would ring for longer than anybody waits.
const REDIRECTS_MAX: u8 = 10;

/// Checks a table. `path` is its key: `trunk[0]`.
pub fn trunk(
    table: &table::Trunk,
    id: TrunkId,
    tenant: TenantId,
    path: &str,
    check: &mut Checker<'_>,
) -> Trunk {
    let key = |name: &str| format!("{path}.{name}");
    let valid =
        !table.name.is_empty() && table.name.len() <= 64 && table.name.chars().all(super::name::is_name);
    check.that(&key("name"), valid, || {
        format!("`{}` must be 1 to 64 letters, digits, `.`, `_` or `-`", table.name)
    });
    credentials(table.username.as_deref(), table.password.as_ref(), path, check);
    check.that(&key("auth_realm"), table.auth_realm.as_deref().is_none_or(one_line), one_line_reason);
    if let Some(domain) = &table.from_domain {
        check.that(&key("from_domain"), uri::is_host(domain), || not_host(domain));
    }
    check.that(&key("redirects_max"), table.redirects_max <= REDIRECTS_MAX, || {
        format!("must be 0 to {REDIRECTS_MAX}, not {}", table.redirects_max)
    });
    Trunk {
        id,
        tenant,
        name: table.name.clone(),
        uri: check.or(&key("uri"), uri::trunk(&table.uri), String::new()),
        enabled: table.enabled,
        username: table.username.clone(),
        password: table.password.clone(),
        auth_realm: table.auth_realm.clone(),
        from_domain: table.from_domain.clone(),
        from_user: caller::from_user(table, path, check),
        outbound_proxy: optional_uri(table.proxy.as_deref(), &key("proxy"), check),
        registration: registration(table, path, check),
        number: caller::number(table, path, check),
        caller_id: caller::caller_id(table, path, check),
        headers: caller::headers(table, path, check),
        media: media(table, path, check),
        reliable: table.prack,
        session: session(table, path, check),
        tls: table.tls.as_ref().and_then(|tls| keys::tls(tls, &key("tls"), check)),
        stir: table.stir.as_ref().and_then(|stir| keys::stir(stir, &key("stir"), check)),
        channels: check.limit(&key("channels"), table.channels),
        cps: check.rate(&key("cps"), table.cps),
        destinations: limits::destinations(table, path, check),
        sip_users: sip_users(table, &key("sip_users"), check),
        health: TrunkHealth {
            options_interval: off_or(
                &key("options_interval_seconds"),
                table.options_interval_seconds,
                5..=3_600,
                check,
            ),
        },
        redirects_max: table.redirects_max,
        refer: table.refer,
        attended: table.attended,
        inbound: inbound(&table.inbound, &key("inbound"), check),
    }
}

/// What may be dialled by it that is no number.
fn sip_users(table: &table::Trunk, path: &str, check: &mut Checker<'_>) -> Vec<UserPattern> {
    check.that(path, table.sip_users.len() <= SIP_USERS_MAX, || {
        format!("names {} users, more than {SIP_USERS_MAX}", table.sip_users.len())
    });
    let mut patterns = Vec::new();
    for (index, text) in table.sip_users.iter().enumerate() {
        match text.parse() {
            Ok(pattern) => patterns.push(pattern),
            Err(_) => check.fault(
                &format!("{path}[{index}]"),
                "must be the user of a SIP URI, which may end in `*`".to_owned(),
            ),
        }
    }
    patterns
}

fn registration(table: &table::Trunk, path: &str, check: &mut Checker<'_>) -> Option<Registration> {
    let key = |name: &str| format!("{path}.{name}");
    let registrar = optional_uri(table.registrar.as_deref(), &key("registrar"), check);
    let expires =
        check.seconds(&key("register_expires_seconds"), table.register_expires_seconds, 30..=SECONDS_MAX);
    let user = table.register_user.clone();
    check.that(&key("register_user"), user.as_deref().is_none_or(caller::is_user), || {
        caller::not_user(user.as_deref().unwrap_or_default())
    });
    if !table.register {
        let idle = table.registrar.is_none() && user.is_none();
        check.that(path, idle, || "registrar and register_user need register = true".into());
        return None;
    }
    check.that(&key("register"), user.is_some() || table.username.is_some(), || {
        "needs a username, or a register_user: the registrar must know whom it registers".into()
    });
    Some(Registration { registrar, user, expires })
}

fn media(table: &table::Trunk, path: &str, check: &mut Checker<'_>) -> TrunkMedia {
    let key = |name: &str| format!("{path}.{name}");
    check.that(&key("codecs"), !table.codecs.is_empty(), || "must name at least one codec".into());
    for (index, codec) in table.codecs.iter().enumerate() {
        let key = format!("{path}.codecs[{index}]");
        check.that(&key, !table.codecs[..index].contains(codec), || "is named twice".into());
        check.that(&key, *codec != AudioCodec::Opus || cfg!(feature = "opus"), || {
            "this build has no Opus: build it with `--features opus`".into()
        });
    }
    let whole = table.ptime_ms.is_multiple_of(10) && (10..=60).contains(&table.ptime_ms);
    check.that(&key("ptime_ms"), whole, || {
        format!("must be 10, 20, 30, 40, 50 or 60 ms, not {}", table.ptime_ms)
    });
    TrunkMedia {
        codecs: table.codecs.clone(),
        ptime_ms: table.ptime_ms,
        srtp: table.srtp,
        rtcp_mux: table.rtcp_mux,
        comfort_noise: table.comfort_noise,
        dtmf: table.dtmf,
    }
}

fn session(table: &table::Trunk, path: &str, check: &mut Checker<'_>) -> Option<TrunkSession> {
    let expires = format!("{path}.session_expires_seconds");
    let bounds = SESSION_MIN_SECONDS..=SECONDS_MAX;
    let min =
        check.seconds(&format!("{path}.session_min_seconds"), table.session_min_seconds, bounds.clone());
    let interval = off_or(&expires, table.session_expires_seconds, bounds, check)?;
    check.that(&expires, interval >= min, || "must not be below session_min_seconds".into());
    Some(TrunkSession { interval, min, refresher: table.session_refresher })
}

fn inbound(table: &table::Inbound, path: &str, check: &mut Checker<'_>) -> Inbound {
    credentials(table.username.as_deref(), table.password.as_ref(), path, check);
    let addresses = networks(&format!("{path}.addresses"), &table.addresses, check);
    Inbound { addresses, username: table.username.clone(), password: table.password.clone() }
}

/// They stand in a header, where a line's end would begin another one.
fn credentials(
    username: Option<&str>,
    password: Option<&Secret<String>>,
    path: &str,
    check: &mut Checker<'_>,
) {
    let paired = username.is_some() == password.is_some();
    check.that(path, paired, || "username and password go together".into());
    check.that(&format!("{path}.username"), username.is_none_or(one_line), one_line_reason);
    let password = password.map(|password| password.reveal().as_str());
    check.that(&format!("{path}.password"), password.is_none_or(one_line), one_line_reason);
}

fn optional_uri(text: Option<&str>, key: &str, check: &mut Checker<'_>) -> Option<String> {
    text.map(|text| check.or(key, uri::trunk(text), String::new()))
}

/// Zero is off.
fn off_or(key: &str, value: u64, bounds: RangeInclusive<u64>, check: &mut Checker<'_>) -> Option<Duration> {
    check.that(key, value == 0 || bounds.contains(&value), || {
        format!("must be {} to {} seconds, or 0 for none, not {value}", bounds.start(), bounds.end())
    });
    (value != 0).then(|| Duration::from_secs(value))
}

fn one_line(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

fn one_line_reason() -> String {
    "must be one line of text".into()
}

fn not_host(text: &str) -> String {
    format!("`{text}` is neither a host name nor an address")
}

#[cfg(test)]
mod tests;
