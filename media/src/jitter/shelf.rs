//! Where a jitter buffer keeps its packets: by number, with their payloads, until they are played. Knows nothing of time.

use arrayvec::ArrayVec;

use super::{PAYLOAD_MAX, SLOTS};
use crate::{codec::Codec, rtp};

/// The packets of one leg.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) slots: [Slot; SLOTS],
    pub(super) held: usize,
    pub(super) payloads: Payloads,
    /// Number of the packet that is due, and the highest that is held.
    next: u16,
    highest: u16,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) content: Content,
    sequence: u16,
    pub(super) timestamp: u32,
    /// Bytes of its payload, and samples in it.
    length: u16,
    pub(super) samples: u16,
    /// Where its payload is.
    payload: u8,
}

/// Room for the payloads, the last freed being the next used: a steady stream stays in a few lines of the cache.
#[derive(Debug)]
pub(super) struct Payloads {
    rooms: Box<[[u8; PAYLOAD_MAX]]>,
    pub(super) free: ArrayVec<u8, SLOTS>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Empty,
    Audio(Codec),
    Noise,
    Event,
}

impl Shelf {
    pub(super) fn new() -> Self {
        let empty =
            Slot { content: Content::Empty, sequence: 0, timestamp: 0, length: 0, samples: 0, payload: 0 };
        Self {
            slots: [empty; SLOTS],
            held: 0,
            payloads: Payloads {
                rooms: vec![[0; PAYLOAD_MAX]; SLOTS].into(),
                free: (0..SLOTS as u8).collect(),
            },
            next: 0,
            highest: 0,
        }
    }

    /// Nothing is held, and the packet with this number is the first that is due.
    pub(super) fn begin(&mut self, sequence: u16) {
        self.next = sequence;
        self.highest = sequence;
    }

    pub(super) fn clear(&mut self) {
        (0..SLOTS).for_each(|at| self.empty(at));
    }

    /// Whether there is room between what is held for a packet of this number.
    pub(super) fn fits(&self, sequence: u16) -> bool {
        rtp::sequence_ahead(sequence, self.next) < SLOTS as i16
            && rtp::sequence_ahead(self.highest, sequence) < SLOTS as i16
    }

    /// Whether the packet of this number is not past yet.
    pub(super) fn is_due(&self, sequence: u16) -> bool {
        rtp::sequence_ahead(sequence, self.next) >= 0
    }

    /// Takes a packet that [fits](Shelf::fits); one of the same number makes room.
    pub(super) fn place(
        &mut self,
        sequence: u16,
        timestamp: u32,
        content: Content,
        samples: usize,
        payload: &[u8],
    ) {
        if rtp::sequence_ahead(sequence, self.next) < 0 {
            self.next = sequence;
        }
        if rtp::sequence_ahead(sequence, self.highest) > 0 {
            self.highest = sequence;
        }
        let at = usize::from(sequence) % SLOTS;
        self.empty(at);
        let room =
            self.payloads.free.pop().expect("there are as many rooms as slots, and this slot is empty");
        self.payloads.rooms[usize::from(room)][..payload.len()].copy_from_slice(payload);
        let (length, samples) = (payload.len() as u16, samples as u16);
        self.slots[at] = Slot { content, sequence, timestamp, length, samples, payload: room };
        self.held += 1;
    }

    /// Where the first packet is that has a time, and whether one before it is missing. Events at the front are taken off.
    pub(super) fn head(&mut self) -> Option<(usize, bool)> {
        let mut missing = false;
        let mut ahead = 0u16;
        while self.held > 0 && usize::from(ahead) < SLOTS {
            let sequence = self.next.wrapping_add(ahead);
            let at = usize::from(sequence) % SLOTS;
            match self.slots[at].content {
                Content::Audio(_) | Content::Noise => return Some((at, missing)),
                Content::Event if !missing => self.take_off(at),
                Content::Event => ahead += 1,
                Content::Empty => {
                    missing = true;
                    ahead += 1;
                }
            }
        }
        None
    }

    /// The packet at `at` was played: it and what is before it are taken off.
    pub(super) fn finish(&mut self, at: usize) {
        while usize::from(self.next) % SLOTS != at {
            self.empty(usize::from(self.next) % SLOTS);
            self.next = self.next.wrapping_add(1);
        }
        self.take_off(at);
    }

    fn take_off(&mut self, at: usize) {
        self.empty(at);
        self.next = self.slots[at].sequence.wrapping_add(1);
    }

    fn empty(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        if slot.content != Content::Empty {
            slot.content = Content::Empty;
            self.payloads.free.push(slot.payload);
            self.held -= 1;
        }
    }
}

impl Payloads {
    pub(super) fn of(&self, slot: &Slot) -> &[u8] {
        &self.rooms[usize::from(slot.payload)][..usize::from(slot.length)]
    }
}
