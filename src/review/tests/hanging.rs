//! An endpoint that never answers one tenant holds up nobody else.

use super::*;

/// Its answers are never there for one tenant's calls, and good for everybody else's.
#[expect(clippy::disallowed_methods, reason = "a server of the tests, which runs beside them")]
async fn endpoint_that_hangs_at(word: &'static str) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let router = Router::new().fallback(async move |body: String| match (body.contains(word), good()) {
        (false, Reply::With(status, body)) => {
            (StatusCode::from_u16(status).expect("a status"), body).into_response()
        }
        _ => std::future::pending().await,
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the room, which runs beside the test")]
async fn a_tenant_whose_endpoint_hangs_holds_up_nobody_else() {
    let mut house = House::new(TOLD, []).await;
    house.config = config(endpoint_that_hangs_at("a boat").await, TOLD);
    house.config.reviews.analysis.timeout = Duration::from_secs(600);
    let agent = &house.config.objects.agents[0];
    let end_call = async |call: u64, tenant: u64, text: &str| {
        let review = Review::wanted(agent, house.config.reviews.offer());
        let (tenant, agent) = (TenantId(tenant), agent.id);
        intend(&house.store, CallRecord { tenant, agent, review: review.clone(), ..record(call) }).await;
        let transcript = vec![Said { by: Speaker::Callee, at_ms: 40, text: text.into() }];
        let mut over = CallRecord { tenant, agent, review, recording: None, transcript, ..ended(call) };
        over.begin_review();
        assert_eq!(end(&house.store, over).await, 1);
    };
    for call in 1..=20 {
        end_call(call, 1, "I want a boat.").await;
    }
    for call in 21..=26 {
        end_call(call, 2, "A table on Tuesday.").await;
    }
    let reviews = house.reviews(&house.config);
    let stop = CancellationToken::new();
    let room = tokio::spawn(reviews.run(stop.clone()));
    let done = async |call: u64, tenant: u64| {
        let call = record(call).call;
        let read = house.store.call(TenantId(tenant), call).await.expect("readable").expect("there");
        read.analysis() == Some(&Progress::Done)
    };
    let all = async {
        for call in 21..=26 {
            while !done(call, 2).await {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("the other tenant is served");
    assert!(!done(1, 1).await, "and this one's hang still");
    stop.cancel();
    room.await.expect("no panic");
}
