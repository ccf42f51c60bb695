//! `trunkline batch` and `trunkline campaign`, at a running switch.

use serde_json::Value;
use trunkline::simulator::Persona;

use super::{command, full_pipe, text, trunkline};
use crate::callees::ring;
use crate::switch::{Setup, Switch, die_with_the_test, eventually};

#[test]
fn a_file_becomes_a_campaign_that_is_listed_ordered_and_shown() {
    let (switch, callees) = ring(Setup::new());
    let folder = switch.folder();
    let busy = Persona::Busy.digit();
    std::fs::write(
        folder.join("people.csv"),
        format!("phone,name\n+1555010000{busy},Ann\n+1555010001{busy},\"Doe, John\"\n0744,Bob\n"),
    )
    .expect("written");
    let run = |arguments: &[&str]| {
        let output = trunkline(folder, arguments);
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let common = ["batch", "people.csv", "--agent", "agent_demo", "--prompt", "Hello {name} [END_CALL]"];
    let (code, _, said) = run(&common);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("recipient 2: `0744` is not a valid E.164 number"), "{said}");
    assert!(said.contains("invalid_phone_format"), "{said}");

    let more =
        ["--skip-invalid", "--date", "2099-06-15", "--window", "00:00-24:00", "--timezone", "Asia/Dubai"];
    let (code, said, _) = run(&[&common[..], &more, &["--json"]].concat());
    assert_eq!(code, Some(0), "{said}");
    let made: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&made["valid_count"], &made["status"]), (&2.into(), &"scheduled".into()));
    let id = made["campaign_id"].as_str().expect("an id");
    let (_, listed, _) = run(&["campaign", "list", "--status", "scheduled"]);
    assert!(listed.contains(id) && listed.contains("scheduled"), "{listed}");
    for (order, status) in [("pause", "paused"), ("resume", "scheduled"), ("launch", "running")] {
        let (code, said, _) = run(&["campaign", order, id]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(said, format!("{id} is {status}: 2 of 2 recipients are still to be called\n"));
    }
    let shown = eventually("it is completed", || {
        let (_, shown, _) = run(&["campaign", "show", id]);
        shown.contains("completed").then_some(shown)
    });
    assert!(shown.contains("unanswered_count        2"), "{shown}");
    let (code, _, said) = run(&["campaign", "cancel", id]);
    assert_eq!(code, Some(1));
    assert!(said.contains("campaign_already_completed"), "{said}");
    assert_eq!(callees.rung(), 2);
}

#[test]
fn all_campaigns_are_listed_and_not_a_page_of_them() {
    let switch = Switch::start("");
    let later = serde_json::json!({
        "agent_id": "agent_demo", "prompt": "Hello", "recipients": [{ "phone": "+15550000078" }],
        "schedule_type": "schedule", "scheduled_date": "2099-01-01",
    });
    for _ in 0..51 {
        let made = switch.client().post("/v1/calls/batch", &later);
        assert_eq!(made.status, 201, "{made:?}");
    }
    let listed = |words: &[&str]| {
        let output = trunkline(switch.folder(), &[&["campaign", "list"], words].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        text(&output.stdout)
    };
    for (words, count) in [(&[][..], 51), (&["--limit", "51"], 51), (&["--limit", "3"], 3)] {
        assert_eq!(listed(words).matches("batchcall_").count(), count, "{words:?}");
    }
    let page: Value = serde_json::from_str(&listed(&["--json"])).expect("JSON");
    let counts = (page["campaigns"].as_array().map(Vec::len), &page["count"], &page["limit"]);
    assert_eq!(counts, (Some(51), &51.into(), &51.into()));
    assert_eq!(listed(&["--status", "paused"]).matches("batchcall_").count(), 0);
}

#[test]
fn who_does_not_read_what_is_wrong_with_thousands_of_recipients_is_not_waited_for_thousands_of_times() {
    let switch = Switch::start("");
    let people = "phone\n".to_owned() + &"0744\n".repeat(2_000);
    std::fs::write(switch.folder().join("people.csv"), people).expect("written");
    let words = ["batch", "people.csv", "--agent", "agent_demo", "--prompt", "Hello"];
    let read = trunkline(switch.folder(), &words);
    assert_eq!(text(&read.stderr).matches("`0744` is not a valid").count(), 2_000);
    let (_unread, full) = full_pipe();
    let mut command = command(switch.folder(), &words);
    let mut unread = die_with_the_test(command.stderr(full)).spawn().expect("the program starts");
    let status = eventually("its end", || unread.try_wait().expect("a child can be waited for"));
    assert_eq!(status.code(), Some(1));
}

#[test]
fn without_a_switch_it_says_so() {
    let folder = super::folder_with(
        "[http]\nlisten = \"127.0.0.1:1\"\n[[key]]\nface = \"nixflex\"\nid = \"a\"\nsecret = \"nxfs_demo\"\n",
    );
    let output = trunkline(folder.path(), &["campaign", "list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no switch listens on 127.0.0.1:1"), "{}", text(&output.stderr));
}
