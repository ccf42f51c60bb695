//! People who take calls, and how far campaigns dial ahead of them.

use super::{parse, refused};
use crate::config::Config;
use crate::model::Pacing;

#[test]
fn people_take_an_agents_calls_in_its_own_words() {
    let text = "[people]\nports = \"40000-40010\"\nice_servers = [{ urls = [\"turn:192.0.2.1\"], username = \"u\", credential = \"p\" }]\n\
                [[agent]]\nid = \"a\"\n[agent.people]\nqueue = \"sales\"\nnotice = \"Hello.\"\ncalls_per_person = 1.5\n\
                [[person]]\nname = \"Ada\"\nsecret = \"the-secret-of-ada\"\nqueues = [\"sales\"]";
    let config = parse(text, &[]).expect("valid");
    assert_eq!((config.people.address, &config.people.ports), (config.media.address, &(40_000..=40_010)));
    assert!(!format!("{config:?}").contains("the-secret-of-ada"), "only its hash is kept");
    let staff = config.objects.agents[0].staff.as_ref().expect("people");
    assert_eq!((&staff.whom, staff.pacing), (&crate::model::Whom::Queue("sales".into()), Pacing::Ratio(150)));
    assert_eq!(staff.patience, crate::model::PATIENCE);
    assert!(config.objects.agents[0].can_answer());
    assert_eq!(config.objects.people[0].queues, ["sales"]);
}

#[test]
fn people_are_dialled_ahead_of_by_a_ratio_or_by_a_share_that_may_hear_nobody() {
    let pacing = |keys: &str| {
        let text = format!("[[agent]]\nid = \"a\"\n[agent.people]\n{keys}");
        let config = Config::parse("t.toml", &text, std::iter::empty());
        config.map(|config| config.objects.agents[0].staff.as_ref().expect("people").pacing)
    };
    assert_eq!(pacing("").expect("valid"), Pacing::ONE_EACH);
    assert_eq!(pacing("abandoned_percent = 2").expect("valid"), Pacing::Predictive(20));
    assert_eq!(pacing("abandoned_percent = 0.1").expect("valid"), Pacing::Predictive(1));
    for wrong in ["0", "0.05", "3", "-1", "nan", "2\ncalls_per_person = 2"] {
        let refused = pacing(&format!("abandoned_percent = {wrong}")).expect_err("refused").to_string();
        assert!(refused.contains("agent[0].people.abandoned_percent: "), "{wrong}: {refused}");
    }
}

#[test]
fn people_that_cannot_be_are_told_where() {
    let text = "[people]\naddress = \"here\"\nports = \"1-2\"\nice_servers = [{ urls = [\"http://x\"] }]\n\
                [[agent]]\nid = \"a\"\n[agent.people]\nqueue = \"a b\"\nnames = [\"Ada\"]\nring_seconds = 1\n\
                patience_ms = 60000\nnotice = \" \"\nnotice_url = \"ftp://x\"\ncalls_per_person = 0.5\n\
                [[person]]\nname = \" Ada\"\nsecret = \"short\"\n[[person]]\nname = \"Joan\"\nsecret = \"short\"";
    let refused = refused(text, &[]);
    for key in [
        "people.address",
        "people.ports",
        "people.ice_servers[0].urls",
        "agent[0].people.queue",
        "agent[0].people.names",
        "agent[0].people.ring_seconds",
        "agent[0].people.patience_ms",
        "agent[0].people.notice_url",
        "agent[0].people.calls_per_person",
        "person[0].name",
        "person[0].secret",
        "person[1].secret",
    ] {
        assert!(refused.contains(&format!("{key}: ")), "{key} in:\n{refused}");
    }
}
