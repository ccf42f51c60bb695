//! The shell of whoever talks from afar: one task with its connection, its mailbox, its errands and the clock. It ticks, feeds,
//! drains and sends; what is decided here is when to connect again and how long to wait for somebody who does not answer.
#![expect(clippy::disallowed_methods, reason = "a shell reads the clock and starts tasks")]

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::{Sleep, sleep, sleep_until};
use tracing::{debug, warn};

use super::beat::Beat;
use super::connect::Failed;
use super::core::Core;
use super::event::{Event, Why};
use super::lanes::Lanes;
use super::link::Link;
use super::manners::{LAST_WORD, MAILBOX, MAILBOX_KEPT, RECONNECTIONS_MAX, TICK, farewell, pause};
use super::source::Source;
use super::vigil::{Sign, Vigil};
use super::wire::{Broken, Came};

/// Where events go. What it gives back is offered again, 20 ms later.
pub type Sink = Box<dyn FnMut(Event) -> Result<(), Event> + Send>;

/// Who does a life's errands.
pub type Runner<C> = Box<dyn Fn(<C as Core>::Errand) -> BoxFuture<'static, <C as Core>::Input> + Send>;

/// How long somebody may take to be there.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// At first, all tries together.
    pub connect_within: Duration,
    /// Once more, when he is lost after he has been heard or has heard something; none is not at all.
    pub reconnect_within: Option<Duration>,
}

/// The call's end. Dropping it tells whoever it is that the call is over.
#[derive(Debug)]
pub struct Inputs<I>(mpsc::Sender<I>);

impl<I> Inputs<I> {
    /// Says something that must arrive. False: it has ended, or does not listen.
    pub fn say(&self, input: I) -> bool {
        self.0.try_send(input).is_ok()
    }

    /// Says something that may be dropped. False: it was, because too much waits, or it has ended.
    pub fn mention(&self, input: I) -> bool {
        self.0.capacity() > MAILBOX_KEPT && self.say(input)
    }
}

/// Lives a life on one of these lanes: from now on it is connected.
pub fn live<C: Core>(
    core: C,
    source: Source,
    patience: Patience,
    runner: Runner<C>,
    sink: Sink,
    lanes: &Lanes,
) -> Inputs<C::Input> {
    let (inputs, mailbox) = mpsc::channel(MAILBOX);
    let now = Instant::now();
    let shell = Shell {
        core,
        source,
        patience,
        runner,
        errands: FuturesUnordered::new(),
        line: Line::Idle,
        vigil: Vigil::new(now),
        beat: Beat::new(now),
        deadline: now + patience.connect_within,
        tries: 0,
        reconnections: 0,
        sink,
        returned: None,
    };
    lanes.carry(shell.run(mailbox));
    Inputs(inputs)
}

struct Shell<C: Core> {
    core: C,
    source: Source,
    patience: Patience,
    runner: Runner<C>,
    /// Errands under way. The core bounds their number. They outlive it.
    errands: FuturesUnordered<BoxFuture<'static, C::Input>>,
    line: Line,
    vigil: Vigil,
    beat: Beat,
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

enum Step<I> {
    Tick,
    /// None: the call is over.
    Input(Option<I>),
    Connected(Result<Link, Failed>),
    Came(Result<Came, Broken>),
    Left,
}

impl Line {
    fn poll<I>(&mut self, cx: &mut Context<'_>, read: bool, sending: bool) -> Poll<Step<I>> {
        match self {
            Self::Idle => Poll::Pending,
            Self::Connecting(connecting) => connecting.poll_unpin(cx).map(Step::Connected),
            Self::Open(link) => link.poll(cx, read, sending).map(Step::Came),
            Self::Closing(closing) => closing.poll_unpin(cx).map(|()| Step::Left),
        }
    }
}

impl<C: Core> Shell<C> {
    async fn run(mut self, mut mailbox: mpsc::Receiver<C::Input>) {
        self.connect(Instant::now(), Duration::ZERO);
        {
            let mut alarm = pin!(sleep_until(self.beat.next().into()));
            std::future::poll_fn(|cx| self.turn(cx, alarm.as_mut(), &mut mailbox)).await;
        }
        let mut errands = std::mem::take(&mut self.errands);
        // What was asked for is done, though nobody waits for the answers: each errand bounds its own time.
        let finish = async { while errands.next().await.is_some() {} };
        tokio::join!(self.leave(), finish);
    }

    /// Takes whatever there is. Hundreds of these wake some fifty times a second: each source is asked once a turn, not after every
    /// step, the mailbox once a tick, and what a tick has to say leaves in the same turn.
    fn turn(
        &mut self,
        cx: &mut Context<'_>,
        mut alarm: Pin<&mut Sleep>,
        mailbox: &mut mpsc::Receiver<C::Input>,
    ) -> Poll<()> {
        let now = Instant::now();
        let is_due = self.beat.take(now);
        if is_due {
            self.tick_with(mailbox);
        }
        self.attend(cx);
        let is_near = self.beat.take_early(now);
        if is_near {
            self.tick_with(mailbox);
            self.attend(cx);
        }
        if !self.is_alive() {
            return Poll::Ready(());
        }
        // What has moved the next tick since is a waking at most, and by less than it may come early.
        if is_due || is_near {
            alarm.as_mut().reset(self.beat.next().into());
        }
        if alarm.poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn tick_with(&mut self, mailbox: &mut mpsc::Receiver<C::Input>) {
        if self.is_alive() {
            self.take(Step::Tick);
            self.look_into(mailbox);
        }
    }

    /// Errands and the connection, until nothing of theirs is left.
    fn attend(&mut self, cx: &mut Context<'_>) {
        while self.is_alive() {
            let step = match self.poll_errands(cx) {
                Poll::Ready(done) => Poll::Ready(Step::Input(Some(done))),
                Poll::Pending => self.line.poll(cx, !self.core.is_full(), self.vigil.is_sending()),
            };
            match step {
                Poll::Ready(step) => self.take(step),
                Poll::Pending => return,
            }
        }
    }

    /// It is never waited for: a tick is soon enough.
    fn look_into(&mut self, mailbox: &mut mpsc::Receiver<C::Input>) {
        while self.is_alive() {
            match mailbox.try_recv() {
                Ok(input) => self.take(Step::Input(Some(input))),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => self.take(Step::Input(None)),
            }
        }
    }

    fn is_alive(&self) -> bool {
        self.core.ended().is_none()
    }

    fn poll_errands(&mut self, cx: &mut Context<'_>) -> Poll<C::Input> {
        if self.errands.is_empty() {
            return Poll::Pending;
        }
        match self.errands.poll_next_unpin(cx) {
            Poll::Ready(Some(done)) => Poll::Ready(done),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn take(&mut self, step: Step<C::Input>) {
        self.feed(Instant::now(), step);
        self.send();
        self.tell();
        while let Some(errand) = self.core.poll_errand() {
            self.errands.push((self.runner)(errand));
        }
    }

    fn feed(&mut self, now: Instant, step: Step<C::Input>) {
        match step {
            Step::Tick => self.tick(now),
            Step::Input(Some(input)) => self.core.handle_input(now, input),
            Step::Input(None) => self.core.handle_over(),
            Step::Connected(Ok(link)) => {
                self.line = Line::Open(link);
                self.vigil = Vigil::new(now);
                self.core.handle_connected(now);
            }
            Step::Connected(Err(failed)) => self.failed(now, failed),
            Step::Came(Ok(came)) => self.came(now, came),
            Step::Came(Err(broken)) => self.broke(now, broken),
            Step::Left => self.line = Line::Idle,
        }
        if self.core.is_leaving()
            && let Line::Open(_) = self.line
            && let Line::Open(link) = std::mem::replace(&mut self.line, Line::Idle)
        {
            self.vigil.sent();
            self.line = Line::Closing(link.close(1000, "").boxed());
        }
    }

    fn tick(&mut self, now: Instant) {
        self.core.handle_timeout(now, !self.vigil.is_sending());
        let Line::Open(link) = &mut self.line else { return };
        match self.vigil.look(now, !self.core.is_full()) {
            Sign::Well => {}
            Sign::Ask if link.ping() => self.vigil.sends(now),
            // Whoever cannot be asked is not missed: TCP's own probes find out.
            Sign::Ask => self.vigil.heard(now),
            Sign::Unresponsive => self.core.handle_gone(Why::Unresponsive, false),
            Sign::NotReading => self.core.handle_gone(Why::NotReading, false),
        }
    }

    fn came(&mut self, now: Instant, came: Came) {
        if !matches!(came, Came::Sent) {
            self.vigil.heard(now);
        }
        match came {
            Came::Message => {
                self.beat.follow(now);
                let Line::Open(link) = &self.line else { return };
                match link.message() {
                    Ok(message) => self.core.handle_message(now, message),
                    Err(broken) => self.broke(now, broken),
                }
            }
            Came::Pong => {}
            Came::Sent => self.vigil.sent(),
            // It says that it will be back.
            Came::Closed(Some(1001 | 1011..=1014)) if self.may_reconnect() => self.reconnect(now),
            Came::Closed(code @ (None | Some(1000 | 1001 | 1005))) => self.core.handle_closed(code),
            Came::Closed(code) => self.core.handle_gone(Why::Closed { code }, false),
        }
        if self.core.is_expired() {
            self.broke(now, Broken::Lost("the session has reached its longest time".into()));
        }
    }

    fn broke(&mut self, now: Instant, broken: Broken) {
        match broken {
            Broken::Lost(_) if self.may_reconnect() => self.reconnect(now),
            Broken::Lost(how) => self.core.handle_gone(Why::Lost(how), false),
            Broken::TooLong => self.core.handle_gone(Why::TooLong, false),
            Broken::Protocol(how) => self.core.handle_gone(Why::Protocol(how), false),
        }
    }

    fn failed(&mut self, now: Instant, failed: Failed) {
        self.line = Line::Idle;
        let pause = pause(self.tries);
        match failed {
            Failed::Unreachable(why) if now + pause < self.deadline => {
                debug!(%why, "a connection is tried again");
                self.tries += 1;
                self.connect(now, pause);
            }
            Failed::Unreachable(why) => self.core.handle_gone(Why::Unreachable(why), false),
            Failed::Forbidden(error) => self.core.handle_gone(Why::Unreachable(error.to_string()), false),
            Failed::Refused(status) => self.core.handle_gone(Why::Refused(status), false),
        }
    }

    /// Before anybody was heard nothing is lost by trying again; afterwards it is the tenant's choice.
    fn may_reconnect(&self) -> bool {
        self.core.wants_back()
            && self.reconnections < RECONNECTIONS_MAX
            && (!self.core.has_media() || self.patience.reconnect_within.is_some())
    }

    fn reconnect(&mut self, now: Instant) {
        let within = if self.core.has_media() { self.patience.reconnect_within } else { None };
        self.deadline = now + within.unwrap_or(self.patience.connect_within);
        self.core.handle_lost();
        self.vigil.sent();
        self.tries = self.reconnections;
        self.reconnections += 1;
        self.connect(now, pause(self.tries));
    }

    fn connect(&mut self, now: Instant, pause: Duration) {
        let left = self.deadline.saturating_duration_since(now + pause);
        self.line = Line::Connecting(self.source.link(pause, left).boxed());
    }

    /// All messages of one turn leave by one write, once those before have left.
    fn send(&mut self) {
        let Line::Open(link) = &mut self.line else { return };
        if self.vigil.is_sending() {
            return;
        }
        let mut sent = Ok(());
        while sent.is_ok()
            && let Some(message) = self.core.poll_transmit()
        {
            self.vigil.sends(Instant::now());
            sent = link.send(&message);
        }
        if let Err(broken) = sent {
            self.broke(Instant::now(), broken);
        }
    }

    fn tell(&mut self) {
        while let Some(event) = self.returned.take().or_else(|| self.core.poll_event()) {
            if let Err(event) = (self.sink)(event) {
                self.returned = Some(event);
                return;
            }
        }
    }

    /// The call hears of the end first; then leave is taken of whoever it is, who gets what was meant for him.
    async fn leave(mut self) {
        let until = Instant::now() + LAST_WORD;
        while self.returned.is_some() && Instant::now() < until {
            sleep(TICK).await;
            self.tell();
        }
        if self.returned.is_some() {
            warn!("a call did not take the end of whoever talked in it");
        }
        match self.line {
            Line::Open(mut link) => {
                while let Some(message) = self.core.poll_transmit() {
                    if link.send(&message).is_err() {
                        return;
                    }
                }
                let (code, reason) = farewell(self.core.ended());
                link.close(code, reason).await;
            }
            Line::Closing(closing) => closing.await,
            Line::Idle | Line::Connecting(_) => {}
        }
    }
}
