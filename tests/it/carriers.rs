//! The shapes that carriers want of an INVITE, as the switch's own lines at their sockets.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use serde_json::json;

use super::switch::{Place, Setup, Switch};

/// A number of ours for each carrier: the last digit is its place in [`CARRIERS`].
const FROM: &str = "+44207946000";

/// What its `[[trunk]]` says, and lines that its INVITE has. `HOST` is its address.
const CARRIERS: [(&str, &[&str]); 7] = [
    // Name and address alone.
    (
        "",
        &[
            "INVITE sip:+447386172392@HOST:5080 SIP/2.0",
            "From: <sip:+442079460000@HOST>;tag=",
            "To: <sip:+447386172392@HOST>",
        ],
    ),
    // Twilio's manner: E.164, the account's domain, headers of one's own.
    (
        "from_domain = \"acme.pstn.example\"\nheaders = { X-Order = \"{order}\", X-Call = \"{to}\", X-None = \"{nothing}\" }",
        &[
            "From: <sip:+442079460001@acme.pstn.example>;tag=",
            "X-Order: 7  Via: SIP/2.0/UDP evil",
            "X-Call: +447386172392",
        ],
    ),
    // Wholesale: a tech prefix before plain digits.
    (
        "prefix = \"7001#\"\nnumber_format = \"plain\"",
        &["INVITE sip:7001%23447386172392@HOST:5080 SIP/2.0", "From: <sip:442079460002@HOST>;tag="],
    ),
    // The account in From, the number in P-Asserted-Identity.
    (
        "username = \"acc7\"\npassword = \"x\"\nfrom_user = \"username\"\ncaller_id_headers = [\"pai\"]",
        &["From: <sip:acc7@HOST>;tag=", "P-Asserted-Identity: <sip:+442079460003@HOST>"],
    ),
    // A softswitch that tells telephones by their parameter.
    (
        "user_phone = true\ncaller_id_headers = [\"rpid\"]\nprack = \"off\"\nsession_expires_seconds = 0",
        &[
            "INVITE sip:+447386172392@HOST:5080;user=phone SIP/2.0",
            "To: <sip:+447386172392@HOST;user=phone>",
            "Remote-Party-ID: <sip:+442079460004@HOST;user=phone>;party=calling;screen=no;privacy=off",
        ],
    ),
    // A local carrier: as one dials at home.
    (
        "number_format = \"national\"\ncaller_format = \"national\"\ncountry = \"GB\"\ndiversion = \"+442071111111\"",
        &[
            "INVITE sip:07386172392@HOST:5080 SIP/2.0",
            "From: <sip:02079460005@HOST>;tag=",
            "Diversion: <sip:02071111111@HOST>;reason=unconditional;counter=1",
        ],
    ),
    // The number withheld from the callee.
    (
        "privacy = true\ncodecs = [\"pcma\"]\nptime_ms = 30",
        &[
            "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=",
            "P-Asserted-Identity: <sip:+442079460006@HOST>",
            "Privacy: id",
            "a=rtpmap:8 PCMA/8000",
            "a=ptime:30",
        ],
    ),
];

#[test]
fn each_carrier_gets_its_invite_in_the_shape_that_it_wants() {
    let place = Place::claim();
    let hosts: Vec<Ipv4Addr> = (0..CARRIERS.len()).map(|index| place.neighbour(20 + index as u8)).collect();
    let sockets: Vec<UdpSocket> =
        hosts.iter().map(|host| UdpSocket::bind((*host, 5080)).expect("an address of ours")).collect();
    let mut tables = String::new();
    for (index, ((said, _), host)) in CARRIERS.iter().zip(&hosts).enumerate() {
        tables.push_str(&format!(
            "[[trunk]]\nname = \"c{index}\"\nuri = \"sip:{host}:5080\"\noptions_interval_seconds = 0\n{said}\n\
             [[number]]\ne164 = \"{FROM}{index}\"\ntrunk = \"c{index}\"\nagent = \"agent_demo\"\noutbound = true\n"
        ));
    }
    let switch = Setup::new().extra(&tables).at(place).start();
    for (index, (said, lines)) in CARRIERS.iter().enumerate() {
        let invite = invite(&switch, &sockets[index], index);
        for line in *lines {
            let line = line.replace("HOST", &hosts[index].to_string());
            assert!(invite.lines().any(|is| is.starts_with(&line)), "{said}\n{line}\n--- in ---\n{invite}");
        }
        assert_eq!(invite.matches("\r\nVia:").count(), 1, "{invite}");
    }
}

#[test]
fn what_a_trunk_does_not_want_is_not_in_its_invite() {
    let place = Place::claim();
    let host = place.neighbour(20);
    let socket = UdpSocket::bind((host, 5080)).expect("an address of ours");
    let plain = format!(
        "[[trunk]]\nname = \"c0\"\nuri = \"sip:{host}:5080\"\noptions_interval_seconds = 0\nprack = \"off\"\n\
         session_expires_seconds = 0\ndtmf = \"inband\"\nheaders = {{ X-None = \"{{nothing}}\" }}\n\
         [[number]]\ne164 = \"{FROM}0\"\ntrunk = \"c0\"\nagent = \"agent_demo\"\noutbound = true\n"
    );
    let switch = Setup::new().extra(&plain).at(place).start();
    let invite = invite(&switch, &socket, 0);
    for absent in [
        "100rel",
        "Session-Expires",
        "telephone-event",
        "X-None",
        "P-Asserted",
        "Privacy",
        "Diversion",
        "Identity",
    ] {
        assert!(!invite.contains(absent), "{absent} in\n{invite}");
    }
}

/// Places a call from the carrier's number and takes the INVITE that comes to its socket; the call ends with 404.
fn invite(switch: &Switch, socket: &UdpSocket, index: usize) -> String {
    let variables = json!({ "name": "Ann", "order": "7\r\nVia: SIP/2.0/UDP evil" });
    let call =
        switch.call_with(json!({ "from_number": format!("{FROM}{index}"), "dynamic_vars": variables }));
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let mut buffer = [0; 65_536];
    let (length, from) = socket.recv_from(&mut buffer).expect("an INVITE");
    let invite = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(invite.starts_with("INVITE "), "{invite}");
    let mut answer = String::from("SIP/2.0 404 Not Found\r\n");
    for line in invite.lines().take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        match name {
            "Via" | "From" | "Call-ID" | "CSeq" => answer.push_str(&format!("{line}\r\n")),
            "To" => answer.push_str(&format!("{line};tag=c\r\n")),
            _ => {}
        }
    }
    answer.push_str("Content-Length: 0\r\n\r\n");
    socket.send_to(answer.as_bytes(), from).expect("sent");
    switch.call_until_ended(&call);
    invite
}
