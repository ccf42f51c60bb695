//! A bot that nobody here wrote connects to the switch: a Pipecat pipeline behind Pipecat's own WebSocket client, let in by a
//! ticket.

use std::process::Command;

use super::guests::{native, stream_url};
use crate::printer::Printer;
use crate::switch::{Place, Recording, Setup, Sipp, eventually};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn a_pipecat_pipeline_that_connects_as_vonages_bots_do_hears_and_is_heard_and_hangs_up() {
    connects("vonage", "encoding = \"l16_8000\"");
}

#[test]
fn a_pipecat_pipeline_that_connects_as_twilios_bots_do_hears_and_is_heard_and_hangs_up() {
    connects("twilio", "");
}

fn connects(service: &str, encoding: &str) {
    let python = format!("{FOLDER}/target/peers/python/bin/python");
    let mut bot = Printer::start(
        Command::new(python).args([&format!("{FOLDER}/tests/it/streams/pipecat_guest.py"), service]),
    );
    // It takes seconds to be loaded, and the callee does not wait.
    assert_eq!(bot.next("ready"), true);
    let place = Place::claim();
    let callee = Sipp::at(&place, "barge-in");
    let switch = Setup::new()
        .agent("amd = {}\nbarge_in = false\nsilence_hangup_seconds = 45")
        .agent(&format!("[agent.stream]\naccept = true\ndialect = \"{service}\"\n{encoding}"))
        .anonymous()
        .at(place)
        .start();
    let call = switch.call();
    bot.tell(&eventually("the ticket", || stream_url(&native(&switch, &call))));
    assert_eq!(bot.next("connected"), true);
    assert_eq!([bot.next("spoken"), bot.next("spoken")], [1, 2], "the callee's two words");
    let heard_ms = bot.next("heard_ms").as_u64();
    assert!(heard_ms >= Some(4_000), "{heard_ms:?}");
    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "completed", "the bot left, in good order: {end}");
    callee.succeed(1);
    assert_eq!(switch.complaints(), [""; 0]);
    let echo = Recording::parse(&switch.get(&format!("/v1/calls/{call}/recording")).bytes).echo();
    assert!(echo > 0.95, "{echo} alike");
}
