//! Numbers that the tenant calls no more.

use serde_json::{Value, json};
use utoipa::ToSchema;

use super::entry::{Entry, Speaker};
use super::problems::{bodied, keyed, missing, stored, wrong};
use super::schema::{from, text};
use crate::face::Problem;
use crate::face::native::do_not_call::Listing;
use crate::model::ObjectProblem;

const ME: Speaker = Speaker::Native;
const NUMBER: &str = "+15557654321";

/// All of them.
pub fn entries() -> Vec<Entry> {
    vec![list(), add(), read(), remove()]
}

/// A number that is called no more.
#[derive(ToSchema)]
#[schema(as = native::DoNotCall)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct Listed {
    /// In E.164.
    number: String,
    /// How it came there: `listed` by this API or the command line, `asked` for in a call, or `unwanted`: a call was refused so
    /// (RFC 8197).
    #[schema(pattern = "^(listed|asked|unwanted)$")]
    reason: String,
    note: Option<String>,
    /// In which call.
    call_id: Option<String>,
    #[schema(format = "date-time")]
    created_at: String,
}

#[derive(ToSchema)]
#[schema(as = native::DoNotCallPage)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct Page {
    data: Vec<Listed>,
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = native::DoNotCallAdded)]
#[expect(dead_code, reason = "described, not built: it is shown as JSON")]
struct Added {
    /// How many numbers the request had; they are all on the list now.
    count: u32,
}

fn example() -> Value {
    json!({ "number": NUMBER, "reason": "listed", "note": "by letter", "call_id": null,
            "created_at": "2026-05-29T12:00:00.000Z" })
}

fn tenants(entry: Entry) -> Entry {
    let forbidden: Problem = ObjectProblem::Forbidden.into();
    entry.about("For keys of the whole tenant.").fails(keyed()).fails(stored()).fails([forbidden])
}

fn list() -> Entry {
    let entry = Entry::new(ME, ("GET", "/v1/native/do-not-call"), "listDoNotCall", "List whom nobody calls");
    tenants(entry)
        .query("limit", "Rows a page; who asks for more than 200 gets 200.", from(1))
        .query("after", "`next_cursor` of the page before.", text(None))
        .gives::<Page>(200, "A page, by number.", json!({ "data": [example()], "next_cursor": null }))
        .fails([wrong("after", "must be the next_cursor of the page before")])
}

fn add() -> Entry {
    let entry = Entry::new(ME, ("POST", "/v1/native/do-not-call"), "addDoNotCall", "Call them no more");
    tenants(entry)
        .takes::<Listing>(json!({ "numbers": [NUMBER], "note": "by letter" }))
        .gives::<Added>(200, "No call to any of them begins from now on.", json!({ "count": 1 }))
        .fails(bodied())
        .fails([missing("numbers"), wrong("numbers[0]", "is not a number in E.164 form")])
}

fn of_number(entry: Entry) -> Entry {
    let unlisted: Problem = ObjectProblem::NotListed.into();
    tenants(entry).path("number", "The number, in E.164.", NUMBER).fails([unlisted])
}

fn read() -> Entry {
    let route = ("GET", "/v1/native/do-not-call/{number}");
    of_number(Entry::new(ME, route, "readDoNotCall", "Look whether somebody may be called")).gives::<Listed>(
        200,
        "Nobody calls this number.",
        example(),
    )
}

fn remove() -> Entry {
    let route = ("DELETE", "/v1/native/do-not-call/{number}");
    of_number(Entry::new(ME, route, "removeDoNotCall", "Let a number be called again"))
        .gives_nothing(204, "It may be called again.")
}
