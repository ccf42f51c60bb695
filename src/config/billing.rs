//! `[billing]`, `[[rate]]` and what a key may spend: from tables to prices and limits.

use std::collections::HashSet;

use serde::Deserialize;

use super::checker::Checker;
use crate::model::{Currency, ListedRate, Micros, Rate, Secret, SpendControl, Timestamp};

/// `[billing]`, `[[rate]]`.
#[derive(Clone, Debug)]
pub struct Billing {
    /// What micros are millionths of.
    pub currency: Currency,
    /// What an account begins with.
    pub default_balance: Micros,
    /// What a tenant may spend.
    pub tenants: SpendControl,
    /// Prices for everybody.
    pub rates: Vec<ListedRate>,
    /// May every tenant set its own prices? Otherwise only the one whom the file's keys belong to.
    pub tenant_rates: bool,
    /// Who says whether a top-up is paid.
    pub hook: Option<PaymentHook>,
}

/// `[billing.topup]`
#[derive(Clone, Debug)]
pub struct PaymentHook {
    /// Where it is asked.
    pub url: String,
    /// What requests to it are signed with.
    pub secret: Option<Secret<String>>,
}

/// `[billing]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Table {
    pub enabled: bool,
    pub currency: String,
    pub default_balance: String,
    pub spend_per_day: Option<String>,
    pub spend_per_call: Option<String>,
    pub tenant_rates: bool,
    pub topup: TopUpTable,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct TopUpTable {
    pub hook_url: Option<String>,
    pub secret: Option<Secret<String>>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            enabled: false,
            currency: "USD".into(),
            default_balance: "0".into(),
            spend_per_day: None,
            spend_per_call: None,
            tenant_rates: false,
            topup: TopUpTable::default(),
        }
    }
}

/// `[[rate]]` as it is written. An hour is the longest interval.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateTable {
    pub prefix: String,
    pub per_minute: String,
    #[serde(default = "minute")]
    pub first_interval_seconds: u32,
    #[serde(default = "minute")]
    pub next_interval_seconds: u32,
    #[serde(default = "nothing")]
    pub minimum: String,
    #[serde(default = "nothing")]
    pub connection_fee: String,
    pub valid_from: Option<String>,
    pub valid_until: Option<String>,
}

fn minute() -> u32 {
    60
}

fn nothing() -> String {
    "0".into()
}

/// Everything is checked, whether it is turned on or not.
pub fn billing(
    table: &Table,
    rate: &[RateTable],
    allow_http: bool,
    check: &mut Checker<'_>,
) -> Option<Billing> {
    let currency = table.currency.parse().map_err(|()| {
        format!("`{}` is not a currency's code: three capital letters such as \"EUR\"", table.currency)
    });
    let made = Billing {
        currency: check.or("billing.currency", currency, Currency::USD),
        default_balance: amount("billing.default_balance", &table.default_balance, check),
        tenants: control("billing", &table.spend_per_day, &table.spend_per_call, check),
        rates: rates(rate, check),
        tenant_rates: table.tenant_rates,
        hook: hook(&table.topup, allow_http, check),
    };
    table.enabled.then_some(made)
}

/// What may be spent, as the table of tenants, a key or an application says.
pub(super) fn control(
    path: &str,
    per_day: &Option<String>,
    per_call: &Option<String>,
    check: &mut Checker<'_>,
) -> SpendControl {
    let mut limit = |name: &str, text: &Option<String>| {
        text.as_ref().map(|text| amount(&format!("{path}.{name}"), text, check))
    };
    SpendControl { per_day: limit("spend_per_day", per_day), per_call: limit("spend_per_call", per_call) }
}

fn rates(tables: &[RateTable], check: &mut Checker<'_>) -> Vec<ListedRate> {
    let mut seen = HashSet::new();
    let mut listed = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let path = format!("rate[{index}]");
        let rate = rate(table, &path, check);
        check.that(
            &format!("{path}.prefix"),
            seen.insert((rate.rate.prefix.clone(), rate.valid_from)),
            || format!("`{}` has another rate from the same time on", table.prefix),
        );
        listed.push(rate);
    }
    listed
}

fn rate(table: &RateTable, path: &str, check: &mut Checker<'_>) -> ListedRate {
    let prefix = check.or(&format!("{path}.prefix"), prefix(&table.prefix), String::new());
    let mut interval = |name: &str, seconds: u32| {
        check.that(&format!("{path}.{name}"), (1..=3_600).contains(&seconds), || {
            format!("must be 1 to 3600 s, not {seconds}")
        });
        seconds
    };
    let first_interval = interval("first_interval_seconds", table.first_interval_seconds);
    let next_interval = interval("next_interval_seconds", table.next_interval_seconds);
    let mut money = |name: &str, text: &str| amount(&format!("{path}.{name}"), text, check);
    let rate = Rate {
        prefix,
        per_minute: money("per_minute", &table.per_minute),
        first_interval,
        next_interval,
        minimum: money("minimum", &table.minimum),
        connection_fee: money("connection_fee", &table.connection_fee),
    };
    let mut time = |name: &str, text: &Option<String>| {
        let text = text.as_ref()?;
        check.or(&format!("{path}.{name}"), moment(text).map(Some), None)
    };
    let (valid_from, valid_until) =
        (time("valid_from", &table.valid_from), time("valid_until", &table.valid_until));
    let in_order = valid_from.zip(valid_until).is_none_or(|(from, until)| from < until);
    check.that(&format!("{path}.valid_until"), in_order, || "must be after valid_from".into());
    ListedRate { id: 0, tenant: None, rate, valid_from, valid_until }
}

/// Digits, with or without a `+` before them; nothing stands for every number.
fn prefix(text: &str) -> Result<String, String> {
    if text == Rate::ENDPOINTS {
        return Ok(text.to_owned());
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0') {
        return Ok(digits.to_owned());
    }
    Err(format!("`{text}` is not the beginning of an E.164 number such as \"+4420\""))
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map(|time| Timestamp(time.as_millisecond()))
        .map_err(|_| format!("`{text}` is not a time such as \"2027-01-01T00:00:00Z\""))
}

fn hook(table: &TopUpTable, allow_http: bool, check: &mut Checker<'_>) -> Option<PaymentHook> {
    let url = table.hook_url.clone()?;
    let scheme = url::Url::parse(&url).ok().map(|url| url.scheme().to_owned());
    let usable = scheme.as_deref() == Some("https") || (allow_http && scheme.as_deref() == Some("http"));
    check.that("billing.topup.hook_url", usable, || match allow_http {
        true => "must be an http or https URL".into(),
        false => "must be an https URL (webhooks.allow_http allows http)".into(),
    });
    Some(PaymentHook { url, secret: table.secret.clone() })
}

fn amount(key: &str, text: &str, check: &mut Checker<'_>) -> Micros {
    let parsed = text.parse().map_err(|error: crate::model::InvalidAmount| format!("`{text}` {error}"));
    check.or(key, parsed, Micros::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(text: &str) -> Result<Option<Billing>, String> {
        Config::parse("t", text, []).map(|config| config.billing).map_err(|refused| refused.to_string())
    }

    #[test]
    fn it_is_off_unless_one_line_turns_it_on() {
        let rate = "[[rate]]\nprefix = \"44\"\nper_minute = \"0.012\"\n";
        assert!(read(rate).expect("valid").is_none());
        assert!(read(&format!("[billing]\ncurrency = \"EUR\"\n{rate}")).expect("valid").is_none());
        let on = read(&format!("[billing]\nenabled = true\n{rate}")).expect("valid").expect("on");
        assert_eq!(
            (on.currency, on.default_balance, on.tenants),
            (Currency::USD, Micros::ZERO, SpendControl::default())
        );
        assert!(on.hook.is_none() && !on.tenant_rates);
        let listed = &on.rates[0];
        assert_eq!((listed.rate.first_interval, listed.rate.next_interval), (60, 60));
        assert_eq!((listed.rate.prefix.as_str(), listed.rate.per_minute), ("44", Micros(12_000)));
    }

    #[test]
    fn a_keys_own_limits_are_the_keys() {
        let key = "[[key]]\nface = \"nixflex\"\nid = \"nxf_a\"\nsecret = \"nxfs_secret\"\n";
        let text = format!("{key}spend_per_day = \"5\"\nspend_per_call = \"0.5\"\n");
        let config = Config::parse("t", &text, []).expect("valid");
        let control = SpendControl { per_day: Some(Micros(5_000_000)), per_call: Some(Micros(500_000)) };
        assert_eq!(config.objects.keys[0].spend, control);
    }

    #[test]
    fn every_fault_is_told_with_its_key_even_while_it_is_off() {
        let rate = |lines: &str| format!("[[rate]]\nprefix = \"44\"\nper_minute = \"1\"\n{lines}\n");
        for (text, said) in [
            ("[billing]\ncurrency = \"eur\"".to_owned(), "billing.currency: `eur` is not a currency's code"),
            ("[billing]\ndefault_balance = \"-1\"".into(), "billing.default_balance: `-1` must be an amount"),
            ("[billing]\nspend_per_day = \"x\"".into(), "billing.spend_per_day: `x` must be an amount"),
            ("[billing]\nrate = 1".into(), "unknown field"),
            ("[billing.topup]\nhook_url = \"http://a.example\"".into(), "hook_url: must be an https URL"),
            (rate("").replace("\"44\"", "\"044\""), "rate[0].prefix: `044` is not the beginning"),
            (
                rate("first_interval_seconds = 0"),
                "rate[0].first_interval_seconds: must be 1 to 3600 s, not 0",
            ),
            (rate("next_interval_seconds = 3601"), "rate[0].next_interval_seconds: must be 1 to 3600 s"),
            (rate("minimum = \"1.0000001\""), "rate[0].minimum: `1.0000001` must be an amount"),
            (rate("valid_from = \"soon\""), "rate[0].valid_from: `soon` is not a time"),
            (
                rate("valid_from = \"2027-01-01T00:00:00Z\"\nvalid_until = \"2027-01-01T00:00:00Z\""),
                "rate[0].valid_until: must be after valid_from",
            ),
            (rate("") + &rate(""), "rate[1].prefix: `44` has another rate from the same time on"),
        ] {
            let refused = read(&text).expect_err(&text);
            assert!(refused.contains(said), "{text}\n{refused}");
        }
    }
}
