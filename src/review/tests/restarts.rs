//! Reviews over which the switch is stopped: a try that ends with it is claimed again, and has failed at nothing.

use super::*;

#[tokio::test]
async fn tries_that_ended_with_the_switch_leave_the_others_all_of_theirs() {
    let replies = (0..4).map(|_| Reply::Later(503, 60)).chain([good()]);
    let house = House::new(TOLD, replies).await;
    house.call(None).await;
    house.claimed(5).await;
    for _ in 0..4 {
        assert_eq!(house.works().await.analysis(), Some(&Progress::Pending));
        house.due().await;
    }
    assert_eq!(house.works().await.analysis(), Some(&Progress::Done));
}

#[tokio::test]
async fn a_review_of_an_earlier_release_goes_on() {
    let house = House::new(TOLD, [Reply::Later(503, 60), good()]).await;
    house.call(None).await;
    let tried = "json_object('before', 3, 'unusable', 0)";
    let sql = format!("UPDATE calls SET review = json_set(review, '$.tried', {tried})");
    execute(&house.store, &sql).await;
    house.claimed(4).await;
    assert_eq!(house.works().await.analysis(), Some(&Progress::Pending));
    house.due().await;
    assert_eq!(house.works().await.analysis(), Some(&Progress::Done));
}
