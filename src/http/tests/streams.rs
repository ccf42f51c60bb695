//! Event streams without a socket: who may listen, from where, and for how long.

use axum::body::BodyDataStream;
use futures_util::StreamExt;

use super::*;
use crate::model::TenantId;
use crate::patience::eventually;
use crate::store::Retention;
use crate::store::tests::{NOW, end, ended, intend, record};

/// Ended, and not recorded.
fn over(call: u64) -> CallRecord {
    CallRecord { recording: None, recording_error: None, ..ended(call) }
}

impl House {
    async fn stream(&self, path: &str, last_event_id: Option<&str>) -> Response<Body> {
        let mut request = Request::get(path).header("authorization", KEY);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Body::empty()).expect("a request");
        self.router.clone().oneshot(request).await.expect("infallible")
    }

    /// So many events after the greeting: their names, ids and data.
    async fn events(&self, path: &str, last: Option<&str>, count: usize) -> Vec<(String, u64, Value)> {
        let response = self.stream(path, last).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        take(&mut response.into_body().into_data_stream(), count).await
    }
}

async fn take(stream: &mut BodyDataStream, count: usize) -> Vec<(String, u64, Value)> {
    let (mut text, mut events) = (String::new(), Vec::new());
    while events.len() < count {
        let chunk = stream.next().await.expect("it goes on").expect("readable");
        text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let (Some(name), Some(id), Some(data)) = (field("event:"), field("id:"), field("data:")) {
                let data = serde_json::from_str(data).expect("JSON");
                events.push((name.to_owned(), id.parse().expect("a number"), data));
            }
            text = rest.to_owned();
        }
    }
    events
}

#[tokio::test]
async fn a_stream_goes_on_after_the_event_that_its_client_saw() {
    let house = House::new().await;
    intend(&house.store, record(1)).await;
    end(&house.store, over(1)).await;
    let all = house.events("/v1/native/events", Some("0"), 3).await;
    let names: Vec<_> = all.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["call.created", "call.started", "call.completed"]);
    assert_eq!(
        (&all[0].2["call"]["state"], &all[2].2["call"]["state"]),
        (&json!("dialing"), &json!("ended"))
    );
    assert!(all.iter().all(|(name, id, data)| data["id"] == *id && data["event"] == *name));
    let rest = house.events("/v1/native/events", Some(&all[1].1.to_string()), 1).await;
    assert_eq!(rest[0], all[2]);
    let named = house.events("/v1/native/events?last_event_id=0&types=call.completed", None, 1).await;
    assert_eq!(named[0], all[2]);
    // In the words of the key's vendor, where it has any.
    let own = house.events("/v1/events", Some("0"), 3).await;
    assert_eq!(
        (own[0].2["call"]["state"].as_str(), own[2].2["status"].as_str()),
        (Some("dialing"), Some("completed"))
    );
    assert!(own[2].2["call"].is_null(), "{own:?}");
}

#[tokio::test]
async fn another_tenants_events_are_not_heard() {
    let house = House::new().await;
    let theirs = |record: CallRecord| CallRecord { tenant: TenantId(2), webhook: None, ..record };
    intend(&house.store, theirs(record(1))).await;
    end(&house.store, theirs(over(1))).await;
    intend(&house.store, record(2)).await;
    for path in ["/v1/events", "/v1/native/events"] {
        let heard = house.events(path, Some("0"), 1).await;
        assert!(heard[0].2.to_string().contains(&record(2).call.ca()), "{path}: {heard:?}");
    }
}

#[tokio::test]
async fn without_one_it_begins_now() {
    let house = House::new().await;
    intend(&house.store, record(1)).await;
    let response = house.stream("/v1/native/events", None).await;
    end(&house.store, over(1)).await;
    let events = take(&mut response.into_body().into_data_stream(), 1).await;
    assert_eq!(events[0].0, "call.completed");
}

#[tokio::test]
async fn who_comes_back_too_late_or_from_elsewhere_is_told_of_the_gap() {
    let house = House::new().await;
    intend(&house.store, record(1)).await;
    let nothing = Retention { events: Duration::ZERO, deliveries: Duration::ZERO };
    house.store.forget(crate::model::Timestamp(NOW.0 + 1000), nothing).await.expect("forgotten");
    end(&house.store, over(1)).await;
    let events = house.events("/v1/native/events", Some("1"), 2).await;
    assert_eq!(
        (events[0].0.as_str(), &events[0].2),
        ("gap", &json!({ "last_event_id": 1, "resumes_after": 2 }))
    );
    assert_eq!((events[1].0.as_str(), events[1].1), ("call.completed", 3));
    // Nothing is missed by who has seen the last that was forgotten.
    assert_eq!(house.events("/v1/native/events", Some("2"), 1).await[0].0, "call.completed");
    let ahead = house.events("/v1/native/events", Some("99"), 1).await;
    assert_eq!((ahead[0].0.as_str(), ahead[0].1), ("gap", 3));
    for wrong in ["x", "-1", "9223372036854775808"] {
        assert_eq!(house.stream("/v1/native/events", Some(wrong)).await.status(), 400, "{wrong}");
    }
    assert_eq!(house.stream("/v1/native/events?types=call.gone", None).await.status(), 400);
}

#[tokio::test]
async fn a_tenant_has_a_bounded_number_of_streams() {
    let house = House::new().await;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(house.stream("/v1/events", None).await);
    }
    let refused = house.stream("/v1/events", None).await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (429, &"5".parse().expect("a value"))
    );
    open.clear();
    eventually("nobody listens", async || house.streams.listening() == 0).await;
    assert_eq!(house.stream("/v1/events", None).await.status(), 200);
}

#[tokio::test]
async fn a_slow_reader_is_cut_off_and_a_stopping_switch_ends_every_stream() {
    let house = House::new().await;
    for call in 1..=40 {
        intend(&house.store, record(call)).await;
        end(&house.store, over(call)).await;
    }
    // It takes nothing: more waits for it than it has room.
    let slow = house.stream("/v1/native/events", Some("0")).await;
    eventually("it is cut off", async || house.streams.listening() == 0).await;
    let mut stream = slow.into_body().into_data_stream();
    let taken = take(&mut stream, 1).await;
    assert_eq!(taken[0].1, 1, "what it had room for is there yet");
    while stream.next().await.is_some() {}

    let listening = house.stream("/v1/native/events", None).await;
    house.streams.close();
    let mut stream = listening.into_body().into_data_stream();
    while stream.next().await.is_some() {}
    assert_eq!(house.streams.listening(), 0);
}

#[tokio::test]
async fn a_key_that_is_revoked_hears_nothing_more_of_a_backlog() {
    let house = House::new().await;
    for call in 1..=200 {
        intend(&house.store, record(call)).await;
    }
    let response = house.stream("/v1/native/events", Some("0")).await;
    let mut stream = response.into_body().into_data_stream();
    assert_eq!(take(&mut stream, 1).await[0].1, 1);
    let without = FILE.replace("nxfs_demo", "nxfs_other");
    house.directory.replace(Config::parse("t", &without, []).expect("valid").objects);
    let mut told = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.expect("readable");
        told += String::from_utf8_lossy(&chunk).matches("event:").count();
    }
    assert!(told < 300, "what was read before it was revoked, and not all of 400: {told}");
}
