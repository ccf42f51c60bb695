//! Every route on one page: the router is built from this table, and the tests walk it.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
#[cfg(feature = "browser")]
use axum::routing::options;
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use super::calls::PathText;
#[cfg(feature = "browser")]
use super::people;
use super::{
    Api, batch, billing, bots, calls, control, deliveries, do_not_call, doctor, events, health, native,
    objects, openapi, place, recording, trials, twilio,
};
use crate::face::collection::Collection;
use crate::face::native::control as orders;
use crate::face::native::stream as streams;
use crate::model::{Face, ObjectKind};

/// One route.
pub struct Route {
    /// Its method.
    pub method: &'static str,
    /// Its path, with `{names}`.
    pub path: &'static str,
    /// Who may ask.
    pub access: Access,
    /// What answers.
    pub(super) handler: fn() -> MethodRouter<Api>,
}

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// The operator's machines, without a key: keep it away from the world.
    Operator,
    /// Whoever reads: nothing of anybody stands there.
    Anyone,
    /// Whoever has a key, for what is its tenant's.
    Key,
    /// Whoever has signed in at the console, for itself.
    Person,
}

#[cfg(feature = "browser")]
use Access::Person;
use Access::{Anyone, Key, Operator};
use Collection::{Agents, Applications, Connections, Dids, Endpoints, Native, Numbers, Trunks};

/// All of them. Of two that fit, the one without a name in its place answers.
pub const ROUTES: &[Route] = &[
    // Nixflex alone.
    route("POST", "/v1/calls/outbound", Key, || post(place::nixflex)),
    route("GET", "/v1/calls/batch", Key, || get(batch::list)),
    route("POST", "/v1/calls/batch", Key, || post(batch::create)),
    route("GET", "/v1/calls/batch/{id}", Key, || get(batch::read)),
    route("GET", "/v1/calls/batch/{id}/recipients", Key, || get(batch::recipients)),
    route("POST", "/v1/calls/batch/{id}/launch", Key, || post(batch::launch)),
    route("POST", "/v1/calls/batch/{id}/pause", Key, || post(batch::pause)),
    route("POST", "/v1/calls/batch/{id}/resume", Key, || post(batch::resume)),
    route("POST", "/v1/calls/batch/{id}/cancel", Key, || post(batch::cancel)),
    route("PUT", "/v1/integrations/webhook/number/{id}", Key, || put(objects::number_webhook)),
    // Voiceflow alone.
    route("POST", "/v1alpha1/phone-number/{id}/outbound", Key, || post(place::voiceflow)),
    route("POST", "/v1/phone-number/{id}/outbound", Key, || post(place::voiceflow)),
    // Twilio's clients alone.
    route("POST", "/2010-04-01/Accounts/{account}/Calls.json", Key, || post(place::twilio)),
    route("GET", "/2010-04-01/Accounts/{account}/Calls/{file}", Key, || get(twilio::read)),
    route("POST", "/2010-04-01/Accounts/{account}/Calls/{file}", Key, || post(twilio::change)),
    route("GET", "/2010-04-01/Accounts/{account}/Calls/{sid}/Recordings.json", Key, || {
        get(twilio::recordings)
    }),
    route("GET", "/2010-04-01/Accounts/{account}/Recordings/{file}", Key, || get(twilio::recording)),
    route("DELETE", "/2010-04-01/Accounts/{account}/Recordings/{file}", Key, || {
        delete(twilio::erase_recording)
    }),
    // Shared: the face of the API key answers.
    route("GET", "/v1/calls", Key, || get(calls::list)),
    route("GET", "/v1/calls/{id}", Key, || get(calls::read)),
    route("GET", "/v1/calls/{id}/recording", Key, || recording::reader(None)),
    route("GET", "/v1/agents", Key, || list(Agents)),
    route("POST", "/v1/agents", Key, || create(Agents)),
    route("GET", "/v1/agents/{id}", Key, || read(Agents)),
    route("PUT", "/v1/agents/{id}", Key, || replace(Agents)),
    route("PATCH", "/v1/agents/{id}", Key, || change(Agents)),
    route("DELETE", "/v1/agents/{id}", Key, || remove(Agents)),
    route("GET", "/v1/phone-numbers", Key, || list(Numbers)),
    route("POST", "/v1/phone-numbers", Key, || create(Numbers)),
    route("GET", "/v1/phone-numbers/{id}", Key, || read(Numbers)),
    route("PATCH", "/v1/phone-numbers/{id}", Key, || change(Numbers)),
    route("DELETE", "/v1/phone-numbers/{id}", Key, || remove(Numbers)),
    // ThunderPhone alone.
    route("POST", "/v1/call", Key, || post(place::thunderphone)),
    route("GET", "/v1/calls/{id}/audio", Key, || recording::reader(Some(Face::ThunderPhone))),
    route("GET", "/v1/calls/{id}/transcript", Key, || get(calls::transcript)),
    route("POST", "/v1/test-calls", Key, || post(trials::test_call)),
    route("POST", "/v1/phone-numbers/{id}/verify-voip", Key, || post(trials::verify_voip)),
    route("POST", "/v1/developer/webhook-endpoints/{id}/test", Key, || post(trials::endpoint)),
    route("GET", "/v1/billing", Key, || get(billing::account)),
    route("PATCH", "/v1/billing", Key, || patch(billing::change)),
    route("POST", "/v1/billing/top-up", Key, || post(billing::top_up)),
    route("GET", "/v1/billing/transactions", Key, || get(billing::transactions)),
    route("GET", "/v1/voip-connections", Key, || list(Connections)),
    route("POST", "/v1/voip-connections", Key, || create(Connections)),
    route("GET", "/v1/voip-connections/{id}", Key, || read(Connections)),
    route("PATCH", "/v1/voip-connections/{id}", Key, || change(Connections)),
    route("DELETE", "/v1/voip-connections/{id}", Key, || remove(Connections)),
    route("GET", "/v1/developer/webhook-endpoints", Key, || list(Endpoints)),
    route("POST", "/v1/developer/webhook-endpoints", Key, || create(Endpoints)),
    route("GET", "/v1/developer/webhook-endpoints/{id}", Key, || read(Endpoints)),
    route("PATCH", "/v1/developer/webhook-endpoints/{id}", Key, || change(Endpoints)),
    route("DELETE", "/v1/developer/webhook-endpoints/{id}", Key, || remove(Endpoints)),
    // MiniVoice alone.
    route("POST", "/v1/calls", Key, || post(place::minivoice)),
    route("POST", "/v1/calls/{id}/recordings", Key, || post(control::recordings)),
    route("GET", "/v1/trunks", Key, || list(Trunks)),
    route("POST", "/v1/trunks", Key, || create(Trunks)),
    route("GET", "/v1/trunks/{id}", Key, || read(Trunks)),
    route("GET", "/v1/rates", Key, || get(billing::rates)),
    route("POST", "/v1/rates", Key, || post(billing::add_rate)),
    route("GET", "/v1/usage", Key, || get(billing::usage)),
    route("GET", "/v1/applications", Key, || list(Applications)),
    route("POST", "/v1/applications", Key, || create(Applications)),
    route("GET", "/v1/applications/{id}", Key, || read(Applications)),
    route("GET", "/v1/dids", Key, || list(Dids)),
    route("POST", "/v1/dids", Key, || create(Dids)),
    route("GET", "/v1/dids/{id}", Key, || read(Dids)),
    // The switch's own, for any key of the tenant.
    route("POST", "/v1/calls/{id}/hangup", Key, || control::order(control::hangup)),
    route("POST", "/v1/calls/{id}/transfer", Key, || control::order(orders::transfer)),
    route("POST", "/v1/native/calls/{id}/hangup", Key, || control::order(control::hangup)),
    route("POST", "/v1/native/calls/{id}/say", Key, || control::order(orders::say)),
    route("POST", "/v1/native/calls/{id}/play", Key, || control::order(orders::play)),
    route("POST", "/v1/native/calls/{id}/dtmf", Key, || control::order(orders::dtmf)),
    route("POST", "/v1/native/calls/{id}/mute", Key, || control::order(orders::mute)),
    route("POST", "/v1/native/calls/{id}/unmute", Key, || control::order(orders::unmute)),
    route("POST", "/v1/native/calls/{id}/hold", Key, || control::order(control::hold)),
    route("POST", "/v1/native/calls/{id}/resume", Key, || control::order(control::resume)),
    route("POST", "/v1/native/calls/{id}/do-not-call", Key, || control::order(control::do_not_call)),
    route("POST", "/v1/native/calls/{id}/transfer", Key, || control::order(orders::hand_over)),
    route("POST", "/v1/native/calls/{id}/transfer/complete", Key, || {
        control::order(control::complete_transfer)
    }),
    route("POST", "/v1/native/calls/{id}/transfer/cancel", Key, || control::order(control::cancel_transfer)),
    route("POST", "/v1/native/calls/{id}/connect", Key, || control::order(streams::connect)),
    route("POST", "/v1/native/calls/{id}/stream/start", Key, || control::order(streams::start_stream)),
    route("POST", "/v1/native/calls/{id}/stream/stop", Key, || control::order(control::stop_stream)),
    route("POST", "/v1/native/calls/{id}/recording/start", Key, || control::order(control::start_recording)),
    route("POST", "/v1/native/calls/{id}/recording/stop", Key, || control::order(control::stop_recording)),
    route("POST", "/v1/trunks/{id}/doctor", Key, || post(doctor::examine)),
    route("POST", "/v1/native/trunks/{id}/doctor", Key, || post(doctor::examine)),
    route("GET", "/v1/native/tenants", Key, || list(Native(ObjectKind::Tenant))),
    route("POST", "/v1/native/tenants", Key, || create(Native(ObjectKind::Tenant))),
    route("GET", "/v1/native/tenants/{id}", Key, || read(Native(ObjectKind::Tenant))),
    route("PATCH", "/v1/native/tenants/{id}", Key, || change(Native(ObjectKind::Tenant))),
    route("DELETE", "/v1/native/tenants/{id}", Key, || remove(Native(ObjectKind::Tenant))),
    route("GET", "/v1/native/keys", Key, || list(Native(ObjectKind::Key))),
    route("POST", "/v1/native/keys", Key, || create(Native(ObjectKind::Key))),
    route("GET", "/v1/native/keys/{id}", Key, || read(Native(ObjectKind::Key))),
    route("PATCH", "/v1/native/keys/{id}", Key, || change(Native(ObjectKind::Key))),
    route("DELETE", "/v1/native/keys/{id}", Key, || remove(Native(ObjectKind::Key))),
    route("GET", "/v1/native/agents", Key, || list(Native(ObjectKind::Agent))),
    route("POST", "/v1/native/agents", Key, || create(Native(ObjectKind::Agent))),
    route("GET", "/v1/native/agents/{id}", Key, || read(Native(ObjectKind::Agent))),
    route("PATCH", "/v1/native/agents/{id}", Key, || change(Native(ObjectKind::Agent))),
    route("DELETE", "/v1/native/agents/{id}", Key, || remove(Native(ObjectKind::Agent))),
    route("GET", "/v1/native/numbers", Key, || list(Native(ObjectKind::Number))),
    route("POST", "/v1/native/numbers", Key, || create(Native(ObjectKind::Number))),
    route("GET", "/v1/native/numbers/{id}", Key, || read(Native(ObjectKind::Number))),
    route("PATCH", "/v1/native/numbers/{id}", Key, || change(Native(ObjectKind::Number))),
    route("DELETE", "/v1/native/numbers/{id}", Key, || remove(Native(ObjectKind::Number))),
    route("GET", "/v1/native/trunks", Key, || list(Native(ObjectKind::Trunk))),
    route("POST", "/v1/native/trunks", Key, || create(Native(ObjectKind::Trunk))),
    route("GET", "/v1/native/trunks/{id}", Key, || read(Native(ObjectKind::Trunk))),
    route("PATCH", "/v1/native/trunks/{id}", Key, || change(Native(ObjectKind::Trunk))),
    route("DELETE", "/v1/native/trunks/{id}", Key, || remove(Native(ObjectKind::Trunk))),
    route("GET", "/v1/native/applications", Key, || list(Native(ObjectKind::Application))),
    route("POST", "/v1/native/applications", Key, || create(Native(ObjectKind::Application))),
    route("GET", "/v1/native/applications/{id}", Key, || read(Native(ObjectKind::Application))),
    route("PATCH", "/v1/native/applications/{id}", Key, || change(Native(ObjectKind::Application))),
    route("DELETE", "/v1/native/applications/{id}", Key, || remove(Native(ObjectKind::Application))),
    route("GET", "/v1/native/webhook-endpoints", Key, || list(Native(ObjectKind::WebhookEndpoint))),
    route("POST", "/v1/native/webhook-endpoints", Key, || create(Native(ObjectKind::WebhookEndpoint))),
    route("GET", "/v1/native/webhook-endpoints/{id}", Key, || read(Native(ObjectKind::WebhookEndpoint))),
    route("PATCH", "/v1/native/webhook-endpoints/{id}", Key, || change(Native(ObjectKind::WebhookEndpoint))),
    route("DELETE", "/v1/native/webhook-endpoints/{id}", Key, || remove(Native(ObjectKind::WebhookEndpoint))),
    route("POST", "/v1/native/webhook-endpoints/{id}/test", Key, || post(trials::native_endpoint)),
    route("POST", "/v1/native/webhook-endpoints/{id}/rotate-secret", Key, || post(objects::rotate)),
    route("POST", "/v1/native/webhook-endpoints/{id}/replay", Key, || post(deliveries::replay_failed)),
    route("GET", "/v1/native/people", Key, || list(Native(ObjectKind::Person))),
    route("POST", "/v1/native/people", Key, || create(Native(ObjectKind::Person))),
    route("GET", "/v1/native/people/{id}", Key, || read(Native(ObjectKind::Person))),
    route("PATCH", "/v1/native/people/{id}", Key, || change(Native(ObjectKind::Person))),
    route("DELETE", "/v1/native/people/{id}", Key, || remove(Native(ObjectKind::Person))),
    route("POST", "/v1/native/people/{id}/rotate-secret", Key, || post(objects::rotate_person)),
    route("GET", "/v1/native/webhook-deliveries", Key, || get(deliveries::list)),
    route("GET", "/v1/native/webhook-deliveries/{id}", Key, || get(deliveries::read)),
    route("POST", "/v1/native/webhook-deliveries/{id}/replay", Key, || post(deliveries::replay)),
    route("GET", "/v1/native/do-not-call", Key, || get(do_not_call::list)),
    route("POST", "/v1/native/do-not-call", Key, || post(do_not_call::add)),
    route("GET", "/v1/native/do-not-call/{number}", Key, || get(do_not_call::read)),
    route("DELETE", "/v1/native/do-not-call/{number}", Key, || delete(do_not_call::remove)),
    route("GET", "/v1/native/calls", Key, || get(native::list)),
    route("GET", "/v1/native/calls/{id}", Key, || get(native::read)),
    route("GET", "/v1/native/calls/{id}/recording", Key, || recording::reader(None)),
    route("DELETE", "/v1/native/calls/{id}/recording", Key, || delete(recording::remove)),
    route("GET", "/v1/native/recordings", Key, || get(native::recordings)),
    route("GET", "/v1/native/cdr", Key, || get(native::export)),
    route("GET", "/v1/stream/{call}", Key, || get(bots::connect)),
    route("GET", "/v1/native/events", Key, || get(events::native)),
    route("GET", "/v1/events", Key, || get(events::of_face)),
    // The page where people take calls, and what it asks for.
    #[cfg(feature = "browser")]
    route("GET", "/console", Anyone, || get(people::page::redirect)),
    #[cfg(feature = "browser")]
    route("GET", "/console/", Anyone, || get(people::page::index)),
    #[cfg(feature = "browser")]
    route("GET", "/console/{file}", Anyone, || get(people::page::file)),
    #[cfg(feature = "browser")]
    route("POST", "/v1/people/session", Person, || post(people::sign_in)),
    #[cfg(feature = "browser")]
    route("DELETE", "/v1/people/session", Person, || delete(people::sign_out)),
    #[cfg(feature = "browser")]
    route("GET", "/v1/people/events", Person, || get(people::events)),
    #[cfg(feature = "browser")]
    route("POST", "/v1/people/availability", Person, || post(people::availability)),
    #[cfg(feature = "browser")]
    route("POST", "/v1/people/calls/{call}/accept", Person, || post(people::accept)),
    #[cfg(feature = "browser")]
    route("POST", "/v1/people/calls/{call}/decline", Person, || post(people::decline)),
    #[cfg(feature = "browser")]
    route("POST", "/v1/people/calls/{call}/hangup", Person, || post(people::hang_up)),
    #[cfg(feature = "browser")]
    route("POST", "/v1/people/calls/{call}/hold", Person, || post(people::hold)),
    #[cfg(feature = "browser")]
    route("POST", "/v1/people/calls/{call}/resume", Person, || post(people::resume)),
    #[cfg(feature = "browser")]
    route("POST", "/v1/people/calls/{call}/do-not-call", Person, || post(people::object)),
    #[cfg(feature = "browser")]
    route("POST", "/v1/people/calls/{call}/transfer", Person, || post(people::transfer)),
    #[cfg(feature = "browser")]
    route("POST", "/v1/people/whip", Person, || post(people::whip)),
    #[cfg(feature = "browser")]
    route("OPTIONS", "/v1/people/whip", Anyone, || options(people::whip_options)),
    #[cfg(feature = "browser")]
    route("DELETE", "/v1/people/whip/{number}", Person, || delete(people::whip_end)),
    // The operator's, by the token that the key file makes.
    route("POST", "/v1/native/billing/credits", Key, || post(billing::credit)),
    // The description of all this.
    route("GET", "/openapi.json", Anyone, || get(openapi::document_json)),
    route("GET", "/docs", Anyone, || get(openapi::page)),
    route("GET", "/docs/{file}", Anyone, || get(openapi::file)),
    // The operator's.
    route("GET", "/metrics", Operator, || get(health::metrics)),
    route("GET", "/livez", Operator, || get(health::live)),
    route("GET", "/readyz", Operator, || get(health::ready)),
];

const fn route(
    method: &'static str,
    path: &'static str,
    access: Access,
    handler: fn() -> MethodRouter<Api>,
) -> Route {
    Route { method, path, access, handler }
}

fn list(what: Collection) -> MethodRouter<Api> {
    get(move |State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery| {
        objects::list(api, headers, query, what)
    })
}

fn create(what: Collection) -> MethodRouter<Api> {
    post(move |State(api): State<Api>, headers: HeaderMap, body: Body| {
        objects::create(api, headers, body, what)
    })
}

fn read(what: Collection) -> MethodRouter<Api> {
    get(move |State(api): State<Api>, headers: HeaderMap, id: PathText| objects::read(api, headers, id, what))
}

fn change(what: Collection) -> MethodRouter<Api> {
    patch(move |State(api): State<Api>, headers: HeaderMap, id: PathText, body: Body| {
        objects::update(api, headers, id, body, (what, false))
    })
}

fn replace(what: Collection) -> MethodRouter<Api> {
    put(move |State(api): State<Api>, headers: HeaderMap, id: PathText, body: Body| {
        objects::update(api, headers, id, body, (what, true))
    })
}

fn remove(what: Collection) -> MethodRouter<Api> {
    delete(move |State(api): State<Api>, headers: HeaderMap, id: PathText| {
        objects::remove(api, headers, id, what)
    })
}
