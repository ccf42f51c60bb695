//! HTTPS with the switch's own certificate: `[http] tls_cert`, `tls_key`.

use std::path::Path;

use rustix::process::Signal;
use serde_json::json;
use trunkline::simulator::Persona;

use super::{Serving, text, trunkline};
use crate::callees::{Callees, number};
use crate::switch::{Client, Place, Setup, eventually, outbound};

/// Writes a certificate for this place and its key, over those of before; the certificate.
fn issue(place: &Place, folder: &Path) -> String {
    let issued = rcgen::generate_simple_self_signed(vec![place.switch.to_string()]).expect("a certificate");
    let pem = issued.cert.pem();
    std::fs::write(folder.join("api.pem"), &pem).expect("written");
    std::fs::write(folder.join("api.key"), issued.signing_key.serialize_pem()).expect("written");
    pem
}

fn configured() -> Setup {
    Setup::new().http("tls_cert = \"api.pem\"\ntls_key = \"api.key\"").agent("amd = {}")
}

#[test]
fn the_api_is_served_by_https_and_a_renewed_certificate_is_shown_after_sighup() {
    let (place, folder) = (Place::claim(), tempfile::tempdir().expect("a temporary folder"));
    let _callees = Callees::at(&place);
    std::fs::write(folder.path().join("trunkline.toml"), configured().config(&place)).expect("written");
    let first = issue(&place, folder.path());
    let switch = Serving::start(folder.path(), |_| {});
    let base = format!("https://{}", place.http());
    let client = Client::believing(&base, &first);
    eventually("/readyz", || client.try_get("/readyz").filter(|reply| reply.status == 200));
    assert!(
        Client::new(&format!("http://{}", place.http())).try_get("/readyz").is_none(),
        "nothing is plain"
    );

    let body = outbound(json!({ "to_number": number(Persona::HangsUp), "prompt": "Hello" }));
    let placed = client.post("/v1/calls/outbound", &body);
    assert_eq!(placed.status, 201, "{placed:?}");
    let path = format!("/v1/calls/{}", placed.json["call_id"].as_str().expect("an id"));
    let end =
        eventually("its end", || Some(client.get(&path).json).filter(|call| !call["ended_at"].is_null()));
    let recording = end["recording_url"].as_str().expect("it was recorded");
    assert!(recording.starts_with(&base), "{recording}");
    // Commands read the same file, and know the switch by its certificate.
    let listed = trunkline(folder.path(), &["calls", "list"]);
    assert!(listed.status.success(), "{listed:?}");

    let second = issue(&place, folder.path());
    // Until it is told, the switch shows the old one: it is there, and cannot be known.
    let early = trunkline(folder.path(), &["trunk", "list"]);
    assert_eq!((early.status.code(), text(&early.stdout).as_str()), (Some(1), ""), "{early:?}");
    let said = "shows another certificate than http.tls_cert: a switch takes over a new one after SIGHUP";
    assert!(text(&early.stderr).contains(said), "{early:?}");
    switch.signal(Signal::HUP);
    let renewed = Client::believing(&base, &second);
    eventually("the new certificate", || renewed.try_get("/readyz").filter(|reply| reply.status == 200));
    assert!(Client::believing(&base, &first).try_get("/readyz").is_none(), "the old one is gone");
}

#[test]
fn a_key_that_is_none_or_anothers_is_told_before_anything_starts() {
    let (place, folder) = (Place::claim(), tempfile::tempdir().expect("a temporary folder"));
    std::fs::write(folder.path().join("trunkline.toml"), configured().config(&place)).expect("written");
    issue(&place, folder.path());
    let stranger = std::fs::read_to_string(folder.path().join("api.key")).expect("written");
    issue(&place, folder.path());
    for (key, said) in [
        ("nothing", "http.tls_key: `api.key` holds no private key in PEM"),
        (stranger.as_str(), "http.tls_key: `api.key` is no key of the certificate"),
    ] {
        std::fs::write(folder.path().join("api.key"), key).expect("written");
        let ended = trunkline(folder.path(), &["serve"]);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(text(&ended.stderr).contains(said), "{said}: {ended:?}");
    }
}
