//! TwiML behind URLs, with a callee who presses keys when it is asked to: telephone events over the wire, and what becomes of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use serde_json::json;
use trunkline_media::Capabilities;
use url::form_urlencoded::{Serializer, parse};

use super::answerer::{Answerer, Answers, Question};
use crate::faces::{ACCOUNT, OURS, TWILIO, setup};
use crate::sound::listener::{Listener, Manner};
use crate::switch::{Place, Receiver, Switch, eventually};

const TOKEN: &[u8] = b"0123456789abcdef0123456789abcdef";

fn post(switch: &Switch, path: &str, fields: &[(&str, &str)]) -> crate::switch::Reply {
    let form = Serializer::new(String::new()).extend_pairs(fields).finish();
    let headers = [("authorization", TWILIO), ("content-type", "application/x-www-form-urlencoded")];
    switch.client().post_with(path, form.into_bytes(), &headers)
}

/// As Twilio's `RequestValidator` computes it: over the URL, with its query, and the fields of the body.
fn signature(answerer: &Answerer, asked: &Question) -> String {
    let mut text = answerer.url(&asked.path);
    if !asked.query.is_empty() {
        text = format!("{text}?{}", asked.query);
    }
    let mut fields: Vec<_> = parse(&asked.bytes).into_owned().collect();
    fields.sort();
    text.extend(fields.into_iter().flat_map(|(name, value)| [name, value]));
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(TOKEN).expect("any length");
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn said(asked: &Question, name: &str) -> String {
    let said = if asked.method == "GET" { asked.query.as_bytes() } else { &asked.bytes };
    parse(said).find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[test]
fn keys_that_the_callee_presses_reach_the_gathers_action_by_the_method_it_names() {
    let answers: Answers = [
        (
            "/start",
            "<Response><Gather numDigits=\"4\" finishOnKey=\"#\" timeout=\"30\" action=\"/pin?for=ann\" method=\"GET\">\
               <Say>Please enter your pin.</Say><Pause length=\"20\"/></Gather><Say>never</Say></Response>",
        ),
        ("/pin", "<Response><Redirect>/bye</Redirect><Say>never</Say></Response>"),
        ("/bye", "<Response><Say>Thank you.</Say><Hangup/></Response>"),
    ]
    .map(|(path, document)| (path, (200, document.to_owned())))
    .into();
    let (answerer, receiver, place) = (Answerer::start(answers), Receiver::start(), Place::claim());
    let manner = Manner { capabilities: Capabilities::default(), presses: None, replies: Some("42#") };
    let _listener = Listener::at(&place, manner);
    let switch = setup(&receiver).at(place).start();
    let fields = [
        ("To", "+447386172392"),
        ("From", OURS),
        ("Url", &answerer.url("/start")),
        ("Method", "get"),
        ("MachineDetection", "Enable"),
        ("MachineDetectionTimeout", "5"),
    ];
    let placed = post(&switch, &format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json"), &fields);
    assert_eq!(placed.status, 201, "{placed:?}");
    let path =
        format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{}.json", placed.json["sid"].as_str().expect("a SID"));
    let end = eventually("the call's end", || {
        let read = switch.client().get_with(&path, &[("authorization", TWILIO)]).json;
        (!read["end_time"].is_null()).then_some(read)
    });
    assert_eq!(end["status"], json!("completed"), "{end}");
    let asked = answerer.asked();
    let order: Vec<_> = asked.iter().map(|one| (one.method.as_str(), one.path.as_str())).collect();
    assert_eq!(order, [("GET", "/start"), ("GET", "/pin"), ("POST", "/bye")]);
    assert_eq!((said(&asked[1], "Digits").as_str(), said(&asked[1], "for").as_str()), ("42", "ann"));
    for one in &asked {
        assert_eq!(said(one, "CallStatus"), "in-progress");
        assert_eq!(one.headers["x-twilio-signature"], signature(&answerer, one), "{}", one.path);
    }
    assert_eq!(switch.complaints(), [""; 0]);
}
