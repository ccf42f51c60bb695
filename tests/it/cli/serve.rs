//! `trunkline serve`: how it comes, and how it does not (see `drain` for how it goes).

use std::io::{ErrorKind, PipeReader, PipeWriter, Write, pipe};
use std::os::unix::process::CommandExt;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::json;
use trunkline::simulator::Persona;

use super::{Serving, folder_with, text, trunkline};
use crate::callees::{Callees, number};
use crate::switch::{Client, Place, Setup, eventually, outbound};

#[test]
fn a_switch_that_cannot_start_says_why() {
    let switch = Setup::new().start();
    let second = trunkline(switch.folder(), &["serve"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another switch is using ./data"), "{second:?}");
    // Another folder, the same ports.
    let elsewhere =
        folder_with(&std::fs::read_to_string(switch.folder().join("trunkline.toml")).expect("read"));
    let third = trunkline(elsewhere.path(), &["serve"]);
    assert_eq!(third.status.code(), Some(1));
    let address = switch.place.switch;
    assert!(
        text(&third.stderr).contains("SIP cannot listen") && text(&third.stderr).contains("in use"),
        "{address} {third:?}"
    );
    std::fs::write(elsewhere.path().join("file"), "").expect("written");
    let config = "data_dir = \"./file/data\"\n";
    std::fs::write(elsewhere.path().join("trunkline.toml"), config).expect("written");
    let fourth = trunkline(elsewhere.path(), &["serve"]);
    assert_eq!(fourth.status.code(), Some(1));
    assert!(text(&fourth.stderr).contains("the folder ./file/data"), "{fourth:?}");
}

/// A pipe that takes no byte more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().expect("a pipe");
    let flags = fcntl_getfl(&writer).expect("ours");
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("ours");
    let refused = loop {
        if let Err(refused) = writer.write(&[b'x'; 4_096]) {
            break refused;
        }
    };
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    fcntl_setfl(&writer, flags).expect("ours");
    (reader, writer)
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
