//! Names to targets, against a name server that answers by hand (RFC 3263 §4).
#![expect(clippy::disallowed_methods, reason = "a name server of its own is a task")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, NAPTR, SOA, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use trunkline_sip::{Listen, Protocol, Query, Resolver, ResolverConfig};

/// What a name server knows, and what it was asked.
#[derive(Default)]
struct Zone {
    records: HashMap<(String, RecordType), Vec<Record>>,
    asked: Mutex<Vec<(String, RecordType)>>,
    /// What it never answers.
    ignored: Vec<RecordType>,
}

/// How long answers live, unless said otherwise.
const TTL_S: u32 = 300;

fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).expect("a name");
    name.set_fqdn(true);
    name
}

impl Zone {
    fn with(mut self, owner: &str, data: RData) -> Self {
        let key = (owner.to_owned(), data.record_type());
        self.records.entry(key).or_default().push(Record::from_rdata(name(owner), TTL_S, data));
        self
    }

    fn a(self, owner: &str, address: &str) -> Self {
        self.with(owner, RData::A(A(address.parse().expect("an address"))))
    }

    fn aaaa(self, owner: &str, address: &str) -> Self {
        self.with(owner, RData::AAAA(AAAA(address.parse().expect("an address"))))
    }

    fn srv(self, owner: &str, priority: u16, weight: u16, port: u16, host: &str) -> Self {
        self.with(owner, RData::SRV(SRV::new(priority, weight, port, name(host))))
    }

    fn naptr(self, owner: &str, order: u16, services: &str, replacement: &str) -> Self {
        let naptr = NAPTR::new(
            order,
            10,
            b"s".to_vec().into(),
            services.as_bytes().into(),
            Vec::new().into(),
            name(replacement),
        );
        self.with(owner, RData::NAPTR(naptr))
    }

    /// Serves it, and gives a resolver that asks nobody else.
    async fn serve(self, listening: &[Listen]) -> (Resolver, Arc<Self>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let nameservers = vec![socket.local_addr().expect("bound")];
        let zone = Arc::new(self);
        let served = Arc::clone(&zone);
        tokio::spawn(async move {
            let mut buffer = [0; 4_096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
                if served
                    .ignored
                    .iter()
                    .any(|kind| question.queries.iter().any(|it| it.query_type() == *kind))
                {
                    continue;
                }
                let answer = served.answer(question).to_vec().expect("an answer can be written");
                socket.send_to(&answer, from).await.expect("sent");
            }
        });
        let config = ResolverConfig { nameservers, listening: listening.to_vec() };
        (Resolver::new(config).expect("a configuration"), zone)
    }

    fn answer(&self, question: Message) -> Message {
        let query = question.queries.first().cloned().expect("a question");
        let owner = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        self.asked.lock().expect("nobody panicked").push((owner.clone(), query.query_type()));
        let found = self.records.get(&(owner, query.query_type()));
        let mut answer = question.into_response();
        answer.metadata.message_type = MessageType::Response;
        match found {
            Some(records) => {
                answer.add_answers(records.iter().cloned());
            }
            None => {
                answer.metadata.response_code = ResponseCode::NXDomain;
                let soa = SOA::new(name("ns.example"), name("root.example"), 1, 60, 60, 60, 60);
                answer.add_authority(Record::from_rdata(name("example"), TTL_S, RData::SOA(soa)));
            }
        }
        answer
    }

    fn asked(&self, kind: RecordType) -> usize {
        self.asked.lock().expect("nobody panicked").iter().filter(|(_, asked)| *asked == kind).count()
    }
}

/// Targets in short, such as `udp 192.0.2.1:5060`.
async fn targets(resolver: &Resolver, uri: &str) -> Vec<String> {
    let found = resolver.resolve(&Query::of(uri).expect("a SIP URI")).await;
    found
        .iter()
        .map(|target| format!("{} {}", target.protocol.token().to_lowercase(), target.address))
        .collect()
}

#[tokio::test]
async fn naptr_srv_and_addresses_are_followed_in_order() {
    let zone = Zone::default()
        .naptr("t.example", 50, "SIP+D2U", "_sip._udp.t.example")
        .naptr("t.example", 10, "SIPS+D2T", "_sips._tcp.t.example")
        .srv("_sips._tcp.t.example", 1, 0, 5061, "a.t.example")
        .srv("_sip._udp.t.example", 20, 0, 5060, "b.t.example")
        .srv("_sip._udp.t.example", 10, 0, 5070, "a.t.example")
        .a("a.t.example", "192.0.2.1")
        .a("b.t.example", "192.0.2.2");
    let (resolver, _) = zone.serve(&[]).await;
    assert_eq!(
        targets(&resolver, "sip:t.example").await,
        ["tls 192.0.2.1:5061", "udp 192.0.2.1:5070", "udp 192.0.2.2:5060"]
    );
    assert_eq!(targets(&resolver, "sips:t.example").await, ["tls 192.0.2.1:5061"]);
}

#[tokio::test]
async fn without_naptr_every_transport_is_asked_for() {
    let zone = Zone::default()
        .srv("_sip._tcp.t.example", 1, 0, 5080, "a.t.example")
        .srv("_sip._udp.t.example", 1, 0, 5070, "a.t.example")
        .a("a.t.example", "192.0.2.1");
    let (resolver, _) = zone.serve(&[]).await;
    assert_eq!(targets(&resolver, "sip:t.example").await, ["udp 192.0.2.1:5070", "tcp 192.0.2.1:5080"]);
    assert_eq!(targets(&resolver, "sip:t.example;transport=tcp").await, ["tcp 192.0.2.1:5080"]);
}

#[tokio::test]
async fn a_named_port_or_transport_leaves_less_to_ask() {
    let zone = Zone::default()
        .naptr("t.example", 10, "SIP+D2T", "_sip._tcp.t.example")
        .srv("_sip._udp.t.example", 1, 0, 5090, "a.t.example")
        .a("a.t.example", "192.0.2.1")
        .a("t.example", "192.0.2.9");
    let (resolver, zone) = zone.serve(&[]).await;
    assert_eq!(targets(&resolver, "sip:t.example:5070").await, ["udp 192.0.2.9:5070"]);
    assert_eq!(targets(&resolver, "sip:t.example:5070;transport=tls").await, ["tls 192.0.2.9:5070"]);
    assert_eq!((zone.asked(RecordType::NAPTR), zone.asked(RecordType::SRV)), (0, 0));
    assert_eq!(targets(&resolver, "sip:t.example;transport=udp").await, ["udp 192.0.2.1:5090"]);
    assert_eq!(zone.asked(RecordType::NAPTR), 0);
    // No SRV for that transport: its usual port.
    assert_eq!(targets(&resolver, "sip:t.example;transport=tls").await, ["tls 192.0.2.9:5061"]);
}

#[tokio::test]
async fn a_host_with_addresses_alone_is_reached_by_datagrams() {
    let zone = Zone::default()
        .a("t.example", "192.0.2.1")
        .a("t.example", "192.0.2.2")
        .aaaa("t.example", "2001:db8::1");
    let (resolver, zone) = zone.serve(&[]).await;
    let found = targets(&resolver, "sip:t.example").await;
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found.contains(&"udp [2001:db8::1]:5060".to_owned()) && found.iter().all(|it| it.starts_with("udp "))
    );
    // What was found is remembered, and so is what was not.
    let asked = zone.asked.lock().expect("nobody panicked").len();
    targets(&resolver, "sip:t.example").await;
    assert_eq!(zone.asked.lock().expect("nobody panicked").len(), asked);
}

#[tokio::test]
async fn what_we_cannot_reach_is_left_out() {
    let zone = Zone::default()
        .a("t.example", "192.0.2.1")
        .aaaa("t.example", "2001:db8::1")
        .aaaa("six.example", "2001:db8::2");
    let v4 = |protocol| Listen { protocol, address: SocketAddr::from(([192, 0, 2, 9], 5060)) };
    let (resolver, zone) = zone.serve(&[v4(Protocol::Udp)]).await;
    assert_eq!(targets(&resolver, "sip:t.example").await, ["udp 192.0.2.1:5060"]);
    assert_eq!(targets(&resolver, "sip:t.example;transport=tcp").await, ["tcp 192.0.2.1:5060"]);
    assert_eq!(targets(&resolver, "sip:six.example").await, [""; 0]);
    assert_eq!(targets(&resolver, "sip:[2001:db8::1]").await, [""; 0]);
    assert_eq!(zone.asked(RecordType::AAAA), 0);
    // Without UDP there are connections.
    let zone = Zone::default().a("t.example", "192.0.2.1");
    let (resolver, _) = zone.serve(&[v4(Protocol::Tcp)]).await;
    assert_eq!(targets(&resolver, "sip:t.example").await, ["tcp 192.0.2.1:5060"]);
}

#[tokio::test]
async fn no_more_than_eight_targets_and_none_twice() {
    let mut zone = Zone::default();
    for host in 0..12 {
        let owner = format!("h{host}.t.example");
        zone = zone
            .srv("_sip._udp.t.example", host, 0, 5060, &owner)
            .a(&owner, &format!("192.0.2.{}", host / 2));
    }
    let (resolver, _) = zone.serve(&[]).await;
    let found = targets(&resolver, "sip:t.example").await;
    assert_eq!(
        found,
        ["udp 192.0.2.0:5060", "udp 192.0.2.1:5060", "udp 192.0.2.2:5060", "udp 192.0.2.3:5060"]
    );
}

#[tokio::test]
async fn the_dead_first_of_two_servers_stays_first() {
    // Whether it is dead is not the resolver's to find out: the user agent moves on (§4.3).
    let zone = Zone::default()
        .srv("_sip._udp.t.example", 1, 0, 5060, "gone.t.example")
        .srv("_sip._udp.t.example", 2, 0, 5060, "a.t.example")
        .a("a.t.example", "192.0.2.1");
    let (resolver, _) = zone.serve(&[]).await;
    assert_eq!(targets(&resolver, "sip:t.example").await, ["udp 192.0.2.1:5060"]);
}

#[tokio::test]
async fn literals_and_the_hosts_file_need_no_name_server() {
    let (resolver, zone) = Zone::default().serve(&[]).await;
    assert_eq!(targets(&resolver, "sip:192.0.2.7:5070").await, ["udp 192.0.2.7:5070"]);
    assert_eq!(targets(&resolver, "sips:[2001:db8::1]").await, ["tls [2001:db8::1]:5061"]);
    let found = targets(&resolver, "sip:localhost").await;
    assert!(found.contains(&"udp 127.0.0.1:5060".to_owned()), "{found:?}");
    assert_eq!(zone.asked.lock().expect("nobody panicked").len(), 0);
    assert_eq!(targets(&resolver, "sip:nobody.example").await, [""; 0]);
}

#[tokio::test]
async fn a_name_server_that_answers_neither_naptr_nor_srv_is_asked_for_addresses() {
    let zone = Zone { ignored: vec![RecordType::NAPTR, RecordType::SRV], ..Zone::default() };
    let (resolver, _) = zone.a("t.example", "192.0.2.1").serve(&[]).await;
    assert_eq!(targets(&resolver, "sip:t.example").await, ["udp 192.0.2.1:5060"]);
}

#[tokio::test]
async fn a_silent_name_server_does_not_hold_a_call_for_ever() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let nameservers = vec![silent.local_addr().expect("bound")];
    let resolver = Resolver::new(ResolverConfig { nameservers, listening: Vec::new() }).expect("sound");
    let resolving = targets(&resolver, "sip:t.example");
    let found = tokio::time::timeout(std::time::Duration::from_secs(6), resolving).await;
    assert_eq!(found.expect("given up by itself"), [""; 0]);
}
