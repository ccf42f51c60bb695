//! Speech by an endpoint that understands OpenAI's `POST …/audio/speech`: theirs, or a server of one's own that speaks the same.

use bytes::Bytes;
use serde_json::json;

use super::{DEADLINE, TtsError, WAV_MAX};
use crate::config::SpeechEndpoint;
use crate::egress::{Egress, EgressError, Policy};

/// How much of a refusal is told, in characters.
const SAID_MAX: usize = 200;

pub struct Endpoint {
    config: SpeechEndpoint,
    egress: Egress,
}

impl Endpoint {
    /// The operator's own configuration names it, and nobody else can: it may be anywhere, this machine included.
    pub fn new(config: SpeechEndpoint) -> Result<Self, EgressError> {
        let anywhere = ["0.0.0.0/0", "::/0"].map(|network| network.parse().expect("a network"));
        let egress = Egress::new(Policy { allow_http: true, allow_addresses: anywhere.to_vec() })?;
        Ok(Self { config, egress })
    }

    /// The WAV file that it makes of a text.
    pub async fn speak(&self, text: &str, voice: &str) -> Result<Bytes, TtsError> {
        let asked =
            json!({ "model": self.config.model, "input": text, "voice": voice, "response_format": "wav" });
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if let Some(key) = &self.config.api_key {
            headers.push(("authorization", format!("Bearer {}", key.reveal())));
        }
        let (url, body) = (self.config.url.as_str(), Bytes::from(asked.to_string()));
        let bytes_max = usize::try_from(WAV_MAX).unwrap_or(usize::MAX);
        let answer = self.egress.exchange(DEADLINE, url, &headers, body, bytes_max).await?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        let said = String::from_utf8_lossy(&answer.body);
        let said = said.chars().filter(|letter| !letter.is_control()).take(SAID_MAX).collect();
        Err(TtsError::Refused { status: answer.status, said })
    }
}

#[cfg(test)]
mod tests;
