//! What may be done to a call that lives.

use serde_json::{Value, json};
use utoipa::ToSchema;

use super::entry::{Entry, Speaker};
use super::problems::{bodied, keyed, missing, stored, wrong};
use super::schema::text;
use crate::face::Problem;
use crate::face::native::control::{Digits, Handing, Muted, Nothing, Play, Say, Transfer};
use crate::face::native::stream::BotStream;
use crate::model::{NotDone, Refusal};

const ME: Speaker = Speaker::Native;
/// The call of the examples.
pub const CALL: &str = "CA00000000000000000000001234567890";

/// All of them.
pub fn entries() -> Vec<Entry> {
    let plain = [
        ("/v1/calls/{id}/hangup", "hangUp", "End a call"),
        ("/v1/native/calls/{id}/hangup", "hangUpNative", "End a call"),
        ("/v1/native/calls/{id}/hold", "holdCall", "Put the callee on hold"),
        ("/v1/native/calls/{id}/resume", "resumeCall", "Take the callee back"),
        ("/v1/native/calls/{id}/do-not-call", "objectInCall", "Never call the far end again"),
        ("/v1/native/calls/{id}/stream/stop", "stopStream", "Stream no more"),
        ("/v1/native/calls/{id}/recording/start", "startRecording", "Record from now on"),
        ("/v1/native/calls/{id}/recording/stop", "stopRecording", "Record no more"),
        ("/v1/native/calls/{id}/transfer/complete", "completeTransfer", "Put the new party through"),
        ("/v1/native/calls/{id}/transfer/cancel", "cancelTransfer", "Go back from a transfer"),
    ];
    let plain = plain.into_iter().map(|(path, id, summary)| {
        order::<Nothing>(path, id, summary, json!({}))
            .optional_body()
            .fails([Problem::CallNotLive(NotDone::NotRecording)])
    });
    let example = json!({ "to": "+15551234568", "mode": "warm", "whisper": { "text": "A caller for you." } });
    let transfers = [
        order::<Transfer>(
            "/v1/calls/{id}/transfer",
            "transferCall",
            "Transfer a call",
            json!({ "to": "+15551234568" }),
        ),
        order::<Handing>("/v1/native/calls/{id}/transfer", "transferNativeCall", "Transfer a call", example),
    ];
    let transfers = transfers.map(|entry| {
        entry.fails([
            missing("to"),
            Refusal::InvalidPhone { field: "to" }.into(),
            Refusal::DestinationForbidden { reason: "premium numbers".into() }.into(),
        ])
    });
    let sides = [
        ("/v1/native/calls/{id}/mute", "muteCall", "Mute a side"),
        ("/v1/native/calls/{id}/unmute", "unmuteCall", "Unmute a side"),
    ];
    let sides = sides.into_iter().map(|(path, id, summary)| {
        order::<Muted>(path, id, summary, json!({ "side": "agent" }))
            .optional_body()
            .fails([wrong("side", "must be agent or callee")])
    });
    let bot = json!({ "url": "wss://bot.example.test/media", "dialect": "twilio" });
    let streams = [
        ("/v1/native/calls/{id}/connect", "connectBot", "Hand the call to a voice bot"),
        ("/v1/native/calls/{id}/stream/start", "startStream", "Let a bot listen in"),
    ];
    let streams = streams.into_iter().map(|(path, id, summary)| {
        order::<BotStream>(path, id, summary, bot.clone()).fails([
            missing("url"),
            wrong("url", "must begin with wss:// for this dialect"),
            Problem::CallNotLive(NotDone::Streaming),
        ])
    });
    let said = [
        order::<Say>(
            "/v1/native/calls/{id}/say",
            "sayToCall",
            "Say something",
            json!({ "text": "One moment, please.", "interrupt": true }),
        ),
        order::<Play>(
            "/v1/native/calls/{id}/play",
            "playToCall",
            "Play something",
            json!({ "url": "https://example.test/jingle.wav" }),
        ),
        order::<Digits>("/v1/native/calls/{id}/dtmf", "sendDigits", "Key digits", json!({ "digits": "12#" })),
    ];
    let said =
        said.into_iter().map(|entry| entry.fails([missing("text"), Problem::CallNotLive(NotDone::Full)]));
    plain.chain(transfers).chain(sides).chain(streams).chain(said).collect()
}

/// What is done to a call that lives is on its way.
#[derive(ToSchema)]
#[schema(as = native::Accepted)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct Accepted {
    #[schema(pattern = "^CA[0-9a-f]{32}$")]
    call_id: String,
    #[schema(pattern = "^accepted$")]
    status: String,
}

fn order<T: ToSchema>(path: &'static str, id: &str, summary: &str, example: Value) -> Entry {
    Entry::new(ME, ("POST", path), id, summary)
        .path("id", "The call's id, in any rendering.", CALL)
        .header("Idempotency-Key", "The same request again is answered as the first time.", text(None))
        .takes::<T>(example)
        .gives::<Accepted>(202, "It is being done.", json!({ "call_id": CALL, "status": "accepted" }))
        .fails(keyed())
        .fails(bodied())
        .fails(stored())
        .fails([
            Problem::CallNotFound,
            Problem::CallNotLive(NotDone::NotTalking),
            Refusal::IdempotencyConflict.into(),
        ])
}
