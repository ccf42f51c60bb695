//! How time passes in a world: what is due next, and everything carried to where it belongs until nothing moves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline::agent::Errand;
use trunkline::call::{Aside, BotOrder, Command, ErrandOrder, Speech};
use trunkline::model::{CallId, Occasion, Talker};
use trunkline::simulator::Order;
use trunkline_media::bridge::Members;
use trunkline_media::{BridgeSpec, Command as Media, Event as MediaEvent, Rule, Then, When};
use trunkline_sip::Path;

use super::network::Datagram;
use super::phone::Phone;
use super::{CARRIER, EXCHANGE, PHONE, SWITCH, World, address};

impl World {
    /// Lets time pass until this call is over.
    pub fn run_for_an_end(&mut self, call: CallId) {
        while !self.is_over(call) {
            let next = self.next_event().expect("a call that lives has a timer");
            self.step(next);
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(next) = self.next_event().filter(|next| *next <= until) {
            self.step(next);
        }
        self.now = until;
    }

    /// Lets time pass until every call is over and every timer has run out.
    pub fn run_out(&mut self) {
        let limit = self.now + Duration::from_secs(3_600);
        while let Some(next) = self.next_event() {
            assert!(next < limit, "a call does not end: {:?}", self.told);
            self.step(next);
        }
    }

    pub(super) fn next_event(&self) -> Option<Instant> {
        [
            self.network.next_arrival(),
            self.shard.poll_timeout(),
            self.people.poll_timeout(),
            self.exchange.poll_timeout(),
            self.carrier.as_ref().and_then(|(_, gateway)| gateway.poll_timeout()),
            self.phone.as_ref().and_then(Phone::poll_timeout),
            self.ours.poll_timeout(),
            self.theirs.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn step(&mut self, next: Instant) {
        self.now = self.now.max(next);
        let now = self.now;
        while let Some(datagram) = self.network.arrived(now) {
            self.deliver(datagram);
        }
        if self.shard.poll_timeout().is_some_and(|due| due <= now) {
            self.shard.handle_timeout(now);
        }
        self.people.handle_timeout(now);
        if self.exchange.poll_timeout().is_some_and(|due| due <= now) {
            self.exchange.handle_timeout(now);
        }
        if let Some((_, gateway)) = &mut self.carrier {
            gateway.handle_timeout(now);
        }
        if let Some(phone) = &mut self.phone {
            phone.handle_timeout(now);
        }
        self.ours.handle_timeout(now);
        self.theirs.handle_timeout(now);
        self.drain();
    }

    fn deliver(&mut self, datagram: Datagram) {
        let Datagram { from, to, payload } = datagram;
        let path = Path::udp(to, from);
        if to == address(SWITCH) {
            self.shard.handle_message(self.now, path, payload);
        } else if to == address(EXCHANGE) {
            self.exchange.handle_message(self.now, path, payload);
        } else if let Some((_, gateway)) = self.carrier.as_mut().filter(|_| to == address(CARRIER)) {
            gateway.handle_message(self.now, path, payload);
        } else if let Some(phone) = self.phone.as_mut().filter(|_| to == address(PHONE)) {
            phone.handle_message(self.now, path, payload);
        } else if !self.ours.handle_message(self.now, from, to, &payload) {
            self.theirs.handle_message(self.now, from, to, &payload);
        }
    }

    /// Carries everything to where it belongs until nothing moves.
    pub(super) fn drain(&mut self) {
        while self.drain_switch() | self.drain_exchange() | self.drain_media() {}
    }

    fn drain_switch(&mut self) -> bool {
        let mut moved = false;
        while let Some(transmit) = self.shard.poll_transmit() {
            moved = true;
            self.network.send(self.now, transmit.path.local, transmit.path.remote, transmit.payload);
        }
        while let Some(order) = self.shard.poll_media() {
            moved = true;
            if let trunkline_media::Command::Play { mark: Some(mark), .. } = &order.command {
                self.note_said(order.call, *mark);
            }
            if let trunkline_media::Command::Hear { who, whom } = &order.command
                && who.has(Members::CALLEE)
            {
                self.callees_hear.insert(order.call.get(), *whom);
            }
            if let trunkline_media::Command::Heard { callee, seated, .. } = &order.command {
                self.callees_heard.insert(order.call.get(), *callee);
                self.apart.insert(order.call.get(), !seated);
            }
            match &order.command {
                Media::Arm(Rule { then: Then::Clear, .. }) => {
                    self.interruptible.insert(order.call.get(), true)
                }
                Media::Disarm(When::Speech { .. }) => self.interruptible.insert(order.call.get(), false),
                _ => None,
            };
            self.ours.handle_command(self.now, order.leg, order.command);
        }
        while let Some(order) = self.shard.poll_speech() {
            moved = true;
            if let Speech::Step(_, sound) = order.speech {
                self.rendered.insert((order.call.get(), sound), order.text.to_string());
            }
            if order.speech == Speech::Opener {
                self.openers.push(order.call);
            }
            let clip = Ok(Arc::clone(&self.voice));
            let rendered = Command::Rendered { call: order.call, speech: order.speech, clip };
            self.shard.handle_command(self.now, rendered);
        }
        while let Some(order) = self.shard.poll_errand() {
            moved = true;
            match &mut self.questions {
                Some(held) if matches!(order.errand, Errand::Steps { .. }) => held.push(order),
                _ => self.fetch(order),
            }
        }
        while let Some(order) = self.shard.poll_bot() {
            moved = true;
            match order {
                BotOrder::Call(engagement) => {
                    let Talker::Bot(bot) = &engagement.bot.bot else { continue };
                    let url = bot.url.as_ref().map(ToString::to_string).unwrap_or_default();
                    self.bots.push((engagement.id, url));
                }
                BotOrder::Dismiss(call, role) => self.dismissed.push((call, role)),
                _ => {}
            }
        }
        while let Some(errand) = self.shard.poll_person() {
            moved = true;
            self.people.run(self.now, errand);
        }
        while let Some(command) = self.people.poll_command() {
            moved = true;
            self.shard.handle_command(self.now, command);
        }
        while let Some(dialing) = self.shard.poll_intent() {
            moved = true;
            let (call, attempt) = (dialing.call, dialing.attempts.len());
            match &mut self.intents {
                Some(held) => held.push((call, attempt)),
                None => {
                    let intended = Command::Intended { call, attempt, is_on_disk: true, leg: None };
                    self.shard.handle_command(self.now, intended);
                }
            }
        }
        while let Some(order) = self.shard.poll_dial() {
            moved = true;
            match &mut self.dials {
                Some(held) => held.push(order),
                None => self.place(order),
            }
        }
        while let Some(knock) = self.shard.poll_knock() {
            moved = true;
            self.receive(knock);
        }
        while let Some(event) = self.shard.poll_event() {
            moved = true;
            self.told.entry(event.call.get()).or_default().push(event.fact);
        }
        moved
    }

    /// The call's own program marks its sounds by the bit that stands before them.
    fn note_said(&mut self, call: CallId, mark: u32) {
        const GUIDE: u32 = 1 << 30;
        let text = self.rendered.get(&(call.get(), mark ^ GUIDE)).cloned();
        self.said.extend(text.map(|text| (call, text)));
    }

    fn drain_exchange(&mut self) -> bool {
        let mut moved = false;
        while let Some(transmit) = self.exchange.poll_transmit() {
            moved = true;
            self.network.send(self.now, transmit.path.local, transmit.path.remote, transmit.payload);
        }
        while let Some(transmit) = self.carrier.as_mut().and_then(|(_, gateway)| gateway.poll_transmit()) {
            moved = true;
            self.network.send(self.now, transmit.path.local, transmit.path.remote, transmit.payload);
        }
        while let Some(transmit) = self.phone.as_mut().and_then(Phone::poll_transmit) {
            moved = true;
            self.network.send(self.now, transmit.path.local, transmit.path.remote, transmit.payload);
        }
        while let Some(order) = self.exchange.poll_order() {
            moved = true;
            match order {
                Order::Open { token } => {
                    let (leg, local) = self.theirs.open(self.now, BridgeSpec::default(), token);
                    self.exchange.handle_opened(self.now, token, leg, local);
                }
                Order::Command { leg, command } => self.theirs.handle_command(self.now, leg, *command),
            }
        }
        moved
    }

    fn drain_media(&mut self) -> bool {
        let mut moved = false;
        for legs in [&mut self.ours, &mut self.theirs] {
            moved |= legs.drain(self.now, &mut self.network);
        }
        while let Some((token, event)) = self.ours.poll_event() {
            moved = true;
            let call = CallId::new(token).expect("our tokens are call ids");
            self.thrown_away += usize::from(matches!(event, MediaEvent::Marked { cleared: true, .. }));
            self.shard.handle_media(self.now, call, event);
        }
        while let Some((token, event)) = self.theirs.poll_event() {
            moved = true;
            self.exchange.handle_media(self.now, token, &event);
        }
        moved
    }

    pub(super) fn fetch(&mut self, order: ErrandOrder) {
        let ErrandOrder { call, hand, errand } = order;
        let command = match errand {
            Errand::Sound { number, .. } => {
                let speech = Speech::Step(hand, number);
                Command::Rendered { call, speech, clip: Ok(Arc::clone(&self.voice)) }
            }
            Errand::Aside { place, whispered, .. } => {
                let aside = if whispered { Aside::Whisper(place) } else { Aside::Music(place) };
                let clip = Ok(Arc::clone(&self.voice));
                Command::Rendered { call, speech: Speech::Aside(aside), clip }
            }
            Errand::Steps { question, link, occasion, .. } => {
                let url = link.url;
                self.asked.push(match occasion {
                    Occasion::Answered => "answered".to_owned(),
                    Occasion::Redirected => format!("{url} redirected"),
                    Occasion::Dialled(dialled) => format!("{url} {}", dialled.status.as_str()),
                    Occasion::Gathered { digits, end } => format!("{url} {digits} {}", end.as_str()),
                });
                let steps = self.guides.pop_front().unwrap_or_else(|| Err("nobody answers".to_owned()));
                Command::Guided { call, question, steps }
            }
        };
        self.shard.handle_command(self.now, command);
    }
}
