//! Reading of forms: each field as what it is to be, or why it is not.

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::face::body::{TEXT_BYTES_MAX, wrong};
use crate::model::{Link, PhoneNumber, Refusal, URL_BYTES_MAX, Verb};

/// `application/x-www-form-urlencoded`; a name may stand there several times.
pub struct Form(HashMap<String, Vec<String>>);

impl Form {
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        if std::str::from_utf8(body).is_err() {
            return Err(wrong("body", "is not UTF-8"));
        }
        let mut fields: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            if value.contains('\0') {
                return Err(wrong(&name, "contains a NUL"));
            }
            fields.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        Ok(Self(fields))
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// The last one that says something.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all(name).last().map(str::trim).filter(|text| !text.is_empty())
    }

    pub fn number(&self, field: &'static str) -> Result<PhoneNumber, Refusal> {
        let text = self.text(field).filter(|text| text.len() <= TEXT_BYTES_MAX).unwrap_or_default();
        // A `+` that was not escaped is a space, which the trim took away.
        let escaped = if text.starts_with('+') { text.to_owned() } else { format!("+{text}") };
        let parsed = if self.all(field).last().is_some_and(|raw| raw.starts_with(' ')) {
            escaped.parse()
        } else {
            text.parse()
        };
        parsed.map_err(|_| Refusal::InvalidPhone { field })
    }

    /// An absolute URL.
    pub fn url(&self, name: &str) -> Result<String, Refusal> {
        let text = self.text(name).unwrap_or_default();
        let usable =
            url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !usable || text.len() > URL_BYTES_MAX {
            return Err(wrong(name, format!("must be an http(s) URL of at most {URL_BYTES_MAX} bytes")));
        }
        Ok(text.to_owned())
    }

    /// `Url`, and how it is asked.
    pub fn link(&self) -> Result<Link, Refusal> {
        Ok(Link { url: self.url("Url")?, verb: self.verb("Method")? })
    }

    pub fn verb(&self, name: &str) -> Result<Verb, Refusal> {
        match self.text(name).map(str::to_ascii_uppercase).as_deref() {
            None | Some("POST") => Ok(Verb::Post),
            Some("GET") => Ok(Verb::Get),
            Some(_) => Err(wrong(name, "must be POST or GET")),
        }
    }

    pub fn only_post(&self, name: &str) -> Result<(), Refusal> {
        match self.text(name) {
            Some(method) if !method.eq_ignore_ascii_case("POST") => Err(wrong(name, "must be POST")),
            _ => Ok(()),
        }
    }

    pub fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(wrong(name, "must be true or false")),
        }
    }

    pub fn one_of(&self, name: &str, words: &[&str]) -> Result<(), Refusal> {
        match self.text(name) {
            Some(word) if !words.iter().any(|known| known.eq_ignore_ascii_case(word)) => {
                Err(wrong(name, format!("must be one of {}", words.join(", "))))
            }
            _ => Ok(()),
        }
    }

    pub fn number_in(&self, name: &str, bounds: RangeInclusive<u32>) -> Result<Option<u32>, Refusal> {
        self.within(name, bounds, "")
    }

    pub fn seconds(&self, name: &str, bounds: RangeInclusive<u64>) -> Result<Option<Duration>, Refusal> {
        Ok(self.within(name, bounds, " seconds")?.map(Duration::from_secs))
    }

    fn within<N: FromStr + PartialOrd + Display>(
        &self,
        name: &str,
        bounds: RangeInclusive<N>,
        unit: &str,
    ) -> Result<Option<N>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let value = text.parse().ok().filter(|value| bounds.contains(value));
        let reason = || wrong(name, format!("must be {} to {}{unit}", bounds.start(), bounds.end()));
        value.map(Some).ok_or_else(reason)
    }
}
