//! What is accepted, and in which words the rest is refused.

use crate::config::{Config, ConfigError};
use crate::model::{Model, Provider};

fn parse(table: &str, more: &str) -> Result<Config, ConfigError> {
    let text = format!(
        "[[agent]]\nid = \"a\"\n{more}\n[agent.model]\nprovider = \"openai\"\nmodel = \"m\"\napi_key = \"sk-hunter2\"\n{table}"
    );
    Config::parse("t.toml", &text, std::iter::empty())
}

fn accepted(table: &str) -> Model {
    let config = parse(table, "").expect("valid");
    Model::clone(config.objects.agents[0].model.as_ref().expect("a model"))
}

fn refused(table: &str) -> String {
    parse(table, "").expect_err("must be refused").to_string()
}

#[test]
fn a_provider_and_a_model_are_enough() {
    let model = accepted("");
    assert_eq!((model.provider, model.url.as_str()), (Provider::OpenAi, "wss://api.openai.com/v1/realtime"));
    assert!(model.tools.end_call && !model.tools.send_dtmf && model.tools.transfer.is_empty());
    assert_eq!((model.connect_within.as_secs(), model.reconnect_within), (10, None));
    for provider in Provider::ALL {
        assert!(provider.url().parse::<url::Url>().is_ok_and(|url| url.scheme() == "wss"), "{provider:?}");
    }
}

#[test]
fn a_tools_schema_is_an_objects_whatever_is_left_out() {
    let model = accepted(
        "[[agent.model.tools.webhooks]]\nname = \"book\"\ndescription = \"d\"\nurl = \"https://example.com/\"",
    );
    let tool = &model.tools.webhooks[0];
    assert_eq!(
        (&tool.parameters["type"], &tool.parameters["properties"]),
        (&"object".into(), &serde_json::json!({}))
    );
    assert_eq!(tool.deadline.as_secs(), 8);
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let tool = |line: &str| format!("[[agent.model.tools.webhooks]]\n{line}");
    let named = "name = \"book\"\ndescription = \"d\"\nurl = \"https://example.com/\"";
    for (table, reason) in [
        ("url = \"https://example.com/\"".to_owned(), "must begin with wss://"),
        ("url = \"ws://example.com/\"".to_owned(), "allow_http"),
        ("url = \"wss://a:b@example.com/\"".to_owned(), "there is api_key"),
        ("temperature = 0.5".to_owned(), "`openai` does not take it"),
        ("thinker = \"open_ai\"".to_owned(), "`openai` does not take it"),
        ("speed = 1.6".to_owned(), "must be 0.25 to 1.5"),
        ("voice = \"\"".to_owned(), "one line of 1 to 128 bytes"),
        ("connect_timeout_seconds = 0".to_owned(), "connect_timeout_seconds"),
        ("wobble = 1".to_owned(), "wobble"),
        ("[agent.model.tools]\ntransfer = [\"911\"]".to_owned(), "transfer[0]"),
        (tool("name = \"end_call\"\ndescription = \"d\"\nurl = \"https://example.com/\""), "another tool's"),
        (tool("name = \"a b\"\ndescription = \"d\"\nurl = \"https://example.com/\""), "letters, digits"),
        (tool("name = \"a\"\ndescription = \" \"\nurl = \"https://example.com/\""), "1 to 1024 bytes"),
        (tool("name = \"a\"\ndescription = \"d\"\nurl = \"http://example.com/\""), "url"),
        (tool(&format!("{named}\nparameters = {{ type = \"string\" }}")), "schema of an object"),
        (tool(&format!("{named}\ntimeout_seconds = 31")), "timeout_seconds"),
        (format!("{}\n{}", tool(named), tool(named)), "another tool's"),
    ] {
        let told = refused(&table);
        assert!(told.contains(reason), "{table}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_model_talks_as_fast_as_its_provider_lets_it() {
    for (provider, slowest, fastest) in
        [("openai", 0.25, 1.5), ("deepgram", 0.25, 2.0), ("elevenlabs", 0.7, 1.2)]
    {
        let takes = |speed: f64| {
            let text = format!(
                "[[agent]]\nid = \"a\"\n[agent.model]\nprovider = \"{provider}\"\nmodel = \"m\"\nspeed = {speed:?}"
            );
            Config::parse("t.toml", &text, std::iter::empty()).is_ok()
        };
        assert!(takes(slowest) && takes(fastest), "{provider}");
        assert!(!takes(slowest - 0.05) && !takes(fastest + 0.05), "{provider}");
    }
}

#[test]
fn an_agent_is_a_bot_or_a_model() {
    let stream = "stream = { url = \"wss://example.com/\", dialect = \"twilio\" }";
    let told = parse("", stream).expect_err("one of them must go").to_string();
    assert!(told.contains("stream and model"), "{told}");
}

#[test]
fn a_key_that_is_none_is_not_quoted() {
    for key in ["\"sk hunter2\"", "\"\"", "7"] {
        let text = format!(
            "[[agent]]\nid = \"a\"\n[agent.model]\nprovider = \"openai\"\nmodel = \"m\"\napi_key = {key}"
        );
        let told = Config::parse("t.toml", &text, std::iter::empty()).expect_err("no key").to_string();
        assert!(told.contains("api_key") && !told.contains("hunter2"), "{told}");
    }
}
