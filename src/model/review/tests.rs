//! Who is asked, which calls are gone over, and how long their last event waits.

use super::*;
use crate::face::nixflex::ended_call;
use crate::model::transcript::Said;
use crate::model::{KeyId, Speaker, TenantId, WebhookTarget};

const OFFER: ReviewOffer = ReviewOffer { transcribes: true, analyses: true, hold: Duration::from_secs(30) };

fn agent(transcript: TranscriptBy, analysis: bool) -> Agent {
    let analysis = analysis.then(|| Analysis::default().into());
    Agent { transcript, analysis, ..Agent::plain(TenantId(1)) }
}

/// A call of such an agent that has just ended, in which something was said.
fn over(transcript: TranscriptBy, analysis: bool, change: impl FnOnce(&mut CallRecord)) -> CallRecord {
    let mut call = ended_call();
    call.review = Review::wanted(&agent(transcript, analysis), OFFER);
    if transcript == TranscriptBy::Agent {
        call.transcript = vec![Said { by: Speaker::Callee, at_ms: 1, text: "Hello?".into() }];
    }
    change(&mut call);
    call.begin_review();
    call
}

fn stands(call: &CallRecord) -> (Option<&'static str>, Option<&'static str>) {
    (call.transcription().map(Progress::as_str), call.analysis().map(Progress::as_str))
}

#[test]
fn nothing_is_asked_for_unless_the_agent_says_so_and_somebody_is_there_to_ask() {
    use TranscriptBy::{Agent as Told, Endpoint, Nobody};
    let nobody = ReviewOffer { transcribes: false, analyses: false, ..OFFER };
    for (by, analysis, offer, wanted) in [
        (Nobody, false, OFFER, None),
        (Told, false, OFFER, None),
        (Told, true, OFFER, Some((false, true))),
        (Endpoint, false, OFFER, Some((true, false))),
        (Endpoint, true, OFFER, Some((true, true))),
        (Endpoint, true, nobody, None),
        (Told, true, nobody, None),
    ] {
        let review = Review::wanted(&agent(by, analysis), offer);
        let found = review.map(|review| (review.transcription.is_some(), review.analysis.is_some()));
        assert_eq!(found, wanted, "{by:?} {analysis}");
    }
    let own = ServiceChoice { url: "https://a.example/".parse().ok(), ..ServiceChoice::default() };
    let analysis = Some(Analysis { service: own, ..Analysis::default() }.into());
    let agent = Agent { analysis, ..agent(Told, false) };
    assert!(Review::wanted(&agent, nobody).is_some(), "it brings its own");
}

#[test]
fn an_agents_own_service_gets_neither_the_switchs_key_nor_its_model() {
    let usual = Service {
        url: "http://127.0.0.1/v1".parse().expect("a URL"),
        model: "usual".into(),
        api_key: Some(Secret::new("the switch's".to_owned())),
    };
    let own =
        ServiceChoice { url: "https://a.example/v1".parse().ok(), model: Some("own".into()), api_key: None };
    let asked = own.over(Some(&usual)).expect("somebody");
    assert!(asked.is_guarded && asked.service.api_key.is_none() && asked.service.model == "own");
    let named = ServiceChoice {
        model: Some("own".into()),
        api_key: Some(Secret::new("the tenant's".to_owned())),
        url: None,
    };
    let asked = named.over(Some(&usual)).expect("somebody");
    assert_eq!((asked.service.url, asked.is_guarded), (usual.url.clone(), false));
    assert_eq!(asked.service.api_key, named.api_key);
    assert_eq!(ServiceChoice::default().over(Some(&usual)).map(|asked| asked.service), Some(usual));
    assert_eq!(ServiceChoice::default().over(None), None);
}

#[test]
fn a_call_in_which_nothing_was_said_is_not_gone_over() {
    use TranscriptBy::{Agent as Told, Endpoint};
    let unanswered = over(Endpoint, true, |call| call.answered_at = None);
    let machine = over(Endpoint, true, |call| call.disposition = Some(Disposition::VoicemailDetected));
    let silent = over(Told, true, |call| call.transcript.clear());
    for call in [unanswered, machine, silent] {
        assert_eq!(call.review, None);
        assert_eq!(call.event_waits(), None);
    }
    assert_eq!(stands(&over(Told, true, |_| ())), (None, Some("pending")));
    assert_eq!(stands(&over(Endpoint, true, |_| ())), (Some("pending"), Some("pending")));
}

#[test]
fn without_a_recording_there_are_no_words_and_it_is_said_why() {
    let call = over(TranscriptBy::Endpoint, true, |call| call.recording = None);
    assert_eq!(call.transcription().and_then(Progress::error), Some("the call was not recorded"));
    let why = call.analysis().and_then(Progress::error);
    assert_eq!(why, Some("there is no transcript: the call was not recorded"));
    let call = over(TranscriptBy::Endpoint, true, |call| {
        (call.recording, call.recording_error) = (None, Some("no space".into()));
    });
    assert_eq!(call.transcription().and_then(Progress::error), Some("the recording failed: no space"));
    assert_eq!(call.event_waits(), None);
}

#[test]
fn an_event_waits_only_for_what_its_vendor_tells() {
    use TranscriptBy::{Agent as Told, Endpoint};
    let waits = |face: Face, by: TranscriptBy| {
        let mut call = over(by, true, |_| ());
        let key = KeyId(1);
        let events = Default::default();
        call.webhook = Some(WebhookTarget { url: "https://a.example/".into(), face, key, events });
        call.event_waits().map(|hold| hold.as_secs())
    };
    for (face, told, heard) in [
        (Face::Nixflex, Some(30), Some(30)),
        (Face::Voiceflow, Some(30), Some(30)),
        (Face::ThunderPhone, None, Some(30)),
        (Face::MiniVoice, None, None),
        (Face::Twilio, None, None),
    ] {
        assert_eq!((waits(face, Told), waits(face, Endpoint)), (told, heard), "{face:?}");
    }
    assert_eq!(over(Told, true, |_| ()).event_waits(), None, "nobody is told");
}

#[test]
fn what_was_found_is_not_printed() {
    let mut call = over(TranscriptBy::Agent, true, |_| ());
    let summary = "hidden".to_owned();
    let findings = Findings { summary, sentiment: Sentiment::Neutral, success: None, fields: Map::new() };
    call.review.as_mut().expect("wanted").findings = Some(findings);
    assert!(!format!("{call:?}").contains("hidden"));
}
