//! What a program has made ready before its time comes: the sound after the one that is heard, the bot that talks next.

use std::sync::Arc;

use super::{Order, Program, Ready, Source, State, Step, Task};

impl Program {
    /// The next thing to do beforehand, while something else is said.
    pub fn poll_beforehand(&mut self) -> Option<Order> {
        let is_so = |order: &mut Order| {
            matches!(order, Order::Render { .. } | Order::Fetch { .. } | Order::BargeIn(_))
        };
        self.orders.pop_front_if(is_so)
    }

    /// Asks for what comes next and takes time to be there, if nobody has: a sound, a bot.
    pub(super) fn look_ahead(&mut self) {
        self.summon();
        let next = self.tasks.iter_mut().find_map(|task| match task {
            Task::Sound { number, from, ready } => Some((*number, from, ready)),
            _ => None,
        });
        let Some((sound, from, ready @ Ready::NotAsked)) = next else { return };
        *ready = Ready::Asked;
        self.orders.push_back(match from {
            Source::Text(text) => Order::Render { sound, text: Arc::clone(text) },
            Source::Sound(from) => Order::Fetch { sound, from: from.clone() },
        });
    }

    /// Calls the bot that talks next, once the steps before it are all that is left.
    fn summon(&mut self) {
        // Whoever talks now has the place.
        if self.state == State::Talking {
            return;
        }
        let next = self.tasks.iter().find_map(|task| match task {
            Task::Step(Step::Connect(bot)) => Some(Some(bot)),
            // Whatever asks somebody else may never come back to this document.
            Task::Await
            | Task::Step(Step::Redirect(_) | Step::Transfer(_) | Step::Dial(_) | Step::Hangup) => Some(None),
            _ => None,
        });
        if let Some(Some(bot)) = next
            && !self.summoned
        {
            self.summoned = true;
            self.orders.push_back(Order::Summon(Arc::clone(bot)));
        }
    }
}
