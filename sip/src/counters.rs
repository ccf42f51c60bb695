//! What the user agent counts. Cores count; shells export.

/// Plain counts since the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Counters {
    /// Messages that came in.
    pub messages_in: u64,
    /// Messages that left, retransmissions included.
    pub messages_out: u64,
    /// Datagrams that are no SIP message, or one that lacks what an answer needs.
    pub malformed: u64,
    /// Keep-alives: empty datagrams and lone CRLFs.
    pub keepalives: u64,
    /// Requests from addresses we do not trust.
    pub strangers: u64,
    /// Responses that match no transaction of ours.
    pub stray_responses: u64,
    /// ACKs that match nothing.
    pub stray_acks: u64,
    /// Requests we sent again because nothing came back.
    pub retransmissions_out: u64,
    /// Responses we sent again: on a retransmitted request, or because no ACK came.
    pub response_retransmissions_out: u64,
    /// Requests we had seen before.
    pub retransmissions_in: u64,
    /// Client transactions that timed out.
    pub timeouts: u64,
    /// INVITEs sent as a new call.
    pub invites_out: u64,
    /// INVITEs received as a new call.
    pub invites_in: u64,
    /// Answers to our INVITEs.
    pub answered: u64,
    /// CANCELs sent.
    pub cancels_out: u64,
    /// Answers that raced our CANCEL: ACKed and ended.
    pub answers_after_cancel: u64,
    /// Answers of another fork: ACKed and ended.
    pub forks_ended: u64,
    /// Answers that came again, and were ACKed again.
    pub acks_repeated: u64,
    /// Requests repeated with credentials.
    pub challenges_answered: u64,
    /// Requests carried over to the next address of their host.
    pub failovers: u64,
    /// New work refused because a maximum was reached, ours and theirs.
    pub overloaded: u64,
    /// Requests refused with 4xx, 5xx before anybody was asked.
    pub refused: u64,
    /// Requests refused as merged (RFC 3261 §8.2.2.2).
    pub merged: u64,
}
