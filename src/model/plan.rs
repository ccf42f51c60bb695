//! Everything a call needs to know, frozen before it starts. A change of the configuration touches the next call only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{
    Agent, CallId, Engaged, Flow, Guide, Key, PhoneNumber, RightToUse, Second, SipAgent, Speak, SpeakOrder,
    Staff, Timestamp, Trunk, Variable, VoicemailAction,
};

/// One thing that the agent says.
#[derive(Clone)]
pub struct Line {
    /// What is heard; never logged, never stored.
    pub said: Said,
    /// What follows it.
    pub then: LineEnd,
}

/// What a line is.
#[derive(Clone)]
pub enum Said {
    /// Words.
    Text(Arc<str>),
    /// Nothing, for so long.
    Pause(Duration),
}

/// What the script does after a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineEnd {
    /// Listen until the callee's turn ends, then say the next line, or end the call after the last.
    Listen,
    /// Say the next line at once.
    GoOn,
    /// End the call (`[END_CALL]`).
    EndCall,
}

/// A script of steps, and what this call's request adds to it.
#[derive(Clone)]
pub struct Scripted {
    /// The steps.
    pub flow: Arc<Flow>,
    /// What the request wants said, or else the agent's greeting: where the script says `{prompt}`, or else first of all.
    pub prompt: Option<Line>,
}

/// A call about to be placed.
#[derive(Clone)]
pub struct CallPlan {
    /// Its id.
    pub call: CallId,
    /// When it was asked for.
    pub asked_at: Instant,
    /// The same on the calendar: a core that is told the time knows the date by it.
    pub asked_on: Timestamp,
    /// The SIP Call-ID, a UUID (RFC 3261 §8.1.1.4), fixed here so that the intent on disk already names it.
    pub sip_call_id: String,
    /// Whose voice, limits and webhook.
    pub agent: Arc<Agent>,
    /// The key that asked; `None` for calls from the command line.
    pub key: Option<Arc<Key>>,
    /// The way out that it takes now.
    pub trunk: Arc<Trunk>,
    /// Every way out that it may take, in the order in which they are tried.
    pub trunks: Vec<Arc<Trunk>>,
    /// The number that calls.
    pub from: PhoneNumber,
    /// What is known of our right to show it.
    pub right_to_use: RightToUse,
    /// The number called.
    pub to: PhoneNumber,
    /// What the agent says, in order; the first line is the request's prompt.
    pub script: Vec<Line>,
    /// What it says and asks, step by step, in place of lines.
    pub flow: Option<Scripted>,
    /// The tenant's account, as a client of Twilio's would know it.
    pub account: String,
    /// The bot that talks in the script's place.
    pub bot: Option<Engaged>,
    /// The people who talk in the script's place.
    pub staff: Option<Arc<Staff>>,
    /// The SIP endpoint that talks in the script's place.
    pub sip: Option<Arc<SipAgent>>,
    /// What it was called for, if it is another call's second party.
    pub second: Option<Arc<Second>>,
    /// Who says what is done once somebody answered; the script is spoken only if nothing can be had there.
    pub guide: Option<Guide>,
    /// What `{names}` in a trunk's headers stand for. Never logged, never stored.
    pub variables: Arc<[Variable]>,
    /// The campaign it counts in.
    pub campaign: Option<String>,
    /// What is left after the beep, when `voicemail` is `LeaveMessage`.
    pub voicemail_message: Option<Arc<str>>,
    /// What happens once a machine has answered.
    pub voicemail: VoicemailAction,
    /// How long nobody may talk, from the first INVITE on.
    pub max_hold: Option<Duration>,
    /// Who speaks first.
    pub speak_order: SpeakOrder,
    /// When the agent begins to speak.
    pub speak: Speak,
    /// What is said while the detector listens.
    pub opener: Option<Arc<str>>,
    /// Is the call recorded?
    pub record: bool,
    /// Are its SIP messages shown to a listener (the ladder)?
    pub tap: bool,
}

impl CallPlan {
    /// A call by one trunk on which nothing is said, done or kept: what makes a call another one is added to it.
    pub fn plain(
        call: CallId,
        sip_call_id: String,
        agent: Arc<Agent>,
        trunk: Arc<Trunk>,
        from: PhoneNumber,
        to: PhoneNumber,
        (asked_at, asked_on): (Instant, Timestamp),
    ) -> Self {
        Self {
            call,
            asked_at,
            asked_on,
            sip_call_id,
            agent,
            key: None,
            trunks: vec![Arc::clone(&trunk)],
            trunk,
            from,
            right_to_use: RightToUse::Unknown,
            to,
            script: Vec::new(),
            flow: None,
            account: String::new(),
            bot: None,
            staff: None,
            sip: None,
            second: None,
            guide: None,
            variables: Arc::default(),
            campaign: None,
            voicemail_message: None,
            voicemail: VoicemailAction::Ignore,
            max_hold: None,
            speak_order: SpeakOrder::AgentFirst,
            speak: Speak::Verdict,
            opener: None,
            record: false,
            tap: false,
        }
    }

    /// Whoever was to talk does not: the call is somebody else's.
    pub fn forget_agent(&mut self) {
        self.script.clear();
        (self.flow, self.bot, self.staff, self.sip, self.guide) = (None, None, None, None, None);
    }

    /// What the calendar says at `now`.
    pub fn date(&self, now: Instant) -> Timestamp {
        let since = now.saturating_duration_since(self.asked_at).as_millis();
        Timestamp(self.asked_on.0.saturating_add(i64::try_from(since).unwrap_or(i64::MAX)))
    }
}
