//! Every metric's name and help, and the handles behind them. Nothing else in the switch spells a metric's name.
//!
//! Cores count in plain integers; the `export_…` functions carry those over when somebody looks. There is no global
//! recorder: who holds a [`Metrics`] has its metrics, and two switches in one process do not mix.

mod names;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::admission::Report;
use crate::agent::line::Tally;
use crate::model::{CampaignCounters, Disposition, Outcome, Refusal, TenantId};
use crate::store::StoreCounters;
use crate::trunk::health::State;
use crate::webhook::WebhookCounters;
use names::{
    AGENT_LINES, AGENT_LINES_ENDED, AMD_VERDICTS, BILLING_CHARGED, BILLING_HOLDS, BUCKETS, BUILD_INFO,
    CALL_DEAD_AIR, CALL_DURATION, CALL_RING, CALL_SETUP, CALLS_ENDED, CALLS_LIVE, CALLS_QUEUED,
    CALLS_REFUSED, CALLS_STARTED, CAMPAIGN_RECIPIENTS, CAMPAIGNS, CAMPAIGNS_HELD_BACK, HTTP_CONNECTIONS,
    HTTP_DURATION, HTTP_REQUESTS, LOG_LINES_DROPPED, MAILBOX_DROPPED, MEDIA, MEDIA_LEGS, Metric, PEOPLE,
    PEOPLE_CALLS, PEOPLE_WAITING, REVIEW_SECONDS, REVIEWS, SIP, SIP_CONNECTIONS, SIP_STREAM_MESSAGES,
    STORE_COMMITS, STORE_FAILURES, STORE_QUEUED, STORE_ROWS, TRUNK_CALLS, TRUNK_CPS, TRUNK_HELD,
    TRUNK_OPTIONS, TRUNK_STATE, UDP_DATAGRAMS, WEBHOOK_IN_FLIGHT, WEBHOOK_TRIES,
};

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
    /// The trunks as they stand, made anew for each look: a series once made stays in its recorder, and trunks come and go.
    standing: Mutex<PrometheusRecorder>,
    routes: RwLock<HashMap<String, Arc<Route>>>,
    sources: Mutex<Vec<Source>>,
}

/// Carries somebody's own counts over before they are shown.
type Source = Box<dyn Fn(&Metrics) + Send>;

/// What was counted of one trunk.
struct TrunkCalls {
    started: AtomicU64,
    ended: [AtomicU64; Disposition::ALL.len()],
    /// All of it together when it was shown last.
    shown: AtomicU64,
}

impl TrunkCalls {
    fn total(&self) -> u64 {
        std::iter::once(&self.started).chain(&self.ended).map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// One route's handles.
struct Route {
    duration: Histogram,
    statuses: RwLock<HashMap<u16, Counter>>,
}

/// What a trunk is called in labels: names are unique within a tenant alone, so those of every tenant but the first have theirs
/// behind them.
pub fn trunk_label(tenant: TenantId, name: &str) -> Cow<'_, str> {
    if tenant == crate::config::FILE_TENANT { name.into() } else { format!("{name}@{}", tenant.0).into() }
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
            standing: Mutex::new(PrometheusBuilder::new().build_recorder()),
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
        let standing = self.0.standing.lock().unwrap_or_else(PoisonError::into_inner);
        for (trunk, calls) in &*self.0.trunks.read().unwrap_or_else(PoisonError::into_inner) {
            let count = |metric: &Metric, labels: &[(&'static str, &str)], count: &AtomicU64| {
                counter(&standing, metric, labels).absolute(count.load(Ordering::Relaxed));
            };
            calls.shown.store(calls.total(), Ordering::Relaxed);
            count(&CALLS_STARTED, &[("trunk", trunk)], &calls.started);
            for (disposition, ended) in Disposition::ALL.into_iter().zip(&calls.ended) {
                count(&CALLS_ENDED, &[("trunk", trunk), ("disposition", disposition.as_str())], ended);
            }
        }
        self.0.handle.render() + &standing.handle().render()
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
        self.trunk(trunk).started.fetch_add(1, Ordering::Relaxed);
    }

    /// A call's INVITE left, so long after the request for it came.
    pub fn call_setup(&self, elapsed: Duration) {
        self.0.setup.record(elapsed.as_secs_f64());
    }

    /// A call ended.
    pub fn call_ended(&self, trunk: &str, outcome: &Outcome) {
        self.trunk(trunk).ended[outcome.disposition as usize].fetch_add(1, Ordering::Relaxed);
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

    /// A call that is over was gone over, or it was tried.
    pub fn review(&self, part: &'static str, result: &'static str, elapsed: Duration) {
        self.counter(&REVIEWS, &[("part", part), ("result", result)]).increment(1);
        histogram(&self.0.recorder, &REVIEW_SECONDS, &[("part", part)]).record(elapsed.as_secs_f64());
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

    /// The SIP connections.
    pub fn export_streams(&self, counters: &trunkline_sip::transport::StreamCounters) {
        for (result, count) in [
            ("opened", counters.opened),
            ("accepted", counters.accepted),
            ("turned_away", counters.turned_away),
            ("lost", counters.lost),
        ] {
            self.counter(&SIP_CONNECTIONS, &[("result", result)]).absolute(count);
        }
        for (direction, count) in [("received", counters.received), ("sent", counters.sent)] {
            self.counter(&SIP_STREAM_MESSAGES, &[("direction", direction)]).absolute(count);
        }
    }

    /// The log.
    pub fn export_log(&self, lines_dropped: u64) {
        self.counter(&LOG_LINES_DROPPED, &[]).absolute(lines_dropped);
    }

    /// What waits for the dialer, and what found no room in front of a shard.
    pub fn export_queues(&self, calls: usize, dropped: u64) {
        gauge(&self.0.recorder, &CALLS_QUEUED, &[]).set(calls as f64);
        self.counter(&MAILBOX_DROPPED, &[]).absolute(dropped);
    }

    /// The campaigns.
    pub fn export_campaigns(&self, counters: &CampaignCounters) {
        for (status, count) in [("running", counters.running), ("scheduled", counters.scheduled)] {
            gauge(&self.0.recorder, &CAMPAIGNS, &[("status", status)]).set(count as f64);
        }
        gauge(&self.0.recorder, &CAMPAIGNS_HELD_BACK, &[]).set(counters.held_back as f64);
        for (result, count) in [
            ("claimed", counters.claimed),
            ("dialled", counters.dialled),
            ("failed", counters.failed),
            ("released", counters.released),
        ] {
            self.counter(&CAMPAIGN_RECIPIENTS, &[("result", result)]).absolute(count);
        }
    }

    /// People and the calls that want one.
    #[cfg(feature = "browser")]
    pub fn export_people(&self, figures: &crate::agent::floor::Figures) {
        for (state, count) in [("signed_in", figures.signed_in), ("free", figures.free)] {
            gauge(&self.0.recorder, &PEOPLE, &[("state", state)]).set(count as f64);
        }
        gauge(&self.0.recorder, &PEOPLE_WAITING, &[]).set(figures.waiting as f64);
        for (result, count) in [
            ("assigned", figures.assigned),
            ("abandoned", figures.abandoned),
            ("withdrawn", figures.withdrawn),
            ("passed", figures.passed),
            ("lost", figures.lost),
            ("returned", figures.returned),
        ] {
            self.counter(&PEOPLE_CALLS, &[("result", result)]).absolute(count);
        }
    }

    /// The media plane.
    pub fn export_media(&self, counters: &trunkline_media::Counters) {
        gauge(&self.0.recorder, &MEDIA_LEGS, &[]).set(counters.legs as f64);
        for (metric, count) in &MEDIA {
            self.counter(metric, &[]).absolute(count(counters));
        }
    }

    /// What bots' and models' lines did.
    pub fn export_lines(&self, lines: &Tally) {
        for (reason, count) in lines.ends() {
            self.counter(&AGENT_LINES_ENDED, &[("reason", reason)]).absolute(count);
        }
        for (metric, count) in &AGENT_LINES {
            self.counter(metric, &[]).absolute(count(lines.counters()));
        }
    }

    /// Every trunk that there is, as it stands at `now`. Another is shown only as long as something new is counted of it: the ends of
    /// its last calls.
    pub fn export_trunks<'a>(&self, trunks: impl Iterator<Item = (Cow<'a, str>, Report)>, now: Instant) {
        let recorder = PrometheusBuilder::new().build_recorder();
        let mut there = HashSet::new();
        for (trunk, report) in trunks {
            stands(&recorder, &trunk, &report, now);
            there.insert(trunk);
        }
        let is_shown = |name: &String, calls: &mut Arc<TrunkCalls>| {
            // What ended before a trunk was chosen has none, and stays.
            let is_nobodys = name.is_empty() || name.starts_with('@');
            is_nobodys
                || there.contains(name.as_str())
                || calls.total() != calls.shown.load(Ordering::Relaxed)
        };
        self.0.trunks.write().unwrap_or_else(PoisonError::into_inner).retain(is_shown);
        *self.0.standing.lock().unwrap_or_else(PoisonError::into_inner) = recorder;
    }

    /// The store.
    pub fn export_store(&self, counters: &StoreCounters) {
        self.counter(&STORE_COMMITS, &[]).absolute(counters.commits);
        self.counter(&STORE_ROWS, &[]).absolute(counters.rows);
        self.counter(&STORE_FAILURES, &[]).absolute(counters.failures);
        gauge(&self.0.recorder, &STORE_QUEUED, &[]).set(counters.queued as f64);
    }

    /// Money: micros charged since the start, and holds that are open now.
    pub fn export_billing(&self, charged: u64, holds: u64) {
        self.counter(&BILLING_CHARGED, &[]).absolute(charged);
        gauge(&self.0.recorder, &BILLING_HOLDS, &[]).set(holds as f64);
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
            started: AtomicU64::new(0),
            ended: Disposition::ALL.map(|_| AtomicU64::new(0)),
            shown: AtomicU64::new(0),
        })
    }

    fn counter(&self, metric: &Metric, labels: &[(&'static str, &str)]) -> Counter {
        counter(&self.0.recorder, metric, labels)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

const METADATA: Metadata<'static> = Metadata::new("trunkline", Level::INFO, None);

fn counter(recorder: &PrometheusRecorder, metric: &Metric, labels: &[(&'static str, &str)]) -> Counter {
    recorder.describe_counter(metric.0.into(), None, metric.1.into());
    recorder.register_counter(&key(metric, labels), &METADATA)
}

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

/// One trunk as it stands.
fn stands(recorder: &PrometheusRecorder, trunk: &str, report: &Report, now: Instant) {
    let set = |metric: &Metric, value: f64| gauge(recorder, metric, &[("trunk", trunk)]).set(value);
    for state in State::ALL {
        let labels = [("trunk", trunk), ("state", state.as_str())];
        gauge(recorder, &TRUNK_STATE, &labels).set(f64::from(u8::from(report.health.state() == state)));
    }
    set(&TRUNK_CALLS, f64::from(report.calls));
    set(&TRUNK_CPS, report.cps.unwrap_or(0.0));
    set(&TRUNK_HELD, report.health.held(now).unwrap_or_default().as_secs_f64());
    if let Some(probe) = report.health.probe() {
        set(&TRUNK_OPTIONS, probe.round_trip.as_secs_f64());
    }
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
        Refusal::NumberNotRegistered
        | Refusal::DemoNumber
        | Refusal::UnverifiedVoip
        | Refusal::OutboundDisabled => "no_number",
        Refusal::NoAgent => "agent_not_found",
        Refusal::RateNotFound => "rate_not_found",
        Refusal::InsufficientBalance => "insufficient_balance",
        Refusal::SpendControl => "spend_control",
        Refusal::DestinationForbidden { .. } => "destination_forbidden",
        Refusal::DoNotCall => "do_not_call",
        Refusal::TrunkDown { .. } => "trunk_down",
        Refusal::Limited { .. } => "limited",
        Refusal::Overloaded(_) => "overloaded",
        Refusal::Draining => "draining",
        Refusal::IdempotencyConflict => "idempotency_conflict",
        Refusal::Superseded => "superseded",
        Refusal::Storage => "storage",
    }
}

#[cfg(test)]
mod tests;
