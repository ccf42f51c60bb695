//! What was said so far, for a session that is opened again in the middle of a call: in the order in which it was said, which is not that in which it
//! was understood. Bounded: what is oldest goes.

use std::collections::VecDeque;
use std::time::Instant;

use crate::model::Speaker;

/// Bytes that a new session is told.
const BYTES_MAX: usize = 8 * 1024;

/// Lines, by the time at which they began.
#[derive(Debug, Default)]
pub(super) struct Before {
    lines: VecDeque<Line>,
    bytes: usize,
}

#[derive(Debug)]
struct Line {
    at: Instant,
    by: Speaker,
    text: String,
}

impl Before {
    /// Somebody said this.
    pub fn said(&mut self, by: Speaker, at: Instant, text: &str) {
        let text = line(by, text);
        self.bytes += text.len();
        let place = self.lines.partition_point(|line| line.at <= at);
        self.lines.insert(place, Line { at, by, text });
        self.bound();
    }

    /// Of the agent's last line no more than this was heard.
    pub fn correct(&mut self, text: &str) {
        let Some(place) = self.lines.iter().rposition(|line| line.by == Speaker::Agent) else { return };
        if text.is_empty() {
            self.bytes -= self.lines.remove(place).map_or(0, |line| line.text.len());
            return;
        }
        let told = std::mem::replace(&mut self.lines[place].text, line(Speaker::Agent, text));
        self.bytes = self.bytes - told.len() + self.lines[place].text.len();
        self.bound();
    }

    fn bound(&mut self) {
        while self.bytes > BYTES_MAX
            && let Some(first) = self.lines.pop_front()
        {
            self.bytes -= first.text.len();
        }
    }

    /// All of it.
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| line.text.as_str()).collect()
    }
}

/// Of one that is too long, its end.
fn line(by: Speaker, text: &str) -> String {
    let mut line = format!("{}: {text}\n", by.as_str());
    let over = line.len().saturating_sub(BYTES_MAX);
    line.drain(..line.ceil_char_boundary(over));
    line
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests take one instant to count from")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_stand_where_they_began_whenever_they_were_understood() {
        let (mut before, start) = (Before::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        before.said(Speaker::Agent, at(0), "Hello.");
        before.said(Speaker::Agent, at(5), "Which day?");
        before.said(Speaker::Callee, at(3), "A table, please.");
        before.said(Speaker::Callee, at(5), "Tuesday.");
        let lines = "agent: Hello.\ncallee: A table, please.\nagent: Which day?\ncallee: Tuesday.\n";
        assert_eq!(before.text(), lines);
    }

    #[test]
    fn a_correction_is_of_the_agents_last_line() {
        let (mut before, start) = (Before::default(), Instant::now());
        before.correct("Nothing was said.");
        before.said(Speaker::Agent, start, "Hello.");
        before.said(Speaker::Agent, start, "I will tell you everything.");
        before.said(Speaker::Callee, start, "Wait!");
        before.correct("I will tell");
        assert_eq!(before.text(), "agent: Hello.\nagent: I will tell\ncallee: Wait!\n");
        before.correct("");
        assert_eq!((before.text().as_str(), before.bytes), ("agent: Hello.\ncallee: Wait!\n", 28));
    }

    #[test]
    fn what_is_oldest_goes_and_of_one_long_line_its_beginning() {
        let (mut before, now) = (Before::default(), Instant::now());
        for number in 0..2_000 {
            before.said(Speaker::Callee, now, &format!("{number}"));
        }
        assert!(before.text().len() <= BYTES_MAX && before.text().ends_with("1999\n"));
        assert_eq!(before.bytes, before.text().len());
        before.said(Speaker::Agent, now, &"ä".repeat(BYTES_MAX));
        assert!(before.text().len() <= BYTES_MAX && before.text().ends_with("ä\n"));
    }
}
