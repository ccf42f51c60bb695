//! The server's side of digest (RFC 7616 §3.3, §5.4): nonces that say by themselves when they were made, and a bounded memory of
//! those that were used well. A stranger without a password makes it remember nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha512_256};

use super::challenge::hex;
use super::verify::same_hex;
use super::{Algorithm, Answer, Challenge, Credentials, Qop};
use crate::message::{Message, Name, unescape};

/// Makes challenges, and judges what answers them.
pub struct Guard {
    key: [u8; 32],
    /// What nonces count their age from.
    epoch: Option<Instant>,
    serial: u32,
    /// Nonces that were answered rightly, by serial.
    used: HashMap<u32, Used>,
    /// Nonces from before this, in milliseconds, are forgotten unless they are in `used`.
    forgotten_ms: u64,
}

/// How far a nonce is used up.
#[derive(Clone, Copy, Debug)]
struct Used {
    issued_ms: u64,
    highest: u32,
    /// The counts below the highest that were seen, the nearest in the lowest bit.
    seen: u64,
}

/// What a request's credentials are worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// They are right.
    Passed {
        /// Whose they are.
        username: String,
    },
    /// None are there for this realm.
    Missing,
    /// They are right, but for a nonce that is too old, unknown, or used: ask again.
    Stale,
    /// They are wrong.
    Wrong,
}

/// How long a nonce lives.
const LIFETIME: Duration = Duration::from_secs(300);
/// Nonces in use that are remembered; when it is full, the oldest becomes stale.
const USED_MAX: usize = 1024;
/// Authorization lines of one request that are looked at.
const ANSWERS_MAX: usize = 8;
/// What is offered, best first (RFC 8760 §2.4).
const OFFERED: [Algorithm; 2] = [Algorithm::SHA_256, Algorithm::MD5];

impl Guard {
    /// `key` must be secret and random: who knows it can make nonces.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, epoch: None, serial: 0, used: HashMap::new(), forgotten_ms: 0 }
    }

    /// The challenges for a request without usable credentials: WWW-Authenticate values, in order of preference.
    pub fn challenges(&mut self, now: Instant, realm: &str, stale: bool) -> Vec<String> {
        let nonce = self.mint(now, realm);
        let issue = |algorithm| {
            let qop = Some(Qop::Auth);
            let (realm, nonce) = (realm.to_owned(), nonce.clone());
            Challenge { realm, nonce, opaque: None, algorithm, qop, userhash: false, stale }.issue()
        };
        OFFERED.map(issue).into()
    }

    /// Judges the Authorization headers of a request. `password` is asked for the password of a user name.
    pub fn verify(
        &mut self,
        now: Instant,
        realm: &str,
        request: &Message,
        password: impl FnOnce(&str) -> Option<String>,
    ) -> Verdict {
        let Some(answer) = answer_in(realm, request) else { return Verdict::Missing };
        let username = unescape(answer.username).into_owned();
        // The digest first: whether a nonce was good is nobody's business who does not know the password.
        let credentials = match password(&username) {
            Some(password) => Credentials::new(username, password),
            None => return Verdict::Wrong,
        };
        let is_offered = OFFERED.contains(&answer.algorithm)
            && answer.qop.eq_ignore_ascii_case(Qop::Auth.as_str())
            && !answer.userhash;
        let challenge = Challenge {
            realm: realm.to_owned(),
            nonce: answer.nonce.to_owned(),
            opaque: None,
            algorithm: answer.algorithm,
            qop: Some(Qop::Auth),
            userhash: false,
            stale: false,
        };
        let method = request.method_token().unwrap_or_default();
        // The digest's uri is not compared with the Request-URI: proxies rewrite that (RFC 3261 §22.4). The count, seen once
        // only, is what keeps an overheard answer from being used again.
        if !is_offered || !answer.verify(&challenge, &credentials, method, request.body()) {
            return Verdict::Wrong;
        }
        match answer.count().is_some_and(|count| self.take(now, realm, answer.nonce, count)) {
            true => Verdict::Passed { username: credentials.username },
            false => Verdict::Stale,
        }
    }

    /// Whether a request bears credentials for a realm, right or wrong.
    pub fn is_answered(realm: &str, request: &Message) -> bool {
        answer_in(realm, request).is_some()
    }

    /// Uses a count of a nonce up. Gives whether it was there to be used.
    fn take(&mut self, now: Instant, realm: &str, nonce: &str, count: u32) -> bool {
        let now_ms = self.elapsed_ms(now);
        let Some((issued_ms, serial)) = self.read(realm, nonce) else { return false };
        let lifetime_ms = LIFETIME.as_millis() as u64;
        if now_ms.saturating_sub(issued_ms) > lifetime_ms {
            return false;
        }
        if let Some(used) = self.used.get_mut(&serial) {
            return used.take(count);
        }
        if issued_ms < self.forgotten_ms {
            return false;
        }
        if self.used.len() >= USED_MAX {
            self.used.retain(|_, used| now_ms.saturating_sub(used.issued_ms) <= lifetime_ms);
        }
        if self.used.len() >= USED_MAX {
            // Its counts are forgotten, so no count of its time may be believed any more.
            let oldest = self.used.iter().min_by_key(|(_, used)| used.issued_ms);
            let Some((oldest, used)) = oldest.map(|(serial, used)| (*serial, *used)) else { return false };
            self.used.remove(&oldest);
            self.forgotten_ms = self.forgotten_ms.max(used.issued_ms + 1);
            if issued_ms < self.forgotten_ms {
                return false;
            }
        }
        self.used.insert(serial, Used { issued_ms, highest: count, seen: 0 });
        true
    }

    /// `time serial mac`, in hexadecimal.
    fn mint(&mut self, now: Instant, realm: &str) -> String {
        let issued_ms = self.elapsed_ms(now);
        self.serial = self.serial.wrapping_add(1);
        let plain = format!("{issued_ms:012x}{:08x}", self.serial);
        let mac = self.mac(realm, &plain);
        plain + &mac
    }

    fn read(&self, realm: &str, nonce: &str) -> Option<(u64, u32)> {
        let (plain, mac) = nonce.split_at_checked(PLAIN_LEN)?;
        let (issued, serial) = plain.split_at_checked(ISSUED_LEN)?;
        same_hex(&self.mac(realm, plain), mac).then_some(())?;
        Some((u64::from_str_radix(issued, 16).ok()?, u32::from_str_radix(serial, 16).ok()?))
    }

    /// SHA-512/256 keeps half of its state to itself, so that a key in front is a sound MAC.
    fn mac(&self, realm: &str, plain: &str) -> String {
        let digest =
            Sha512_256::new().chain_update(self.key).chain_update(plain).chain_update(realm).finalize();
        hex(&digest[..MAC_BYTES])
    }

    fn elapsed_ms(&mut self, now: Instant) -> u64 {
        let epoch = *self.epoch.get_or_insert(now);
        now.saturating_duration_since(epoch).as_millis() as u64
    }
}

impl Used {
    /// A count that comes late is taken as long as it is no more than 64 behind, and once.
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            let by = count - self.highest;
            // The old highest becomes one of the seen.
            self.seen = self.seen.checked_shl(by).unwrap_or(0) | 1u64.checked_shl(by - 1).unwrap_or(0);
            self.highest = count;
            return true;
        }
        let behind = (self.highest - count).checked_sub(1);
        let Some(bit) = behind.and_then(|behind| 1u64.checked_shl(behind)) else { return false };
        let is_new = self.seen & bit == 0;
        self.seen |= bit;
        is_new
    }
}

fn answer_in<'a>(realm: &str, request: &'a Message) -> Option<Answer<'a>> {
    let mut answers = request.lines(Name::Authorization).take(ANSWERS_MAX).filter_map(Answer::parse);
    answers.find(|answer| unescape(answer.realm) == realm)
}

const ISSUED_LEN: usize = 12;
const PLAIN_LEN: usize = ISSUED_LEN + 8;
/// 128 bits: not to be guessed within a nonce's life.
const MAC_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    use crate::message::Writer;

    const REALM: &str = "trunkline";

    struct Story {
        guard: Guard,
        now: Instant,
    }

    impl Story {
        #[expect(clippy::disallowed_methods, reason = "a story needs some instant to count from")]
        fn new() -> Self {
            Self { guard: Guard::new([9; 32]), now: Instant::now() }
        }

        /// A challenge of each algorithm, with one nonce.
        fn challenges(&mut self) -> Vec<Challenge> {
            let lines = self.guard.challenges(self.now, REALM, false);
            lines.iter().flat_map(|line| Challenge::parse_line(line)).collect()
        }

        fn judge(&mut self, authorization: &str) -> Verdict {
            let request = Writer::request("INVITE", "sip:us@10.0.0.1")
                .header(Name::Via, "SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1")
                .header(Name::From, "<sip:a@b>;tag=1")
                .header(Name::To, "<sip:c@d>")
                .header(Name::CallId, "x")
                .header(Name::CSeq, "1 INVITE")
                .header(Name::Authorization, authorization)
                .finish();
            let request = Message::parse(request).expect("readable");
            let password = |username: &str| (username == "trunk").then(|| String::from("secret"));
            self.guard.verify(self.now, REALM, &request, password)
        }

        fn answer(&mut self, challenge: &Challenge, password: &str, count: u32) -> Verdict {
            let credentials = Credentials::new("trunk", password);
            let signed = super::super::Signed { method: "INVITE", uri: "sip:us@10.0.0.1", body: b"" };
            let authorization = challenge.answer(&credentials, &signed, "cnonce", count);
            self.judge(&authorization)
        }
    }

    fn passed() -> Verdict {
        Verdict::Passed { username: String::from("trunk") }
    }

    #[test]
    fn sha_256_and_md5_are_offered_and_either_is_taken() {
        let mut story = Story::new();
        let challenges = story.challenges();
        let algorithms: Vec<_> = challenges.iter().map(|challenge| challenge.algorithm).collect();
        assert_eq!(algorithms, OFFERED);
        assert_eq!(story.answer(&challenges[0], "secret", 1), passed());
        assert_eq!(story.answer(&challenges[1], "secret", 2), passed());
    }

    #[test]
    fn a_wrong_password_or_user_is_wrong_even_with_a_stale_nonce() {
        let mut story = Story::new();
        let challenge = story.challenges().remove(0);
        assert_eq!(story.answer(&challenge, "guess", 1), Verdict::Wrong);
        let alien = Challenge { nonce: String::from("alien"), ..challenge.clone() };
        assert_eq!(story.answer(&alien, "guess", 1), Verdict::Wrong);
        assert_eq!(story.answer(&alien, "secret", 1), Verdict::Stale);
        assert!(story.guard.used.is_empty(), "nothing is remembered of strangers");
    }

    #[test]
    fn what_answers_another_realm_or_nothing_is_missing() {
        let mut story = Story::new();
        assert_eq!(story.judge("Basic eA=="), Verdict::Missing);
        let other = r#"Digest username="trunk", realm="other", nonce="1", uri="sip:a", response="0""#;
        assert_eq!(story.judge(other), Verdict::Missing);
    }

    #[test]
    fn an_answer_without_qop_is_wrong_because_nothing_would_count_it() {
        let mut story = Story::new();
        let challenge = Challenge { qop: None, ..story.challenges().remove(1) };
        assert_eq!(story.answer(&challenge, "secret", 1), Verdict::Wrong);
    }

    #[test]
    fn a_nonce_lives_five_minutes() {
        let mut story = Story::new();
        let challenge = story.challenges().remove(0);
        story.now += LIFETIME;
        assert_eq!(story.answer(&challenge, "secret", 1), passed());
        story.now += Duration::from_millis(1);
        assert_eq!(story.answer(&challenge, "secret", 2), Verdict::Stale);
    }

    #[test]
    fn a_count_is_taken_once_and_late_ones_within_the_window() {
        let mut story = Story::new();
        let challenge = story.challenges().remove(0);
        for (count, verdict) in [
            (3, passed()),
            (3, Verdict::Stale),
            (1, passed()),
            (1, Verdict::Stale),
            (100, passed()),
            (36, passed()),
            (35, Verdict::Stale),
            (2, Verdict::Stale),
            (u32::MAX, passed()),
            (u32::MAX, Verdict::Stale),
            (u32::MAX - 1, passed()),
            (100, Verdict::Stale),
        ] {
            assert_eq!(story.answer(&challenge, "secret", count), verdict, "{count}");
        }
        assert_eq!(story.answer(&challenge, "secret", 0), Verdict::Wrong);
    }

    #[test]
    fn the_memory_is_bounded_and_what_it_forgets_is_not_believed() {
        let mut story = Story::new();
        let first = story.challenges().remove(0);
        assert_eq!(story.answer(&first, "secret", 1), passed());
        for _ in 0..USED_MAX {
            story.now += Duration::from_millis(1);
            let challenge = story.challenges().remove(0);
            assert_eq!(story.answer(&challenge, "secret", 1), passed());
        }
        assert_eq!(story.guard.used.len(), USED_MAX);
        assert_eq!(story.answer(&first, "secret", 1), Verdict::Stale);
        assert_eq!(story.answer(&first, "secret", 2), Verdict::Stale);
    }

    #[test]
    fn a_changed_nonce_is_not_ours() {
        let mut story = Story::new();
        let challenge = story.challenges().remove(0);
        for nonce in [challenge.nonce.replacen('0', "1", 1), challenge.nonce[1..].to_owned(), "é".repeat(30)]
        {
            let forged = Challenge { nonce, ..challenge.clone() };
            assert_eq!(story.answer(&forged, "secret", 1), Verdict::Stale);
        }
    }
}
