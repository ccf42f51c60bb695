//! What a campaign does about calls that come to nothing, if its owner asked for it. Without a word, everybody is called once.

use std::time::Duration;

use super::Disposition;

/// Whoever was not reached is called again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retry {
    /// Calls to one recipient at most, the first one included: 2 to [`ATTEMPTS_MAX`](Self::ATTEMPTS_MAX).
    pub attempts_max: u32,
    /// From the end of one call to when the next is due; the campaign's window holds for it too.
    pub wait: Duration,
    /// After which ends; at least one.
    pub on: Vec<RetryReason>,
}

impl Retry {
    /// The most calls to one recipient that anybody may ask for: more is harassment, and in many countries an offence.
    pub const ATTEMPTS_MAX: u32 = 10;
    /// The shortest wait, in seconds.
    pub const WAIT_SECONDS_MIN: u64 = 1;
    /// The longest wait, in seconds: a week.
    pub const WAIT_SECONDS_MAX: u64 = 7 * 86_400;

    /// The ends after which it calls again.
    pub fn dispositions(&self) -> impl Iterator<Item = Disposition> {
        self.on.iter().flat_map(|reason| reason.dispositions()).copied()
    }
}

/// A kind of end after which somebody may be called again. A person who answered never is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetryReason {
    /// The line was busy.
    Busy,
    /// It rang in vain.
    NoAnswer,
    /// The callee declined.
    Rejected,
    /// The call could not be carried.
    Failed,
    /// A machine answered.
    Voicemail,
}

impl RetryReason {
    /// Every value.
    pub const ALL: [Self; 5] = [Self::Busy, Self::NoAnswer, Self::Rejected, Self::Failed, Self::Voicemail];
    /// What is meant if nothing is said.
    pub const USUAL: [Self; 3] = [Self::Busy, Self::NoAnswer, Self::Failed];

    /// The word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Voicemail => "voicemail",
        }
    }

    /// The value of a word; `None` if it is none of ours.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// The ends that it stands for. A call that the network blocked, or whose fate nobody knows, is never made again.
    pub const fn dispositions(self) -> &'static [Disposition] {
        match self {
            Self::Busy => &[Disposition::Busy],
            Self::NoAnswer => &[Disposition::NoAnswer],
            Self::Rejected => &[Disposition::Rejected],
            Self::Failed => &[Disposition::Unreachable, Disposition::TrunkFailed, Disposition::Overloaded],
            Self::Voicemail => &[Disposition::VoicemailDetected],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_a_person_a_block_or_nobodys_number_is_never_called_again() {
        let never = [
            Disposition::CalleeHangup,
            Disposition::Indeterminate,
            Disposition::NetworkBlocked,
            Disposition::InvalidNumber,
            Disposition::Completed,
        ];
        let all: Vec<_> = RetryReason::ALL.iter().flat_map(|reason| reason.dispositions()).collect();
        assert!(never.iter().all(|end| !all.contains(&end)));
        assert!(
            RetryReason::ALL.iter().all(|reason| RetryReason::from_word(reason.as_str()) == Some(*reason))
        );
    }
}
