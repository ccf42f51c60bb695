//! The one table that says what came of an INVITE: for the call, for the number, and for the trunk.
//!
//! Pure; knows nothing of dialogs, transactions or who asks. [`TABLE`] is read from the top, and the first row that fits
//! decides. Sources: RFC 3261 §21 for the statuses, RFC 3398 §8.2.6.1 and ITU-T Q.850 for the causes, RFC 8197 (607), RFC
//! 8688 (608), ATIS-1000099 (603+), and the carriers' own lists for their marks.

mod table;

use std::ops::RangeInclusive;
use std::time::Duration;

use trunkline_sip::{Cause, Failure, Reason};

use crate::model::{Disposition, EndedBy};
use crate::trunk::health::Sign;

pub use table::TABLE;

/// Why we hung up before the INVITE had its final answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hangup {
    /// What that makes of the call.
    pub disposition: Disposition,
    /// Who wanted it.
    pub by: EndedBy,
}

/// What an INVITE's failure means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ruling {
    /// What it makes of the call, if nothing else is tried.
    pub disposition: Disposition,
    /// May another gateway be tried now? Never once the callee has spoken or its telephone has rung.
    pub next_trunk: bool,
    /// Does whoever has the number want no such calls at all?
    pub is_unwanted: bool,
    /// How long the trunk asks to be left alone.
    pub hold: Option<Duration>,
    /// How long the callee does, by the same header.
    pub callee_hold: Option<Duration>,
    /// What it says of the trunk.
    pub sign: Sign,
    /// Who ended it.
    pub by: EndedBy,
    /// One clause, for people.
    pub why: &'static str,
    /// The place in [`TABLE`].
    pub row: usize,
}

/// How far the call had come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Progress {
    /// Nothing above 100 was heard: no telephone rings.
    #[default]
    Silent,
    /// 183 or 199: the network is at work (or plays something), nobody is alerted for certain.
    Progressing,
    /// 180, 181 or 182: the callee's side was reached.
    Alerting,
}

impl Progress {
    /// What a provisional status says.
    pub fn of(status: u16) -> Self {
        match status {
            180..=182 => Self::Alerting,
            _ => Self::Progressing,
        }
    }
}

/// A row: what must have come, and what follows.
#[derive(Clone, Debug)]
pub struct Row {
    /// What kind of failure.
    pub came: Came,
    /// One of these Q.850 causes; empty is any or none.
    pub q850: &'static [u16],
    /// No more than this was heard before.
    pub until: Progress,
    /// What else must be there.
    pub mark: Mark,
    /// What it makes of the call.
    pub disposition: Disposition,
    /// What may be tried, and what not any more.
    pub fate: Fate,
    /// What it says of the trunk.
    pub sign: Sign,
    /// Does Retry-After speak of the trunk (RFC 3261 §20.33)? Else it speaks of the callee.
    pub holds: bool,
    /// One clause, for people.
    pub why: &'static str,
    /// Who says so.
    pub source: &'static str,
}

/// What may be tried, and what not any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fate {
    /// See [`Ruling::next_trunk`].
    pub next_trunk: bool,
    /// See [`Ruling::is_unwanted`].
    pub is_unwanted: bool,
}

/// What kind of failure a row is about.
#[derive(Clone, Debug)]
pub enum Came {
    /// A final response of one of these statuses.
    Status(&'static [RangeInclusive<u16>]),
    /// Without a final response of the far end's own.
    Cause(Cause),
    /// Whatever it was.
    Anything,
}

/// What else a row wants.
#[derive(Clone, Copy, Debug)]
pub enum Mark {
    /// Nothing.
    None,
    /// This reason phrase, or a Reason header whose text begins with this.
    Words {
        /// The phrase, in any case.
        phrase: &'static str,
        /// The text's beginning.
        text: &'static str,
    },
    /// One of these codes of the carrier's own.
    Provider(&'static [&'static str]),
}

/// The longest that a trunk's Retry-After is believed: what is still overloaded then says so again.
pub const HOLD_MAX: Duration = Duration::from_secs(3_600);

/// The longest that a callee's Retry-After is believed.
pub const CALLEE_HOLD_MAX: Duration = Duration::from_secs(86_400);

/// What a failed INVITE means, given how far it had come.
pub fn judge(failure: &Failure, progress: Progress) -> Ruling {
    let (q850, provider) = (q850(failure), provider_code(failure));
    let fits = |row: &Row| {
        let came = match (&row.came, failure.cause) {
            (Came::Status(spans), Cause::Response) => {
                let status = failure.status.unwrap_or(500);
                spans.iter().any(|span| span.contains(&status))
            }
            (Came::Cause(cause), came) => *cause == came,
            (Came::Anything, _) => true,
            (Came::Status(_), _) => false,
        };
        came && progress <= row.until
            && (row.q850.is_empty() || q850.is_some_and(|cause| row.q850.contains(&cause)))
            && row.mark.is_in(&failure.phrase, &failure.reasons, provider.as_deref())
    };
    let (index, row) =
        TABLE.iter().enumerate().find(|(_, row)| fits(row)).expect("the last row takes everything");
    Ruling {
        disposition: row.disposition,
        // Whatever the row says: a telephone that has rung is not rung by a second gateway.
        next_trunk: row.fate.next_trunk && progress < Progress::Alerting,
        is_unwanted: row.fate.is_unwanted,
        hold: failure.retry_after.filter(|_| row.holds).map(|hold| hold.min(HOLD_MAX)),
        callee_hold: failure
            .retry_after
            .filter(|_| row.sign == Sign::Carried)
            .map(|hold| hold.min(CALLEE_HOLD_MAX)),
        sign: row.sign,
        by: if failure.cause == Cause::Response { EndedBy::Callee } else { EndedBy::Switch },
        why: row.why,
        row: index,
    }
}

/// What it means that a trunk has not said a word for as long as we wait: the same as if it never did.
pub fn silent() -> Ruling {
    judge(&silence(), Progress::Silent)
}

/// A failure of which nothing is known but that nothing came.
fn silence() -> Failure {
    Failure {
        cause: Cause::Timeout,
        status: None,
        phrase: String::new(),
        reasons: Vec::new(),
        retry_after: None,
        warning: None,
        contacts: Vec::new(),
        cancelled: false,
        transport: None,
        headers: Vec::new(),
    }
}

/// The Q.850 cause among a failure's Reason headers.
pub fn q850(failure: &Failure) -> Option<u16> {
    let reason = failure.reasons.iter().find(|reason| reason.protocol.eq_ignore_ascii_case("Q.850"))?;
    reason.cause
}

impl Mark {
    fn is_in(self, phrase: &str, reasons: &[Reason], provider: Option<&str>) -> bool {
        match self {
            Self::None => true,
            Self::Words { phrase: wanted, text } => {
                let begins =
                    |reason: &Reason| reason.text.as_ref().is_some_and(|said| said.starts_with(text));
                phrase.eq_ignore_ascii_case(wanted) || reasons.iter().any(begins)
            }
            Self::Provider(codes) => provider.is_some_and(|code| codes.contains(&code)),
        }
    }
}

/// A carrier's own code. Twilio says it in a header (`X-Twilio-Error: 32205 …`), Telnyx at the end of its phrase ("Caller
/// Origination Number is Invalid D35").
fn provider_code(failure: &Failure) -> Option<String> {
    let twilio = failure.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("X-Twilio-Error"));
    if let Some((_, value)) = twilio {
        let code: String = value.trim_start().chars().take_while(char::is_ascii_digit).collect();
        return (!code.is_empty()).then_some(code);
    }
    let last = failure.phrase.rsplit(' ').next().unwrap_or_default();
    let is_code = last.len() <= 4
        && last
            .strip_prefix('D')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    is_code.then(|| last.to_owned())
}

#[cfg(test)]
mod tests;
