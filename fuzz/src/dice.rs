//! Randomness with opinions: small numbers often, edges now and then.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// All of one case's randomness.
pub struct Dice(StdRng);

impl Dice {
    /// That of one case of one run.
    pub fn new(seed: u64, case: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&case.to_le_bytes());
        Self(StdRng::from_seed(bytes))
    }

    /// Below `end`; 0 for nothing.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.0.random_range(0..end) }
    }

    /// In so many of a hundred cases.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub fn byte(&mut self) -> u8 {
        self.0.random()
    }

    pub fn word(&mut self) -> u64 {
        self.0.random()
    }

    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.byte()).collect()
    }

    /// A number, an edge more often than not.
    pub fn number(&mut self) -> u64 {
        const EDGES: [u64; 16] = [
            0,
            1,
            2,
            69,
            70,
            71,
            127,
            128,
            255,
            256,
            65_535,
            65_536,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            u64::MAX,
        ];
        if self.chance(70) { *self.pick(&EDGES) } else { self.word() >> self.below(64) }
    }
}
