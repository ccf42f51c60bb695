use std::sync::{Arc, Mutex, PoisonError};

use super::*;
use crate::agent::browser::{self, Gone, Stats};
use crate::agent::desk::{Manner, Times};
use crate::model::PATIENCE;

const RETURN: Duration = Duration::from_secs(5);

type Fates = Arc<Mutex<Vec<(CallId, Fate)>>>;

/// A hall, its clock, and what calls were told.
struct Place {
    hall: Hall,
    now: Instant,
    fates: Fates,
    kept: Vec<Box<dyn Send>>,
}

/// Somebody signed in.
struct Guest {
    id: PersonId,
    session: String,
    told: mpsc::Receiver<Told>,
    leg: u64,
}

impl Place {
    fn new() -> Self {
        let fates = Fates::default();
        let told = Arc::clone(&fates);
        let tell = move |call, fate| {
            told.lock().unwrap_or_else(PoisonError::into_inner).push((call, fate));
            true
        };
        let config = Config { return_within: RETURN, ..Config::default() };
        let hall = Hall::new(config, Box::new(tell));
        Self { hall, now: Instant::now(), fates, kept: Vec::new() }
    }

    fn guest(&mut self, number: u64) -> Guest {
        let person = Person {
            id: PersonId(number),
            tenant: TenantId(1),
            name: format!("Person {number}"),
            queues: vec![],
            secret_hash: [0; 32],
        };
        let id = person.id;
        let session = self.hall.enter(self.now, person).expect("room").session;
        let told = self.hall.listen(self.now, id);
        let leg = self.audio(id);
        self.hall.settle(self.now);
        Guest { id, session, told, leg }
    }

    fn audio(&mut self, person: PersonId) -> u64 {
        let (leg, kept) = Leg::to_nowhere();
        self.kept.push(kept);
        let number = self.hall.speak(self.now, person, leg);
        self.hall.leg_told(self.now, person, number, browser::Event::Connected);
        number
    }

    fn act(&mut self, guest: &Guest, act: Act) -> Result<(), Refused> {
        let done = self.hall.act(self.now, guest.id, act);
        self.hall.settle(self.now);
        done
    }

    fn want(&mut self, number: u64, manner: Manner) -> CallId {
        let call = CallId::new(number).expect("an id");
        let about = About { number: "+15550100".to_owned(), ..About::default() };
        self.hall.want(
            self.now,
            call,
            TenantId(1),
            Wanted { whom: Whom::Anybody, manner, patience: PATIENCE, times: Times::default() },
            about,
        );
        self.hall.settle(self.now);
        call
    }

    fn after(&mut self, time: Duration) {
        self.now += time;
        self.hall.handle_timeout(self.now);
        self.hall.look_round(self.now);
        self.hall.settle(self.now);
    }

    fn free(&self) -> usize {
        self.hall.look(TenantId(1), &Whom::Anybody, &[]).free
    }

    fn fates(&self) -> Vec<(CallId, Fate)> {
        std::mem::take(&mut self.fates.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Guest {
    fn told(&mut self) -> Vec<Told> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }

    /// The last state the page was told.
    fn state(&mut self) -> Option<StateName> {
        self.told().into_iter().rev().find_map(|told| match told {
            Told::State { state, .. } => Some(state),
            _ => None,
        })
    }
}

#[test]
fn without_audio_nobody_is_available() {
    let mut place = Place::new();
    let mut guest = place.guest(1);
    place.hall.mute(place.now, guest.id, guest.leg).expect("there");
    assert_eq!(place.act(&guest, Act::Available), Err(Refused::NoAudio));
    place.audio(guest.id);
    assert_eq!(place.act(&guest, Act::Available), Ok(()));
    assert_eq!((guest.state(), place.free()), (Some(StateName::Available), 1));
    assert_eq!(place.hall.look(TenantId(2), &Whom::Anybody, &[]).free, 0);
}

#[test]
fn a_page_may_end_audio_that_has_just_ended_and_no_other() {
    let mut place = Place::new();
    let (guest, other) = (place.guest(1), place.guest(2));
    let gone = browser::Event::Gone(Gone::Left, Stats::default());
    place.hall.leg_told(place.now, guest.id, guest.leg, gone);
    assert_eq!(place.hall.mute(place.now, guest.id, guest.leg), Ok(()), "it says so itself, a moment later");
    // It ends nothing that came afterwards.
    let next = place.audio(guest.id);
    assert_eq!(place.hall.mute(place.now, guest.id, guest.leg), Ok(()));
    assert_eq!(place.act(&guest, Act::Available), Ok(()));
    assert_eq!(place.hall.mute(place.now, guest.id, other.leg), Err(Refused::Leg));
    assert_eq!(place.hall.mute(place.now, other.id, next), Err(Refused::Leg));
}

#[test]
fn a_call_rings_is_taken_and_given_a_seat_that_knows_its_end() {
    let mut place = Place::new();
    let mut guest = place.guest(1);
    place.act(&guest, Act::Available).expect("available");
    let call = place.want(10, Manner::Ring);
    let ringing = guest.told().pop();
    assert!(
        matches!(&ringing, Some(Told::State { state: StateName::Ringing, about: Some(about), .. }) if about.number == "+15550100"),
        "{ringing:?}"
    );
    place.act(&guest, Act::Accept(call)).expect("signed in");
    let mut fates = place.fates();
    assert!(matches!(fates.remove(0), (_, Fate::Ringing(person)) if person == guest.id));
    let (of, Fate::Assigned { seat, .. }) = fates.remove(0) else { panic!("assigned") };
    assert_eq!((of, guest.state()), (call, Some(StateName::Talking)));
    // The bridge is gone: its connection says so.
    drop(seat);
    place.hall.leg_told(place.now, guest.id, guest.leg, browser::Event::Parted(1));
    place.hall.settle(place.now);
    let told = guest.told();
    assert!(told.contains(&Told::Over { call: call.to_string(), why: Why::Ended }), "{told:?}");
    assert!(place.fates().is_empty(), "the call knows its own end");
    assert_eq!(place.hall.figures().assigned, 1);
}

#[test]
fn keys_and_transfers_reach_the_call_that_is_on_and_no_other() {
    let mut place = Place::new();
    let (guest, other) = (place.guest(1), place.guest(2));
    place.act(&guest, Act::Available).expect("available");
    place.hall.leg_told(place.now, guest.id, guest.leg, browser::Event::Digit(0, '1'));
    let call = place.want(10, Manner::AtOnce);
    place.fates();
    place.hall.leg_told(place.now, guest.id, guest.leg, browser::Event::Digit(1, '5'));
    assert!(matches!(place.fates()[..], [(of, Fate::Digit('5'))] if of == call));
    assert_eq!(place.hall.transfer(place.now, other.id, call, "+1555".to_owned()), Err(Refused::Call));
    place.hall.transfer(place.now, guest.id, call, "+1555".to_owned()).expect("its own");
    assert!(matches!(&place.fates()[..], [(_, Fate::Transfer(to))] if to == "+1555"));
}

#[test]
fn what_is_told_late_of_a_call_that_is_over_does_nothing_to_the_next() {
    let mut place = Place::new();
    let guest = place.guest(1);
    place.act(&guest, Act::Available).expect("available");
    let over = place.want(10, Manner::AtOnce);
    // The switch knows of its end before her connection says so.
    place.hall.end(place.now, over);
    place.hall.settle(place.now);
    place.act(&guest, Act::Available).expect("available");
    let next = place.want(11, Manner::AtOnce);
    place.fates();
    for late in [browser::Event::Digit(1, '5'), browser::Event::Parted(1)] {
        place.hall.leg_told(place.now, guest.id, guest.leg, late);
    }
    place.hall.settle(place.now);
    assert_eq!((place.fates().len(), place.hall.call_of(guest.id)), (0, Some(next)));
    place.hall.leg_told(place.now, guest.id, guest.leg, browser::Event::Parted(2));
    assert_eq!(place.hall.call_of(guest.id), None);
}

#[test]
fn what_is_not_done_leaves_a_hold_as_it_is_unless_it_was_the_hold() {
    let mut place = Place::new();
    let mut guest = place.guest(1);
    place.act(&guest, Act::Available).expect("available");
    let call = place.want(10, Manner::AtOnce);
    place.hall.hold(guest.id, call, true).expect("its own");
    guest.told();
    place.hall.failed(call, "declined".to_owned(), None);
    place.hall.failed(call, "488".to_owned(), Some(false));
    let failed = |why: &str, held| Told::Failed { call: call.to_string(), why: why.to_owned(), held };
    assert_eq!(guest.told(), [failed("declined", true), failed("488", false)]);
}

#[test]
fn lost_audio_that_is_not_waited_for_ends_the_persons_part_and_it_is_offline_until_it_is_back() {
    let mut place = Place::new();
    place.hall.config.return_within = Duration::ZERO;
    let mut guest = place.guest(1);
    place.act(&guest, Act::Available).expect("available");
    let call = place.want(10, Manner::AtOnce);
    place.fates();
    let gone = browser::Event::Gone(Gone::Lost, Stats::default());
    place.hall.leg_told(place.now, guest.id, guest.leg + 7, gone);
    assert!(place.fates().is_empty(), "another connection's end is not this one's");
    place.hall.leg_told(place.now, guest.id, guest.leg, gone);
    place.hall.settle(place.now);
    assert!(matches!(place.fates()[..], [(of, Fate::Left(Quit::Gone))] if of == call));
    assert_eq!(guest.state(), Some(StateName::Offline));
    assert_eq!(place.act(&guest, Act::Available), Err(Refused::NoAudio));
}

#[test]
fn who_is_cut_off_comes_back_by_new_audio_and_has_another_seat_in_the_same_call() {
    let mut place = Place::new();
    let mut guest = place.guest(1);
    place.act(&guest, Act::Available).expect("available");
    let call = place.want(10, Manner::AtOnce);
    place.hall.hold(guest.id, call, true).expect("its own");
    place.fates();
    // The page is loaded anew: it says goodbye, and its stream is gone too.
    place.hall.mute(place.now, guest.id, guest.leg).expect("there");
    place.hall.settle(place.now);
    assert!(matches!(place.fates()[..], [(of, Fate::Lost)] if of == call));
    let is_away = |told: &Told| {
        matches!(told, Told::State { state: StateName::Away, ends_ms: Some(5_000), audio: false, .. })
    };
    assert!(guest.told().iter().any(is_away));
    place.after(RETURN / 2);
    guest.told = place.hall.listen(place.now, guest.id);
    place.audio(guest.id);
    place.hall.settle(place.now);
    assert!(matches!(place.fates()[..], [(of, Fate::Returned(_))] if of == call));
    let talks =
        |told: &Told| matches!(told, Told::State { state: StateName::Talking, audio: true, held: true, .. });
    assert!(guest.told().iter().any(talks), "and it is told of its hold");
    place.after(2 * RETURN);
    assert!(place.fates().is_empty());
    assert_eq!((place.hall.figures().returned, place.hall.figures().lost), (1, 0));
}

#[test]
fn who_does_not_come_back_in_time_has_lost_the_call() {
    let mut place = Place::new();
    let mut guest = place.guest(1);
    place.act(&guest, Act::Available).expect("available");
    let call = place.want(10, Manner::AtOnce);
    place.fates();
    let gone = browser::Event::Gone(Gone::Lost, Stats::default());
    place.hall.leg_told(place.now, guest.id, guest.leg, gone);
    // Its offer is there, and no audio came of it.
    let (leg, kept) = Leg::to_nowhere();
    place.kept.push(kept);
    place.hall.speak(place.now, guest.id, leg);
    place.after(RETURN);
    assert!(matches!(place.fates()[..], [(_, Fate::Lost), (of, Fate::Left(Quit::Gone))] if of == call));
    let over = Told::Over { call: call.to_string(), why: Why::AudioLost };
    assert!(guest.told().contains(&over));
    assert_eq!(place.hall.figures().lost, 1);
}

#[test]
fn whose_browser_broke_down_signs_in_again_and_has_its_call() {
    let mut place = Place::new();
    let first = place.guest(1);
    place.act(&first, Act::Available).expect("available");
    let call = place.want(10, Manner::AtOnce);
    place.fates();
    let mut second = place.guest(1);
    assert!(place.hall.who(&first.session).is_none());
    assert!(matches!(place.fates()[..], [(_, Fate::Lost), (of, Fate::Returned(_))] if of == call));
    assert_eq!((second.state(), place.hall.call_of(second.id)), (Some(StateName::Talking), Some(call)));
}

#[test]
fn a_seat_whose_audio_is_gone_by_then_is_lost_like_any_other() {
    let mut place = Place::new();
    let guest = place.guest(1);
    place.act(&guest, Act::Available).expect("available");
    // Its task is gone, and has not said so yet.
    place.kept.clear();
    let call = place.want(10, Manner::AtOnce);
    let fates = place.fates();
    assert!(matches!(fates[..], [(_, Fate::Assigned { .. }), (of, Fate::Lost)] if of == call), "{fates:?}");
    place.after(RETURN);
    assert!(matches!(place.fates()[..], [(_, Fate::Left(Quit::Gone))]));
}

#[test]
fn nobody_free_is_told_once_and_counted() {
    let mut place = Place::new();
    let call = place.want(10, Manner::AtOnce);
    place.after(PATIENCE);
    assert!(matches!(place.fates()[..], [(of, Fate::Nobody)] if of == call));
    place.after(PATIENCE);
    assert_eq!((place.fates().len(), place.hall.figures().abandoned), (0, 1));
    assert!(place.hall.desks.is_empty() && place.hall.calls.is_empty(), "nothing is kept of it");
}

#[test]
fn who_signs_in_elsewhere_is_signed_out_here() {
    let mut place = Place::new();
    let mut first = place.guest(1);
    let second = place.guest(1);
    assert!(first.told().contains(&Told::SignedOut));
    assert_eq!((place.hall.who(&first.session), place.hall.who(&second.session)), (None, Some(second.id)));
    assert_eq!(place.hall.figures().signed_in, 1);
    place.hall.exit(place.now, second.id);
    place.hall.settle(place.now);
    assert_eq!(place.hall.who(&second.session), None);
}

#[test]
fn a_page_whose_session_another_one_shows_is_told_so_and_the_session_goes_on() {
    let mut place = Place::new();
    let mut guest = place.guest(1);
    place.act(&guest, Act::Available).expect("available");
    let mut second = place.hall.listen(place.now, guest.id);
    assert_eq!(guest.told().last(), Some(&Told::Replaced));
    assert_eq!(guest.told.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
    assert!(matches!(second.try_recv(), Ok(Told::State { state: StateName::Available, .. })));
    assert_eq!(place.hall.who(&guest.session), Some(guest.id));
}

#[test]
fn a_page_that_is_away_for_too_long_takes_no_calls_and_then_is_signed_out() {
    let mut place = Place::new();
    let mut guest = place.guest(1);
    place.act(&guest, Act::Available).expect("available");
    guest.told.close();
    place.after(Duration::from_secs(1));
    place.after(Duration::from_secs(5));
    assert_eq!(place.free(), 1, "it may come back");
    place.after(Duration::from_secs(5));
    assert_eq!(place.free(), 0);
    assert!(place.hall.who(&guest.session).is_some());
    place.after(AWAY_MAX);
    assert!(place.hall.who(&guest.session).is_none());
}

#[test]
fn who_talks_keeps_the_call_though_its_page_is_away() {
    let mut place = Place::new();
    let mut guest = place.guest(1);
    place.act(&guest, Act::Available).expect("available");
    let call = place.want(10, Manner::AtOnce);
    place.fates();
    guest.told.close();
    place.after(Duration::from_secs(1));
    place.after(AWAY_MAX);
    assert_eq!((place.fates().len(), place.hall.call_of(guest.id)), (0, Some(call)));
    place.hall.end(place.now, call);
    place.after(Duration::from_secs(1));
    assert!(place.hall.who(&guest.session).is_none());
}

#[test]
fn a_page_that_is_back_in_its_call_takes_calls_after_it_unless_its_person_said_otherwise() {
    for says_so in [false, true] {
        let mut place = Place::new();
        let mut guest = place.guest(1);
        place.act(&guest, Act::Available).expect("available");
        place.want(10, Manner::AtOnce);
        if says_so {
            place.act(&guest, Act::Offline).expect("there");
        }
        guest.told.close();
        place.after(Duration::from_secs(1));
        place.after(Duration::from_secs(10));
        guest.told = place.hall.listen(place.now, guest.id);
        place.hall.settle(place.now);
        let leaves = guest.told().into_iter().rev().find_map(|told| match told {
            Told::State { leaves, .. } => Some(leaves),
            _ => None,
        });
        assert_eq!(leaves, Some(says_so));
    }
}

#[test]
fn a_page_that_does_not_read_loses_its_stream_and_not_its_call() {
    let mut place = Place::new();
    let mut guest = place.guest(1);
    place.act(&guest, Act::Available).expect("available");
    let call = place.want(10, Manner::AtOnce);
    for _ in 0..=STREAM {
        place.hall.show(place.now, guest.id);
    }
    assert_eq!(guest.told().len(), STREAM);
    assert_eq!(guest.told.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
    assert_eq!(place.hall.call_of(guest.id), Some(call));
    guest.told = place.hall.listen(place.now, guest.id);
    assert_eq!(guest.state(), Some(StateName::Talking));
}

#[test]
fn a_call_is_passed_to_a_colleague_who_takes_it_and_stays_with_one_who_does_not() {
    let mut place = Place::new();
    let (mut ada, mut grace) = (place.guest(1), place.guest(2));
    place.act(&ada, Act::Available).expect("available");
    let call = place.want(10, Manner::AtOnce);
    let pass = |place: &mut Place, from: &Guest| {
        let passed = place.hall.transfer(place.now, from.id, call, "Person 2".to_owned());
        place.hall.settle(place.now);
        passed
    };
    assert_eq!(pass(&mut place, &ada), Err(Refused::Busy), "she takes no calls");
    place.act(&grace, Act::Available).expect("available");
    place.fates();

    pass(&mut place, &ada).expect("she is there");
    assert_eq!(grace.state(), Some(StateName::Ringing));
    place.act(&grace, Act::Decline(call)).expect("declined");
    let is_failed = |told: &Told| matches!(told, Told::Failed { why, .. } if why == "nobody took it");
    assert!(ada.told().iter().any(is_failed));
    assert_eq!(place.hall.call_of(ada.id), Some(call));

    place.fates();
    pass(&mut place, &ada).expect("she is there");
    place.act(&grace, Act::Accept(call)).expect("taken");
    let seated = |fate: &(CallId, Fate)| matches!(fate, (of, Fate::Assigned { person, .. }) if *of == call && *person == grace.id);
    assert!(place.fates().iter().any(seated));
    assert_eq!((place.hall.call_of(ada.id), place.hall.call_of(grace.id)), (None, Some(call)));
    assert_eq!(ada.state(), Some(StateName::WrapUp));
    assert_eq!(place.hall.figures().passed, 1);
}

#[test]
fn who_is_declared_no_more_is_signed_out_and_who_has_another_secret_too() {
    let mut place = Place::new();
    let mut guest = place.guest(1);
    let known = place.hall.people[&guest.id].person.clone();
    place.hall.know(place.now, Person { queues: vec!["sales".to_owned()], ..known.clone() });
    assert!(place.hall.who(&guest.session).is_some(), "other queues are no reason");
    place.hall.know(place.now, Person { secret_hash: [1; 32], ..known });
    assert!(place.hall.who(&guest.session).is_none());
    assert_eq!(guest.told().last(), Some(&Told::SignedOut));
}
