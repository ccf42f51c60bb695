//! One simulated callee, sans-IO: rings, answers, does its beats, hangs up.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_media::{
    Capabilities, Command as Media, Event as MediaEvent, LegId, Negotiated, sdp::Local, srtp::Secret,
};
use trunkline_sip::{Body, InviteId, UserAgent};

use super::persona::{Answer, Beat, Persona};

/// The caller's silence that ends its turn.
const TURN_SILENCE: Duration = Duration::from_millis(900);

/// How long a phone rings that nobody comes to: a caller that died can't cancel (timer C, RFC 3261 §16.6).
const RINGS_MAX: Duration = Duration::from_secs(181);

pub struct Callee {
    invite: InviteId,
    persona: Persona,
    offer: Bytes,
    leg: Option<LegId>,
    local: Option<Local>,
    answer: Option<(Bytes, Negotiated)>,
    /// Its last answer said that the caller holds it.
    held: bool,
    beats: VecDeque<Beat>,
    waiting: Waiting,
    /// The one timer: when `handle_timeout` is wanted.
    due: Option<Instant>,
}

/// What the callee waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Waiting {
    /// The time to answer.
    ToAnswer,
    /// Nobody to come to the phone.
    ToGiveUp,
    /// The end of a pause.
    Pause,
    /// The end of what it says.
    Saying,
    /// The caller to speak.
    ForTurn,
    /// The caller's silence to last.
    TurnEnd,
    /// Nothing: its call is over, or it rings for ever.
    Nothing,
}

/// What a callee may touch.
pub struct Context<'a> {
    pub now: Instant,
    pub agent: &'a mut UserAgent,
    pub media: &'a mut VecDeque<(LegId, Media)>,
}

impl Callee {
    /// A callee whose phone begins to ring, or that refuses.
    pub fn start(invite: InviteId, persona: Persona, offer: Bytes, cx: &mut Context<'_>) -> Self {
        let (waiting, due) = match persona.answer() {
            Answer::After(ring) => (Waiting::ToAnswer, Some(cx.now + ring)),
            Answer::Never => (Waiting::ToGiveUp, Some(cx.now + RINGS_MAX)),
            Answer::Refuse(_) => (Waiting::Nothing, None),
        };
        match persona.answer() {
            Answer::Refuse(status) => cx.agent.reject(cx.now, invite, status, Vec::new()),
            Answer::After(_) | Answer::Never => cx.agent.progress(cx.now, invite, 180, None, false),
        }
        let beats = persona.beats().into();
        Self {
            invite,
            persona,
            offer,
            leg: None,
            local: None,
            answer: None,
            held: false,
            beats,
            waiting,
            due,
        }
    }

    /// Does it need a media leg?
    pub fn wants_leg(&self) -> bool {
        matches!(self.persona.answer(), Answer::After(_))
    }

    /// Its leg, once it has one.
    pub fn leg(&self) -> Option<LegId> {
        self.leg
    }

    /// When it wants `handle_timeout`.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Its media leg is open: it can describe itself (RFC 3264 §6).
    pub fn handle_opened(&mut self, cx: &mut Context<'_>, leg: LegId, local: SocketAddr) {
        self.leg = Some(leg);
        let mut local = Local::new(local, 1, Capabilities::default(), Secret::random());
        match local.answer(&self.offer) {
            Ok((answer, negotiated, _)) => {
                (self.local, self.answer) = (Some(local), Some((answer, negotiated)));
            }
            Err(_) => {
                cx.agent.reject(cx.now, self.invite, 488, Vec::new());
                self.stop();
            }
        }
    }

    /// The caller offers another session: holds it, or takes it back.
    pub fn handle_offer(&mut self, cx: &mut Context<'_>, offer: Option<&Body>) {
        let answer =
            self.local.as_mut().zip(offer).and_then(|(local, offer)| local.answer(&offer.bytes).ok());
        let Some((answer, negotiated, _)) = answer else {
            return cx.agent.refuse_offer(cx.now, self.invite, 488);
        };
        self.held = !negotiated.send;
        self.order(cx, Media::Remote(negotiated));
        cx.agent.answer_offer(cx.now, self.invite, Body::sdp(answer));
    }

    /// Does the caller hold it?
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The caller is heard, or what it says was played.
    pub fn handle_media(&mut self, cx: &mut Context<'_>, event: &MediaEvent) {
        match (event, self.waiting) {
            (MediaEvent::Marked { .. }, Waiting::Saying) => self.next_beat(cx),
            (MediaEvent::SpeechStarted, Waiting::TurnEnd) => {
                self.waiting = Waiting::ForTurn;
                self.due = None;
            }
            (MediaEvent::SpeechEnded { .. }, Waiting::ForTurn) => {
                self.wait(Waiting::TurnEnd, cx.now + TURN_SILENCE)
            }
            _ => {}
        }
    }

    /// Its timer.
    pub fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        self.due = None;
        match self.waiting {
            Waiting::ToAnswer => self.pick_up(cx),
            Waiting::ToGiveUp => {
                cx.agent.reject(cx.now, self.invite, 480, Vec::new());
                self.stop();
            }
            Waiting::Pause | Waiting::TurnEnd => self.next_beat(cx),
            Waiting::Saying | Waiting::ForTurn | Waiting::Nothing => {}
        }
    }

    /// Its call is over: no more beats.
    pub fn stop(&mut self) {
        self.waiting = Waiting::Nothing;
        self.due = None;
        self.beats.clear();
    }

    fn pick_up(&mut self, cx: &mut Context<'_>) {
        let Some((body, negotiated)) = self.answer.take() else {
            // The leg is not open yet; look again soon.
            return self.wait(Waiting::ToAnswer, cx.now + Duration::from_millis(20));
        };
        cx.agent.answer(cx.now, self.invite, Body::sdp(body));
        self.order(cx, Media::Remote(negotiated));
        self.order(cx, Media::OpenGate);
        self.order(cx, Media::Answered);
        self.next_beat(cx);
    }

    fn next_beat(&mut self, cx: &mut Context<'_>) {
        match self.beats.pop_front() {
            Some(Beat::Pause(pause)) => self.wait(Waiting::Pause, cx.now + pause),
            Some(Beat::Say(clip)) => {
                self.order(cx, Media::Play { clip, mark: Some(0) });
                self.waiting = Waiting::Saying;
            }
            Some(Beat::AwaitTurn) => self.waiting = Waiting::ForTurn,
            Some(Beat::Hangup) => {
                cx.agent.hangup(cx.now, self.invite, None);
                self.stop();
            }
            None => self.stop(),
        }
    }

    fn wait(&mut self, waiting: Waiting, until: Instant) {
        self.waiting = waiting;
        self.due = Some(until);
    }

    fn order(&self, cx: &mut Context<'_>, command: Media) {
        if let Some(leg) = self.leg {
            cx.media.push_back((leg, command));
        }
    }
}
