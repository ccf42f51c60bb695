//! Fetches what a call wants from elsewhere while it talks: sounds, and what its guide says. The shell of
//! [`Program`](super::Program): it goes out through [`Egress`] and bounds what comes back, in bytes and in time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use trunkline_media::Clip;

use crate::egress::{Answer, Egress, EgressError};
use crate::face;
use crate::model::{CallRecord, Face, Key, Link, Occasion, Sound, Step, Timestamp, Verb};

/// A party's place at the bridge, and whose it was when something was fetched: another party may sit there by then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Which place.
    pub at: u8,
    /// Which of those who sat there: the call's own count. People in browsers are 0.
    pub party: u32,
}

/// Something to be fetched.
pub enum Errand {
    /// A sound.
    Sound {
        /// Its number in its program.
        number: u32,
        /// Where it is, or what it is made of.
        from: Sound,
    },
    /// What is heard while a party is called.
    Aside {
        /// Where it is, or what it is made of.
        from: Sound,
        /// Where it is heard.
        place: Place,
        /// By the party itself, and by nobody else.
        whispered: bool,
    },
    /// What is to be done next.
    Steps {
        /// Which of the call's questions this is.
        question: u32,
        /// Who is asked.
        link: Link,
        /// Why.
        occasion: Occasion,
        /// Whose words are spoken there.
        face: Face,
        /// Whose secret signs.
        key: Option<Arc<Key>>,
    },
}

/// The largest WAV file: five minutes at 16 bits and 8 kHz, or one at CD rate.
const SOUND_BYTES_MAX: usize = 6 << 20;
/// How long it may take to come.
const SOUND_DEADLINE: Duration = Duration::from_secs(15);
/// The longest that is played.
const SOUND_MAX: Duration = Duration::from_secs(900);
/// How long a guide may think: somebody listens to nothing meanwhile.
const STEPS_DEADLINE: Duration = Duration::from_secs(8);
/// What Twilio grants, for which such guides were written.
const TWILIOS_DEADLINE: Duration = Duration::from_secs(15);

/// So many redirections are followed.
const REDIRECTS_MAX: usize = 5;

/// Runs errands. Cheap to clone.
#[derive(Clone)]
pub struct Errands {
    egress: Egress,
}

impl Errands {
    /// By this way out.
    pub fn new(egress: Egress) -> Self {
        Self { egress }
    }

    /// A sound; else why not.
    pub async fn sound(&self, from: Sound) -> Result<Arc<Clip>, String> {
        let wav: Arc<[u8]> = match from {
            Sound::Wav(bytes) => bytes,
            Sound::Url(url) => {
                let fetched = within(SOUND_DEADLINE, self.fetched(url)).await;
                let answer = fetched.map_err(|error| format!("a sound could not be fetched: {error}"))?;
                if answer.status != 200 {
                    return Err(format!("a sound could not be fetched: HTTP {}", answer.status));
                }
                answer.body.to_vec().into()
            }
        };
        // Resampling takes its time.
        let read = tokio::task::spawn_blocking(move || Clip::from_wav(&wav)).await;
        match read {
            Ok(Ok(clip)) if clip.duration() > SOUND_MAX => {
                Err(format!("a sound is longer than {} s", SOUND_MAX.as_secs()))
            }
            Ok(Ok(clip)) => Ok(Arc::new(clip)),
            Ok(Err(error)) => Err(format!("a sound cannot be played: {error}")),
            Err(_) => Err("a sound cannot be played".to_owned()),
        }
    }

    /// What is to be done next with this call; else why that is not known.
    pub async fn steps(
        &self,
        (link, face): (&Link, Face),
        occasion: &Occasion,
        key: &Key,
        record: &CallRecord,
        at: Timestamp,
    ) -> Result<Vec<Step>, String> {
        let body =
            face::question((face, key), occasion, at, record).ok_or("nobody can be asked what to do")?;
        let question = Question { face, key, seconds: at.0.div_euclid(1_000), body };
        // What is asked may be appended, and behind a `#` it would never arrive (RFC 9110 §7.1).
        let url = link.url.split_once('#').map_or(link.url.as_str(), |(url, _)| url).to_owned();
        let asked = within(question.deadline(), self.asked(&question, url, link.verb)).await;
        let (url, answer) = asked.map_err(|error| format!("the answer URL: {error}"))?;
        if answer.status != 200 {
            return Err(format!("the answer URL: HTTP {}", answer.status));
        }
        face::steps(face, &url, &answer.body).map_err(|error| format!("the answer URL: {error}"))
    }

    /// What comes from this URL, or from where that sends us.
    async fn fetched(&self, url: String) -> Result<Answer, EgressError> {
        let mut trail = Trail { url, left: REDIRECTS_MAX };
        loop {
            let answer = self.egress.fetch(SOUND_DEADLINE, &trail.url, SOUND_BYTES_MAX).await?;
            if !trail.leads_on(&answer) {
                return Ok(answer);
            }
        }
    }

    /// The answer, and whose it is in the end: Twilio's guides may send us elsewhere, as they may there.
    async fn asked(
        &self,
        question: &Question<'_>,
        url: String,
        verb: Verb,
    ) -> Result<(String, Answer), EgressError> {
        let mut trail = Trail { url, left: if question.face == Face::Twilio { REDIRECTS_MAX } else { 0 } };
        let mut manner = if verb == Verb::Post { Manner::Posted } else { Manner::Appended };
        loop {
            let answer = self.ask(question, &trail.url, manner).await?;
            if !trail.leads_on(&answer) {
                return Ok((trail.url, answer));
            }
            manner = manner.once_moved(answer.status);
        }
    }

    async fn ask(&self, question: &Question<'_>, url: &str, manner: Manner) -> Result<Answer, EgressError> {
        let Question { face, body, .. } = question;
        let get =
            async |url: &str| self.egress.get_within(question.deadline(), url, &question.sign(url, "")).await;
        match manner {
            Manner::Posted => {
                let mut headers = question.sign(url, body);
                headers.push(("content-type", face::content_type(*face).to_owned()));
                self.egress.post_within(question.deadline(), url, &headers, body.clone().into()).await
            }
            Manner::Appended => {
                let mark = if url.contains('?') { '&' } else { '?' };
                get(&format!("{url}{mark}{body}")).await
            }
            Manner::Bare => get(url).await,
        }
    }
}

/// Where something is, as far as it is known.
struct Trail {
    url: String,
    /// Redirections that may be followed yet.
    left: usize,
}

impl Trail {
    /// Goes where an answer sends us. `false`: it is the last.
    fn leads_on(&mut self, answer: &Answer) -> bool {
        let Some(moved) = answer.moved(&self.url).filter(|_| self.left > 0) else { return false };
        (self.url, self.left) = (moved, self.left - 1);
        true
    }
}

/// Where a question stands in its request.
#[derive(Clone, Copy)]
enum Manner {
    /// In its body.
    Posted,
    /// In its URL, behind what stands there: only a face whose questions are forms asks so.
    Appended,
    /// Nowhere: the URL is whole, from who was asked before.
    Bare,
}

impl Manner {
    /// What was posted is got, unless it is said that it is to be posted again (RFC 9110 §15.4.8).
    fn once_moved(self, status: u16) -> Self {
        match self {
            Self::Posted if matches!(status, 307 | 308) => Self::Posted,
            Self::Posted => Self::Appended,
            Self::Appended | Self::Bare => Self::Bare,
        }
    }
}

/// What a guide is asked.
struct Question<'a> {
    face: Face,
    key: &'a Key,
    /// When, in seconds of Unix time.
    seconds: i64,
    body: String,
}

impl Question<'_> {
    fn deadline(&self) -> Duration {
        if self.face == Face::Twilio { TWILIOS_DEADLINE } else { STEPS_DEADLINE }
    }

    fn sign(&self, url: &str, body: &str) -> Vec<(&'static str, String)> {
        face::sign(self.face, self.key.signing.reveal(), url, self.seconds, body.as_bytes())
    }
}

/// All that is asked for on the way has this time together.
async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, EgressError>>,
) -> Result<T, EgressError> {
    timeout(deadline, work).await.unwrap_or(Err(EgressError::Timeout(deadline)))
}

#[cfg(test)]
mod tests;
