//! A bot that connects to the switch: a plain client of its WebSocket, which blocks.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::HandshakeError;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, client};

use super::{is_loud, tone};
use crate::switch::{SECRET, Switch};

/// A bot that was let in.
pub struct Guest {
    socket: WebSocket<TcpStream>,
    /// 20 ms of the callee that were no silence.
    pub heard: usize,
}

impl Guest {
    /// By the usual key.
    pub fn by_key(switch: &Switch, call: &str) -> Result<Self, u16> {
        Self::at(switch, &format!("/v1/stream/{call}"), Some(&format!("Bearer nxf_demo:{SECRET}")))
    }

    /// By an address that holds a ticket.
    pub fn by_ticket(switch: &Switch, url: &str) -> Result<Self, u16> {
        let own = format!("ws://{}", switch.place.http());
        Self::at(switch, url.strip_prefix(&own).expect("an address of this switch"), None)
    }

    /// Anyhow; or the status that it was refused with.
    pub fn at(switch: &Switch, path: &str, authorization: Option<&str>) -> Result<Self, u16> {
        let address = switch.place.http();
        let mut request = format!("ws://{address}{path}").into_client_request().expect("a request");
        if let Some(value) = authorization {
            request.headers_mut().insert("authorization", value.parse().expect("a header"));
        }
        let stream = TcpStream::connect(address).expect("the switch listens");
        stream.set_read_timeout(Some(Duration::from_secs(40))).expect("a timeout");
        match client::client(request, stream) {
            Ok((socket, _)) => Ok(Self { socket, heard: 0 }),
            Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
            Err(error) => panic!("{path}: {error}"),
        }
    }

    /// What it is told next of this kind; what the callee says meanwhile is counted.
    pub fn until(&mut self, event: &str) -> Value {
        loop {
            let message = self.socket.read().expect("the switch goes on");
            let Message::Text(text) = message else { continue };
            let told: Value = serde_json::from_str(&text).expect("the switch sends JSON");
            self.heard += usize::from(told["event"] == "media" && is_loud(&told));
            if told["event"] == event {
                return told;
            }
        }
    }

    /// Listens until it has heard so many 20 ms of words.
    pub fn hear(&mut self, frames: usize) {
        let wanted = self.heard + frames;
        while self.heard < wanted {
            self.until("media");
        }
    }

    /// A second of 500 Hz, heard to its end.
    pub fn talk(&mut self) {
        let start = self.until("start");
        self.say(&start["streamSid"]);
        assert_eq!(self.until("mark")["mark"]["name"], "said");
    }

    /// A second of 500 Hz in pieces that fit no frame, and a mark behind it.
    pub fn say(&mut self, stream: &Value) {
        for piece in tone().chunks(1_111) {
            let media = json!({ "event": "media", "streamSid": stream, "media": { "payload": BASE64.encode(piece) } });
            self.send(media.to_string());
        }
        self.send(json!({ "event": "mark", "streamSid": stream, "mark": { "name": "said" } }).to_string());
    }

    /// Any text; whether it was taken is for the switch to say.
    pub fn send(&mut self, text: String) {
        let _ = self.socket.send(Message::text(text));
    }

    /// Bytes that no WebSocket frames.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).expect("the switch reads");
    }

    /// Takes leave in good order.
    pub fn leave(mut self) {
        let _ = self.socket.close(None);
        while self.socket.read().is_ok() {}
    }

    /// The code with which the switch takes leave; none: it is gone without.
    pub fn dismissed(mut self) -> Option<u16> {
        loop {
            match self.socket.read() {
                Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}
