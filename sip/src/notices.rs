//! What a carrier says outside of calls, and is answered at once: MESSAGE (RFC 3428), NOTIFYs nobody asked for, SUBSCRIBE
//! (RFC 6665).

use std::time::Instant;

use crate::arena::Key;
use crate::event::{Event, InviteId};
use crate::invite::body_of;
use crate::message::{Message, Name};
use crate::path::Path;
use crate::referral::event_of;
use crate::transaction::reply_path;
use crate::user_agent::UserAgent;

/// NOTIFYs that are answered with 200 although nobody subscribed: waiting messages (RFC 3842), and the packages by which gateways
/// ask whether we live.
const UNSOLICITED: [&str; 3] = ["message-summary", "keep-alive", "keepalive"];
/// The package that we speak (RFC 3515).
const PACKAGES: &str = "refer";

impl UserAgent {
    /// A MESSAGE, in a call or outside any. Text is taken and told; nothing else can be shown to anybody (RFC 3428 §7).
    pub(crate) fn hear_message(&mut self, now: Instant, path: Path, request: &Message, usage: Option<Key>) {
        let kind =
            request.content_type().unwrap_or("text/plain").split(';').next().unwrap_or_default().trim_ascii();
        if !kind.eq_ignore_ascii_case("text/plain") && !request.body().is_empty() {
            return self.refuse(now, path, request, 415, &[(Name::Accept, "text/plain")]);
        }
        if !self.reply_once(now, path, request, usage) {
            return;
        }
        let token = usage.and_then(|key| self.usages.get(key)).map_or(0, |usage| usage.token);
        self.layer.events.push_back(Event::Message {
            id: usage.map(InviteId),
            token,
            from: request.header(Name::From).unwrap_or_default().to_owned(),
            body: body_of(request),
        });
    }

    /// A NOTIFY for no subscription of ours.
    pub(crate) fn hear_notify_outside(&mut self, now: Instant, path: Path, request: &Message) {
        let (package, _) = event_of(request);
        if UNSOLICITED.iter().any(|known| known.eq_ignore_ascii_case(package)) {
            let tag = self.layer.stateless_tag(request);
            let response = self.response(path, request, 200, Some(&tag)).finish();
            return self.reply(now, path, request, 200, response);
        }
        match package.eq_ignore_ascii_case(PACKAGES) {
            true => self.refuse(now, path, request, 481, &[]),
            false => self.refuse_event(now, path, request),
        }
    }

    /// Refuses an event package (RFC 6665 §4.2.1.1, §4.1.3).
    pub(crate) fn refuse_event(&mut self, now: Instant, path: Path, request: &Message) {
        self.refuse(now, path, request, 489, &[(Name::AllowEvents, PACKAGES)]);
    }

    /// Answers 200 by a transaction, so that a repetition is not told twice. Gives whether there was room.
    fn reply_once(&mut self, now: Instant, path: Path, request: &Message, usage: Option<Key>) -> bool {
        if let Some(key) = usage {
            return self.accept_and_reply(now, key, path, request, false);
        }
        let nobody = Key { index: u32::MAX, generation: 0 };
        let tag = self.layer.stateless_tag(request);
        let response = self.response(path, request, 200, Some(&tag)).finish();
        let Some(transaction) = self.layer.accept(request, reply_path(request, path), nobody, None) else {
            self.refuse_overloaded(now, path, request);
            return false;
        };
        self.layer.respond(now, transaction, 200, response);
        true
    }
}
