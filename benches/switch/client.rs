//! The API's client. It runs in this process: its CPU time is not the switch's.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// Waits until the switch takes calls.
pub async fn ready(http: SocketAddr) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut look = tokio::time::interval(Duration::from_millis(20));
    while Instant::now() < deadline {
        look.tick().await;
        let answer = client.get(format!("http://{http}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
    }
    panic!("the switch does not get ready");
}

/// Places calls at an even rate; gives the numbers called and when each request began. Each has a number of its own.
pub async fn place(http: SocketAddr, rate: usize, calls: usize) -> Vec<(String, Instant)> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut requests = JoinSet::new();
    let mut clock = tokio::time::interval(Duration::from_secs(1) / rate as u32);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for call in 0..calls {
        clock.tick().await;
        let client = client.clone();
        requests.spawn(async move {
            let number = format!("+1555{call:07}");
            let body = format!(
                r#"{{"agent_id":"agent_bench","to_number":"{number}","prompt":"Hello, this is a test."}}"#
            );
            let begun = Instant::now();
            let answer = client
                .post(format!("http://{http}/v1/calls/outbound"))
                .header("authorization", "Bearer nxf_bench:nxfs_bench_secret")
                .header("content-type", "application/json")
                .body(body)
                .send()
                .await;
            answer.is_ok_and(|answer| answer.status() == 201).then_some((number, begun))
        });
    }
    requests.join_all().await.into_iter().flatten().collect()
}
