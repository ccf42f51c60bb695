//! `[[key]]`: who may ask, in whose words. Some vendors' keys have an id and a secret, the others' are one token.

use sha2::{Digest, Sha256};

use super::super::checker::Checker;
use super::super::{billing, file};
use super::{FILE_TENANT, Names, agent_named, application_named};
use crate::model::{Face, Key, KeyId, KeyScope, Secret};

/// A secret half that is shorter could be guessed over the network.
const SECRET_LENGTH_MIN: usize = 8;
/// A token has nothing beside it to be looked up by, so it alone must be hard to guess.
const TOKEN_LENGTH_MIN: usize = 16;

/// What tells a key from the others: its id, or of a token its digest.
pub fn name(table: &file::Key) -> String {
    match &table.id {
        Some(id) if table.face.has_key_id() => id.clone(),
        _ => Key::public_of(table.secret.reveal()),
    }
}

pub fn key(table: &file::Key, id: KeyId, names: &Names, path: &str, check: &mut Checker<'_>) -> Key {
    identified(table, path, check);
    let secret = table.secret.reveal();
    let least = if table.face.has_key_id() { SECRET_LENGTH_MIN } else { TOKEN_LENGTH_MIN };
    check.that(&format!("{path}.secret"), secret.len() >= least && is_graphic(secret), || {
        format!("must be {least} to 255 printable ASCII characters")
    });
    let signing = table.webhook_secret.as_ref().unwrap_or(&table.secret).reveal();
    let own = table.webhook_secret.is_some();
    check.that(&format!("{path}.webhook_secret"), !own || signing.len() >= SECRET_LENGTH_MIN, || {
        format!("must be at least {SECRET_LENGTH_MIN} characters")
    });
    Key {
        id,
        tenant: FILE_TENANT,
        face: table.face,
        public: name(table),
        secret_hash: Sha256::digest(secret.as_bytes()).into(),
        signing: Secret::new(signing.clone()),
        scope: scope(table.face, &table.agent, &table.application, names, path, check),
        concurrent: check.limit(&format!("{path}.concurrent"), table.concurrent),
        reads_per_minute: check.limit(&format!("{path}.reads_per_minute"), table.reads_per_minute),
        writes_per_minute: check.limit(&format!("{path}.writes_per_minute"), table.writes_per_minute),
        spend: billing::control(path, &table.spend_per_day, &table.spend_per_call, check),
    }
}

/// `KEY_ID:KEY_SECRET` is parted at the first colon, in a Bearer token as in Basic credentials.
fn identified(table: &file::Key, path: &str, check: &mut Checker<'_>) {
    let key = format!("{path}.id");
    match (&table.id, table.face.has_key_id()) {
        (Some(id), true) => {
            check.that(&key, !id.is_empty() && is_graphic(id) && !id.contains(':'), || {
                "must be 1 to 255 printable ASCII characters without `:`".into()
            });
        }
        (None, true) => check.fault(&key, format!("a {} key needs one", table.face.as_str())),
        (Some(_), false) => {
            check.fault(&key, format!("a {} key is its secret alone", table.face.as_str()));
        }
        (None, false) => {}
    }
}

/// Voiceflow's keys belong to an agent and MiniVoice's to an application; nobody else's name either.
pub fn scope(
    face: Face,
    agent: &Option<String>,
    application: &Option<String>,
    names: &Names,
    path: &str,
    check: &mut Checker<'_>,
) -> KeyScope {
    let named = |key: &str, name: &Option<String>, wanted: bool, check: &mut Checker<'_>| {
        check.that(&format!("{path}.{key}"), name.is_some() == wanted, || {
            let verb = if wanted { "must name its" } else { "names no" };
            format!("a {} key {verb} {key}", face.as_str())
        });
    };
    named("agent", agent, face == Face::Voiceflow, check);
    named("application", application, face == Face::MiniVoice, check);
    match (face, agent, application) {
        (Face::Voiceflow, Some(name), _) => {
            agent_named(name, names, path, check).map_or(KeyScope::Tenant, KeyScope::Agent)
        }
        (Face::MiniVoice, _, Some(name)) => {
            application_named(name, names, path, check).map_or(KeyScope::Tenant, KeyScope::Application)
        }
        _ => KeyScope::Tenant,
    }
}

fn is_graphic(text: &str) -> bool {
    text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic())
}
