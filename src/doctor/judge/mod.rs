//! From what was seen to what is told. Pure functions; each file is a table of one step's observations.

mod call;
mod configuration;
mod dialog;
mod digest;
mod extensions;
mod hold;
mod media;
mod options;
mod reach;
mod register;
mod transport;
mod words;

pub use call::{accepted, cured, refused};
pub use configuration::configuration;
pub use dialog::dialog;
pub use digest::{challenges, digest};
pub use extensions::extensions;
pub use hold::hold;
pub use media::media;
pub use options::{options, return_path, unanswered};
pub use reach::{knocked, names};
pub use register::register;
pub use transport::{tls, transport};

#[cfg(test)]
mod tests;
