//! Calls that ring, are answered and end, on virtual time, and whether another one may be made.
#![expect(clippy::disallowed_methods, reason = "any instant will do")]

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const OURS: CampaignId = CampaignId(1);

/// People and calls.
struct Place {
    now: Instant,
    pacer: Pacer,
    calls: u64,
    outlook: Outlook,
}

impl Place {
    fn new(free: usize) -> Self {
        let outlook = Outlook { free, ..Outlook::default() };
        Self { now: Instant::now(), pacer: Pacer::default(), calls: 0, outlook }
    }

    fn after(&mut self, time: Duration) {
        self.now += time;
    }

    fn dials(&mut self) -> CallId {
        self.dials_for(OURS)
    }

    fn dials_for(&mut self, campaign: CampaignId) -> CallId {
        self.calls += 1;
        let call = CallId::new(self.calls).expect("an id");
        self.pacer.handle_dialled(self.now, call, campaign);
        self.outlook.needed.push(call);
        call
    }

    fn ends(&mut self, call: CallId, talked: bool) {
        self.pacer.handle_ended(self.now, call, talked);
        self.outlook.needed.retain(|needed| *needed != call);
    }

    fn answers(&mut self, call: CallId) {
        self.pacer.handle_answered(self.now, call);
    }

    fn wants(&mut self, call: CallId) {
        self.answers(call);
        self.pacer.handle_wanted(self.now, call);
    }

    /// So many calls: of ten five are refused after a second, four ring for ten, and one wants a person then, who talks for a minute.
    fn learns(&mut self, calls: usize) {
        for number in 0..calls {
            let call = self.dials();
            self.after(if number % 2 == 0 { 10 * SECOND } else { SECOND });
            if number % 10 == 0 {
                self.wants(call);
                self.after(60 * SECOND);
            }
            self.ends(call, number % 10 == 0);
        }
    }

    fn risk(&self) -> f64 {
        self.pacer.risk(self.now, &self.next(&[]))
    }

    fn allows(&mut self, begun: &[CampaignId], share: f64) -> bool {
        let Self { now, pacer, outlook, .. } = self;
        pacer.allows(*now, &next(outlook, begun), share)
    }

    fn next<'p>(&'p self, begun: &'p [CampaignId]) -> Next<'p> {
        next(&self.outlook, begun)
    }
}

fn next<'p>(outlook: &'p Outlook, begun: &'p [CampaignId]) -> Next<'p> {
    Next { campaign: OURS, outlook, begun, patience: 2 * SECOND, wrap_up: 5 * SECOND }
}

#[test]
fn who_knows_nothing_dials_one_for_each_who_is_free() {
    let mut place = Place::new(2);
    for begun in [&[][..], &[OURS]] {
        assert_eq!(place.pacer.risk(place.now, &place.next(begun)), 0.0);
    }
    assert_eq!(place.pacer.risk(place.now, &place.next(&[OURS, OURS])), 1.0);
    place.dials();
    assert_eq!(place.risk(), 0.0);
    let call = place.dials();
    assert_eq!(place.risk(), 1.0);
    place.ends(call, false);
    assert!(place.allows(&[], 0.02) && !place.allows(&[OURS], 0.02));
}

#[test]
fn who_has_learned_that_few_answer_dials_more() {
    let mut place = Place::new(1);
    place.learns(400);
    place.dials();
    let (one, two) = (place.risk(), {
        place.dials();
        place.risk()
    });
    assert!((0.08..0.16).contains(&one), "one of ten wants the person: {one}");
    assert!(two > one * 1.8 && two < one * 2.0, "{one}, {two}");
    assert!(place.allows(&[], two) && !place.allows(&[], 0.01));
}

#[test]
fn what_was_learned_is_told_with_the_risk_that_was_weighed_last() {
    let mut place = Place::new(1);
    assert_eq!(place.pacer.learned(place.now, OURS), None);
    place.learns(400);
    let learned = place.pacer.learned(place.now, OURS).expect("it has called");
    assert_eq!((learned.calls, learned.lead, learned.talk), (400, Some(10 * SECOND), Some(60 * SECOND)));
    assert!((0.09..0.11).contains(&learned.answered) && learned.wanted > 0.99, "{learned:?}");
    assert_eq!((learned.abandoned, learned.risk), (0.0, None));
    place.dials();
    let (risk, share) = (place.risk(), 0.02);
    assert!(!place.allows(&[], share));
    let (weighed, allowed) =
        place.pacer.learned(place.now, OURS).and_then(|learned| learned.risk).expect("one");
    assert_eq!(weighed, risk);
    assert!(allowed > share, "nobody was abandoned: {allowed}");
}

#[test]
fn a_call_is_worth_what_is_known_of_it() {
    let mut place = Place::new(1);
    place.learns(400);
    let call = place.dials();
    let fresh = place.risk();
    place.after(11 * SECOND);
    assert!(place.risk() > fresh * 1.5, "it was not refused: {} after {fresh}", place.risk());
    place.after(20 * SECOND);
    assert_eq!(place.risk(), 1.0, "none has been seen to ring for so long");
    place.answers(call);
    assert!(place.risk() > 0.9, "all who answered wanted a person: {}", place.risk());
    place.pacer.handle_automated(call);
    assert_eq!(place.risk(), 0.0, "a machine does not");
}

#[test]
fn whoever_will_be_back_in_time_is_as_good_as_free() {
    let mut place = Place::new(0);
    place.learns(400);
    assert_eq!(place.risk(), 1.0, "nobody is there");
    // Whoever answers after ten seconds waits for two.
    let wraps_up = |until| vec![Busy::WrapUp { until }];
    place.outlook.busy = wraps_up(place.now + 12 * SECOND);
    assert_eq!(place.risk(), 0.0);
    place.outlook.busy = wraps_up(place.now + 13 * SECOND);
    assert_eq!(place.risk(), 1.0);
    // She talks for a minute, and needs five seconds after it.
    let call = place.dials();
    place.after(10 * SECOND);
    place.wants(call);
    place.outlook = Outlook { busy: vec![Busy::Talking { call, since: place.now }], ..Outlook::default() };
    place.after(40 * SECOND);
    assert_eq!(place.risk(), 1.0);
    place.after(14 * SECOND);
    assert!(place.risk() < 0.05, "{}", place.risk());
    place.outlook.busy = vec![Busy::Talking { call: CallId::new(9_999).expect("an id"), since: place.now }];
    assert_eq!(place.risk(), 1.0, "of somebody else's call nothing is known");
}

#[test]
fn a_call_that_goes_on_to_somebody_else_needs_nobody_and_was_talked_to_until_then() {
    let mut place = Place::new(1);
    let call = place.dials();
    place.after(10 * SECOND);
    place.wants(call);
    assert_eq!(place.risk(), 1.0);
    place.after(40 * SECOND);
    place.pacer.handle_served(place.now, call);
    assert!(place.pacer.is_served(call));
    assert_eq!(place.risk(), 0.0);
    place.after(600 * SECOND);
    place.ends(call, true);
    let learned = place.pacer.learned(place.now, OURS).expect("it has called");
    assert_eq!((learned.talk, learned.abandoned), (Some(40 * SECOND), 0.0));
    // And one to whom nobody came, while it hears the notice.
    let call = place.dials();
    place.wants(call);
    place.pacer.handle_served(place.now, call);
    place.ends(call, false);
    let learned = place.pacer.learned(place.now, OURS).expect("it has called");
    assert!((0.4..0.6).contains(&learned.abandoned), "{learned:?}");
}

#[test]
fn calls_that_are_begun_are_worth_what_their_own_campaigns_are() {
    let mut place = Place::new(1);
    place.learns(400);
    let risk = |begun: &[CampaignId]| place.pacer.risk(place.now, &place.next(begun));
    assert!(risk(&[OURS]) < 0.2);
    assert_eq!(risk(&[CampaignId(2)]), 1.0, "of the other one nothing is known");
}

#[test]
fn each_campaign_has_its_own_habits_and_other_calls_count_whole() {
    let mut place = Place::new(1);
    place.learns(400);
    place.dials_for(CampaignId(2));
    assert_eq!(place.risk(), 1.0, "of the other campaign nothing is known");
    place.outlook.needed = vec![CallId::new(9_999).expect("an id")];
    assert_eq!(place.risk(), 1.0, "nor of a call that is no campaign's");
}

#[test]
fn what_comes_out_of_turn_teaches_nothing() {
    let mut place = Place::new(1);
    let stranger = CallId::new(9_999).expect("an id");
    place.wants(stranger);
    place.ends(stranger, true);
    let call = place.dials();
    place.pacer.handle_wanted(place.now, call);
    place.pacer.handle_automated(call);
    assert_eq!(place.risk(), 1.0, "it rings");
    place.ends(call, false);
    place.ends(call, false);
    place.answers(call);
    assert!(place.pacer.calls.is_empty());
}

#[test]
fn campaigns_that_call_nobody_any_more_are_forgotten_and_calls_with_them() {
    let mut place = Place::new(1);
    let first = place.dials_for(CampaignId(0));
    for campaign in 1..=CAMPAIGNS_MAX as u64 {
        place.after(SECOND);
        let call = place.dials_for(CampaignId(campaign));
        place.ends(call, false);
    }
    assert_eq!((place.pacer.campaigns.len(), place.pacer.calls.len()), (CAMPAIGNS_MAX, 1));
    assert!(!place.pacer.campaigns.contains_key(&CampaignId(0)));
    assert_eq!(place.risk(), 1.0, "a call whose campaign is forgotten counts whole");
    place.ends(first, false);
    assert!(place.pacer.calls.is_empty());
}

#[test]
fn a_thousand_people_are_weighed_by_those_who_are_likeliest_to_come_back() {
    let mut place = Place::new(0);
    place.learns(400);
    let until = |seconds| Busy::WrapUp { until: place.now + seconds * SECOND };
    place.outlook.busy = (0..1_000).map(|person| until(if person % 10 == 0 { 1 } else { 600 })).collect();
    for _ in 0..50 {
        place.dials();
    }
    assert!(place.risk() < 1e-9, "a hundred come back for fifty calls: {}", place.risk());
}
