//! Calls that are over are gone over by the binary: their recordings become words and the words findings, at endpoints made of
//! OpenAI's own published types, and the last event waits for that, but not for ever.

use std::process::Command;

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::bots::{BotServer, Manner};
use crate::callees::{Callees, number};
use crate::ledger;
use crate::printer::Printer;
use crate::switch::{self, Place, Receiver, Setup, Switch, eventually};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
const KEY: &str = "sk-hunter2";
/// An agent that wants all of it.
const WANTED: &str = "transcript = \"endpoint\"\n[agent.analysis]\nsuccess = \"They book a table.\"\n\
    fields = [{ name = \"people\", type = \"integer\", description = \"For how many\" },\n\
    { name = \"day\", description = \"Which day\", values = [\"monday\", \"tuesday\"] }]";

/// The endpoints' process, and what it prints.
struct Oracle {
    base: String,
    printer: Printer,
}

impl Oracle {
    /// What it does with chat completions, one by one; when they are used up, it answers.
    fn start(place: &Place, replies: &Value) -> Self {
        let printer = Printer::start(
            Command::new(format!("{FOLDER}/target/oracles/python/bin/python"))
                .arg(format!("{FOLDER}/tests/it/review/oracle.py"))
                .args([place.http().ip().to_string(), replies.to_string()]),
        );
        let port = printer.next("port");
        Self { base: format!("http://{}:{port}/v1", place.http().ip()), printer }
    }

    /// What it prints next under this key.
    fn next(&self, key: &str) -> Value {
        self.printer.next(key)
    }

    /// Everything else that it has printed under this key so far.
    fn rest(&self, key: &str) -> usize {
        self.printer.printed().filter(|line| line.get(key).is_some()).count()
    }

    /// The tables that lead to it, behind the lines that are `[webhooks]`' own.
    fn tables(&self, webhooks: &str) -> String {
        let Self { base, .. } = self;
        format!(
            "{webhooks}\n[transcription]\nurl = \"{base}/audio/transcriptions\"\nmodel = \"whisper-1\"\napi_key = \"{KEY}\"\n\
             language = \"en\"\n[analysis]\nurl = \"{base}/chat/completions\"\nmodel = \"gpt-5-mini\"\napi_key = \"{KEY}\"\n\
             timeout_seconds = 2"
        )
    }
}

/// A call that a person answers, of an agent that wants this.
struct Scene {
    switch: Switch,
    oracle: Oracle,
    receiver: Receiver,
    _callees: Callees,
}

fn scene(agent: &str, webhooks: &str, replies: Value) -> Scene {
    let place = Place::claim();
    let (callees, oracle, receiver) =
        (Callees::at(&place), Oracle::start(&place, &replies), Receiver::start());
    let setup = Setup::new().webhook(&receiver.url()).agent("amd = {}").agent(agent);
    let switch = setup.extra(&oracle.tables(webhooks)).at(place).start();
    Scene { switch, oracle, receiver, _callees: callees }
}

impl Scene {
    fn call(&self) -> String {
        let call = self.switch.call_with(json!({ "to_number": number(Persona::Person) }));
        assert_eq!(self.switch.call_until_ended(&call)["status"], "completed");
        call
    }

    fn analysis(&self, call: &str) -> Value {
        self.switch.get(&format!("/v1/native/calls/{call}")).json["analysis"].take()
    }

    fn until(&self, call: &str, status: &str) -> Value {
        eventually(&format!("an analysis that is {status}"), || {
            Some(self.analysis(call)).filter(|analysis| analysis["status"] == status)
        })
    }

    /// The one event of this call, and no other one.
    fn told(&self, call: &str) -> Value {
        eventually("the event", || self.receiver.deliveries_of(call).pop());
        let told = self.receiver.deliveries_of(call);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].json["event"], "call.completed");
        told[0].json.clone()
    }

    fn nobody_finds_the_words_or_the_key(&self) {
        let log = self.switch.whole_log();
        assert!(
            !log.contains(KEY) && !log.contains("Something loud") && !log.contains("They booked"),
            "{log}"
        );
        assert_eq!(self.switch.complaints(), [] as [String; 0]);
    }
}

const FINDINGS: [&str; 4] = ["summary", "sentiment", "successful", "extracted"];

fn findings(told: &Value) -> [Value; 4] {
    FINDINGS.map(|field| told[field].clone())
}

/// What the endpoint finds in every call.
fn expected() -> [Value; 4] {
    let fields = json!({ "people": 4, "day": "monday" });
    [json!("They booked a table."), json!("positive"), json!(true), fields]
}

const NOTHING: [Value; 4] = [const { Value::Null }; 4];

#[test]
fn a_recording_becomes_words_and_findings_and_the_event_tells_them() {
    let scene = scene(WANTED, "", json!([]));
    let call = scene.call();
    assert_eq!(scene.oracle.next("key"), format!("Bearer {KEY}"));
    for _ in ["callee", "agent"] {
        let words = scene.oracle.next("words");
        let expected = json!({ "model": "whisper-1", "language": "en", "response_format": "verbose_json",
            "timestamp_granularities": ["segment"] });
        assert_eq!(words, expected);
    }
    let asked = scene.oracle.next("chat");
    assert_eq!(asked["model"], "gpt-5-mini");
    let evidence = asked["messages"][1]["content"].as_str().expect("text");
    assert_eq!(evidence.matches("Something loud.").count(), 2, "{evidence}");
    assert!(!evidence.contains(&number(Persona::Person)[1..]), "{evidence}");

    let told = scene.told(&call);
    assert_eq!(findings(&told), expected());
    let lines = told["transcript"].as_array().expect("lines");
    let who: Vec<_> = lines.iter().map(|line| (line["role"].as_str(), line["text"].as_str())).collect();
    assert_eq!(who.len(), 2, "what was heard in silence was made up: {lines:?}");
    assert!(who.contains(&(Some("user"), Some("Something loud."))));
    assert!(who.contains(&(Some("agent"), Some("Something loud."))));
    let [first, second] = [0, 1].map(|line| lines[line]["at_ms"].as_u64().expect("milliseconds"));
    assert!(first < second && second < 20_000, "{first} {second}");

    let read = scene.switch.get(&format!("/v1/calls/{call}")).json;
    assert_eq!((findings(&read), &read["analysis_status"]), (expected(), &json!("done")));
    assert_eq!(read["transcript"], told["transcript"]);
    let native = scene.switch.get(&format!("/v1/native/calls/{call}")).json;
    assert_eq!(native["transcription"], json!({ "status": "done", "error": null }));
    assert_eq!(native["analysis"]["fields"], expected()[3]);
    for part in ["transcription", "analysis"] {
        let labels = [("part", part), ("result", "done")];
        assert_eq!(scene.switch.metrics().sum("trunkline_reviews_total", &labels), 1.0, "{part}");
    }
    scene.nobody_finds_the_words_or_the_key();
}

#[test]
fn what_a_bot_and_what_a_script_of_steps_said_becomes_words_by_the_endpoint() {
    let place = Place::claim();
    let (_callees, oracle) = (Callees::at(&place), Oracle::start(&place, &json!([])));
    let bot = BotServer::start(&place, Manner::Talks);
    let stream = format!("[agent.stream]\nurl = \"ws://{}/bot\"\ndialect = \"twilio\"", bot.address);
    let steps = "[[agent.script]]\nsay = \"Good day.\"\n[[agent.script]]\nlisten = {}\n[[agent.script]]\nhangup = true";
    let others = format!(
        "{}\n[[agent]]\nid = \"steps\"\ntranscript = \"endpoint\"\n{steps}\n\
         [[number]]\ne164 = \"+447446466848\"\ntrunks = [{{ name = \"t1\" }}]\nagent = \"steps\"\noutbound = true\n",
        oracle.tables("")
    );
    let setup = Setup::new().agent("amd = {}\ntranscript = \"endpoint\"").agent(&stream).extra(&others);
    let switch = setup.at(place).start();
    for agent in ["agent_demo", "steps"] {
        let call = switch.call_with(json!({ "to_number": number(Persona::Person), "agent_id": agent }));
        assert_eq!(switch.call_until_ended(&call)["status"], "completed");
        let path = format!("/v1/native/calls/{call}");
        let done = |shown: &Value| shown["transcription"]["status"] == "done";
        let shown = eventually("the words", || Some(switch.get(&path).json).filter(done));
        let lines = shown["transcript"].as_array().expect("lines");
        for by in ["agent", "callee"] {
            assert!(lines.iter().any(|line| line["by"] == by), "{agent}: {shown}");
        }
    }
}

#[test]
fn killed_between_the_end_and_the_analysis_the_event_comes_once_and_with_it() {
    let mut scene = scene(WANTED, "hold_seconds = 60", json!(["hang"]));
    let call = scene.call();
    scene.oracle.next("chat");
    scene.switch.kill();
    assert_eq!(scene.receiver.deliveries_of(&call).len(), 0, "it waits");
    scene.switch.restart();
    scene.oracle.next("chat");
    assert_eq!(findings(&scene.told(&call)), expected());
    assert_eq!(scene.oracle.rest("words"), 0, "words that came before are on disk");
    assert_eq!(scene.until(&call, "done")["success"], true);
    let delivered = || (ledger::row(&scene.switch, &call)["delivered"] == 1).then_some(());
    eventually("the delivery is on disk", delivered);
    scene.switch.kill();
    scene.switch.restart();
    scene.told(&call);
    assert_eq!(scene.oracle.rest("chat"), 0);
    scene.nobody_finds_the_words_or_the_key();
}

#[test]
fn an_endpoint_that_hangs_does_not_keep_the_event_and_what_comes_later_is_read() {
    let scene = scene(WANTED, "hold_seconds = 1", json!(["hang", "503"]));
    let call = scene.call();
    let told = scene.told(&call);
    assert_eq!(findings(&told), NOTHING);
    assert_eq!(scene.until(&call, "done")["summary"], expected()[0]);
    assert_eq!(findings(&scene.told(&call)), NOTHING, "nothing is told twice");
    assert_eq!(findings(&scene.switch.get(&format!("/v1/calls/{call}")).json), expected());
}

#[test]
fn what_an_endpoint_cannot_do_is_told_with_its_reason_and_the_event_goes_without() {
    let own = |url: &str| WANTED.replace("success =", &format!("url = \"{url}\"\nmodel = \"m\"\nsuccess ="));
    for (agent, replies, why) in [
        (WANTED.to_owned(), json!(["garbage", "garbage"]), "the answer is no chat completion"),
        (WANTED.to_owned(), json!(["401"]), "HTTP 401"),
        (own("http://10.0.0.1/v1/chat/completions"), json!([]), "the address is not allowed"),
    ] {
        let scene = scene(&agent, "hold_seconds = 60", replies);
        let call = scene.call();
        let told = scene.told(&call);
        assert_eq!(findings(&told), NOTHING, "{why}");
        assert_eq!(told["transcript"].as_array().map(Vec::len), Some(2), "the words are there");
        let analysis = scene.until(&call, "failed");
        assert_eq!((&analysis["error"], &analysis["summary"]), (&json!(why), &Value::Null));
        scene.nobody_finds_the_words_or_the_key();
    }
}

#[test]
fn nothing_is_sent_to_anybody_unless_the_agent_says_so() {
    let scene = scene("", "hold_seconds = 60", json!([]));
    let call = scene.call();
    let told = scene.told(&call);
    assert_eq!((findings(&told), &told["transcript"]), (NOTHING, &json!([])));
    let native = scene.switch.get(&format!("/v1/native/calls/{call}")).json;
    let none = json!({ "status": "none", "error": null });
    assert_eq!(native["transcription"], none);
    assert_eq!(scene.analysis(&call)["status"], "none");
    let silent = scene.switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    scene.switch.call_until_ended(&silent);
    assert_eq!(scene.oracle.rest("key"), 0);
}

#[test]
fn an_agent_of_the_api_brings_its_own_key_which_nobody_is_shown() {
    let mut scene = scene("", "", json!([]));
    let agent = json!({
        "name": "sarah", "amd": {}, "phone_number": switch::FROM, "trunk": "t1", "transcript": "endpoint",
        "analysis": { "api_key": "sk-tenant", "fields": [{ "name": "people", "type": "integer", "description": "d" }] },
    });
    let made = scene.switch.client().post("/v1/native/agents", &agent);
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json["analysis"]["fields"][0]["type"], "integer");
    assert_eq!(made.json["transcript"], "endpoint");
    assert!(!made.text.contains("sk-tenant"));
    scene.switch.kill();
    scene.switch.restart();
    let call = scene.switch.call_with(json!({ "agent_id": "sarah", "to_number": number(Persona::Person) }));
    scene.switch.call_until_ended(&call);
    assert_eq!(scene.until(&call, "done")["fields"], json!({ "people": 4 }));
    let keys: Vec<Value> = (0..3).map(|_| scene.oracle.next("key")).collect();
    assert_eq!(
        keys,
        [json!(format!("Bearer {KEY}")), json!(format!("Bearer {KEY}")), json!("Bearer sk-tenant")]
    );
    let refused = scene.switch.client().post("/v1/native/agents", &json!({ "name": "x", "analysis": {} }));
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.text.contains("transcript"), "{refused:?}");
}
