//! `trunkline serve`: how it comes, and how it does not (see `drain` for how it goes).

use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::json;
use trunkline::simulator::Persona;

use super::{Serving, folder_with, full_pipe, text, trunkline};
use crate::callees::{Callees, number};
use crate::switch::{Client, DEADLINE, Place, Setup, eventually, outbound};

#[test]
fn a_switch_that_cannot_start_says_why() {
    let switch = Setup::new().start();
    let second = trunkline(switch.folder(), &["serve"]);
    assert_eq!(second.status.code(), Some(1));
    assert_eq!(text(&second.stderr).matches("another switch is using ./data").count(), 1, "{second:?}");
    // Another folder, the same ports.
    let elsewhere =
        folder_with(&std::fs::read_to_string(switch.folder().join("trunkline.toml")).expect("read"));
    let third = trunkline(elsewhere.path(), &["serve"]);
    assert_eq!(third.status.code(), Some(1));
    let said = format!("SIP cannot listen: udp:{}: Address already in use", switch.place.sip());
    assert!(text(&third.stderr).contains(&said), "{said}: {third:?}");
    std::fs::write(elsewhere.path().join("file"), "").expect("written");
    let config = "data_dir = \"./file/data\"\n";
    std::fs::write(elsewhere.path().join("trunkline.toml"), config).expect("written");
    let fourth = trunkline(elsewhere.path(), &["serve"]);
    assert_eq!(fourth.status.code(), Some(1));
    assert!(text(&fourth.stderr).contains("the folder ./file/data"), "{fourth:?}");
}

#[test]
fn a_log_that_nobody_reads_holds_up_nothing() {
    let place = Place::claim();
    let folder = folder_with(&Setup::new().extra("[log]\nfilter = \"debug\"").config(&place));
    let (_unread, full) = full_pipe();
    let mut switch = Serving::start(folder.path(), |command| {
        command.stderr(full);
    });
    let client = Client::new(&format!("http://{}", place.http()));
    for path in ["/readyz", "/livez"] {
        eventually(path, || client.try_get(path).filter(|reply| reply.status == 200));
    }
    let shown = client.get("/metrics").text;
    assert!(shown.contains("trunkline_log_lines_dropped_total "), "{shown}");
    switch.signal(Signal::TERM);
    assert!(switch.await_exit().success());
    // Nor does what a start fails of.
    let _taken = TcpListener::bind(place.http()).expect("the place is ours alone");
    let (_unread, full) = full_pipe();
    let mut refused = Serving::start(folder.path(), |command| {
        command.stderr(full);
    });
    assert_eq!(refused.await_exit().code(), Some(1));
}

#[test]
fn a_low_soft_limit_of_descriptors_costs_no_recording() {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let folder = folder_with(&Setup::new().agent("amd = {}").config(&place));
    let _switch = Serving::start(folder.path(), |command| {
        let lower = || {
            let limit = getrlimit(Resource::Nofile);
            setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..limit })?;
            Ok(())
        };
        // SAFETY: between fork and exec only getrlimit(2) and setrlimit(2) are called, which are async-signal-safe.
        unsafe { command.pre_exec(lower) };
    });
    let client = Client::new(&format!("http://{}", place.http()));
    eventually("/readyz", || client.try_get("/readyz").filter(|reply| reply.status == 200));
    // Each takes two sockets and a file.
    let calls = [0; 30].map(|_| {
        let body = outbound(json!({ "to_number": number(Persona::HangsUp), "prompt": "Hello" }));
        let reply = client.post("/v1/calls/outbound", &body);
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json["call_id"].as_str().expect("a call_id").to_owned()
    });
    for call in &calls {
        let end = eventually(&format!("the end of {call}"), || {
            Some(client.get(&format!("/v1/calls/{call}")).json).filter(|call| !call["ended_at"].is_null())
        });
        assert!(end["recording_url"].is_string(), "{end}");
    }
    callees.await_over(30);
    assert_eq!(client.get("/readyz").status, 200);
}

#[test]
fn a_port_of_the_api_that_is_taken_ends_the_start_before_anybody_is_told() {
    let place = Place::claim();
    let trunk = place.silent_trunk();
    let _taken = TcpListener::bind(place.http()).expect("the place is ours alone");
    let setup = Setup::new().trunk("options_interval_seconds = 5\nregister = true");
    let folder = folder_with(&setup.config(&place));
    let ended = trunkline(folder.path(), &["serve"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).contains(&format!("HTTP cannot listen on {}", place.http())), "{ended:?}");
    trunk.set_nonblocking(true).expect("a socket");
    let heard = trunk.recv(&mut [0; 2_048]).map_err(|error| error.kind());
    assert_eq!(heard, Err(ErrorKind::WouldBlock), "nothing was sent");
}

#[test]
fn an_address_for_media_that_is_not_ours_ends_the_start() {
    let place = Place::claim();
    let config = Setup::new().config(&place);
    let ours = format!("address = \"{}\"", place.switch);
    assert_eq!(config.matches(&ours).count(), 1, "{config}");
    let folder = folder_with(&config.replace(&ours, "address = \"192.0.2.9\""));
    let ended = trunkline(folder.path(), &["serve"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).contains("media.address = \"192.0.2.9\": Cannot assign"), "{ended:?}");
}

/// Whoever connects waits for its first word.
fn mute_database() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("bound");
    (listener, format!("database_url = \"postgres://trunkline:hush@{address}/trunkline\""))
}

#[test]
fn a_database_that_says_nothing_ends_the_start() {
    let (_mute, database) = mute_database();
    let folder = folder_with(&Setup::new().top(&database).config(&Place::claim()));
    let ended = trunkline(folder.path(), &["serve"]);
    assert_eq!(ended.status.code(), Some(1));
    let said = text(&ended.stderr);
    assert!(said.contains("cannot be opened: no answer within 10s"), "{said}");
    // What it was about to do stands before.
    let first = said.lines().next().expect("a line");
    for word in
        ["starting", concat!("version=\"", env!("CARGO_PKG_VERSION"), "\""), "trunkline.toml", "PostgreSQL"]
    {
        assert!(first.contains(word), "{word}: {first}");
    }
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn who_is_told_to_stop_before_it_is_ready_stops_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let (mute, database) = mute_database();
        let folder = folder_with(&Setup::new().top(&database).config(&Place::claim()));
        let mut switch = Serving::start(folder.path(), |_| {});
        // Held open, unanswered.
        let _asked = eventually("it asks the database", || mute.accept().ok());
        switch.signal(signal);
        assert!(switch.await_exit().success(), "{signal:?}");
    }
}

#[test]
fn what_is_written_during_the_start_is_taken_over_after_sighup() {
    let place = Place::claim();
    let names = UdpSocket::bind((place.neighbour(53), 5353)).expect("the place is ours alone");
    names.set_read_timeout(Some(DEADLINE)).expect("a socket");
    let server = format!("nameservers = [\"{}\"]", names.local_addr().expect("bound"));
    let setup = || Setup::new().sip(&server).trunk_uri("sip:carrier.example");
    let folder = folder_with(&setup().config(&place));
    let switch = Serving::start(folder.path(), |_| {});
    // The start waits for the trunk's name.
    names.recv(&mut [0; 512]).expect("a question");
    let newer = setup().extra("[[key]]\nface = \"nixflex\"\nid = \"nxf_late\"\nsecret = \"nxfs_late\"");
    std::fs::write(folder.path().join("trunkline.toml"), newer.config(&place)).expect("written");
    switch.signal(Signal::HUP);
    drop(names);
    let client = Client::with(&format!("http://{}", place.http()), "Bearer nxf_late:nxfs_late");
    eventually("the new key", || client.try_get("/v1/native/calls").filter(|reply| reply.status == 200));
}

#[test]
fn a_service_manager_hears_when_it_is_ready_and_when_it_stops() {
    let place = Place::claim();
    let folder = folder_with(&Setup::new().config(&place));
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(DEADLINE)).expect("a socket");
    let told = || {
        let mut word = [0; 256];
        let length = manager.recv(&mut word).expect("a word");
        text(&word[..length]).trim().to_owned()
    };
    let mut switch = Serving::start(folder.path(), |command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    assert_eq!(told(), "READY=1");
    let client = Client::new(&format!("http://{}", place.http()));
    assert_eq!(client.get("/readyz").status, 200);
    switch.signal(Signal::TERM);
    assert_eq!(told(), "STOPPING=1");
    assert!(switch.await_exit().success());
}
