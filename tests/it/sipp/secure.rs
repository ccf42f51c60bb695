//! A trunk that is reached by TLS alone, and believes only callers who show a certificate (RFC 3261 §26.2.2, §26.3.2.1). The
//! distribution's sipp speaks no TLS: the callee is one of ours.

use std::sync::mpsc;

use serde_json::json;
use trunkline_sip::{Message, Method, Name};

use super::routing::ended;
use super::usual;
use crate::doctor::callee::{Manner, PLAIN, Sends};
use crate::doctor::fake::{Fake, server};
use crate::doctor::reach::{Issued, Life, issue};
use crate::switch::Place;

/// One call by `sips:` with what `own` shows, to a carrier that believes the authority of `known`: how it ended, and what the
/// carrier was asked.
fn call(known: &Issued, own: Option<&Issued>) -> ((String, String), Vec<Message>) {
    let place = Place::claim();
    let carrier = issue(&place.trunk.to_string(), Life::Good);
    let (told, asked) = mpsc::channel();
    // Who makes a noise is a machine.
    let quiet = Manner { sends: Sends::Nothing, ..PLAIN };
    let tls = server(&carrier.certificate, &carrier.key, Some(&known.authority));
    let fake = Fake::callee_over_tls(place.trunk_sip(), quiet, tls, told);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).expect("written");
        path.display().to_string()
    };
    let ca = file("ca.pem", &carrier.authority);
    let shown = own.map_or_else(String::new, |own| {
        let (certificate, key) = (file("own.pem", &own.certificate), file("own.key", &own.key));
        format!(", certificate = \"{certificate}\", key = \"{key}\"")
    });
    let setup = usual().trunk(&format!("tls = {{ ca = \"{ca}\"{shown} }}"));
    let switch = setup.trunk_uri(&format!("sips:{}", place.trunk_sip())).at(place).start();
    let ended = ended(&switch, &switch.call_with(json!({})));
    drop((switch, fake));
    (ended, asked.try_iter().collect())
}

#[test]
fn a_sips_trunk_is_called_over_tls_with_our_certificate() {
    let own = issue("trunkline.example", Life::Good);
    let (ended, asked) = call(&own, Some(&own));
    assert_eq!(ended, ("completed".into(), "completed".into()));
    let methods: Vec<Method> = asked.iter().filter_map(Message::method).collect();
    assert_eq!(methods, [Method::Invite, Method::Ack, Method::Bye]);
    for request in &asked {
        assert!(request.request_uri().is_some_and(|uri| uri.starts_with("sips:")), "{request:?}");
        assert_eq!(request.top_via().map(|via| via.transport), Some("TLS"));
    }
    // RFC 3261 §8.1.1.8: and we are reached securely, too.
    assert!(asked[0].header(Name::Contact).is_some_and(|contact| contact.starts_with("<sips:")));
}

#[test]
fn without_a_certificate_that_the_carrier_trusts_nothing_is_said() {
    let (known, other) = (issue("trunkline.example", Life::Good), issue("trunkline.example", Life::Good));
    for own in [None, Some(&other)] {
        let (ended, asked) = call(&known, own);
        assert_eq!(ended, ("failed".into(), "trunk_failed".into()));
        assert!(asked.is_empty(), "{asked:?}");
    }
}
