//! What a call wants done outside its shard, handed to the rooms that do it.

use std::sync::{Arc, Mutex, PoisonError};

use super::endings::Endings;
use crate::agent::{self, Errand};
use crate::call::{self, Aside, Command, ErrandOrder, Events, Intents, Speech, is_automated};
use crate::campaign::Pace;
use crate::clock::wall_now;
use crate::config::FILE_TENANT;
use crate::dialer::Dialer;
use crate::directory::{Directory, Snapshot};
use crate::egress::Egress;
use crate::journal::Journal;
use crate::metrics::{Metrics, trunk_label};
use crate::model::{Agent, CallEvent, CallFact};
use crate::trunk::reach::{Reach, Reachable};

/// Events go to the journal; an end is counted by its trunk, which the journal knows. Who paces campaigns learns from them.
pub(super) fn events(journal: &Journal, metrics: &Metrics, pace: &Pace, directory: &Directory) -> Events {
    let (journal, metrics, endings) = (journal.clone(), metrics.clone(), Endings::default());
    let (pace, directory) = (pace.clone(), directory.clone());
    Arc::new(move |event| {
        learn(&pace, &journal, &directory, &event);
        if let CallFact::Dialing { after } = &event.fact {
            metrics.call_setup(*after);
        }
        if let CallFact::Ended(outcome) = &event.fact {
            let record = journal.find(event.call);
            let label = record.as_ref().map(|record| trunk_label(record.tenant, &record.trunk));
            metrics.call_ended(label.as_deref().unwrap_or_default(), outcome);
            endings.tell(event.call, record.as_ref(), outcome);
        }
        journal.record(event);
    })
}

/// What whoever paces campaigns of people learns of a call; that it wants one of them, and needs none any more, is told elsewhere.
fn learn(pace: &Pace, journal: &Journal, directory: &Directory, event: &CallEvent) {
    let (call, at) = (event.call, event.at);
    match &event.fact {
        CallFact::Dialing { .. } => {
            let Some((agent, campaign)) = journal.campaign_of(call) else { return };
            let is_peoples = |agent: &Arc<Agent>| agent.staff.is_some();
            if directory.snapshot().agent_by_id(agent).is_some_and(is_peoples) {
                pace.lock().handle_dialled(at, call, campaign);
            }
        }
        CallFact::Answered { .. } => pace.lock().handle_answered(at, call),
        CallFact::Verdict(heard) if is_automated(heard.class) => {
            let agent = journal.campaign_of(call).map(|(agent, _)| agent);
            let snapshot = directory.snapshot();
            // A campaign's calls do with machines what its agent says. People may have to talk to one yet.
            if agent
                .and_then(|agent| snapshot.agent_by_id(agent))
                .is_some_and(|agent| !agent.voicemail.talks())
            {
                pace.lock().handle_automated(call);
            }
        }
        CallFact::Ended(outcome) => pace.lock().handle_ended(at, call, !outcome.people.is_empty()),
        _ => {}
    }
}

/// Where trunks may lead, by what is declared at that moment: a tenant's trunk is guarded from its first call on.
pub(super) fn reachable(directory: &Directory) -> Reachable {
    let directory = directory.clone();
    let known: Mutex<Option<(Arc<Snapshot>, Arc<Reach>)>> = Mutex::new(None);
    Arc::new(move |trunk, host, address| {
        let snapshot = directory.snapshot();
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let reach = match &*known {
            Some((of, reach)) if Arc::ptr_eq(of, &snapshot) => Arc::clone(reach),
            _ => {
                let rules = snapshot.rules();
                let reach = Arc::new(Reach::of(snapshot.trunks(), FILE_TENANT, &rules.sip_addresses));
                *known = Some((Arc::clone(&snapshot), Arc::clone(&reach)));
                reach
            }
        };
        drop(known);
        reach.allows(trunk, host, address)
    })
}

/// What calls want from elsewhere is fetched by the one way out.
pub(super) fn errands(egress: &Egress, journal: &Journal) -> call::Errands {
    let (runner, journal) = (agent::Errands::new(egress.clone()), journal.clone());
    Arc::new(move |order| {
        let (runner, journal) = (runner.clone(), journal.clone());
        Box::pin(async move {
            let ErrandOrder { call, hand, errand } = order;
            match errand {
                Errand::Sound { number, from } => {
                    let clip = runner.sound(from).await;
                    Command::Rendered { call, speech: Speech::Step(hand, number), clip }
                }
                Errand::Aside { from, place, whispered } => {
                    let clip = runner.sound(from).await;
                    let aside = if whispered { Aside::Whisper(place) } else { Aside::Music(place) };
                    Command::Rendered { call, speech: Speech::Aside(aside), clip }
                }
                Errand::Steps { question, link, occasion, face, key } => {
                    let steps = match journal.find(call).zip(key) {
                        Some((record, key)) => {
                            runner.steps((&link, face), &occasion, &key, &record, wall_now()).await
                        }
                        None => Err("no key signs for this call".to_owned()),
                    };
                    if let Err(why) = &steps {
                        tracing::info!(%call, why, "a call's guide is of no help");
                    }
                    Command::Guided { call, question, steps }
                }
            }
        })
    })
}

/// An INVITE after a call's first leaves when the journal has it on disk.
pub(super) fn intents(journal: &Journal, dialer: &Dialer) -> Intents {
    let (journal, dialer) = (journal.clone(), dialer.clone());
    Arc::new(move |dialing| {
        let (journal, dialer) = (journal.clone(), dialer.clone());
        Box::pin(async move {
            let call = dialing.call;
            let leg = match dialer.paying_apart(&dialing).await {
                Ok(leg) => leg,
                Err(refusal) => {
                    tracing::info!(%call, %refusal, "a call cannot pay for whom it is to move to");
                    return (false, None);
                }
            };
            let written = journal.dialing(dialing).await;
            if let Err(error) = &written {
                tracing::error!(%call, %error, "a call's next INVITE could not be written down; it does not leave");
            }
            (written.is_ok(), leg)
        })
    })
}
