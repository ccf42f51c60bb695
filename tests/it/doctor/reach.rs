//! Carriers that cannot be reached.

use std::net::{SocketAddrV4, UdpSocket};

use super::fake::Fake;
use super::{Diagnosis, doctor, examine, examine_with};
use crate::switch::{Place, Setup};

#[test]
fn nobody_listens_at_the_port() {
    let place = Place::claim();
    examine(Setup::new(), &place).only_fault("port-refused", &["`uri`", ":5080"]);
}

#[test]
fn a_firewall_swallows_everything() {
    let place = Place::claim();
    let _silent = UdpSocket::bind(place.trunk_sip()).expect("a free port");
    examine_with(Setup::new(), &place, &[]).only_fault("no-answer", &["firewall", ":5080"]);
}

#[test]
fn answers_to_the_wrong_port() {
    let place = Place::claim();
    let _fake = Fake::without_rport(place.trunk_sip());
    let diagnosis = examine_with(Setup::new(), &place, &[]);
    diagnosis.only_warning("no-rport", &["rport", "`advertise`"]);
}

#[test]
fn drops_tcp() {
    let place = Place::claim();
    let _fake = Fake::that_drops_connections(place.trunk_sip());
    let uri = format!("sip:{};transport=tcp", place.trunk_sip());
    let diagnosis = rewritten(Setup::new(), &place, &uri, None);
    diagnosis.only_fault("connection-dropped", &["drops our connection", "`uri`"]);
}

#[test]
fn a_certificate_of_somebody_else() {
    let (place, issued) = (Place::claim(), issue("other.example", Life::Good));
    let _fake = Fake::over_tls(place.trunk_sip(), &issued.certificate, &issued.key);
    let diagnosis = tls(&place, &issued);
    diagnosis.only_fault("certificate-name", &["`tls.server_name = \"other.example\"`"]);
}

#[test]
fn a_certificate_that_has_expired() {
    let place = Place::claim();
    let issued = issue(&place.trunk.to_string(), Life::Over);
    let _fake = Fake::over_tls(place.trunk_sip(), &issued.certificate, &issued.key);
    tls(&place, &issued).only_fault("certificate-expired", &["renew its certificate"]);
}

#[test]
fn a_certificate_that_ends_soon() {
    let place = Place::claim();
    let issued = issue(&place.trunk.to_string(), Life::Ending);
    let _fake = Fake::over_tls(place.trunk_sip(), &issued.certificate, &issued.key);
    tls(&place, &issued).only_warning("certificate-expiring", &["in 12 days", "renew its certificate"]);
}

#[test]
fn a_certificate_of_an_unknown_authority() {
    let place = Place::claim();
    let name = place.trunk.to_string();
    let issued = issue(&name, Life::Good);
    let _fake = Fake::over_tls(place.trunk_sip(), &issued.certificate, &issued.key);
    tls(&place, &issue(&name, Life::Good)).only_fault("certificate-untrusted", &["`tls.ca`"]);
}

#[test]
fn a_good_certificate_is_no_fault() {
    let place = Place::claim();
    let issued = issue(&place.trunk.to_string(), Life::Good);
    let _fake = Fake::over_tls(place.trunk_sip(), &issued.certificate, &issued.key);
    let diagnosis = tls(&place, &issued);
    diagnosis.sound();
    assert!(diagnosis.came_back("tls").contains("certificate is good"), "{}", diagnosis.said);
}

#[test]
fn a_dead_first_target() {
    let place = Place::claim();
    let _alive = Fake::sound(place.trunk_sip());
    let dead = SocketAddrV4::new(place.neighbour(7), 5080);
    let names = SocketAddrV4::new(place.neighbour(53), 5353);
    let _names = Fake::name_server(names, "carrier.example", &[dead, place.trunk_sip()]);
    let setup = Setup::new().sip(&format!("nameservers = [\"{names}\"]"));
    let diagnosis = rewritten(setup, &place, "sip:carrier.example", None);
    diagnosis.only_fault("srv-target-dead", &[&dead.to_string(), "DNS"]);
    assert!(diagnosis.came_back("names").contains("SRV of _sip._udp.carrier.example"), "{}", diagnosis.said);
    assert!(diagnosis.came_back("options").contains("200 OK"), "{}", diagnosis.said);
}

/// Examines the usual trunk at another URI, over TLS with this authority.
fn rewritten(setup: Setup, place: &Place, uri: &str, authority: Option<&str>) -> Diagnosis {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config =
        setup.config(place).replace(&format!("\"sip:{}\"", place.trunk_sip()), &format!("\"{uri}\""));
    if let Some(authority) = authority {
        std::fs::write(folder.path().join("ca.pem"), authority).expect("written");
        let ca = folder.path().join("ca.pem");
        config =
            config.replace("username = ", &format!("tls = {{ ca = \"{}\" }}\nusername = ", ca.display()));
    }
    std::fs::write(folder.path().join("trunkline.toml"), config).expect("written");
    doctor(folder.path(), &[])
}

fn tls(place: &Place, authority: &Issued) -> Diagnosis {
    let uri = format!("sip:{};transport=tls", place.trunk_sip());
    rewritten(Setup::new(), place, &uri, Some(&authority.authority))
}

/// A certificate, its key, and the authority that signed it, in PEM.
pub struct Issued {
    pub certificate: String,
    pub key: String,
    pub authority: String,
}

/// Whether a certificate is still good.
pub enum Life {
    Good,
    Over,
    /// For twelve days more.
    Ending,
}

#[expect(clippy::disallowed_methods, reason = "a certificate that ends soon, ends soon from now")]
pub fn issue(name: &str, life: Life) -> Issued {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::new(Vec::new()).expect("no names");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = ca.self_signed(&ca_key).expect("a certificate").pem();
    let key = KeyPair::generate().expect("a key");
    let mut own = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    (own.not_before, own.not_after) = match life {
        Life::Good => (date_time_ymd(2020, 1, 1), date_time_ymd(4000, 1, 1)),
        Life::Over => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
        Life::Ending => {
            let end = std::time::SystemTime::now() + std::time::Duration::from_secs(12 * 86_400 + 3_600);
            (date_time_ymd(2020, 1, 1), end.into())
        }
    };
    let issuer = Issuer::from_params(&ca, &ca_key);
    let certificate = own.signed_by(&key, &issuer).expect("a certificate").pem();
    Issued { certificate, key: key.serialize_pem(), authority }
}
