//! A carrier's gateway that never connects anybody: it answers every INVITE in one manner, or not at all.

use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::{Config, Event, InviteId, Path, Transmit, UserAgent};

/// How it answers an INVITE.
#[derive(Clone, Copy, Debug)]
pub enum Carrier {
    /// At once, with this.
    Says(u16),
    /// After a second of ringing, with this.
    RingsThenSays(u16),
    /// With 302, to this URI.
    Redirects(&'static str),
    /// With 503, and the wish to be left alone for so long.
    Holds { seconds: u32 },
    /// With 100 and nothing more.
    TriesForEver,
    /// Not at all.
    Silent,
}

pub struct Gateway {
    agent: UserAgent,
    carrier: Carrier,
    ringing: Vec<(Instant, InviteId)>,
    asked: usize,
}

impl Gateway {
    pub fn new(config: Config, carrier: Carrier) -> Self {
        Self { agent: UserAgent::new(config, [3; 32]), carrier, ringing: Vec::new(), asked: 0 }
    }

    /// INVITEs that came.
    pub fn asked(&self) -> usize {
        self.asked
    }

    pub fn handle_message(&mut self, now: Instant, path: Path, message: Bytes) {
        if matches!(self.carrier, Carrier::Silent) {
            return;
        }
        self.agent.handle_message(now, path, message);
        while let Some(event) = self.agent.poll_event() {
            if let Event::Incoming { id, .. } = event {
                self.asked += 1;
                self.answer(now, id);
            }
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        let Carrier::RingsThenSays(status) = self.carrier else { return };
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.ringing).into_iter().partition(|(at, _)| *at <= now);
        self.ringing = later;
        for (_, id) in due {
            self.agent.reject(now, id, status, Vec::new());
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.ringing.iter().map(|(at, _)| *at).chain(self.agent.poll_timeout()).min()
    }

    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.agent.poll_transmit()
    }

    fn answer(&mut self, now: Instant, id: InviteId) {
        self.agent.adopt(id, 1);
        match self.carrier {
            Carrier::Says(status) => self.agent.reject(now, id, status, Vec::new()),
            Carrier::Redirects(uri) => {
                let contact = vec![("Contact".to_owned(), format!("<{uri}>"))];
                self.agent.reject(now, id, 302, contact);
            }
            Carrier::Holds { seconds } => {
                let retry_after = vec![("Retry-After".to_owned(), seconds.to_string())];
                self.agent.reject(now, id, 503, retry_after);
            }
            Carrier::RingsThenSays(_) => {
                self.agent.progress(now, id, 180, None, false);
                self.ringing.push((now + Duration::from_secs(1), id));
            }
            Carrier::TriesForEver | Carrier::Silent => {}
        }
    }
}
