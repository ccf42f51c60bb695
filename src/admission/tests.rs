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
