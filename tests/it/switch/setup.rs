//! The configuration of a switch under test: the usual one, and what a test wants otherwise.

use std::fmt::Write;
use std::net::{SocketAddr, SocketAddrV6};

use super::{FROM, Place, SECRET, Switch};

/// The usual trunk `t1` (at [`Place::trunk_sip`], with credentials), agent `agent_demo`, number and key; short SIP timers; a
/// speech program that needs no synthesiser. Each method adds lines to one table.
#[derive(Default)]
pub struct Setup {
    top: String,
    http: String,
    sip: String,
    media: String,
    trunk: String,
    agent: String,
    key: String,
    number: String,
    extra: String,
    webhook_url: Option<String>,
    tts: Option<String>,
    second: Option<String>,
    trunk_uri: Option<String>,
    is_anonymous: bool,
    agent_name: Option<String>,
    sip_v6: Option<SocketAddrV6>,
    place: Option<Place>,
}

/// One method a table: `.agent("ring_timeout_seconds = 1")`.
macro_rules! tables {
    ($($table:ident),*) => {
        $(
            pub fn $table(mut self, lines: &str) -> Self {
                let _ = writeln!(self.$table, "{lines}");
                self
            }
        )*
    };
}

impl Setup {
    pub fn new() -> Self {
        Self::default()
    }

    // `top` goes before every table (`database_url = …`), `extra` after them (whole tables).
    tables!(top, http, sip, media, trunk, agent, number, key, extra);

    /// Where the end of each of the agent's calls is told.
    pub fn webhook(mut self, url: &str) -> Self {
        self.webhook_url = Some(url.to_owned());
        self
    }

    /// The usual number takes calls too, and the agent says this to whoever calls.
    pub fn answering(self, greeting: &str) -> Self {
        self.number("inbound = true").agent(&format!("greeting = \"{greeting}\""))
    }

    /// Where the trunk is, in place of [`Place::trunk_sip`].
    pub fn trunk_uri(mut self, uri: &str) -> Self {
        self.trunk_uri = Some(uri.to_owned());
        self
    }

    /// The trunk knows us by our address: no credentials.
    pub fn anonymous(mut self) -> Self {
        self.is_anonymous = true;
        self
    }

    /// What the usual agent is called, in place of `agent_demo`.
    pub fn agent_named(mut self, name: &str) -> Self {
        self.agent_name = Some(name.to_owned());
        self
    }

    /// SIP and media over IPv6, from this address.
    pub fn over_ipv6(mut self, listen: SocketAddrV6) -> Self {
        self.sip_v6 = Some(listen);
        self
    }

    /// The speech program, as a TOML array, in place of the one that always says "Hello?", for 0.8 s.
    pub fn tts(mut self, command: &str) -> Self {
        self.tts = Some(format!("command = {command}"));
        self
    }

    /// Speech by this endpoint, in place of a program.
    pub fn speech_endpoint(mut self, url: &str) -> Self {
        self.tts = Some(format!("url = \"{url}\"\nmodel = \"m\"\nvoice = \"v\"\napi_key = \"k\""));
        self
    }

    /// This clip of the simulator's, whatever the agent is given to say: `says("agent-goodbye")`.
    pub fn says(self, clip: &str) -> Self {
        self.tts(&cat(clip))
    }

    /// A second trunk `t2` (at [`Place::second_sip`], without credentials), tried after the first, with these lines.
    pub fn second(mut self, lines: &str) -> Self {
        self.second = Some(with_default(lines, "options_interval_seconds", "options_interval_seconds = 0"));
        self
    }

    /// At this place rather than at a new one: a second switch beside a first that was told of it.
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Starts the switch and waits until it is ready.
    pub fn start(mut self) -> Switch {
        let place = self.place.take().unwrap_or_else(Place::claim);
        let config = self.config(&place);
        Switch::launch(place, &config)
    }

    /// The text of `trunkline.toml` at this place.
    pub fn config(&self, place: &Place) -> String {
        let Self { top, http: api, sip, media, trunk, agent, number, key, extra, .. } = self;
        let http = place.http();
        let name = self.agent_name.as_deref().unwrap_or("agent_demo");
        let sip_listen = self.sip_v6.map_or_else(|| place.sip().into(), SocketAddr::from);
        let address = sip_listen.ip();
        let uri = self.trunk_uri.clone().unwrap_or_else(|| format!("sip:{}", place.trunk_sip()));
        let webhook = self.webhook_url.as_ref().map_or_else(String::new, |url| {
            format!("webhook_url = \"{url}\"\nwebhook_events = [\"call.completed\"]")
        });
        let tts = self.tts.clone().unwrap_or_else(|| format!("command = {}", cat("hello")));
        // Nobody speaks in most scenarios: silence is judged soon.
        let agent = with_default(agent, "amd", "amd = { initial_silence = 400 }");
        // What is not asked for is not counted: tests of OPTIONS ask for them.
        let trunk = with_default(trunk, "options_interval_seconds", "options_interval_seconds = 0");
        let sip = with_default(sip, "t1_ms", "t1_ms = 200\nt2_ms = 800\nt4_ms = 1000");
        // Tenants' trunks are here too.
        let sip = with_default(&sip, "allow_addresses", "allow_addresses = [\"127.0.0.0/8\"]");
        let credentials = match self.is_anonymous {
            true => "",
            false => "username = \"trunkuser\"\npassword = \"trunkpass\"",
        };
        let (trunks, second) = match &self.second {
            Some(lines) => (
                "trunks = [{ name = \"t1\", priority = 1 }, { name = \"t2\", priority = 2 }]",
                format!("[[trunk]]\nname = \"t2\"\nuri = \"sip:{}\"\n{lines}", place.second_sip()),
            ),
            None => ("trunk = \"t1\"", String::new()),
        };
        format!(
            "data_dir = \"./data\"
{top}
[http]
listen = \"{http}\"
{api}
[sip]
listen = [\"udp:{sip_listen}\"]
{sip}
[media]
address = \"{address}\"
ports = \"20000-29999\"
workers = 1
{media}
[tts]
{tts}
[[trunk]]
name = \"t1\"
uri = \"{uri}\"
{credentials}
{trunk}
{second}
[[agent]]
id = \"{name}\"
{webhook}
{agent}
[[number]]
e164 = \"{FROM}\"
{trunks}
agent = \"{name}\"
outbound = true
{number}
[[key]]
face = \"nixflex\"
id = \"nxf_demo\"
secret = \"{SECRET}\"
{key}
[webhooks]
allow_http = true
allow_addresses = [\"127.0.0.0/8\"]
{extra}
"
        )
    }
}

/// The lines, with these before them unless they set `key` themselves.
fn with_default(lines: &str, key: &str, default: &str) -> String {
    if lines.contains(key) { lines.to_owned() } else { format!("{default}\n{lines}") }
}

/// A speech program that needs no synthesiser: it copies a clip.
fn cat(clip: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/audio");
    let copy = format!("cat '{folder}/{clip}.wav' > \\\"$1\\\"");
    format!("[\"sh\", \"-c\", \"{copy}\", \"sh\", \"{{wav_file}}\", \"{{text_file}}\"]")
}
