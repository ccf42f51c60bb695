//! Forms and answers as Twilio's clients write and read them, for the API's description.
#![expect(
    dead_code,
    reason = "these types are described, not built: forms are read field by field and shown as JSON"
)]

use serde_json::Value;
use utoipa::ToSchema;

/// `POST …/Calls.json`
#[derive(ToSchema)]
#[schema(as = twilio::CallRequest)]
#[serde(rename_all = "PascalCase")]
pub struct CallRequest {
    /// Whom to call, in E.164.
    #[schema(pattern = r"^\+[1-9][0-9]{1,14}$")]
    to: String,
    /// One of the tenant's numbers.
    #[schema(pattern = r"^\+[1-9][0-9]{1,14}$")]
    from: String,
    /// What is done once somebody answers: this document, or that behind `Url`. Not looked at beside `Url`.
    twiml: Option<String>,
    /// An http(s) URL of at most 2048 bytes.
    url: Option<String>,
    /// How `Url` is asked.
    #[schema(pattern = "^([Pp][Oo][Ss][Tt]|[Gg][Ee][Tt])?$")]
    method: Option<String>,
    /// Keys that are pressed before anything else is done; `w` is half a second of pause.
    #[schema(pattern = "^([0-9*#A-DwW,]{1,64})?$")]
    send_digits: Option<String>,
    record: Option<Flag>,
    /// Who is told of the recording, if there is to be one.
    #[schema(max_length = 2048, pattern = "^(https?://[a-z0-9]|$)")]
    recording_status_callback: Option<String>,
    recording_status_callback_event: Option<RecordingEvent>,
    #[schema(pattern = "^([Pp][Oo][Ss][Tt])?$")]
    recording_status_callback_method: Option<String>,
    machine_detection: Option<MachineDetection>,
    /// The document begins at the answer, and does not wait until it is known who answered.
    async_amd: Option<Flag>,
    /// Who is then told who answered.
    #[schema(max_length = 2048, pattern = "^(https?://[a-z0-9]|$)")]
    async_amd_status_callback: Option<String>,
    #[schema(pattern = "^([Pp][Oo][Ss][Tt])?$")]
    async_amd_status_callback_method: Option<String>,
    /// Seconds until the verdict at the latest, if detection is asked for, as with the three below.
    #[schema(minimum = 3, maximum = 59)]
    machine_detection_timeout: Option<u32>,
    /// Speech longer than this is a machine's, in ms.
    #[schema(minimum = 1000, maximum = 6000)]
    machine_detection_speech_threshold: Option<u32>,
    /// Silence after speech that makes a person, in ms.
    #[schema(minimum = 500, maximum = 5000)]
    machine_detection_speech_end_threshold: Option<u32>,
    /// Silence before any speech, in ms.
    #[schema(minimum = 2000, maximum = 10000)]
    machine_detection_silence_timeout: Option<u32>,
    /// Seconds of ringing.
    #[schema(minimum = 1, maximum = 600)]
    timeout: Option<u32>,
    /// Seconds of talking: 1800 at most, and where it is not said.
    #[schema(minimum = 1, maximum = 14400)]
    time_limit: Option<u32>,
    /// Where the call's events go.
    #[schema(max_length = 2048, pattern = "^(https?://[a-z0-9]|$)")]
    status_callback: Option<String>,
    status_callback_event: Option<CallbackEvent>,
    #[schema(pattern = "^([Pp][Oo][Ss][Tt])?$")]
    status_callback_method: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = twilio::Flag)]
#[serde(rename_all = "lowercase")]
pub enum Flag {
    True,
    False,
}

#[derive(ToSchema)]
#[schema(as = twilio::MachineDetection)]
pub enum MachineDetection {
    Enable,
    DetectMessageEnd,
    #[serde(rename = "none")]
    None,
}

#[derive(ToSchema)]
#[schema(as = twilio::CallbackEvent)]
#[serde(rename_all = "lowercase")]
pub enum CallbackEvent {
    Initiated,
    Ringing,
    Answered,
    Completed,
}

#[derive(ToSchema)]
#[schema(as = twilio::RecordingEvent)]
#[serde(rename_all = "kebab-case")]
pub enum RecordingEvent {
    InProgress,
    Completed,
    Absent,
}

/// `POST …/Calls/{sid}.json`
#[derive(ToSchema)]
#[schema(as = twilio::CallChange)]
#[serde(rename_all = "PascalCase")]
pub struct CallChange {
    /// How it is to end.
    status: Option<CallChangeStatus>,
    /// Or the document that it goes on with. Not looked at beside `Status`.
    twiml: Option<String>,
    /// Or where that is: an http(s) URL of at most 2048 bytes. Not looked at beside `Status` or `Twiml`, nor is `Method`.
    url: Option<String>,
    method: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = twilio::CallChangeStatus)]
#[serde(rename_all = "lowercase")]
pub enum CallChangeStatus {
    /// Hang up.
    Completed,
    /// Hang up if nobody answered yet.
    Canceled,
}

/// A call resource.
#[derive(ToSchema)]
#[schema(as = twilio::Call)]
pub struct Call {
    #[schema(pattern = "^CA[0-9a-f]{32}$")]
    sid: String,
    account_sid: String,
    api_version: String,
    to: String,
    to_formatted: String,
    from: String,
    from_formatted: String,
    status: Status,
    direction: String,
    /// RFC 2822.
    date_created: String,
    date_updated: String,
    start_time: Option<String>,
    end_time: Option<String>,
    duration: Option<String>,
    answered_by: Option<String>,
    price: Option<String>,
    price_unit: String,
    parent_call_sid: Option<String>,
    phone_number_sid: String,
    forwarded_from: Option<String>,
    caller_name: Option<String>,
    group_sid: Option<String>,
    queue_time: String,
    trunk_sid: String,
    annotation: Option<String>,
    uri: String,
    #[schema(value_type = Object)]
    subresource_uris: Value,
}

#[derive(ToSchema)]
#[schema(as = twilio::Status)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Queued,
    Ringing,
    InProgress,
    Canceled,
    Completed,
    Busy,
    NoAnswer,
    Failed,
}

/// A page of calls.
#[derive(ToSchema)]
#[schema(as = twilio::CallPage)]
pub struct CallPage {
    calls: Vec<Call>,
}

/// Every problem.
#[derive(ToSchema)]
#[schema(as = twilio::Error)]
pub struct Error {
    /// Of Twilio's dictionary.
    code: u32,
    message: String,
    more_info: String,
    status: u16,
}

/// A recording resource.
#[derive(ToSchema)]
#[schema(as = twilio::Recording)]
pub struct Recording {
    #[schema(pattern = "^RE[0-9a-f]{32}$")]
    sid: String,
    account_sid: String,
    #[schema(pattern = "^CA[0-9a-f]{32}$")]
    call_sid: String,
    conference_sid: Option<String>,
    api_version: String,
    /// RFC 2822.
    date_created: Option<String>,
    date_updated: Option<String>,
    start_time: Option<String>,
    /// Seconds.
    duration: Option<String>,
    status: String,
    channels: u8,
    track: String,
    source: String,
    error_code: Option<String>,
    price: Option<String>,
    price_unit: String,
    #[schema(value_type = Option<Object>)]
    encryption_details: Option<Value>,
    uri: String,
    /// Where the audio is, a WAV file.
    media_url: String,
    #[schema(value_type = Object)]
    subresource_uris: Value,
}

/// The recordings of a call.
#[derive(ToSchema)]
#[schema(as = twilio::RecordingPage)]
pub struct RecordingPage {
    #[schema(max_items = 1)]
    recordings: Vec<Recording>,
}
