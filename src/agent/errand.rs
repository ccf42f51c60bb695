//! Fetches what a call wants from elsewhere while it talks: sounds, and what its guide says. The shell of
//! [`Program`](super::Program): it goes out through [`Egress`] and bounds what comes back, in bytes and in time.

use std::sync::Arc;
use std::time::Duration;

use trunkline_media::Clip;

use crate::egress::Egress;
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
                let fetched = self.egress.fetch(SOUND_DEADLINE, &url, SOUND_BYTES_MAX).await;
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
        let seconds = at.0.div_euclid(1_000);
        let sign =
            |url: &str, body: &str| face::sign(face, key.signing.reveal(), url, seconds, body.as_bytes());
        let deadline = if face == Face::Twilio { TWILIOS_DEADLINE } else { STEPS_DEADLINE };
        // Who is asked never sees what stands behind a `#` (RFC 9110 §7.1), and could not check a signature over it.
        let url = link.url.split_once('#').map_or(link.url.as_str(), |(url, _)| url);
        let asked = match link.verb {
            Verb::Post => {
                let mut headers = sign(url, &body);
                headers.push(("content-type", face::content_type(face).to_owned()));
                self.egress.post_within(deadline, url, &headers, body.into()).await
            }
            // Only a face whose questions are forms asks so.
            Verb::Get => {
                let mark = if url.contains('?') { '&' } else { '?' };
                let whole = format!("{url}{mark}{body}");
                self.egress.get_within(deadline, &whole, &sign(&whole, "")).await
            }
        };
        let answer = asked.map_err(|error| format!("the answer URL: {error}"))?;
        if answer.status != 200 {
            return Err(format!("the answer URL: HTTP {}", answer.status));
        }
        face::steps(face, url, &answer.body).map_err(|error| format!("the answer URL: {error}"))
    }
}
