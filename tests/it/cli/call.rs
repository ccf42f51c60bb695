//! `trunkline call`: one call from a terminal.

use std::process::Stdio;

use rustix::process::{Pid, Signal};
use trunkline::simulator::Persona;

use super::{at_callees, command, text, trunkline};
use crate::callees::{Callees, number};
use crate::switch::{Place, Setup, eventually};

#[test]
fn a_call_shows_its_ladder_and_exits_by_its_outcome() {
    let (folder, callees) = at_callees(Setup::new());
    for (persona, code, shown) in [
        (Persona::HangsUp, 0, &["◀──  BYE", "ended: callee hangup"][..]),
        (Persona::Voicemail, 10, &["──▶  BYE", "ended: voicemail detected"]),
        (Persona::Busy, 11, &["◀──  SIP/2.0 486", "ended: busy"]),
        (Persona::NoAnswer, 12, &["◀──  SIP/2.0 180", "──▶  CANCEL", "ended: no answer"]),
        (Persona::Declines, 13, &["◀──  SIP/2.0 603", "ended: rejected"]),
        (Persona::Fax, 14, &["ended: unreachable"]),
    ] {
        let arguments =
            ["call", &number(persona), "--trunk", "t1", "--say", "hello {name}", "--var", "name=Ann"];
        let output = trunkline(folder.path(), &arguments);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{persona:?}: {said}{}", text(&output.stderr));
        assert!(said.contains("──▶  INVITE sip:"), "{persona:?}: {said}");
        for line in shown {
            assert!(said.contains(line), "{persona:?} `{line}`: {said}");
        }
    }
    assert_eq!(callees.rung(), 6);
    callees.await_over(6);
}

#[test]
fn who_speaks_while_the_agent_speaks_stops_it_unless_it_may_not_be_stopped() {
    let wav = concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/audio/agent-prompt.wav");
    let speech = format!(
        "[\"sh\", \"-c\", \"cat '{wav}' > \\\"$1\\\"\", \"sh\", \"{{wav_file}}\", \"{{text_file}}\"]"
    );
    let play = |barge_in: &str, interrupted: bool| {
        let agent = format!("voicemail = \"ignore\"\n{barge_in}");
        let (folder, _callees) = at_callees(Setup::new().tts(&speech).agent(&agent));
        // A menu that goes on, whatever is said to it.
        let output = trunkline(
            folder.path(),
            &["call", &number(Persona::Ivr), "--say", "hello, hello, hello [END_CALL]"],
        );
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(said.contains("the callee interrupts the agent"), interrupted, "{said}");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| play("barge_in = true", true));
        scope.spawn(|| play("barge_in = false", false));
    });
}

#[test]
fn a_call_is_recorded_where_it_is_asked_to_be_beside_a_running_switch() {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let switch = Setup::new().agent("amd = {}\nsteps = [\"Bye. [END_CALL]\"]").at(place).start();
    let number = number(Persona::Person);
    let arguments = ["call", &number, "--say", "hello {name}", "--var", "name=Ann", "--record", "out.wav"];
    let output = trunkline(switch.folder(), &arguments);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    for line in ["verdict after", "the agent speaks", "ended: completed, the agent hung up", "recorded "] {
        assert!(said.contains(line), "`{line}`: {said}");
    }
    let wav = std::fs::read(switch.folder().join("out.wav")).expect("the recording");
    assert!(wav.starts_with(b"RIFF") && wav.len() > 32_000, "{} bytes", wav.len());
    assert_eq!(switch.get("/v1/calls").json["count"], 0, "the running switch knows nothing of it");
    callees.await_over(1);
}

#[test]
fn a_call_that_cannot_be_placed_says_why() {
    let (folder, callees) = at_callees(Setup::new());
    for (arguments, code, why) in [
        (&["+15550100003", "--trunk", "t9", "--say", "hi"][..], 1, "no trunk is called t9"),
        (&["+19005551234", "--trunk", "t1", "--say", "hi"], 1, "premium"),
        (&["07386172392", "--trunk", "t1", "--say", "hi"], 2, "07386172392"),
        (&["+15550100003", "--trunk", "t1"], 2, "--say"),
        (&["+15550100003", "--trunk", "t1", "--say", "hi", "--var", "name"], 2, "name=value"),
        (&["+15550100003", "--trunk", "t1", "--say", " [END_CALL]"], 1, "nothing to say"),
    ] {
        let output = trunkline(folder.path(), &[&["call"], arguments].concat());
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(code) && said.contains(why), "{arguments:?}: {output:?}");
    }
    assert_eq!(callees.rung(), 0);
}

#[test]
fn a_call_that_nothing_would_count_is_placed_only_if_that_is_meant() {
    let capped = Setup::new().trunk("spend = { per_day = \"1.00\", per_minute = \"0.01\" }");
    let billed = Setup::new().extra("[billing]\nenabled = true");
    for (setup, why) in [(capped, "trunk t1 has [trunk.spend]"), (billed, "[billing] is on")] {
        let (folder, callees) = at_callees(setup);
        let number = number(Persona::Busy);
        let output = trunkline(folder.path(), &["call", &number, "--say", "hello"]);
        let said = text(&output.stderr);
        assert!(
            output.status.code() == Some(1) && said.contains(why) && said.contains("--unbilled"),
            "{said}"
        );
        assert_eq!(callees.rung(), 0);
        let output = trunkline(folder.path(), &["call", &number, "--say", "hello", "--unbilled"]);
        assert_eq!(output.status.code(), Some(11), "{output:?}");
        callees.await_over(1);
    }
}

#[test]
fn a_call_that_is_interrupted_hangs_up_first() {
    let (folder, callees) = at_callees(Setup::new());
    for (rung, (persona, kind)) in (1..).zip([
        (Persona::NoAnswer, Signal::INT),
        (Persona::Silent, Signal::TERM),
        (Persona::NoAnswer, Signal::TERM),
    ]) {
        let arguments = ["call", &number(persona), "--say", "hello"];
        let mut child = command(folder.path(), &arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        eventually("it rings", || (callees.rung() == rung).then_some(()));
        rustix::process::kill_process(Pid::from_child(&child), kind).expect("our own child");
        assert_eq!(child.wait().expect("our own child").code(), Some(17), "{persona:?} {kind:?}");
        callees.await_over(rung);
    }
}

#[test]
fn a_full_disk_under_the_log_or_nobody_who_reads_stops_nothing() {
    let (folder, callees) = at_callees(Setup::new());
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has one");
    let arguments = ["call", &number(Persona::Busy), "--say", "hello"];
    for (out, log) in [(Stdio::null(), Stdio::from(full())), (Stdio::from(full()), Stdio::null())] {
        let status =
            command(folder.path(), &arguments).stdout(out).stderr(log).status().expect("the program starts");
        assert_eq!(status.code(), Some(11));
    }
    callees.await_over(2);
}
