//! OpenAI's `POST …/audio/transcriptions`: what is asked, and what an answer says. Pure.

use serde::Deserialize;

use super::Unusable;
use super::sound::Piece;
use crate::model::review::{Service, TranscriptFormat};
use crate::model::transcript::{LINES_MAX, Said, TEXT_BYTES_MAX};

/// A segment that its model itself takes for silence, and is unsure of: its own rule, by which it leaves one out.
const NO_SPEECH: f64 = 0.6;
const UNSURE: f64 = -1.0;
/// How far a segment's times may be off, in milliseconds.
const SLACK_MS: u64 = 300;

/// The request's body, and its content type. `boundary` is random, so that nothing that is sent can hold it.
pub fn request(
    service: &Service,
    language: Option<&str>,
    format: TranscriptFormat,
    wav: &[u8],
    boundary: &str,
) -> (String, Vec<u8>) {
    let response_format = match format {
        TranscriptFormat::VerboseJson => "verbose_json",
        TranscriptFormat::Json => "json",
    };
    let granularity =
        (format == TranscriptFormat::VerboseJson).then_some(("timestamp_granularities[]", "segment"));
    let fields = [("model", service.model.as_str()), ("response_format", response_format)];
    let fields = fields.into_iter().chain(granularity).chain(language.map(|language| ("language", language)));
    let mut body = Vec::with_capacity(wav.len() + 1_024);
    for (name, value) in fields {
        // RFC 7578 §4: our names hold nothing that would have to be escaped.
        let part =
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let file = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"call.wav\"\r\ncontent-type: audio/wav\r\n\r\n"
    );
    body.extend_from_slice(file.as_bytes());
    body.extend_from_slice(wav);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

/// As much of an answer as is used. Whatever else stands in it is somebody else's.
#[derive(Deserialize)]
struct Answer {
    text: String,
    #[serde(default)]
    segments: Option<Vec<Segment>>,
}

#[derive(Deserialize)]
struct Segment {
    text: String,
    /// Seconds since the piece begins.
    start: f64,
    end: f64,
    #[serde(default)]
    avg_logprob: Option<f64>,
    #[serde(default)]
    no_speech_prob: Option<f64>,
}

/// The lines that an answer has of this piece. What it says where nobody spoke was made up, and is left out.
pub fn read(body: &[u8], piece: &Piece) -> Result<Vec<Said>, Unusable> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| Unusable("the answer is no transcription".to_owned()))?;
    let line = |at_ms: u64, text: &str| {
        let text = text.trim();
        let said = || Said { by: piece.by, at_ms: piece.begins_ms() + at_ms, text: text.to_owned() };
        (!text.is_empty()).then(said)
    };
    let Some(segments) = answer.segments.filter(|segments| !segments.is_empty()) else {
        return Ok(line(piece.first_speech_ms(), &answer.text).into_iter().collect());
    };
    let mut lines = Vec::new();
    for segment in segments.iter().take(LINES_MAX) {
        let (start, end) = (millis(segment.start, piece), millis(segment.end, piece));
        let unheard = segment.no_speech_prob.is_some_and(|probability| probability > NO_SPEECH)
            && segment.avg_logprob.is_some_and(|sure| sure < UNSURE);
        // One that begins after the end was not heard either.
        let is_within = segment.start < piece.lasts().as_secs_f64();
        if is_within && !unheard && piece.speaks(start.saturating_sub(SLACK_MS), end.saturating_add(SLACK_MS))
        {
            lines.extend(line(start, &segment.text));
        }
    }
    Ok(lines)
}

/// Seconds that somebody else says: of no number, or of one beyond the piece, its nearest end.
fn millis(seconds: f64, piece: &Piece) -> u64 {
    let longest = piece.lasts().as_secs_f64();
    let within = if seconds.is_nan() { 0.0 } else { seconds.clamp(0.0, longest) };
    (within * 1_000.0) as u64
}

/// Both sides' lines in the order in which they began, as many as are kept.
pub fn merged(mut lines: Vec<Said>) -> Vec<Said> {
    lines.sort_by_key(|line| line.at_ms);
    let mut bytes = 0;
    let fits = |line: &Said| {
        bytes += line.text.len();
        bytes <= TEXT_BYTES_MAX
    };
    lines.into_iter().take(LINES_MAX).take_while(fits).collect()
}

#[cfg(test)]
mod tests;
