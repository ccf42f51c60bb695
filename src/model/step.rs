//! What can be done to a call that talks, one step at a time: by hand through the API, or by a document that a program answers.
//!
//! One vocabulary for all of them. A face parses its own words into steps; who runs them is [`crate::agent::Program`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Bot, Dial, Dialled, Face, Handover, Key, Listener, PhoneNumber, Turn};

/// Steps of one document; a longer one is refused as a whole.
pub const STEPS_MAX: usize = 64;
/// Bytes of a text that is spoken.
pub const SPOKEN_BYTES_MAX: usize = 8_192;
/// The longest pause, and the longest wait for a digit.
pub const WAIT_MAX: Duration = Duration::from_secs(600);
/// Digits that are sent, or gathered, at once.
pub const DIGITS_MAX: usize = 64;
/// Bytes of a URL.
pub const URL_BYTES_MAX: usize = 2_048;

/// One thing that is done.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// These words are spoken.
    Say(Arc<str>),
    /// This is heard.
    Play(Sound),
    /// Nothing happens for so long, at most [`WAIT_MAX`].
    Pause(Duration),
    /// Digits of the callee's are awaited.
    Gather(Box<Gather>),
    /// Digits are sent: `0-9 * # A-D`, and `,` or `w` for half a second of pause; 1 to [`DIGITS_MAX`] of them.
    SendDigits(String),
    /// The callee is put on hold (RFC 3264 §8.4): it is told so, and not heard any more.
    Hold,
    /// It is taken back.
    Resume,
    /// One side is not heard any more by the other.
    Mute(Side),
    /// It is heard again.
    Unmute(Side),
    /// What is heard is recorded from now on.
    StartRecording,
    /// It is not, from now on.
    StopRecording,
    /// The callee is put through to this number (RFC 5589). If that comes to nothing, the next step follows.
    Transfer(PhoneNumber),
    /// Somebody is called and talks with the callee. When they have done, or came to nothing, the next step follows.
    Dial(Arc<Dial>),
    /// Somebody is called to take the agent's place. By hand alone: a document dials.
    HandOver(Arc<Handover>),
    /// Whoever the agent consults with is put through.
    CompleteTransfer,
    /// Whoever was called to take the agent's place is hung up, and the agent goes on.
    CancelTransfer,
    /// What follows is asked for there.
    Redirect(Link),
    /// From now on this guide says what is done, whoever talked before. By hand alone: a document redirects.
    Follow(Arc<Guide>),
    /// A bot talks. When it has hung up, the next step follows.
    Connect(Arc<Bot>),
    /// A bot listens in from now on, whoever talks; one at a time.
    StartStream(Arc<Listener>),
    /// It does not any more.
    StopStream,
    /// From now on the callee's speech stops what is said, or does not.
    BargeIn(bool),
    /// The far end's number is not called any more, in whatever call.
    DoNotCall,
    /// The call ends.
    Hangup,
}

impl Step {
    /// Its name in the native API and in the facts of a call.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Say(_) => "say",
            Self::Play(_) => "play",
            Self::Pause(_) => "pause",
            Self::Gather(_) => "gather",
            Self::SendDigits(_) => "dtmf",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Mute(_) => "mute",
            Self::Unmute(_) => "unmute",
            Self::StartRecording => "start_recording",
            Self::StopRecording => "stop_recording",
            Self::Transfer(_) | Self::HandOver(_) => "transfer",
            Self::Dial(_) => "dial",
            Self::CompleteTransfer => "complete_transfer",
            Self::CancelTransfer => "cancel_transfer",
            Self::Redirect(_) => "redirect",
            Self::Follow(_) => "follow",
            Self::Connect(_) => "connect",
            Self::StartStream(_) => "start_stream",
            Self::StopStream => "stop_stream",
            Self::BargeIn(_) => "barge_in",
            Self::DoNotCall => "do_not_call",
            Self::Hangup => "hangup",
        }
    }
}

/// Words, digits and URLs may be anybody's secret: its name alone is shown.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where somebody is asked what to do, and how.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// An http(s) URL.
    pub url: String,
    /// How.
    pub verb: Verb,
}

/// How somebody is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Verb {
    /// What is said stands in the body.
    #[default]
    Post,
    /// What is said stands in the URL's query.
    Get,
}

impl From<&str> for Link {
    fn from(url: &str) -> Self {
        url.to_owned().into()
    }
}

impl From<String> for Link {
    fn from(url: String) -> Self {
        Self { url, verb: Verb::Post }
    }
}

/// Something to be heard.
#[derive(Clone, PartialEq, Eq)]
pub enum Sound {
    /// A WAV file, fetched when its turn comes.
    Url(String),
    /// A WAV file's bytes.
    Wav(Arc<[u8]>),
}

/// Who is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Side {
    /// Whoever talks for us.
    #[default]
    Agent,
    /// The far end.
    Callee,
}

/// Digits that are awaited, or words, and what becomes of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Gather {
    /// What is heard meanwhile: the first digit stops it. Says, plays and pauses alone.
    pub prompt: Vec<Step>,
    /// With so many it is over, at most [`DIGITS_MAX`]; with 0 none counts, and nothing but speech is awaited.
    pub digits_max: usize,
    /// This one ends it, and is none of them.
    pub finish_on: Option<char>,
    /// When the callee's turn is over, whose speech is an answer before its first digit; `None`: it is none.
    pub turn: Option<Turn>,
    /// After so long without another one it is over; counted from the end of the prompt.
    pub timeout: Duration,
    /// Who is told what came, and says what follows; without it, the next step does.
    pub action: Option<Action>,
    /// Is it told too that there were none?
    pub ask_if_empty: bool,
}

/// Who is told what was gathered.
#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// Somebody elsewhere.
    Ask(Link),
    /// Whoever made these steps, in this very switch.
    Tell,
}

impl Action {
    /// Where somebody is asked.
    pub const fn link(&self) -> Option<&Link> {
        match self {
            Self::Ask(link) => Some(link),
            Self::Tell => None,
        }
    }
}

impl<L: Into<Link>> From<L> for Action {
    fn from(link: L) -> Self {
        Self::Ask(link.into())
    }
}

/// Why a gathering ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GatherEnd {
    /// There are as many as were wanted.
    Complete,
    /// The key that ends it was pressed.
    FinishKey,
    /// No more came in time.
    Timeout,
    /// The callee has spoken.
    Speech,
}

impl GatherEnd {
    /// The word in requests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "num_digits",
            Self::FinishKey => "finish_on_key",
            Self::Timeout => "timeout",
            Self::Speech => "speech",
        }
    }
}

/// Who says what is done with a call once somebody answered it.
#[derive(Clone)]
pub struct Guide {
    /// Where it is asked.
    pub link: Link,
    /// Whose words are spoken there.
    pub face: Face,
    /// Whose secret signs what it is asked; without one, that of the key that asked for the call.
    pub key: Option<Arc<Key>>,
    /// What it has said beforehand, with the request itself: then it is not asked first.
    pub first: Vec<Step>,
}

/// Keys are the same by their ids.
impl PartialEq for Guide {
    fn eq(&self, other: &Self) -> bool {
        let key = |guide: &Self| guide.key.as_ref().map(|key| key.id);
        (&self.link, self.face, key(self), &self.first) == (&other.link, other.face, key(other), &other.first)
    }
}

impl Eq for Guide {}

/// Why a guide is asked.
#[derive(Clone, PartialEq, Eq)]
pub enum Occasion {
    /// The call was answered, and it is known by whom.
    Answered,
    /// Digits were gathered.
    Gathered {
        /// Which; perhaps none. Never logged.
        digits: String,
        /// Why there are no more.
        end: GatherEnd,
    },
    /// Somebody was called for the callee.
    Dialled(Dialled),
    /// The guide sent us there.
    Redirected,
}
