//! The shell of calls' bots: opens their streams, gives them a place at the bridge, and hands events to and fro.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use trunkline_media::bridge::Members;
use trunkline_media::{Command as Media, LegId, Media as MediaPlane, Port, port};

use super::mailbox::Mailbox;
use super::outbox::{BotId, BotOrder, Engagement, Part, Role};
use super::shard::Command;
use crate::agent::line::Lanes;
use crate::agent::realtime;
use crate::agent::stream::reception::{Reception, Waiting};
use crate::agent::stream::{self, Ended, Event, Header, Why};
use crate::egress::Egress;
use crate::model::{Bot, Briefed, CallId, Talker, Track};

/// The bots of one shard's calls.
pub struct Bots {
    egress: Egress,
    lanes: Lanes,
    reception: Reception,
    media: Arc<MediaPlane>,
    mailbox: Mailbox,
    engaged: HashMap<(CallId, Role), Engaged>,
}

/// A bot that is there, or is being called.
struct Engaged {
    id: BotId,
    leg: LegId,
    handle: Handle,
}

/// How it is told.
enum Handle {
    Bot(stream::Handle),
    /// One that comes to us.
    Guest(stream::Handle, #[expect(dead_code, reason = "as long as it lives, its call waits")] Waiting),
    Model(realtime::Handle),
}

impl Handle {
    fn answered(&self) -> bool {
        match self {
            Self::Bot(bot) | Self::Guest(bot, _) => bot.answered(),
            Self::Model(model) => model.answered(),
        }
    }

    fn digit(&self, digit: char, held: Duration) -> bool {
        match self {
            Self::Bot(bot) | Self::Guest(bot, _) => bot.digit(digit, held),
            Self::Model(model) => model.digit(digit),
        }
    }

    /// A bot asks for no transfers.
    fn untransferred(&self, why: String) -> bool {
        match self {
            Self::Bot(_) | Self::Guest(..) => true,
            Self::Model(model) => model.untransferred(why),
        }
    }
}

impl Bots {
    /// Nobody yet.
    pub fn new(
        egress: Egress,
        lanes: Lanes,
        reception: Reception,
        media: Arc<MediaPlane>,
        mailbox: Mailbox,
    ) -> Self {
        Self { egress, lanes, reception, media, mailbox, engaged: HashMap::new() }
    }

    /// Does what a call wants of its bot. What cannot be done at all is said at once.
    pub fn obey(&mut self, order: BotOrder) -> Option<Command> {
        match order {
            BotOrder::Call(engagement) => {
                let id = engagement.id;
                self.engage(*engagement).err().map(|why| lost(id, why))
            }
            BotOrder::Hear(call) => {
                let Engaged { id, leg, .. } = *self.talker(call)?;
                let why = || Why::Failed("the media threads are overloaded".to_owned());
                self.media.send(leg, callee_hears(Members::ALL)).err().map(|_| lost(id, why()))
            }
            // A stream that has ended says so itself.
            BotOrder::Answered(call) => {
                let _ = self.talker(call).map(|bot| bot.handle.answered());
                None
            }
            BotOrder::Digit(call, digit, held) => {
                let _ = self.talker(call).map(|bot| bot.handle.digit(digit, held));
                None
            }
            BotOrder::Untransferred(call, why) => {
                let _ = self.talker(call).map(|bot| bot.handle.untransferred(why));
                None
            }
            BotOrder::Dismiss(call, role) => {
                let _ = self.engaged.remove(&(call, role));
                None
            }
        }
    }

    fn talker(&self, call: CallId) -> Option<&Engaged> {
        self.engaged.get(&(call, Role::Talker))
    }

    fn engage(&mut self, engagement: Engagement) -> Result<(), Why> {
        let (id, leg, part) = (engagement.id, engagement.leg, engagement.part);
        let BotId { call, role, .. } = id;
        let (carrier, seat) = port::pair(port::Pace::Queued);
        let join = Media::Join { place: role.place(), seat: Box::new(seat) };
        let apart = matches!(&engagement.bot.bot, Talker::Bot(bot) if bot.dialect.names_tracks());
        for command in [join, heard(part, apart)] {
            self.media.send(leg, command).map_err(|full| Why::Failed(full.to_string()))?;
        }
        let mailbox = self.mailbox.clone();
        let sink = Box::new(move |event: Event| mailbox.offer(id, event));
        let handle = match &engagement.bot.bot {
            Talker::Bot(bot) => self.stream(bot, spec(bot, &engagement), call, carrier, sink)?,
            Talker::Model(briefed) => {
                let (from, to) = (engagement.from.clone(), engagement.to.clone());
                let spec = realtime::Spec { briefed: Briefed::clone(briefed), call, from, to };
                Handle::Model(realtime::open(spec, &self.egress, carrier, sink, &self.lanes))
            }
        };
        // Whoever listens in came after the answer.
        if role == Role::Listener {
            handle.answered();
        }
        self.engaged.insert((call, role), Engaged { id, leg, handle });
        Ok(())
    }
}

impl Bots {
    fn stream(
        &self,
        bot: &Bot,
        spec: stream::Spec,
        call: CallId,
        port: Port,
        sink: stream::Sink,
    ) -> Result<Handle, Why> {
        let failed = |error: stream::SpecError| Why::Failed(error.to_string());
        if bot.url.is_some() {
            return stream::open(spec, &self.egress, port, sink, &self.lanes)
                .map(Handle::Bot)
                .map_err(failed);
        }
        let waiting = self.reception.expect(call, bot.dialect);
        let handle = stream::await_bot(&spec, waiting.hatch(), port, sink, &self.lanes).map_err(failed)?;
        Ok(Handle::Guest(handle, waiting))
    }
}

/// A bot that could not be had.
fn lost(bot: BotId, why: Why) -> Command {
    let ended = Ended { why, counters: stream::Counters::default() };
    Command::Bot { bot, event: Event::Ended(ended) }
}

/// Who hears whom with this bot at the bridge; of two tracks, each for itself if `apart`.
fn heard(part: Part, apart: bool) -> Media {
    match part {
        Part::Talks => callee_hears(Members::ALL),
        Part::Prepares => callee_hears(Members::NOBODY),
        Part::Listens(track) => {
            let whom = match track {
                Track::Callee => Members::CALLEE,
                Track::Agent => Members::PLAYED,
                Track::Both if apart => Members::CALLEE.and(Members::BESIDE),
                Track::Both => Members::CALLEE.and(Members::PLAYED),
            };
            Media::Hear { who: Members::at(part.role().place()), whom }
        }
    }
}

fn callee_hears(whom: Members) -> Media {
    Media::Hear { who: Members::CALLEE, whom }
}

fn spec(bot: &Bot, engagement: &Engagement) -> stream::Spec {
    let Engagement { id, bot: engaged, from, to, key, part, .. } = engagement;
    let authorization = |value| Header { name: "Authorization".to_owned(), value };
    let authorization = bot.authorization.clone().map(authorization);
    let signed = bot.url.as_ref().zip(key.as_ref());
    let signature = signed.and_then(|(url, key)| Header::signature(bot.dialect, url, key));
    stream::Spec {
        url: bot.url.clone(),
        dialect: bot.dialect,
        encoding: bot.encoding,
        headers: authorization.into_iter().chain(signature).collect(),
        call: stream::Call {
            account: engaged.account.clone(),
            call: id.call.ca(),
            stream: bot.dialect.stream_id(rand::random()),
            from: from.as_str().to_owned(),
            to: to.as_str().to_owned(),
            parameters: engaged.parameters.clone(),
            listens: match part {
                Part::Listens(track) => Some(*track),
                Part::Talks | Part::Prepares => None,
            },
        },
        connect_within: bot.connect_within,
        hears_from: bot.hears_from,
        reconnect_within: bot.reconnect_within,
    }
}
