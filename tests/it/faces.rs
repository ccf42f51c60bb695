//! Each vendor's own documents, sent to the real switch: its examples, every row of its errors in the order of checks, its events
//! and their signatures. One file a vendor, one table a list.

mod auth;
mod incoming;
mod links;
mod minivoice;
mod nixflex;
mod seeds;
mod test_calls;
mod thunderphone;
mod twilio;
mod twilio_documents;
mod voiceflow;
mod voices;

use serde_json::{Value, json};

use crate::callees::{Callees, ring};
use crate::switch::{Delivery, Receiver, Reply, Setup, Switch, eventually};

/// The credentials of each face, as its client sends them.
pub const NIXFLEX: &str = "Bearer nxf_demo:nxfs_demo";
pub const THUNDERPHONE: &str = "Bearer sk_live_0123456789abcdef";
pub const VOICEFLOW: &str = "Bearer vf_0123456789abcdef0123";
pub const MINIVOICE: &str = "Bearer mv_live_0123456789abcdef";
/// `AC` and 32 hexadecimal digits, a colon, and the auth token.
pub const TWILIO: &str =
    "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==";
pub const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
/// What signs the events of all of them.
pub const SIGNING: &str = "the_signing_secret";

/// A number of ours whose agent speaks.
pub const OURS: &str = "+15550000001";

/// A key of every face, and what their requests may meet: numbers without a trunk, without an agent, unverified; a trunk that is
/// off.
pub fn setup(receiver: &Receiver) -> Setup {
    let hook = receiver.url();
    let extra = format!(
        r#"
[[trunk]]
name = "off"
uri = "sip:127.0.0.1:1"
enabled = false
[[agent]]
id = "agent_talk"
greeting = "Hello, this is Acme. [END_CALL]"
record = true
webhook_url = "{hook}"
[[agent]]
id = "agent_numberless"
greeting = "Hello. [END_CALL]"
[[number]]
e164 = "{OURS}"
agent = "agent_talk"
trunk = "t1"
outbound = true
[[number]]
e164 = "+15550000002"
agent = "agent_talk"
[[number]]
e164 = "+15550000003"
agent = "agent_talk"
trunk = "t1"
outbound = true
verified = false
[[number]]
e164 = "+15550000004"
trunk = "t1"
outbound = true
[[number]]
e164 = "+15550000005"
agent = "agent_talk"
trunk = "off"
outbound = true
[[number]]
e164 = "+15550000006"
agent = "agent_talk"
trunk = "t1"
[[application]]
name = "reminders"
agent = "agent_talk"
trunk = "t1"
answer_url = "https://example.test/answer"
webhook_url = "{hook}"
[[application]]
name = "trunkless"
agent = "agent_talk"
trunk = "off"
[[key]]
face = "thunderphone"
secret = "sk_live_0123456789abcdef"
webhook_secret = "{SIGNING}"
[[key]]
face = "thunderphone"
secret = "sk_live_one_at_a_time"
concurrent = 1
[[key]]
face = "voiceflow"
secret = "vf_0123456789abcdef0123"
agent = "agent_talk"
webhook_secret = "{SIGNING}"
[[key]]
face = "voiceflow"
secret = "vf_numberless_0123456789"
agent = "agent_numberless"
[[key]]
face = "voiceflow"
secret = "vf_one_at_a_time_0123456"
agent = "agent_talk"
concurrent = 1
[[key]]
face = "minivoice"
secret = "mv_live_0123456789abcdef"
application = "reminders"
webhook_secret = "{SIGNING}"
[[key]]
face = "minivoice"
secret = "mv_live_trunkless_012345"
application = "trunkless"
[[key]]
face = "minivoice"
secret = "mv_live_one_at_a_time_01"
application = "reminders"
concurrent = 1
[[key]]
face = "twilio"
id = "{ACCOUNT}"
secret = "0123456789abcdef0123456789abcdef"
"#
    );
    Setup::new().extra(&extra)
}

/// The switch, its callees and its receiver.
pub struct House {
    pub switch: Switch,
    pub receiver: Receiver,
    pub callees: Callees,
}

impl House {
    pub fn start() -> Self {
        Self::with(|setup, _| setup)
    }

    pub fn with(change: impl FnOnce(Setup, &str) -> Setup) -> Self {
        let receiver = Receiver::start();
        let (switch, callees) = ring(change(setup(&receiver), &receiver.url()));
        Self { switch, receiver, callees }
    }

    pub fn post(&self, path: &str, authorization: &str, body: &Value) -> Reply {
        self.send(path, authorization, &body.to_string(), &[])
    }

    /// Any body, with these headers too.
    pub fn send(&self, path: &str, authorization: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
        let mut all = vec![("authorization", authorization)];
        all.extend(headers);
        self.switch.client().post_with(path, body.as_bytes().to_vec(), &all)
    }

    pub fn get(&self, path: &str, authorization: &str) -> Reply {
        self.switch.client().get_with(path, &[("authorization", authorization)])
    }

    /// A read of this path once this field of it is there.
    pub fn until(&self, path: &str, authorization: &str, field: &str) -> Value {
        eventually(&format!("{field} of {path}"), || {
            let reply = self.get(path, authorization);
            assert_eq!(reply.status, 200, "{reply:?}");
            (!reply.json[field].is_null()).then_some(reply.json)
        })
    }

    /// Everything that was delivered, once there is so much of it.
    pub fn told(&self, count: usize) -> Vec<Delivery> {
        eventually(&format!("{count} events"), || {
            Some(self.receiver.deliveries()).filter(|all| all.len() >= count)
        })
    }

    pub fn started(&self) -> f64 {
        self.switch.metrics().sum("trunkline_calls_started_total", &[])
    }
}

/// The object with these fields over it; `null` removes one.
pub fn over(base: &Value, fields: &Value) -> Value {
    let mut made = base.clone();
    for (name, value) in fields.as_object().expect("fields") {
        match value {
            Value::Null => drop(made.as_object_mut().expect("an object").remove(name)),
            value => made[name] = value.clone(),
        }
    }
    made
}

/// What no face takes: not JSON, not an object, not UTF-8's letters in order, too deep.
pub fn hostile() -> Vec<String> {
    let deep = format!("{{\"variables\":{}", "[".repeat(100_000));
    ["", "{", "[]", "\"a\"", "5", "null", "{'a':1}", "{\"to\":}", "{\"to\":\"a\u{1}\"}", "nul"]
        .map(str::to_owned)
        .into_iter()
        .chain([deep])
        .collect()
}

/// Longer than the switch takes.
pub fn too_large() -> String {
    json!({ "to": "x".repeat(2 << 20) }).to_string()
}

/// The same request again is the same call; another one under the same key is refused.
pub fn assert_idempotent(
    house: &House,
    path: &str,
    authorization: &str,
    body: &str,
    other: &str,
    kind: &str,
) {
    let before = house.started();
    let headers = [("idempotency-key", "once"), ("content-type", kind)];
    let first = house.send(path, authorization, body, &headers);
    assert!(first.status < 300, "{first:?}");
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = house.send(path, authorization, body, &headers);
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let conflict = house.send(path, authorization, other, &headers);
    assert_eq!(conflict.status, 409, "{conflict:?}");
    assert_eq!(house.started() - before, 1.0);
}

/// HMAC-SHA256 over these parts, in hexadecimal.
pub fn hmac_sha256(secret: &str, parts: &[&[u8]]) -> String {
    use hmac::Mac;
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    parts.iter().for_each(|part| mac.update(part));
    hex::encode(mac.finalize().into_bytes())
}
