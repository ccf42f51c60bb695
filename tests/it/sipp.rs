//! Whole calls against sipp as the trunk: what RFC 3261 asks of a caller, scenario by scenario.

use crate::switch::{Receiver, Setup, Sipp};

#[test]
fn an_answered_call_is_hung_up_by_us() {
    let receiver = Receiver::start();
    let switch = Setup::new().agent("silence_hangup_seconds = 1").webhook(&receiver.url()).start();
    let sipp = Sipp::at(&switch.place, "answer");
    let call = switch.call();
    let record = switch.call_until_ended(&call);
    assert_eq!(record["status"], "completed", "{record}");
    sipp.succeed(1);
    receiver.await_deliveries(1);
}
