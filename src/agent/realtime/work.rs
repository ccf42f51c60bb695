//! A model's tools at work: what is under way, until when, and what the rest of the switch is to do for it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::Spec;
use super::driver::{TOOL, ToolCall, ToolResult};
use super::tools::{self, Deed};
use crate::model::Step;

/// What a webhook tool is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// By which its result is known.
    pub slot: u64,
    /// Where.
    pub url: String,
    /// How long it may take.
    pub deadline: Duration,
    /// A JSON object.
    pub body: String,
}

/// Tools of one call in all, and at the same time.
pub(super) const TOOLS_MAX: u32 = 200;
const PENDING_MAX: usize = 8;
/// Bytes of arguments that the next session is told.
const ARGUMENTS_TOLD: usize = 1_024;
/// How long a transfer may take until the model hears that nothing is known of it.
const TRANSFER_MAX: Duration = Duration::from_secs(120);
/// Who asks a webhook tool has its deadline, and so much longer to say so.
const GRACE: Duration = Duration::from_secs(2);

/// Tools under way.
#[derive(Debug, Default)]
pub(super) struct Work {
    pending: Vec<Pending>,
    used: u32,
    /// The last batch.
    batch: u32,
    errands: VecDeque<Errand>,
}

/// A tool under way.
#[derive(Debug)]
pub(super) struct Pending {
    /// What asked for it.
    pub call: ToolCall,
    /// With which others it was asked for.
    pub batch: u32,
    slot: u64,
    is_transfer: bool,
    /// The session that asked for it is lost: no other knows its call by its id.
    is_of_before: bool,
    until: Instant,
}

impl Pending {
    /// Was it asked for in a session that is lost?
    pub fn is_of_before(&self) -> bool {
        self.is_of_before
    }

    /// What has come of it, for a session that did not ask for it.
    pub fn late(&self, result: &ToolResult) -> String {
        format!(
            "{TOOL}{}, asked for before the connection was lost, has answered: {})",
            self.call.name, result.text
        )
    }
}

/// What the use of a tool has come to.
#[derive(Debug)]
pub(super) enum Begun {
    /// The call is to end.
    EndCall,
    /// The call is asked for this. What comes of it is known at once, or later.
    Asked(Step, Option<ToolResult>),
    /// Nothing, or nothing more, and this is why.
    Known(ToolResult),
    /// It is under way.
    UnderWay,
}

impl Work {
    /// Counts one more. False: it is one too many.
    pub fn count(&mut self) -> bool {
        self.used += 1;
        self.used <= TOOLS_MAX
    }

    /// Tools that are begun from now on were asked for together. Gives their batch.
    pub fn begin_batch(&mut self) -> u32 {
        self.batch += 1;
        self.batch
    }

    /// Uses a tool.
    pub fn begin(&mut self, now: Instant, spec: &Spec, call: &ToolCall) -> Begun {
        let deed = match tools::deed(&spec.briefed.model.tools, &call.name, &call.arguments) {
            Ok(deed) => deed,
            Err(why) => return Begun::Known(failed(&why)),
        };
        match deed {
            Deed::EndCall => Begun::EndCall,
            _ if self.pending.len() >= PENDING_MAX => Begun::Known(failed("too many tools are under way")),
            Deed::Step(step @ Step::Transfer(_)) => {
                if self.pending.iter().any(|pending| pending.is_transfer) {
                    return Begun::Known(failed("a transfer is under way"));
                }
                self.wait(call, true, now + TRANSFER_MAX);
                Begun::Asked(step, None)
            }
            Deed::Step(step) => {
                Begun::Asked(step, Some(ToolResult { text: r#"{"ok":true}"#.to_owned(), is_error: false }))
            }
            Deed::Webhook(place, arguments) => {
                let tool = &spec.briefed.model.tools.webhooks[place];
                let slot = self.wait(call, false, now + tool.deadline + GRACE);
                let body = body(spec, &tool.name, arguments);
                self.errands.push_back(Errand { slot, url: tool.url.clone(), deadline: tool.deadline, body });
                Begun::UnderWay
            }
        }
    }

    fn wait(&mut self, call: &ToolCall, is_transfer: bool, until: Instant) -> u64 {
        let slot = u64::from(self.used);
        let (call, batch) = (call.clone(), self.batch);
        self.pending.push(Pending { call, batch, slot, is_transfer, is_of_before: false, until });
        slot
    }

    /// What was under way as this is no more.
    pub fn finish(&mut self, slot: u64) -> Option<Pending> {
        self.take(|pending| pending.slot == slot)
    }

    /// The transfer, if there is one, came to nothing.
    pub fn finish_transfer(&mut self) -> Option<Pending> {
        self.take(|pending| pending.is_transfer)
    }

    /// One that took too long.
    pub fn expire(&mut self, now: Instant) -> Option<Pending> {
        self.take(|pending| now >= pending.until)
    }

    fn take(&mut self, is_it: impl Fn(&Pending) -> bool) -> Option<Pending> {
        let place = self.pending.iter().position(is_it)?;
        Some(self.pending.remove(place))
    }

    /// Nothing of this batch is under way.
    pub fn is_done(&self, batch: u32) -> bool {
        self.pending.iter().all(|pending| pending.batch != batch)
    }

    /// Is it time not to be asked anything more?
    pub fn is_full(&self) -> bool {
        self.errands.len() >= PENDING_MAX
    }

    /// The session is lost. What it asked for is done all the same, and the next one is told what came of it.
    pub fn outlive(&mut self) {
        self.pending.iter_mut().for_each(|pending| pending.is_of_before = true);
    }

    /// What is under way, for a session that did not ask for it and shall not ask for it again.
    pub fn under_way(&self) -> String {
        let told = |pending: &Pending| {
            let ToolCall { name, arguments, .. } = &pending.call;
            let with = if arguments.len() <= ARGUMENTS_TOLD { arguments } else { "" };
            format!("{TOOL}{name} was asked for: {with} Its answer is yet to come.)\n")
        };
        self.pending.iter().map(told).collect()
    }

    pub fn pop(&mut self) -> Option<Errand> {
        self.errands.pop_front()
    }
}

fn body(spec: &Spec, tool: &str, arguments: Map<String, Value>) -> String {
    let Spec { call, from, to, .. } = spec;
    json!({
        "type": "tool.call", "call_id": call.ca(), "from": from.as_str(), "to": to.as_str(),
        "tool": tool, "arguments": arguments,
    })
    .to_string()
}

/// What a model is told of what came to nothing.
pub(super) fn failed(why: &str) -> ToolResult {
    ToolResult { text: json!({ "error": why }).to_string(), is_error: true }
}
