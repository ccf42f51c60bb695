//! Bots that connect to the switch: by a key or a ticket, in time or too early, one at a time, again after they were lost; who is not
//! let in, and what becomes of calls whose bot is no good.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::guest::Guest;
use crate::callees::{Callees, number};
use crate::events::Listener;
use crate::switch::{Place, Recording, Setup, Sipp, Switch, eventually, spoken_ms};

/// A switch whose agent's bot connects to it, and callees.
fn house(stream: &str) -> (Switch, Callees) {
    let place = Place::claim();
    let callees = Callees::at(&place);
    (setup(stream).at(place).start(), callees)
}

fn setup(stream: &str) -> Setup {
    let table = format!("[agent.stream]\naccept = true\ndialect = \"twilio\"\n{stream}");
    Setup::new().agent("amd = {}\nsilence_hangup_seconds = 45").agent(&table)
}

/// The call in the switch's own words.
pub fn native(switch: &Switch, call: &str) -> Value {
    switch.get(&format!("/v1/native/calls/{call}")).json
}

pub fn stream_url(record: &Value) -> Option<String> {
    record["stream_url"].as_str().map(str::to_owned)
}

/// Connects once that is possible: the switch must have seen that the one before is gone.
fn again(switch: &Switch, call: &str) -> Guest {
    eventually("a place for the bot", || match Guest::by_key(switch, call) {
        Ok(guest) => Some(guest),
        Err(status) => {
            assert_eq!(status, 409, "nothing else is in the way");
            None
        }
    })
}

#[test]
fn a_bot_that_connects_is_heard_hears_the_callee_and_hangs_up() {
    let place = Place::claim();
    let callee = Sipp::at(&place, "barge-in");
    let switch = setup("parameters = { plan = \"gold\" }").anonymous().at(place).start();
    let call =
        switch.call_with(json!({ "prompt": "Sell {name} a boat.", "dynamic_vars": { "name": "Ann" } }));
    // Most likely it is here before the callee's phone rings.
    let mut bot = Guest::by_key(&switch, &call).expect("it is awaited, or will be");
    let start = bot.until("start");
    assert_eq!(start["start"]["callSid"], json!(call));
    let told = json!({ "plan": "gold", "prompt": "Sell Ann a boat.", "name": "Ann" });
    assert_eq!(start["start"]["customParameters"], told);
    bot.say(&start["streamSid"]);
    assert_eq!(bot.until("mark")["mark"]["name"], "said");
    bot.hear(10);
    bot.leave();
    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "completed", "{end}");
    let recording = Recording::parse(&switch.get(&format!("/v1/calls/{call}/recording")).bytes);
    let spoken = spoken_ms(&recording.agent);
    assert!((980..=1_040).contains(&spoken), "{spoken} ms of a second");
    let crossings = recording.agent.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
    assert!((980..=1_020).contains(&crossings), "{crossings} crossings of 500 Hz");
    callee.succeed(1);
    assert_eq!(Guest::by_key(&switch, &call).err(), Some(409), "the call is over");
    assert_eq!(stream_url(&native(&switch, &call)), None);
}

#[test]
fn a_ticket_lets_one_bot_in_once_and_one_that_was_lost_may_come_again() {
    let (switch, _callees) = house("reconnect_seconds = 30");
    let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
    let ticket = stream_url(&native(&switch, &call)).expect("it lives, and its bot may come");
    let mut bot = Guest::by_ticket(&switch, &ticket).expect("a good ticket");
    bot.talk();
    assert_eq!(Guest::by_key(&switch, &call).err(), Some(409), "one at a time");
    assert_eq!(Guest::by_ticket(&switch, &ticket).err(), Some(401), "it was used");
    let another = stream_url(&native(&switch, &call)).expect("it lives");
    assert_ne!(ticket, another);
    assert_eq!(Guest::by_ticket(&switch, &another).err(), Some(409), "which does not use it up");
    // It drops dead in mid-word: the connection ends without a word, while two seconds wait to be heard.
    let start = json!("");
    bot.say(&start);
    bot.say(&start);
    drop(bot);

    let mut bot = again(&switch, &call);
    bot.talk();
    let lost = bot;
    drop(lost);
    let mut bot = eventually("a place for the bot", || Guest::by_ticket(&switch, &another).ok());
    assert_eq!(bot.until("start")["start"]["callSid"], json!(call));
    let hung_up = switch.client().post(&format!("/v1/calls/{call}/hangup"), &json!({}));
    assert_eq!(hung_up.status, 202);
    assert_eq!(bot.until("stop")["stop"]["callSid"], json!(call));
    assert_eq!(bot.dismissed(), Some(1000));
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "cancelled");
    assert!(
        !switch.whole_log().contains(ticket.split('=').nth(1).expect("a ticket")),
        "tickets are nobody's to read"
    );
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn an_event_says_where_the_bot_may_connect() {
    let (switch, _callees) = house("");
    let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
    let mut events = Listener::open(&switch, "/v1/native/events", Some(0));
    let rings = events.until("call.ringing");
    let url = stream_url(&rings["call"]).expect("an address");
    let mut bot = Guest::by_ticket(&switch, &url).expect("a good ticket");
    bot.talk();
    bot.leave();
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "completed");
}

#[test]
fn who_may_not_come_in_is_told_why() {
    let (switch, _callees) = house("connect_timeout_seconds = 30");
    let api = switch.client();
    let tenant = api.post("/v1/native/tenants", &json!({ "name": "stranger" })).json["id"].clone();
    let made = api.post("/v1/native/keys", &json!({ "face": "nixflex", "tenant": tenant }));
    assert_eq!(made.status, 201, "{made:?}");
    let stranger = format!("Bearer {}", made.json["key"].as_str().expect("a key"));
    let call = switch.call_with(json!({ "to_number": number(Persona::NoAnswer) }));
    let path = format!("/v1/stream/{call}");
    let ticket = stream_url(&native(&switch, &call)).expect("an address");
    let (_, query) = ticket.split_once('?').expect("a query");

    let refused = |path: &str, authorization: Option<&str>| Guest::at(&switch, path, authorization).err();
    assert_eq!(refused(&path, None), Some(401));
    assert_eq!(refused(&path, Some("Bearer nxf_demo:wrong")), Some(401));
    assert_eq!(refused(&path, Some(&stranger)), Some(404), "another tenant's call is nobody's");
    let unknown = format!("/v1/stream/CA{:032x}", 7);
    assert_eq!(refused(&unknown, Some("Bearer nxf_demo:nxfs_demo")), Some(404));
    assert_eq!(refused(&format!("{unknown}?{query}"), None), Some(401), "it is another call's");
    assert_eq!(refused(&format!("{path}?ticket=1.2.3"), None), Some(401));
    assert_eq!(refused(&format!("{path}?{}", query.replace("ticket=1", "ticket=2")), None), Some(401));

    let plain = api.get(&path);
    assert_eq!((plain.status, plain.headers["upgrade"].as_str()), (426, "websocket"), "{plain:?}");
    assert_eq!(plain.headers["sec-websocket-version"], "13");
    assert!(
        plain.json["error"]["code"] == "upgrade_required" && plain.json["detail"].is_string(),
        "{plain:?}"
    );
    for (name, value) in [
        ("sec-websocket-version", "8"),
        ("sec-websocket-key", "c2hvcnQ="),
        ("sec-websocket-key", "not base64"),
        ("upgrade", "h2c"),
        ("connection", "close"),
    ] {
        let good = [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let sent: Vec<_> = good.map(|(known, good)| (known, if known == name { value } else { good })).into();
        assert_eq!(api.get_with(&path, &sent).status, 426, "{name}: {value}");
    }
    assert!(Guest::by_key(&switch, &call).is_ok(), "nothing of that has taken its place");
}

#[test]
fn a_call_that_awaits_no_bot_takes_none() {
    let (switch, _callees) = crate::callees::ring(Setup::new().agent("silence_hangup_seconds = 45"));
    let call = switch.call_with(json!({ "to_number": number(Persona::Person), "prompt": "Hello." }));
    assert_eq!(stream_url(&native(&switch, &call)), None);
    assert_eq!(Guest::by_key(&switch, &call).err(), Some(409));
}

#[test]
fn a_bot_that_does_not_come_is_waited_for_so_long_and_no_longer() {
    let (switch, _callees) = house("connect_timeout_seconds = 1");
    let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "agent_failed", "{end}");
    let detail = native(&switch, &call)["sip"]["detail"].clone();
    assert!(detail.as_str().is_some_and(|detail| detail.contains("nobody came in time")), "{detail}");
}

/// What a bot does once it is in, the code with which it is dismissed, and how its call ends.
type Manner = (&'static str, fn(&mut Guest), Option<u16>, &'static str);

const MANNERS: [Manner; 5] = [
    ("it talks nonsense", |bot| (0..200).for_each(|_| bot.send("hello?".into())), Some(1007), "agent_failed"),
    (
        "it speaks another dialect",
        |bot| (0..200).for_each(|_| bot.send(r#"{"action":"notify","payload":{"name":"a"}}"#.into())),
        Some(1007),
        "agent_failed",
    ),
    ("it sends 10 MB", |bot| bot.send("x".repeat(10 << 20)), Some(1009), "agent_failed"),
    ("it frames nothing", |bot| bot.raw(&[0xff; 64]), Some(1002), "agent_failed"),
    // Masked, as a client's frames must be, 100 bytes long, of which ten come.
    (
        "it drops dead within a frame",
        |bot| bot.raw(&[0x81, 0x80 | 100, 1, 2, 3, 4, 5, 6, 7, 8]),
        None,
        "agent_failed",
    ),
];

#[test]
fn bots_that_are_no_good_are_sent_away_and_their_calls_end_truly() {
    let (switch, _callees) = house("connect_timeout_seconds = 2");
    for (what, acts, code, reason) in MANNERS {
        let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
        let mut bot = Guest::by_key(&switch, &call).expect("it is awaited");
        bot.until("start");
        bot.hear(1);
        acts(&mut bot);
        match code {
            Some(_) => assert_eq!(bot.dismissed(), code, "{what}"),
            None => drop(bot),
        }
        assert_eq!(switch.call_until_ended(&call)["ended_reason"], reason, "{what}");
    }
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn a_bot_that_says_nothing_is_silence() {
    let place = Place::claim();
    let _callees = Callees::at(&place);
    let table = "[agent.stream]\naccept = true\ndialect = \"twilio\"";
    let switch = Setup::new().agent("amd = {}\nsilence_hangup_seconds = 5").agent(table).at(place).start();
    let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
    let mut bot = Guest::by_key(&switch, &call).expect("it is awaited");
    bot.until("stop");
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "silence_timeout");
}
