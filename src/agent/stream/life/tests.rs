//! Streams in virtual time: a bot's messages at one end, a bridge's seat at the other.

use base64::Engine as _;
use proptest::prelude::*;
use serde_json::{Value, json};
use trunkline_media::port::{Frame, Pace, WORDS_MAX, pair};
use trunkline_media::{Rate, Seat};

use super::super::marks::MARKS_MAX;
use super::super::spec::{Call, Dialect, Encoding, HearsFrom, Track};
use super::*;
use crate::agent::line::Ended;
use crate::agent::line::message::BASE64;
use crate::agent::line::outbox::WAITING_MAX;
use crate::agent::line::told::GIBBERISH_MAX;

mod clips;
mod greeting;
mod lull;
mod marks;

const TICK: Duration = Duration::from_millis(20);
/// 2024-01-15T09:50:00Z.
const UNIX: Duration = Duration::from_secs(1_705_312_200);

struct Stage {
    life: Life,
    seat: Seat,
    now: Instant,
}

impl Stage {
    fn new(dialect: Dialect, encoding: Option<Encoding>) -> Self {
        Self::with(dialect, encoding, None)
    }

    fn with(dialect: Dialect, encoding: Option<Encoding>, listens: Option<Track>) -> Self {
        let (port, seat) = pair(Pace::Queued);
        let stream = if dialect == Dialect::Twilio { "MZ1".into() } else { dialect.stream_id(7) };
        let spec = Spec {
            url: Some("wss://bot.example/".parse().expect("a URL")),
            dialect,
            encoding,
            headers: vec![],
            call: Call { stream, listens, ..Call::default() },
            hears_from: HearsFrom::Answer,
            connect_within: Duration::from_secs(10),
            reconnect_within: None,
        };
        #[expect(clippy::disallowed_methods, reason = "somewhere virtual time must begin")]
        let now = Instant::now();
        Self { life: Life::new(&spec, port, now, UNIX), seat, now }
    }

    /// A Twilio stream whose bot is there and whose callee has answered.
    fn twilio() -> Self {
        let mut stage = Self::new(Dialect::Twilio, None);
        stage.life.handle_connected(stage.now);
        stage.life.handle_input(stage.now, Input::Answered);
        stage.sent();
        stage.events();
        stage
    }

    fn tick(&mut self) {
        self.now += TICK;
        self.life.handle_timeout(self.now, true);
    }

    fn say(&mut self, pcmu: &[u8]) {
        let payload = BASE64.encode(pcmu);
        self.text(&json!({ "event": "media", "streamSid": "MZ1", "media": { "payload": payload } }));
    }

    fn mark(&mut self, name: &str) {
        self.text(&json!({ "event": "mark", "streamSid": "MZ1", "mark": { "name": name } }));
    }

    fn clear(&mut self) {
        self.text(&json!({ "event": "clear", "streamSid": "MZ1" }));
    }

    fn text(&mut self, message: &Value) {
        self.life.handle_message(self.now, Incoming::Text(&message.to_string()));
    }

    fn pulled(&mut self) -> Option<u8> {
        let mut frame: Frame = [0; 160];
        self.seat.pull(&mut frame).then_some(frame[0])
    }

    fn sent(&mut self) -> Vec<Value> {
        let json = |message| match message {
            Message::Text(text) => serde_json::from_slice(&text).expect("every text is JSON"),
            Message::Binary(bytes) => hex::encode(bytes).into(),
        };
        std::iter::from_fn(|| self.life.poll_transmit()).map(json).collect()
    }

    fn marks(&mut self) -> Vec<String> {
        let name = |message: Value| message["mark"]["name"].as_str().expect("a mark").to_owned();
        self.sent().into_iter().map(name).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.life.poll_event()).collect()
    }

    fn why(&mut self) -> Option<Why> {
        self.life.ended().cloned()
    }
}

#[test]
fn first_words_wait_behind_the_gate_and_the_callee_is_heard_from_the_answer_on() {
    let mut stage = Stage::new(Dialect::Twilio, None);
    stage.life.handle_connected(stage.now);
    assert_eq!(stage.events(), [Event::Connected]);
    assert_eq!(stage.sent().len(), 2, "connected and start");
    stage.say(&[0x11; 160 * 30]);
    for _ in 0..100 {
        stage.seat.offer(&[9; 160]);
        stage.tick();
    }
    let silence = json!(BASE64.encode([0xff; 160]));
    let heard = stage.sent();
    assert_eq!(heard.len(), 100);
    let silent = |message: &Value| message["media"]["payload"] == silence;
    assert!(heard.iter().all(silent), "what is heard while it rings is not the callee");
    assert_eq!(stage.life.counters().frames_out, 0);
    stage.life.handle_input(stage.now, Input::Answered);
    stage.seat.offer(&[9; 160]);
    stage.tick();
    let heard = stage.sent();
    assert_eq!((heard.len(), &heard[0]["media"]["timestamp"]), (1, &json!("2000")));
    assert_eq!(heard[0]["media"]["payload"], BASE64.encode([9; 160]));
    for _ in 0..30 {
        assert_eq!(stage.pulled(), Some(0x11), "not one frame too late");
        stage.tick();
    }
    assert_eq!((stage.pulled(), stage.life.counters().frames_in), (None, 30));
}

#[test]
fn stamps_follow_each_other_and_leap_over_what_is_missing() {
    let mut stage = Stage::twilio();
    let mut stamps = vec![];
    for tick in 0..40 {
        // The bridge has nothing for 300 ms.
        if !(10..25).contains(&tick) {
            stage.seat.offer(&[0xff; 160]);
        }
        stage.tick();
        let stamp = |message: Value| message["media"]["timestamp"].as_str().map(str::parse::<u64>);
        stamps.extend(stage.sent().into_iter().filter_map(stamp).map(|stamp| stamp.expect("a number")));
    }
    let leaps: Vec<_> = stamps.windows(2).map(|pair| pair[1] - pair[0]).filter(|leap| *leap != 20).collect();
    assert_eq!((stamps.len(), leaps.len()), (25, 1), "{stamps:?}");
    assert!((300..=340).contains(&leaps[0]), "{leaps:?}");
}

#[test]
fn a_bot_that_does_not_read_hears_later_what_is_fresh_and_the_stamps_say_what_it_missed() {
    let mut stage = Stage::twilio();
    for _ in 0..25 {
        stage.seat.offer(&[1; 160]);
        stage.now += TICK;
        stage.life.handle_timeout(stage.now, false);
    }
    assert_eq!(stage.sent(), Vec::<Value>::new());
    stage.tick();
    let heard = stage.sent();
    assert_eq!((heard.len(), &heard[0]["media"]["timestamp"]), (10, &json!("520")));
    assert_eq!((&heard[0]["media"]["chunk"], stage.life.counters().passed_over), (&json!("1"), 15));
}

#[test]
fn when_the_bridge_throws_away_what_waits_so_does_the_stream() {
    let mut stage = Stage::twilio();
    stage.say(&[1; 160 * 100]);
    stage.mark("a");
    assert_eq!(stage.pulled(), Some(1));
    stage.seat.flush();
    stage.tick();
    stage.tick();
    assert_eq!((stage.pulled(), stage.marks()), (None, vec!["a".to_owned()]));
}

#[test]
fn digits_go_both_ways() {
    let mut stage = Stage::new(Dialect::Plivo, None);
    stage.life.handle_input(stage.now, Input::Digit('1', TICK));
    stage.life.handle_connected(stage.now);
    stage.sent();
    stage.events();
    stage.life.handle_input(stage.now + TICK, Input::Digit('5', TICK));
    assert_eq!(
        stage.sent()[0]["dtmf"],
        json!({ "track": "inbound", "digit": "5", "timestamp": "1705312200020" })
    );
    stage.text(&json!({ "event": "sendDTMF", "dtmf": "12#" }));
    assert_eq!(stage.events(), [Event::Digits(Box::new("12#".parse().expect("digits")))]);
    stage.text(&json!({ "event": "sendDTMF", "dtmf": "hello" }));
    assert_eq!((stage.events(), stage.life.counters().malformed), (vec![], 1));
    assert_eq!(stage.life.counters().digits_dropped, 1, "the one that was pressed before the bot was there");
}

#[test]
fn digits_that_the_call_does_not_take_close_the_ears() {
    let mut stage = Stage::new(Dialect::Plivo, None);
    stage.life.handle_connected(stage.now);
    while !stage.life.is_full() {
        stage.text(&json!({ "event": "sendDTMF", "dtmf": "1" }));
    }
    assert_eq!(stage.events().len(), EVENTS_MAX);
    assert!(!stage.life.is_full());
}

#[test]
fn an_orderly_leave_lets_the_last_words_be_heard() {
    let mut stage = Stage::twilio();
    stage.say(&[1; 160 * 20 + 80]);
    stage.mark("a");
    stage.life.handle_gone(Why::Closed { code: Some(1000) }, true);
    assert!(stage.life.is_leaving());
    let mut heard = 0;
    while stage.why().is_none() {
        heard += usize::from(stage.pulled().is_some());
        stage.tick();
        assert!(heard < 30);
    }
    assert_eq!((heard, stage.why()), (21, Some(Why::Closed { code: Some(1000) })));
    assert_eq!(stage.sent(), Vec::<Value>::new(), "nobody is there to be told of marks");
    let events = stage.events();
    assert!(matches!(&events[..], [Event::Ended(Ended { why: Why::Closed { .. }, counters })]
        if counters.frames_in == 20 && counters.marks == 1));
}

#[test]
fn a_bot_that_drops_dead_ends_its_stream_at_once_and_once() {
    let mut stage = Stage::twilio();
    stage.say(&[1; 160 * 20]);
    stage.life.handle_gone(Why::Lost("reset".into()), false);
    stage.life.handle_over();
    stage.tick();
    assert_eq!(stage.why(), Some(Why::Lost("reset".into())));
    assert_eq!(stage.events().len(), 1);
}

#[test]
fn a_call_that_is_over_tells_its_bot() {
    let mut stage = Stage::twilio();
    stage.life.handle_over();
    assert_eq!(stage.sent()[0]["event"], "stop");
    assert_eq!(stage.why(), Some(Why::CallOver));

    let mut stage = Stage::twilio();
    let (_, seat) = pair(Pace::Queued);
    drop(std::mem::replace(&mut stage.seat, seat));
    stage.tick();
    assert_eq!((stage.why(), &stage.sent()[0]["event"]), (Some(Why::CallOver), &json!("stop")));
}

#[test]
fn a_hang_up_in_words_is_an_orderly_leave() {
    let mut stage = Stage::new(Dialect::AudioSocket, None);
    stage.life.handle_connected(stage.now);
    stage.life.handle_message(stage.now, Incoming::Binary(&[&[0x10, 0x01, 0x40][..], &[1; 320]].concat()));
    stage.life.handle_message(stage.now, Incoming::Binary(&[0, 0, 0]));
    stage.tick();
    assert!(stage.life.is_leaving() && stage.why().is_none());
    assert!(stage.pulled().is_some());
    stage.tick();
    assert_eq!(stage.why(), Some(Why::HungUp));
}

#[test]
fn gibberish_is_borne_for_a_while() {
    let mut stage = Stage::twilio();
    for _ in 0..GIBBERISH_MAX {
        stage.life.handle_message(stage.now, Incoming::Text("hello?"));
    }
    stage.say(&[1; 160]);
    assert_eq!(stage.why(), None, "a word that is understood is a new beginning");
    for _ in 0..=GIBBERISH_MAX {
        stage.life.handle_message(stage.now, Incoming::Binary(b"\x00"));
    }
    assert_eq!(stage.why(), Some(Why::Gibberish));
    assert_eq!(stage.life.counters().malformed, u64::from(2 * GIBBERISH_MAX + 1));
}

#[test]
fn base64_that_is_none_says_nothing() {
    let mut stage = Stage::twilio();
    for payload in ["*", "AAA", "AA=A", "AAAA AAAA"] {
        stage.text(&json!({ "event": "media", "streamSid": "MZ1", "media": { "payload": payload } }));
    }
    assert_eq!(stage.life.counters().malformed, 3, "what only lacks its padding is understood");
    assert_eq!(stage.why(), None);
}

#[test]
fn telnyx_bots_are_told_of_each_message_that_is_good_for_nothing_and_twilios_are_not() {
    let mut stage = Stage::new(Dialect::Telnyx, None);
    stage.life.handle_connected(stage.now);
    stage.sent();
    stage.life.handle_message(stage.now, Incoming::Text("hello?"));
    stage.text(&json!({ "event": "media", "media": { "payload": "*" } }));
    stage.text(&json!({ "event": "media", "media": { "payload": "/38A" } }));
    let (sent, stream) = (stage.sent(), Dialect::Telnyx.stream_id(7));
    let error = |code, title, detail| {
        let payload = json!({ "code": code, "title": title, "detail": detail });
        json!({ "event": "error", "payload": payload, "stream_id": stream })
    };
    assert_eq!(
        sent,
        [
            error(100_003, "malformed_frame", "Received frame was not formed correctly"),
            error(100_004, "invalid_media", "Media provided was not base64 encoded"),
        ]
    );
    assert_eq!(stage.life.counters().malformed, 2);

    let mut stage = Stage::twilio();
    stage.life.handle_message(stage.now, Incoming::Text("hello?"));
    assert_eq!((stage.sent(), stage.life.counters().malformed), (vec![], 1));
}

#[test]
fn a_new_connection_is_told_from_the_beginning_and_old_marks_are_forgotten() {
    let mut stage = Stage::twilio();
    stage.say(&[1; 160 * 3]);
    stage.mark("old");
    stage.life.handle_lost();
    for _ in 0..3 {
        assert_eq!(stage.pulled(), Some(1), "what was said is heard all the same");
        stage.seat.offer(&[5; 160]);
        stage.tick();
    }
    stage.life.handle_connected(stage.now);
    stage.seat.offer(&[6; 160]);
    stage.tick();
    let sent = stage.sent();
    let names: Vec<_> = sent.iter().map(|message| message["event"].as_str().expect("a name")).collect();
    assert_eq!(names, ["connected", "start", "media"]);
    assert_eq!(sent[2]["media"]["chunk"], "1");
    assert_eq!(stage.life.counters().reconnections, 1);
}

#[test]
fn linear_audio_at_every_rate_is_heard_as_it_was_said() {
    for rate in [Rate::Hz8000, Rate::Hz16000, Rate::Hz24000] {
        let mut stage = Stage::new(Dialect::Vonage, Some(Encoding::L16(rate)));
        stage.life.handle_connected(stage.now);
        let sample = |n: usize| {
            let angle = std::f64::consts::TAU * 1_000.0 * n as f64 / f64::from(rate.hz());
            ((8_000.0 * angle.sin()) as i16).to_le_bytes()
        };
        let sound: Vec<u8> = (0..rate.hz() as usize).flat_map(sample).collect();
        let mut heard = vec![];
        for piece in sound.chunks(rate.hz() as usize / 25 + 1) {
            stage.life.handle_message(stage.now, Incoming::Binary(piece));
            let mut frame = [0; 160];
            while stage.seat.pull(&mut frame) {
                heard.extend(frame);
                stage.tick();
            }
        }
        let mut samples = vec![0; heard.len()];
        trunkline_media::g711::Law::Mu.decode(&heard, &mut samples);
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in samples[800..7_200].iter().enumerate() {
            let angle = std::f64::consts::TAU * 1_000.0 * n as f64 / 8_000.0;
            re += f64::from(*sample) * angle.cos();
            im += f64::from(*sample) * angle.sin();
        }
        let amplitude = re.hypot(im) * 2.0 / 6_400.0;
        assert!((7_600.0..8_400.0).contains(&amplitude), "{rate:?}: {amplitude}");
    }
}

#[test]
fn in_the_steady_state_a_second_of_call_leaves_the_buffers_where_they_are() {
    let mut stage = Stage::twilio();
    let text =
        json!({ "event": "media", "streamSid": "MZ1", "media": { "payload": BASE64.encode([1; 160]) } });
    let text = text.to_string();
    let mut places = std::collections::HashSet::new();
    for _ in 0..2_000 {
        stage.seat.offer(&[0xff; 160]);
        stage.life.handle_message(stage.now, Incoming::Text(&text));
        stage.tick();
        stage.pulled();
        while let Some(Message::Text(text)) = stage.life.poll_transmit() {
            places.insert(text.as_ptr() as usize / 4_096);
        }
    }
    assert!(places.len() <= 4, "{} places", places.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_a_bot_sends_the_stream_stands(
        messages in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..400)), 0..200),
        dialect in 0..7usize,
    ) {
        use Dialect::{AudioSocket, Exotel, Jambonz, Plivo, Telnyx, Twilio, Vonage};
        let mut stage = Stage::new([Twilio, Telnyx, Plivo, Vonage, Exotel, Jambonz, AudioSocket][dialect], None);
        stage.life.handle_connected(stage.now);
        stage.life.handle_input(stage.now, Input::Answered);
        for (text, bytes) in &messages {
            match std::str::from_utf8(bytes) {
                Ok(words) if *text => stage.life.handle_message(stage.now, Incoming::Text(words)),
                _ => stage.life.handle_message(stage.now, Incoming::Binary(bytes)),
            }
            stage.seat.offer(&[0xff; 160]);
            stage.tick();
            stage.pulled();
            stage.sent();
        }
        stage.life.handle_over();
        prop_assert!(stage.why().is_some());
    }

    #[test]
    fn spoilt_messages_of_the_dialects_own_words_are_survived(
        spoils in prop::collection::vec((0..8usize, any::<prop::sample::Index>(), any::<u8>()), 1..60),
    ) {
        let words = [
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"/38A"}}"#,
            r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"m"}}"#,
            r#"{"event":"clear","streamSid":"MZ1"}"#,
            r#"{"event":"playAudio","media":{"contentType":"audio/x-l16","sampleRate":8000,"payload":"AQI="}}"#,
            r#"{"event":"checkpoint","name":"c"}"#,
            r#"{"action":"notify","payload":{"a":1}}"#,
            r#"{"type":"playAudio","data":{"audioContent":"AQI=","id":"x","queuePlay":true}}"#,
            r#"{"type":"disconnect"}"#,
        ];
        for dialect in [Dialect::Twilio, Dialect::Plivo, Dialect::Vonage, Dialect::Jambonz] {
            let mut stage = Stage::new(dialect, None);
            stage.life.handle_connected(stage.now);
            for (word, place, byte) in &spoils {
                let mut spoilt = words[*word].as_bytes().to_vec();
                let at = place.index(spoilt.len());
                spoilt[at] = *byte;
                stage.life.handle_message(stage.now, Incoming::Text(&String::from_utf8_lossy(&spoilt)));
                stage.tick();
                stage.pulled();
                stage.sent();
            }
            stage.life.handle_over();
            prop_assert!(stage.why().is_some());
        }
    }
}

#[test]
fn a_bot_that_hears_both_sides_is_told_of_each_frame_whose_it_is() {
    for dialect in [Dialect::Twilio, Dialect::Telnyx, Dialect::Plivo] {
        let mut stage = Stage::with(dialect, None, Some(Track::Both));
        stage.life.handle_connected(stage.now);
        stage.life.handle_input(stage.now, Input::Answered);
        let opening = stage.sent();
        if dialect != Dialect::Telnyx {
            let start = opening.last().expect("it is told of the call");
            assert_eq!(start["start"]["tracks"], json!(["inbound", "outbound"]), "{dialect:?}");
        }
        for _ in 0..2 {
            stage.seat.offer_both(&[7; 160], &[9; 160]);
        }
        stage.tick();
        let sent = stage.sent();
        let told = |message: &Value| {
            let media = &message["media"];
            let first = BASE64.decode(media["payload"].as_str().expect("audio")).expect("base64")[0];
            let (track, chunk) = (media["track"].as_str().expect("a word"), media["chunk"].clone());
            (track.to_owned(), chunk.to_string().replace('"', ""), first)
        };
        let heard: Vec<_> = sent.iter().map(told).collect();
        let piece = |track: &str, chunk: &str, byte| (track.to_owned(), chunk.to_owned(), byte);
        let (callee, agent) = (|chunk| piece("inbound", chunk, 7), |chunk| piece("outbound", chunk, 9));
        assert_eq!(heard, [callee("1"), agent("1"), callee("2"), agent("2")], "{dialect:?}");
        assert_eq!(sent[0]["media"]["timestamp"], sent[1]["media"]["timestamp"]);
        assert_ne!(sent[1]["media"]["timestamp"], sent[2]["media"]["timestamp"]);
    }
}

#[test]
fn a_bot_that_only_listens_is_told_which_side_it_hears_and_is_not_heard() {
    for (dialect, track) in [
        (Dialect::Twilio, Track::Agent),
        (Dialect::Telnyx, Track::Agent),
        (Dialect::Plivo, Track::Agent),
        (Dialect::Twilio, Track::Callee),
    ] {
        let mut stage = Stage::with(dialect, None, Some(track));
        stage.life.handle_connected(stage.now);
        stage.life.handle_input(stage.now, Input::Answered);
        stage.seat.offer(&[7; 160]);
        stage.tick();
        let sent = stage.sent();
        let media = sent.iter().rev().find(|message| message["event"] == "media").expect("audio");
        let word = if track == Track::Agent { "outbound" } else { "inbound" };
        assert_eq!(media["media"]["track"], word, "{dialect:?}");
        stage.say(&[3; 320]);
        stage.mark("said");
        stage.clear();
        stage.tick();
        assert_eq!((stage.pulled(), stage.sent(), stage.life.ended()), (None, vec![], None), "{dialect:?}");
    }
}
