//! Whatever happens to calls, and whenever the switch dies over them, the books are right.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// What becomes of one call.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It lives on, until the crash if there is one.
    Lives { answered: bool },
    /// Nobody answers.
    Unanswered,
    /// They talk for so many milliseconds.
    Talks(u64),
    /// Its client goes away while its intent is being written.
    Abandoned,
    /// Not a call: the operator gives so much.
    Credit(i64),
}

/// One run of the switch: what is asked of it at once, and after how many of those it dies.
type Life = (Vec<(u64, Fate)>, usize);

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        any::<bool>().prop_map(|answered| Fate::Lives { answered }),
        Just(Fate::Unanswered),
        (0u64..400_000).prop_map(Fate::Talks),
        Just(Fate::Abandoned),
        (1i64..50_000).prop_map(Fate::Credit),
    ]
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let call = (1u64..400, fate());
    proptest::collection::vec((proptest::collection::vec(call, 1..40), 0usize..40), 1..4)
}

async fn live(till: Arc<Till>, id: u64, seconds: u64, fate: Fate) {
    match fate {
        Fate::Credit(amount) => {
            till.cashier.credit(US, Micros(amount), None).await.expect("stored");
        }
        Fate::Abandoned => {
            let mut slot = till.journal.reserve().expect("room");
            if let Some(record) = hold(&till, &mut slot, id, seconds) {
                let intent = std::pin::pin!(till.journal.intend(slot, record, None));
                let _ = futures_util::poll!(intent);
            }
        }
        Fate::Lives { answered } => {
            if till.dial(id, seconds).await.is_some() && answered {
                till.answer(id);
            }
        }
        Fate::Unanswered => {
            till.dial(id, seconds).await;
            till.end(id, None);
        }
        Fate::Talks(ms) => {
            if till.dial(id, seconds).await.is_some() {
                till.answer(id);
                till.end(id, Some(Duration::from_millis(ms)));
            }
        }
    }
}

/// Runs the lives over one store, each in a runtime that is torn down under it, and looks at the books after each.
fn many_lives(place: &Place, lives: Vec<Life>) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    for (asked, dies_after) in lives {
        place.crash_after(move |store| async move {
            let till = Arc::new(Till::open(store).await);
            let mut tasks = tokio::task::JoinSet::new();
            for (seconds, fate) in asked {
                let id = NEXT.fetch_add(1, Ordering::Relaxed);
                tasks.spawn(live(Arc::clone(&till), id, seconds, fate));
            }
            for _ in 0..dies_after {
                if tasks.join_next().await.is_none() {
                    break;
                }
            }
        });
        place.crash_after(|store| async move { check(&store).await });
    }
    place.crash_after(|store| async move {
        let till = Till::open(store).await;
        till.journal.drained().await;
        check(&till.store).await;
        let account = till.store.account(US).await.expect("readable").expect("opened");
        assert_eq!(account.held, Micros::ZERO, "nothing lives");
        assert_eq!(till.available(), account.available.0, "memory and ledger agree");
        assert_eq!(till.cashier.accounts().counts().1, 0);
        every_call_cost_what_it_should(&till.store).await;
    });
}

async fn every_call_cost_what_it_should(store: &Store) {
    let charged: HashMap<CallId, i64> = ledger(store)
        .await
        .iter()
        .filter(|entry| entry.kind == EntryKind::Charge)
        .filter_map(|entry| Some((entry.call?, -entry.amount.0)))
        .collect();
    let page = store.calls(US, &Default::default(), 10_000, 0).await.expect("readable");
    for record in &page.calls {
        assert_eq!(record.state, CallState::Ended);
        assert_eq!(record.charge, settlement(record));
        let charge = record.charge.unwrap_or_default().0;
        assert_eq!(charged.get(&record.call).copied().unwrap_or(0), charge, "{record:?}");
    }
    assert!(charged.keys().all(|call| page.calls.iter().any(|record| record.call == *call)));
}

fn place(open: impl Future<Output = Place>) -> Place {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(open)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_books_are_right_in_sqlite(lives in lives()) {
        many_lives(&place(Place::sqlite()), lives);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_books_are_right_in_postgresql(lives in lives()) {
        many_lives(&place(Place::postgres()), lives);
    }
}
