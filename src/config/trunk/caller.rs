//! How numbers are written, who is shown, and the customer's own headers.

use super::table::{Format, Trunk};
use super::{one_line, one_line_reason};
use crate::config::checker::Checker;
use crate::model::{CallerId, Country, FromUser, IdentityHeader, NumberFormat, NumberStyle, ShownNumber};

/// Headers of the customer's own, at most.
const HEADERS_MAX: usize = 32;
/// A header's name, in bytes.
const HEADER_NAME_MAX: usize = 64;
/// A header's value as the file has it, in bytes.
const HEADER_VALUE_MAX: usize = 512;
/// A tech prefix, a national prefix, an exit code: characters at most.
const PREFIX_MAX: usize = 24;
/// What is shown of a caller, in bytes.
const DISPLAY_NAME_MAX: usize = 64;

/// Headers that the user agent writes itself, in lower case: a second one would contradict it, or be believed instead.
/// One letter alone is a compact form (RFC 3261 §7.3.3).
const OWNED: [&str; 44] = [
    "accept",
    "accept-contact",
    "allow",
    "allow-events",
    "authorization",
    "call-id",
    "contact",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "cseq",
    "date",
    "event",
    "expires",
    "from",
    "identity",
    "identity-info",
    "in-reply-to",
    "join",
    "max-forwards",
    "mime-version",
    "min-expires",
    "min-se",
    "path",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-require",
    "rack",
    "record-route",
    "refer-to",
    "referred-by",
    "replaces",
    "require",
    "route",
    "rseq",
    "session-expires",
    "supported",
    "timestamp",
    "to",
    "user-agent",
    "via",
    "www-authenticate",
];

pub fn from_user(table: &Trunk, path: &str, check: &mut Checker<'_>) -> FromUser {
    let key = format!("{path}.from_user");
    match table.from_user.as_str() {
        "number" => FromUser::Number,
        "username" => {
            check.that(&key, table.username.is_some(), || "is the username, and there is none".into());
            FromUser::Username
        }
        fixed => {
            check.that(&key, is_user(fixed), || not_user(fixed));
            FromUser::Fixed(fixed.to_owned())
        }
    }
}

pub fn number(table: &Trunk, path: &str, check: &mut Checker<'_>) -> NumberFormat {
    let country = table.country.as_deref().and_then(|text| country(text, &format!("{path}.country"), check));
    let plan = Plan::of(table, country, path, check);
    // Abroad-style and national writing are for the number that is dialled; ours stays as the world writes it.
    let calling = table.caller_format.unwrap_or(match table.number_format {
        Format::Plain => Format::Plain,
        Format::E164 | Format::International | Format::National => Format::E164,
    });
    check.that(
        &format!("{path}.prefix"),
        table.prefix.len() <= PREFIX_MAX && is_prefix(&table.prefix),
        || {
            format!(
                "`{}` must be at most {PREFIX_MAX} letters, digits, `+`, `*`, `#`, `-`, `_` or `.`",
                table.prefix
            )
        },
    );
    NumberFormat {
        called: plan.style(table.number_format, &format!("{path}.number_format"), check),
        calling: plan.style(calling, &format!("{path}.caller_format"), check),
        prefix: table.prefix.clone(),
        user_phone: table.user_phone,
    }
}

/// What national and international writing need.
struct Plan {
    calling_code: Option<String>,
    national_prefix: String,
    exit_code: String,
}

impl Plan {
    /// What is said goes before what the country's plan says.
    fn of(table: &Trunk, country: Option<Country>, path: &str, check: &mut Checker<'_>) -> Self {
        for (name, prefix) in [
            ("national_prefix", &table.national_prefix),
            ("international_prefix", &table.international_prefix),
        ] {
            let valid = prefix.as_deref().is_none_or(|text| text.len() <= PREFIX_MAX && is_prefix(text));
            check.that(&format!("{path}.{name}"), valid, || {
                format!("must be at most {PREFIX_MAX} digits, `+`, `*` or `#`")
            });
        }
        let national = || country.map_or("", Country::national_prefix).to_owned();
        let exit = || country.and_then(Country::exit_code).unwrap_or("00").to_owned();
        Self {
            calling_code: country.map(Country::calling_code),
            national_prefix: table.national_prefix.clone().unwrap_or_else(national),
            exit_code: table.international_prefix.clone().unwrap_or_else(exit),
        }
    }

    fn style(&self, format: Format, key: &str, check: &mut Checker<'_>) -> NumberStyle {
        let exit_code = self.exit_code.clone();
        match (format, &self.calling_code) {
            (Format::E164, _) => NumberStyle::E164,
            (Format::Plain, _) => NumberStyle::Plain,
            (Format::International, _) => NumberStyle::International { exit_code },
            (Format::National, Some(calling_code)) => NumberStyle::National {
                calling_code: calling_code.clone(),
                national_prefix: self.national_prefix.clone(),
                exit_code,
            },
            (Format::National, None) => {
                check.fault(key, "is national: say of which `country`, such as \"GB\"");
                NumberStyle::E164
            }
        }
    }
}

pub fn caller_id(table: &Trunk, path: &str, check: &mut Checker<'_>) -> CallerId {
    // Who withholds the number still owes it to the carrier (RFC 3325 §9.3).
    let usual = if table.privacy { vec![IdentityHeader::Pai] } else { Vec::new() };
    let headers = table.caller_id_headers.clone().unwrap_or(usual);
    for (index, header) in headers.iter().enumerate() {
        let key = format!("{path}.caller_id_headers[{index}]");
        check.that(&key, !headers[..index].contains(header), || "is named twice".into());
    }
    for (index, prefix) in table.caller_id_allow.iter().enumerate() {
        check.prefix(&format!("{path}.caller_id_allow[{index}]"), prefix);
    }
    if let Some(name) = &table.display_name {
        let valid = one_line(name) && name.len() <= DISPLAY_NAME_MAX;
        check.that(&format!("{path}.display_name"), valid, || {
            format!("must be one line of at most {DISPLAY_NAME_MAX} bytes")
        });
    }
    CallerId {
        headers,
        display_name: table.display_name.clone(),
        privacy: table.privacy,
        diversion: shown(table.diversion.as_deref(), &format!("{path}.diversion"), check),
        charge: shown(table.charge.as_deref(), &format!("{path}.charge"), check),
        allow: table.caller_id_allow.clone(),
    }
}

fn shown(text: Option<&str>, key: &str, check: &mut Checker<'_>) -> Option<ShownNumber> {
    match text? {
        "caller" => Some(ShownNumber::Caller),
        number => match number.parse() {
            Ok(number) => Some(ShownNumber::Fixed(number)),
            Err(_) => {
                check.fault(
                    key,
                    format!("`{number}` must be \"caller\" or a number such as \"+442079460000\""),
                );
                None
            }
        },
    }
}

pub fn headers(table: &Trunk, path: &str, check: &mut Checker<'_>) -> Vec<(String, String)> {
    check.that(&format!("{path}.headers"), table.headers.len() <= HEADERS_MAX, || {
        format!("has {} headers, more than {HEADERS_MAX}", table.headers.len())
    });
    let ours = caller_headers(table);
    let mut seen = Vec::new();
    for (name, value) in &table.headers {
        let key = format!("{path}.headers.{name}");
        let lower = name.to_ascii_lowercase();
        if name.len() > HEADER_NAME_MAX || !is_token(name) {
            check.fault(&key, format!("`{name}` is not a header's name (RFC 3261 §25.1)"));
        } else if name.len() == 1 {
            check.fault(&key, "one letter stands for a header of the stack's own (RFC 3261 §7.3.3)");
        } else if OWNED.contains(&lower.as_str()) {
            check.fault(&key, "is written by Trunkline itself");
        } else if ours.contains(&lower.as_str()) {
            check.fault(&key, "is written already, by another key of this trunk");
        } else if seen.contains(&lower) {
            check.fault(&key, "is named twice, in different letters");
        }
        check.that(&key, value.len() <= HEADER_VALUE_MAX, || {
            format!("is longer than {HEADER_VALUE_MAX} bytes")
        });
        check.that(&key, one_line(value.trim()) && one_line(value), one_line_reason);
        seen.push(lower);
    }
    table.headers.iter().map(|(name, value)| (name.clone(), value.trim().to_owned())).collect()
}

/// What other keys of this trunk make it write, in lower case.
fn caller_headers(table: &Trunk) -> Vec<&'static str> {
    let identity = table.caller_id_headers.iter().flatten().map(|header| match header {
        IdentityHeader::Pai => "p-asserted-identity",
        IdentityHeader::Ppi => "p-preferred-identity",
        IdentityHeader::Rpid => "remote-party-id",
    });
    let others = [
        (table.privacy, "privacy"),
        (table.privacy && table.caller_id_headers.is_none(), "p-asserted-identity"),
        (table.diversion.is_some(), "diversion"),
        (table.charge.is_some(), "p-charge-info"),
    ];
    identity.chain(others.into_iter().filter(|(on, _)| *on).map(|(_, name)| name)).collect()
}

fn country(text: &str, key: &str, check: &mut Checker<'_>) -> Option<Country> {
    let country = text.parse().ok();
    check.that(key, country.is_some(), || format!("`{text}` is not a country's two letters, such as \"GB\""));
    country
}

/// RFC 3261 §25.1, `token`.
fn is_token(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}

/// The user of a URI, as it is written without escapes (RFC 3261 §25.1).
pub fn is_user(text: &str) -> bool {
    let is_user = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(is_user)
}

pub fn not_user(text: &str) -> String {
    format!("`{text}` cannot be the user of a SIP URI (RFC 3261 §25.1)")
}

fn is_prefix(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+*#-_.".contains(&byte))
}
