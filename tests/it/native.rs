//! `/v1/native/calls`, `/cdr`, `/recordings`: everything that is known of a call, in pages and in one piece.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::objects::{code, told, trunkline};
use crate::switch::{Setup, Switch, eventually};

fn call(switch: &Switch, persona: Persona) -> String {
    let call = switch.call_with(json!({ "to_number": number(persona), "metadata": { "order": "=1+1" } }));
    switch.call_until_ended(&call);
    eventually("it is on disk", || (crate::ledger::row(switch, &call)["state"] == "ended").then_some(()));
    call
}

fn ids(reply: &Value) -> Vec<String> {
    let calls = reply["data"].as_array().expect("a list").iter();
    calls.map(|call| call["call_id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn pages_and_filters_show_every_call_once_newest_first() {
    let (switch, _callees) = ring(Setup::new());
    let calls: Vec<_> = [Persona::Busy, Persona::HangsUp, Persona::Busy].map(|who| call(&switch, who)).into();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = switch.get(&format!("/v1/native/calls?limit=2{after}")).json;
        seen.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [calls[2].as_str(), &calls[1], &calls[0]]);
    let busy = number(Persona::Busy);
    let some = |query: &str| ids(&switch.get(&format!("/v1/native/calls?{query}")).json);
    assert_eq!(some("disposition=busy"), [calls[2].as_str(), &calls[0]]);
    assert_eq!(some(&format!("number=%2B{}", &busy[1..])), [calls[2].as_str(), &calls[0]]);
    assert_eq!(some("state=ended&direction=outbound&agent=agent_demo").len(), 3);
    for nothing in ["state=dialing", "direction=inbound", "agent=nobody", "campaign=none", "until=2020-01-01"]
    {
        assert_eq!(some(nothing), [""; 0], "{nothing}");
    }
    for wrong in ["stat=ended", "state=over", "limit=0", "after=x", "offset=1", "since=yesterday"] {
        assert_eq!(
            code(&switch.get(&format!("/v1/native/calls?{wrong}"))),
            (400, "invalid_request"),
            "{wrong}"
        );
    }

    let record = switch.get(&format!("/v1/native/calls/{}", calls[1])).json;
    assert_eq!((&record["call_id"], &record["state"]), (&json!(calls[1]), &json!("ended")), "{record}");
    assert_eq!((&record["ended_by"], &record["sip"]["status"]), (&json!("callee"), &json!(200)));
    assert_eq!((&record["sip"]["trunk"], &record["metadata"]["order"]), (&json!("t1"), &json!("=1+1")));
    let packets = |name: &str| record["media"][name].as_u64().expect("counted");
    assert!(packets("packets_in") > 0 && packets("packets_out") > 0, "{record}");
    for time in ["created_at", "answered_at", "ended_at"] {
        assert!(record[time].is_string(), "{time}: {record}");
    }
    assert_eq!(
        code(&switch.get("/v1/native/calls/CA00000000000000000000000000ffffff")),
        (404, "call_not_found")
    );

    let table = told(&switch, &["calls", "list", "--disposition", "busy"]);
    assert_eq!(table.lines().count(), 3, "{table}");
    let shown = told(&switch, &["calls", "show", &calls[1]]);
    assert!(shown.lines().any(|line| line == "sip.status              200"), "{shown}");
}

#[test]
fn the_export_is_whole_in_both_forms_and_runs_nothing_in_a_spreadsheet() {
    let (switch, _callees) = ring(Setup::new());
    let calls: Vec<_> = [Persona::Busy, Persona::HangsUp].map(|who| call(&switch, who)).into();
    let reply = switch.get("/v1/native/cdr?format=csv");
    assert_eq!(reply.status, 200);
    assert!(reply.headers["content-type"].starts_with("text/csv"), "{:?}", reply.headers);
    let disposition = &reply.headers["content-disposition"];
    assert!(
        disposition.starts_with("attachment; filename=\"trunkline-cdr-") && disposition.ends_with(".csv\"")
    );
    let mut csv = csv::Reader::from_reader(&*reply.bytes);
    let header: Vec<_> = csv.headers().expect("a header").iter().map(str::to_owned).collect();
    assert_eq!(&header[..4], ["call_id", "direction", "from", "to"]);
    let rows: Vec<_> = csv.records().map(|row| row.expect("as long as the header")).collect();
    let first_cells: Vec<_> = rows.iter().map(|row| row[0].to_owned()).collect();
    assert_eq!(first_cells, calls, "oldest first");
    assert_eq!(&rows[0][3], number(Persona::Busy), "a telephone number stays what it is");
    assert!(rows.iter().flatten().all(|cell| !cell.starts_with(['=', '@'])));

    let lines = switch.get("/v1/native/cdr?format=ndjson").text;
    let records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for (record, call) in records.iter().zip(&calls) {
        assert_eq!(*record, switch.get(&format!("/v1/native/calls/{call}")).json);
    }
    assert_eq!(records.len(), 2);
    assert_eq!(switch.get("/v1/native/cdr?format=ndjson&disposition=no_answer").text, "");
    assert_eq!(code(&switch.get("/v1/native/cdr?format=xlsx")), (400, "invalid_request"));

    let printed = trunkline(&switch, &["cdr", "--disposition", "busy"]);
    assert!(printed.status.success());
    assert_eq!(String::from_utf8_lossy(&printed.stdout).lines().count(), 2);
    told(&switch, &["cdr", "--format", "ndjson", "--output", "cdr.ndjson"]);
    assert_eq!(std::fs::read_to_string(switch.folder().join("cdr.ndjson")).expect("written"), lines);
    let refused = trunkline(&switch, &["cdr", "--state", "over"]);
    assert!(
        !refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("invalid_request")
    );
}

#[test]
fn a_recording_is_had_in_parts_by_its_validators_until_it_is_deleted() {
    let (switch, _callees) = ring(Setup::new());
    let call = call(&switch, Persona::HangsUp);
    let path = format!("/v1/native/calls/{call}/recording");
    let get = |headers: &[(&str, &str)]| switch.client().get_with(&path, headers);
    let whole = get(&[]);
    let (length, tag, date) = (whole.bytes.len(), &whole.headers["etag"], &whole.headers["last-modified"]);
    assert_eq!((whole.status, whole.headers["content-type"].as_str()), (200, "audio/wav"));
    assert_eq!(whole.headers["accept-ranges"], "bytes");
    let head = switch.client().any("HEAD", &path, Vec::new(), &[]);
    assert_eq!(
        (head.status, head.bytes.len(), &head.headers["content-length"]),
        (200, 0, &length.to_string())
    );
    assert_eq!(&head.headers["etag"], tag);

    for (range, first, end) in [
        ("bytes=0-43", 0, 44),
        ("bytes=44-", 44, length),
        ("bytes=-100", length - 100, length),
        ("bytes=10-99999999", 10, length),
    ] {
        let part = get(&[("range", range)]);
        let content_range = format!("bytes {first}-{}/{length}", end - 1);
        assert_eq!((part.status, &part.headers["content-range"]), (206, &content_range), "{range}");
        assert!(part.bytes == whole.bytes[first..end], "{range}");
    }
    let beyond = get(&[("range", "bytes=99999999-")]);
    assert_eq!((beyond.status, &beyond.headers["content-range"]), (416, &format!("bytes */{length}")));
    for (headers, status) in [
        (vec![("range", "bytes=0-9"), ("if-range", tag.as_str())], 206),
        (vec![("range", "bytes=0-9"), ("if-range", date.as_str())], 206),
        (vec![("range", "bytes=0-9"), ("if-range", "\"another\"")], 200),
        (vec![("range", "bytes=0-9"), ("if-range", &format!("W/{tag}"))], 200),
        (vec![("range", "bytes=0-9"), ("if-range", "Thu, 01 Jan 1970 00:00:00 GMT")], 200),
        (vec![("range", "furlongs=0-9")], 200),
        (vec![("range", "bytes=0-1,4-5")], 200),
        (vec![("if-none-match", tag.as_str())], 304),
        (vec![("if-match", "\"another\"")], 412),
    ] {
        assert_eq!(get(&headers).status, status, "{headers:?}");
    }

    let listed = switch.get("/v1/native/recordings").json;
    assert_eq!(ids(&listed), [call.as_str()]);
    let file = crate::ledger::row(&switch, &call)["recording"].as_str().expect("a path").to_owned();
    assert_eq!(switch.client().delete(&path).status, 204);
    assert!(!switch.data_dir().join(file).exists());
    assert_eq!(code(&get(&[])), (404, "recording_not_found"));
    assert_eq!(code(&switch.client().delete(&path)), (404, "recording_not_found"));
    assert_eq!(ids(&switch.get("/v1/native/recordings").json), [""; 0]);
    let record = switch.get(&format!("/v1/native/calls/{call}")).json;
    assert_eq!(record["recording"], json!({ "url": null, "error": "deleted" }));
}
