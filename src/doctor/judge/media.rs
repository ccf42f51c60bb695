//! The audio of an answered call: what was agreed, what was heard, from whom.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use trunkline_media::sdp::{self, Description};
use trunkline_media::{Negotiated, SdpError};
use trunkline_sip::{Message, Method};

use super::words::{Reach, reach, table, time};
use crate::doctor::finding::{Code, Finding, Step};
use crate::doctor::observation::{Audio, CallSeen, DIGITS};
use crate::doctor::patient::Patient;
use crate::model::DtmfMode;

/// Of a hundred packets, more lost than this are heard.
const LOSS_PERCENT_MAX: u64 = 3;
/// What a jitter buffer makes up for without being heard.
const JITTER_MAX: Duration = Duration::from_millis(100);
/// Who has been sent so many packets, and reports on none, has heard none. A second of them.
const PACKETS_HEARD_MIN: u64 = 50;

/// Of an answered call.
pub fn media(patient: &Patient, call: &CallSeen) -> Vec<Finding> {
    let negotiated = match &call.answer {
        Some(Ok(negotiated)) => negotiated,
        Some(Err(error)) => return vec![unusable(patient, error)],
        None => return Vec::new(),
    };
    let mut found = vec![codecs(call, negotiated)];
    let Some(audio) = &call.audio else { return found };
    found.push(rtp(patient, call, negotiated, audio));
    found.push(dtmf(patient, negotiated, audio));
    found
}

/// Each codec that was offered and whether it was taken; packet length, encryption and telephone events. One call says it all,
/// since an answer lists every codec that it takes (RFC 3264 §6.1): a carrier that lists its favourite alone may take others.
fn codecs(call: &CallSeen, negotiated: &Negotiated) -> Finding {
    let offer = call.exchange.requests(Method::Invite).find_map(|seen| description(&seen.message));
    let is_answer = |message: &Message| message.status().is_some_and(|status| (180..300).contains(&status));
    let answers = call.exchange.responses(Method::Invite).map(|seen| &seen.message);
    let answer = answers.rev().filter(|message| is_answer(message)).find_map(description);
    let offered = offer.map_or_else(Vec::new, |offer| offer.codecs);
    let taken = answer.as_ref().map_or(&[][..], |answer| &answer.codecs);
    let is_taken = |codec: &String| taken.iter().any(|taken| taken.eq_ignore_ascii_case(codec));
    let told = |codec: &String| format!("{codec} {}", if is_taken(codec) { "taken" } else { "not taken" });
    let matrix: Vec<String> = offered.iter().map(told).collect();
    let ptime = match answer.and_then(|answer| answer.ptime_ms) {
        Some(asked) if asked == negotiated.ptime_ms => format!("packets of {asked} ms"),
        Some(asked) => format!("packets of {asked} ms asked for, {} ms sent", negotiated.ptime_ms),
        None => format!("packets of {} ms, as the answer says nothing of it", negotiated.ptime_ms),
    };
    let remote = negotiated.remote.map_or_else(|| "on hold".to_owned(), |remote| remote.to_string());
    let yes = |is: bool| if is { "yes" } else { "no" };
    Finding::ok(
        Step::Codecs,
        "read the answer's SDP",
        format!(
            "{} at {remote}; {}; {ptime}; SRTP: {}; telephone-event: {}",
            negotiated.codec.name(),
            matrix.join(", "),
            yes(negotiated.security.is_some()),
            yes(negotiated.telephone_event.is_some())
        ),
    )
}

fn description(message: &Message) -> Option<Description> {
    sdp::inspect(message.body()).ok()
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
            match hears_us(audio) {
                None => "not one packet".into(),
                Some(true) => {
                    "not one packet; by its RTCP reports it hears us: it is we who hear nobody".into()
                }
                Some(false) => {
                    "not one packet, and its RTCP reports tell of none of ours: nobody hears anybody".into()
                }
            },
            format!(
                "Let UDP from {} to {media}, ports {} to {}, through every firewall; if it is open, set `advertise` in [media] to \
                 the address that the carrier reaches, or ask the carrier whether it sends audio at all.",
                remote.ip(),
                ports.start(),
                ports.end()
            ),
        );
    }
    if hears_us(audio) == Some(false) {
        let media = patient.media_advertise.unwrap_or(patient.media);
        return fault(
            Code::OneWayAudio,
            format!(
                "{from_there} packets came, but its RTCP reports tell of none of ours: it does not hear us"
            ),
            format!(
                "Let UDP from {media} to {remote} out through every firewall, and ask the carrier whether our RTP arrives there: it \
                 does not hear us."
            ),
        );
    }
    quality(patient, tried, audio, from_there)
}

/// By its receiver reports, where there are some: whoever hears somebody reports on him (RFC 3550 §6.4.1).
fn hears_us(audio: &Audio) -> Option<bool> {
    let stats = &audio.stats;
    match stats.remote_mentions {
        0 if stats.remote_reports > 0 && stats.remote_reported_after >= PACKETS_HEARD_MIN => Some(false),
        0 => None,
        _ => Some(true),
    }
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
        "{packets} packets, {} lost, jitter {}; {} of ours sent{}",
        stats.lost,
        time(stats.jitter),
        stats.packets_out,
        match hears_us(audio) {
            Some(true) => format!(", and by its RTCP reports {} of them lost", stats.remote_lost),
            _ => String::new(),
        }
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
    let how = match (patient.trunk.media.dtmf, negotiated.telephone_event) {
        (DtmfMode::Info, _) => {
            return Finding::skipped(Step::Dtmf, "`dtmf = \"info\"`: digits by INFO are not tried");
        }
        (DtmfMode::Inband, _) => "as tones in the audio".to_owned(),
        (DtmfMode::Rfc4733, payload_type) => format!("as payload type {}", payload_type.unwrap_or_default()),
    };
    if patient.trunk.media.dtmf == DtmfMode::Rfc4733 && negotiated.telephone_event.is_none() {
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
    }
    let tried = format!("sent {DIGITS} {how}");
    let came_back = match audio.digits_heard.as_str() {
        DIGITS => format!("{DIGITS} came back"),
        "" if !patient.probe.echo => "none came back, as only an echo service sends them".to_owned(),
        heard => {
            let heard = if heard.is_empty() { "nothing" } else { heard };
            let table = table(&patient.trunk);
            let advice = match patient.trunk.media.dtmf {
                DtmfMode::Inband => format!(
                    "In {table} set `dtmf = \"rfc4733\"`, or ask the carrier which codec carries tones unharmed: they are lost on the way."
                ),
                DtmfMode::Rfc4733 | DtmfMode::Info => format!(
                    "Ask the carrier whether it carries telephone-event (RFC 4733) all the way to the callee: it agreed to it, and the \
                     digits are lost on the way; until then in {table} set `dtmf = \"inband\"` or `dtmf = \"info\"`."
                ),
            };
            let came_back = format!("{heard} came back");
            return Finding::warning(Step::Dtmf, Code::DtmfNotEchoed, tried, came_back, advice);
        }
    };
    Finding::ok(Step::Dtmf, tried, came_back)
}

/// Whether an address cannot be reached from where the signalling comes from.
fn is_hidden(address: IpAddr, signalling: Option<SocketAddr>) -> bool {
    let there = signalling.map_or(Reach::Public, |address| reach(address.ip()));
    reach(address) == Reach::Private && there != Reach::Private
}

fn signalling(call: &CallSeen) -> Option<SocketAddr> {
    call.exchange.theirs().next().map(|seen| seen.remote)
}
