//! A trunk's life in virtual time.

use super::*;

struct Story {
    now: Instant,
    health: Health,
}

const NOBODY: &str = "the trunk did not answer";

impl Story {
    #[expect(clippy::disallowed_methods, reason = "virtual time needs some instant to count from")]
    fn begin() -> Self {
        let now = Instant::now();
        Self { now, health: Health::new(now) }
    }

    fn wait(&mut self, seconds: f64) -> Option<Change> {
        self.now += Duration::from_secs_f64(seconds);
        self.health.handle_timeout(self.now)
    }

    fn ends(&mut self, sign: Sign) -> Option<Change> {
        self.health.handle_sign(self.now, sign, None, NOBODY, None)
    }

    fn options(&mut self, status: Option<u16>) -> Option<Change> {
        self.health.handle_probe(self.now, Probe { status, round_trip: Duration::from_millis(12) })
    }

    fn register(&mut self, registration: Registration) -> Option<Change> {
        self.health.handle_registration(self.now, registration)
    }

    fn standing(&self) -> Standing {
        self.health.standing(self.now)
    }

    fn is(&self, state: State, why: &str) {
        assert_eq!(self.health.state(), state, "{}", self.health.why());
        assert!(self.health.why().contains(why), "{}", self.health.why());
    }

    /// Calls leave at this speed for so long, and all of them end so.
    fn dial(&mut self, cps: f64, seconds: f64, sign: Sign) {
        for _ in 0..(cps * seconds) as u32 {
            self.now += Duration::from_secs_f64(1.0 / cps);
            self.health.handle_start(self.now);
            self.ends(sign);
        }
    }
}

#[test]
fn nothing_heard_is_unknown_and_calls_may_go() {
    let story = Story::begin();
    story.is(State::Unknown, "nothing");
    assert_eq!(story.standing(), Standing::Open);
}

#[test]
fn an_answered_options_is_up_whatever_it_says() {
    for status in [200, 401, 403, 404, 405, 483] {
        let mut story = Story::begin();
        story.options(Some(status));
        story.is(State::Up, "12 ms");
    }
}

#[test]
fn three_options_without_an_answer_are_down_and_one_answer_is_up() {
    let mut story = Story::begin();
    story.options(Some(200));
    story.options(None);
    story.is(State::Degraded, "OPTIONS got no answer");
    story.options(None);
    let down = story.options(None).expect("a change");
    assert_eq!((down.from, down.to), (State::Degraded, State::Down));
    story.is(State::Down, "3 times in a row");
    assert_eq!((story.standing(), story.health.sip_code()), (Standing::Down, None));
    let since = story.now;
    story.wait(20.0);
    story.options(None);
    assert_eq!(story.health.since(), since, "it is down since then, not since the last look");
    story.options(Some(200));
    story.is(State::Up, "200");
    assert_eq!(story.standing(), Standing::Open);
}

#[test]
fn options_that_come_back_503_are_down_with_that_code() {
    let mut story = Story::begin();
    for _ in 0..3 {
        story.options(Some(503));
    }
    story.is(State::Down, "OPTIONS was answered 503");
    assert_eq!(story.health.sip_code(), Some(503));
}

#[test]
fn a_trunk_that_ignores_options_but_carries_calls_is_not_kept_down() {
    let mut story = Story::begin();
    for _ in 0..3 {
        story.options(None);
    }
    assert_eq!(story.standing(), Standing::Down);
    story.wait(30.0);
    assert_eq!(story.standing(), Standing::Trial);
    story.health.handle_trial(story.now);
    assert_eq!(story.standing(), Standing::Down, "one trial at a time");
    story.ends(Sign::Carried);
    story.is(State::Degraded, "calls may get through");
    story.options(None);
    assert_eq!(story.standing(), Standing::Open);
}

#[test]
fn three_calls_that_find_nobody_are_down_and_one_trial_comes_after_each_back_off() {
    let mut story = Story::begin();
    story.ends(Sign::Dead);
    story.ends(Sign::Dead);
    assert_eq!(story.standing(), Standing::Open);
    story.ends(Sign::Dead);
    story.is(State::Down, NOBODY);
    for back_off in [30.0, 60.0, 120.0, 240.0, 300.0, 300.0] {
        assert_eq!(story.standing(), Standing::Down);
        story.wait(back_off - 1.0);
        assert_eq!(story.standing(), Standing::Down, "{back_off}");
        story.wait(1.0);
        assert_eq!(story.standing(), Standing::Trial, "{back_off}");
        story.health.handle_trial(story.now);
        assert_eq!(story.standing(), Standing::Down);
        story.ends(Sign::Dead);
    }
    story.wait(300.0);
    story.ends(Sign::Carried);
    story.is(State::Up, "carries calls");
}

#[test]
fn an_answered_options_lifts_what_silent_calls_imposed() {
    let mut story = Story::begin();
    for _ in 0..3 {
        story.ends(Sign::Dead);
    }
    story.options(Some(200));
    story.is(State::Up, "OPTIONS");
}

#[test]
fn a_trial_whose_fate_nobody_hears_of_is_followed_by_another() {
    let mut story = Story::begin();
    for _ in 0..3 {
        story.ends(Sign::Dead);
    }
    story.wait(30.0);
    story.health.handle_trial(story.now);
    story.wait(30.0);
    assert_eq!(story.standing(), Standing::Trial);
}

#[test]
fn a_refused_registration_is_down_with_its_code_and_no_trial_lifts_it() {
    let mut story = Story::begin();
    story.register(Registration::Pending);
    story.is(State::Unknown, "under way");
    story.register(Registration::Failed { status: Some(403), reason: "403 Forbidden".into() });
    story.is(State::Down, "REGISTER failed: 403 Forbidden");
    assert_eq!(story.health.sip_code(), Some(403));
    story.wait(3_600.0);
    assert_eq!(story.standing(), Standing::Down);
    story.register(Registration::Registered);
    story.is(State::Up, "REGISTER");
}

#[test]
fn retry_after_holds_the_trunk_for_as_long_as_it_asked() {
    let mut story = Story::begin();
    story.ends(Sign::Carried);
    let hold = Some(Duration::from_secs(120));
    story.health.handle_sign(story.now, Sign::Overloaded, hold, "full", None);
    story.is(State::Degraded, "120 s");
    assert_eq!(story.standing(), Standing::Held(Duration::from_secs(120)));
    // A shorter one does not shorten it.
    story.health.handle_sign(story.now, Sign::Overloaded, Some(Duration::from_secs(5)), "full", None);
    story.wait(119.0);
    assert_eq!(story.standing(), Standing::Held(Duration::from_secs(1)));
    let up = story.wait(1.0).expect("a change");
    assert_eq!((up.to, story.standing()), (State::Up, Standing::Open));
}

#[test]
fn calls_refused_in_a_row_degrade_and_one_carried_call_mends() {
    let mut story = Story::begin();
    for _ in 0..3 {
        story.ends(Sign::Refused);
    }
    story.is(State::Degraded, "3 calls in a row failed");
    assert_eq!(story.standing(), Standing::Open);
    story.ends(Sign::Carried);
    story.is(State::Up, "");
}

#[test]
fn a_lone_503_slows_nothing() {
    let mut story = Story::begin();
    story.dial(10.0, 5.0, Sign::Carried);
    story.ends(Sign::Overloaded);
    story.ends(Sign::Overloaded);
    assert_eq!(story.health.cps(story.now, Some(10.0)), Some(10.0));
    assert_eq!(story.health.cps(story.now, None), None);
}

#[test]
fn a_storm_halves_the_speed_and_it_comes_back_by_itself() {
    let mut story = Story::begin();
    story.dial(10.0, 10.0, Sign::Carried);
    story.dial(10.0, 0.3, Sign::Overloaded);
    let slowed = story.health.cps(story.now, None).expect("slowed");
    assert!((4.0..6.0).contains(&slowed), "half of some 10 calls a second: {slowed}");
    story.is(State::Degraded, "slowed down");
    let mut before = slowed;
    for _ in 0..20 {
        story.wait(1.0);
        let now = story.health.cps(story.now, None).expect("still slowed");
        let step = now - before;
        assert!((0.1..0.25).contains(&step), "additive: {step}");
        before = now;
    }
    story.ends(Sign::Carried);
    let up = story.wait(30.0).expect("a change");
    assert_eq!((up.to, story.health.cps(story.now, None)), (State::Up, None));
}

#[test]
fn a_storm_that_goes_on_slows_down_to_the_floor_once_a_second_and_no_further() {
    let mut story = Story::begin();
    story.dial(40.0, 5.0, Sign::Carried);
    story.dial(40.0, 0.5, Sign::Overloaded);
    let mut speeds = vec![story.health.cps(story.now, Some(40.0)).expect("limited")];
    for _ in 0..10 {
        story.dial(40.0, 1.1, Sign::Overloaded);
        speeds.push(story.health.cps(story.now, Some(40.0)).expect("limited"));
    }
    assert!(speeds[0] > 15.0, "one storm, one halving: {speeds:?}");
    assert!(speeds[10] >= 0.5 && speeds[10] < 2.5, "{speeds:?}");
    // It never exceeds what the configuration allows, even where that is less than the floor.
    assert_eq!(story.health.cps(story.now, Some(0.2)), Some(0.2));
}

#[test]
fn a_configured_speed_is_where_recovery_ends() {
    let mut story = Story::begin();
    for _ in 0..3 {
        story.health.handle_start(story.now);
        story.health.handle_sign(story.now, Sign::Overloaded, None, "full", Some(6.0));
    }
    let slowed = story.health.cps(story.now, Some(6.0)).expect("limited");
    assert!(slowed < 1.0, "what was dialled was little: {slowed}");
    story.wait(61.0);
    assert_eq!(story.health.cps(story.now, Some(6.0)), Some(6.0));
}

#[test]
fn callees_who_are_not_there_are_no_storm() {
    let mut story = Story::begin();
    // 480, 486, 404: the trunk carried them.
    story.dial(20.0, 5.0, Sign::Carried);
    assert_eq!(story.health.cps(story.now, None), None);
}
