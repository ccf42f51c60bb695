//! `trunkline trunk list`: with which key, and without one.

use super::{command, text, trunkline};
use crate::switch::{SECRET, Switch};

#[test]
fn trunks_are_listed_with_a_key_that_the_configuration_does_not_declare_or_as_it_declares_them() {
    let mut switch = Switch::start("");
    let config = std::fs::read_to_string(switch.folder().join("trunkline.toml")).expect("the configuration");
    let key = format!("[[key]]\nface = \"nixflex\"\nid = \"nxf_demo\"\nsecret = \"{SECRET}\"\n");
    assert_eq!(config.matches(&key).count(), 1, "{config}");
    std::fs::write(switch.folder().join("keyless.toml"), config.replace(&key, "")).expect("written");
    let list = ["trunk", "list", "--config", "keyless.toml"];

    let keyless = trunkline(switch.folder(), &list);
    assert_eq!((keyless.status.code(), text(&keyless.stdout).as_str()), (Some(1), ""), "{keyless:?}");
    assert!(text(&keyless.stderr).contains("there is no key to ask with"), "{keyless:?}");
    let whole = format!("nxf_demo:{SECRET}");
    let by_option = trunkline(switch.folder(), &[&list[..], &["--key", &whole]].concat());
    let by_variable = command(switch.folder(), &list).env("TRUNKLINE_API_KEY", &whole).output();
    for listed in [by_option, by_variable.expect("the program starts")] {
        assert_eq!((listed.status.code(), text(&listed.stderr).as_str()), (Some(0), ""), "{listed:?}");
        assert!(text(&listed.stdout).contains("\nt1  "), "{listed:?}");
    }

    switch.kill();
    let declared = trunkline(switch.folder(), &list);
    assert_eq!(declared.status.code(), Some(0), "{declared:?}");
    assert!(text(&declared.stdout).contains("\nt1  "), "{declared:?}");
    assert!(text(&declared.stderr).contains("this is what the configuration says"), "{declared:?}");
}

#[test]
fn all_trunks_are_listed_and_not_a_page_of_them() {
    let switch = Switch::start("");
    for n in 0..201 {
        let trunk = serde_json::json!({ "name": format!("trunk-{n:03}"), "uri": "sip:127.0.0.1:5999", "enabled": false,
            "options_interval_seconds": 0 });
        let made = switch.client().post("/v1/native/trunks", &trunk);
        assert_eq!(made.status, 201, "{made:?}");
    }
    let listed = trunkline(switch.folder(), &["trunk", "list"]);
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
    let listed = text(&listed.stdout);
    assert_eq!(listed.matches("\ntrunk-").count(), 201, "{listed}");
}
