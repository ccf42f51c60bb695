//! The verbs that voice bots call by themselves: place a call with TwiML, look at it, end it, hear of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use serde_json::json;
use trunkline::simulator::Persona;
use url::form_urlencoded::{Serializer, parse};

use super::{ACCOUNT, House, OURS, TWILIO, assert_idempotent};
use crate::callees::number;
use crate::switch::{Delivery, Reply, eventually};

/// A form, and what it comes to.
type Row<'a> = (&'a [(&'a str, &'a str)], u16, u32);

const FORM: &str = "application/x-www-form-urlencoded";
const SAY: &str =
    "<Response><Say>Hello from Acme.</Say><Pause length=\"1\"/><Say>Goodbye.</Say><Hangup/></Response>";

fn path() -> String {
    format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json")
}

fn form(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn post(house: &House, path: &str, fields: &[(&str, &str)]) -> Reply {
    house.send(path, TWILIO, &form(fields), &[("content-type", FORM)])
}

fn fields(delivery: &Delivery) -> Vec<(String, String)> {
    parse(&delivery.bytes).into_owned().collect()
}

fn field(delivery: &Delivery, name: &str) -> String {
    fields(delivery).into_iter().find(|(found, _)| found == name).map(|(_, value)| value).unwrap_or_default()
}

#[test]
fn a_call_with_twiml_is_placed_read_and_told_step_by_step() {
    let house = House::start();
    let (to, hook) = (number(Persona::Person), house.receiver.url());
    let reply = post(
        &house,
        &path(),
        &[
            ("To", &to),
            ("From", OURS),
            ("Twiml", SAY),
            ("StatusCallback", &hook),
            ("StatusCallbackEvent", "initiated"),
            ("StatusCallbackEvent", "ringing"),
            ("StatusCallbackEvent", "answered"),
            ("StatusCallbackEvent", "completed"),
            ("MachineDetection", "Enable"),
            ("Record", "true"),
            ("Timeout", "20"),
        ],
    );
    assert_eq!(reply.status, 201, "{reply:?}");
    let sid = reply.json["sid"].as_str().expect("a SID").to_owned();
    assert_eq!((sid.len(), &sid[..2]), (34, "CA"));
    for (name, value) in [
        ("account_sid", json!(ACCOUNT)),
        ("to", json!(to)),
        ("from", json!(OURS)),
        ("status", json!("queued")),
        ("direction", json!("outbound-api")),
        ("api_version", json!("2010-04-01")),
        ("uri", json!(format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}.json"))),
    ] {
        assert_eq!(reply.json[name], value, "{name}");
    }
    let end = house.until(&format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}.json"), TWILIO, "end_time");
    assert_eq!((&end["status"], &end["answered_by"]), (&json!("completed"), &json!("human")), "{end}");
    let told = house.told(4);
    let statuses: Vec<_> = told.iter().map(|told| field(told, "CallStatus")).collect();
    assert_eq!(statuses, ["initiated", "ringing", "in-progress", "completed"]);
    for (place, delivery) in told.iter().enumerate() {
        assert_eq!(delivery.headers["content-type"], FORM);
        assert_eq!(
            (field(delivery, "CallSid"), field(delivery, "AccountSid")),
            (sid.clone(), ACCOUNT.to_owned())
        );
        assert_eq!(field(delivery, "SequenceNumber"), place.to_string());
        assert_eq!(delivery.headers["x-twilio-signature"], signature(&hook, delivery));
    }
    assert!(!field(&told[3], "CallDuration").is_empty() && field(&told[2], "CallDuration").is_empty());
}

/// Where the document does not wait for it, who answered is told apart, while the call goes on; and so is the recording.
#[test]
fn who_answered_and_the_recording_are_told_where_they_are_asked_for() {
    let house = House::start();
    let base = house.receiver.url();
    let (amd, recording) = (format!("{base}/amd"), format!("{base}/recording"));
    for (persona, who) in [(Persona::Person, "human"), (Persona::Voicemail, "machine_end_beep")] {
        let before = house.receiver.deliveries().len();
        let reply = post(
            &house,
            &path(),
            &[
                ("To", &number(persona)),
                ("From", OURS),
                ("Twiml", "<Response><Say>Hello.</Say><Pause length=\"60\"/></Response>"),
                ("MachineDetection", "DetectMessageEnd"),
                ("AsyncAmd", "true"),
                ("AsyncAmdStatusCallback", &amd),
                ("AsyncAmdStatusCallbackMethod", "POST"),
                ("Record", "true"),
                ("RecordingStatusCallback", &recording),
                ("RecordingStatusCallbackEvent", "in-progress completed absent"),
            ],
        );
        assert_eq!(reply.status, 201, "{reply:?}");
        let sid = reply.json["sid"].as_str().expect("a SID").to_owned();
        let one = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}.json");
        let told = eventually("who answered", || {
            house.receiver.deliveries().into_iter().skip(before).find(|told| told.path.ends_with("/amd"))
        });
        assert_eq!(field(&told, "AnsweredBy"), who);
        assert_eq!((field(&told, "CallSid"), field(&told, "AccountSid")), (sid.clone(), ACCOUNT.to_owned()));
        let took: u32 = field(&told, "MachineDetectionDuration").parse().expect("milliseconds");
        assert!((200..30_000).contains(&took), "{took} ms");
        assert_eq!(told.headers["x-twilio-signature"], signature(&amd, &told));
        assert_eq!(house.get(&one, TWILIO).json["status"], "in-progress", "it is told while the call lives");
        post(&house, &one, &[("Status", "completed")]);
        house.until(&one, TWILIO, "end_time");
        let all = house.told(before + 3);
        let words: Vec<_> = all[before..]
            .iter()
            .map(|told| field(told, "RecordingStatus"))
            .filter(|word| !word.is_empty())
            .collect();
        assert_eq!(words, ["in-progress", "completed"]);
        let saved = all.iter().rfind(|told| field(told, "RecordingStatus") == "completed").expect("told");
        assert_eq!(field(saved, "RecordingSid"), format!("RE{}", &sid[2..]));
        assert!(!field(saved, "RecordingDuration").is_empty() && saved.path.ends_with("/recording"));
    }
}

#[test]
fn a_recording_is_found_by_its_call_read_heard_and_removed() {
    let house = House::start();
    let to = number(Persona::Person);
    let reply = post(&house, &path(), &[("To", &to), ("From", OURS), ("Twiml", SAY), ("Record", "true")]);
    assert_eq!(reply.status, 201, "{reply:?}");
    let sid = reply.json["sid"].as_str().expect("a SID").to_owned();
    let list = reply.json["subresource_uris"]["recordings"].as_str().expect("a path").to_owned();
    assert_eq!(house.get(&list, TWILIO).json, json!({ "recordings": [] }), "it is made yet");
    house.until(&format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}.json"), TWILIO, "end_time");
    let one = eventually("the recording is on disk", || {
        let page = house.get(&list, TWILIO);
        assert_eq!(page.status, 200, "{page:?}");
        Some(page.json["recordings"][0].clone()).filter(|one| one.is_object())
    });
    let recording = format!("/2010-04-01/Accounts/{ACCOUNT}/Recordings/RE{}", &sid[2..]);
    for (name, value) in [
        ("call_sid", json!(sid)),
        ("account_sid", json!(ACCOUNT)),
        ("status", json!("completed")),
        ("channels", json!(2)),
        ("media_url", json!(recording)),
        ("uri", json!(format!("{recording}.json"))),
    ] {
        assert_eq!(one[name], value, "{name}");
    }
    let read = house.get(one["uri"].as_str().expect("a path"), TWILIO);
    assert_eq!((read.status, read.json), (200, one.clone()));
    for path in [recording.clone(), format!("{recording}.wav")] {
        let audio = house.get(&path, TWILIO);
        let kind = audio.headers["content-type"].as_str();
        assert_eq!((audio.status, kind, &audio.bytes[..4]), (200, "audio/wav", &b"RIFF"[..]), "{path}");
    }
    assert_eq!(house.get(&format!("{recording}.mp3"), TWILIO).json["code"], 20404);
    let removal =
        || house.switch.client().any("DELETE", &recording, Vec::new(), &[("authorization", TWILIO)]).status;
    assert_eq!((removal(), removal()), (204, 404));
    assert_eq!(house.get(&list, TWILIO).json, json!({ "recordings": [] }), "it is gone");
}

/// As Twilio's `RequestValidator` computes it.
fn signature(url: &str, delivery: &Delivery) -> String {
    let mut fields = fields(delivery);
    fields.sort();
    let text: String = fields.into_iter().flat_map(|(name, value)| [name, value]).collect();
    let mut mac =
        hmac::Hmac::<sha1::Sha1>::new_from_slice(b"0123456789abcdef0123456789abcdef").expect("any length");
    mac.update(url.as_bytes());
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[test]
fn a_call_is_ended_by_its_status_and_only_while_it_lives() {
    let house = House::start();
    for (status, end) in [("completed", "canceled"), ("canceled", "canceled")] {
        let to = number(Persona::NoAnswer);
        let reply = post(&house, &path(), &[("To", &to), ("From", OURS), ("Twiml", SAY)]);
        assert_eq!(reply.status, 201, "{reply:?}");
        let one = format!(
            "/2010-04-01/Accounts/{ACCOUNT}/Calls/{}.json",
            reply.json["sid"].as_str().expect("a SID")
        );
        let reply = post(&house, &one, &[("Status", "on-hold")]);
        assert_eq!((reply.status, &reply.json["code"]), (400, &json!(20001)));
        let reply = post(&house, &one, &[("Status", status)]);
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(house.until(&one, TWILIO, "end_time")["status"], end);
        let over = post(&house, &one, &[("Status", status)]);
        assert_eq!((over.status, &over.json["code"]), (404, &json!(20404)), "{over:?}");
        let elsewhere = post(&house, &one, &[("Twiml", SAY)]);
        assert_eq!((elsewhere.status, &elsewhere.json["code"]), (400, &json!(21220)), "{elsewhere:?}");
    }
    let gone = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/CA{:032x}.json", 7);
    assert_eq!(post(&house, &gone, &[("Status", "completed")]).status, 404);
}

#[test]
fn each_failure_has_its_code_and_the_first_one_wins() {
    let house = House::start();
    let to = number(Persona::Person);
    let record = "<Response><Record/></Response>";
    let rows: &[Row<'_>] = &[
        (&[("From", OURS), ("Twiml", SAY)], 400, 21201),
        (&[("To", &to), ("Twiml", SAY)], 400, 21213),
        (&[("To", "12"), ("From", "12"), ("Twiml", SAY)], 400, 21211),
        (&[("To", &to), ("From", "12"), ("Twiml", SAY)], 400, 21212),
        (&[("To", &to), ("From", OURS)], 400, 21205),
        (&[("To", &to), ("From", OURS), ("Url", "ftp://a.example/twiml")], 400, 20001),
        (&[("To", &to), ("From", OURS), ("Url", "https://a.example"), ("Method", "PUT")], 400, 20001),
        (&[("To", &to), ("From", OURS), ("Twiml", SAY), ("AsyncAmd", "maybe")], 400, 20001),
        (&[("To", &to), ("From", OURS), ("Twiml", SAY), ("AsyncAmdStatusCallback", "a")], 400, 20001),
        (&[("To", &to), ("From", OURS), ("Twiml", record)], 400, 20001),
        (&[("To", &to), ("From", OURS), ("Twiml", "<Response>")], 400, 20001),
        (&[("To", &to), ("From", OURS), ("Twiml", SAY), ("Record", "perhaps")], 400, 20001),
        (&[("To", &to), ("From", OURS), ("Twiml", SAY), ("Timeout", "0")], 400, 20001),
        (&[("To", &to), ("From", OURS), ("Twiml", SAY), ("MachineDetection", "Maybe")], 400, 20001),
        (&[("To", &to), ("From", OURS), ("Twiml", SAY), ("MachineDetectionTimeout", "2")], 400, 20001),
        (&[("To", &to), ("From", OURS), ("Twiml", SAY), ("MachineDetectionTimeout", "60")], 400, 20001),
        (
            &[("To", &to), ("From", OURS), ("Twiml", SAY), ("MachineDetectionSpeechThreshold", "999")],
            400,
            20001,
        ),
        (
            &[("To", &to), ("From", OURS), ("Twiml", SAY), ("MachineDetectionSpeechEndThreshold", "5001")],
            400,
            20001,
        ),
        (
            &[("To", &to), ("From", OURS), ("Twiml", SAY), ("MachineDetectionSilenceTimeout", "1e3")],
            400,
            20001,
        ),
        (&[("To", &to), ("From", OURS), ("Twiml", SAY), ("StatusCallback", "ftp://a")], 400, 20001),
        (
            &[
                ("To", &to),
                ("From", OURS),
                ("Twiml", SAY),
                ("StatusCallback", "http://a"),
                ("StatusCallbackEvent", "x"),
            ],
            400,
            20001,
        ),
        (&[("To", &to), ("From", "+15559999999"), ("Twiml", SAY)], 400, 21210),
        (&[("To", &to), ("From", "+15550000002"), ("Twiml", SAY)], 400, 21210),
        (&[("To", "+8821234567"), ("From", OURS), ("Twiml", SAY)], 400, 21215),
        (&[("To", &to), ("From", "+15550000005"), ("Twiml", SAY)], 502, 20502),
    ];
    for (fields, status, code) in rows {
        let reply = post(&house, &path(), fields);
        assert_eq!((reply.status, &reply.json["code"]), (*status, &json!(code)), "{fields:?}: {reply:?}");
        assert_eq!(reply.json["status"], *status);
        assert!(reply.json["message"].is_string() && reply.json["more_info"].is_string());
    }
    // Another account's path is nobody's of this key.
    let other = "/2010-04-01/Accounts/AC00000000000000000000000000000000/Calls.json";
    assert_eq!(post(&house, other, &[("To", &to)]).status, 401);
    let large = form(&[("To", &"x".repeat(2 << 20))]);
    let reply = house.send(&path(), TWILIO, &large, &[("content-type", FORM)]);
    assert_eq!((reply.status, &reply.json["code"]), (413, &json!(20413)), "{reply:?}");
    assert_eq!((house.started(), house.callees.rung()), (0.0, 0));
    let body = form(&[("To", &to), ("From", OURS), ("Twiml", SAY)]);
    let other = form(&[("To", &to), ("From", OURS), ("Twiml", "<Response><Say>a</Say></Response>")]);
    assert_idempotent(&house, &path(), TWILIO, &body, &other, FORM);
}
