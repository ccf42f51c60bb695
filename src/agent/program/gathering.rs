//! How a program asks: it awaits keys, or the end of the callee's turn, and yields to a callee who interrupts.

use std::time::Duration;

use super::{Action, Gather, GatherEnd, Gathering, Order, Program, State, Step, Task};
use crate::model::{Occasion, Turn};

/// Who interrupts is heard out, and no longer than this: then what is left is said all the same.
const HEARD_OUT_MAX: Duration = Duration::from_secs(60);

impl Gathering {
    /// The callee's turn, if it would be an answer now: its first digit rules it out.
    fn turn(&self) -> Option<Turn> {
        self.asked.turn.filter(|_| self.digits.is_empty())
    }
}

impl Program {
    /// The callee pressed a key.
    pub fn pressed(&mut self, digit: char) {
        if self.gathering.is_none() {
            self.type_ahead();
        }
        let Some(Gathering { asked, digits, .. }) = &mut self.gathering else { return };
        // What was not asked yet cannot be answered.
        if self.is_gated || asked.digits_max == 0 {
            return;
        }
        if asked.finish_on == Some(digit) {
            return self.gathered(GatherEnd::FinishKey);
        }
        digits.push(digit);
        if digits.len() >= asked.digits_max {
            return self.gathered(GatherEnd::Complete);
        }
        let timeout = asked.timeout;
        self.skip_prompt();
        self.wait(State::Awaiting, timeout);
    }

    /// A key that is pressed while something is said that may be cut short belongs to the question for keys that comes next: whoever
    /// knows the menu does not wait for it.
    fn type_ahead(&mut self) {
        let is_speaking =
            matches!(self.state, State::Preparing | State::Playing(_) | State::Pausing | State::Yielding);
        if self.is_gated || !self.is_interruptible || !is_speaking {
            return;
        }
        let heard = self.tasks.iter().take_while(|task| is_passed_over(task)).count();
        // A question may be one that no word interrupts.
        let own = matches!(self.tasks.get(heard), Some(Task::Step(Step::BargeIn(false))));
        let asked = heard + usize::from(own);
        if !matches!(self.tasks.get(asked), Some(Task::Open(asked)) if asked.digits_max > 0) {
            return;
        }
        for task in self.tasks.drain(..asked).collect::<Vec<_>>() {
            if let Task::Step(step @ Step::BargeIn(_)) = task {
                self.step(step);
            }
        }
        if let Some(Task::Open(asked)) = self.tasks.pop_front() {
            self.open(asked);
        }
    }

    /// The callee begins to speak.
    pub fn callee_speaks(&mut self) {
        self.callee_speaks = true;
        if self.state == State::Awaiting {
            self.hear_out();
        }
    }

    /// It pauses; its turn may be over soon.
    pub fn callee_pauses(&mut self) {
        self.callee_speaks = false;
    }

    /// It has spoken and is silent again.
    pub fn turn_ended(&mut self) {
        match self.state {
            State::Yielding => self.advance(),
            State::Awaiting if self.end_in_time() == GatherEnd::Speech => self.gathered(GatherEnd::Speech),
            _ => {}
        }
    }

    /// Silence that ends the callee's turn, if what is asked now says so.
    pub fn turn_silence(&self) -> Option<Duration> {
        Some(self.gathering.as_ref()?.turn()?.silence)
    }

    /// The callee has cut this sound short by speaking. The rest of what was to be said goes with it, up to what must be heard
    /// whoever speaks; then it is heard out, and if what follows awaits its turn anyway, this is it. `false`: nothing of ours
    /// was cut short.
    pub fn barged(&mut self, mark: u32) -> bool {
        if self.state != State::Playing(mark) {
            return false;
        }
        self.heard = None;
        while let Some(task) = self.tasks.pop_front_if(|task| is_passed_over(task)) {
            if let Task::Step(step @ Step::BargeIn(_)) = task {
                self.step(step);
            }
        }
        if let Some(Task::Open(asked)) = self.tasks.pop_front_if(|task| awaits_speech(task)) {
            self.open(asked);
            while self.tasks.pop_front_if(|task| !matches!(task, Task::Await)).is_some() {}
        }
        let is_its_turn = self.gathering.as_ref().is_some_and(|gathering| gathering.turn().is_some());
        if is_its_turn && self.tasks.pop_front_if(|task| matches!(task, Task::Await)).is_some() {
            self.state = State::Awaiting;
            self.hear_out();
        } else {
            self.wait(State::Yielding, HEARD_OUT_MAX);
        }
        self.look_ahead();
        true
    }

    /// From here on keys count.
    pub(super) fn open(&mut self, asked: Box<Gather>) {
        self.gathering = Some(Gathering { asked, digits: String::new(), spoke: false });
    }

    /// The prompt is over. Who speaks already is not waited for.
    pub(super) fn await_answer(&mut self) {
        let timeout = self.gathering.as_ref().map_or(Duration::ZERO, |gathering| gathering.asked.timeout);
        self.wait(State::Awaiting, timeout);
        if self.callee_speaks {
            self.hear_out();
        }
    }

    /// What it would mean that no more time is left.
    pub(super) fn end_in_time(&self) -> GatherEnd {
        let spoke = self.gathering.as_ref().is_some_and(|one| one.spoke && one.turn().is_some());
        if spoke { GatherEnd::Speech } else { GatherEnd::Timeout }
    }

    /// No more is awaited.
    pub(super) fn gathered(&mut self, end: GatherEnd) {
        self.skip_prompt();
        let Some(Gathering { asked, digits, .. }) = self.gathering.take() else { return };
        let is_told = asked.ask_if_empty || !digits.is_empty();
        match asked.action {
            Some(Action::Ask(link)) if is_told => self.ask(Some(link), Occasion::Gathered { digits, end }),
            Some(Action::Tell) => {
                self.state = State::Asking;
                self.orders.push_back(Order::Tell(Occasion::Gathered { digits, end }));
            }
            _ => self.advance(),
        }
    }

    /// The callee's words are its answer, if they may be one.
    fn hear_out(&mut self) {
        let Some(gathering) = &mut self.gathering else { return };
        let Some(turn) = gathering.turn() else { return };
        gathering.spoke = true;
        self.orders.push_back(Order::Wait(turn.longest));
    }

    /// A digit came before the prompt was over.
    fn skip_prompt(&mut self) {
        if self.state == State::Awaiting {
            return;
        }
        while let Some(task) = self.tasks.pop_front() {
            if matches!(task, Task::Await) {
                break;
            }
        }
        self.orders.push_back(Order::Clear);
    }
}

/// What somebody who interrupts need not hear.
fn is_passed_over(task: &Task) -> bool {
    matches!(task, Task::Sound { .. } | Task::Step(Step::Pause(_) | Step::BargeIn(true)))
}

/// Is somebody asked here whose words are an answer?
fn awaits_speech(task: &Task) -> bool {
    matches!(task, Task::Open(asked) if asked.turn.is_some())
}
