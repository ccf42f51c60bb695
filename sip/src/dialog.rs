//! Dialogs (RFC 3261 §12): who speaks with whom, by which route, and in which order. Knows nothing of transactions or of
//! what is said.

use std::borrow::Cow;
use std::sync::Arc;

use crate::event::DialogState;
use crate::message::{Message, Name, NameAddr, Uri, Writer};
use crate::path::{Path, Protocol, Target};
use crate::targets::{Hop, hop};
use crate::tls::ClientTls;
use crate::transaction::Layer;

/// One dialog as one of its two ends sees it.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    pub state: DialogState,
    /// The way its last message came.
    pub path: Path,
    /// The way to its next hop, where that is a name and has been looked up.
    pub reached: Option<Path>,
    /// The highest CSeq heard from the far end (§12.2.2).
    remote_cseq: Option<u32>,
}

/// How many proxies may have asked to stay in the path.
const ROUTES_MAX: usize = 16;

impl Dialog {
    /// The dialog our INVITE made, from a response with a To-tag (§12.1.2). `target` stands in for a missing Contact.
    pub fn from_response(response: &Message, local_tag: &str, path: Path, target: &str) -> Self {
        let mut route_set: Vec<String> = routes(response);
        route_set.reverse();
        let state = DialogState {
            call_id: response.call_id().to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: tag(response.header(Name::To)).to_owned(),
            local_uri: without_tag(response.header(Name::From)),
            remote_uri: without_tag(response.header(Name::To)),
            remote_target: contact(response).unwrap_or(target).to_owned(),
            route_set,
            local_cseq: response.cseq().0,
            remote: path.remote,
            protocol: path.protocol,
            tls_host: None,
        };
        Self { state, path, reached: None, remote_cseq: None }
    }

    /// The dialog an INVITE from afar makes (§12.1.1).
    pub fn from_request(request: &Message, local_tag: &str, path: Path) -> Self {
        let from = request.header(Name::From);
        let state = DialogState {
            call_id: request.call_id().to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: tag(from).to_owned(),
            local_uri: without_tag(request.header(Name::To)),
            remote_uri: without_tag(from),
            // Who forgot the Contact (§8.1.1.8) is called back where the call came from.
            remote_target: contact(request)
                .or_else(|| from.and_then(target))
                .unwrap_or_else(|| uri_of(from.unwrap_or_default()))
                .to_owned(),
            route_set: routes(request),
            local_cseq: 0,
            remote: path.remote,
            protocol: path.protocol,
            tls_host: None,
        };
        Self { state, path, reached: None, remote_cseq: Some(request.cseq().0) }
    }

    /// What its owner may store.
    pub fn stored(&self, layer: &Layer) -> DialogState {
        let peer = layer.tls_peer(&self.path);
        DialogState { tls_host: peer.map(|peer| peer.host.to_string()), ..self.state.clone() }
    }

    /// The way of a request that cannot wait for a name to be looked up: where the ACK of the call went, else to where the last message
    /// came from.
    pub fn way(&self, layer: &mut Layer, tls: Option<&Arc<ClientTls>>) -> Path {
        let found = match self.state.next_hop(self.path.protocol) {
            NextHop::At(target, _) => layer.path_to(target, self.state.hop(), tls, Some(self.path)),
            NextHop::Named(_) => self.reached,
            NextHop::Last => None,
        };
        found.unwrap_or(self.path)
    }

    /// What came before this dialog was confirmed counts on: the far end's order of requests.
    pub fn carry_on(&mut self, early: &Self) {
        self.remote_cseq = self.remote_cseq.max(early.remote_cseq);
    }

    /// Whether a request belongs to this dialog; its To-tag was looked at already.
    pub fn matches(&self, request: &Message) -> bool {
        self.state.call_id == request.call_id() && self.state.remote_tag == tag(request.header(Name::From))
    }

    /// Takes note of where a request came from.
    pub fn heard_by(&mut self, path: Path) {
        self.path = path;
        (self.state.remote, self.state.protocol) = (path.remote, path.protocol);
    }

    /// Takes note of a request's CSeq. Gives whether it is in order, as lower ones are not (§12.2.2).
    pub fn accept_cseq(&mut self, cseq: u32) -> bool {
        if self.remote_cseq.is_some_and(|highest| cseq < highest) {
            return false;
        }
        self.remote_cseq = Some(cseq);
        true
    }

    /// A target refresh request may bring a new Contact (§12.2.2).
    pub fn refresh_target(&mut self, message: &Message) {
        if let Some(target) = contact(message).filter(|target| *target != self.state.remote_target) {
            self.state.remote_target = target.to_owned();
            self.reached = None;
        }
    }
}

impl DialogState {
    /// The way its last message came, as far as it can be gone again by somebody who knows no more than this.
    pub(crate) fn way_back(&self, layer: &mut Layer, tls: Option<&Arc<ClientTls>>) -> Option<Path> {
        let target = Target { protocol: self.protocol, address: self.remote };
        match &self.tls_host {
            Some(host) => layer.path_to_host(target, host, tls),
            None => layer.path_to(target, self.hop(), tls, None),
        }
    }

    /// The Request-URI and the Route headers of a request within the dialog (§12.2.1.1).
    pub(crate) fn routing(&self) -> (&str, impl Iterator<Item = Cow<'_, str>>) {
        let first = self.route_set.first().map(|route| uri_of(route));
        let is_strict = first.and_then(Uri::parse).is_some_and(|uri| !uri.is_loose_router());
        let target = self.remote_target.as_str();
        let (uri, skipped, last) = match first {
            // The first proxy is a strict router: it wants itself in the Request-URI, and the target last.
            Some(first) if is_strict => (first, 1, Some(Cow::Owned(format!("<{target}>")))),
            _ => (target, 0, None),
        };
        (uri, self.route_set[skipped..].iter().map(|route| Cow::Borrowed(route.as_str())).chain(last))
    }

    /// Writes what every request within the dialog has in common.
    pub(crate) fn write<'a>(
        &self,
        mut writer: Writer,
        routes: impl Iterator<Item = Cow<'a, str>>,
        method: &str,
    ) -> Writer {
        for route in routes {
            writer = writer.header(Name::Route, route);
        }
        writer = writer.header(Name::From, format_args!("{};tag={}", self.local_uri, self.local_tag));
        writer = match self.remote_tag.as_str() {
            // RFC 2543, and requests that only will make a dialog.
            "" => writer.header(Name::To, &self.remote_uri),
            tag => writer.header(Name::To, format_args!("{};tag={tag}", self.remote_uri)),
        };
        writer
            .header(Name::CallId, &self.call_id)
            .header(Name::CSeq, format_args!("{} {method}", self.local_cseq))
    }

    /// The URI that says where a request within the dialog goes.
    pub(crate) fn hop(&self) -> &str {
        self.route_set.first().map_or(self.remote_target.as_str(), |route| uri_of(route))
    }

    /// Where a request within the dialog goes. `usual` is the transport of the dialog's last message: the dialog keeps it where
    /// a URI names none, since a call that came by TLS does not go on in the clear.
    pub(crate) fn next_hop(&self, usual: Protocol) -> NextHop {
        let Some(mut hop) = hop(self.hop()) else { return NextHop::Last };
        let may_grow = hop.protocol.is_none();
        match hop.literal(usual) {
            Some(target) => NextHop::At(target, may_grow),
            None => {
                hop.protocol = hop.protocol.or(usual.is_reliable().then_some(usual));
                NextHop::Named(hop)
            }
        }
    }
}

/// Where a request within a dialog goes.
pub(crate) enum NextHop {
    /// Nobody can tell: to where the last message came from.
    Last,
    /// To an address; whether a request too long for a datagram may go there by TCP.
    At(Target, bool),
    /// To a name that must be looked up.
    Named(Hop),
}

/// The URI of a name-addr or addr-spec; the text itself if it is neither.
pub(crate) fn uri_of(value: &str) -> &str {
    NameAddr::parse(value).map_or(value, |address| address.uri)
}

/// The tag of a From or To header; empty if it has none (RFC 2543).
fn tag(value: Option<&str>) -> &str {
    value.and_then(NameAddr::parse).and_then(|address| address.tag()).unwrap_or_default()
}

/// A From or To header without its parameters; the text itself if it is neither.
fn without_tag(value: Option<&str>) -> String {
    let value = value.unwrap_or_default();
    NameAddr::parse(value).map_or_else(|| value.to_owned(), |address| address.without_params())
}

fn contact(message: &Message) -> Option<&str> {
    target(message.values(Name::Contact).next()?)
}

/// The SIP URI of an address, as a Request-URI: header fields have no place in that (§19.1.1).
fn target(address: &str) -> Option<&str> {
    let uri = uri_of(address);
    let parsed = Uri::parse(uri).filter(Uri::is_sip)?;
    match parsed.headers {
        Some(headers) => uri.strip_suffix(headers)?.strip_suffix('?'),
        None => Some(uri),
    }
}

fn routes(message: &Message) -> Vec<String> {
    message.values(Name::RecordRoute).take(ROUTES_MAX).map(str::to_owned).collect()
}
