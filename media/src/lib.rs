//! trunkline-media: audio without SIP.

#![warn(missing_docs)]

pub mod amd;
pub mod bridge;
pub mod clip;
pub mod conceal;
pub mod dtmf;
pub mod g711;
mod hearing;
pub mod jitter;
mod latch;
mod leg;
pub mod playout;
pub mod reception;
mod recording;
pub mod rtcp;
pub mod rtp;
pub mod rule;
pub mod sdp;
mod sockets;
pub mod worker;

pub use bridge::{
    Bridge, BridgeSpec, Channel, Command, Event, Latch, Recorded, Stats, StereoFrame, Transmit,
};
pub use clip::{Clip, ClipError};
pub use dtmf::Digits;
pub use rule::{Rule, Then, When};
pub use sdp::{Capabilities, Codec, Negotiated, Offer, PendingOffer, SdpError};
pub use worker::{Counters, LegId, Media, MediaConfig, OpenError, Opened, Overloaded, RecordingSpec, Report};
