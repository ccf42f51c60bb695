//! Every metric's name and help, and the handles behind them. Nothing else in the switch spells a metric's name.
//!
//! Cores count in plain integers; the `export_…` functions carry those over when somebody looks. There is no global
//! recorder: who holds a [`Metrics`] has its metrics, and two switches in one process do not mix.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::model::{Disposition, Outcome, Refusal};
use crate::store::StoreCounters;
use crate::webhook::WebhookCounters;

/// A metric's name and what `# HELP` says of it.
struct Metric(&'static str, &'static str);

const BUILD_INFO: Metric = Metric("trunkline_build_info", "Always 1; the label says which version runs.");
const CALLS_STARTED: Metric = Metric("trunkline_calls_started_total", "Calls accepted, by trunk.");
const CALLS_ENDED: Metric =
    Metric("trunkline_calls_ended_total", "Calls that ended, by trunk and by how they ended.");
const CALLS_REFUSED: Metric =
    Metric("trunkline_calls_refused_total", "Requests for a call that started nothing, by reason.");
const CALLS_LIVE: Metric = Metric("trunkline_calls_live", "Calls alive now.");
const CALL_SETUP: Metric =
    Metric("trunkline_call_setup_seconds", "From the request for a call to its INVITE on the wire.");
const CALL_RING: Metric =
    Metric("trunkline_call_ring_seconds", "From the first sign of ringing to the answer or the end.");
const CALL_DURATION: Metric =
    Metric("trunkline_call_duration_seconds", "From the answer to the end, of answered calls.");
const CALL_DEAD_AIR: Metric =
    Metric("trunkline_call_dead_air_seconds", "From the verdict to the agent's first packet.");
const AMD_VERDICTS: Metric =
    Metric("trunkline_amd_verdicts_total", "Last verdicts of the answering machine detection, by class.");
const HTTP_REQUESTS: Metric =
    Metric("trunkline_http_requests_total", "HTTP requests answered, by route and status.");
const HTTP_DURATION: Metric =
    Metric("trunkline_http_request_duration_seconds", "From a request's head to its answer's, by route.");
const HTTP_CONNECTIONS: Metric = Metric("trunkline_http_connections", "HTTP connections open now.");
const MEDIA_LEGS: Metric = Metric("trunkline_media_legs", "Media legs open now.");
const STORE_COMMITS: Metric =
    Metric("trunkline_store_commits_total", "Transactions that the store committed.");
const STORE_ROWS: Metric = Metric("trunkline_store_rows_total", "Rows that those transactions wrote.");
const STORE_FAILURES: Metric =
    Metric("trunkline_store_failures_total", "Transactions of the store that failed.");
const STORE_QUEUED: Metric =
    Metric("trunkline_store_queued_writes", "Writes waiting for the store's writer now.");
const WEBHOOK_TRIES: Metric = Metric(
    "trunkline_webhook_tries_total",
    "Tries to deliver an event, by result: delivered, retried or dead.",
);
const WEBHOOK_IN_FLIGHT: Metric =
    Metric("trunkline_webhook_tries_in_flight", "Tries to deliver an event under way now.");

const UDP_DATAGRAMS: Metric =
    Metric("trunkline_sip_datagrams_total", "Datagrams of the SIP sockets, by what became of them.");
const CALLS_QUEUED: Metric = Metric("trunkline_calls_queued", "Accepted calls that wait for room now.");
const MAILBOX_DROPPED: Metric =
    Metric("trunkline_mailbox_dropped_total", "Inputs lost because a shard's mailbox was full.");

/// Where a SIP count stands in the user agent's counters.
type SipCount = fn(&trunkline_sip::Counters) -> u64;

const SIP: [(Metric, SipCount); 23] = [
    (Metric("trunkline_sip_messages_received_total", "SIP messages that came in."), |c| c.messages_in),
    (Metric("trunkline_sip_messages_sent_total", "SIP messages that left, retransmissions included."), |c| {
        c.messages_out
    }),
    (Metric("trunkline_sip_malformed_total", "Datagrams that are no usable SIP message."), |c| c.malformed),
    (Metric("trunkline_sip_keepalives_total", "Keep-alives that came in."), |c| c.keepalives),
    (Metric("trunkline_sip_strangers_total", "Requests from addresses that are not trusted."), |c| {
        c.strangers
    }),
    (Metric("trunkline_sip_stray_responses_total", "Responses that match no transaction."), |c| {
        c.stray_responses
    }),
    (Metric("trunkline_sip_stray_acks_total", "ACKs that match nothing."), |c| c.stray_acks),
    (Metric("trunkline_sip_request_retransmissions_sent_total", "Requests sent again."), |c| {
        c.retransmissions_out
    }),
    (Metric("trunkline_sip_response_retransmissions_sent_total", "Responses sent again."), |c| {
        c.response_retransmissions_out
    }),
    (Metric("trunkline_sip_request_retransmissions_received_total", "Requests seen before."), |c| {
        c.retransmissions_in
    }),
    (Metric("trunkline_sip_timeouts_total", "Client transactions that timed out."), |c| c.timeouts),
    (Metric("trunkline_sip_invites_sent_total", "INVITEs sent as a new call."), |c| c.invites_out),
    (Metric("trunkline_sip_invites_received_total", "INVITEs received as a new call."), |c| c.invites_in),
    (Metric("trunkline_sip_answers_total", "Answers to our INVITEs."), |c| c.answered),
    (Metric("trunkline_sip_cancels_sent_total", "CANCELs sent."), |c| c.cancels_out),
    (
        Metric("trunkline_sip_answers_after_cancel_total", "Answers that raced our CANCEL and were ended."),
        |c| c.answers_after_cancel,
    ),
    (Metric("trunkline_sip_forks_ended_total", "Answers of another fork, ended."), |c| c.forks_ended),
    (Metric("trunkline_sip_acks_repeated_total", "Answers that came again."), |c| c.acks_repeated),
    (Metric("trunkline_sip_challenges_answered_total", "Requests repeated with credentials."), |c| {
        c.challenges_answered
    }),
    (Metric("trunkline_sip_failovers_total", "Requests carried over to the next address."), |c| c.failovers),
    (Metric("trunkline_sip_overloaded_total", "New work refused because a maximum was reached."), |c| {
        c.overloaded
    }),
    (Metric("trunkline_sip_refused_total", "Requests refused before anybody was asked."), |c| c.refused),
    (Metric("trunkline_sip_merged_total", "Requests refused as merged."), |c| c.merged),
];

/// Where a media count stands in the media plane's counters.
type MediaCount = fn(&trunkline_media::Counters) -> u64;

const MEDIA: [(Metric, MediaCount); 20] = [
    (Metric("trunkline_rtp_packets_received_total", "RTP packets taken from peers."), |c| c.packets_in),
    (Metric("trunkline_rtp_packets_sent_total", "RTP packets given to peers."), |c| c.packets_out),
    (Metric("trunkline_rtp_send_failures_total", "Datagrams that the kernel refused to send."), |c| {
        c.send_failures
    }),
    (Metric("trunkline_rtp_packets_lost_total", "RTP packets that never came."), |c| c.lost),
    (Metric("trunkline_rtp_packets_late_total", "RTP packets that came too late to be heard."), |c| c.late),
    (Metric("trunkline_rtp_duplicates_total", "RTP packets that came twice."), |c| c.duplicates),
    (Metric("trunkline_rtp_frames_concealed_total", "Frames made up for loss or delay."), |c| c.concealed),
    (Metric("trunkline_rtp_strangers_total", "Datagrams of sources that are not the peer."), |c| c.strangers),
    (Metric("trunkline_rtp_malformed_total", "Datagrams that are neither RTP nor RTCP."), |c| c.malformed),
    (Metric("trunkline_rtp_unknown_payload_total", "RTP of payload types that were not agreed upon."), |c| {
        c.unknown_payload
    }),
    (Metric("trunkline_rtp_unauthentic_total", "Packets that are not under the peer's SRTP key."), |c| {
        c.unauthentic
    }),
    (Metric("trunkline_rtp_replayed_total", "SRTP and SRTCP packets that came before."), |c| c.replayed),
    (Metric("trunkline_media_legs_opened_total", "Media legs ever opened."), |c| c.legs_opened),
    (Metric("trunkline_media_overruns_total", "Cycles of 20 ms that a media thread slept through."), |c| {
        c.overruns
    }),
    (
        Metric("trunkline_media_ticks_missed_total", "Ticks of legs that came too late to send anything."),
        |c| c.ticks_missed,
    ),
    (
        Metric(
            "trunkline_media_refused_total",
            "Rules, clips and digits refused because there were too many.",
        ),
        |c| c.refused,
    ),
    (Metric("trunkline_media_reports_dropped_total", "Reports dropped because a mailbox was full."), |c| {
        c.reports_dropped
    }),
    (Metric("trunkline_recordings_total", "Recordings that ended, well or not."), |c| c.recordings),
    (Metric("trunkline_recordings_failed_total", "Recordings that ended with an error."), |c| {
        c.recordings_failed
    }),
    (
        Metric(
            "trunkline_recording_frames_dropped_total",
            "Stereo frames that the recorder had no room for.",
        ),
        |c| c.frames_dropped,
    ),
];

/// Bounds of each histogram's buckets, in seconds.
const BUCKETS: [(&Metric, &[f64]); 5] = [
    (&CALL_SETUP, &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0]),
    (&CALL_RING, &[0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0]),
    (&CALL_DURATION, &[1.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0]),
    (&CALL_DEAD_AIR, &[0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0]),
    (&HTTP_DURATION, &[0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0]),
];

/// How often [`Metrics::upkeep`] is to be called: histograms keep every sample until then.
pub const UPKEEP: Duration = Duration::from_secs(5);

/// The switch's metrics. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    live: Gauge,
    connections: Gauge,
    setup: Histogram,
    ring: Histogram,
    duration: Histogram,
    dead_air: Histogram,
    trunks: RwLock<HashMap<String, Arc<TrunkCalls>>>,
    routes: RwLock<HashMap<String, Arc<Route>>>,
    sources: Mutex<Vec<Source>>,
}

/// Carries somebody's own counts over before they are shown.
type Source = Box<dyn Fn(&Metrics) + Send>;

/// One trunk's handles.
struct TrunkCalls {
    started: Counter,
    ended: [Counter; Disposition::ALL.len()],
}

/// One route's handles.
struct Route {
    duration: Histogram,
    statuses: RwLock<HashMap<u16, Counter>>,
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let mut builder = PrometheusBuilder::new();
        for (metric, buckets) in BUCKETS {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(metric.0.to_owned()), buckets)
                .expect("no histogram's buckets are empty");
        }
        let recorder = builder.build_recorder();
        gauge(&recorder, &BUILD_INFO, &[("version", env!("CARGO_PKG_VERSION"))]).set(1.0);
        Self(Arc::new(Inner {
            handle: recorder.handle(),
            live: gauge(&recorder, &CALLS_LIVE, &[]),
            connections: gauge(&recorder, &HTTP_CONNECTIONS, &[]),
            setup: histogram(&recorder, &CALL_SETUP, &[]),
            ring: histogram(&recorder, &CALL_RING, &[]),
            duration: histogram(&recorder, &CALL_DURATION, &[]),
            dead_air: histogram(&recorder, &CALL_DEAD_AIR, &[]),
            trunks: RwLock::default(),
            routes: RwLock::default(),
            sources: Mutex::default(),
            recorder,
        }))
    }

    /// Everything, in Prometheus' text format; the sources are asked first.
    pub fn render(&self) -> String {
        for source in self.0.sources.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            source(self);
        }
        self.0.handle.render()
    }

    /// Has `source` carry its counts over whenever the metrics are shown. It must not add sources.
    pub fn add_source(&self, source: impl Fn(&Metrics) + Send + 'static) {
        self.0.sources.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(source));
    }

    /// Folds samples into buckets. To be called every [`UPKEEP`].
    pub fn upkeep(&self) {
        self.0.handle.run_upkeep();
    }

    /// A call was accepted.
    pub fn call_started(&self, trunk: &str) {
        self.trunk(trunk).started.increment(1);
    }

    /// A call's INVITE left, so long after the request for it came.
    pub fn call_setup(&self, elapsed: Duration) {
        self.0.setup.record(elapsed.as_secs_f64());
    }

    /// A call ended.
    pub fn call_ended(&self, trunk: &str, outcome: &Outcome) {
        self.trunk(trunk).ended[outcome.disposition as usize].increment(1);
        let since = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64();
        if let Some(ringing_at) = outcome.ringing_at {
            self.0.ring.record(since(ringing_at, outcome.answered_at.unwrap_or(outcome.ended_at)));
        }
        if let Some(answered_at) = outcome.answered_at {
            self.0.duration.record(since(answered_at, outcome.ended_at));
        }
        if let Some(dead_air) = outcome.dead_air {
            self.0.dead_air.record(dead_air.as_secs_f64());
        }
        if let Some(heard) = &outcome.heard {
            self.counter(&AMD_VERDICTS, &[("class", heard.class)]).increment(1);
        }
    }

    /// A request for a call started nothing.
    pub fn call_refused(&self, refusal: &Refusal) {
        self.counter(&CALLS_REFUSED, &[("reason", reason(refusal))]).increment(1);
    }

    /// So many calls are alive.
    pub fn calls_live(&self, count: usize) {
        self.0.live.set(count as f64);
    }

    /// A request was answered. `route` is the router's pattern, not the path that was asked.
    pub fn http_request(&self, route: &str, status: u16, elapsed: Duration) {
        let handles = find_or_insert(&self.0.routes, route, || Route {
            duration: histogram(&self.0.recorder, &HTTP_DURATION, &[("route", route)]),
            statuses: RwLock::default(),
        });
        handles.duration.record(elapsed.as_secs_f64());
        if let Some(counter) = handles.statuses.read().unwrap_or_else(PoisonError::into_inner).get(&status) {
            return counter.increment(1);
        }
        let counter = self.counter(&HTTP_REQUESTS, &[("route", route), ("status", &status.to_string())]);
        counter.increment(1);
        handles.statuses.write().unwrap_or_else(PoisonError::into_inner).insert(status, counter);
    }

    /// A connection was opened.
    pub fn http_connected(&self) {
        self.0.connections.increment(1.0);
    }

    /// A connection was closed.
    pub fn http_disconnected(&self) {
        self.0.connections.decrement(1.0);
    }

    /// One shard's user agent.
    pub fn export_sip(&self, shard: u8, counters: &trunkline_sip::Counters) {
        let shard = shard.to_string();
        for (metric, count) in &SIP {
            self.counter(metric, &[("shard", &shard)]).absolute(count(counters));
        }
    }

    /// The SIP sockets.
    pub fn export_udp(&self, counters: &trunkline_sip::transport::UdpCounters) {
        for (result, count) in [
            ("received", counters.received),
            ("sent", counters.sent),
            ("send_error", counters.send_errors),
            ("receive_error", counters.receive_errors),
            ("queue_full", counters.queue_full),
        ] {
            self.counter(&UDP_DATAGRAMS, &[("result", result)]).absolute(count);
        }
    }

    /// What waits for the dialer, and what found no room in front of a shard.
    pub fn export_queues(&self, calls: usize, dropped: u64) {
        gauge(&self.0.recorder, &CALLS_QUEUED, &[]).set(calls as f64);
        self.counter(&MAILBOX_DROPPED, &[]).absolute(dropped);
    }

    /// The media plane.
    pub fn export_media(&self, counters: &trunkline_media::Counters) {
        gauge(&self.0.recorder, &MEDIA_LEGS, &[]).set(counters.legs as f64);
        for (metric, count) in &MEDIA {
            self.counter(metric, &[]).absolute(count(counters));
        }
    }

    /// The store.
    pub fn export_store(&self, counters: &StoreCounters) {
        self.counter(&STORE_COMMITS, &[]).absolute(counters.commits);
        self.counter(&STORE_ROWS, &[]).absolute(counters.rows);
        self.counter(&STORE_FAILURES, &[]).absolute(counters.failures);
        gauge(&self.0.recorder, &STORE_QUEUED, &[]).set(counters.queued as f64);
    }

    /// Delivery of events.
    pub fn export_webhooks(&self, counters: &WebhookCounters) {
        for (result, count) in
            [("delivered", counters.delivered), ("retried", counters.retried), ("dead", counters.dead)]
        {
            self.counter(&WEBHOOK_TRIES, &[("result", result)]).absolute(count);
        }
        gauge(&self.0.recorder, &WEBHOOK_IN_FLIGHT, &[]).set(counters.in_flight as f64);
    }

    fn trunk(&self, name: &str) -> Arc<TrunkCalls> {
        find_or_insert(&self.0.trunks, name, || TrunkCalls {
            started: self.counter(&CALLS_STARTED, &[("trunk", name)]),
            ended: Disposition::ALL.map(|disposition| {
                self.counter(&CALLS_ENDED, &[("trunk", name), ("disposition", disposition.as_str())])
            }),
        })
    }

    fn counter(&self, metric: &Metric, labels: &[(&'static str, &str)]) -> Counter {
        self.0.recorder.describe_counter(metric.0.into(), None, metric.1.into());
        self.0.recorder.register_counter(&key(metric, labels), &METADATA)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

const METADATA: Metadata<'static> = Metadata::new("trunkline", Level::INFO, None);

fn gauge(recorder: &PrometheusRecorder, metric: &Metric, labels: &[(&'static str, &str)]) -> Gauge {
    recorder.describe_gauge(metric.0.into(), None, metric.1.into());
    recorder.register_gauge(&key(metric, labels), &METADATA)
}

fn histogram(recorder: &PrometheusRecorder, metric: &Metric, labels: &[(&'static str, &str)]) -> Histogram {
    recorder.describe_histogram(metric.0.into(), None, metric.1.into());
    recorder.register_histogram(&key(metric, labels), &METADATA)
}

fn key(metric: &Metric, labels: &[(&'static str, &str)]) -> Key {
    let labels = labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned()));
    Key::from_parts(metric.0, labels.collect::<Vec<_>>())
}

fn find_or_insert<T>(map: &RwLock<HashMap<String, Arc<T>>>, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
    if let Some(found) = map.read().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Arc::clone(found);
    }
    let mut map = map.write().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(map.entry(name.to_owned()).or_insert_with(|| Arc::new(make())))
}

fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::MissingField(_) | Refusal::InvalidField { .. } | Refusal::InvalidPhone { .. } => "invalid",
        Refusal::AgentNotFound => "agent_not_found",
        Refusal::FromNumberNotFound | Refusal::AgentMissingPhoneNumber => "no_number",
        Refusal::NumberHasNoTrunk => "no_trunk",
        Refusal::DestinationForbidden { .. } => "destination_forbidden",
        Refusal::TrunkDown { .. } => "trunk_down",
        Refusal::Limited { .. } => "limited",
        Refusal::Overloaded(_) => "overloaded",
        Refusal::Draining => "draining",
        Refusal::IdempotencyConflict => "idempotency_conflict",
        Refusal::Storage => "storage",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::model::{EndedBy, Heard};

    fn outcome(disposition: Disposition, start: Instant) -> Outcome {
        Outcome {
            disposition,
            ended_by: EndedBy::Callee,
            sip_status: Some(200),
            q850: None,
            detail: None,
            retry_after: None,
            heard: Some(Heard {
                class: "human",
                reason: String::new(),
                confidence: 1.0,
                at: Duration::ZERO,
                evidence: String::new(),
            }),
            dead_air: Some(Duration::from_millis(20)),
            recording: None,
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
        metrics.export_queues(1, 2);
        metrics.export_media(&trunkline_media::Counters::default());
        metrics.export_store(&StoreCounters { commits: 5, ..StoreCounters::default() });
        metrics.add_source(|metrics| {
            metrics.export_webhooks(&WebhookCounters { dead: 2, ..WebhookCounters::default() });
        });
        metrics
    }

    #[test]
    fn what_was_counted_is_shown() {
        let text = filled().render();
        for line in [
            "trunkline_calls_started_total{trunk=\"t1\"} 17",
            "trunkline_calls_ended_total{trunk=\"t1\",disposition=\"busy\"} 1",
            "trunkline_calls_ended_total{trunk=\"t1\",disposition=\"indeterminate\"} 1",
            "trunkline_calls_refused_total{reason=\"agent_not_found\"} 1",
            "trunkline_calls_live 3",
            "trunkline_call_dead_air_seconds_bucket{le=\"0.02\"} 17",
            "trunkline_call_ring_seconds_sum 34",
            "trunkline_call_duration_seconds_sum 170",
            "trunkline_amd_verdicts_total{class=\"human\"} 17",
            "trunkline_http_requests_total{route=\"/v1/calls\",status=\"200\"} 2",
            "trunkline_http_connections 1",
            "trunkline_sip_invites_sent_total{shard=\"0\"} 7",
            "trunkline_store_commits_total 5",
            "trunkline_webhook_tries_total{result=\"dead\"} 2",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
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

    /// Where promtool is not installed there is nobody to ask.
    #[test]
    fn promtool_accepts_every_name() {
        let check = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn();
        let Ok(mut check) = check else { return };
        let mut input = check.stdin.take().expect("piped");
        input.write_all(filled().render().as_bytes()).expect("promtool reads");
        drop(input);
        assert!(check.wait().expect("promtool ends").success());
    }
}
