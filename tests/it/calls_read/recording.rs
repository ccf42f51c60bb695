//! The recording: two sides of one conversation, whole or a range of it.

use serde_json::json;
use tokio::runtime::Builder;
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::ledger;
use crate::switch::{Setup, Switch};

/// Samples of one side, 8 kHz.
struct Side(Vec<i16>);

impl Side {
    /// Mean absolute value of each tenth of a second.
    fn levels(&self) -> Vec<u32> {
        let mean = |samples: &[i16]| {
            let sum: u64 = samples.iter().map(|sample| u64::from(sample.unsigned_abs())).sum();
            (sum / samples.len() as u64) as u32
        };
        self.0.chunks(800).map(mean).collect()
    }

    /// The tenths of a second in which it speaks.
    fn speaks(&self) -> Vec<usize> {
        let loud = |(index, level): (usize, u32)| (level > 150).then_some(index);
        self.levels().into_iter().enumerate().filter_map(loud).collect()
    }
}

/// Left, the callee, and right, the agent, of a canonical WAV file.
fn sides(wav: &[u8]) -> (Side, Side) {
    let word = |at: usize| u16::from_le_bytes([wav[at], wav[at + 1]]);
    let long = |at: usize| u32::from(word(at)) | u32::from(word(at + 2)) << 16;
    assert_eq!((&wav[..4], &wav[8..16], &wav[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]));
    assert_eq!((word(20), word(22), long(24), word(34)), (1, 2, 8_000, 16), "PCM, stereo, 8 kHz, 16 bits");
    assert_eq!((long(4) as usize + 8, long(40) as usize + 44), (wav.len(), wav.len()));
    let samples: Vec<i16> = wav[44..].chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let side = |offset: usize| Side(samples.iter().skip(offset).step_by(2).copied().collect());
    (side(0), side(1))
}

#[test]
fn left_is_the_callee_and_right_the_agent() {
    let (switch, _callees) = ring(Setup::new());
    let call = switch.call_with(json!({ "to_number": number(Persona::Person), "prompt": "Hello" }));
    let end = switch.call_until_ended(&call);
    let row = ledger::ended(&switch, &call);
    let wav = std::fs::read(switch.data_dir().join(row["recording"].as_str().expect("a recording")))
        .expect("the file");
    let (callee, agent) = sides(&wav);
    let (callee_speaks, agent_speaks) = (callee.speaks(), agent.speaks());
    // "Hello?", then the agent's words, then "Yes, that works for me."
    let (first, last) = (agent_speaks[0], *agent_speaks.last().expect("it spoke"));
    assert!(callee_speaks.iter().any(|at| *at < first), "{callee_speaks:?} {agent_speaks:?}");
    assert!(callee_speaks.iter().any(|at| *at > last), "{callee_speaks:?} {agent_speaks:?}");
    assert!(agent_speaks.len() >= 3, "{agent_speaks:?}");
    let both = callee_speaks.iter().filter(|at| agent_speaks.contains(at)).count();
    assert!(both <= 3, "each side is heard on its own channel: {callee_speaks:?} {agent_speaks:?}");
    let seconds = callee.0.len() as f64 / 8_000.0;
    let lasted = end["duration_seconds"].as_f64().expect("seconds");
    assert!((seconds - lasted).abs() <= 1.5, "{seconds} s of audio of a call of {lasted} s");

    // What the API gives is that file.
    let url = end["recording_url"].as_str().expect("a URL");
    assert_eq!(url, format!("http://{}/v1/calls/{call}/recording", switch.place.http()));
    let (status, headers, bytes) = fetch(&switch, &call, None);
    assert_eq!(
        (status, headers("content-type"), headers("accept-ranges")),
        (200, "audio/wav".into(), "bytes".into())
    );
    assert_eq!(bytes, wav);
    let length = wav.len();
    for (range, first, end) in [
        ("bytes=0-43", 0, 44),
        ("bytes=44-", 44, length),
        ("bytes=-100", length - 100, length),
        ("bytes=10-99999999", 10, length),
    ] {
        let (status, headers, bytes) = fetch(&switch, &call, Some(range));
        assert_eq!(
            (status, headers("content-range")),
            (206, format!("bytes {first}-{}/{length}", end - 1)),
            "{range}"
        );
        assert!(bytes == wav[first..end], "{range}");
    }
    let (status, headers, _) = fetch(&switch, &call, Some("bytes=99999999-"));
    assert_eq!((status, headers("content-range")), (416, format!("bytes */{length}")));
    assert_eq!(fetch(&switch, &call, Some("furlongs=1-2")).0, 200);
}

/// Status, headers by name, body.
fn fetch(switch: &Switch, call: &str, range: Option<&str>) -> (u16, impl Fn(&str) -> String, Vec<u8>) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (status, headers, bytes) = runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let url = format!("http://{}/v1/calls/{call}/recording", switch.place.http());
        let mut request = client.get(url).header("authorization", "Bearer nxf_demo:nxfs_demo");
        if let Some(range) = range {
            request = request.header("range", range);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.bytes().await.expect("a body").to_vec())
    });
    let header = move |name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    (status, header, bytes)
}

#[test]
fn there_is_none_of_a_call_that_lives_that_nobody_answered_or_when_none_is_wanted() {
    let (switch, _callees) = ring(Setup::new());
    let busy = switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    let alive = switch.call_with(json!({ "to_number": number(Persona::Silent) }));
    assert!(switch.call_until_ended(&busy)["recording_url"].is_null());
    for call in [&busy, &alive] {
        let reply = switch.get(&format!("/v1/calls/{call}/recording"));
        assert_eq!(
            (reply.status, &reply.json["error"]["code"]),
            (404, &json!("recording_not_found")),
            "{reply:?}"
        );
    }
    let (switch, _callees) = ring(Setup::new().extra("[recording]\nenabled = false"));
    let call = switch.call_with(json!({ "to_number": number(Persona::HangsUp) }));
    let end = switch.call_until_ended(&call);
    assert_eq!((&end["recording_url"], &end["warnings"]), (&json!(null), &json!([])));
    assert!(!switch.data_dir().join("recordings").exists());
}
