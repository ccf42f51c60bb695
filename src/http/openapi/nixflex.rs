//! Nixflex's routes, with the examples of seeds 000 and 001.

use serde_json::{Value, json};

use super::entry::{Entry, Speaker};
use super::objects::Described;
use super::problems::{bodied, crowded, keyed, missing, stored, wrong};
use super::schema::{from, text, word};
use crate::face::Problem;
use crate::face::collection::Collection;
use crate::face::nixflex::schema::{
    BatchRequest, Call, CallCreated, CallPage, Campaign, CampaignCreated, CampaignPage, CampaignStanding,
    NumberWebhook, OutboundRequest, RecipientPage,
};
use crate::model::{BatchRefusal, CreationFault, Face, InvalidRecipient, ObjectKind, ObjectProblem, Refusal};

const ME: Speaker = Speaker::Face(Face::Nixflex);

/// All of them.
pub fn entries() -> Vec<Entry> {
    let mut all = vec![outbound(), batch()];
    all.extend(campaign_reads());
    all.extend(orders());
    all.extend(call_reads());
    all.push(number_webhook());
    for described in collections() {
        let verbs: &[&str] = match described.what {
            Collection::Agents => &["list", "create", "read", "replace", "change", "remove"],
            _ => &["list", "create", "read", "change", "remove"],
        };
        all.extend(described.entries(verbs));
    }
    all
}

fn outbound() -> Entry {
    let refused = [
        missing("agent_id"),
        Refusal::InvalidPhone { field: "to_number" }.into(),
        wrong("dynamic_vars", "must be an object"),
        Refusal::AgentNotFound.into(),
        Refusal::FromNumberNotFound.into(),
        Refusal::AgentMissingPhoneNumber.into(),
        Refusal::NumberHasNoTrunk.into(),
        Problem::KeySecretRequired,
    ];
    Entry::new(ME, ("POST", "/v1/calls/outbound"), "createOutboundCall", "Create an outbound call")
        .about(
            "Calls a phone number. The agent dials, waits for pickup, runs voicemail detection, and starts the conversation when a \
             human answers. The request returns at once; the call goes on by itself, and its end is told to the `webhook_url` of the \
             number or the agent.",
        )
        .header("Idempotency-Key", "The same request again is answered as the first time.", text(None))
        .takes::<OutboundRequest>(json!({
            "agent_id": "agent_125207e452f8714a",
            "to_number": "+447386172392",
            "prompt": "You are Sarah from Bright Smile Dental. Call to remind {patient_name} about their appointment on \
                       {appointment_time} and confirm they can still attend.",
            "dynamic_vars": { "patient_name": "Sarah", "appointment_time": "Tuesday at 2pm" },
        }))
        .gives::<CallCreated>(201, "The call is on its way.", json!({
            "call_id": "CA00000000000000000000001234567890", "status": "initiated", "to": "+447386172392", "from": "+447446466847",
        }))
        .fails(keyed()).fails(bodied()).fails(refused).fails(crowded())
}

fn batch() -> Entry {
    let invalid =
        InvalidRecipient { index: 1, phone: Some("07111".into()), reason: "not a valid E.164 number" };
    let refused = [
        missing("prompt"),
        Problem::Batch(BatchRefusal::InvalidRecipients(vec![invalid])),
        Problem::Batch(BatchRefusal::Creation(CreationFault::InvalidTimezone)),
        wrong("window_days", "must be an array of strings"),
        Refusal::IdempotencyConflict.into(),
        Refusal::Overloaded("too many campaigns are being made").into(),
        Refusal::Draining.into(),
    ];
    Entry::new(ME, ("POST", "/v1/calls/batch"), "createBatchCampaign", "Create a batch campaign")
        .about("Queues many outbound calls under one campaign id. A window gates every dial, in the campaign's zone, else the agent's.")
        .header("Idempotency-Key", "The same request again is answered as the first time.", text(None))
        .takes::<BatchRequest>(json!({
            "agent_id": "agent_125207e452f8714a",
            "from_number": "+447446466847",
            "name": "Tuesday appointment reminders",
            "prompt": "You are Sarah from Bright Smile Dental. Call to remind the patient about their check-up tomorrow and confirm \
                       they can attend.",
            "timezone": "Europe/London",
            "recipients": [
                { "phone": "+447111000001" },
                { "phone": "+447111000002", "variables": { "patient_name": "John" } },
                { "phone": "+447111000003" },
            ],
            "schedule_type": "schedule",
            "scheduled_date": "2099-06-15",
            "window_start_minutes": 540,
            "window_end_minutes": 1080,
            "window_days": ["mon", "tue", "wed", "thu", "fri"],
        }))
        .gives_known::<CampaignCreated>(201, "The campaign is there.", json!({
            "campaign_id": "batchcall_7f8fe206a5522cb7", "status": "scheduled", "valid_count": 3, "invalid_count": 0, "invalid": [],
        }))
        .fails(keyed()).fails(bodied()).fails(stored()).fails(refused)
}

const CAMPAIGN_ID: &str = "batchcall_7f8fe206a5522cb7";

fn campaign_example() -> Value {
    json!({
        "campaign_id": CAMPAIGN_ID, "name": "Tuesday appointment reminders", "agent_id": "agent_125207e452f8714a",
        "from_number": "+447446466847", "status": "scheduled", "status_reason": null, "timezone": "Europe/London",
        "window_start_minutes": 540, "window_end_minutes": 1080, "window_days": ["mon", "tue", "wed", "thu", "fri"],
        "due_at": "2099-06-14T23:00:00.000Z", "created_at": "2026-05-29T12:00:00.000Z", "launched_at": null, "ended_at": null,
        "recipients_count": 3, "invalid_count": 0, "queued_count": 3, "active_count": 0, "answered_count": 0, "abandoned_count": 0,
        "unanswered_count": 0, "failed_count": 0, "indeterminate_count": 0, "cancelled_count": 0,
    })
}

fn campaign_reads() -> [Entry; 3] {
    let known = Problem::Batch(BatchRefusal::NotFound);
    let list = Entry::new(ME, ("GET", "/v1/calls/batch"), "listBatchCampaigns", "List campaigns")
        .query("limit", "Campaigns a page; who asks for more than 100 gets 100.", from(1))
        .query("offset", "Campaigns before it.", from(0))
        .query("status", "Only those that stand so.", word(&CAMPAIGN_STATUSES))
        .gives_known::<CampaignPage>(
            200,
            "A page.",
            json!({ "campaigns": [campaign_example()], "count": 1, "limit": 25, "offset": 0 }),
        )
        .fails(keyed())
        .fails(stored())
        .fails([wrong("limit", "must be a number from 1")]);
    let mut whole = campaign_example();
    whole["single_calls_count"] = json!(0);
    let read = Entry::new(ME, ("GET", "/v1/calls/batch/{id}"), "readBatchCampaign", "Read a campaign")
        .path("id", "The campaign's.", CAMPAIGN_ID)
        .gives_known::<Campaign>(200, "As it stands.", whole)
        .fails(keyed())
        .fails(stored())
        .fails([known.clone()]);
    let recipients = Entry::new(ME, ("GET", "/v1/calls/batch/{id}/recipients"), "listBatchRecipients", "List a campaign's recipients")
        .path("id", "The campaign's.", CAMPAIGN_ID)
        .query("limit", "Recipients a page; who asks for more than 1000 gets 1000.", from(1))
        .query("cursor", "`next_cursor` of the page before.", from(0))
        .query("status", "Only those who stand so.", word(&RECIPIENT_STATES))
        .gives::<RecipientPage>(200, "A page.", json!({
            "recipients": [{ "position": 0, "phone": "+447111000001", "status": "pending", "call_id": null, "ended_reason": null,
                             "reason": null, "ended_at": null }],
            "limit": 25, "next_cursor": null,
        }))
        .fails(keyed()).fails(stored()).fails([known, wrong("cursor", "is none that a page has named")]);
    [list, read, recipients]
}

const CAMPAIGN_STATUSES: [&str; 6] = ["scheduled", "running", "paused", "completed", "cancelled", "failed"];
const RECIPIENT_STATES: [&str; 5] = ["pending", "claimed", "dialing", "ended", "cancelled"];

fn orders() -> impl Iterator<Item = Entry> {
    let all = [
        ("/v1/calls/batch/{id}/launch", "launchBatchCampaign", "Launch a campaign", "running"),
        ("/v1/calls/batch/{id}/pause", "pauseBatchCampaign", "Pause a campaign", "paused"),
        ("/v1/calls/batch/{id}/resume", "resumeBatchCampaign", "Go on with a campaign", "running"),
        ("/v1/calls/batch/{id}/cancel", "cancelBatchCampaign", "Cancel a campaign", "cancelled"),
    ];
    all.into_iter().map(|(path, id, summary, status)| {
        let refused = [BatchRefusal::NotFound, BatchRefusal::Over("completed"), BatchRefusal::NoRecipients];
        // Only what is begun or goes on needs the key that began it.
        let key = (status == "running").then_some(BatchRefusal::KeyRevoked);
        let queued = if status == "cancelled" { 0 } else { 3 };
        Entry::new(ME, ("POST", path), id, summary)
            .about("Takes no body. An order that changes nothing is answered in the same way.")
            .path("id", "The campaign's.", CAMPAIGN_ID)
            .gives::<CampaignStanding>(200, "How it stands now.", json!({
                "campaign_id": CAMPAIGN_ID, "status": status, "recipients_count": 3, "queued_count": queued,
            }))
            .fails(keyed()).fails(stored()).fails(refused.into_iter().chain(key).map(Problem::Batch))
    })
}

fn brief() -> Value {
    json!({
        "call_id": "CA00000000000000000000001234567890", "agent_id": "agent_125207e452f8714a", "direction": "outbound",
        "from": "+447446466847", "to": "+447386172392", "status": "completed", "ended_reason": "completed",
        "started_at": "2026-05-29T12:00:00.000Z", "answered_at": "2026-05-29T12:00:05.000Z", "ended_at": "2026-05-29T12:00:35.000Z",
        "duration_seconds": 30, "voicemail_detected": false, "campaign_id": null, "metadata": null,
    })
}

fn call_reads() -> [Entry; 3] {
    let mut full = brief();
    for (field, value) in [
        ("transcript", json!([])),
        (
            "recording_url",
            json!("http://127.0.0.1:8080/v1/calls/CA00000000000000000000001234567890/recording"),
        ),
        ("cost_usd", json!(null)),
        ("warnings", json!([])),
        ("answered_by", json!("human")),
        ("verdict_reason", json!("short_greeting")),
        ("verdict", json!({})),
        ("dead_air_ms", json!(480)),
        ("sip_status", json!(200)),
        ("summary", json!("A table for four was booked for Tuesday evening.")),
        ("sentiment", json!("positive")),
        ("successful", json!(true)),
        ("extracted", json!({ "people": 4, "day": "tuesday" })),
        ("analysis_status", json!("done")),
    ] {
        full[field] = value;
    }
    let read = super::shared::read_call(ME).gives::<Call>(200, "The call.", full);
    let page = json!({ "calls": [brief()], "count": 1, "limit": 25, "offset": 0 });
    let list = super::shared::list_calls(ME).gives::<CallPage>(200, "A page.", page);
    [list, read, super::shared::recording(ME)]
}

fn number_webhook() -> Entry {
    let route = ("PUT", "/v1/integrations/webhook/number/{id}");
    let problems = [
        ObjectProblem::NotFound(ObjectKind::Number),
        ObjectProblem::Missing("webhook_url".into()),
        ObjectProblem::ManagedByFile,
    ];
    let numbers = collections().pop().expect("there are two");
    let mut entry = Entry::new(ME, route, "setNumberWebhook", "Say where a number's events go");
    let shown = numbers.shown(&mut entry.types);
    entry
        .path("id", "The number's id, or the number.", "+15550000077")
        .takes::<NumberWebhook>(json!({ "webhook_url": "https://example.test/hook" }))
        .gives_object(200, "The number.", shown, numbers.shown_example())
        .fails(keyed())
        .fails(bodied())
        .fails(stored())
        .fails(problems.map(Problem::from))
        .fails([wrong("webhook_url", "must begin with https://")])
}

fn collections() -> Vec<Described> {
    let agents = Described {
        speaker: ME,
        what: Collection::Agents,
        path: "/v1/agents",
        path_of_one: "/v1/agents/{id}",
        word: "Agent",
        example: json!({ "name": "Reception", "greeting": "Hello, Bright Smile Dental.", "webhook_url": "https://example.test/hook",
                         "max_call_duration_seconds": 300, "silence_hangup_seconds": 10 }),
        change: json!({ "greeting": "Good day, Bright Smile Dental." }),
    };
    let numbers = Described {
        what: Collection::Numbers,
        path: "/v1/phone-numbers",
        path_of_one: "/v1/phone-numbers/{id}",
        word: "PhoneNumber",
        example: json!({ "phone_number": "+15550000077", "agent_id": "agent_125207e452f8714a", "trunk": "carrier", "outbound_enabled": true,
                         "label": "Reception" }),
        change: json!({ "outbound_enabled": false }),
        ..agents.like()
    };
    vec![agents, numbers]
}
