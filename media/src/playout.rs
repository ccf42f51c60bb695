//! The queue of what the agent says: clips in order, with marks. Bounded to [`CLIPS_MAX`]. Knows nothing of packets or
//! of the gate.

use std::{collections::VecDeque, sync::Arc};

use crate::{clip::Clip, jitter::FRAME};

/// Clips that wait at most.
pub const CLIPS_MAX: usize = 256;

/// One leg's queue.
#[derive(Debug)]
pub struct Playout {
    queue: VecDeque<Item>,
    spent: VecDeque<Arc<Clip>>,
}

#[derive(Debug)]
struct Item {
    clip: Arc<Clip>,
    played: usize,
    mark: Option<u32>,
}

impl Playout {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self { queue: VecDeque::with_capacity(16), spent: VecDeque::with_capacity(16) }
    }

    /// Appends a clip. False: the queue is full, and it was not taken.
    pub fn push(&mut self, clip: Arc<Clip>, mark: Option<u32>) -> bool {
        let room = self.queue.len() < CLIPS_MAX;
        if room {
            self.queue.push_back(Item { clip, played: 0, mark });
        }
        room
    }

    /// Whether nothing is left to play.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The next 20 ms, across clips without a gap; `silence` fills up the last frame. `marked` gets each mark whose
    /// clip ended here. False: there was nothing to play, and `frame` is as it was.
    pub fn next(&mut self, frame: &mut [u8; FRAME], silence: u8, mut marked: impl FnMut(u32)) -> bool {
        let mut filled = 0;
        let mut any = false;
        while filled < FRAME {
            let Some(item) = self.queue.front_mut() else { break };
            any = true;
            let left = &item.clip.pcmu()[item.played..];
            let count = left.len().min(FRAME - filled);
            frame[filled..filled + count].copy_from_slice(&left[..count]);
            filled += count;
            item.played += count;
            if count == left.len() {
                self.pop(&mut marked);
            }
        }
        if any {
            frame[filled..].fill(silence);
        }
        any
    }

    /// Empties the queue; `marked` gets its marks in order.
    pub fn clear(&mut self, mut marked: impl FnMut(u32)) {
        while !self.queue.is_empty() {
            self.pop(&mut marked);
        }
    }

    /// A clip that nobody else holds any more: to be freed by a thread that has time.
    pub fn poll_spent(&mut self) -> Option<Arc<Clip>> {
        self.spent.pop_front()
    }

    fn pop(&mut self, marked: &mut impl FnMut(u32)) {
        let Some(item) = self.queue.pop_front() else { return };
        item.mark.into_iter().for_each(marked);
        if Arc::strong_count(&item.clip) == 1 && self.spent.len() < CLIPS_MAX {
            self.spent.push_back(item.clip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(byte: u8, length: usize) -> Arc<Clip> {
        Arc::new(Clip::from_pcmu(vec![byte; length]))
    }

    #[test]
    fn clips_follow_each_other_without_a_gap() {
        let mut playout = Playout::new();
        assert!(playout.push(clip(1, 200), Some(1)));
        assert!(playout.push(clip(2, 0), Some(2)));
        assert!(playout.push(clip(3, 140), Some(3)));
        let mut marks = Vec::new();
        let mut frame = [9; FRAME];
        assert!(playout.next(&mut frame, 0xff, |mark| marks.push(mark)));
        assert_eq!((frame[0], frame[159], marks.as_slice()), (1, 1, [].as_slice()));
        assert!(playout.next(&mut frame, 0xff, |mark| marks.push(mark)));
        assert_eq!((frame[39], frame[40], frame[159]), (1, 3, 3));
        assert_eq!(marks, [1, 2]);
        assert!(playout.next(&mut frame, 0xff, |mark| marks.push(mark)));
        assert_eq!((frame[19], frame[20]), (3, 0xff));
        assert_eq!(marks, [1, 2, 3]);
        assert!(!playout.next(&mut frame, 0xff, |_| {}));
    }

    #[test]
    fn clearing_reports_every_mark() {
        let mut playout = Playout::new();
        for mark in 0..3 {
            playout.push(clip(0, 1_000), Some(mark));
        }
        let mut marks = Vec::new();
        playout.clear(|mark| marks.push(mark));
        assert_eq!(marks, [0, 1, 2]);
        assert!(playout.is_empty());
    }

    #[test]
    fn a_full_queue_takes_nothing_more() {
        let mut playout = Playout::new();
        let one = clip(0, 1_000);
        for _ in 0..CLIPS_MAX {
            assert!(playout.push(one.clone(), None));
        }
        assert!(!playout.push(one, None));
    }

    #[test]
    fn only_clips_of_nobody_else_are_given_out_for_freeing() {
        let mut playout = Playout::new();
        let shared = clip(0, 10);
        playout.push(shared.clone(), None);
        playout.push(clip(1, 10), None);
        playout.clear(|_| {});
        assert_eq!(playout.poll_spent().map(|clip| clip.pcmu()[0]), Some(1));
        assert!(playout.poll_spent().is_none());
    }
}
