//! OpenAI's agents SDK with its transport for Twilio, unmodified, as the bot of the real switch, with sipp as the carrier. The model
//! behind it is the test's own; what is sent to it, what is thrown away and what it is told of that is the SDK's doing.

use std::process::Command;

use serde_json::{Value, json};

use super::FOLDER;
use crate::printer::Printer;
use crate::switch::{Place, Recording, Setup, Sipp};

/// A frame of the recording in which this tone is what there is.
const CLEAR: f64 = 4_000.0;
const FRAME: usize = 160;

#[test]
fn an_agent_of_openais_sdk_hears_and_is_heard_and_its_model_learns_where_it_was_interrupted() {
    let place = Place::claim();
    let (_callee, bot) = (Sipp::at(&place, "barge-in"), Bot::start());
    let stream = format!(
        "[agent.stream]\nurl = \"ws://127.0.0.1:{}/\"\ndialect = \"twilio\"\nparameters = {{ lead = \"42\" }}",
        bot.port
    );
    let switch = Setup::new()
        .agent("amd = {}\nsilence_hangup_seconds = 45")
        .agent(&stream)
        .anonymous()
        .at(place)
        .start();
    let call = switch.call_with(json!({}));

    assert_eq!(bot.next("key"), "Bearer sk-hunter2");
    let audio = &bot.next("session")["audio"];
    assert_eq!(audio["input"]["format"], json!({ "type": "audio/pcmu" }));
    assert_eq!(audio["output"]["format"], json!({ "type": "audio/pcmu" }));
    assert_eq!(bot.next("heard"), 1, "the callee's first word reaches the model");
    assert_eq!(bot.next("heard"), 2, "and so does the second");
    assert_eq!(bot.next("interrupted"), true);
    let truncated = bot.next("truncated");
    assert_eq!((&truncated["item_id"], &truncated["content_index"]), (&json!("item_1"), &json!(0)));

    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "completed", "{end}");
    assert_eq!(switch.complaints(), [""; 0]);
    let heard = Recording::parse(&switch.get(&format!("/v1/calls/{call}/recording")).bytes).agent;
    let (ramble, farewell) = (milliseconds(&heard, 500.0), milliseconds(&heard, 700.0));
    let told = truncated["audio_end_ms"].as_u64().expect("milliseconds");
    // It counts in whole pieces of 139 ms, and adds 50 ms for those on their way.
    assert!(told.abs_diff(ramble) <= 200, "{ramble} ms were heard, and the model was told {told}");
    assert!((1_000..10_000).contains(&ramble), "{ramble} ms of twenty seconds");
    assert!((940..=1_020).contains(&farewell), "{farewell} ms of a second");
}

/// For how long a tone was heard, in milliseconds.
fn milliseconds(samples: &[i16], hz: f64) -> u64 {
    let frames = samples.chunks_exact(FRAME);
    20 * frames.filter(|frame| super::amplitude_of(frame, hz) > CLEAR).count() as u64
}

/// The bot's process, and its port.
struct Bot {
    port: u64,
    printer: Printer,
}

impl Bot {
    fn start() -> Self {
        let printer = Printer::start(
            Command::new("node")
                .arg(format!("{FOLDER}/tests/it/streams/agents_bot.cjs"))
                .env("NODE_PATH", format!("{FOLDER}/target/peers/node_modules"))
                // It asks its maker's servers otherwise, which are not there.
                .env("OPENAI_AGENTS_DISABLE_TRACING", "1"),
        );
        let port = printer.next("port").as_u64().expect("its port");
        Self { port, printer }
    }

    fn next(&self, key: &str) -> Value {
        self.printer.next(key)
    }
}
