//! People who take calls: who they are, whom a call wants of them, and what an agent has that stands for them.

use std::time::Duration;

use super::{PersonId, TenantId};

/// Somebody who takes calls in a browser.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Its id, unique among all tenants.
    pub id: PersonId,
    /// Whose calls it takes.
    pub tenant: TenantId,
    /// Its name, for colleagues; unique within its tenant.
    pub name: String,
    /// The queues it serves; empty: all.
    pub queues: Vec<String>,
    /// SHA-256 of what it signs in with. Sufficient for a high-entropy token.
    pub secret_hash: [u8; 32],
}

/// Whom a call wants.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Whom {
    /// Anybody.
    #[default]
    Anybody,
    /// Whoever serves this queue.
    Queue(String),
    /// These, by name.
    Named(Vec<String>),
}

/// What is heard by a callee for whom nobody is free.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// These words.
    Text(String),
    /// A WAV file that is fetched from there.
    Url(String),
}

/// What is heard by who waits for somebody, over and over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Music {
    /// The switch's own.
    Own,
    /// A WAV file that is fetched from there.
    Url(String),
}

/// People who talk in an agent's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Staff {
    /// Which of the tenant's.
    pub whom: Whom,
    /// How long one person is rung before the next one is.
    pub ring: Duration,
    /// What a person has to write down what was said.
    pub wrap_up: Duration,
    /// How long somebody whom we have called, and who has answered, may hear nobody.
    pub patience: Duration,
    /// How long somebody who calls in is kept ringing.
    pub wait: Duration,
    /// What it hears meanwhile: then it is answered at once; `None`: it hears ringing.
    pub music: Option<Music>,
    /// What is heard when nobody came.
    pub notice: Option<Notice>,
    /// How far a campaign dials ahead of them.
    pub pacing: Pacing,
    /// What this call is about: its request's prompt, filled in, of which whoever takes it reads at most [`BRIEF_BYTES_MAX`].
    pub brief: Option<String>,
}

/// How many calls of a campaign may be under way while only so many people are free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pacing {
    /// So many for each who is free, in hundredths.
    Ratio(u32),
    /// As many as what was learned from the campaign's calls allows, if of a thousand callees who answer so many may hear nobody.
    Predictive(u32),
}

impl Pacing {
    /// One call for each person.
    pub const ONE_EACH: Self = Self::Ratio(100);

    /// So many calls for each who is free: from 1 to 3.
    pub fn ratio(calls: f64) -> Option<Self> {
        (1.0..=3.0).contains(&calls).then(|| Self::Ratio((calls * 100.0).round() as u32))
    }

    /// So many of a hundred callees may hear nobody: from 0.1 to 2.5.
    pub fn predictive(percent: f64) -> Option<Self> {
        (0.1..=2.5).contains(&percent).then(|| Self::Predictive((percent * 10.0).round() as u32))
    }

    /// May more calls be under way than there are people who are free?
    pub const fn dials_ahead(self) -> bool {
        match self {
            Self::Ratio(hundredths) => hundredths > 100,
            Self::Predictive(_) => true,
        }
    }
}

/// Bytes of a prompt that a person reads.
pub const BRIEF_BYTES_MAX: usize = 4_096;

/// How long an answered callee may hear nobody before it must be told who called (47 CFR 64.1200(a)(7), Ofcom's policy on
/// persistent misuse).
pub const PATIENCE: Duration = Duration::from_secs(2);
