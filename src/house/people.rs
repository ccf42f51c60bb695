//! The floor of the house: who takes calls in a browser is looked up in the directory, and what becomes of calls is told to their
//! shard.

use std::sync::Arc;
use std::time::Instant;

use crate::agent::browser::{self, Legs};
use crate::agent::desk::wire::IceServer;
use crate::agent::floor::{self, Errand, Fate, Floor, Roster};
use crate::call::{Mailbox, People};
use crate::campaign::{Pace, Staffing};
use crate::config;
use crate::directory::Directory;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::model::{Person, PersonId};

/// The people that are declared.
struct Declared(Directory);

impl Roster for Declared {
    fn person(&self, token: &str) -> Option<Person> {
        self.0.snapshot().person_by_secret(token).map(|person| Person::clone(person))
    }

    fn by_id(&self, id: PersonId) -> Option<Person> {
        self.0.snapshot().person_by_id(id).map(|person| Person::clone(person))
    }
}

/// Opens the floor.
pub fn open(
    config: &config::People,
    directory: &Directory,
    mailbox: &Mailbox,
    pace: &Pace,
    metrics: &Metrics,
) -> Floor {
    let ice_server = |server: &config::IceServer| IceServer {
        urls: server.urls.clone(),
        username: server.username.clone(),
        credential: server.credential.as_ref().map(|secret| secret.reveal().clone()),
    };
    let legs = Legs::new(browser::Config {
        address: config.address,
        ports: config.ports.clone(),
        ice_servers: config.ice_servers.iter().map(ice_server).collect(),
        legs_max: config.connections_max,
    });
    let settings = floor::Config {
        session_max: config.session,
        return_within: config.return_within,
        ..floor::Config::default()
    };
    let (mailbox, pace) = (mailbox.clone(), pace.clone());
    let floor = Floor::start(settings, legs, Arc::new(Declared(directory.clone())), move |call, fate| {
        if matches!(fate, Fate::Nobody) {
            pace.lock().handle_served(Instant::now(), call);
        }
        mailbox.tell(call, fate)
    });
    let counted = floor.clone();
    metrics.add_source(move |metrics| metrics.export_people(&counted.figures()));
    floor
}

/// How calls reach it. Who paces campaigns learns who wants a person, and who needs none any more.
pub fn finder(floor: &Floor, pace: &Pace) -> People {
    let (floor, pace) = (floor.clone(), pace.clone());
    Arc::new(move |errand| {
        match &errand {
            Errand::Want { call, .. } => pace.lock().handle_wanted(Instant::now(), *call),
            Errand::End(call) => pace.lock().handle_served(Instant::now(), *call),
            Errand::Failed { .. } => {}
        }
        floor.run(errand)
    })
}

/// How campaigns learn for whom there is somebody to dial: people who are free, without those whom calls that are under way will
/// need, whichever agent's and whichever campaign's they are.
pub fn staffing(floor: &Floor, journal: &Journal, directory: &Directory, pace: &Pace) -> Staffing {
    let (floor, journal, directory) = (floor.clone(), journal.clone(), directory.clone());
    let pace = pace.clone();
    Arc::new(move |tenant, whom| {
        let snapshot = directory.snapshot();
        let wanted = |(call, agent)| {
            let staff = snapshot.agent_by_id(agent)?.staff.as_ref()?;
            Some((call, Arc::clone(staff)))
        };
        let mut live: Vec<_> = journal.live_of(tenant).into_iter().filter_map(wanted).collect();
        // Who hears that nobody came, or went on to somebody else, needs nobody any more. Of the others the latest are the least certain.
        let pacer = pace.lock();
        live.retain(|(call, _)| !pacer.is_served(*call));
        drop(pacer);
        live.sort_unstable_by_key(|(call, _)| *call);
        let floor = floor.clone();
        Box::pin(async move { floor.look(tenant, whom, live).await })
    })
}
