//! Who speaks which provider's protocol, and where that provider is found.

use url::Url;

use super::driver::Driver;
use super::{deepgram, elevenlabs, openai};
use crate::model::{Briefed, Provider};

/// The one who speaks this model's protocol.
pub(super) fn driver(briefed: &Briefed) -> Box<dyn Driver> {
    match briefed.model.provider {
        Provider::OpenAi => Box::new(openai::OpenAi::new(briefed.clone())),
        Provider::Deepgram => Box::new(deepgram::Deepgram::new(briefed.clone())),
        Provider::ElevenLabs => Box::new(elevenlabs::ElevenLabs::new(briefed.clone())),
    }
}

/// Where a model's session is opened, and the header field that opens its door.
pub(super) fn door(briefed: &Briefed) -> (Url, Option<(&'static str, String)>) {
    let model = &briefed.model;
    let mut url = model.url.clone();
    let (query, name, scheme) = match model.provider {
        Provider::OpenAi => (Some("model"), "Authorization", "Bearer "),
        Provider::Deepgram => (None, "Authorization", "Token "),
        Provider::ElevenLabs => (Some("agent_id"), "xi-api-key", ""),
    };
    if let Some(query) = query.filter(|query| url.query_pairs().all(|(name, _)| name != *query)) {
        url.query_pairs_mut().append_pair(query, &model.model);
    }
    (url, model.api_key.as_ref().map(|key| (name, format!("{scheme}{}", key.reveal()))))
}
