//! The user agent: owns every transaction and dialog, takes messages and time, and gives messages and events.
//! Knows nothing of sockets, clocks or SDP.

mod config;
mod event;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

pub use config::{Body, Config, Invite, OptionsRequest, Timers, Trust};
pub use event::{
    Cause, DialogState, Direction, End, Event, Failure, Fork, Incoming, InviteId, Query, QueryId, RequestId,
};

use crate::counters::Counters;
use crate::digest::Credentials;
use crate::error::Error;
use crate::path::{Path, Transmit};
use crate::reason::Reason;

/// A SIP user agent (RFC 3261), UAC and UAS. Feed it, then drain every `poll_*` to `None`.
#[derive(Debug)]
pub struct UserAgent {
    counters: Counters,
}

#[expect(unused_variables, clippy::todo, reason = "signatures first")]
impl UserAgent {
    /// A user agent with nothing to do. All its randomness comes from `seed`.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        todo!()
    }
    /// One message came in by `path`.
    pub fn handle_message(&mut self, now: Instant, path: Path, message: Bytes) {
        todo!()
    }
    /// The addresses of a queried host, best first; none if it could not be resolved.
    pub fn handle_targets(&mut self, now: Instant, query: QueryId, targets: Vec<SocketAddr>) {
        todo!()
    }
    /// Time has come to what `poll_timeout` said, or later.
    pub fn handle_timeout(&mut self, now: Instant) {
        todo!()
    }
    /// The next message that wants to leave.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        todo!()
    }
    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        todo!()
    }
    /// The next host to resolve. A literal address needs no question.
    pub fn poll_query(&mut self) -> Option<Query> {
        todo!()
    }
    /// When `handle_timeout` wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
    /// Starts a call. After this returned an id, exactly one `Failed` or `Ended` comes for it.
    ///
    /// # Errors
    /// `Overloaded` at a maximum; `Uri` or `Header` for what cannot be put into a message.
    pub fn invite(&mut self, now: Instant, invite: Invite) -> Result<InviteId, Error> {
        todo!()
    }
    /// Ends a call as its state asks: CANCEL (deferred until something provisional came), BYE, or 487/603 for a call not yet
    /// answered by us. An answer that races the CANCEL is ACKed and ended. A dead id is ignored.
    pub fn hangup(&mut self, now: Instant, id: InviteId, reason: Option<Reason>) {
        todo!()
    }
    /// Gives an incoming call its owner's word.
    pub fn adopt(&mut self, id: InviteId, token: u64) {
        todo!()
    }
    /// A provisional response, 101 to 199, to an incoming call.
    pub fn progress(&mut self, now: Instant, id: InviteId, status: u16, body: Option<Body>) {
        todo!()
    }
    /// Answers an incoming call: 200, sent again until the ACK comes (RFC 3261 §13.3.1.4).
    pub fn answer(&mut self, now: Instant, id: InviteId, body: Body) {
        todo!()
    }
    /// Refuses an incoming call with 300 to 699. `Failed` follows.
    pub fn reject(&mut self, now: Instant, id: InviteId, status: u16, headers: Vec<(String, String)>) {
        todo!()
    }
    /// Answers an `Offer`.
    pub fn answer_offer(&mut self, now: Instant, id: InviteId, body: Body) {
        todo!()
    }
    /// Refuses an `Offer`, usually with 488. The call goes on as it was.
    pub fn refuse_offer(&mut self, now: Instant, id: InviteId, status: u16) {
        todo!()
    }
    /// Sends OPTIONS outside any dialog. A `Reply` follows.
    ///
    /// # Errors
    /// As `invite`.
    pub fn options(&mut self, now: Instant, request: OptionsRequest) -> Result<RequestId, Error> {
        todo!()
    }
    /// Ends a dialog remembered from before a crash with a BYE. A `Reply` follows.
    ///
    /// # Errors
    /// As `invite`.
    pub fn bye_orphan(
        &mut self,
        now: Instant,
        dialog: &DialogState,
        credentials: Option<Arc<Credentials>>,
        token: u64,
    ) -> Result<RequestId, Error> {
        todo!()
    }
    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
    /// Requests of ours that still wait for a final response: what a drain waits for after the last call ended.
    #[must_use]
    pub fn pending(&self) -> usize {
        todo!()
    }
}
