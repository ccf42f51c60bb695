//! What the console page and the switch say to each other, in JSON. The page speaks by requests, the switch by server-sent
//! events whose data is one [`Told`] each.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /v1/people/session` | [`SignIn`] | 201 [`Session`]: its `session` is the bearer of everything below |
//! | `DELETE /v1/people/session` | | 204: signed out |
//! | `GET /v1/people/events` | | `text/event-stream`; the first event is [`Told::State`]; a second stream ends the first, whose last event is [`Told::Replaced`] |
//! | `POST /v1/people/whip` | an SDP offer | 201, an SDP answer and `Location` (RFC 9725); `DELETE` there ends the audio |
//! | `POST /v1/people/availability` | [`Availability`] | 204, or 409 without audio |
//! | `POST /v1/people/calls/{call}/accept`, `decline`, `hangup` | | 204; without effect if the call is elsewhere by now |
//! | `POST /v1/people/calls/{call}/hold`, `resume` | | 204: asked for: the far end is put on hold, or taken back; an event tells if it refuses |
//! | `POST /v1/people/calls/{call}/transfer` | [`Transfer`] | 204: asked for; the call's end is told by an event; 409 if the colleague takes no calls |
//!
//! Digits go as telephone events in the audio (RFC 4733), muting stays in the page. Instants are told as milliseconds from
//! now, because the page's clock is not ours. Errors are [`Wrong`].

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The page shows what its user holds.
#[derive(Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = people::SignIn)]
pub struct SignIn {
    /// The person's own token.
    pub token: String,
}

/// Signed in.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = people::Session)]
pub struct Session {
    /// The bearer token of this session.
    pub session: String,
    /// Who this is.
    pub name: String,
    /// For the page's `RTCPeerConnection`.
    pub ice_servers: Vec<IceServer>,
}

/// As `RTCIceServer` in the browser. No `Debug`: it may hold a credential.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = people::IceServer)]
pub struct IceServer {
    /// `stun:` and `turn:` URLs.
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Takes calls, or does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = people::Availability)]
pub struct Availability {
    /// From now on.
    pub available: bool,
}

/// Where the call is to go.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = people::Transfer)]
pub struct Transfer {
    /// A telephone number, or a colleague's name.
    pub to: String,
}

/// What the page is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Told {
    /// Where the person stands.
    State {
        /// The state.
        state: StateName,
        /// For so long already.
        since_ms: u64,
        /// Ends by itself in so long: a ring, a wrap-up, the time to come back.
        #[serde(skip_serializing_if = "Option::is_none")]
        ends_ms: Option<u64>,
        /// The call that rings or is on.
        #[serde(skip_serializing_if = "Option::is_none")]
        call: Option<String>,
        /// What is known about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        about: Option<About>,
        /// Is there audio?
        audio: bool,
        /// Has it put the far end on hold?
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        held: bool,
        /// Takes no more calls once this one is over.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        leaves: bool,
    },
    /// The call is over for this person.
    Over {
        /// Which.
        call: String,
        /// Why.
        why: Why,
    },
    /// What the person wanted done with its call was not done.
    Failed {
        /// Which call.
        call: String,
        /// Why, for people.
        why: String,
        /// Is the far end on hold, by this person's wish?
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        held: bool,
    },
    /// The session is shown by another page from now on: a tab that was duplicated has its session, too.
    Replaced,
    /// The session ended: it was opened elsewhere, or the person may not sign in any more.
    SignedOut,
}

/// A person's state, without what belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// Takes no calls.
    Offline,
    /// Waits for one.
    Available,
    /// One rings.
    Ringing,
    /// One is on.
    Talking,
    /// One is on, and waits for the audio to come back: a new offer is all that it takes.
    Away,
    /// Writes down what was said.
    WrapUp,
}

/// Why a call is over for a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The person declined it.
    Declined,
    /// The person let it ring.
    Missed,
    /// The person's audio was lost.
    AudioLost,
    /// The person hung up.
    HungUp,
    /// The other side, or the switch, ended it.
    Ended,
    /// A colleague has it now.
    Passed,
}

/// What the page shows about a call. Its `Debug` says nothing of it.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
pub struct About {
    /// The far end's number.
    pub number: String,
    /// The callee's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// `inbound` or `outbound`.
    pub direction: &'static str,
    /// What it is about: its request's prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brief: Option<String>,
    /// What its request says besides: its variables, but for the name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Detail>,
}

/// A variable of a call.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl fmt::Debug for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("About").field("direction", &self.direction).finish_non_exhaustive()
    }
}

/// An error.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = people::Wrong)]
pub struct Wrong {
    /// For programs.
    pub error: &'static str,
    /// For people.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_without_a_call_says_nothing_about_one() {
        let told = Told::State {
            state: StateName::WrapUp,
            since_ms: 5,
            ends_ms: Some(9_995),
            call: None,
            about: None,
            audio: true,
            held: false,
            leaves: false,
        };
        assert_eq!(
            serde_json::to_value(told).expect("JSON"),
            json!({ "type": "state", "state": "wrap_up", "since_ms": 5, "ends_ms": 9_995, "audio": true })
        );
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(serde_json::from_str::<Availability>(r#"{"available":true}"#).is_ok());
        assert!(serde_json::from_str::<Availability>(r#"{"available":true,"x":1}"#).is_err());
        assert!(serde_json::from_str::<SignIn>(r#"{}"#).is_err());
    }
}
