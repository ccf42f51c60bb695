//! Session timers (RFC 4028): what is asked for, what is agreed on, and when it is refreshed or over. Pure; knows nothing of what
//! a refresh is made of.

use std::time::{Duration, Instant};

use super::extensions::{TIMER, supports};
use crate::config::{Refresher, SessionTimer};
use crate::message::{Message, Name, Params, Writer};

/// No Min-SE is lower (§5).
const MIN_FLOOR_S: u32 = 90;
/// A far end that asks for less than the RFC allows is obeyed, down to this: a refresh each second.
const INTERVAL_FLOOR_S: u32 = 2;
/// No session lasts longer than a day without a refresh: a far end that asks for more is refreshed more often than it asked.
const INTERVAL_MAX_S: u32 = 24 * 60 * 60;
/// §10: a BYE leaves this long before the session expires, or a third of the interval if that is less.
const BYE_BEFORE_MAX: Duration = Duration::from_secs(32);

/// Which end of one request refreshes (§4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Uac,
    Uas,
}

/// What a message says of session timers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Said {
    pub expires_s: Option<u32>,
    pub refresher: Option<Role>,
    pub min_s: Option<u32>,
    /// The sender can do it.
    pub is_supported: bool,
}

impl Said {
    pub fn of(message: &Message) -> Self {
        let (expires_s, refresher) = match message.header(Name::SessionExpires).map(Valued::parse) {
            Some(Valued { seconds, params }) => (seconds, params.get("refresher").and_then(Role::parse)),
            None => (None, None),
        };
        let min_s = message.header(Name::MinSe).and_then(|value| Valued::parse(value).seconds);
        Self { expires_s, refresher, min_s, is_supported: supports(message, TIMER) }
    }
}

/// `delta-seconds *(SEMI param)`.
struct Valued<'a> {
    seconds: Option<u32>,
    params: Params<'a>,
}

impl<'a> Valued<'a> {
    fn parse(value: &'a str) -> Self {
        let (seconds, params) = value.split_once(';').unwrap_or((value, ""));
        Self { seconds: seconds.trim().parse().ok(), params: Params::new(params) }
    }
}

impl Role {
    fn parse(text: &str) -> Option<Self> {
        match text {
            text if text.eq_ignore_ascii_case("uac") => Some(Self::Uac),
            text if text.eq_ignore_ascii_case("uas") => Some(Self::Uas),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Uac => "uac",
            Self::Uas => "uas",
        }
    }
}

/// What both ends agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Terms {
    pub interval_s: u32,
    pub we_refresh: bool,
}

/// A request's interval is too small for us: 422 with this Min-SE (§9).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooSmall {
    pub min_s: u32,
}

/// Our wish, in the whole seconds of the headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wish {
    interval_s: u32,
    min_s: u32,
    refresher: Refresher,
}

impl Wish {
    pub fn new(timer: &SessionTimer) -> Self {
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX).min(INTERVAL_MAX_S);
        let min_s = seconds(timer.min).max(MIN_FLOOR_S);
        Self { interval_s: seconds(timer.interval).max(min_s), min_s, refresher: timer.refresher }
    }

    /// A request came back 422 (§7.3). Gives whether it is worth another try: with a longer interval than before.
    pub fn raise(&mut self, said: Said) -> bool {
        let Some(min_s) = said.min_s.filter(|min_s| (self.interval_s + 1..=INTERVAL_MAX_S).contains(min_s))
        else {
            return false;
        };
        self.interval_s = min_s;
        self.min_s = self.min_s.max(min_s);
        true
    }

    /// What a 2xx to a request of ours agrees on (§7.2).
    pub fn agreed(&self, said: Said) -> Option<Terms> {
        agreed(said).or_else(|| {
            // The far end does not do it. Whoever insists refreshes alone.
            let insists = self.refresher == Refresher::Us;
            insists.then_some(Terms { interval_s: self.interval_s, we_refresh: true })
        })
    }
}

/// Writes what a request of ours asks for (§7.1): what is our wish, and `current`, what holds in its dialog already.
pub(crate) fn write_request(mut writer: Writer, wish: Option<&Wish>, current: Option<Terms>) -> Writer {
    let interval_s = match (wish, current) {
        (None, None) => return writer,
        (Some(wish), None) => wish.interval_s,
        (wish, Some(terms)) => terms.interval_s.max(wish.map_or(0, |wish| wish.min_s)),
    };
    let refresher = match (current, wish.map(|wish| wish.refresher)) {
        (Some(Terms { we_refresh: true, .. }), _) | (None, Some(Refresher::Us)) => Some(Role::Uac),
        (Some(Terms { we_refresh: false, .. }), _) | (None, Some(Refresher::Them)) => Some(Role::Uas),
        (None, Some(Refresher::Either) | None) => None,
    };
    writer = write(writer, interval_s, refresher);
    match wish {
        Some(wish) => writer.header(Name::MinSe, wish.min_s),
        None => writer,
    }
}

/// What a 2xx to a request of ours agrees on, if we had no wish of our own.
pub(crate) fn agreed(said: Said) -> Option<Terms> {
    let asked_s = said.expires_s?;
    let interval_s = asked_s.clamp(INTERVAL_FLOOR_S, INTERVAL_MAX_S);
    // A 2xx that does not say who is against §9: refreshing cannot be wrong. Whoever would refresh too late for us is not waited for.
    let we_refresh = said.refresher != Some(Role::Uas) || asked_s > INTERVAL_MAX_S;
    Some(Terms { interval_s, we_refresh })
}

/// What we answer to a request of theirs (§9): the terms of the dialog from now on. `current` is what held before.
pub(crate) fn answer(
    wish: Option<&Wish>,
    current: Option<Terms>,
    said: Said,
) -> Result<Option<Terms>, TooSmall> {
    let min_s = wish.map_or(MIN_FLOOR_S, |wish| wish.min_s);
    // What may not be shortened to what we take (§9) is no session timer at all.
    if said.min_s.is_some_and(|min_s| min_s > INTERVAL_MAX_S) {
        return Ok(None);
    }
    let interval_s = match said.expires_s {
        // A sender that cannot do it would not understand a 422: a proxy has put the header in.
        Some(asked) if asked < min_s && said.is_supported => return Err(TooSmall { min_s }),
        Some(asked) => asked.max(said.min_s.unwrap_or(0)).clamp(min_s, INTERVAL_MAX_S),
        None if !said.is_supported => return Ok(None),
        None => match (current, wish) {
            (Some(current), _) => current.interval_s,
            (None, Some(wish)) => wish.interval_s.max(said.min_s.unwrap_or(0)),
            (None, None) => return Ok(None),
        },
    };
    let we_refresh = match (said.refresher, current) {
        // Table 2: who cannot do it is not asked to refresh.
        _ if !said.is_supported => true,
        (Some(role), _) => role == Role::Uas,
        (None, Some(current)) => current.we_refresh,
        (None, None) => wish.is_some_and(|wish| wish.refresher == Refresher::Us),
    };
    Ok(Some(Terms { interval_s, we_refresh }))
}

/// Writes what a 2xx of ours agrees on (§9). `Require: timer` tells the caller that it is the one to refresh.
pub(crate) fn write_response(writer: Writer, terms: Option<Terms>) -> Writer {
    let Some(Terms { interval_s, we_refresh }) = terms else { return writer };
    let role = if we_refresh { Role::Uas } else { Role::Uac };
    let writer = write(writer, interval_s, Some(role));
    if we_refresh { writer } else { writer.header(Name::Require, TIMER) }
}

fn write(writer: Writer, interval_s: u32, refresher: Option<Role>) -> Writer {
    match refresher {
        Some(role) => {
            writer.header(Name::SessionExpires, format_args!("{interval_s};refresher={}", role.as_str()))
        }
        None => writer.header(Name::SessionExpires, interval_s),
    }
}

/// The timer of one dialog, since it was last refreshed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Running {
    pub terms: Terms,
    /// None once the refresh is under way, or if it is not ours.
    refresh_at: Option<Instant>,
    expires_at: Instant,
}

/// What the passing of time asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    Nothing,
    /// Refresh the session.
    Refresh,
    /// Nobody refreshed it: the dialog ends with a BYE (§10).
    Expired,
}

impl Running {
    /// The session was refreshed just now.
    pub fn new(now: Instant, terms: Terms) -> Self {
        let interval = Duration::from_secs(u64::from(terms.interval_s));
        // §7.2: halfway.
        let refresh_at = terms.we_refresh.then_some(now + interval / 2);
        let expires_at = now + interval - (interval / 3).min(BYE_BEFORE_MAX);
        Self { terms, refresh_at, expires_at }
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Due {
        if now >= self.expires_at {
            return Due::Expired;
        }
        match self.refresh_at.take_if(|at| now >= *at) {
            Some(_) => Due::Refresh,
            None => Due::Nothing,
        }
    }

    pub fn poll_timeout(&self) -> Instant {
        self.refresh_at.unwrap_or(self.expires_at).min(self.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: Said = Said { expires_s: None, refresher: None, min_s: None, is_supported: false };
    const ABLE: Said = Said { is_supported: true, ..SILENT };

    fn wish(interval_s: u64, refresher: Refresher) -> Wish {
        let interval = Duration::from_secs(interval_s);
        Wish::new(&SessionTimer { interval, refresher, ..SessionTimer::default() })
    }

    fn terms(interval_s: u32, we_refresh: bool) -> Terms {
        Terms { interval_s, we_refresh }
    }

    #[test]
    fn a_2xx_says_for_how_long_and_who() {
        let wish = wish(1800, Refresher::Either);
        let said = |expires_s, refresher| Said { expires_s: Some(expires_s), refresher, ..ABLE };
        assert_eq!(wish.agreed(said(600, Some(Role::Uac))), Some(terms(600, true)));
        assert_eq!(wish.agreed(said(600, Some(Role::Uas))), Some(terms(600, false)));
        assert_eq!(wish.agreed(said(600, None)), Some(terms(600, true)));
        assert_eq!(wish.agreed(said(0, None)), Some(terms(INTERVAL_FLOOR_S, true)));
        assert_eq!(wish.agreed(said(u32::MAX, None)), Some(terms(INTERVAL_MAX_S, true)));
        assert_eq!(wish.agreed(SILENT), None);
    }

    #[test]
    fn a_session_lasts_a_day_at_most_and_who_would_refresh_later_is_not_waited_for() {
        const DAY_S: u32 = 86_400;
        let said = |expires_s, refresher| Said { expires_s: Some(expires_s), refresher, ..ABLE };
        assert_eq!(agreed(said(DAY_S, Some(Role::Uas))), Some(terms(DAY_S, false)));
        assert_eq!(agreed(said(DAY_S + 1, Some(Role::Uas))), Some(terms(DAY_S, true)));
        assert_eq!(answer(None, None, said(u32::MAX, None)), Ok(Some(terms(DAY_S, false))));
        let least = |min_s| Said { min_s: Some(min_s), ..said(u32::MAX, None) };
        assert_eq!(answer(None, None, least(DAY_S)), Ok(Some(terms(DAY_S, false))));
        assert_eq!(answer(None, None, least(DAY_S + 1)), Ok(None), "not to be shortened to a day");
        let mut week = wish(7 * u64::from(DAY_S), Refresher::Either);
        assert_eq!((week.interval_s, week.raise(least(DAY_S + 1))), (DAY_S, false));
    }

    #[test]
    fn who_insists_refreshes_alone() {
        assert_eq!(wish(300, Refresher::Us).agreed(SILENT), Some(terms(300, true)));
        assert_eq!(wish(300, Refresher::Them).agreed(SILENT), None);
    }

    /// RFC 4028, table 2, and what our wish adds to it.
    #[test]
    fn the_answer_follows_the_table_of_the_rfc() {
        let us = wish(1800, Refresher::Us);
        let either = wish(1800, Refresher::Either);
        let asks = |refresher, is_supported| Said { expires_s: Some(600), refresher, is_supported, ..SILENT };
        let rows = [
            // The caller cannot do it: we refresh, or nobody.
            (asks(None, false), &either, Some(terms(600, true))),
            (SILENT, &either, None),
            // It can, and leaves it to us.
            (asks(None, true), &either, Some(terms(600, false))),
            (asks(None, true), &us, Some(terms(600, true))),
            (ABLE, &either, Some(terms(1800, false))),
            (Said { min_s: Some(3600), ..ABLE }, &either, Some(terms(3600, false))),
            // It can, and has decided.
            (asks(Some(Role::Uac), true), &us, Some(terms(600, false))),
            (asks(Some(Role::Uas), true), &either, Some(terms(600, true))),
        ];
        for (said, wish, agreed) in rows {
            assert_eq!(answer(Some(wish), None, said), Ok(agreed), "{said:?}");
        }
    }

    #[test]
    fn an_interval_below_our_minimum_is_422_for_whom_it_helps() {
        let wish = wish(1800, Refresher::Either);
        let small = Said { expires_s: Some(30), ..ABLE };
        assert_eq!(answer(Some(&wish), None, small), Err(TooSmall { min_s: 90 }));
        let unable = Said { is_supported: false, ..small };
        assert_eq!(answer(Some(&wish), None, unable), Ok(Some(terms(90, true))));
        assert_eq!(answer(None, None, small), Err(TooSmall { min_s: MIN_FLOOR_S }));
    }

    #[test]
    fn a_422_raises_the_interval_once_for_each_value() {
        let mut wish = wish(90, Refresher::Either);
        let asks = |min_s| Said { min_s, ..SILENT };
        assert!(wish.raise(asks(Some(600))));
        assert!(!wish.raise(asks(Some(600))), "the same again");
        assert!(!wish.raise(asks(None)) && !wish.raise(asks(Some(u32::MAX))));
        assert!(wish.raise(asks(Some(601))));
        assert_eq!((wish.interval_s, wish.min_s), (601, 601));
    }

    #[test]
    fn the_refresher_refreshes_halfway_and_both_end_it_before_it_expires() {
        let start = crate::testing::start();
        for (interval_s, refresh_s, bye_s) in [(1800, 900, 1768), (90, 45, 60), (96, 48, 64)] {
            let at = |seconds| start + Duration::from_secs(seconds);
            let mut ours = Running::new(start, terms(interval_s, true));
            assert_eq!(ours.poll_timeout(), at(refresh_s));
            assert_eq!(ours.handle_timeout(at(refresh_s - 1)), Due::Nothing);
            assert_eq!(ours.handle_timeout(at(refresh_s)), Due::Refresh);
            assert_eq!(ours.handle_timeout(at(refresh_s)), Due::Nothing, "once");
            let mut theirs = Running::new(start, terms(interval_s, false));
            for session in [&mut ours, &mut theirs] {
                assert_eq!(session.poll_timeout(), at(bye_s));
                assert_eq!(session.handle_timeout(at(bye_s - 1)), Due::Nothing);
                assert_eq!(session.handle_timeout(at(bye_s)), Due::Expired);
            }
        }
    }
}
