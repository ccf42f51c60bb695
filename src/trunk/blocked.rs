//! A call that a network, an analytics service or the callee's own filter blocked, and where to complain about it: 603+
//! "Network Blocked" (ATIS-1000099), 607 Unwanted (RFC 8197), 608 Rejected (RFC 8688). Pure; nothing is fetched or verified.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use trunkline_sip::Reason;

/// What is known of a block.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Blocked {
    /// Who decided, as ATIS-1000099 versions it: `analytics1`.
    pub by: Option<String>,
    /// A page to complain at.
    pub url: Option<String>,
    /// A number to complain to.
    pub tel: Option<String>,
    /// An address to complain to.
    pub email: Option<String>,
    /// Names the block towards whoever decided.
    pub id: Option<String>,
    /// The organisation's name (608).
    pub organisation: Option<String>,
}

/// One value, in characters; the rest is cut off.
const VALUE_MAX: usize = 256;
/// Parameters that are looked at.
const PARAMETERS_MAX: usize = 32;
/// A jCard within a URL, in bytes.
const CARD_MAX: usize = 8_192;

/// What a final response says of a block; `None` if it speaks of none. `call_info` are the values of its Call-Info headers.
pub fn of<'a>(
    status: u16,
    phrase: &str,
    reasons: &[Reason],
    call_info: impl IntoIterator<Item = &'a str>,
) -> Option<Blocked> {
    let told = reasons.iter().filter_map(|reason| reason.text.as_deref()).find_map(analytics);
    match status {
        603 if told.is_some() || phrase.trim().eq_ignore_ascii_case("Network Blocked") => {
            Some(told.unwrap_or_default())
        }
        607 => Some(told.unwrap_or_default()),
        608 => Some(call_info.into_iter().find_map(card).or(told).unwrap_or_default()),
        _ => None,
    }
}

impl Blocked {
    /// One sentence for people.
    pub fn describe(&self) -> String {
        let by = self.organisation.as_deref().or(self.by.as_deref());
        let mut text = by.map_or_else(|| "blocked by the network".into(), |by| format!("blocked by {by}"));
        if let Some(id) = &self.id {
            text.push_str(&format!(" ({id})"));
        }
        let where_to: Vec<&str> =
            [&self.url, &self.tel, &self.email].into_iter().flatten().map(String::as_str).collect();
        if !where_to.is_empty() {
            text.push_str(&format!("; complain at {}", where_to.join(", ")));
        }
        text
    }
}

/// `v=analytics1;url=https://…;tel=+1…;email=…;id=…`, in any order and any letters (ATIS-1000099 §5).
fn analytics(text: &str) -> Option<Blocked> {
    let mut blocked = Blocked::default();
    for part in text.split(';').take(PARAMETERS_MAX) {
        let Some((name, value)) = part.split_once('=') else { continue };
        let field = match name.trim().to_ascii_lowercase().as_str() {
            "v" => &mut blocked.by,
            "url" => &mut blocked.url,
            "tel" => &mut blocked.tel,
            "email" => &mut blocked.email,
            "id" => &mut blocked.id,
            _ => continue,
        };
        *field = field.take().or_else(|| clean(value));
    }
    // Without a version it is some other text with an equals sign in it.
    blocked
        .by
        .as_deref()
        .is_some_and(|by| by.to_ascii_lowercase().starts_with("analytics"))
        .then_some(blocked)
}

/// `<https://…>;purpose=jwscard`: the page, or the card itself where the URL carries it (RFC 8688 §3.2).
fn card(value: &str) -> Option<Blocked> {
    let (url, parameters) = value.trim().strip_prefix('<')?.split_once('>')?;
    let purpose = parameters.split(';').filter_map(|part| part.split_once('='));
    let is_card = |(name, value): (&str, &str)| {
        name.trim().eq_ignore_ascii_case("purpose") && value.trim().eq_ignore_ascii_case("jwscard")
    };
    if !purpose.into_iter().any(is_card) {
        return None;
    }
    match url.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("data") => Some(inline(rest).unwrap_or_default()),
        _ => Some(Blocked { url: clean(url), ..Blocked::default() }),
    }
}

/// The second part of a JWS is `{"jcard": ["vcard", [[name, parameters, type, value], …]]}` (RFC 8688 §3.2.2, RFC 7095).
fn inline(data: &str) -> Option<Blocked> {
    let (_, jws) = data.split_once(',')?;
    let claims = jws.split('.').nth(1).filter(|claims| claims.len() <= CARD_MAX)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let properties = claims.get("jcard")?.get(1)?.as_array()?;
    let mut blocked = Blocked::default();
    for property in properties.iter().take(PARAMETERS_MAX) {
        let (Some(name), Some(value)) =
            (property.get(0).and_then(Value::as_str), property.get(3).and_then(Value::as_str))
        else {
            continue;
        };
        let field = match name {
            "fn" | "org" => &mut blocked.organisation,
            "tel" => &mut blocked.tel,
            "email" => &mut blocked.email,
            "url" => &mut blocked.url,
            _ => continue,
        };
        *field = field.take().or_else(|| clean(value.strip_prefix("tel:").unwrap_or(value)));
    }
    Some(blocked)
}

/// It is shown to people and stored: one line, and not for ever.
fn clean(value: &str) -> Option<String> {
    let value = value.trim().trim_matches('"');
    let value: String = value.chars().filter(|c| !c.is_control()).take(VALUE_MAX).collect();
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(value: &str) -> Reason {
        Reason::parse(value).expect("a Reason header")
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_603_plus_says_who_blocked_and_where_to_complain() {
        let told = reason(
            "SIP;cause=603;text=\"v=analytics1;url=https://report.example/b;tel=+12155551213;email=r@example.com;id=7f\"",
        );
        let blocked = of(603, "Network Blocked", &[reason("Q.850;cause=21"), told], []).expect("blocked");
        let expected = Blocked {
            by: some("analytics1"),
            url: some("https://report.example/b"),
            tel: some("+12155551213"),
            email: some("r@example.com"),
            id: some("7f"),
            organisation: None,
        };
        assert_eq!(blocked, expected);
        assert_eq!(
            blocked.describe(),
            "blocked by analytics1 (7f); complain at https://report.example/b, +12155551213, r@example.com"
        );
    }

    #[test]
    fn the_status_the_phrase_or_the_reason_tells_a_block_from_a_refusal() {
        let analytics = || vec![reason("SIP;cause=603;text=\"V=Analytics1; URL=https://a.example/x=1\"")];
        for (status, phrase, reasons, is_blocked) in [
            (603, "Network Blocked", vec![], true),
            (603, " network blocked ", vec![], true),
            (603, "Decline", analytics(), true),
            (603, "Decline", vec![], false),
            (603, "Decline", vec![reason("SIP;text=\"a=b;url=https://a.example\"")], false),
            (607, "Unwanted", vec![], true),
            (608, "Rejected", vec![], true),
            (486, "Network Blocked", analytics(), false),
            (200, "OK", vec![], false),
        ] {
            assert_eq!(of(status, phrase, &reasons, []).is_some(), is_blocked, "{status} {phrase}");
        }
        assert_eq!(
            of(607, "Unwanted", &[], []).map(|blocked| blocked.describe()),
            some("blocked by the network")
        );
        let url = of(603, "Decline", &analytics(), []).and_then(|blocked| blocked.url);
        assert_eq!(url, some("https://a.example/x=1"));
    }

    #[test]
    fn a_608_points_at_its_card_or_carries_it() {
        let icon = "<https://a.example/icon.png>;purpose=icon";
        let page = of(608, "Rejected", &[], [icon, "<https://block.example.net/card>;purpose=jwscard"]);
        assert_eq!(page.and_then(|blocked| blocked.url), some("https://block.example.net/card"));

        let card = r#"{"iat":1,"jcard":["vcard",[["version",{},"text","4.0"],["fn",{},"text","Robocall Adjudication"],["email",{"type":"work"},"text","remediation@blocker.example.net"],["tel",{},"uri","tel:+1-555-555-1212"]]]}"#;
        let inline =
            format!("<data:application/jose,e30.{}.c2ln>;purpose=jwscard", URL_SAFE_NO_PAD.encode(card));
        let expected = Blocked {
            organisation: some("Robocall Adjudication"),
            email: some("remediation@blocker.example.net"),
            tel: some("+1-555-555-1212"),
            ..Blocked::default()
        };
        assert_eq!(of(608, "Rejected", &[], [inline.as_str()]), Some(expected));
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_network_says_is_one_short_line(
            text in "(v=analytics1|url=|tel=|;|=|\"|[\\x00-\\x7f]{0,8}|é){0,60}",
            info in "(<|>|data:|,|\\.|;purpose=jwscard|[a-zA-Z0-9_-]{0,20}){0,20}",
        ) {
            let reason = Reason { protocol: "SIP".into(), cause: None, text: Some(text) };
            for status in [603, 608] {
                if let Some(blocked) = of(status, "", std::slice::from_ref(&reason), [info.as_str()]) {
                    let line = blocked.describe();
                    assert!(line.chars().count() < 6 * (VALUE_MAX + 20));
                    assert!(!line.chars().any(char::is_control));
                }
            }
        }
    }
}
