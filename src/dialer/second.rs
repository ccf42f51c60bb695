//! Parties that calls wish for while they talk. Each is a call of its own, with everything that a call has: a way out that may
//! dial it, a permit, its money kept back, ports, an intent on disk before its INVITE leaves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::leg::OpenLeg;
use super::{Dialer, Inner, Ticket, bill, plan, stored};
use crate::billing::{Ask, Held};
use crate::call::{Command, DialOrder, Dials};
use crate::clock::wall_now;
use crate::directory::Snapshot;
use crate::metrics::trunk_label;
use crate::model::{
    Agent, CallPlan, Destination, Dialing, Direction, MovedLeg, PhoneNumber, Refusal, RightToUse, Second,
    SipUri, SpeakOrder, StoredResponse, TenantId, Trunk, TrunkChoice, VoicemailAction,
};
use crate::trunk::destination;

impl Dialer {
    /// A call wishes for a party. Whatever comes of it is told to the shard.
    pub async fn second(&self, order: DialOrder) {
        let (call, ticket) = (order.parent.call, order.ticket);
        if let Err(refusal) = self.0.second(order).await {
            tracing::info!(%call, %refusal, "a second party could not be called");
            let why = refusal.to_string();
            self.0.parts.mailbox.send(Command::Refused { call, ticket, why }).await;
        }
    }
}

impl Inner {
    async fn second(&self, order: DialOrder) -> Result<(), Refusal> {
        let snapshot = self.parts.directory.snapshot();
        let tenant = order.parent.agent.tenant;
        let (from, right_to_use) = shown(&snapshot, tenant, &order)?;
        let (trunks, rate) = match &order.to {
            Destination::Number(number) => {
                let trunks = plan::ways(trunks(&snapshot, tenant, &order)?, &from, number)?;
                (trunks, self.price(tenant, number).await?)
            }
            Destination::Uri(uri) => {
                let trunk = trunk_of(&snapshot, tenant, &order, &from, uri)?;
                (vec![trunk], self.endpoint_price(tenant).await?)
            }
        };
        let call = self.ids.next().await.map_err(|error| stored(&error))?;
        let (asked_at, asked_on) = (Instant::now(), wall_now());
        let plan = CallPlan { call, asked_at, asked_on, right_to_use, ..plan_of(&order, from, trunks) };
        let face = plan.key.as_ref().map(|key| key.face);
        let record = plan::second(&plan, order.parent.call, &order.to);
        let mut ticket = Ticket { plan, record, idempotency: None, ask: None };
        let parent = self.parts.journal.find(order.parent.call);
        let application = parent.and_then(|parent| parent.application);
        ticket.record.application = application;
        let application = application.and_then(|id| snapshot.application_by_id(id));
        ticket.ask = rate.map(|rate| bill::ask(&ticket, rate, face, application.map(|one| &**one)));
        let (permit, held) = self.admit(&mut ticket.plan, ticket.ask.as_ref())?;
        ticket.record.trunk.clone_from(&ticket.plan.trunk.name);
        let mut slot = self.reserve()?;
        bill::write_down(&mut ticket, held.as_ref());
        slot.keep(held);
        let leg = OpenLeg::open(&self.parts, &ticket.plan, Direction::Outbound)?;
        // No client waits for this answer.
        let unused = StoredResponse { status: 201, body: String::new() };
        self.commit(slot, ticket.record, None, &unused).await?;
        let Some(room) = self.parts.mailbox.room() else {
            self.never_started(call, "the shard's mailbox is full");
            return Err(Refusal::Overloaded("the shard's mailbox is full"));
        };
        let trunk = &ticket.plan.trunk;
        self.parts.metrics.call_started(&trunk_label(trunk.tenant, &trunk.name));
        room.give(Command::Originate(Box::new(leg.hand_over(ticket.plan, permit))));
        Ok(())
    }
}

impl Dialer {
    /// A call that talks is to move to another number, which is paid for apart where calls cost anything: by a record of its own,
    /// whose money is kept back before its INVITE leaves.
    pub async fn paying_apart(&self, dialing: &Dialing) -> Result<Option<MovedLeg>, Refusal> {
        let number = dialing.attempts.last().and_then(|last| last.transfer.as_deref()?.parse().ok());
        let parts = &self.0.parts;
        let (Some(to), Some(_), Some(parent)) = (number, &parts.cashier, parts.journal.find(dialing.call))
        else {
            return Ok(None);
        };
        let Some(rate) = self.0.price(parent.tenant, &to).await? else { return Ok(None) };
        let snapshot = parts.directory.snapshot();
        let key = parent.key.and_then(|key| snapshot.key_by_id(key));
        let application = parent.application.and_then(|id| snapshot.application_by_id(id));
        let agent = snapshot.agent_by_id(parent.agent);
        let ask = Ask {
            tenant: parent.tenant,
            spenders: bill::spenders(key.map(|key| &**key), application.map(|one| &**one)),
            rate,
            longest: agent.map_or(TALK_MAX, |agent| agent.call_duration_max),
            partial: false,
        };
        let held = self.0.hold(Some(&ask))?;
        let mut slot = self.0.reserve()?;
        let call = self.0.ids.next().await.map_err(|error| stored(&error))?;
        let record = plan::moved(&parent, call, &to, held.as_ref(), wall_now());
        let lasts = held.as_ref().map_or(TALK_MAX, Held::lasts);
        slot.keep(held);
        let unused = StoredResponse { status: 201, body: String::new() };
        self.0.commit(slot, record, None, &unused).await?;
        Ok(Some(MovedLeg { call, lasts }))
    }
}

/// The longest call of an agent that is not known any more.
const TALK_MAX: Duration = Duration::from_secs(1_800);

/// The number that is shown: one of the tenant's that may call, or else ours in the call.
fn shown(
    snapshot: &Snapshot,
    tenant: TenantId,
    order: &DialOrder,
) -> Result<(PhoneNumber, RightToUse), Refusal> {
    let own = |number: &PhoneNumber| snapshot.number(tenant, number.as_str());
    match &order.dial.caller {
        Some(caller) => {
            let number = own(caller).filter(|number| number.outbound).ok_or(Refusal::NumberNotRegistered)?;
            Ok((caller.clone(), number.right_to_use))
        }
        None => {
            let right = own(&order.ours).map_or(order.parent.right_to_use, |number| number.right_to_use);
            Ok((order.ours.clone(), right))
        }
    }
}

/// The ways out: the one that is named, those of the number that is shown, or those of the call.
fn trunks(
    snapshot: &Snapshot,
    tenant: TenantId,
    order: &DialOrder,
) -> Result<Vec<(Arc<Trunk>, TrunkChoice)>, Refusal> {
    let found: Vec<(Arc<Trunk>, TrunkChoice)> = match (&order.dial.trunk, &order.dial.caller) {
        (Some(name), _) => snapshot.trunk(tenant, name).map(only).into_iter().collect(),
        (None, Some(caller)) => {
            let number = snapshot.number(tenant, caller.as_str()).ok_or(Refusal::NumberNotRegistered)?;
            let declared =
                |choice: &TrunkChoice| Some((Arc::clone(snapshot.trunk_by_id(choice.trunk)?), *choice));
            number.trunks.iter().filter_map(declared).collect()
        }
        (None, None) => order.parent.trunks.iter().map(only).collect(),
    };
    let usable: Vec<_> =
        found.into_iter().filter(|(trunk, _)| trunk.enabled && !trunk.uri.is_empty()).collect();
    if usable.is_empty() { Err(Refusal::NumberHasNoTrunk) } else { Ok(usable) }
}

fn only(trunk: &Arc<Trunk>) -> (Arc<Trunk>, TrunkChoice) {
    (Arc::clone(trunk), TrunkChoice::only(trunk.id))
}

/// The trunk that allows this URI: the one that is named, or the first of the tenant's.
fn trunk_of(
    snapshot: &Snapshot,
    tenant: TenantId,
    order: &DialOrder,
    from: &PhoneNumber,
    uri: &SipUri,
) -> Result<Arc<Trunk>, Refusal> {
    let named = order.dial.trunk.as_deref();
    let mut own = snapshot.trunks().iter().filter(|trunk| trunk.tenant == tenant && trunk.enabled);
    let allows = |trunk: &&Arc<Trunk>| {
        named.is_none_or(|name| trunk.name == name) && destination::check_uri(trunk, from, uri)
    };
    let reason = || "no trunk is at this SIP URI's host and allows its user (sip_users)".to_owned();
    own.find(allows).cloned().ok_or_else(|| Refusal::DestinationForbidden { reason: reason() })
}

/// The plan of a party, the call's own but for id and time: nobody is detected, and nobody talks but the two.
pub fn plan_of(order: &DialOrder, from: PhoneNumber, trunks: Vec<Arc<Trunk>>) -> CallPlan {
    let DialOrder { parent, ticket, to, dial, .. } = order;
    let longest = parent.agent.call_duration_max;
    let agent = Agent {
        greeting: None,
        steps: Vec::new(),
        flow: None,
        voicemail_message: None,
        bot: None,
        sip: None,
        barge_in: false,
        record: false,
        ring_timeout: dial.ring_timeout,
        call_duration_max: dial.talk_max.map_or(longest, |most| most.min(longest)),
        ..Agent::clone(&parent.agent)
    };
    let uri = match to {
        Destination::Uri(uri) => Some(uri.clone()),
        Destination::Number(_) => None,
    };
    let second = Second { of: parent.call, ticket: *ticket, uri, headers: dial.headers.clone() };
    CallPlan {
        sip_call_id: Uuid::new_v4().to_string(),
        agent: Arc::new(agent),
        trunk: Arc::clone(&trunks[0]),
        trunks,
        from,
        to: match to {
            Destination::Number(number) => number.clone(),
            // What a trunk's headers call the number called is the call's own.
            Destination::Uri(_) => parent.to.clone(),
        },
        script: Vec::new(),
        bot: None,
        sip: None,
        second: Some(Arc::new(second)),
        guide: None,
        flow: None,
        campaign: None,
        voicemail_message: None,
        opener: None,
        staff: None,
        voicemail: VoicemailAction::Ignore,
        max_hold: None,
        speak_order: SpeakOrder::AgentFirst,
        record: false,
        ..CallPlan::clone(parent)
    }
}

/// Where the shard's driver hands over wishes: a task each, as many as calls may have.
pub fn dials(dialer: &Dialer) -> Dials {
    let dialer = dialer.clone();
    Arc::new(move |order: DialOrder| {
        let dialer = dialer.clone();
        tokio::spawn(async move { dialer.second(order).await });
    })
}
