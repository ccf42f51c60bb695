//! A bot that listens in on a call, beside whoever talks: asked for by hand or by the call's guide. It may come and go; the call
//! goes on without it.

use std::sync::Arc;

use super::super::outbox::{Part, Role};
use super::engaging::Presence;
use super::{Call, Context};
use crate::agent::stream::{Event, Why};
use crate::model::{Listener, NotDone};

impl Call {
    /// Somebody listens in from now on. How that goes is told as a fact.
    pub(super) fn start_stream(&mut self, cx: &mut Context<'_>, listener: &Listener) -> Result<(), NotDone> {
        if self.listener.is_engaged() {
            return Err(NotDone::Streaming);
        }
        let bot = self.briefed(Arc::new(listener.bot.clone()));
        self.listener = self.order_bot(cx, bot, Part::Listens(listener.track));
        Ok(())
    }

    /// Nobody listens in any more.
    pub(super) fn stop_stream(&mut self, cx: &mut Context<'_>) -> Result<(), NotDone> {
        if !self.listener.is_engaged() {
            return Err(NotDone::NotStreaming);
        }
        self.leave_unheard(cx);
        self.controlled(cx, "stop_stream", None);
        Ok(())
    }

    /// The call is over, for whoever listens in.
    pub(super) fn leave_unheard(&mut self, cx: &mut Context<'_>) {
        if std::mem::replace(&mut self.listener, Presence::Gone).is_engaged() {
            self.send_away(cx, Role::Listener);
        }
    }

    pub(super) fn handle_listener(&mut self, cx: &mut Context<'_>, event: Event) {
        match event {
            Event::Connected => self.controlled(cx, "start_stream", None),
            // It was not asked.
            Event::Digits(_) | Event::Asked(_) | Event::Said(_) | Event::Corrected(_) => {}
            Event::Ended(ended) => {
                self.leave_unheard(cx);
                let why = match ended.why {
                    Why::CallOver | Why::HungUp | Why::Closed { code: None | Some(1000 | 1001 | 1005) } => {
                        None
                    }
                    why => Some(why.to_string()),
                };
                self.controlled(cx, "stop_stream", why);
            }
        }
    }
}
