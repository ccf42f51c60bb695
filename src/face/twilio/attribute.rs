//! What a TwiML verb says besides its words, read by each verb's own bounds; what cannot be is told in one clause.

use url::Url;

use super::xml::Element;
use crate::model::URL_BYTES_MAX;

/// A URL, which may be relative to where the document came from.
pub(super) fn url(base: Option<&Url>, text: &str, verb: &str) -> Result<String, String> {
    let joined = match base {
        Some(base) => base.join(text),
        None => Url::parse(text),
    };
    let usable = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let url = joined.ok().filter(usable).filter(|url| url.as_str().len() <= URL_BYTES_MAX);
    url.map(String::from).ok_or_else(|| format!("has a <{verb}> without a usable URL"))
}

/// Refuses a verb that wants its requests otherwise than by POST.
pub(super) fn only_post(element: &Element) -> Result<(), String> {
    match element.attribute("method") {
        Some(method) if !method.eq_ignore_ascii_case("POST") => {
            Err(format!("has a <{}> whose method is not POST", element.name))
        }
        _ => Ok(()),
    }
}

/// A number within its bounds; the usual one if none is given.
pub(super) fn number(
    element: &Element,
    name: &str,
    usual: u64,
    bounds: std::ops::RangeInclusive<u64>,
) -> Result<u64, String> {
    let Some(text) = element.attribute(name) else { return Ok(usual) };
    let value = text.parse().ok().filter(|value| bounds.contains(value));
    let (first, last) = (bounds.start(), bounds.end());
    value.ok_or_else(|| format!("has a <{}> whose {name} is not {first} to {last}", element.name))
}
