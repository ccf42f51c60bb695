//! What was said in a call, in words: whoever talks for us tells it, line by line. Lives in memory, and is stored with the call's
//! end only where its agent says so.

use std::fmt;
use std::time::Instant;

/// Lines of one call.
pub const LINES_MAX: usize = 1_000;
/// Bytes of all their texts.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Who said it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// Whoever talks for us.
    Agent,
    /// The far end.
    Callee,
}

impl Speaker {
    /// The word in the store and in the native API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Callee => "callee",
        }
    }
}

/// Who puts an agent's calls into words, if they are kept at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TranscriptBy {
    /// Nobody: nothing is kept.
    #[default]
    Nobody,
    /// Whoever talks for us tells it, where that one can.
    Agent,
    /// A transcription endpoint, which is sent the recording once the call is over.
    Endpoint,
}

/// A line while its call lives.
#[derive(Clone, PartialEq, Eq)]
pub struct Utterance {
    /// Who.
    pub by: Speaker,
    /// When it began, as far as is known.
    pub at: Instant,
    /// What. Never logged.
    pub text: String,
}

impl fmt::Debug for Utterance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes by the {}", self.text.len(), self.by.as_str())
    }
}

/// The lines of a call that lives, in the order in which they began.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Transcript {
    lines: Vec<Utterance>,
    bytes: usize,
    /// When the agent began to be heard.
    heard_from: Option<Instant>,
}

impl Transcript {
    /// The agent is heard from now on: what it has said before was kept until now.
    pub fn hear_agent(&mut self, now: Instant) {
        self.heard_from = Some(now);
        for line in self.lines.iter_mut().filter(|line| line.by == Speaker::Agent) {
            line.at = line.at.max(now);
        }
        self.lines.sort_by_key(|line| line.at);
    }

    /// Adds a line. Of one that is too much nothing is kept.
    pub fn add(&mut self, mut line: Utterance) {
        let fits = self.lines.len() < LINES_MAX && self.bytes + line.text.len() <= TEXT_BYTES_MAX;
        if fits && !line.text.trim().is_empty() {
            self.bytes += line.text.len();
            if let (Speaker::Agent, Some(heard_from)) = (line.by, self.heard_from) {
                line.at = line.at.max(heard_from);
            }
            // What a callee said is often understood when the answer is under way.
            let place = self.lines.partition_point(|known| known.at <= line.at);
            self.lines.insert(place, line);
        }
    }

    /// Of the agent's last line no more than this was heard.
    pub fn correct(&mut self, text: String) {
        let Some(place) = self.lines.iter().rposition(|line| line.by == Speaker::Agent) else { return };
        let bytes = self.bytes - self.lines[place].text.len() + text.len();
        if bytes > TEXT_BYTES_MAX {
            return;
        }
        self.bytes = bytes;
        if text.trim().is_empty() {
            self.lines.remove(place);
        } else {
            self.lines[place].text = text;
        }
    }

    /// All of them as they are kept, of a call that was answered then.
    pub fn said(&self, answered_at: Option<Instant>) -> Vec<Said> {
        let since = |at: Instant| answered_at.map(|answered| at.saturating_duration_since(answered));
        let at_ms = |at| u64::try_from(since(at).unwrap_or_default().as_millis()).unwrap_or(u64::MAX >> 1);
        let said = |line: &Utterance| Said { by: line.by, at_ms: at_ms(line.at), text: line.text.clone() };
        self.lines.iter().map(said).collect()
    }

    /// All of them.
    pub fn lines(&self) -> &[Utterance] {
        &self.lines
    }
}

/// A line of a call that is over, as it is stored and shown.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[schema(as = native::Said)]
pub struct Said {
    /// Who.
    pub by: Speaker,
    /// Milliseconds since the answer; what was said before it is at zero.
    pub at_ms: u64,
    /// What. Never logged.
    pub text: String,
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes by the {} at {} ms", self.text.len(), self.by.as_str(), self.at_ms)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant will do")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn line(by: Speaker, at: Instant, text: &str) -> Utterance {
        Utterance { by, at, text: text.into() }
    }

    #[test]
    fn lines_stand_in_the_order_in_which_they_began() {
        let (now, mut transcript) = (Instant::now(), Transcript::default());
        transcript.add(line(Speaker::Agent, now + Duration::from_secs(2), "Good."));
        transcript.add(line(Speaker::Callee, now, "Hello?"));
        transcript.add(line(Speaker::Agent, now + Duration::from_secs(3), " "));
        let texts: Vec<_> = transcript.lines().iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["Hello?", "Good."]);
    }

    #[test]
    fn what_waited_to_be_heard_was_said_when_it_was_heard() {
        let (now, mut transcript) = (Instant::now(), Transcript::default());
        let after = |ms| now + Duration::from_millis(ms);
        transcript.add(line(Speaker::Agent, now, "Good day."));
        transcript.add(line(Speaker::Callee, after(500), "Hello?"));
        transcript.hear_agent(after(1_500));
        // Its words come later than its sound.
        transcript.add(line(Speaker::Agent, after(100), "This is Acme."));
        transcript.add(line(Speaker::Callee, after(3_000), "Yes?"));
        let said = transcript.said(Some(now));
        let lines: Vec<_> = said.iter().map(|said| (said.at_ms, said.text.as_str())).collect();
        assert_eq!(lines, [(500, "Hello?"), (1_500, "Good day."), (1_500, "This is Acme."), (3_000, "Yes?")]);
    }

    #[test]
    fn a_correction_is_of_the_agents_last_line() {
        let (now, mut transcript) = (Instant::now(), Transcript::default());
        transcript.correct("nothing to correct".into());
        transcript.add(line(Speaker::Agent, now, "I will tell you everything."));
        transcript.add(line(Speaker::Callee, now, "Wait!"));
        transcript.correct("I will tell".into());
        assert_eq!(transcript.lines()[0].text, "I will tell");
        transcript.correct(String::new());
        assert_eq!(transcript.lines().len(), 1);
    }

    #[test]
    fn it_is_bounded_in_lines_and_in_bytes_and_does_not_print_what_was_said() {
        let (now, mut transcript) = (Instant::now(), Transcript::default());
        for _ in 0..2 * LINES_MAX {
            transcript.add(line(Speaker::Callee, now, "secret"));
        }
        assert_eq!(transcript.lines().len(), LINES_MAX);
        assert!(!format!("{transcript:?}").contains("secret"));
        let mut long = Transcript::default();
        long.add(line(Speaker::Agent, now, &"x".repeat(TEXT_BYTES_MAX)));
        long.add(line(Speaker::Agent, now, "y"));
        assert_eq!(long.lines().len(), 1);
    }
}
