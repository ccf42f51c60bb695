//! `a=crypto` (RFC 4568): tag, suite, inline key, lifetime, MKI. Knows nothing of what is done with a key.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

use super::syntax::Attributes;
use crate::srtp::{MasterKey, Secret, Suite};

/// What we offer, in order of preference: first what everybody has. Longer keys come after it, since not all who name them
/// get them right.
const OFFERED: [Suite; 4] = [
    Suite::AesCm128HmacSha1_80,
    Suite::AesCm256HmacSha1_80,
    Suite::AeadAes128Gcm,
    Suite::AesCm128HmacSha1_32,
];

/// A line that we can use.
#[derive(Debug)]
pub(super) struct Line {
    /// One to nine digits (§4.1).
    pub(super) tag: u32,
    /// The suite as they spell it.
    name: String,
    pub(super) key: MasterKey,
}

/// Our offer: a line for each suite, its tag the place in [`OFFERED`].
pub(super) fn offer(secret: &Secret, attributes: &mut Attributes) {
    for (suite, tag) in OFFERED.into_iter().zip(1u32..) {
        push(attributes, tag, suite.name(), &secret.master_key(suite));
    }
}

/// Our answer to a line (§5.1.2): its tag and suite, our key.
pub(super) fn answer(line: &Line, secret: &Secret, attributes: &mut Attributes) -> MasterKey {
    let key = secret.master_key(line.key.suite());
    push(attributes, line.tag, &line.name, &key);
    key
}

/// The key that we offered under a tag, among those that stand in our description (§5.1.3: the answer has the offer's tag and suite).
pub(super) fn ours(line: &Line, offered: &[(u32, Suite)], secret: &Secret) -> Option<MasterKey> {
    let suite = line.key.suite();
    offered.contains(&(line.tag, suite)).then(|| secret.master_key(suite))
}

/// The tags and suites in a description of ours.
pub(super) fn tags(attributes: &Attributes) -> Vec<(u32, Suite)> {
    let tag = |value: &str| {
        let mut words = value.split_ascii_whitespace();
        Some((words.next()?.parse().ok()?, Suite::named(words.next()?)?))
    };
    attributes.values("crypto").filter_map(tag).collect()
}

fn push(attributes: &mut Attributes, tag: u32, name: &str, key: &MasterKey) {
    let inline = Zeroizing::new(BASE64.encode(key.key_and_salt()));
    attributes.push("crypto", format_args!("{tag} {name} inline:{}", *inline));
}

/// The lines of a stream: those that we can use, in their order, and of each other one its suite and why not.
pub(super) fn read(attributes: &Attributes) -> (Vec<Line>, Vec<String>) {
    let (mut lines, mut refused) = (Vec::new(), Vec::new());
    for value in attributes.values("crypto").take(LINES_MAX) {
        match line(value) {
            Ok(line) => lines.push(line),
            Err(reason) => {
                let name: String =
                    value.split_ascii_whitespace().nth(1).unwrap_or("no suite").chars().take(40).collect();
                refused.push(format!("{name} {reason}"));
            }
        }
    }
    (lines, refused)
}

/// The names of the suites of a stream, known or not.
pub(super) fn suites(attributes: &Attributes) -> Vec<String> {
    let suite = |value: &str| value.split_ascii_whitespace().nth(1).map(str::to_owned);
    attributes.values("crypto").take(LINES_MAX).filter_map(suite).collect()
}

/// Lines of one stream that are read.
const LINES_MAX: usize = 32;

fn line(value: &str) -> Result<Line, &'static str> {
    let mut words = value.split_ascii_whitespace();
    let tag = words.next().filter(|tag| (1..=9).contains(&tag.len())).and_then(|tag| tag.parse().ok());
    let tag = tag.ok_or("without a tag")?;
    let name = words.next().ok_or("without a suite")?;
    let suite = Suite::named(name).ok_or("is not supported")?;
    let keys = words.next().ok_or("without a key")?;
    let key = key(suite, keys)?;
    for parameter in words {
        // §6.3: what we don't know, or would weaken the session, makes the line unusable (§6.3.7). WSH is advice.
        if !parameter.starts_with("WSH=") {
            return Err("has session parameters that are not supported");
        }
    }
    Ok(Line { tag, name: name.to_owned(), key })
}

/// `inline:` key and salt, a lifetime, an MKI and its length (§6.1).
fn key(suite: Suite, keys: &str) -> Result<MasterKey, &'static str> {
    if keys.contains(';') {
        return Err("has several keys");
    }
    let (method, info) = keys.split_once(':').ok_or("without a key")?;
    if !method.eq_ignore_ascii_case("inline") {
        return Err("has no inline key");
    }
    let mut parts = info.split('|');
    let bytes = Zeroizing::new(BASE64.decode(parts.next().unwrap_or("")).map_err(|_| "has no base64 key")?);
    let key = MasterKey::new(suite, &bytes).ok_or("has a key of the wrong length")?;
    for part in parts {
        if part.contains(':') {
            return Err("has an MKI");
        }
        // Theirs to watch: it is they who send under the key, and give another in time.
        lifetime(part).ok_or("has no valid lifetime")?;
    }
    Ok(key)
}

/// Packets: a number, or a power of two as `2^31`.
fn lifetime(text: &str) -> Option<u64> {
    let packets = match text.split_once('^') {
        Some(("2", exponent)) => 1u64.checked_shl(exponent.parse().ok()?)?,
        Some(_) => return None,
        None => text.parse().ok()?,
    };
    (1..=1 << 48).contains(&packets).then_some(packets)
}

/// Not all write the padding that §6.1 asks for.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_as_rfc_4568_section_6_1_writes_it() {
        let read = line("1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20")
            .expect("a line");
        assert_eq!((read.tag, read.key.suite()), (1, Suite::AesCm128HmacSha1_80));
        assert_eq!(read.key.key_and_salt(), b"wDfvg&T+)xG7@fb5jU,RaA}\\|p0%*#");
        assert_eq!((read.key.key().len(), read.key.salt().len()), (16, 14));
    }

    #[test]
    fn what_cannot_be_used_says_why_and_never_shows_a_key() {
        let key = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
        for (text, reason) in [
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}|2^20|1:4"), "has an MKI"),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}|1:4"), "has an MKI"),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}|2^20|1:4;{key}|2^20|2:4"), "has several keys"),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}|2^99"), "has no valid lifetime"),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}|0"), "has no valid lifetime"),
            (format!("1 AES_256_CM_HMAC_SHA1_80 {key}"), "has a key of the wrong length"),
            (format!("1 F8_128_HMAC_SHA1_80 {key}"), "is not supported"),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 {key} UNENCRYPTED_SRTP"),
                "has session parameters that are not supported",
            ),
            (format!("x AES_CM_128_HMAC_SHA1_80 {key}"), "without a tag"),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:!!".to_owned(), "has no base64 key"),
            ("1 AES_CM_128_HMAC_SHA1_80 other:abcd".to_owned(), "has no inline key"),
            ("1 AES_CM_128_HMAC_SHA1_80".to_owned(), "without a key"),
        ] {
            assert_eq!(line(&text).err(), Some(reason), "{text}");
            let mut attributes = Attributes::default();
            attributes.push("crypto", &text);
            let (lines, refused) = read(&attributes);
            assert!(
                lines.is_empty() && refused[0].ends_with(reason) && !refused[0].contains("d0Rm"),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn advice_padding_and_spelling_are_tolerated() {
        let key = BASE64.encode([7; 46]);
        let unpadded = key.trim_end_matches('=');
        for text in [
            format!("000000001 aes_256_cm_hmac_sha1_80 INLINE:{unpadded}|4294967296 WSH=64"),
            format!("1 AES_CM_256_HMAC_SHA1_80 inline:{key}"),
        ] {
            let read = line(&text).expect("a line");
            assert_eq!((read.tag, read.key.suite()), (1, Suite::AesCm256HmacSha1_80));
        }
    }
}
