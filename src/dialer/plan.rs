//! Freezes what one call needs: its script, its agent, its trunk, and the row that will tell of it.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use self::row::blank;
pub use self::row::{moved, second};
pub use self::script::described;
use self::script::{said, script, scripted};
use super::words::{END_CALL, fill};
use super::{Ticket, briefing};
use crate::directory::{Answerer, Route};
use crate::model::{
    Agent, AgentChoice, Application, BRIEF_BYTES_MAX, CallId, CallPlan, CallRecord, Callback, Dial,
    Direction, Engaged, EventSet, Face, Guide, HEADERS_MAX, Header, Key, Notice, OutboundRequest,
    PhoneNumber, Refusal, Scripted, SipAgent, Speak, SpeakOrder, Staff, TenantId, Timestamp, Trunk,
    TrunkChoice, VoicemailAction, WebhookTarget,
};
use crate::trunk::{choice, destination};

mod row;
mod script;

/// A plan and its row. Refuses a call in which nothing would be said.
pub fn freeze(
    call: CallId,
    request: OutboundRequest,
    route: Route,
    key: Option<Arc<Key>>,
    application: Option<&Application>,
    record: bool,
    (asked_at, created_at): (Instant, Timestamp),
) -> Result<Ticket, Refusal> {
    let Route { agent, number, from, trunks } = route;
    let trunks = ways(trunks, &from, &request.to)?;
    let agent = as_asked(agent, &request);
    let mut unknown = Vec::new();
    let guide = request.guide.clone().or_else(|| guide(&request, application));
    let account = account(agent.tenant, key.as_deref());
    let bot = briefing::outbound(&agent, &request, &account, key.as_ref(), &mut unknown);
    let sip = endpoint(&agent, &request);
    let staff = staff(&agent, &request, &mut unknown);
    let flow = scripted(&agent, &request, &mut unknown)?;
    let talks_otherwise = flow.is_some() || bot.is_some() || sip.is_some() || staff.is_some();
    let script = if talks_otherwise {
        Vec::new()
    } else {
        match said(&agent, &request, &mut unknown) {
            // Its guide has the first word; who has nothing to say is then only no help if that fails.
            Err(_) if guide.is_some() => Vec::new(),
            script => script?,
        }
    };
    let message = request.voicemail_message.as_deref().or(agent.voicemail_message.as_deref());
    let voicemail_message: Option<Arc<str>> =
        message.map(|text| fill(text, &request.variables, &mut unknown).into());
    let opener = agent.opener.as_deref().map(|text| fill(text, &request.variables, &mut unknown).into());
    // Nothing to leave: then a machine gets nothing, and the line is free again.
    let voicemail = match request.voicemail.unwrap_or(agent.voicemail) {
        VoicemailAction::LeaveMessage if voicemail_message.is_none() => VoicemailAction::Hangup,
        action => action,
    };
    let right_to_use = number.as_ref().map(|number| number.right_to_use).unwrap_or_default();
    let sip_call_id = Uuid::new_v4().to_string();
    let webhook_url = [
        application.and_then(|application| application.webhook_url.as_ref()),
        number.as_ref().and_then(|number| number.webhook_url.as_ref()),
        agent.webhook_url.as_ref(),
    ];
    let callbacks = match &key {
        Some(key) => request.callbacks.into_iter().map(|callback| asked_for(callback, key)).collect(),
        None => Vec::new(),
    };
    let webhook = match (request.callback, &key) {
        (Some(callback), Some(key)) => Some(asked_for(callback, key)),
        (_, key) => target(webhook_url.into_iter().flatten().next().cloned(), key.as_deref(), &agent),
    };
    let row = CallRecord {
        key: key.as_ref().map(|key| key.id),
        application: application.map(|application| application.id),
        from: from.as_str().into(),
        to: request.to.as_str().into(),
        campaign: request.campaign.clone(),
        recipient: request.recipient,
        metadata: request.metadata,
        unknown_variables: unknown,
        webhook,
        callbacks,
        awaits_bot: bot.as_ref().is_some_and(Engaged::is_awaited),
        ..blank(call, &agent, &trunks[0], sip_call_id.clone(), created_at)
    };
    let plan = CallPlan {
        call,
        asked_at,
        asked_on: created_at,
        sip_call_id,
        voicemail,
        max_hold: request.max_hold,
        speak_order: request.speak_order.unwrap_or(agent.speak_order),
        speak: request.speak.unwrap_or(agent.speak),
        opener,
        record: record && request.record.unwrap_or(agent.record),
        agent,
        key,
        trunk: Arc::clone(&trunks[0]),
        trunks,
        from,
        right_to_use,
        to: request.to,
        script,
        flow,
        account,
        bot,
        staff,
        sip,
        second: None,
        guide,
        variables: request.variables.into(),
        campaign: request.campaign,
        voicemail_message,
        tap: false,
    };
    Ok(Ticket { plan, record: row, idempotency: request.idempotency, ask: None })
}

/// A call that came in, and its row. Its script is the agent's own; the events of a call that no key asked for take the face and
/// the secret of its tenant's first key.
pub fn answer(
    call: CallId,
    answerer: Answerer,
    caller: Option<PhoneNumber>,
    sip_call_id: String,
    record: bool,
    (asked_at, created_at): (Instant, Timestamp),
) -> Ticket {
    let Answerer { number, agent, trunk, key, application } = answerer;
    let webhook_url = [
        application.as_ref().and_then(|application| application.webhook_url.as_ref()),
        number.webhook_url.as_ref(),
        agent.webhook_url.as_ref(),
    ];
    let webhook_url = webhook_url.into_iter().flatten().next().cloned();
    let mut texts = agent.opening().into_iter().chain(agent.steps.iter().map(String::as_str));
    let greeting = texts.next().unwrap_or_default().to_owned();
    let steps: Vec<String> = texts.map(str::to_owned).collect();
    // The configuration was checked: there is something to say. `{names}` have nobody to fill them in.
    let account = account(agent.tenant, key.as_deref());
    let bot = briefing::inbound(&agent, &account, key.as_ref());
    let (agent_sip, staff) = (agent.sip.clone(), agent.staff.clone());
    let talks_itself = bot.is_none() && agent_sip.is_none() && staff.is_none();
    let script = match talks_itself {
        false => Vec::new(),
        true => script(&greeting, &steps, &[], &mut Vec::new()).unwrap_or_default(),
    };
    let flow = agent.flow.clone().map(|flow| Scripted { flow, prompt: script.first().cloned() });
    let script = if flow.is_some() { Vec::new() } else { script };
    let row = CallRecord {
        direction: Direction::Inbound,
        application: application.map(|application| application.id),
        from: caller.as_ref().map_or("anonymous", PhoneNumber::as_str).into(),
        to: number.e164.as_str().into(),
        webhook: target(webhook_url, key.as_deref(), &agent),
        awaits_bot: bot.as_ref().is_some_and(Engaged::is_awaited),
        ..blank(call, &agent, &trunk, sip_call_id.clone(), created_at)
    };
    // An anonymous caller has no number: whatever dials for this call shows ours.
    let from = caller.unwrap_or_else(|| number.e164.clone());
    let to = number.e164.clone();
    let plan = CallPlan {
        right_to_use: number.right_to_use,
        // Whoever calls is somebody.
        speak: Speak::Verdict,
        script,
        flow,
        account,
        bot,
        staff,
        sip: agent_sip,
        record,
        ..CallPlan::plain(call, sip_call_id, agent, trunk, from, to, (asked_at, created_at))
    };
    Ticket { plan, record: row, idempotency: None, ask: None }
}

/// The SIP endpoint that is the agent, and what its INVITE holds: its own headers, then the variables that it asks for.
fn endpoint(agent: &Agent, request: &OutboundRequest) -> Option<Arc<SipAgent>> {
    let inline = matches!(request.agent, AgentChoice::Inline(_) | AgentChoice::Script(_));
    let sip = agent.sip.as_ref().filter(|_| !inline)?;
    let asked = sip.variables.iter().filter_map(|name| {
        let variable = request.variables.iter().find(|variable| variable.name == *name)?;
        Header::new(&format!("X-{}", name.replace('_', "-")), &variable.value)
    });
    let mut dial = Dial::clone(&sip.dial);
    dial.headers.extend(asked);
    dial.headers.truncate(HEADERS_MAX);
    Some(Arc::new(SipAgent { dial: Arc::new(dial), ..SipAgent::clone(sip) }))
}

/// The people who talk in the agent's place, what they read of the call, and what is heard if none is free. A document or an agent
/// that the request describes talks in theirs.
fn staff(agent: &Agent, request: &OutboundRequest, unknown: &mut Vec<String>) -> Option<Arc<Staff>> {
    let inline = matches!(request.agent, AgentChoice::Inline(_) | AgentChoice::Script(_));
    let staff = agent.staff.as_ref().filter(|_| !inline && request.guide.is_none())?;
    let mut staff = Staff::clone(staff);
    if let Some(Notice::Text(text)) = &mut staff.notice {
        *text = fill(text, &request.variables, unknown);
    }
    staff.brief = request.prompt.as_deref().map(|prompt| {
        // Where an agent would hang up, a person does as it thinks best.
        let mut brief = fill(&prompt.replace(END_CALL, ""), &request.variables, unknown);
        brief.truncate(brief.floor_char_boundary(BRIEF_BYTES_MAX));
        brief
    });
    Some(Arc::new(staff))
}

/// As a client of Twilio's knows its account; whoever is none has one that looks like it.
fn account(tenant: TenantId, key: Option<&Key>) -> String {
    match key.filter(|key| key.face == Face::Twilio) {
        Some(key) => key.public.clone(),
        None => format!("AC{:032x}", tenant.0),
    }
}

/// The application's `answer_url`, if its key asked for the call.
fn guide(request: &OutboundRequest, application: Option<&Application>) -> Option<Guide> {
    let is_own = matches!(request.agent, AgentChoice::OfApplication(_));
    let url = application.filter(|_| is_own)?.answer_url.clone()?;
    Some(Guide { link: url.into(), face: Face::MiniVoice, key: None, first: Vec::new() })
}

/// Where those events go that the call's request named a receiver for.
fn asked_for(callback: Callback, key: &Key) -> WebhookTarget {
    WebhookTarget { url: callback.url, face: key.face, key: key.id, events: callback.events }
}

/// Where a call's events go, if anybody renders and signs them, and which its agent wants told.
fn target(url: Option<String>, key: Option<&Key>, agent: &Agent) -> Option<WebhookTarget> {
    url.zip(key).map(|(url, key)| {
        let documented: EventSet = key.face.events().iter().copied().collect();
        let events = agent.webhook_events.map_or(documented, |wanted| documented.and(wanted));
        WebhookTarget { url, face: key.face, key: key.id, events }
    })
}

/// The agent with what the request says over it. One that the request describes says nothing of its own.
fn as_asked(agent: Arc<Agent>, request: &OutboundRequest) -> Arc<Agent> {
    let inline = matches!(request.agent, AgentChoice::Inline(_) | AgentChoice::Script(_));
    let is_as_it_was =
        request.ring_timeout.is_none() && request.call_duration_max.is_none() && request.detection.is_none();
    if !inline && is_as_it_was {
        return agent;
    }
    let mut changed = Agent::clone(&agent);
    changed.ring_timeout = request.ring_timeout.unwrap_or(changed.ring_timeout);
    changed.call_duration_max = request.call_duration_max.unwrap_or(changed.call_duration_max);
    if inline {
        (changed.greeting, changed.steps, changed.voicemail_message) = (None, Vec::new(), None);
        (changed.prompt, changed.flow, changed.opener) = (None, None, None);
        changed.speak = if changed.speak == Speak::Opener { Speak::Verdict } else { changed.speak };
    }
    // Nor does a document's call begin as the agent's do.
    if matches!(request.agent, AgentChoice::Script(_)) {
        (changed.speak, changed.speak_order) = (Speak::Verdict, SpeakOrder::AgentFirst);
    }
    if let Some(detection) = &request.detection {
        changed.detection = detection.over(&changed.detection);
    }
    if let AgentChoice::Inline(inline) = &request.agent {
        changed.voice = Some(inline.voice.as_str().into());
    }
    // A document is said to its end, whoever talks meanwhile.
    changed.barge_in &= !matches!(request.agent, AgentChoice::Script(_));
    Arc::new(changed)
}

/// The trunks that may dial this number and show ours, in the order in which this call tries them.
pub fn ways(
    trunks: Vec<(Arc<Trunk>, TrunkChoice)>,
    from: &PhoneNumber,
    to: &PhoneNumber,
) -> Result<Vec<Arc<Trunk>>, Refusal> {
    let mut forbidden = None;
    let mut allowed = Vec::new();
    for (trunk, choice) in trunks {
        match destination::check(&trunk, from, to) {
            Ok(()) => allowed.push((trunk, choice)),
            Err(reason) => forbidden = forbidden.or(Some(reason)),
        }
    }
    if let (true, Some(reason)) = (allowed.is_empty(), forbidden) {
        return Err(Refusal::DestinationForbidden { reason });
    }
    let places: Vec<_> = allowed.iter().map(|(_, choice)| (choice.priority, choice.weight)).collect();
    let order = choice::order(&places, &mut rand::rng());
    Ok(order.into_iter().map(|index| Arc::clone(&allowed[index].0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CallAt, Detection, KeyId, TrunkId};

    #[test]
    fn names_in_a_prompt_that_nobody_says_are_unknown_to_nobody() {
        let own = Agent { prompt: Some("Hello {nobody}.".to_owned()), ..Agent::plain(TenantId(1)) };
        let dial = Arc::new(Dial::new(vec!["+12025550100".parse().expect("E.164")]));
        let endpoint = SipAgent { dial, variables: Vec::new(), call_at: CallAt::Ringing };
        let elsewhere = Agent { sip: Some(Arc::new(endpoint)), ..own.clone() };
        for (agent, unknown) in [(own, &["nobody"][..]), (elsewhere, &[][..])] {
            let caller: PhoneNumber = "+447446466847".parse().expect("E.164");
            let callee = "+447386172392".parse().expect("E.164");
            let trunk = Trunk::new(TrunkId(1), TenantId(1), "t", "sip:carrier.example");
            let choice = TrunkChoice { trunk: TrunkId(1), priority: 1, weight: 1 };
            let trunks = vec![(Arc::new(trunk), choice)];
            let route = Route { agent: Arc::new(agent), number: None, from: caller, trunks };
            let request = OutboundRequest::new(TenantId(1), KeyId(1), AgentChoice::OfNumber, callee);
            let (call, at) = (CallId::new(1).expect("an id"), (Instant::now(), Timestamp(0)));
            let ticket = freeze(call, request, route, None, None, false, at).expect("a plan");
            assert_eq!(ticket.record.unknown_variables, unknown);
        }
    }

    #[test]
    fn a_call_that_brings_its_own_words_begins_as_no_agent_does() {
        let own = Agent {
            opener: Some("Hello, this is Acme.".to_owned()),
            speak: Speak::Opener,
            speak_order: SpeakOrder::CalleeFirst,
            ..Agent::plain(TenantId(1))
        };
        let to = "+447386172392".parse().expect("E.164");
        let request = OutboundRequest::new(TenantId(1), KeyId(1), AgentChoice::Script(Vec::new()), to);
        let asked = as_asked(Arc::new(own), &request);
        let begins = (asked.opener.as_deref(), asked.speak, asked.speak_order);
        assert_eq!(begins, (None, Speak::Verdict, SpeakOrder::AgentFirst));
    }

    #[test]
    fn what_a_request_says_of_detection_stands_over_what_the_agent_says() {
        let own = Detection { greeting: Some(1), initial_silence: Some(2), ..Detection::default() };
        let agent = Arc::new(Agent { detection: own, ..Agent::plain(TenantId(1)) });
        let to = "+447386172392".parse().expect("E.164");
        let mut request = OutboundRequest::new(TenantId(1), KeyId(1), AgentChoice::OfNumber, to);
        assert!(Arc::ptr_eq(&as_asked(Arc::clone(&agent), &request), &agent), "nothing was asked");
        request.detection = Some(Detection { greeting: Some(3), ..Detection::default() });
        let expected = Detection { greeting: Some(3), initial_silence: Some(2), ..Detection::default() };
        assert_eq!(as_asked(agent, &request).detection, expected);
    }
}
