//! Where bots connect to the switch.

use super::control::CALL;
use super::entry::{Entry, Speaker};
use super::problems::{keyed, stored};
use super::schema::text;
use crate::face::Problem;
use crate::model::{NotDone, Refusal};

/// All of them.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new(Speaker::Native, ("GET", "/v1/stream/{call}"), "bringBot", "Bring a call its bot")
            .about(ABOUT)
            .refused_alike()
            .path("call", "The call's id, in any rendering.", CALL)
            .query(
                "ticket",
                "In a key's place: `stream_url` of the call holds one. Once, within ten minutes.",
                text(None),
            )
            .gives_nothing(101, "The connection speaks the agent's dialect from now on.")
            .fails(keyed())
            .fails(stored())
            .fails([
                Problem::CallNotFound,
                Problem::CallNotLive(NotDone::NotAwaited),
                Problem::CallNotLive(NotDone::BotPresent),
                Problem::UpgradeRequired,
                Refusal::Overloaded("too many bots wait for their calls").into(),
            ]),
    ]
}

const ABOUT: &str = "A WebSocket (RFC 6455) for the bot of an agent whose `stream` has `accept`. The bot is waited for from when the \
callee's phone rings, for the agent's `connect_timeout_seconds`; one that comes sooner is let in then, if that is within ten seconds. \
What is spoken is the agent's dialect, with the switch in the service's part: it is the first to speak. A bot that is lost may connect \
again, before it was heard and for `reconnect_seconds` afterwards. Refusals have both `error` and `detail`, in whatever face the key is.";
