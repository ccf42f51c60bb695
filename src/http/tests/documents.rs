//! What a JSON parser may be fed: the kinds of documents of the JSON parsing suites, written anew. `n`: no JSON, to be refused.
//! `y`: JSON, though nobody would write it. `i`: left to the parser by RFC 8259, which must not break over it.

/// What RFC 8259 says of a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It is none.
    No,
    /// It is one.
    Yes,
    /// It may be taken or not.
    Either,
}

/// A name, a kind and the bytes.
pub type Document = (String, Kind, Vec<u8>);

/// All of them. Objects carry what most requests ask for under names of their own, so that they get as far as they can.
pub fn documents() -> Vec<Document> {
    let texts = NO.iter().map(|text| (text, Kind::No)).chain(YES.iter().map(|text| (text, Kind::Yes)));
    let texts = texts.chain(EITHER.iter().map(|text| (text, Kind::Either)));
    let texts = texts.map(|(text, kind)| (format!("{kind:?} {text:.40}"), kind, text.as_bytes().to_vec()));
    let bytes = BYTES.iter().map(|(kind, bytes)| {
        (format!("{kind:?} {:?}", bytes.escape_ascii().to_string()), *kind, bytes.to_vec())
    });
    texts.chain(bytes).chain(made()).collect()
}

const NO: &[&str] = &[
    "",
    " ",
    "\n\t\r ",
    "{",
    "}",
    "[",
    "]",
    "{]",
    "[}",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{\"a\":1,,\"b\":2}",
    "{\"a\"}",
    "{\"a\" 1}",
    "{\"a\"::1}",
    "{a:1}",
    "{'a':1}",
    "{\"a\":'b'}",
    "{1:1}",
    "{null:1}",
    "{\"a\":1}}",
    "{\"a\":1}{",
    "{\"a\":1} x",
    "{\"a\":1};",
    "{\"a\":1}//",
    "{\"a\":1}/**/",
    "/**/{}",
    "#{}",
    "{\"a\":/*b*/1}",
    "{\"a\":undefined}",
    "{\"a\":NaN}",
    "{\"a\":Infinity}",
    "{\"a\":-Infinity}",
    "{\"a\":+1}",
    "{\"a\":01}",
    "{\"a\":-01}",
    "{\"a\":1.}",
    "{\"a\":.1}",
    "{\"a\":1e}",
    "{\"a\":1e+}",
    "{\"a\":1.e1}",
    "{\"a\":0x1}",
    "{\"a\":1_000}",
    "{\"a\":1 2}",
    "{\"a\":--1}",
    "{\"a\":-}",
    "{\"a\":0e}",
    "{\"a\":tru}",
    "{\"a\":True}",
    "{\"a\":nul}",
    "{\"a\":\"b}",
    "{\"a\":\"\\x\"}",
    "{\"a\":\"\\u12\"}",
    "{\"a\":\"\\u12zz\"}",
    "{\"a\":\"\\\"}",
    "{\"a\":\"\\",
    "{\"a\":\"\n\"}",
    "{\"a\":\"\t\"}",
    "{\"a\":\"\u{1}\"}",
    "{\"a\":[1,]}",
    "{\"a\":[,1]}",
    "{\"a\":[1 1]}",
    "{\"a\":[1:2]}",
    "{\"a\":[\"b\"",
    "{\"a\":[}",
    "[1,",
    "[\"a\"",
    "\"a",
    "'a'",
    "a",
    "nul",
    "tru",
    "-",
    "+1",
    "01",
    "1 2",
    "\"a\"b",
    "{}{}",
    "[][]",
    "<x/>",
    "to=%2B15551234567&from=1",
    "\u{feff}",
    "\u{a0}{}",
    "{\u{2028}\"a\":1\u{0}}",
    "\u{0}",
    "{\"a\":1}\u{0}",
    "{\"a\":\u{0}1}",
    "...",
    "*",
    "{\"a\":1\u{c}}",
    "\\u007b\\u007d",
    "{\"a\":\"\u{0}\"}",
    "{\"a\":1,\"b\"}",
    "{\"a\":{\"b\":}}",
    "{{}}",
    "[{]",
    "{\"a\":1]",
    "//{}",
    "{\"\\ud800",
];

const YES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1e5",
    "1E+2",
    "123456789012345678901234567890",
    "0.1",
    "\"\"",
    "\"a\"",
    "\"\\u0000\"",
    "[]",
    "[[]]",
    "[null]",
    "[{}]",
    "[1,\"a\",true,null,{}]",
    "{\"\":0}",
    "{\"a\":null}",
    "{\"\\u0061\":1}",
    "{\"a\":1,\"a\":2}",
    "{\"to\":\"a\",\"to\":5,\"to_number\":null}",
    "{\"__proto__\":{}}",
    "{\"constructor\":1}",
    "{\"a\":\"\\ud834\\udd1e\"}",
    "{\"a\":\"\\u0000\"}",
    "{\"name\":\"\\u0000\"}",
    "{\"to\":\"\\u0000\",\"from\":\"\\u0000\"}",
    "{\"a\":-0.0}",
    "{\"a\":1e-400}",
    "{\"a\":9223372036854775808}",
    "{\"a\":-9223372036854775809}",
    "{\"a\":18446744073709551616}",
    "{\"a\":[[[[]]]]}",
    "{\"agent_id\":5,\"to_number\":6,\"prompt\":7}",
    "{\"agent_id\":\"1\",\"to_number\":\"15551234567\",\"prompt\":\"p\"}",
    "{\"from\":1,\"to\":2,\"record\":\"yes\"}",
    "{\"from_number\":[],\"to_number\":{}}",
    "{\"recipients\":{},\"prompt\":\"p\",\"agent_id\":\"a\"}",
    "{\"recipients\":[1],\"prompt\":\"p\",\"agent_id\":\"a\"}",
    "{\"recipients\":[[]],\"prompt\":\"p\",\"agent_id\":\"a\"}",
    "{\"webhook_url\":5}",
    "{\"amount\":\"1e3\"}",
    "{\"amount\":[]}",
    "{\"uri\":{}}",
    "{\"e164\":15551234567}",
    "{\"face\":\"other\"}",
    " { } \n",
    "{\"prefix\":1,\"per_minute_micros\":\"2\"}",
    "{\"idempotency_key\":7}",
    "{\"steps\":\"a\"}",
    "{\"tenant\":{}}",
    "{\"trunks\":[{\"name\":5}]}",
    "{\"events\":\"all\"}",
    "{\"auto_reload\":5}",
    "{\"auto_reload\":{\"amount\":-1}}",
    "{\"text\":{}}",
];

const EITHER: &[&str] = &[
    "\u{feff}{}",
    "{\"a\":1e999}",
    "{\"a\":-1e999}",
    "{\"a\":\"\\ud800\"}",
    "{\"a\":\"\\udc00\\ud800\"}",
    "{\"a\":\"\\ud800\\u0061\"}",
    "{\"\\ud800\":1}",
    "{\"a\":\"\u{ffff}\u{fdd0}\"}",
    "{\"a\":123123123123123123123123123123e123123123}",
    "{\"to\":\"\\ud800\",\"from\":\"\\ud800\"}",
    "1e999",
    "\"\\ud800\"",
];

const BYTES: &[(Kind, &[u8])] = &[
    (Kind::No, b"\xff\xfe{\x00}\x00"),
    (Kind::No, b"{\"a\":\"\xe9\"}"),
    (Kind::No, b"{\"a\":\"\xc0\xaf\"}"),
    (Kind::No, b"{\"a\":\"\xed\xa0\x80\"}"),
    (Kind::No, b"{\"a\":\"\xf4\xbf\xbf\xbf\"}"),
    (Kind::No, b"{\"a\":\"\xe0\xff\"}"),
    (Kind::No, b"{\"\xb9\":1}"),
    (Kind::No, b"\xff"),
    (Kind::No, b"{\"a\":1\xe5}"),
    (Kind::No, b"\x00{\x00}"),
    (Kind::No, b"\xef\xbb"),
    (Kind::No, b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00"),
];

/// Those that are too long to write down.
fn made() -> Vec<Document> {
    let deep = 100_000;
    let named = |name: &str, kind, text: String| (name.to_owned(), kind, text.into_bytes());
    vec![
        named("100,000 open arrays", Kind::No, "[".repeat(deep)),
        named("100,000 open objects", Kind::No, "{\"a\":".repeat(deep)),
        named("100,000 arrays in a field", Kind::No, format!("{{\"metadata\":{}", "[".repeat(deep))),
        named(
            "arrays 100,000 deep",
            Kind::Either,
            format!("{{\"a\":{}{}}}", "[".repeat(deep), "]".repeat(deep)),
        ),
        named(
            "objects 50,000 deep",
            Kind::Either,
            format!("{}1{}", "{\"a\":".repeat(deep / 2), "}".repeat(deep / 2)),
        ),
        named("an array 200 deep", Kind::Either, format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200))),
        named("an exponent of 5,000 digits", Kind::Either, format!("{{\"a\":1e{}}}", "9".repeat(5_000))),
        named("an integer of 50,000 digits", Kind::Either, format!("{{\"a\":{}}}", "7".repeat(50_000))),
        named("a name of 100,000 letters", Kind::Yes, format!("{{\"{}\":1}}", "n".repeat(deep))),
        named("a text of 500,000 letters", Kind::Yes, format!("{{\"a\":\"{}\"}}", "t".repeat(500_000))),
        named(
            "20,000 names",
            Kind::Yes,
            format!("{{{}\"z\":1}}", (0..20_000).map(|n| format!("\"f{n}\":{n},")).collect::<String>()),
        ),
        named("10,000 equal names", Kind::Yes, format!("{{{}\"to\":1}}", "\"to\":1,".repeat(10_000))),
        named("a million spaces", Kind::No, " ".repeat(1_000_000)),
        named("10 MB of a text", Kind::Either, format!("{{\"a\":\"{}\"}}", "x".repeat(10 << 20))),
    ]
}

#[test]
fn there_are_documents_enough_and_their_kinds_are_the_parsers() {
    let all = documents();
    assert!(all.len() >= 120, "{}", all.len());
    for (name, kind, bytes) in all {
        // A million spaces are to some what an empty body is.
        let taken = serde_json::from_slice::<serde_json::Value>(&bytes).is_ok();
        match kind {
            Kind::No => assert!(!taken, "{name}"),
            Kind::Yes => assert!(taken, "{name}"),
            Kind::Either => {}
        }
    }
}
