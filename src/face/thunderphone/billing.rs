//! `/v1/billing…`: the account, its reload, top-ups and transactions. Money is shown in units as text, and in micros.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::face::money::{amount, optional_amount, parse, query, wrong};
use crate::model::{Account, AutoReload, Entry, Micros, Refusal, StoredResponse, TopUp, TopUpState};

/// A request to pay in.
#[derive(PartialEq, Eq, Debug)]
pub struct TopUpBody {
    /// How much.
    pub amount: Micros,
    /// Present when the client may repeat itself.
    pub idempotency_key: Option<String>,
}

/// Which lines of the ledger.
#[derive(PartialEq, Eq, Debug)]
pub struct Page {
    /// At most so many.
    pub limit: u32,
    /// After so many.
    pub offset: u64,
}

const LIMIT: u32 = 25;
const LIMIT_MAX: u32 = 100;

/// `{"amount": "20.00"}`
pub fn parse_top_up(body: &[u8]) -> Result<TopUpBody, Refusal> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        amount: Option<&'a RawValue>,
        idempotency_key: Option<String>,
    }
    let body: Body<'_> = parse(body)?;
    Ok(TopUpBody { amount: amount("amount", body.amount)?, idempotency_key: body.idempotency_key })
}

/// `{"auto_reload": {"enabled": true, "threshold": "5.00", "amount": "20.00"}}`: what is left out stays as it was. `None`: nothing
/// was said of it.
pub fn parse_settings(body: &[u8], now: Option<AutoReload>) -> Result<Option<Option<AutoReload>>, Refusal> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        auto_reload: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Reload<'a> {
        enabled: Option<bool>,
        #[serde(borrow)]
        threshold: Option<&'a RawValue>,
        #[serde(borrow)]
        amount: Option<&'a RawValue>,
    }
    let body: Body<'_> = parse(body)?;
    let Some(asked) = body.auto_reload.filter(|raw| raw.get() != "null") else { return Ok(None) };
    let asked: Reload<'_> = parse(asked.get().as_bytes())?;
    // What is no amount is refused, also by who switches the reload off.
    let threshold = optional_amount("threshold", asked.threshold)?;
    let amount = optional_amount("amount", asked.amount)?;
    if !asked.enabled.unwrap_or(now.is_some() || amount.is_some()) {
        return Ok(Some(None));
    }
    let threshold = threshold.or(now.map(|now| now.threshold));
    let amount = amount.or(now.map(|now| now.amount));
    let threshold = threshold.ok_or(Refusal::MissingField("threshold"))?;
    let amount = amount.ok_or(Refusal::MissingField("amount"))?;
    if !amount.is_positive() {
        return Err(wrong("amount", "must be above zero"));
    }
    Ok(Some(Some(AutoReload { threshold, amount })))
}

/// `?limit=25&offset=0`
pub fn parse_page(text: &str) -> Result<Page, Refusal> {
    let mut page = Page { limit: LIMIT, offset: 0 };
    for (name, value) in query(text) {
        match name.as_str() {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                page.limit = limit.ok_or_else(|| wrong("limit", "must be 1 to 100"))?;
            }
            "offset" => {
                let offset: Option<u32> = value.parse().ok();
                page.offset = offset.ok_or_else(|| wrong("offset", "must be a number"))?.into();
            }
            _ => {}
        }
    }
    Ok(page)
}

/// `GET /v1/billing`. The balance is all of the tenant's money; what is available is that less what is held for calls that live.
pub fn account(account: &Account, can_top_up: bool) -> String {
    let balance = Micros(account.available.0.saturating_add(account.held.0));
    let reload = match account.reload {
        Some(AutoReload { threshold, amount }) => {
            json!({ "enabled": true, "threshold": threshold.to_string(), "amount": amount.to_string() })
        }
        None => json!({ "enabled": false, "threshold": null, "amount": null }),
    };
    json!({
        "currency": account.currency.as_str(),
        "balance": balance.to_string(),
        "balance_micros": balance,
        "held_micros": account.held,
        "available": account.available.to_string(),
        "available_micros": account.available,
        "auto_reload": reload,
        "top_up_available": can_top_up,
    })
    .to_string()
}

/// `GET /v1/billing/transactions`
pub fn transactions(entries: &[Entry], total: u64) -> String {
    let results: Vec<Value> = entries.iter().map(transaction).collect();
    json!({ "total": total, "results": results }).to_string()
}

fn transaction(entry: &Entry) -> Value {
    json!({
        "id": entry.id,
        "type": entry.kind.as_str(),
        "amount": entry.amount.to_string(),
        "amount_micros": entry.amount,
        "call_id": entry.call.map(|call| call.get()),
        "reference": entry.reference,
        "created_at": entry.created_at,
    })
}

/// The answer to a top-up that was not declined: 201 once it is credited, 202 while the hook has not said.
pub fn top_up(top_up: &TopUp, account: &Account) -> StoredResponse {
    let body = json!({
        "id": top_up.id,
        "status": top_up.state.as_str(),
        "amount": top_up.amount.to_string(),
        "amount_micros": top_up.amount,
        "currency": account.currency.as_str(),
        "available_micros": account.available,
        "created_at": top_up.created_at,
    });
    let status = if top_up.state == TopUpState::Confirmed { 201 } else { 202 };
    StoredResponse { status, body: body.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Currency, EntryKind, TenantId, Timestamp};

    #[test]
    fn an_amount_is_text_or_a_number_as_it_is_written() {
        for (body, micros) in [
            (r#"{"amount":"20.00"}"#, 20_000_000),
            (r#"{"amount":0.000001}"#, 1),
            (r#"{"amount":123456789.123456,"x":1}"#, 123_456_789_123_456),
        ] {
            assert_eq!(parse_top_up(body.as_bytes()).expect(body).amount, Micros(micros));
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        let missing = Err(Refusal::MissingField("amount"));
        assert_eq!(parse_top_up(b"{}"), missing);
        assert_eq!(parse_top_up(br#"{"amount":null}"#), missing);
        for body in [
            r#"{"amount":0}"#,
            r#"{"amount":-5}"#,
            r#"{"amount":1e3}"#,
            r#"{"amount":"ten"}"#,
            r#"{"amount":[1]}"#,
            r#"{"amount":0.0000001}"#,
            r#"{"amount":99999999999999999999}"#,
            r#"{"amount":1,"amount":2}"#,
            "[]",
            "",
        ] {
            assert!(matches!(parse_top_up(body.as_bytes()), Err(Refusal::InvalidField { .. })), "{body}");
        }
    }

    #[test]
    fn what_is_left_out_of_a_reload_stays_as_it_was() {
        let set = AutoReload { threshold: Micros(5_000_000), amount: Micros(20_000_000) };
        let now = Some(set);
        let parse = |body: &str, now| parse_settings(body.as_bytes(), now);
        assert_eq!(parse("{}", now), Ok(None));
        assert_eq!(parse(r#"{"auto_reload":{"enabled":false}}"#, now), Ok(Some(None)));
        assert_eq!(parse(r#"{"auto_reload":{"enabled":true}}"#, now), Ok(Some(now)));
        let more = Some(AutoReload { amount: Micros(30_000_000), ..set });
        assert_eq!(parse(r#"{"auto_reload":{"amount":30}}"#, now), Ok(Some(more)));
        let all = r#"{"auto_reload":{"enabled":true,"threshold":"5.00","amount":"20.00"}}"#;
        assert_eq!(parse(all, None), Ok(Some(now)));
        assert_eq!(
            parse(r#"{"auto_reload":{"enabled":true,"amount":1}}"#, None),
            Err(Refusal::MissingField("threshold"))
        );
        assert!(parse(r#"{"auto_reload":{"enabled":true,"threshold":1,"amount":0}}"#, None).is_err());
        assert!(parse(r#"{"auto_reload":{"enabled":false,"amount":"much"}}"#, now).is_err());
    }

    #[test]
    fn a_page_is_bounded() {
        assert_eq!(parse_page(""), Ok(Page { limit: 25, offset: 0 }));
        assert_eq!(parse_page("limit=100&offset=7&x=y"), Ok(Page { limit: 100, offset: 7 }));
        for text in ["limit=0", "limit=101", "limit=x", "offset=-1"] {
            assert!(parse_page(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_account_shows_its_money_and_what_is_held_of_it() {
        let held = Account {
            tenant: TenantId(1),
            currency: Currency::USD,
            available: Micros(1_500_000),
            held: Micros(250_000),
            reload: None,
        };
        let shown: Value = serde_json::from_str(&account(&held, false)).expect("JSON");
        let expected = json!({
            "currency": "USD", "balance": "1.75", "balance_micros": 1_750_000, "held_micros": 250_000,
            "available": "1.50", "available_micros": 1_500_000, "top_up_available": false,
            "auto_reload": { "enabled": false, "threshold": null, "amount": null },
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_transaction_says_what_and_why() {
        let entry = Entry {
            id: 3,
            tenant: TenantId(1),
            kind: EntryKind::Charge,
            amount: Micros(-12_000),
            call: crate::model::CallId::new(255),
            key: None,
            reference: None,
            created_at: Timestamp(1_700_000_000_000),
        };
        let shown: Value = serde_json::from_str(&transactions(&[entry], 41)).expect("JSON");
        let expected = json!({ "total": 41, "results": [{
            "id": 3, "type": "charge", "amount": "-0.012", "amount_micros": -12_000, "call_id": 255,
            "reference": null, "created_at": "2023-11-14T22:13:20.000Z",
        }] });
        assert_eq!(shown, expected);
    }
}
