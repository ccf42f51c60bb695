use proptest::prelude::*;

use super::*;

const MINUTE_MS: i64 = 60_000;

fn zone(name: &str) -> Zone {
    name.parse().expect("a zone of the database")
}

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<Moment>().expect("RFC 3339").as_millisecond())
}

fn window(minutes: Option<(u16, u16)>, days: &[&str]) -> Window {
    Window { minutes, days: Days::from_names(days.iter().copied()) }
}

#[test]
fn the_documents_own_window_opens_at_nine_in_london_on_weekdays() {
    // 2026-06-15 is a Monday, in summer time.
    let office = window(Some((540, 1_080)), &["mon", "tue", "wed", "thu", "fri"]);
    let london = zone("Europe/London");
    for (now, open) in [
        ("2026-06-15T07:59:59.999Z", false),
        ("2026-06-15T08:00:00Z", true),
        ("2026-06-15T16:59:59.999Z", true),
        ("2026-06-15T17:00:00Z", false),
        ("2026-06-14T12:00:00Z", false),
        // In winter, an hour later by UTC.
        ("2026-12-14T08:59:59Z", false),
        ("2026-12-14T09:00:00Z", true),
    ] {
        assert_eq!(is_open(&office, &london, at(now)), open, "{now}");
    }
    let next = |now| next_open(&office, &london, at(now));
    assert_eq!(next("2026-06-15T00:00:00Z"), Some(at("2026-06-15T08:00:00Z")));
    assert_eq!(next("2026-06-15T12:34:56Z"), Some(at("2026-06-15T12:34:56Z")), "open is now");
    // Friday evening to Monday morning.
    assert_eq!(next("2026-06-19T17:00:00Z"), Some(at("2026-06-22T08:00:00Z")));
    // And over the week-end on which the clocks go back.
    assert_eq!(next("2026-10-23T17:00:00Z"), Some(at("2026-10-26T09:00:00Z")));
}

#[test]
fn an_overnight_window_belongs_to_the_day_on_which_it_starts() {
    let night = window(Some((1_080, 120)), &["fri"]);
    let utc = zone("UTC");
    // 2026-06-19 is a Friday.
    for (now, open) in [
        ("2026-06-19T01:00:00Z", false),
        ("2026-06-19T17:59:00Z", false),
        ("2026-06-19T18:00:00Z", true),
        ("2026-06-20T01:59:59Z", true),
        ("2026-06-20T02:00:00Z", false),
        ("2026-06-20T18:00:00Z", false),
    ] {
        assert_eq!(is_open(&night, &utc, at(now)), open, "{now}");
    }
}

#[test]
fn without_minutes_it_is_whole_days_and_without_days_every_day() {
    let dubai = zone("Asia/Dubai");
    let mondays = window(None, &["mon"]);
    assert!(!is_open(&mondays, &dubai, at("2026-06-14T19:59:59Z")));
    assert!(is_open(&mondays, &dubai, at("2026-06-14T20:00:00Z")));
    assert_eq!(next_open(&mondays, &dubai, at("2026-06-15T20:00:00Z")), Some(at("2026-06-21T20:00:00Z")));
    assert!(is_open(&Window::default(), &dubai, at("2026-06-15T03:00:00Z")));
    let until_midnight = window(Some((540, 1_440)), &[]);
    assert!(is_open(&until_midnight, &dubai, at("2026-06-15T19:59:00Z")));
    assert!(!is_open(&until_midnight, &dubai, at("2026-06-15T20:00:00Z")));
}

#[test]
fn a_start_that_the_clock_leaps_over_is_the_leap_and_a_window_leapt_over_is_closed() {
    // 2026-03-29, 01:00 to 02:00.
    let london = zone("Europe/London");
    let before = at("2026-03-29T00:30:00Z");
    let half_past_one = window(Some((90, 180)), &[]);
    assert_eq!(next_open(&half_past_one, &london, before), Some(at("2026-03-29T01:00:00Z")));
    let within = window(Some((70, 110)), &[]);
    assert_eq!(next_open(&within, &london, before), Some(at("2026-03-30T00:10:00Z")));
    let within_on_sundays = window(Some((70, 110)), &["sun"]);
    assert_eq!(next_open(&within_on_sundays, &london, before), Some(at("2026-04-05T00:10:00Z")));
}

#[test]
fn an_hour_that_comes_twice_is_open_twice() {
    // 2026-10-25, 02:00 to 01:00.
    let london = zone("Europe/London");
    let half_past_one = window(Some((90, 100)), &[]);
    let next = |now| next_open(&half_past_one, &london, at(now));
    assert_eq!(next("2026-10-25T00:00:00Z"), Some(at("2026-10-25T00:30:00Z")));
    assert_eq!(next("2026-10-25T00:40:00Z"), Some(at("2026-10-25T01:30:00Z")));
    assert_eq!(next("2026-10-25T01:40:00Z"), Some(at("2026-10-26T01:30:00Z")));
    // Closed before the clock is put back, open by it.
    let first_half_hour = window(Some((60, 90)), &[]);
    assert_eq!(
        next_open(&first_half_hour, &london, at("2026-10-25T00:45:00Z")),
        Some(at("2026-10-25T01:00:00Z"))
    );
}

#[test]
fn a_date_is_due_at_its_first_moment_in_the_zone() {
    let due = |date: &str, name| due_at(date.parse().expect("a date"), &zone(name));
    assert_eq!(due("2026-06-15", "Europe/London"), Some(at("2026-06-14T23:00:00Z")));
    assert_eq!(due("2026-06-15", "Asia/Kathmandu"), Some(at("2026-06-14T18:15:00Z")));
    // Midnight is leapt over in Cairo on 2026-04-24.
    assert_eq!(due("2026-04-24", "Africa/Cairo"), Some(at("2026-04-23T22:00:00Z")));
}

/// Zones and moments at which their clocks are changed: by an hour, by half an hour, at midnight, by a day.
const CHANGES: [(&str, &str); 12] = [
    ("Europe/London", "2026-03-29T01:00:00Z"),
    ("Europe/London", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Africa/Cairo", "2026-04-23T22:00:00Z"),
    ("Africa/Cairo", "2026-10-29T21:00:00Z"),
    ("America/Santiago", "2026-04-05T03:00:00Z"),
    ("America/Santiago", "2026-09-06T04:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Asia/Kathmandu", "2026-06-15T00:00:00Z"),
];

fn windows() -> impl Strategy<Value = Window> {
    let minutes =
        (0_u16..1_440, 0_u16..=1_440).prop_filter("an empty window is refused", |(start, end)| start != end);
    let days = prop::sample::subsequence(vec!["mon", "tue", "wed", "thu", "fri", "sat", "sun"], 1..=7);
    (prop::option::of(minutes), prop::option::of(days))
        .prop_map(|(minutes, days)| Window { minutes, days: days.and_then(Days::from_names) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Zones whose offsets are whole minutes again.
    #[test]
    fn an_hour_that_windows_have_in_common_is_the_first_minute_at_which_all_are_open(
        window in windows(),
        own in windows(),
        minutes in 0_i64..500_000,
        names in prop::sample::subsequence(vec!["Asia/Tokyo", "America/New_York", "Asia/Kathmandu", "Europe/London"], 1..=4),
    ) {
        let zones: Vec<Zone> = names.into_iter().map(zone).collect();
        let callees = zones.iter().map(|zone| (&window, zone));
        let windows: Vec<_> = callees.chain([(&own, &zones[0])]).collect();
        let now = Timestamp(at("2026-01-01T00:00:00Z").0 + minutes * MINUTE_MS);
        let mut every_minute = (0..DAYS_AHEAD as i64 * 1_440).map(|minute| Timestamp(now.0 + minute * MINUTE_MS));
        let first = every_minute.find(|at| windows.iter().all(|(window, zone)| is_open(window, zone, *at)));
        prop_assert_eq!(next_open_in_all(&windows, now), first);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Openings fall on whole minutes in all these zones, so that looking at every minute finds the first one.
    #[test]
    fn the_next_opening_is_the_first_minute_that_is_open(
        window in windows(),
        change in prop::sample::select(CHANGES.to_vec()),
        minutes_from_change in -3_000_i64..3_000,
    ) {
        let zone = zone(change.0);
        let now = Timestamp(at(change.1).0 + minutes_from_change * MINUTE_MS);
        let every_minute = (0..DAYS_AHEAD as i64 * 1_440).map(|minute| Timestamp(now.0 + minute * MINUTE_MS));
        let first = every_minute.into_iter().find(|at| is_open(&window, &zone, *at));
        prop_assert_eq!(next_open(&window, &zone, now), first);
    }

    /// Whatever the clock on the wall shows decides, and nothing else.
    #[test]
    fn the_same_clock_on_the_wall_is_the_same_answer(
        window in windows(),
        change in prop::sample::select(CHANGES.to_vec()),
        minutes_from_change in -3_000_i64..3_000,
    ) {
        let (local, utc) = (zone(change.0), zone("UTC"));
        let now = Timestamp(at(change.1).0 + minutes_from_change * MINUTE_MS);
        let shown = local.rules().to_datetime(moment(now).expect("in the calendar"));
        let as_if_utc = shown.to_zoned(utc.rules().clone()).expect("in the calendar").timestamp();
        let as_if_utc = Timestamp(as_if_utc.as_millisecond());
        // A day that the calendar leaps over (Apia) has another day before it, but the week goes on.
        prop_assert_eq!(is_open(&window, &local, now), is_open(&window, &utc, as_if_utc));
    }
}
