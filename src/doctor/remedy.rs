//! What may cure a refused call: changes of the trunk's own configuration, to be tried one by one. Pure; which refusal suggests
//! which change is the whole of it. A remedy that works is advised word for word.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use trunkline_sip::digest::Challenge;
use trunkline_sip::{Message, Name, Query};

use super::finding::Code;
use super::judge::challenges;
use super::observation::CallSeen;
use super::patient::Patient;
use crate::model::{
    AudioCodec, FromUser, NumberStyle, PhoneNumber, ReliableProvisional, SrtpPolicy, Trunk, numbering,
};

/// Changes that are tried for one refusal: each is a call.
pub const REMEDIES_MAX: usize = 6;

/// One change.
#[derive(Clone, Debug)]
pub struct Remedy {
    /// What was wrong, if it works.
    pub code: Code,
    /// The keys and what they are to be.
    pub settings: Vec<(&'static str, String)>,
    /// The trunk with the change.
    pub trunk: Arc<Trunk>,
}

impl PartialEq for Remedy {
    fn eq(&self, other: &Self) -> bool {
        (self.code, &self.settings) == (other.code, &other.settings)
    }
}

impl Eq for Remedy {}

/// `from_domain = "carrier.example"`, as the file has it.
impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, value)) in self.settings.iter().enumerate() {
            write!(f, "{}`{key} = {value}`", if at == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}

/// What may cure this refusal, the likeliest first.
pub fn remedies(patient: &Patient, to: &PhoneNumber, call: &CallSeen) -> Vec<Remedy> {
    let Some(last) = call.exchange.last_final() else { return Vec::new() };
    let cabinet = Cabinet { trunk: &patient.trunk, found: Vec::new() };
    let mut found = match last.status().unwrap_or_default() {
        400 | 404 | 414 | 416 | 484 | 485 | 604 => cabinet.numbers(to).domains(patient, call).found,
        403 | 405 | 480 | 501 => cabinet.domains(patient, call).users().numbers(to).found,
        415 | 488 | 606 => cabinet.encryption().codecs().found,
        420 => cabinet.extensions_off(last).found,
        421 => cabinet.extensions_on(last).found,
        422 => cabinet.session(last).found,
        _ => Vec::new(),
    };
    found.truncate(REMEDIES_MAX);
    found
}

struct Cabinet<'a> {
    trunk: &'a Arc<Trunk>,
    found: Vec<Remedy>,
}

impl Cabinet<'_> {
    fn add(
        &mut self,
        code: Code,
        settings: Vec<(&'static str, String)>,
        change: impl FnOnce(&mut Trunk),
    ) -> &mut Self {
        let mut trunk = Trunk::clone(self.trunk);
        change(&mut trunk);
        self.found.push(Remedy { code, settings, trunk: Arc::new(trunk) });
        self
    }

    /// `;user=phone`, without `+`, with an exit code, as at home.
    fn numbers(mut self, to: &PhoneNumber) -> Self {
        let format = |value: &str| vec![("number_format", quoted(value))];
        let now = self.trunk.number.called.clone();
        if !self.trunk.number.user_phone {
            self.add(Code::NeedsUserPhone, vec![("user_phone", "true".into())], |trunk| {
                trunk.number.user_phone = true;
            });
        }
        if now != NumberStyle::E164 {
            self.add(Code::NumberFormat, format("e164"), |trunk| trunk.number.called = NumberStyle::E164);
        }
        if now != NumberStyle::Plain {
            self.add(Code::NumberFormat, format("plain"), |trunk| trunk.number.called = NumberStyle::Plain);
        }
        let Some(country) = numbering::country_of(to) else { return self };
        let exit_code = country.exit_code().unwrap_or("00").to_owned();
        let at = || ("country", quoted(&country.to_string()));
        let style = NumberStyle::International { exit_code: exit_code.clone() };
        if now != style {
            let settings = vec![("number_format", quoted("international")), at()];
            self.add(Code::NumberFormat, settings, |trunk| trunk.number.called = style);
        }
        let style = NumberStyle::National {
            calling_code: country.calling_code(),
            national_prefix: country.national_prefix().to_owned(),
            exit_code,
        };
        if now != style {
            let settings = vec![("number_format", quoted("national")), at()];
            self.add(Code::NumberFormat, settings, |trunk| trunk.number.called = style);
        }
        self
    }

    /// Hosts that the carrier has named, in a challenge or a warning, and our own.
    fn domains(mut self, patient: &Patient, call: &CallSeen) -> Self {
        const DOMAINS_MAX: usize = 3;
        let query = Query::of(&patient.trunk.uri);
        let own = query.as_ref().map_or("", |query| query.host.as_str());
        let now = self.trunk.from_domain.clone().unwrap_or_else(|| own.to_owned());
        let realms = challenges(&call.exchange).flat_map(realms);
        let said = call.exchange.theirs().flat_map(|seen| said(&seen.message));
        let ours = patient.advertise.unwrap_or(patient.sip.ip());
        let us = (!ours.is_unspecified()).then(|| ours.to_string());
        let mut domains: Vec<String> = Vec::new();
        for domain in realms.chain(said).chain([own.to_owned()]).chain(us) {
            if is_domain(&domain)
                && domain != now
                && !domains.contains(&domain)
                && domains.len() < DOMAINS_MAX
            {
                domains.push(domain);
            }
        }
        for domain in domains {
            let settings = vec![("from_domain", quoted(&domain))];
            self.add(Code::NeedsFromDomain, settings, |trunk| trunk.from_domain = Some(domain));
        }
        self
    }

    fn users(mut self) -> Self {
        if self.trunk.username.is_some() && self.trunk.from_user != FromUser::Username {
            let settings = vec![("from_user", quoted("username"))];
            self.add(Code::NeedsFromUser, settings, |trunk| trunk.from_user = FromUser::Username);
        }
        self
    }

    fn encryption(mut self) -> Self {
        let (code, word, policy) = match self.trunk.media.srtp {
            SrtpPolicy::Off => (Code::SrtpRequired, "required", SrtpPolicy::Required),
            SrtpPolicy::Offered | SrtpPolicy::Required => (Code::SrtpRefused, "off", SrtpPolicy::Off),
        };
        self.add(code, vec![("srtp", quoted(word))], |trunk| trunk.media.srtp = policy);
        self
    }

    fn codecs(mut self) -> Self {
        for (codec, word) in
            [(AudioCodec::Pcma, "pcma"), (AudioCodec::Pcmu, "pcmu"), (AudioCodec::G722, "g722")]
        {
            if self.trunk.media.codecs != [codec] {
                let settings = vec![("codecs", format!("[{}]", quoted(word)))];
                self.add(Code::CodecRefused, settings, |trunk| trunk.media.codecs = vec![codec]);
            }
        }
        self
    }

    /// 420 names what it does not take (RFC 3261 §20.40).
    fn extensions_off(mut self, refusal: &Message) -> Self {
        let unsupported = refusal.header(Name::Unsupported).unwrap_or_default().to_ascii_lowercase();
        if unsupported.contains("timer") {
            let settings = vec![("session_expires_seconds", "0".into())];
            self.add(Code::TimerRefused, settings, |trunk| trunk.session = None);
        }
        if unsupported.contains("100rel") || !unsupported.contains("timer") {
            let settings = vec![("prack", quoted("off"))];
            self.add(Code::ReliableRefused, settings, |trunk| trunk.reliable = ReliableProvisional::Off);
        }
        self
    }

    /// 421 names what it wants (RFC 3261 §21.4.16).
    fn extensions_on(mut self, refusal: &Message) -> Self {
        let required = refusal.header_named("Require").unwrap_or_default().to_ascii_lowercase();
        if required.contains("100rel") && self.trunk.reliable != ReliableProvisional::Required {
            let settings = vec![("prack", quoted("required"))];
            self.add(Code::ReliableRequired, settings, |trunk| {
                trunk.reliable = ReliableProvisional::Required;
            });
        }
        self
    }

    /// 422 names the shortest interval that it takes (RFC 4028 §6).
    fn session(mut self, refusal: &Message) -> Self {
        let min =
            refusal.header_named("Min-SE").and_then(|value| value.split(';').next()?.trim().parse().ok());
        if let (Some(seconds), Some(session)) = (min, self.trunk.session) {
            let interval = std::time::Duration::from_secs(seconds);
            let settings = vec![("session_expires_seconds", seconds.to_string())];
            self.add(Code::SessionTooBrief, settings, |trunk| {
                trunk.session = Some(crate::model::TrunkSession { interval, ..session });
            });
        }
        self
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn realms(challenge: &Message) -> Vec<String> {
    let lines = challenge.lines(Name::WwwAuthenticate).chain(challenge.lines(Name::ProxyAuthenticate));
    lines.flat_map(Challenge::parse_line).map(|challenge| challenge.realm).collect()
}

/// Host names in a refusal's phrase and warning.
fn said(message: &Message) -> Vec<String> {
    let warning = message.header_named("Warning").unwrap_or_default();
    let text = format!("{} {warning}", message.phrase());
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'));
    words.map(|word| word.trim_matches('.').to_ascii_lowercase()).collect()
}

/// A name with a dot in it, or an address: what a carrier may mean by a domain.
fn is_domain(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
        || text.contains('.')
            && !text.contains("..")
            && text.len() <= 253
            && text.bytes().any(|byte| byte.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
}
