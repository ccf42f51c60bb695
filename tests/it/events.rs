//! `GET /v1/events` and `/v1/native/events`: every event once and in order, whatever happens to the connection and the switch.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::switch::{Receiver, Setup, Switch, eventually};
use crate::{ledger, postgres};

/// A client of a stream, as a browser's `EventSource` is one.
pub struct Listener {
    runtime: Runtime,
    response: reqwest::Response,
    text: String,
}

/// One event.
#[derive(Clone, PartialEq, Debug)]
struct Told {
    id: u64,
    event: String,
    data: Value,
}

/// An event comes sooner.
const PATIENCE: Duration = Duration::from_secs(30);

impl Listener {
    /// From the event after this one, or from now on.
    pub fn open(switch: &Switch, path: &str, last_event_id: Option<u64>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let response = runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().expect("a client");
            let url = format!("http://{}{path}", switch.place.http());
            let mut request = client.get(url).header("authorization", "Bearer nxf_demo:nxfs_demo");
            if let Some(id) = last_event_id {
                request = request.header("last-event-id", id.to_string());
            }
            request.send().await.expect("an answer")
        });
        assert_eq!(response.status(), 200);
        Self { runtime, response, text: String::new() }
    }

    /// The next event; `None` once the stream is over.
    fn next(&mut self) -> Option<Told> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let told = field("data:").map(|data| Told {
                    id: field("id:").expect("every event has one").parse().expect("a number"),
                    event: field("event:").expect("every event has a name").to_owned(),
                    data: serde_json::from_str(data).expect("JSON"),
                });
                self.text = rest.to_owned();
                if told.is_some() {
                    return told;
                }
            }
            let chunk = self.runtime.block_on(async {
                tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("an event, or the end")
            });
            match chunk {
                Ok(Some(chunk)) => self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8")),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// The next event of this name.
    pub fn until(&mut self, name: &str) -> Value {
        loop {
            let told = self.next().expect("the stream goes on");
            if told.event == name {
                return told.data;
            }
        }
    }

    /// Up to the end of this call.
    fn until_end_of(&mut self, call: &str) -> Vec<Told> {
        let mut all = Vec::new();
        loop {
            let told = self.next().expect("the stream goes on");
            let is_last = told.data["call"]["call_id"] == call && told.data["call"]["state"] == "ended";
            all.push(told);
            if is_last {
                return all;
            }
        }
    }
}

fn busy(switch: &Switch) -> String {
    let call = switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    switch.call_until_ended(&call);
    call
}

/// Where a switch keeps what it tells: its own file, or a database of its own.
struct Kept(Option<String>);

impl Kept {
    fn setup(&self) -> Setup {
        let url = self.0.as_ref().map(|url| format!("database_url = \"{url}\""));
        Setup::new().top(&url.unwrap_or_default())
    }

    /// What the log has: ids and names.
    fn log(&self, switch: &Switch) -> Vec<String> {
        const QUERY: &str = "SELECT id || ' ' || event FROM events ORDER BY id";
        match &self.0 {
            None => ledger::texts(switch, QUERY).into_iter().flatten().collect(),
            Some(url) => postgres::texts(url, QUERY),
        }
    }

    /// All of it is as old as can be.
    fn age(&self, switch: &Switch) {
        const STATEMENT: &str = "UPDATE events SET created_at = 0";
        match &self.0 {
            None => ledger::execute(switch, STATEMENT),
            Some(url) => postgres::execute(url, STATEMENT),
        }
    }
}

/// Every story is told over both engines.
macro_rules! over_both {
    ($($story:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[test]
                fn $story() {
                    super::$story(&super::Kept(None));
                }
            )*
        }
        mod postgresql {
            $(
                #[test]
                fn $story() {
                    let cluster = crate::postgres::cluster::Cluster::shared();
                    super::$story(&super::Kept(Some(crate::postgres::database(&cluster))));
                }
            )*
        }
    };
}

over_both! {
    nothing_is_missed_or_repeated_over_reconnects_a_restart_and_a_kill,
    a_vendors_client_hears_its_vendors_words_and_only_what_it_asked_for,
    a_client_that_was_away_for_longer_than_events_are_kept_hears_of_the_gap,
}

fn lines(told: &[Told]) -> Vec<String> {
    told.iter().map(|told| format!("{} {}", told.id, told.event)).collect()
}

fn nothing_is_missed_or_repeated_over_reconnects_a_restart_and_a_kill(kept: &Kept) {
    let (mut switch, _callees) = ring(kept.setup());
    let mut listener = Listener::open(&switch, "/v1/native/events", None);
    let first = busy(&switch);
    let mut all = listener.until_end_of(&first);
    let names: Vec<_> =
        all.iter().map(|told| told.event.as_str()).filter(|name| *name != "call.ringing").collect();
    assert_eq!(names, ["call.created", "call.started", "call.failed"]);
    let end = &all.last().expect("ended").data;
    assert_eq!((&end["call"]["disposition"], &end["call"]["sip"]["status"]), (&json!("busy"), &json!(486)));

    // A connection that breaks in the middle, while nobody listens.
    drop(listener);
    all.truncate(2);
    let second = busy(&switch);
    let mut listener = Listener::open(&switch, "/v1/native/events", Some(all[1].id));
    all.extend(listener.until_end_of(&second));
    assert_eq!(lines(&all), kept.log(&switch));

    // The switch stops in order: it ends the stream, rather than waiting for it.
    switch.terminate();
    assert_eq!(listener.next(), None);
    assert!(switch.await_exit().success());
    switch.restart();
    let mut listener = Listener::open(&switch, "/v1/native/events", all.last().map(|told| told.id));
    let third = busy(&switch);
    all.extend(listener.until_end_of(&third));
    assert_eq!(lines(&all), kept.log(&switch));

    // It dies with a call in the air; what became of that is told by the next life.
    let fourth = switch.call_with(json!({ "to_number": number(Persona::Silent) }));
    switch.kill();
    while listener.next().map(|told| all.push(told)).is_some() {}
    switch.restart();
    let mut listener = Listener::open(&switch, "/v1/native/events", all.last().map(|told| told.id));
    all.extend(listener.until_end_of(&fourth));
    let ids: Vec<_> = all.iter().map(|told| told.id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    eventually("the log is what was told", || (lines(&all) == kept.log(&switch)).then_some(()));
}

fn a_vendors_client_hears_its_vendors_words_and_only_what_it_asked_for(kept: &Kept) {
    let receiver = Receiver::start();
    let (switch, _callees) = ring(kept.setup().webhook(&receiver.url()));
    let mut listener = Listener::open(&switch, "/v1/events?types=call.completed,call.failed", None);
    let call = busy(&switch);
    let told = listener.next().expect("an event");
    assert_eq!((told.event.as_str(), &told.data["call_id"]), ("call.completed", &json!(call)));
    let delivered = receiver.await_deliveries(1).remove(0);
    assert_eq!(told.data, delivered.json, "the stream and the webhook say the same");
    let id = &delivered.headers["webhook-id"];
    assert!(id.ends_with(&format!("_{}", told.id)), "{id} is the event {}", told.id);
}

fn a_client_that_was_away_for_longer_than_events_are_kept_hears_of_the_gap(kept: &Kept) {
    let (mut switch, _callees) = ring(kept.setup());
    busy(&switch);
    switch.terminate();
    assert!(switch.await_exit().success());
    let before = kept.log(&switch);
    kept.age(&switch);
    switch.restart();
    eventually("they are forgotten", || kept.log(&switch).is_empty().then_some(()));
    let mut listener = Listener::open(&switch, "/v1/native/events", Some(1));
    let gap = listener.next().expect("told");
    assert_eq!((gap.event.as_str(), gap.id), ("gap", before.len() as u64), "{gap:?}");
    let call = busy(&switch);
    let rest = listener.until_end_of(&call);
    assert_eq!(rest[0].id, gap.id + 1);
    assert_eq!(lines(&rest), kept.log(&switch));
}
