//! Links that need no key: a receiver of events has none, and may still fetch the recording that an event names. A link names one
//! call of one tenant and a day; whoever changes any of it has nothing.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::model::{CallId, CallRecord, CallState, Face, TenantId, Timestamp};

/// How long a link is good for, in milliseconds: a receiver that was down for a day, and a person after it, still come in time.
const LASTS_MS: i64 = 7 * 86_400_000;

/// Makes and checks links. `Clone`, not `Debug`: it holds the key.
#[derive(Clone)]
pub struct Links {
    base: String,
    key: [u8; 32],
}

/// What a link shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown<'a> {
    /// Whose call.
    pub tenant: TenantId,
    /// Until when, in seconds of the Unix epoch.
    pub expires: i64,
    /// In hexadecimal.
    pub signature: &'a str,
}

impl Links {
    /// Links to this scheme and host, without a slash at its end, signed by this key.
    pub fn new(base: String, key: [u8; 32]) -> Self {
        Self { base, key }
    }

    /// Where the recording of a call that has ended can be fetched, by who hears of it now; `None` if there is none.
    pub fn recording(&self, face: Face, record: &CallRecord, now: Timestamp) -> Option<String> {
        record.recording.as_ref().filter(|_| record.state == CallState::Ended)?;
        let what = if face == Face::ThunderPhone { "audio" } else { "recording" };
        let expires = now.0.saturating_add(LASTS_MS).div_euclid(1_000);
        let signature = hex::encode(self.sign(record.call, record.tenant, expires).finalize().into_bytes());
        Some(format!(
            "{}/v1/calls/{}/{what}?tenant={}&expires={expires}&signature={signature}",
            self.base, record.call, record.tenant.0
        ))
    }

    /// Is it one of ours, for this call, and not over?
    pub fn is_valid(&self, call: CallId, shown: Shown<'_>, now: Timestamp) -> bool {
        let Ok(signature) = hex::decode(shown.signature) else { return false };
        let is_ours = self.sign(call, shown.tenant, shown.expires).verify_slice(&signature).is_ok();
        is_ours && now.0.div_euclid(1_000) < shown.expires
    }

    fn sign(&self, call: CallId, tenant: TenantId, expires: i64) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(format!("recording.{}.{}.{expires}", call.get(), tenant.0).as_bytes());
        mac
    }
}

/// What stands in a query, if it is that of a link.
pub fn shown(query: &str) -> Option<(TenantId, i64, String)> {
    let (mut tenant, mut expires, mut signature) = (None, None, None);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "tenant" => tenant = value.parse().ok().map(TenantId),
            "expires" => expires = value.parse().ok(),
            "signature" => signature = Some(value.into_owned()),
            _ => {}
        }
    }
    Some((tenant?, expires?, signature?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::nixflex::ended_call as record;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    #[test]
    fn a_link_is_good_for_its_call_and_its_time_alone() {
        let links = Links::new("https://a.example".into(), [7; 32]);
        let record = CallRecord { recording: Some("a.wav".into()), ..record() };
        let link = links.recording(Face::Nixflex, &record, NOW).expect("there is a recording");
        let (path, query) = link.split_once('?').expect("a query");
        assert_eq!(path, format!("https://a.example/v1/calls/{}/recording", record.call));
        let (tenant, expires, signature) = shown(query).expect("a link's");
        let own = Shown { tenant, expires, signature: &signature };
        assert!(links.is_valid(record.call, own, NOW));
        let last = Timestamp(expires * 1_000 - 1);
        assert!(
            links.is_valid(record.call, own, last)
                && !links.is_valid(record.call, own, Timestamp(expires * 1_000))
        );
        let other = CallId::new(record.call.get() + 1).expect("an id");
        assert!(!links.is_valid(other, own, NOW));
        for bent in [
            Shown { tenant: TenantId(tenant.0 + 1), ..own },
            Shown { expires: expires + 1, ..own },
            Shown { signature: "", ..own },
            Shown { signature: "zz", ..own },
            Shown { signature: &signature[2..], ..own },
        ] {
            assert!(!links.is_valid(record.call, bent, NOW), "{bent:?}");
        }
        assert!(!Links::new(String::new(), [8; 32]).is_valid(record.call, own, NOW), "another switch's key");
    }

    #[test]
    fn without_a_recording_there_is_no_link() {
        let links = Links::new("https://a.example".into(), [7; 32]);
        let without = CallRecord { recording: None, ..record() };
        assert_eq!(links.recording(Face::ThunderPhone, &without, NOW), None);
        let live = CallRecord { recording: Some("a.wav".into()), state: CallState::Answered, ..record() };
        assert_eq!(links.recording(Face::ThunderPhone, &live, NOW), None);
    }
}
