//! The verbs of Twilio's REST API that voice bots call by themselves: place a call, look at it, end it.

mod attribute;
mod callbacks;
mod dial;
mod error;
mod event;
mod form;
mod record;
mod recording;
mod request;
pub(crate) mod schema;
mod twiml;
mod xml;

pub use error::error;
pub use event::{event, question, sign, test_event};
pub use record::{call, calls, created};
pub use recording::{recording, recordings};
pub use request::{Change, parse, parse_change};

use crate::face::UnreadableSteps;
use crate::model::Step;

/// The steps of the TwiML that came from `base`, to which its URLs may be relative.
pub fn steps(base: &str, body: &[u8]) -> Result<Vec<Step>, UnreadableSteps> {
    let text = std::str::from_utf8(body).map_err(|_| UnreadableSteps("it is not UTF-8".to_owned()))?;
    let base = url::Url::parse(base).map_err(|_| UnreadableSteps("its own URL cannot be read".to_owned()))?;
    twiml::parse(Some(&base), text).map_err(|reason| UnreadableSteps(format!("the TwiML {reason}")))
}
