//! What commands print. Whoever stops reading (`| head -1`) ends the lines and not the command: a panic would leave its work half
//! done. Anything else that keeps an answer from where it should go, a full disk for instance, fails the command.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

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

/// A line for whoever looks on, beside the answer.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
