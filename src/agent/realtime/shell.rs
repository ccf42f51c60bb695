//! The shell of a session: one task with its connection, its mailbox, its webhook tools and the clock. It ticks, feeds, drains and
//! sends; what is decided here is when to connect again and how long to wait for a model that does not answer.
#![expect(clippy::disallowed_methods, reason = "a shell reads the clock and starts tasks")]

use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{debug, warn};
use trunkline_media::Port;

use super::super::stream::connect::{Failed, connect_to};
use super::super::stream::link::{Broken, Came, Link};
use super::super::stream::manners::{
    LAST_WORD, MAILBOX, MAILBOX_KEPT, PING_EVERY, RECONNECTIONS_MAX, SILENT_MAX, TICK, UNREAD_MAX, farewell,
    pause,
};
use super::life::{Errand, Incoming, Life};
use super::{Spec, driver, tools};
use crate::agent::stream::shell::Sink;
use crate::agent::stream::{Event, Header, Why};
use crate::egress::Egress;
use crate::face;
use crate::model::{Briefed, Secret};

enum Input {
    Answered,
    Digit(char),
    Untransferred(String),
}

/// The call's end of its session. Dropping it tells the model that the call is over.
#[derive(Debug)]
pub struct Handle {
    inputs: mpsc::Sender<Input>,
}

impl Handle {
    /// The callee has answered. False: the session has ended.
    pub fn answered(&self) -> bool {
        self.inputs.try_send(Input::Answered).is_ok()
    }

    /// The callee has pressed a key. False: too much waits, or the session has ended; the digit is dropped.
    pub fn digit(&self, digit: char) -> bool {
        self.inputs.capacity() > MAILBOX_KEPT && self.inputs.try_send(Input::Digit(digit)).is_ok()
    }

    /// A transfer that the model asked for came to nothing. False: the session has ended.
    pub fn untransferred(&self, why: String) -> bool {
        self.inputs.try_send(Input::Untransferred(why)).is_ok()
    }
}

/// Opens a session: from now on its model is dialled. Needs a tokio runtime around it.
pub fn open(spec: Spec, egress: &Egress, port: Port, sink: Sink) -> Handle {
    let (inputs, mailbox) = mpsc::channel(MAILBOX);
    let now = Instant::now();
    let briefed = spec.briefed.clone();
    let shell = Shell {
        life: Life::new(spec, port, now),
        deadline: now + briefed.model.connect_within,
        briefed,
        egress: egress.clone(),
        line: Line::Idle,
        errands: FuturesUnordered::new(),
        sending: None,
        heard: now,
        ping: now,
        tries: 0,
        reconnections: 0,
        sink,
        returned: None,
    };
    tokio::spawn(shell.run(mailbox));
    Handle { inputs }
}

struct Shell {
    life: Life,
    briefed: Briefed,
    egress: Egress,
    line: Line,
    /// Webhook tools under way.
    errands: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Since when something is on its way.
    sending: Option<Instant>,
    /// When the model was last heard of, and when it is asked again.
    heard: Instant,
    ping: Instant,
    /// Until when it is tried to connect, and how often it was in vain.
    deadline: Instant,
    tries: u32,
    reconnections: u32,
    sink: Sink,
    /// What the call had no room for.
    returned: Option<Event>,
}

/// A webhook tool's slot, and what it answered.
type Done = (u64, Result<String, String>);

enum Line {
    Idle,
    Connecting(BoxFuture<'static, Result<Link, Failed>>),
    Open(Link),
    Closing(BoxFuture<'static, ()>),
}

enum Step {
    Tick,
    Input(Option<Input>),
    Done(Done),
    Connected(Result<Link, Failed>),
    Came(Result<Came, Broken>),
    Left,
}

impl Line {
    fn poll(&mut self, cx: &mut Context<'_>, read: bool, sending: bool) -> Poll<Step> {
        match self {
            Self::Idle => Poll::Pending,
            Self::Connecting(connecting) => connecting.poll_unpin(cx).map(Step::Connected),
            Self::Open(link) => link.poll(cx, read, sending).map(Step::Came),
            Self::Closing(closing) => closing.poll_unpin(cx).map(|()| Step::Left),
        }
    }
}

impl Shell {
    async fn run(mut self, mut mailbox: mpsc::Receiver<Input>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.dial(Instant::now(), Duration::ZERO);
        while self.life.ended().is_none() {
            let (read, sending) = (!self.life.is_full(), self.sending.is_some());
            let line = std::future::poll_fn(|cx| self.line.poll(cx, read, sending));
            let step = tokio::select! {
                biased;
                _ = ticks.tick() => Step::Tick,
                input = mailbox.recv() => Step::Input(input),
                Some(done) = self.errands.next() => Step::Done(done),
                step = line => step,
            };
            self.take(Instant::now(), step);
            self.send();
            self.tell();
            while let Some(errand) = self.life.poll_errand() {
                self.errands.push(run(self.egress.clone(), self.briefed.clone(), errand).boxed());
            }
        }
        self.leave().await;
    }

    fn take(&mut self, now: Instant, step: Step) {
        match step {
            Step::Tick => self.tick(now),
            Step::Input(Some(Input::Answered)) => self.life.handle_answered(now),
            Step::Input(Some(Input::Digit(digit))) => self.life.handle_digit(now, digit),
            Step::Input(Some(Input::Untransferred(why))) => self.life.handle_untransferred(&why),
            Step::Input(None) => self.life.handle_over(),
            Step::Done((slot, answer)) => self.life.handle_result(slot, answer),
            Step::Connected(Ok(link)) => {
                self.line = Line::Open(link);
                (self.heard, self.ping) = (now, now + PING_EVERY);
                self.life.handle_connected(now);
            }
            Step::Connected(Err(failed)) => self.failed(now, failed),
            Step::Came(Ok(came)) => self.came(now, came),
            Step::Came(Err(broken)) => self.broke(now, broken),
            Step::Left => self.line = Line::Idle,
        }
        if self.life.is_leaving()
            && let Line::Open(_) = self.line
            && let Line::Open(link) = std::mem::replace(&mut self.line, Line::Idle)
        {
            self.sending = None;
            self.line = Line::Closing(link.close(1000, "").boxed());
        }
    }

    fn tick(&mut self, now: Instant) {
        self.life.handle_timeout(now, self.sending.is_none());
        let Line::Open(link) = &mut self.line else { return };
        if self.sending.is_some_and(|since| now.duration_since(since) > UNREAD_MAX) {
            return self.life.handle_gone(Why::NotReading, false);
        }
        if self.life.is_full() {
            // Its answers are not read either.
            self.heard = now;
        }
        if now.duration_since(self.heard) > SILENT_MAX {
            return self.life.handle_gone(Why::Unresponsive, false);
        }
        if now >= self.ping && self.sending.is_none() {
            self.ping = now + PING_EVERY;
            match link.ping() {
                Ok(_) => self.sending = Some(now),
                Err(broken) => self.broke(now, broken),
            }
        }
    }

    fn came(&mut self, now: Instant, came: Came) {
        self.heard = now;
        match came {
            Came::Text(text) => self.life.handle_message(now, Incoming::Text(&text)),
            Came::Binary(bytes) => self.life.handle_message(now, Incoming::Binary(&bytes)),
            Came::Pong => {}
            Came::Sent => self.sending = None,
            Came::Closed(code) => self.closed(now, code),
        }
        if self.life.is_expired() {
            self.broke(now, Broken::Lost("the session has reached its longest time".into()));
        }
    }

    fn closed(&mut self, now: Instant, code: Option<u16>) {
        match code {
            // It says that it will be back.
            Some(1001 | 1011..=1014) if self.may_reconnect() => self.reconnect(now),
            // A session that never was is no session that ended well.
            None | Some(1000 | 1001 | 1005) if !self.life.is_ready() => {
                let why = "it closed the connection before the session was ready".to_owned();
                self.life.handle_gone(Why::Failed(why), false);
            }
            None | Some(1000 | 1001 | 1005) => self.life.handle_gone(Why::Closed { code }, true),
            Some(_) => self.life.handle_gone(Why::Closed { code }, false),
        }
    }

    fn broke(&mut self, now: Instant, broken: Broken) {
        match broken {
            Broken::Lost(_) if self.may_reconnect() => self.reconnect(now),
            Broken::Lost(how) => self.life.handle_gone(Why::Lost(how), false),
            Broken::TooLong => self.life.handle_gone(Why::TooLong, false),
            Broken::Protocol(how) => self.life.handle_gone(Why::Protocol(how), false),
        }
    }

    fn failed(&mut self, now: Instant, failed: Failed) {
        self.line = Line::Idle;
        let pause = pause(self.tries);
        match failed {
            Failed::Unreachable(why) if now + pause < self.deadline => {
                debug!(%why, "a model is tried again");
                self.tries += 1;
                self.dial(now, pause);
            }
            Failed::Unreachable(why) => self.life.handle_gone(Why::Unreachable(why), false),
            Failed::Forbidden(error) => self.life.handle_gone(Why::Unreachable(error.to_string()), false),
            Failed::Refused(status) => self.life.handle_gone(Why::Refused(status), false),
        }
    }

    /// Before anybody was heard nothing is lost by trying again; afterwards it is the tenant's choice.
    fn may_reconnect(&self) -> bool {
        self.reconnections < RECONNECTIONS_MAX
            && (!self.life.has_media() || self.briefed.model.reconnect_within.is_some())
    }

    fn reconnect(&mut self, now: Instant) {
        let model = &self.briefed.model;
        let within = if self.life.has_media() { model.reconnect_within } else { None };
        self.deadline = now + within.unwrap_or(model.connect_within);
        self.life.handle_lost();
        self.sending = None;
        self.tries = self.reconnections;
        self.reconnections += 1;
        self.dial(now, pause(self.tries));
    }

    fn dial(&mut self, now: Instant, pause: Duration) {
        let egress = self.egress.clone();
        let (url, key) = driver::door(&self.briefed);
        let headers: Vec<Header> = key
            .map(|(name, value)| Header { name: name.to_owned(), value: Secret::new(value) })
            .into_iter()
            .collect();
        let left = self.deadline.saturating_duration_since(now + pause);
        let connecting = async move {
            sleep(pause).await;
            connect_to(&egress, &url, &headers, left).await
        };
        self.line = Line::Connecting(connecting.boxed());
    }

    /// All messages of one turn leave by one write, once those before have left.
    fn send(&mut self) {
        let Line::Open(link) = &mut self.line else { return };
        if self.sending.is_some() {
            return;
        }
        let mut sent = Ok(());
        while sent.is_ok()
            && let Some(message) = self.life.poll_transmit()
        {
            self.sending.get_or_insert_with(Instant::now);
            sent = link.send(message);
        }
        if let Err(broken) = sent {
            self.broke(Instant::now(), broken);
        }
    }

    fn tell(&mut self) {
        while let Some(event) = self.returned.take().or_else(|| self.life.poll_event()) {
            if let Err(event) = (self.sink)(event) {
                self.returned = Some(event);
                return;
            }
        }
    }

    /// The call hears of the end first; then the model is taken leave of.
    async fn leave(mut self) {
        let until = Instant::now() + LAST_WORD;
        while self.returned.is_some() && Instant::now() < until {
            sleep(TICK).await;
            self.tell();
        }
        if self.returned.is_some() {
            warn!("a call did not take the end of its session");
        }
        match self.line {
            Line::Open(link) => {
                let (code, reason) = farewell(self.life.ended());
                link.close(code, reason).await;
            }
            Line::Closing(closing) => closing.await,
            Line::Idle | Line::Connecting(_) => {}
        }
    }
}

/// Calls a webhook tool, signed as the call's events are. It bounds its own time, and what is read.
async fn run(egress: Egress, briefed: Briefed, errand: Errand) -> Done {
    let Errand { slot, url, deadline, body } = errand;
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let seconds = i64::try_from(unix).unwrap_or(i64::MAX);
    let signed =
        briefed.key.map(|key| face::sign(key.face, key.signing.reveal(), &url, seconds, body.as_bytes()));
    let mut headers = signed.unwrap_or_default();
    headers.push(("content-type", "application/json".to_owned()));
    let answer = match egress.post_within(deadline, &url, &headers, body.into()).await {
        Err(error) => Err(error.to_string()),
        Ok(answer) if !(200..300).contains(&answer.status) => Err(format!("HTTP {}", answer.status)),
        Ok(answer) if answer.body.len() > tools::RESULT_BYTES_MAX => Err("the answer is too long".to_owned()),
        Ok(answer) => String::from_utf8(answer.body.to_vec()).map_err(|_| "the answer is no text".to_owned()),
    };
    (slot, answer)
}
