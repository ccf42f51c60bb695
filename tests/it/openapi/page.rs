//! `/openapi.json` and `/docs`, without a key.

use crate::switch::{Client, Switch};

#[test]
fn the_description_and_its_page_are_for_everybody_and_load_nothing_from_elsewhere() {
    let switch = Switch::start("");
    let reader = Client::with(&format!("http://{}", switch.place.http()), "none");
    let served = reader.get("/openapi.json");
    assert_eq!((served.status, served.headers["content-type"].as_str()), (200, "application/json"));
    assert_eq!(served.text, super::printed());
    assert_eq!(served.json["openapi"], "3.1.0");
    let page = reader.get("/docs");
    assert_eq!(page.status, 200);
    let policy = &page.headers["content-security-policy"];
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
    let named: Vec<&str> =
        page.text.split(['"', '\'']).filter(|text| text.starts_with('/') || text.contains("//")).collect();
    assert_eq!(
        named,
        ["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"],
        "{}",
        page.text
    );
    for (path, kind) in named.into_iter().zip(["text/css", "text/javascript", "text/javascript"]) {
        let file = reader.get(path);
        assert_eq!(file.status, 200, "{path}");
        assert!(file.headers["content-type"].starts_with(kind) && file.bytes.len() > 100, "{path}");
        assert_eq!(file.headers["x-content-type-options"], "nosniff");
    }
    assert!(!page.text.contains("<style") && !page.text.contains("style=") && !page.text.contains("onload"));
    for path in ["/docs/index.html", "/docs/..%2f..%2fetc%2fpasswd", "/docs/swagger-ui.css.map"] {
        assert_eq!(reader.get(path).status, 404, "{path}");
    }
}
