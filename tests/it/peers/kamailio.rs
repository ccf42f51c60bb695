//! kamailio as a carrier: a registrar and a proxy that stays in the route, over UDP, TCP and TLS.

use std::fs::File;
use std::net::SocketAddrV4;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::Wire;
use crate::switch::{Place, eventually};

/// A running kamailio at the trunk's address of a place. Dropping it ends it and all its processes.
pub struct Kamailio {
    folder: TempDir,
    child: Child,
    udp: SocketAddrV4,
    tls: SocketAddrV4,
}

impl Kamailio {
    /// Starts it with a certificate of its own, and waits until it listens.
    pub fn start(place: &Place) -> Self {
        let folder = tempfile::Builder::new().prefix("trunkline-kamailio-").tempdir().expect("a folder");
        let udp = place.trunk_sip();
        let tls = SocketAddrV4::new(*udp.ip(), udp.port() + 1);
        let issued = rcgen::generate_simple_self_signed(vec![udp.ip().to_string()]).expect("a certificate");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
        write("cert.pem", &issued.cert.pem());
        write("key.pem", &issued.signing_key.serialize_pem());
        let path = folder.path().display().to_string();
        let listen = format!("listen=udp:{udp}\nlisten=tcp:{udp}\nlisten=tls:{tls}\n");
        write("kamailio.cfg", &CONFIG.replace("@LISTEN@", &listen).replace("@FOLDER@", &path));
        let log = File::create(folder.path().join("log")).expect("a file");
        let mut command = Command::new("kamailio");
        command
            .args(["-DD", "-E", "-m", "32", "-M", "4"])
            .args(["-f", &format!("{path}/kamailio.cfg"), "-P", &format!("{path}/pid"), "-Y", &path])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            // It forks; all of it must go at the end.
            .process_group(0);
        let child = command.spawn().expect("kamailio is installed");
        let mut kamailio = Self { folder, child, udp, tls };
        kamailio.await_listening();
        kamailio
    }

    /// Where the trunk is, for this transport.
    pub fn uri(&self, wire: Wire) -> String {
        match wire {
            Wire::Udp => format!("sip:{}", self.udp),
            Wire::Tcp => format!("sip:{};transport=tcp", self.udp),
            Wire::TlsSrtp => format!("sip:{};transport=tls", self.tls),
        }
    }

    /// The certificate of whoever signed its certificate: its own.
    pub fn certificate(&self) -> String {
        self.folder.path().join("cert.pem").display().to_string()
    }

    /// What it and its processes logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join("log")).unwrap_or_default())
            .into_owned()
    }

    fn await_listening(&mut self) {
        let (child, udp) = (&mut self.child, self.udp);
        eventually("kamailio to listen", || {
            let ended = child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "kamailio ended: {ended:?}");
            std::net::TcpStream::connect(udp).ok()
        });
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Fails only if it is gone already.
        let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- kamailio ---\n{}--- end ---", self.log());
        }
    }
}

/// Everybody's password at this carrier.
pub const PASSWORD: &str = "trunkpass";

const CONFIG: &str = r#"#!KAMAILIO
debug=2
log_stderror=yes
children=1
tcp_children=1
enable_tls=yes
@LISTEN@
loadmodule "tls.so"
loadmodule "kex.so"
loadmodule "corex.so"
loadmodule "pv.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "@FOLDER@/cert.pem")
modparam("tls", "private_key", "@FOLDER@/key.pem")
modparam("tls", "verify_certificate", 0)
modparam("usrloc", "db_mode", 0)
modparam("registrar", "min_expires", 60)
modparam("auth", "qop", "auth")

request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    if (has_totag()) {
        if (loose_route()) { t_relay(); exit; }
        if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
        sl_send_reply("404", "Not Here");
        exit;
    }
    t_check_trans();
    if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("carrier.test", "trunkpass", "0")) { www_challenge("carrier.test", "1"); exit; }
        save("location");
        exit;
    }
    if (!pv_proxy_authenticate("carrier.test", "trunkpass", "0")) { proxy_challenge("carrier.test", "1"); exit; }
    consume_credentials();
    record_route();
    if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
    t_relay();
}
"#;
