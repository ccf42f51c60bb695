//! Simulated callees behind a test's trunk: the last digit of the number called chooses who answers.

use std::collections::HashMap;

use tokio::runtime::{Builder, Runtime};
use trunkline::simulator::{Persona, Server, ServerConfig};

use super::switch::{Place, Setup, Switch, eventually};

/// Callees at a place's trunk, as long as this lives.
pub struct Callees {
    server: Server,
    _runtime: Runtime,
}

impl Callees {
    /// They answer the trunk of this place.
    pub fn at(place: &Place) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let config = ServerConfig { listen: place.trunk_sip().into(), ports: 30_000..=39_999 };
        let server = {
            let _guard = runtime.enter();
            Server::start(config).expect("the place is ours alone")
        };
        Self { server, _runtime: runtime }
    }

    /// How many phones have rung.
    pub fn rung(&self) -> u64 {
        self.server.tally().0
    }

    /// How many INVITEs rang at each number.
    pub fn rung_by_number(&self) -> HashMap<String, u64> {
        self.server.rung_by_number()
    }

    /// The keys that callers pressed, in their order.
    pub fn keys(&self) -> String {
        self.server.keys()
    }

    /// The most that were called or talked to at the same time.
    pub fn most_at_once(&self) -> usize {
        self.server.most_at_once()
    }

    /// Once so many calls that rang here are over on this side too.
    pub fn await_over(&self, count: u64) {
        eventually(&format!("the end of {count} calls at the callees"), || {
            (self.server.tally().1 >= count).then_some(())
        });
    }
}

/// A switch whose trunk leads to simulated callees, and whose detector takes the time that it takes.
pub fn ring(setup: Setup) -> (Switch, Callees) {
    let place = Place::claim();
    let callees = Callees::at(&place);
    (setup.agent("amd = {}").at(place).start(), callees)
}

/// A number at which this persona answers.
pub fn number(persona: Persona) -> String {
    format!("+1555010000{}", persona.digit())
}
