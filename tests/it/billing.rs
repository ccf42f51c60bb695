//! Money through the real switch: a call's price is kept back, settled at its end, and repaired after a crash; paid in by the
//! payment hook once, however often anybody repeats himself.

mod campaigns;
mod paying_in;

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::callees::{Callees, number, ring};
use super::switch::{Client, FROM, Reply, Setup, Switch, eventually, outbound};

/// A cent a minute, and this balance to begin with.
fn cent_a_minute(balance: &str) -> Setup {
    priced(balance, "per_minute = \"0.01\"", "")
}

fn priced(balance: &str, price: &str, billing: &str) -> Setup {
    // What it says where a request brings no words.
    Setup::new().agent("greeting = \"Hello. [END_CALL]\"").extra(&format!(
        "[billing]\nenabled = true\ndefault_balance = \"{balance}\"\n{billing}\n[[rate]]\nprefix = \"+1555\"\n{price}\n{KEYS}"
    ))
}

/// A key of each face, beside the usual one of Nixflex.
const KEYS: &str = r#"
[[application]]
name = "app_demo"
agent = "agent_demo"
[[key]]
face = "thunderphone"
secret = "sk_live_0123456789abcdef"
[[key]]
face = "minivoice"
secret = "mv_live_0123456789abcdef"
application = "app_demo"
[[key]]
face = "voiceflow"
secret = "vf_0123456789abcdef"
agent = "agent_demo"
[[key]]
face = "twilio"
id = "AC00000000000000000000000000000001"
secret = "auth_token_0123456"
"#;

/// A client of ThunderPhone, which shows accounts.
fn phone(switch: &Switch) -> Client {
    client(switch, "Bearer sk_live_0123456789abcdef")
}

/// A client of MiniVoice, which shows rates and usage.
fn voice(switch: &Switch) -> Client {
    client(switch, "Bearer mv_live_0123456789abcdef")
}

fn client(switch: &Switch, authorization: &str) -> Client {
    Client::with(&format!("http://{}", switch.place.http()), authorization)
}

fn paid(balance: &str) -> (Switch, Callees) {
    ring(cent_a_minute(balance))
}

fn try_call(switch: &Switch, persona: Persona) -> Reply {
    switch.post_outbound(&outbound(json!({ "to_number": number(persona) })))
}

fn refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.json["error"]["code"].as_str()), (status, Some(code)), "{reply:?}");
}

fn account(switch: &Switch) -> Value {
    let reply = phone(switch).get("/v1/billing");
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json
}

fn available(switch: &Switch) -> i64 {
    account(switch)["available_micros"].as_i64().expect("micros")
}

/// The ledger, oldest first, as kinds and micros.
fn ledger(switch: &Switch) -> Vec<(String, i64)> {
    let reply = phone(switch).get("/v1/billing/transactions?limit=100");
    assert_eq!(reply.status, 200, "{reply:?}");
    let entry = |entry: &Value| {
        (entry["type"].as_str().expect("a type").to_owned(), entry["amount_micros"].as_i64().expect("micros"))
    };
    let mut entries: Vec<_> = reply.json["results"].as_array().expect("results").iter().map(entry).collect();
    entries.reverse();
    entries
}

/// Waits until nothing is held, and checks that the balance is the ledger's sum.
fn settled(switch: &Switch, micros: i64) {
    eventually("every hold is released", || (account(switch)["held_micros"] == 0).then_some(()));
    assert_eq!(available(switch), micros);
    assert_eq!(ledger(switch).iter().map(|(_, amount)| amount).sum::<i64>(), micros);
}

fn entries(list: &[(&str, i64)]) -> Vec<(String, i64)> {
    list.iter().map(|(kind, amount)| ((*kind).to_owned(), *amount)).collect()
}

#[test]
fn a_balance_for_one_call_pays_for_one_call() {
    let (switch, _callees) = paid("0.01");
    // Who is busy costs nothing.
    let busy = switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    assert_eq!(switch.call_until_ended(&busy)["cost_usd"], 0.0);
    settled(&switch, 10_000);
    let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
    refused(&try_call(&switch, Persona::Person), 402, "insufficient_balance");
    assert_eq!(account(&switch)["held_micros"], 10_000);
    assert_eq!(switch.call_until_ended(&call)["cost_usd"], 0.01);
    settled(&switch, 0);
    refused(&try_call(&switch, Persona::Busy), 402, "insufficient_balance");
    let expected = [
        ("credit", 10_000),
        ("hold", -10_000),
        ("release", 10_000),
        ("hold", -10_000),
        ("release", 10_000),
        ("charge", -10_000),
    ];
    assert_eq!(ledger(&switch), entries(&expected));
    let usage = voice(&switch).get("/v1/usage").json;
    assert_eq!(
        (&usage["calls"], &usage["answered_calls"], &usage["billable_minutes"], &usage["charged_micros"]),
        (&json!(2), &json!(1), &json!(1), &json!(10_000))
    );
    let metrics = switch.get("/metrics").text;
    assert!(metrics.contains("trunkline_billing_charged_micros_total 10000"), "{metrics}");
    assert!(metrics.contains("trunkline_billing_holds 0"), "{metrics}");
}

/// Places a call as each vendor documents it, and says what the answer is.
fn in_every_face(switch: &Switch) -> [(&'static str, Reply); 5] {
    let to = number(Persona::Person);
    let call = json!({ "from_number": FROM, "to_number": to, "agent_id": "agent_demo" });
    let bare = json!({ "from": FROM, "to": to });
    let flow = client(switch, "Bearer vf_0123456789abcdef");
    // base64("AC00000000000000000000000000000001:auth_token_0123456")
    let basic = "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTphdXRoX3Rva2VuXzAxMjM0NTY=";
    let form = format!(
        "From={}&To={}&Twiml=%3CResponse%3E%3CSay%3Ehello%3C%2FSay%3E%3C%2FResponse%3E",
        FROM.replace('+', "%2B"),
        to.replace('+', "%2B")
    );
    let twilio = client(switch, basic).post_with(
        "/2010-04-01/Accounts/AC00000000000000000000000000000001/Calls.json",
        form.into(),
        &[("content-type", "application/x-www-form-urlencoded")],
    );
    [
        ("nixflex", try_call(switch, Persona::Person)),
        ("thunderphone", phone(switch).post("/v1/call", &call)),
        ("voiceflow", flow.post("/v1alpha1/phone-number/agent_demo/outbound", &json!({ "to": to }))),
        ("minivoice", voice(switch).post("/v1/calls", &bare)),
        ("twilio", twilio),
    ]
}

#[test]
fn without_money_every_face_says_402_in_its_own_words() {
    let (switch, callees) = paid("0");
    for (face, reply) in in_every_face(&switch) {
        assert_eq!(reply.status, 402, "{face}: {reply:?}");
        let code = match face {
            "nixflex" | "minivoice" => &reply.json["error"]["code"],
            "twilio" => continue,
            _ => &reply.json["code"],
        };
        assert_eq!(code, "insufficient_balance", "{face}: {reply:?}");
        match face {
            "minivoice" => assert_eq!(reply.json["error"]["message"], "balance is too low to create call"),
            "thunderphone" => assert!(reply.json["detail"].is_string()),
            _ => {}
        }
    }
    assert_eq!(callees.rung(), 0);
    assert_eq!(ledger(&switch), []);
}

#[test]
fn while_one_call_takes_the_balance_every_face_refuses_the_second() {
    let (switch, _callees) = paid("0.01");
    let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
    for (face, reply) in in_every_face(&switch) {
        assert_eq!(reply.status, 402, "{face}: {reply:?}");
    }
    switch.call_until_ended(&call);
    settled(&switch, 0);
}

#[test]
fn a_part_of_the_first_interval_suffices_at_thunderphone_and_nowhere_else() {
    let (switch, _callees) = paid("0.004");
    let body =
        json!({ "from_number": FROM, "to_number": number(Persona::HangsUp), "agent_id": "agent_demo" });
    refused(&try_call(&switch, Persona::HangsUp), 402, "insufficient_balance");
    let reply = phone(&switch).post("/v1/call", &body);
    assert_eq!(reply.status, 201, "{reply:?}");
    eventually("the charge", || (ledger(&switch).len() == 4).then_some(()));
    // The call costs a cent; no more than was there is taken.
    settled(&switch, 0);
    let second = phone(&switch).post("/v1/call", &body);
    assert_eq!((second.status, &second.json["code"]), (402, &json!("insufficient_balance")), "{second:?}");
}

#[test]
fn killed_while_it_rings_a_call_costs_nothing() {
    let (mut switch, callees) = paid("0.01");
    let call = switch.call_with(json!({ "to_number": number(Persona::NoAnswer) }));
    eventually("it rings", || (callees.rung() == 1).then_some(()));
    switch.kill();
    switch.restart();
    assert_eq!(switch.call_until_ended(&call)["cost_usd"], 0.0);
    settled(&switch, 10_000);
    assert_eq!(ledger(&switch), entries(&[("credit", 10_000), ("hold", -10_000), ("release", 10_000)]));
}

#[test]
fn killed_while_they_talk_a_call_is_charged_by_what_is_known_and_once() {
    let (mut switch, callees) = paid("0.05");
    let call = switch.call_with(json!({ "to_number": number(Persona::Silent) }));
    eventually("the answer is on disk", || {
        (super::ledger::row(&switch, &call)["state"] == "answered").then_some(())
    });
    for _ in 0..2 {
        switch.kill();
        switch.restart();
        assert_eq!(switch.call_until_ended(&call)["cost_usd"], 0.01);
        settled(&switch, 40_000);
    }
    let expected = [("credit", 50_000), ("hold", -50_000), ("release", 50_000), ("charge", -10_000)];
    assert_eq!(ledger(&switch), entries(&expected));
    callees.await_over(1);
}

#[test]
fn a_call_talks_no_longer_than_its_money_lasts() {
    let price = "per_minute = \"0.60\"\nfirst_interval_seconds = 1\nnext_interval_seconds = 1";
    let (switch, _callees) = ring(priced("0.02", price, ""));
    let call = switch.call_with(json!({ "to_number": number(Persona::Silent) }));
    let end = switch.call_until_ended(&call);
    assert_eq!((&end["ended_reason"], &end["cost_usd"]), (&json!("max_duration"), &json!(0.02)), "{end}");
    settled(&switch, 0);
}

#[test]
fn a_rate_is_set_once_however_often_it_is_asked_for() {
    let (mut switch, _callees) = paid("5.00");
    let rate = json!({ "prefix": "+44", "per_minute_micros": 20_000, "idempotency_key": "rate-1" });
    let first = voice(&switch).post("/v1/rates", &rate);
    assert_eq!(first.status, 201, "{first:?}");
    assert!(!first.headers.contains_key("idempotent-replayed"));
    switch.kill();
    switch.restart();
    let again = voice(&switch).post("/v1/rates", &rate);
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let other = json!({ "prefix": "+44", "per_minute_micros": 30_000, "idempotency_key": "rate-1" });
    refused(&voice(&switch).post("/v1/rates", &other), 409, "idempotency_conflict");
    assert_eq!(voice(&switch).get("/v1/rates").json["count"], 2, "the file's, and one");
}

#[test]
fn a_number_without_a_price_is_not_called() {
    let (switch, callees) = paid("5.00");
    refused(&switch.post_outbound(&outbound(json!({}))), 400, "rate_not_found");
    let rate = json!({ "prefix": "+44", "per_minute_micros": 20_000 });
    let made = voice(&switch).post("/v1/rates", &rate);
    assert_eq!((made.status, &made.json["prefix"]), (201, &json!("+44")), "{made:?}");
    assert_eq!(voice(&switch).get("/v1/rates").json["count"], 2);
    let call = switch.post_outbound(&outbound(json!({})));
    assert_eq!(call.status, 201, "{call:?}");
    eventually("it rings", || (callees.rung() == 1).then_some(()));
}

#[test]
fn a_spend_control_is_looked_at_before_the_balance_and_stops_a_day() {
    let setup =
        priced("0.03", "per_minute = \"0.01\"", "spend_per_day = \"0.02\"\nspend_per_call = \"0.01\"");
    let (mut switch, _callees) = ring(setup);
    let began = today();
    for _ in 0..2 {
        let call = switch.call_with(json!({ "to_number": number(Persona::HangsUp) }));
        switch.call_until_ended(&call);
    }
    settled(&switch, 10_000);
    switch.kill();
    switch.restart();
    let reply = try_call(&switch, Persona::HangsUp);
    // Midnight brings new money.
    if today() == began {
        refused(&reply, 402, "spend_limit_reached");
    }
}

#[test]
fn a_repeated_request_is_held_for_once() {
    let (switch, _callees) = paid("1.00");
    let body = outbound(json!({ "to_number": number(Persona::NoAnswer) })).to_string();
    let replies: Vec<_> = (0..3)
        .map(|_| {
            let headers = [("idempotency-key", "again")];
            switch.client().post_with("/v1/calls/outbound", body.clone().into(), &headers)
        })
        .collect();
    assert!(replies.iter().all(|reply| reply.status == 201 && reply.json == replies[0].json));
    assert_eq!(account(&switch)["held_micros"], 50_000);
    assert_eq!(ledger(&switch), entries(&[("credit", 1_000_000), ("hold", -50_000)]));
}

#[test]
fn without_billing_calls_cost_nothing_and_its_paths_say_so() {
    let (switch, _callees) = ring(Setup::new().extra(KEYS));
    let call = switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    assert_eq!(switch.call_until_ended(&call)["cost_usd"], Value::Null);
    for path in ["/v1/billing", "/v1/billing/transactions"] {
        let off = phone(&switch).get(path);
        assert_eq!((off.status, &off.json["code"]), (404, &json!("billing_disabled")), "{off:?}");
        assert_eq!(switch.get(path).status, 401, "another face's key");
    }
    for path in ["/v1/rates", "/v1/usage"] {
        refused(&voice(&switch).get(path), 404, "billing_disabled");
        assert_eq!(switch.get(path).status, 401, "another face's key");
    }
}

/// Days since 1970.
fn today() -> u64 {
    std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs() / 86_400
}
