//! One call, from its INVITE to its end, and the shard that holds many.
//!
//! `machine` is the policy of a call, `party` its SIP leg with its `offers` and answers, `disposition` the table of its ends; `shard` joins them to one
//! user agent, sans-IO. `driver` is the shell: one task with sockets, a `mailbox` and a clock.

mod bots;
pub mod disposition;
mod driver;
mod facts;
mod keys;
mod knock;
mod machine;
mod mailbox;
mod offers;
mod outbox;
mod party;
mod shard;
mod sound;
mod tape;
mod tie;
mod timer;
mod verdict;
mod wire;

pub use driver::{Board, Callers, Counts, Dials, Driver, DriverParts, Errands, Events, Intents, People};
pub use knock::Knock;
pub use machine::{Origination, Reception};
pub use mailbox::{Input, Mailbox, Room};
pub use outbox::{
    Aside, BotId, BotOrder, DialOrder, Engagement, ErrandOrder, Hand, MediaOrder, Part, Role, Speech,
    SpeechOrder,
};
pub use party::Seed;
pub use shard::{Command, Inquiry, Orphan, Shard, Told};
pub use sound::{capabilities, over as spec_for};
pub use verdict::{is_automated, parameters as detection};
