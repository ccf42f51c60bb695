//! Who may sign in, and what they see.

use serde_json::json;

use super::callee::Callees;
use super::person::Person;
use super::{COLLEAGUE_HZ, PERSON_HZ, hired, staffed};
use crate::switch::{Client, Place, Setup, Switch};

#[test]
fn who_has_no_secret_is_refused_and_who_is_removed_is_signed_out() {
    let file = "[[person]]\nname = \"Joan\"\nsecret = \"the-secret-of-joan\"\n\
                [[people.ice_servers]]\nurls = [\"stun:127.0.0.1:3478\"]";
    let switch = staffed(Setup::new().extra(file), "").start();
    let mut nobody = Person::start("peer.py", &switch.place, &["person_unknown", "700"]);
    let refused = nobody.until("a refusal", |said| said["event"] == "refused");
    assert_eq!((&refused["status"], &refused["error"]), (&json!(401), &json!("unknown_token")));
    nobody.ends();

    let mut ada = Person::at_aiortc(&switch.place, &hired(&switch, "Ada"), PERSON_HZ);
    let shown = switch.get("/v1/native/people/Ada").json;
    assert!(shown.get("secret").is_none() && shown.get("secret_hash").is_none(), "{shown}");
    let gone = switch.client().any("DELETE", "/v1/native/people/Ada", Vec::new(), &[]);
    assert_eq!(gone.status, 204, "{gone:?}");
    ada.until("the end of the session", |said| said["event"] == "signed_out");
    assert_eq!(ada.does("available")["error"], "no_session");

    // The file's are as good, and are changed there alone.
    let mut joan = Person::start("peer.py", &switch.place, &["the-secret-of-joan", "700"]);
    let signed_in = joan.until("signed in", |said| said["event"] == "signed_in");
    assert_eq!(
        (&signed_in["name"], &signed_in["ice_servers"]),
        (&json!("Joan"), &json!([{ "urls": ["stun:127.0.0.1:3478"] }]))
    );
    let reply = switch.client().post("/v1/native/people/Joan/rotate-secret", &json!({}));
    assert_eq!((reply.status, &reply.json["error"]["code"]), (409, &json!("managed_by_file")));
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn a_secret_that_is_made_anew_signs_in_and_the_old_one_does_not() {
    let switch = Switch::start("");
    let old = hired(&switch, "Ada");
    let new = switch.client().post("/v1/native/people/Ada/rotate-secret", &json!({}));
    assert_eq!(new.status, 200, "{new:?}");
    let sign_in =
        |secret: &str| switch.client().post("/v1/people/session", &json!({ "token": secret })).status;
    let new = new.json["secret"].as_str().expect("a secret");
    assert_eq!((sign_in(&old), sign_in(new)), (401, 201));
    let log = switch.whole_log();
    assert!(!log.contains(&old) && !log.contains(new));
}

#[test]
fn another_tenants_person_is_free_in_vain() {
    let place = Place::claim();
    let _callees = Callees::at(&place);
    let switch = staffed(Setup::new().agent("amd = {}"), "patience_ms = 100").at(place).start();
    let made = |path: &str, body| {
        let reply = switch.client().post(path, &body);
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json
    };
    made("/v1/native/tenants", json!({ "name": "acme" }));
    let key = made("/v1/native/keys", json!({ "face": "nixflex", "tenant": "acme" }));
    let theirs = Client::with(
        &format!("http://{}", switch.place.http()),
        &format!("Bearer {}", key["key"].as_str().expect("a key")),
    );
    let person = theirs.post("/v1/native/people", &json!({ "name": "Wile" }));
    let secret = person.json["secret"].as_str().expect("a secret");
    assert_eq!(switch.get("/v1/native/people/Wile").status, 404);
    let mut person = Person::free(&switch.place, secret, COLLEAGUE_HZ);
    let call = switch.call();
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "abandoned");
    let hung_up = person.does("calls/1/hangup");
    assert_eq!(hung_up["status"], 204, "a late click does nothing");
    // Whatever had come would have come by now: the answer came behind it.
    person.saw_nothing_of("ringing");
    person.saw_nothing_of("talking");
}
