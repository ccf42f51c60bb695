//! Sessions in virtual time: a provider that says what it says, a port whose bridge is ticked by hand.

mod deepgram;
mod elevenlabs;
mod hostile;
mod openai;
mod pair;
mod shell;
