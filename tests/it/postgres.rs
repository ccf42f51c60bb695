//! The same switch over PostgreSQL: a whole call, and a crash.

#[path = "../../src/store/tests/cluster.rs"]
pub mod cluster;
mod wire;

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::runtime::Builder;
use trunkline::simulator::Persona;

use crate::batch;
use crate::callees::{number, ring};
use crate::switch::{Client, Receiver, Setup, eventually};
use cluster::Cluster;
use wire::Wire;

/// A database of its own; its URL.
pub fn database(cluster: &Cluster) -> String {
    let (name, url) = cluster.new_database();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection =
            PgConnection::connect(&cluster.maintenance_url()).await.expect("the cluster runs");
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("a new database");
        connection.close().await.expect("closed");
    });
    url
}

/// The first column of what a query finds.
pub fn texts(url: &str, query: &'static str) -> Vec<String> {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await.expect("the cluster runs");
        let rows = sqlx::query_scalar(query).fetch_all(&mut connection).await.expect("a valid query");
        connection.close().await.expect("closed");
        rows
    })
}

/// Changes the rows of a switch that does not run.
pub fn execute(url: &str, statement: &'static str) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await.expect("the cluster runs");
        connection.execute(statement).await.expect("a valid statement");
        connection.close().await.expect("closed");
    });
}

#[test]
fn a_human_call_a_crash_and_a_replay() {
    let (cluster, receiver) = (Cluster::shared(), Receiver::start());
    let url = database(&cluster);
    let setup = Setup::new().top(&format!("database_url = \"{url}\"")).webhook(&receiver.url());
    let (mut switch, callees) = ring(setup);
    assert!(!switch.data_dir().join("trunkline.db").exists());

    let call = switch.call_with(json!({ "to_number": number(Persona::Person), "idempotency_key": "k1" }));
    let end = switch.call_until_ended(&call);
    assert_eq!((&end["status"], &end["ended_reason"]), (&json!("completed"), &json!("completed")), "{end}");
    assert_eq!(switch.metrics().sum("trunkline_amd_verdicts_total", &[("class", "human")]), 1.0);
    assert_eq!(receiver.await_deliveries(1)[0].json["call_id"], json!(call));

    let (talking, ringing) = (
        switch.call_with(json!({ "to_number": number(Persona::Silent) })),
        switch.call_with(json!({ "to_number": number(Persona::NoAnswer) })),
    );
    let status = |call: &str| switch.get(&format!("/v1/calls/{call}")).json["status"].clone();
    eventually("one talks", || (status(&talking) == "in_progress").then_some(()));
    eventually("one rings", || (status(&ringing) == "ringing").then_some(()));
    eventually("the answer is on disk", || (answered(&url) == 1).then_some(()));
    switch.kill();
    switch.restart();
    callees.await_over(2);
    for (call, reason) in [(&talking, "interrupted"), (&ringing, "indeterminate"), (&call, "completed")] {
        assert_eq!(switch.call_until_ended(call)["ended_reason"], reason);
    }
    receiver.await_deliveries(3);
    switch.metrics_until("nothing left", |metrics| metrics.is_idle());
    for call in [&call, &talking, &ringing] {
        assert_eq!(receiver.deliveries_of(call).len(), 1);
    }
    let again = switch.call_with(json!({ "to_number": number(Persona::Person), "idempotency_key": "k1" }));
    assert_eq!((again, callees.rung()), (call, 3));
    assert_eq!(switch.get("/v1/calls").json["count"], 3);
}

#[test]
fn a_campaign_that_is_killed_in_the_middle_dials_nobody_twice() {
    let cluster = Cluster::shared();
    let url = database(&cluster);
    let setup = Setup::new().top(&format!("database_url = \"{url}\""));
    let (mut switch, callees) = ring(setup.trunk("channels = 6").agent("ring_timeout_seconds = 1"));
    let phones = [Persona::Busy, Persona::NoAnswer].map(|kind| batch::numbers(kind, 20)).concat();
    let path = batch::make(&switch, &phones, json!({}));
    eventually("it dials", || (callees.rung() >= 12).then_some(()));
    switch.kill();
    switch.restart();
    assert_eq!(batch::order(&switch, &path, "pause").json["status"], "paused");
    assert_eq!(batch::order(&switch, &path, "resume").json["status"], "running");
    let over = batch::until(&switch, &path, "completed");
    let count = |name: &str| over[name].as_u64().expect("a count");
    assert_eq!(count("unanswered_count") + count("indeterminate_count"), 40, "{over}");
    batch::assert_nobody_twice(&callees);
    let ended = batch::recipients(&switch, &path);
    assert!(
        ended.iter().all(|one| one["status"] == "ended" || one["status"] == "indeterminate"),
        "{ended:?}"
    );
}

/// How many calls the database knows as answered.
fn answered(url: &str) -> i64 {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await.expect("the cluster runs");
        let count = sqlx::query_scalar("SELECT count(*) FROM calls WHERE state = 'answered'");
        count.fetch_one(&mut connection).await.expect("a count")
    })
}

#[test]
fn a_database_that_goes_away_costs_no_live_call_and_its_end_is_written_when_it_is_back() {
    let (cluster, receiver) = (Cluster::shared(), Receiver::start());
    let url = database(&cluster);
    let setup = Setup::new().top(&format!("database_url = \"{url}\"")).webhook(&receiver.url());
    let (switch, callees) = ring(setup.agent("silence_hangup_seconds = 45"));
    let call = switch.call_with(json!({ "to_number": number(Persona::Silent), "prompt": "Hello" }));
    eventually("they talk", || (answered(&url) == 1).then_some(()));
    let name = url.split(['/', '?']).nth(3).expect("a name").to_owned();
    administer(&cluster, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    administer(
        &cluster,
        &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
    );
    let refused = eventually("new calls are refused", || {
        Some(switch.post_outbound(&crate::switch::outbound(json!({})))).filter(|reply| reply.status != 201)
    });
    assert_eq!(
        (refused.status, &refused.json["error"]["code"]),
        (500, &json!("storage_failed")),
        "{refused:?}"
    );
    // The record is in memory: what is done to it and reads of it go on.
    assert_eq!(switch.client().post(&format!("/v1/calls/{call}/hangup"), &json!({})).status, 202);
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "cancelled");
    callees.await_over(1);
    assert_eq!(switch.get("/readyz").status, 503);
    assert!(receiver.deliveries_of(&call).is_empty());
    administer(&cluster, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    eventually("its end is told", || (receiver.deliveries_of(&call).len() == 1).then_some(()));
    eventually("it is ready again", || (switch.get("/readyz").status == 200).then_some(()));
    switch.call_with(json!({ "to_number": number(Persona::Busy) }));
}

#[test]
fn a_database_that_goes_away_while_nobody_calls_is_noticed() {
    let cluster = Cluster::shared();
    let url = database(&cluster);
    let switch = Setup::new().top(&format!("database_url = \"{url}\"")).start();
    let name = url.split(['/', '?']).nth(3).expect("a name").to_owned();
    administer(&cluster, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    administer(
        &cluster,
        &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
    );
    let ready =
        eventually("it is not ready", || Some(switch.get("/readyz")).filter(|reply| reply.status == 503));
    assert_eq!(ready.json["reason"], "the database takes no writes at present");
    let lines = |log: &str| log.lines().filter(|line| line.contains("the database takes no writes")).count();
    assert_eq!(lines(&switch.log_until("the database takes no writes")), 1);
    administer(&cluster, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    eventually("it is ready again", || (switch.get("/readyz").status == 200).then_some(()));
    assert_eq!(lines(&switch.log_until("the database takes writes again")), 1);
}

#[test]
fn connections_that_fall_silent_are_given_up_and_calls_go_on() {
    let cluster = Cluster::shared();
    let url = database(&cluster);
    let wire = Wire::to(&url);
    let setup = Setup::new().top(&format!("database_url = \"{}\"", wire.url(&url)));
    let (switch, callees) = ring(setup);
    let base = format!("http://{}", switch.place.http());
    let patient = Client::patient(&base);
    let make = |name: &str| patient.post("/v1/native/tenants", &json!({ "name": name })).status;
    let read = || patient.get("/v1/calls").status;
    assert_eq!(make("first"), 201);
    read_at_once(&base, &url);
    wire.fall_silent();
    // The kernel would send again for a quarter of an hour. Whoever waits for one of the connections finds out about all.
    assert!((0..2).any(|_| read() == 200), "only whoever met the silence reads nothing");
    assert!((0..2).any(|_| make("second") == 201), "whoever met the silence has left the writer to the next");
    eventually("it is ready", || (switch.get("/readyz").status == 200).then_some(()));
    switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    callees.await_over(1);
    assert_eq!(patient.get("/v1/calls").json["count"], 1);
}

/// Every connection that reads has something to read, and lies idle afterwards.
fn read_at_once(base: &str, url: &str) {
    const READERS: usize = 4;
    const WAITING: &str = "SELECT pid::text FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM calls%'";
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut locker = runtime.block_on(PgConnection::connect(url)).expect("the cluster runs");
    let mut says = |statement: &'static str| runtime.block_on(locker.execute(statement)).expect("done");
    says("BEGIN; LOCK TABLE calls IN ACCESS EXCLUSIVE MODE");
    std::thread::scope(|readers| {
        for _ in 0..READERS {
            readers.spawn(|| assert_eq!(Client::new(base).get("/v1/calls").status, 200));
        }
        eventually("all read", || (texts(url, WAITING).len() == READERS).then_some(()));
        says("COMMIT");
    });
}

fn administer(cluster: &Cluster, sql: &str) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection =
            PgConnection::connect(&cluster.maintenance_url()).await.expect("the cluster runs");
        connection.execute(AssertSqlSafe(sql.to_owned())).await.expect("done");
    });
}
