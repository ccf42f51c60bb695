//! What a `[[trunk]]` may say, and the exact words in which the rest is refused.

use std::time::Duration;

use super::super::Config;
use crate::model::{
    AudioCodec, CostClass, DtmfMode, FromUser, IdentityHeader, NumberStyle, ReferPolicy, ReliableProvisional,
    RightToUse, SessionRefresher, ShownNumber, SpendLimit, SrtpPolicy, Trunk, TrunkSession, UnsignedCalls,
};

const NAME_AND_URI: &str = "[[trunk]]\nname = \"t\"\nuri = \"sip:carrier.example\"\n";

fn trunk(lines: &str) -> Trunk {
    let config = Config::parse("t.toml", &format!("{NAME_AND_URI}{lines}"), []).expect("valid");
    config.objects.trunks[0].clone()
}

/// Without the place: `key: reason`.
fn faults(lines: &str) -> Vec<String> {
    let error = Config::parse("t.toml", &format!("{NAME_AND_URI}{lines}"), []).expect_err("must be refused");
    error.faults.iter().map(|fault| format!("{}: {}", fault.key, fault.reason)).collect()
}

#[test]
fn name_and_uri_are_enough_and_mean_the_models_own_defaults() {
    let said = trunk("");
    let meant = Trunk::new(said.id, said.tenant, "t", "sip:carrier.example");
    assert_eq!(format!("{said:?}"), format!("{meant:?}"));
}

#[test]
fn every_key_is_heard() {
    let said = trunk(
        r#"
        enabled = false
        username = "u"
        password = "p"
        auth_realm = "carrier"
        proxy = "sip:proxy.example:5070"
        register = true
        registrar = "sip:reg.example"
        register_user = "line1"
        register_expires_seconds = 600
        from_domain = "customer.example"
        from_user = "username"
        number_format = "national"
        caller_format = "plain"
        country = "GB"
        prefix = "99#"
        user_phone = true
        caller_id_headers = ["ppi", "rpid"]
        caller_id_allow = ["+4420"]
        display_name = "Ann & Co"
        privacy = true
        diversion = "caller"
        charge = "+442079460000"
        headers = { X-Account = "7", X-Campaign = "{campaign_id}" }
        codecs = ["g722", "pcma"]
        ptime_ms = 30
        srtp = "required"
        rtcp_mux = true
        comfort_noise = true
        dtmf = "info"
        prack = "required"
        session_expires_seconds = 600
        session_min_seconds = 120
        session_refresher = "us"
        channels = 30
        cps = 2.5
        allow = ["+44"]
        deny = ["+4470"]
        allow_countries = ["FR", "de"]
        allow_classes = ["shared_cost"]
        max_call_seconds = 900
        options_interval_seconds = 0
        redirects_max = 0
        refer = "allow"
        inbound = { addresses = ["192.0.2.0/24", "198.51.100.7"], username = "in", password = "pw" }
        spend = { per_day = "25.00", per_minute = "0.012" }
        "#,
    );
    assert!(!said.enabled);
    assert_eq!(said.auth_realm.as_deref(), Some("carrier"));
    assert_eq!(said.outbound_proxy.as_deref(), Some("sip:proxy.example:5070"));
    let registration = said.registration.expect("it registers");
    assert_eq!(registration.registrar.as_deref(), Some("sip:reg.example"));
    assert_eq!((registration.user.as_deref(), registration.expires.as_secs()), (Some("line1"), 600));
    assert_eq!(said.from_user, FromUser::Username);
    let (calling_code, national_prefix, exit_code) = ("44".into(), "0".into(), "00".into());
    assert_eq!(said.number.called, NumberStyle::National { calling_code, national_prefix, exit_code });
    assert_eq!(said.number.calling, NumberStyle::Plain);
    assert_eq!((said.number.prefix.as_str(), said.number.user_phone), ("99#", true));
    assert_eq!(said.caller_id.headers, [IdentityHeader::Ppi, IdentityHeader::Rpid]);
    assert_eq!(said.caller_id.diversion, Some(ShownNumber::Caller));
    assert!(
        matches!(&said.caller_id.charge, Some(ShownNumber::Fixed(number)) if number.digits() == "442079460000")
    );
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(said.headers, [header("X-Account", "7"), header("X-Campaign", "{campaign_id}")]);
    assert_eq!(said.media.codecs, [AudioCodec::G722, AudioCodec::Pcma]);
    assert_eq!(
        (said.media.ptime_ms, said.media.srtp, said.media.dtmf),
        (30, SrtpPolicy::Required, DtmfMode::Info)
    );
    assert!(said.media.rtcp_mux && said.media.comfort_noise);
    assert_eq!(said.reliable, ReliableProvisional::Required);
    let (interval, min) = (Duration::from_secs(600), Duration::from_secs(120));
    assert_eq!(said.session, Some(TrunkSession { interval, min, refresher: SessionRefresher::Us }));
    assert_eq!((said.channels, said.cps), (Some(30), Some(2.5)));
    let shown: Vec<_> = said.destinations.countries.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["FR", "DE"]);
    assert_eq!(said.destinations.classes, [CostClass::SharedCost]);
    assert_eq!(said.destinations.call_max, Some(Duration::from_secs(900)));
    let limit = SpendLimit { per_day_micros: 25_000_000, per_minute_micros: 12_000 };
    assert_eq!(said.destinations.spend, Some(limit));
    assert_eq!((said.health.options_interval, said.redirects_max, said.refer), (None, 0, ReferPolicy::Allow));
    assert_eq!(said.inbound.addresses.len(), 2);
}

#[test]
fn what_a_country_dials_can_be_said_otherwise() {
    let style = |lines: &str| trunk(lines).number.called;
    let international = |exit: &str| NumberStyle::International { exit_code: exit.into() };
    let national = |code: &str, prefix: &str, exit: &str| NumberStyle::National {
        calling_code: code.into(),
        national_prefix: prefix.into(),
        exit_code: exit.into(),
    };
    for (lines, expected) in [
        ("number_format = \"international\"", international("00")),
        ("number_format = \"international\"\ncountry = \"US\"", international("011")),
        ("number_format = \"international\"\ninternational_prefix = \"0011\"", international("0011")),
        ("number_format = \"national\"\ncountry = \"US\"\nnational_prefix = \"\"", national("1", "", "011")),
        ("number_format = \"plain\"", NumberStyle::Plain),
    ] {
        assert_eq!(style(lines), expected, "{lines}");
    }
    assert_eq!(trunk("number_format = \"plain\"").number.calling, NumberStyle::Plain);
    assert_eq!(trunk("number_format = \"international\"").number.calling, NumberStyle::E164);
}

#[test]
fn whoever_withholds_the_number_still_tells_the_carrier() {
    assert_eq!(trunk("privacy = true").caller_id.headers, [IdentityHeader::Pai]);
    assert_eq!(trunk("privacy = true\ncaller_id_headers = []").caller_id.headers, []);
}

#[test]
fn every_fault_of_a_trunk_has_its_key_and_reason() {
    for (lines, words) in [
        ("auth_realm = \"\"", "trunk[0].auth_realm: must be one line of text"),
        ("from_domain = \"a b\"", "trunk[0].from_domain: `a b` is neither a host name nor an address"),
        ("from_user = \"a b\"", "trunk[0].from_user: `a b` cannot be the user of a SIP URI (RFC 3261 §25.1)"),
        ("from_user = \"username\"", "trunk[0].from_user: is the username, and there is none"),
        (
            "proxy = \"proxy.example\"",
            "trunk[0].proxy: `proxy.example` is not a SIP URI: it must be of the form \"sip:host[:port]\"",
        ),
        (
            "register = true",
            "trunk[0].register: needs a username, or a register_user: the registrar must know whom it registers",
        ),
        ("register_user = \"x\"", "trunk[0]: registrar and register_user need register = true"),
        (
            "register_expires_seconds = 5",
            "trunk[0].register_expires_seconds: must be 30 to 86400 seconds, not 5",
        ),
        (
            "number_format = \"national\"",
            "trunk[0].number_format: is national: say of which `country`, such as \"GB\"",
        ),
        (
            "country = \"England\"",
            "trunk[0].country: `England` is not a country's two letters, such as \"GB\"",
        ),
        (
            "prefix = \"9 9\"",
            "trunk[0].prefix: `9 9` must be at most 24 letters, digits, `+`, `*`, `#`, `-`, `_` or `.`",
        ),
        ("caller_id_headers = [\"pai\", \"pai\"]", "trunk[0].caller_id_headers[1]: is named twice"),
        ("caller_id_allow = [\"44\"]", "trunk[0].caller_id_allow[0]: `44` is not a prefix such as \"+44\""),
        ("display_name = \"a\\nb\"", "trunk[0].display_name: must be one line of at most 64 bytes"),
        (
            "diversion = \"me\"",
            "trunk[0].diversion: `me` must be \"caller\" or a number such as \"+442079460000\"",
        ),
        ("codecs = []", "trunk[0].codecs: must name at least one codec"),
        ("ptime_ms = 25", "trunk[0].ptime_ms: must be 10, 20, 30, 40, 50 or 60 ms, not 25"),
        (
            "session_expires_seconds = 60",
            "trunk[0].session_expires_seconds: must be 90 to 86400 seconds, or 0 for none, not 60",
        ),
        (
            "session_expires_seconds = 100\nsession_min_seconds = 200",
            "trunk[0].session_expires_seconds: must not be below session_min_seconds",
        ),
        ("deny = [\"+\"]", "trunk[0].deny[0]: `+` is not a prefix such as \"+44\""),
        (
            "allow = [\"+44\"]\ndeny = [\"+44\"]",
            "trunk[0].deny[0]: `+44` is allowed as well: which is meant?",
        ),
        (
            "allow_countries = [\"UK\"]",
            "trunk[0].allow_countries[0]: `UK` is not a country's two letters, such as \"GB\"",
        ),
        ("max_call_seconds = 5", "trunk[0].max_call_seconds: must be 10 to 86400 seconds, not 5"),
        ("redirects_max = 11", "trunk[0].redirects_max: must be 0 to 10, not 11"),
        (
            "spend = { per_day = \"x\", per_minute = \"0.01\" }",
            "trunk[0].spend.per_day: `x` is not an amount such as \"25.00\", above zero and with at most 6 decimals",
        ),
        (
            "spend = { per_day = \"1\", per_minute = \"2\" }",
            "trunk[0].spend.per_day: is less than one minute costs: no call could be placed",
        ),
        (
            "inbound = { addresses = [\"x\"] }",
            "trunk[0].inbound.addresses[0]: `x` is neither an address nor a network such as \"10.0.0.0/8\"",
        ),
        ("inbound = { username = \"x\" }", "trunk[0].inbound: username and password go together"),
        ("tls = { certificate = \"/nowhere\" }", "trunk[0].tls: certificate and key go together"),
        (
            "tls = { verify = false, server_name = \"a\" }",
            "trunk[0].tls.verify: is false, so ca and server_name would have no effect",
        ),
    ] {
        assert_eq!(faults(lines).first().map(String::as_str), Some(words), "{lines}");
    }
}

#[test]
fn a_header_cannot_contradict_the_stack_or_break_out_of_its_line() {
    for (lines, words) in [
        ("headers = { Via = \"x\" }", "headers.Via: is written by Trunkline itself"),
        ("headers = { call-ID = \"x\" }", "headers.call-ID: is written by Trunkline itself"),
        (
            "headers = { f = \"x\" }",
            "headers.f: one letter stands for a header of the stack's own (RFC 3261 §7.3.3)",
        ),
        ("headers = { \"X Y\" = \"x\" }", "headers.X Y: `X Y` is not a header's name (RFC 3261 §25.1)"),
        ("headers = { X-A = \"a\\r\\nVia: b\" }", "headers.X-A: must be one line of text"),
        ("headers = { X-A = \"\" }", "headers.X-A: must be one line of text"),
        ("headers = { X-A = \"1\", x-a = \"2\" }", "headers.x-a: is named twice, in different letters"),
        (
            "caller_id_headers = [\"pai\"]\nheaders = { P-Asserted-Identity = \"<sip:a@b>\" }",
            "headers.P-Asserted-Identity: is written already, by another key of this trunk",
        ),
        (
            "privacy = true\nheaders = { Privacy = \"id\" }",
            "headers.Privacy: is written already, by another key of this trunk",
        ),
    ] {
        assert_eq!(faults(lines), [format!("trunk[0].{words}")], "{lines}");
    }
    let own = trunk("headers = { P-Asserted-Identity = \"<sip:pilot@carrier.example>\" }");
    assert_eq!(own.headers[0].1, "<sip:pilot@carrier.example>");
}

#[test]
fn a_number_has_several_trunks_and_says_whose_it_is() {
    let file = r#"
        [[trunk]]
        name = "a"
        uri = "sip:a.example"
        [[trunk]]
        name = "b"
        uri = "sip:b.example"
        caller_id_allow = ["+4420"]
        [[number]]
        e164 = "+442079460000"
        outbound = true
        right_to_use = "verified"
        trunks = [{ name = "b", priority = 2, weight = 10 }, { name = "a" }]
    "#;
    let objects = Config::parse("t.toml", file, []).expect("valid").objects;
    let shown: Vec<_> = objects.numbers[0]
        .trunks
        .iter()
        .map(|choice| (choice.trunk, choice.priority, choice.weight))
        .collect();
    assert_eq!(shown, [(objects.trunks[0].id, 1, 1), (objects.trunks[1].id, 2, 10)]);
    assert_eq!(objects.numbers[0].right_to_use, RightToUse::Verified);

    let wrong = file
        .replace("+442079460000", "+12025550123")
        .replace("{ name = \"a\" }", "{ name = \"c\" }, { name = \"b\" }]\ntrunk = \"a\"\nweb = [1");
    let wrong = wrong.replace("\nweb = [1]", "");
    let error = Config::parse("t.toml", &wrong, []).expect_err("refused").to_string();
    for words in [
        "number[0].trunks: trunk and trunks: one of them must go",
        "number[0].trunks[1].name: there is no trunk `c`",
        "number[0].trunks[2].name: `b` is named twice",
        "number[0].e164: trunk `b` may not show this number: its caller_id_allow leaves it out",
    ] {
        assert!(error.contains(words), "{words} in {error}");
    }
}

#[test]
fn keys_and_certificates_are_read_and_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let ours = rcgen::generate_simple_self_signed(vec!["a.example".into()]).expect("a certificate");
    let other = rcgen::generate_simple_self_signed(vec!["b.example".into()]).expect("a certificate");
    let (certificate, key) =
        (write("c.pem", &ours.cert.pem()), write("k.pem", &ours.signing_key.serialize_pem()));
    let foreign = write("other.pem", &other.cert.pem());
    let noise = write("noise.pem", "nothing");
    let url = "https://cert.example/c.pem";

    let tls =
        trunk(&format!("tls = {{ ca = {certificate:?}, certificate = {certificate:?}, key = {key:?} }}"));
    assert_eq!(tls.tls.expect("tls").ca, Some(ours.cert.pem().into_bytes()));
    let stir = |key: &str, certificate: &str, url: &str| {
        format!("stir = {{ key = {key:?}, certificate = {certificate:?}, certificate_url = {url:?} }}")
    };
    let signed = trunk(&stir(&key, &certificate, url)).stir.expect("stir");
    assert_eq!((signed.certificate_url.as_str(), signed.on_failure), (url, UnsignedCalls::Send));

    let missing = "`/nowhere/k.pem` cannot be read: No such file or directory (os error 2)".to_owned();
    for (lines, words) in [
        (stir("/nowhere/k.pem", &certificate, url), format!("stir.key: {missing}")),
        (stir(&noise, &certificate, url), format!("stir.key: `{noise}` holds no private key in PEM form")),
        (stir(&key, &foreign, url), "stir.certificate: is not the certificate of this key".into()),
        (
            stir(&key, &certificate, "http://cert.example/"),
            "stir.certificate_url: must be an https:// URL of at most 512 ASCII characters".into(),
        ),
        (format!("tls = {{ ca = {key:?} }}"), format!("tls.ca: `{key}` holds no certificate in PEM form")),
        (
            format!("tls = {{ certificate = {certificate:?}, key = {certificate:?} }}"),
            format!("tls.key: `{certificate}` holds no private key in PEM form"),
        ),
    ] {
        assert_eq!(faults(&lines), [format!("trunk[0].{words}")], "{lines}");
    }
}

#[test]
fn a_pace_is_one_that_a_clock_can_keep() {
    for cps in ["1e-20", "1e-300", "0.0009", "0.0", "-1.0", "100001.0", "inf", "nan"] {
        let reason = "must be 0.001 to 100000 calls a second; leave it out for no limit";
        assert_eq!(faults(&format!("cps = {cps}")), [format!("trunk[0].cps: {reason}")], "{cps}");
    }
    assert_eq!(trunk("cps = 0.001").cps, Some(0.001));
}

/// What is not in the README is found by nobody.
#[test]
fn every_key_stands_in_the_readme() {
    let readme = include_str!("../../../README.md");
    let tables =
        ["", "tls = { x = 1 }\n", "stir = { x = 1 }\n", "spend = { x = 1 }\n", "inbound = { x = 1 }\n"];
    let mut count = 0;
    for table in tables {
        let lines = if table.is_empty() { "x = 1\n" } else { table };
        let shown = faults(lines).remove(0);
        let (_, keys) =
            shown.split_once("expected one of ").or(shown.split_once("expected ")).expect("the keys");
        for key in keys.split(['`', ',', ' ']).filter(|word| !word.is_empty() && *word != "or") {
            let stands =
                [format!("`{key}`"), format!("`[trunk.{key}]`")].iter().any(|words| readme.contains(words));
            assert!(stands, "{key} is not in README.md");
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}
