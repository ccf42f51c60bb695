//! Top-ups, reloads and the operator's credit.

use serde_json::json;
use trunkline::simulator::Persona;

use super::{
    account, available, cent_a_minute, entries, ledger, paid, phone, priced, refused, settled, try_call,
};
use crate::callees::{Callees, number, ring};
use crate::cli::trunkline;
use crate::switch::{Client, Manner, Receiver, Reply, Switch, eventually};

const CONFIRMED: Manner = Manner::Say(200, r#"{"status":"confirmed"}"#);

fn hooked(balance: &str, hook: &Receiver) -> (Switch, Callees) {
    let topup = format!("[billing.topup]\nhook_url = \"{}\"\nsecret = \"hush\"", hook.url());
    ring(priced(balance, "per_minute = \"0.01\"", &topup))
}

fn top_up(switch: &Switch, amount: &str, key: &str) -> Reply {
    let body = json!({ "amount": amount }).to_string();
    phone(switch).post_with("/v1/billing/top-up", body.into(), &[("idempotency-key", key)])
}

/// In ThunderPhone's words.
fn declined(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.json["code"].as_str()), (status, Some(code)), "{reply:?}");
    assert!(reply.json["detail"].is_string(), "{reply:?}");
}

#[test]
fn a_top_up_is_credited_once_the_hook_confirms_it_and_once_only() {
    let hook = Receiver::start();
    hook.set(CONFIRMED);
    let (mut switch, _callees) = hooked("0", &hook);
    refused(&try_call(&switch, Persona::Busy), 402, "insufficient_balance");
    let first = top_up(&switch, "20.00", "k1");
    assert_eq!((first.status, &first.json["status"]), (201, &json!("confirmed")), "{first:?}");
    let again = top_up(&switch, "20.00", "k1");
    assert_eq!((again.status, &again.json["id"]), (201, &first.json["id"]), "{again:?}");
    assert_eq!(again.headers.get("idempotent-replayed").map(String::as_str), Some("true"));
    declined(&top_up(&switch, "21.00", "k1"), 409, "idempotency_conflict");
    let asked = hook.deliveries();
    assert_eq!(asked.len(), 1);
    let id = first.json["id"].as_str().expect("an id");
    assert_eq!((asked[0].headers["idempotency-key"].as_str(), asked[0].json["id"].as_str()), (id, Some(id)));
    assert_eq!((&asked[0].json["amount"], &asked[0].json["currency"]), (&json!("20.00"), &json!("USD")));
    assert!(asked[0].headers["webhook-signature"].starts_with("v1,"));
    settled(&switch, 20_000_000);
    switch.kill();
    switch.restart();
    settled(&switch, 20_000_000);
    assert_eq!(top_up(&switch, "20.00", "k1").json["id"], first.json["id"]);
    assert_eq!(ledger(&switch), entries(&[("top_up", 20_000_000)]));
}

#[test]
fn a_hook_that_is_silent_is_asked_again_by_the_same_id_even_after_a_crash() {
    let hook = Receiver::start();
    hook.set(Manner::Answer(503));
    let (mut switch, _callees) = hooked("0", &hook);
    let first = top_up(&switch, "5", "k1");
    assert_eq!((first.status, &first.json["status"]), (202, &json!("pending")), "{first:?}");
    assert_eq!(available(&switch), 0);
    switch.kill();
    hook.set(CONFIRMED);
    switch.restart();
    eventually("the top-up is credited", || (available(&switch) == 5_000_000).then_some(()));
    let again = top_up(&switch, "5", "k1");
    assert_eq!((again.status, &again.json["id"]), (201, &first.json["id"]), "{again:?}");
    let asked = hook.deliveries();
    assert!(asked.len() >= 2);
    assert!(
        asked
            .iter()
            .all(|question| question.headers["idempotency-key"] == asked[0].headers["idempotency-key"])
    );
    settled(&switch, 5_000_000);
}

#[test]
fn clients_that_ask_at_once_with_one_key_pay_once() {
    let hook = Receiver::start();
    hook.set(CONFIRMED);
    let (switch, _callees) = hooked("0", &hook);
    let base = format!("http://{}", switch.place.http());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let base = &base;
            scope.spawn(move || {
                let client = Client::with(base, "Bearer sk_live_0123456789abcdef");
                let body = json!({ "amount": "3" }).to_string();
                let reply = client.post_with("/v1/billing/top-up", body.into(), &[("idempotency-key", "k")]);
                assert!(matches!(reply.status, 201 | 202), "{reply:?}");
            });
        }
    });
    settled(&switch, 3_000_000);
    let ids: std::collections::BTreeSet<_> =
        hook.deliveries().into_iter().map(|question| question.json["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
}

#[test]
fn a_payment_that_is_declined_credits_nothing_and_may_be_tried_again() {
    let hook = Receiver::start();
    hook.set(Manner::Say(402, r#"{"status":"declined","reason":"card expired"}"#));
    let (switch, _callees) = hooked("0", &hook);
    let said = top_up(&switch, "5", "k1");
    declined(&said, 402, "payment_declined");
    assert!(said.text.contains("card expired"), "{said:?}");
    hook.set(CONFIRMED);
    assert_eq!(top_up(&switch, "5", "k1").status, 201);
    settled(&switch, 5_000_000);
}

#[test]
fn an_account_that_runs_low_is_reloaded_once() {
    let hook = Receiver::start();
    hook.set(CONFIRMED);
    let (switch, callees) = hooked("0.06", &hook);
    let reload = json!({ "auto_reload": { "enabled": true, "threshold": "0.05", "amount": "1.00" } });
    let changed = phone(&switch).patch("/v1/billing", &reload, &[]);
    assert_eq!(
        (changed.status, &changed.json["auto_reload"]["amount"]),
        (200, &json!("1.00")),
        "{changed:?}"
    );
    assert_eq!(hook.deliveries().len(), 0, "not low yet");
    let call = switch.call_with(json!({ "to_number": number(Persona::NoAnswer) }));
    eventually("the reload", || (available(&switch) == 1_010_000).then_some(()));
    callees.await_over(0);
    assert_eq!(
        (hook.deliveries().len(), hook.deliveries()[0].json["auto_reload"].as_bool()),
        (1, Some(true))
    );
    assert_eq!(switch.get(&format!("/v1/calls/{call}")).status, 200);
    let off = phone(&switch).patch("/v1/billing", &json!({ "auto_reload": { "enabled": false } }), &[]);
    assert_eq!(off.json["auto_reload"]["enabled"], false, "{off:?}");
}

#[test]
fn without_a_hook_only_the_operator_credits() {
    let (mut switch, _callees) = paid("0");
    declined(&top_up(&switch, "5", "k1"), 409, "payment_hook_missing");
    let reload = json!({ "auto_reload": { "enabled": true, "threshold": 1, "amount": 1 } });
    declined(&phone(&switch).patch("/v1/billing", &reload, &[]), 409, "payment_hook_missing");
    let credit = json!({ "tenant": 1, "amount": "5.00" });
    let stolen = switch.client().post("/v1/native/billing/credits", &credit);
    assert_eq!(stolen.status, 401, "a tenant's key is no operator's: {stolen:?}");

    let folder = switch.folder().to_owned();
    let run = |arguments: &[&str]| {
        let output = trunkline(&folder, arguments);
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let credit = ["billing", "credit", "1", "5.00", "--reference", "invoice 7"];
    let said = run(&credit);
    assert!(said.0 && said.1.contains("tenant 1 has 5.00 USD available"), "{said:?}");
    assert_eq!(available(&switch), 5_000_000);
    let again = run(&credit);
    assert!(again.0 && again.1.contains("nothing was credited"), "{again:?}");
    // Whom nobody made has no account, and a name will do.
    assert!(run(&["tenant", "create", "acme"]).0);
    let said = run(&["billing", "credit", "acme", "1.00"]);
    assert!(said.0 && said.1.contains("tenant acme has 1.00 USD available"), "{said:?}");
    assert!(!run(&["billing", "credit", "77", "1.00"]).0);
    // With nobody running, the ledger is written directly.
    switch.kill();
    let said = run(&["billing", "credit", "1", "0.50"]);
    assert!(said.0 && said.1.contains("tenant 1 has 5.50 USD available"), "{said:?}");
    let said = run(&["billing", "credit", "acme", "0.25"]);
    assert!(said.0 && said.1.contains("tenant acme has 1.25 USD available"), "{said:?}");
    assert!(!run(&["billing", "credit", "77", "1.00"]).0);
    switch.restart();
    settled(&switch, 5_500_000);
    assert_eq!(account(&switch)["balance"], "5.50");
}

#[test]
fn prices_and_limits_are_read_again() {
    let (switch, _callees) = ring(cent_a_minute("1.00"));
    let path = switch.folder().join("trunkline.toml");
    let config = std::fs::read_to_string(&path).expect("the configuration");
    let dearer = config.replace("per_minute = \"0.01\"", "per_minute = \"2.00\"");
    std::fs::write(&path, dearer).expect("written");
    switch.signal(rustix::process::Signal::HUP);
    eventually("the new price", || (try_call(&switch, Persona::Busy).status == 402).then_some(()));
}
