//! The shell of calls' bots: opens their streams, gives them a place at the bridge, and hands events to and fro.

use std::collections::HashMap;
use std::sync::Arc;

use trunkline_media::bridge::Members;
use trunkline_media::{Command as Media, LegId, Media as MediaPlane, port};

use super::driver::Mailbox;
use super::machine::BOT_PLACE;
use super::outbox::{BotOrder, Engagement};
use super::shard::Command;
use crate::agent::stream::{self, Ended, Event, Handle, Why};
use crate::egress::Egress;
use crate::model::CallId;

/// The bots of one shard's calls.
pub struct Bots {
    egress: Egress,
    media: Arc<MediaPlane>,
    mailbox: Mailbox,
    engaged: HashMap<CallId, (LegId, Handle)>,
}

impl Bots {
    /// Nobody yet.
    pub fn new(egress: Egress, media: Arc<MediaPlane>, mailbox: Mailbox) -> Self {
        Self { egress, media, mailbox, engaged: HashMap::new() }
    }

    /// Does what a call wants of its bot. What cannot be done at all is said at once.
    pub fn obey(&mut self, order: BotOrder) -> Option<Command> {
        match order {
            BotOrder::Call(engagement) => {
                let call = engagement.call;
                let why = self.engage(*engagement).err()?;
                let ended = Ended { why, counters: stream::Counters::default() };
                return Some(Command::Bot { call, event: Event::Ended(ended) });
            }
            BotOrder::Hear(call) => {
                let leg = self.engaged.get(&call).map(|(leg, _)| *leg)?;
                if self.media.send(leg, hear(Members::ALL)).is_err() {
                    let why = Why::Failed("the media threads are overloaded".to_owned());
                    let ended = Ended { why, counters: stream::Counters::default() };
                    return Some(Command::Bot { call, event: Event::Ended(ended) });
                }
            }
            // A stream that has ended says so itself.
            BotOrder::Answered(call) => {
                let _ = self.engaged.get(&call).map(|(_, bot)| bot.answered());
            }
            BotOrder::Digit(call, digit, held) => {
                let _ = self.engaged.get(&call).map(|(_, bot)| bot.digit(digit, held));
            }
            BotOrder::Dismiss(call) => {
                let _ = self.engaged.remove(&call);
            }
        }
        None
    }

    fn engage(&mut self, engagement: Engagement) -> Result<(), Why> {
        let call = engagement.call;
        let (carrier, seat) = port::pair(port::Pace::Queued);
        let join = Media::Join { place: BOT_PLACE, seat: Box::new(seat) };
        let leg = engagement.leg;
        let heard = hear(if engagement.is_heard { Members::ALL } else { Members::NOBODY });
        for command in [join, heard] {
            self.media.send(leg, command).map_err(|full| Why::Failed(full.to_string()))?;
        }
        let mailbox = self.mailbox.clone();
        let sink = Box::new(move |event: Event| mailbox.offer(call, event));
        let handle = stream::open(spec(engagement), &self.egress, carrier, sink)
            .map_err(|error| Why::Failed(error.to_string()))?;
        self.engaged.insert(call, (leg, handle));
        Ok(())
    }
}

/// Whom the callee hears of those who sit at its bridge.
fn hear(whom: Members) -> Media {
    Media::Hear { who: Members::CALLEE, whom }
}

fn spec(engagement: Engagement) -> stream::Spec {
    let Engagement { call, bot: engaged, from, to, .. } = engagement;
    let bot = &engaged.bot;
    let header = |value| stream::Header { name: "Authorization".to_owned(), value };
    stream::Spec {
        url: bot.url.clone(),
        dialect: bot.dialect,
        encoding: bot.encoding,
        headers: bot.authorization.clone().map(header).into_iter().collect(),
        call: stream::Call {
            account: engaged.account,
            call: call.ca(),
            stream: bot.dialect.stream_id(rand::random()),
            from: from.as_str().to_owned(),
            to: to.as_str().to_owned(),
            parameters: engaged.parameters,
        },
        connect_within: bot.connect_within,
        reconnect_within: bot.reconnect_within,
    }
}
