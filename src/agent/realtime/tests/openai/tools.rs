//! What OpenAI's model does besides talking, and how it hangs up.

use super::*;

#[test]
fn end_call_hangs_up_when_the_goodbye_was_heard() {
    let mut pair = ready(openai());
    pair.answer();
    pair.says(&delta("a", 1_000));
    pair.says(&calls(&[("c1", "end_call", "{}")]));
    pair.tick(49);
    assert_eq!(pair.why(), None);
    pair.says(&speech_started());
    pair.tick(10);
    assert_eq!((pair.heard.len(), pair.why()), (50, Some(&Why::HungUp)));
}

#[test]
fn what_is_asked_for_beside_end_call_is_done_wherever_it_stands() {
    let [save, end, keys] =
        [("c1", "book", "{}"), ("c2", "end_call", "{}"), ("c3", "send_dtmf", r#"{"digits":"5"}"#)];
    for batch in [[save, keys, end], [save, end, keys], [end, save, keys]] {
        let mut pair = ready(openai());
        pair.answer();
        pair.told();
        pair.says(&calls(&batch));
        assert_eq!(pair.errands.len(), 1, "{batch:?}");
        assert!(pair.events.contains(&Event::Asked(Step::SendDigits("5".into()))), "{batch:?}");
        assert_eq!(pair.told(), [] as [Value; 0], "it is told nothing that it might speak of");
        let slot = pair.errands[0].slot;
        pair.life.handle_input(pair.now, Input::Result(slot, Ok("saved".into())));
        pair.tick(31);
        assert_eq!((pair.told(), pair.why()), (vec![], Some(&Why::HungUp)), "{batch:?}");
    }
}

#[test]
fn a_hang_up_that_nobody_lets_through_the_gate_comes_all_the_same() {
    let mut pair = ready(openai());
    pair.says(&delta("a", 1_000));
    pair.says(&calls(&[("c1", "end_call", "")]));
    pair.tick(2_000);
    assert_eq!(pair.why(), None, "nobody has answered yet");
    pair.life.handle_input(pair.now, Input::Answered);
    pair.tick(1_499);
    assert_eq!(pair.why(), None);
    pair.tick(2);
    assert_eq!(pair.why(), Some(&Why::HungUp));
}

#[test]
fn a_tool_whose_asking_was_cut_short_is_not_used() {
    for (response, item) in [
        ("cancelled", "completed"),
        ("incomplete", "completed"),
        ("cancelled", "incomplete"),
        ("completed", "incomplete"),
    ] {
        let mut pair = ready(openai());
        pair.answer();
        pair.told();
        let call = |id: &str, name: &str| json!({ "type": "function_call", "status": item, "call_id": id, "name": name, "arguments": "{}" });
        let output = [call("c1", "book"), call("c2", "end_call")];
        pair.says(&json!({
            "type": "response.done", "event_id": "e",
            "response": { "status": response, "status_details": { "type": response }, "output": output },
        }));
        pair.tick(60);
        assert_eq!((pair.errands.len(), pair.why()), (0, None), "{response}, {item}");
        assert_eq!(pair.told(), [] as [Value; 0], "nobody waits for an answer");
    }
    let mut pair = ready(openai());
    let call = json!({ "type": "function_call", "status": "completed", "call_id": "c1", "name": "book", "arguments": "{}" });
    pair.says(&done(&json!([call])));
    assert_eq!(pair.errands.len(), 1);
}

#[test]
fn digits_are_sent_and_the_model_goes_on() {
    let mut pair = ready(openai());
    pair.says(&done(&json!([])));
    pair.told();
    pair.says(&calls(&[("c1", "send_dtmf", r#"{"digits":"12#"}"#)]));
    assert_eq!(pair.events, [Event::Asked(Step::SendDigits("12#".into()))]);
    let told = pair.told();
    assert_eq!(kinds(&told), ["conversation.item.create", "response.create"]);
    let output = json!({ "type": "function_call_output", "call_id": "c1", "output": "{\"ok\":true}" });
    assert_eq!(told[0]["item"], output);
}

#[test]
fn a_transfer_waits_for_its_fate_and_the_model_hears_of_a_bad_one() {
    let mut pair = ready(openai());
    pair.says(&done(&json!([])));
    pair.told();
    pair.says(&calls(&[
        ("c1", "transfer", r#"{"to":"+15550100"}"#),
        ("c2", "transfer", r#"{"to":"+1900"}"#),
    ]));
    assert_eq!(pair.events, [Event::Asked(Step::Transfer("+15550100".parse().expect("a number")))]);
    let told = pair.told();
    assert_eq!(kinds(&told), ["conversation.item.create"], "the first one is under way");
    assert_eq!(told[0]["item"]["call_id"], "c2");
    pair.life.handle_input(pair.now, Input::Untransferred("nobody is there".into()));
    pair.drain();
    let told = pair.told();
    assert_eq!(kinds(&told), ["conversation.item.create", "response.create"]);
    assert!(told[0]["item"]["output"].as_str().expect("text").contains("nobody is there"));
}

#[test]
fn a_webhook_tool_is_called_and_its_answer_told_once() {
    let mut pair = ready(openai());
    pair.says(&done(&json!([])));
    pair.told();
    pair.says(&calls(&[("c1", "book", r#"{"people":2}"#)]));
    let errand = pair.errands.pop().expect("an errand");
    let body: Value = serde_json::from_str(&errand.body).expect("JSON");
    assert_eq!((&body["tool"], &body["arguments"]), (&json!("book"), &json!({ "people": 2 })));
    assert_eq!((&body["from"], &body["to"]), (&json!("+15550001"), &json!("+15550002")));
    assert_eq!(pair.told(), [] as [Value; 0]);
    pair.life.handle_input(pair.now, Input::Result(errand.slot, Ok("{\"table\":4}".into())));
    pair.life.handle_input(pair.now, Input::Result(errand.slot, Ok("again".into())));
    pair.drain();
    let told = pair.told();
    assert_eq!(kinds(&told), ["conversation.item.create", "response.create"]);
    assert_eq!(told[0]["item"]["output"], "{\"table\":4}");
}

#[test]
fn what_a_lost_session_asked_for_is_told_the_next_and_not_asked_for_twice() {
    for is_early in [true, false] {
        let mut pair = ready(reconnecting());
        pair.answer();
        pair.says(&delta("a", 100));
        pair.says(&done(&json!([])));
        pair.tick(10);
        pair.says(&calls(&[("c1", "book", r#"{"people":2}"#)]));
        let slot = pair.errands[0].slot;
        lose(&mut pair);
        let told = pair.told();
        let instructions = told[0]["session"]["instructions"].as_str().expect("text");
        assert!(instructions.contains(r#"(The tool book was asked for: {"people":2} "#), "{instructions}");
        let result = |pair: &mut Pair| {
            pair.life.handle_input(pair.now, Input::Result(slot, Ok("{\"table\":4}".into())));
            pair.drain();
        };
        if is_early {
            result(&mut pair);
            assert_eq!(pair.told(), [] as [Value; 0], "it is not ready to be told");
        }
        pair.says(&json!({ "type": "session.updated", "event_id": "e", "session": {} }));
        if !is_early {
            result(&mut pair);
        }
        let told = pair.told();
        assert_eq!(kinds(&told), ["conversation.item.create", "response.create"]);
        assert_eq!(told[0]["item"]["type"], "message", "it knows of no call of this id");
        let text = told[0]["item"]["content"][0]["text"].as_str().expect("text");
        assert!(text.ends_with(r#"has answered: {"table":4})"#), "{text}");
        lose(&mut pair);
        let told = pair.told();
        let instructions = told[0]["session"]["instructions"].as_str().expect("text");
        assert!(!instructions.contains("The tool"), "{instructions}");
    }
}

#[test]
fn a_quick_tool_does_not_wait_for_a_slow_one_that_was_asked_for_before() {
    let mut pair = ready(openai());
    pair.says(&done(&json!([])));
    pair.says(&calls(&[("c1", "book", "{}"), ("c2", "transfer", r#"{"to":"+15550100"}"#)]));
    pair.told();
    pair.says(&calls(&[("c3", "send_dtmf", r#"{"digits":"5"}"#)]));
    assert_eq!(kinds(&pair.told()), ["conversation.item.create", "response.create"]);
    pair.says(&calls(&[("c4", "book", "{}")]));
    let [slow, quick] = [0, 1].map(|place| pair.errands[place].slot);
    pair.life.handle_input(pair.now, Input::Result(quick, Ok("at noon".into())));
    pair.drain();
    assert_eq!(kinds(&pair.told()), ["conversation.item.create", "response.create"]);
    pair.says(&done(&json!([])));
    pair.life.handle_input(pair.now, Input::Result(slow, Ok("table 4".into())));
    pair.drain();
    assert_eq!(kinds(&pair.told()), ["conversation.item.create"], "its transfer is under way");
    pair.life.handle_input(pair.now, Input::Untransferred("nobody is there".into()));
    pair.drain();
    assert_eq!(kinds(&pair.told()), ["conversation.item.create", "response.create"]);
}

#[test]
fn a_tool_that_never_answers_is_given_up() {
    let mut pair = ready(openai());
    pair.says(&done(&json!([])));
    pair.says(&calls(&[("c1", "book", "{}")]));
    pair.told();
    pair.tick(501);
    assert_eq!(kinds(&pair.told()), ["conversation.item.create", "response.create"]);
}

#[test]
fn what_comes_while_the_model_talks_is_answered_when_it_has_ended() {
    let mut pair = ready(openai());
    pair.says(&calls(&[("c1", "book", "{}")]));
    pair.says(&json!({ "type": "response.created", "event_id": "e", "response": {} }));
    pair.told();
    let slot = pair.errands[0].slot;
    pair.life.handle_input(pair.now, Input::Result(slot, Err("no answer".into())));
    pair.drain();
    assert_eq!(kinds(&pair.told()), ["conversation.item.create"]);
    pair.says(&done(&json!([])));
    assert_eq!(kinds(&pair.told()), ["response.create"]);
}
