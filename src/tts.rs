//! Text to speech by an external program or a speech endpoint, cached in memory by content. What a request's prompt says is stored
//! nowhere.

mod endpoint;
mod program;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{OnceCell, Semaphore};
use trunkline_media::{Clip, ClipError};

use crate::config::{self, Speaker};
use crate::egress::EgressError;
use endpoint::Endpoint;
use program::Program;

/// Processes at once. Full means late, never refused.
const PROCESSES: usize = 2;
/// Requests to an endpoint at once. The same.
const REQUESTS: usize = 16;
/// How long one text may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// Audio kept, in milliseconds: at 8 kB a second, 64 MB.
const CACHE_MS: u128 = 8_000_000;
/// The longest audio of one text: half an hour of 16-bit speech at 48 kHz.
const WAV_MAX: u64 = 180 << 20;

/// Why a text has no speech.
#[derive(Debug, thiserror::Error)]
pub enum TtsError {
    /// The program is not there, or cannot be started.
    #[error("the speech program `{program}` cannot be started: {error}")]
    Start {
        /// Its name.
        program: String,
        /// The system's words.
        error: std::io::Error,
    },
    /// The program failed.
    #[error("the speech program failed ({status}): {stderr}")]
    Failed {
        /// Its exit status.
        status: std::process::ExitStatus,
        /// The first of what it said.
        stderr: String,
    },
    /// The program took too long.
    #[error("the speech program took longer than {} s", DEADLINE.as_secs())]
    Late,
    /// The endpoint cannot be reached.
    #[error("the speech endpoint: {0}")]
    Endpoint(#[from] EgressError),
    /// The endpoint refused.
    #[error("the speech endpoint answered {status}: {said}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The first of what it said.
        said: String,
    },
    /// What came is no audio.
    #[error("what should be speech: {0}")]
    Wav(#[from] ClipError),
    /// The system refused memory or a pipe.
    #[error("text to speech: {0}")]
    Io(#[from] std::io::Error),
}

/// A renderer. Cheap to clone.
#[derive(Clone)]
pub struct Tts(Arc<Inner>);

struct Inner {
    source: Source,
    voice: Option<String>,
    voices: BTreeMap<String, String>,
    cache: Mutex<Cache>,
    busy: Semaphore,
}

enum Source {
    Program(Program),
    Endpoint(Endpoint),
}

type Key = [u8; 32];

#[derive(Default)]
struct Cache {
    clips: HashMap<Key, Arc<OnceCell<Arc<Clip>>>>,
    /// Finished clips, oldest first.
    order: VecDeque<Key>,
    held_ms: u128,
}

impl Tts {
    /// A renderer by this program, or this endpoint.
    pub fn new(config: config::Tts) -> Result<Self, EgressError> {
        let (source, at_once) = match config.speaker {
            Speaker::Program(command) => (Source::Program(Program::new(command)), PROCESSES),
            Speaker::Endpoint(endpoint) => (Source::Endpoint(Endpoint::new(endpoint)?), REQUESTS),
        };
        let (cache, busy) = (Mutex::default(), Semaphore::new(at_once));
        Ok(Self(Arc::new(Inner { source, voice: config.voice, voices: config.voices, cache, busy })))
    }

    /// Puts a clip into the cache, as if it had been rendered with the usual voice.
    pub fn preload(&self, text: &str, clip: Arc<Clip>) {
        let key = key(text, self.0.word(None));
        self.0.cache().clips.insert(key, Arc::new(OnceCell::new_with(Some(clip))));
    }

    /// The speech of a text that was rendered before with this voice.
    pub fn cached(&self, text: &str, voice: Option<&str>) -> Option<Arc<Clip>> {
        self.0.cache().clips.get(&key(text, self.0.word(voice)))?.get().cloned()
    }

    /// The speech of a text; a voice that the configuration does not know is the usual one. The same asked for twice at once is
    /// rendered once.
    pub async fn render(&self, text: &str, voice: Option<&str>) -> Result<Arc<Clip>, TtsError> {
        let word = self.0.word(voice);
        let key = key(text, word);
        let cell = Arc::clone(self.0.cache().clips.entry(key).or_default());
        let rendered = cell.get_or_try_init(|| self.0.run_and_keep(key, text, word)).await.cloned();
        if rendered.is_err() {
            self.0.cache().clips.remove(&key);
        }
        rendered
    }

    /// Does it work? Renders a word to find out.
    pub async fn probe(&self) -> Result<(), TtsError> {
        self.render("ready", None).await.map(drop)
    }
}

impl Inner {
    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The renderer's word for this voice. What a client says never reaches it.
    fn word(&self, voice: Option<&str>) -> &str {
        let named = voice.and_then(|voice| self.voices.get(voice));
        named.or(self.voice.as_ref()).map_or("", String::as_str)
    }

    async fn run_and_keep(&self, key: Key, text: &str, voice: &str) -> Result<Arc<Clip>, TtsError> {
        let permit = self.busy.acquire().await.expect("the semaphore is never closed");
        let wav = match &self.source {
            Source::Program(program) => program.speak(text, voice).await?,
            Source::Endpoint(endpoint) => endpoint.speak(text, voice).await?.into(),
        };
        let clip = Arc::new(Clip::from_wav(&wav)?);
        drop(permit);
        self.cache().keep(key, &clip);
        Ok(clip)
    }
}

impl Cache {
    /// Counts a finished clip in, and drops the oldest when there are too many.
    fn keep(&mut self, key: Key, clip: &Clip) {
        self.order.push_back(key);
        self.held_ms += clip.duration().as_millis();
        while self.held_ms > CACHE_MS && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(dropped) = self.clips.remove(&oldest).as_ref().and_then(|cell| cell.get()) {
                self.held_ms = self.held_ms.saturating_sub(dropped.duration().as_millis());
            }
        }
    }
}

fn key(text: &str, voice: &str) -> Key {
    Sha256::new().chain_update(voice).chain_update([0]).chain_update(text).finalize().into()
}

#[cfg(test)]
pub(in crate::tts) mod tests {
    use super::*;

    /// A "renderer" that copies a WAV of ours, chosen by what it is asked to read.
    fn copier(wav: &std::path::Path) -> Tts {
        renderer(&format!("test -s {{text_file}} && cat {} > {{wav_file}}", wav.display()), &[])
    }

    fn renderer(script: &str, voices: &[(&str, &str)]) -> Tts {
        let own = |(name, word): &(&str, &str)| ((*name).to_owned(), (*word).to_owned());
        Tts::new(config::Tts {
            speaker: Speaker::Program(["sh", "-c", script].map(str::to_owned).to_vec()),
            voice: Some("usual".to_owned()),
            voices: voices.iter().map(own).collect(),
        })
        .expect("a program needs nothing")
    }

    pub fn wav(samples: u32) -> Vec<u8> {
        let data = samples * 2;
        let mut bytes = Vec::new();
        bytes.extend(b"RIFF");
        bytes.extend((36 + data).to_le_bytes());
        bytes.extend(b"WAVEfmt ");
        bytes.extend(16u32.to_le_bytes());
        bytes.extend([1, 0, 1, 0]);
        bytes.extend(8000u32.to_le_bytes());
        bytes.extend(16000u32.to_le_bytes());
        bytes.extend([2, 0, 16, 0]);
        bytes.extend(b"data");
        bytes.extend(data.to_le_bytes());
        bytes.resize(bytes.len() + data as usize, 0);
        bytes
    }

    #[tokio::test]
    async fn what_the_program_wrote_is_played_and_kept() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("a.wav");
        std::fs::write(&file, wav(8000)).expect("written");
        let tts = copier(&file);
        assert!(tts.cached("hello", None).is_none());
        let clip = tts.render("hello", None).await.expect("rendered");
        assert_eq!(clip.duration(), Duration::from_secs(1));
        std::fs::remove_file(&file).expect("removed");
        assert!(Arc::ptr_eq(&clip, &tts.render("hello", None).await.expect("from the cache")));
        assert!(tts.render("other", None).await.is_err(), "a failure is told");
        assert!(tts.cached("other", None).is_none(), "and not kept");
    }

    #[tokio::test]
    async fn a_voice_that_is_known_speaks_and_for_any_other_one_the_usual() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (word, samples) in [("usual", 8_000), ("deep", 16_000)] {
            std::fs::write(directory.path().join(word), wav(samples)).expect("written");
        }
        let script =
            format!("test -s {{text_file}} && cat '{}/{{voice}}' > {{wav_file}}", directory.path().display());
        let tts = renderer(&script, &[("nova", "deep")]);
        for (voice, seconds) in [(None, 1), (Some("nova"), 2), (Some("$(reboot)"), 1), (Some("../usual"), 1)]
        {
            let clip = tts.render("hello", voice).await.expect("rendered");
            assert_eq!(clip.duration(), Duration::from_secs(seconds), "{voice:?}");
            assert!(tts.cached("hello", voice).is_some_and(|kept| Arc::ptr_eq(&kept, &clip)), "{voice:?}");
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let speaker = Speaker::Program(vec!["no-such-speech-program".into()]);
        let tts = Tts::new(config::Tts { speaker, voice: None, voices: Default::default() });
        let tts = tts.expect("a program needs nothing");
        let error = tts.render("hello", None).await.expect_err("it is not there");
        assert!(error.to_string().contains("no-such-speech-program"), "{error}");
    }
}
