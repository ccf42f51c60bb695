//! Who is to be told when what was said has been heard. Marks are told in the order in which they were set, whatever became
//! of them; those that the bot does not wait for any more are told before the others.

use std::collections::VecDeque;

use trunkline_media::port::Marked;

/// Marks that wait at once: one for each 20 ms of five minutes. With more the socket is not read, and a clearing lies unread behind them.
pub(super) const MARKS_MAX: usize = 5 * 60 * 50;
/// Bytes of their labels: some seventy for each.
pub(super) const LABELS_MAX: usize = 1024 * 1024;
/// Ends of clips among them: a clearing of marks passes over each.
pub(super) const CLIPS_MAX: usize = 512;
/// Marks for which room is kept.
const KEPT: usize = 512;

/// The marks of a stream that nobody was told of yet.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// By number.
    pending: VecDeque<Pending>,
    /// Labels of those that the bot does not wait for any more.
    forgotten: VecDeque<String>,
    /// Ends of clips among the pending.
    clips: usize,
    /// Bytes of all labels.
    labels: usize,
    next: u32,
}

/// What a mark stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A place in what is said.
    Place,
    /// The end of a clip, which the bot waits for whatever becomes of its marks.
    Clip,
}

#[derive(Debug)]
struct Pending {
    number: u32,
    label: String,
    kind: Kind,
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
    pub fn set(&mut self, kind: Kind, label: String) -> u32 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.clips += usize::from(kind == Kind::Clip);
        self.labels += label.len();
        self.pending.push_back(Pending { number, label, kind, state: State::Waiting });
        number
    }

    pub fn is_full(&self) -> bool {
        let count = self.pending.len() + self.forgotten.len();
        count >= MARKS_MAX || self.labels >= LABELS_MAX || self.clips >= CLIPS_MAX
    }

    /// Does anybody wait for this one?
    pub fn is_pending(&self, number: u32) -> bool {
        self.pending.get(self.place(number)).is_some_and(|pending| pending.number == number)
    }

    /// The port tells what became of one. Those before it became the same, if the port lost count of them.
    pub fn came_back(&mut self, marked: Marked) {
        if !self.is_pending(marked.mark) {
            return;
        }
        let place = self.place(marked.mark);
        for pending in self.pending.range_mut(..=place).filter(|pending| pending.state == State::Waiting) {
            pending.state = State::Reached { cleared: marked.cleared };
        }
    }

    /// Those from this number on will not reach the port any more.
    pub fn cleared_from(&mut self, number: u32) {
        let place = self.place(number);
        for pending in self.pending.range_mut(place..).filter(|pending| pending.state == State::Waiting) {
            pending.state = State::Reached { cleared: true };
        }
    }

    /// The bot waits for none of them any more, but for the ends of clips.
    pub fn cleared(&mut self) {
        let Self { pending, forgotten, .. } = self;
        pending.retain_mut(|pending| {
            if pending.kind == Kind::Place {
                forgotten.push_back(std::mem::take(&mut pending.label));
            }
            pending.kind == Kind::Clip
        });
    }

    /// Forgets them: the bot that set them is gone.
    pub fn forget(&mut self) {
        *self = Self { next: self.next, ..Self::default() };
    }

    /// The next that the bot is to be told of, and whether it was cleared.
    pub fn pop(&mut self) -> Option<(String, bool)> {
        let due = self.due()?;
        self.labels -= due.0.len();
        if self.pending.is_empty() {
            self.pending.shrink_to(KEPT);
        }
        if self.forgotten.is_empty() {
            self.forgotten.shrink_to(KEPT);
        }
        Some(due)
    }

    fn due(&mut self) -> Option<(String, bool)> {
        if let Some(label) = self.forgotten.pop_front() {
            return Some((label, true));
        }
        let State::Reached { cleared } = self.pending.front()?.state else { return None };
        let pending = self.pending.pop_front()?;
        self.clips -= usize::from(pending.kind == Kind::Clip);
        Some((pending.label, cleared))
    }

    /// Where the first is whose number is not before this one.
    fn place(&self, number: u32) -> usize {
        let before = |pending: &Pending| number.wrapping_sub(pending.number).wrapping_sub(1) < u32::MAX / 2;
        self.pending.partition_point(before)
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
            marks.set(Kind::Place, (*label).into());
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

    #[test]
    fn ends_of_clips_outlast_a_clearing_of_marks() {
        let mut marks = Marks::default();
        marks.set(Kind::Clip, "clip".into());
        set(&mut marks, &["a", "b"]);
        marks.cleared();
        assert_eq!(told(&mut marks), [("a".into(), true), ("b".into(), true)]);
        assert_eq!([0, 1, 2].map(|number| marks.is_pending(number)), [true, false, false]);
        marks.came_back(Marked { mark: 2, cleared: false });
        assert_eq!(told(&mut marks), [], "nobody waits for it");
        marks.came_back(Marked { mark: 0, cleared: false });
        assert_eq!(told(&mut marks), [("clip".into(), false)]);
    }

    #[test]
    fn numbers_that_begin_anew_keep_their_order() {
        let mut marks = Marks { next: u32::MAX, ..Marks::default() };
        set(&mut marks, &["a", "b", "c"]);
        marks.came_back(Marked { mark: 0, cleared: false });
        assert_eq!(told(&mut marks), [("a".into(), false), ("b".into(), false)]);
        marks.cleared_from(1);
        assert_eq!(told(&mut marks), [("c".into(), true)]);
    }

    #[test]
    fn many_marks_or_a_few_with_long_names_are_enough_and_give_their_room_back() {
        for (label, count) in [("m", MARKS_MAX), (&"m".repeat(1_024)[..], LABELS_MAX / 1_024)] {
            let mut marks = Marks::default();
            for _ in 0..count {
                assert!(!marks.is_full());
                set(&mut marks, &[label]);
            }
            assert!(marks.is_full());
            marks.cleared_from(0);
            assert_eq!(told(&mut marks).len(), count);
            assert!(!marks.is_full() && marks.pending.capacity() <= 2 * KEPT);
        }
    }
}
