//! baresip as the callee: it registers, answers at once, says hello, and keeps a file of what it heard.

use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::Wire;
use super::kamailio::{Kamailio, PASSWORD};
use crate::switch::{TO, die_with_the_test, eventually};

/// A running baresip. Dropping it ends it.
pub struct Baresip {
    folder: TempDir,
    child: Child,
}

impl Baresip {
    /// Starts it, and waits until it is registered as the usual callee.
    pub fn register(kamailio: &Kamailio, wire: Wire) -> Self {
        let folder = tempfile::Builder::new().prefix("trunkline-baresip-").tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
        let uri = kamailio.uri(wire).replacen("sip:", &format!("sip:{TO}@"), 1);
        let uri =
            if uri.contains(";transport=") { uri } else { format!("{uri};transport={}", wire.transport()) };
        let encryption = if matches!(wire, Wire::TlsSrtp) { ";mediaenc=srtp-mand" } else { "" };
        write(
            "accounts",
            &format!("<{uri}>;auth_user=callee;auth_pass={PASSWORD};answermode=auto;regint=60{encryption}\n"),
        );
        write("contacts", "");
        // The proxy opens a connection of its own to the callee, so the callee is a TLS server too.
        let issued = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
        write("cert.pem", &(issued.cert.pem() + &issued.signing_key.serialize_pem()));
        let path = folder.path().display().to_string();
        hello(&folder.path().join("hello.wav"));
        write("config", &CONFIG.replace("@PORT@", &free_port().to_string()).replace("@FOLDER@", &path));
        let log = File::create(folder.path().join("log")).expect("a file");
        let mut command = Command::new("baresip");
        command
            .args(["-f", &path, "-v", "-s"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log);
        let child = die_with_the_test(&mut command).spawn().expect("baresip is installed");
        let mut baresip = Self { folder, child };
        baresip.await_registered();
        baresip
    }

    /// What it decoded of the last call, at 8 kHz.
    pub fn heard(&self) -> Vec<i16> {
        let files = std::fs::read_dir(self.folder.path()).expect("its folder");
        let dumps = files.filter_map(Result::ok).map(|entry| entry.path());
        let Some(dump) = dumps.filter(|path| path.to_string_lossy().ends_with("-dec.wav")).max() else {
            return Vec::new();
        };
        let wav = std::fs::read(dump).unwrap_or_default();
        let Some(data) = wav.windows(4).position(|chunk| chunk == b"data") else { return Vec::new() };
        wav[data + 8..].chunks_exact(2).map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]])).collect()
    }

    /// Every message and what it thought of it.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join("log")).unwrap_or_default())
            .into_owned()
    }

    fn await_registered(&mut self) {
        eventually("baresip to be registered", || {
            let ended = self.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "baresip ended: {ended:?}");
            self.log().contains("[1 binding]").then_some(())
        });
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        // Fails only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- baresip ---\n{}--- end ---", self.log());
        }
    }
}

/// "Hello?" and then silence, as 16-bit PCM: at the end of the file baresip would hang up.
fn hello(path: &Path) {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/simulator/audio/hello.wav");
    let clip = trunkline_media::Clip::from_wav(&std::fs::read(clip).expect("the clip is in the repository"))
        .expect("it is a WAV file");
    let mut samples = vec![0_i16; 30 * 8_000];
    trunkline_media::g711::Law::Mu.decode(clip.pcmu(), &mut samples[..clip.pcmu().len()]);
    let bytes = u32::try_from(samples.len() * 2).expect("half a minute is short");
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    for word in [16_u32, 1 | 1 << 16, 8_000, 16_000, 2 | 16 << 16] {
        wav.extend(word.to_le_bytes());
    }
    wav.extend(b"data");
    wav.extend(bytes.to_le_bytes());
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(path, wav).expect("the clip is written");
}

/// A port of 127.0.0.1 that is free over UDP and TCP, and the one after it. baresip sends its audio from that address
/// whatever it advertises, so it cannot have one of its own.
fn free_port() -> u16 {
    let free = |port: u16| {
        UdpSocket::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok()
    };
    let mut offered = std::iter::repeat_with(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.local_addr().expect("it is bound").port()
    });
    offered.find(|&port| port < u16::MAX && free(port) && free(port + 1)).expect("an endless supply")
}

const CONFIG: &str = "\
net_interface 127.0.0.1
poll_method epoll
sip_listen 127.0.0.1:@PORT@
sip_certificate @FOLDER@/cert.pem
call_local_timeout 120
call_max_calls 4
audio_player aubridge,sink
audio_source aufile,@FOLDER@/hello.wav
audio_alert aubridge,none
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
jitter_buffer_type fixed
jitter_buffer_delay 1-5
snd_path @FOLDER@
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module srtp.so
module uuid.so
module_tmp account.so
module_app menu.so
";
