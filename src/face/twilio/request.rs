//! The form of `POST …/Calls.json`, and of `POST …/Calls/{sid}.json`.

use std::time::Duration;

use crate::face::Outbound;
use crate::face::body::wrong;
use crate::model::{
    AgentChoice, DIGITS_MAX, Detection, Face, FromPolicy, Guide, Key, Link, OutboundRequest, Refusal, Speak,
    Step, VoicemailAction, WhenFull,
};

use super::form::Form;
use super::{callbacks, twiml};

/// Seconds of ringing: `Timeout`.
const TIMEOUT_SECONDS: std::ops::RangeInclusive<u64> = 1..=600;
/// Seconds of talking: `TimeLimit`. More is our own limit all the same.
const TIME_LIMIT_SECONDS: std::ops::RangeInclusive<u64> = 1..=14_400;
/// No call lasts longer than this here.
const CALL_DURATION_MAX: Duration = Duration::from_secs(1_800);

/// Parses and checks a form.
pub fn parse(key: &Key, body: &[u8]) -> Result<Outbound, Refusal> {
    let form = Form::parse(body)?;
    for field in ["To", "From"] {
        if form.text(field).is_none() {
            return Err(Refusal::MissingField(field));
        }
    }
    let to = form.number("To")?;
    let from = form.number("From")?;
    let guide = with_digits(&form, first_guide(&form)?.ok_or(Refusal::MissingField("Url"))?)?;
    form.verb("Method")?;
    let record = form.flag("Record")?;
    let detection = detection(&form)?;
    let is_aside = form.flag("AsyncAmd")? && detection.is_some();
    let limit = form.seconds("TimeLimit", TIME_LIMIT_SECONDS)?;
    Ok(Outbound {
        idempotency_key: None,
        from_unusable: false,
        request: OutboundRequest {
            from: Some(from),
            from_policy: FromPolicy::OfTenant,
            voicemail: Some(voicemail(&form)),
            record: Some(record),
            when_full: WhenFull::Refuse,
            ring_timeout: form.seconds("Timeout", TIMEOUT_SECONDS)?,
            // The document begins at the answer, unless it is to wait for the detector's word.
            speak: (detection.is_none() || is_aside).then_some(Speak::Answer),
            detection,
            call_duration_max: Some(limit.unwrap_or(CALL_DURATION_MAX).min(CALL_DURATION_MAX)),
            callback: callbacks::of_status(&form)?,
            callbacks: callbacks::others(&form, is_aside, record)?,
            guide: Some(guide),
            ..OutboundRequest::new(key.tenant, key.id, AgentChoice::Script(Vec::new()), to)
        },
    })
}

/// What a client wants of a call that lives.
pub enum Change {
    /// Hang up.
    Complete,
    /// Hang up if nobody answered yet.
    Cancel,
    /// Do from now on what this document says, or the one that is there.
    Follow(Guide),
}

/// Reads the form of a change.
pub fn parse_change(body: &[u8]) -> Result<Change, Refusal> {
    let form = Form::parse(body)?;
    match (form.text("Status"), form.text("Url")) {
        (Some("completed"), _) => Ok(Change::Complete),
        (Some("canceled"), _) => Ok(Change::Cancel),
        (Some(_), _) => Err(wrong("Status", "must be \"completed\" or \"canceled\"")),
        (None, _) => match next_guide(&form)? {
            Some(guide) => Ok(Change::Follow(guide)),
            None => Err(Refusal::MissingField("Status")),
        },
    }
}

/// Who says what a new call does: `Url` is where its document is. Beside it `Twiml` is not looked at, as Twilio's SDKs say.
fn first_guide(form: &Form) -> Result<Option<Guide>, Refusal> {
    match form.text("Url") {
        Some(_) => Ok(Some(guide(form.link()?, Vec::new()))),
        None => document(form),
    }
}

/// Who says what a live call does from now on: `Twiml`, or `Url`. Twilio takes one of them; beside a document the URL is not looked at.
fn next_guide(form: &Form) -> Result<Option<Guide>, Refusal> {
    match (document(form)?, form.text("Url")) {
        (None, Some(_)) => Ok(Some(guide(form.link()?, Vec::new()))),
        (document, _) => Ok(document),
    }
}

fn document(form: &Form) -> Result<Option<Guide>, Refusal> {
    let Some(text) = form.text("Twiml") else { return Ok(None) };
    let steps = twiml::parse(None, text).map_err(|reason| wrong("Twiml", reason))?;
    Ok(Some(guide(Link::default(), steps)))
}

const fn guide(link: Link, first: Vec<Step>) -> Guide {
    Guide { link, face: Face::Twilio, key: None, first }
}

/// `SendDigits` are sent before anything else is done.
fn with_digits(form: &Form, mut guide: Guide) -> Result<Guide, Refusal> {
    let Some(text) = form.text("SendDigits") else { return Ok(guide) };
    let reason = || wrong("SendDigits", format!("must be 1 to {DIGITS_MAX} of 0-9 * # w W"));
    let digits = twiml::keys(text).ok_or_else(reason)?;
    if guide.first.is_empty() {
        guide.first.push(Step::Redirect(guide.link.clone()));
    }
    guide.first.insert(0, Step::SendDigits(digits));
    Ok(guide)
}

/// A document waits for a machine's message to end if it was asked to.
fn voicemail(form: &Form) -> VoicemailAction {
    let waits =
        form.text("MachineDetection").is_some_and(|word| word.eq_ignore_ascii_case("DetectMessageEnd"));
    if waits { VoicemailAction::SpeakAfterBeep } else { VoicemailAction::Ignore }
}

/// What the detector is told for this call. Its parameters are looked at even if they are not asked for.
fn detection(form: &Form) -> Result<Option<Detection>, Refusal> {
    form.one_of("MachineDetection", &["Enable", "DetectMessageEnd", "none"])?;
    let detection = Detection {
        total_analysis_time: form
            .number_in("MachineDetectionTimeout", 3..=59)?
            .map(|seconds| seconds * 1_000),
        greeting: form.number_in("MachineDetectionSpeechThreshold", 1_000..=6_000)?,
        after_greeting_silence: form.number_in("MachineDetectionSpeechEndThreshold", 500..=5_000)?,
        initial_silence: form.number_in("MachineDetectionSilenceTimeout", 2_000..=10_000)?,
        ..Detection::default()
    };
    let is_wanted = form.text("MachineDetection").is_some_and(|word| !word.eq_ignore_ascii_case("none"));
    Ok(is_wanted.then_some(detection))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KeyId, KeyScope, Secret, SpendControl, TenantId};

    fn detected(more: &str) -> Option<Detection> {
        asked(more).detection
    }

    fn key() -> Key {
        Key {
            id: KeyId(7),
            tenant: TenantId(1),
            face: Face::Twilio,
            public: "AC1".into(),
            secret_hash: [0; 32],
            signing: Secret::new("token".into()),
            scope: KeyScope::Tenant,
            concurrent: None,
            reads_per_minute: None,
            writes_per_minute: None,
            spend: SpendControl::default(),
        }
    }

    fn asked(more: &str) -> OutboundRequest {
        let form = format!("To=%2B12&From=%2B13&Url=https://a.example/{more}");
        parse(&key(), form.as_bytes()).expect("valid").request
    }

    #[test]
    fn a_document_waits_for_nobodys_word_unless_it_was_asked_for() {
        for (more, speak) in [
            ("", Some(Speak::Answer)),
            ("&MachineDetection=none", Some(Speak::Answer)),
            ("&MachineDetection=Enable", None),
            ("&MachineDetection=DetectMessageEnd&AsyncAmd=false", None),
            ("&MachineDetection=Enable&AsyncAmd=true", Some(Speak::Answer)),
        ] {
            assert_eq!(asked(more).speak, speak, "{more}");
        }
    }

    #[test]
    fn keys_are_pressed_before_the_document_is_asked_for_or_done() {
        let names = |more: &str| {
            let guide = asked(more).guide.expect("there is one");
            guide.first.iter().map(Step::name).collect::<Vec<_>>()
        };
        assert_eq!(names(""), [""; 0], "it is asked at once");
        assert_eq!(names("&SendDigits=ww12%23"), ["dtmf", "redirect"]);
        let refused = parse(&key(), b"To=%2B12&From=%2B13&Url=https://a.example/&SendDigits=call");
        assert!(matches!(refused, Err(Refusal::InvalidField { .. })));
    }

    #[test]
    fn beside_its_url_a_new_calls_document_is_not_looked_at_and_it_may_last_half_an_hour() {
        let asked = asked("&Twiml=<Other/>");
        assert!(
            asked.guide.is_some_and(|guide| guide.link.url == "https://a.example/" && guide.first.is_empty())
        );
        assert_eq!(asked.call_duration_max, Some(CALL_DURATION_MAX));
    }

    #[test]
    fn a_document_waits_for_the_beep_if_it_was_asked_to() {
        for (more, voicemail) in [
            ("", VoicemailAction::Ignore),
            ("&MachineDetection=Enable", VoicemailAction::Ignore),
            ("&MachineDetection=DetectMessageEnd", VoicemailAction::SpeakAfterBeep),
        ] {
            assert_eq!(asked(more).voicemail, Some(voicemail), "{more}");
        }
    }

    #[test]
    fn the_detectors_parameters_are_ours_by_other_names() {
        const ALL: &str = "&MachineDetectionTimeout=45&MachineDetectionSpeechThreshold=3000\
                           &MachineDetectionSpeechEndThreshold=800&MachineDetectionSilenceTimeout=4000";
        let expected = Detection {
            total_analysis_time: Some(45_000),
            greeting: Some(3_000),
            after_greeting_silence: Some(800),
            initial_silence: Some(4_000),
            ..Detection::default()
        };
        assert_eq!(detected(&format!("&MachineDetection=Enable{ALL}")), Some(expected));
        assert_eq!(detected("&MachineDetection=DetectMessageEnd"), Some(Detection::default()));
        // Nobody asked for it: the agent's own.
        assert_eq!((detected(ALL), detected(&format!("&MachineDetection=none{ALL}"))), (None, None));
    }

    #[test]
    fn a_live_call_ends_or_goes_on_elsewhere_and_a_status_wins() {
        let told = |form: &str| match parse_change(form.as_bytes()) {
            Ok(Change::Complete) => "complete".to_owned(),
            Ok(Change::Cancel) => "cancel".to_owned(),
            Ok(Change::Follow(Guide { link: Link { url, verb }, first, .. })) if first.is_empty() => {
                format!("{verb:?} {url}")
            }
            Ok(Change::Follow(Guide { first, .. })) => format!("{} steps", first.len()),
            Err(refusal) => format!("{refusal:?}").chars().take_while(|c| c.is_alphabetic()).collect(),
        };
        const DOCUMENT: &str = "Twiml=<Response><Say>a</Say><Hangup/></Response>";
        for (form, expected) in [
            ("Status=completed&Url=https://a.example/", "complete"),
            ("Status=canceled", "cancel"),
            ("Url=https://a.example/b", "Post https://a.example/b"),
            ("Url=https://a.example/b&Method=GET", "Get https://a.example/b"),
            (DOCUMENT, "2 steps"),
            ("Url=ftp://a&Method=PUT&Twiml=<Response><Hangup/></Response>", "1 steps"),
            ("Url=https://a.example/b&Method=PUT", "InvalidField"),
            ("Twiml=<Response><Record/></Response>", "InvalidField"),
            ("Status=busy", "InvalidField"),
            ("", "MissingField"),
        ] {
            assert_eq!(told(form), expected, "{form}");
        }
    }
}
