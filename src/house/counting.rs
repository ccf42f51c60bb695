//! Cores count, shells export: what each room has counted, carried to the metrics.
#![expect(clippy::disallowed_methods, reason = "a shell reads the clock")]

use std::sync::Arc;
use std::time::Instant;

use super::House;
use crate::call::{Board, Mailbox};
use crate::clock::wall_now;
use crate::metrics::{self, Metrics, trunk_label};

impl House {
    /// Cores count; here their counts are carried to where they are shown.
    pub(super) fn count(&mut self, metrics: &Metrics, board: Board, mailbox: Mailbox) {
        // Weak: what is counted must not be kept alive by the counting.
        let (media, webhooks) = (Arc::downgrade(&self.media), Arc::downgrade(&self.webhooks));
        let (store, queued) = (self.store.clone(), self.dialer.queue_length());
        let (admission, directory) = (self.admission.clone(), self.directory.clone());
        let cashier = self.cashier.clone();
        metrics.add_source(move |metrics| {
            let counts = board.read();
            metrics.export_sip(0, &counts.sip);
            metrics.export_udp(&counts.endpoint);
            metrics.export_streams(&counts.streams);
            metrics.export_lines(&counts.lines);
            metrics.calls_live(counts.calls);
            metrics.export_queues(queued(), mailbox.dropped());
            metrics.export_store(&store.counters());
            if let Some(cashier) = &cashier {
                let (charged, holds) = cashier.accounts().counts();
                metrics.export_billing(charged, holds);
            }
            let now = Instant::now();
            let snapshot = directory.snapshot();
            let trunks = snapshot.trunks().iter();
            let standing =
                trunks.map(|trunk| (trunk_label(trunk.tenant, &trunk.name), admission.report(now, trunk)));
            metrics.export_trunks(standing, now);
            if let Some(media) = media.upgrade() {
                metrics.export_media(&media.counters());
            }
            if let Some(webhooks) = webhooks.upgrade() {
                metrics.export_webhooks(&webhooks.counters());
            }
        });
        let (metrics, calendar) = (metrics.clone(), self.admission.clone());
        self.task(|stop| async move {
            let mut upkeep = tokio::time::interval(metrics::UPKEEP);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = upkeep.tick() => {
                        metrics.upkeep();
                        calendar.handle_calendar(Instant::now(), wall_now());
                    }
                }
            }
        });
    }
}
