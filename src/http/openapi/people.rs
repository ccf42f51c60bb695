//! What the console page asks for, for whoever writes another page.

use serde_json::json;

use super::entry::{Entry, Speaker};
use crate::agent::desk::wire::{Availability, Session, SignIn, Transfer, Wrong};

const ME: Speaker = Speaker::Person;

/// All of them.
pub fn entries() -> Vec<Entry> {
    let page = |path, id: &str, what: &str| Entry::new(Speaker::Anyone, ("GET", path), id, what);
    let mut all = vec![
        page("/console", "consoleRedirect", "To the page").gives_nothing(308, "It is at /console/."),
        page("/console/", "console", "The page where people take calls").gives_raw(
            200,
            "A page that loads nothing from elsewhere.",
            "text/html",
            false,
        ),
        page("/console/{file}", "consoleFile", "What the page is made of")
            .path("file", "Its name.", "main.js")
            .gives_raw(200, "A program.", "text/javascript", false)
            .gives_raw(200, "A style sheet.", "text/css", false)
            .gives_nothing(404, "There is no such file."),
        sign_in(),
        asked("DELETE", "/v1/people/session", "signOut", "Sign out").gives_nothing(204, "Signed out."),
        asked("GET", "/v1/people/events", "listenAsPerson", "What the page is to show, as it changes")
            .about("A second stream ends the first, whose last event is `replaced`. The first event says where the person stands.")
            .gives_raw(200, "Server-sent events, JSON each.", "text/event-stream", false),
        asked("POST", "/v1/people/availability", "setAvailability", "Take calls from now on, or no more")
            .takes::<Availability>(json!({ "available": true }))
            .gives_nothing(204, "It is so.")
            .gives::<Wrong>(409, "Who takes calls must hear and be heard.", wrong("no_audio")),
        offer(),
        Entry::new(Speaker::Anyone, ("OPTIONS", "/v1/people/whip"), "whipOptions", "Which offers are taken")
            .gives_nothing(204, "`Accept-Post` says so."),
        asked("DELETE", "/v1/people/whip/{number}", "endAudio", "End the page's audio")
            .path("number", "As `Location` had it.", "1")
            .gives_nothing(200, "It is over.")
            .gives::<Wrong>(404, "No such audio, or long over.", wrong("no_such_audio")),
    ];
    for (verb, id, what) in [
        ("accept", "acceptAsPerson", "Take the call that rings"),
        ("decline", "declineAsPerson", "Do not take it"),
        ("hangup", "hangUpAsPerson", "End the call that is on"),
        ("hold", "holdAsPerson", "Put the far end on hold"),
        ("resume", "resumeAsPerson", "Take it back"),
        ("do-not-call", "objectAsPerson", "Never call the far end again"),
    ] {
        all.push(
            of_call(verb, id, what).gives_nothing(204, "It is asked for; events tell what comes of it."),
        );
    }
    all.push(
        of_call("transfer", "transferAsPerson", "Put the far end through")
            .about(
                "To a telephone number, by the trunk's REFER; or to a colleague by name, at whom it rings.",
            )
            .takes::<Transfer>(json!({ "to": "+15550100" }))
            .gives_nothing(204, "It is asked for; events tell what comes of it.")
            .gives::<Wrong>(409, "The colleague takes no calls.", wrong("colleague_busy")),
    );
    all
}

/// Asked with a session.
fn asked(method: &'static str, path: &'static str, id: &str, what: &str) -> Entry {
    Entry::new(ME, (method, path), id, what).gives::<Wrong>(
        401,
        "The session is over, or was never.",
        wrong("no_session"),
    )
}

fn of_call(verb: &str, id: &str, what: &str) -> Entry {
    let path = match verb {
        "accept" => "/v1/people/calls/{call}/accept",
        "decline" => "/v1/people/calls/{call}/decline",
        "hangup" => "/v1/people/calls/{call}/hangup",
        "hold" => "/v1/people/calls/{call}/hold",
        "do-not-call" => "/v1/people/calls/{call}/do-not-call",
        "resume" => "/v1/people/calls/{call}/resume",
        _ => "/v1/people/calls/{call}/transfer",
    };
    asked("POST", path, id, what).path("call", "As the event that told of it had it.", "7").gives::<Wrong>(
        404,
        "The call is not the person's, or over.",
        wrong("no_such_call"),
    )
}

fn sign_in() -> Entry {
    let session = json!({
        "session": "9f0c…", "name": "Ada", "ice_servers": [{ "urls": ["stun:192.0.2.1:3478"] }],
    });
    Entry::new(ME, ("POST", "/v1/people/session"), "signIn", "Sign in with a person's secret")
        .about("`session` is the bearer of everything else. An earlier session of the person ends.")
        .takes::<SignIn>(json!({ "token": "person_5f0c" }))
        .gives_known::<Session>(201, "Signed in.", session)
        .gives::<Wrong>(401, "Nobody has this secret.", wrong("unknown_token"))
        .gives::<Wrong>(503, "Too many are signed in.", wrong("unavailable"))
}

fn offer() -> Entry {
    asked("POST", "/v1/people/whip", "offerAudio", "Offer audio (WHIP, RFC 9725)")
        .about("An SDP offer with one audio line that has PCMU, all its candidates in it.")
        .takes_text("application/sdp")
        .gives_raw(201, "The answer; `Location` is what ends it.", "application/sdp", false)
        .gives::<Wrong>(400, "That is no such offer.", wrong("bad_offer"))
        .gives::<Wrong>(415, "That is no SDP.", wrong("not_sdp"))
        .gives::<Wrong>(503, "There is no room for more audio.", wrong("unavailable"))
}

fn wrong(code: &str) -> serde_json::Value {
    json!({ "error": code, "message": "…" })
}
