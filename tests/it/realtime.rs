//! Realtime models over the binary: a server made of the providers' own published types hears the callee and is heard, is told
//! what it needs to know, and has its tools used.

use std::process::Command;

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::callees::{Callees, number};
use crate::printer::Printer;
use crate::switch::{self, Manner, Place, Recording, Setup, Sipp, Switch, spoken_ms};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
const KEY: &str = "sk-hunter2";
/// Where the callee may be put through to.
const DESK: &str = "+15550100";

/// The providers' process, and what it prints.
struct Oracle {
    port: u64,
    printer: Printer,
}

impl Oracle {
    fn start(place: &Place) -> Self {
        let printer = Printer::start(
            Command::new(format!("{FOLDER}/target/oracles/python/bin/python"))
                .arg(format!("{FOLDER}/tests/it/realtime/oracle.py"))
                .arg(place.http().ip().to_string())
                .arg(format!("{FOLDER}/src/simulator/audio/agent-goodbye.wav")),
        );
        let port = printer.next("port").as_u64().expect("its port");
        Self { port, printer }
    }

    /// What it prints next under this key.
    fn next(&self, key: &str) -> Value {
        self.printer.next(key)
    }

    /// `[agent.model]`, as far as it is the same for all.
    fn table(&self, place: &Place, provider: &str, path: &str, more: &str) -> String {
        format!(
            "[agent.model]\nprovider = \"{provider}\"\nmodel = \"the-model\"\nurl = \"ws://{}:{}{path}\"\n\
             api_key = \"{KEY}\"\nvoice = \"a-voice\"\nprompt = \"You are Sarah.\"\n{more}",
            place.http().ip(),
            self.port
        )
    }
}

/// A model of this provider that is allowed everything, and a callee who talks with it. Gives the session as the provider saw it.
fn talks(provider: &str, path: &str, key: &str) -> Value {
    let place = Place::claim();
    let (callees, oracle, desk) = (Callees::at(&place), Oracle::start(&place), switch::Receiver::start());
    desk.set(Manner::Say(200, r#"{"table":4}"#));
    let tools = format!(
        "[agent.model.tools]\nsend_dtmf = true\ntransfer = [\"{DESK}\"]\n[[agent.model.tools.webhooks]]\nname = \"book\"\n\
         description = \"Books a table\"\nurl = \"{}\"\nparameters = {{ type = \"object\", properties = {{ people = {{ type = \"integer\" }} }} }}",
        desk.url()
    );
    let table = oracle.table(&place, provider, path, &tools);
    let setup = Setup::new().webhook(&desk.url()).agent("amd = {}\ntranscript = true");
    let switch = setup.agent(&table).at(place).start();
    let prompt = format!(
        "Sell {{name}} a boat.\ntool send_dtmf {{\"digits\":\"12#\"}}\ntool book {{\"people\":2}}\ntool transfer \
         {{\"to\":\"{DESK}\"}}\ntool end_call {{}}"
    );
    let call = switch.call_with(json!({
        "to_number": number(Persona::Person), "prompt": prompt, "dynamic_vars": { "name": "Ann" }
    }));
    assert_eq!(oracle.next("key"), key);
    let session = oracle.next("session");
    assert!(oracle.next("heard").as_u64() >= Some(10));
    assert_eq!(oracle.next("result"), r#"{"ok":true}"#, "the keys");
    assert_eq!(oracle.next("result"), r#"{"table":4}"#, "the webhook");
    let transferred = oracle.next("result").to_string();
    assert!(transferred.contains("the transfer came to nothing"), "{transferred}");

    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "completed", "{end}");
    assert_eq!(callees.keys(), "12#");
    let booked = &desk.deliveries()[0];
    assert_eq!((&booked.json["tool"], &booked.json["arguments"]), (&json!("book"), &json!({ "people": 2 })));
    assert_eq!(booked.json["call_id"], json!(call));
    assert!(booked.headers.contains_key("x-nixflex-signature"), "{:?}", booked.headers);

    let said = end["transcript"].as_array().expect("a transcript");
    let said: Vec<_> = said.iter().map(|line| (line["role"].as_str(), line["text"].as_str())).collect();
    let expected = [(Some("agent"), Some("Good day, this is Sarah.")), (Some("user"), Some("Who is there?"))];
    assert_eq!(said, expected);
    let told = &desk.await_deliveries(2)[1].json;
    assert_eq!((&told["event"], &told["transcript"]), (&json!("call.completed"), &end["transcript"]));
    a_second_of_the_tone(&switch, &call);
    nobody_finds_the_key(&switch);
    session
}

fn a_second_of_the_tone(switch: &Switch, call: &str) {
    let recording = Recording::parse(&switch.get(&format!("/v1/calls/{call}/recording")).bytes);
    let spoken = spoken_ms(&recording.agent);
    assert!(spoken > 1_500, "{spoken} ms of a second of tone, and of words");
    let begun = recording.agent.iter().position(|sample| sample.unsigned_abs() > 1_000).expect("a tone");
    let tone = &recording.agent[begun..begun + 7_200];
    let crossings = tone.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
    assert!((880..=920).contains(&crossings), "{crossings} crossings of 500 Hz in 0.9 s");
}

fn nobody_finds_the_key(switch: &Switch) {
    assert!(!switch.whole_log().contains(KEY));
    assert_eq!(switch.complaints(), [] as [String; 0]);
}

#[test]
fn an_openai_model_hears_and_is_heard_and_has_its_tools_used() {
    let session = talks("openai", "/v1/realtime", &format!("Bearer {KEY}"));
    let instructions = session["instructions"].as_str().expect("text");
    assert!(instructions.starts_with("You are Sarah.\n\nSell Ann a boat.\n"), "{instructions}");
    assert!(instructions.ends_with("Context of this call:\n- name: Ann"), "{instructions}");
    assert_eq!(session["audio"]["output"]["voice"], "a-voice");
}

#[test]
fn a_deepgram_agent_hears_and_is_heard_and_has_its_tools_used() {
    let session = talks("deepgram", "/v1/agent/converse", &format!("Token {KEY}"));
    let think = &session["agent"]["think"];
    assert_eq!(think["functions"].as_array().map(Vec::len), Some(4), "{think}");
    assert!(think["prompt"].as_str().is_some_and(|prompt| prompt.starts_with("You are Sarah.\n\nSell Ann")));
}

#[test]
fn an_elevenlabs_agent_hears_and_is_heard_and_has_its_tools_used() {
    let session = talks("elevenlabs", "/v1/convai/conversation", KEY);
    assert_eq!(session["dynamic_variables"], json!({ "name": "Ann" }));
}

#[test]
fn who_interrupts_a_model_silences_it_and_it_knows_how_much_was_heard() {
    let place = Place::claim();
    let (_callee, oracle) = (Sipp::at(&place, "barge-in"), Oracle::start(&place));
    let table = oracle.table(&place, "openai", "/v1/realtime", "");
    let switch = Setup::new()
        .agent("amd = {}\nsilence_hangup_seconds = 45")
        .agent(&table)
        .anonymous()
        .at(place)
        .start();
    let call = switch.call_with(json!({ "prompt": "ramble\ntool end_call {}" }));
    let truncated = oracle.next("truncated").as_u64().expect("milliseconds");
    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "completed", "{end}");
    let recording = Recording::parse(&switch.get(&format!("/v1/calls/{call}/recording")).bytes);
    let spoken = spoken_ms(&recording.agent) as u64;
    assert!(truncated.abs_diff(spoken) <= 60, "{spoken} ms were heard, and the model was told {truncated}");
    assert!((200..10_000).contains(&truncated), "{truncated}");
    assert_eq!(end["transcript"], json!([]), "nobody asked for it to be kept");
}

#[test]
fn a_model_that_is_not_there_is_a_true_end_of_the_call() {
    let place = Place::claim();
    let _callees = Callees::at(&place);
    let url = format!("ws://{}:9/v1/realtime", place.http().ip());
    let table = format!(
        "[agent.model]\nprovider = \"openai\"\nmodel = \"m\"\nurl = \"{url}\"\napi_key = \"{KEY}\"\nconnect_timeout_seconds = 1"
    );
    let switch = Setup::new().agent("amd = {}").agent(&table).at(place).start();
    let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "agent_failed", "{end}");
    nobody_finds_the_key(&switch);
}

#[test]
fn a_model_puts_its_callee_through() {
    let place = Place::claim();
    let (callee, oracle) = (Sipp::at(&place, "referred"), Oracle::start(&place));
    let tools = "[agent.model.tools]\ntransfer = [\"+15551234567\"]";
    let table = oracle.table(&place, "openai", "/v1/realtime", tools);
    let switch = Setup::new().agent(&table).anonymous().at(place).start();
    let prompt = "Put them through.\nthen transfer {\"to\":\"+15551234567\"}";
    let call = switch.call_with(json!({ "prompt": prompt }));
    callee.succeed(1);
    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "completed", "{end}");
    let record = switch.get(&format!("/v1/native/calls/{call}")).json;
    assert_eq!(record["sip"]["detail"], "transferred to +15551234567");
}

#[test]
fn whoever_calls_in_hears_the_model_as_soon_as_it_is_answered() {
    let place = Place::claim();
    let oracle = Oracle::start(&place);
    let table = oracle.table(&place, "openai", "/v1/realtime", "");
    let table = table.replace("You are Sarah.", "You are Sarah.\\nthen end_call {}");
    let switch = Setup::new().agent(&table).number("inbound = true").anonymous().at(place).start();
    Sipp::towards(&switch.place, switch.place.trunk, "inbound-answered").succeed(1);
    let session = oracle.next("session");
    assert!(
        session["instructions"].as_str().is_some_and(|text| text.starts_with("You are Sarah.")),
        "{session}"
    );
    let call = switch.get("/v1/calls").json["calls"][0]["call_id"].as_str().expect("a call").to_owned();
    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "completed", "{end}");
    let recording = Recording::parse(&switch.get(&format!("/v1/calls/{call}/recording")).bytes);
    let begun = recording.agent.iter().position(|sample| sample.unsigned_abs() > 1_000).expect("a tone");
    assert!(begun < 8_000 / 2, "{} ms of nothing", begun / 8);
}

#[test]
fn a_model_that_came_by_the_api_talks_after_a_restart_and_its_key_is_not_shown() {
    let place = Place::claim();
    let (_callees, oracle) = (Callees::at(&place), Oracle::start(&place));
    let url = format!("ws://{}:{}/v1/realtime", place.http().ip(), oracle.port);
    let mut switch = Setup::new().at(place).start();
    let model = json!({ "provider": "openai", "model": "the-model", "url": url, "api_key": KEY });
    let agent = switch.client().post(
        "/v1/native/agents",
        &json!({ "name": "sarah", "model": model, "amd": {}, "phone_number": switch::FROM, "trunk": "t1" }),
    );
    assert_eq!(agent.status, 201, "{agent:?}");
    let shown = switch.get("/v1/native/agents/sarah");
    assert_eq!(shown.json["model"]["tools"]["end_call"], true, "{shown:?}");
    assert!(!shown.text.contains(KEY) && !agent.text.contains(KEY), "{shown:?}");
    switch.kill();
    assert!(!holds(&switch, KEY), "the store has the key sealed");
    switch.restart();
    let call = switch.call_with(json!({
        "agent_id": "sarah", "to_number": number(Persona::Person), "prompt": "Talk.\nthen end_call {}"
    }));
    assert_eq!(oracle.next("key"), format!("Bearer {KEY}"));
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "completed");
}

#[test]
fn a_prompt_that_a_vendors_client_saved_reaches_the_model() {
    let place = Place::claim();
    let (_callees, oracle) = (Callees::at(&place), Oracle::start(&place));
    let url = format!("ws://{}:{}/v1/realtime", place.http().ip(), oracle.port);
    let switch = Setup::new().at(place).start();
    let model = json!({ "provider": "openai", "model": "the-model", "url": url, "api_key": KEY });
    let agent = switch.client().post(
        "/v1/native/agents",
        &json!({ "name": "sarah", "model": model, "amd": {}, "phone_number": switch::FROM, "trunk": "t1" }),
    );
    assert_eq!(agent.status, 201, "{agent:?}");
    let path = format!("/v1/agents/{}", agent.json["id"]);
    let saved = switch.client().patch(&path, &json!({ "prompt": "You are Sarah." }), &[]);
    assert_eq!((saved.status, &saved.json["prompt"]), (200, &json!("You are Sarah.")), "{saved:?}");
    let call = switch.call_with(json!({
        "agent_id": "sarah", "to_number": number(Persona::Person), "prompt": "Talk.\nthen end_call {}"
    }));
    let session = oracle.next("session");
    let instructions = session["instructions"].as_str().expect("text");
    assert!(instructions.starts_with("You are Sarah.\n\nTalk.\n"), "{instructions}");
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "completed");
}

/// Is this text in any file of the switch's?
fn holds(switch: &Switch, text: &str) -> bool {
    let files = std::fs::read_dir(switch.data_dir()).expect("a folder");
    let files = files.map(|file| file.expect("readable").path()).filter(|path| path.is_file());
    files
        .map(|path| std::fs::read(path).expect("readable"))
        .any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}
