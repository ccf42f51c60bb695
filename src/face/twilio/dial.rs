//! TwiML's `<Dial>`: of numbers and SIP URIs, which ring at once. Whatever else it may hold is refused by name.

use std::time::Duration;

use url::Url;

use super::attribute::{number, only_post, url};
use super::xml::Element;
use crate::model::{DESTINATIONS_MAX, Destination, Dial, HEADERS_MAX, Header, PhoneNumber, RING_MAX, SipUri};

/// Twilio's own longest, in seconds.
const TIME_LIMIT_MAX: u64 = 86_400;
/// How long somebody rings when nobody says, in seconds.
const RING_SECONDS: u64 = 30;

/// Whom a `<Dial>` calls, and how.
pub fn dial(base: Option<&Url>, element: &Element) -> Result<Dial, String> {
    only_post(element)?;
    for name in ["sequential", "recordingStatusCallback"] {
        if element.attribute(name).is_some_and(|value| value != "false") {
            return Err(format!("has a <Dial> with {name}, which this switch does not do"));
        }
    }
    let (to, headers) = destinations(element)?;
    let longest = RING_MAX.as_secs();
    let seconds =
        |name: &str, usual: u64, most: u64| number(element, name, usual, 1..=most).map(Duration::from_secs);
    let talk_max = match element.attribute("timeLimit") {
        None => None,
        Some(_) => Some(seconds("timeLimit", TIME_LIMIT_MAX, TIME_LIMIT_MAX)?),
    };
    let action = element.attribute("action").filter(|action| !action.is_empty());
    Ok(Dial {
        caller: element.attribute("callerId").map(caller).transpose()?,
        ring_timeout: seconds("timeout", RING_SECONDS, longest)?,
        talk_max,
        headers,
        record: recorded(element)?,
        hangup_on_star: flag(element, "hangupOnStar")?,
        action: action.map(|action| url(base, action, "Dial")).transpose()?,
        ..Dial::new(to)
    })
}

fn destinations(element: &Element) -> Result<(Vec<Destination>, Vec<Header>), String> {
    if element.children.is_empty() {
        return Ok((vec![Destination::Number(phone(&element.words())?)], Vec::new()));
    }
    if element.children.len() > DESTINATIONS_MAX {
        return Err(format!("has a <Dial> of more than {DESTINATIONS_MAX}"));
    }
    let (mut to, mut headers) = (Vec::new(), Vec::new());
    for child in &element.children {
        if let Some(grandchild) = child.children.first() {
            return Err(format!(
                "has <{}> in a <{}>, which this switch does not do",
                grandchild.name, child.name
            ));
        }
        for name in ["url", "sendDigits", "statusCallback", "machineDetection", "username", "password"] {
            if child.attribute(name).is_some() {
                return Err(format!("has a <{}> with {name}, which this switch does not do", child.name));
            }
        }
        match child.name.as_str() {
            "Number" => to.push(Destination::Number(phone(&child.words())?)),
            "Sip" => {
                let (uri, own) = endpoint(&child.words())?;
                to.push(Destination::Uri(uri));
                headers.extend(own);
            }
            name => return Err(format!("has <{name}> in a <Dial>, which this switch does not do")),
        }
    }
    if !headers.is_empty() && to.len() > 1 {
        return Err(
            "has a <Dial> of several, of which one has headers: each must be dialled alone".to_owned()
        );
    }
    Ok((to, headers))
}

/// `sip:user@host?X-Name=value&…`
fn endpoint(text: &str) -> Result<(SipUri, Vec<Header>), String> {
    let (uri, query) = text.split_once('?').unwrap_or((text, ""));
    let uri = uri.parse().map_err(|_| "has a <Sip> of something that is no SIP URI".to_owned())?;
    let wrong = || "has a <Sip> with something else than X- headers of one short line".to_owned();
    let header = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        Header::new(&name, &value).ok_or_else(wrong)
    };
    let headers: Vec<_> =
        url::form_urlencoded::parse(query.as_bytes()).map(header).collect::<Result<_, _>>()?;
    if headers.len() > HEADERS_MAX {
        return Err(format!("has a <Sip> with more than {HEADERS_MAX} headers"));
    }
    Ok((uri, headers))
}

fn phone(text: &str) -> Result<PhoneNumber, String> {
    text.parse().map_err(|_| "has a <Dial> of something that is no E.164 number".to_owned())
}

fn caller(text: &str) -> Result<PhoneNumber, String> {
    text.parse().map_err(|_| "has a <Dial> whose callerId is no E.164 number".to_owned())
}

fn recorded(element: &Element) -> Result<bool, String> {
    match element.attribute("record") {
        None | Some("do-not-record" | "false") => Ok(false),
        // What rings is nobody's words: both begin with the answer.
        Some(
            "true"
            | "record-from-answer"
            | "record-from-answer-dual"
            | "record-from-ringing"
            | "record-from-ringing-dual",
        ) => Ok(true),
        Some(_) => Err("has a <Dial> whose record is not one of Twilio's".to_owned()),
    }
}

fn flag(element: &Element, name: &str) -> Result<bool, String> {
    match element.attribute(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(format!("has a <Dial> whose {name} is neither true nor false")),
    }
}
