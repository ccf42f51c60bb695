//! The first line (RFC 3261 §7.1, §7.2). Crooked request lines are read as far as an answer needs, and marked.

use super::{defect::Defect, index::Span, method::Method, params::is_token, parse_error::ParseError};

/// What the first line says.
#[derive(Clone, Copy, Debug)]
pub(super) enum StartLine {
    Request { method: Method, token: Span, uri: Span },
    Response { status: u16, phrase: Span },
}

impl StartLine {
    pub fn parse(text: &[u8], line: Span) -> Result<(Self, Option<Defect>), ParseError> {
        let content = line.of(text);
        let space = content.iter().position(|byte| *byte == b' ').ok_or(ParseError::StartLine)?;
        match is_version(&content[..space]) {
            true => Self::response(line, content, space),
            false => Self::request(line, content, space),
        }
    }

    /// `SIP/2.0 486 Busy Here`; the phrase, and the space before it, may be missing.
    fn response(line: Span, content: &[u8], space: usize) -> Result<(Self, Option<Defect>), ParseError> {
        let rest = &content[space + 1..];
        let status = match rest {
            [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9']
            | [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', ..] => {
                [a, b, c].iter().fold(0, |status, digit| status * 10 + u16::from(**digit - b'0'))
            }
            _ => return Err(ParseError::StartLine),
        };
        let phrase = trimmed_part(line, content, space + 4, content.len());
        let defect = (!is_current(&content[..space])).then_some(Defect::Version);
        Ok((Self::Response { status, phrase }, defect))
    }

    /// `INVITE sip:bob@example.com SIP/2.0`
    fn request(line: Span, content: &[u8], space: usize) -> Result<(Self, Option<Defect>), ParseError> {
        let trimmed = content.trim_ascii_end();
        let last = trimmed.iter().rposition(|byte| *byte == b' ').ok_or(ParseError::StartLine)?;
        let (token, version) = (&content[..space], &trimmed[last + 1..]);
        if !is_token(token) || !is_version(version) || last == space {
            return Err(ParseError::StartLine);
        }
        // RFC 3261 §7.1: one space between the elements, none at the end, and no brackets about the URI.
        let uri = &content[space + 1..last];
        let crooked = trimmed.len() < content.len()
            || uri.is_empty()
            || uri.iter().any(|byte| byte.is_ascii_whitespace() || matches!(byte, b'<' | b'>' | b'"'));
        let defect = match is_current(version) {
            false => Some(Defect::Version),
            true => crooked.then_some(Defect::StartLine),
        };
        let request = Self::Request {
            method: Method::from_token(str::from_utf8(token).unwrap_or_default()),
            token: line.part(0, space),
            uri: trimmed_part(line, content, space + 1, last),
        };
        Ok((request, defect))
    }
}

/// Versions compare in any case (RFC 3261 §7.1).
fn is_version(token: &[u8]) -> bool {
    token.len() > 4 && token[..4].eq_ignore_ascii_case(b"SIP/")
}

fn is_current(version: &[u8]) -> bool {
    version.eq_ignore_ascii_case(b"SIP/2.0")
}

fn trimmed_part(line: Span, content: &[u8], from: usize, to: usize) -> Span {
    let to = to.min(content.len());
    let from = from.min(to);
    let part = &content[from..to];
    let from = from + part.len() - part.trim_ascii_start().len();
    line.part(from, from + content[from..to].trim_ascii_end().len())
}
