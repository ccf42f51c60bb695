//! The gate in virtual time.

use super::*;
use crate::model::TenantId;

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
    assert!(matches!(refused, Err(Refusal::Limited { limit: "channels of the trunk", .. })));
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
