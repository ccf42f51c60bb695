//! OPTIONS (RFC 3261 §11): what we can do, for whoever asks, and the same question of ours to a trunk.

use std::time::Instant;

use crate::invite::extensions::{ALLOW, SUPPORTED};
use crate::message::{Message, Name};
use crate::path::Path;
use crate::user_agent::UserAgent;

impl UserAgent {
    /// Answers an OPTIONS, in a dialog or out of any, as we would answer an INVITE (§11.2).
    pub(crate) fn reply_options(&mut self, now: Instant, path: Path, request: &Message) {
        let tag = self.layer.stateless_tag(request);
        let response = self
            .response(path, request, 200, Some(&tag))
            .header(Name::Contact, self.layer.contact(&path, request))
            .header(Name::Allow, ALLOW)
            .header(Name::Accept, "application/sdp, multipart/mixed, text/plain")
            .header(Name::AllowEvents, "refer")
            .header(Name::Supported, SUPPORTED);
        self.reply(now, path, request, 200, response.finish());
    }
}
