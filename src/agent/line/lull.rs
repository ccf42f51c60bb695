//! Silence that only shows that time passes. Some bots send audio from when they are connected, words or none, as a telephone would.
//! What they are silent while nobody hears them must not be heard later, before their words: it would hold these up by as long as it
//! rang. Silence that is sent ahead of its time is a pause between words, and stays.

use std::time::{Duration, Instant};

use trunkline_media::g711::is_faint;

/// A network's jitter does not make a pause out of passing time.
const AHEAD: Duration = Duration::from_millis(40);
/// Bytes of PCMU in a millisecond.
const PER_MS: u64 = 8;

/// A silence, as long as it lasts.
#[derive(Debug, Default)]
pub(super) struct Lull {
    /// Since when nothing but silence comes, and how many bytes of it were only time.
    silent: Option<(Instant, u64)>,
}

impl Lull {
    /// A message's PCMU came. Is it only time that passes? Of a silence so much is, as has passed since it began.
    pub fn is_only_time(&mut self, now: Instant, pcmu: impl IntoIterator<Item = u8>) -> bool {
        let mut bytes = 0;
        for byte in pcmu {
            if !is_faint(byte) {
                self.silent = None;
                return false;
            }
            bytes += 1;
        }
        let (since, passed) = self.silent.get_or_insert((now, 0));
        let with_this = Duration::from_millis((*passed + bytes) / PER_MS);
        let is_time = with_this <= now.saturating_duration_since(*since) + AHEAD;
        *passed += if is_time { bytes } else { 0 };
        is_time
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests take one instant to count from")]
mod tests {
    use super::*;

    const SILENCE: [u8; 160] = [0xff; 160];
    const WORD: [u8; 160] = [0x20; 160];

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn silence_that_comes_as_time_passes_is_only_time_whatever_the_jitter() {
        let (mut lull, start) = (Lull::default(), Instant::now());
        for (frame, jitter) in (0..500).zip([0, 40, 5, 60, 19, 0, 33].into_iter().cycle()) {
            assert!(lull.is_only_time(at(start, 20 * frame + jitter), SILENCE), "{frame}");
        }
    }

    #[test]
    fn a_pause_in_words_that_come_ahead_of_their_time_stays() {
        let (mut lull, now) = (Lull::default(), Instant::now());
        let sentence = [&[WORD; 50][..], &[SILENCE; 100], &[WORD; 50]].concat();
        let left_out = sentence.iter().filter(|frame| lull.is_only_time(now, **frame)).count();
        assert!(left_out <= 3, "{left_out} frames, as a network may jitter");
    }

    #[test]
    fn silence_in_its_time_after_words_or_a_pause_is_only_time() {
        for before in [WORD, SILENCE] {
            let (mut lull, start) = (Lull::default(), Instant::now());
            for _ in 0..100 {
                lull.is_only_time(start, before);
            }
            let kept = (1..500).filter(|frame| !lull.is_only_time(at(start, 20 * frame), SILENCE)).count();
            assert!(kept <= 3, "{kept} frames");
        }
    }
}
