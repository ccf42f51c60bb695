//! Words that make hardly any speech, or that a shell would obey, through a real synthesiser.

use serde_json::json;
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::switch::Setup;

#[test]
fn odd_prompts_are_spoken_as_far_as_they_can_be() {
    let flite = "[\"flite\", \"-voice\", \"slt\", \"-f\", \"{text_file}\", \"-o\", \"{wav_file}\"]";
    let (switch, callees) = ring(Setup::new().tts(flite).agent("silence_hangup_seconds = 30"));
    let prompts = [
        "... [END_CALL]",
        "\u{1F600} [END_CALL]",
        "\u{0301}\u{200b}x [END_CALL]",
        "привет 你好 [END_CALL]",
        "<speak><break time=\"99s\"/></speak> [END_CALL]",
        "a\u{7f}\u{1b}[2J\r\n\tb [END_CALL]",
        "-o /tmp/x --version [END_CALL]",
        "$(touch /tmp/x) `id` ; rm -rf / | \"' \\ [END_CALL]",
    ];
    let calls = prompts
        .map(|prompt| switch.call_with(json!({ "to_number": number(Persona::Person), "prompt": prompt })));
    for (call, prompt) in calls.iter().zip(prompts) {
        let end = switch.call_until_ended(call);
        assert_eq!([&end["status"], &end["ended_reason"]], ["completed", "completed"], "{prompt:?}: {end}");
    }
    callees.await_over(8);
    switch.metrics_until("nothing left", |metrics| metrics.is_idle());
}
