//! What the workers count. Each publishes its own figures by plain stores; readers add them up.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Sums over all workers since the start; shells export them.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// One worker's figures, for others to read.
        #[derive(Debug, Default)]
        pub(crate) struct Published {
            $($name: AtomicU64,)*
        }

        impl Published {
            pub(crate) fn publish(&self, counters: &Counters) {
                $(self.$name.store(counters.$name, Ordering::Relaxed);)*
            }

            pub(crate) fn add_to(&self, sum: &mut Counters) {
                $(sum.$name += self.$name.load(Ordering::Relaxed);)*
            }
        }
    };
}

counters! {
    /// Legs open now.
    legs,
    /// Legs ever opened.
    legs_opened,
    /// RTP packets taken from peers.
    packets_in,
    /// RTP packets given to peers.
    packets_out,
    /// Datagrams that the kernel refused to send.
    send_failures,
    /// Packets that never came.
    lost,
    /// Packets that came too late to be heard.
    late,
    /// Packets that came twice.
    duplicates,
    /// Frames made up for loss or delay.
    concealed,
    /// Datagrams of sources that aren't the peer.
    strangers,
    /// Datagrams that are neither RTP nor RTCP.
    malformed,
    /// RTP of payload types that were not agreed upon.
    unknown_payload,
    /// Packets that aren't under the peer's SRTP key.
    unauthentic,
    /// SRTP and SRTCP that came before.
    replayed,
    /// Cycles of 20 ms that a thread slept through.
    overruns,
    /// Ticks of legs that came too late to send anything.
    ticks_missed,
    /// Rules, clips and digits refused because there were too many.
    refused,
    /// Reports dropped because their sink was full.
    reports_dropped,
    /// Recordings that ended, well or not.
    recordings,
    /// Recordings that ended with an error.
    recordings_failed,
    /// Stereo frames that the recorder's ring had no room for; silence stands for them.
    frames_dropped,
}
