use super::purse::DAY_MS;
use super::*;
use crate::model::{ApplicationId, KeyId};

const US: TenantId = TenantId(1);
const KEY: Spender = Spender::Key(KeyId(7));
const APPLICATION: Spender = Spender::Application(ApplicationId(7));
const NOON: Timestamp = Timestamp(DAY_MS / 2);

/// A cent a minute, billed by the minute; calls of at most five.
fn ask() -> Ask {
    let rate = Rate {
        prefix: String::new(),
        per_minute: Micros(10_000),
        first_interval: 60,
        next_interval: 60,
        minimum: Micros::ZERO,
        connection_fee: Micros::ZERO,
    };
    Ask {
        tenant: US,
        spenders: vec![(KEY, SpendControl::default())],
        rate,
        longest: Duration::from_secs(300),
        partial: false,
    }
}

fn with(available: i64) -> Accounts {
    let accounts = Accounts::default();
    accounts.seat(Seat { tenant: US, available: Micros(available), reload: None });
    accounts
}

fn available(accounts: &Accounts) -> i64 {
    accounts.standing(US, NOON).expect("seated").available.0
}

#[test]
fn a_hold_is_what_the_longest_call_costs_and_what_was_not_spent_comes_back() {
    let accounts = with(100_000);
    let mut held = accounts.hold(NOON, &ask()).expect("covered");
    assert_eq!((held.hold().amount, held.lasts()), (Micros(50_000), Duration::from_secs(300)));
    assert_eq!(available(&accounts), 50_000);
    held.settle(Micros(20_000), NOON);
    drop(held);
    let standing = accounts.standing(US, NOON).expect("seated");
    assert_eq!((standing.available, standing.held, standing.holds), (Micros(80_000), Micros::ZERO, 0));
    assert_eq!((standing.spent_today, accounts.counts()), (Micros(20_000), (20_000, 0)));
}

#[test]
fn a_hold_takes_what_is_left_and_the_call_lasts_as_long_as_that() {
    let accounts = with(25_000);
    let held = accounts.hold(NOON, &ask()).expect("two minutes");
    assert_eq!((held.hold().amount, held.lasts()), (Micros(25_000), Duration::from_secs(120)));
    assert_eq!(accounts.hold(NOON, &ask()).err(), Some(Refusal::InsufficientBalance));
    drop(held);
    assert_eq!(available(&accounts), 25_000, "nobody answered");
}

#[test]
fn the_first_interval_must_be_covered_unless_any_money_suffices() {
    let accounts = with(9_999);
    assert_eq!(accounts.look(NOON, &ask()), Err(Refusal::InsufficientBalance));
    let mut held = accounts.hold(NOON, &Ask { partial: true, ..ask() }).expect("some money");
    assert_eq!((held.hold().amount, held.lasts()), (Micros(9_999), Duration::from_secs(60)));
    held.settle(Micros(10_000), NOON);
    drop(held);
    assert_eq!(available(&accounts), 0, "never below zero");
    let refused = accounts.hold(NOON, &Ask { partial: true, ..ask() }).err();
    assert_eq!(refused, Some(Refusal::InsufficientBalance));
}

#[test]
fn a_call_costs_no_more_than_its_control_allows() {
    let accounts = with(1_000_000);
    let control = |micros| SpendControl { per_call: Some(Micros(micros)), per_day: None };
    accounts.set_control(control(30_000));
    let own = Ask { spenders: vec![(KEY, control(20_000))], ..ask() };
    assert_eq!(accounts.hold(NOON, &own).expect("covered").hold().amount, Micros(20_000));
    let other = Ask { spenders: vec![(Spender::Key(KeyId(8)), SpendControl::default())], ..ask() };
    assert_eq!(accounts.hold(NOON, &other).expect("covered").hold().amount, Micros(30_000));
    accounts.set_control(control(9_999));
    assert!(matches!(accounts.hold(NOON, &ask()), Err(Refusal::SpendControl)));
}

#[test]
fn a_days_control_counts_what_is_held_and_what_was_spent_and_forgets_it_at_midnight() {
    let accounts = with(1_000_000);
    let control = SpendControl { per_call: None, per_day: Some(Micros(55_000)) };
    let ask = || Ask { spenders: vec![(KEY, control)], ..ask() };
    let mut held = accounts.hold(NOON, &ask()).expect("covered");
    assert!(matches!(accounts.look(NOON, &ask()), Err(Refusal::SpendControl)), "5,000 are left");
    held.settle(Micros(40_000), NOON);
    drop(held);
    assert_eq!(accounts.hold(NOON, &ask()).expect("15,000 are left").hold().amount, Micros(15_000));
    accounts.restore_spend(US, &[KEY], Micros(10_000), NOON);
    assert!(matches!(accounts.look(NOON, &ask()), Err(Refusal::SpendControl)));
    accounts.look(Timestamp(DAY_MS), &ask()).expect("another day");
}

#[test]
fn the_keys_of_one_application_share_what_it_may_spend_a_day() {
    let accounts = with(1_000_000);
    let day = SpendControl { per_call: None, per_day: Some(Micros(60_000)) };
    let by = |key: u64| {
        let own = (Spender::Key(KeyId(key)), SpendControl { per_call: None, per_day: Some(Micros(50_000)) });
        Ask { spenders: vec![own, (APPLICATION, day)], ..ask() }
    };
    let mut first = accounts.hold(NOON, &by(7)).expect("both have room");
    assert_eq!(first.hold().amount, Micros(50_000));
    let second = accounts.hold(NOON, &by(8)).expect("a cent is left of the application's");
    assert_eq!(second.hold().amount, Micros(10_000));
    assert!(matches!(accounts.hold(NOON, &by(9)), Err(Refusal::SpendControl)));
    first.settle(Micros(20_000), NOON);
    drop(first);
    assert_eq!(accounts.hold(NOON, &by(9)).expect("three cents came back").hold().amount, Micros(30_000));
    // An application and a key of the same id are two spenders.
    accounts.restore_spend(US, &[KEY], Micros(30_000), NOON);
    assert!(matches!(accounts.look(NOON, &by(7)), Err(Refusal::SpendControl)));
    accounts.look(NOON, &by(8)).expect("the application has 30,000 left");
}

#[test]
fn holds_at_once_never_keep_back_more_than_a_day_allows() {
    let accounts = with(1_000_000_000);
    let most = Micros(1_234_567);
    let day = SpendControl { per_call: None, per_day: Some(most) };
    let held: Vec<Held> = std::thread::scope(|scope| {
        let work = |key: u64| {
            let own = Ask { spenders: vec![(Spender::Key(KeyId(key)), day), (APPLICATION, day)], ..ask() };
            let accounts = &accounts;
            scope.spawn(move || (0..100).filter_map(|_| accounts.hold(NOON, &own).ok()).collect::<Vec<_>>())
        };
        let threads = [1, 2, 3, 4].map(work);
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let sum: i64 = held.iter().map(|held| held.hold().amount.0).sum();
    // 24 whole calls, one of 34,567; nothing is left for the first minute of another.
    assert_eq!((sum, held.len()), (most.0, 25));
}

#[test]
fn spend_controls_are_looked_at_before_the_balance() {
    let accounts = with(0);
    assert_eq!(accounts.look(NOON, &ask()), Err(Refusal::InsufficientBalance));
    accounts.set_control(SpendControl { per_call: Some(Micros(1)), per_day: None });
    assert!(matches!(accounts.look(NOON, &ask()), Err(Refusal::SpendControl)));
}

#[test]
fn an_account_that_is_here_is_not_taken_anew_and_one_that_is_not_pays_nothing() {
    let accounts = with(10_000);
    accounts.seat(Seat { tenant: US, available: Micros(99), reload: None });
    assert_eq!(available(&accounts), 10_000);
    let strange = Ask { tenant: TenantId(2), ..ask() };
    assert_eq!(accounts.hold(NOON, &strange).err(), Some(Refusal::InsufficientBalance));
}

#[test]
fn a_price_over_what_one_call_may_cost_is_no_question_of_money() {
    let accounts = with(1_000_000);
    assert!(!accounts.is_too_dear(&ask()));
    let per_call = |micros| SpendControl { per_day: None, per_call: Some(Micros(micros)) };
    accounts.set_control(per_call(10_000));
    assert!(!accounts.is_too_dear(&ask()));
    assert!(accounts.is_too_dear(&Ask { spenders: vec![(KEY, per_call(9_999))], ..ask() }));
    let day = SpendControl { per_day: Some(Micros(1)), per_call: None };
    accounts.set_control(day);
    assert!(!accounts.is_too_dear(&ask()), "a day ends");
}

#[test]
fn whoever_waits_for_money_hears_of_all_that_comes_back() {
    let accounts = with(10_000);
    let mut more = accounts.more();
    let held = accounts.hold(NOON, &ask()).expect("paid");
    assert!(!more.has_changed().expect("open"), "less is no news");
    drop(held);
    assert!(more.has_changed().expect("open"));
    more.mark_unchanged();
    accounts.enter(US, Micros(1));
    assert!(more.has_changed().expect("open"));
}

#[test]
fn who_falls_below_the_threshold_is_told_of() {
    let accounts = with(60_000);
    let reload = AutoReload { threshold: Micros(20_000), amount: Micros(500_000) };
    accounts.set_reload(US, Some(reload));
    assert_eq!(accounts.low(), []);
    let held = accounts.hold(NOON, &ask()).expect("covered");
    assert_eq!(accounts.low(), [(US, reload)]);
    accounts.enter(US, Micros(500_000));
    assert_eq!(accounts.low(), []);
    drop(held);
    assert_eq!(available(&accounts), 560_000);
}
