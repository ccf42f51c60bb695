//! Speech by an external program. The text and its audio pass through anonymous memory (`memfd_create(2)`), never through a file or
//! an argument list: what is said is shown in no process list.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::process::Stdio;

use rustix::fs::MemfdFlags;
use rustix::process::{Pid, Resource, Rlimit};
use tokio::process::Command;

use super::{DEADLINE, TtsError, WAV_MAX};

/// The renderer yields to calls.
const NICENESS: i32 = 10;

/// The program and its arguments.
pub struct Program(Vec<String>);

impl Program {
    pub fn new(command: Vec<String>) -> Self {
        Self(command)
    }

    /// The WAV file that it makes of a text.
    pub async fn speak(&self, text: &str, voice: &str) -> Result<Vec<u8>, TtsError> {
        let (mut input, mut output) = (memory("text")?, memory("wav")?);
        input.write_all(text.as_bytes())?;
        let (program, arguments) = self.0.split_first().expect("the configuration refuses an empty command");
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
        Ok(wav)
    }
}

/// A file that exists in memory alone.
fn memory(name: &str) -> std::io::Result<File> {
    Ok(File::from(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?))
}

/// Under what name another process of ours opens it.
fn path(file: &File) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd())
}
