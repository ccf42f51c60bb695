//! STIR/SHAKEN: a PASSporT (RFC 8225) with SHAKEN's claims (RFC 8588) in an Identity header (RFC 8224, full form), signed
//! with ES256. Knows nothing of trunks but their names, and of calls but the numbers.
//!
//! | right to use the number | attestation |
//! |---|---|
//! | `verified` | A: we know the customer, and that the number is theirs |
//! | `customer` | B: we know the customer |
//! | `unknown` | C: we know where the call came from |

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::model::{PhoneNumber, RightToUse, Stir, Timestamp};

/// What is signed of a call.
pub struct Call<'a> {
    pub from: &'a PhoneNumber,
    pub to: &'a PhoneNumber,
    pub right_to_use: RightToUse,
    /// The trunk's name: an origin of its own.
    pub trunk: &'a str,
    pub at: Timestamp,
}

/// A call could not be signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignError {
    /// A verifier would refuse the date as stale (RFC 8224 §6.2.2).
    #[error("the system's clock is not set")]
    Clock,
    /// ECDSA needs some.
    #[error("the system has no randomness")]
    Randomness,
}

/// 1 January 2024: no clock that is set shows less.
const CLOCK_MIN_SECONDS: i64 = 1_704_067_200;

/// Fields stand in the order that RFC 8225 §9 wants: by name.
#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    ppt: &'static str,
    typ: &'static str,
    x5u: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    attest: &'static str,
    dest: Destination<'a>,
    iat: i64,
    orig: Origin<'a>,
    origid: String,
}

#[derive(Serialize)]
struct Destination<'a> {
    tn: [&'a str; 1],
}

#[derive(Serialize)]
struct Origin<'a> {
    tn: &'a str,
}

/// Date and Identity. The date is the one that is signed, to the second (RFC 8224 §4.1).
pub fn headers(stir: &Stir, call: &Call<'_>) -> Result<Vec<(String, String)>, SignError> {
    let seconds = call.at.0.div_euclid(1_000);
    let date = jiff::Timestamp::from_second(seconds).map_err(|_| SignError::Clock)?;
    if seconds < CLOCK_MIN_SECONDS {
        return Err(SignError::Clock);
    }
    let passport = passport(stir, call, seconds)?;
    let info = &stir.certificate_url;
    Ok(vec![
        ("Date".into(), date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("Identity".into(), format!("{passport};info=<{info}>;alg=ES256;ppt=shaken")),
    ])
}

/// A JWS in compact form (RFC 7515 §7.1).
fn passport(stir: &Stir, call: &Call<'_>, iat: i64) -> Result<String, SignError> {
    let header = Header { alg: "ES256", ppt: "shaken", typ: "passport", x5u: &stir.certificate_url };
    let claims = Claims {
        attest: attestation(call.right_to_use),
        // RFC 8224 §8.3: a canonical number has no `+`, and nothing that a carrier wants before it.
        dest: Destination { tn: [call.to.digits()] },
        iat,
        orig: Origin { tn: call.from.digits() },
        origid: stir.origid.unwrap_or_else(|| origid(call)).to_string(),
    };
    let signed = format!("{}.{}", encoded(&header), encoded(&claims));
    let signature = stir.key.sign(signed.as_bytes()).ok_or(SignError::Randomness)?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn attestation(right_to_use: RightToUse) -> &'static str {
    match right_to_use {
        RightToUse::Verified => "A",
        RightToUse::Customer => "B",
        RightToUse::Unknown => "C",
    }
}

/// What traces a call back to this trunk and number (RFC 8588 §5), the same for all their calls: a name-based UUID, of
/// SHA-256 in the place of SHA-1.
fn origid(call: &Call<'_>) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(format!("origid\0{}\0{}", call.trunk, call.from.digits())).into();
    Builder::from_sha1_bytes(std::array::from_fn(|index| digest[index])).into_uuid()
}

fn encoded(part: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).expect("texts and numbers are JSON"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Once};

    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use rcgen::PublicKeyData;

    use super::*;
    use crate::model::{SigningKey, UnsignedCalls};

    const URL: &str = "https://cert.example.org/passport.pem";

    fn stir(pair: &rcgen::KeyPair, origid: Option<Uuid>) -> Stir {
        Stir {
            key: SigningKey::from_pem(pair.serialize_pem().as_bytes()).expect("a P-256 key"),
            certificate_url: URL.into(),
            origid,
            on_failure: UnsignedCalls::Send,
            warned: Arc::new(Once::new()),
        }
    }

    fn signed(stir: &Stir, right_to_use: RightToUse, at: i64) -> Result<Vec<(String, String)>, SignError> {
        let number = |text: &str| text.parse::<PhoneNumber>().expect("E.164");
        let (from, to) = (number("+12155551212"), number("+12155551213"));
        headers(stir, &Call { from: &from, to: &to, right_to_use, trunk: "t", at: Timestamp(at) })
    }

    fn decoded(part: &str) -> String {
        String::from_utf8(URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("UTF-8")
    }

    #[test]
    fn a_passport_is_canonical_and_its_certificates_key_verifies_it() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let parameters = rcgen::CertificateParams::new(vec!["sp.example".into()]).expect("a name");
        let certificate = parameters.self_signed(&pair).expect("a certificate");
        let origid = Uuid::parse_str("123e4567-e89b-12d3-a456-426655440000").expect("a UUID");
        let shown =
            signed(&stir(&pair, Some(origid)), RightToUse::Verified, 1_731_622_400_999).expect("signed");

        assert_eq!(shown[0], ("Date".into(), "Thu, 14 Nov 2024 22:13:20 GMT".into()));
        let (name, identity) = &shown[1];
        let (passport, parameters) = identity.split_once(';').expect("parameters");
        assert_eq!(name, "Identity");
        assert_eq!(parameters, format!("info=<{URL}>;alg=ES256;ppt=shaken"));
        let parts: Vec<&str> = passport.split('.').collect();
        assert_eq!(
            decoded(parts[0]),
            format!(r#"{{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"{URL}"}}"#)
        );
        assert_eq!(
            decoded(parts[1]),
            r#"{"attest":"A","dest":{"tn":["12155551213"]},"iat":1731622400,"orig":{"tn":"12155551212"},"origid":"123e4567-e89b-12d3-a456-426655440000"}"#
        );

        let public = pair.der_bytes();
        assert!(certificate.der().windows(public.len()).any(|window| window == public));
        let signature = URL_SAFE_NO_PAD.decode(parts[2]).expect("base64url");
        let message = format!("{}.{}", parts[0], parts[1]);
        let verifier = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public);
        assert!(verifier.verify(message.as_bytes(), &signature).is_ok());
        assert!(verifier.verify(message.replace('.', "..").as_bytes(), &signature).is_err());
    }

    #[test]
    fn the_right_to_use_gives_the_attestation() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let stir = stir(&pair, None);
        for (right_to_use, attest) in
            [(RightToUse::Verified, "A"), (RightToUse::Customer, "B"), (RightToUse::Unknown, "C")]
        {
            let shown = signed(&stir, right_to_use, 1_731_622_400_000).expect("signed");
            let claims = decoded(shown[1].1.split('.').nth(1).expect("claims"));
            assert!(claims.starts_with(&format!(r#"{{"attest":"{attest}","#)), "{claims}");
        }
    }

    #[test]
    fn an_origin_without_a_name_keeps_the_one_it_is_given() {
        let number = |text: &str| text.parse::<PhoneNumber>().expect("E.164");
        let (a, b) = (number("+12155551212"), number("+12155551213"));
        let of = |from: &PhoneNumber, trunk: &str| {
            origid(&Call { from, to: &b, right_to_use: RightToUse::Unknown, trunk, at: Timestamp(0) })
        };
        assert_eq!(of(&a, "t"), of(&a, "t"));
        assert!(of(&a, "t") != of(&b, "t") && of(&a, "t") != of(&a, "u"));
        assert_eq!(of(&a, "t").get_version_num(), 5);
    }

    #[test]
    fn a_clock_that_was_never_set_signs_nothing() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let stir = stir(&pair, None);
        for at in [0, -1, 1_700_000_000_000, i64::MAX] {
            assert_eq!(signed(&stir, RightToUse::Unknown, at), Err(SignError::Clock), "{at}");
        }
    }

    #[test]
    fn only_p256_keys_are_taken() {
        let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("a key");
        let refused = SigningKey::from_pem(other.serialize_pem().as_bytes()).err();
        assert_eq!(refused, Some("is not a P-256 key, which ES256 needs"));
    }
}
