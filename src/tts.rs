//! Text to speech by an external program, cached in memory by content.
//!
//! The text and its audio pass through anonymous memory (`memfd_create(2)`), never through a file or an argument list:
//! what a request's prompt says is stored nowhere and shown in no process list.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::MemfdFlags;
use rustix::process::{Pid, Resource, Rlimit};
use sha2::{Digest, Sha256};
use tokio::process::Command;
use tokio::sync::{OnceCell, Semaphore};
use trunkline_media::{Clip, ClipError};

use crate::config;

/// Processes at once. Full means late, never refused.
const PROCESSES: usize = 2;
/// How long one text may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// Audio kept, in milliseconds: at 8 kB a second, 64 MB.
const CACHE_MS: u128 = 8_000_000;
/// The longest audio of one text: half an hour of 16-bit speech at 48 kHz.
const WAV_MAX: u64 = 180 << 20;
/// The renderer yields to calls.
const NICENESS: i32 = 10;

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
    /// What it wrote is no audio.
    #[error("the speech program's output: {0}")]
    Wav(#[from] ClipError),
    /// The system refused memory or a pipe.
    #[error("text to speech: {0}")]
    Io(#[from] std::io::Error),
}

/// A renderer. Cheap to clone.
#[derive(Clone)]
pub struct Tts(Arc<Inner>);

struct Inner {
    config: config::Tts,
    cache: Mutex<Cache>,
    processes: Semaphore,
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
    /// A renderer that runs this program.
    pub fn new(config: config::Tts) -> Self {
        let processes = Semaphore::new(PROCESSES);
        Self(Arc::new(Inner { config, cache: Mutex::default(), processes }))
    }

    /// Puts a clip into the cache, as if the program had made it with its usual voice.
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

    /// Is the program there? Renders a word to find out.
    pub async fn probe(&self) -> Result<(), TtsError> {
        self.render("ready", None).await.map(drop)
    }
}

impl Inner {
    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The program's word for this voice. What a client says never reaches its arguments.
    fn word(&self, voice: Option<&str>) -> &str {
        let named = voice.and_then(|voice| self.config.voices.get(voice));
        named.or(self.config.voice.as_ref()).map_or("", String::as_str)
    }

    async fn run_and_keep(&self, key: Key, text: &str, voice: &str) -> Result<Arc<Clip>, TtsError> {
        let permit = self.processes.acquire().await.expect("the semaphore is never closed");
        let clip = Arc::new(self.run(text, voice).await?);
        drop(permit);
        self.cache().keep(key, &clip);
        Ok(clip)
    }

    async fn run(&self, text: &str, voice: &str) -> Result<Clip, TtsError> {
        let (mut input, mut output) = (memory("text")?, memory("wav")?);
        input.write_all(text.as_bytes())?;
        let (program, arguments) =
            self.config.command.split_first().expect("the configuration refuses an empty command");
        let argument = |word: &String| {
            let word = word.replace("{voice}", voice);
            word.replace("{text_file}", &path(&input)).replace("{wav_file}", &path(&output))
        };
        let child = Command::new(program)
            .args(arguments.iter().map(argument))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| TtsError::Start { program: program.clone(), error })?;
        if let Some(pid) = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
            // At worst it ended already, or is not nicer than we are.
            let _ = rustix::process::setpriority_process(Some(pid), NICENESS);
            let most = Rlimit { current: Some(WAV_MAX), maximum: Some(WAV_MAX) };
            let _ = rustix::process::prlimit(Some(pid), Resource::Fsize, most);
        }
        let ended =
            tokio::time::timeout(DEADLINE, child.wait_with_output()).await.map_err(|_| TtsError::Late)??;
        if !ended.status.success() {
            let stderr = String::from_utf8_lossy(&ended.stderr).chars().take(200).collect();
            return Err(TtsError::Failed { status: ended.status, stderr });
        }
        let mut wav = Vec::new();
        output.rewind()?;
        output.take(WAV_MAX).read_to_end(&mut wav)?;
        Ok(Clip::from_wav(&wav)?)
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

/// A file that exists in memory alone.
fn memory(name: &str) -> std::io::Result<File> {
    Ok(File::from(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?))
}

/// Under what name another process of ours opens it.
fn path(file: &File) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A "renderer" that copies a WAV of ours, chosen by what it is asked to read.
    fn copier(wav: &std::path::Path) -> Tts {
        renderer(&format!("test -s {{text_file}} && cat {} > {{wav_file}}", wav.display()), &[])
    }

    fn renderer(script: &str, voices: &[(&str, &str)]) -> Tts {
        let own = |(name, word): &(&str, &str)| ((*name).to_owned(), (*word).to_owned());
        Tts::new(config::Tts {
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
            voice: Some("usual".to_owned()),
            voices: voices.iter().map(own).collect(),
        })
    }

    fn wav(samples: u32) -> Vec<u8> {
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
        let command = vec!["no-such-speech-program".into()];
        let tts = Tts::new(config::Tts { command, voice: None, voices: Default::default() });
        let error = tts.render("hello", None).await.expect_err("it is not there");
        assert!(error.to_string().contains("no-such-speech-program"), "{error}");
    }
}
