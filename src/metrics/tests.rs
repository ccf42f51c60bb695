//! What was counted is what is shown.

use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::agent::line::{Counters, Ended, Why};
use crate::model::{EndedBy, Heard};
use crate::trunk::health::Health;

fn outcome(disposition: Disposition, start: Instant) -> Outcome {
    Outcome {
        disposition,
        ended_by: EndedBy::Callee,
        sip_status: Some(200),
        q850: None,
        detail: None,
        callee_hold: None,
        attempts: vec![],
        heard: Some(Heard {
            class: "human",
            reason: String::new(),
            confidence: 1.0,
            at: Duration::ZERO,
            evidence: String::new(),
        }),
        dead_air: Some(Duration::from_millis(20)),
        recording: None,
        media: None,
        transcript: crate::model::Transcript::default(),
        people: Vec::new(),
        ringing_at: Some(start),
        answered_at: Some(start + Duration::from_secs(2)),
        ended_at: start + Duration::from_secs(12),
    }
}

#[expect(clippy::disallowed_methods, reason = "any instant will do")]
fn filled() -> Metrics {
    let metrics = Metrics::new();
    let start = Instant::now();
    for disposition in Disposition::ALL {
        metrics.call_started("t1");
        metrics.call_ended("t1", &outcome(disposition, start));
    }
    metrics.call_setup(Duration::from_millis(3));
    metrics.call_refused(&Refusal::AgentNotFound);
    metrics.calls_live(3);
    metrics.http_request("/v1/calls", 200, Duration::from_millis(1));
    metrics.http_request("/v1/calls", 200, Duration::from_millis(1));
    metrics.http_connected();
    let mut sip = trunkline_sip::Counters::default();
    sip.invites_out = 7;
    metrics.export_sip(0, &sip);
    metrics.export_udp(&trunkline_sip::transport::UdpCounters::default());
    let mut streams = trunkline_sip::transport::StreamCounters::default();
    (streams.opened, streams.accepted, streams.turned_away, streams.lost) = (4, 3, 2, 1);
    (streams.received, streams.sent) = (6, 5);
    metrics.export_streams(&streams);
    let mut lines = Tally::default();
    lines.add(&Ended { why: Why::NotReading, counters: Counters { passed_over: 9, ..Counters::default() } });
    metrics.export_lines(&lines);
    metrics.export_queues(1, 2);
    metrics.export_log(3);
    metrics.export_media(&trunkline_media::Counters::default());
    let report = Report { health: Health::new(start), calls: 1, cps: Some(5.0) };
    metrics.export_trunks([("t1".into(), report)].into_iter(), start);
    metrics.export_store(&StoreCounters { commits: 5, ..StoreCounters::default() });
    metrics.add_source(|metrics| {
        #[cfg(feature = "browser")]
        metrics.export_people(&crate::agent::floor::Figures { abandoned: 2, free: 1, ..Default::default() });
        metrics.export_webhooks(&WebhookCounters { dead: 2, ..WebhookCounters::default() });
    });
    metrics
}

#[test]
fn what_was_counted_is_shown() {
    let text = filled().render();
    for line in [
        "trunkline_calls_started_total{trunk=\"t1\"} 20",
        "trunkline_calls_ended_total{trunk=\"t1\",disposition=\"busy\"} 1",
        "trunkline_calls_ended_total{trunk=\"t1\",disposition=\"indeterminate\"} 1",
        "trunkline_calls_refused_total{reason=\"agent_not_found\"} 1",
        "trunkline_calls_live 3",
        "trunkline_call_dead_air_seconds_bucket{le=\"0.02\"} 20",
        "trunkline_call_ring_seconds_sum 40",
        "trunkline_call_duration_seconds_sum 200",
        "trunkline_amd_verdicts_total{class=\"human\"} 20",
        "trunkline_http_requests_total{route=\"/v1/calls\",status=\"200\"} 2",
        "trunkline_http_connections 1",
        "trunkline_sip_invites_sent_total{shard=\"0\"} 7",
        "trunkline_sip_connections_total{result=\"opened\"} 4",
        "trunkline_sip_connections_total{result=\"accepted\"} 3",
        "trunkline_sip_connections_total{result=\"turned_away\"} 2",
        "trunkline_sip_connections_total{result=\"lost\"} 1",
        "trunkline_sip_stream_messages_total{direction=\"received\"} 6",
        "trunkline_sip_stream_messages_total{direction=\"sent\"} 5",
        "trunkline_agent_lines_ended_total{reason=\"not_reading\"} 1",
        "trunkline_agent_frames_late_total 9",
        "trunkline_store_commits_total 5",
        "trunkline_log_lines_dropped_total 3",
        "trunkline_webhook_tries_total{result=\"dead\"} 2",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "any instant will do")]
fn a_trunk_that_is_gone_is_shown_no_more() {
    let (metrics, now) = (Metrics::new(), Instant::now());
    let look = |names: &[&'static str]| {
        let report = Report { health: Health::new(now), calls: 1, cps: None };
        metrics.export_trunks(names.iter().map(|name| ((*name).into(), report.clone())), now);
        metrics.render()
    };
    metrics.call_started("gone");
    let both = look(&["t1", "gone"]);
    for line in [
        "trunkline_calls_started_total{trunk=\"gone\"} 1",
        "trunkline_trunk_calls{trunk=\"gone\"} 1",
        "trunkline_trunk_state{trunk=\"t1\",state=\"unknown\"} 1",
    ] {
        assert!(both.lines().any(|shown| shown == line), "{line}\n{both}");
    }
    let without = look(&["t1"]);
    assert!(
        !without.contains("gone") && without.contains("trunkline_trunk_calls{trunk=\"t1\"} 1"),
        "{without}"
    );
    // Its last call ends when it is no longer there.
    metrics.call_ended("gone", &outcome(Disposition::Busy, now));
    let ended = look(&["t1"]);
    assert!(ended.contains("trunkline_calls_ended_total{trunk=\"gone\",disposition=\"busy\"} 1"), "{ended}");
    assert!(!ended.contains("trunkline_trunk_calls{trunk=\"gone\"}"), "{ended}");
    metrics.call_ended("", &outcome(Disposition::Cancelled, now));
    assert!(!look(&["t1"]).contains("gone"));
    let nobodys = look(&["t1"]);
    let line = "trunkline_calls_ended_total{trunk=\"\",disposition=\"cancelled\"} 1";
    assert!(nobodys.contains(line), "who had none stays: {nobodys}");
    metrics.call_started("gone");
    assert!(look(&["t1", "gone"]).contains("trunkline_calls_started_total{trunk=\"gone\"} 1"));
}

#[test]
fn every_end_has_its_own_counter() {
    for (index, disposition) in Disposition::ALL.into_iter().enumerate() {
        assert_eq!(disposition as usize, index);
    }
}

#[test]
fn two_switches_do_not_mix() {
    let (one, two) = (Metrics::new(), Metrics::new());
    one.call_started("t1");
    assert!(!two.render().contains("t1"));
}

#[test]
fn promtool_accepts_every_name() {
    let check = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn();
    let mut check = check.expect("promtool is installed: apt-get install prometheus");
    let mut input = check.stdin.take().expect("piped");
    input.write_all(filled().render().as_bytes()).expect("promtool reads");
    drop(input);
    assert!(check.wait().expect("promtool ends").success());
}
