//! Media streams to bots that nobody here wrote: Pipecat's serializers, jambonz's SDK, AudioSocket servers and OpenAI's agents SDK,
//! unmodified, at the other end of a real socket. What the callee says comes back as it was said; the bridge's side is a seat that is ticked as a bridge ticks it.

mod agents_sdk;
mod audiosocket;

use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use trunkline::agent::line::Lanes;
use trunkline::agent::stream::{self, Call, Dialect, Encoding, Event, Handle, Spec, Why};
use trunkline::egress::{Egress, Policy};
use trunkline::model::HearsFrom;
use trunkline_media::g711::Law;
use trunkline_media::port::{Pace, pair};
use trunkline_media::{Rate, Seat};

static LANES: LazyLock<Lanes> = LazyLock::new(|| Lanes::start(1).expect("a thread"));

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
const PATIENCE: Duration = Duration::from_secs(60);
const TONE_HZ: f64 = 1_000.0;
/// The amplitude of what the callee says.
const LOUD: f64 = 8_000.0;

#[tokio::test]
async fn a_pipecat_bot_for_twilio_hears_and_is_heard_and_streamdouble_would_have_sent_the_same() {
    let mut bot = Bot::pipecat().await;
    let lines = bot.talks(Dialect::Twilio, None, "twilio").await;
    let call = &lines[0]["call"];
    assert_eq!(call["call_id"], "CA1");
    assert_eq!(call["body"], json!({ "lead": "42" }));
    let differences = lines.iter().find_map(|line| line.get("streamdouble"));
    assert_eq!(differences, Some(&json!([])));
}

#[tokio::test]
async fn a_pipecat_bot_for_telnyx_hears_and_is_heard_in_either_law() {
    let mut bot = Bot::pipecat().await;
    for (encoding, name) in [(Encoding::Pcmu, "PCMU"), (Encoding::Pcma, "PCMA")] {
        let lines = bot.talks(Dialect::Telnyx, Some(encoding), "telnyx").await;
        let call = &lines[0]["call"];
        assert_eq!((&call["call_id"], &call["outbound_encoding"]), (&json!("CA1"), &json!(name)));
        assert_eq!((&call["from"], &call["to"]), (&json!("+13122010094"), &json!("+13122123456")));
    }
}

#[tokio::test]
async fn a_pipecat_bot_for_plivo_hears_and_is_heard() {
    let lines = Bot::pipecat().await.talks(Dialect::Plivo, None, "plivo").await;
    assert_eq!(lines[0]["call"]["call_id"], "CA1");
}

#[tokio::test]
async fn a_pipecat_bot_for_vonage_hears_and_is_heard_at_sixteen_kilohertz() {
    let encoding = Some(Encoding::L16(Rate::Hz16000));
    let lines = Bot::pipecat().await.talks(Dialect::Vonage, encoding, "vonage").await;
    assert_eq!(lines[0]["start"]["content-type"], "audio/l16;rate=16000");
    assert_eq!(lines[0]["start"]["lead"], "42");
}

#[tokio::test]
async fn a_pipecat_bot_for_exotel_hears_and_is_heard() {
    let lines = Bot::pipecat().await.talks(Dialect::Exotel, None, "exotel").await;
    let call = &lines[0]["call"];
    assert_eq!((&call["call_id"], &call["account_sid"]), (&json!("CA1"), &json!("AC1")));
    assert_eq!((&call["from"], &call["to"]), (&json!("+13122010094"), &json!("+13122123456")));
}

#[tokio::test]
async fn a_jambonz_bot_hears_and_is_heard_at_eight_and_sixteen_kilohertz() {
    let mut bot = Bot::jambonz().await;
    for rate in [Rate::Hz8000, Rate::Hz16000] {
        let lines = bot.talks(Dialect::Jambonz, Some(Encoding::L16(rate)), "jambonz").await;
        let start = &lines[0]["start"];
        assert_eq!((&start["callSid"], &start["sampleRate"]), (&json!("CA1"), &json!(rate.hz())));
        assert_eq!((&start["from"], &start["lead"]), (&json!("+13122010094"), &json!("42")));
    }
}

/// The bot's process, and what it prints.
struct Bot {
    port: u64,
    /// The first line.
    first: Value,
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Bot {
    async fn pipecat() -> Self {
        Self::start(&format!("{FOLDER}/target/peers/python/bin/python"), "pipecat_bot.py", None).await
    }

    async fn jambonz() -> Self {
        Self::start("node", "jambonz_bot.cjs", None).await
    }

    async fn audiosocket(kind: &str) -> Self {
        Self::start("node", "audiosocket_bot.cjs", Some(kind)).await
    }

    async fn start(program: &str, script: &str, argument: Option<&str>) -> Self {
        let mut process = Command::new(program)
            .arg(format!("{FOLDER}/tests/it/streams/{script}"))
            .args(argument)
            .env("NODE_PATH", format!("{FOLDER}/target/peers/node_modules"))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("`make deps` installs the bots into target/peers");
        let stdout = process.stdout.take().expect("piped");
        let mut lines = BufReader::new(stdout).lines();
        let first = line(&mut lines).await;
        let port = first["port"].as_u64().expect("its port");
        Self { port, first, lines, _process: process }
    }

    /// One call: recognised, answered, a tone said back, a key, a mark, an interruption, the end. Gives what the bot printed.
    async fn talks(&mut self, dialect: Dialect, encoding: Option<Encoding>, service: &str) -> Vec<Value> {
        let mut side = Side::open(dialect, encoding, &format!("ws://127.0.0.1:{}/{service}", self.port));
        assert_eq!(side.event().await, Event::Connected);
        let mut lines = vec![line(&mut self.lines).await];
        assert_eq!(lines[0]["service"], service);

        assert!(side.handle.answered());
        let heard = side.talk(100).await;
        let [said, other] = [TONE_HZ, 700.0].map(|hz| amplitude(&heard[30 * 160..90 * 160], hz));
        assert!((0.8 * LOUD..1.2 * LOUD).contains(&said), "{service}: {said} at {TONE_HZ} Hz");
        assert!(other < 0.05 * LOUD, "{service}: {other} where nothing was said");

        assert!(side.handle.digit('7', Duration::from_millis(100)));
        lines.push(side.until(&mut self.lines, "digit").await);
        lines.push(side.until(&mut self.lines, "told").await);
        assert!(lines[2]["told"].to_string().contains("heard"), "{service}: {}", lines[2]);

        assert!(side.handle.digit('5', Duration::from_millis(100)));
        lines.push(side.until(&mut self.lines, "interrupted").await);
        let after = side.talk(30).await;
        let rest = amplitude(&after[10 * 160..], 440.0);
        assert!(rest < 0.05 * LOUD, "{service}: three seconds were interrupted at once, and {rest} is left");

        let Side { handle, mut events, seat, .. } = side;
        drop(handle);
        let ended = loop {
            if let Event::Ended(ended) = patiently(events.recv()).await.expect("an end") {
                break ended;
            }
        };
        drop(seat);
        assert_eq!((ended.why, ended.counters.malformed), (Why::CallOver, 0), "{service}");
        assert_eq!((ended.counters.clears, ended.counters.marks), (1, 1), "{service}");
        while lines.last().is_none_or(|line| line.get("closed").is_none()) {
            lines.push(line(&mut self.lines).await);
        }
        assert_eq!(lines.last().map(|line| &line["closed"]), Some(&json!(1000)), "{service}");
        lines
    }
}

/// The next line that the bot prints; what its library prints besides, of a connection that ended under a word, is passed over.
async fn line(lines: &mut Lines<BufReader<ChildStdout>>) -> Value {
    loop {
        let line = patiently(lines.next_line()).await.expect("readable").expect("the bot lives");
        if let Ok(said) = serde_json::from_str(&line) {
            return said;
        }
    }
}

async fn patiently<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("in time")
}

/// The call's side of a stream, with its bridge and a callee who hums.
struct Side {
    handle: Handle,
    seat: Seat,
    events: mpsc::Receiver<Event>,
    ticks: Interval,
    hummed: usize,
}

impl Side {
    fn open(dialect: Dialect, encoding: Option<Encoding>, url: &str) -> Self {
        let allow_addresses = vec!["127.0.0.0/8".parse().expect("a network")];
        let egress = Egress::new(Policy { allow_http: true, allow_addresses }).expect("a client");
        let call = Call {
            account: "AC1".into(),
            call: "CA1".into(),
            stream: dialect.stream_id(0x1234),
            from: "+13122010094".into(),
            to: "+13122123456".into(),
            parameters: vec![("lead".into(), "42".into())],
            listens: None,
        };
        let spec = Spec {
            url: Some(url.parse().expect("a URL")),
            dialect,
            encoding,
            headers: vec![],
            call,
            hears_from: HearsFrom::Answer,
            connect_within: Duration::from_secs(10),
            reconnect_within: None,
        };
        let (port, seat) = pair(Pace::Queued);
        let (told, events) = mpsc::channel(16);
        let sink = move |event| told.try_send(event).map_err(|error| error.into_inner());
        let handle = stream::open(spec, &egress, port, Box::new(sink), &LANES).expect("it can be");
        let mut ticks = interval(Duration::from_millis(20));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { handle, seat, events, ticks, hummed: 0 }
    }

    async fn event(&mut self) -> Event {
        patiently(self.events.recv()).await.expect("an event")
    }

    /// 20 ms: the callee hums, and hears what the bot says, or silence.
    async fn tick(&mut self, heard: &mut Vec<u8>) {
        self.ticks.tick().await;
        let mut hum = [0; 160];
        for sample in &mut hum {
            let angle = std::f64::consts::TAU * TONE_HZ * self.hummed as f64 / 8_000.0;
            *sample = (LOUD * angle.sin()) as i16;
            self.hummed += 1;
        }
        let mut frame = [0; 160];
        Law::Mu.encode(&hum, &mut frame);
        self.seat.offer(&frame);
        frame.fill(Law::Mu.silence());
        self.seat.pull(&mut frame);
        heard.extend(frame);
    }

    async fn talk(&mut self, ticks: usize) -> Vec<u8> {
        let mut heard = vec![];
        for _ in 0..ticks {
            self.tick(&mut heard).await;
        }
        heard
    }

    /// Ticks until the bot prints a line that has this key.
    async fn until(&mut self, lines: &mut Lines<BufReader<ChildStdout>>, key: &str) -> Value {
        let mut heard = vec![];
        let waiting = async {
            loop {
                tokio::select! {
                    () = self.tick(&mut heard) => {}
                    line = line(lines) => if line.get(key).is_some() { break line },
                }
            }
        };
        patiently(waiting).await
    }
}

/// How strong a tone is in PCMU: in the middle one of its frames, since a bot that was late for some milliseconds has its tone
/// broken between two of them, not weakened.
fn amplitude(pcmu: &[u8], hz: f64) -> f64 {
    let mut samples = vec![0; pcmu.len()];
    Law::Mu.decode(pcmu, &mut samples);
    let mut pieces: Vec<_> = samples.chunks_exact(160).map(|piece| amplitude_of(piece, hz)).collect();
    pieces.sort_by(f64::total_cmp);
    pieces[pieces.len() / 2]
}

fn amplitude_of(samples: &[i16], hz: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let angle = std::f64::consts::TAU * hz * n as f64 / 8_000.0;
        re += f64::from(*sample) * angle.cos();
        im += f64::from(*sample) * angle.sin();
    }
    re.hypot(im) * 2.0 / samples.len() as f64
}
