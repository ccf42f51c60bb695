//! How a request finds its agent, its number and its trunks. Whose numbers may call is the request's own policy; the order of
//! the checks is that of the documents.

use std::sync::Arc;

use super::{Listed, Route, Snapshot};
use crate::model::{
    Agent, AgentChoice, FromPolicy, Number, OutboundRequest, PhoneNumber, Refusal, TenantId, Trunk,
    TrunkChoice,
};

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
        self.way_of(listed, request.from.as_ref())
    }

    /// The way out from this number of this agent, or from its first.
    pub fn way(&self, tenant: TenantId, agent: &str, from: Option<&PhoneNumber>) -> Result<Route, Refusal> {
        self.way_of(self.listed(tenant, agent), from)
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
