//! What NAPTR and SRV records mean (RFC 3263 §4.1, §4.2; RFC 2782). Pure: knows nothing of DNS messages.

use crate::path::Protocol;

/// A service of a domain: a transport, and the name that its SRV records have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Service {
    pub protocol: Protocol,
    pub name: String,
}

/// A NAPTR record.
#[derive(Clone, Debug)]
pub(super) struct Naptr {
    pub order: u16,
    pub preference: u16,
    pub flags: String,
    pub services: String,
    pub replacement: String,
}

/// An SRV record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub host: String,
}

impl Service {
    /// Where a domain's SRV records are if no NAPTR says otherwise.
    pub fn usual(protocol: Protocol, host: &str) -> Self {
        let prefix = match protocol {
            Protocol::Udp => "_sip._udp",
            Protocol::Tcp => "_sip._tcp",
            Protocol::Tls => "_sips._tcp",
        };
        Self { protocol, name: format!("{prefix}.{host}") }
    }
}

/// The services that records offer by transports that we have, the preferred first. Only those that lead to SRV records count
/// (flag `s`): RFC 3263 §4.1 knows no others.
pub(super) fn of_naptrs(mut records: Vec<Naptr>) -> Vec<Service> {
    records.sort_by_key(|record| (record.order, record.preference));
    let service = |record: Naptr| {
        let protocol = match record.services.to_ascii_uppercase().as_str() {
            "SIP+D2U" => Protocol::Udp,
            "SIP+D2T" => Protocol::Tcp,
            "SIPS+D2T" => Protocol::Tls,
            _ => return None,
        };
        let leads_to_srv = record.flags.eq_ignore_ascii_case("s") && record.replacement != ".";
        leads_to_srv.then_some(Service { protocol, name: record.replacement })
    };
    records.into_iter().filter_map(service).collect()
}

/// Servers in the order to try them: by priority, and within one priority drawn by weight (RFC 2782). `random` gives a number from 0 to
/// its argument. A lone "." says that there is no such service.
pub(super) fn in_order(mut records: Vec<Srv>, mut random: impl FnMut(u32) -> u32) -> Vec<Srv> {
    records.retain(|record| record.host != "." && record.port != 0);
    // Those without weight stand first, so that they have a small chance of being drawn.
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut drawn = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|record| record.priority) {
        let group = records.iter().take_while(|record| record.priority == priority);
        let sum: u32 = group.clone().map(|record| u32::from(record.weight)).sum();
        let pick = random(sum);
        let mut running = 0;
        let at = group.clone().position(|record| {
            running += u32::from(record.weight);
            running >= pick
        });
        drawn.push(records.remove(at.unwrap_or(0)));
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn srv(priority: u16, weight: u16, host: &str) -> Srv {
        Srv { priority, weight, port: 5060, host: host.to_owned() }
    }

    fn hosts(records: Vec<Srv>, random: impl FnMut(u32) -> u32) -> String {
        in_order(records, random).into_iter().map(|record| record.host).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn priorities_come_first_and_weights_are_drawn() {
        let records =
            || vec![srv(20, 0, "backup"), srv(10, 60, "big"), srv(10, 20, "small"), srv(10, 0, "idle")];
        // idle 0, small 20, big 80 are the running sums.
        assert_eq!(hosts(records(), |_| 0), "idle small big backup");
        assert_eq!(hosts(records(), |most| most), "big small idle backup");
        assert_eq!(hosts(records(), |most| most.min(20)), "small big idle backup");
    }

    #[test]
    fn shares_follow_weights() {
        let mut seed = 1u32;
        let mut random = |most: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % (most + 1)
        };
        let first = |random: &mut dyn FnMut(u32) -> u32| {
            hosts(vec![srv(1, 75, "big"), srv(1, 25, "small")], random).starts_with("big")
        };
        let big = (0..4_000).filter(|_| first(&mut random)).count();
        assert!((2_850..3_150).contains(&big), "{big} of 4000");
    }

    #[test]
    fn a_service_that_is_declined_has_no_servers() {
        assert_eq!(hosts(vec![srv(0, 0, ".")], |_| 0), "");
        assert_eq!(hosts(vec![Srv { port: 0, ..srv(0, 0, "a.") }], |_| 0), "");
    }

    #[test]
    fn naptrs_are_ordered_and_what_we_cannot_speak_is_left_out() {
        let naptr = |order, preference, flags: &str, services: &str, replacement: &str| Naptr {
            order,
            preference,
            flags: flags.to_owned(),
            services: services.to_owned(),
            replacement: replacement.to_owned(),
        };
        let services = of_naptrs(vec![
            naptr(50, 50, "S", "sip+d2u", "udp.a.example."),
            naptr(10, 90, "s", "SIP+D2T", "tcp.a.example."),
            naptr(10, 10, "s", "SIPS+D2T", "tls.a.example."),
            naptr(1, 1, "s", "SIP+D2S", "sctp.a.example."),
            naptr(1, 1, "u", "E2U+sip", "."),
            naptr(1, 1, "", "SIP+D2U", "more.a.example."),
        ]);
        let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(names, ["tls.a.example.", "tcp.a.example.", "udp.a.example."]);
        assert_eq!(services[0].protocol, Protocol::Tls);
    }
}
