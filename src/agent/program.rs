//! Runs steps, one after the other: those of a document that somebody answered, or those that an operator gives by hand.
//!
//! Sans-IO. It is told what happened (a sound is ready, a clip was heard, a digit came, time is up) and says what is to be
//! done; it knows clips and marks, and nothing of SIP, RTP, HTTP or how text becomes speech. The sound after the one that is
//! heard is asked for beforehand, so that they follow each other without a gap. `gathering` is how it asks: keys, and the
//! callee's turns; `ahead` is what it makes ready beforehand.

mod ahead;
mod gathering;
mod order;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use trunkline_media::Clip;

use crate::model::{Action, Dialled, Gather, GatherEnd, Link, Occasion, Sound, Step};
pub use order::Order;

/// Steps being run.
#[derive(Default)]
pub struct Program {
    tasks: VecDeque<Task>,
    state: State,
    /// What is heard now.
    heard: Option<Arc<Clip>>,
    /// Who is told what came of the dial.
    action: Option<String>,
    /// Digits that are awaited.
    gathering: Option<Gathering>,
    /// The next sound's number.
    next: u32,
    /// The bot that talks next was called.
    summoned: bool,
    /// Nobody has answered, or it is not known who: what is said first may be queued behind the gate, and nothing else is done.
    is_gated: bool,
    /// Each of its steps was wanted for itself: one that cannot be done is no reason to leave the next.
    is_piecemeal: bool,
    /// The callee speaks.
    callee_speaks: bool,
    /// It may interrupt.
    is_interruptible: bool,
    orders: VecDeque<Order>,
}

/// A step, or a part of one.
enum Task {
    Sound {
        number: u32,
        from: Source,
        ready: Ready,
    },
    /// From here on digits are gathered: the prompt follows, and [`Task::Await`].
    Open(Box<Gather>),
    /// The prompt is over.
    Await,
    Step(Step),
}

enum Source {
    Text(Arc<str>),
    Sound(Sound),
}

/// How far a sound is.
enum Ready {
    NotAsked,
    Asked,
    Clip(Arc<Clip>),
    Failed(String),
}

/// What is being gathered.
struct Gathering {
    asked: Box<Gather>,
    digits: String,
    /// The callee speaks, or has spoken, and that is its answer unless it presses a key.
    spoke: bool,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// Nothing: what is given next begins at once.
    #[default]
    Idle,
    /// The first task's sound is not ready.
    Preparing,
    /// This sound is queued or heard.
    Playing(u32),
    /// The end of a pause.
    Pausing,
    /// The next digit or word, or none.
    Awaiting,
    /// The end of what the callee says, who has interrupted.
    Yielding,
    /// Digits leave.
    Sending,
    /// The callee's word on being held, or taken back.
    Holding,
    /// The callee is being put through.
    Transferring,
    /// Somebody who was called, until it is over.
    Dialling,
    /// The next steps.
    Asking,
    /// A bot's hang-up.
    Talking,
    /// Somebody who answers: what is needed then is made ready.
    Waiting,
    /// Nothing: it could not go on.
    Failed,
    /// Nothing more will be done.
    Stopped,
}

impl Program {
    /// Begins anew: what comes of sounds that it had before is nobody's.
    pub fn renew(&mut self) {
        *self = Self { next: self.next, is_piecemeal: self.is_piecemeal, ..Self::default() };
    }

    /// One of steps that are each wanted for themselves, as by hand.
    pub fn piecemeal() -> Self {
        Self { is_piecemeal: true, ..Self::default() }
    }

    /// Begins anew: its first steps are to be asked for.
    pub fn inquire(&mut self) {
        self.renew();
        self.ask(None, Occasion::Answered);
    }

    /// Begins anew, with first steps that are known before anybody answers: what they need is made ready. [`Program::begin`] does them.
    pub fn prepare(&mut self, steps: Vec<Step>) {
        self.renew();
        self.state = State::Waiting;
        self.push(steps);
    }

    /// Begins anew: its first words are queued as soon as they are ready, behind the leg's gate, and leave in the packet after the
    /// verdict. Everything else waits for [`Program::begin`].
    pub fn gate(&mut self, steps: Vec<Step>) {
        self.renew();
        self.is_gated = true;
        self.push(steps);
    }

    /// Somebody has answered.
    pub fn begin(&mut self) {
        self.is_gated = false;
        if self.state == State::Waiting {
            self.advance();
        }
    }

    /// Does it wait for [`Program::begin`]?
    pub fn is_gated(&self) -> bool {
        self.is_gated
    }

    /// Is a sound of its being heard, or to be heard as soon as it can be?
    pub fn is_about_to_speak(&self) -> bool {
        matches!(self.state, State::Preparing | State::Playing(_))
    }

    /// These steps take the place of what is left.
    pub fn load(&mut self, steps: Vec<Step>) {
        if self.state == State::Stopped {
            return;
        }
        self.tasks.clear();
        self.gathering = None;
        self.state = State::Idle;
        self.push(steps);
    }

    /// These steps follow what is left.
    pub fn push(&mut self, steps: Vec<Step>) {
        if self.state == State::Stopped {
            return;
        }
        for step in steps {
            self.append(step);
        }
        match self.state {
            State::Idle | State::Failed => self.advance(),
            _ => self.look_ahead(),
        }
    }

    /// Forgets what is left, and what is heard.
    pub fn interrupt(&mut self) {
        if self.state == State::Stopped {
            return;
        }
        self.tasks.clear();
        self.gathering = None;
        self.state = State::Idle;
        self.orders.push_back(Order::Clear);
    }

    /// Does nothing more.
    pub fn stop(&mut self) {
        self.state = State::Stopped;
        self.tasks.clear();
        self.orders.clear();
        self.gathering = None;
    }

    /// How many steps are left.
    pub fn left(&self) -> usize {
        self.tasks.len()
    }

    /// Is something left to do once whoever talks has gone?
    pub fn has_more(&self) -> bool {
        self.state == State::Talking && !self.tasks.is_empty()
    }

    /// Is it the next steps that it waits for?
    pub fn is_asking(&self) -> bool {
        self.state == State::Asking
    }

    /// Is something being done or awaited?
    pub fn is_busy(&self) -> bool {
        let is_idle = matches!(self.state, State::Idle | State::Waiting | State::Failed | State::Stopped);
        !self.is_gated && !is_idle
    }

    /// A sound is there, or cannot be had.
    pub fn ready(&mut self, sound: u32, clip: Result<Arc<Clip>, String>) {
        let found = self.tasks.iter_mut().find_map(|task| match task {
            Task::Sound { number, ready, .. } if *number == sound => Some(ready),
            _ => None,
        });
        // What was interrupted is not waited for any more.
        let Some(place) = found else { return };
        *place = match clip {
            Ok(clip) => Ready::Clip(clip),
            Err(why) => Ready::Failed(why),
        };
        if self.state == State::Preparing {
            self.advance();
        }
    }

    /// A sound was heard to its end, or cleared.
    pub fn marked(&mut self, mark: u32) {
        if self.state == State::Playing(mark) {
            self.advance();
        }
    }

    /// A sound was cut short, and is to be heard again from its beginning.
    pub fn recall(&mut self, mark: u32) {
        if let (true, Some(clip)) = (self.state == State::Playing(mark), &self.heard) {
            self.orders.push_back(Order::Play { clip: Arc::clone(clip), mark });
        }
    }

    /// The time that was asked for is over.
    pub fn timed_out(&mut self) {
        match self.state {
            State::Pausing | State::Yielding => self.advance(),
            State::Awaiting => self.gathered(self.end_in_time()),
            _ => {}
        }
    }

    /// The digits are out, or could not be sent: either way the next step follows.
    pub fn digits_sent(&mut self) {
        if self.state == State::Sending {
            self.advance();
        }
    }

    /// The callee is held, or taken back, or would not be: either way the next step follows.
    pub fn hold_over(&mut self) {
        if self.state == State::Holding {
            self.advance();
        }
    }

    /// The callee was not put through.
    pub fn untransferred(&mut self) {
        if self.state == State::Transferring {
            self.advance();
        }
    }

    /// Whoever was called has talked, or did not come: who is told says what follows, or the next step does.
    pub fn dialled(&mut self, dialled: Dialled) {
        if self.state != State::Dialling {
            return;
        }
        match self.action.take() {
            Some(url) => self.ask(Some(url.into()), Occasion::Dialled(dialled)),
            None => self.advance(),
        }
    }

    /// The bot has hung up, or was lost; then why.
    pub fn bot_left(&mut self, lost: Option<String>) {
        match (self.state, lost) {
            (State::Talking, None) => self.advance(),
            (State::Talking, Some(why)) => self.fail(why),
            // It was summoned, and its turn has not come.
            (_, Some(why)) if self.tasks.iter().any(|task| matches!(task, Task::Step(Step::Connect(_)))) => {
                self.fail(why);
            }
            _ => {}
        }
    }

    /// What follows could not be had: nothing of what is left is done.
    pub fn fail(&mut self, why: String) {
        if self.state != State::Stopped {
            self.tasks.clear();
            self.gathering = None;
            self.state = State::Failed;
            self.orders.push_back(Order::Fail(why));
        }
    }

    /// The next thing to do.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    fn append(&mut self, step: Step) {
        let sound = |program: &mut Self, from| {
            let number = program.next;
            program.next = program.next.wrapping_add(1) & MARK_MAX;
            program.tasks.push_back(Task::Sound { number, from, ready: Ready::NotAsked });
        };
        match step {
            Step::Say(text) => sound(self, Source::Text(text)),
            Step::Play(from) => sound(self, Source::Sound(from)),
            Step::Gather(mut gather) => {
                let prompt = std::mem::take(&mut gather.prompt);
                self.tasks.push_back(Task::Open(gather));
                // A gathering within a prompt would be one of the same digits.
                for step in prompt.into_iter().filter(|step| !matches!(step, Step::Gather(_))) {
                    self.append(step);
                }
                self.tasks.push_back(Task::Await);
            }
            step => self.tasks.push_back(Task::Step(step)),
        }
    }

    /// Does the next steps, up to one that has to be waited for.
    fn advance(&mut self) {
        self.heard = None;
        self.state = State::Idle;
        while self.state == State::Idle {
            if self.is_gated && !self.is_for_the_gate() {
                self.state = State::Waiting;
                break;
            }
            let Some(task) = self.tasks.pop_front() else {
                return self.orders.push_back(Order::Done);
            };
            match task {
                Task::Sound { number, from, ready } => self.sound(number, from, ready),
                Task::Open(asked) => self.open(asked),
                Task::Await => self.await_answer(),
                Task::Step(step) => self.step(step),
            }
        }
        self.look_ahead();
    }

    /// May the next task be done before anybody has answered?
    fn is_for_the_gate(&self) -> bool {
        let next = self.tasks.front();
        next.is_some_and(|task| {
            matches!(task, Task::Sound { .. } | Task::Open(_) | Task::Step(Step::BargeIn(_)))
        })
    }

    fn sound(&mut self, number: u32, from: Source, ready: Ready) {
        match ready {
            Ready::Clip(clip) => {
                self.heard = Some(Arc::clone(&clip));
                self.orders.push_back(Order::Play { clip, mark: number });
                self.state = State::Playing(number);
            }
            Ready::Failed(why) if self.is_piecemeal => self.orders.push_back(Order::Fail(why)),
            Ready::Failed(why) => self.fail(why),
            ready @ (Ready::NotAsked | Ready::Asked) => {
                self.tasks.push_front(Task::Sound { number, from, ready });
                self.state = State::Preparing;
            }
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Pause(time) => self.wait(State::Pausing, time),
            Step::SendDigits(digits) => {
                self.state = State::Sending;
                self.orders.push_back(Order::SendDigits(digits));
            }
            Step::Transfer(to) => {
                self.state = State::Transferring;
                self.orders.push_back(Order::Transfer(to));
            }
            Step::Dial(dial) => {
                self.state = State::Dialling;
                self.action.clone_from(&dial.action);
                self.orders.push_back(Order::Dial(dial));
            }
            Step::Redirect(link) => self.ask(Some(link), Occasion::Redirected),
            Step::Connect(bot) => {
                self.state = State::Talking;
                self.summoned = false;
                self.orders.push_back(Order::Connect(bot));
            }
            Step::Hangup => {
                // What was ordered before it is still done.
                self.tasks.clear();
                self.state = State::Stopped;
                self.orders.push_back(Order::Hangup);
            }
            Step::BargeIn(on) => {
                self.is_interruptible = on;
                self.orders.push_back(Order::BargeIn(on));
            }
            Step::Hold => self.hold(true),
            Step::Resume => self.hold(false),
            Step::Mute(side) => self.orders.push_back(Order::Mute(side, true)),
            Step::Unmute(side) => self.orders.push_back(Order::Mute(side, false)),
            Step::StartRecording => self.orders.push_back(Order::Record(true)),
            Step::StopRecording => self.orders.push_back(Order::Record(false)),
            Step::StartStream(listener) => self.orders.push_back(Order::StartStream(listener)),
            Step::StopStream => self.orders.push_back(Order::StopStream),
            Step::DoNotCall => self.orders.push_back(Order::DoNotCall),
            // What is done by hand alone is given to the call itself, and no face reads it from a document.
            Step::HandOver(_) | Step::CompleteTransfer | Step::CancelTransfer | Step::Follow(_) => {}
            Step::Say(_) | Step::Play(_) | Step::Gather(_) => {
                unreachable!("these were taken apart when they were given")
            }
        }
    }

    fn wait(&mut self, state: State, time: Duration) {
        self.state = state;
        self.orders.push_back(Order::Wait(time));
    }

    fn hold(&mut self, on: bool) {
        self.state = State::Holding;
        self.orders.push_back(Order::Hold(on));
    }

    fn ask(&mut self, link: Option<Link>, occasion: Occasion) {
        self.state = State::Asking;
        self.orders.push_back(Order::Ask { link, occasion });
    }
}

/// Marks are told apart from other ones by what lies above.
const MARK_MAX: u32 = (1 << 24) - 1;

#[cfg(test)]
mod tests;
