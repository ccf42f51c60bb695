//! Which parts of a recording are sent.

use super::*;

/// Frames of a recording: the callee's and the agent's size of every sample.
fn recorded(frames: impl IntoIterator<Item = (i16, i16)>) -> Vec<u8> {
    let frame = |(callee, agent): (i16, i16)| {
        let pair = [callee.to_le_bytes(), agent.to_le_bytes()].concat();
        pair.repeat(FRAME_SAMPLES)
    };
    frames.into_iter().flat_map(frame).collect()
}

fn levels(frames: impl IntoIterator<Item = (i16, i16)>) -> Levels {
    let mut levels = Levels::default();
    levels.take(&recorded(frames));
    levels
}

fn times(of: usize, frame: (i16, i16)) -> impl Iterator<Item = (i16, i16)> {
    std::iter::repeat_n(frame, of)
}

fn ranges(pieces: &[Piece]) -> Vec<(Speaker, Range<usize>)> {
    pieces.iter().map(|piece| (piece.by, piece.frames.clone())).collect()
}

const SILENCE: (i16, i16) = (3, -3);
const TURN: Option<Duration> = Some(Duration::from_secs(1));

#[test]
fn a_side_without_speech_is_not_sent() {
    let quiet = times(500, SILENCE).chain(times(9, (2_000, 0))).chain(times(500, SILENCE));
    assert_eq!(levels(quiet).pieces(None), [], "a click is no speech");
    let one = times(100, SILENCE).chain(times(50, (0, -900))).chain(times(100, SILENCE));
    assert_eq!(ranges(&levels(one).pieces(None)), [(Speaker::Agent, 90..165)]);
    assert_eq!(Levels::default().pieces(TURN), []);
}

#[test]
fn bytes_may_come_in_any_cut() {
    let whole = recorded(times(30, SILENCE).chain(times(40, (700, 0))).chain(times(30, SILENCE)));
    let expected = {
        let mut levels = Levels::default();
        levels.take(&whole);
        levels.pieces(None)
    };
    for cut in [1, 3, 639, 640, 641, 5_000] {
        let mut levels = Levels::default();
        whole.chunks(cut).for_each(|bytes| levels.take(bytes));
        assert_eq!(levels.pieces(None), expected, "{cut}");
    }
    let mut levels = Levels::default();
    levels.take(&whole[..whole.len() - 1]);
    assert_eq!(levels.callee.len(), 99, "half a frame is none");
}

#[test]
fn turns_are_sent_apart_where_the_answer_has_no_times() {
    let turn = |frame| times(20, frame).chain(times(70, SILENCE));
    let call = || turn((800, 0)).chain(turn((0, 800))).chain(turn((800, 0)));
    let turns = ranges(&levels(call()).pieces(TURN));
    let expected = [(Speaker::Callee, 0..35), (Speaker::Callee, 170..215), (Speaker::Agent, 80..125)];
    assert_eq!(turns, expected);
    let sides = ranges(&levels(call()).pieces(None));
    assert_eq!(sides, [(Speaker::Callee, 0..215), (Speaker::Agent, 80..125)]);
}

#[test]
fn what_is_too_long_is_cut_at_its_quietest_place() {
    let speech = |count| times(count, (900, 0));
    let long = speech(29_000).chain(times(1, (250, 0))).chain(speech(40_000));
    let pieces = levels(long).pieces(None);
    assert_eq!(pieces[0].frames, 0..29_000);
    assert!(pieces.iter().all(|piece| piece.frames.len() <= PIECE_MAX && !piece.frames.is_empty()));
    assert_eq!(pieces.last().map(|piece| piece.frames.end), Some(69_001), "nothing is lost");
    let joined = pieces.windows(2).all(|pair| pair[0].frames.end == pair[1].frames.start);
    assert!(joined, "{:?}", ranges(&pieces));
}

#[test]
fn whoever_pauses_a_thousand_times_is_not_a_thousand_pieces() {
    let pausing = (0..1_000).flat_map(|_| times(10, (900, 0)).chain(times(60, SILENCE)));
    let pieces = levels(pausing).pieces(TURN);
    assert!((1..=PIECES_MAX).contains(&pieces.len()), "{}", pieces.len());
    assert!(pieces.last().is_some_and(|piece| piece.frames.end >= 69_940), "to the end");
}

#[test]
fn a_piece_knows_where_it_speaks() {
    let piece = Piece {
        by: Speaker::Callee,
        frames: 100..200,
        speech: (0..100).map(|frame| (30..40).contains(&frame)).collect(),
    };
    assert_eq!((piece.begins_ms(), piece.first_speech_ms()), (2_000, 600));
    for (from, to, speaks) in [
        (0, 500, false),
        (0, 600, true),
        (700, 760, true),
        (820, 2_000, false),
        (5_000, 9_000, false),
        (9, 2, false),
    ] {
        assert_eq!(piece.speaks(from, to), speaks, "{from} to {to}");
    }
    assert!(piece.speaks(700, u64::MAX));
}

#[test]
fn a_side_is_a_wav_file_that_others_read() {
    let stereo = recorded(times(100, (700, -900)));
    for (by, sample) in [(Speaker::Callee, 700_i16), (Speaker::Agent, -900)] {
        let file = wav(by, &stereo);
        let clip = trunkline_media::Clip::from_wav(&file).expect("a WAV file");
        assert_eq!(clip.duration(), Duration::from_secs(2));
        assert_eq!(file[HEADER_BYTES..], sample.to_le_bytes().repeat(16_000));
    }
    let short = wav(Speaker::Callee, &recorded(times(1, (700, 0))));
    let clip = trunkline_media::Clip::from_wav(&short).expect("a WAV file");
    assert_eq!(clip.duration(), Duration::from_secs(1), "a second at least");
}

#[test]
fn only_the_switchs_own_recordings_are_read() {
    let ours =
        b"RIFF\xff\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x10\0data\x80\x02\0\0";
    assert!(is_ours(ours));
    assert!(!is_ours(&ours[..43]) && !is_ours(&wav(Speaker::Agent, &[])) && !is_ours(&[0; 44]));
}
