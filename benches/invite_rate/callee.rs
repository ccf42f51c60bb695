//! A trunk that notes when each INVITE came and declines it at once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;

pub struct Decliner {
    pub address: SocketAddr,
    arrivals: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Decliner {
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        let arrivals = Arc::new(Mutex::new(HashMap::new()));
        tokio::spawn(decline(socket, Arc::clone(&arrivals)));
        Self { address, arrivals }
    }

    /// From each request to its INVITE. Fails unless every call asked for arrives by the deadline.
    pub async fn waits(&self, asked: &[(String, Instant)], deadline: Duration) -> Vec<Duration> {
        let until = Instant::now() + deadline;
        let mut look = tokio::time::interval(Duration::from_millis(50));
        while self.arrivals.lock().expect("never poisoned").len() < asked.len() {
            assert!(Instant::now() < until, "an INVITE did not come");
            look.tick().await;
        }
        let arrivals = self.arrivals.lock().expect("never poisoned");
        asked.iter().map(|(number, begun)| arrivals[number].saturating_duration_since(*begun)).collect()
    }
}

async fn decline(socket: UdpSocket, arrivals: Arc<Mutex<HashMap<String, Instant>>>) {
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let now = Instant::now();
        let text = String::from_utf8_lossy(&buffer[..length]);
        let Some(number) = text.strip_prefix("INVITE sip:").and_then(|rest| rest.split('@').next()) else {
            continue;
        };
        arrivals.lock().expect("never poisoned").entry(number.to_owned()).or_insert(now);
        let copied = ["via:", "from:", "call-id:", "cseq:"];
        let mut answer = String::from("SIP/2.0 486 Busy Here\r\n");
        for line in text.lines() {
            let lower = line.to_ascii_lowercase();
            if copied.iter().any(|name| lower.starts_with(name)) {
                answer += &format!("{line}\r\n");
            } else if lower.starts_with("to:") {
                answer += &format!("{line};tag=busy\r\n");
            }
        }
        answer += "Content-Length: 0\r\n\r\n";
        let _ = socket.send_to(answer.as_bytes(), from).await;
    }
}
