//! A caller that sipp cannot play: it is asked who it is by several challenges, and answers the one of its choice (RFC 8760 §2.3)
//! with arithmetic of its own (RFC 7616 §3.4).

use std::net::{SocketAddrV4, UdpSocket};
use std::time::Duration;

use md5::Md5;
use sha2::{Digest, Sha256};
use trunkline_sip::{Message, Method, Name};

use crate::switch::{FROM, Place, stranger};

/// What it computes with.
#[derive(Clone, Copy, Debug)]
pub enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(text)),
            Self::Sha256 => hex::encode(Sha256::digest(text)),
        }
    }
}

/// How long it waits for a word.
const PATIENCE: Duration = Duration::from_secs(20);

/// Its sockets.
pub struct Challenged {
    sip: UdpSocket,
    /// Takes what is said to it, and says nothing.
    media: UdpSocket,
    own: SocketAddrV4,
    switch: SocketAddrV4,
}

impl Challenged {
    /// At an address that is none of the trunk's.
    pub fn elsewhere(place: &Place) -> Self {
        let own = SocketAddrV4::new(stranger(place), 5080);
        let sip = UdpSocket::bind(own).expect("a free port");
        sip.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let media = UdpSocket::bind(SocketAddrV4::new(*own.ip(), 0)).expect("a free port");
        Self { sip, media, own, switch: place.sip() }
    }

    /// One call to the usual number, which is challenged once. Gives how it was answered; an answered one has ended.
    pub fn call(self, username: &str, password: &str, algorithm: Algorithm) -> u16 {
        let uri = format!("sip:{FROM}@{}", self.switch);
        let asked = self.invite(&uri, 1, "");
        assert_eq!(asked.status(), Some(401));
        self.ack(&asked, &uri, 1);
        let offered: Vec<&str> = asked.values(Name::WwwAuthenticate).collect();
        // RFC 8760 §2.4: the one that is preferred comes first.
        assert!(offered[0].contains("SHA-256"), "{offered:?}");
        let named = format!("algorithm={}", algorithm.token());
        let challenge = offered.iter().find(|challenge| challenge.contains(&named));
        let challenge = challenge.unwrap_or_else(|| panic!("no {named} in {offered:?}"));
        let answer = answer(challenge, &uri, username, password, algorithm);
        let said = self.invite(&uri, 2, &answer);
        let status = said.status().expect("a response");
        self.ack(&said, &uri, 2);
        if status == 200 {
            self.await_bye();
        }
        status
    }

    /// An INVITE, and what it is told in the end.
    fn invite(&self, uri: &str, cseq: u32, authorization: &str) -> Message {
        let (ip, port) = (self.own.ip(), self.media.local_addr().expect("bound").port());
        let sdp = format!(
            "v=0\r\no=caller 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
        );
        let head = self.head("INVITE", uri, cseq, "");
        let own = self.own;
        self.send(&format!(
            "{head}{authorization}Contact: <sip:caller@{own}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        ));
        loop {
            let message = self.hear();
            if message.cseq() == (cseq, Method::Invite) && message.status() >= Some(200) {
                return message;
            }
        }
    }

    fn ack(&self, response: &Message, uri: &str, cseq: u32) {
        let to = response.header(Name::To).unwrap_or_default();
        let tag = to.split_once(";tag=").map_or("", |(_, tag)| tag);
        let head = self.head("ACK", uri, cseq, &format!(";tag={tag}"));
        self.send(&format!("{head}Content-Length: 0\r\n\r\n"));
    }

    fn await_bye(&self) {
        loop {
            let message = self.hear();
            if message.method() == Some(Method::Bye) {
                let header = |name: Name| message.header(name).unwrap_or_default();
                return self.send(&format!(
                    "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
                    header(Name::Via),
                    header(Name::From),
                    header(Name::To),
                    header(Name::CallId),
                    header(Name::CSeq),
                ));
            }
        }
    }

    /// The ACK of a refusal has its INVITE's branch (RFC 3261 §17.1.1.3), and here that of an answer too, which matters to nobody.
    fn head(&self, method: &str, uri: &str, cseq: u32, to_tag: &str) -> String {
        let own = self.own;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bK-caller-{cseq}\r\nMax-Forwards: 70\r\n\
             From: <sip:+15550102030@{}>;tag=caller\r\nTo: <{uri}>{to_tag}\r\nCall-ID: caller@{}\r\nCSeq: {cseq} {method}\r\n",
            own.ip(),
            own.ip(),
        )
    }

    fn send(&self, text: &str) {
        self.sip.send_to(text.as_bytes(), self.switch).expect("sent");
    }

    fn hear(&self) -> Message {
        let mut datagram = [0; 8_192];
        let (length, _) = self.sip.recv_from(&mut datagram).expect("a word of the switch");
        Message::parse(datagram[..length].to_vec().into()).expect("a message")
    }
}

/// An Authorization to this challenge.
fn answer(challenge: &str, uri: &str, username: &str, password: &str, algorithm: Algorithm) -> String {
    let param = |name: &str| {
        let (_, rest) =
            challenge.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("{name}: {challenge}"));
        rest.split('"').next().unwrap_or_default()
    };
    let (realm, nonce) = (param("realm"), param("nonce"));
    assert!(param("qop").split(',').any(|qop| qop.trim() == "auth"), "{challenge}");
    let secret = algorithm.hash(&format!("{username}:{realm}:{password}"));
    let request = algorithm.hash(&format!("INVITE:{uri}"));
    let response = algorithm.hash(&format!("{secret}:{nonce}:00000001:c0ffee:auth:{request}"));
    let token = algorithm.token();
    format!(
        "Authorization: Digest username=\"{username}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         algorithm={token}, qop=auth, nc=00000001, cnonce=\"c0ffee\", response=\"{response}\"\r\n"
    )
}
