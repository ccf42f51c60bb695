//! Every operation's example is sent to the real switch, as a client of each face that has the operation; its answer fits the schema
//! that is declared for its status, and has what the declared example has.

use std::cell::Cell;

use serde_json::{Value, json};
use trunkline::keyfile::SwitchKey;

use super::{document, extra, hook};
use crate::callees::Callees;
use crate::faces::{self, ACCOUNT, MINIVOICE, NIXFLEX, THUNDERPHONE, TWILIO, VOICEFLOW};
use crate::switch::{Client, Place, Reply, Switch, eventually};

/// What has no end, is not JSON, or needs an agent who consults; the tests of events, recordings, exports and transfers have it.
const ELSEWHERE: [&str; 11] = [
    "/v1/stream/{call}",
    "/v1/native/calls/{id}/transfer/complete",
    "/v1/events",
    "/v1/native/events",
    "/v1/native/cdr",
    "/v1/calls/{id}/recording",
    "/v1/calls/{id}/audio",
    "/v1/native/calls/{id}/recording",
    "/2010-04-01/Accounts/{account}/Recordings/{file}",
    "/metrics",
    "/docs",
];

/// Who sends an example.
const CLIENTS: [(&str, &str); 6] = [
    ("Nixflex", NIXFLEX),
    ("ThunderPhone", THUNDERPHONE),
    ("Voiceflow", VOICEFLOW),
    ("MiniVoice", MINIVOICE),
    ("Twilio", TWILIO),
    ("Native", NIXFLEX),
];

struct House {
    document: Value,
    switch: Switch,
    _callees: Callees,
    operator: String,
    /// Makes names that nobody has.
    made: Cell<u32>,
}

#[test]
fn every_example_is_taken_and_answered_as_it_is_described() {
    let receiver = hook();
    let house = House::start(&extra(&receiver), &receiver);
    let (mut tried, mut faults) = (0, Vec::new());
    for (path, item) in house.document["paths"].as_object().expect("paths") {
        // People's routes want a session, and audio; the tests of browsers have them.
        let is_page_s = ["/docs", "/console", "/v1/people"].iter().any(|start| path.starts_with(start));
        if ELSEWHERE.contains(&path.as_str()) || is_page_s {
            continue;
        }
        for (method, operation) in item.as_object().expect("operations") {
            for tag in operation["tags"].as_array().expect("tags").iter().filter_map(Value::as_str) {
                faults.extend(house.try_example(path, method, operation, tag).err());
                tried += 1;
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(tried > 130, "{tried}");
    assert_eq!(house.switch.complaints(), [""; 0]);
}

impl House {
    fn start(extra: &str, receiver: &crate::switch::Receiver) -> Self {
        let place = Place::claim();
        let callees = Callees::at(&place);
        let mut switch = faces::setup(receiver).agent("amd = {}").extra(extra).at(place).start();
        // The agent of seeds 000 and 001.
        switch.kill();
        switch.restart_with("\"agent_demo\"", "\"agent_125207e452f8714a\"");
        let key = SwitchKey::find(&switch.data_dir()).expect("the key file").expect("the switch made it");
        let operator = key.operator_token();
        Self {
            document: document(),
            switch,
            _callees: callees,
            operator: format!("Bearer {operator}"),
            made: Cell::new(0),
        }
    }

    fn client(&self, tag: &str) -> Client {
        let authorization =
            CLIENTS.iter().find(|(known, _)| *known == tag).map_or(&*self.operator, |(_, key)| key);
        Client::with(&format!("http://{}", self.switch.place.http()), authorization)
    }

    fn try_example(&self, path: &str, method: &str, operation: &Value, tag: &str) -> Result<(), String> {
        let client = self.client(tag);
        let target = self.target(path, operation, tag);
        let content = &operation["requestBody"]["content"];
        let reply = if let Some(form) = content.get("application/x-www-form-urlencoded") {
            let body: String = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(
                    form["example"]
                        .as_object()
                        .expect("a form")
                        .iter()
                        .map(|(k, v)| (k, v.as_str().expect("text"))),
                )
                .finish();
            let kind = [("content-type", "application/x-www-form-urlencoded")];
            client.any(&method.to_uppercase(), &target, body.into(), &kind)
        } else {
            let body = example(&content["application/json"], tag).map(|body| self.fresh(body));
            let body = body.map_or_else(Vec::new, |body| body.to_string().into());
            client.any(&method.to_uppercase(), &target, body, &[])
        };
        let what = format!("{tag}: {method} {target}: {} {}", reply.status, reply.text);
        self.judge(operation, tag, &reply).map_err(|fault| format!("{fault}: {what}"))
    }

    /// Does an answer fit its schema, and has it what the example has?
    fn judge(&self, operation: &Value, tag: &str, reply: &Reply) -> Result<(), String> {
        let response = &operation["responses"][reply.status.to_string()];
        if !(200..300).contains(&reply.status) || !response.is_object() {
            return Err("refused, or undescribed".to_owned());
        }
        let Some(content) = response["content"].get("application/json") else {
            return reply.bytes.is_empty().then_some(()).ok_or_else(|| "a body".to_owned());
        };
        if reply.headers.get("content-type").is_none_or(|kind| kind != "application/json") {
            return Err("no JSON".to_owned());
        }
        let mut schema = content["schema"].clone();
        schema["components"] = self.document["components"].clone();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
        let faults: Vec<String> = validator
            .iter_errors(&reply.json)
            .map(|fault| format!("{fault} at {}", fault.instance_path()))
            .collect();
        if !faults.is_empty() {
            return Err(faults.join(", "));
        }
        let example = example(content, tag);
        let difference =
            example.and_then(|example| self.differs(&[&content["schema"]], &example, &reply.json, ""));
        difference.map_or(Ok(()), Err)
    }

    /// Where an answer has not what the example has: a field that the schema does not say may be absent, or another type. What is
    /// null may be anything.
    fn differs(&self, schemas: &[&Value], example: &Value, answer: &Value, at: &str) -> Option<String> {
        match (example, answer) {
            (Value::Null, _) | (_, Value::Null) => None,
            (Value::Object(example), Value::Object(answer)) => {
                let objects: Vec<&Value> =
                    schemas.iter().flat_map(|schema| self.alternatives(schema)).collect();
                example.iter().find_map(|(field, value)| {
                    let at = format!("{at}/{field}");
                    let said: Vec<&Value> =
                        objects.iter().filter_map(|object| object["properties"].get(field)).collect();
                    let Some(found) = answer.get(field) else {
                        let is_optional = objects.iter().any(|object| may_lack(object, field));
                        return (!is_optional).then(|| format!("{at} is not there"));
                    };
                    self.differs(&said, value, found, &at)
                })
            }
            (Value::Array(example), Value::Array(answer)) => {
                let (first, other) = (example.first()?, answer.first()?);
                let lists = schemas.iter().flat_map(|schema| self.alternatives(schema));
                let items: Vec<&Value> = lists.filter_map(|list| list.get("items")).collect();
                self.differs(&items, first, other, &format!("{at}/0"))
            }
            (Value::String(_), Value::String(_))
            | (Value::Number(_), Value::Number(_))
            | (Value::Bool(_), Value::Bool(_)) => None,
            _ => Some(format!("{at} is {answer} and not {example}")),
        }
    }

    /// A schema without its references and choices: what it may be.
    fn alternatives<'a>(&'a self, schema: &'a Value) -> Vec<&'a Value> {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return self.alternatives(&self.document["components"]["schemas"][name]);
        }
        let choices =
            ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|word| schema[word].as_array()).flatten();
        let chosen: Vec<&Value> = choices.flat_map(|choice| self.alternatives(choice)).collect();
        if chosen.is_empty() { vec![schema] } else { chosen }
    }

    /// A path with the id of something that is there, and in the state that the operation is for.
    fn target(&self, path: &str, operation: &Value, tag: &str) -> String {
        let mut target = path.replace("{account}", ACCOUNT);
        if target.contains('{') {
            let target_of_id =
                target.replace("{file}", "{id}.json").replace("{number}", "{id}").replace("{sid}", "{id}");
            target = target_of_id.replace("{id}", &self.id(path, tag));
        }
        let needed = operation["parameters"].as_array().into_iter().flatten();
        let needed = needed.filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
        let query: Vec<String> = needed
            .map(|parameter| {
                format!(
                    "{}={}",
                    parameter["name"].as_str().expect("a name"),
                    parameter["example"].as_str().expect("text")
                )
            })
            .collect();
        if query.is_empty() { target } else { format!("{target}?{}", query.join("&")) }
    }

    fn id(&self, path: &str, tag: &str) -> String {
        let collection = path.split("/{").next().expect("a path");
        match collection {
            "/v1/calls/batch" => self.campaign(path),
            "/v1/calls" | "/v1/native/calls" => self.call(path, tag),
            "/2010-04-01/Accounts" => self.call(path, tag),
            "/v1alpha1/phone-number" | "/v1/phone-number" => "agent_talk".into(),
            "/v1/native/webhook-deliveries" => self.delivery(),
            "/v1/native/do-not-call" => self.listed(),
            "/v1/trunks" | "/v1/native/trunks" if path.ends_with("/doctor") => "t1".into(),
            "/v1/integrations/webhook/number" => self.object("/v1/phone-numbers", tag),
            collection => self.object(collection, tag),
        }
    }

    /// Something new in a collection, made by its own example.
    fn object(&self, collection: &str, tag: &str) -> String {
        let create =
            &self.document["paths"][collection]["post"]["requestBody"]["content"]["application/json"];
        let body = example(create, tag).unwrap_or_else(|| panic!("{tag} makes nothing at {collection}"));
        let made = self.client(tag).post(collection, &self.fresh(body));
        assert_eq!(made.status, 201, "{collection}: {made:?}");
        let id = if made.json["agent_id"].is_string() && collection.ends_with("agents") {
            &made.json["agent_id"]
        } else {
            &made.json["id"]
        };
        id.as_str().map_or_else(|| id.to_string(), str::to_owned)
    }

    /// The same body under names that nobody has yet.
    fn fresh(&self, mut body: Value) -> Value {
        for field in ["name", "e164", "phone_number", "number"] {
            let Some(text) = body.get(field).and_then(Value::as_str) else { continue };
            self.made.set(self.made.get() + 1);
            let made = self.made.get();
            body[field] = if text.starts_with('+') {
                json!(format!("+1555777{made:04}"))
            } else {
                json!(format!("{text}-{made}"))
            };
        }
        body
    }

    fn campaign(&self, path: &str) -> String {
        let create =
            &self.document["paths"]["/v1/calls/batch"]["post"]["requestBody"]["content"]["application/json"];
        let made = self.switch.client().post("/v1/calls/batch", &create["example"]);
        assert_eq!(made.status, 201, "{made:?}");
        let id = made.json["campaign_id"].as_str().expect("an id").to_owned();
        let before: &[&str] = match path.rsplit('/').next() {
            Some("pause") => &["launch"],
            Some("resume") => &["launch", "pause"],
            _ => &[],
        };
        for order in before {
            let done =
                self.switch.client().post_with(&format!("/v1/calls/batch/{id}/{order}"), Vec::new(), &[]);
            assert_eq!(done.status, 200, "{order}: {done:?}");
        }
        id
    }

    /// A call of this face's: one that talks where something is to be done to it, else one that is over.
    fn call(&self, path: &str, tag: &str) -> String {
        let lives = path.contains("{id}/") && !path.ends_with("/transcript");
        let client = self.client(tag);
        let person = trunkline::simulator::Persona::Person;
        let to = if path.ends_with("/do-not-call") {
            // Called once, and by nobody after it.
            format!("+1555020000{}", person.digit())
        } else {
            crate::callees::number(person)
        };
        let (path_of, body) = match tag {
            "MiniVoice" => {
                let own = json!({ "campaign": "dev" });
                // One that is recorded already cannot be begun to be.
                let record = !path.ends_with("/recordings");
                ("/v1/calls", json!({ "from": "+15551230001", "to": to, "metadata": own, "record": record }))
            }
            "ThunderPhone" => ("/v1/call", json!({ "from_number": faces::OURS, "to_number": to })),
            "Voiceflow" => ("/v1/phone-number/agent_talk/outbound", json!({ "to": to })),
            _ if path.ends_with("/recording/start") => return self.unrecorded(&to),
            _ => {
                let prompt =
                    if lives || tag == "Twilio" { "Please hold the line." } else { "Goodbye. [END_CALL]" };
                (
                    "/v1/calls/outbound",
                    json!({ "agent_id": "agent_125207e452f8714a", "to_number": to, "prompt": prompt }),
                )
            }
        };
        let client = if tag == "Twilio" { self.client("Nixflex") } else { client };
        let placed = client.post(path_of, &body);
        assert!(placed.status < 300, "{placed:?}");
        let id = [&placed.json["call_id"], &placed.json["callId"], &placed.json["id"]]
            .into_iter()
            .find(|id| !id.is_null());
        let id = id.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)).expect("an id");
        self.until(&id, if lives || tag == "Twilio" { "answered" } else { "ended" });
        if path.ends_with("/transfer/cancel") {
            let to = crate::callees::number(trunkline::simulator::Persona::NoAnswer);
            let begun = self
                .client("Native")
                .post(&format!("/v1/native/calls/{id}/transfer"), &json!({ "to": to, "mode": "warm" }));
            assert_eq!(begun.status, 202, "{begun:?}");
        }
        if path.ends_with("/stream/stop") {
            let bot = json!({ "url": "wss://bot.example.test/media" });
            let started = client.post(&format!("/v1/native/calls/{id}/stream/start"), &bot);
            assert_eq!(started.status, 202, "{started:?}");
        }
        id
    }

    /// A number that nobody calls.
    fn listed(&self) -> String {
        let number = "+15557654321";
        let listed = self.client("Native").post("/v1/native/do-not-call", &json!({ "numbers": [number] }));
        assert_eq!(listed.status, 200, "{listed:?}");
        number.to_owned()
    }

    /// A call that talks and is not recorded.
    fn unrecorded(&self, to: &str) -> String {
        let placed = self.client("MiniVoice").post("/v1/calls", &json!({ "from": "+15551230001", "to": to }));
        let id = placed.json["id"].as_str().expect("an id").to_owned();
        self.until(&id, "answered");
        id
    }

    fn until(&self, id: &str, state: &str) {
        eventually(&format!("{id} is {state}"), || {
            let call = self.client("Native").get(&format!("/v1/native/calls/{id}"));
            assert_eq!(call.status, 200, "{call:?}");
            (call.json["state"] == state || call.json["state"] == "ended").then_some(())
        });
    }

    /// One that is settled.
    fn delivery(&self) -> String {
        let id = self.call("/v1/calls/{id}", "ThunderPhone");
        eventually("a delivery is settled", || {
            let found = self
                .client("Native")
                .get(&format!("/v1/native/webhook-deliveries?call={id}&state=delivered"));
            found.json["data"][0]["id"].as_u64().map(|id| id.to_string())
        })
    }
}

/// The example that this speaker has in a content: the only one, or that under its name.
fn example(content: &Value, tag: &str) -> Option<Value> {
    let named = content["examples"].get(tag).map(|example| &example["value"]);
    named.or_else(|| content.get("example")).cloned()
}

/// Does this schema name the field, and not require it?
fn may_lack(object: &Value, field: &str) -> bool {
    let is_required =
        object["required"].as_array().is_some_and(|all| all.iter().any(|required| required == field));
    object["properties"].get(field).is_some() && !is_required
}
