//! Where answers go: a pipe that nobody reads any more, a file that holds the last one.

use std::fs;
use std::process::Stdio;

use super::{command, text, trunkline};
use crate::switch::Switch;

#[test]
fn a_command_whose_reader_has_gone_ends_as_if_it_had_been_read() {
    let switch = Switch::start("");
    let call = switch.call();
    let people = switch.folder().join("people.csv");
    fs::write(people, "phone\n+447386172392\n").expect("written");
    let unread = |words: &str| {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let arguments: Vec<_> = words.split(' ').collect();
        let mut command = command(switch.folder(), &arguments);
        let output = command.stdout(writer).stderr(Stdio::piped()).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(0), "{words}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("panicked"), "{words}: {}", text(&output.stderr));
    };
    for words in [
        "check",
        "openapi",
        "completions bash",
        "tenant create acme",
        "tenant list",
        "key create --face nixflex",
        "key create --face nixflex --json",
        "key list",
        "key list --json",
        "calls list",
        "calls list --json",
        "cdr",
        "cdr --format ndjson",
        "batch people.csv --agent agent_demo --prompt Hello --date 2099-06-15 --window 00:00-24:00 --timezone Asia/Dubai",
        "campaign list",
        "campaign list --json",
        "webhook list",
        "webhook list --json",
        "person create Ada",
        "person list",
        "person rotate Ada --json",
        "trunk list",
        "trunk list --json",
    ] {
        unread(words);
    }
    unread(&format!("calls show {call}"));
    unread(&format!("calls show {call} --json"));
}

#[test]
fn an_answer_that_cannot_be_written_fails_the_command() {
    let folder = super::folder_with("");
    let full = fs::File::options().write(true).open("/dev/full").expect("Linux has one");
    let output = command(folder.path(), &["check"]).stdout(full).stderr(Stdio::piped()).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
}

#[test]
fn an_export_that_comes_to_nothing_leaves_the_last_one() {
    let mut switch = Switch::start("");
    let folder = switch.folder().to_owned();
    let file = folder.join("cdr.csv");
    let export = || trunkline(&folder, &["cdr", "-o", "cdr.csv"]).status.code();
    assert_eq!(export(), Some(0));
    let header = fs::read_to_string(&file).expect("it was written");
    assert!(header.starts_with("call_id,"), "{header}");
    fs::write(&file, "the last one").expect("written");
    let files = || fs::read_dir(&folder).expect("a folder").count();
    let before = files();
    switch.kill();
    assert_eq!(export(), Some(1));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "the last one");
    assert_eq!(files(), before, "nothing is left beside it");
    switch.restart();
    assert_eq!(export(), Some(0));
    assert_eq!(fs::read_to_string(&file).expect("it was written"), header);
}
