//! Who sits at a bridge besides its callee, and who hears whom. Each tick everybody's 20 ms are taken once and decoded at most
//! once; whoever hears several hears their sum, and nobody hears itself. Knows nothing of packets, of clips or of the gate.

use crate::{
    g711::Law,
    jitter::FRAME,
    port::{Frame, Seat},
};

/// Places beside the callee: an agent, another party, somebody who listens in.
pub const PLACES: usize = 3;

/// Some of those at a bridge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Members(u8);

impl Members {
    /// Nobody.
    pub const NOBODY: Self = Self(0);
    /// The callee.
    pub const CALLEE: Self = Self(1);
    /// Everybody.
    pub const ALL: Self = Self((1 << (PLACES + 1)) - 1);
    /// Nobody in particular: whatever the callee is sent, clips and digits too. For one who listens in.
    pub const PLAYED: Self = Self(1 << (PLACES + 1));
    /// The same, beside what else is heard instead of in one sound with it ([`Port::hear_beside`](crate::Port::hear_beside)).
    pub const BESIDE: Self = Self(1 << (PLACES + 2));

    /// Who sits at a place, below [`PLACES`].
    #[must_use]
    pub const fn at(place: u8) -> Self {
        Self((2 << place) & Self::ALL.0)
    }

    /// Both.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These without those.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Are all of those among these?
    #[must_use]
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}

/// All who sit, and whom the callee hears.
#[derive(Debug)]
pub(super) struct Seats {
    places: [Option<Taken>; PLACES],
    callee_hears: Members,
    /// What it would hear of them is said to nobody.
    apart: bool,
}

/// Somebody at a place.
#[derive(Debug)]
struct Taken {
    seat: Seat,
    hears: Members,
    /// What it says in this tick, once it was asked.
    said: Said,
    linear: Option<[i16; FRAME]>,
}

#[derive(Debug)]
enum Said {
    NotAsked,
    Nothing,
    Frame(Frame),
}

impl Taken {
    fn ask(&mut self) {
        if matches!(self.said, Said::NotAsked) {
            let mut frame = [0; FRAME];
            self.said = if self.seat.pull(&mut frame) { Said::Frame(frame) } else { Said::Nothing };
        }
    }

    fn linear(&mut self) -> Option<&[i16; FRAME]> {
        let Said::Frame(frame) = &self.said else { return None };
        Some(self.linear.get_or_insert_with(|| decoded(frame)))
    }
}

impl Seats {
    pub(super) fn new() -> Self {
        Self { places: [const { None }; PLACES], callee_hears: Members::ALL, apart: false }
    }

    /// Somebody sits down, in the place of whoever sat there: the callee and it hear each other.
    pub(super) fn join(&mut self, place: u8, seat: Seat) {
        let Some(taken) = self.places.get_mut(usize::from(place)) else { return };
        *taken = Some(Taken { seat, hears: Members::CALLEE, said: Said::NotAsked, linear: None });
        self.callee_hears = self.callee_hears.and(Members::at(place));
    }

    /// Does the callee hear nobody of them, whoever it would hear?
    pub(super) fn set_apart(&mut self, apart: bool) {
        self.apart = apart;
    }

    pub(super) fn part(&mut self, place: u8) {
        if let Some(taken) = self.places.get_mut(usize::from(place)) {
            *taken = None;
        }
    }

    /// From now on each of `who` hears these.
    pub(super) fn hear(&mut self, who: Members, whom: Members) {
        if who.has(Members::CALLEE) {
            self.callee_hears = whom;
        }
        for (place, taken) in (0..).zip(&mut self.places) {
            if let Some(taken) = taken.as_mut().filter(|_| who.has(Members::at(place))) {
                taken.hears = whom.without(Members::at(place));
            }
        }
    }

    /// Does anybody hear what the callee is sent?
    pub(super) fn hear_played(&self) -> bool {
        let hears = |taken: &Taken| taken.hears.has(Members::PLAYED) || taken.hears.has(Members::BESIDE);
        self.places.iter().flatten().any(hears)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.iter().all(Option::is_none)
    }

    /// What waits is thrown away, wherever the words have been here before their time.
    pub(super) fn flush(&mut self) {
        self.places
            .iter_mut()
            .flatten()
            .filter(|taken| !taken.seat.is_live())
            .for_each(|taken| taken.seat.flush());
    }

    /// Whoever was not asked lets go of what its carrier took back.
    pub(super) fn sweep(&mut self) {
        for taken in self.places.iter_mut().flatten() {
            if matches!(taken.said, Said::NotAsked) {
                taken.seat.sweep();
            }
        }
    }

    /// Adds what the callee hears of those who sit to `frame`, which holds a clip's words if `spoken`. True: there is
    /// something to hear. One voice alone passes as it came.
    pub(super) fn speak(&mut self, frame: &mut Frame, spoken: bool) -> bool {
        let mut voices = u32::from(spoken);
        let mut sum = [0; FRAME];
        let hears = self.callee_hears;
        for (place, taken) in (0..).zip(&mut self.places) {
            let Some(taken) = taken.as_mut().filter(|_| hears.has(Members::at(place))) else { continue };
            taken.ask();
            if self.apart {
                continue;
            }
            let Said::Frame(said) = &taken.said else { continue };
            voices += 1;
            if voices == 1 {
                *frame = *said;
                continue;
            }
            if voices == 2 {
                sum = decoded(frame);
            }
            taken.linear().into_iter().for_each(|linear| add(&mut sum, linear));
        }
        if voices > 1 {
            Law::Mu.encode(&sum, frame);
        }
        voices > 0
    }

    /// Gives each who sits what it hears: of the callee, of what it was sent, of the others. Whoever talks live, or to others
    /// than the callee, was heard now or not at all.
    pub(super) fn listen(&mut self, callee: &[i16; FRAME], played: &[i16; FRAME]) {
        let audience = |place: u8, places: &[Option<Taken>; PLACES]| {
            places.iter().flatten().any(|taken| taken.hears.has(Members::at(place)))
        };
        for place in 0..PLACES as u8 {
            let is_heard = audience(place, &self.places);
            if let Some(taken) = &mut self.places[usize::from(place)]
                && (is_heard || taken.seat.is_live())
            {
                taken.ask();
            }
        }
        for place in 0..PLACES {
            self.tell(place, callee, played);
        }
        for taken in self.places.iter_mut().flatten() {
            (taken.said, taken.linear) = (Said::NotAsked, None);
        }
    }

    fn tell(&mut self, place: usize, callee: &[i16; FRAME], played: &[i16; FRAME]) {
        let Some(hears) = self.places[place].as_ref().map(|taken| taken.hears) else { return };
        let mut sum = if hears.has(Members::CALLEE) { *callee } else { [0; FRAME] };
        if hears.has(Members::PLAYED) {
            add(&mut sum, played);
        }
        for (other, taken) in (0..).zip(&mut self.places) {
            if let Some(taken) = taken.as_mut().filter(|_| hears.has(Members::at(other))) {
                taken.linear().into_iter().for_each(|linear| add(&mut sum, linear));
            }
        }
        let mut frame = [0; FRAME];
        Law::Mu.encode(&sum, &mut frame);
        let Some(taken) = &mut self.places[place] else { return };
        if hears.has(Members::BESIDE) {
            let mut beside = [0; FRAME];
            Law::Mu.encode(played, &mut beside);
            taken.seat.offer_both(&frame, &beside);
        } else {
            taken.seat.offer(&frame);
        }
    }
}

fn decoded(frame: &Frame) -> [i16; FRAME] {
    let mut linear = [0; FRAME];
    Law::Mu.decode(frame, &mut linear);
    linear
}

fn add(sum: &mut [i16; FRAME], linear: &[i16; FRAME]) {
    for (sum, sample) in sum.iter_mut().zip(linear) {
        *sum = sum.saturating_add(*sample);
    }
}
