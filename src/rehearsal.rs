//! Dry runs of agents (`POST /v1/test-calls`): the same switch once more, for one call, over loopback, with a simulated callee in a
//! carrier's place. Machine, detector, agent and speech are the real ones; nothing is kept, told, billed or counted.
#![expect(clippy::disallowed_methods, reason = "a shell reads the clock")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::sync::broadcast::error::RecvError;

use crate::config::Config;
use crate::directory::Route;
use crate::house::{House, HouseError, Options};
use crate::model::{
    AgentChoice, CallFact, KeyId, OutboundRequest, Outcome, Refusal, TestCall, TestCallee, TestReport,
    TrunkChoice, VoicemailAction,
};
use crate::simulator::{Persona, Server, ServerConfig};
use crate::tts::Tts;

/// Dry runs at once: each is a switch of its own.
const AT_ONCE: usize = 1;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest call: who tries an agent waits for the answer.
const CALL_MAX: Duration = Duration::from_secs(60);
/// What is told of one call at most.
const EVENTS_MAX: usize = 200;
/// The number that calls, and the beginning of the one that is called; its last digit chooses the persona. Both are fiction.
const FROM: &str = "+15550100000";
const TO: &str = "+1555010000";

/// Where agents are tried. Cheap to clone.
#[derive(Clone)]
pub struct Rehearsal {
    tts: Tts,
    room: Arc<Semaphore>,
}

impl Rehearsal {
    /// With this voice.
    pub fn new(tts: Tts) -> Self {
        Self { tts, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Tries an agent, to the end of its call.
    pub async fn run(&self, test: TestCall) -> Result<TestReport, Refusal> {
        let turn = tokio::time::timeout(PATIENCE, self.room.acquire()).await;
        let _turn =
            turn.ok().and_then(Result::ok).ok_or(Refusal::Overloaded("too many agents are being tried"))?;
        match self.play(test).await {
            Ok(report) => report,
            Err(error) => {
                tracing::error!(%error, "an agent could not be tried");
                Err(Refusal::Overloaded("an agent could not be tried"))
            }
        }
    }

    /// The outer error is ours, the inner one the request's.
    async fn play(&self, test: TestCall) -> anyhow::Result<Result<TestReport, Refusal>> {
        let callees = Server::start(ServerConfig { listen: "127.0.0.1:0".parse()?, ports: 46_000..=46_999 })
            .context("the simulated callees")?;
        let scratch = tempfile::tempdir().context("a temporary folder")?;
        let config = config(callees.local_addr(), &scratch.path().display().to_string())?;
        let trunk = Arc::new(config.objects.trunks[0].clone());
        let options = Options { ephemeral: true, tts: Some(self.tts.clone()) };
        let house = build(config, options).await?;
        let trunks = vec![(Arc::clone(&trunk), TrunkChoice::only(trunk.id))];
        let mut agent = (*test.agent).clone();
        agent.call_duration_max = agent.call_duration_max.min(CALL_MAX);
        let route = Route { agent: Arc::new(agent), number: None, from: FROM.parse()?, trunks };
        let played = watch(&house, test, route).await;
        house.hangup_all().await;
        house.stop().await;
        Ok(played)
    }
}

/// A house holds what may build a house: the circle is closed by a box.
fn build(config: Config, options: Options) -> BoxFuture<'static, Result<House, HouseError>> {
    Box::pin(House::build(config, options))
}

/// Follows the call to its end.
async fn watch(house: &House, test: TestCall, route: Route) -> Result<TestReport, Refusal> {
    let (mut told, since) = (house.journal.subscribe(), Instant::now());
    let to = format!("{TO}{}", persona(test.callee).digit());
    let to = to.parse().map_err(|_| Refusal::Overloaded("an agent could not be tried"))?;
    let agent = match test.inline {
        Some(inline) => AgentChoice::Inline(Box::new(inline)),
        None => AgentChoice::Named(route.agent.alias.clone()),
    };
    let request = OutboundRequest {
        from: Some(route.from.clone()),
        variables: test.variables,
        voicemail: Some(VoicemailAction::Ignore),
        record: Some(false),
        ..OutboundRequest::new(route.agent.tenant, KeyId(0), agent, to)
    };
    let call = house.dialer.place(request, route, false).await?;
    let mut events = Vec::new();
    let lost = || Refusal::Overloaded("the dry run was lost");
    let deadline = tokio::time::sleep(CALL_MAX + CALL_MAX);
    tokio::pin!(deadline);
    loop {
        let event = tokio::select! {
            event = told.recv() => event,
            () = &mut deadline => return Err(lost()),
        };
        match event {
            Ok(event) if event.call == call => {
                let at = event.at.saturating_duration_since(since);
                if let Some(name) = name(&event.fact).filter(|_| events.len() < EVENTS_MAX) {
                    events.push((at, name));
                }
                if let CallFact::Ended(outcome) = &event.fact {
                    return Ok(report(outcome, events));
                }
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err(lost()),
        }
    }
}

fn report(outcome: &Outcome, events: Vec<(Duration, &'static str)>) -> TestReport {
    let talked = outcome.answered_at.map(|answered| outcome.ended_at.saturating_duration_since(answered));
    TestReport {
        disposition: outcome.disposition,
        answered: outcome.answered_at.is_some(),
        talked: talked.unwrap_or_default(),
        answered_by: outcome.heard.as_ref().map(|heard| heard.class.to_owned()),
        dead_air: outcome.dead_air,
        events,
    }
}

/// What of a call is told.
fn name(fact: &CallFact) -> Option<&'static str> {
    Some(match fact {
        CallFact::Dialing { .. } => "dialing",
        CallFact::Ringing { .. } => "ringing",
        CallFact::EarlyMedia => "early_media",
        CallFact::Answered { .. } => "answered",
        CallFact::Verdict(_) => "verdict",
        CallFact::AgentSpoke { .. } => "agent_spoke",
        CallFact::Answer { .. } => "answer",
        CallFact::BargeIn => "barge_in",
        CallFact::Dtmf { .. } => "dtmf",
        CallFact::Ended(_) => "ended",
        _ => return None,
    })
}

fn persona(callee: TestCallee) -> Persona {
    match callee {
        TestCallee::Person => Persona::Person,
        TestCallee::Voicemail => Persona::Voicemail,
        TestCallee::Busy => Persona::Busy,
        TestCallee::NoAnswer => Persona::NoAnswer,
        TestCallee::Ivr => Persona::Ivr,
        TestCallee::Declines => Persona::Declines,
        TestCallee::Silent => Persona::Silent,
        TestCallee::HangsUp => Persona::HangsUp,
    }
}

/// A switch on loopback whose one trunk leads to the callees.
fn config(callees: SocketAddr, data_dir: &str) -> anyhow::Result<Config> {
    let text = format!(
        "data_dir = {data_dir:?}\n[http]\nlisten = \"127.0.0.1:0\"\n[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n\
         [media]\naddress = \"127.0.0.1\"\nports = \"45000-45999\"\nworkers = 1\n[recording]\nenabled = false\n\
         [[trunk]]\nname = \"simulated\"\nuri = \"sip:{callees}\"\n"
    );
    Ok(Config::parse("a dry run", &text, [])?)
}
