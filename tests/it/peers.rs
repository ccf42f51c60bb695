//! Calls to SIP stacks that nobody here wrote: kamailio as the carrier's registrar and proxy, which challenges every INVITE,
//! and baresip as the callee behind it. What is said is heard, both ways.

mod baresip;
mod kamailio;

use serde_json::json;

use crate::control::Answerer;
use crate::switch::{FROM, Setup, Sipp, Switch, TO, eventually, spoken_ms};
use baresip::Baresip;
use kamailio::Kamailio;

/// How the callee is reached.
#[derive(Clone, Copy)]
pub enum Wire {
    Udp,
    Tcp,
    /// Over TLS, with the audio encrypted by keys in the SDP (RFC 4568).
    TlsSrtp,
}

impl Wire {
    /// As a URI's `transport` says it.
    fn transport(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::TlsSrtp => "tls",
        }
    }
}

#[test]
fn a_call_over_udp_is_heard_both_ways() {
    heard_both_ways(Wire::Udp, |_| String::new());
}

#[test]
fn a_call_over_tcp_is_heard_both_ways() {
    heard_both_ways(Wire::Tcp, |_| String::new());
}

#[test]
fn a_call_over_tls_is_heard_both_ways_and_encrypted() {
    heard_both_ways(Wire::TlsSrtp, |kamailio| {
        format!("srtp = \"required\"\ntls = {{ ca = \"{}\" }}\n", kamailio.certificate())
    });
}

#[test]
fn a_registered_trunk_is_known_to_its_registrar() {
    let place = crate::switch::Place::claim();
    let kamailio = Kamailio::start(&place);
    let setup = Setup::new().trunk("register = true").trunk_uri(&kamailio.uri(Wire::Udp)).at(place);
    let switch = setup.start();
    eventually("the registration", || {
        let trunk = switch.get("/v1/native/trunks/t1").json;
        (trunk["health"]["registration"] == "registered").then_some(())
    });
}

/// A line that sends back what it gets, and a party dialled for it: what the party says goes by both of our bridges and by the
/// echo, and comes back to it.
#[test]
fn a_second_party_over_tls_hears_what_it_said_to_the_first() {
    let place = crate::switch::Place::claim();
    let kamailio = Kamailio::start(&place);
    let party = Baresip::register(&kamailio, Wire::TlsSrtp);
    let echo = Sipp::run(place.second_sip(), "echo", &["-m", "1"]);
    let dial = format!(
        r#"{{"actions":[{{"bridge":{{"to":"sip:{TO}@{};transport=tls"}}}}]}}"#,
        place.trunk_sip().ip()
    );
    let program = Answerer::start([("/answer", (200, dial))].into());
    let trunk = format!(
        "srtp = \"required\"\ntls = {{ ca = \"{}\" }}\nsip_users = [\"{TO}\"]\n",
        kamailio.certificate()
    );
    let extra = format!(
        "[[application]]\nname = \"a\"\ntrunk = \"t2\"\nanswer_url = \"{}\"\n[[key]]\nface = \"minivoice\"\n\
         secret = \"mv_live_0123456789abcdef\"\napplication = \"a\"\nwebhook_secret = \"the_signing_secret\"\n",
        program.url("/answer")
    );
    let setup = Setup::new().trunk(&trunk).second("").extra(&extra);
    let switch = setup.trunk_uri(&kamailio.uri(Wire::TlsSrtp)).at(place).start();
    let body = json!({ "from": FROM, "to": "+15550100001" }).to_string().into_bytes();
    let key = [("authorization", "Bearer mv_live_0123456789abcdef")];
    let reply = switch.client().post_with("/v1/calls", body, &key);
    assert_eq!(reply.status, 201, "{reply:?}");
    eventually("the party hears itself", || {
        // It says "Hello?", which is 800 ms of sound and some of them loud.
        (spoken_ms(&party.heard()) >= 200).then_some(())
    });
    let call = reply.json["id"].as_str().expect("an id").to_owned();
    assert_eq!(switch.client().post(&format!("/v1/native/calls/{call}/hangup"), &json!({})).status, 202);
    echo.succeed(1);
    switch.metrics_until("an idle switch", |metrics| metrics.is_idle());
    let calls = switch.get("/v1/native/calls").json["data"].clone();
    let ends: Vec<_> = calls.as_array().expect("a list").iter().map(|call| &call["disposition"]).collect();
    assert_eq!(ends.len(), 2, "{calls}");
    assert!(ends.contains(&&json!("completed")) && ends.contains(&&json!("cancelled")), "{calls}");
    assert_eq!(switch.complaints(), [""; 0]);
}

/// One call through the proxy: the callee says hello, is taken for a person, hears the agent, and the agent hangs up.
fn heard_both_ways(wire: Wire, trunk: impl FnOnce(&Kamailio) -> String) {
    let place = crate::switch::Place::claim();
    let kamailio = Kamailio::start(&place);
    let callee = Baresip::register(&kamailio, wire);
    let setup = Setup::new().agent("amd = {}").trunk(&trunk(&kamailio));
    let switch = setup.trunk_uri(&kamailio.uri(wire)).at(place).start();
    call_and_listen(&switch, &callee);
}

fn call_and_listen(switch: &Switch, callee: &Baresip) {
    let call = switch.call_with(json!({}));
    let record = switch.call_until_ended(&call);
    assert_eq!(
        (&record["status"], &record["ended_reason"]),
        (&json!("completed"), &json!("completed")),
        "{record}"
    );
    assert_eq!(record["voicemail_detected"], false, "{record}");
    let recording = switch.recording(&record).expect("an answered call is recorded");
    let (said, spoken) = (spoken_ms(&recording.callee), spoken_ms(&recording.agent));
    assert!(said >= 200 && spoken >= 200, "the callee {said} ms, the agent {spoken} ms");
    // What we recorded is what we sent; what the callee's own stack decoded is what arrived.
    let heard = eventually("the callee's own account of what it heard", || {
        Some(spoken_ms(&callee.heard())).filter(|heard| *heard >= 200)
    });
    assert!(heard + 100 >= spoken, "the callee heard {heard} ms of {spoken} ms");
    assert_eq!(switch.complaints(), [""; 0]);
}
