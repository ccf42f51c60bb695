//! From observations made up to findings: what every step says of what it may see.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use trunkline_media::SdpError;
use trunkline_sip::{Message, Method, Target, TransportError};

use super::*;
use crate::config::Config;
use crate::doctor::finding::{Code, Verdict};
use crate::doctor::observation::{Answer, Asked, CallSeen, Exchange, Knocked, Names, RecordKind, Seen};
use crate::doctor::patient::Patient;
use crate::doctor::remedy::remedies;

const HERE: &str = "203.0.113.1:40000";
const THERE: &str = "198.51.100.7:5060";
const TO: &str = "+447386172392";

fn patient(keys: &str) -> Patient {
    let text = format!(
        "[sip]\nlisten = [\"udp:203.0.113.1:5060\"]\n[media]\naddress = \"203.0.113.1\"\n\
         [[trunk]]\nname = \"t1\"\nuri = \"sip:198.51.100.7\"\n{keys}\n"
    );
    let config = Config::parse("t", &text, []).expect("valid");
    let trunk = Arc::new(config.objects.trunks[0].clone());
    Patient::new(&config, trunk, None, Some(TO.parse().expect("valid")))
}

fn with_account() -> Patient {
    patient("username = \"u\"\npassword = \"hidden\"")
}

/// One message: a start line and the headers that matter here.
fn seen(start: &str, cseq: &str, headers: &str) -> Seen {
    let raw = format!(
        "{start}\r\nVia: SIP/2.0/UDP {HERE};branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n\
         Call-ID: 1\r\nCSeq: {cseq}\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    Seen {
        at: Duration::from_millis(5),
        is_ours: !start.starts_with("SIP/"),
        local: address(HERE),
        remote: address(THERE),
        message: Message::parse(raw.into()).expect("a message"),
    }
}

fn exchange(method: Method, seen: Vec<Seen>) -> Exchange {
    Exchange { seen, took: Duration::from_secs(8), ..Exchange::new(method) }
}

/// OPTIONS, and what came back for each try.
fn pinged(responses: &[(&str, &str)]) -> Exchange {
    let each = responses.iter().enumerate().flat_map(|(at, (start, headers))| {
        let cseq = format!("{} OPTIONS", at + 1);
        let response = (!start.is_empty()).then(|| seen(&format!("SIP/2.0 {start}"), &cseq, headers));
        std::iter::once(seen("OPTIONS sip:d SIP/2.0", &cseq, "")).chain(response)
    });
    exchange(Method::Options, each.collect())
}

fn called(responses: &[(&str, &str)]) -> CallSeen {
    let each = responses.iter().enumerate().flat_map(|(at, (start, headers))| {
        let cseq = format!("{} INVITE", at + 1);
        [seen("INVITE sip:d SIP/2.0", &cseq, ""), seen(&format!("SIP/2.0 {start}"), &cseq, headers)]
    });
    CallSeen {
        exchange: exchange(Method::Invite, each.collect()),
        failure: None,
        answer: None,
        has_early_media: false,
        audio: None,
        end: None,
        contact: Vec::new(),
        hold: None,
    }
}

const ASK: &str = "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"n\"\r\n";
const STALE: &str = "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"m\", stale=true\r\n";

#[test]
fn any_final_answer_to_options_is_a_sign_of_life() {
    for (start, verdict, code) in [
        ("200 OK", Verdict::Ok, None),
        ("404 Not Found", Verdict::Ok, None),
        ("405 Method Not Allowed", Verdict::Ok, None),
        ("401 Unauthorized", Verdict::Ok, None),
        ("403 Forbidden", Verdict::Warning, Some(Code::AddressNotAllowed)),
        ("500 Oops", Verdict::Warning, Some(Code::CarrierError)),
        ("503 Busy", Verdict::Fault, Some(Code::Overloaded)),
    ] {
        let found = options(&patient(""), &pinged(&[(start, "")]));
        let found: Vec<_> = found.iter().map(|finding| (finding.verdict, finding.code)).collect();
        assert_eq!(found, [(verdict, code)], "{start}");
    }
}

#[test]
fn challenges_are_told_apart_by_what_follows() {
    let elsewhere = "username = \"u\"\npassword = \"hidden\"\nauth_realm = \"other.example\"";
    let unknown = "WWW-Authenticate: NTLM realm=\"x\", targetname=\"y\"\r\n";
    for (patient, responses, code) in [
        (with_account(), &[("200 OK", "")][..], None),
        (with_account(), &[("401 No", ASK), ("200 OK", "")], Some(None)),
        (patient(""), &[("401 No", ASK)], Some(Some(Code::CredentialsMissing))),
        (with_account(), &[("401 No", ASK), ("401 No", ASK)], Some(Some(Code::CredentialsRefused))),
        (
            with_account(),
            &[("401 No", ASK), ("401 No", STALE), ("401 No", STALE)],
            Some(Some(Code::NonceLoop)),
        ),
        (patient(elsewhere), &[("401 No", ASK)], Some(Some(Code::RealmMismatch))),
        (with_account(), &[("401 No", unknown)], Some(Some(Code::ChallengeUnsupported))),
    ] {
        let found = digest(&patient, &pinged(responses));
        assert_eq!(found.as_ref().map(|finding| finding.code), code, "{responses:?}");
        assert!(!format!("{found:?}").contains("hidden"));
    }
}

#[test]
fn no_answer_is_a_fault_unless_calls_are_answered() {
    let silence = pinged(&[("", ""), ("", "")]);
    let dead = unanswered(&patient(""), &silence, false);
    assert_eq!((dead.verdict, dead.code), (Verdict::Fault, Some(Code::NoAnswer)));
    assert!(dead.came_back.contains("2 tries") && dead.advice.expect("advice").contains(THERE));
    let mute = unanswered(&patient(""), &silence, true);
    assert_eq!((mute.verdict, mute.code), (Verdict::Warning, Some(Code::OptionsUnanswered)));
}

#[test]
fn each_refusal_suggests_what_may_cure_it() {
    let to = TO.parse().expect("valid");
    let tried = |patient: &Patient, start: &str, headers: &str| -> Vec<String> {
        let found = remedies(patient, &to, &called(&[(start, headers)]));
        found.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        tried(&patient(""), "404 Not Found", ""),
        [
            "`user_phone = true`",
            "`number_format = \"plain\"`",
            "`number_format = \"international\"` and `country = \"GB\"`",
            "`number_format = \"national\"` and `country = \"GB\"`",
            "`from_domain = \"203.0.113.1\"`",
        ]
    );
    let forbidden = tried(&with_account(), "403 From must be sip.carrier.example", "");
    assert_eq!(forbidden[0], "`from_domain = \"sip.carrier.example\"`");
    assert!(forbidden.contains(&"`from_user = \"username\"`".to_owned()), "{forbidden:?}");
    assert_eq!(tried(&patient(""), "420 Bad", "Unsupported: 100rel\r\n"), ["`prack = \"off\"`"]);
    assert_eq!(tried(&patient(""), "420 Bad", "Unsupported: timer\r\n"), ["`session_expires_seconds = 0`"]);
    assert_eq!(tried(&patient(""), "421 More", "Require: 100rel\r\n"), ["`prack = \"required\"`"]);
    assert_eq!(tried(&patient(""), "422 Small", "Min-SE: 3600\r\n"), ["`session_expires_seconds = 3600`"]);
    assert_eq!(tried(&patient(""), "488 Not Here", "")[0], "`srtp = \"required\"`");
    assert_eq!(tried(&patient("srtp = \"required\""), "488 Not Here", "")[0], "`srtp = \"off\"`");
    assert_eq!(tried(&patient(""), "486 Busy Here", ""), [""; 0]);
}

#[test]
fn what_nothing_cures_says_whose_fault_it_is() {
    let to = TO.parse().expect("valid");
    for (start, headers, verdict, code) in [
        ("486 Busy Here", "", Verdict::Warning, Code::CalleeUnavailable),
        ("603 Decline", "", Verdict::Warning, Code::CalleeUnavailable),
        ("603 Network Blocked", "", Verdict::Fault, Code::CallRefused),
        ("403 Forbidden", "", Verdict::Fault, Code::AddressNotAllowed),
        ("404 Not Found", "", Verdict::Fault, Code::NumberRefused),
        ("488 Not Here", "", Verdict::Fault, Code::CodecRefused),
        ("503 Later", "Retry-After: 30\r\n", Verdict::Fault, Code::Overloaded),
        ("302 Moved", "", Verdict::Fault, Code::CallRefused),
        ("500 Oops", "", Verdict::Fault, Code::CarrierError),
    ] {
        let finding = refused(&patient(""), &to, &called(&[(start, headers)]), &[]);
        assert_eq!((finding.verdict, finding.code), (verdict, Some(code)), "{start}");
        assert!(!finding.tried.contains(TO), "a number is shown: {}", finding.tried);
    }
}

#[test]
fn every_failure_of_a_connection_has_a_cure() {
    for (error, code, advised) in [
        (TransportError::Expired, Code::CertificateExpired, "renew"),
        (TransportError::NotValidYet, Code::CertificateExpired, "clock"),
        (TransportError::UnknownIssuer, Code::CertificateUntrusted, "`tls.ca`"),
        (
            TransportError::CertificateName { expected: "a".into(), found: vec!["b".into()] },
            Code::CertificateName,
            "`tls.server_name = \"b\"`",
        ),
        (TransportError::NotTls, Code::TlsFailed, "5061"),
        (TransportError::ClientCertificate("no".into()), Code::TlsFailed, "`tls.certificate`"),
        (TransportError::Refused, Code::PortRefused, "`uri`"),
        (TransportError::Closed, Code::ConnectionDropped, "drops our connection"),
    ] {
        let failed = Exchange { transport: Some(error.clone()), ..pinged(&[]) };
        let finding = transport(&patient(""), &failed).expect("a finding");
        assert_eq!(finding.code, Some(code), "{error}");
        assert!(finding.advice.expect("advice").contains(advised), "{error}");
    }
    assert_eq!(transport(&patient(""), &pinged(&[("200 OK", "")])), None);
}

#[test]
fn a_dead_target_among_others_is_another_fault_than_the_only_one() {
    let hop = Target::udp(THERE.parse().expect("an address"));
    let dead = Knocked { hop, refused: Some("refused".into()) };
    assert_eq!(knocked(&patient(""), &dead, true).code, Some(Code::PortRefused));
    assert_eq!(knocked(&patient(""), &dead, false).code, Some(Code::SrvTargetDead));
    assert_eq!(knocked(&patient(""), &Knocked { hop, refused: None }, true).code, None);
}

#[test]
fn private_addresses_of_ours_are_told_before_anything_is_sent() {
    let hop = Target::udp(THERE.parse().expect("an address"));
    let answer = Answer::Records(vec!["198.51.100.7".into()]);
    let asked = vec![Asked { kind: RecordKind::Address, name: "carrier.example".into(), answer }];
    let known = Names { host: "carrier.example".into(), asked, hops: vec![hop] };
    let codes = |patient: &Patient| -> Vec<Code> {
        names(patient, &known).iter().filter_map(|finding| finding.code).collect()
    };
    let mut ours = patient("");
    assert_eq!(codes(&ours), []);
    ours.media = "10.0.0.5".parse().expect("an address");
    assert_eq!(codes(&ours), [Code::AdvertisesPrivateMedia]);
    ours.media_advertise = Some("203.0.113.1".parse().expect("an address"));
    assert_eq!(codes(&ours), []);
    ours.sip = "127.0.0.1:5060".parse().expect("an address");
    assert_eq!(codes(&ours), [Code::ListensOnLoopback]);
    let unknown = Names { hops: Vec::new(), ..known.clone() };
    assert_eq!(names(&ours, &unknown)[0].code, Some(Code::NameUnknown));
}

#[test]
fn an_answer_that_cannot_be_used_is_a_fault() {
    let mut call = called(&[("200 OK", "")]);
    call.answer = Some(Err(SdpError::Rejected));
    let found = media(&patient(""), &call);
    assert_eq!(found[0].code, Some(Code::SdpUnusable));
}

#[test]
fn a_call_that_ends_well_has_nothing_wrong_in_its_dialog() {
    let mut call = called(&[("200 OK", "Contact: <sip:c@198.51.100.7>\r\n")]);
    call.exchange.seen.push(seen("BYE sip:c SIP/2.0", "2 BYE", ""));
    call.contact = vec![THERE.parse().expect("an address")];
    assert_eq!(dialog(&call)[0].code, Some(Code::ByeUnanswered));
    call.contact.clear();
    assert_eq!(dialog(&call)[0].code, Some(Code::ContactUnreachable));
    call.exchange.seen.push(seen("SIP/2.0 200 OK", "2 BYE", ""));
    assert_eq!(dialog(&call).iter().filter_map(|finding| finding.code).collect::<Vec<_>>(), []);
}
