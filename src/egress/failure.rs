//! What kind of failure an error is: what lies below it tells, and all of it is what is said.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter::successors;

use super::EgressError;
use super::guard::Refused;

/// The error in its own words; where it names a URL, so do they.
pub(super) fn kind(error: &(dyn Error + 'static)) -> EgressError {
    for cause in causes(error) {
        if cause.is::<Refused>() {
            return EgressError::Address;
        }
        if let Some(rustls::Error::InvalidCertificate(_)) = cause.downcast_ref() {
            return EgressError::Certificate(chain(error));
        }
        if cause.downcast_ref().map(io::Error::kind) == Some(ErrorKind::ConnectionRefused) {
            return EgressError::Nobody(chain(error));
        }
    }
    EgressError::Connection(chain(error))
}

/// An error and what led to it, in a line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// An error and what led to it, one after another. What an I/O error holds is not its source: that one's source is.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    successors(Some(error), |&error| {
        let held = error.downcast_ref().and_then(io::Error::get_ref);
        held.map(|held| held as &(dyn Error + 'static)).or_else(|| error.source())
    })
}
