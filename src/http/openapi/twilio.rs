//! The routes that Twilio's clients call by themselves.

use serde_json::{Value, json};

use super::entry::{Entry, Speaker};
use super::problems::{bodied, crowded, keyed, missing, stored, wrong};
use super::shared;
use crate::face::Problem;
use crate::face::twilio::schema::{Call, CallChange, CallPage, CallRequest, Recording, RecordingPage};
use crate::model::{Face, NotDone, ObjectProblem, Refusal};

const ME: Speaker = Speaker::Face(Face::Twilio);
const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const FILE: &str = "CA00000000000000000000001234567890.json";

/// All of them.
pub fn entries() -> Vec<Entry> {
    let page = json!({ "calls": [call()] });
    vec![
        create(),
        read(),
        change(),
        recordings(),
        recording(),
        erase(),
        shared::list_calls(ME).gives::<CallPage>(200, "A page.", page),
        shared::read_call(ME).gives::<Call>(200, "The call.", call()),
        shared::recording(ME),
    ]
}

fn create() -> Entry {
    let refused = [
        missing("To"),
        missing("From"),
        missing("Url"),
        Refusal::InvalidPhone { field: "To" }.into(),
        Refusal::InvalidPhone { field: "From" }.into(),
        wrong("Timeout", "must be 1 to 600 seconds"),
        wrong("Method", "must be POST"),
        Refusal::NumberNotRegistered.into(),
    ];
    Entry::new(ME, ("POST", "/2010-04-01/Accounts/{account}/Calls.json"), "createTwilioCall", "Place a call")
        .about("One of `Twiml` and `Url` says what is done once somebody answers.")
        .path("account", "The key's id.", ACCOUNT)
        .takes_form::<CallRequest>(json!({
            "To": "+15551234567", "From": "+15550000001", "Twiml": "<Response><Say>Hello</Say><Hangup/></Response>",
            "StatusCallback": "https://example.test/status", "StatusCallbackEvent": "completed",
        }))
        .gives::<Call>(201, "The call is on its way.", call())
        .fails(keyed())
        .fails([wrong("body", "is not UTF-8"), Problem::BodyTooLarge { limit: 1 << 20 }, Problem::BodyTimeout])
        .fails(refused)
        .fails(crowded())
}

fn read() -> Entry {
    Entry::new(ME, ("GET", PATH), "readTwilioCall", "Look at a call")
        .path("account", "The key's id.", ACCOUNT)
        .path("file", "The call's SID, and `.json`.", FILE)
        .gives::<Call>(200, "The call.", call())
        .fails(keyed())
        .fails(stored())
        .fails([Problem::CallNotFound])
}

fn change() -> Entry {
    Entry::new(ME, ("POST", PATH), "changeTwilioCall", "End a call, or send it to another document")
        .about("`Status` ends it; `Url` names the document that it goes on with at once.")
        .path("account", "The key's id.", ACCOUNT)
        .path("file", "The call's SID, and `.json`.", FILE)
        .takes_form::<CallChange>(json!({ "Status": "completed" }))
        .gives::<Call>(200, "The call as it stands; it obeys at once.", call())
        .fails(keyed())
        .fails(bodied())
        .fails(stored())
        .fails([Problem::CallNotFound, Problem::CallNotLive(NotDone::NotTalking), missing("Status")])
        .fails([wrong("Url", "must be an http(s) URL of at most 2048 bytes")])
}

fn recordings() -> Entry {
    const PATH: &str = "/2010-04-01/Accounts/{account}/Calls/{sid}/Recordings.json";
    Entry::new(ME, ("GET", PATH), "listTwilioRecordings", "List a call's recordings")
        .path("account", "The key's id.", ACCOUNT)
        .path("sid", "The call's SID.", "CA00000000000000000000001234567890")
        .gives::<RecordingPage>(200, "One, or none.", json!({ "recordings": [recorded()] }))
        .fails(keyed())
        .fails(stored())
        .fails([Problem::CallNotFound])
}

const RECORDING: &str = "/2010-04-01/Accounts/{account}/Recordings/{file}";

fn recording() -> Entry {
    let entry =
        Entry::new(ME, ("GET", RECORDING), "readTwilioRecording", "Look at a recording, or listen to it")
            .path("account", "The key's id.", ACCOUNT)
            .path(
                "file",
                "The recording's SID, and `.json`; without that, or with `.wav`, its audio.",
                RECORDED,
            )
            .gives::<Recording>(200, "The recording.", recorded());
    shared::ranged(entry)
        .fails(keyed())
        .fails(stored())
        .fails([Problem::CallNotFound, Problem::RecordingNotFound])
}

fn erase() -> Entry {
    Entry::new(ME, ("DELETE", RECORDING), "deleteTwilioRecording", "Remove a recording")
        .path("account", "The key's id.", ACCOUNT)
        .path("file", "The recording's SID, and `.json`.", RECORDED)
        .gives_nothing(204, "It is gone.")
        .fails(keyed())
        .fails(stored())
        .fails([Problem::CallNotFound, Problem::RecordingNotFound, ObjectProblem::Forbidden.into()])
}

const RECORDED: &str = "RE00000000000000000000001234567890.json";

fn recorded() -> Value {
    let uri = format!("/2010-04-01/Accounts/{ACCOUNT}/Recordings/RE00000000000000000000001234567890");
    json!({
        "sid": "RE00000000000000000000001234567890", "account_sid": ACCOUNT, "call_sid": "CA00000000000000000000001234567890",
        "conference_sid": null, "api_version": "2010-04-01", "date_created": "Fri, 29 May 2026 12:01:00 +0000",
        "date_updated": "Fri, 29 May 2026 12:01:00 +0000", "start_time": "Fri, 29 May 2026 12:00:00 +0000", "duration": "60",
        "status": "completed", "channels": 2, "track": "both", "source": "OutboundAPI", "error_code": null, "price": null,
        "price_unit": "USD", "encryption_details": null, "uri": format!("{uri}.json"), "media_url": uri, "subresource_uris": {},
    })
}

const PATH: &str = "/2010-04-01/Accounts/{account}/Calls/{file}";

fn call() -> Value {
    let uri = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/CA00000000000000000000001234567890");
    json!({
        "sid": "CA00000000000000000000001234567890", "account_sid": ACCOUNT, "api_version": "2010-04-01",
        "to": "+15551234567", "to_formatted": "+15551234567", "from": "+15550000001", "from_formatted": "+15550000001",
        "status": "queued", "direction": "outbound-api", "date_created": "Fri, 29 May 2026 12:00:00 +0000",
        "date_updated": "Fri, 29 May 2026 12:00:00 +0000", "start_time": null, "end_time": null, "duration": null, "answered_by": null,
        "price": null, "price_unit": "USD", "parent_call_sid": null, "phone_number_sid": "", "forwarded_from": null,
        "caller_name": null, "group_sid": null, "queue_time": "0", "trunk_sid": "", "annotation": null, "uri": format!("{uri}.json"),
        "subresource_uris": { "recordings": format!("{uri}/Recordings.json") },
    })
}
