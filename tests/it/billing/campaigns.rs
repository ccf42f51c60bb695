//! A campaign whose calls cost money: it waits for it, goes on with it, and leaves out whom no money pays for.

use serde_json::json;
use trunkline::simulator::Persona;

use super::{cent_a_minute, priced, refused, settled, today, try_call};
use crate::batch::{assert_nobody_twice, make, numbers, read, recipients, until};
use crate::callees::ring;
use crate::cli::trunkline;
use crate::switch::{Switch, eventually};

/// The operator gives the tenant money, at the running switch.
fn credit(switch: &Switch, amount: &str) {
    let output = trunkline(switch.folder(), &["billing", "credit", "1", amount]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_campaign_waits_for_money_and_goes_on_with_whatever_comes_back() {
    let (switch, callees) = ring(cent_a_minute("0"));
    let path = make(&switch, &numbers(Persona::HangsUp, 3), json!({}));
    switch.metrics_until("recipients are claimed", |metrics| {
        metrics.sum("trunkline_campaign_recipients_total", &[("result", "claimed")]) >= 3.0
    });
    refused(&try_call(&switch, Persona::HangsUp), 402, "insufficient_balance");
    let waiting = read(&switch, &path);
    assert_eq!((&waiting["status"], &waiting["queued_count"]), (&json!("running"), &json!(3)), "{waiting}");
    assert_eq!(callees.rung(), 0);
    credit(&switch, "0.03");
    let over = until(&switch, &path, "completed");
    assert_eq!((&over["answered_count"], &over["failed_count"]), (&json!(3), &json!(0)), "{over}");
    // The first call keeps all of it back, and the second has what the first did not cost.
    assert_eq!((callees.rung(), callees.most_at_once()), (3, 1));
    assert_nobody_twice(&callees);
    settled(&switch, 0);
}

#[test]
fn whom_no_money_pays_for_is_noted_and_the_campaign_goes_on() {
    let price = "per_minute = \"0.01\"\n[[rate]]\nprefix = \"+1999\"\nper_minute = \"0.50\"";
    let (switch, callees) = ring(priced("5.00", price, "spend_per_call = \"0.05\""));
    let phones = ["+19995550109", "+447111000001", "+15550000019"].map(String::from);
    let path = make(&switch, &phones, json!({}));
    let over = until(&switch, &path, "completed");
    assert_eq!((&over["answered_count"], &over["failed_count"]), (&json!(1), &json!(2)), "{over}");
    let reasons: Vec<_> = recipients(&switch, &path).into_iter().map(|one| one["reason"].clone()).collect();
    let says = |at: usize, words: &str| reasons[at].as_str().is_some_and(|reason| reason.contains(words));
    assert!(says(0, "more than one call may") && says(1, "rate"), "{reasons:?}");
    assert_eq!(callees.rung(), 1);
    settled(&switch, 4_990_000);
}

#[test]
fn a_campaign_stops_where_the_day_may_cost_no_more() {
    let limits = "spend_per_day = \"0.02\"\nspend_per_call = \"0.01\"";
    let (mut switch, callees) = ring(priced("1.00", "per_minute = \"0.01\"", limits));
    let began = today();
    let path = make(&switch, &numbers(Persona::HangsUp, 3), json!({}));
    eventually("two calls are over", || (read(&switch, &path)["answered_count"] == 2).then_some(()));
    let reply = try_call(&switch, Persona::HangsUp);
    // Midnight brings new money.
    if today() == began {
        refused(&reply, 402, "spend_limit_reached");
        let waiting = read(&switch, &path);
        assert_eq!(
            (&waiting["status"], &waiting["queued_count"]),
            (&json!("running"), &json!(1)),
            "{waiting}"
        );
        assert_eq!(callees.rung(), 2);
    }
    switch.kill();
    switch.restart_with("spend_per_day = \"0.02\"", "spend_per_day = \"0.03\"");
    until(&switch, &path, "completed");
    assert_nobody_twice(&callees);
    if today() == began {
        settled(&switch, 970_000);
    }
}
