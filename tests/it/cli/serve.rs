//! `trunkline serve`, as far as it does not come (see `drain` for how it goes).

use super::{folder_with, text, trunkline};
use crate::switch::Setup;

#[test]
fn a_switch_that_cannot_start_says_why() {
    let switch = Setup::new().start();
    let second = trunkline(switch.folder(), &["serve"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another switch is using ./data"), "{second:?}");
    // Another folder, the same ports.
    let elsewhere =
        folder_with(&std::fs::read_to_string(switch.folder().join("trunkline.toml")).expect("read"));
    let third = trunkline(elsewhere.path(), &["serve"]);
    assert_eq!(third.status.code(), Some(1));
    let address = switch.place.switch;
    assert!(
        text(&third.stderr).contains("SIP cannot listen") && text(&third.stderr).contains("in use"),
        "{address} {third:?}"
    );
    std::fs::write(elsewhere.path().join("file"), "").expect("written");
    let config = "data_dir = \"./file/data\"\n";
    std::fs::write(elsewhere.path().join("trunkline.toml"), config).expect("written");
    let fourth = trunkline(elsewhere.path(), &["serve"]);
    assert_eq!(fourth.status.code(), Some(1));
    assert!(text(&fourth.stderr).contains("the folder ./file/data"), "{fourth:?}");
}
