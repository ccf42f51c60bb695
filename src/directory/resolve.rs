//! How a request finds its agent, its number and its trunks. Whose numbers may call is the request's own policy; the order of
//! the checks is that of the documents.

use std::sync::Arc;

use super::caller_ids::ranked;
use super::{Listed, Route, Snapshot};
use crate::model::{
    Agent, AgentChoice, CallerIds, FromPolicy, Number, OutboundRequest, PhoneNumber, Refusal, TenantId,
    Trunk, TrunkChoice,
};
use crate::trunk::destination;

impl Snapshot {
    /// Everything that a call needs of what is declared; the first failure wins.
    pub fn resolve(&self, request: &OutboundRequest) -> Result<Route, Refusal> {
        match request.from_policy {
            FromPolicy::OfAgent => self.by_agent(request),
            FromPolicy::OfTenant => self.by_number(request),
            FromPolicy::OfTrunk => self.by_trunk(request),
        }
    }

    /// Agent, then one of its numbers, then trunk.
    fn by_agent(&self, request: &OutboundRequest) -> Result<Route, Refusal> {
        let listed = match &request.agent {
            AgentChoice::Named(text) => self.listed(request.tenant, text),
            AgentChoice::Own(id) => {
                self.agents.get(id).filter(|listed| listed.agent.tenant == request.tenant)
            }
            AgentChoice::OfNumber
            | AgentChoice::OfApplication(_)
            | AgentChoice::Inline(_)
            | AgentChoice::Script(_) => None,
        };
        let of_callee = match request.from {
            Some(_) => None,
            None => listed.and_then(|listed| self.way_seen_by(&request.to, listed, |_| true)),
        };
        of_callee.map_or_else(|| self.way_of(listed, request.from.as_ref()), Ok)
    }

    /// The way out from this number of this agent, or from its first.
    pub fn way(&self, tenant: TenantId, agent: &str, from: Option<&PhoneNumber>) -> Result<Route, Refusal> {
        self.way_of(self.listed(tenant, agent), from)
    }

    /// The way out of an agent whose callees see one of its numbers each, before it is known who is called: the first number's, with every
    /// number's trunks.
    pub fn way_to_anybody(&self, tenant: TenantId, agent: &str) -> Result<Route, Refusal> {
        let listed = self.listed(tenant, agent);
        let pool = listed.map_or_else(Vec::new, |listed| self.pool(listed));
        let mut numbers = pool.into_iter();
        let Some(mut route) = numbers.next() else { return self.way_of(listed, None) };
        for (trunk, choice) in numbers.flat_map(|other| other.trunks) {
            if route.trunks.iter().all(|(known, _)| known.id != trunk.id) {
                route.trunks.push((trunk, choice));
            }
        }
        Ok(route)
    }

    /// The way out to this callee, by the one of the agent's numbers that it is to see, or else by the next one whose trunks are up. `None`:
    /// the agent calls everybody from the same one.
    pub fn way_to(
        &self,
        to: &PhoneNumber,
        tenant: TenantId,
        agent: &str,
        is_up: impl Fn(&Route) -> bool,
    ) -> Option<Route> {
        self.way_seen_by(to, self.listed(tenant, agent)?, is_up)
    }

    fn way_seen_by(
        &self,
        to: &PhoneNumber,
        listed: &Listed,
        is_up: impl Fn(&Route) -> bool,
    ) -> Option<Route> {
        let all = ranked(listed.agent.caller_ids, to, self.pool(listed), |route| &route.from);
        let first = all.first().cloned();
        let mut allowed = all.into_iter().filter_map(|mut route| {
            route.trunks.retain(|(trunk, _)| destination::check(trunk, &route.from, to).is_ok());
            (!route.trunks.is_empty()).then_some(route)
        });
        // Where it may be called by none, whoever tries says why; where none is up, the wait is for its own.
        let Some(best) = allowed.next() else { return first };
        if is_up(&best) { Some(best) } else { allowed.find(is_up).or(Some(best)) }
    }

    /// The numbers of which each callee sees one: those that may call, and have a trunk.
    fn pool(&self, listed: &Listed) -> Vec<Route> {
        if listed.agent.caller_ids == CallerIds::First {
            return vec![];
        }
        let route = |number: &Arc<Number>| {
            let (agent, from) = (Arc::clone(&listed.agent), number.e164.clone());
            let trunks = self.usable(number.trunks.clone()).ok()?;
            Some(Route { agent, number: Some(Arc::clone(number)), from, trunks })
        };
        listed.numbers.iter().filter(|number| number.outbound).filter_map(route).collect()
    }

    fn way_of(&self, listed: Option<&Listed>, from: Option<&PhoneNumber>) -> Result<Route, Refusal> {
        let listed = listed.ok_or(Refusal::AgentNotFound)?;
        let agent = Arc::clone(&listed.agent);
        let (number, from, choices) = match listed.choose(from)? {
            Some(number) => (Some(Arc::clone(number)), number.e164.clone(), number.trunks.clone()),
            None => {
                let stored = agent.phone_number.clone().ok_or(Refusal::AgentMissingPhoneNumber)?;
                (None, stored, agent.trunk.map(TrunkChoice::only).into_iter().collect())
            }
        };
        Ok(Route { agent, number, from, trunks: self.usable(choices)? })
    }

    /// One of the tenant's numbers, then whether it may call, then the agent, then trunk.
    fn by_number(&self, request: &OutboundRequest) -> Result<Route, Refusal> {
        let asked = request.from.as_ref().ok_or(Refusal::MissingField("from_number"))?;
        let number = self.owned(request.tenant, asked).ok_or(Refusal::NumberNotRegistered)?;
        match &**number {
            number if number.trunks.is_empty() => return Err(Refusal::DemoNumber),
            number if !number.verified => return Err(Refusal::UnverifiedVoip),
            number if !number.outbound => return Err(Refusal::OutboundDisabled),
            _ => {}
        }
        let agent = self.speaker(request, Some(number))?;
        let trunks = self.usable(number.trunks.clone())?;
        Ok(Route { agent, number: Some(Arc::clone(number)), from: asked.clone(), trunks })
    }

    /// Any number that a trunk may show: the application's trunk, else the number's if it is ours, else any of the tenant's.
    fn by_trunk(&self, request: &OutboundRequest) -> Result<Route, Refusal> {
        let from = request.from.clone().ok_or(Refusal::MissingField("from"))?;
        let number = self.owned(request.tenant, &from);
        let agent = self.speaker(request, number)?;
        let application = match request.agent {
            AgentChoice::OfApplication(id) => self.application_by_id(id),
            _ => None,
        };
        let own = application.and_then(|application| application.trunk).map(TrunkChoice::only);
        let choices: Vec<TrunkChoice> = match (own, number) {
            (Some(own), _) => vec![own],
            (None, Some(number)) if !number.trunks.is_empty() => number.trunks.clone(),
            (None, _) => {
                let of_tenant = self.trunks.iter().filter(|trunk| trunk.tenant == request.tenant);
                of_tenant.map(|trunk| TrunkChoice::only(trunk.id)).collect()
            }
        };
        let mut trunks = self.usable(choices)?;
        trunks.retain(|(trunk, _)| trunk.enabled);
        if trunks.is_empty() {
            return Err(Refusal::NumberHasNoTrunk);
        }
        Ok(Route { agent, number: number.cloned(), from, trunks })
    }

    /// Who talks, where the number does not follow from it.
    fn speaker(
        &self,
        request: &OutboundRequest,
        number: Option<&Arc<Number>>,
    ) -> Result<Arc<Agent>, Refusal> {
        let of_number = || number.and_then(|number| self.agent_by_id(number.agent?)).cloned();
        match &request.agent {
            AgentChoice::Named(text) => {
                self.agent(request.tenant, text).cloned().ok_or(Refusal::AgentNotFound)
            }
            AgentChoice::Own(id) => {
                let agent = self.agent_by_id(*id).filter(|agent| agent.tenant == request.tenant);
                agent.cloned().ok_or(Refusal::AgentNotFound)
            }
            AgentChoice::OfNumber => of_number().ok_or(Refusal::NoAgent),
            AgentChoice::OfApplication(id) => {
                let of_application =
                    self.application_by_id(*id).and_then(|made| self.agent_by_id(made.agent?));
                let agent = of_application.cloned().or_else(of_number);
                // Who is asked what to say needs nobody to say it.
                let is_guided = || self.application_by_id(*id).is_some_and(|made| made.answer_url.is_some());
                agent
                    .or_else(|| is_guided().then(|| Arc::new(Agent::plain(request.tenant))))
                    .ok_or(Refusal::NoAgent)
            }
            AgentChoice::Inline(_) | AgentChoice::Script(_) => {
                Ok(of_number().unwrap_or_else(|| Arc::new(Agent::plain(request.tenant))))
            }
        }
    }

    fn owned(&self, tenant: TenantId, e164: &PhoneNumber) -> Option<&Arc<Number>> {
        self.numbers.iter().find(|number| number.tenant == tenant && number.e164 == *e164)
    }

    /// Those that are declared and say where they are.
    fn usable(&self, choices: Vec<TrunkChoice>) -> Result<Vec<(Arc<Trunk>, TrunkChoice)>, Refusal> {
        let declared = |choice: TrunkChoice| {
            let trunk = self.trunk_by_id(choice.trunk).filter(|trunk| !trunk.uri.is_empty())?;
            Some((Arc::clone(trunk), choice))
        };
        let trunks: Vec<_> = choices.into_iter().filter_map(declared).collect();
        if trunks.is_empty() { Err(Refusal::NumberHasNoTrunk) } else { Ok(trunks) }
    }
}

impl Listed {
    /// The number that calls. `None` means the one stored on the agent itself, which counts only if the agent has no
    /// numbers at all, not even inbound ones (seed 000, "legacy fallback").
    fn choose(&self, asked: Option<&PhoneNumber>) -> Result<Option<&Arc<Number>>, Refusal> {
        let mut outbound = self.numbers.iter().filter(|number| number.outbound);
        if let Some(asked) = asked {
            if let Some(number) = outbound.find(|number| number.e164 == *asked) {
                return Ok(Some(number));
            }
            let stored = self.numbers.is_empty() && self.agent.phone_number.as_ref() == Some(asked);
            return if stored { Ok(None) } else { Err(Refusal::FromNumberNotFound) };
        }
        match outbound.next() {
            Some(number) => Ok(Some(number)),
            None if self.numbers.is_empty() => Ok(None),
            None => Err(Refusal::AgentMissingPhoneNumber),
        }
    }
}
