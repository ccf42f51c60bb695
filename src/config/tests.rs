//! What is accepted, and the exact words in which the rest is refused.

mod faults;
mod people;
mod reference;

use super::*;
use crate::model::{Face, Key, KeyScope, TrunkChoice};

/// Issue 2's own example.
const EXAMPLE: &str = r#"data_dir = "./data"                            # SQLite and recordings; or database_url = "postgres://…"
[http]
listen = "127.0.0.1:8080"
[sip]
listen = ["udp:127.0.0.1:5060"]                # tcp:, tls: join it later
[media]
address = "127.0.0.1"
ports = "20000-29999"
[[trunk]]
name = "t1"
uri = "sip:127.0.0.1:5080"
username = "trunkuser"
password = "trunkpass"
[[agent]]
id = "agent_demo"
webhook_url = "http://127.0.0.1:9000/hook"
[[number]]
e164 = "+447446466847"
trunk = "t1"
agent = "agent_demo"
outbound = true
[[key]]
face = "nixflex"
id = "nxf_demo"
secret = "nxfs_demo"
[webhooks]
allow_http = true
allow_addresses = ["127.0.0.0/8"]
"#;

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse("t.toml", text, environment)
}

fn refused(text: &str, environment: &[(&str, &str)]) -> String {
    parse(text, environment).expect_err("must be refused").to_string()
}

#[test]
fn the_example_works_as_written() {
    let config = parse(EXAMPLE, &[]).expect("valid");
    assert_eq!(config.sip.listen, [Listen::udp("127.0.0.1:5060".parse().expect("an address"))]);
    assert_eq!(config.media.ports, 20_000..=29_999);
    let objects = &config.objects;
    assert_eq!(objects.numbers[0].trunks, [TrunkChoice::only(objects.trunks[0].id)]);
    assert_eq!(objects.numbers[0].agent, Some(objects.agents[0].id));
    assert_eq!(objects.keys[0].face, Face::Nixflex);
    assert_eq!(objects.agents[0].call_duration_max.as_secs(), 300);
    assert_eq!(objects.agents[0].silence_hangup.as_secs(), 10);
    assert!(matches!(&config.database, Database::Sqlite(path) if path == Path::new("./data/trunkline.db")));
}

#[test]
fn nothing_at_all_is_a_valid_file() {
    let config = parse("", &[]).expect("valid");
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert!(config.limits.concurrent.is_none() && config.limits.cps.is_none());
    assert!(config.recording.enabled);
}

#[test]
fn ids_stay_the_same_and_fit_a_double() {
    let [one, two] = [(); 2].map(|()| parse(EXAMPLE, &[]).expect("valid").objects);
    assert_eq!(one.agents[0].id, two.agents[0].id);
    assert_ne!(one.agents[0].id.0, one.numbers[0].id.0);
    for id in [one.trunks[0].id.0, one.agents[0].id.0, one.numbers[0].id.0, one.keys[0].id.0] {
        assert!((1..1 << 53).contains(&id));
    }
}

#[test]
fn no_debug_shows_a_secret() {
    let text = format!("database_url = \"postgres://u:dbsecret@h/d\"\n{EXAMPLE}");
    let shown = format!("{:?}", parse(&text, &[]).expect("valid"));
    for secret in ["trunkpass", "nxfs_demo", "dbsecret"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn syntax_shape_and_typos_name_line_and_key() {
    for (text, words) in [
        ("data_dir = \n", "t.toml:1: string values must be quoted, expected literal string"),
        ("[http]\nlisten = \"127.0.0.1:80\"\nlisten = \"127.0.0.1:81\"\n", "t.toml:3: duplicate key"),
        (
            "[http]\nlisten = \"127.0.0.1:80\"\nbodymax = 5\n",
            "t.toml:3: http.bodymax: unknown field `bodymax`, expected one of `listen`, `tls_cert`, `tls_key`, `public_url`, `body_max`, `batch_body_max`, \
             `connections_max`, `header_timeout_seconds`, `body_timeout_seconds`",
        ),
        (
            "\n[http]\nbody_max = \"big\"\n",
            "t.toml:3: http.body_max: invalid type: string \"big\", expected u64",
        ),
        (
            "[[trunk]]\nname = \"a\"\nuri = \"sip:a\"\n\n[[trunk]]\nname = \"b\"\n",
            "t.toml:5: trunk[1]: missing field `uri`",
        ),
        (
            "[[key]]\nface = \"nixfelx\"\n",
            "t.toml:2: key[0].face: unknown variant `nixfelx`, expected one of `nixflex`, `thunderphone`, `voiceflow`, \
             `minivoice`, `twilio`",
        ),
        ("database_url = 12345\n", "t.toml:1: database_url: must be a string"),
        (
            "[[agent]]\nid = \"a\"\n[agent.amd]\ngreting = 5\n",
            "t.toml:4: agent[0].amd.greting: unknown field `greting`, expected one of `initial_silence`, `greeting`, `after_greeting_silence`, `total_analysis_time`, `min_word_length`, `between_words_silence`, `maximum_number_of_words`, `maximum_word_length`, `silence_threshold`",
        ),
    ] {
        assert_eq!(refused(text, &[]), words);
    }
}

#[test]
fn every_fault_of_meaning_is_listed_in_the_files_order() {
    let text = r#"[http]
listen = "localhost:8080"
[sip]
listen = ["ws:127.0.0.1:5060", "127.0.0.1:5060", "udp:0.0.0.0:5060"]
t1_ms = 1
[media]
ports = "30000-20000"
[limits]
concurrent = 0
cps = -1.0
[log]
filter = "a=b=c"
[tts]
command = ["say", "{text_file}"]
[[trunk]]
name = "t1"
uri = "127.0.0.1:5080"
username = "u"
allow = ["44"]
[[trunk]]
name = "t1"
uri = "sip:a.example"
[[agent]]
id = "a b"
webhook_url = "http://a.example/"
max_call_duration_seconds = 59
silence_hangup_seconds = 46
steps = ["Hello", " "]
[[number]]
e164 = "07446466847"
trunk = "t2"
agent = "nobody"
[[key]]
face = "nixflex"
id = "a:b"
secret = "short"
[webhooks]
allow_addresses = ["10.0.0.0/33"]
"#;
    let words = r#"t.toml:2: http.listen: `localhost:8080` is not an address such as "127.0.0.1:8080" (a name is not enough)
t.toml:4: sip.listen[0]: `ws:127.0.0.1:5060` must be of the form "udp:127.0.0.1:5060", with udp, tcp or tls
t.toml:4: sip.listen[1]: `127.0.0.1:5060` must be of the form "udp:127.0.0.1:5060", with udp, tcp or tls
t.toml:4: sip.listen: listens on every address, so sip.advertise must say which one Via and Contact show
t.toml:5: sip.t1_ms: must be 10 to 60000 ms, not 1
t.toml:7: media.ports: `30000-20000` is reversed: 30000 is above 20000
t.toml:9: limits.concurrent: must be at least 1; leave it out for no limit
t.toml:10: limits.cps: must be 0.001 to 100000 calls a second; leave it out for no limit
t.toml:12: log.filter: `a=b=c` is not a filter: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5
t.toml:14: tts.command: must use {wav_file} in one of its arguments
t.toml:15: trunk[0]: username and password go together
t.toml:17: trunk[0].uri: `127.0.0.1:5080` is not a SIP URI: it must be of the form "sip:host[:port]"
t.toml:19: trunk[0].allow[0]: `44` is not a prefix such as "+44"
t.toml:21: trunk[1].name: `t1` is declared twice
t.toml:24: agent[0].id: `a b` must be 1 to 128 letters, digits, `.`, `_` or `-`
t.toml:25: agent[0].webhook_url: `http://a.example/` is plain HTTP, which needs webhooks.allow_http = true
t.toml:26: agent[0].max_call_duration_seconds: must be 60 to 1800 seconds, not 59
t.toml:27: agent[0].silence_hangup_seconds: must be 5 to 45 seconds, not 46
t.toml:28: agent[0].steps[1]: must not be blank
t.toml:30: number[0].e164: `07446466847` is not a number in E.164 form: `+`, then 2 to 15 digits of which the first is not 0
t.toml:31: number[0].trunk: there is no trunk `t2`
t.toml:32: number[0].agent: there is no agent `nobody`
t.toml:35: key[0].id: must be 1 to 255 printable ASCII characters without `:`
t.toml:36: key[0].secret: must be 8 to 255 printable ASCII characters
t.toml:38: webhooks.allow_addresses[0]: `10.0.0.0/33` is neither an address nor a network such as "10.0.0.0/8""#;
    assert_eq!(refused(text, &[]).lines().collect::<Vec<_>>(), words.lines().collect::<Vec<_>>());
}

#[test]
fn a_speech_program_that_has_voices_has_a_usual_one() {
    let command =
        |voice: &str| format!("[tts]\ncommand = [\"say\", \"{{text_file}}\", \"{{wav_file}}\"{voice}]\n");
    for (text, reason) in [
        (
            command(", \"{voice}\""),
            "tts.voice: is missing: what does {voice} in the command stand for where nobody names one?",
        ),
        (
            command("") + "voice = \"amy\"\n",
            "t.toml:3: tts.voice: needs {voice} in one of the command's arguments",
        ),
        (
            command("") + "[tts.voices]\nnova = \"amy\"\n",
            "t.toml:3: tts.voices: needs {voice} in one of the command's arguments",
        ),
        (
            command("") + "url = \"https://a.example/speech\"\nmodel = \"m\"\nvoice = \"v\"\n",
            "tts.url: url and command: one of them must go",
        ),
        (
            "[tts]\nurl = \"https://a.example/speech\"\nmodel = \"m\"\n".to_owned(),
            "tts.voice: is missing: an endpoint is told both a model and a voice",
        ),
        (
            "[tts]\nurl = \"a.example\"\nmodel = \"m\"\nvoice = \"v\"\n".to_owned(),
            "t.toml:2: tts.url: must be an http or https URL",
        ),
        ("[tts]\napi_key = \"k\"\n".to_owned(), "t.toml:2: tts.api_key: goes with url, and only with it"),
        (
            "[[agent]]\nid = \"a\"\nvoice = \" \"\n".to_owned(),
            "t.toml:3: agent[0].voice: must be 1 to 255 bytes, not only blanks",
        ),
    ] {
        let said = refused(&text, &[]);
        assert!(said.contains(reason), "{text}\n{said}");
    }
}

#[test]
fn a_port_range_holds_whole_pairs() {
    for (ports, reason) in [
        ("20001-29999", "`20001-29999` begins with an odd port; RTP takes even ones (RFC 3550 §11)"),
        ("20000-20000", "`20000-20000` is too small: a call takes two ports, RTP and RTCP"),
        ("20000", "`20000` must be of the form \"20000-29999\", each port at most 65535"),
        ("20000-70000", "`20000-70000` must be of the form \"20000-29999\", each port at most 65535"),
        ("80-90", "`80-90` begins below 1024, among the privileged ports"),
    ] {
        let text = format!("[media]\nports = \"{ports}\"\n");
        assert_eq!(refused(&text, &[]), format!("t.toml:2: media.ports: {reason}"));
    }
    let text = "[media]\nports = \"20000-20003\"\n[limits]\nconcurrent = 3\n";
    let reason = "holds 2 calls at two ports a call, but limits.concurrent is 3";
    assert_eq!(refused(text, &[]), format!("t.toml:2: media.ports: {reason}"));
}

#[test]
fn variables_lie_over_the_file() {
    let environment = [
        ("TRUNKLINE__HTTP__LISTEN", "127.0.0.1:9999"),
        ("TRUNKLINE__SIP__LISTEN", "[\"udp:127.0.0.1:5070\", \"udp:127.0.0.1:5071\"]"),
        ("TRUNKLINE__TRUNK__0__PASSWORD", "12345678"),
        ("TRUNKLINE__TRUNK__0__CHANNELS", "7"),
        ("TRUNKLINE__TRUNK__1__NAME", "t2"),
        ("TRUNKLINE__TRUNK__1__URI", "sip:b.example"),
        ("TRUNKLINE__AGENT__0__AMD__GREETING", "1200"),
        ("TRUNKLINE__LIMITS__CPS", "5"),
        ("UNRELATED", "x"),
    ];
    let config = parse(EXAMPLE, &environment).expect("valid");
    assert_eq!(config.http.listen.port(), 9999);
    assert_eq!(config.sip.listen.len(), 2);
    assert_eq!(config.objects.trunks[0].password.as_ref().map(Secret::reveal), Some(&"12345678".to_owned()));
    assert_eq!(config.objects.trunks[0].channels, Some(7));
    assert_eq!(config.objects.trunks[1].name, "t2");
    assert_eq!(config.objects.agents[0].detection.greeting, Some(1_200));
    assert_eq!(config.limits.cps, Some(5.0));
}

#[test]
fn a_fault_from_the_environment_names_its_variable() {
    for (name, value, words) in [
        (
            "HTTP__LISTEN",
            "nowhere",
            "http.listen: `nowhere` is not an address such as \"127.0.0.1:8080\" (a name is not enough)",
        ),
        ("HTTP__BODY_MAX", "big", "http.body_max: invalid type: string \"big\", expected u64"),
        (
            "TRUNK__0__URI",
            "5",
            "trunk[0].uri: `5` is not a SIP URI: it must be of the form \"sip:host[:port]\"",
        ),
        ("TRUNK__5__URI", "sip:a", "`trunk` has 1 entries, so the next index is 1, not 5"),
        ("TRUNK__URI", "sip:a", "`trunk` is a list: an index must come before `uri`"),
        ("HTTP__LISTEN__X", "1", "`http.listen` is not a table, so it has no key `x`"),
        ("HTTP__", "1", "the variable's name has an empty part"),
    ] {
        let variable = format!("TRUNKLINE__{name}");
        let shown = refused(EXAMPLE, &[(&variable, value)]);
        assert_eq!(shown, format!("{variable}: {words}"));
    }
}

#[test]
fn credentials_hold_no_line_end() {
    let text = "[[trunk]]\nname = \"a\"\nuri = \"sip:a\"\nusername = \"u\\r\\nX: y\"\npassword = \"\"\n";
    let words = "t.toml:4: trunk[0].username: must be one line of text\n\
                 t.toml:5: trunk[0].password: must be one line of text";
    assert_eq!(refused(text, &[]), words);
}

proptest::proptest! {
    #[test]
    fn no_file_and_no_variable_makes_it_panic(
        text in "(\\[|\\]|=|\"|\\.|\n| |http|trunk|agent|amd|listen|name|[0-9]{1,3}|[a-z]{1,3}){0,40}",
        name in "(HTTP|TRUNK|SIP|LISTEN|__|[0-9]|[A-Z]){0,6}",
        value: String,
    ) {
        let _ = parse(&text, &[]);
        let _ = parse(EXAMPLE, &[(&format!("TRUNKLINE__{name}"), &value)]);
    }
}

#[test]
fn sip_listens_by_every_transport_and_says_where() {
    let text = r#"[sip]
listen = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060", "udp:[::1]:5060"]
advertise = ["203.0.113.7", "tcp:203.0.113.8:5070"]
nameservers = ["127.0.0.53", "[::1]:5353"]
"#;
    let sip = parse(text, &[]).expect("valid").sip;
    let shown: Vec<String> = sip.listen.iter().map(|listen| sip.advertised(*listen).to_string()).collect();
    assert_eq!(shown, ["203.0.113.7:5060", "203.0.113.8:5070", "[::1]:5060"]);
    let servers: Vec<String> = sip.nameservers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["127.0.0.53:53", "[::1]:5353"]);
    // One address for all is still one word; the port of SIP is not that of TLS.
    let sip = parse("[sip]\nadvertise = \"203.0.113.7:5066\"\n", &[]).expect("valid").sip;
    let tls = Listen { protocol: Protocol::Tls, address: "10.0.0.1:5061".parse().expect("an address") };
    assert_eq!(sip.advertised(Listen { protocol: Protocol::Tcp, ..tls }).to_string(), "203.0.113.7:5066");
    assert_eq!(sip.advertised(tls).to_string(), "203.0.113.7:5061");
    // TCP beside UDP is where UDP is, unless it is said where.
    let tcp = Listen { protocol: Protocol::Tcp, address: "0.0.0.0:5060".parse().expect("an address") };
    for (advertise, shown) in [
        (r#""203.0.113.7""#, "203.0.113.7:5060"),
        (r#""udp:203.0.113.7:5066""#, "203.0.113.7:5066"),
        (r#"["udp:203.0.113.7:5066", "tcp:203.0.113.8"]"#, "203.0.113.8:5060"),
    ] {
        let text = format!("[sip]\nlisten = [\"udp:0.0.0.0:5060\"]\nadvertise = {advertise}\n");
        let sip = parse(&text, &[]).expect("valid").sip;
        assert_eq!(sip.advertised_beside(tcp).to_string(), shown);
    }
}

#[test]
fn tls_needs_its_files() {
    let with = |lines: &str| refused(&format!("[sip]\nlisten = [\"tls:127.0.0.1:5061\"]\n{lines}"), &[]);
    assert_eq!(with(""), "t.toml:2: sip.listen: tls: needs tls_cert and tls_key");
    assert!(
        with("tls_cert = \"a\"\n").starts_with("t.toml:3: sip.tls_cert: tls_cert and tls_key go together")
    );
    let missing = with("tls_cert = \"/nowhere/a.pem\"\ntls_key = \"/nowhere/b.pem\"\n");
    assert!(missing.starts_with("t.toml:3: sip.tls_cert: `/nowhere/a.pem` cannot be read: "), "{missing}");
}

#[test]
fn https_needs_both_its_files() {
    let with = |lines: &str| refused(&format!("[http]\n{lines}"), &[]);
    assert!(
        with("tls_cert = \"a\"\n").starts_with("t.toml:2: http.tls_cert: tls_cert and tls_key go together")
    );
    let missing = with("tls_cert = \"/nowhere/a.pem\"\ntls_key = \"/nowhere/b.pem\"\n");
    assert!(missing.starts_with("t.toml:2: http.tls_cert: `/nowhere/a.pem` cannot be read: "), "{missing}");
    assert!(missing.contains("t.toml:3: http.tls_key: `/nowhere/b.pem` cannot be read: "), "{missing}");
}

#[test]
fn a_key_has_what_its_vendor_gives_it_and_nothing_else() {
    let whole = r#"
        [[agent]]
        id = "a"
        greeting = "Hello."
        [[application]]
        name = "app"
        agent = "a"
        [[key]]
        face = "thunderphone"
        secret = "sk_live_0123456789"
        webhook_secret = "of its own"
        [[key]]
        face = "voiceflow"
        secret = "vf_0123456789abcdef"
        agent = "a"
        [[key]]
        face = "minivoice"
        secret = "mv_live_0123456789"
        application = "app"
        [[key]]
        face = "twilio"
        id = "AC01"
        secret = "auth_token"
    "#;
    let objects = Config::parse("t", whole, []).expect("valid").objects;
    let (agent, application) = (objects.agents[0].id, objects.applications[0].id);
    let scopes: Vec<_> = objects.keys.iter().map(|key| key.scope).collect();
    let tenant = KeyScope::Tenant;
    assert_eq!(scopes, [tenant, KeyScope::Agent(agent), KeyScope::Application(application), tenant]);
    assert_eq!(objects.keys[0].signing.reveal(), "of its own");
    assert_eq!(objects.keys[0].public, Key::public_of("sk_live_0123456789"));
    assert!(!objects.keys[0].public.contains("sk_live"), "what is looked up tells nothing of the token");

    for (from, to, fault) in [
        ("secret = \"sk_live_0123456789\"", "secret = \"sk_live\"", "key[0].secret"),
        ("secret = \"sk_live_0123456789\"", "id = \"a\"\nsecret = \"sk_live_0123456789\"", "key[0].id"),
        ("\"vf_0123456789abcdef\"\n        agent = \"a\"", "\"vf_0123456789abcdef\"", "key[1].agent"),
        (
            "\"vf_0123456789abcdef\"\n        agent = \"a\"",
            "\"vf_0123456789abcdef\"\nagent = \"b\"",
            "key[1].agent",
        ),
        ("application = \"app\"", "application = \"other\"", "key[2].application"),
        ("application = \"app\"", "agent = \"a\"", "key[2].agent"),
        ("id = \"AC01\"", "", "key[3].id"),
        (
            "name = \"app\"\n        agent = \"a\"",
            "name = \"app\"\n        agent = \"b\"",
            "application[0].agent",
        ),
        ("webhook_secret = \"of its own\"", "webhook_secret = \"short\"", "key[0].webhook_secret"),
        ("greeting = \"Hello.\"", "webhook_events = [\"call.vanished\"]", "agent[0].webhook_events[0]"),
    ] {
        assert!(whole.contains(from), "{from}");
        let faults = Config::parse("t", &whole.replace(from, to), []).expect_err("a fault").faults;
        assert!(faults.iter().any(|found| found.key == fault), "{fault}: {faults:?}");
    }
}

#[test]
fn calls_are_kept_for_ever_or_for_longer_than_their_events() {
    let parse = |text: &str| Config::parse("t.toml", text, std::iter::empty());
    let kept = parse("").expect("valid").retention;
    assert_eq!((kept.calls, kept.recordings), (None, None));
    let kept = parse("[retention]\ncalls_days = 30\nrecordings_days = 7").expect("valid").retention;
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    assert_eq!((kept.calls, kept.recordings), (days(30), days(7)));
    assert!(parse("[retention]\ncalls_days = 6").is_err(), "events are kept for seven");
    assert!(parse("[retention]\ncalls_days = 6\n[events]\nkeep_hours = 144").is_ok());
    assert!(parse("[retention]\nrecordings_days = 40000").is_err());
}

/// Over thirty days, and what is forgotten is in no count.
#[test]
fn who_dials_ahead_keeps_calls_for_as_long_as_abandoned_ones_are_counted() {
    let parse = |days: u64, ahead: f64| {
        let text = format!(
            "[retention]\ncalls_days = {days}\n[[agent]]\nid = \"a\"\n[agent.people]\ncalls_per_person = {ahead:?}\n"
        );
        Config::parse("t.toml", &text, std::iter::empty())
    };
    assert!(parse(29, 1.0).is_ok() && parse(30, 1.5).is_ok() && parse(0, 3.0).is_ok());
    let refused = parse(29, 1.5).expect_err("a day short").to_string();
    assert!(refused.contains("retention.calls_days: must be at least 30"), "{refused}");
    let predicts =
        "[retention]\ncalls_days = 29\n[[agent]]\nid = \"a\"\n[agent.people]\nabandoned_percent = 2";
    assert!(Config::parse("t.toml", predicts, std::iter::empty()).is_err());
}
