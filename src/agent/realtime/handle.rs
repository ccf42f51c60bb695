//! A session that is open: how the call has it opened, what the call tells it, and who calls its webhook tools.
#![expect(clippy::disallowed_methods, reason = "a shell reads the clock")]

use std::time::{Instant, SystemTime};

use futures_util::FutureExt as _;
use trunkline_media::Port;

use super::life::{Input, Life};
use super::work::Errand;
use super::{Spec, provider, tools};
use crate::agent::line::Lanes;
use crate::agent::line::shell::{Inputs, Patience, Sink, live};
use crate::agent::line::{Door, Header, Source};
use crate::egress::Egress;
use crate::face;
use crate::model::{Briefed, Secret};

/// The call's end of its session. Dropping it tells the model that the call is over.
#[derive(Debug)]
pub struct Handle(Inputs<Input>);

impl Handle {
    /// The callee has answered. False: the session has ended.
    pub fn answered(&self) -> bool {
        self.0.say(Input::Answered)
    }

    /// The callee has pressed a key. False: too much waits, or the session has ended; the digit is dropped.
    pub fn digit(&self, digit: char) -> bool {
        self.0.mention(Input::Digit(digit))
    }

    /// A transfer that the model asked for came to nothing. False: the session has ended.
    pub fn untransferred(&self, why: String) -> bool {
        self.0.say(Input::Untransferred(why))
    }
}

/// Opens a session: from now on its model is dialled.
pub fn open(spec: Spec, egress: &Egress, port: Port, sink: Sink, lanes: &Lanes) -> Handle {
    let model = &spec.briefed.model;
    let patience =
        Patience { connect_within: model.connect_within, reconnect_within: model.reconnect_within };
    let source = Source::dial(egress, door(&spec.briefed));
    let (caller, briefed) = (egress.clone(), spec.briefed.clone());
    let runner = move |errand| run(caller.clone(), briefed.clone(), errand).boxed();
    let life = Life::new(spec, port, Instant::now());
    Handle(live(life, source, patience, Box::new(runner), sink, lanes))
}

fn door(briefed: &Briefed) -> Door {
    let (url, key) = provider::door(briefed);
    let key = key.map(|(name, value)| Header { name: name.to_owned(), value: Secret::new(value) });
    Door { url, headers: key.into_iter().collect(), subprotocols: None }
}

/// Calls a webhook tool, signed as the call's events are. It bounds its own time, and what is read.
async fn run(egress: Egress, briefed: Briefed, errand: Errand) -> Input {
    let Errand { slot, url, deadline, body } = errand;
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let seconds = i64::try_from(unix).unwrap_or(i64::MAX);
    let signed =
        briefed.key.map(|key| face::sign(key.face, key.signing.reveal(), &url, seconds, body.as_bytes()));
    let mut headers = signed.unwrap_or_default();
    headers.push(("content-type", "application/json".to_owned()));
    let answer = match egress.post_within(deadline, &url, &headers, body.into()).await {
        Err(error) => Err(error.to_string()),
        Ok(answer) if !(200..300).contains(&answer.status) => Err(format!("HTTP {}", answer.status)),
        Ok(answer) if answer.body.len() > tools::RESULT_BYTES_MAX => Err("the answer is too long".to_owned()),
        Ok(answer) => String::from_utf8(answer.body.to_vec()).map_err(|_| "the answer is no text".to_owned()),
    };
    Input::Result(slot, answer)
}
