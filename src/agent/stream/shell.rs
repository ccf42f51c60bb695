//! The shell of a stream: one task with its connection, its mailbox and the clock. It ticks, feeds, drains and sends; what is
//! decided here is when to connect again and how long to wait for a bot that does not answer.
#![expect(clippy::disallowed_methods, reason = "a shell reads the clock and starts tasks")]

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{debug, warn};
use trunkline_media::Port;

use super::connect::{Failed, connect};
use super::life::{Event, Incoming, Life, Why};
use super::link::{Broken, Came, Link};
use super::manners::{
    LAST_WORD, MAILBOX, MAILBOX_KEPT, PING_EVERY, RECONNECTIONS_MAX, SILENT_MAX, TICK, UNREAD_MAX, farewell,
    pause,
};
use super::spec::{Spec, SpecError};
use crate::egress::Egress;

/// Where a stream's events go. What it gives back is offered again, 20 ms later.
pub type Sink = Box<dyn FnMut(Event) -> Result<(), Event> + Send>;

enum Input {
    Answered,
    Digit(char, Duration),
}

/// The call's end of its stream. Dropping it tells the bot that the call is over.
#[derive(Debug)]
pub struct Handle {
    inputs: mpsc::Sender<Input>,
}

impl Handle {
    /// The callee has answered. False: the stream has ended.
    pub fn answered(&self) -> bool {
        self.inputs.try_send(Input::Answered).is_ok()
    }

    /// The callee has pressed a key. False: too much waits, or the stream has ended; the digit is dropped.
    pub fn digit(&self, digit: char, held: Duration) -> bool {
        self.inputs.capacity() > MAILBOX_KEPT && self.inputs.try_send(Input::Digit(digit, held)).is_ok()
    }
}

/// Opens a stream: from now on its bot is dialled. Needs a tokio runtime around it.
pub fn open(spec: Spec, egress: &Egress, port: Port, sink: Sink) -> Result<Handle, SpecError> {
    spec.check()?;
    let (inputs, mailbox) = mpsc::channel(MAILBOX);
    let now = Instant::now();
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let shell = Shell {
        life: Life::new(&spec, port, now, unix),
        deadline: now + spec.connect_within,
        spec: Arc::new(spec),
        egress: egress.clone(),
        line: Line::Idle,
        sending: None,
        heard: now,
        ping: now,
        tries: 0,
        reconnections: 0,
        sink,
        returned: None,
    };
    tokio::spawn(shell.run(mailbox));
    Ok(Handle { inputs })
}

struct Shell {
    life: Life,
    spec: Arc<Spec>,
    egress: Egress,
    line: Line,
    /// Since when something is on its way.
    sending: Option<Instant>,
    /// When the bot was last heard of, and when it is asked again.
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

enum Line {
    Idle,
    Connecting(BoxFuture<'static, Result<Link, Failed>>),
    Open(Link),
    Closing(BoxFuture<'static, ()>),
}

enum Step {
    Tick,
    Input(Option<Input>),
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
                step = line => step,
            };
            self.take(Instant::now(), step);
            self.send();
            self.tell();
        }
        self.leave().await;
    }

    fn take(&mut self, now: Instant, step: Step) {
        match step {
            Step::Tick => self.tick(now),
            Step::Input(Some(Input::Answered)) => self.life.handle_answered(),
            Step::Input(Some(Input::Digit(digit, held))) => self.life.handle_digit(now, digit, held),
            Step::Input(None) => self.life.handle_over(),
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
                Ok(true) => self.sending = Some(now),
                // Whoever cannot be asked is not missed: TCP's own probes find out.
                Ok(false) => self.heard = now,
                Err(broken) => self.broke(now, broken),
            }
        }
    }

    fn came(&mut self, now: Instant, came: Came) {
        self.heard = now;
        match came {
            Came::Text(text) => self.life.handle_message(Incoming::Text(&text)),
            Came::Binary(bytes) => self.life.handle_message(Incoming::Binary(&bytes)),
            Came::Pong => {}
            Came::Sent => self.sending = None,
            Came::Closed(code) => match code {
                // It says that it will be back.
                Some(1001 | 1011..=1014) if self.may_reconnect() => self.reconnect(now),
                None | Some(1000 | 1001 | 1005) => self.life.handle_gone(Why::Closed { code }, true),
                Some(_) => self.life.handle_gone(Why::Closed { code }, false),
            },
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
                debug!(%why, "a bot is tried again");
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
            && (!self.life.has_media() || self.spec.reconnect_within.is_some())
    }

    fn reconnect(&mut self, now: Instant) {
        let within = if self.life.has_media() { self.spec.reconnect_within } else { None };
        self.deadline = now + within.unwrap_or(self.spec.connect_within);
        self.life.handle_lost();
        self.sending = None;
        self.tries = self.reconnections;
        self.reconnections += 1;
        self.dial(now, pause(self.tries));
    }

    fn dial(&mut self, now: Instant, pause: Duration) {
        let (egress, spec) = (self.egress.clone(), Arc::clone(&self.spec));
        let left = self.deadline.saturating_duration_since(now + pause);
        let connecting = async move {
            sleep(pause).await;
            connect(&egress, &spec, left).await
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

    /// The call hears of the end first; then the bot is taken leave of.
    async fn leave(mut self) {
        let until = Instant::now() + LAST_WORD;
        while self.returned.is_some() && Instant::now() < until {
            sleep(TICK).await;
            self.tell();
        }
        if self.returned.is_some() {
            warn!("a call did not take the end of its stream");
        }
        match self.line {
            Line::Open(mut link) => {
                while let Some(message) = self.life.poll_transmit() {
                    if link.send(message).is_err() {
                        return;
                    }
                }
                let (code, reason) = farewell(self.life.ended());
                link.close(code, reason).await;
            }
            Line::Closing(closing) => closing.await,
            Line::Idle | Line::Connecting(_) => {}
        }
    }
}
