//! The dialer over a real store and real ports, without a shard: what would reach one is read here.

use std::net::Ipv4Addr;
use std::sync::atomic::AtomicU8;

use tokio::sync::mpsc;
use trunkline_media::MediaConfig;

use super::*;
use crate::admission::Limits;
use crate::call::{Input, Origination};
use crate::config::Config;
use crate::egress::{Egress, Policy};
use crate::journal;
use crate::model::{AgentChoice, CallState, DoNotCall, Objection, TenantId};
use crate::patience::{eventually, patiently};
use crate::store::tests::{Place, count, execute, record, stall};
use crate::store::{Intent, Write};
use crate::webhook::Wake;

const TENANT: TenantId = TenantId(1);
/// One call at a time.
const FILE: &str = r#"
    [[trunk]]
    name = "t"
    uri = "sip:127.0.0.1:5999"
    [[agent]]
    id = "a"
    [[number]]
    e164 = "+447446466847"
    trunk = "t"
    agent = "a"
    outbound = true
    [[key]]
    face = "nixflex"
    id = "nxf_a"
    secret = "nxfs_secret"
    concurrent = 1
"#;

/// A dialer of its own, and what it gives a shard.
pub(crate) struct Stand {
    pub(crate) dialer: Dialer,
    inputs: mpsc::Receiver<Input>,
}

impl Stand {
    async fn open(store: &Store) -> Self {
        Self::of(FILE, store, Duration::from_secs(300)).await
    }

    /// Ports for one call, and so long may a call wait.
    pub(crate) async fn of(file: &str, store: &Store, queue_max: Duration) -> Self {
        Self::with(file, store, Settings { queue_max, ..settings() }).await
    }

    async fn with(file: &str, store: &Store, settings: Settings) -> Self {
        let journal = Journal::start(store.clone(), journal::Config::default(), Wake::default());
        let (mailbox, inputs) = Mailbox::new();
        let sink = mailbox.clone();
        let media =
            MediaConfig { address: loopback().into(), ports: 30_000..=30_001, workers: 1, seed: [7; 32] };
        let media = Media::start(media, move |report| sink.report(report)).expect("media threads");
        let told = journal.clone();
        let parts = DialerParts {
            directory: Directory::new(Config::parse("t", file, []).expect("valid").objects),
            admission: Admission::new(Limits::default()),
            journal,
            store: store.clone(),
            cashier: None,
            media: Arc::new(media),
            mailbox,
            metrics: Metrics::new(),
            events: Arc::new(move |event| told.record(event)),
            asker: Asker::new(Egress::new(Policy::default()).expect("a client")),
            settings,
        };
        Self { dialer: Dialer::start(parts).await.expect("ids"), inputs }
    }

    /// A call that is accepted.
    async fn place(&self) -> CallId {
        let key = self.parts().directory.snapshot().key("nxf_a").expect("declared").id;
        let to = "+447386172392".parse().expect("E.164");
        let agent = AgentChoice::Named("a".into());
        let request = OutboundRequest {
            prompt: Some("Hello".into()),
            when_full: WhenFull::Wait,
            ..OutboundRequest::new(TENANT, key, agent, to)
        };
        let mut call = None;
        let render = |accepted: &Accepted| {
            call = Some(accepted.record.call);
            StoredResponse { status: 201, body: String::new() }
        };
        let placed = self.dialer.originate(request, render).await;
        assert!(matches!(placed, Ok(Placed::New(_))), "{placed:?}");
        call.expect("rendered")
    }

    /// A call that lives, and one that waits for its room.
    async fn one_waits(&mut self) -> (Box<Origination>, CallId) {
        self.place().await;
        (self.leaves().await, self.place().await)
    }

    /// The next call that leaves.
    pub(crate) async fn leaves(&mut self) -> Box<Origination> {
        loop {
            match patiently(self.inputs.recv()).await.expect("open") {
                Input::Command(Command::Originate(origination)) => return origination,
                _ => continue,
            }
        }
    }

    /// How many commands came that nobody has read.
    fn left_over(&mut self) -> usize {
        let is_command = |input: &Input| matches!(input, Input::Command(_));
        std::iter::from_fn(|| self.inputs.try_recv().ok()).filter(is_command).count()
    }

    async fn ended(&self, call: CallId) -> CallRecord {
        let read = async || self.parts().store.call(TENANT, call).await.expect("readable").expect("stored");
        eventually("its end is on disk", async || read().await.state == CallState::Ended).await;
        read().await
    }

    pub(crate) fn parts(&self) -> &DialerParts {
        &self.dialer.0.parts
    }
}

fn settings() -> Settings {
    Settings {
        recordings: None,
        reviews: ReviewOffer::default(),
        advertise: None,
        rtp_timeout: Duration::from_secs(10),
        queue_max: Duration::from_secs(300),
    }
}

/// An address that no other test has at this time.
fn loopback() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | high, low, NEXT.fetch_add(1, Ordering::Relaxed))
}

fn ended_as(record: &CallRecord, disposition: Disposition, by: EndedBy, why: &str) {
    let detail = record.detail.as_deref().unwrap_or_default();
    assert_eq!(record.disposition, Some(disposition), "{detail}");
    assert_eq!(record.ended_by.as_deref(), Some(by.as_str()), "{detail}");
    assert!(detail.contains(why), "{detail}");
}

#[tokio::test]
async fn a_call_that_came_in_before_the_recovery_is_none_of_an_earlier_runs() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let left = record(store.lease_ids().await.expect("ids").start);
    let intent = Intent { record: left.clone(), idempotency: None };
    assert_eq!(store.intend(intent).await.expect("stored"), Intended::Committed);
    let stand = Stand::open(&store).await;
    let own = record(stand.dialer.0.ids.next().await.expect("an id").get());
    let journal = &stand.parts().journal;
    let slot = journal.reserve().expect("room");
    journal.intend(slot, own.clone(), None).await.expect("stored");
    assert_eq!(stand.dialer.recover().await.expect("settled"), 1);
    let ended = stand.ended(left.call).await;
    ended_as(&ended, Disposition::Indeterminate, EndedBy::Switch, "the switch stopped");
    assert_eq!(journal.find(own.call).expect("alive").state, CallState::Dialing);
}

#[tokio::test]
async fn what_an_earlier_run_recorded_of_a_call_is_its_recording() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let folder = tempfile::tempdir().expect("a folder");
    let first = store.lease_ids().await.expect("ids").start;
    // Of the last one there is nothing but a header.
    for (id, bytes) in [(first, 44 + 640), (first + 1, 44)] {
        let left = record(id);
        std::fs::write(folder.path().join(format!("{}.wav", left.call.ca())), vec![0; bytes])
            .expect("written");
        let intent = Intent { record: left, idempotency: None };
        assert_eq!(store.intend(intent).await.expect("stored"), Intended::Committed);
    }
    let settings = Settings { recordings: Some(folder.path().to_owned()), ..settings() };
    let stand = Stand::with(FILE, &store, settings).await;
    assert_eq!(stand.dialer.recover().await.expect("settled"), 2);
    let recording = async |id| stand.ended(record(id).call).await.recording;
    let kept = recording(first).await.expect("it is the call's");
    assert!(kept.ends_with(&format!("{}.wav", record(first).call.ca())), "{kept}");
    assert_eq!(recording(first + 1).await, None);
}

#[tokio::test]
async fn a_database_that_fails_for_a_while_costs_no_call_that_waits() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let mut stand = Stand::open(&store).await;
    let (live, waiting) = stand.one_waits().await;
    close(&stand, &live);
    execute(&store, "PRAGMA query_only = 1").await;
    drop(live);
    eventually("it was tried in vain", async || store.counters().failures > 1).await;
    assert_eq!(stand.parts().journal.find(waiting).expect("alive").state, CallState::Accepted);
    let tried = wall_now();
    execute(&store, "PRAGMA query_only = 0").await;
    assert_eq!(stand.leaves().await.plan.call, waiting);
    // Any try may be the one that is on disk: all write the same, which is told once.
    let started = count(&store, "SELECT max(created_at) FROM events WHERE event = 'call.started'").await;
    assert!(started <= tried.0, "its life began when it was first tried");
}

#[tokio::test]
async fn calls_wait_on_while_there_are_no_ports() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let mut stand = Stand::open(&store).await;
    let (live, waiting) = stand.one_waits().await;
    let leg = live.leg;
    // Its key has room again, and its ports are still in use.
    drop(live);
    let mut room = stand.parts().admission.room();
    // Each time that it is tried it gives back what it took.
    patiently(room.changed()).await.expect("open");
    assert_eq!(stand.parts().journal.find(waiting).expect("alive").state, CallState::Accepted);
    stand.parts().media.send(leg, trunkline_media::Command::Close).expect("room");
    assert_eq!(stand.leaves().await.plan.call, waiting);
}

#[tokio::test]
async fn a_call_that_is_hung_up_while_it_starts_does_not_ring() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let mut stand = Stand::open(&store).await;
    let (live, waiting) = stand.one_waits().await;
    close(&stand, &live);
    let stalled = stall(&store).await;
    drop(live);
    // What it has taken of its key's room says so.
    let trunks = stand.parts().directory.snapshot().trunks().to_vec();
    let takes = async || stand.parts().admission.report(Instant::now(), &trunks[0]).calls == 1;
    eventually("its turn has come", takes).await;
    stand.dialer.hangup(waiting).await;
    drop(stalled);
    let ended = stand.ended(waiting).await;
    ended_as(&ended, Disposition::Cancelled, EndedBy::Operator, "hung up while it waited");
    assert_eq!(stand.left_over(), 0, "nothing leaves");
    eventually("its room is given back", async || stand.parts().admission.concurrent() == 0).await;
}

#[tokio::test]
async fn who_objects_while_a_call_to_it_waits_is_not_called() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let mut stand = Stand::open(&store).await;
    let (live, waiting) = stand.one_waits().await;
    let entry = DoNotCall {
        tenant: TENANT,
        number: live.plan.to.clone(),
        reason: Objection::Asked,
        note: None,
        call: None,
        at: wall_now(),
    };
    store.write(Arc::from([Write::DoNotCall(entry)])).await.expect("stored");
    close(&stand, &live);
    drop(live);
    let ended = stand.ended(waiting).await;
    ended_as(&ended, Disposition::Cancelled, EndedBy::Operator, "its number was put on the do-not-call list");
    assert_eq!(stand.left_over(), 0, "nothing leaves");
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let mut stand = Stand::of(FILE, &store, Duration::ZERO).await;
    let (_live, waiting) = stand.one_waits().await;
    let ended = stand.ended(waiting).await;
    ended_as(&ended, Disposition::Overloaded, EndedBy::Switch, "no room within 0 s (limits.queue_seconds)");
}

#[tokio::test]
async fn what_a_revoked_key_asked_for_does_not_start_any_more() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let mut stand = Stand::open(&store).await;
    let (_live, waiting) = stand.one_waits().await;
    let (kept, _) = FILE.split_once("[[key]]").expect("the last one");
    stand.parts().directory.replace(Config::parse("t", kept, []).expect("valid").objects);
    let ended = stand.ended(waiting).await;
    ended_as(&ended, Disposition::Cancelled, EndedBy::Operator, "its key was revoked");
}

#[tokio::test]
async fn what_waits_for_a_trunk_that_is_disabled_or_removed_does_not_start_any_more() {
    let disabled = FILE.replace("uri =", "enabled = false\n    uri =");
    let renamed = FILE.replace("\"t\"", "\"other\"");
    for file in [disabled, renamed] {
        let place = Place::sqlite().await;
        let store = place.open().await;
        let mut stand = Stand::open(&store).await;
        let (_live, waiting) = stand.one_waits().await;
        stand.parts().directory.replace(Config::parse("t", &file, []).expect("valid").objects);
        let ended = stand.ended(waiting).await;
        ended_as(&ended, Disposition::Cancelled, EndedBy::Operator, "its trunks were disabled or removed");
        assert_eq!(stand.left_over(), 0, "nothing leaves");
    }
}

/// Its ports are free again.
fn close(stand: &Stand, live: &Origination) {
    stand.parts().media.send(live.leg, trunkline_media::Command::Close).expect("room");
}

#[test]
fn of_several_tenants_none_takes_all_places() {
    let queue = Queue::default();
    let take = |tenant: u64, is_alone: bool, most: usize| {
        std::iter::from_fn(|| queue.reserve(TenantId(tenant), is_alone)).take(most).collect::<Vec<_>>()
    };
    let first = take(1, false, usize::MAX);
    let second = take(2, false, usize::MAX);
    assert_eq!((first.len(), second.len()), (5_000, 5_000));
    drop(second);
    assert!(queue.reserve(TenantId(1), false).is_none());
    drop(first);
    assert_eq!(take(1, true, usize::MAX).len(), 10_000, "who is alone has them all");
}
