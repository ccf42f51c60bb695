//! The addresses that the house cannot do without. All are taken before anything is settled, told or dialled: what somebody else
//! holds, or what is not this machine's, ends the start, and has cost nothing.

use std::net::UdpSocket;

use tokio::net::TcpListener;
use trunkline_sip::Endpoint;

use super::HouseError;
use super::opening::io_error;
use crate::config::Config;

/// Those that are bound once and for all.
pub(super) struct Sockets {
    pub http: TcpListener,
    pub sip: Endpoint,
}

impl Sockets {
    /// Nobody is heard before they are served.
    pub async fn bind(config: &Config) -> Result<Self, HouseError> {
        let sip = endpoint(config)?;
        let listen = config.http.listen;
        let http =
            TcpListener::bind(listen).await.map_err(io_error(&format!("HTTP cannot listen on {listen}")))?;
        media(config)?;
        Ok(Self { http, sip })
    }
}

fn endpoint(config: &Config) -> Result<Endpoint, HouseError> {
    let bound = Endpoint::bind(&config.sip.listen, config.sip.tls.clone());
    let endpoint = bound.map_err(io_error("SIP cannot listen"))?;
    for (address, error) in endpoint.alone() {
        tracing::warn!(
            %address, %error,
            "no TCP beside this UDP address: long requests leave as datagrams, and nobody reaches it by TCP"
        );
    }
    Ok(endpoint)
}

/// Media sockets are bound call by call; whether their address is ours is known now.
fn media(config: &Config) -> Result<(), HouseError> {
    let address = config.media.address;
    let bound = UdpSocket::bind((address, 0)).map(drop);
    bound.map_err(io_error(&format!("media.address = \"{address}\"")))
}
