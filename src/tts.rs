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
    clips: HashMap<Key, Arc<Rendering>>,
    /// Finished clips, oldest first.
    order: VecDeque<Kept>,
    /// Of all in `order`.
    held_ms: u128,
}

/// One attempt at a text, for all who ask for it meanwhile.
type Rendering = OnceCell<Result<Arc<Clip>, Arc<TtsError>>>;

/// A clip that is counted.
struct Kept {
    key: Key,
    rendering: Arc<Rendering>,
    ms: u128,
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
        self.0.cache().clips.insert(key, Arc::new(OnceCell::new_with(Some(Ok(clip)))));
    }

    /// The speech of a text that was rendered before with this voice.
    pub fn cached(&self, text: &str, voice: Option<&str>) -> Option<Arc<Clip>> {
        self.0.cache().clips.get(&key(text, self.0.word(voice)))?.get()?.as_ref().ok().cloned()
    }

    /// The speech of a text; a voice that the configuration does not know is the usual one. The same asked for twice at once is
    /// rendered once, and if that fails it has failed for both: whoever asks after that has it tried anew.
    pub async fn render(&self, text: &str, voice: Option<&str>) -> Result<Arc<Clip>, Arc<TtsError>> {
        let word = self.0.word(voice);
        let key = key(text, word);
        let rendering = Arc::clone(self.0.cache().clips.entry(key).or_default());
        let rendered =
            rendering.get_or_init(|| self.0.run_and_keep(key, text, word, &rendering)).await.clone();
        if rendered.is_err() {
            self.0.cache().forget(&key, &rendering);
        }
        rendered
    }

    /// Does it work? Renders a word to find out.
    pub async fn probe(&self) -> Result<(), Arc<TtsError>> {
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

    async fn run_and_keep(
        &self,
        key: Key,
        text: &str,
        voice: &str,
        rendering: &Arc<Rendering>,
    ) -> Result<Arc<Clip>, Arc<TtsError>> {
        let clip = Arc::new(self.run(text, voice).await?);
        self.cache().keep(key, rendering, &clip);
        Ok(clip)
    }

    async fn run(&self, text: &str, voice: &str) -> Result<Clip, TtsError> {
        let permit = self.busy.acquire().await.expect("the semaphore is never closed");
        let wav = match &self.source {
            Source::Program(program) => program.speak(text, voice).await?,
            Source::Endpoint(endpoint) => endpoint.speak(text, voice).await?.into(),
        };
        let clip = Clip::from_wav(&wav)?;
        drop(permit);
        Ok(clip)
    }
}

impl Cache {
    /// Counts a finished clip in, if it is the one that is given out, and drops the oldest when there are too many.
    fn keep(&mut self, key: Key, rendering: &Arc<Rendering>, clip: &Clip) {
        if !self.gives_out(&key, rendering) {
            return;
        }
        let ms = clip.duration().as_millis();
        self.order.push_back(Kept { key, rendering: Arc::clone(rendering), ms });
        self.held_ms += ms;
        while self.held_ms > CACHE_MS && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front() else { return };
            self.held_ms -= oldest.ms;
            self.forget(&oldest.key, &oldest.rendering);
        }
    }

    /// No more of this one; what has taken its place stays.
    fn forget(&mut self, key: &Key, rendering: &Arc<Rendering>) {
        if self.gives_out(key, rendering) {
            self.clips.remove(key);
        }
    }

    fn gives_out(&self, key: &Key, rendering: &Arc<Rendering>) -> bool {
        self.clips.get(key).is_some_and(|there| Arc::ptr_eq(there, rendering))
    }
}

fn key(text: &str, voice: &str) -> Key {
    Sha256::new().chain_update(voice).chain_update([0]).chain_update(text).finalize().into()
}

#[cfg(test)]
pub(in crate::tts) mod tests {
    use futures_util::FutureExt;

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

    /// That what is counted is what is there.
    fn assert_counted(tts: &Tts, clips: usize, held: Duration) {
        let cache = tts.0.cache();
        assert_eq!((cache.clips.len(), cache.order.len()), (clips, clips));
        assert_eq!(cache.held_ms, held.as_millis());
    }

    #[tokio::test]
    async fn a_speech_that_fails_fails_for_all_who_wait_for_it_and_is_tried_anew_by_who_comes_then() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (file, failed) = (directory.path().join("a.wav"), directory.path().join("failed"));
        std::fs::write(&file, wav(8000)).expect("written");
        let failed = failed.display();
        let script = format!(
            "test -e {failed} || {{ touch {failed}; exit 1; }}; cat {} > {{wav_file}}",
            file.display()
        );
        let tts = renderer(&script, &[]);
        let (one, other) = tokio::join!(tts.render("hello", None), tts.render("hello", None));
        let (one, other) = (one.expect_err("it failed"), other.expect_err("for both"));
        assert!(Arc::ptr_eq(&one, &other), "once");
        assert_counted(&tts, 0, Duration::ZERO);
        let clip = tts.render("hello", None).await.expect("rendered");
        assert!(tts.cached("hello", None).is_some_and(|kept| Arc::ptr_eq(&kept, &clip)));
        assert_counted(&tts, 1, Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_speech_that_hangs_waits_for_one_and_not_for_each_before() {
        let tts = renderer("exec sleep 1000", &[]);
        let both = async { tokio::join!(tts.render("hello", None), tts.render("hello", None)) };
        let (one, other) = tokio::time::timeout(DEADLINE * 3 / 2, both).await.expect("in one render's time");
        assert!(one.is_err() && other.is_err());
    }

    #[tokio::test]
    async fn a_failure_that_is_told_late_takes_nothing_away() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("a.wav");
        let tts = copier(&file);
        // It is polled once, so that the attempt that fails is its own.
        let mut late = Box::pin(tts.render("hello", None));
        assert!((&mut late).now_or_never().is_none());
        let failed = Arc::clone(tts.0.cache().clips.values().next().expect("under way"));
        let clip = Arc::new(Clip::from_wav(&wav(8000)).expect("a WAV file"));
        tts.preload("hello", Arc::clone(&clip));
        assert!(late.await.is_err());
        assert!(failed.get().is_some_and(Result::is_err));
        assert!(tts.cached("hello", None).is_some_and(|kept| Arc::ptr_eq(&kept, &clip)));
    }

    #[test]
    fn the_oldest_make_room_and_nothing_is_counted_that_is_not_given_out() {
        let mut cache = Cache::default();
        let clip = Clip::from_wav(&wav(8000)).expect("a WAV file");
        let mut keep = |text: &str, is_there: bool| {
            let (key, rendering) = (key(text, ""), Arc::new(Rendering::new()));
            if is_there {
                cache.clips.insert(key, Arc::clone(&rendering));
            }
            cache.keep(key, &rendering, &clip);
        };
        keep("gone", false);
        let most = usize::try_from(CACHE_MS / 1_000).expect("few");
        (0..most + 5).for_each(|text| keep(&text.to_string(), true));
        assert_eq!((cache.clips.len(), cache.order.len(), cache.held_ms), (most, most, CACHE_MS));
        assert!(!cache.clips.contains_key(&key("4", "")) && cache.clips.contains_key(&key("5", "")));
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
