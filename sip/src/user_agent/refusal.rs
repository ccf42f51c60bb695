//! Responses that leave at once: by a transaction within a dialog (RFC 3261 §17.2), by none where the same request always gets the
//! same one (§8.2.7), or another that does as well: a challenge has a nonce of its own each time.

use std::time::Instant;

use bytes::Bytes;
use rand::Rng;

use super::UserAgent;
use super::door::Found;
use crate::arena::Key;
use crate::invite::extensions::{self, ALLOW};
use crate::message::{Defect, Message, Method, Name, Writer};
use crate::path::Path;
use crate::transaction::reply_path;

/// How long an overloaded user agent asks to be spared.
const OVERLOADED_FOR_S: u32 = 5;

impl UserAgent {
    /// Begins a response to a request that came by `path`.
    pub(crate) fn response(&self, path: Path, request: &Message, status: u16, tag: Option<&str>) -> Writer {
        Writer::response_to(request, path.remote, status, "", tag)
            .header(Name::Server, &self.layer.config.user_agent)
    }

    /// Sends a final response at once. In a dialog a transaction remembers it: a repetition would not be in order any more. Elsewhere,
    /// and where there is no room, a request that comes again is simply answered again.
    pub(crate) fn reply(
        &mut self,
        now: Instant,
        path: Path,
        request: &Message,
        status: u16,
        response: Bytes,
    ) {
        let mut tap = None;
        if let Found::Usage(key) = self.find_dialog(request) {
            tap = self.tap_of(key);
            if let Some(transaction) = self.layer.accept(request, reply_path(request, path), key, tap) {
                return self.layer.respond(now, transaction, status, response);
            }
        }
        self.layer.transmit(now, reply_path(request, path), response, tap);
    }

    /// Sends a response that no transaction remembers.
    pub(crate) fn send_stateless(&mut self, now: Instant, path: Path, request: &Message, response: Bytes) {
        let tap = match self.find_dialog(request) {
            Found::Usage(key) => self.tap_of(key),
            Found::Nobody | Found::New => None,
        };
        self.layer.transmit(now, reply_path(request, path), response, tap);
    }

    /// Refuses a request.
    pub(crate) fn refuse(
        &mut self,
        now: Instant,
        path: Path,
        request: &Message,
        status: u16,
        headers: &[(Name, &str)],
    ) {
        let response = self.refusal(path, request, status, "", headers);
        self.reply(now, path, request, status, response);
    }

    /// Refuses what is unfit to be heard, and to be told from its repetitions.
    pub(crate) fn refuse_defect(&mut self, now: Instant, path: Path, request: &Message, defect: Defect) {
        let response = self.refusal(path, request, defect.status(), defect.phrase(), &[]);
        self.send_stateless(now, path, request, response);
    }

    fn refusal(
        &mut self,
        path: Path,
        request: &Message,
        status: u16,
        phrase: &str,
        headers: &[(Name, &str)],
    ) -> Bytes {
        self.layer.counters.refused += 1;
        let tag = self.layer.stateless_tag(request);
        let mut response = Writer::response_to(request, path.remote, status, phrase, Some(&tag))
            .header(Name::Server, &self.layer.config.user_agent);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response.finish()
    }

    /// Refuses a method: one we know but do not serve here, or one we never heard of (§8.2.1).
    pub(crate) fn refuse_method(&mut self, now: Instant, path: Path, request: &Message, method: Method) {
        let status = if method == Method::Other { 501 } else { 405 };
        self.refuse(now, path, request, status, &[(Name::Allow, ALLOW)]);
    }

    /// Refuses for want of room.
    pub(crate) fn refuse_overloaded(&mut self, now: Instant, path: Path, request: &Message) {
        self.layer.counters.overloaded += 1;
        self.refuse(now, path, request, 503, &[(Name::RetryAfter, &OVERLOADED_FOR_S.to_string())]);
    }

    /// Refuses a request that requires an extension we do not have (§8.2.2.3). Gives whether it did.
    pub(crate) fn refuse_required(&mut self, now: Instant, path: Path, request: &Message) -> bool {
        let required: Vec<(Name, &str)> = request
            .values(Name::Require)
            .filter(|option| !extensions::is_known(option))
            .map(|option| (Name::Unsupported, option))
            .collect();
        if !required.is_empty() {
            self.refuse(now, path, request, 420, &required);
        }
        !required.is_empty()
    }

    /// Answers a request within a dialog with 200, by a transaction that knows its repetitions. Gives whether there was room; if
    /// not, it is answered all the same when `always`, else refused.
    pub(crate) fn accept_and_reply(
        &mut self,
        now: Instant,
        key: Key,
        path: Path,
        request: &Message,
        always: bool,
    ) -> bool {
        let tap = self.tap_of(key);
        let response = self.response(path, request, 200, None).finish();
        match self.layer.accept(request, reply_path(request, path), key, tap) {
            Some(transaction) => self.layer.respond(now, transaction, 200, response),
            None if always => self.send_stateless(now, path, request, response),
            None => {
                self.refuse_overloaded(now, path, request);
                return false;
            }
        }
        true
    }

    /// How long to wait before a request is tried again: a random time, so that both ends do not meet again (§14.2).
    pub(crate) fn retry_after(&mut self) -> String {
        self.layer.rng.random_range(0..=10).to_string()
    }
}
