//! Who is to be told when what was said has been heard. Marks are told in the order in which they were set, whatever became
//! of them.

use std::collections::VecDeque;

use trunkline_media::port::Marked;

/// Marks that wait at once. With more the socket is not read.
pub(super) const MARKS_MAX: usize = 512;

/// The marks of a stream that nobody was told of yet.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pending: VecDeque<Pending>,
    next: u32,
}

#[derive(Debug)]
struct Pending {
    number: u32,
    label: String,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the backlog.
    Waiting,
    /// The port has it, or had.
    Reached { cleared: bool },
}

impl Marks {
    /// Sets a mark with the label by which the bot knows it. Its number is the port's.
    pub fn set(&mut self, label: String) -> u32 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.pending.push_back(Pending { number, label, state: State::Waiting });
        number
    }

    pub fn is_full(&self) -> bool {
        self.pending.len() >= MARKS_MAX
    }

    /// The port tells what became of one. Those before it became the same, if the port lost count of them.
    pub fn came_back(&mut self, marked: Marked) {
        let Some(place) = self.pending.iter().position(|pending| pending.number == marked.mark) else {
            return;
        };
        for pending in self.pending.range_mut(..=place).filter(|pending| pending.state == State::Waiting) {
            pending.state = State::Reached { cleared: marked.cleared };
        }
    }

    /// Those from this number on will not reach the port any more.
    pub fn cleared_from(&mut self, number: u32) {
        let waiting = |pending: &&mut Pending| {
            pending.state == State::Waiting && pending.number.wrapping_sub(number) < u32::MAX / 2
        };
        for pending in self.pending.iter_mut().filter(waiting) {
            pending.state = State::Reached { cleared: true };
        }
    }

    /// All of them: nobody waits for them.
    pub fn cleared(&mut self) {
        for pending in &mut self.pending {
            if pending.state == State::Waiting {
                pending.state = State::Reached { cleared: true };
            }
        }
    }

    /// Forgets them: the bot that set them is gone.
    pub fn forget(&mut self) {
        self.pending.clear();
    }

    /// The next that the bot is to be told of, and whether it was cleared.
    pub fn pop(&mut self) -> Option<(String, bool)> {
        let State::Reached { cleared } = self.pending.front()?.state else { return None };
        self.pending.pop_front().map(|pending| (pending.label, cleared))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(marks: &mut Marks) -> Vec<(String, bool)> {
        std::iter::from_fn(|| marks.pop()).collect()
    }

    fn set(marks: &mut Marks, labels: &[&str]) {
        for label in labels {
            marks.set((*label).into());
        }
    }

    #[test]
    fn they_are_told_in_order_even_if_a_later_one_is_cleared_first() {
        let mut marks = Marks::default();
        set(&mut marks, &["a", "b", "c"]);
        marks.cleared_from(1);
        assert_eq!(told(&mut marks), []);
        marks.came_back(Marked { mark: 0, cleared: false });
        assert_eq!(told(&mut marks), [("a".into(), false), ("b".into(), true), ("c".into(), true)]);
    }

    #[test]
    fn one_that_the_port_lost_is_told_with_its_successor() {
        let mut marks = Marks::default();
        set(&mut marks, &["a", "b", "c"]);
        marks.came_back(Marked { mark: 1, cleared: false });
        assert_eq!(told(&mut marks), [("a".into(), false), ("b".into(), false)]);
    }

    #[test]
    fn one_that_was_told_as_cleared_is_not_told_again() {
        let mut marks = Marks::default();
        set(&mut marks, &["a"]);
        marks.cleared();
        assert_eq!(told(&mut marks), [("a".into(), true)]);
        marks.came_back(Marked { mark: 0, cleared: false });
        set(&mut marks, &["b"]);
        assert_eq!(told(&mut marks), []);
    }
}
