//! What the keys mean: from the file's shape to a [`Config`], with every fault that there is.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use trunkline_media::amd;
use trunkline_sip::{Listen, Protocol, ServerTls, ServerTlsConfig};

use super::billing;
use super::checker::{Checker, networks};
use super::file::{self, File};
use super::https::https;
use super::objects;
use super::people;
use super::source::Source;
use super::{
    Advertised, Config, ConfigError, Database, Events, Http, Limits, Log, Media, Recording, Retention,
    Settings, Sip, Webhooks,
};
use crate::model::{Abandonment, Agent, Detection, Secret};

/// Checks everything, so that one run names every fault.
pub fn config(file: File, source: &Source) -> Result<Config, ConfigError> {
    let mut check = Checker::new(source);
    check.switch_key();
    let data_dir = check.folder("data_dir", file.data_dir.as_deref().unwrap_or("./data"));
    let objects = objects::objects(&file, &mut check);
    let billing = billing::billing(&file.billing, &file.rate, file.webhooks.allow_http, &mut check);
    detection(&file, &mut check);
    let config = Config {
        database: database(file.database_url, &data_dir, &mut check),
        http: http(&file.http, &mut check),
        sip: sip(&file.sip, &mut check),
        media: media(&file.media, file.limits.concurrent, &mut check),
        limits: limits(&file.limits, &mut check),
        billing,
        webhooks: webhooks(&file.webhooks, &mut check),
        events: Events { keep: keep("events.keep_hours", file.events.keep_hours, &mut check) },
        retention: retention(&file.retention, file.events.keep_hours, &objects.agents, &mut check),
        tts: super::speech::tts(file.tts, &mut check),
        reviews: super::review::reviews(
            file.transcription,
            file.analysis,
            file.webhooks.hold_seconds,
            &mut check,
        ),
        recording: Recording {
            enabled: file.recording.enabled,
            directory: match &file.recording.directory {
                Some(text) => check.folder("recording.directory", text),
                None => data_dir.join("recordings"),
            },
        },
        people: people::people(file.people, rtp_address(&file.media), &mut check),
        log: log(file.log, &mut check),
        objects,
        data_dir,
        settings: Settings::of(source),
    };
    check.finish(config)
}

fn database(url: Option<Secret<String>>, data_dir: &std::path::Path, check: &mut Checker<'_>) -> Database {
    let Some(url) = url else { return Database::Sqlite(data_dir.join("trunkline.db")) };
    let scheme = url.reveal().split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("postgres" | "postgresql")) {
        let reason = "must begin with postgres://; for SQLite leave it out and set data_dir";
        check.fault("database_url", reason);
    } else if let Err(error) = url::Url::parse(url.reveal()) {
        check.fault("database_url", format!("cannot be read: {error}"));
    }
    Database::Postgres(url)
}

fn http(http: &file::Http, check: &mut Checker<'_>) -> Http {
    let body = 1_024..=64 << 20;
    check.that("http.body_max", body.contains(&http.body_max), || {
        format!("must be {} to {} bytes, not {}", body.start(), body.end(), http.body_max)
    });
    let batch = 1_024..=256 << 20;
    check.that("http.batch_body_max", batch.contains(&http.batch_body_max), || {
        format!("must be {} to {} bytes, not {}", batch.start(), batch.end(), http.batch_body_max)
    });
    check.that("http.connections_max", (1..=1_000_000).contains(&http.connections_max), || {
        format!("must be 1 to 1000000, not {}", http.connections_max)
    });
    Http {
        listen: check.or("http.listen", socket_address(&http.listen), NOWHERE),
        tls: https(http, check),
        public_url: http.public_url.as_deref().and_then(|text| public_url(text, check)),
        body_max: usize::try_from(http.body_max).unwrap_or(usize::MAX),
        batch_body_max: usize::try_from(http.batch_body_max).unwrap_or(usize::MAX),
        connections_max: usize::try_from(http.connections_max).unwrap_or(usize::MAX),
        header_timeout: check.seconds("http.header_timeout_seconds", http.header_timeout_seconds, 1..=300),
        body_timeout: check.seconds("http.body_timeout_seconds", http.body_timeout_seconds, 1..=300),
    }
}

/// Scheme, host and a path that a proxy may take away again. What else a URL may have would stand in the middle of a link.
fn public_url(text: &str, check: &mut Checker<'_>) -> Option<String> {
    let url = url::Url::parse(text).ok();
    let is_plain = |url: &url::Url| {
        let bare = url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && bare && nobody
    };
    let url = url.filter(is_plain);
    check.that("http.public_url", url.is_some(), || {
        format!("`{text}` must be the http or https URL of the API, such as https://dialer.example.com")
    });
    Some(url?.as_str().trim_end_matches('/').to_owned())
}

fn sip(sip: &file::Sip, check: &mut Checker<'_>) -> Sip {
    check.that("sip.listen", !sip.listen.is_empty(), || "must name at least one address".into());
    let listen: Vec<Listen> = sip
        .listen
        .iter()
        .enumerate()
        .map(|(index, text)| {
            check.or(&format!("sip.listen[{index}]"), sip_listen(text), Listen::udp(NOWHERE))
        })
        .collect();
    for (index, again) in listen.iter().enumerate() {
        // Port 0 is another one each time; what cannot be read was told already.
        let is_again = again.address.port() != 0 && listen[..index].contains(again);
        check.that(&format!("sip.listen[{index}]"), !is_again, || "is listened on already".into());
    }
    let advertise: Vec<Advertised> = sip
        .advertise
        .iter()
        .flat_map(file::Advertise::texts)
        .map(|text| {
            let nowhere = Advertised { protocol: None, address: NOWHERE };
            check.or("sip.advertise", sip_advertise(text), nowhere)
        })
        .collect();
    check.that(
        "sip.advertise",
        advertise.iter().all(|advertised| !advertised.address.ip().is_unspecified()),
        || "must be an address that the trunk can reach".into(),
    );
    let is_shown = |listen: &Listen| {
        let is_it = |advertised: &Advertised| {
            advertised.protocol.is_none_or(|protocol| protocol == listen.protocol)
                && advertised.address.is_ipv4() == listen.address.is_ipv4()
        };
        !listen.address.ip().is_unspecified() || advertise.iter().any(is_it)
    };
    check.that("sip.listen", listen.iter().all(is_shown), || {
        "listens on every address, so sip.advertise must say which one Via and Contact show".into()
    });
    let tls = server_tls(sip, &listen, check);
    let nameservers = sip
        .nameservers
        .iter()
        .enumerate()
        .map(|(index, text)| check.or(&format!("sip.nameservers[{index}]"), nameserver(text), NOWHERE))
        .collect();
    let printable = !sip.user_agent.trim().is_empty() && sip.user_agent.chars().all(|c| !c.is_control());
    check.that("sip.user_agent", printable, || "must be one line of text".into());
    Sip {
        listen,
        advertise,
        tls,
        nameservers,
        user_agent: sip.user_agent.trim().to_owned(),
        t1: timer("sip.t1_ms", sip.t1_ms, check),
        t2: timer("sip.t2_ms", sip.t2_ms, check),
        t4: timer("sip.t4_ms", sip.t4_ms, check),
    }
}

fn timer(key: &str, value: u64, check: &mut Checker<'_>) -> Duration {
    check.that(key, (10..=60_000).contains(&value), || format!("must be 10 to 60000 ms, not {value}"));
    Duration::from_millis(value)
}

/// The certificate for `tls:` addresses, read at once: a file that is missing must not wait for the first call to be noticed.
fn server_tls(sip: &file::Sip, listen: &[Listen], check: &mut Checker<'_>) -> Option<Arc<ServerTls>> {
    let wants = listen.iter().any(|listen| listen.protocol == Protocol::Tls);
    let (Some(certificate), Some(key)) = (&sip.tls_cert, &sip.tls_key) else {
        check.that("sip.tls_cert", sip.tls_cert.is_none() == sip.tls_key.is_none(), || {
            "tls_cert and tls_key go together".into()
        });
        let is_half = sip.tls_cert.is_some() || sip.tls_key.is_some();
        check.that("sip.listen", !wants || is_half, || "tls: needs tls_cert and tls_key".into());
        return None;
    };
    let (certificate, key) = (check.pem("sip.tls_cert", certificate), check.pem("sip.tls_key", key));
    let (certificate_pem, key_pem) = (certificate?, key?);
    let made = ServerTls::new(ServerTlsConfig { certificate_pem, key_pem, client_ca_pem: None });
    check.or("sip.tls_cert", made.map(Some).map_err(|error| error.to_string()), None)
}

fn sip_listen(text: &str) -> Result<Listen, String> {
    match text.split_once(':').map(|(transport, address)| (protocol(transport), address)) {
        Some((Some(protocol), address)) => Ok(Listen { protocol, address: socket_address(address)? }),
        _ => Err(format!("`{text}` must be of the form \"udp:127.0.0.1:5060\", with udp, tcp or tls")),
    }
}

/// An address with or without a port, and perhaps the transport it is for.
fn sip_advertise(text: &str) -> Result<Advertised, String> {
    let (protocol, rest) = match text.split_once(':').map(|(transport, rest)| (protocol(transport), rest)) {
        Some((Some(protocol), rest)) => (Some(protocol), rest),
        _ => (None, text),
    };
    let address = rest.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0));
    let address =
        address.or_else(|_| rest.parse::<SocketAddr>()).map_err(|_| not_address(text, "203.0.113.7"))?;
    Ok(Advertised { protocol, address })
}

fn nameserver(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    address.or_else(|_| text.parse::<SocketAddr>()).map_err(|_| not_address(text, "203.0.113.53"))
}

fn protocol(text: &str) -> Option<Protocol> {
    match text {
        "udp" => Some(Protocol::Udp),
        "tcp" => Some(Protocol::Tcp),
        "tls" => Some(Protocol::Tls),
        _ => None,
    }
}

fn media(media: &file::Media, concurrent: Option<u32>, check: &mut Checker<'_>) -> Media {
    let mut address = |key: &str, text: &str| {
        let parsed = text.parse::<IpAddr>().map_err(|_| not_address(text, "127.0.0.1"));
        check.or(key, parsed, NOWHERE.ip())
    };
    let bound = address("media.address", &media.address);
    let advertise = media.advertise.as_deref().map(|text| address("media.advertise", text));
    check.that("media.advertise", advertise.is_none_or(|address| !address.is_unspecified()), || {
        "must be an address that the trunk can reach".into()
    });
    check.that("media.address", !bound.is_unspecified() || advertise.is_some(), || {
        "is every address, so media.advertise must say which one SDP shows".into()
    });
    let ports = check.or("media.ports", port_range(&media.ports), 2..=3);
    let pairs = u32::from(ports.end() - ports.start()).div_ceil(2);
    if let Some(concurrent) = concurrent {
        check.that("media.ports", concurrent <= pairs, || {
            format!("holds {pairs} calls at two ports a call, but limits.concurrent is {concurrent}")
        });
    }
    let default = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64).min(64);
    let workers = media.workers.unwrap_or(default);
    check.that("media.workers", (1..=64).contains(&workers), || format!("must be 1 to 64, not {workers}"));
    Media {
        address: bound,
        advertise,
        ports,
        workers: usize::try_from(workers).unwrap_or(1),
        rtp_timeout: check.seconds("media.rtp_timeout_seconds", media.rtp_timeout_seconds, 1..=3_600),
    }
}

/// Where RTP comes in, as far as it can be read; a fault in it is told elsewhere.
fn rtp_address(media: &file::Media) -> IpAddr {
    media.advertise.as_ref().unwrap_or(&media.address).parse().unwrap_or(NOWHERE.ip())
}

/// RTP takes the even port of each pair (RFC 3550 §11), so a range begins with an even one.
fn port_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let parts = text.split_once('-').map(|(first, last)| (first.trim().parse(), last.trim().parse()));
    let Some((Ok(first), Ok(last))) = parts else {
        return Err(format!("`{text}` must be of the form \"20000-29999\", each port at most 65535"));
    };
    match (first, last) {
        (first, last) if first > last => Err(format!("`{text}` is reversed: {first} is above {last}")),
        (first, _) if first < 1_024 => Err(format!("`{text}` begins below 1024, among the privileged ports")),
        (first, _) if first % 2 == 1 => {
            Err(format!("`{text}` begins with an odd port; RTP takes even ones (RFC 3550 §11)"))
        }
        (first, last) if first == last => {
            Err(format!("`{text}` is too small: a call takes two ports, RTP and RTCP"))
        }
        (first, last) => Ok(first..=last),
    }
}

fn limits(limits: &file::Limits, check: &mut Checker<'_>) -> Limits {
    Limits {
        concurrent: check.limit("limits.concurrent", limits.concurrent),
        cps: check.rate("limits.cps", limits.cps),
        queue: check.seconds("limits.queue_seconds", limits.queue_seconds, 1..=86_400),
    }
}

fn webhooks(webhooks: &file::Webhooks, check: &mut Checker<'_>) -> Webhooks {
    let allow_addresses = networks("webhooks.allow_addresses", &webhooks.allow_addresses, check);
    let keep = keep("webhooks.keep_hours", webhooks.keep_hours, check);
    Webhooks { allow_http: webhooks.allow_http, allow_addresses, keep }
}

/// From an hour to a year.
fn keep(path: &str, hours: u64, check: &mut Checker<'_>) -> Duration {
    check.that(path, (1..=KEEP_HOURS_MAX).contains(&hours), || {
        format!("must be from 1 to {KEEP_HOURS_MAX}, in hours")
    });
    Duration::from_secs(hours.min(KEEP_HOURS_MAX) * 3600)
}

const KEEP_HOURS_MAX: u64 = 8_784;

fn retention(
    table: &file::Retention,
    keep_hours: u64,
    agents: &[Agent],
    check: &mut Checker<'_>,
) -> Retention {
    let mut days = |path: &str, days: u64| {
        check.that(path, days <= DAYS_MAX, || format!("must be at most {DAYS_MAX}, in days; 0 is for ever"));
        (days > 0).then(|| Duration::from_secs(days.min(DAYS_MAX) * 86_400))
    };
    let retention = Retention {
        calls: days("retention.calls_days", table.calls_days),
        recordings: days("retention.recordings_days", table.recordings_days),
    };
    // A listener is told of events with their calls.
    let told = Duration::from_secs(keep_hours.min(KEEP_HOURS_MAX) * 3600);
    check.that("retention.calls_days", retention.calls.is_none_or(|calls| calls >= told), || {
        "must be as long as `events.keep_hours` at least".into()
    });
    // Calls that are forgotten are in no count of those that were abandoned.
    let dials_ahead = |agent: &Agent| agent.staff.as_ref().is_some_and(|staff| staff.pacing.dials_ahead());
    let is_counted = retention.calls.is_none_or(|calls| calls >= Abandonment::SPAN);
    check.that("retention.calls_days", is_counted || !agents.iter().any(dials_ahead), || {
        "must be at least 30 where an agent dials ahead of its people: abandoned calls are counted over 30 days".into()
    });
    retention
}

const DAYS_MAX: u64 = 36_500;

fn log(log: file::Log, check: &mut Checker<'_>) -> Log {
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&log.filter) {
        check.fault("log.filter", format!("`{}` is not a filter: {error}", log.filter));
    }
    Log { format: log.format, filter: log.filter }
}

/// A verdict that falls by the end of the analysis never hears a greeting that is longer.
fn detection(file: &File, check: &mut Checker<'_>) {
    let own = amd::Params::default().total_analysis_time.as_millis();
    let mut fits = |key: String, table: &Detection, others: &Detection| {
        let total = table.over(others).total_analysis_time.map_or(own, u128::from);
        let Some(greeting) = table.greeting.filter(|greeting| u128::from(*greeting) > total) else { return };
        check.fault(&key, format!("{greeting} ms are longer than total_analysis_time, {total} ms"));
    };
    fits("amd.greeting".into(), &file.amd, &Detection::default());
    for (index, agent) in file.agent.iter().enumerate() {
        fits(format!("agent[{index}].amd.greeting"), &agent.amd, &file.amd);
    }
}

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| not_address(text, "127.0.0.1:8080"))
}

fn not_address(text: &str, example: &str) -> String {
    format!("`{text}` is not an address such as \"{example}\" (a name is not enough)")
}
