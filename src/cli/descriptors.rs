//! File descriptors: every call takes a few, every connection one. The soft limit that a shell or a service manager gives is meant
//! for programs that `select`, and too low for a switch; the hard one is what the operator allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// Sockets of one call's media: RTP and RTCP.
const SOCKETS_PER_CALL: u64 = 2;
/// For the database, SIP, webhooks, bots and speech programs.
const RESERVE: u64 = 256;

/// Takes as many as the operator allows, and warns if a full house would need more.
pub fn raise(config: &Config) {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let allowed = if raised.is_ok() { limit.maximum } else { limit.current };
    let needed = needed(config);
    // No limit at all is enough.
    let Some(allowed) = allowed.filter(|allowed| *allowed < needed) else { return };
    tracing::warn!(
        allowed,
        needed,
        "too few file descriptors for media.ports and http.connections_max in full: raise the hard limit (ulimit -Hn, \
         LimitNOFILE) to what is needed, or lower those"
    );
}

/// When every call and every connection that the configuration allows is there.
fn needed(config: &Config) -> u64 {
    let (first, last) = (u64::from(*config.media.ports.start()), u64::from(*config.media.ports.end()));
    let pairs = last.saturating_sub(first).div_ceil(2);
    let calls = config.limits.concurrent.map_or(pairs, |concurrent| pairs.min(concurrent.into()));
    let per_call = SOCKETS_PER_CALL + u64::from(config.recording.enabled);
    calls * per_call + config.http.connections_max as u64 + RESERVE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(text: &str) -> u64 {
        needed(&Config::parse("t", text, []).expect("valid"))
    }

    #[test]
    fn a_call_takes_its_sockets_and_its_recording_and_a_connection_one() {
        let text = "[media]\nports = \"20000-20199\"\n[http]\nconnections_max = 50\n";
        assert_eq!(needs(text), 100 * 3 + 50 + 256);
        assert_eq!(needs(&format!("{text}[recording]\nenabled = false\n")), 100 * 2 + 50 + 256);
        assert_eq!(needs(&format!("{text}[limits]\nconcurrent = 10\n")), 10 * 3 + 50 + 256);
    }
}
