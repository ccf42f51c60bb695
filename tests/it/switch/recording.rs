//! A call's recording: 16-bit stereo WAV at 8 kHz, left the callee, right the agent.

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

/// 20 ms.
const FRAME: usize = 160;

/// Far above comfort noise, below any syllable.
fn is_loud(frame: &[i16]) -> bool {
    frame.iter().any(|sample| sample.unsigned_abs() > 1_000)
}
