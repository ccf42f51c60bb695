//! Header field names (RFC 3261 §7.3.1, §20 and the extensions Trunkline meets). Knows nothing of values.

macro_rules! names {
    ($($(#[$doc:meta])* $variant:ident $text:literal $($compact:literal)?;)*) => {
        /// A header field name that Trunkline has a word for; every other one is [`Name::Other`], and is read with
        /// [`crate::Message::header_named`].
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $text, "`")] $(#[doc = concat!(", compact `", $compact, "`")])? $variant,)*
            /// A name outside this list.
            Other,
        }

        impl Name {
            /// The name in its long form; empty for [`Name::Other`].
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other => "",
                }
            }

            /// The name of a token in any case, long or compact.
            pub fn from_token(token: &str) -> Self {
                match token.as_bytes() {
                    [letter] => match letter.to_ascii_lowercase() {
                        $($(letter if letter == $compact.as_bytes()[0] => Self::$variant,)?)*
                        _ => Self::Other,
                    },
                    bytes => Self::from_long(bytes),
                }
            }
        }

        const LONG: &[(&str, Name)] = &[$(($text, Name::$variant)),*];
    };
}

names! {
    Via "Via" "v";
    From "From" "f";
    To "To" "t";
    CallId "Call-ID" "i";
    CSeq "CSeq";
    Contact "Contact" "m";
    MaxForwards "Max-Forwards";
    ContentLength "Content-Length" "l";
    ContentType "Content-Type" "c";
    Route "Route";
    RecordRoute "Record-Route";
    Allow "Allow";
    Supported "Supported" "k";
    UserAgent "User-Agent";
    Server "Server";
    Require "Require";
    Unsupported "Unsupported";
    ProxyRequire "Proxy-Require";
    Accept "Accept";
    AcceptEncoding "Accept-Encoding";
    AcceptLanguage "Accept-Language";
    AlertInfo "Alert-Info";
    AllowEvents "Allow-Events" "u";
    AuthenticationInfo "Authentication-Info";
    Authorization "Authorization";
    CallInfo "Call-Info";
    ContentDisposition "Content-Disposition";
    ContentEncoding "Content-Encoding" "e";
    ContentLanguage "Content-Language";
    Date "Date";
    Diversion "Diversion";
    ErrorInfo "Error-Info";
    Event "Event" "o";
    Expires "Expires";
    HistoryInfo "History-Info";
    Identity "Identity" "y";
    InReplyTo "In-Reply-To";
    MimeVersion "MIME-Version";
    MinExpires "Min-Expires";
    MinSe "Min-SE";
    Organization "Organization";
    PAssertedIdentity "P-Asserted-Identity";
    PPreferredIdentity "P-Preferred-Identity";
    Path "Path";
    Priority "Priority";
    Privacy "Privacy";
    ProxyAuthenticate "Proxy-Authenticate";
    ProxyAuthorization "Proxy-Authorization";
    RAck "RAck";
    RSeq "RSeq";
    Reason "Reason";
    ReferTo "Refer-To" "r";
    ReferredBy "Referred-By" "b";
    RejectContact "Reject-Contact" "j";
    Replaces "Replaces";
    ReplyTo "Reply-To";
    RequestDisposition "Request-Disposition" "d";
    AcceptContact "Accept-Contact" "a";
    RetryAfter "Retry-After";
    ServiceRoute "Service-Route";
    SessionExpires "Session-Expires" "x";
    Subject "Subject" "s";
    SubscriptionState "Subscription-State";
    Timestamp "Timestamp";
    Warning "Warning";
    WwwAuthenticate "WWW-Authenticate";
}

impl Name {
    /// Whether the field's grammar is a comma-separated list, so that several lines and one line with commas mean the
    /// same (RFC 3261 §7.3.1). Challenges and credentials hold commas of their own and are not lists here.
    pub const fn is_list(self) -> bool {
        matches!(
            self,
            Self::Via
                | Self::Contact
                | Self::Route
                | Self::RecordRoute
                | Self::Allow
                | Self::Supported
                | Self::Require
                | Self::Unsupported
                | Self::ProxyRequire
                | Self::Accept
                | Self::AcceptEncoding
                | Self::AcceptLanguage
                | Self::AcceptContact
                | Self::RejectContact
                | Self::AlertInfo
                | Self::AllowEvents
                | Self::CallInfo
                | Self::ContentEncoding
                | Self::ContentLanguage
                | Self::Diversion
                | Self::ErrorInfo
                | Self::HistoryInfo
                | Self::InReplyTo
                | Self::PAssertedIdentity
                | Self::PPreferredIdentity
                | Self::Path
                | Self::Reason
                | Self::RequestDisposition
                | Self::ServiceRoute
                | Self::Warning
        )
    }

    /// Whether a second line of this field makes the message ambiguous (RFC 3261 §7.3.1; RFC 4475 §3.3.8, §3.3.9).
    pub(crate) const fn is_single(self) -> bool {
        matches!(
            self,
            Self::From | Self::To | Self::CallId | Self::CSeq | Self::MaxForwards | Self::ContentLength
        )
    }

    fn from_long(token: &[u8]) -> Self {
        let Some(candidates) = BY_LENGTH.get(token.len()) else { return Self::Other };
        let candidates = &ORDER[candidates.0 as usize..candidates.1 as usize];
        candidates
            .iter()
            .map(|at| LONG[*at as usize])
            .find(|(text, _)| text.as_bytes().eq_ignore_ascii_case(token))
            .map_or(Self::Other, |(_, name)| name)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

const LENGTH_MAX: usize = 20;

/// Places in [`LONG`], ordered by the length of the name; made at compile time.
const ORDER: [u8; LONG.len()] = {
    let mut order = [0; LONG.len()];
    let (mut length, mut filled) = (0, 0);
    while length <= LENGTH_MAX {
        let mut at = 0;
        while at < LONG.len() {
            if LONG[at].0.len() == length {
                order[filled] = at as u8;
                filled += 1;
            }
            at += 1;
        }
        length += 1;
    }
    assert!(filled == LONG.len(), "LENGTH_MAX is the longest name");
    order
};

/// For each length, the first and the end of its names in [`ORDER`].
const BY_LENGTH: [(u8, u8); LENGTH_MAX + 1] = {
    let mut ranges = [(0, 0); LENGTH_MAX + 1];
    let mut at = 0;
    while at < ORDER.len() {
        let length = LONG[ORDER[at] as usize].0.len();
        if ranges[length].1 == 0 {
            ranges[length].0 = at as u8;
        }
        ranges[length].1 = at as u8 + 1;
        at += 1;
    }
    ranges
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_in_any_case() {
        for (text, name) in LONG {
            assert_eq!(Name::from_token(text), *name);
            assert_eq!(Name::from_token(&text.to_uppercase()), *name);
            assert_eq!(Name::from_token(&text.to_lowercase()), *name);
        }
    }

    #[test]
    fn compact_forms_mean_their_long_ones() {
        for (compact, name) in [
            ("v", Name::Via),
            ("F", Name::From),
            ("t", Name::To),
            ("I", Name::CallId),
            ("m", Name::Contact),
            ("c", Name::ContentType),
            ("L", Name::ContentLength),
            ("k", Name::Supported),
            ("s", Name::Subject),
            ("e", Name::ContentEncoding),
            ("o", Name::Event),
            ("u", Name::AllowEvents),
            ("r", Name::ReferTo),
            ("b", Name::ReferredBy),
            ("x", Name::SessionExpires),
        ] {
            assert_eq!(Name::from_token(compact), name, "{compact}");
        }
    }

    #[test]
    fn strange_names_are_other() {
        for token in
            ["", "q", "X-Custom", "Vi", "Content-Lengthy", "a-name-much-longer-than-any-known-one", "ü"]
        {
            assert_eq!(Name::from_token(token), Name::Other, "{token}");
        }
    }
}
