//! Shell: looks at names, question by question.

use trunkline_sip::{Query, Resolver, ResolverConfig};

use super::observation::{Answer, Asked, Names, RecordKind};

/// Where a URI leads.
pub async fn look(uri: &str) -> Names {
    let query = Query::of(uri);
    let host = query.as_ref().map_or(uri, |query| query.host.as_str()).trim_matches(['[', ']']).to_owned();
    let hops = match (query, Resolver::new(ResolverConfig::default())) {
        (Some(query), Ok(resolver)) => resolver.resolve(&query).await,
        _ => Vec::new(),
    };
    let answer = match hops.is_empty() {
        true => Answer::Nothing,
        false => Answer::Records(hops.iter().map(|hop| hop.address.ip().to_string()).collect()),
    };
    Names { asked: vec![Asked { kind: RecordKind::Address, name: host.clone(), answer }], host, hops }
}
