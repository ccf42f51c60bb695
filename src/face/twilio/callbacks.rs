//! Who is told of a call: `StatusCallback`, `AsyncAmdStatusCallback` and `RecordingStatusCallback`, each with the events that it is
//! told.

use super::form::Form;
use crate::face::body::wrong;
use crate::model::{Callback, EventKind, EventSet, Refusal};

/// What a callback's events are called, and which they are here.
type Words = [(&'static str, EventKind)];

const STATUS: &Words = &[
    ("initiated", EventKind::Started),
    ("ringing", EventKind::Ringing),
    ("answered", EventKind::Answered),
    ("completed", EventKind::Completed),
];

const RECORDING: &Words = &[
    ("in-progress", EventKind::RecordingStarted),
    ("completed", EventKind::RecordingCompleted),
    ("absent", EventKind::RecordingFailed),
];

/// Where a call's progress is told: its end, if nothing else is asked for.
pub fn of_status(form: &Form) -> Result<Option<Callback>, Refusal> {
    chosen(form, "StatusCallback", STATUS, EventKind::Completed)
}

/// Who is told who answered, where the document does not wait for that, and who is told of the recording, if there is to be one.
/// What cannot come is checked and not owed.
pub fn others(form: &Form, is_judged_aside: bool, is_recorded: bool) -> Result<Vec<Callback>, Refusal> {
    let judged = one(form, "AsyncAmdStatusCallback", EventKind::Judged)?.filter(|_| is_judged_aside);
    let recorded = chosen(form, "RecordingStatusCallback", RECORDING, EventKind::RecordingCompleted)?;
    Ok(judged.into_iter().chain(recorded.filter(|_| is_recorded)).collect())
}

/// A callback for some of these events.
fn chosen(form: &Form, name: &str, words: &Words, usual: EventKind) -> Result<Option<Callback>, Refusal> {
    let field = format!("{name}Event");
    let kind = |word: &str| words.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind);
    let named = form.all(&field).flat_map(str::split_ascii_whitespace);
    let events: Option<EventSet> = named.map(kind).collect();
    let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    let events = events.ok_or_else(|| wrong(&field, format!("must be some of {}", known())))?;
    let callback = one(form, name, usual)?;
    Ok(callback.map(|usual| if events == EventSet::default() { usual } else { Callback { events, ..usual } }))
}

/// A callback for one event.
fn one(form: &Form, name: &str, kind: EventKind) -> Result<Option<Callback>, Refusal> {
    form.only_post(&format!("{name}Method"))?;
    if form.text(name).is_none() {
        return Ok(None);
    }
    let url = form.url(name)?;
    Ok(Some(Callback { url, events: [kind].into_iter().collect() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> Result<String, Refusal> {
        let form = Form::parse(form.as_bytes())?;
        let told = |callback: Callback| format!("{} {}", callback.url, callback.events.words());
        let status = of_status(&form)?.map(told);
        let others = others(&form, form.flag("aside")?, form.flag("recorded")?)?.into_iter().map(told);
        Ok(status.into_iter().chain(others).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn each_is_told_what_it_asks_for_and_else_the_end() {
        for (form, expected) in [
            ("", ""),
            ("StatusCallback=https://a/", "https://a/ call.completed"),
            (
                "StatusCallback=https://a/&StatusCallbackEvent=ringing&StatusCallbackEvent=answered+initiated",
                "https://a/ call.started,call.ringing,call.answered",
            ),
            ("AsyncAmdStatusCallback=https://b/&aside=true", "https://b/ call.judged"),
            ("AsyncAmdStatusCallback=https://b/", ""),
            ("RecordingStatusCallback=https://c/&recorded=true", "https://c/ recording.completed"),
            ("RecordingStatusCallback=https://c/", ""),
            (
                "RecordingStatusCallback=https://c/&RecordingStatusCallbackEvent=in-progress+absent&recorded=true",
                "https://c/ recording.started,recording.failed",
            ),
        ] {
            assert_eq!(read(form).expect("valid"), expected, "{form}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_refused() {
        for form in [
            "StatusCallback=https://a/&StatusCallbackEvent=absent",
            "StatusCallback=ftp://a/",
            "RecordingStatusCallback=https://a/&RecordingStatusCallbackEvent=ringing",
            "RecordingStatusCallback=https://a/&RecordingStatusCallbackMethod=GET",
            "AsyncAmdStatusCallback=nowhere",
            "RecordingStatusCallbackMethod=GET",
            "StatusCallbackEvent=absent",
            "AsyncAmdStatusCallback=https://a/&AsyncAmdStatusCallbackMethod=GET",
        ] {
            assert!(matches!(read(form), Err(Refusal::InvalidField { .. })), "{form}");
        }
    }
}
