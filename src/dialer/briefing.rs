//! Who talks in a call at the other end of a connection, and what they are told of it: an agent's bot, or its model.

use std::sync::Arc;

use super::words::{END_CALL, fill};
use crate::model::{
    Agent, AgentChoice, Bot, Briefed, Engaged, Key, Model, OutboundRequest, SpeakOrder, Talker, TranscriptBy,
    Variable,
};

/// What a prompt's `[END_CALL]` is to a model, which would say it aloud.
const HANG_UP: &str = "(end the call by the tool end_call)";

/// The agent's bot or model, and what it is told. A document or an agent that the request describes talks in its place.
pub fn outbound(
    agent: &Agent,
    request: &OutboundRequest,
    account: &str,
    key: Option<&Arc<Key>>,
    unknown: &mut Vec<String>,
) -> Option<Engaged> {
    if matches!(request.agent, AgentChoice::Inline(_) | AgentChoice::Script(_)) {
        return None;
    }
    let prompt = request.prompt.as_deref().map(|prompt| fill(prompt, &request.variables, unknown));
    if let Some(bot) = &agent.bot {
        return Some(told(bot, prompt, &request.variables, account));
    }
    let model = agent.model.as_ref()?;
    let saved = saved(agent, model).map(|prompt| fill(prompt, &request.variables, unknown));
    let greeting = agent.greeting.as_deref().map(|text| fill(text, &request.variables, unknown));
    let order = request.speak_order.unwrap_or(agent.speak_order);
    let prompts = [saved, prompt];
    let briefed = brief(agent, model, prompts, greeting, &request.variables, order, key);
    Some(engaged(briefed, account))
}

/// As [`outbound`], for a call that came in: nobody but the agent itself says anything of it.
pub fn inbound(agent: &Agent, account: &str, key: Option<&Arc<Key>>) -> Option<Engaged> {
    if let Some(bot) = &agent.bot {
        return Some(told(bot, None, &[], account));
    }
    let model = agent.model.as_ref()?;
    let prompts = [saved(agent, model).map(str::to_owned), None];
    let order = SpeakOrder::AgentFirst;
    Some(engaged(brief(agent, model, prompts, agent.greeting.clone(), &[], order, key), account))
}

/// What a model is told before any call's own prompt.
fn saved<'a>(agent: &'a Agent, model: &'a Model) -> Option<&'a str> {
    model.prompt.as_deref().or(agent.prompt.as_deref())
}

/// A bot is told its own parameters, then the call's prompt, then its variables, of which a later one wins.
fn told(bot: &Arc<Bot>, prompt: Option<String>, variables: &[Variable], account: &str) -> Engaged {
    let mut parameters = bot.parameters.clone();
    let variables = variables.iter().map(|one| (one.name.clone(), one.value.clone()));
    for (name, value) in prompt.map(|prompt| ("prompt".to_owned(), prompt)).into_iter().chain(variables) {
        parameters.retain(|(taken, _)| *taken != name);
        parameters.push((name, value));
    }
    Engaged { bot: Talker::Bot(Arc::clone(bot)), account: account.to_owned(), parameters }
}

fn engaged(briefed: Briefed, account: &str) -> Engaged {
    Engaged { bot: Talker::Model(Box::new(briefed)), account: account.to_owned(), parameters: Vec::new() }
}

/// The saved prompt, then the call's, then the variables as context.
fn brief(
    agent: &Agent,
    model: &Arc<Model>,
    prompts: [Option<String>; 2],
    greeting: Option<String>,
    variables: &[Variable],
    order: SpeakOrder,
    key: Option<&Arc<Key>>,
) -> Briefed {
    let mut parts: Vec<String> =
        prompts.into_iter().flatten().filter(|text| !text.trim().is_empty()).collect();
    let may_end = parts.iter().any(|text| text.contains(END_CALL));
    parts.iter_mut().for_each(|text| *text = text.replace(END_CALL, HANG_UP));
    if !variables.is_empty() {
        let lines = variables.iter().map(|one| format!("- {}: {}", one.name, one.value));
        parts.push(format!("Context of this call:\n{}", lines.collect::<Vec<_>>().join("\n")));
    }
    // Who is told to hang up must be able to.
    let mut model = Arc::clone(model);
    if may_end && !model.tools.end_call {
        Arc::make_mut(&mut model).tools.end_call = true;
    }
    let greeting = greeting.map(|text| text.split(END_CALL).next().unwrap_or_default().trim().to_owned());
    Briefed {
        model,
        instructions: parts.join("\n\n"),
        greeting: greeting.filter(|text| !text.is_empty()),
        variables: variables.iter().map(|one| (one.name.clone(), one.value.clone())).collect(),
        speaks_first: order == SpeakOrder::AgentFirst,
        barge_in: agent.barge_in,
        transcript: agent.transcript == TranscriptBy::Agent,
        key: key.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Provider, TenantId, Tools};

    fn agent(prompt: &str) -> Agent {
        let model = Model {
            provider: Provider::OpenAi,
            model: "m".into(),
            url: Provider::OpenAi.url().parse().expect("a URL"),
            api_key: None,
            voice: None,
            prompt: Some(prompt.into()),
            language: None,
            temperature: None,
            speed: None,
            listener: None,
            thinker: None,
            tools: Tools::default(),
            connect_within: Duration::from_secs(10),
            reconnect_within: None,
        };
        Agent { model: Some(Arc::new(model)), ..Agent::plain(TenantId(1)) }
    }

    fn briefed(agent: &Agent, prompt: &str, variables: &[Variable]) -> Briefed {
        let model = agent.model.as_ref().expect("a model");
        let prompts = [model.prompt.clone(), Some(prompt.to_owned())];
        brief(agent, model, prompts, agent.greeting.clone(), variables, SpeakOrder::CalleeFirst, None)
    }

    #[test]
    fn the_saved_prompt_comes_first_then_the_calls_then_its_variables() {
        let variables = [Variable { name: "name".into(), value: "Ann [END_CALL]".into() }];
        let briefed = briefed(&agent("You are Sarah."), "Sell a boat.", &variables);
        assert_eq!(
            briefed.instructions,
            "You are Sarah.\n\nSell a boat.\n\nContext of this call:\n- name: Ann [END_CALL]"
        );
        assert!(!briefed.speaks_first && !briefed.model.tools.end_call);
    }

    #[test]
    fn a_prompt_that_ends_the_call_gives_the_model_a_way_to_and_nothing_to_say_aloud() {
        let briefed = briefed(&agent("You are Sarah."), "Say goodbye. [END_CALL]", &[]);
        assert!(!briefed.instructions.contains(END_CALL));
        assert!(briefed.instructions.ends_with("Say goodbye. (end the call by the tool end_call)"));
        assert!(briefed.model.tools.end_call);
    }

    #[test]
    fn a_greeting_is_said_up_to_where_the_call_ends() {
        let mut agent = agent("");
        agent.greeting = Some("Hello. [END_CALL] never".into());
        assert_eq!(briefed(&agent, "x", &[]).greeting.as_deref(), Some("Hello."));
        assert_eq!(briefed(&agent, "x", &[]).instructions, "x");
    }

    #[test]
    fn the_agents_prompt_is_its_models_unless_that_has_one() {
        let instructions = |agent: &Agent| match inbound(agent, "AC1", None) {
            Some(Engaged { bot: Talker::Model(briefed), .. }) => briefed.instructions,
            _ => panic!("a model"),
        };
        let mut agent = agent("You are Sarah.");
        agent.prompt = Some("You are Ann.".into());
        assert_eq!(instructions(&agent), "You are Sarah.");
        Arc::make_mut(agent.model.as_mut().expect("a model")).prompt = None;
        assert_eq!(instructions(&agent), "You are Ann.");
    }

    #[test]
    fn a_call_that_came_in_is_greeted() {
        let Some(Engaged { bot: Talker::Model(briefed), .. }) =
            inbound(&agent("You are Sarah."), "AC1", None)
        else {
            panic!("a model")
        };
        assert_eq!((briefed.instructions.as_str(), briefed.speaks_first), ("You are Sarah.", true));
    }
}
