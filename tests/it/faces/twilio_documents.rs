//! What a call does is fetched as TwiML once somebody answered, from whoever asked for it; and Twilio's own library, as a client.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use serde_json::{Value, json};
use trunkline::simulator::Persona;
use url::form_urlencoded::{Serializer, parse};

use super::{ACCOUNT, House, OURS, TWILIO};
use crate::bots::{self, BotServer};
use crate::callees::number;
use crate::switch::{Delivery, Manner, Place, Receiver, Reply, eventually};

const FORM: &str = "application/x-www-form-urlencoded";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn post(house: &House, path: &str, fields: &[(&str, &str)]) -> Reply {
    let form = Serializer::new(String::new()).extend_pairs(fields).finish();
    house.send(path, TWILIO, &form, &[("content-type", FORM)])
}

/// A call whose document is at this URL; its path.
fn place(house: &House, persona: Persona, url: &str) -> String {
    place_with(house, persona, url, &[])
}

/// The same, with more in the form.
fn place_with(house: &House, persona: Persona, url: &str, more: &[(&str, &str)]) -> String {
    let calls = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let to = number(persona);
    let reply = post(house, &calls, &[&[("To", to.as_str()), ("From", OURS), ("Url", url)], more].concat());
    assert_eq!(reply.status, 201, "{reply:?}");
    format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{}.json", reply.json["sid"].as_str().expect("a SID"))
}

fn ended(house: &House, path: &str) -> Value {
    house.until(path, TWILIO, "end_time")
}

fn field(delivery: &Delivery, name: &str) -> String {
    let found = parse(&delivery.bytes).find(|(known, _)| known == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// As Twilio's `RequestValidator` computes it.
fn signature(url: &str, delivery: &Delivery) -> String {
    let mut fields: Vec<_> = parse(&delivery.bytes).collect();
    fields.sort();
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(TOKEN.as_bytes()).expect("any length");
    mac.update(url.as_bytes());
    for (name, value) in fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[test]
fn the_document_is_fetched_once_somebody_answered_and_done() {
    let (house, bot) = (House::start(), Receiver::start());
    bot.set(Manner::Say(200, "<Response><Say>Hello.</Say><Pause/><Hangup/></Response>"));
    let busy = ended(&house, &place(&house, Persona::Busy, &bot.url()));
    assert_eq!(
        (&busy["status"], bot.deliveries().len()),
        (&json!("busy"), 0),
        "nobody answered: nobody is asked"
    );
    let path = place(&house, Persona::Person, &bot.url());
    let end = ended(&house, &path);
    assert_eq!(end["status"], "completed", "{end}");
    let asked = bot.deliveries();
    assert_eq!(asked.len(), 1, "{asked:?}");
    for (name, value) in [
        ("CallSid", end["sid"].as_str().expect("a SID")),
        ("AccountSid", ACCOUNT),
        ("From", OURS),
        ("To", &number(Persona::Person)),
        ("CallStatus", "in-progress"),
        ("Direction", "outbound-api"),
        ("ApiVersion", "2010-04-01"),
    ] {
        assert_eq!(field(&asked[0], name), value, "{name}");
    }
    assert_eq!(asked[0].headers["content-type"], FORM);
    assert_eq!(asked[0].headers["x-twilio-signature"], signature(&bot.url(), &asked[0]));
}

#[test]
fn a_document_may_wait_for_the_end_of_a_machines_greeting() {
    let (house, bot) = (House::start(), Receiver::start());
    bot.set(Manner::Say(200, "<Response><Say>Please call back.</Say><Hangup/></Response>"));
    for (persona, who) in [(Persona::Voicemail, "machine_end_beep"), (Persona::Person, "human")] {
        let path = place_with(&house, persona, &bot.url(), &[("MachineDetection", "DetectMessageEnd")]);
        let end = ended(&house, &path);
        assert_eq!((&end["status"], &end["answered_by"]), (&json!("completed"), &json!(who)), "{end}");
        let asked = bot.deliveries();
        assert_eq!(field(asked.last().expect("it was asked"), "AnsweredBy"), who);
    }
}

#[test]
fn a_document_with_every_verb_of_ours_is_done_to_its_end() {
    let (house, bot) = (House::start(), Receiver::start());
    // Nobody presses a key: what follows the gathering is done.
    bot.set(Manner::Say(
        200,
        "<Response><Gather numDigits=\"1\" timeout=\"1\"><Say>Press one.</Say></Gather><Play digits=\"12\"/><Say>Bye.</Say></Response>",
    ));
    let end = ended(&house, &place(&house, Persona::Silent, &bot.url()));
    assert_eq!(end["status"], "completed", "{end}");
    assert_eq!(bot.deliveries().len(), 1, "no digits, no question");
}

/// The signature that Twilio's `RequestValidator` computes for a handshake: over the URL alone.
#[test]
fn a_document_hands_the_call_to_a_bot_whose_handshake_is_signed() {
    let house = House::start();
    let bot = BotServer::start(&house.switch.place, bots::Manner::Talks);
    let url = format!("ws://{}/bot?lead=7", bot.address);
    let text = format!(
        "<Response><Connect><Stream url=\"{url}\"><Parameter name=\"plan\" value=\"gold\"/></Stream></Connect></Response>"
    );
    let calls = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let to = number(Persona::Person);
    let reply = post(&house, &calls, &[("To", &to), ("From", OURS), ("Twiml", &text)]);
    assert_eq!(reply.status, 201, "{reply:?}");
    let start = bot.next();
    assert_eq!(start["start"]["callSid"], reply.json["sid"]);
    assert_eq!(start["start"]["accountSid"], ACCOUNT);
    assert_eq!(start["start"]["customParameters"], json!({ "plan": "gold" }));
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(TOKEN.as_bytes()).expect("any length");
    mac.update(url.as_bytes());
    assert_eq!(bot.signature(), STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(bot.next()["mark"]["name"], "said");
    assert_eq!(bot.next()["event"], "heard");
    let sid = reply.json["sid"].as_str().expect("a SID");
    let end = ended(&house, &format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}.json"));
    assert_eq!(end["status"], "completed", "the bot has hung up: {end}");
}

#[test]
fn when_a_bot_has_done_its_program_says_what_follows() {
    let (house, program) = (House::start(), Receiver::start());
    program.set(Manner::Say(200, "<Response><Say>Somebody will call you back.</Say></Response>"));
    let bot = BotServer::start(&house.switch.place, bots::Manner::Talks);
    let text = format!(
        "<Response><Connect action=\"{}\"><Stream url=\"ws://{}/bot\"/></Connect><Say>Never.</Say></Response>",
        program.url(),
        bot.address
    );
    let calls = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let reply = post(&house, &calls, &[("To", &number(Persona::Person)), ("From", OURS), ("Twiml", &text)]);
    assert_eq!(reply.status, 201, "{reply:?}");
    let sid = reply.json["sid"].as_str().expect("a SID");
    let end = ended(&house, &format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}.json"));
    assert_eq!(end["status"], "completed", "{end}");
    let asked = program.deliveries();
    assert_eq!(asked.len(), 1, "once, when the bot had hung up");
    let asked = String::from_utf8_lossy(&asked[0].bytes);
    assert!(asked.contains(&format!("CallSid={sid}")) && asked.contains("CallStatus=in-progress"), "{asked}");
}

#[test]
fn a_live_call_is_sent_to_another_document() {
    let (house, bot, other) = (House::start(), Receiver::start(), Receiver::start());
    bot.set(Manner::Say(200, "<Response><Pause length=\"500\"/></Response>"));
    other.set(Manner::Say(200, "<Response><Hangup/></Response>"));
    let path = place(&house, Persona::Silent, &bot.url());
    let refused = post(&house, &path, &[("Url", "ftp://a")]);
    assert_eq!((refused.status, &refused.json["code"]), (400, &json!(20001)), "{refused:?}");
    bot.await_deliveries(1);
    let reply = eventually("the call talks", || {
        Some(post(&house, &path, &[("Url", &other.url())])).filter(|reply| reply.status == 200)
    });
    assert_eq!(reply.json["status"], "in-progress", "{reply:?}");
    let end = ended(&house, &path);
    assert_eq!((&end["status"], other.deliveries().len()), (&json!("completed"), 1), "{end}");
}

#[test]
fn a_live_call_goes_on_with_a_document_that_is_sent() {
    let (house, bot) = (House::start(), Receiver::start());
    bot.set(Manner::Say(200, "<Response><Pause length=\"500\"/></Response>"));
    let path = place(&house, Persona::Silent, &bot.url());
    let refused = post(&house, &path, &[("Twiml", "<Response><Sing/></Response>")]);
    assert_eq!((refused.status, &refused.json["code"]), (400, &json!(20001)), "{refused:?}");
    bot.await_deliveries(1);
    let document = "<Response><Say>Something came up.</Say><Say>Goodbye.</Say></Response>";
    let reply = eventually("the call talks", || {
        // Beside a document the URL is not looked at.
        Some(post(&house, &path, &[("Twiml", document), ("Url", &bot.url())]))
            .filter(|reply| reply.status == 200)
    });
    assert_eq!(reply.json["status"], "in-progress", "{reply:?}");
    let end = ended(&house, &path);
    assert_eq!((&end["status"], bot.deliveries().len()), (&json!("completed"), 1), "{end}");
}

/// What bots that were written for Twilio do to pass a call on: they change it while it is theirs.
#[test]
fn a_call_that_a_bot_has_is_sent_elsewhere_and_the_bot_is_told_to_stop() {
    let house = House::start();
    let first = BotServer::start(&house.switch.place, bots::Manner::Listens);
    let second = BotServer::start(&house.switch.place, bots::Manner::Leaves(1000));
    let hands_to = |bot: &BotServer| format!("<Connect><Stream url=\"ws://{}/bot\"/></Connect>", bot.address);
    let text = format!("<Response>{}<Say>Never.</Say></Response>", hands_to(&first));
    let calls = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let to = number(Persona::Silent);
    let reply = post(&house, &calls, &[("To", &to), ("From", OURS), ("Twiml", &text)]);
    assert_eq!(reply.status, 201, "{reply:?}");
    let path =
        format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{}.json", reply.json["sid"].as_str().expect("a SID"));
    assert_eq!(first.next()["event"], "start");
    assert_eq!(first.next()["mark"]["name"], "said");
    let text = format!("<Response><Say>One moment.</Say>{}<Say>Goodbye.</Say></Response>", hands_to(&second));
    let changed = post(&house, &path, &[("Twiml", &text)]);
    assert_eq!((changed.status, &changed.json["status"]), (200, &json!("in-progress")), "{changed:?}");
    assert_eq!(first.next()["event"], "stop");
    assert_eq!(first.next()["event"], "gone", "its connection is closed");
    assert_eq!(second.next()["start"]["callSid"], reply.json["sid"]);
    let end = ended(&house, &path);
    assert_eq!(end["status"], "completed", "{end}");
}

/// The same of a call that another key asked for, whose agent is a bot: its document is asked for, and signed for, as the key does
/// that sent it there.
#[test]
fn a_call_of_an_agents_bot_is_sent_elsewhere_too() {
    let (place, document) = (Place::claim(), Receiver::start());
    let bot = BotServer::start(&place, bots::Manner::Listens);
    let stream = format!("stream = {{ url = \"ws://{}/bot\", dialect = \"twilio\" }}", bot.address);
    let house = House::with(|setup, _| setup.agent(&stream));
    document.set(Manner::Say(200, "<Response><Say>Goodbye.</Say></Response>"));
    let call = house.switch.call_with(json!({ "to_number": number(Persona::Silent) }));
    assert_eq!(bot.next()["event"], "start");
    assert_eq!(bot.next()["mark"]["name"], "said");
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{call}.json");
    let changed = post(&house, &path, &[("Url", &document.url())]);
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(bot.next()["event"], "stop");
    let asked = document.await_deliveries(1);
    assert_eq!((field(&asked[0], "CallSid"), field(&asked[0], "AccountSid")), (call, ACCOUNT.to_owned()));
    assert_eq!(asked[0].headers["x-twilio-signature"], signature(&document.url(), &asked[0]));
    let end = ended(&house, &path);
    assert_eq!(end["status"], "completed", "{end}");
}

/// A bot that is not there talks to nobody, and half a document is none: the call says that it failed, and why.
#[test]
fn what_cannot_be_done_fails_the_call_and_says_why() {
    let (house, bot) = (House::start(), Receiver::start());
    for (manner, why) in [
        (
            Manner::Say(200, "<Response><Connect><Stream url=\"wss://a.example\"/></Connect></Response>"),
            "the bot cannot be reached",
        ),
        (Manner::Say(200, "<Response><Record/></Response>"), "<Record>"),
        (Manner::Say(200, "never mind"), "TwiML"),
        (Manner::Answer(500), "HTTP 500"),
    ] {
        bot.set(manner);
        let path = place(&house, Persona::Person, &bot.url());
        let end = ended(&house, &path);
        assert_eq!(end["status"], "failed", "{end}");
        let sid = end["sid"].as_str().expect("a SID");
        // The number's agent is that of a key whose face shows the switch's own record.
        let own = house.get(&format!("/v1/calls/{sid}"), super::VOICEFLOW).json;
        assert!(own["detail"].as_str().is_some_and(|detail| detail.contains(why)), "{why}: {own}");
    }
}

/// Installs the library once, at the version that `requirements.txt` pins.
fn library() -> PathBuf {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let wanted = std::fs::read_to_string(clients.join("requirements.txt")).expect("a file of the repository");
    let version = wanted.trim().strip_prefix("twilio==").expect("one library, pinned");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients");
    let (packages, ready) = (folder.join("python"), folder.join(format!("ready-{version}")));
    if !ready.exists() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "-q", "--disable-pip-version-check", "--upgrade", "--target"]);
        let done = pip.arg(&packages).arg("-r").arg(clients.join("requirements.txt")).status();
        assert!(done.expect("python3 is installed").success(), "pip installs {wanted}");
        std::fs::write(ready, "").expect("written");
    }
    packages
}

#[test]
fn twilios_own_library_places_watches_and_ends_calls() {
    let house = House::start();
    let base = format!("http://{}", house.switch.place.http());
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", library()).env("NO_PROXY", "*");
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/twilio_client.py"));
    let (rings, answers) = (number(Persona::NoAnswer), number(Persona::Person));
    let output = python
        .args([&base, ACCOUNT, TOKEN, OURS, &rings, &answers, &house.receiver.url()])
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let created = told["created"].as_array().expect("a list");
    assert!(created[0].as_str().is_some_and(|sid| sid.starts_with("CA") && sid.len() == 34), "{told}");
    assert_eq!(created[1..], [json!("queued"), json!("outbound-api"), json!(rings), json!(OURS)]);
    assert_eq!((&told["ended"], &told["canceled"]), (&json!([true]), &json!("canceled")));
    assert_eq!(told["completed"], json!(["completed", "human", true, true]));
    assert_eq!(
        (&told["recorded"], &told["removed"]),
        (&json!([true, "completed", 2, 200]), &json!([true, []]))
    );
    let told_apart: Vec<_> = house
        .told(4)
        .iter()
        .filter(|told| !field(told, "MachineDetectionDuration").is_empty())
        .map(|told| field(told, "AnsweredBy"))
        .collect();
    assert_eq!(told_apart, ["human"]);
    assert_eq!((&told["refused"], &told["missing"]), (&json!([400, 21210]), &json!([404, 20404])));
}
