//! The script agent: says its lines in order and listens between them.
//!
//! Sans-IO. Knows clips and marks; nothing of SIP, RTP or how text becomes speech. Its lines are queued as soon as they
//! are rendered, behind the leg's gate, so that the first one is ready when the verdict falls.

use std::collections::VecDeque;
use std::sync::Arc;

use trunkline_media::Clip;

use crate::model::{Line, LineEnd, Said};

/// What the agent wants done.
#[derive(Clone, Debug)]
pub enum Act {
    /// Turn this line into speech; answer with [`Script::rendered`].
    Render {
        /// Which line.
        line: usize,
        /// What is spoken.
        text: Arc<str>,
    },
    /// Queue a clip; report its mark.
    Play {
        /// The audio.
        clip: Arc<Clip>,
        /// The line's number.
        mark: u32,
    },
    /// All is said: hang up.
    Finish,
    /// A line could not be spoken: hang up, the callee would hear nothing.
    Fail,
}

/// A script being spoken.
pub struct Script {
    lines: Vec<Line>,
    clips: Vec<Option<Arc<Clip>>>,
    state: State,
    acts: VecDeque<Act>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The line's speech is not rendered yet.
    Rendering(usize),
    /// The line is queued or heard.
    Speaking(usize),
    /// The line was heard; it is the callee's turn.
    Listening(usize),
    /// Nothing more will be said.
    Done,
}

impl Script {
    /// Asks for every line's speech at once: the first is needed when the callee answers, the others soon after.
    pub fn new(lines: Vec<Line>) -> Self {
        let render = |(line, spoken): (usize, &Line)| match &spoken.said {
            Said::Text(text) => Some(Act::Render { line, text: Arc::clone(text) }),
            Said::Pause(_) => None,
        };
        let acts = lines.iter().enumerate().filter_map(render).collect();
        let clips: Vec<_> = lines.iter().map(|line| silence(&line.said)).collect();
        let starts_silent = clips.first().is_some_and(Option::is_some);
        let mut script = Self { lines, clips, state: State::Rendering(0), acts };
        if starts_silent {
            script.say(0);
        }
        script
    }

    /// A line's speech is there, or cannot be had.
    pub fn rendered(&mut self, line: usize, clip: Option<Arc<Clip>>) {
        match (clip, self.clips.get_mut(line)) {
            (Some(clip), Some(place)) => *place = Some(clip),
            (None, Some(_)) => return self.fail(),
            (_, None) => return,
        }
        if self.state == State::Rendering(line) {
            self.say(line);
        }
    }

    /// A line is over: heard to its end, or cleared because the callee spoke.
    pub fn marked(&mut self, mark: u32, cleared: bool) {
        let State::Speaking(line) = self.state else { return };
        if mark as usize != line {
            return;
        }
        match self.lines[line].then {
            LineEnd::EndCall if !cleared => self.finish(),
            LineEnd::GoOn => self.say(line + 1),
            LineEnd::EndCall | LineEnd::Listen => self.state = State::Listening(line),
        }
    }

    /// A line was cut short, and is to be said again from its beginning.
    pub fn recall(&mut self, mark: u32) {
        if let State::Speaking(line) = self.state
            && mark as usize == line
        {
            self.say(line);
        }
    }

    /// The callee has spoken and is silent again.
    pub fn turn_ended(&mut self) {
        if let State::Listening(line) = self.state {
            self.say(line + 1);
        }
    }

    /// Says nothing more: somebody else decides what is played from now on.
    pub fn stop(&mut self) {
        self.state = State::Done;
        self.acts.clear();
    }

    /// The next thing to do.
    pub fn poll_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// The next thing to do beforehand, while something else is said.
    pub fn poll_render(&mut self) -> Option<Act> {
        self.acts.pop_front_if(|act| matches!(act, Act::Render { .. }))
    }

    fn say(&mut self, line: usize) {
        match self.clips.get(line) {
            None => self.finish(),
            Some(None) => self.state = State::Rendering(line),
            Some(Some(clip)) => {
                let mark = u32::try_from(line).expect("a script has fewer than 2^32 lines");
                self.acts.push_back(Act::Play { clip: Arc::clone(clip), mark });
                self.state = State::Speaking(line);
            }
        }
    }

    fn finish(&mut self) {
        self.state = State::Done;
        self.acts.push_back(Act::Finish);
    }

    fn fail(&mut self) {
        if self.state != State::Done {
            self.state = State::Done;
            self.acts.push_back(Act::Fail);
        }
    }
}

/// A pause is heard as a clip of its own, so that it begins and ends as a line does.
fn silence(said: &Said) -> Option<Arc<Clip>> {
    /// µ-law's zero.
    const QUIET: u8 = 0xff;
    let Said::Pause(time) = said else { return None };
    let samples = usize::try_from(time.as_millis()).unwrap_or(0).saturating_mul(SAMPLES_A_MS);
    Some(Arc::new(Clip::from_pcmu(vec![QUIET; samples])))
}

/// At 8 kHz.
const SAMPLES_A_MS: usize = 8;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn script(ends: &[LineEnd]) -> Script {
        let line = |then: &LineEnd| Line { said: Said::Text("x".into()), then: *then };
        Script::new(ends.iter().map(line).collect())
    }

    fn clip() -> Option<Arc<Clip>> {
        Some(Arc::new(Clip::from_pcmu(vec![0xff; 160])))
    }

    fn acts(script: &mut Script) -> Vec<&'static str> {
        std::iter::from_fn(|| script.poll_act())
            .map(|act| match act {
                Act::Render { .. } => "render",
                Act::Play { .. } => "play",
                Act::Finish => "finish",
                Act::Fail => "fail",
            })
            .collect()
    }

    #[test]
    fn lines_follow_the_callees_turns_and_then_it_finishes() {
        let mut script = script(&[LineEnd::Listen, LineEnd::Listen]);
        script.rendered(1, clip());
        script.rendered(0, clip());
        assert_eq!(acts(&mut script), ["render", "render", "play"]);
        script.turn_ended();
        assert!(acts(&mut script).is_empty(), "the callee's greeting is no answer to what was not said yet");
        script.marked(0, false);
        script.turn_ended();
        assert_eq!(acts(&mut script), ["play"]);
        script.marked(1, false);
        script.turn_ended();
        assert_eq!(acts(&mut script), ["finish"]);
    }

    #[test]
    fn a_line_that_is_recalled_is_said_again() {
        let mut script = script(&[LineEnd::EndCall]);
        script.rendered(0, clip());
        script.recall(0);
        assert_eq!(acts(&mut script), ["render", "play", "play"]);
        script.marked(0, false);
        script.recall(0);
        assert_eq!(acts(&mut script), ["finish"]);
    }

    #[test]
    fn end_call_ends_after_its_own_words_unless_the_callee_spoke() {
        let mut heard = script(&[LineEnd::EndCall]);
        heard.rendered(0, clip());
        heard.marked(0, false);
        assert_eq!(acts(&mut heard), ["render", "play", "finish"]);

        let mut interrupted = script(&[LineEnd::EndCall]);
        interrupted.rendered(0, clip());
        interrupted.marked(0, true);
        assert_eq!(acts(&mut interrupted), ["render", "play"]);
        interrupted.turn_ended();
        assert_eq!(acts(&mut interrupted), ["finish"]);
    }

    #[test]
    fn lines_that_go_on_and_pauses_follow_each_other_at_once() {
        let pause = Line { said: Said::Pause(Duration::from_secs(1)), then: LineEnd::GoOn };
        let words = |then| Line { said: Said::Text("x".into()), then };
        let mut script =
            Script::new(vec![pause.clone(), words(LineEnd::GoOn), pause, words(LineEnd::EndCall)]);
        assert_eq!(acts(&mut script), ["render", "render", "play"], "a pause needs no rendering");
        script.rendered(1, clip());
        script.rendered(3, clip());
        for line in 0..3 {
            script.marked(line, false);
            assert_eq!(acts(&mut script), ["play"]);
        }
        script.marked(3, false);
        assert_eq!(acts(&mut script), ["finish"]);
    }

    #[test]
    fn a_line_that_is_late_is_said_when_it_comes() {
        let mut script = script(&[LineEnd::Listen, LineEnd::EndCall]);
        script.rendered(0, clip());
        script.marked(0, false);
        script.turn_ended();
        acts(&mut script);
        script.rendered(1, clip());
        assert_eq!(acts(&mut script), ["play"]);
    }

    #[test]
    fn a_line_that_cannot_be_spoken_fails_once() {
        let mut script = script(&[LineEnd::Listen, LineEnd::Listen]);
        acts(&mut script);
        script.rendered(0, None);
        script.rendered(1, None);
        assert_eq!(acts(&mut script), ["fail"]);
    }
}
