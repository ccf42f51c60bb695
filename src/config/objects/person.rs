//! `[[person]]`: who takes calls in a browser, and what it signs in with.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use super::super::checker::Checker;
use super::super::file;
use crate::config::name::queue;
use crate::model::{Person, PersonId, TenantId};

/// A secret has nothing beside it to be looked up by, so it alone must be hard to guess.
const SECRET_LENGTH_MIN: usize = 16;
const SECRET_LENGTH_MAX: usize = 255;
/// A name, in characters.
const NAME_MAX: usize = 64;
/// Queues of one person.
const QUEUES_MAX: usize = 50;

/// One of the file's.
pub fn person(
    table: &file::Person,
    id: PersonId,
    tenant: TenantId,
    path: &str,
    check: &mut Checker<'_>,
) -> Person {
    let secret = table.secret.reveal();
    let is_graphic = secret.bytes().all(|byte| byte.is_ascii_graphic());
    check.that(
        &format!("{path}.secret"),
        (SECRET_LENGTH_MIN..=SECRET_LENGTH_MAX).contains(&secret.len()) && is_graphic,
        || format!("must be {SECRET_LENGTH_MIN} to {SECRET_LENGTH_MAX} printable ASCII characters"),
    );
    let secret_hash = Sha256::digest(secret.as_bytes()).into();
    named(&table.name, &table.queues, id, tenant, secret_hash, path, check)
}

/// What there is to say of a person beside its secret, checked.
pub fn named(
    name: &str,
    queues: &[String],
    id: PersonId,
    tenant: TenantId,
    secret_hash: [u8; 32],
    path: &str,
    check: &mut Checker<'_>,
) -> Person {
    let count = name.chars().count();
    let is_line = name.trim() == name && !name.chars().any(char::is_control);
    check.that(&format!("{path}.name"), (1..=NAME_MAX).contains(&count) && is_line, || {
        format!("must be one line of 1 to {NAME_MAX} characters")
    });
    check.that(&format!("{path}.queues"), queues.len() <= QUEUES_MAX, || {
        format!("must be at most {QUEUES_MAX} names")
    });
    for (index, name) in queues.iter().enumerate() {
        queue(name, &format!("{path}.queues[{index}]"), check);
    }
    Person { id, tenant, name: name.to_owned(), queues: queues.to_vec(), secret_hash }
}

/// Whoever signs in is known by its secret alone.
pub fn told_apart(people: &[Person], check: &mut Checker<'_>) {
    let mut secrets = HashSet::new();
    for (index, person) in people.iter().enumerate() {
        check.that(&format!("person[{index}].secret"), secrets.insert(person.secret_hash), || {
            "is another person's too".into()
        });
    }
}
