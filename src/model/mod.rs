//! What every room may speak of: ids, numbers, secrets, the request, the plan, the outcome, the event.
//!
//! Values only. Nothing here does I/O, reads a clock or knows HTTP, SIP, SQL or a vendor's JSON.

mod account;
mod address;
mod application;
mod arrival;
mod attempt;
mod batch;
mod bot;
mod caller;
mod campaign;
mod dial;
mod do_not_call;
mod event;
mod face;
mod flow;
mod id;
mod masking;
mod money;
pub mod numbering;
mod object;
mod outcome;
mod outlook;
mod people;
mod phone;
mod plan;
mod rate;
mod realtime;
mod record;
mod refusal;
mod request;
mod response;
mod retry;
pub mod review;
mod secret;
mod signing;
mod step;
mod takes;
mod tenancy;
mod test_call;
mod time;
pub mod transcript;
mod trunk;
pub mod whereabouts;
mod zone;

pub use account::{Account, AutoReload, Entry, EntryKind, TopUp, TopUpState, Usage};
pub use address::is_reachable;
pub use application::Application;
pub use arrival::Arrival;
pub use attempt::{Attempt, Dialing, MovedLeg};
pub use batch::{BatchRefusal, BatchRequest, CreationFault, InvalidRecipient};
pub use bot::{
    Bot, CONNECT_WITHIN, Dialect, Encoding, Engaged, HearsFrom, Listener, PARAMETERS_BYTES_MAX,
    PARAMETERS_MAX, Talker, Track,
};
pub use caller::{IdentityHeader, NumberFormat, NumberStyle, RightToUse, SpendLimit, Stir, UnsignedCalls};
pub use campaign::{
    Abandonment, Campaign, CampaignCounters, CampaignId, CampaignStatus, ClaimedRecipient, Counts, Days,
    NewCampaign, NewRecipient, Recipient, RecipientId, RecipientState, Window,
};
pub use dial::{
    CallAt, DESTINATIONS_MAX, Destination, Dial, DialStatus, Dialled, HEADERS_MAX, Handover, Header,
    InvalidDestination, Meanwhile, RING_MAX, RING_USUAL, Second, SipAgent, SipUri, UserPattern, Whisper,
};
pub use do_not_call::{DoNotCall, NOTE_BYTES_MAX, Objection};
pub use event::{CallEvent, CallFact};
pub use face::{EventKind, EventSet, Face};
pub use flow::{
    Branch, CASES_MAX, CHOICES_MAX, FLOW_STEPS_MAX, Flow, FlowAct, FlowFault, FlowStep, HEARD_VARIABLE, Menu,
    MenuKeys, PROMPT_PARTS_MAX, PROMPT_VARIABLE, Prompt, REPEATS_MAX, Turn, is_flow_name,
};
pub use id::{
    AgentId, ApplicationId, CallId, KeyId, NumberId, PersonId, TenantId, TrunkId, WebhookEndpointId,
};
pub use masking::masked;
pub use money::{Currency, InvalidAmount, Micros};
pub use numbering::{CostClass, Country};
pub use object::{Agent, CallerIds, Detection, Key, KeyScope, Number, TrunkChoice};
pub use outcome::{Disposition, EndedBy, Heard, MediaCounters, Outcome, PEOPLE_MAX, RecordingResult};
pub use outlook::{Busy, Learned, Outlook};
pub use people::{BRIEF_BYTES_MAX, Music, Notice, PATIENCE, Pacing, Person, Staff, Whom};
pub use phone::{InvalidPhoneNumber, PhoneNumber};
pub use plan::{CallPlan, Line, LineEnd, Said, Scripted};
pub use rate::{Hold, ListedRate, Rate, SpendControl, Spender};
pub use realtime::{Briefed, Model, Provider, Tools, WebhookTool};
pub use record::{CALLBACKS_MAX, CallCursor, CallRecord, CallState, DialogRecord, Direction, WebhookTarget};
pub use refusal::{Limit, NotDone, Refusal};
pub use request::{
    AgentChoice, Callback, FromPolicy, Idempotency, InlineAgent, OutboundRequest, Speak, SpeakOrder,
    Variable, VoicemailAction, WhenFull, interpolate,
};
pub use response::{Accepted, Placed, StoredResponse};
pub use retry::{Retry, RetryReason};
pub use review::{Review, ReviewOffer};
pub use secret::Secret;
pub use signing::SigningKey;
pub use step::{
    Action, DIGITS_MAX, Gather, GatherEnd, Guide, Link, Occasion, SPOKEN_BYTES_MAX, STEPS_MAX, Side, Sound,
    Step, URL_BYTES_MAX, Verb, WAIT_MAX,
};
pub use takes::{TAKES_MAX, Takes};
pub use tenancy::{Draft, OBJECT_ID_LIMIT, Object, ObjectKind, ObjectProblem, Tenant, WebhookEndpoint};
pub use test_call::{TestCall, TestCallee, TestReport};
pub use time::Timestamp;
pub use transcript::{Speaker, Transcript, TranscriptBy, Utterance};
pub use trunk::{
    Attended, AudioCodec, CallerId, Destinations, DtmfMode, FromUser, Inbound, ReferPolicy, Registration,
    ReliableProvisional, SessionRefresher, ShownNumber, SrtpPolicy, Trunk, TrunkHealth, TrunkMedia,
    TrunkSession, TrunkTls,
};
pub use zone::{UnknownZone, Zone};
