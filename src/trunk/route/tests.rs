//! One row a knob: what a trunk says, and the exact lines of its INVITE.

use std::time::Duration;

use super::*;
use crate::config::Config;
use crate::model::{Agent, CallId, RightToUse, TenantId, Timestamp, Variable};

/// 14 November 2024, 22:13:20 UTC.
const ASKED_ON: Timestamp = Timestamp(1_731_622_400_000);

#[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
fn start() -> Instant {
    Instant::now()
}

fn trunk(lines: &str) -> Trunk {
    let name = if lines.contains("uri =") { "" } else { "uri = \"sip:carrier.example\"\n" };
    let file = format!("[[trunk]]\nname = \"t\"\n{name}{lines}");
    let config = Config::parse("t.toml", &file, []).unwrap_or_else(|error| panic!("{error}"));
    config.objects.trunks[0].clone()
}

fn plan(trunk: &Trunk) -> CallPlan {
    let number = |e164: &str| e164.parse().expect("E.164");
    CallPlan {
        variables: [Variable { name: "order".into(), value: "7\r\nVia: x".into() }].into(),
        ..CallPlan::plain(
            CallId::new(42).expect("below 2^53"),
            "6f1c".into(),
            Arc::new(Agent::plain(TenantId(1))),
            Arc::new(trunk.clone()),
            number("+442079460000"),
            number("+447386172392"),
            (start(), ASKED_ON),
        )
    }
}

/// The INVITE's request line, From, To and Route, then its headers, each as a line.
fn lines(trunk: &Trunk, change: impl FnOnce(&mut CallPlan)) -> Vec<String> {
    let mut plan = plan(trunk);
    change(&mut plan);
    let invite = invite(&plan, trunk, plan.asked_at, Body::sdp("v=0")).expect("signed or not to be signed");
    let mut lines = vec![
        format!("INVITE {}", invite.uri),
        format!("From: {}", invite.from),
        format!("To: {}", invite.to),
    ];
    lines.extend(invite.route.map(|route| format!("Route: <{route}>")));
    lines.extend(invite.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    lines
}

const INVITE: &str = "INVITE sip:+447386172392@carrier.example";
const FROM: &str = "From: <sip:+442079460000@carrier.example>";
const TO: &str = "To: <sip:+447386172392@carrier.example>";

#[test]
fn each_knob_changes_its_own_lines() {
    let identity = |header: &str| format!("{header}: <sip:+442079460000@carrier.example>");
    let (pai, ppi) = (identity("P-Asserted-Identity"), identity("P-Preferred-Identity"));
    let rows: &[(&str, &[&str])] = &[
        ("", &[INVITE, FROM, TO]),
        (
            "uri = \"sip:192.0.2.1:5070\"",
            &[
                "INVITE sip:+447386172392@192.0.2.1:5070",
                "From: <sip:+442079460000@192.0.2.1>",
                "To: <sip:+447386172392@192.0.2.1>",
            ],
        ),
        ("proxy = \"sip:edge.example:5070\"", &[INVITE, FROM, TO, "Route: <sip:edge.example:5070;lr>"]),
        ("from_domain = \"me.example\"", &[INVITE, "From: <sip:+442079460000@me.example>", TO]),
        (
            "username = \"acc@1\"\npassword = \"p\"\nfrom_user = \"username\"",
            &[INVITE, "From: <sip:acc%401@carrier.example>", TO],
        ),
        ("from_user = \"line7\"", &[INVITE, "From: <sip:line7@carrier.example>", TO]),
        (
            "number_format = \"plain\"",
            &[
                "INVITE sip:447386172392@carrier.example",
                "From: <sip:442079460000@carrier.example>",
                "To: <sip:447386172392@carrier.example>",
            ],
        ),
        (
            "number_format = \"international\"",
            &["INVITE sip:00447386172392@carrier.example", FROM, "To: <sip:00447386172392@carrier.example>"],
        ),
        (
            "number_format = \"international\"\ncountry = \"US\"",
            &[
                "INVITE sip:011447386172392@carrier.example",
                FROM,
                "To: <sip:011447386172392@carrier.example>",
            ],
        ),
        (
            "number_format = \"national\"\ncountry = \"GB\"\ncaller_format = \"national\"",
            &[
                "INVITE sip:07386172392@carrier.example",
                "From: <sip:02079460000@carrier.example>",
                "To: <sip:07386172392@carrier.example>",
            ],
        ),
        (
            "number_format = \"national\"\ncountry = \"FR\"",
            &["INVITE sip:00447386172392@carrier.example", FROM, "To: <sip:00447386172392@carrier.example>"],
        ),
        (
            "prefix = \"99#\"\nnumber_format = \"plain\"\ncaller_format = \"e164\"",
            &[
                "INVITE sip:99%23447386172392@carrier.example",
                FROM,
                "To: <sip:99%23447386172392@carrier.example>",
            ],
        ),
        (
            "user_phone = true",
            &[
                "INVITE sip:+447386172392@carrier.example;user=phone",
                "From: <sip:+442079460000@carrier.example;user=phone>",
                "To: <sip:+447386172392@carrier.example;user=phone>",
            ],
        ),
        (
            "user_phone = true\nfrom_user = \"line7\"",
            &[
                "INVITE sip:+447386172392@carrier.example;user=phone",
                "From: <sip:line7@carrier.example>",
                "To: <sip:+447386172392@carrier.example;user=phone>",
            ],
        ),
        (
            "display_name = 'A \"B\"'",
            &[INVITE, "From: \"A \\\"B\\\"\" <sip:+442079460000@carrier.example>", TO],
        ),
        ("caller_id_headers = [\"pai\"]", &[INVITE, FROM, TO, &pai]),
        ("caller_id_headers = [\"ppi\", \"pai\"]", &[INVITE, FROM, TO, &ppi, &pai]),
        (
            "caller_id_headers = [\"rpid\"]",
            &[
                INVITE,
                FROM,
                TO,
                "Remote-Party-ID: <sip:+442079460000@carrier.example>;party=calling;screen=no;privacy=off",
            ],
        ),
        (
            "privacy = true",
            &[INVITE, "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>", TO, &pai, "Privacy: id"],
        ),
        (
            "privacy = true\ncaller_id_headers = [\"rpid\"]\ndiversion = \"caller\"",
            &[
                INVITE,
                "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>",
                TO,
                "Remote-Party-ID: <sip:+442079460000@carrier.example>;party=calling;screen=no;privacy=full",
                "Privacy: id",
                "Diversion: <sip:+442079460000@carrier.example>;reason=unconditional;counter=1;privacy=full",
            ],
        ),
        (
            "diversion = \"+442071111111\"",
            &[
                INVITE,
                FROM,
                TO,
                "Diversion: <sip:+442071111111@carrier.example>;reason=unconditional;counter=1",
            ],
        ),
        ("charge = \"caller\"", &[INVITE, FROM, TO, "P-Charge-Info: <sip:+442079460000@carrier.example>"]),
        (
            "headers = { X-A = \"{from}>{to}\", X-B = \"{call_id}/{sip_call_id}/{trunk}\", X-C = \"{campaign_id}\", X-D = \"{order}\" }",
            &[
                INVITE,
                FROM,
                TO,
                "X-A: +442079460000>+447386172392",
                "X-B: CA0000000000000000000000000000002a/6f1c/t",
                "X-D: 7  Via: x",
            ],
        ),
    ];
    for (said, expected) in rows {
        assert_eq!(lines(&trunk(said), |_| {}), *expected, "{said}");
    }
}

#[test]
fn what_a_call_brings_stands_in_its_headers() {
    let campaign = trunk("headers = { X-C = \"c={{campaign_id}}\", X-D = \"{missing}\" }");
    let shown = lines(&campaign, |plan| plan.campaign = Some("spring".into()));
    assert_eq!(shown[3..], ["X-C: c=spring"]);
    let vouched =
        lines(&trunk("caller_id_headers = [\"rpid\"]"), |plan| plan.right_to_use = RightToUse::Verified);
    assert!(vouched[3].contains(";screen=yes;"), "{vouched:?}");
}

#[test]
fn what_is_no_header_reaches_the_user_agent_too() {
    let plain = trunk("");
    let default = invite(&plan(&plain), &plain, start(), Body::sdp("v=0")).expect("nothing to sign");
    assert_eq!((default.reliable, default.session), (Reliable::Supported, Some(SessionTimer::default())));
    assert!(default.credentials.is_none() && default.tls.is_none() && default.route.is_none());

    let other = trunk(
        "prack = \"off\"\nsession_expires_seconds = 600\nsession_min_seconds = 100\nsession_refresher = \"them\"\n\
         username = \"u\"\npassword = \"p\"\nauth_realm = \"r\"\ntls = { verify = false }",
    );
    let composed = invite(&plan(&other), &other, start(), Body::sdp("v=0")).expect("nothing to sign");
    let session = SessionTimer {
        interval: Duration::from_secs(600),
        min: Duration::from_secs(100),
        refresher: Refresher::Them,
    };
    assert_eq!((composed.reliable, composed.session), (Reliable::Off, Some(session)));
    assert_eq!(composed.credentials.and_then(|credentials| credentials.realm.clone()).as_deref(), Some("r"));
    let own = other.tls.as_ref().map(|tls| &tls.client);
    assert!(own.zip(composed.tls.as_ref()).is_some_and(|(own, used)| Arc::ptr_eq(own, used)));
    let none = trunk("session_expires_seconds = 0");
    assert_eq!(
        invite(&plan(&none), &none, start(), Body::sdp("v=0")).expect("nothing to sign").session,
        None
    );
}

#[test]
fn a_call_that_cannot_be_signed_goes_or_stays_as_its_trunk_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key.pem");
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    std::fs::write(&key, pair.serialize_pem()).expect("written");
    let stir = |more: &str| {
        let key = key.display().to_string();
        trunk(&format!("stir = {{ key = {key:?}, certificate_url = \"https://c.example/\"{more} }}"))
    };
    let signing = stir("");
    let shown = lines(&signing, |_| {});
    assert_eq!(shown[3], "Date: Thu, 14 Nov 2024 22:13:20 GMT");
    assert!(shown[4].starts_with("Identity: ") && shown.len() == 5, "{shown:?}");

    // The clock of the machine was never set.
    let unset = |plan: &mut CallPlan| plan.asked_on = Timestamp(5_000);
    assert_eq!(lines(&signing, unset), [INVITE, FROM, TO]);
    let strict = stir(", on_failure = \"refuse\"");
    let mut unsigned = plan(&strict);
    unset(&mut unsigned);
    assert_eq!(invite(&unsigned, &strict, unsigned.asked_at, Body::sdp("v=0")).err(), Some(NotSigned));
}

#[test]
fn a_sip_uri_is_dialled_at_its_trunk_and_nowhere_else_with_the_headers_that_were_asked_for() {
    let trunk = trunk("uri = \"sips:m.example:5061\"\nprefix = \"9\"\nsip_users = [\"proj_*\"]");
    let uri: crate::model::SipUri = "sips:proj_1@M.example".parse().expect("a URI");
    assert!(crate::trunk::destination::check_uri(&trunk, &plan(&trunk).from, &uri));
    let header = crate::model::Header::new("X-Case", "7").expect("a header");
    let second = crate::model::Second {
        of: CallId::new(1).expect("small"),
        ticket: 1,
        uri: Some(uri),
        headers: vec![header],
    };
    let plan = CallPlan { second: Some(Arc::new(second)), ..plan(&trunk) };
    let invite = invite(&plan, &trunk, start(), Body::sdp("v=0")).expect("nothing is signed");
    assert_eq!(invite.uri, "sips:proj_1@m.example:5061");
    assert_eq!(invite.to, "<sips:proj_1@m.example>");
    assert!(invite.headers.contains(&("X-Case".to_owned(), "7".to_owned())));
    for other in ["sips:other@m.example", "sips:proj_1@n.example", "sips:proj_1@m.example:5060"] {
        let other = other.parse().expect("a URI");
        assert!(!crate::trunk::destination::check_uri(&trunk, &plan.from, &other), "{other}");
    }
}
