//! The rows of calls of which nothing is known yet.

use crate::billing::Held;
use crate::model::{
    Agent, CallId, CallPlan, CallRecord, CallState, Destination, Direction, PhoneNumber, Timestamp, Trunk,
};

/// The row of an outbound call of which nothing is known yet but who talks, and by which trunk.
pub(super) fn blank(
    call: CallId,
    agent: &Agent,
    trunk: &Trunk,
    sip_call_id: String,
    created_at: Timestamp,
) -> CallRecord {
    CallRecord {
        call,
        parent: None,
        tenant: agent.tenant,
        direction: Direction::Outbound,
        key: None,
        application: None,
        agent: agent.id,
        from: String::new(),
        to: String::new(),
        trunk: trunk.name.clone(),
        sip_call_id,
        campaign: None,
        recipient: None,
        metadata: None,
        unknown_variables: Vec::new(),
        webhook: None,
        endpoints: Vec::new(),
        callbacks: Vec::new(),
        hold: None,
        charge: None,
        state: CallState::Dialing,
        created_at,
        ringing_at: None,
        answered_at: None,
        ended_at: None,
        disposition: None,
        ended_by: None,
        sip_status: None,
        q850: None,
        detail: None,
        verdict: None,
        verdict_reason: None,
        verdict_evidence: None,
        dead_air: None,
        recording: None,
        recording_error: None,
        recording_link: None,
        not_again_before: None,
        awaits_bot: false,
        stream_link: None,
        review: None,
        people: Vec::new(),
        transcript: Vec::new(),
        attempts: Vec::new(),
        media: None,
    }
}

/// The row of a party that takes a call's far end's place, and is paid for apart.
pub fn moved(
    parent: &CallRecord,
    call: CallId,
    to: &PhoneNumber,
    held: Option<&Held>,
    at: Timestamp,
) -> CallRecord {
    let ours = match parent.direction {
        Direction::Inbound => &parent.to,
        Direction::Outbound => &parent.from,
    };
    CallRecord {
        call,
        parent: Some(parent.call),
        direction: Direction::Outbound,
        from: ours.clone(),
        to: to.as_str().into(),
        hold: held.map(|held| held.hold().clone()),
        charge: None,
        state: CallState::Dialing,
        created_at: at,
        ringing_at: None,
        answered_at: None,
        campaign: None,
        recipient: None,
        metadata: None,
        webhook: None,
        endpoints: Vec::new(),
        callbacks: Vec::new(),
        attempts: Vec::new(),
        review: None,
        verdict: None,
        verdict_reason: None,
        verdict_evidence: None,
        dead_air: None,
        ..parent.clone()
    }
}

/// The row of a party that a call wished for.
pub fn second(plan: &CallPlan, of: CallId, to: &Destination) -> CallRecord {
    CallRecord {
        parent: Some(of),
        key: plan.key.as_ref().map(|key| key.id),
        from: plan.from.as_str().into(),
        to: to.as_str().into(),
        ..blank(plan.call, &plan.agent, &plan.trunk, plan.sip_call_id.clone(), plan.asked_on)
    }
}
