//! The few verbs of TwiML that the script agent can do: `<Say>`, `<Pause>`, `<Hangup>`. Whatever else a document asks for is
//! refused by name: a call that does half of what it was told is worse than none.

use std::time::Duration;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use crate::face::body::{PROMPT_BYTES_MAX, wrong};
use crate::model::{Line, LineEnd, Refusal, Said};

/// Verbs of one document.
const VERBS_MAX: usize = 64;
/// One `<Pause>`, in seconds.
const PAUSE_SECONDS_MAX: u64 = 180;
/// A document is at most so long (Twilio's own bound for `Twiml` is 4,000 characters).
const DOCUMENT_BYTES_MAX: usize = PROMPT_BYTES_MAX;

/// The lines that a document amounts to. Its end ends the call.
pub fn parse(text: &str) -> Result<Vec<Line>, Refusal> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(invalid(format!("is longer than {DOCUMENT_BYTES_MAX} bytes")));
    }
    let mut document = Document::default();
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().map_err(|error| invalid(format!("is not well-formed: {error}")))? {
            Event::Start(start) => document.open(&start, false)?,
            Event::Empty(start) => document.open(&start, true)?,
            Event::End(_) => document.close()?,
            Event::Text(text) => {
                document.text(&text.decode().map_err(|_| invalid("is not UTF-8"))?)?;
            }
            Event::CData(text) => {
                document.text(&text.decode().map_err(|_| invalid("is not UTF-8"))?)?;
            }
            Event::GeneralRef(name) => document.text(&entity(&name)?)?,
            Event::DocType(_) => return Err(invalid("has a DOCTYPE, which TwiML has no use for")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => return document.finish(),
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Document {
    lines: Vec<Line>,
    /// Elements that are open: `Response`, and a verb in it.
    depth: usize,
    say: Option<String>,
    hung_up: bool,
    was_response: bool,
}

impl Document {
    fn open(&mut self, start: &BytesStart<'_>, is_empty: bool) -> Result<(), Refusal> {
        let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
        match (self.depth, name.as_str()) {
            (0, "Response") if !self.was_response => self.was_response = true,
            (0, _) => return Err(invalid("must be one <Response>")),
            (1, "Say") => self.say = Some(String::new()),
            (1, "Pause") => self.verb(Said::Pause(pause(start)?))?,
            (1, "Hangup") => self.hung_up = true,
            (1, "Connect" | "Start" | "Stream") => {
                return Err(invalid("connects a media stream, which this switch does not do yet"));
            }
            (_, name) => return Err(invalid(format!("has <{name}>, which this switch does not do"))),
        }
        if is_empty {
            self.depth += 1;
            return self.close();
        }
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), Refusal> {
        self.depth = self.depth.saturating_sub(1);
        match self.say.take() {
            Some(text) if !text.trim().is_empty() => {
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                self.verb(Said::Text(text.into()))
            }
            _ => Ok(()),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Refusal> {
        match &mut self.say {
            Some(say) => say.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(invalid("has text outside of <Say>")),
        }
        Ok(())
    }

    /// Nothing after a hang-up is done.
    fn verb(&mut self, said: Said) -> Result<(), Refusal> {
        if self.lines.len() >= VERBS_MAX {
            return Err(invalid(format!("has more than {VERBS_MAX} verbs")));
        }
        if !self.hung_up {
            self.lines.push(Line { said, then: LineEnd::GoOn });
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Line>, Refusal> {
        if !self.was_response || self.depth != 0 {
            return Err(invalid("must be one <Response>"));
        }
        match self.lines.last_mut() {
            Some(last) => last.then = LineEnd::EndCall,
            None => return Err(invalid("says nothing: it needs a <Say> or a <Pause>")),
        }
        Ok(self.lines)
    }
}

fn pause(start: &BytesStart<'_>) -> Result<Duration, Refusal> {
    let Some(length) = start.try_get_attribute("length").ok().flatten() else {
        return Ok(Duration::from_secs(1));
    };
    let seconds: Option<u64> =
        std::str::from_utf8(&length.value).ok().and_then(|text| text.trim().parse().ok());
    let seconds = seconds.filter(|seconds| (1..=PAUSE_SECONDS_MAX).contains(seconds));
    let reason = || invalid(format!("has a <Pause> whose length is not 1 to {PAUSE_SECONDS_MAX} seconds"));
    seconds.map(Duration::from_secs).ok_or_else(reason)
}

/// `&amp;` and its like, or a character by its number.
fn entity(name: &quick_xml::events::BytesRef<'_>) -> Result<String, Refusal> {
    let unknown = || invalid("has an entity that XML does not have");
    if let Some(character) = name.resolve_char_ref().map_err(|_| unknown())? {
        return Ok(character.to_string());
    }
    let text = name.decode().map_err(|_| unknown())?;
    resolve_predefined_entity(&text).map(str::to_owned).ok_or_else(unknown)
}

fn invalid(reason: impl Into<String>) -> Refusal {
    wrong("Twiml", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, Refusal> {
        let line = |line: Line| {
            let said = match line.said {
                Said::Text(text) => text.to_string(),
                Said::Pause(time) => format!("{} s", time.as_secs()),
            };
            format!("{said} {:?}", line.then)
        };
        Ok(parse(text)?.into_iter().map(line).collect())
    }

    #[test]
    fn verbs_become_lines_and_the_last_one_ends_the_call() {
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>\n <Say voice=\"alice\">Fish &amp; chips,\n  \
                    &#65;nn</Say>\n <Pause length=\"2\"/><Pause/><Say>Bye</Say><Hangup/><Say>never</Say></Response>";
        let lines = shown(text).expect("valid");
        assert_eq!(lines, ["Fish & chips, Ann GoOn", "2 s GoOn", "1 s GoOn", "Bye EndCall"]);
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        for (text, word) in [
            ("<Response><Connect><Stream url=\"wss://a\"/></Connect></Response>", "media stream"),
            ("<Response><Dial>+12</Dial></Response>", "<Dial>"),
            ("<Response><Say>a<break/></Say></Response>", "<break>"),
            ("<Response><Hangup/></Response>", "says nothing"),
            ("<Response/>", "says nothing"),
            ("<Response><Say>a</Say>", "one <Response>"),
            ("<Response><Say>a</Response>", "well-formed"),
            ("<Other><Say>a</Say></Other>", "one <Response>"),
            ("", "one <Response>"),
            ("hello", "outside"),
            ("<Response><Pause length=\"0\"/></Response>", "length"),
            ("<Response><Pause length=\"9999\"/></Response>", "length"),
            ("<!DOCTYPE a [<!ENTITY b \"c\">]><Response><Say>&b;</Say></Response>", "DOCTYPE"),
            ("<Response><Say>&b;</Say></Response>", "entity"),
        ] {
            match shown(text) {
                Err(Refusal::InvalidField { field, reason }) => {
                    assert_eq!(field, "Twiml");
                    assert!(reason.contains(word), "{text}: {reason}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_document_makes_it_panic(text in "(<|>|/|Response|Say|Pause|&|;|\"| |=|a|!\\[CDATA\\[|\\]\\]){0,60}") {
            let _ = parse(&text);
        }
    }
}
