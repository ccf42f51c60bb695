//! Calls that come in: who answers, and whether there is room now. From its permit on it is a call like any other, whose intent
//! is on disk before anybody says 180.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::leg::OpenLeg;
use super::{Dialer, Inner, plan};
use crate::call::{Command, Knock, Reception};
use crate::clock::wall_now;
use crate::directory::Answerer;
use crate::metrics::trunk_label;
use crate::model::{Arrival, CallId, Direction, PhoneNumber, Refusal, Review, StoredResponse};

/// Why nobody answers, in SIP's words.
struct Turned {
    status: u16,
    retry_after: Option<Duration>,
}

/// When a caller whom we have no means to serve should try again.
const RETRY: Duration = Duration::from_secs(5);
/// The same while the switch is being stopped: another one takes its place.
const RETRY_DRAINING: Duration = Duration::from_secs(30);

/// RFC 3261 §21.4.5: nobody here has that number.
const NOT_FOUND: Turned = Turned { status: 404, retry_after: None };
/// §21.4.2: whose number it is may be called by whoever proves to be his trunk.
const UNPROVEN: Turned = Turned { status: 401, retry_after: None };
/// §21.5.4: not now, and nothing is said of the number.
const UNAVAILABLE: Turned = Turned { status: 503, retry_after: Some(RETRY) };

impl Dialer {
    /// Somebody calls. Whatever comes of it is told to the shard.
    pub async fn receive(&self, knock: Knock) {
        let invite = knock.invite;
        if let Err(Turned { status, retry_after }) = self.0.receive(knock).await {
            tracing::info!(status, "a call that came in was turned away");
            self.0.parts.mailbox.send(Command::Turn { invite, status, retry_after }).await;
        }
    }
}

impl Inner {
    async fn receive(&self, mut knock: Knock) -> Result<(), Turned> {
        let (invite, offer) = (knock.invite, knock.incoming.body.take());
        let snapshot = self.parts.directory.snapshot();
        let called = knock.called();
        let nobody = || match !knock.is_proven && snapshot.is_proof_wanted(&called) {
            true => UNPROVEN,
            false => NOT_FOUND,
        };
        let answerer = snapshot.answerer(&called, &knock.trunks).ok_or_else(nobody)?;
        let face = answerer.key.as_ref().map(|key| key.face);
        let endpoints = face.map(|face| snapshot.endpoints_for(answerer.agent.tenant, face));
        let now = Instant::now();
        let permit =
            self.parts.admission.admit_inbound(now, &answerer.trunk).map_err(|full| turned(&full))?;
        let slot = self.reserve().map_err(|refusal| turned(&refusal))?;
        let call = self.ids.next().await.map_err(|error| turned(&super::stored(&error)))?;
        let caller = knock.calling(&answerer.trunk);
        let answerer = self.ask(call, answerer, caller.clone()).await;
        let record = self.parts.settings.recordings.is_some();
        let sip_call_id = knock.incoming.call_id.clone();
        let mut ticket = plan::answer(call, answerer, caller, sip_call_id, record, (now, wall_now()));
        ticket.record.review = Review::wanted(&ticket.plan.agent, self.parts.settings.reviews);
        ticket.record.endpoints = endpoints.unwrap_or_default();
        let leg =
            OpenLeg::open(&self.parts, &ticket.plan, Direction::Inbound).map_err(|full| turned(&full))?;
        // No client waits for this answer.
        let unused = StoredResponse { status: 200, body: String::new() };
        self.commit(slot, ticket.record, None, &unused).await.map_err(|refusal| turned(&refusal))?;
        let Some(room) = self.parts.mailbox.room() else {
            self.never_started(call, "the shard's mailbox is full");
            return Err(UNAVAILABLE);
        };
        let trunk = &ticket.plan.trunk;
        self.parts.metrics.call_started(&trunk_label(trunk.tenant, &trunk.name));
        let origination = leg.hand_over(ticket.plan, permit);
        room.give(Command::Receive(Box::new(Reception { origination, invite, offer })));
        Ok(())
    }
}

impl Inner {
    /// A tenant's program may say who answers. It has its permit by now: a caller who is let wait is a call.
    async fn ask(&self, call: CallId, answerer: Answerer, from: Option<PhoneNumber>) -> Answerer {
        let snapshot = self.parts.directory.snapshot();
        let Some(endpoint) = snapshot.asked_for(&answerer.number) else { return answerer };
        let (agent, to) = (answerer.agent.id, answerer.number.e164.clone());
        let arrival = Arrival { call, agent, from, to, at: wall_now() };
        match self.parts.asker.who_answers(endpoint, &arrival).await {
            Some(described) => match plan::described(&answerer.agent, described) {
                Some(agent) => Answerer { agent: Arc::new(agent), ..answerer },
                None => {
                    tracing::warn!(%call, "the config that was answered says nothing; the number's agent answers");
                    answerer
                }
            },
            None => answerer,
        }
    }
}

/// A limit is our being busy (RFC 3261 §21.4.24); anything else is ours alone.
fn turned(refusal: &Refusal) -> Turned {
    match refusal {
        Refusal::Limited { retry_after, .. } => Turned { status: 486, retry_after: Some(*retry_after) },
        Refusal::Draining => Turned { status: 503, retry_after: Some(RETRY_DRAINING) },
        _ => UNAVAILABLE,
    }
}

/// Where the shard's driver hands over who knocks: a task each, at most as many as the user agent takes INVITEs.
pub fn callers(dialer: &Dialer) -> crate::call::Callers {
    let dialer = dialer.clone();
    Arc::new(move |knock: Knock| {
        let dialer = dialer.clone();
        tokio::spawn(async move { dialer.receive(knock).await });
    })
}
