//! The audio of an answered call: what was agreed, what was heard, from whom.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use trunkline_media::{Negotiated, SdpError};

use super::words::{Reach, reach, table, time};
use crate::doctor::finding::{Code, Finding, Step};
use crate::doctor::observation::{Audio, CallSeen};
use crate::doctor::patient::Patient;

/// Of a hundred packets, more lost than this are heard.
const LOSS_PERCENT_MAX: u64 = 3;
/// What a jitter buffer makes up for without being heard.
const JITTER_MAX: Duration = Duration::from_millis(100);

/// Of an answered call.
pub fn media(patient: &Patient, call: &CallSeen) -> Vec<Finding> {
    let negotiated = match &call.answer {
        Some(Ok(negotiated)) => negotiated,
        Some(Err(error)) => return vec![unusable(patient, error)],
        None => return Vec::new(),
    };
    let mut found = vec![codecs(negotiated)];
    let Some(audio) = &call.audio else { return found };
    found.push(rtp(patient, call, negotiated, audio));
    found.push(dtmf(patient, negotiated, audio));
    found
}

fn codecs(negotiated: &Negotiated) -> Finding {
    let remote = negotiated.remote.map_or_else(|| "on hold".to_owned(), |remote| remote.to_string());
    Finding::ok(
        Step::Codecs,
        "read the answer's SDP",
        format!("{} at {remote}, packets of {} ms", negotiated.codec.name(), negotiated.ptime_ms),
    )
}

fn unusable(patient: &Patient, error: &SdpError) -> Finding {
    Finding::fault(
        Step::Codecs,
        Code::SdpUnusable,
        "read the answer's SDP",
        error.to_string(),
        format!(
            "Ask the carrier why its answer cannot be used ({error}); `codecs` and `srtp` in {} say what we offer.",
            table(&patient.trunk)
        ),
    )
}

fn rtp(patient: &Patient, call: &CallSeen, negotiated: &Negotiated, audio: &Audio) -> Finding {
    let listened = time(audio.listened);
    let tried = match negotiated.remote {
        Some(remote) => format!("listened for {listened} to {remote}, and spoke"),
        None => format!("listened for {listened}"),
    };
    let fault = |code, came_back: String, advice: String| {
        Finding::fault(Step::Rtp, code, tried.clone(), came_back, advice)
    };
    let Some(remote) = negotiated.remote.filter(|_| negotiated.receive && negotiated.send) else {
        return one_way(negotiated, &tried);
    };
    let from_there: u32 =
        audio.sources.iter().filter(|source| source.address.ip() == remote.ip()).map(|s| s.packets).sum();
    let elsewhere = audio.sources.iter().find(|source| source.address.ip() != remote.ip());
    let heard = |who: &dyn std::fmt::Display| format!("RTP came from {who}, not from {remote}");
    if from_there == 0 && is_hidden(remote.ip(), signalling(call)) {
        return fault(
            Code::PrivateAddressInSdp,
            match elsewhere {
                Some(source) => heard(&source.address),
                None => format!("nothing: {} is an address of a private network", remote.ip()),
            },
            format!(
                "Ask the carrier to put its public media address into its SDP: it says {}, which is private to its own network \
                 (NAT traversal on its session border controller).",
                remote.ip()
            ),
        );
    }
    match elsewhere {
        Some(source) if from_there == 0 => {
            return fault(
                Code::RtpFromElsewhere,
                heard(&source.address),
                format!(
                    "Ask the carrier to send its RTP from the address in its SDP, {}: it comes from {}, and audio from anybody \
                     else is not believed.",
                    remote.ip(),
                    source.address.ip()
                ),
            );
        }
        _ => {}
    }
    if from_there == 0 && audio.is_refused {
        return fault(
            Code::RtpRefused,
            format!("not one packet, and ours are refused at {remote}"),
            format!(
                "Ask the carrier to listen where its SDP says: nothing does at {remote}, so nobody hears anybody."
            ),
        );
    }
    if from_there == 0 {
        let media = patient.media_advertise.unwrap_or(patient.media);
        let ports = &patient.ports;
        return fault(
            Code::NoRtp,
            "not one packet".into(),
            format!(
                "Let UDP from {} to {media}, ports {} to {}, through every firewall; if it is open, set `advertise` in [media] to \
                 the address that the carrier reaches, or ask the carrier whether it sends audio at all.",
                remote.ip(),
                ports.start(),
                ports.end()
            ),
        );
    }
    quality(patient, tried, audio, from_there)
}

/// The answer itself says that audio goes one way (RFC 3264 §6.1).
fn one_way(negotiated: &Negotiated, tried: &str) -> Finding {
    let (says, who) = match (negotiated.send, negotiated.receive) {
        (false, true) => ("a=sendonly", "the callee does not hear us"),
        (true, false) => ("a=recvonly", "we do not hear the callee"),
        _ => ("a=inactive or the address 0.0.0.0", "nobody hears anybody"),
    };
    Finding::fault(
        Step::Rtp,
        Code::OneWayAudio,
        tried,
        format!("the answer's SDP says {says}: {who}"),
        format!("Ask the carrier to answer with a=sendrecv: its SDP says {says}, so {who}."),
    )
}

fn quality(patient: &Patient, tried: String, audio: &Audio, packets: u32) -> Finding {
    let stats = &audio.stats;
    let lost_percent = stats.lost * 100 / (stats.lost + u64::from(packets)).max(1);
    let came_back = format!(
        "{packets} packets, {} lost, jitter {}; {} of ours sent",
        stats.lost,
        time(stats.jitter),
        stats.packets_out
    );
    if lost_percent > LOSS_PERCENT_MAX || stats.jitter > JITTER_MAX {
        return Finding::warning(
            Step::Rtp,
            Code::RtpLossy,
            tried,
            came_back,
            format!(
                "Look at the network between {} and the carrier: {lost_percent} % of its packets are lost and they come {} apart from \
                 their time.",
                patient.media,
                time(stats.jitter)
            ),
        );
    }
    Finding::ok(Step::Rtp, tried, came_back)
}

fn dtmf(patient: &Patient, negotiated: &Negotiated, audio: &Audio) -> Finding {
    let Some(payload_type) = negotiated.telephone_event else {
        return Finding::warning(
            Step::Dtmf,
            Code::NoTelephoneEvent,
            "offered telephone-event",
            "the answer leaves it out: digits cannot be sent as RTP events",
            format!(
                "In {} set `dtmf = \"info\"` or `dtmf = \"inband\"`, or ask the carrier to accept telephone-event (RFC 4733).",
                table(&patient.trunk)
            ),
        );
    };
    let came_back = match audio.digits_heard.as_str() {
        "" => "agreed; none came back, as only an echo service sends them".to_owned(),
        digits => format!("agreed; {digits} came back"),
    };
    Finding::ok(Step::Dtmf, format!("sent digits as payload type {payload_type}"), came_back)
}

/// Whether an address cannot be reached from where the signalling comes from.
fn is_hidden(address: IpAddr, signalling: Option<SocketAddr>) -> bool {
    let there = signalling.map_or(Reach::Public, |address| reach(address.ip()));
    reach(address) == Reach::Private && there != Reach::Private
}

fn signalling(call: &CallSeen) -> Option<SocketAddr> {
    call.exchange.theirs().next().map(|seen| seen.remote)
}
