//! The vendors whose documents are spoken here.

/// The vendor whose documents a key's owner writes against.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Face {
    /// Outbound, batch and reads as Nixflex documents them.
    Nixflex,
    /// ThunderPhone's calls, billing and numbers.
    ThunderPhone,
    /// Voiceflow's outbound call.
    Voiceflow,
    /// MiniVoice's calls, applications and rates.
    MiniVoice,
    /// The few verbs of Twilio's REST API that voice bots call by themselves.
    Twilio,
}

impl Face {
    /// Every face.
    pub const ALL: [Self; 5] =
        [Self::Nixflex, Self::ThunderPhone, Self::Voiceflow, Self::MiniVoice, Self::Twilio];

    /// The word that the configuration and the store use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nixflex => "nixflex",
            Self::ThunderPhone => "thunderphone",
            Self::Voiceflow => "voiceflow",
            Self::MiniVoice => "minivoice",
            Self::Twilio => "twilio",
        }
    }

    /// The value of a word; `None` if it is none of ours.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|face| face.as_str() == word)
    }

    /// Does its key have a public half, which looks it up, beside the secret one? Elsewhere the key is one token.
    pub const fn has_key_id(self) -> bool {
        matches!(self, Self::Nixflex | Self::Twilio)
    }

    /// The events of a call that this vendor documents. Twilio's are chosen by each request.
    pub const fn events(self) -> &'static [EventKind] {
        match self {
            Self::Nixflex => &[EventKind::Started, EventKind::Completed],
            Self::ThunderPhone => &[EventKind::Completed],
            Self::Voiceflow => &[EventKind::Started, EventKind::Completed],
            Self::MiniVoice => &[
                EventKind::Created,
                EventKind::Answered,
                EventKind::Failed,
                EventKind::RecordingStarted,
                EventKind::RecordingCompleted,
                EventKind::Completed,
            ],
            Self::Twilio => &[EventKind::Completed],
        }
    }
}

/// What happened to a call. Each is told at most once a call, in the order of its life.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum EventKind {
    /// It was accepted and is on disk.
    Created,
    /// Its first INVITE is about to leave, or it came in.
    Started,
    /// The far end rings.
    Ringing,
    /// It was answered.
    Answered,
    /// Its recording began.
    RecordingStarted,
    /// It is known who answered. Where the end of a machine's greeting is waited for, that came, too.
    Judged,
    /// Its recording is complete.
    RecordingCompleted,
    /// It was recorded, and the recorder failed before anything was kept.
    RecordingFailed,
    /// It is over and was never answered. Told in the place of [`Completed`](Self::Completed) to whoever asked for it.
    Failed,
    /// It is over.
    Completed,
}

impl EventKind {
    /// Every kind, in the order of a call's life.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Started,
        Self::Ringing,
        Self::Answered,
        Self::RecordingStarted,
        Self::Judged,
        Self::RecordingCompleted,
        Self::RecordingFailed,
        Self::Failed,
        Self::Completed,
    ];

    /// The word in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "call.created",
            Self::Started => "call.started",
            Self::Ringing => "call.ringing",
            Self::Answered => "call.answered",
            Self::RecordingStarted => "recording.started",
            Self::Judged => "call.judged",
            Self::RecordingCompleted => "recording.completed",
            Self::RecordingFailed => "recording.failed",
            Self::Failed => "call.failed",
            Self::Completed => "call.completed",
        }
    }

    /// The value of a word; `None` if it is none of ours.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Does a subscription of any vendor mean it by this word?
    pub fn is_called(self, word: &str) -> bool {
        let others: &[&str] = match self {
            Self::Completed => &["telephony.complete", "call.complete", "runtime.call.end"],
            Self::Started => &["runtime.call.start"],
            _ => &[],
        };
        word == "*" || word == self.as_str() || others.contains(&word)
    }
}

/// Some of the kinds of events.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct EventSet(u16);

impl EventSet {
    /// Is it one of them?
    pub const fn has(self, kind: EventKind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }

    /// Those that are in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those of them, in the order of a call's life.
    pub fn iter(self) -> impl Iterator<Item = EventKind> {
        EventKind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }

    /// The words of the store, joined by commas.
    pub fn words(self) -> String {
        self.iter().map(EventKind::as_str).collect::<Vec<_>>().join(",")
    }

    /// What [`words`](Self::words) made; `None` if a word is none of ours.
    pub fn from_words(words: &str) -> Option<Self> {
        words.split(',').filter(|word| !word.is_empty()).map(EventKind::from_word).collect()
    }
}

impl FromIterator<EventKind> for EventSet {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | 1 << kind as u16))
    }
}

impl std::fmt::Debug for EventSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for face in Face::ALL {
            assert_eq!(Face::from_word(face.as_str()), Some(face));
            let events: EventSet = face.events().iter().copied().collect();
            assert_eq!(EventSet::from_words(&events.words()), Some(events));
            assert!(face.events().iter().all(|kind| events.has(*kind)));
        }
        assert_eq!(EventSet::from_words(""), Some(EventSet::default()));
        assert_eq!(EventSet::from_words("call.vanished"), None);
        assert_eq!(Face::from_word("other"), None);
    }
}
