//! Money over real stores: calls at once, ends, requests that go away, crashes in between; and what must hold after each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;

mod lives;

use super::*;
use crate::billing::{Ask, settlement};
use crate::config::Config;
use crate::egress::Policy;
use crate::journal::{self, Journal};
use crate::model::{
    ApplicationId, CallEvent, CallFact, CallId, CallRecord, CallState, DialogRecord, Disposition, Entry,
    Idempotency, KeyId, Outcome, SpendControl, Spender, TopUpState,
};
use crate::patience::eventually;
use crate::store::tests::{Place, execute, on_both_engines, record, stall};
use crate::store::{Begun, NewTopUp, Verdict};
use crate::webhook::Wake;

on_both_engines! {
    a_new_account_begins_with_its_opening_balance_and_only_once,
    a_hold_is_committed_with_its_call_and_settled_with_its_end,
    a_hold_without_a_living_call_is_released_at_the_start,
    a_repeated_request_holds_nothing,
    a_days_spending_outlives_a_restart,
    what_was_spent_before_midnight_is_not_charged_to_the_next_day,
    the_ledger_is_only_added_to,
    a_reference_is_credited_once,
    what_is_credited_is_there_even_if_nobody_waits_for_it,
    a_top_up_is_credited_once_however_often_it_is_confirmed,
    a_top_up_whose_commit_had_no_answer_is_credited_once,
    one_reload_at_a_time,
    a_rate_that_a_tenant_set_outlives_a_restart,
    usage_counts_what_ended,
}

const US: TenantId = TenantId(1);
const OPENING: i64 = 200_000;
/// All calls are this one's.
const APPLICATION: ApplicationId = ApplicationId(9);
const DAYS_MOST: SpendControl =
    SpendControl { per_day: Some(Micros(150_000)), per_call: Some(Micros(60_000)) };

/// A cent a minute.
fn billing(more: &str) -> Billing {
    let text = format!(
        "[billing]\nenabled = true\ndefault_balance = \"0.20\"\n{more}\n[[rate]]\nprefix = \"\"\nper_minute = \"0.01\"\n"
    );
    Config::parse("t", &text, []).expect("valid").billing.expect("enabled")
}

/// A switch as far as money goes.
struct Till {
    cashier: Cashier,
    journal: Journal,
    store: Store,
}

impl Till {
    async fn open(store: Store) -> Self {
        let egress = Egress::new(Policy::default()).expect("a client");
        let cashier = Cashier::open(&billing(""), store.clone(), egress).await.expect("opens");
        let journal = Journal::start(store.clone(), journal::Config::default(), Wake::default());
        let till = Self { cashier, journal, store };
        till.recover().await;
        till
    }

    /// What the dialer's recovery does, less the BYEs.
    async fn recover(&self) {
        self.store.release_stray_holds(wall_now()).await.expect("stored");
        for (record, _) in self.store.unfinished().await.expect("readable") {
            self.cashier.seat(record.tenant).await.expect("stored");
            let (call, now) = (record.call, Instant::now());
            let mut slot = self.journal.reserve().expect("room");
            slot.keep(self.cashier.accounts().adopt(&record));
            self.journal.adopt(slot, record);
            let outcome = Outcome::by_switch(Disposition::Interrupted, now, "crashed");
            self.journal.record(CallEvent { call, at: now, fact: CallFact::Ended(Box::new(outcome)) });
        }
        self.cashier.seat(US).await.expect("stored");
    }

    fn ask(&self, seconds: u64) -> Ask {
        let to = "+447386172392".parse().expect("a number");
        let rate = self.cashier.price(US, &to).expect("a rate for everybody");
        Ask {
            tenant: US,
            spenders: vec![(Spender::Application(APPLICATION), DAYS_MOST)],
            rate,
            longest: Duration::from_secs(seconds),
            partial: false,
        }
    }

    /// A call that is on disk and dialling, if it can be paid.
    async fn dial(&self, id: u64, seconds: u64) -> Option<CallRecord> {
        let mut slot = self.journal.reserve().expect("room");
        let record = hold(self, &mut slot, id, seconds)?;
        self.journal.intend(slot, record.clone(), None).await.expect("stored");
        Some(record)
    }

    fn answer(&self, id: u64) {
        self.tell(id, CallFact::Answered { dialog: Box::new(dialog()), recorded: false });
    }

    fn end(&self, id: u64, talked: Option<Duration>) {
        let at = Instant::now();
        let answered_at = talked.map(|_| at);
        let ended_at = at + talked.unwrap_or_default();
        let outcome = Outcome::by_switch(Disposition::Completed, ended_at, "done");
        self.tell(id, CallFact::Ended(Box::new(Outcome { answered_at, ..outcome })));
    }

    fn tell(&self, id: u64, fact: CallFact) {
        self.journal.record(CallEvent { call: call(id), at: Instant::now(), fact });
    }

    fn available(&self) -> i64 {
        self.cashier.accounts().standing(US, wall_now()).expect("seated").available.0
    }
}

fn hold(till: &Till, slot: &mut journal::Slot, id: u64, seconds: u64) -> Option<CallRecord> {
    let held = till.cashier.accounts().hold(wall_now(), &till.ask(seconds)).ok()?;
    let hold = Some(held.hold().clone());
    slot.keep(Some(held));
    let created_at = wall_now();
    let application = Some(APPLICATION);
    Some(CallRecord { hold, created_at, webhook: None, campaign: None, key: None, application, ..record(id) })
}

fn call(id: u64) -> CallId {
    CallId::new(id).expect("a valid id")
}

fn dialog() -> DialogRecord {
    DialogRecord {
        call_id: "a".into(),
        local_tag: "l".into(),
        remote_tag: "r".into(),
        local_uri: "sip:us@here".into(),
        remote_uri: "sip:them@there".into(),
        remote_target: "sip:them@192.0.2.1".into(),
        route_set: vec![],
        local_cseq: 1,
        remote: "192.0.2.1:5060".parse().expect("an address"),
        transport: Some("TLS".into()),
        tls_host: Some("carrier.example".into()),
        trunk: "t1".into(),
        before: None,
    }
}

/// The whole ledger, oldest first.
async fn ledger(store: &Store) -> Vec<Entry> {
    let mut entries = store.entries(US, 100_000, 0).await.expect("readable").entries;
    entries.reverse();
    entries
}

fn amounts(entries: &[Entry]) -> Vec<(EntryKind, i64)> {
    entries.iter().map(|entry| (entry.kind, entry.amount.0)).collect()
}

/// What holds of every ledger at any time: its sum is the balance, no prefix of it is below zero, what is held is what the holds
/// say, a call is held, released and charged at most once, and never charged more than was held; a call never has more kept back
/// than one may cost, and all of a day's together not more than they may.
async fn check(store: &Store) {
    let entries = ledger(store).await;
    let account = store.account(US).await.expect("readable").expect("opened");
    let mut sum = 0;
    let mut calls: HashMap<CallId, HashMap<EntryKind, i64>> = HashMap::new();
    for entry in &entries {
        sum += entry.amount.0;
        assert!(sum >= 0, "below zero at {entry:?}");
        if let Some(call) = entry.call {
            let twice = calls.entry(call).or_default().insert(entry.kind, entry.amount.0);
            assert_eq!(twice, None, "{entry:?}");
        }
    }
    assert_eq!(account.available.0, sum, "the balance is the sum of the ledger");
    let of = |call: &HashMap<EntryKind, i64>, kind| call.get(&kind).copied().unwrap_or(0);
    let (mut open, mut spent) = (0, 0);
    for call in calls.values() {
        let (held, released) = (-of(call, EntryKind::Hold), of(call, EntryKind::Release));
        let charged = -of(call, EntryKind::Charge);
        match call.contains_key(&EntryKind::Release) {
            true => assert_eq!(held, released),
            false => open += held,
        }
        assert!((0..=held).contains(&charged));
        spent += charged;
        assert!(held <= DAYS_MOST.per_call.expect("a limit").0, "{call:?}");
        assert!(charged == 0 || call.contains_key(&EntryKind::Release));
    }
    assert_eq!(account.held.0, open);
    // Midnight brings another day's money.
    let days = entries.iter().map(|entry| entry.created_at.0 / DAY_MS);
    if days.clone().min() == days.max() {
        assert!(spent + open <= DAYS_MOST.per_day.expect("a limit").0, "{spent} spent, {open} held");
    }
}

async fn a_new_account_begins_with_its_opening_balance_and_only_once(place: Place) {
    for _ in 0..2 {
        let till = Till::open(place.open().await).await;
        assert_eq!(till.available(), OPENING);
        assert_eq!(amounts(&ledger(&till.store).await), [(EntryKind::Credit, OPENING)]);
        till.store.close().await;
    }
}

async fn a_hold_is_committed_with_its_call_and_settled_with_its_end(place: Place) {
    let till = Till::open(place.open().await).await;
    let placed = till.dial(1, 300).await.expect("covered");
    assert_eq!(till.store.call(US, call(1)).await.expect("readable"), Some(placed.clone()));
    assert_eq!(till.store.account(US).await.expect("readable").expect("opened").held, Micros(50_000));
    assert_eq!(till.available(), OPENING - 50_000);
    till.answer(1);
    till.end(1, Some(Duration::from_secs(61)));
    till.dial(2, 60).await.expect("covered");
    till.end(2, None);
    till.journal.drained().await;
    let expected = [
        (EntryKind::Credit, OPENING),
        (EntryKind::Hold, -50_000),
        (EntryKind::Hold, -10_000),
        (EntryKind::Release, 50_000),
        (EntryKind::Charge, -20_000),
        (EntryKind::Release, 10_000),
    ];
    let entries = ledger(&till.store).await;
    let mut sorted = [amounts(&entries), expected.to_vec()];
    sorted.iter_mut().for_each(|list| list.sort_by_key(|(kind, amount)| (kind.as_str(), *amount)));
    assert_eq!(sorted[0], sorted[1]);
    check(&till.store).await;
    assert_eq!(till.available(), OPENING - 20_000);
    let charges = async |id| till.store.call(US, call(id)).await.expect("readable").expect("there").charge;
    assert_eq!((charges(1).await, charges(2).await), (Some(Micros(20_000)), Some(Micros::ZERO)));
}

async fn a_hold_without_a_living_call_is_released_at_the_start(place: Place) {
    let till = Till::open(place.open().await).await;
    let sql = "INSERT INTO ledger (tenant, kind, amount, call, created_at) VALUES (1, 'hold', -30000, 77, 0)";
    execute(&till.store, sql).await;
    assert_eq!(till.store.account(US).await.expect("readable").expect("opened").held, Micros(30_000));
    till.store.close().await;
    drop(till);
    let till = Till::open(place.open().await).await;
    assert_eq!(till.available(), OPENING);
    check(&till.store).await;
    assert_eq!(till.store.release_stray_holds(wall_now()).await.expect("stored"), 0);
}

async fn a_repeated_request_holds_nothing(place: Place) {
    let till = Till::open(place.open().await).await;
    let promise = || {
        let response = crate::model::StoredResponse { status: 201, body: "{}".into() };
        Some((Idempotency { key: "k".into(), body_hash: [1; 32] }, response))
    };
    for id in 1..=3 {
        let mut slot = till.journal.reserve().expect("room");
        let record = hold(&till, &mut slot, id, 60).expect("covered");
        let record = CallRecord { key: Some(KeyId(7)), ..record };
        till.journal.intend(slot, record, promise()).await.expect("stored");
    }
    assert_eq!(till.available(), OPENING - 10_000);
    assert_eq!(ledger(&till.store).await.len(), 2);
    check(&till.store).await;
}

async fn a_days_spending_outlives_a_restart(place: Place) {
    let till = Till::open(place.open().await).await;
    let before = wall_now();
    till.dial(1, 300).await.expect("covered");
    till.answer(1);
    till.end(1, Some(Duration::from_secs(1)));
    till.journal.drained().await;
    till.store.close().await;
    drop(till);
    let till = Till::open(place.open().await).await;
    let now = wall_now();
    let standing = till.cashier.accounts().standing(US, now).expect("seated");
    let application = till.store.charged_since(before).await.expect("readable");
    // Midnight brings another day.
    if before.0 / DAY_MS == now.0 / DAY_MS {
        assert_eq!(standing.spent_today, Micros(10_000));
        let by: Vec<_> = application.iter().map(|one| (one.key, one.application, one.amount)).collect();
        assert_eq!(by, [(None, Some(APPLICATION), Micros(10_000))]);
        // So does the application's: 140,000 of its 150,000 are left, in calls of at most 60,000.
        let ask = till.ask(300);
        let most = |limit| Ask { spenders: vec![(ask.spenders[0].0, limit)], ..ask.clone() };
        let limit = |per_day| SpendControl { per_day: Some(Micros(per_day)), per_call: None };
        assert_eq!(till.cashier.accounts().look(now, &most(limit(19_999))), Err(Refusal::SpendControl));
        assert_eq!(till.cashier.accounts().look(now, &most(limit(20_000))), Ok(()));
    }
}

async fn what_was_spent_before_midnight_is_not_charged_to_the_next_day(place: Place) {
    let till = Till::open(place.open().await).await;
    till.dial(1, 300).await.expect("covered");
    till.answer(1);
    till.end(1, Some(Duration::from_secs(1)));
    till.journal.drained().await;
    // A switch that began on the day before, and sees the tenant's first call today.
    let yesterday = Timestamp(wall_now().0 - DAY_MS);
    let egress = Egress::new(Policy::default()).expect("a client");
    let cashier = Cashier::open_at(yesterday, &billing(""), till.store.clone(), egress).await.expect("opens");
    cashier.seat(US).await.expect("stored");
    let spent = |at| cashier.accounts().standing(US, at).expect("seated").spent_today;
    assert_eq!((spent(yesterday), spent(wall_now())), (Micros(10_000), Micros::ZERO));
}

async fn the_ledger_is_only_added_to(place: Place) {
    let till = Till::open(place.open().await).await;
    for sql in ["UPDATE ledger SET amount = 1", "DELETE FROM ledger"] {
        let attempt = {
            let store = till.store.clone();
            tokio::spawn(async move { execute(&store, sql).await })
        };
        assert!(attempt.await.is_err(), "{sql}");
    }
    assert_eq!(ledger(&till.store).await.len(), 1);
}

async fn a_reference_is_credited_once(place: Place) {
    let till = Till::open(place.open().await).await;
    let credit = async |reference: Option<&str>| {
        till.cashier.credit(US, Micros(5), reference.map(String::from)).await.expect("stored")
    };
    assert!(credit(Some("invoice 7")).await);
    assert!(!credit(Some("invoice 7")).await);
    assert!(credit(None).await && credit(None).await);
    assert_eq!(till.available(), OPENING + 15);
    check(&till.store).await;
}

async fn what_is_credited_is_there_even_if_nobody_waits_for_it(place: Place) {
    let till = Till::open(place.open().await).await;
    let stalled = stall(&till.store).await;
    // The operator goes away while the database takes its time.
    assert!(till.cashier.credit(US, Micros(5), None).now_or_never().is_none());
    drop(stalled);
    eventually("it is there", async || till.available() == OPENING + 5).await;
    check(&till.store).await;
}

fn new_top_up(id: &str, auto: bool) -> NewTopUp {
    NewTopUp { id: id.into(), tenant: US, amount: Micros(1_000), auto, promise: None, at: wall_now() }
}

async fn a_top_up_is_credited_once_however_often_it_is_confirmed(place: Place) {
    let till = Till::open(place.open().await).await;
    let promise = |body| Some((KeyId(7), Idempotency { key: "k".into(), body_hash: [body; 32] }));
    let first = NewTopUp { promise: promise(1), ..new_top_up("tu_1", false) };
    assert_eq!(till.store.begin_top_up(&first).await.expect("stored"), Begun::New);
    let again = NewTopUp { id: "tu_2".into(), ..first.clone() };
    let Begun::Same(same) = till.store.begin_top_up(&again).await.expect("stored") else {
        panic!("the same")
    };
    assert_eq!((same.id.as_str(), same.state), ("tu_1", TopUpState::Pending));
    let other = NewTopUp { promise: promise(2), ..again.clone() };
    assert_eq!(till.store.begin_top_up(&other).await.expect("stored"), Begun::Conflict);
    let settle = async || till.cashier.settle(same.clone(), &Verdict::Confirmed).await.expect("stored");
    let (a, b, c) = tokio::join!(settle(), settle(), settle());
    assert_eq!([a.state, b.state, c.state], [TopUpState::Confirmed; 3]);
    let late = Verdict::Declined("late".into());
    assert_eq!(till.store.settle_top_up("tu_1", &late, wall_now()).await.expect("stored"), None);
    assert_eq!(till.available(), OPENING + 1_000);
    check(&till.store).await;
    // Who was declined may try again with the same key.
    let third = NewTopUp { id: "tu_3".into(), promise: promise(2), ..again };
    let third = NewTopUp {
        promise: third.promise.map(|(key, _)| (key, Idempotency { key: "l".into(), body_hash: [3; 32] })),
        ..third
    };
    till.store.begin_top_up(&third).await.expect("stored");
    till.store.settle_top_up("tu_3", &Verdict::Declined("no".into()), wall_now()).await.expect("stored");
    let fourth = NewTopUp { id: "tu_4".into(), ..third };
    assert_eq!(till.store.begin_top_up(&fourth).await.expect("stored"), Begun::New);
    assert_eq!(till.store.pending_top_ups(10).await.expect("readable").len(), 1);
}

async fn a_top_up_whose_commit_had_no_answer_is_credited_once(place: Place) {
    let till = Till::open(place.open().await).await;
    for id in ["tu_1", "tu_2"] {
        till.store.begin_top_up(&new_top_up(id, false)).await.expect("stored");
    }
    let waiting = till.store.pending_top_ups(10).await.expect("readable");
    let settle = async |index: usize| till.cashier.settle(waiting[index].clone(), &Verdict::Confirmed).await;
    execute(&till.store, "ALTER TABLE ledger RENAME TO elsewhere").await;
    assert!(settle(0).await.is_err());
    execute(&till.store, "ALTER TABLE elsewhere RENAME TO ledger").await;
    // It went through all the same.
    execute(&till.store, "UPDATE top_ups SET state = 'confirmed', settled_at = 1 WHERE id = 'tu_1'").await;
    let credit = "INSERT INTO ledger (tenant, kind, amount, reference, created_at) VALUES (1, 'top_up', 1000, 'tu_1', 1)";
    execute(&till.store, credit).await;
    assert_eq!(settle(1).await.expect("stored").state, TopUpState::Confirmed);
    assert_eq!(till.available(), OPENING + 2_000, "the first is entered before the next is settled");
    assert_eq!(settle(0).await.expect("readable").state, TopUpState::Confirmed);
    assert_eq!(till.available(), OPENING + 2_000);
    check(&till.store).await;
    // It did not go through.
    till.store.begin_top_up(&new_top_up("tu_3", false)).await.expect("stored");
    let third = till.store.top_up("tu_3").await.expect("readable").expect("there");
    execute(&till.store, "ALTER TABLE ledger RENAME TO elsewhere").await;
    assert!(till.cashier.settle(third.clone(), &Verdict::Confirmed).await.is_err());
    execute(&till.store, "ALTER TABLE elsewhere RENAME TO ledger").await;
    till.cashier.settle(third, &Verdict::Confirmed).await.expect("stored");
    assert_eq!(till.available(), OPENING + 3_000);
    check(&till.store).await;
}

async fn one_reload_at_a_time(place: Place) {
    let till = Till::open(place.open().await).await;
    let begin = async |id| till.store.begin_top_up(&new_top_up(id, true)).await.expect("stored");
    assert_eq!(begin("tu_1").await, Begun::New);
    assert_eq!(begin("tu_2").await, Begun::InFlight);
    till.store.settle_top_up("tu_1", &Verdict::Confirmed, wall_now()).await.expect("stored");
    assert_eq!(begin("tu_3").await, Begun::New);
}

async fn a_rate_that_a_tenant_set_outlives_a_restart(place: Place) {
    let till = Till::open(place.open().await).await;
    let rate = Rate { prefix: "44".into(), per_minute: Micros(7), ..till.ask(60).rate };
    let listed = ListedRate { id: 0, tenant: None, rate: rate.clone(), valid_from: None, valid_until: None };
    let refused = till.cashier.add_rate(TenantId(2), listed.clone()).await;
    assert!(matches!(refused, Err(RateError::NotAllowed)));
    till.cashier.add_rate(US, listed).await.expect("the operator's own");
    assert_eq!(till.ask(60).rate, rate);
    till.store.close().await;
    drop(till);
    assert_eq!(Till::open(place.open().await).await.ask(60).rate, rate);
}

async fn usage_counts_what_ended(place: Place) {
    let till = Till::open(place.open().await).await;
    let begun = wall_now();
    for (id, talked) in [(1, Some(61)), (2, Some(10)), (3, None)] {
        till.dial(id, 120).await.expect("covered");
        till.end(id, talked.map(Duration::from_secs));
    }
    till.dial(4, 60).await.expect("covered");
    till.end(5, None);
    settled(&till, 3).await;
    let usage = till.store.usage(US, begun, Timestamp(begun.0 + DAY_MS)).await.expect("readable");
    assert_eq!((usage.calls, usage.answered, usage.seconds, usage.billable_minutes), (3, 2, 71, 3));
    assert_eq!(usage.charged, Micros(30_000));
    let empty = till.store.usage(US, Timestamp(0), Timestamp(1)).await.expect("readable");
    assert_eq!(empty, crate::model::Usage::default());
}

/// Waits until the ends of so many calls are on disk.
async fn settled(till: &Till, ends: usize) {
    let is_released = |entry: &&Entry| entry.kind == EntryKind::Release;
    let are_settled = async || ledger(&till.store).await.iter().filter(is_released).count() >= ends;
    eventually("the ends are on disk", are_settled).await;
}
