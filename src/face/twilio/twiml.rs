//! TwiML as steps: `<Connect>`, `<Start>` and `<Stop>` of a `<Stream>`, `<Say>`, `<Play>`, `<Pause>`, `<Gather>`, `<Dial>`,
//! `<Redirect>`, `<Reject>`, `<Hangup>`. Whatever else a document asks for is refused by name: a call that does half of what it was told
//! is worse than none.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::attribute::{number, url};
use super::dial::dial;
use super::xml::{Element, read};
use crate::model::{
    Bot, DIGITS_MAX, Dialect, Gather, Link, Listener, SPOKEN_BYTES_MAX, STEPS_MAX, Sound, Step, Track, Verb,
    WAIT_MAX,
};

/// How long a digit is awaited when nobody says.
const GATHER_SECONDS: u64 = 5;
/// How often something is repeated at most; Twilio's "for ever" is none of ours.
const LOOPS_MAX: u64 = 20;

/// The steps of a document that came from `base`, to which its URLs may be relative; else what is wrong with it, in one clause.
/// After the last one the call ends.
pub fn parse(base: Option<&Url>, text: &str) -> Result<Vec<Step>, String> {
    let response = read(text)?;
    if !response.text.trim().is_empty() {
        return Err("has text outside of its verbs".to_owned());
    }
    let mut steps = Vec::new();
    for verb in &response.children {
        self::verb(base, verb, &mut steps)?;
        if steps.len() > STEPS_MAX {
            return Err(format!("has more than {STEPS_MAX} verbs"));
        }
        // Nothing after them is done.
        if matches!(steps.last(), Some(Step::Hangup | Step::Redirect(_))) {
            break;
        }
    }
    // Nothing to do is something to say: the call is over.
    if steps.is_empty() {
        steps.push(Step::Hangup);
    }
    Ok(steps)
}

fn verb(base: Option<&Url>, element: &Element, steps: &mut Vec<Step>) -> Result<(), String> {
    match element.name.as_str() {
        "Say" | "Play" | "Pause" => heard(base, element, steps)?,
        "Gather" => steps.push(Step::Gather(Box::new(gather(base, element)?))),
        "Dial" => steps.push(Step::Dial(Arc::new(dial(base, element)?))),
        "Redirect" => {
            let url = url(base, &element.words(), "Redirect")?;
            steps.push(Step::Redirect(Link { url, verb: verb_of(element)? }));
        }
        // The call is answered by now: there is nothing left to reject but what follows.
        "Hangup" | "Reject" => steps.push(Step::Hangup),
        "Connect" => {
            steps.push(Step::Connect(Arc::new(stream(only_stream(element)?)?)));
            // When the stream is over its program says what follows, and nothing else of this document does.
            if let Some(action) = element.attribute("action").filter(|action| !action.is_empty()) {
                let url = url(base, action, "Connect")?;
                steps.push(Step::Redirect(Link { url, verb: verb_of(element)? }));
            }
        }
        "Start" => steps.push(Step::StartStream(Arc::new(started(element)?))),
        "Stop" => {
            only_stream(element)?;
            steps.push(Step::StopStream);
        }
        name => return Err(format!("has <{name}>, which this switch does not do")),
    }
    Ok(())
}

/// What may also stand in a `<Gather>`.
fn heard(base: Option<&Url>, element: &Element, steps: &mut Vec<Step>) -> Result<(), String> {
    if let Some(child) = element.children.first() {
        return Err(format!("has <{}>, which this switch does not do", child.name));
    }
    let step = match element.name.as_str() {
        "Pause" => {
            let longest = WAIT_MAX.as_secs();
            Step::Pause(Duration::from_secs(number(element, "length", 1, 1..=longest)?))
        }
        "Play" if element.attribute("digits").is_some() => Step::SendDigits(digits(element)?),
        "Play" => Step::Play(Sound::Url(url(base, &element.words(), "Play")?)),
        "Say" => {
            let words = element.words();
            if words.len() > SPOKEN_BYTES_MAX {
                return Err(format!("has a <Say> of more than {SPOKEN_BYTES_MAX} bytes"));
            }
            if words.is_empty() {
                return Ok(());
            }
            Step::Say(words.into())
        }
        name => return Err(format!("has <{name}> in a <Gather>, which this switch does not do")),
    };
    let loops = match element.name.as_str() {
        "Pause" => 1,
        _ => number(element, "loop", 1, 1..=LOOPS_MAX)?,
    };
    steps.extend((0..loops).map(|_| step.clone()));
    Ok(())
}

fn gather(base: Option<&Url>, element: &Element) -> Result<Gather, String> {
    let verb = verb_of(element)?;
    if element.attribute("input").is_some_and(|input| input != "dtmf") {
        return Err("has a <Gather> whose input is not dtmf, which this switch does not do".to_owned());
    }
    let mut prompt = Vec::new();
    for child in &element.children {
        heard(base, child, &mut prompt)?;
    }
    if prompt.len() > STEPS_MAX || prompt.iter().any(|step| matches!(step, Step::SendDigits(_))) {
        return Err("has a <Gather> with more than can be heard".to_owned());
    }
    let finish_on = match element.attribute("finishOnKey") {
        None => Some('#'),
        Some("") => None,
        Some(key) => {
            let mut keys = key.chars().filter(|key| key.is_ascii_digit() || "*#".contains(*key));
            match (keys.next(), key.chars().count()) {
                (Some(key), 1) => Some(key),
                _ => return Err("has a <Gather> whose finishOnKey is not one key".to_owned()),
            }
        }
    };
    // Twilio's default is the document itself: its program tells the two by the digits.
    let action = match (element.attribute("action").filter(|action| !action.is_empty()), base) {
        (Some(action), _) => Some(url(base, action, "Gather")?),
        (None, base) => base.map(|base| base.as_str().to_owned()),
    };
    Ok(Gather {
        turn: None,
        prompt,
        digits_max: usize::try_from(number(element, "numDigits", DIGITS_MAX as u64, 1..=DIGITS_MAX as u64)?)
            .unwrap_or(DIGITS_MAX),
        finish_on,
        timeout: Duration::from_secs(number(element, "timeout", GATHER_SECONDS, 1..=WAIT_MAX.as_secs())?),
        action: action.map(|url| Link { url, verb }.into()),
        ask_if_empty: element.attribute("actionOnEmptyResult") == Some("true"),
    })
}

/// A `<Start>` of one `<Stream>`, which listens. Twilio's default is the inbound track.
fn started(element: &Element) -> Result<Listener, String> {
    let element = only_stream(element)?;
    let track = match element.attribute("track") {
        None | Some("inbound_track") => Track::Callee,
        Some("outbound_track") => Track::Agent,
        Some("both_tracks") => Track::Both,
        Some(_) => {
            return Err(
                "has a <Stream> whose track is not inbound_track, outbound_track or both_tracks".to_owned()
            );
        }
    };
    Ok(Listener { bot: stream(element)?, track })
}

fn only_stream(element: &Element) -> Result<&Element, String> {
    match element.children.as_slice() {
        [stream] if stream.name == "Stream" => Ok(stream),
        [other] if other.name != "Stream" => {
            Err(format!("has <{}> in a <{}>, which this switch does not do", other.name, element.name))
        }
        _ => Err(format!("has a <{}> of something else than one <Stream>", element.name)),
    }
}

fn stream(stream: &Element) -> Result<Bot, String> {
    if stream.attribute("statusCallback").is_some() {
        return Err("has a <Stream> with statusCallback, which this switch does not call".to_owned());
    }
    let url = Dialect::Twilio.address(stream.attribute("url").unwrap_or_default());
    let url = url.map_err(|_| "has a <Stream> without a usable URL: wss://…".to_owned())?;
    let parameter = |child: &Element| match (child.name.as_str(), child.attribute("name")) {
        ("Parameter", Some(name)) if !name.is_empty() => {
            Ok((name.to_owned(), child.attribute("value").unwrap_or_default().to_owned()))
        }
        _ => Err("has a <Stream> with something else than named parameters".to_owned()),
    };
    let parameters: Vec<_> = stream.children.iter().map(parameter).collect::<Result<_, _>>()?;
    if !Bot::takes(&parameters) {
        return Err("has a <Stream> with too many parameters, or too long ones".to_owned());
    }
    Ok(Bot { parameters, ..Bot::at(url, Dialect::Twilio) })
}

fn digits(element: &Element) -> Result<String, String> {
    let digits = element.attribute("digits").unwrap_or_default();
    let reason = || format!("has a <Play> whose digits are not 1 to {DIGITS_MAX} of 0-9 * # A-D w");
    keys(digits).ok_or_else(reason)
}

/// Digits to send: `w` is half a second of pause, `W` a whole one.
pub fn keys(text: &str) -> Option<String> {
    let is_one = |digit: char| digit.is_ascii_digit() || "*#ABCD,wW".contains(digit);
    let keys = text.replace('W', "ww");
    (!keys.is_empty() && keys.len() <= DIGITS_MAX && text.chars().all(is_one)).then_some(keys)
}

fn verb_of(element: &Element) -> Result<Verb, String> {
    match element.attribute("method").map(str::to_ascii_uppercase).as_deref() {
        None | Some("POST") => Ok(Verb::Post),
        Some("GET") => Ok(Verb::Get),
        Some(_) => Err(format!("has a <{}> whose method is neither POST nor GET", element.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Action;

    #[test]
    fn a_document_without_a_verb_is_over() {
        for text in ["<Response/>", "<Response></Response>", "<Response><Say/></Response>"] {
            let steps = parse(None, text).expect("a document");
            assert_eq!(steps.iter().map(told).collect::<Vec<_>>(), ["hangup"], "{text}");
        }
    }

    fn told(step: &Step) -> String {
        match step {
            Step::Say(text) => format!("say {text}"),
            Step::Pause(time) => format!("pause {}", time.as_secs()),
            Step::Play(Sound::Url(url)) => format!("play {url}"),
            Step::Redirect(Link { url, verb }) => format!("redirect {url} {verb:?}"),
            Step::SendDigits(digits) => format!("digits {digits}"),
            Step::Dial(dial) => {
                let to: Vec<_> = dial.to.iter().map(crate::model::Destination::as_str).collect();
                let headers: Vec<_> = dial.headers.iter().map(crate::model::Header::pair).collect();
                format!("dial {to:?} {} {headers:?} {:?}", dial.ring_timeout.as_secs(), dial.action)
            }
            Step::Gather(gather) => {
                let prompt: Vec<_> = gather.prompt.iter().map(told).collect();
                let Gather { digits_max, finish_on, timeout, action, .. } = &**gather;
                let action = action.as_ref().and_then(Action::link).map(|link| (&link.url, link.verb));
                format!("gather {prompt:?} {digits_max} {finish_on:?} {} {action:?}", timeout.as_secs())
            }
            step => step.name().to_owned(),
        }
    }

    fn shown(text: &str) -> Result<Vec<String>, String> {
        let base = Url::parse("https://a.example/voice/start").expect("a URL");
        Ok(parse(Some(&base), text)?.iter().map(told).collect())
    }

    #[test]
    fn verbs_become_steps_and_nothing_follows_a_hangup() {
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>\n <Say voice=\"alice\" loop=\"2\">Fish &amp; chips,\n  \
                    &#65;nn</Say>\n <Pause length=\"2\"/><Pause/><Play>b.wav</Play><Play digits=\"1w2\"/>\
                    <Dial>+15551230002</Dial><Dial timeout=\"5\"><Number>+15551230003</Number></Dial><Say/><Hangup/><Say>never</Say></Response>";
        let steps = shown(text).expect("valid");
        let expected = [
            "say Fish & chips, Ann",
            "say Fish & chips, Ann",
            "pause 2",
            "pause 1",
            "play https://a.example/voice/b.wav",
            "digits 1w2",
            "dial [\"+15551230002\"] 30 [] None",
            "dial [\"+15551230003\"] 5 [] None",
            "hangup",
        ];
        assert_eq!(steps, expected);
        assert_eq!(
            shown("<Response><Redirect>/x?a=1&amp;b=2</Redirect><Say>a</Say></Response>").expect("valid"),
            ["redirect https://a.example/x?a=1&b=2 Post"]
        );
        assert_eq!(shown("<Response><Reject/></Response>").expect("valid"), ["hangup"]);
    }

    #[test]
    fn a_dial_says_whom_and_how() {
        let text = "<Response><Dial timeout=\"9\" timeLimit=\"60\" callerId=\"+15550100000\" record=\"record-from-answer\" \
                    hangupOnStar=\"true\" action=\"/done\"><Sip>sip:proj@m.example;transport=tls?X-A=b%20c&amp;X-D=e</Sip></Dial></Response>";
        let expected = "dial [\"sip:proj@m.example;transport=tls\"] 9 [(\"X-A\", \"b c\"), (\"X-D\", \"e\")] \
                        Some(\"https://a.example/done\")";
        assert_eq!(shown(text).expect("valid"), [expected]);
        let steps = parse(Url::parse("https://a.example").ok().as_ref(), text).expect("valid");
        let [Step::Dial(dial)] = steps.as_slice() else { panic!("one dial") };
        assert!(dial.record && dial.hangup_on_star);
        assert_eq!(dial.talk_max, Some(Duration::from_secs(60)));
        assert_eq!(dial.caller.as_ref().map(|caller| caller.as_str()), Some("+15550100000"));
        let several = "<Response><Dial><Number>+12</Number><Sip>sip:a@b</Sip></Dial></Response>";
        assert_eq!(shown(several).expect("valid"), ["dial [\"+12\", \"sip:a@b\"] 30 [] None"]);
    }

    #[test]
    fn a_stream_listens_or_talks_with_what_it_is_told() {
        let text = "<Response><Start><Stream url=\"wss://a.example/b\" track=\"outbound_track\"/></Start>\
                    <Stop><Stream/></Stop><Connect><Stream url=\"wss://a.example/c\"><Parameter name=\"k\" value=\"v\"/>\
                    </Stream></Connect></Response>";
        let steps = parse(None, text).expect("valid");
        let [Step::StartStream(listener), Step::StopStream, Step::Connect(bot)] = &steps[..] else {
            panic!("{steps:?}")
        };
        let url = listener.bot.url.as_ref().map(url::Url::as_str);
        assert_eq!((listener.track, url), (Track::Agent, Some("wss://a.example/b")));
        assert_eq!(bot.parameters, [("k".to_owned(), "v".to_owned())]);
    }

    #[test]
    fn a_stream_hears_both_sides() {
        let text =
            "<Response><Start><Stream url=\"wss://a.example\" track=\"both_tracks\"/></Start></Response>";
        let steps = parse(None, text).expect("valid");
        let [Step::StartStream(listener)] = &steps[..] else { panic!("{steps:?}") };
        assert_eq!(listener.track, Track::Both);
    }

    #[test]
    fn what_follows_a_stream_is_asked_for_where_its_connect_says() {
        let connect = |attributes: &str| {
            format!(
                "<Response><Connect {attributes}><Stream url=\"wss://a.example\"/></Connect><Say>never</Say></Response>"
            )
        };
        assert_eq!(
            shown(&connect("action=\"/over\" method=\"GET\"")).expect("valid"),
            ["connect", "redirect https://a.example/over Get"],
            "and nothing else of the document is done"
        );
        assert_eq!(shown(&connect("")).expect("valid"), ["connect", "say never"]);
        assert!(parse(None, &connect("action=\"/over\"")).is_err(), "relative to nothing");
    }

    #[test]
    fn digits_are_gathered_as_twilio_does_by_default() {
        let plain = shown("<Response><Gather><Say>Press 1</Say></Gather></Response>").expect("valid");
        assert_eq!(
            plain,
            ["gather [\"say Press 1\"] 64 Some('#') 5 Some((\"https://a.example/voice/start\", Post))"]
        );
        let text = "<Response><Gather numDigits=\"4\" finishOnKey=\"\" timeout=\"9\" method=\"get\" action=\"/pin\"/></Response>";
        assert_eq!(
            shown(text).expect("valid"),
            ["gather [] 4 None 9 Some((\"https://a.example/pin\", Get))"]
        );
        assert!(
            parse(None, "<Response><Gather action=\"/pin\"/></Response>").is_err(),
            "relative to nothing"
        );
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        for (text, word) in [
            ("<Response><Connect><Stream url=\"https://a\"/></Connect></Response>", "wss://"),
            ("<Response><Connect><Room>a</Room></Connect></Response>", "<Room>"),
            ("<Response><Start><Stream url=\"wss://a\" track=\"left\"/></Start></Response>", "track"),
            ("<Response><Start><Siprec/></Start></Response>", "<Siprec> in a <Start>"),
            ("<Response><Record/></Response>", "<Record>"),
            ("<Response><Dial><Sip>sip:a</Sip></Dial></Response>", "no SIP URI"),
            ("<Response><Dial><Sip>sip:a@b?Via=c</Sip></Dial></Response>", "X- headers"),
            ("<Response><Dial><Sip username=\"u\">sip:a@b</Sip></Dial></Response>", "username"),
            ("<Response><Dial><Sip>sip:a@b?X-A=1</Sip><Number>+12</Number></Dial></Response>", "alone"),
            ("<Response><Dial><Client>ann</Client></Dial></Response>", "<Client>"),
            ("<Response><Dial><Number url=\"/whisper\">+12</Number></Dial></Response>", "url"),
            ("<Response><Dial callerId=\"ann\">+12</Dial></Response>", "callerId"),
            ("<Response><Dial record=\"perhaps\">+12</Dial></Response>", "record"),
            ("<Response><Dial hangupOnStar=\"1\">+12</Dial></Response>", "hangupOnStar"),
            ("<Response><Dial timeout=\"601\">+12</Dial></Response>", "timeout"),
            ("<Response><Dial sequential=\"true\"><Number>+12</Number></Dial></Response>", "sequential"),
            (
                "<Response><Dial><Number machineDetection=\"Enable\">+12</Number></Dial></Response>",
                "machineDetection",
            ),
            ("<Response><Dial method=\"GET\" action=\"/a\">+12</Dial></Response>", "POST"),
            ("<Response><Dial>12</Dial></Response>", "E.164"),
            ("<Response><Gather input=\"speech\"/></Response>", "dtmf"),
            ("<Response><Gather method=\"PUT\"/></Response>", "POST"),
            ("<Response><Redirect method=\"HEAD\">/a</Redirect></Response>", "GET"),
            ("<Response><Gather finishOnKey=\"12\"/></Response>", "finishOnKey"),
            ("<Response><Gather><Dial>+12</Dial></Gather></Response>", "<Dial>"),
            ("<Response><Say>a<break/></Say></Response>", "<break>"),
            ("<Response><Say loop=\"0\">a</Say></Response>", "loop"),
            ("<Response><Play>ftp://a/b</Play></Response>", "URL"),
            ("<Response><Say>a</Say>", "one <Response>"),
            ("<Response><Say>a</Response>", "well-formed"),
            ("<Other><Say>a</Say></Other>", "one <Response>"),
            ("<Response/><Response/>", "one <Response>"),
            ("", "one <Response>"),
            ("hello", "outside"),
            ("<Response>hello</Response>", "outside"),
            ("<Response><Pause length=\"0\"/></Response>", "length"),
            ("<Response><Pause length=\"9999\"/></Response>", "length"),
            ("<!DOCTYPE a [<!ENTITY b \"c\">]><Response><Say>&b;</Say></Response>", "DOCTYPE"),
            ("<Response><Say>&b;</Say></Response>", "entity"),
            ("<Response><a><b><c><d/></c></b></a></Response>", "deep"),
        ] {
            let reason = shown(text).expect_err(text);
            assert!(reason.contains(word), "{text}: {reason}");
        }
        let many = format!("<Response>{}</Response>", "<Pause/>".repeat(STEPS_MAX + 1));
        assert!(shown(&many).expect_err("too many").contains("verbs"));
    }

    proptest::proptest! {
        #[test]
        fn no_document_makes_it_panic(text in "(<|>|/|Response|Say|Pause|Gather|&|;|\"| |=|a|!\\[CDATA\\[|\\]\\]){0,60}") {
            let _ = parse(None, &text);
        }
    }
}
