//! One media thread.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, TryRecvError},
    },
    time::{Duration, Instant},
};

use crossbeam_queue::ArrayQueue;
use rtrb::Producer;
use slab::Slab;

use super::cycle::{Cycle, SLOTS};
use crate::{
    bridge::{Bridge, Command, Event, TICK},
    counters::{Counters, Published},
    datagram::{Channel, DATAGRAM_MAX},
    recording::{Begin, Entry},
    report::{LegId, Report, Reports},
    sockets::{self, Appetite, Pair, PortPool, Recent},
    stats::Stats,
    tape::RecordingSpec,
};

/// What a worker is told.
#[derive(Debug)]
pub(super) enum Order {
    Open(Opening),
    Command(LegId, Command),
}

/// A leg on its way to its worker, made by the caller's thread.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) leg: LegId,
    pub(super) token: u64,
    pub(super) bridge: Box<Bridge>,
    pub(super) pair: Pair,
    pub(super) recording: Option<RecordingSpec>,
}

struct Member {
    leg: LegId,
    token: u64,
    bridge: Box<Bridge>,
    pair: Pair,
    slot: usize,
    /// Frames given to the recorder, where there is a recording.
    frames: Option<u32>,
    /// Ticks until the figures are told.
    until_second: u32,
    /// Its sockets were not looked at yet.
    fresh: bool,
    told: Stats,
    appetite: Appetite,
    closed: bool,
}

impl Member {
    /// Gives the bridge what came.
    fn read(&mut self, now: Instant, buffer: &mut [u8; DATAGRAM_MAX], recent: &mut Recent) {
        let Member { bridge, pair, appetite, fresh, .. } = self;
        self.until_second -= 1;
        // We were held up: what the ticks want that are made up for now waits in the kernel, 320 ms of it at least.
        if bridge.poll_timeout().is_some_and(|due| due + TICK <= now) {
            *appetite = Appetite::new();
        }
        if std::mem::take(fresh) {
            // What came before anything was agreed upon is of the past, but for its end.
            recent.receive(&pair.rtp, |from, packet| {
                bridge.handle_message(now, Channel::Rtp, from, packet);
            });
            recent.receive(&pair.rtcp, |_, _| {});
        } else if bridge.is_started() || self.until_second.is_multiple_of(2) {
            // Until the first packet has come, every other tick is soon enough to look for it.
            sockets::receive(&pair.rtp, appetite, buffer, |from, packet| {
                bridge.handle_message(now, Channel::Rtp, from, packet);
            });
        }
        if self.until_second.is_multiple_of(RTCP_TICKS) {
            sockets::receive(&pair.rtcp, &mut Appetite::new(), buffer, |from, packet| {
                bridge.handle_message(now, Channel::Rtcp, from, packet);
            });
        }
    }
}

pub(super) struct Worker {
    orders: Receiver<Order>,
    /// Legs to close whose order found the mailbox full.
    closing: Arc<ArrayQueue<LegId>>,
    members: Slab<Member>,
    names: HashMap<LegId, usize>,
    slots: [Vec<usize>; SLOTS],
    buffer: Box<[u8; DATAGRAM_MAX]>,
    recent: Recent,
    out: Out,
    pool: Arc<PortPool>,
    published: Arc<Published>,
    load: Arc<AtomicU64>,
}

/// How many of the orders that waited were obeyed.
enum Obeyed {
    All,
    Some,
    /// All, and whoever gave them is gone.
    Last,
}

/// Where things go that a leg gives.
struct Out {
    ring: Producer<Entry>,
    /// Begins and ends of recordings that found the ring full: they must arrive.
    due: VecDeque<Entry>,
    reports: Reports,
    counters: Counters,
}

/// Orders taken in one slot: a full mailbox is empty after four.
const ORDERS: usize = 256;
/// Slots without legs that are slept through at once.
const EMPTY_SLOTS: usize = 4;
/// Legs that share a slot before another one is used: a few tenths of a millisecond of work.
const PACKED: usize = 32;
/// RTCP waits for a tenth of a second: reading another socket at every tick would cost as much as the RTP. What it waits is
/// added to the round-trip time.
const RTCP_TICKS: u32 = 5;
/// Figures wait for a second.
const SECOND: u32 = 50;
/// For how long a worker that ends tries to hand over what is left.
const FAREWELL: Duration = Duration::from_secs(1);

impl Worker {
    pub(super) fn new(
        orders: Receiver<Order>,
        closing: Arc<ArrayQueue<LegId>>,
        ring: Producer<Entry>,
        reports: Reports,
        pool: Arc<PortPool>,
        published: Arc<Published>,
        load: Arc<AtomicU64>,
    ) -> Self {
        Self {
            orders,
            closing,
            members: Slab::new(),
            names: HashMap::new(),
            slots: std::array::from_fn(|_| Vec::new()),
            buffer: Box::new([0; DATAGRAM_MAX]),
            recent: Recent::new(),
            out: Out { ring, due: VecDeque::new(), reports, counters: Counters::default() },
            pool,
            published,
            load,
        }
    }

    pub(super) fn run(mut self) {
        let mut cycle = Cycle::new(Instant::now());
        loop {
            if self.members.is_empty() && self.out.is_empty() {
                // Nobody to serve: sleep until somebody comes.
                self.publish();
                let Ok(order) = self.orders.recv() else { return };
                cycle = Cycle::new(Instant::now());
                self.obey(Instant::now(), order);
            }
            let (slot, deadline) = self.next_slot(&mut cycle);
            cycle.sleep_until(deadline);
            let now = Instant::now();
            let closing = self.closing.len();
            match self.obey_all(now) {
                Obeyed::All => self.close_first(now, closing),
                Obeyed::Some => {}
                Obeyed::Last => return self.farewell(cycle),
            }
            self.serve(slot, deadline, now);
            self.out.flush();
            if slot == 0 {
                self.publish();
            }
        }
    }

    fn next_slot(&mut self, cycle: &mut Cycle) -> (usize, Instant) {
        let now = Instant::now();
        let mut empty = 0;
        loop {
            let (slot, deadline, missed) = cycle.advance(now);
            self.out.counters.overruns += u64::from(missed);
            if !self.slots[slot].is_empty() || slot == 0 || empty == EMPTY_SLOTS {
                return (slot, deadline);
            }
            empty += 1;
        }
    }

    fn obey_all(&mut self, now: Instant) -> Obeyed {
        for _ in 0..ORDERS {
            match self.orders.try_recv() {
                Ok(order) => self.obey(now, order),
                Err(TryRecvError::Empty) => return Obeyed::All,
                Err(TryRecvError::Disconnected) => return Obeyed::Last,
            }
        }
        Obeyed::Some
    }

    /// Closes the first `count` legs whose order found no room in the mailbox. They waited before it was emptied, so that whatever
    /// was ordered of them before, their opening among it, has been obeyed; one that is unknown is gone.
    fn close_first(&mut self, now: Instant, count: usize) {
        for _ in 0..count {
            let Some(leg) = self.closing.pop() else { return };
            self.obey(now, Order::Command(leg, Command::Close));
        }
    }

    fn obey(&mut self, now: Instant, order: Order) {
        let (leg, command) = match order {
            Order::Open(opening) => return self.open(opening),
            Order::Command(leg, command) => (leg, command),
        };
        let key = self.names.get(&leg).copied();
        let command = match command {
            Command::StartRecording { token, spec } => {
                self.out.insist(Entry::Begin(Begin { leg, token, spec }));
                match key {
                    Some(key) => _ = self.members[key].frames.get_or_insert(0),
                    None => self.out.insist(Entry::End(leg, 0)),
                }
                Command::Record(true)
            }
            command => command,
        };
        let Some(key) = key else { return };
        let member = &mut self.members[key];
        member.bridge.handle_command(now, command);
        self.out.drain(member);
        // Whom it is to hear may be another one now, whose packets must not be turned away meanwhile.
        let peer = member.bridge.peer();
        member.pair.follow(peer);
        self.settle(key);
    }

    fn open(&mut self, opening: Opening) {
        let Opening { leg, token, bridge, pair, recording } = opening;
        let slot = self.slot_for_another();
        let frames = recording.is_some().then_some(0);
        if let Some(spec) = recording {
            self.out.insist(Entry::Begin(Begin { leg, token, spec }));
        }
        let until_second = 1 + (self.members.len() as u32 % SECOND);
        let key = self.members.insert(Member {
            leg,
            token,
            bridge,
            pair,
            slot,
            frames,
            until_second,
            fresh: true,
            told: Stats::default(),
            appetite: Appetite::new(),
            closed: false,
        });
        self.slots[slot].push(key);
        self.names.insert(leg, key);
        self.out.counters.legs_opened += 1;
    }

    /// Each slot in use is a wake-up every 20 ms: the fullest that has room, and once none has, the emptiest.
    fn slot_for_another(&self) -> usize {
        let length = |slot: &usize| self.slots[*slot].len();
        let roomy = (0..SLOTS).filter(|slot| length(slot) < PACKED).max_by_key(length);
        roomy.unwrap_or_else(|| (0..SLOTS).min_by_key(length).expect("there are slots"))
    }

    fn serve(&mut self, slot: usize, deadline: Instant, now: Instant) {
        for index in 0..self.slots[slot].len() {
            let key = self.slots[slot][index];
            let member = &mut self.members[key];
            // A leg that rings without early media costs nothing.
            if member.bridge.is_idle() {
                continue;
            }
            member.read(now, &mut self.buffer, &mut self.recent);
            if member.until_second == 0 {
                member.until_second = SECOND;
                self.out.tell(member);
            }
            // The first tick sets the leg's clock to its slot, so that the later ones are due when they are served.
            if member.bridge.poll_timeout().is_none() {
                member.bridge.handle_timeout(deadline.min(now));
                self.out.drain(member);
            }
            while member.bridge.poll_timeout().is_some_and(|due| due <= now) {
                member.bridge.handle_timeout(now);
                self.out.drain(member);
            }
            let peer = member.bridge.peer();
            member.pair.follow(peer);
        }
    }

    /// Lets go of a member that has closed.
    fn settle(&mut self, key: usize) {
        if !self.members[key].closed {
            return;
        }
        let mut member = self.members.remove(key);
        self.out.tell(&mut member);
        self.names.remove(&member.leg);
        self.slots[member.slot].retain(|other| *other != key);
        if let Some(frames) = member.frames {
            self.out.insist(Entry::End(member.leg, frames));
        }
        let port = member.pair.local.port();
        drop(member.pair);
        self.pool.give_back(port);
        self.load.fetch_sub(1, Ordering::Relaxed);
    }

    fn publish(&mut self) {
        self.out.counters.legs = self.members.len() as u64;
        self.out.counters.reports_dropped = self.out.reports.dropped();
        self.published.publish(&self.out.counters);
    }

    fn farewell(mut self, mut cycle: Cycle) {
        let now = Instant::now();
        let legs: Vec<LegId> = self.names.keys().copied().collect();
        legs.into_iter().for_each(|leg| self.obey(now, Order::Command(leg, Command::Close)));
        while !self.out.is_empty() && now.elapsed() < FAREWELL {
            self.out.flush();
            let (_, deadline, _) = cycle.advance(Instant::now());
            cycle.sleep_until(deadline);
        }
        self.publish();
    }
}

impl Out {
    /// Takes all that a bridge gives.
    fn drain(&mut self, member: &mut Member) {
        let Member { bridge, pair, leg, token, frames, closed, .. } = member;
        while let Some(transmit) = bridge.poll_transmit() {
            self.counters.send_failures += u64::from(!pair.send(&transmit));
        }
        if let Some(frame) = bridge.poll_recording()
            && let Some(number) = frames
        {
            self.counters.frames_dropped +=
                u64::from(self.ring.push(Entry::Frame(*leg, *number, frame)).is_err());
            *number += 1;
        }
        while let Some(event) = bridge.poll_event() {
            *closed |= matches!(event, Event::Closed(_));
            self.reports.push(Report { leg: *leg, token: *token, event });
        }
        while let Some(clip) = bridge.poll_spent() {
            // No room: it is freed here after all.
            let _ = self.ring.push(Entry::Spent(clip));
        }
    }

    /// Adds what a leg has counted since it was last asked.
    fn tell(&mut self, member: &mut Member) {
        let now = member.bridge.stats();
        let before = std::mem::replace(&mut member.told, now);
        let counters = &mut self.counters;
        counters.packets_in += now.packets_in - before.packets_in;
        counters.packets_out += now.packets_out - before.packets_out;
        // Reordered packets are lost first and found later.
        counters.lost += now.lost.saturating_sub(before.lost);
        counters.late += now.late - before.late;
        counters.duplicates += now.duplicates - before.duplicates;
        counters.concealed += now.concealed - before.concealed;
        counters.strangers += now.strangers - before.strangers;
        counters.malformed += now.malformed - before.malformed;
        counters.unknown_payload += now.unknown - before.unknown;
        counters.unauthentic += now.unauthentic - before.unauthentic;
        counters.replayed += now.replayed - before.replayed;
        counters.ticks_missed += now.ticks_missed - before.ticks_missed;
        counters.refused += now.refused - before.refused;
    }

    fn is_empty(&self) -> bool {
        self.due.is_empty() && self.reports.is_empty()
    }

    /// Gives the recorder what must arrive, in its order.
    fn insist(&mut self, entry: Entry) {
        self.due.push_back(entry);
        self.flush_due();
    }

    /// Tries again what found no room.
    fn flush(&mut self) {
        self.reports.flush();
        self.flush_due();
    }

    fn flush_due(&mut self) {
        while let Some(entry) = self.due.pop_front() {
            if let Err(rtrb::PushError::Full(entry)) = self.ring.push(entry) {
                self.due.push_front(entry);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
