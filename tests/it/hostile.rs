//! Who means no good, or sends what nobody can read: calls go on, what came is counted, memory stays bounded.

mod bodies;
mod disk;
mod http;
mod rtp;
mod sip;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;

use crate::switch::Switch;

/// An address of this machine that is neither the switch nor its trunk.
fn stranger(switch: &Switch) -> Ipv4Addr {
    switch.place.neighbour(9)
}

/// The switch's process: whose working folder is its folder.
fn pid(switch: &Switch) -> i32 {
    let folder = std::fs::canonicalize(switch.folder()).expect("it is there");
    let is_it = |pid: &i32| {
        let process = Path::new("/proc").join(pid.to_string());
        let exe = std::fs::read_link(process.join("exe")).is_ok_and(|exe| exe.ends_with("trunkline"));
        exe && std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == folder)
    };
    let processes = std::fs::read_dir("/proc")
        .expect("Linux")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.into_iter().find(is_it).expect("the switch runs")
}

/// Memory that is resident, in MB.
fn resident_mb(switch: &Switch) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid(switch))).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says so");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") / 1024
}

/// The switch's bound RTP ports: even ones of its range.
fn rtp_ports(switch: &Switch) -> Vec<SocketAddrV4> {
    let address = switch.place.switch;
    let ours = format!("{:08X}", u32::from_le_bytes(address.octets()));
    let table = std::fs::read_to_string("/proc/net/udp").expect("Linux");
    let local = table.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)?.split_once(':'));
    let ports =
        local.filter(|(ip, _)| *ip == ours).filter_map(|(_, port)| u16::from_str_radix(port, 16).ok());
    ports
        .filter(|port| *port >= 20_000 && port % 2 == 0)
        .map(|port| SocketAddrV4::new(address, port))
        .collect()
}

/// Grown by no more than what a busy switch may: arenas, caches, buffers.
fn assert_bounded(switch: &Switch, before_mb: u64) {
    let after = resident_mb(switch);
    assert!(after < before_mb + 96, "from {before_mb} to {after} MB");
}
