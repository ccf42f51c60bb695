//! A call that talks is sent elsewhere: whoever talked goes, whatever was under way, and what it still has to say comes too late.
//! In virtual time.

use std::sync::Arc;
use std::time::Duration;

use trunkline::agent::stream::{Counters, Ended, Event as BotEvent, Why};
use trunkline::call::{BotId, Role, Speech};
use trunkline::model::{
    Bot, CallFact, CallPlan, Dial, Dialect, Disposition, EndedBy, Engaged, Face, Gather, Guide, Link,
    Listener, NotDone, Notice, SpeakOrder, Staff, Step, Talker, Track, VoicemailAction,
};
use trunkline::simulator::Persona;

use super::pairs::{guided, hand_over, number};
use super::{Weather, World, word};

const SECOND: Duration = Duration::from_secs(1);
/// When a callee who says nothing is known to be somebody, and what was asked then is under way.
const KNOWN: Duration = Duration::from_secs(7);
const COMPLETED: (Disposition, EndedBy) = (Disposition::Completed, EndedBy::Agent);

fn say(text: &str) -> Step {
    Step::Say(text.into())
}

/// The document that is sent to a live call.
fn document(steps: Vec<Step>) -> Step {
    Step::Follow(Arc::new(Guide { link: Link::default(), face: Face::Twilio, key: None, first: steps }))
}

/// The URL that is.
fn elsewhere(url: &str) -> Step {
    Step::Follow(Arc::new(Guide { link: url.into(), face: Face::Twilio, key: None, first: Vec::new() }))
}

fn bot(url: &str) -> Arc<Bot> {
    Arc::new(Bot::at(url.parse().expect("a URL"), Dialect::Twilio))
}

fn engaged(plan: &mut CallPlan, url: &str) {
    let (account, parameters) = (String::new(), Vec::new());
    plan.bot = Some(Engaged { account, parameters, bot: Talker::Bot(bot(url)) });
    plan.script.clear();
}

fn left(why: Why) -> BotEvent {
    BotEvent::Ended(Ended { why, counters: Counters::default() })
}

/// The bots that the call has called, in their order.
fn bots(world: &World) -> Vec<(BotId, &str)> {
    world.bots.iter().map(|(bot, url)| (*bot, url.as_str())).collect()
}

const A: &str = "wss://bot.example/a";
const B: &str = "wss://bot.example/b";

#[test]
fn an_answer_that_comes_after_somebody_else_took_over_is_nobodys_word() {
    let mut world = World::new(1, Weather::CALM);
    world.guide([Ok(vec![Step::Pause(500 * SECOND)])]);
    world.hold_guides();
    let call = world.call_with(Persona::Silent, guided);
    world.advance(KNOWN);
    assert_eq!(world.control(call, document(vec![say("Something came up."), say("Goodbye.")])), Ok(()));
    world.release_guides();
    world.run_out();
    assert_eq!(world.said(call), ["Something came up.", "Goodbye."]);
    assert_eq!(world.end(call), COMPLETED);
    world.assert_quiet();
}

#[test]
fn of_two_who_are_asked_the_last_has_the_word() {
    let mut world = World::new(2, Weather::CALM);
    world.guide([Ok(vec![say("First.")]), Err("HTTP 500".to_owned()), Ok(vec![say("Third.")])]);
    world.hold_guides();
    let call = world.call_with(Persona::Silent, guided);
    world.advance(KNOWN);
    for url in ["https://bot.example/2", "https://bot.example/3"] {
        assert_eq!(world.control(call, elsewhere(url)), Ok(()));
    }
    world.release_guides();
    world.run_out();
    assert_eq!((world.said(call), world.asked().len()), (vec!["Third."], 3));
    assert_eq!(world.end(call), COMPLETED);
    world.assert_quiet();
}

#[test]
fn the_bot_that_talked_is_sent_away_and_has_no_say_any_more() {
    let mut world = World::new(3, Weather::CALM);
    world.guide([Ok(vec![Step::Connect(bot(A))])]);
    let call = world.call_with(Persona::Silent, guided);
    world.advance(KNOWN);
    let [(first, A)] = bots(&world)[..] else { panic!("one bot was called") };
    assert_eq!(world.control(call, document(vec![say("One moment."), Step::Connect(bot(B))])), Ok(()));
    assert_eq!(world.dismissed, [(call, Role::Talker)]);
    let [_, (second, B)] = bots(&world)[..] else { panic!("another bot was called") };
    world.bot(first, BotEvent::Asked(Step::Hangup));
    world.bot(first, left(Why::CallOver));
    assert_eq!(world.dismissed.len(), 1, "the second stays");
    world.advance(9 * SECOND);
    assert!(world.lives(call), "it talks with the second");
    world.bot(second, left(Why::HungUp));
    world.run_out();
    assert_eq!(world.end(call), COMPLETED);
    world.assert_quiet();
}

#[test]
fn an_agents_bot_gives_way_to_a_document() {
    let mut world = World::new(4, Weather::CALM);
    let call = world.call_with(Persona::Silent, |plan| engaged(plan, A));
    world.advance(KNOWN);
    assert_eq!((bots(&world).len(), world.dismissed.len()), (1, 0));
    assert_eq!(world.control(call, document(vec![say("Goodbye.")])), Ok(()));
    assert_eq!(world.dismissed, [(call, Role::Talker)]);
    world.run_out();
    assert_eq!((world.said(call), world.end(call)), (vec!["Goodbye."], COMPLETED));
    world.assert_quiet();
}

#[test]
fn an_agents_script_gives_way_and_does_not_come_back() {
    let mut world = World::new(5, Weather::CALM);
    world.guide([Err("HTTP 404".to_owned())]);
    let call = world.call(Persona::Silent);
    world.advance(KNOWN);
    assert_eq!(world.control(call, elsewhere("https://bot.example/gone")), Ok(()));
    world.run_out();
    let outcome = world.outcome(call);
    assert_eq!(
        (outcome.disposition, outcome.detail.as_deref()),
        (Disposition::AgentFailed, Some("HTTP 404"))
    );
    world.assert_quiet();
}

#[test]
fn who_was_dialled_is_hung_up() {
    for persona in [Persona::Silent, Persona::NoAnswer] {
        let mut world = World::new(6, Weather::CALM);
        let dial = Dial { ring_timeout: 60 * SECOND, ..Dial::new(vec![number(persona)]) };
        world.guide([Ok(vec![Step::Dial(Arc::new(dial)), say("never")])]);
        let call = world.call_with(Persona::Silent, guided);
        world.advance(KNOWN + 4 * SECOND);
        let [party] = world.seconds(call)[..] else { panic!("one party was called") };
        assert!(world.lives(party));
        assert_eq!(world.control(call, document(vec![Step::Pause(SECOND), say("Goodbye.")])), Ok(()));
        world.advance(SECOND / 2);
        assert!(world.is_over(party) && world.lives(call), "{persona:?}");
        world.run_out();
        assert_eq!((world.said(call), world.end(call)), (vec!["Goodbye."], COMPLETED));
        world.assert_quiet();
    }
}

#[test]
fn before_it_is_known_who_is_there_it_says_who_will_be_asked() {
    let mut world = World::new(7, Weather::CALM);
    let call = world.call_with(Persona::Silent, guided);
    let is_answered =
        |world: &World| world.facts(call).iter().any(|fact| matches!(fact, CallFact::Answered { .. }));
    while !is_answered(&world) {
        world.advance(SECOND / 10);
    }
    assert_eq!(world.control(call, document(vec![say("Goodbye.")])), Ok(()));
    world.run_out();
    assert!(world.asked().is_empty(), "{:?}", world.asked());
    assert_eq!((world.said(call), world.end(call)), (vec!["Goodbye."], COMPLETED));
    let dead_air = world.outcome(call).dead_air.expect("somebody spoke");
    assert!(dead_air <= SECOND / 50, "it was ready before the verdict: {dead_air:?}");
    world.assert_quiet();
}

#[test]
fn who_was_on_hold_by_a_document_is_taken_back_by_the_next() {
    let mut world = World::new(8, Weather::CALM);
    world.guide([Ok(vec![Step::Hold, Step::Pause(500 * SECOND)])]);
    let call = world.call_with(Persona::Silent, guided);
    world.advance(KNOWN + 2 * SECOND);
    assert_eq!(world.exchange_held(), 1);
    assert_eq!(world.control(call, document(vec![say("Goodbye.")])), Ok(()));
    world.run_out();
    assert_eq!((world.exchange_held(), world.end(call)), (0, COMPLETED));
    world.assert_quiet();
}

#[test]
fn an_agent_talks_only_where_its_guide_is_of_no_help() {
    for is_of_help in [true, false] {
        let mut world = World::new(9, Weather::CALM);
        world.guide([if is_of_help { Ok(vec![say("Goodbye.")]) } else { Err("HTTP 500".to_owned()) }]);
        let call = world.call_with(Persona::Silent, |plan| {
            guided(plan);
            engaged(plan, A);
        });
        world.advance(KNOWN);
        match is_of_help {
            true => assert!(bots(&world).is_empty(), "{:?}", bots(&world)),
            false => {
                let [(talker, A)] = bots(&world)[..] else { panic!("its bot was called") };
                assert!(world.lives(call));
                world.bot(talker, left(Why::HungUp));
            }
        }
        world.run_out();
        assert_eq!(world.end(call), COMPLETED, "{is_of_help}");
        world.assert_quiet();
    }
}

#[test]
fn a_listener_who_comes_after_another_is_not_sent_away_by_that_ones_last_word() {
    let mut world = World::new(10, Weather::CALM);
    let call = world.call(Persona::Silent);
    world.advance(KNOWN);
    let listens =
        |url| Step::StartStream(Arc::new(Listener { bot: Bot::clone(&bot(url)), track: Track::Both }));
    for step in [listens(A), Step::StopStream, listens(B)] {
        assert_eq!(world.control(call, step), Ok(()));
    }
    let [(first, A), _] = bots(&world)[..] else { panic!("two bots were called") };
    world.bot(first, left(Why::CallOver));
    assert_eq!(world.control(call, listens(A)), Err(NotDone::Streaming), "the second listens in");
    world.hangup(call);
    world.run_out();
    world.assert_quiet();
}

#[test]
fn who_hears_that_nobody_was_free_hears_it_to_its_end() {
    let mut world = World::new(11, Weather::CALM);
    let staff =
        Staff { notice: Some(Notice::Text("We called too soon.".into())), ..super::people::staff(None) };
    let call = world.call_with(Persona::Silent, |plan| {
        plan.staff = Some(Arc::new(staff.clone()));
        plan.script.clear();
    });
    while world.said(call).is_empty() {
        world.advance(SECOND / 10);
    }
    assert_eq!(world.control(call, document(vec![say("Buy this.")])), Err(NotDone::NotTalking));
    world.run_out();
    assert_eq!((world.said(call), world.end(call).0), (vec!["We called too soon."], Disposition::Abandoned));
    world.assert_quiet();
}

/// Whoever is to hear a guide's words, and not to speak before the callee does, waits for the callee's; and who was sent elsewhere does
/// not.
#[test]
fn a_guide_waits_for_a_callee_who_is_to_speak_first_and_is_asked_once_it_has() {
    for speaks in [true, false] {
        let mut world = World::new(12, Weather::CALM);
        world.guide([Ok(vec![say("Hello.")])]);
        let call = world.call_with(Persona::Silent, |plan| {
            guided(plan);
            plan.speak_order = SpeakOrder::CalleeFirst;
        });
        world.advance(KNOWN + 2 * SECOND);
        assert!(world.asked().is_empty(), "{:?}", world.asked());
        match speaks {
            true => world.speak(&word()),
            false => assert_eq!(world.control(call, document(vec![say("Hello.")])), Ok(())),
        }
        world.run_out();
        assert_eq!((world.said(call), world.end(call)), (vec!["Hello."], COMPLETED), "{speaks}");
        assert!(world.outcome(call).dead_air.is_some(), "it was heard");
        world.assert_quiet();
    }
}

#[test]
fn where_a_bots_connection_breaks_in_a_talk_the_next_verb_follows() {
    for (steps, disposition) in
        [(vec![say("Sorry.")], Disposition::Completed), (Vec::new(), Disposition::AgentFailed)]
    {
        let mut world = World::new(13, Weather::CALM);
        let said: Vec<_> = steps.iter().map(|_| "Sorry.").collect();
        world.guide([Ok([vec![Step::Connect(bot(A))], steps].concat())]);
        let call = world.call_with(Persona::Silent, |plan| {
            guided(plan);
            plan.script.clear();
        });
        world.advance(KNOWN);
        let [(talker, _)] = bots(&world)[..] else { panic!("one bot was called") };
        world.bot(talker, left(Why::Closed { code: Some(1011) }));
        world.run_out();
        assert_eq!((world.said(call), world.outcome(call).disposition), (said, disposition));
        world.assert_quiet();
    }
}

#[test]
fn whether_speech_interrupts_is_the_matter_of_whoever_talks() {
    let mut world = World::new(14, Weather::CALM);
    let call = world.call(Persona::Silent);
    world.advance(KNOWN);
    assert!(world.is_interruptible(call), "the script");
    let by = |dialect| Arc::new(Bot::at(A.parse().expect("a URL"), dialect));
    for (dialect, is_so) in [(Dialect::Twilio, false), (Dialect::Telnyx, false), (Dialect::AudioSocket, true)]
    {
        assert_eq!(world.control(call, Step::Connect(by(dialect))), Ok(()));
        assert_eq!(world.is_interruptible(call), is_so, "{dialect:?}");
    }
    assert_eq!(world.control(call, document(vec![Step::Pause(60 * SECOND)])), Ok(()));
    assert!(!world.is_interruptible(call), "a document is said to its end");
    world.hangup(call);
    world.run_out();
    world.assert_quiet();
}

#[test]
fn time_stands_still_for_who_is_on_hold() {
    let gather = Gather {
        prompt: Vec::new(),
        digits_max: 1,
        finish_on: None,
        turn: None,
        timeout: 5 * SECOND,
        action: None,
        ask_if_empty: false,
    };
    let mut world = World::new(15, Weather::CALM);
    world.guide([Ok(vec![Step::Gather(Box::new(gather)), say("Goodbye.")])]);
    let call = world.call_with(Persona::Silent, guided);
    world.advance(KNOWN);
    assert_eq!(world.control(call, Step::Hold), Ok(()));
    world.advance(20 * SECOND);
    assert_eq!(world.control(call, Step::Resume), Ok(()));
    world.advance(4 * SECOND);
    assert!(world.lives(call) && world.said(call).is_empty(), "it has all its time");
    world.run_out();
    assert_eq!((world.said(call), world.end(call)), (vec!["Goodbye."], COMPLETED));
    world.assert_quiet();
}

#[test]
fn who_was_on_hold_by_hand_is_taken_back_by_who_takes_over() {
    let mut world = World::new(16, Weather::CALM);
    let call = world.call(Persona::Silent);
    world.advance(KNOWN);
    assert_eq!(world.control(call, Step::Hold), Ok(()));
    world.advance(2 * SECOND);
    assert_eq!(world.exchange_held(), 1);
    assert_eq!(world.control(call, document(vec![say("Goodbye.")])), Ok(()));
    world.run_out();
    assert_eq!((world.said(call), world.end(call)), (vec!["Goodbye."], COMPLETED));
    world.assert_quiet();
}

#[test]
fn a_bot_that_leaves_while_somebody_is_called_in_its_place_leaves_the_callee_to_it() {
    for (persona, is_reached) in [(Persona::HangsUp, true), (Persona::NoAnswer, false)] {
        let mut world = World::new(17, Weather::CALM);
        let call = world.call_with(Persona::Silent, |plan| engaged(plan, A));
        world.advance(KNOWN);
        let [(talker, _)] = bots(&world)[..] else { panic!("one bot was called") };
        assert_eq!(world.control(call, Step::HandOver(Arc::new(hand_over(persona)))), Ok(()));
        world.bot(talker, left(Why::HungUp));
        assert!(world.lives(call), "somebody is called");
        world.run_out();
        let [party] = world.seconds(call)[..] else { panic!("one party was called") };
        assert_eq!(world.outcome(party).answered_at.is_some(), is_reached);
        assert_eq!(world.end(call), COMPLETED, "{persona:?}");
        world.assert_quiet();
    }
}

#[test]
fn a_message_for_machines_that_cannot_be_rendered_ends_no_talk_with_a_person() {
    let mut world = World::new(18, Weather::CALM);
    let call = world.call_with(Persona::Silent, |plan| {
        plan.voicemail = VoicemailAction::LeaveMessage;
        engaged(plan, A);
    });
    world.advance(KNOWN);
    world.unrendered(call, Speech::Message);
    assert!(world.lives(call));
    world.hangup(call);
    world.run_out();
    world.assert_quiet();
}
