//! Which packet it is and whether it came before (RFC 3711 §3.3.1, §3.3.2, appendix A). Knows nothing of keys.

/// The numbers that came of one source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    highest: u64,
    /// Which of the [`WINDOW`] numbers up to `highest` came; bit 0 is `highest`.
    seen: u128,
}

/// Two and a half seconds of packets; §3.3.2 asks for 64 at least.
const WINDOW: u32 = u128::BITS;

impl Window {
    /// That of a source whose first packet has this index.
    pub(super) fn new(index: u64) -> Self {
        Self { highest: index, seen: 1 }
    }

    /// The index that a sequence number most likely has (§3.3.1): the nearest to the highest so far. None: it would be
    /// before the beginning.
    pub(super) fn index(&self, sequence: u16) -> Option<u64> {
        let ahead = i64::from(sequence.wrapping_sub(self.highest as u16) as i16);
        self.highest.checked_add_signed(ahead).filter(|index| *index <= INDEX_MAX)
    }

    /// Whether a packet of that number came before, or is too old to tell.
    pub(super) fn has_seen(&self, index: u64) -> bool {
        let Some(behind) = self.highest.checked_sub(index) else { return false };
        behind >= u64::from(WINDOW) || self.seen >> behind & 1 == 1
    }

    /// Notes a packet that was authentic.
    pub(super) fn accept(&mut self, index: u64) {
        match index.checked_sub(self.highest) {
            Some(ahead) => {
                let ahead = u32::try_from(ahead).unwrap_or(WINDOW);
                self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
                self.highest = index;
            }
            None => self.seen |= 1 << (self.highest - index).min(u64::from(WINDOW - 1)),
        }
    }

    /// The rollover counter so far.
    pub(super) fn rollover(&self) -> u64 {
        self.highest >> 16
    }
}

/// 48 bits: then a key is used up (§9.2).
const INDEX_MAX: u64 = (1 << 48) - 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_go_on_over_the_wrap_and_back() {
        let mut window = Window::new(65_534);
        for (sequence, index) in [(65_535, 65_535), (1, 65_537), (0, 65_536), (65_533, 65_533)] {
            assert_eq!(window.index(sequence), Some(index));
            assert!(!window.has_seen(index));
            window.accept(index);
            assert!(window.has_seen(index));
        }
        assert_eq!(window.highest, 65_537);
        assert_eq!(Window::new(3).index(65_535), None, "before the beginning");
    }

    #[test]
    fn what_is_older_than_the_window_counts_as_seen() {
        let mut window = Window::new(1_000);
        window.accept(1_127);
        assert!(!window.has_seen(1_001) && window.has_seen(1_000) && window.has_seen(999));
        window.accept(1_000_000);
        assert!(window.has_seen(1_127) && !window.has_seen(999_999));
    }

    proptest! {
        #[test]
        fn each_number_is_taken_at_most_once(numbers in proptest::collection::vec(0u64..400, 1..200)) {
            let mut window = Window::new(200);
            let mut taken = std::collections::HashSet::from([200]);
            for number in numbers {
                if !window.has_seen(number) {
                    prop_assert!(taken.insert(number));
                    window.accept(number);
                } else {
                    prop_assert!(taken.contains(&number) || number + 128 <= *taken.iter().max().expect("one"));
                }
            }
        }
    }
}
