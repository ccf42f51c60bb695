//! One try of one review: the recording into words, the words into findings, and what is written of each. Shell: it reads files and
//! the clock, and asks endpoints.
#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock")]

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::retry::{self, Failure, Next};
use super::sound::{self, FRAME_BYTES, HEADER_BYTES, Levels, Piece};
use super::{ReviewParts, analysis, transcription};
use crate::clock::wall_now;
use crate::egress::Egress;
use crate::model::review::{Asked, Findings, Progress, ServiceChoice, TranscriptFormat, Tried};
use crate::model::transcript::Said;
use crate::model::{Agent, CallRecord, Review, TranscriptBy};
use crate::store::{ReviewClaim, ReviewNext, ReviewWrite};

/// How long one try may take, whatever it is made of.
pub const TRY_MAX: Duration = Duration::from_secs(15 * 60);
/// Tries that ended with the switch, on top of those that failed: a call that brings it down is not gone over for ever.
const CRASHES_MAX: u32 = 5;
/// The words, and what they mean.
const PARTS: u32 = 2;
/// Requests at once for one call.
const REQUESTS: usize = 4;
/// Speech that is so far apart is sent apart, where answers have no times.
const TURN_GAP: Duration = Duration::from_secs(1);
/// The longest answers, in bytes.
const WORDS_BYTES_MAX: usize = 4 << 20;
const FINDINGS_BYTES_MAX: usize = 1 << 20;
/// What is read of a recording at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// What a try needs.
pub struct Context {
    pub parts: ReviewParts,
    /// For the switch's own endpoints.
    pub unguarded: Egress,
}

/// A call and how its review stands.
struct Attempt<'c> {
    context: &'c Context,
    record: CallRecord,
    review: Review,
    number: u32,
}

/// One try, from its claim to what is written of it.
pub async fn run(context: Arc<Context>, claim: ReviewClaim) {
    let ReviewClaim { record, attempt: number } = claim;
    let Some(review) = record.review.clone() else {
        let call = record.call;
        return tracing::error!(%call, "a call is to be gone over and does not say for what");
    };
    let mut attempt = Attempt { context: &context, record, review, number };
    if number > PARTS * retry::TRIES_MAX + CRASHES_MAX {
        return attempt.fail("the switch was stopped over it too often").await;
    }
    attempt.go().await;
}

impl Attempt<'_> {
    async fn go(&mut self) {
        let snapshot = self.context.parts.directory.snapshot();
        let Some(agent) = snapshot.agent_by_id(self.record.agent) else {
            return self.fail("its agent is gone").await;
        };
        if self.review.transcription == Some(Progress::Pending) {
            let began = Instant::now();
            let heard = in_time(self.transcribe(agent)).await;
            match self.counted("transcription", began, heard) {
                Ok(lines) => {
                    self.review.transcription = Some(Progress::Done);
                    self.review.tried = Tried::default();
                    if lines.is_empty() {
                        self.review.nothing_was_said();
                    }
                    self.record.transcript.clone_from(&lines);
                    let next = if self.review.is_pending() { ReviewNext::GoesOn } else { ReviewNext::Over };
                    if !self.write(Some(lines), next).await || next == ReviewNext::Over {
                        return;
                    }
                }
                Err(next) => return self.missed(next, |review, why| review.fail_transcription(why)).await,
            }
        }
        if self.review.analysis == Some(Progress::Pending) {
            let began = Instant::now();
            let found = in_time(self.analyse(agent)).await;
            match self.counted("analysis", began, found) {
                Ok(findings) => {
                    self.review.analysis = Some(Progress::Done);
                    self.review.findings = Some(findings);
                }
                Err(next) => {
                    let fail = |review: &mut Review, why: &str| {
                        review.analysis = Some(Progress::Failed(why.to_owned()));
                    };
                    return self.missed(next, fail).await;
                }
            }
        }
        self.write(None, ReviewNext::Over).await;
    }

    /// The recording in words.
    async fn transcribe(&self, agent: &Agent) -> Result<Vec<Said>, Failure> {
        if agent.transcript != TranscriptBy::Endpoint {
            return Err(gone("its agent wants no transcription any more"));
        }
        let config = &self.context.parts.config.transcription;
        let own = agent.transcription.as_deref();
        let choice = own.map(|own| &own.service).unwrap_or(const { &NO_CHOICE });
        let asked = asked(choice.over(config.service.as_ref()))?;
        let language = own.and_then(|own| own.language.as_deref()).or(config.language.as_deref());
        let format = own.and_then(|own| own.format).unwrap_or(config.format);
        let gap = (format == TranscriptFormat::Json).then_some(TURN_GAP);
        let below = self.record.recording.as_ref().ok_or_else(|| gone("the recording was deleted"))?;
        let path = self.context.parts.data_dir.join(below);
        let pieces = {
            let path = path.clone();
            aside(move || scan(&path, gap)).await?
        };
        let spoken = Spoken { asked, language: language.map(str::to_owned), format, path };
        let words = stream::iter(pieces).map(|piece| self.words(&spoken, piece));
        let lines: Vec<Vec<Said>> = words.buffer_unordered(REQUESTS).try_collect().await?;
        // Words are where they are in the recording; a call's times are since its answer.
        let at = |line: Said| Said { at_ms: self.review.takes.since_answer_ms(line.at_ms), ..line };
        Ok(transcription::merged(lines.into_iter().flatten().map(at).collect()))
    }

    /// One piece in words.
    async fn words(&self, spoken: &Spoken, piece: Piece) -> Result<Vec<Said>, Failure> {
        let Spoken { asked, language, format, path } = spoken;
        let (path, part) = (path.clone(), piece.clone());
        let wav = aside(move || cut(&path, &part)).await?;
        let boundary = format!("trunkline-{:032x}", rand::random::<u128>());
        let (kind, body) =
            transcription::request(&asked.service, language.as_deref(), *format, &wav, &boundary);
        let timeout = self.context.parts.config.transcription.timeout;
        let answer = self.ask(asked, timeout, kind, body, WORDS_BYTES_MAX).await?;
        Ok(transcription::read(&answer, &piece)?)
    }

    /// What the words mean.
    async fn analyse(&self, agent: &Agent) -> Result<Findings, Failure> {
        let config = &self.context.parts.config.analysis;
        let wanted = agent.analysis.as_ref().ok_or_else(|| gone("its agent wants no analysis any more"))?;
        let asked = asked(wanted.service.over(config.service.as_ref()))?;
        let body = analysis::request(&asked.service, wanted, config.prompt.as_deref(), &self.record);
        let kind = "application/json".to_owned();
        let body = body.to_string().into_bytes();
        let answer = self.ask(&asked, config.timeout, kind, body, FINDINGS_BYTES_MAX).await?;
        Ok(analysis::read(&answer, wanted)?)
    }

    async fn ask(
        &self,
        asked: &Asked,
        timeout: Duration,
        content_type: String,
        body: Vec<u8>,
        bytes_max: usize,
    ) -> Result<Bytes, Failure> {
        let Asked { service, is_guarded } = asked;
        let egress = if *is_guarded { &self.context.parts.egress } else { &self.context.unguarded };
        let mut headers = vec![("content-type", content_type), ("accept", "application/json".to_owned())];
        if let Some(key) = &service.api_key {
            headers.push(("authorization", format!("Bearer {}", key.reveal())));
        }
        let tried = egress.exchange(timeout, service.url.as_str(), &headers, body.into(), bytes_max).await;
        retry::body(tried).map_err(|failure| match &service.api_key {
            // Somebody's error may quote it.
            Some(key) => failure.without(key.reveal()),
            None => failure,
        })
    }

    /// What a part of the try came to, or what follows instead.
    fn counted<T>(
        &mut self,
        part: &'static str,
        began: Instant,
        came: Result<T, Failure>,
    ) -> Result<T, Next> {
        let tried = &mut self.review.tried;
        let next = came.map_err(|failure| {
            tried.failed += 1;
            tried.unusable += u32::from(matches!(failure, Failure::Unusable(_)));
            retry::next(failure, tried.failed, tried.unusable, rand::random())
        });
        let result = match &next {
            Ok(_) => "done",
            Err(Next::Again(_)) => "retried",
            Err(Next::Never(_)) => "failed",
        };
        self.context.parts.metrics.review(part, result, began.elapsed());
        // Why is the tenant's to read, with the call: an endpoint's own words may quote what was said.
        match result {
            "failed" => tracing::warn!(call = %self.record.call, part, "a call's review failed"),
            _ => tracing::debug!(call = %self.record.call, part, result, "a call was gone over"),
        }
        next
    }

    async fn missed(&mut self, next: Next, fail: impl FnOnce(&mut Review, &str)) {
        match next {
            Next::Again(wait) => {
                self.write(None, ReviewNext::Again(wall_now().after(wait))).await;
            }
            Next::Never(why) => {
                fail(&mut self.review, &why);
                self.write(None, ReviewNext::Over).await;
            }
        }
    }

    /// Nothing of it will ever be done.
    async fn fail(&mut self, why: &str) {
        if self.review.transcription == Some(Progress::Pending) {
            self.review.fail_transcription(why);
        } else {
            self.review.analysis = Some(Progress::Failed(why.to_owned()));
        }
        self.write(None, ReviewNext::Over).await;
    }

    /// Is it this try's still? What cannot be written is tried again when its lease lapses.
    async fn write(&self, transcript: Option<Vec<Said>>, next: ReviewNext) -> bool {
        let parts = &self.context.parts;
        let write = ReviewWrite {
            call: self.record.call,
            attempt: self.number,
            review: self.review.clone(),
            transcript,
            next,
            at: wall_now(),
        };
        match parts.store.write_review(write).await {
            Ok(is_ours) => {
                if is_ours && next == ReviewNext::Over {
                    parts.wake.wake();
                }
                is_ours
            }
            Err(error) => {
                tracing::warn!(call = %self.record.call, %error, "a review could not be written; it is tried again");
                false
            }
        }
    }
}

/// A recording that is put into words.
struct Spoken {
    asked: Asked,
    language: Option<String>,
    format: TranscriptFormat,
    path: PathBuf,
}

/// What an agent says that says nothing.
const NO_CHOICE: ServiceChoice = ServiceChoice { url: None, model: None, api_key: None };

fn asked(asked: Option<Asked>) -> Result<Asked, Failure> {
    asked.ok_or_else(|| gone("there is nobody to ask any more: the configuration names no endpoint"))
}

fn gone(why: &str) -> Failure {
    Failure::Final(why.to_owned())
}

async fn in_time<T>(part: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    match tokio::time::timeout(TRY_MAX, part).await {
        Ok(came) => came,
        Err(_) => {
            let why = format!("it took longer than {} s", TRY_MAX.as_secs());
            Err(Failure::Passing { why, retry_after: None })
        }
    }
}

/// Off the runtime's own threads: a disk may be slow.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(gone("the recording could not be read")))
}

/// Which parts of a recording are to be sent.
fn scan(path: &Path, gap: Option<Duration>) -> Result<Vec<Piece>, Failure> {
    let mut file = File::open(path).map_err(unreadable)?;
    let mut head = [0; HEADER_BYTES];
    file.read_exact(&mut head).map_err(unreadable)?;
    if !sound::is_ours(&head) {
        return Err(gone("the recording is not as the switch makes them"));
    }
    let mut levels = Levels::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk).map_err(unreadable)? {
            0 => return Ok(levels.pieces(gap)),
            read => levels.take(&chunk[..read]),
        }
    }
}

/// One of them as a file of its own.
fn cut(path: &Path, piece: &Piece) -> Result<Vec<u8>, Failure> {
    let file = File::open(path).map_err(unreadable)?;
    let mut stereo = vec![0; piece.frames.len() * FRAME_BYTES];
    let begins = HEADER_BYTES + piece.frames.start * FRAME_BYTES;
    file.read_exact_at(&mut stereo, begins as u64).map_err(unreadable)?;
    Ok(sound::wav(piece.by, &stereo))
}

fn unreadable(error: std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::UnexpectedEof => gone("the recording is gone"),
        _ => Failure::Passing { why: format!("the recording cannot be read: {error}"), retry_after: None },
    }
}
