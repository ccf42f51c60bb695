//! trunkline-media: audio without SIP. It terminates RTP, decides who answered, plays what the agent says, and records.
//!
//! # Layers
//! Every arrow runs down; what stands lower knows nothing of what stands higher.
//!
//! | layer | modules |
//! |---|---|
//! | shell: sockets, files, clocks, threads | [`worker`], `sockets`, [`recording`](RecordingSpec), `report`, `counters` |
//! | who hears whom, tick by tick | [`bridge`] |
//! | one side's packets, ears, words and armed rules | `leg`, `outbox`, `hearing`, `digits`, `playout`, `stats`, `tape`, [`port`], [`rule`] |
//! | packets in any order to frames and frames to packets, whom to believe | `jitter`, `conceal`, `bundle`, `reception`, `latch`, `datagram` |
//! | what the bytes mean | [`rtp`], `rtcp`, [`srtp`], [`codec`], `coder`, [`g711`], `g722`, `opus`, `halfband`, [`resample`], `comfort`, [`dtmf`], `tone`, [`sdp`], [`clip`], [`amd`] |
//!
//! # Contract
//! Everything but the shell is sans-IO: it takes `now` and bytes, is seeded, and gives datagrams, events and frames. A
//! [`Bridge`] has five verbs, `handle_command`, `handle_message`, `handle_timeout`, `poll_*` and `poll_timeout`; mutate,
//! then drain every poll to `None`. Time is 20 ms frames of 8 kHz audio. Input from the network never panics, and every
//! queue has a bound. SDP is the caller's to carry: whoever sends an [`Offer`] keeps its [`PendingOffer`], which reads the answers.
//!
//! The shell is a [`Media`]: it opens legs from a port pool, takes [`Command`]s and gives [`Report`]s.
//!
//! # Example
//! Two legs of the same plane call each other on loopback; one says half a second of something.
//!
//! ```
//! use std::{sync::{Arc, mpsc}, time::{Duration, Instant}};
//! use trunkline_media::{
//!     BridgeSpec, Capabilities, Clip, Command, Event, Media, MediaConfig, Offer, Rule, Then, When, sdp,
//! };
//!
//! let (told, reports) = mpsc::sync_channel(1_024);
//! let config = MediaConfig { address: [127, 0, 0, 1].into(), ports: 27_000..=27_099, workers: 1, seed: [1; 32] };
//! let media = Media::start(config, move |report| told.try_send(report).is_ok())?;
//!
//! let near = media.open(BridgeSpec::default(), 1, None)?;
//! let far = media.open(BridgeSpec::default(), 2, None)?;
//! let (offer, pending) = Offer::new(near.local, 1, &Capabilities::default());
//! let (answer, theirs) = sdp::answer(&offer.to_bytes(), far.local, 1, &Capabilities::default())?;
//! media.send(far.leg, Command::Remote(theirs))?;
//! media.send(far.leg, Command::Answered)?;
//!
//! // Armed before the answer, so that the first packet after it speaks.
//! let clip = Arc::new(Clip::from_samples(&[4_000; 4_000]));
//! media.send(near.leg, Command::Remote(pending.accept(&answer)?))?;
//! media.send(near.leg, Command::Play { clip, mark: Some(7) })?;
//! media.send(near.leg, Command::Arm(Rule { when: When::Answered, then: Then::OpenGate, once: true }))?;
//! media.send(near.leg, Command::Answered)?;
//!
//! let played = loop {
//!     match reports.recv_timeout(Duration::from_secs(10))?.event {
//!         Event::Marked { mark, cleared } => break (mark, cleared),
//!         _ => {}
//!     }
//! };
//! assert_eq!(played, (7, false));
//! assert!(media.shutdown(Instant::now() + Duration::from_secs(10)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(missing_docs)]
#![deny(unsafe_code)]

pub mod amd;
pub mod bridge;
mod bundle;
pub mod clip;
pub mod codec;
mod coder;
mod comfort;
mod conceal;
mod counters;
mod datagram;
mod digits;
pub mod dtmf;
pub mod g711;
mod g722;
mod halfband;
mod hearing;
mod jitter;
mod latch;
mod leg;
#[cfg(feature = "opus")]
mod opus;
mod outbox;
mod playout;
pub mod port;
mod reception;
mod recording;
mod report;
pub mod resample;
mod rtcp;
pub mod rtp;
pub mod rule;
pub mod sdp;
mod sockets;
mod spurts;
pub mod srtp;
mod stats;
mod tape;
mod tone;
pub mod worker;

pub use bridge::{Bridge, BridgeSpec, Command, Event};
pub use clip::{Clip, ClipError};
pub use codec::Codec;
pub use counters::Counters;
pub use datagram::{Channel, Transmit};
pub use dtmf::Digits;
pub use latch::Latch;
pub use port::{Port, Seat};
pub use recording::recorded_duration;
pub use report::{LegId, Report};
pub use resample::{Downsampler, Rate, Upsampler};
pub use rule::{Rule, Then, When};
pub use sdp::{Capabilities, Negotiated, Offer, PendingOffer, SdpError, Srtp};
pub use stats::Stats;
pub use tape::{Recorded, RecordingSpec, StereoFrame};
pub use worker::{Media, MediaConfig, OpenError, Opened, Overloaded};
