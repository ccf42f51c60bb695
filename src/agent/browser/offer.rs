//! What is looked at in a browser's SDP before and after the crate reads it. Text in, text out.

use super::OpenError;

/// The longest offer, in bytes; a browser's with one audio line has 2 to 6 KB.
pub const OFFER_MAX: usize = 32 << 10;
/// Lines of an offer.
pub(super) const LINES_MAX: usize = 500;
/// PCMU's payload type (RFC 3551 §6).
const PCMU: &str = "0";
/// Telephone events at PCMU's clock: those of other clocks belong to other codecs.
const EVENTS: &str = "telephone-event/8000";

/// The offer with no audio formats but PCMU and its telephone events, so that nothing else can be chosen. It must have one audio
/// line; video beside it is refused in the answer; whatever else it asks for is not for us.
pub fn narrowed(offer: &str) -> Result<String, OpenError> {
    if offer.len() > OFFER_MAX || offer.lines().count() > LINES_MAX || !offer.starts_with("v=0") {
        return Err(OpenError::Offer);
    }
    let kinds = offer.lines().filter_map(|line| line.strip_prefix("m=")?.split(' ').next());
    let audio = kinds.clone().filter(|kind| *kind == "audio").count();
    if audio != 1 || kinds.clone().any(|kind| !matches!(kind, "audio" | "video")) {
        return Err(OpenError::Offer);
    }
    let lines: Vec<&str> = offer.lines().collect();
    let begins = lines.iter().position(|line| line.starts_with("m=audio ")).ok_or(OpenError::Offer)?;
    let ends = lines[begins + 1..].iter().position(|line| line.starts_with("m="));
    let section = &lines[begins..ends.map_or(lines.len(), |ends| begins + 1 + ends)];
    let events = event_type_of(section);
    let keeps = |format: &str| format == PCMU || Some(format) == events;
    let media = media_line(section[0], keeps).ok_or(OpenError::Offer)?;
    let mut narrowed = String::with_capacity(offer.len());
    for (at, line) in lines.iter().enumerate() {
        let in_audio = (begins..begins + section.len()).contains(&at);
        let line = match at == begins {
            true => media.as_str(),
            false if in_audio && format_of(line).is_some_and(|format| !keeps(format)) => continue,
            false => line,
        };
        narrowed.push_str(line);
        narrowed.push_str("\r\n");
    }
    Ok(narrowed)
}

/// `None`: it does not offer PCMU.
fn media_line(line: &str, keeps: impl Fn(&str) -> bool) -> Option<String> {
    let mut words = line.split(' ');
    let head: Vec<&str> = words.by_ref().take(3).collect();
    let formats: Vec<&str> = words.filter(|format| keeps(format)).collect();
    formats.contains(&PCMU).then(|| [head, formats].concat().join(" "))
}

/// The format that an attribute speaks of.
fn format_of(line: &str) -> Option<&str> {
    let attribute = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"].iter().find_map(|name| line.strip_prefix(name))?;
    attribute.split(' ').next()
}

fn event_type_of<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let maps = lines.iter().filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '));
    maps.filter(|(format, _)| *format != PCMU)
        .find(|(_, name)| name.trim_end().eq_ignore_ascii_case(EVENTS))
        .map(|(format, _)| format)
}

/// Does this answer accept the audio line, with PCMU?
pub fn accepts_pcmu(answer: &str) -> bool {
    let audio = answer.lines().find_map(|line| line.strip_prefix("m=audio "));
    audio.is_some_and(|audio| {
        let mut words = audio.split(' ');
        words.next() != Some("0") && words.skip(1).any(|format| format.trim_end() == PCMU)
    })
}

/// The number that telephone events were agreed to have.
pub fn event_type(answer: &str) -> Option<u8> {
    event_type_of(&answer.lines().collect::<Vec<_>>())?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OFFER: &str = "v=0\r\ns=-\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0 110 126\r\na=rtpmap:111 opus/48000/2\r\n\
        a=fmtp:111 minptime=10\r\na=rtcp-fb:111 transport-cc\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
        a=rtpmap:126 telephone-event/8000\r\na=mid:0\r\nm=video 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 VP8/90000\r\n";

    #[test]
    fn nothing_but_pcmu_and_its_events_is_left_of_the_audio() {
        let narrowed = narrowed(OFFER).expect("it offers PCMU");
        assert_eq!(
            narrowed,
            "v=0\r\ns=-\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0 126\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:126 telephone-event/8000\r\na=mid:0\r\nm=video 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 VP8/90000\r\n"
        );
        assert_eq!((event_type(&narrowed), accepts_pcmu(&narrowed)), (Some(126), true));
        assert_eq!(super::narrowed(&narrowed), Ok(narrowed.clone()));
    }

    #[test]
    fn an_answer_that_refuses_the_audio_is_none() {
        assert!(!accepts_pcmu("m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n"));
        assert!(!accepts_pcmu("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n") && !accepts_pcmu(""));
    }

    proptest! {
        #[test]
        fn any_text_is_narrowed_or_refused(text in "(v=0\r\n)?((m=audio|m=video|a=rtpmap:|a=)?[ -~]{0,20}\r?\n){0,12}") {
            if let Ok(narrowed) = narrowed(&text) {
                prop_assert!(accepts_pcmu(&narrowed) || narrowed.contains("m=audio 0"));
            }
        }
    }
}
