//! What one tenant alone can have: the calls to a number, and the name that callers prove to know. Pure. Of several that claim it the
//! file's holds, then the oldest object; the others lose that claim alone.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::{Value, json};

use super::thing::{ObjectFault, Thing};
use crate::config::Objects;
use crate::model::{Number, Object, TenantId, Trunk};

/// What is claimed.
#[derive(PartialEq, Eq, Hash)]
enum Claim {
    CallsTo(String),
    CallsOf(String),
}

impl Claim {
    fn number(number: &Number) -> Option<Self> {
        number.inbound.then(|| Self::CallsTo(number.e164.as_str().to_owned()))
    }

    fn trunk(trunk: &Trunk) -> Option<Self> {
        trunk.inbound.username.clone().map(Self::CallsOf)
    }

    fn of(thing: &Thing) -> Option<Self> {
        match thing {
            Thing::Number(number) => Self::number(number),
            Thing::Trunk(trunk) => Self::trunk(trunk),
            _ => None,
        }
    }

    /// Which field says so, and why it does not hold. Whose it is instead is nobody's business.
    const fn fault(&self) -> (&'static str, &'static str) {
        match self {
            Self::CallsTo(_) => ("inbound", "calls to this number are taken already"),
            Self::CallsOf(_) => ("inbound.username", "this user name is taken already"),
        }
    }
}

/// Takes from the store's objects of a kind what somebody else has: the file's, which are there, or an older one.
pub fn settle(file: &Objects, made: &mut [(Thing, Object)]) -> Vec<ObjectFault> {
    let of_file = file.numbers.iter().filter_map(|number| Some((Claim::number(number)?, number.tenant)));
    let of_file =
        of_file.chain(file.trunks.iter().filter_map(|trunk| Some((Claim::trunk(trunk)?, trunk.tenant))));
    let mut held: HashMap<Claim, TenantId> = of_file.collect();
    let mut by_age: Vec<_> = made.iter_mut().collect();
    by_age.sort_by_key(|(_, object)| object.id);
    let mut faults = Vec::new();
    for (thing, object) in by_age {
        let Some(claim) = Claim::of(thing) else { continue };
        match held.entry(claim) {
            Entry::Vacant(free) => drop(free.insert(object.tenant)),
            Entry::Occupied(taken) if *taken.get() == object.tenant => {}
            Entry::Occupied(taken) => {
                let (field, reason) = taken.key().fault();
                faults.push(ObjectFault::taken(object, field, reason));
                give_up(thing, object);
            }
        }
    }
    faults
}

/// It is as if it had not been said: the owner sees it so, and can say something else.
fn give_up(thing: &mut Thing, object: &mut Object) {
    match thing {
        Thing::Number(number) => {
            number.inbound = false;
            object.document.insert("inbound".to_owned(), Value::Bool(false));
        }
        Thing::Trunk(trunk) => {
            (trunk.inbound.username, trunk.inbound.password) = (None, None);
            if let Some(inbound) = object.document.get_mut("inbound") {
                inbound["username"] = json!(null);
            }
        }
        _ => {}
    }
}
