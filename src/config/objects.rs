//! Trunks, agents, numbers, applications and keys: from the file's tables to the model's objects.

pub mod bot;
pub mod endpoint;
pub mod key;
pub mod model;
pub mod person;
pub mod review;
pub mod script;
pub mod staff;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::checker::{Checker, networks};
use super::document::document;
use super::file::{self, File};
use super::name::is_name;
use super::{Objects, Rules, billing, trunk, uri};
use crate::model::{
    Agent, AgentId, Application, ApplicationId, EventKind, EventSet, Flow, KeyId, Number, NumberId,
    OBJECT_ID_LIMIT, Object, ObjectKind, PersonId, PhoneNumber, Speak, TenantId, TranscriptBy, Trunk,
    TrunkChoice, TrunkId,
};

/// Whose the file's objects are.
pub const FILE_TENANT: TenantId = TenantId(1);
/// And what it is called.
pub const FILE_TENANT_NAME: &str = "default";

/// Ways out of one number, at most.
const TRUNKS_MAX: usize = 16;

/// Bytes of a voice's name.
const VOICE_BYTES_MAX: usize = 255;

/// What an object of a tenant may name, and by which id.
pub struct Names {
    pub tenant: TenantId,
    pub trunks: HashMap<String, TrunkId>,
    pub agents: HashMap<String, AgentId>,
    pub applications: HashMap<String, ApplicationId>,
    pub rules: Rules,
}

/// Turns the tables into objects; references are by name and must meet something.
pub fn objects(file: &File, check: &mut Checker<'_>) -> Objects {
    let mut trunks = Ids::new("trunk", "name");
    let mut shared = Ids::new("agent", "id");
    let mut keys = Ids::new("key", "id");
    let mut applications = Ids::new("application", "name");
    let trunk_ids: Vec<_> = file.trunk.iter().map(|trunk| TrunkId(trunks.take(&trunk.name, check))).collect();
    let agent_ids: Vec<_> = file.agent.iter().map(|agent| AgentId(shared.take(&agent.id, check))).collect();
    // Agents and numbers share one id space.
    let mut numbers = shared.and_now("number", "e164");
    let number_ids: Vec<_> =
        file.number.iter().map(|number| NumberId(numbers.take(&number.e164, check))).collect();
    let key_ids: Vec<_> = file.key.iter().map(|key| KeyId(keys.take(&key::name(key), check))).collect();
    let application_ids: Vec<_> =
        file.application.iter().map(|table| ApplicationId(applications.take(&table.name, check))).collect();

    let mut people = Ids::new("person", "name");
    let person_ids: Vec<_> =
        file.person.iter().map(|table| PersonId(people.take(&table.name, check))).collect();

    let names = Names {
        trunks: file.trunk.iter().map(|trunk| trunk.name.clone()).zip(trunk_ids.iter().copied()).collect(),
        agents: file.agent.iter().map(|agent| agent.id.clone()).zip(agent_ids.iter().copied()).collect(),
        tenant: FILE_TENANT,
        applications: file
            .application
            .iter()
            .map(|table| table.name.clone())
            .zip(application_ids.iter().copied())
            .collect(),
        rules: Rules {
            allow_http: file.webhooks.allow_http,
            detection: file.amd.clone(),
            inbound_networks: networks("sip.inbound_networks", &file.sip.inbound_networks, check),
            sip_addresses: networks("sip.allow_addresses", &file.sip.allow_addresses, check),
        },
    };
    let mut made = Objects { rules: names.rules.clone(), ..Objects::default() };
    let path = |kind: &str, index: usize| format!("{kind}[{index}]");
    for (index, (table, id)) in file.trunk.iter().zip(trunk_ids).enumerate() {
        made.documents.push(shown(ObjectKind::Trunk, id.0, &table.name, table).into());
        made.trunks.push(trunk::trunk(table, id, FILE_TENANT, &path("trunk", index), check));
    }
    for (index, (table, id)) in file.agent.iter().zip(agent_ids).enumerate() {
        let agent = agent(table, id, &names, &path("agent", index), check);
        let seen = shown(ObjectKind::Agent, id.0, &table.id, table);
        made.documents.push(Arc::new(Object { trunk: agent.trunk, ..seen }));
        made.agents.push(agent);
    }
    for (index, (table, id)) in file.number.iter().zip(number_ids).enumerate() {
        let path = path("number", index);
        let Some(number) = number(table, id, &names, &path, check) else { continue };
        may_be_shown(&number, |id| made.trunks.iter().find(|trunk| trunk.id == id), &path, check);
        can_answer(&number, |id| made.agents.iter().find(|agent| agent.id == id), &path, check);
        let seen = shown(ObjectKind::Number, id.0, &table.e164, table);
        let trunk = number.trunks.first().map(|choice| choice.trunk);
        let (agent, application) = (number.agent, number.application);
        made.documents.push(Arc::new(Object { agent, trunk, application, ..seen }));
        made.numbers.push(number);
    }
    for (index, (table, id)) in file.key.iter().zip(key_ids).enumerate() {
        made.documents.push(shown(ObjectKind::Key, id.0, &key::name(table), table).into());
        made.keys.push(key::key(table, id, &names, &path("key", index), check));
    }
    for (index, (table, id)) in file.application.iter().zip(application_ids).enumerate() {
        let application = application(table, id, &names, &path("application", index), check);
        let seen = shown(ObjectKind::Application, id.0, &table.name, table);
        let (agent, trunk) = (application.agent, application.trunk);
        made.documents.push(Arc::new(Object { agent, trunk, ..seen }));
        made.applications.push(application);
    }
    for (index, (table, id)) in file.person.iter().zip(person_ids).enumerate() {
        made.documents.push(shown(ObjectKind::Person, id.0, &table.name, table).into());
        made.people.push(person::person(table, id, FILE_TENANT, &path("person", index), check));
    }
    person::told_apart(&made.people, check);
    made
}

/// A table as its owner sees it.
fn shown(kind: ObjectKind, id: u64, name: &str, table: &impl serde::Serialize) -> Object {
    Object {
        id,
        kind,
        tenant: FILE_TENANT,
        name: name.to_owned(),
        document: document(kind, table),
        agent: None,
        trunk: None,
        application: None,
        revision: 0,
        created_at: None,
        updated_at: None,
    }
}

pub fn agent(table: &file::Agent, id: AgentId, names: &Names, path: &str, check: &mut Checker<'_>) -> Agent {
    let valid = !table.id.is_empty() && table.id.len() <= 128 && table.id.chars().all(is_name);
    check.that(&format!("{path}.id"), valid, || {
        format!("`{}` must be 1 to 128 letters, digits, `.`, `_` or `-`", table.id)
    });
    for (index, step) in table.steps.iter().enumerate() {
        check.that(&format!("{path}.steps[{index}]"), !step.trim().is_empty(), || "must not be blank".into());
    }
    let said = table.greeting.as_ref().is_none_or(|greeting| !greeting.trim().is_empty());
    check.that(&format!("{path}.greeting"), said, || "must not be blank".into());
    check.that(&format!("{path}.prompt"), table.prompt.as_deref().is_none_or(is_prompt), || {
        format!("must be 1 to {} bytes, not only blanks", model::PROMPT_BYTES_MAX)
    });
    one_talks(table, path, check);
    let is_told = table.transcript.0 != TranscriptBy::Agent || table.model.is_some();
    check.that(&format!("{path}.transcript"), is_told, || {
        "true: a model tells what was said, and there is no [model]; \"endpoint\" takes it out of the recording".into()
    });
    if let Some(name) = table.sip.as_ref().and_then(endpoint::Table::trunk) {
        check.that(&format!("{path}.sip.trunk"), names.trunks.contains_key(name), || {
            format!("there is no trunk `{name}`")
        });
    }
    let phone_number =
        table.phone_number.as_deref().and_then(|text| phone(text, &format!("{path}.phone_number"), check));
    let seconds = |key: &str| format!("{path}.{key}");
    Agent {
        id,
        alias: table.id.clone(),
        tenant: names.tenant,
        webhook_url: webhook_url(&table.webhook_url, names, path, check),
        webhook_events: events(&table.webhook_events, path, check),
        greeting: table.greeting.clone(),
        prompt: table.prompt.clone(),
        voice: voice(&table.voice, path, check),
        steps: table.steps.clone(),
        flow: flow(table, names, path, check),
        voicemail_message: table.voicemail_message.clone(),
        voicemail: table.voicemail,
        barge_in: table.barge_in,
        ring_timeout: check.seconds(&seconds("ring_timeout_seconds"), table.ring_timeout_seconds, 1..=600),
        call_duration_max: check.seconds(
            &seconds("max_call_duration_seconds"),
            table.max_call_duration_seconds,
            60..=1_800,
        ),
        silence_hangup: check.seconds(
            &seconds("silence_hangup_seconds"),
            table.silence_hangup_seconds,
            5..=45,
        ),
        timezone: table.timezone.as_deref().and_then(|name| {
            let zone = name.parse();
            zone.map_err(|error| check.fault(&format!("{path}.timezone"), format!("`{name}` is {error}")))
                .ok()
        }),
        detection: table.amd.over(&names.rules.detection),
        phone_number,
        trunk: trunk_named(&table.trunk, names, path, check),
        caller_ids: table.caller_ids,
        speak_order: table.outbound_speak_order,
        speak: table.speak,
        opener: opener(table, path, check),
        record: table.record,
        bot: table.stream.as_ref().and_then(|stream| bot::bot(stream, names.rules.allow_http, path, check)),
        model: table
            .model
            .as_ref()
            .and_then(|model| model::model(model, names.rules.allow_http, path, check)),
        transcript: table.transcript.0,
        transcription: table
            .transcription
            .as_ref()
            .map(|table| review::transcription(table, names.rules.allow_http, path, check)),
        analysis: table.analysis.as_ref().map(|analysis| {
            review::analysis(analysis, table.transcript, names.rules.allow_http, path, check)
        }),
        sip: table.sip.as_ref().and_then(|sip| endpoint::endpoint(sip, path, check)),
        staff: table.people.as_ref().map(|people| staff::staff(people, names, path, check)),
    }
}

/// A bot, a model, a SIP endpoint or people talk in an agent's place: one of them.
fn one_talks(table: &file::Agent, path: &str, check: &mut Checker<'_>) {
    let named = [
        ("stream", table.stream.is_some()),
        ("model", table.model.is_some()),
        ("sip", table.sip.is_some()),
        ("people", table.people.is_some()),
        ("script", !table.script.is_empty()),
    ];
    let mut there = named.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name);
    let Some(first) = there.next() else { return };
    for other in there {
        check.fault(
            &format!("{path}.{other}"),
            format!("{first} and {other}: one of them talks, the other must go"),
        );
    }
}

/// What it says and asks, step by step, in place of lines alone.
fn flow(table: &file::Agent, names: &Names, path: &str, check: &mut Checker<'_>) -> Option<Arc<Flow>> {
    let both = !table.script.is_empty() && !table.steps.is_empty();
    check.that(&format!("{path}.script"), !both, || "steps and script: one of them must go".into());
    script::script(&table.script, names.rules.allow_http, path, check)
}

/// What is said while the detector listens: wanted where that is how the agent begins, and nowhere else.
fn opener(table: &file::Agent, path: &str, check: &mut Checker<'_>) -> Option<String> {
    let opener = table.opener.clone().filter(|opener| !opener.trim().is_empty());
    let fits =
        (table.speak == Speak::Opener) == opener.is_some() && opener.is_some() == table.opener.is_some();
    check.that(&format!("{path}.opener"), fits, || "goes with speak = \"opener\", and only with it".into());
    opener
}

/// May an agent's prompt be this?
pub fn is_prompt(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= model::PROMPT_BYTES_MAX
}

/// May a voice be called so?
pub fn is_voice(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= VOICE_BYTES_MAX
}

fn voice(name: &Option<String>, path: &str, check: &mut Checker<'_>) -> Option<Arc<str>> {
    let name = name.as_deref()?;
    check.that(&format!("{path}.voice"), is_voice(name), || {
        format!("must be 1 to {VOICE_BYTES_MAX} bytes, not only blanks")
    });
    Some(name.into())
}

pub fn number(
    table: &file::Number,
    id: NumberId,
    names: &Names,
    path: &str,
    check: &mut Checker<'_>,
) -> Option<Number> {
    let trunks = choices(table, names, path, check);
    let right_to_use = table.right_to_use;
    let agent = table.agent.as_ref().and_then(|name| agent_named(name, names, path, check));
    let application = table.application.as_ref().and_then(|name| application_named(name, names, path, check));
    let webhook_url = webhook_url(&table.webhook_url, names, path, check);
    let e164 = phone(&table.e164, &format!("{path}.e164"), check)?;
    Some(Number {
        id,
        tenant: names.tenant,
        e164,
        trunks,
        right_to_use,
        agent,
        application,
        outbound: table.outbound,
        inbound: table.inbound,
        webhook_url,
        face: table.face,
        verified: table.verified,
    })
}

pub fn application(
    table: &file::Application,
    id: ApplicationId,
    names: &Names,
    path: &str,
    check: &mut Checker<'_>,
) -> Application {
    let valid = !table.name.is_empty() && table.name.len() <= 128 && table.name.chars().all(is_name);
    check.that(&format!("{path}.name"), valid, || {
        format!("`{}` must be 1 to 128 letters, digits, `.`, `_` or `-`", table.name)
    });
    check.that(&format!("{path}.agent"), table.agent.is_some() || table.answer_url.is_some(), || {
        "is missing: without an `answer_url` somebody else must talk".to_owned()
    });
    if let Some(Err(reason)) =
        table.answer_url.as_deref().map(|url| uri::webhook(url, names.rules.allow_http))
    {
        check.fault(&format!("{path}.answer_url"), reason);
    }
    Application {
        id,
        name: table.name.clone(),
        tenant: names.tenant,
        answer_url: table.answer_url.clone(),
        webhook_url: webhook_url(&table.webhook_url, names, path, check),
        agent: table.agent.as_deref().and_then(|name| agent_named(name, names, path, check)),
        trunk: trunk_named(&table.trunk, names, path, check),
        spend: billing::control(path, &table.spend_per_day, &table.spend_per_call, check),
    }
}

fn agent_named(name: &str, names: &Names, path: &str, check: &mut Checker<'_>) -> Option<AgentId> {
    let known = names.agents.get(name).copied();
    check.that(&format!("{path}.agent"), known.is_some(), || format!("there is no agent `{name}`"));
    known
}

pub fn application_named(
    name: &str,
    names: &Names,
    path: &str,
    check: &mut Checker<'_>,
) -> Option<ApplicationId> {
    let known = names.applications.get(name).copied();
    check.that(&format!("{path}.application"), known.is_some(), || {
        format!("there is no application `{name}`")
    });
    known
}

pub fn trunk_named(
    name: &Option<String>,
    names: &Names,
    path: &str,
    check: &mut Checker<'_>,
) -> Option<TrunkId> {
    let name = name.as_ref()?;
    let known = names.trunks.get(name).copied();
    check.that(&format!("{path}.trunk"), known.is_some(), || format!("there is no trunk `{name}`"));
    known
}

/// A call that its own trunk would refuse is better refused here.
pub fn may_be_shown<'t>(
    number: &Number,
    trunk: impl Fn(TrunkId) -> Option<&'t Trunk>,
    path: &str,
    check: &mut Checker<'_>,
) {
    for trunk in number.trunks.iter().filter_map(|choice| trunk(choice.trunk)).filter(|_| number.outbound) {
        check.that(&format!("{path}.e164"), trunk.caller_id.may_show(&number.e164), || {
            format!("trunk `{}` may not show this number: its caller_id_allow leaves it out", trunk.name)
        });
    }
}

/// A number that takes calls has an agent, and the agent something to say to whoever calls.
pub fn can_answer<'a>(
    number: &Number,
    agent: impl Fn(AgentId) -> Option<&'a Agent>,
    path: &str,
    check: &mut Checker<'_>,
) {
    if !number.inbound {
        return;
    }
    let key = format!("{path}.inbound");
    let agent = number.agent.and_then(agent);
    check.that(&key, number.agent.is_some(), || "needs an agent, who answers".into());
    check.that(&key, agent.is_none_or(Agent::can_answer), || {
        "needs an agent with a greeting, a prompt, steps or a script: it would have nothing to say".into()
    });
}

/// `trunk = "a"`, or several with their priorities, the most wanted first.
fn choices(table: &file::Number, names: &Names, path: &str, check: &mut Checker<'_>) -> Vec<TrunkChoice> {
    let only = trunk_named(&table.trunk, names, path, check);
    let both = table.trunk.is_some() && !table.trunks.is_empty();
    check.that(&format!("{path}.trunks"), !both, || "trunk and trunks: one of them must go".into());
    check.that(&format!("{path}.trunks"), table.trunks.len() <= TRUNKS_MAX, || {
        format!("names {} trunks, more than {TRUNKS_MAX}", table.trunks.len())
    });
    let mut choices: Vec<TrunkChoice> = only.map(TrunkChoice::only).into_iter().collect();
    for (index, choice) in table.trunks.iter().enumerate() {
        let key = format!("{path}.trunks[{index}].name");
        let Some(trunk) = names.trunks.get(&choice.name).copied() else {
            check.fault(&key, format!("there is no trunk `{}`", choice.name));
            continue;
        };
        check.that(&key, choices.iter().all(|known| known.trunk != trunk), || {
            format!("`{}` is named twice", choice.name)
        });
        choices.push(TrunkChoice { trunk, priority: choice.priority, weight: choice.weight });
    }
    choices.sort_by_key(|choice| choice.priority);
    choices
}

pub fn webhook_url(
    url: &Option<String>,
    names: &Names,
    path: &str,
    check: &mut Checker<'_>,
) -> Option<String> {
    let text = url.as_ref()?;
    if let Err(reason) = uri::webhook(text, names.rules.allow_http) {
        check.fault(&format!("{path}.webhook_url"), reason);
    }
    Some(text.clone())
}

/// Which events are wanted, by their words.
fn events(words: &Option<Vec<String>>, path: &str, check: &mut Checker<'_>) -> Option<EventSet> {
    let mut known = Vec::new();
    for (index, word) in words.as_ref()?.iter().enumerate() {
        match EventKind::from_word(word) {
            Some(kind) => known.push(kind),
            None => {
                let all = EventKind::ALL.map(EventKind::as_str).join(", ");
                check.fault(&format!("{path}.webhook_events[{index}]"), format!("`{word}` is none of {all}"));
            }
        }
    }
    Some(known.into_iter().collect())
}

fn phone(text: &str, key: &str, check: &mut Checker<'_>) -> Option<PhoneNumber> {
    text.parse().map_err(|error| check.fault(key, format!("`{text}` is {error}"))).ok()
}

/// Ids that follow from kind and name: the same on every start and every node, below 2^53, and above those that the store gives
/// out.
struct Ids {
    kind: &'static str,
    field: &'static str,
    taken: HashSet<u64>,
    names: HashSet<String>,
    count: usize,
}

impl Ids {
    fn new(kind: &'static str, field: &'static str) -> Self {
        Self { kind, field, taken: HashSet::new(), names: HashSet::new(), count: 0 }
    }

    /// Another kind in the same id space.
    fn and_now(self, kind: &'static str, field: &'static str) -> Self {
        Self { taken: self.taken, ..Self::new(kind, field) }
    }

    fn take(&mut self, name: &str, check: &mut Checker<'_>) -> u64 {
        let key = format!("{}[{}].{}", self.kind, self.count, self.field);
        self.count += 1;
        let digest: [u8; 32] = Sha256::digest(format!("{}\0{name}", self.kind)).into();
        let word = u64::from_be_bytes(std::array::from_fn(|index| digest[index]));
        let id = match word >> 11 {
            // These are the store's, which gives them out one by one.
            low @ ..OBJECT_ID_LIMIT => low | (1 << 52),
            id => id,
        };
        if !self.names.insert(name.to_owned()) {
            check.fault(&key, format!("`{name}` is declared twice"));
        } else if !self.taken.insert(id) {
            check.fault(&key, format!("`{name}` has the same id as another object: choose another name"));
        }
        id
    }
}
