//! What a trunk's table says of audio, as a callee hears it: codecs, packet length, encryption, reports, silence, keys. Each test
//! holds both ends to their word: what was agreed, what the callee heard, what the switch recorded of it.

pub mod listener;

use std::process::{Command, Stdio};

use serde_json::json;
use trunkline_media::{Capabilities, Codec, Srtp};

use self::listener::{Listener, Manner, Told};
use crate::doctor::callee::{self, PLAIN, Reports, Sends};
use crate::doctor::fake::Fake;
use crate::switch::{Place, Recording, Setup, Switch, TO, spoken_ms};

/// One call with 2.4 s of agent and this in the trunk's table, to a callee with these capabilities; both sides are heard.
fn talk(trunk: &str, capabilities: Capabilities) -> Told {
    let (told, recording) = talk_with(Setup::new().says("agent-goodbye").trunk(trunk), capabilities);
    let spoken = (spoken_ms(&recording.callee), spoken_ms(&recording.agent));
    assert!(spoken.0 >= 200 && spoken.1 >= 500, "callee and agent speak for {spoken:?} ms");
    assert!(told.heard >= 1, "the callee hears the agent: {told:?}");
    let stats = &told.stats;
    assert_eq!(
        (stats.malformed, stats.unknown, stats.unauthentic, stats.strangers),
        (0, 0, 0, 0),
        "{stats:?}"
    );
    told
}

fn talk_with(setup: Setup, capabilities: Capabilities) -> (Told, Recording) {
    let place = Place::claim();
    let listener = Listener::at(&place, Manner { capabilities, presses: None, replies: None });
    let switch = setup.agent("amd = {}\nbarge_in = false\nvoicemail = \"ignore\"").at(place).start();
    let record = ended(&switch, "completed");
    let recording = switch.recording(&record).expect("an answered call is recorded");
    assert_eq!(switch.complaints(), [""; 0]);
    (listener.told(), recording)
}

fn ended(switch: &Switch, reason: &str) -> serde_json::Value {
    let call = switch.call_with(json!({}));
    let record = switch.call_until_ended(&call);
    assert_eq!(record["ended_reason"], reason, "{record}");
    record
}

fn alone(codec: Codec) -> Capabilities {
    Capabilities { codecs: vec![codec], ..Capabilities::default() }
}

#[test]
fn required_srtp_is_spoken_with_keys_from_the_sdp() {
    let told = talk("srtp = \"required\"", Capabilities { srtp: Srtp::Required, ..Capabilities::default() });
    assert!(told.offer.contains(" RTP/SAVP ") && told.offer.contains("a=crypto:"), "{}", told.offer);
    assert!(told.negotiated.security.is_some());
}

#[test]
fn offered_srtp_is_spoken_with_who_takes_it() {
    let told = talk("srtp = \"offered\"", Capabilities { srtp: Srtp::Offered, ..Capabilities::default() });
    assert!(told.negotiated.security.is_some(), "{}", told.offer);
}

#[test]
fn offered_srtp_is_left_out_with_who_has_none() {
    let told = talk("srtp = \"offered\"", Capabilities::default());
    assert!(told.negotiated.security.is_none());
}

#[test]
fn required_srtp_is_not_done_without() {
    let place = Place::claim();
    let _callee = Fake::callee(place.trunk_sip(), PLAIN);
    let switch = Setup::new().trunk("srtp = \"required\"").at(place).start();
    ended(&switch, "trunk_failed");
    switch.await_no_media_ports();
}

#[test]
fn wideband_is_spoken_by_g722() {
    let told = talk("codecs = [\"g722\", \"pcmu\"]", alone(Codec::G722));
    assert_eq!(told.negotiated.codec, Codec::G722);
}

#[test]
fn a_law_is_spoken() {
    let told = talk("codecs = [\"pcmu\", \"pcma\"]", alone(Codec::Pcma));
    assert_eq!(told.negotiated.codec, Codec::Pcma);
}

#[test]
fn packets_are_as_long_as_the_callee_asks() {
    let told = talk("ptime_ms = 20", Capabilities { ptime_ms: 40, ..Capabilities::default() });
    paced(&told, 40);
}

#[test]
fn packets_of_60_ms_are_asked_for_and_sent() {
    let told = talk("ptime_ms = 60", Capabilities { ptime_ms: 60, ..Capabilities::default() });
    assert!(told.offer.contains("a=ptime:60"), "{}", told.offer);
    assert_eq!(told.negotiated.ptime_ms, 60, "the callee is asked for it");
    paced(&told, 60);
}

/// No more packets than so long ones fit into the call, and enough of them for what the agent said.
fn paced(told: &Told, ptime_ms: u64) {
    let talked_ms = u64::try_from(told.talked.as_millis()).expect("a short call");
    let packets = told.stats.packets_in;
    assert!(packets <= talked_ms / ptime_ms + 5, "{packets} packets in {talked_ms} ms");
    assert!(packets >= 1_000 / ptime_ms, "{packets} packets in {talked_ms} ms");
}

#[test]
fn reports_share_the_port_where_both_agree() {
    let capabilities = Capabilities { rtcp_mux: true, ..Capabilities::default() };
    let setup = Setup::new().says("agent-prompt").trunk("rtcp_mux = true");
    let (told, _) = talk_with(setup, capabilities);
    assert!(told.offer.contains("a=rtcp-mux"), "{}", told.offer);
    assert!(told.negotiated.rtcp_mux);
    // 7.5 s: at least one report, and it tells of the hello.
    assert!(told.stats.remote_reports >= 1 && told.stats.remote_mentions >= 1, "{:?}", told.stats);
}

#[test]
fn reports_keep_their_own_port_where_one_does_not() {
    let setup = Setup::new().says("agent-prompt").trunk("rtcp_mux = true");
    let (told, _) = talk_with(setup, Capabilities::default());
    assert!(!told.negotiated.rtcp_mux);
    assert!(told.stats.remote_reports >= 1, "{:?}", told.stats);
}

#[test]
fn comfort_noise_is_agreed() {
    let told = talk("comfort_noise = true", Capabilities { comfort_noise: true, ..Capabilities::default() });
    assert!(told.offer.contains(" 13"), "{}", told.offer);
    assert_eq!(told.negotiated.comfort_noise, Some(13));
}

/// A second without packets ends a call, unless the silence was announced (RFC 3389).
#[test]
fn who_announced_its_silence_is_not_missed() {
    for (sends, reason) in [(Sends::ComfortNoise, "completed"), (Sends::OneFrame, "media_lost")] {
        let place = Place::claim();
        let _callee =
            Fake::callee(place.trunk_sip(), callee::Manner { sends, reports: Reports::None, ..PLAIN });
        let setup =
            Setup::new().says("agent-goodbye").media("rtp_timeout_seconds = 1").trunk("comfort_noise = true");
        let switch = setup.agent("barge_in = false").at(place).start();
        ended(&switch, reason);
    }
}

#[test]
fn keys_are_heard_as_tones_in_the_audio() {
    let place = Place::claim();
    let capabilities = Capabilities { telephone_event: false, ..Capabilities::default() };
    let listener = Listener::at(&place, Manner { capabilities, presses: Some("159"), replies: None });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let setup = Setup::new().says("agent-prompt").trunk("dtmf = \"inband\"").agent("barge_in = false");
    std::fs::write(folder.path().join("trunkline.toml"), setup.config(&place)).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .args(["call", TO, "--say", "Hello [END_CALL]"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let pressed: Vec<&str> =
        said.lines().filter_map(|line| line.split("the callee presses ").nth(1)).collect();
    assert_eq!(pressed, ["1", "5", "9"], "{said}");
    assert!(!listener.told().offer.contains("telephone-event"));
}
