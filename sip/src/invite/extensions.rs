//! What we can do beyond RFC 3261, said in one place: the Allow, Supported and Require headers, and what may be required of us
//! (§8.2.2.3, §20.5, §20.32, §20.37).

use crate::config::{Invite, Reliable};
use crate::message::{Message, Name, Writer};

/// What we can hear, for the Allow header.
pub(crate) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, MESSAGE";

/// The option tags of what we support, for whoever asks in general.
pub(crate) const SUPPORTED: &str = "100rel, timer, replaces, norefersub";

/// Reliable provisional responses (RFC 3262).
pub(crate) const REL100: &str = "100rel";
/// Session timers (RFC 4028).
pub(crate) const TIMER: &str = "timer";
/// Calls that take the place of another (RFC 3891).
const REPLACES: &str = "replaces";
/// Transfers of which nothing is told (RFC 4488).
const NOREFERSUB: &str = "norefersub";

/// Whether an option tag may be required of us.
pub(crate) fn is_known(option: &str) -> bool {
    [REL100, TIMER, REPLACES, NOREFERSUB].iter().any(|known| known.eq_ignore_ascii_case(option))
}

/// What an INVITE of ours may offer, if this is one of them.
pub(crate) fn ours(option: &str) -> Option<&'static str> {
    [REL100, TIMER].into_iter().find(|known| known.eq_ignore_ascii_case(option))
}

/// Whether a header that lists option tags names this one.
pub(crate) fn lists(message: &Message, name: Name, option: &str) -> bool {
    message.values(name).any(|value| value.eq_ignore_ascii_case(option))
}

/// Whether the sender can do this: it supports it, or even requires it.
pub(crate) fn supports(message: &Message, option: &str) -> bool {
    lists(message, Name::Supported, option) || lists(message, Name::Require, option)
}

/// Whether the sender can hear an UPDATE, as far as it says.
pub(crate) fn allows_update(message: &Message) -> Option<bool> {
    let mut allowed = message.values(Name::Allow).peekable();
    allowed.peek()?;
    Some(allowed.any(|method| method.eq_ignore_ascii_case("UPDATE")))
}

/// Writes what an INVITE of ours supports and requires.
pub(crate) fn write_invite(mut writer: Writer, invite: &Invite) -> Writer {
    writer = writer.header(Name::Allow, ALLOW);
    let rel100 = (invite.reliable == Reliable::Supported).then_some(REL100);
    let timer = invite.session.map(|_| TIMER);
    let supported: Vec<&str> = rel100.into_iter().chain(timer).collect();
    if !supported.is_empty() {
        writer = writer.header(Name::Supported, supported.join(", "));
    }
    if invite.reliable == Reliable::Required {
        writer = writer.header(Name::Require, REL100);
    }
    writer
}

/// Writes what every other message that makes, keeps or changes a dialog of ours says.
pub(crate) fn write(writer: Writer) -> Writer {
    // Not 100rel: a re-INVITE's provisional responses need not be reliable, and none is wanted.
    writer.header(Name::Allow, ALLOW).header(Name::Supported, TIMER)
}
