//! Silence that only shows that time passes. Some bots send audio from when they are connected, words or none, as a telephone would.
//! What they are silent while nobody hears them must not be heard later, before their words: it would hold these up by as long as it
//! rang. Silence that is sent ahead of its time is a pause between words, and stays; so does one that words follow which wait to be heard
//! behind those before it, as far as anybody pauses who speaks.

use std::time::{Duration, Instant};

use trunkline_media::g711::is_faint;

/// A network's jitter does not make a pause out of passing time.
const AHEAD: Duration = Duration::from_millis(40);
/// Bytes of PCMU in a millisecond.
const PER_MS: u64 = 8;
/// Between words it is silent for so long at most: as between two sentences.
const PAUSE_MAX: u64 = 600 * PER_MS;

/// A silence, as long as it lasts.
#[derive(Debug, Default)]
pub(super) struct Lull {
    /// Since when nothing but silence comes, and how many bytes of it were only time.
    silent: Option<(Instant, u64)>,
    /// Words came before it.
    spoke: bool,
}

/// What a message's PCMU is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    /// Only time that passes.
    Time,
    /// A pause, or a part of one.
    Pause,
    /// Words, and so many bytes of time before them that were a pause.
    Words { paused: u64 },
}

impl Lull {
    /// A message's PCMU came. Of a silence so much is only time, as has passed since it began.
    pub fn hear(&mut self, now: Instant, pcmu: impl IntoIterator<Item = u8>) -> Heard {
        let mut bytes = 0;
        for byte in pcmu {
            if !is_faint(byte) {
                let passed = self.silent.take().map_or(0, |(_, passed)| passed);
                let is_between = std::mem::replace(&mut self.spoke, true);
                return Heard::Words { paused: if is_between { passed.min(PAUSE_MAX) } else { 0 } };
            }
            bytes += 1;
        }
        let (since, passed) = self.silent.get_or_insert((now, 0));
        let with_this = Duration::from_millis((*passed + bytes) / PER_MS);
        if with_this > now.saturating_duration_since(*since) + AHEAD {
            return Heard::Pause;
        }
        *passed += bytes;
        Heard::Time
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
            assert_eq!(lull.hear(at(start, 20 * frame + jitter), SILENCE), Heard::Time, "{frame}");
        }
        assert_eq!(lull.hear(at(start, 10_000), WORD), Heard::Words { paused: 0 }, "nothing was said before");
    }

    #[test]
    fn a_pause_in_words_that_come_ahead_of_their_time_stays() {
        let (mut lull, now) = (Lull::default(), Instant::now());
        let sentence = [&[WORD; 50][..], &[SILENCE; 100], &[WORD; 50]].concat();
        let heard: Vec<_> = sentence.iter().map(|frame| lull.hear(now, *frame)).collect();
        let time = heard.iter().filter(|heard| **heard == Heard::Time).count();
        assert!(time <= 3, "{time} frames, as a network may jitter");
        assert_eq!(heard[150], Heard::Words { paused: time as u64 * 160 });
    }

    #[test]
    fn silence_in_its_time_between_words_is_a_pause_as_between_sentences_at_most() {
        for (frames, paused) in [(1, 160), (20, 20 * 160), (30, 4_800), (500, 4_800)] {
            let (mut lull, start) = (Lull::default(), Instant::now());
            lull.hear(start, WORD);
            for frame in 1..=frames {
                assert_eq!(lull.hear(at(start, 20 * frame), SILENCE), Heard::Time);
            }
            assert_eq!(lull.hear(at(start, 20 * frames), WORD), Heard::Words { paused });
            assert_eq!(lull.hear(at(start, 20 * frames), WORD), Heard::Words { paused: 0 });
        }
    }

    #[test]
    fn silence_in_its_time_after_words_or_a_pause_is_only_time() {
        for before in [WORD, SILENCE] {
            let (mut lull, start) = (Lull::default(), Instant::now());
            for _ in 0..100 {
                lull.hear(start, before);
            }
            let kept =
                (1..500).filter(|frame| lull.hear(at(start, 20 * frame), SILENCE) == Heard::Pause).count();
            assert!(kept <= 3, "{kept} frames");
        }
    }
}
