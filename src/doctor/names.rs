//! Shell: looks at names, question by question.

use super::observation::{Answer, Asked, Hop, Names, RecordKind, Transport};

/// Where a host is.
pub async fn look(host: &str, port: u16) -> Names {
    let found = trunkline_sip::resolve(host, port).await;
    let answer = match found.is_empty() {
        true => Answer::Nothing,
        false => Answer::Records(found.iter().map(|address| address.ip().to_string()).collect()),
    };
    Names {
        host: host.to_owned(),
        asked: vec![Asked { kind: RecordKind::Address, name: host.to_owned(), answer }],
        hops: found.into_iter().map(|address| Hop { transport: Transport::Udp, address }).collect(),
    }
}
