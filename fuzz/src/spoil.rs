//! Mutations: of bytes, of lines, and of the words in them.

use crate::dice::Dice;

/// Words that have hurt somebody.
const WORDS: &[&str] = &[
    "",
    " ",
    ";",
    ",",
    "<",
    ">",
    "\"",
    "\\",
    "=",
    "@",
    ":",
    "?",
    "%00",
    "%",
    "\r\n",
    "\r\n ",
    "\0",
    "é",
    ";é;",
    "\u{feff}",
    "-1",
    "0",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "9999999999999999999999",
    "1e9",
    "NaN",
    "SIP/2.0",
    "sip:",
    "sips:a@b",
    "tel:+1",
    "<sip:a@[::1]:0;lr>",
    "<sip:[2001:db8::]>",
    "z9hG4bK",
    ";tag=",
    ";lr",
    ";branch=z9hG4bK",
    ";rport",
    ";received=::1",
    "INVITE",
    "CANCEL",
    "ACK",
    "BYE",
    "REFER",
    "NOTIFY",
    "MESSAGE",
    "REGISTER",
    "100rel",
    "replaces",
    "timer",
    "Require: replaces",
    "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
    "Replaces: a;to-tag=b;from-tag=c",
    "Refer-To: <sip:a@b?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>",
    "Event: refer",
    "Subscription-State: terminated",
    "Expires: 0",
    "Min-Expires: 4294967295",
    "Session-Expires: 90;refresher=uas",
    "Content-Length: 0",
    "Content-Type: message/sipfrag",
    "Content-Type: multipart/mixed;boundary=b",
    "Content-Disposition: signal;handling=required",
    "--b",
    "--b--",
    "*",
    "RAck: 1 1 INVITE",
    "RSeq: 1",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
    "m=audio 0 RTP/AVP",
    "a=ptime:0",
    "c=IN IP6 ::",
    "a=rtpmap:96 opus/48000/2",
    "a=fmtp:101 0-16",
];

/// Spoils bytes a few times over.
pub fn bytes(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..=dice.below(4) {
        match dice.below(6) {
            0 => flip(dice, bytes),
            1 => bytes.truncate(dice.below(bytes.len() + 1)),
            2 => {
                let at = dice.below(bytes.len() + 1);
                let new = dice.bytes(8);
                bytes.splice(at..at, new);
            }
            3 => {
                let at = dice.below(bytes.len() + 1);
                let word = *dice.pick(WORDS);
                bytes.splice(at..at, word.bytes());
            }
            4 => {
                let (from, to) = (dice.below(bytes.len() + 1), dice.below(bytes.len() + 1));
                let part = bytes[from.min(to)..from.max(to)].to_vec();
                let at = dice.below(bytes.len() + 1);
                if bytes.len() + part.len() < LONGEST_BYTES {
                    bytes.splice(at..at, part);
                }
            }
            _ => {
                let (from, to) = (dice.below(bytes.len() + 1), dice.below(bytes.len() + 1));
                bytes.drain(from.min(to)..from.max(to).min(from.min(to) + 64));
            }
        }
    }
}

/// Spoils lines a few times over: what stands between CR and LF is mixed, not torn.
pub fn lines(dice: &mut Dice, text: &[u8]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..=dice.below(3) {
        let at = dice.below(lines.len());
        let Some(line) = lines.get_mut(at) else { break };
        match dice.below(6) {
            0 => drop(lines.remove(at)),
            1 => {
                let line = line.clone();
                let copies = 1 + dice.below(3);
                lines.splice(at..at, vec![line; copies]);
            }
            2 => {
                let other = dice.below(lines.len());
                lines.swap(at, other);
            }
            3 => {
                let word = *dice.pick(WORDS);
                lines.insert(at, format!("{word}\r\n").into_bytes());
            }
            4 => replace_number(dice, line),
            _ => replace_word(dice, line),
        }
    }
    lines.concat()
}

fn flip(dice: &mut Dice, bytes: &mut [u8]) {
    if !bytes.is_empty() {
        let at = dice.below(bytes.len());
        bytes[at] = if dice.chance(50) { bytes[at] ^ (1 << dice.below(8)) } else { dice.byte() };
    }
}

/// Another number where one stands.
fn replace_number(dice: &mut Dice, line: &mut Vec<u8>) {
    let starts: Vec<usize> = (0..line.len())
        .filter(|at| line[*at].is_ascii_digit() && (*at == 0 || !line[*at - 1].is_ascii_digit()))
        .collect();
    if starts.is_empty() {
        return;
    }
    let start = *dice.pick(&starts);
    let length = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    line.splice(start..start + length, dice.number().to_string().bytes());
}

/// Another word between two delimiters.
fn replace_word(dice: &mut Dice, line: &mut Vec<u8>) {
    let is_delimiter = |byte: &u8| b" ;,<>=:\"@?&\t".contains(byte);
    let places: Vec<usize> = (0..line.len()).filter(|at| is_delimiter(&line[*at])).collect();
    if places.is_empty() {
        return;
    }
    let start = dice.pick(&places) + 1;
    let end = line[start..]
        .iter()
        .position(|byte| is_delimiter(byte) || *byte == b'\r')
        .map_or(line.len(), |at| start + at);
    let word = *dice.pick(WORDS);
    line.splice(start..end, word.bytes());
}

/// Longer than any datagram is no use.
const LONGEST_BYTES: usize = 70_000;

/// What looks like STUN to a demultiplexer (RFC 7983): two zero bits, a length, the cookie, and attributes that lie.
pub fn stun(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = vec![dice.byte() & 0x3f, dice.byte()];
    bytes.extend((dice.number() as u16).to_be_bytes());
    bytes.extend([0x21, 0x12, 0xa4, 0x42]);
    bytes.extend(dice.bytes(24));
    if dice.chance(30) {
        self::bytes(dice, &mut bytes);
    }
    bytes
}
