//! What is accepted, and in which words the rest is refused.

use std::time::Duration;

use crate::config::{Config, ConfigError};
use crate::model::review::{FieldKind, TranscriptFormat};
use crate::model::{Agent, TranscriptBy};

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse("t.toml", text, std::iter::empty())
}

fn agent(more: &str) -> Agent {
    let config = parse(&format!("[[agent]]\nid = \"a\"\n{more}")).expect("valid");
    config.objects.agents[0].clone()
}

fn refused(text: &str) -> String {
    parse(text).expect_err("must be refused").to_string()
}

fn agent_refused(more: &str) -> String {
    refused(&format!("[[agent]]\nid = \"a\"\n{more}"))
}

/// A model, which tells what was said.
const TOLD: &str =
    "transcript = true\n[agent.model]\nprovider = \"openai\"\nmodel = \"m\"\napi_key = \"sk-hunter2\"";

#[test]
fn an_agent_says_who_puts_its_calls_into_words() {
    for (said, by) in [
        ("", TranscriptBy::Nobody),
        ("transcript = false", TranscriptBy::Nobody),
        (TOLD, TranscriptBy::Agent),
        ("transcript = \"endpoint\"", TranscriptBy::Endpoint),
    ] {
        assert_eq!(agent(said).transcript, by, "{said}");
    }
    for said in ["transcript = \"yes\"", "transcript = \"true\"", "transcript = 1"] {
        assert!(agent_refused(said).contains("transcript"), "{said}");
    }
}

#[test]
fn without_a_word_nobody_is_asked_and_the_last_event_would_wait_half_a_minute() {
    let reviews = parse("").expect("valid").reviews;
    assert!(reviews.transcription.service.is_none() && reviews.analysis.service.is_none());
    assert_eq!(reviews.hold, Duration::from_secs(30));
    assert_eq!(reviews.analysis.timeout, Duration::from_secs(20));
    let said =
        "[analysis]\nurl = \"http://127.0.0.1:11434/v1/chat/completions\"\nmodel = \"m\"\napi_key = \"k\"";
    let analysis = parse(said).expect("an operator's may be anywhere").reviews.analysis;
    assert_eq!(analysis.service.map(|service| service.model).as_deref(), Some("m"));
}

#[test]
fn an_analysis_has_a_criterion_and_fields() {
    let said = "transcript = \"endpoint\"\n[agent.analysis]\nsuccess = \"They book\"\n\
                fields = [{ name = \"day\", description = \"Which\", values = [\"mon\", \"tue\"] },\n\
                { name = \"people\", type = \"integer\", description = \"How many\" }]";
    let analysis = agent(said).analysis.expect("an analysis");
    assert_eq!(analysis.success.as_deref(), Some("They book"));
    assert_eq!(analysis.fields.len(), 2);
    assert_eq!((analysis.fields[0].kind, analysis.fields[1].kind), (FieldKind::String, FieldKind::Integer));
    let own = "transcript = \"endpoint\"\n[agent.transcription]\nurl = \"https://a.example/v1\"\nmodel = \"m\"\n\
               format = \"json\"\nlanguage = \"en\"";
    let transcription = agent(own).transcription.expect("one");
    assert_eq!(transcription.format, Some(TranscriptFormat::Json));
    assert!(transcription.service.url.is_some());
}

#[test]
fn what_makes_no_sense_is_refused_and_no_key_is_shown() {
    for (said, why) in [
        ("transcript = true", "there is no [model]"),
        ("[agent.analysis]\nsuccess = \"x\"", "needs what was said in words"),
        ("transcript = \"endpoint\"\n[agent.analysis]\nsuccess = \" \"", "analysis.success"),
        ("transcript = \"endpoint\"\n[agent.analysis]\nurl = \"https://a.example/\"", "which of its models"),
        (
            "transcript = \"endpoint\"\n[agent.analysis]\nmodel = \"m\"\nurl = \"http://a.example/\"",
            "analysis.url",
        ),
        (
            "transcript = \"endpoint\"\n[agent.analysis]\nmodel = \"m\"\nurl = \"https://u:hidden@a.example/\"",
            "credentials",
        ),
        ("transcript = \"endpoint\"\n[agent.analysis]\napi_key = \"hidden hidden\"", "one word of ASCII"),
        (
            "transcript = \"endpoint\"\n[agent.analysis]\nfields = [{ name = \"a b\", description = \"d\" }]",
            "letters",
        ),
        (
            "transcript = \"endpoint\"\n[agent.analysis]\nfields = [{ name = \"a\", description = \"d\" }, { name = \"a\", description = \"d\" }]",
            "twice",
        ),
        (
            "transcript = \"endpoint\"\n[agent.analysis]\nfields = [{ name = \"a\", description = \"d\", type = \"number\", values = [\"1\"] }]",
            "go with type",
        ),
        (
            "transcript = \"endpoint\"\n[agent.analysis]\nfields = [{ name = \"a\", description = \"\" }]",
            "description",
        ),
        ("transcript = \"endpoint\"\n[agent.analysis]\nurls = \"x\"", "urls"),
        ("[agent.transcription]\nlanguage = \"English\"", "ISO 639"),
    ] {
        let told = agent_refused(said);
        assert!(told.contains(why) && !told.contains("hidden"), "{said}: {told}");
    }
    for (said, why) in [
        ("[analysis]\nmodel = \"m\"", "goes with url"),
        ("[analysis]\nurl = \"https://a.example/\"", "which of the endpoint's models"),
        ("[transcription]\nurl = \"ftp://a.example/\"\nmodel = \"m\"", "http or https"),
        ("[transcription]\nurl = \"https://a/\"\nmodel = \"m\"\nformat = \"srt\"", "format"),
        ("[transcription]\napi_key = \"hidden\"", "goes with url"),
        ("[analysis]\ntimeout_seconds = 0", "1 to 300"),
        ("[webhooks]\nhold_seconds = 601", "0 to 600"),
    ] {
        let told = refused(said);
        assert!(told.contains(why) && !told.contains("hidden"), "{said}: {told}");
    }
}
