//! When a campaign may dial: local civil time, across changes of the clock. Pure.
//!
//! What counts is what the clock on the wall says. An hour that the clock passes twice is open twice, one that it leaps over is
//! not missed: a window whose start is leapt over opens with the leap, one that is leapt over as a whole stays closed that day.

use jiff::civil::{DateTime, Time};
use jiff::tz::AmbiguousOffset;
use jiff::{Timestamp as Moment, ToSpan};

use crate::model::{Days, Timestamp, Window, Zone};

/// Days that are looked through for the next opening: a single weekday that is leapt over comes again a week later.
const DAYS_AHEAD: i32 = 16;

/// May a campaign with this window dial now?
pub fn is_open(window: &Window, zone: &Zone, now: Timestamp) -> bool {
    moment(now).is_some_and(|now| is_open_at(window, zone, now))
}

/// When it may dial next: now, if it is open. `None`: not within a fortnight, or out of the calendar.
pub fn next_open(window: &Window, zone: &Zone, now: Timestamp) -> Option<Timestamp> {
    let now = moment(now)?;
    if is_open_at(window, zone, now) {
        return Some(Timestamp(now.as_millisecond()));
    }
    // A closed window opens when the clock comes to its start, or when the clock is changed.
    let today = zone.rules().to_datetime(now).date();
    let start = clock(window.minutes.map_or(0, |(start, _)| start));
    let starts = (-1..=DAYS_AHEAD).filter_map(|days| today.checked_add(days.days()).ok());
    let starts = starts.flat_map(|day| instants(zone, day.to_datetime(start)));
    let horizon = now.checked_add((i64::from(DAYS_AHEAD) * 24).hours()).ok()?;
    let changes = zone.rules().following(now).map(|change| change.timestamp());
    let changes = changes.take_while(|change| *change <= horizon);
    let opening = starts.chain(changes).filter(|at| *at > now && is_open_at(window, zone, *at)).min()?;
    Some(Timestamp(opening.as_millisecond()))
}

/// When all these windows are open next, each in its zone: now, if they are. `None`: not within a fortnight.
pub fn next_open_in_all(windows: &[(&Window, &Zone)], now: Timestamp) -> Option<Timestamp> {
    let horizon = Timestamp(now.0.saturating_add(i64::from(DAYS_AHEAD) * 86_400_000));
    let mut at = now;
    while at <= horizon {
        // They are not before the last of those that are closed opens.
        let mut openings = windows.iter().map(|(window, zone)| next_open(window, zone, at));
        let last = openings.try_fold(at, |last, opening| opening.map(|opening| last.max(opening)))?;
        if last == at {
            return Some(at);
        }
        at = last;
    }
    None
}

/// When a date is due: at 00:00 in the zone, or at its first moment where the clock leaps over that.
pub fn due_at(date: jiff::civil::Date, zone: &Zone) -> Option<Timestamp> {
    let midnight = date.to_zoned(zone.rules().clone()).ok()?;
    let first = midnight.start_of_day().ok()?;
    Some(Timestamp(first.timestamp().as_millisecond()))
}

fn is_open_at(window: &Window, zone: &Zone, now: Moment) -> bool {
    let local = zone.rules().to_datetime(now);
    let today = local.date().weekday().to_monday_zero_offset().unsigned_abs();
    let yesterday = (today + 6) % 7;
    let on = |day: u8| window.days.is_none_or(|days: Days| days.has(day));
    let Some((start, end)) = window.minutes else { return on(today) };
    let minute = minutes(local.time());
    match start < end {
        true => on(today) && (start..end).contains(&minute),
        // The part after midnight belongs to the day on which it began.
        false => minute >= start && on(today) || minute < end && on(yesterday),
    }
}

/// When the clock shows this: once, twice in a fold, never in a gap.
fn instants(zone: &Zone, local: DateTime) -> impl Iterator<Item = Moment> {
    let offsets = match zone.rules().to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
        AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
        AmbiguousOffset::Gap { .. } => [None, None],
    };
    offsets.into_iter().flatten().filter_map(move |offset| offset.to_timestamp(local).ok())
}

fn clock(minute: u16) -> Time {
    let part = |value: u16| i8::try_from(value).unwrap_or(0);
    Time::new(part(minute / 60 % 24), part(minute % 60), 0, 0).expect("hours below 24, minutes below 60")
}

fn minutes(time: Time) -> u16 {
    u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs())
}

fn moment(at: Timestamp) -> Option<Moment> {
    Moment::from_millisecond(at.0).ok()
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
