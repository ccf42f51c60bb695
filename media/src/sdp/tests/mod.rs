//! Offers and answers of all kinds of telephones.

use std::net::SocketAddr;

mod answering;
mod inspecting;
mod keys;
mod mirror;
mod offering;
mod rfc_4317;

use super::*;
use crate::{codec::Codec, srtp::Secret};

fn local() -> SocketAddr {
    "192.0.2.1:20000".parse().expect("an address")
}

/// Our side of a dialog, with the same keys each time.
fn ours(capabilities: &Capabilities) -> Local {
    Local::of_any_codec(local(), 7, capabilities.clone(), Secret::new([3; 32]))
}

fn pending() -> PendingOffer {
    ours(&Capabilities::default()).offer().1
}

fn with(codecs: &[Codec]) -> Capabilities {
    Capabilities { codecs: codecs.to_vec(), ..Capabilities::default() }
}

/// As the wire has it: after the usual head, if it has none.
fn wire(text: &str) -> Vec<u8> {
    let text = if text.starts_with("v=") { text.to_owned() } else { format!("{HEAD}{text}") };
    text.replace('\n', "\r\n").into_bytes()
}

/// What their answer to our offer of `capabilities` comes to.
fn accept_with(capabilities: &Capabilities, answer: &str) -> Result<Negotiated, SdpError> {
    ours(capabilities).offer().1.accept(&wire(answer))
}

fn accept(answer: &str) -> Result<Negotiated, SdpError> {
    accept_with(&Capabilities::default(), answer)
}

/// Our answer to their offer, and what it comes to.
fn answer_with(capabilities: &Capabilities, offer: &str) -> Result<(String, Negotiated), SdpError> {
    let (answer, negotiated, _) = ours(capabilities).answer(&wire(offer))?;
    Ok((String::from_utf8(answer.to_vec()).expect("text"), negotiated))
}

fn lines<'a>(text: &'a str, begin: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(begin)).collect()
}

const HEAD: &str = "v=0\no=- 1 1 IN IP4 198.51.100.9\ns=-\nc=IN IP4 198.51.100.9\nt=0 0\n";
