//! Where a 3xx may send a call (RFC 3261 §8.1.3.4, §21.3). Pure.
//!
//! Only to a number that the trunk may dial, or to the same number at another host, never to where the call has been, nor to an
//! address that is none of the trunk's owner's business (what a name leads to is asked when it is resolved); and
//! credentials, the client certificate and what a trunk's owner tells the trunk alone (identity headers) go to the trunk's own
//! hosts and to nobody else's. Of several contacts the one with the highest `q` that may be dialled is taken, and only that one.

use trunkline_sip::message::{NameAddr, Uri};
use trunkline_sip::{Invite, Query};

use super::destination;
use super::reach::{self, Reachable};
use crate::model::{PhoneNumber, Trunk};

/// A redirection that may be followed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redirection {
    uri: String,
    /// It leads to one of the trunk's own hosts.
    is_home: bool,
}

/// What may be said to anybody: the signature over the call, and its date, go from end to end (RFC 8224 §4).
const PUBLIC_HEADERS: [&str; 2] = ["Date", "Identity"];

impl Redirection {
    /// The Request-URI.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Sends an INVITE there. From and To stay what they were (RFC 3261 §8.1.3.4).
    pub fn apply(self, invite: &mut Invite) {
        invite.uri = self.uri;
        if !self.is_home {
            (invite.route, invite.credentials, invite.tls) = (None, None, None);
            let is_public =
                |name: &str| PUBLIC_HEADERS.iter().any(|public| public.eq_ignore_ascii_case(name));
            invite.headers.retain(|(name, _)| is_public(name));
        }
    }
}

/// The best of a 3xx's contacts that a call to `to` may follow; `been` are the Request-URIs it was sent to so far. If none may
/// be followed, why the best may not.
pub fn follow(
    trunk: &Trunk,
    to: &PhoneNumber,
    contacts: &[String],
    been: &[String],
    reachable: &Reachable,
) -> Result<Redirection, String> {
    let mut ranked: Vec<(u16, &str)> =
        contacts.iter().filter_map(|contact| Some((rank(contact), NameAddr::parse(contact)?.uri))).collect();
    // Stable: equals stay in the order in which they came.
    ranked.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    let mut refused = None;
    for (_, uri) in ranked {
        match check(trunk, to, uri, been, reachable) {
            Ok(is_home) => return Ok(Redirection { uri: uri.to_owned(), is_home }),
            Err(reason) => refused = refused.or(Some(reason)),
        }
    }
    Err(refused.unwrap_or_else(|| "the redirection names no place".to_owned()))
}

/// `q` in thousandths (RFC 3261 §20.10); a contact without one is as good as any.
fn rank(contact: &str) -> u16 {
    let q = NameAddr::parse(contact).and_then(|address| address.params.get("q")?.parse::<f32>().ok());
    q.filter(|q| (0.0..=1.0).contains(q)).map_or(1_000, |q| (q * 1_000.0) as u16)
}

/// May it be followed, and is it one of the trunk's own hosts?
fn check(
    trunk: &Trunk,
    to: &PhoneNumber,
    text: &str,
    been: &[String],
    reachable: &Reachable,
) -> Result<bool, String> {
    let uri = Uri::parse(text).filter(Uri::is_sip).ok_or_else(|| format!("`{text}` is no SIP URI"))?;
    if uri.headers.is_some() {
        return Err("the redirection wants headers of its own in our request".to_owned());
    }
    if been.iter().filter_map(|uri| Uri::parse(uri)).any(|there| is_same(&there, &uri)) {
        return Err("the redirection leads to where the call has been: a loop".to_owned());
    }
    let user = uri.user_decoded().unwrap_or_default();
    let called = user.split(';').next().unwrap_or_default();
    let same = been.iter().filter_map(|uri| Uri::parse(uri)?.user_decoded()).any(|dialled| dialled == called);
    if !same && called != to.as_str() {
        let number = number(trunk, called).ok_or("the redirection names no number in international form")?;
        destination::may_dial(trunk, &number)
            .map_err(|reason| format!("the redirection's number: {reason}"))?;
    }
    // Where it is sent, which is not what it names if there is a `maddr` (RFC 3261 §19.1.1).
    let host = Query::of(text).ok_or_else(|| format!("`{text}` cannot be called"))?.host;
    if !reach::may_send(trunk, &host, reachable) {
        return Err("the redirection leads to no public address: the operator may allow it".to_owned());
    }
    Ok(reach::is_home(trunk, &host))
}

/// A user part as a number: with its plus, or without where the trunk writes numbers so.
fn number(trunk: &Trunk, user: &str) -> Option<PhoneNumber> {
    let digits: String = user.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')')).collect();
    let plain = trunk.number.called == crate::model::NumberStyle::Plain && !digits.starts_with('+');
    if plain { format!("+{digits}").parse().ok() } else { digits.parse().ok() }
}

/// The same place, as far as a loop is concerned (RFC 3261 §19.1.4, without parameters).
fn is_same(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    one.user_decoded() == other.user_decoded()
        && one.host.eq_ignore_ascii_case(other.host)
        && one.port.unwrap_or(5060) == other.port.unwrap_or(5060)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{NumberStyle, TenantId, TrunkId, is_reachable};

    fn trunk() -> Trunk {
        Trunk::new(TrunkId(1), TenantId(1), "t", "sip:carrier.example:5070")
    }

    fn followed(trunk: &Trunk, contacts: &[&str]) -> Result<(String, bool), String> {
        let anywhere: Reachable = Arc::new(|_, _, _| true);
        followed_within(trunk, contacts, &anywhere)
    }

    fn followed_within(
        trunk: &Trunk,
        contacts: &[&str],
        reachable: &Reachable,
    ) -> Result<(String, bool), String> {
        let to = "+447386172392".parse().expect("valid");
        let been = ["sip:+447386172392@carrier.example:5070".to_owned()];
        let contacts: Vec<_> = contacts.iter().map(|contact| String::from(*contact)).collect();
        let followed = follow(trunk, &to, &contacts, &been, reachable);
        followed.map(|redirection| (redirection.uri, redirection.is_home))
    }

    #[test]
    fn the_best_contact_that_may_be_dialled_is_followed() {
        let contacts = [
            "<sip:+12025550100@10.0.0.1>;q=0.2",
            "<sip:+19005551234@10.0.0.1>;q=0.9",
            "<sip:+12025550123@10.0.0.1>;q=0.5",
        ];
        assert_eq!(followed(&trunk(), &contacts), Ok(("sip:+12025550123@10.0.0.1".into(), false)));
    }

    #[test]
    fn the_same_number_may_go_to_another_host_in_any_writing() {
        for contact in ["sip:+447386172392@10.0.0.1:5080", "<sip:+447386172392;npdi@10.0.0.1>"] {
            assert!(followed(&trunk(), &[contact]).is_ok(), "{contact}");
        }
        let mut plain = trunk();
        plain.number.called = NumberStyle::Plain;
        assert!(followed(&plain, &["sip:12025550123@10.0.0.1"]).is_ok());
        assert!(followed(&trunk(), &["sip:12025550123@10.0.0.1"]).is_err());
    }

    #[test]
    fn what_may_not_be_dialled_is_not_followed() {
        for (contact, why) in [
            ("<sip:+19005551234@carrier.example>", "premium"),
            ("<sip:+881612345678@carrier.example>", "satellite"),
            ("<sip:operator@carrier.example>", "international form"),
            ("<sip:+447386172392@CARRIER.example:5070>", "a loop"),
            ("<tel:+12025550123>", "no SIP URI"),
            ("<sip:+12025550123@carrier.example?Subject=x>", "headers"),
        ] {
            let refused = followed(&trunk(), &[contact]).expect_err(contact);
            assert!(refused.contains(why), "{contact}: {refused}");
        }
        assert!(followed(&trunk(), &[]).is_err());
    }

    #[test]
    fn a_tenants_carrier_sends_nobody_to_an_address_that_only_the_switch_reaches() {
        let guarded: Reachable = Arc::new(|_, _, address| is_reachable(address, &[]));
        for inner in [
            "10.0.0.1",
            "127.0.0.1:5080",
            "169.254.169.254",
            "[::1]",
            "[::ffff:10.0.0.1]:5060",
            "8.8.8.8;maddr=10.0.0.1",
        ] {
            let contact = format!("<sip:+447386172392@{inner}>");
            let refused = followed_within(&trunk(), &[&contact], &guarded).expect_err(inner);
            assert!(refused.contains("no public address"), "{inner}: {refused}");
            let public = "<sip:+447386172392@8.8.8.8>;q=0.1";
            let followed = followed_within(&trunk(), &[&contact, public], &guarded);
            assert_eq!(followed, Ok(("sip:+447386172392@8.8.8.8".to_owned(), false)), "{inner}");
        }
    }

    #[test]
    fn only_the_trunks_own_hosts_hear_its_secrets() {
        let mut trunk = trunk();
        trunk.outbound_proxy = Some("sip:edge.carrier.example".into());
        for (contact, home) in [
            ("<sip:+12025550123@Carrier.Example>", true),
            ("<sip:+12025550123@edge.carrier.example:5080>", true),
            ("<sip:+12025550123@carrier.example.>", true),
            ("<sip:+12025550123@carrier.example.evil.test>", false),
            ("<sip:+12025550123@192.0.2.7>", false),
            ("<sip:+12025550123@carrier.example;maddr=192.0.2.7>", false),
        ] {
            assert_eq!(followed(&trunk, &[contact]).map(|(_, home)| home), Ok(home), "{contact}");
        }
        let mut invite = Invite {
            token: 1,
            uri: "sip:a@b".into(),
            from: "<sip:a@b>".into(),
            to: "<sip:a@b>".into(),
            route: Some("sip:edge".into()),
            credentials: Some(std::sync::Arc::new(trunkline_sip::Credentials::new("u", "p"))),
            tls: None,
            headers: vec![("P-Asserted-Identity".into(), "x".into()), ("identity".into(), "y".into())],
            body: None,
            call_id: None,
            tap: false,
            reliable: trunkline_sip::Reliable::default(),
            session: None,
        };
        Redirection { uri: "sip:+1@192.0.2.7".into(), is_home: false }.apply(&mut invite);
        assert!(invite.credentials.is_none() && invite.route.is_none());
        assert_eq!(invite.headers, [("identity".to_owned(), "y".to_owned())]);
    }
}
