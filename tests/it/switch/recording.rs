//! A call's recording: 16-bit stereo WAV at 8 kHz, left the callee, right the agent.

use trunkline_media::Clip;
use trunkline_media::g711::Law;

/// The two sides, sample by sample.
pub struct Recording {
    pub callee: Vec<i16>,
    pub agent: Vec<i16>,
}

impl Recording {
    pub fn parse(wav: &[u8]) -> Self {
        assert!(wav.starts_with(b"RIFF"), "no WAV file: {:?}", &wav[..wav.len().min(64)]);
        let data = wav.windows(4).position(|chunk| chunk == b"data").expect("a WAV file has data") + 8;
        let sample = |bytes: &[u8], at: usize| i16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let frames = wav[data..].chunks_exact(4);
        let sides = frames.map(|frame| (sample(frame, 0), sample(frame, 2)));
        let (callee, agent) = sides.unzip();
        Self { callee, agent }
    }

    /// How much the agent says the callee's words over again within four seconds: 1 is the same. Who says them is late by whole
    /// packets, and on a busy machine some are missing: of the pieces that are looked for, this is the likeness that a quarter reach.
    pub fn echo(&self) -> f64 {
        let dot =
            |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let likeness = |a: &[i16], b: &[i16]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1.0);
        let found = |(at, piece): (usize, &[i16])| {
            let later = self.agent[at * PIECE..].windows(PIECE).step_by(FRAME).take(200);
            later.map(|said| likeness(piece, said)).fold(0.0, f64::max)
        };
        let pieces = self.callee.chunks_exact(PIECE).enumerate();
        let is_spoken = |(_, piece): &(usize, &[i16])| piece.chunks(FRAME).all(is_loud);
        let mut found: Vec<f64> = pieces.filter(is_spoken).map(found).collect();
        found.sort_by(f64::total_cmp);
        found.get(found.len() * 3 / 4).copied().unwrap_or_default()
    }
}

/// For how many milliseconds somebody speaks, by frames of 20 ms.
pub fn spoken_ms(side: &[i16]) -> usize {
    side.chunks(FRAME).filter(|frame| is_loud(frame)).count() * 20
}

/// How many times somebody speaks, with at least a second of silence between two.
pub fn spoken_bursts(side: &[i16]) -> usize {
    let mut silent_frames = usize::MAX;
    let mut bursts = 0;
    for frame in side.chunks(FRAME) {
        if !is_loud(frame) {
            silent_frames = silent_frames.saturating_add(1);
            continue;
        }
        if silent_frames >= 50 {
            bursts += 1;
        }
        silent_frames = 0;
    }
    bursts
}

/// 200 ms, which no other words are like.
const PIECE: usize = 1_600;

/// 20 ms.
const FRAME: usize = 160;

/// Far above comfort noise, below any syllable.
fn is_loud(frame: &[i16]) -> bool {
    frame.iter().any(|sample| sample.unsigned_abs() > 1_000)
}

#[test]
fn an_echo_is_found_however_late_and_other_words_are_none() {
    let samples = |clip: &[u8]| {
        let clip = Clip::from_wav(clip).expect("a WAV file");
        let mut samples = vec![0; clip.pcmu().len()];
        Law::Mu.decode(clip.pcmu(), &mut samples);
        samples
    };
    let words = samples(include_bytes!("../../../src/simulator/audio/reply.wav"));
    let other = samples(include_bytes!("../../../src/simulator/audio/agent-goodbye.wav"));
    let likeness = |agent: &[i16]| {
        let agent = [&[0; 75 * FRAME], agent, &[0; 200 * FRAME]].concat();
        Recording { callee: words.clone(), agent }.echo()
    };
    assert!(likeness(&words) > 0.99);
    assert_eq!(likeness(&[]), 0.0);
    let unlike = likeness(&other);
    assert!(unlike < 0.9, "{unlike}");
}
