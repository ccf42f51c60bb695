//! What a life must be, that a shell can live it: sans-IO, it takes `now` and messages, and gives messages, events and errands.

use std::time::Instant;

use super::event::{Event, Why};
use super::message::{Incoming, Message};

/// The life of whoever talks from afar, between its protocol and a port. After each `handle_*` the shell drains every `poll_*`,
/// and looks whether it [has ended](Core::ended).
pub trait Core: Send + 'static {
    /// What the call has to say, besides that it is over.
    type Input: Send + 'static;
    /// What it wants done elsewhere; the answer comes back as an input.
    type Errand;

    /// The connection stands: again, after one that was lost.
    fn handle_connected(&mut self, now: Instant);
    /// The connection is gone, and will be tried again.
    fn handle_lost(&mut self);
    /// The connection is gone for good. In good order means: what was said is heard first.
    fn handle_gone(&mut self, why: Why, in_good_order: bool);
    /// Whoever it is has closed in good order, and means it.
    fn handle_closed(&mut self, code: Option<u16>) {
        self.handle_gone(Why::Closed { code }, true);
    }
    /// A message came.
    fn handle_message(&mut self, now: Instant, message: Incoming<'_>);
    /// The call says something.
    fn handle_input(&mut self, now: Instant, input: Self::Input);
    /// The call is over.
    fn handle_over(&mut self);
    /// Once every 20 ms. `writable`: what was sent before has left, so the callee's voice may follow; otherwise it waits in
    /// the port, and what gets too old there is passed over.
    fn handle_timeout(&mut self, now: Instant, writable: bool);

    /// The next message to send.
    fn poll_transmit(&mut self) -> Option<Message>;
    /// The next thing to tell the call.
    fn poll_event(&mut self) -> Option<Event>;
    /// The next errand.
    fn poll_errand(&mut self) -> Option<Self::Errand>;

    /// Is the socket to be left alone, because more waits than may?
    fn is_full(&self) -> bool;
    /// Has it gone? Then the connection has no purpose any more.
    fn is_leaving(&self) -> bool;
    /// Is the connection wanted again when it is lost?
    fn wants_back(&self) -> bool {
        true
    }
    /// Is the connection to be given up for another, because it has reached its longest time?
    fn is_expired(&self) -> bool {
        false
    }
    /// Has anything been said by either side, that the other has got?
    fn has_media(&self) -> bool;
    /// Why it has ended, if it has.
    fn ended(&self) -> Option<&Why>;
}
