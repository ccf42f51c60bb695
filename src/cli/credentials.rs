//! What a command shows the running switch: a key that the configuration declares, or one that is given whole.

use anyhow::{bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::model::{Face, Key, KeyScope};

/// How tokens begin that stand alone: ThunderPhone's, Voiceflow's, MiniVoice's.
const TOKENS: [&str; 3] = ["sk_", "vf_", "mv_"];
/// How an account begins, whose credentials are Basic ones: Twilio's.
const ACCOUNT: &str = "AC";
/// What is done about a key that is not there.
const REMEDY: &str = "declare one in the configuration ([[key]]), or give what `trunkline key create` printed as --key or in TRUNKLINE_API_KEY";

/// The `Authorization` of requests: of the key that was named or given, else of the first that will do, Nixflex's before others'
/// and a tenant's before an agent's. Where only one vendor's client is answered, the key must be that one's.
pub fn authorization(config: &Config, given: Option<&str>, only: Option<Face>) -> anyhow::Result<String> {
    let keys = &config.objects.keys;
    let Some(given) = given.map(str::trim).filter(|given| !given.is_empty()) else {
        let mut able: Vec<&Key> = keys.iter().filter(|key| will_do(key, only) && is_whole(key)).collect();
        able.sort_by_key(|key| (key.face != Face::Nixflex, key.scope != KeyScope::Tenant));
        let vendor = only.map_or("", Face::as_str);
        return match able.first() {
            Some(key) => Ok(shown(key.face, &key.public, key.signing.reveal())),
            None => bail!(
                "there is no {vendor}{}key to ask with: {REMEDY}",
                if only.is_some() { " " } else { "" }
            ),
        };
    };
    // It becomes a header.
    let is_key = given.bytes().all(|byte| byte.is_ascii_graphic());
    ensure!(is_key, "the key has characters that no key has: {REMEDY}");
    if let Some(key) = keys.iter().find(|key| key.public == given) {
        ensure!(will_do(key, only), "only a {} key is answered here", only.map_or("", Face::as_str));
        ensure!(
            is_whole(key),
            "`{given}` has a webhook_secret, and its own secret is not kept: give it whole, as --key"
        );
        return Ok(shown(key.face, &key.public, key.signing.reveal()));
    }
    match given.split_once(':') {
        Some((id, secret)) if id.starts_with(ACCOUNT) => Ok(shown(Face::Twilio, id, secret)),
        Some((id, secret)) => Ok(shown(Face::Nixflex, id, secret)),
        None if TOKENS.iter().any(|start| given.starts_with(start)) => Ok(format!("Bearer {given}")),
        None => bail!("the configuration declares no key `{given}`: {REMEDY}"),
    }
}

fn will_do(key: &Key, only: Option<Face>) -> bool {
    only.is_none_or(|only| key.face == only)
}

/// Is what signs its events what it is shown by? Of a key with a secret for each, only the hash of the one that is shown is known.
fn is_whole(key: &Key) -> bool {
    let hash: [u8; 32] = Sha256::digest(key.signing.reveal().as_bytes()).into();
    hash == key.secret_hash
}

/// As the vendor's clients show it.
fn shown(face: Face, public: &str, secret: &str) -> String {
    match face {
        Face::Nixflex => format!("Bearer {public}:{secret}"),
        Face::ThunderPhone | Face::Voiceflow | Face::MiniVoice => format!("Bearer {secret}"),
        Face::Twilio => format!("Basic {}", STANDARD.encode(format!("{public}:{secret}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "[[agent]]\nid = \"a\"\n[[key]]\nface = \"voiceflow\"\nsecret = \"vf_0123456789abcdef\"\nagent = \"a\"\n\
        [[key]]\nface = \"thunderphone\"\nsecret = \"sk_live_0123456789\"\nwebhook_secret = \"of its own\"\n\
        [[key]]\nface = \"twilio\"\nid = \"AC01\"\nsecret = \"auth_token\"\n";

    fn config(more: &str) -> Config {
        Config::parse("t", &format!("{KEYS}{more}"), []).expect("valid")
    }

    #[test]
    fn a_key_that_can_be_no_header_is_refused() {
        for given in ["nxf_a:nxfs\u{2013}b", "nxf_a:nxfs b", "nxf_a:nxfs\nb"] {
            let refused = authorization(&config(""), Some(given), None).expect_err("refused").to_string();
            assert!(refused.starts_with("the key has characters"), "{refused}");
        }
    }

    #[test]
    fn the_first_key_that_will_do_is_shown_as_its_vendors_are() {
        let nixflex = "[[key]]\nface = \"nixflex\"\nid = \"nxf_a\"\nsecret = \"nxfs_demo\"\n";
        let first = |config: &Config| authorization(config, None, None).expect("a key");
        assert_eq!(first(&config(nixflex)), "Bearer nxf_a:nxfs_demo");
        assert_eq!(
            first(&config("")),
            format!("Basic {}", STANDARD.encode("AC01:auth_token")),
            "a tenant's first"
        );
        let named = authorization(&config(nixflex), Some("AC01"), None).expect("a key");
        assert_eq!(named, format!("Basic {}", STANDARD.encode("AC01:auth_token")));
        for (config, given, only, reason) in [
            (config(""), None, Some(Face::Nixflex), "there is no nixflex key to ask with: declare one"),
            (
                Config::parse("t", "", []).expect("valid"),
                None,
                None,
                "there is no key to ask with: declare one",
            ),
            (config(nixflex), Some("AC01"), Some(Face::Nixflex), "only a nixflex key is answered here"),
            (config(nixflex), Some("nxf_b"), None, "declares no key `nxf_b`"),
            (config(""), Some(&*Key::public_of("sk_live_0123456789")), None, "give it whole"),
        ] {
            let said = authorization(&config, given, only).expect_err("refused").to_string();
            assert!(said.contains(reason), "{said}");
        }
    }

    #[test]
    fn a_key_that_is_given_whole_needs_no_declaration() {
        let none = Config::parse("t", "", []).expect("valid");
        for (given, header) in [
            ("nxf_b:nxfs_b", "Bearer nxf_b:nxfs_b".to_owned()),
            (" sk_live_b\n", "Bearer sk_live_b".to_owned()),
            ("AC02:token", format!("Basic {}", STANDARD.encode("AC02:token"))),
        ] {
            assert_eq!(authorization(&none, Some(given), None).expect("a key"), header);
        }
    }
}
