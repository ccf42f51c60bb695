//! What is examined, and from where. Values only.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use trunkline_sip::{Protocol, Target, Timers};

use crate::config::{Config, FILE_TENANT, Rules};
use crate::model::{Number, PhoneNumber, Trunk, is_reachable};

/// A trunk, the switch around it, and how far the examination may go.
#[derive(Clone, Debug)]
pub struct Patient {
    /// The trunk.
    pub trunk: Arc<Trunk>,
    /// The configured SIP address; the doctor takes another port of it.
    pub sip: SocketAddr,
    /// What Via and Contact say instead.
    pub advertise: Option<IpAddr>,
    /// The name servers; none: the system's.
    pub nameservers: Vec<SocketAddr>,
    /// Where its names may lead.
    pub within: Within,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// T1, T2, T4.
    pub timers: Timers,
    /// Where RTP sockets are bound.
    pub media: IpAddr,
    /// What SDP says instead.
    pub media_advertise: Option<IpAddr>,
    /// The port pool of the switch: what a firewall lets through.
    pub ports: RangeInclusive<u16>,
    /// The number that calls.
    pub from: Option<PhoneNumber>,
    /// The number to call; without it nothing rings.
    pub call: Option<PhoneNumber>,
    /// What else is tried in that call.
    pub probe: Probe,
}

/// To public addresses and into these networks; `None`: anywhere, since the trunk is the operator's own.
#[derive(Clone, Debug)]
pub struct Within(Option<Vec<IpNet>>);

impl Within {
    /// Where this trunk's names may lead by these rules.
    pub fn of(trunk: &Trunk, rules: &Rules) -> Self {
        Self((trunk.tenant != FILE_TENANT).then(|| rules.sip_addresses.clone()))
    }

    /// Those of these that requests may go to.
    pub fn reachable(&self, mut targets: Vec<Target>) -> Vec<Target> {
        if let Some(allowed) = &self.0 {
            targets.retain(|target| is_reachable(target.address.ip(), allowed));
        }
        targets
    }
}

/// What else a call may try, of what not every callee can do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Probe {
    /// An echo service answers: digits that do not come back are told.
    pub echo: bool,
    /// Put the callee on hold and take it back.
    pub hold: bool,
}

/// Repetitions over UDP come after 1, 3, 7 and 15 T1 (RFC 3261 §17.1.2.2): who has not answered by then is not there.
const PATIENCE_T1: u32 = 16;

impl Patient {
    /// The number that calls: the first outbound one of the trunk's.
    pub fn caller<'a>(mut numbers: impl Iterator<Item = &'a Number>, trunk: &Trunk) -> Option<PhoneNumber> {
        let dials =
            |number: &&Number| number.outbound && number.trunks.iter().any(|choice| choice.trunk == trunk.id);
        numbers.find(dials).map(|number| number.e164.clone())
    }

    /// A trunk, seen from the switch of this configuration.
    pub fn new(
        config: &Config,
        trunk: Arc<Trunk>,
        from: Option<PhoneNumber>,
        call: Option<PhoneNumber>,
    ) -> Self {
        let listen = &config.sip.listen;
        let sip = listen.iter().find(|listen| listen.protocol == Protocol::Udp).unwrap_or(&listen[0]);
        let advertised = config.sip.advertised(*sip).ip();
        Self {
            sip: sip.address,
            advertise: (advertised != sip.address.ip()).then_some(advertised),
            nameservers: config.sip.nameservers.clone(),
            within: Within::of(&trunk, &config.objects.rules),
            user_agent: config.sip.user_agent.clone(),
            timers: Timers { t1: config.sip.t1, t2: config.sip.t2, t4: config.sip.t4, ..Timers::default() },
            media: config.media.address,
            media_advertise: config.media.advertise,
            ports: config.media.ports.clone(),
            from,
            call,
            probe: Probe::default(),
            trunk,
        }
    }

    /// How long an answer is waited for.
    pub fn patience(&self) -> Duration {
        self.timers.t1 * PATIENCE_T1
    }
}
