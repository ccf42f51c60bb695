//! The API's parts are the house's rooms: here they are put together, and served.

use std::time::Duration;

use tokio::net::TcpListener;

use super::House;
use super::opening::links;
use crate::campaign::Campaigns;
use crate::config::Config;
use crate::doctor::Practice;
use crate::http::{self, Api, Bounds, RateLimits, Readiness, Rehearse, Streams, Tickets};
use crate::keyfile::SwitchKey;
use crate::rehearsal::Rehearsal;

/// A client that takes nothing of an answer for so long is left: its place is another one's.
const UNREAD_MAX: Duration = Duration::from_secs(30);
/// How long requests under way may take once the API is told to stop.
const DRAIN: Duration = Duration::from_secs(5);

impl House {
    /// The door that opens last, on the address that was taken first.
    pub(super) fn open_api(
        &mut self,
        listener: TcpListener,
        config: &Config,
        key: &SwitchKey,
        campaigns: Campaigns,
    ) {
        let (dialer, store, vigil) = (self.dialer.clone(), self.store.clone(), self.vigil.clone());
        let streams = Streams::default();
        let api = Api::from(http::Parts {
            originate: self.dialer.clone().into(),
            control: self.dialer.clone().into(),
            directory: self.directory.clone(),
            store: self.store.clone(),
            journal: self.journal.clone(),
            streams: streams.clone(),
            wake: self.wake.clone(),
            cashier: self.cashier.clone(),
            operator_token: key.operator_token(),
            registry: self.registry.clone(),
            rehearse: {
                let rehearsal = Rehearsal::new(self.tts.clone());
                Rehearse::new(move |test| {
                    let rehearsal = rehearsal.clone();
                    async move { rehearsal.run(test).await }
                })
            },
            egress: self.egress.clone(),
            reception: self.reception.clone(),
            tickets: Tickets::new(key.stream_key()),
            #[cfg(feature = "browser")]
            floor: self.floor.clone(),
            admission: self.admission.clone(),
            campaigns,
            practice: Practice::new(config.clone(), self.directory.clone(), self.admission.clone()),
            metrics: self.metrics.clone(),
            readiness: Readiness::new(move || match (dialer.is_draining(), store.healthy()) {
                _ if vigil.is_lost() => Err("a part of the switch has died".into()),
                (true, _) => Err("draining".into()),
                (false, false) => Err("the database takes no writes at present".into()),
                (false, true) => Ok(()),
            }),
            data_dir: config.data_dir.clone(),
            public_url: config.http.public_url.clone(),
            links: links(config, key),
            body_hash_key: key.body_hash(),
            body_max: config.http.body_max,
            batch_body_max: config.http.batch_body_max,
            body_timeout: config.http.body_timeout,
            limits: RateLimits::default(),
        });
        let bounds = Bounds {
            connections_max: config.http.connections_max,
            header_timeout: config.http.header_timeout,
            unread_max: UNREAD_MAX,
            drain: DRAIN,
        };
        let (tls, metrics) = (self.https.clone(), self.metrics.clone());
        // A stream has no end of its own: it would be waited for, and cut.
        #[cfg(feature = "browser")]
        let floor = self.floor.clone();
        self.vital("http", |stop| async move {
            let closing = async {
                stop.cancelled().await;
                streams.close();
                #[cfg(feature = "browser")]
                floor.close().await;
            };
            tokio::join!(
                http::serve(listener, tls, http::router(api), metrics, bounds, stop.clone()),
                closing
            );
        });
    }
}
