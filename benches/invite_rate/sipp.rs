//! sipp on either side.

use std::time::Duration;

use crate::process::{Process, free_port};

/// sipp, as one side of the same calls.
pub struct Sipp(Process);

impl Sipp {
    pub fn callee(port: u16, calls: usize) -> Self {
        Self::start("bench-callee.xml", port, calls, &["-nostdin"])
    }

    pub fn caller(callee: u16, rate: usize, calls: usize) -> Self {
        let (target, rate) = (format!("127.0.0.1:{callee}"), rate.to_string());
        Self::start(
            "bench-caller.xml",
            free_port(),
            calls,
            &["-nostdin", "-r", &rate, "-l", "10000", &target],
        )
    }

    /// Its CPU time, once it has ended by itself, and whether every call of it was as the scenario says.
    pub fn wait(mut self) -> (Duration, bool) {
        let pid = self.0.id();
        // A child that has ended and was not waited for keeps its figures.
        while !std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z ")) {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let cpu = self.0.cpu();
        (cpu, self.0.0.wait().is_ok_and(|status| status.success()))
    }

    fn start(scenario: &str, port: u16, calls: usize, more: &[&str]) -> Self {
        let file = format!("{}/sipp-scenarios/{scenario}", env!("CARGO_MANIFEST_DIR"));
        let (port, calls) = (port.to_string(), calls.to_string());
        let mut arguments =
            vec!["-sf", &file, "-i", "127.0.0.1", "-p", &port, "-m", &calls, "-timeout", "120s"];
        arguments.extend(more);
        Self(Process::start("sipp", &arguments))
    }
}
