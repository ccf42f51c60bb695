//! Who calls, as a trunk wants to be told: From, and the headers beside it. P-Asserted-Identity, P-Preferred-Identity and
//! Privacy (RFC 3323, RFC 3325), Remote-Party-ID (draft-ietf-sip-privacy-04), Diversion (RFC 5806), P-Charge-Info (RFC 8496).

use super::uri::{Target, address, name_addr};
use crate::model::{FromUser, IdentityHeader, PhoneNumber, RightToUse, ShownNumber, Trunk};

/// One call's caller, at one trunk.
pub struct Caller<'a> {
    /// The trunk that is told.
    pub trunk: &'a Trunk,
    /// The number that calls.
    pub number: &'a PhoneNumber,
    /// What is known of our right to show it.
    pub right_to_use: RightToUse,
}

/// RFC 3323 §4.1.1.3: whoever cannot be named is this.
const ANONYMOUS: &str = "sip:anonymous@anonymous.invalid";

impl Caller<'_> {
    /// The From name-addr, without tag.
    pub fn from(&self) -> String {
        let caller_id = &self.trunk.caller_id;
        if caller_id.privacy {
            return name_addr(Some("Anonymous"), ANONYMOUS);
        }
        let uri = match (&self.trunk.from_user, &self.trunk.username) {
            (FromUser::Username, Some(username)) => address(self.scheme(), username, self.domain(), false),
            (FromUser::Fixed(user), _) => address(self.scheme(), user, self.domain(), false),
            (FromUser::Number | FromUser::Username, _) => self.uri(self.number),
        };
        name_addr(caller_id.display_name.as_deref(), &uri)
    }

    /// The headers beside it, in the order in which they are written.
    pub fn headers(&self) -> Vec<(String, String)> {
        let caller_id = &self.trunk.caller_id;
        let mut headers: Vec<(&str, String)> =
            caller_id.headers.iter().map(|header| self.identity(*header)).collect();
        if caller_id.privacy {
            // RFC 3325 §9.3: the carrier may know, the callee may not.
            headers.push(("Privacy", "id".into()));
        }
        if let Some(number) = &caller_id.diversion {
            let privacy = if caller_id.privacy { ";privacy=full" } else { "" };
            let uri = self.uri(self.shown(number));
            headers.push(("Diversion", format!("<{uri}>;reason=unconditional;counter=1{privacy}")));
        }
        if let Some(number) = &caller_id.charge {
            headers.push(("P-Charge-Info", format!("<{}>", self.uri(self.shown(number)))));
        }
        headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn identity(&self, header: IdentityHeader) -> (&'static str, String) {
        let caller_id = &self.trunk.caller_id;
        let who = name_addr(caller_id.display_name.as_deref(), &self.uri(self.number));
        match header {
            IdentityHeader::Pai => ("P-Asserted-Identity", who),
            IdentityHeader::Ppi => ("P-Preferred-Identity", who),
            IdentityHeader::Rpid => {
                let screen = if self.right_to_use == RightToUse::Unknown { "no" } else { "yes" };
                let privacy = if caller_id.privacy { "full" } else { "off" };
                ("Remote-Party-ID", format!("{who};party=calling;screen={screen};privacy={privacy}"))
            }
        }
    }

    fn shown<'n>(&'n self, number: &'n ShownNumber) -> &'n PhoneNumber {
        match number {
            ShownNumber::Caller => self.number,
            ShownNumber::Fixed(number) => number,
        }
    }

    fn uri(&self, number: &PhoneNumber) -> String {
        let format = &self.trunk.number;
        address(self.scheme(), &format.calling.write(number), self.domain(), format.user_phone)
    }

    fn domain(&self) -> &str {
        self.trunk.from_domain.as_deref().unwrap_or(Target::of(&self.trunk.uri).host())
    }

    /// RFC 3261 §8.1.1.1: what is reached by SIPS is spoken of by SIPS.
    fn scheme(&self) -> &str {
        Target::of(&self.trunk.uri).scheme()
    }
}
