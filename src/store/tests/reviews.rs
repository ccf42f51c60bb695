//! Reviews of calls, and the events that wait for them.

use serde_json::{Map, json};

use super::*;
use crate::model::review::{Findings, Progress, Sentiment, Tried};
use crate::store::{ReviewClaim, ReviewNext, ReviewWrite};

on_both_engines! {
    an_event_waits_for_its_calls_review_and_is_owed_once,
    an_event_waits_no_longer_than_its_time_and_what_comes_later_is_kept,
    a_try_whose_lease_lapsed_has_nothing_more_to_say,
    words_outlive_the_try_that_brought_them,
    what_was_under_way_in_a_crash_is_due_again,
    a_tenants_reviews_leave_room_for_the_next_tenants,
    nothing_waits_where_nothing_is_to_be_gone_over,
    whatever_happens_meanwhile_an_event_is_owed_in_time_and_delivered_once,
}

const HOLD_MS: i64 = 30_000;
const LEASE: Duration = Duration::from_secs(600);
/// When the calls of these tests end.
const END: i64 = NOW.0 + 3;

fn pending() -> Review {
    let hold_ms = u32::try_from(HOLD_MS).expect("small");
    Review {
        hold_ms,
        transcription: None,
        analysis: Some(Progress::Pending),
        findings: None,
        takes: Takes::default(),
        tried: Tried::default(),
    }
}

fn found() -> Review {
    let fields = Map::from_iter([("day".to_owned(), json!("Tuesday\0 \"noon\""))]);
    let summary = "They booked.".to_owned();
    let findings = Findings { summary, sentiment: Sentiment::Positive, success: Some(true), fields };
    Review { analysis: Some(Progress::Done), findings: Some(findings), ..pending() }
}

/// A call that is to be gone over has begun and ended.
async fn over(store: &Store, call: u64) {
    intend(store, CallRecord { review: Some(pending()), ..record(call) }).await;
    assert_eq!(end(store, CallRecord { review: Some(pending()), ..ended(call) }).await, 1);
}

async fn take(store: &Store, at: i64) -> Vec<ReviewClaim> {
    store.claim_reviews(Timestamp(at), LEASE, 10).await.expect("readable")
}

async fn write(store: &Store, claim: &ReviewClaim, review: Review, next: ReviewNext, at: i64) -> bool {
    let write = ReviewWrite {
        call: claim.record.call,
        attempt: claim.attempt,
        review,
        transcript: None,
        next,
        at: Timestamp(at),
    };
    store.write_review(write).await.expect("stored")
}

async fn an_event_waits_for_its_calls_review_and_is_owed_once(place: Place) {
    let store = place.open().await;
    let owed = store.reviews_owed();
    over(&store, 1).await;
    assert!(owed.has_changed().expect("open"));
    assert_eq!(read(&store, 1).await.and_then(|call| call.review), Some(pending()));
    assert_eq!(claim(&store, END + HOLD_MS - 1, 10).await, [], "it waits");
    assert_eq!(store.next_due().await.expect("readable"), Some(Timestamp(END + HOLD_MS)));

    assert_eq!(store.next_review().await.expect("readable"), Some(Timestamp(END)));
    assert_eq!(take(&store, END - 1).await, []);
    let claimed = take(&store, END).await.remove(0);
    assert_eq!((claimed.attempt, claimed.record.call), (1, record(1).call));
    assert_eq!(take(&store, END + 1).await, [], "it is somebody's");

    let again = ReviewNext::Again(Timestamp(END + 2_000));
    assert!(write(&store, &claimed, pending(), again, END + 10).await);
    assert_eq!(claim(&store, END + 20, 10).await, [], "it waits for the next try");
    assert_eq!(store.next_review().await.expect("readable"), Some(Timestamp(END + 2_000)));
    let claimed = take(&store, END + 2_000).await.remove(0);
    assert_eq!(claimed.attempt, 2);
    assert!(write(&store, &claimed, found(), ReviewNext::Over, END + 3_000).await);
    assert_eq!(store.next_review().await.expect("readable"), None);

    assert_eq!(claim(&store, END + 2_999, 10).await, []);
    let mut owed = claim(&store, END + 3_000, 10).await;
    assert_eq!(owed.len(), 1);
    let owed = owed.remove(0);
    let told = owed.record.findings().expect("found").clone();
    assert_eq!((told.summary.as_str(), told.success), ("They booked.", Some(true)));
    let day = told.fields["day"].as_str().expect("text").replace(['\0', '\u{fffd}'], "");
    assert_eq!(day, "Tuesday \"noon\"");
    store.settle(settlement(&owed, Settled::Delivered)).await.expect("stored");
    assert!(!write(&store, &claimed, pending(), ReviewNext::Over, END + 4_000).await, "it is over");
    assert_eq!(claim(&store, END + 10 * HOLD_MS, 10).await, [], "once");
}

async fn an_event_waits_no_longer_than_its_time_and_what_comes_later_is_kept(place: Place) {
    let store = place.open().await;
    over(&store, 1).await;
    let claimed = take(&store, END).await.remove(0);
    let owed = claim(&store, END + HOLD_MS, 10).await;
    assert_eq!(owed.len(), 1, "its time is over");
    assert_eq!(owed[0].record.findings(), None);
    // A try of it is under way while the review ends.
    assert!(write(&store, &claimed, found(), ReviewNext::Over, END + HOLD_MS + 5).await);
    assert_eq!(claim(&store, END + HOLD_MS + 5, 10).await, [], "it is being delivered already");
    let late = Settled::Retry { due_at: Timestamp(END + HOLD_MS + 9_000), reason: "HTTP 500".into() };
    store.settle(settlement(&owed[0], late)).await.expect("stored");
    assert_eq!(claim(&store, END + HOLD_MS + 8_999, 10).await, [], "nor is its backoff cut short");
    let kept = read(&store, 1).await.expect("there");
    assert!(kept.findings().is_some() && kept.analysis() == Some(&Progress::Done));
}

async fn a_try_whose_lease_lapsed_has_nothing_more_to_say(place: Place) {
    let store = place.open().await;
    over(&store, 1).await;
    let first = take(&store, END).await.remove(0);
    let lapsed = END + i64::try_from(LEASE.as_millis()).expect("small");
    assert_eq!(take(&store, lapsed - 1).await, []);
    assert_eq!(store.next_review().await.expect("readable"), Some(Timestamp(lapsed)));
    let second = take(&store, lapsed).await.remove(0);
    assert_eq!(second.attempt, 2);
    for next in [ReviewNext::GoesOn, ReviewNext::Again(Timestamp(0)), ReviewNext::Over] {
        assert!(!write(&store, &first, found(), next, lapsed).await, "{next:?}");
    }
    assert_eq!(read(&store, 1).await.and_then(|call| call.review), Some(pending()));
    assert!(write(&store, &second, found(), ReviewNext::Over, lapsed).await);
}

async fn words_outlive_the_try_that_brought_them(place: Place) {
    let store = place.open().await;
    let asked = Review { transcription: Some(Progress::Pending), ..pending() };
    intend(&store, record(1)).await;
    let silent = CallRecord { review: Some(asked.clone()), transcript: Vec::new(), ..ended(1) };
    assert_eq!(end(&store, silent).await, 1);
    let claimed = take(&store, END).await.remove(0);
    let said = vec![Said { by: Speaker::Agent, at_ms: 7, text: "Good \"day\".".into() }];
    let heard = ReviewWrite {
        call: claimed.record.call,
        attempt: 1,
        review: Review { transcription: Some(Progress::Done), ..asked },
        transcript: Some(said.clone()),
        next: ReviewNext::GoesOn,
        at: Timestamp(END + 5),
    };
    assert!(store.write_review(heard).await.expect("stored"));
    assert_eq!(claim(&store, END + 10, 10).await, [], "what they mean is not known yet");
    assert_eq!(take(&store, END + 10).await, [], "and the try goes on");
    let review = read(&store, 1).await.and_then(|call| call.review).expect("one");
    assert!(write(&store, &claimed, review, ReviewNext::Again(Timestamp(END + 20)), END + 11).await);
    let next = take(&store, END + 20).await.remove(0);
    assert_eq!(next.record.transcript, said);
    assert_eq!(next.record.transcription(), Some(&Progress::Done));
}

/// A switch has eight places.
async fn a_tenants_reviews_leave_room_for_the_next_tenants(place: Place) {
    let store = place.open().await;
    // Whoever has the higher id has waited longer.
    let owe = async |tenant: u64, calls: std::ops::RangeInclusive<u64>| {
        for call in calls {
            let ours = |record| CallRecord { tenant: TenantId(tenant), review: Some(pending()), ..record };
            intend(&store, ours(record(call))).await;
            let ended_at = Some(Timestamp(END - i64::try_from(call).expect("small")));
            assert_eq!(end(&store, CallRecord { ended_at, ..ours(ended(call)) }).await, 1);
        }
    };
    let take = async |free: u32, at: i64| {
        let claims = store.claim_reviews(Timestamp(at), LEASE, free).await.expect("readable");
        claims.iter().map(|claim| claim.record.call.get()).collect::<Vec<_>>()
    };
    owe(1, 1..=9).await;
    assert_eq!(take(8, END).await, [9, 8, 7, 6], "half of them, though it is alone");
    assert_eq!(take(4, END).await, [0; 0]);
    owe(2, 11..=13).await;
    assert_eq!(take(4, END).await, [13, 12], "half of what is left");
    assert_eq!(take(2, END).await, [0; 0]);
    owe(3, 21..=22).await;
    assert_eq!(take(2, END).await, [22]);
    assert_eq!(take(1, END).await, [0; 0], "the last is nobody's second");
    owe(4, 31..=31).await;
    assert_eq!(take(1, END).await, [31]);
    assert_eq!(take(0, END).await, [0; 0]);

    // Leases that lapsed take no room; each has its turn before anybody has its second.
    let lapsed = END + i64::try_from(LEASE.as_millis()).expect("small");
    assert_eq!(take(4, lapsed).await, [31, 22, 13, 9]);
    assert_eq!(take(4, lapsed).await, [21, 12, 8], "and one is left for who comes next");
}

async fn what_was_under_way_in_a_crash_is_due_again(place: Place) {
    place.crash_after(|store| async move {
        over(&store, 1).await;
        over(&store, 2).await;
        assert_eq!(take(&store, END).await.len(), 2);
    });
    let store = place.open().await;
    assert_eq!(take(&store, END + 1).await, [], "leased, as far as the row knows");
    store.release_reviews().await.expect("stored");
    let claimed = take(&store, END + 1).await;
    assert_eq!(claimed.iter().map(|claim| claim.attempt).collect::<Vec<_>>(), [2, 2]);
    assert!(write(&store, &claimed[0], found(), ReviewNext::Over, END + 50).await);
    let owed = claim(&store, END + 50, 10).await;
    assert_eq!(owed.iter().map(|owed| owed.call).collect::<Vec<_>>(), [record(1).call]);
    // The other one never ends: its event is due by itself.
    let owed = claim(&store, END + HOLD_MS, 10).await;
    assert_eq!(owed.iter().map(|owed| owed.call).collect::<Vec<_>>(), [record(2).call]);
}

/// What happens to one call's review and event, one thing after another, in any order: the event is never delivered before the
/// review is over or the hold is, it is due by then, and it is delivered once. A failure prints its seed.
async fn whatever_happens_meanwhile_an_event_is_owed_in_time_and_delivered_once(place: Place) {
    const SEEDS: u64 = 60;
    let store = place.open().await;
    for seed in 1..=SEEDS {
        let mut random = Random(seed);
        over(&store, seed).await;
        let ours =
            |claims: Vec<ReviewClaim>| claims.into_iter().find(|claim| claim.record.call.get() == seed);
        let (mut at, mut is_over, mut delivered, mut trial) = (END, false, 0, None);
        while delivered == 0 {
            at += i64::try_from(random.below(20_000)).expect("small");
            let held = !is_over && at < END + HOLD_MS;
            match random.below(6) {
                0 => trial = ours(take(&store, at).await).or(trial),
                1 => store.release_reviews().await.expect("stored"),
                2 => {
                    let soon = ReviewNext::Again(Timestamp(at + 3_000));
                    if let Some(trial) = trial.take() {
                        write(&store, &trial, pending(), soon, at).await;
                    }
                }
                3 => {
                    if let Some(trial) = &trial {
                        is_over |= write(&store, trial, found(), ReviewNext::Over, at).await;
                    }
                }
                _ => {
                    let due = store.next_due().await.expect("readable").expect("it is owed");
                    assert!(due.0 >= END, "seed {seed}");
                    for owed in claim(&store, at, 10).await {
                        assert!(!held, "seed {seed}: delivered {} ms after the end", at - END);
                        assert_eq!(owed.record.findings().is_some(), is_over, "seed {seed}");
                        store.settle(settlement(&owed, Settled::Delivered)).await.expect("stored");
                        delivered += 1;
                    }
                    let was_due = is_over || at >= END + HOLD_MS;
                    assert_eq!(delivered == 1, was_due, "seed {seed} at {}", at - END);
                }
            }
        }
        // Whatever comes of the review from now on, nothing more is owed.
        if let Some(trial) = ours(take(&store, at + 10_000_000).await) {
            assert!(write(&store, &trial, found(), ReviewNext::Over, at + 10_000_000).await);
        }
        assert_eq!(claim(&store, at + 20_000_000, 10).await, [], "seed {seed}");
        assert_eq!(store.next_review().await.expect("readable"), None, "seed {seed}");
    }
}

/// Xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
        for shift in [13, 7, 17] {
            self.0 ^= self.0 << shift;
            self.0 ^= self.0 >> (shift / 2 + 3);
        }
        self.0 % limit
    }
}

async fn nothing_waits_where_nothing_is_to_be_gone_over(place: Place) {
    let store = place.open().await;
    let owed = store.reviews_owed();
    let failed = Review { analysis: Some(Progress::Failed("why".into())), ..pending() };
    let at_once = Review { hold_ms: 0, ..pending() };
    for (call, review) in [(1, None), (2, Some(failed)), (3, Some(at_once))] {
        intend(&store, record(call)).await;
        assert_eq!(end(&store, CallRecord { review, ..ended(call) }).await, 1);
        assert_eq!(claim(&store, END, 10).await.len(), 1, "{call}");
    }
    assert_eq!(take(&store, END).await.len(), 1, "the last one alone");
    assert!(owed.has_changed().expect("open"));
    // A second end brings nothing to go over.
    assert_eq!(end(&store, CallRecord { review: Some(pending()), ..ended(1) }).await, 0);
    assert_eq!(take(&store, END + 1).await, []);
}
