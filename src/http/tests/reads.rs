//! What is read: calls, lists, recordings, trunks.

use super::*;
use crate::model::{ApplicationId, ObjectKind};

#[tokio::test]
async fn a_call_is_read_by_every_rendering_of_its_id() {
    let house = House::new().await;
    house.keep(ended_call()).await;
    for id in ["CA000000000000000000000000000000ff", "255", "call_255"] {
        let answer = house.get(&format!("/v1/calls/{id}")).await;
        assert_eq!(answer.status, 200, "{id}");
        assert_eq!(answer.json()["ended_reason"], "caller_hangup");
        let url = "http://a.example:8080/v1/calls/CA000000000000000000000000000000ff/recording";
        assert_eq!(answer.json()["recording_url"], url);
    }
    for id in ["256", "CAff", "export", "%00", "%FF", "-1"] {
        let answer = house.get(&format!("/v1/calls/{id}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "call_not_found"), "{id}");
    }
}

#[tokio::test]
async fn another_tenants_call_looks_like_none() {
    let house = House::new().await;
    house.keep(CallRecord { tenant: TenantId(2), ..ended_call() }).await;
    for path in ["/v1/calls/255", "/v1/calls/255/recording"] {
        let answer = house.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "call_not_found"));
    }
    assert_eq!(house.get("/v1/calls").await.json()["calls"], json!([]));
}

#[tokio::test]
async fn calls_are_listed_by_page_and_filter() {
    let house = House::new().await;
    house.keep(ended_call()).await;
    house.keep(CallRecord { call: CallId::new(256).expect("small"), ..ended_call() }).await;
    let page = house.get("/v1/calls?limit=1").await.json();
    assert_eq!((&page["count"], &page["limit"], &page["offset"]), (&json!(2), &json!(1), &json!(0)));
    assert_eq!(page["calls"].as_array().map(Vec::len), Some(1));
    for (query, count) in [
        ("agent_id=nobody", 0),
        ("agent_id=agent_demo", 0),
        ("direction=inbound", 0),
        ("voicemail_detected=false", 2),
    ] {
        assert_eq!(house.get(&format!("/v1/calls?{query}")).await.json()["count"], count, "{query}");
    }
    let wrong = house.get("/v1/calls?limit=x").await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "invalid_request"));
    assert_eq!(wrong.json()["error"]["details"]["field"], "limit");
}

#[tokio::test]
async fn a_recording_is_sent_whole_or_in_part_once_the_call_has_ended() {
    let house = House::new().await;
    let audio: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    std::fs::write(house.data_dir.path().join("a.wav"), &audio).expect("written");
    let record = CallRecord { recording: Some("a.wav".into()), ..ended_call() };
    house.keep(record.clone()).await;
    let path = "/v1/calls/255/recording";
    let whole = house.get(path).await;
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("audio/wav")));
    assert_eq!(
        (whole.header("content-length"), whole.header("accept-ranges")),
        (Some("200000"), Some("bytes"))
    );
    assert!(whole.body == audio);
    let range = async |range| {
        house.send("GET", path, &[("authorization", KEY), ("range", range)], Body::empty()).await
    };
    let part = range("bytes=100000-100009").await;
    assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 100000-100009/200000")));
    assert_eq!(part.body, audio[100_000..100_010]);
    let beyond = range("bytes=200000-").await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */200000")));

    for (call, state, recording) in [
        (1, CallState::Dialing, Some("a.wav")),
        (2, CallState::Ended, None),
        (3, CallState::Ended, Some("gone.wav")),
    ] {
        let call = CallId::new(call).expect("small");
        house
            .keep(CallRecord { call, state, recording: recording.map(str::to_owned), ..record.clone() })
            .await;
        let answer = house.get(&format!("/v1/calls/{call}/recording")).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "recording_not_found"), "{call}");
    }
}

#[tokio::test]
async fn a_collection_whose_vendor_has_no_pages_is_given_whole() {
    let house = House::of(super::hostile::ALL, Ok(()), (BODY_MAX, BATCH_BODY_MAX)).await;
    let (_, minivoice) = super::hostile::KEYS[3];
    let send = async |method: &str, path: &str, body: String| {
        house.send(method, path, &[("authorization", minivoice)], body).await
    };
    for n in 0..60 {
        let made = json!({ "number": format!("+155500010{n:02}") }).to_string();
        assert_eq!(send("POST", "/v1/dids", made).await.status, 201);
    }
    for (query, shown, limit, offset) in
        [("", 61, 61, 0), ("?limit=7&offset=58", 3, 7, 58), ("?offset=60", 1, 61, 60)]
    {
        let page = send("GET", &format!("/v1/dids{query}"), String::new()).await.json();
        assert_eq!(page["dids"].as_array().map(Vec::len), Some(shown), "{query}");
        let told = (&page["count"], &page["limit"], &page["offset"]);
        assert_eq!(told, (&json!(61), &json!(limit), &json!(offset)), "{query}");
    }
    let agents = house.get("/v1/agents").await.json();
    assert_eq!((&agents["count"], &agents["limit"]), (&json!(1), &json!(50)), "Nixflex has pages");
}

#[tokio::test]
async fn a_recording_is_ended_by_keys_of_the_whole_tenant_alone() {
    let house = House::of(super::hostile::ALL, Ok(()), (BODY_MAX, BATCH_BODY_MAX)).await;
    let file = house.data_dir.path().join("a.wav");
    std::fs::write(&file, [0; 44]).expect("written");
    let own =
        house.directory.snapshot().objects(TenantId(1), ObjectKind::Application).next().expect("one").id;
    let application = Some(ApplicationId(own));
    house.keep(CallRecord { recording: Some("a.wav".into()), application, ..ended_call() }).await;
    let path = "/v1/native/calls/255/recording";
    let end = async |key| house.send("DELETE", path, &[("authorization", key)], Body::empty()).await;
    let (_, minivoice) = super::hostile::KEYS[3];
    let may_read = house.send("GET", path, &[("authorization", minivoice)], Body::empty()).await;
    assert_eq!(may_read.status, 200, "the call is its application's");
    assert_eq!((end(minivoice).await.status, file.exists()), (403, true));
    assert_eq!((end(KEY).await.status, file.exists()), (204, false));
    assert_eq!(end(KEY).await.status, 404);
}

#[tokio::test]
async fn a_trunk_is_shown_by_name_and_by_id_and_tells_no_secret() {
    let house = House::new().await;
    let list = house.send("GET", "/v1/native/trunks", &[("authorization", KEY)], "").await;
    assert_eq!(list.status, 200);
    let list: Value = serde_json::from_slice(&list.body).expect("JSON");
    let trunk = &list["data"][0];
    assert_eq!(trunk["name"], "t1");
    assert_eq!(trunk["health"]["state"], "unknown");
    assert_eq!(trunk["health"]["channels"], json!({ "in_use": 0, "max": 7 }));
    assert_eq!(trunk["health"]["registration"], "off");
    assert!(trunk["health"]["options"].is_null() && trunk["health"]["since"].is_string());
    assert!(!list.to_string().contains("hidden"), "{list}");
    for path in ["/v1/native/trunks/t1".to_owned(), format!("/v1/native/trunks/{}", trunk["id"])] {
        let one = house.send("GET", &path, &[("authorization", KEY)], "").await;
        assert_eq!(one.status, 200, "{path}");
        assert_eq!(serde_json::from_slice::<Value>(&one.body).expect("JSON")["name"], "t1");
    }
    assert_eq!(house.send("GET", "/v1/native/trunks/t2", &[("authorization", KEY)], "").await.status, 404);
    assert_eq!(house.send("GET", "/v1/native/trunks", &[], "").await.status, 401);
}
