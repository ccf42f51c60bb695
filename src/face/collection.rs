//! Which collections each vendor has, and how a page of them looks: one arm a face.

use serde_json::{Map, Value};

use super::resource::{Part, Shape};
use super::{minivoice, native, nixflex, thunderphone};
use crate::model::{Draft, Face, Object, ObjectKind, Refusal};

/// A collection, as paths name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Collection {
    /// In the switch's own words, for any key of the tenant.
    Native(ObjectKind),
    /// `/v1/agents`
    Agents,
    /// `/v1/phone-numbers`
    Numbers,
    /// `/v1/voip-connections`
    Connections,
    /// `/v1/developer/webhook-endpoints`
    Endpoints,
    /// `/v1/trunks`
    Trunks,
    /// `/v1/applications`
    Applications,
    /// `/v1/dids`
    Dids,
}

impl Collection {
    /// Whose path it is, where one vendor alone documents it.
    pub const fn only(self) -> Option<Face> {
        match self {
            Self::Connections | Self::Endpoints => Some(Face::ThunderPhone),
            Self::Trunks | Self::Applications | Self::Dids => Some(Face::MiniVoice),
            Self::Native(_) | Self::Agents | Self::Numbers => None,
        }
    }

    /// Is whoever asks for no page given all? Its vendor documents no pages of it, so that its clients know of none.
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Trunks | Self::Applications | Self::Dids)
    }
}

/// How a collection looks to a client of this face; `None` if its vendor has no such thing.
pub const fn shape(face: Face, what: Collection) -> Option<Shape> {
    Some(match (face, what) {
        (_, Collection::Native(kind)) => native::shape(kind),
        (Face::Nixflex, Collection::Agents) => nixflex::resource::AGENT,
        (Face::Nixflex, Collection::Numbers) => nixflex::resource::NUMBER,
        (Face::ThunderPhone, Collection::Agents) => thunderphone::resource::AGENT,
        (Face::ThunderPhone, Collection::Numbers) => thunderphone::resource::NUMBER,
        (Face::ThunderPhone, Collection::Connections) => thunderphone::resource::CONNECTION,
        (Face::ThunderPhone, Collection::Endpoints) => thunderphone::resource::ENDPOINT,
        (Face::MiniVoice, Collection::Trunks) => minivoice::resource::TRUNK,
        (Face::MiniVoice, Collection::Applications) => minivoice::resource::APPLICATION,
        (Face::MiniVoice, Collection::Dids) => minivoice::resource::DID,
        _ => return None,
    })
}

/// Has this vendor a collection of this kind of objects?
pub fn has(face: Face, kind: ObjectKind) -> bool {
    let vendors = [
        Collection::Agents,
        Collection::Numbers,
        Collection::Connections,
        Collection::Endpoints,
        Collection::Trunks,
        Collection::Applications,
        Collection::Dids,
    ];
    vendors.into_iter().any(|what| shape(face, what).is_some_and(|shape| shape.kind == kind))
}

/// What a body says of an object of this collection.
pub fn parse(face: Face, what: Collection, body: Map<String, Value>) -> Result<Draft, Refusal> {
    let shape = shape(face, what).unwrap_or(native::shape(ObjectKind::Tenant));
    match (face, what) {
        (Face::ThunderPhone, Collection::Agents) => thunderphone::resource::agent(&shape, body),
        (Face::ThunderPhone, Collection::Numbers) => thunderphone::resource::number(&shape, body),
        _ => shape.parse(body),
    }
}

/// An object as it is shown.
pub fn show(face: Face, what: Collection, object: &Object) -> Value {
    let Some(shape) = shape(face, what) else { return Value::Null };
    match (face, what) {
        (_, Collection::Native(_)) => native::show(object),
        (Face::ThunderPhone, Collection::Agents) => thunderphone::resource::show_agent(&shape, object),
        (Face::ThunderPhone, Collection::Numbers) => thunderphone::resource::show_number(&shape, object),
        (Face::MiniVoice, Collection::Dids) => minivoice::resource::show_did(object),
        _ => Value::Object(shape.render(object)),
    }
}

/// A page.
pub fn page(face: Face, what: Collection, shown: Vec<Value>, part: &Part) -> Value {
    match (face, what) {
        (_, Collection::Native(_)) => native::page(shown, part.next),
        (Face::Nixflex, _) => nixflex::resource::page(what == Collection::Agents, shown, part),
        (Face::MiniVoice, Collection::Trunks) => minivoice::resource::page("trunks", shown, part),
        (Face::MiniVoice, Collection::Applications) => minivoice::resource::page("applications", shown, part),
        (Face::MiniVoice, _) => minivoice::resource::page("dids", shown, part),
        // The others have no collections.
        (Face::ThunderPhone | Face::Voiceflow | Face::Twilio, _) => {
            thunderphone::resource::page(shown, part.total)
        }
    }
}
