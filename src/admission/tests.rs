//! The gate in virtual time.

use std::sync::atomic::Ordering;

use super::*;
use crate::model::{SpendLimit, TenantId};

fn trunk(channels: Option<u32>, cps: Option<f64>) -> Arc<Trunk> {
    numbered(7, channels, cps)
}

fn numbered(id: u64, channels: Option<u32>, cps: Option<f64>) -> Arc<Trunk> {
    let trunk = Trunk::new(TrunkId(id), TenantId(1), format!("t{id}"), "sip:127.0.0.1");
    Arc::new(Trunk { channels, cps, ..trunk })
}

#[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
fn start() -> Instant {
    Instant::now()
}

#[test]
fn a_permit_given_back_makes_room() {
    let admission = Admission::new(Limits { concurrent: Some(1), cps: None });
    let trunk = trunk(None, None);
    let permit = admission.admit(start(), None, std::slice::from_ref(&trunk)).expect("there is room");
    assert!(matches!(
        admission.admit(start(), None, std::slice::from_ref(&trunk)),
        Err(Refusal::Limited { .. })
    ));
    drop(permit);
    assert!(admission.admit(start(), None, std::slice::from_ref(&trunk)).is_ok());
}

#[test]
fn a_full_trunk_consumes_nothing_of_the_switch() {
    let admission = Admission::new(Limits { concurrent: Some(2), cps: None });
    let full = trunk(Some(0), None);
    assert!(admission.admit(start(), None, &[full]).is_err());
    assert_eq!(admission.concurrent(), 0);
}

#[test]
fn calls_a_second_are_spaced_and_not_saved_up() {
    let admission = Admission::new(Limits::default());
    let (trunk, t0) = (trunk(None, Some(10.0)), start());
    let admitted =
        |at: u64| admission.admit(t0 + Duration::from_millis(at), None, std::slice::from_ref(&trunk)).is_ok();
    assert!(admitted(0));
    assert!(!admitted(50));
    assert!(admitted(100));
    // An idle minute earns no burst.
    assert!(admitted(60_000));
    assert!(!admitted(60_001));
}

/// A slow pace holds its own trunk up, and nobody else.
#[test]
fn the_slowest_pace_is_a_call_in_a_thousand_seconds() {
    let admission = Admission::new(Limits::default());
    let t0 = start();
    for (id, cps) in [(1, 0.001), (2, 1e-20), (3, f64::MIN_POSITIVE), (4, 0.0), (5, f64::NAN)] {
        let slow = numbered(id, None, Some(cps));
        let admitted = |at: u64| {
            admission.admit(t0 + Duration::from_secs(at), None, std::slice::from_ref(&slow)).is_ok()
        };
        assert!(admitted(0), "{cps}");
        assert!(!admitted(999), "{cps}");
        assert!(admitted(1_000), "{cps}");
    }
    assert!(admission.admit(t0, None, &[numbered(9, None, Some(100.0))]).is_ok());
}

#[test]
fn a_faster_pace_holds_for_whoever_waits_already() {
    let admission = Admission::new(Limits { concurrent: None, cps: Some(0.002) });
    let t0 = start();
    let (slow, fast) = (trunk(None, Some(0.001)), trunk(None, Some(100.0)));
    let asked = |at: u64, trunk: &Arc<Trunk>| {
        admission.admit(t0 + Duration::from_secs(at), None, std::slice::from_ref(trunk)).map(|_| ())
    };
    let wait = |asked: Result<(), Refusal>| match asked {
        Err(Refusal::Limited { retry_after, .. }) => retry_after.as_secs(),
        other => panic!("limited: {other:?}"),
    };
    assert_eq!(asked(0, &slow), Ok(()));
    assert_eq!(wait(asked(1, &slow)), 999);
    assert_eq!(wait(asked(1, &fast)), 499, "the trunk's is changed, the switch's is not");
    admission.set_limits(Limits { concurrent: None, cps: Some(50.0) });
    assert_eq!(asked(1, &fast), Ok(()));
    // And a slower one too, from the last call on.
    admission.set_limits(Limits { concurrent: None, cps: Some(0.01) });
    assert_eq!(wait(asked(2, &fast)), 98);
}

fn sighting(sign: Sign, hold_seconds: Option<u64>) -> Sighting<'static> {
    Sighting { sign, hold: hold_seconds.map(Duration::from_secs), why: "it said so" }
}

#[test]
fn a_full_trunk_is_passed_over_for_the_next() {
    let admission = Admission::new(Limits::default());
    let trunks = [numbered(1, Some(1), None), numbered(2, Some(1), None)];
    let (first, _one) = admission.admit(start(), None, &trunks).expect("room");
    let (second, two) = admission.admit(start(), None, &trunks).expect("room");
    assert_eq!((first, second), (0, 1));
    let refused = admission.admit(start(), None, &trunks).map(|_| ());
    assert!(matches!(refused, Err(Refusal::Limited { name: "channels of the trunk", .. })));
    drop(two);
    assert_eq!(admission.admit(start(), None, &trunks).map(|(chosen, _)| chosen), Ok(1));
}

#[test]
fn a_permit_moves_from_trunk_to_trunk_and_is_never_two() {
    let admission = Admission::new(Limits { concurrent: Some(1), cps: None });
    let now = start();
    let trunks = [numbered(1, Some(1), None), numbered(2, Some(1), None)];
    let calls = |trunk: &Arc<Trunk>| admission.report(now, trunk).calls;
    let (_, mut permit) = admission.admit(now, None, &trunks).expect("room");
    assert_eq!(admission.divert(now, &mut permit, &trunks[1..]), Ok(0));
    assert_eq!((calls(&trunks[0]), calls(&trunks[1]), admission.concurrent()), (0, 1, 1));
    // Where there is no room it stays where it is.
    assert!(admission.divert(now, &mut permit, &trunks[1..]).is_err());
    assert_eq!((calls(&trunks[1]), admission.concurrent()), (1, 1));
    drop(permit);
    assert_eq!((calls(&trunks[1]), admission.concurrent()), (0, 0));
}

#[test]
fn a_trunk_that_is_held_is_waited_for_if_it_is_not_for_long() {
    let admission = Admission::new(Limits::default());
    let (now, trunk) = (start(), trunk(None, None));
    let asked = |at: u64| {
        admission
            .admit(now + Duration::from_secs(at), None, std::slice::from_ref(&trunk))
            .map(|(chosen, _)| chosen)
    };
    admission.sighted(now, &trunk, &sighting(Sign::Overloaded, Some(100)));
    let Err(Refusal::TrunkDown { reason, sip_code: None }) = asked(0) else {
        panic!("held for long: refused")
    };
    assert_eq!(reason, "trunk `t7` asked to be left alone for 100 s more");
    assert!(
        matches!(asked(50), Err(Refusal::Limited { retry_after, .. }) if retry_after == Duration::from_secs(50))
    );
    assert_eq!(asked(100), Ok(0));
}

#[test]
fn a_trunk_that_is_down_lets_one_call_try() {
    let admission = Admission::new(Limits::default());
    let (now, trunk) = (start(), trunk(None, None));
    for _ in 0..3 {
        admission.sighted(now, &trunk, &sighting(Sign::Dead, None));
    }
    let asked = |at: u64| {
        admission.admit(now + Duration::from_secs(at), None, std::slice::from_ref(&trunk)).map(|_| ())
    };
    let Err(Refusal::TrunkDown { reason, .. }) = asked(1) else { panic!("down") };
    assert!(reason.starts_with("trunk `t7` is down: 3 calls in a row failed: it said so"), "{reason}");
    assert_eq!(asked(30), Ok(()));
    assert!(asked(31).is_err(), "one trial at a time");
    admission.sighted(now + Duration::from_secs(32), &trunk, &sighting(Sign::Carried, None));
    assert_eq!(asked(33), Ok(()));
}

#[test]
fn a_slowed_trunk_takes_calls_evenly_spaced() {
    let admission = Admission::new(Limits::default());
    let (t0, trunk) = (start(), trunk(None, Some(50.0)));
    let at = |ms: u64| t0 + Duration::from_millis(ms);
    for call in 0..100 {
        admission.admit(at(20 * call), None, std::slice::from_ref(&trunk)).map(|_| ()).expect("room");
    }
    for _ in 0..3 {
        admission.sighted(at(2_000), &trunk, &sighting(Sign::Overloaded, None));
    }
    let cps = admission.report(at(2_000), &trunk).cps.expect("slowed");
    assert!((5.0..30.0).contains(&cps), "{cps}");
    let taken: Vec<u64> = (2_000..3_000)
        .filter(|ms| admission.admit(at(*ms), None, std::slice::from_ref(&trunk)).is_ok())
        .collect();
    assert!((taken.len() as f64 - cps).abs() <= 3.0, "{} in a second at {cps}", taken.len());
    let spaces: Vec<u64> = taken.windows(2).skip(1).map(|pair| pair[1] - pair[0]).collect();
    assert!(spaces.iter().all(|space| *space as f64 >= 900.0 / cps - 60.0), "no bursts: {spaces:?}");
}

#[test]
fn a_disabled_trunk_is_said_to_be() {
    let admission = Admission::new(Limits::default());
    let off = Arc::new(Trunk { enabled: false, ..Trunk::clone(&trunk(None, None)) });
    let refused = admission.admit(start(), None, &[off]).map(|_| ());
    assert_eq!(refused, Err(Refusal::TrunkDown { reason: "trunk `t7` is disabled".into(), sip_code: None }));
}

fn costly(id: u64) -> Arc<Trunk> {
    let mut trunk = Trunk::clone(&numbered(id, None, None));
    trunk.destinations.spend = Some(SpendLimit { per_day_micros: 50_000, per_minute_micros: 10_000 });
    Arc::new(trunk)
}

#[test]
fn a_trunk_that_has_spent_its_day_leaves_calls_to_the_next() {
    let (admission, t0) = (Admission::new(Limits::default()), start());
    let trunks = [costly(1), numbered(2, None, None)];
    admission.handle_calendar(t0, Timestamp(1_731_622_400_000));
    admission.restore_spend(t0, &trunks[0], 3);
    let held: Vec<_> =
        (0..3).map(|_| admission.admit(t0, None, &trunks).expect("one of them has room")).collect();
    assert_eq!(held.iter().map(|(chosen, _)| *chosen).collect::<Vec<_>>(), [0, 0, 1]);
    let refused = admission.admit(t0, None, &trunks[..1]).err();
    let reason = "trunk `t1` has spent what it may cost today (spend.per_day)".to_owned();
    assert_eq!(refused, Some(Refusal::TrunkDown { reason, sip_code: None }));
    assert_eq!(admission.concurrent(), 3, "a refusal consumes nothing");
}

#[test]
fn a_call_pays_the_trunk_that_carried_it() {
    let (admission, t0) = (Admission::new(Limits::default()), start());
    let trunks = [costly(1), costly(2)];
    let (_, mut permit) = admission.admit(t0, None, &trunks).expect("room");
    admission.divert(t0, &mut permit, &trunks[1..]).expect("room");
    permit.answered(t0);
    let later = t0 + Duration::from_secs(241);
    permit.ended(later);
    permit.ended(later + Duration::from_secs(999));
    drop(permit);
    let minutes = |trunk: &Arc<Trunk>| lock(&admission.state().lane(later, trunk).spend).minutes(later);
    assert_eq!((minutes(&trunks[0]), minutes(&trunks[1])), (0, 5));
    assert!(admission.admit(later, None, &trunks[1..]).is_err());
}

/// All or nothing, from many threads at once: never a call more than the day pays for.
#[test]
fn many_at_once_never_spend_more_than_the_day_has() {
    let (admission, t0) = (Admission::new(Limits::default()), start());
    let trunk = [costly(1)];
    let most = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (admission, trunk, most) = (&admission, &trunk, &most);
            scope.spawn(move || {
                for turn in 0..200 {
                    let Ok((_, mut permit)) = admission.admit(t0, None, trunk) else { continue };
                    most.fetch_max(admission.concurrent(), Ordering::AcqRel);
                    // Some are answered and end at once; the rest come to nothing, and their minute is free again.
                    if (thread + turn) % 100 == 0 {
                        permit.answered(t0);
                        permit.ended(t0);
                    }
                }
            });
        }
    });
    assert!(most.into_inner() <= 5);
    // What is left is what was not spent, to the minute.
    let spent = lock(&admission.state().lane(t0, &trunk[0]).spend).minutes(t0);
    let left: Vec<_> = std::iter::from_fn(|| admission.admit(t0, None, &trunk).ok()).collect();
    assert_eq!(left.len() as u64, 5 - spent);
}

#[test]
fn everybody_who_waits_for_room_is_told() {
    let admission = Admission::new(Limits::default());
    let (one, other) = (admission.room(), admission.room());
    let permit = admission.admit(start(), None, &[trunk(None, None)]).expect("room");
    assert!(!one.has_changed().expect("open") && !other.has_changed().expect("open"));
    drop(permit);
    assert!(one.has_changed().expect("open") && other.has_changed().expect("open"));
}

#[test]
fn a_look_says_how_much_room_there_is_and_takes_none() {
    let admission = Admission::new(Limits { concurrent: Some(9), cps: None });
    let (key, t0) = (key(Some(4)), start());
    let trunks = [numbered(1, Some(2), None), numbered(2, Some(1), None)];
    let look = || admission.look(t0, &key, &trunks);
    assert_eq!((look(), look()), (Ok(3), Ok(3)), "the trunks' channels, together");
    let _permits: Vec<_> =
        (0..2).map(|_| admission.admit(t0, Some(&key), &trunks).expect("there is room")).collect();
    assert_eq!(look(), Ok(1));
    assert_eq!(admission.look(t0, &key, &[numbered(3, None, None)]), Ok(2), "the key's own limit");
    let _last = admission.admit(t0, Some(&key), &trunks).expect("there is room");
    assert!(matches!(look(), Err(Refusal::Limited { .. })), "the trunks are full");
    assert_eq!(admission.concurrent(), 3);
}

#[test]
fn a_tenants_calls_share_one_pool_whichever_way_they_go() {
    let admission = Admission::new(Limits::default());
    let (t0, key) = (start(), key(None));
    let tenant = |concurrent| Tenant { id: TenantId(1), name: "a".into(), concurrent };
    let mine = numbered(1, None, None);
    let theirs = Arc::new(Trunk { tenant: TenantId(2), ..Trunk::clone(&numbered(2, None, None)) });
    admission.limit_tenants(&[tenant(Some(2))]);
    let came_in = admission.admit_inbound(t0, &mine).expect("room");
    let _went_out = admission.admit(t0, Some(&key), std::slice::from_ref(&mine)).expect("room");
    let full = |refused: Option<Refusal>| {
        matches!(refused, Some(Refusal::Limited { name: "concurrent calls of this tenant", .. }))
    };
    assert!(full(admission.admit(t0, Some(&key), std::slice::from_ref(&mine)).err()));
    assert!(full(admission.admit_inbound(t0, &mine).err()));
    assert!(full(admission.admit_probe(t0, &key, &mine).err()));
    assert!(full(admission.look(t0, &key, std::slice::from_ref(&mine)).err()));
    assert!(admission.admit_inbound(t0, &theirs).is_ok(), "nobody else is held up");
    drop(came_in);
    let _again = admission.admit_inbound(t0, &mine).expect("room");
    assert!(full(admission.admit_inbound(t0, &mine).err()));
    admission.limit_tenants(&[tenant(None)]);
    assert!(admission.admit_inbound(t0, &mine).is_ok());
}

fn key(concurrent: Option<u32>) -> Key {
    let file = "[[key]]\nface = \"nixflex\"\nid = \"nxf_a\"\nsecret = \"nxfs_secret\"\n";
    let mut keys = crate::config::Config::parse("t", file, []).expect("valid").objects.keys;
    Key { concurrent, ..keys.remove(0) }
}
