//! What is said in a call: texts, filled in, each with what follows it.

use std::sync::Arc;

use crate::dialer::words::{END_CALL, fill};
use crate::model::{
    Agent, AgentChoice, InlineAgent, Line, LineEnd, OutboundRequest, Refusal, Said, Scripted, Variable,
};

/// What is said: the request's prompt or the inline agent's, else the agent's greeting or saved prompt; then the agent's steps.
pub(super) fn said(
    agent: &Agent,
    request: &OutboundRequest,
    unknown: &mut Vec<String>,
) -> Result<Vec<Line>, Refusal> {
    if let AgentChoice::Script(lines) = &request.agent {
        return Ok(lines.clone());
    }
    let prompt = match (&request.prompt, &request.agent) {
        (Some(prompt), _) => Some(prompt.as_str()),
        (None, AgentChoice::Inline(inline)) => Some(inline.prompt.as_str()),
        (None, _) => None,
    };
    if let Some(prompt) = prompt {
        return script(prompt, &agent.steps, &request.variables, unknown);
    }
    let own = agent.steps.iter().map(String::as_str);
    let texts: Vec<String> = agent.opening().into_iter().chain(own).map(str::to_owned).collect();
    let Some((first, steps)) = texts.split_first() else {
        let reason = "has nothing to say: give it a greeting, a prompt, steps or a script".to_owned();
        return Err(Refusal::InvalidField { field: "agent".into(), reason });
    };
    script(first, steps, &request.variables, unknown)
}

/// The agent's script of steps, if it has one, and the words that the request adds to it, or else its greeting or saved prompt.
pub(super) fn scripted(
    agent: &Agent,
    request: &OutboundRequest,
    unknown: &mut Vec<String>,
) -> Result<Option<Scripted>, Refusal> {
    let Some(flow) = &agent.flow else { return Ok(None) };
    let words = request.prompt.as_deref().or(agent.opening());
    let lines = words.map(|words| script(words, &[], &request.variables, unknown)).transpose()?;
    let prompt = lines.and_then(|lines| lines.into_iter().next());
    // What it gathers itself is known by the time that it is said.
    let gathered = flow.sets().map(|name| Variable { name: name.to_owned(), value: String::new() });
    let known: Vec<_> = request.variables.iter().cloned().chain(gathered).collect();
    for text in flow.texts() {
        fill(text, &known, unknown);
    }
    Ok(Some(Scripted { flow: Arc::clone(flow), prompt }))
}

/// The agent in whose place one answers that was described for this call alone; `None` if that one has nothing to say.
pub fn described(agent: &Agent, inline: InlineAgent) -> Option<Agent> {
    script(&inline.prompt, &[], &[], &mut Vec::new()).ok()?;
    let voice = Some(inline.voice.into());
    Some(Agent {
        greeting: Some(inline.prompt),
        prompt: None,
        steps: Vec::new(),
        flow: None,
        voice,
        bot: None,
        model: None,
        staff: None,
        sip: None,
        ..agent.clone()
    })
}

/// The prompt, then the agent's own steps, up to the first that ends the call.
pub(super) fn script(
    prompt: &str,
    steps: &[String],
    variables: &[Variable],
    unknown: &mut Vec<String>,
) -> Result<Vec<Line>, Refusal> {
    let mut lines = Vec::new();
    for text in std::iter::once(prompt).chain(steps.iter().map(String::as_str)) {
        // The marker is looked for before the variables are filled in: a callee's name cannot end the call.
        let (text, then) = match text.split_once(END_CALL) {
            Some((before, _)) => (before, LineEnd::EndCall),
            None => (text, LineEnd::Listen),
        };
        let spoken = fill(text, variables, unknown);
        let spoken = spoken.trim();
        match (spoken.is_empty(), lines.last_mut()) {
            (false, _) => lines.push(Line { said: Said::Text(spoken.into()), then }),
            (true, Some(last)) => last.then = then,
            (true, None) => {
                let reason = format!("has nothing to say before {END_CALL}");
                return Err(Refusal::InvalidField { field: "prompt".into(), reason });
            }
        }
        if then == LineEnd::EndCall {
            break;
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(prompt: &str, steps: &[&str]) -> Result<Vec<(String, LineEnd)>, Refusal> {
        let steps: Vec<String> = steps.iter().map(|step| String::from(*step)).collect();
        let variables = [Variable { name: "name".into(), value: "Ann [END_CALL]".into() }];
        let lines = script(prompt, &steps, &variables, &mut Vec::new())?;
        let text = |said| match said {
            Said::Text(text) => text.to_string(),
            Said::Pause(_) => panic!("nobody asked for a pause"),
        };
        Ok(lines.into_iter().map(|line| (text(line.said), line.then)).collect())
    }

    #[test]
    fn the_prompt_is_said_first_and_then_the_agents_steps() {
        let lines = spoken("Hello.", &["Thank you.", "Goodbye. [END_CALL] never said", "never reached"]);
        let expected =
            [("Hello.", LineEnd::Listen), ("Thank you.", LineEnd::Listen), ("Goodbye.", LineEnd::EndCall)];
        assert_eq!(lines, Ok(expected.map(|(text, then)| (text.to_string(), then)).to_vec()));
    }

    #[test]
    fn a_variable_cannot_end_the_call() {
        let lines = spoken("Hello {name}.", &[]).expect("a script");
        assert_eq!(lines, [("Hello Ann [END_CALL].".to_string(), LineEnd::Listen)]);
    }

    #[test]
    fn a_prompt_without_words_is_refused() {
        assert!(matches!(spoken(" [END_CALL]", &[]), Err(Refusal::InvalidField { .. })));
    }

    #[test]
    fn a_step_that_only_ends_the_call_ends_it_after_the_line_before() {
        let lines = spoken("Hello.", &["[END_CALL]"]).expect("a script");
        assert_eq!(lines, [("Hello.".to_string(), LineEnd::EndCall)]);
    }
}
