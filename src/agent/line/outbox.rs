//! Messages on their way to whoever talks from afar. All are written into one buffer that is used again and again: once its messages have been
//! sent, a message costs no allocation.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut as _, BytesMut};
use serde::Serialize;

use super::message::Message;

/// What has been written and not sent yet. The callee's voice is written only while the socket takes it, so what may pile up
/// are answers: with too many of them unread no more questions are read.
#[derive(Debug, Default)]
pub(in crate::agent) struct Outbox {
    buffer: BytesMut,
    waiting: VecDeque<Message>,
}

/// Messages that may wait.
pub(in crate::agent) const WAITING_MAX: usize = 1_024;
/// Room for some 20 ms of everything.
const ROOM: usize = 4 * 1024;

impl Outbox {
    /// Writes a text message.
    pub fn text(&mut self, write: impl FnOnce(&mut Text<'_>)) {
        self.reserve();
        write(&mut Text(&mut self.buffer));
        self.waiting.push_back(Message::Text(self.buffer.split().freeze()));
    }

    /// Writes a binary message of these parts.
    pub fn binary(&mut self, parts: &[&[u8]]) {
        self.reserve();
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        self.waiting.push_back(Message::Binary(self.buffer.split().freeze()));
    }

    /// Is it time not to be asked anything more?
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_MAX
    }

    /// The next to send.
    pub fn pop(&mut self) -> Option<Message> {
        self.waiting.pop_front()
    }

    /// Forgets what was meant for a bot that is gone.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    fn reserve(&mut self) {
        if self.buffer.capacity() < ROOM / 4 {
            self.buffer.reserve(ROOM);
        }
    }
}

/// A text message being written.
pub(in crate::agent) struct Text<'a>(&'a mut BytesMut);

impl Text<'_> {
    /// Writes this as it is.
    pub fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Writes a number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.raw(itoa::Buffer::new().format(number))
    }

    /// Writes bytes in base64, without quotes.
    pub fn base64(&mut self, bytes: &[u8]) -> &mut Self {
        let start = self.0.len();
        self.0.resize(start + bytes.len().div_ceil(3) * 4, 0);
        STANDARD.encode_slice(bytes, &mut self.0[start..]).expect("the room was made for it");
        self
    }

    /// Writes a value as JSON.
    pub fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> &mut Self {
        serde_json::to_writer(self.0.writer(), value).expect("strings and numbers are JSON");
        self
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn messages_leave_in_order_and_whole() {
        let mut outbox = Outbox::default();
        outbox.text(|text| {
            text.raw("{\"a\":").json("q\"").raw(",\"b\":\"").base64(b"\xff\xff\xff\xff").raw("\"}");
        });
        outbox.binary(&[b"\x10", b"ab"]);
        assert_eq!(outbox.pop(), Some(Message::Text("{\"a\":\"q\\\"\",\"b\":\"/////w==\"}".into())));
        assert_eq!(outbox.pop(), Some(Message::Binary(Bytes::from_static(b"\x10ab"))));
        assert_eq!(outbox.pop(), None);
    }

    #[test]
    fn sent_messages_give_their_room_back() {
        let mut outbox = Outbox::default();
        let sound = [0x55; 160];
        let mut places = std::collections::HashSet::new();
        for _ in 0..1_000 {
            outbox.text(|text| {
                text.base64(&sound);
            });
            let Some(Message::Text(bytes)) = outbox.pop() else { panic!("no message") };
            places.insert(bytes.as_ptr() as usize);
        }
        assert!(places.len() <= 2 * ROOM / 216, "{} places for a thousand messages", places.len());
    }
}
