//! What commands print. Whoever stops reading (`| head -1`) ends the lines and not the command: a panic would leave its work half
//! done. Anything else that keeps an answer from where it should go, a full disk for instance, fails the command.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a line of a note may take to be written.
const NOTE_MAX: Duration = Duration::from_secs(2);

/// A line of the answer.
pub fn line(text: impl Display) -> io::Result<()> {
    print(format_args!("{text}\n"))
}

/// The answer, as it is.
pub fn print(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// A line of what goes on meanwhile. Nothing depends on whether anybody sees it.
pub fn show(text: impl Display) {
    let _ = line(text);
}

/// Lines for whoever looks on, beside the answer. Whoever does not read them keeps nobody from the end.
pub fn note(text: impl Display) {
    let text = format!("{text}\n");
    let (written, reads) = mpsc::channel::<()>();
    let write = move || {
        for line in text.split_inclusive('\n') {
            let _ = io::stderr().write_all(line.as_bytes());
            let _ = written.send(());
        }
    };
    if thread::Builder::new().spawn(write).is_ok() {
        // Many lines take their time, as long as they are read.
        while reads.recv_timeout(NOTE_MAX).is_ok() {}
    }
}
