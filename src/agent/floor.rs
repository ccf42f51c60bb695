//! The floor where people take calls: who is signed in, on which page, with which audio; the desk of each tenant decides, and
//! the floor does what it decided. Calls come in by [`Floor::run`] and hear what becomes of them by one callback.
//!
//! One task owns everything; the handle is cheap. Knows nothing of HTTP, of SIP, or of what a call is.

#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock and spawns")]

mod hall;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::browser::{self, Legs, OpenError};
use super::desk::wire::{About, IceServer, Told};
use super::desk::{Act, Wanted};
pub use super::fate::{Errand, Fate};
use crate::model::{CallId, Outlook, Person, PersonId, Staff, TenantId, Whom};
use hall::Hall;

/// How long people may be away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// A page whose event stream broke may come back within this; then its person takes no more calls.
    pub grace: Duration,
    /// A session's length.
    pub session_max: Duration,
    /// How long a call is kept for somebody who is cut off from it. Zero: not at all.
    pub return_within: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(10),
            session_max: Duration::from_secs(12 * 60 * 60),
            return_within: Duration::from_secs(10),
        }
    }
}

/// Knows people by what they sign in with.
pub trait Roster: Send + Sync + 'static {
    /// Whose token this is.
    fn person(&self, token: &str) -> Option<Person>;

    /// A person as it is now; `None` if there is none of this id any more.
    fn by_id(&self, id: PersonId) -> Option<Person>;
}

/// Why a page's request was without effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// Nobody has this token.
    #[error("the token is not known")]
    Token,
    /// The session is over, or was never.
    #[error("the session is over: sign in again")]
    Session,
    /// Who takes calls must hear and be heard.
    #[error("there is no audio yet")]
    NoAudio,
    /// The person is not talking in this call.
    #[error("the call is not yours, or is over")]
    Call,
    /// The colleague has no time for it.
    #[error("your colleague takes no calls at present")]
    Busy,
    /// No such audio.
    #[error("the audio is gone already")]
    Leg,
    /// Too many people.
    #[error("too many people are signed in")]
    Full,
    /// The floor is closed, or held up.
    #[error("people cannot take calls at present")]
    Closed,
    /// The audio could not be had.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Signed in.
pub struct Entered {
    /// The bearer of what follows.
    pub session: String,
    /// Who it is.
    pub name: String,
}

/// Counted since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Calls that somebody took.
    pub assigned: u64,
    /// Calls for which nobody was free in time.
    pub abandoned: u64,
    /// Calls that were over before anybody took them.
    pub withdrawn: u64,
    /// Calls that went from one person to another.
    pub passed: u64,
    /// Calls that lost their person's audio, and ended of it.
    pub lost: u64,
    /// How often a person came back into a call after its audio was lost.
    pub returned: u64,
    /// People signed in now.
    pub signed_in: usize,
    /// Those of them who wait for a call.
    pub free: usize,
    /// Calls that wait for somebody.
    pub waiting: usize,
}

/// The floor's handle.
#[derive(Clone)]
pub struct Floor {
    commands: mpsc::Sender<Command>,
    legs: Legs,
    roster: Arc<dyn Roster>,
    figures: watch::Receiver<Figures>,
}

/// What waits for the floor; a page's request waits for room, a call's is refused.
const MAILBOX: usize = 1_024;
/// Events that wait for a page; one that does not read them loses its stream, and hears how things stand when it is back.
pub const STREAM: usize = 64;
/// How often it is looked who is away for too long.
const ROUND: Duration = Duration::from_secs(1);

type Reply<T> = oneshot::Sender<Result<T, Refused>>;

enum Command {
    Enter(Box<Person>, Reply<Entered>),
    Page(String, Request),
    Leg(PersonId, u64, browser::Event),
    Want { call: CallId, tenant: TenantId, wanted: Wanted, about: About },
    End(CallId),
    Close,
    Failed(CallId, String, Option<bool>),
    Look(TenantId, Whom, Vec<(CallId, Arc<Staff>)>, oneshot::Sender<Outlook>),
}

/// What a page with a session asks for.
enum Request {
    Exit(Reply<()>),
    Check(Reply<()>),
    Listen(Reply<mpsc::Receiver<Told>>),
    Act(Act, Reply<()>),
    Transfer(CallId, String, Reply<()>),
    Hold(CallId, bool, Reply<()>),
    Object(CallId, Reply<()>),
    Speak(Box<browser::Opened>, Reply<u64>),
    Mute(u64, Reply<()>),
}

impl Floor {
    /// Opens the floor; it closes when its last handle is gone. `tell` says what becomes of calls; it must not block, and
    /// false means that the call is gone.
    pub fn start(
        config: Config,
        legs: Legs,
        roster: Arc<dyn Roster>,
        tell: impl Fn(CallId, Fate) -> bool + Send + 'static,
    ) -> Self {
        let (commands, commanded) = mpsc::channel(MAILBOX);
        let hall = Hall::new(config, Box::new(tell));
        let (counted, figures) = watch::channel(Figures::default());
        let shell = Shell { hall, back: commands.downgrade(), roster: Arc::clone(&roster), counted };
        tokio::spawn(shell.run(commanded));
        Self { commands, legs, roster, figures }
    }

    /// For the pages' own connections.
    pub fn ice_servers(&self) -> &[IceServer] {
        self.legs.ice_servers()
    }

    /// Somebody signs in with its token. Its earlier session ends.
    ///
    /// # Errors
    /// Nobody has this token, or there is no room.
    pub async fn enter(&self, token: &str) -> Result<Entered, Refused> {
        let person = self.roster.person(token).ok_or(Refused::Token)?;
        self.ask(|reply| Command::Enter(Box::new(person), reply)).await
    }

    /// Signs out.
    ///
    /// # Errors
    /// There is no such session.
    pub async fn exit(&self, session: &str) -> Result<(), Refused> {
        self.page(session, Request::Exit).await
    }

    /// Is this a session?
    ///
    /// # Errors
    /// It is none.
    pub async fn check(&self, session: &str) -> Result<(), Refused> {
        self.page(session, Request::Check).await
    }

    /// What the person's page is to show, from now on. An earlier stream of the session is told so, and ends.
    ///
    /// # Errors
    /// There is no such session.
    pub async fn listen(&self, session: &str) -> Result<mpsc::Receiver<Told>, Refused> {
        self.page(session, Request::Listen).await
    }

    /// The person does something.
    ///
    /// # Errors
    /// There is no such session, or no audio to take calls with.
    pub async fn act(&self, session: &str, act: Act) -> Result<(), Refused> {
        self.page(session, |reply| Request::Act(act, reply)).await
    }

    /// The person wants the call it talks in to go elsewhere.
    ///
    /// # Errors
    /// There is no such session, or the call is not its.
    pub async fn transfer(&self, session: &str, call: CallId, to: String) -> Result<(), Refused> {
        self.page(session, |reply| Request::Transfer(call, to, reply)).await
    }

    /// Answers a page's offer of audio. Gives the answer, and the number to end it by. Earlier audio of the session ends.
    ///
    /// # Errors
    /// There is no such session, the offer cannot be answered, or there is no room.
    pub async fn speak(&self, session: &str, offer: &str) -> Result<(String, u64), Refused> {
        self.check(session).await?;
        let mut opened = Box::new(self.legs.open(offer).await?);
        let answer = std::mem::take(&mut opened.answer);
        let number = self.page(session, |reply| Request::Speak(opened, reply)).await?;
        Ok((answer, number))
    }

    /// The person puts the far end of its call on hold, or takes it back.
    ///
    /// # Errors
    /// There is no such session, or the call is not its.
    pub async fn hold(&self, session: &str, call: CallId, on: bool) -> Result<(), Refused> {
        self.page(session, |reply| Request::Hold(call, on, reply)).await
    }

    /// Whoever the person talks with wants no more such calls.
    ///
    /// # Errors
    /// There is no such session, or the call is not its.
    pub async fn object(&self, session: &str, call: CallId) -> Result<(), Refused> {
        self.page(session, |reply| Request::Object(call, reply)).await
    }

    /// Ends a page's audio.
    ///
    /// # Errors
    /// There is no such session, or no such audio.
    pub async fn mute(&self, session: &str, number: u64) -> Result<(), Refused> {
        self.page(session, |reply| Request::Mute(number, reply)).await
    }

    /// A call wants something of the people. False: the floor is closed or overloaded, and nobody will come.
    #[must_use]
    pub fn run(&self, errand: Errand) -> bool {
        let command = match errand {
            Errand::Want { call, tenant, wanted, about } => {
                Command::Want { call, tenant, wanted, about: *about }
            }
            // Its seat being dropped says the same of a call that somebody talks in.
            Errand::End(call) => Command::End(call),
            Errand::Failed { call, why, held } => Command::Failed(call, why, held),
        };
        self.commands.try_send(command).is_ok()
    }

    /// How things stand for another call of a tenant's for these people: `calls` are those that are under way, and whom they are for.
    /// Nothing when the floor is closed.
    pub async fn look(&self, tenant: TenantId, whom: Whom, calls: Vec<(CallId, Arc<Staff>)>) -> Outlook {
        let (tell, told) = oneshot::channel();
        let sent = self.commands.send(Command::Look(tenant, whom, calls, tell)).await;
        if sent.is_err() { Outlook::default() } else { told.await.unwrap_or_default() }
    }

    /// Closes the floor: every page's stream and audio ends.
    pub async fn close(&self) {
        let _ = self.commands.send(Command::Close).await;
        self.legs.drained().await;
    }

    /// What was counted.
    pub fn figures(&self) -> Figures {
        *self.figures.borrow()
    }

    async fn page<T>(&self, session: &str, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Refused> {
        let session = session.to_owned();
        self.ask(|reply| Command::Page(session, request(reply))).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Refused> {
        let (tell, told) = oneshot::channel();
        self.commands.send(command(tell)).await.map_err(|_| Refused::Closed)?;
        told.await.unwrap_or(Err(Refused::Closed))
    }
}

/// What the floor's task has beside the hall.
struct Shell {
    hall: Hall,
    back: mpsc::WeakSender<Command>,
    roster: Arc<dyn Roster>,
    counted: watch::Sender<Figures>,
}

impl Shell {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut round = interval(ROUND);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = self.hall.poll_timeout();
            let timer = async {
                match due {
                    Some(due) => sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Close) | None => return,
                    Some(command) => self.handle(Instant::now(), command),
                },
                () = timer => self.hall.handle_timeout(Instant::now()),
                _ = round.tick() => self.look_round(Instant::now()),
            }
            self.hall.settle(Instant::now());
            self.counted.send_replace(self.hall.figures());
        }
    }

    /// Who may not be here any more leaves, and who serves other queues by now is told of other calls.
    fn look_round(&mut self, now: Instant) {
        for person in self.hall.people() {
            match self.roster.by_id(person) {
                Some(known) => self.hall.know(now, known),
                None => self.hall.turn_out(now, person),
            }
        }
        self.hall.look_round(now);
    }

    fn handle(&mut self, now: Instant, command: Command) {
        let hall = &mut self.hall;
        match command {
            Command::Enter(person, reply) => answer(reply, hall.enter(now, *person)),
            Command::Page(session, request) => match hall.who(&session) {
                Some(person) => serve(hall, now, person, request, &self.back),
                None => request.refuse(Refused::Session),
            },
            Command::Leg(person, number, event) => hall.leg_told(now, person, number, event),
            Command::Want { call, tenant, wanted, about } => hall.want(now, call, tenant, wanted, about),
            Command::End(call) => hall.end(now, call),
            // Closes the shell itself.
            Command::Close => {}
            Command::Failed(call, why, held) => hall.failed(call, why, held),
            Command::Look(tenant, whom, calls, reply) => drop(reply.send(hall.look(tenant, &whom, &calls))),
        }
    }
}

fn serve(
    hall: &mut Hall,
    now: Instant,
    person: PersonId,
    request: Request,
    back: &mpsc::WeakSender<Command>,
) {
    match request {
        Request::Exit(reply) => {
            hall.exit(now, person);
            answer(reply, Ok(()));
        }
        Request::Check(reply) => answer(reply, Ok(())),
        Request::Listen(reply) => answer(reply, Ok(hall.listen(now, person))),
        Request::Act(act, reply) => answer(reply, hall.act(now, person, act)),
        Request::Transfer(call, to, reply) => answer(reply, hall.transfer(now, person, call, to)),
        Request::Hold(call, on, reply) => answer(reply, hall.hold(person, call, on)),
        Request::Object(call, reply) => answer(reply, hall.object(person, call)),
        Request::Speak(opened, reply) => {
            let browser::Opened { leg, events, .. } = *opened;
            let number = hall.speak(now, person, leg);
            tokio::spawn(forward(events, back.clone(), person, number));
            answer(reply, Ok(number));
        }
        Request::Mute(number, reply) => answer(reply, hall.mute(now, person, number)),
    }
}

impl Request {
    fn refuse(self, why: Refused) {
        match self {
            Self::Exit(reply) | Self::Check(reply) => answer(reply, Err(why)),
            Self::Listen(reply) => answer(reply, Err(why)),
            Self::Act(_, reply)
            | Self::Transfer(_, _, reply)
            | Self::Hold(_, _, reply)
            | Self::Object(_, reply)
            | Self::Mute(_, reply) => answer(reply, Err(why)),
            Self::Speak(_, reply) => answer(reply, Err(why)),
        }
    }
}

/// Who asked may have gone away.
fn answer<T>(reply: Reply<T>, with: Result<T, Refused>) {
    let _ = reply.send(with);
}

/// A connection's events, on their way to the floor. The last is always that it is gone.
async fn forward(
    mut events: mpsc::Receiver<browser::Event>,
    back: mpsc::WeakSender<Command>,
    person: PersonId,
    number: u64,
) {
    let mut gone = false;
    while let Some(event) = events.recv().await {
        gone = matches!(event, browser::Event::Gone(..));
        let Some(floor) = back.upgrade() else { return };
        if floor.send(Command::Leg(person, number, event)).await.is_err() {
            return;
        }
    }
    if let Some(floor) = back.upgrade().filter(|_| !gone) {
        let event = browser::Event::Gone(browser::Gone::Lost, browser::Stats::default());
        let _ = floor.send(Command::Leg(person, number, event)).await;
    }
}
