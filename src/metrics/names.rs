//! The names, and what is said of them.

/// A metric's name and what `# HELP` says of it.
pub(super) struct Metric(pub &'static str, pub &'static str);

pub(super) const BUILD_INFO: Metric =
    Metric("trunkline_build_info", "Always 1; the label says which version runs.");
pub(super) const CALLS_STARTED: Metric = Metric("trunkline_calls_started_total", "Calls accepted, by trunk.");
pub(super) const CALLS_ENDED: Metric =
    Metric("trunkline_calls_ended_total", "Calls that ended, by trunk and by how they ended.");
pub(super) const CALLS_REFUSED: Metric =
    Metric("trunkline_calls_refused_total", "Requests for a call that started nothing, by reason.");
pub(super) const CALLS_LIVE: Metric = Metric("trunkline_calls_live", "Calls alive now.");
pub(super) const CALL_SETUP: Metric =
    Metric("trunkline_call_setup_seconds", "From the request for a call to its INVITE on the wire.");
pub(super) const CALL_RING: Metric =
    Metric("trunkline_call_ring_seconds", "From the first sign of ringing to the answer or the end.");
pub(super) const CALL_DURATION: Metric =
    Metric("trunkline_call_duration_seconds", "From the answer to the end, of answered calls.");
pub(super) const CALL_DEAD_AIR: Metric =
    Metric("trunkline_call_dead_air_seconds", "From the verdict to the agent's first packet.");
pub(super) const AMD_VERDICTS: Metric =
    Metric("trunkline_amd_verdicts_total", "Last verdicts of the answering machine detection, by class.");
pub(super) const HTTP_REQUESTS: Metric =
    Metric("trunkline_http_requests_total", "HTTP requests answered, by route and status.");
pub(super) const HTTP_DURATION: Metric =
    Metric("trunkline_http_request_duration_seconds", "From a request's head to its answer's, by route.");
pub(super) const HTTP_CONNECTIONS: Metric =
    Metric("trunkline_http_connections", "HTTP connections open now.");
pub(super) const LOG_LINES_DROPPED: Metric =
    Metric("trunkline_log_lines_dropped_total", "Log lines lost because nobody read standard error.");
pub(super) const MEDIA_LEGS: Metric = Metric("trunkline_media_legs", "Media legs open now.");
pub(super) const STORE_COMMITS: Metric =
    Metric("trunkline_store_commits_total", "Transactions that the store committed.");
pub(super) const STORE_ROWS: Metric =
    Metric("trunkline_store_rows_total", "Rows that those transactions wrote.");
pub(super) const STORE_FAILURES: Metric =
    Metric("trunkline_store_failures_total", "Transactions of the store that failed.");
pub(super) const STORE_QUEUED: Metric =
    Metric("trunkline_store_queued_writes", "Writes waiting for the store's writer now.");
pub(super) const BILLING_CHARGED: Metric =
    Metric("trunkline_billing_charged_micros_total", "What calls that ended have cost, in micros.");
pub(super) const BILLING_HOLDS: Metric =
    Metric("trunkline_billing_holds", "Calls that money is kept back for now.");
pub(super) const REVIEWS: Metric = Metric(
    "trunkline_reviews_total",
    "Tries to go over a call that is over, by part (transcription or analysis) and result: done, retried or failed.",
);
pub(super) const REVIEW_SECONDS: Metric =
    Metric("trunkline_review_seconds", "What such a try took, by part.");
pub(super) const WEBHOOK_TRIES: Metric = Metric(
    "trunkline_webhook_tries_total",
    "Tries to deliver an event, by result: delivered, retried or dead.",
);
pub(super) const WEBHOOK_IN_FLIGHT: Metric =
    Metric("trunkline_webhook_tries_in_flight", "Tries to deliver an event under way now.");

pub(super) const UDP_DATAGRAMS: Metric =
    Metric("trunkline_sip_datagrams_total", "Datagrams of the SIP sockets, by what became of them.");
pub(super) const SIP_CONNECTIONS: Metric =
    Metric("trunkline_sip_connections_total", "SIP connections over TCP and TLS, by what became of them.");
pub(super) const SIP_STREAM_MESSAGES: Metric =
    Metric("trunkline_sip_stream_messages_total", "SIP messages that connections carried, by direction.");
pub(super) const CALLS_QUEUED: Metric =
    Metric("trunkline_calls_queued", "Accepted calls that wait for room now.");
pub(super) const MAILBOX_DROPPED: Metric =
    Metric("trunkline_mailbox_dropped_total", "Inputs lost because a shard's mailbox was full.");

pub(super) const AGENT_LINES_ENDED: Metric = Metric(
    "trunkline_agent_lines_ended_total",
    "Lines to bots, models and listeners that have ended, by why. What else they did is counted then.",
);

/// Where a line's count stands in its counters.
pub(super) type LineCount = fn(&crate::agent::line::Counters) -> u64;

pub(super) const AGENT_LINES: [(Metric, LineCount); 8] = [
    (Metric("trunkline_agent_frames_received_total", "20 ms that bots and models said."), |c| c.frames_in),
    (Metric("trunkline_agent_frames_sent_total", "20 ms of calls that they were sent."), |c| c.frames_out),
    (Metric("trunkline_agent_frames_late_total", "20 ms of calls that they were too slow to take."), |c| {
        c.passed_over
    }),
    (Metric("trunkline_agent_marks_total", "Marks that bots set."), |c| c.marks),
    (Metric("trunkline_agent_clears_total", "Times that what was said was taken back."), |c| c.clears),
    (Metric("trunkline_agent_messages_malformed_total", "Messages that could not be read."), |c| c.malformed),
    (
        Metric(
            "trunkline_agent_digits_dropped_total",
            "Digits dropped, either way, because too many waited.",
        ),
        |c| c.digits_dropped,
    ),
    (Metric("trunkline_agent_reconnections_total", "Connections after a line's first."), |c| c.reconnections),
];

/// Where a SIP count stands in the user agent's counters.
pub(super) type SipCount = fn(&trunkline_sip::Counters) -> u64;

pub(super) const SIP: [(Metric, SipCount); 23] = [
    (Metric("trunkline_sip_messages_received_total", "SIP messages that came in."), |c| c.messages_in),
    (Metric("trunkline_sip_messages_sent_total", "SIP messages that left, retransmissions included."), |c| {
        c.messages_out
    }),
    (Metric("trunkline_sip_malformed_total", "Datagrams that are no usable SIP message."), |c| c.malformed),
    (Metric("trunkline_sip_keepalives_total", "Keep-alives that came in."), |c| c.keepalives),
    (Metric("trunkline_sip_strangers_total", "Requests from addresses that are not trusted."), |c| {
        c.strangers
    }),
    (Metric("trunkline_sip_stray_responses_total", "Responses that match no transaction."), |c| {
        c.stray_responses
    }),
    (Metric("trunkline_sip_stray_acks_total", "ACKs that match nothing."), |c| c.stray_acks),
    (Metric("trunkline_sip_request_retransmissions_sent_total", "Requests sent again."), |c| {
        c.retransmissions_out
    }),
    (Metric("trunkline_sip_response_retransmissions_sent_total", "Responses sent again."), |c| {
        c.response_retransmissions_out
    }),
    (Metric("trunkline_sip_request_retransmissions_received_total", "Requests seen before."), |c| {
        c.retransmissions_in
    }),
    (Metric("trunkline_sip_timeouts_total", "Client transactions that timed out."), |c| c.timeouts),
    (Metric("trunkline_sip_invites_sent_total", "INVITEs sent as a new call."), |c| c.invites_out),
    (Metric("trunkline_sip_invites_received_total", "INVITEs received as a new call."), |c| c.invites_in),
    (Metric("trunkline_sip_answers_total", "Answers to our INVITEs."), |c| c.answered),
    (Metric("trunkline_sip_cancels_sent_total", "CANCELs sent."), |c| c.cancels_out),
    (
        Metric("trunkline_sip_answers_after_cancel_total", "Answers that raced our CANCEL and were ended."),
        |c| c.answers_after_cancel,
    ),
    (Metric("trunkline_sip_forks_ended_total", "Answers of another fork, ended."), |c| c.forks_ended),
    (Metric("trunkline_sip_acks_repeated_total", "Answers that came again."), |c| c.acks_repeated),
    (Metric("trunkline_sip_challenges_answered_total", "Requests repeated with credentials."), |c| {
        c.challenges_answered
    }),
    (Metric("trunkline_sip_failovers_total", "Requests carried over to the next address."), |c| c.failovers),
    (Metric("trunkline_sip_overloaded_total", "New work refused because a maximum was reached."), |c| {
        c.overloaded
    }),
    (Metric("trunkline_sip_refused_total", "Requests refused before anybody was asked."), |c| c.refused),
    (Metric("trunkline_sip_merged_total", "Requests refused as merged."), |c| c.merged),
];

/// Where a media count stands in the media plane's counters.
pub(super) type MediaCount = fn(&trunkline_media::Counters) -> u64;

pub(super) const MEDIA: [(Metric, MediaCount); 20] = [
    (Metric("trunkline_rtp_packets_received_total", "RTP packets taken from peers."), |c| c.packets_in),
    (Metric("trunkline_rtp_packets_sent_total", "RTP packets given to peers."), |c| c.packets_out),
    (Metric("trunkline_rtp_send_failures_total", "Datagrams that the kernel refused to send."), |c| {
        c.send_failures
    }),
    (Metric("trunkline_rtp_packets_lost_total", "RTP packets that never came."), |c| c.lost),
    (Metric("trunkline_rtp_packets_late_total", "RTP packets that came too late to be heard."), |c| c.late),
    (Metric("trunkline_rtp_duplicates_total", "RTP packets that came twice."), |c| c.duplicates),
    (Metric("trunkline_rtp_frames_concealed_total", "Frames made up for loss or delay."), |c| c.concealed),
    (Metric("trunkline_rtp_strangers_total", "Datagrams of sources that are not the peer."), |c| c.strangers),
    (Metric("trunkline_rtp_malformed_total", "Datagrams that are neither RTP nor RTCP."), |c| c.malformed),
    (Metric("trunkline_rtp_unknown_payload_total", "RTP of payload types that were not agreed upon."), |c| {
        c.unknown_payload
    }),
    (Metric("trunkline_rtp_unauthentic_total", "Packets that are not under the peer's SRTP key."), |c| {
        c.unauthentic
    }),
    (Metric("trunkline_rtp_replayed_total", "SRTP and SRTCP packets that came before."), |c| c.replayed),
    (Metric("trunkline_media_legs_opened_total", "Media legs ever opened."), |c| c.legs_opened),
    (Metric("trunkline_media_overruns_total", "Cycles of 20 ms that a media thread slept through."), |c| {
        c.overruns
    }),
    (
        Metric("trunkline_media_ticks_missed_total", "Ticks of legs that came too late to send anything."),
        |c| c.ticks_missed,
    ),
    (
        Metric(
            "trunkline_media_refused_total",
            "Rules, clips and digits refused because there were too many.",
        ),
        |c| c.refused,
    ),
    (Metric("trunkline_media_reports_dropped_total", "Reports dropped because a mailbox was full."), |c| {
        c.reports_dropped
    }),
    (Metric("trunkline_recordings_total", "Recordings that ended, well or not."), |c| c.recordings),
    (Metric("trunkline_recordings_failed_total", "Recordings that ended with an error."), |c| {
        c.recordings_failed
    }),
    (
        Metric(
            "trunkline_recording_frames_dropped_total",
            "Stereo frames that the recorder had no room for.",
        ),
        |c| c.frames_dropped,
    ),
];

/// Bounds of each histogram's buckets, in seconds.
pub(super) const BUCKETS: [(&Metric, &[f64]); 6] = [
    (&REVIEW_SECONDS, &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0]),
    (&CALL_SETUP, &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0]),
    (&CALL_RING, &[0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0]),
    (&CALL_DURATION, &[1.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0]),
    (&CALL_DEAD_AIR, &[0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0]),
    (&HTTP_DURATION, &[0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0]),
];

pub(super) const TRUNK_STATE: Metric =
    Metric("trunkline_trunk_state", "1 for the state that a trunk is in: unknown, up, degraded or down.");
pub(super) const TRUNK_CALLS: Metric = Metric("trunkline_trunk_calls", "Channels of a trunk in use now.");
pub(super) const TRUNK_CPS: Metric = Metric(
    "trunkline_trunk_cps_limit",
    "New calls a second that a trunk takes now; 0 where there is no limit.",
);
pub(super) const TRUNK_HELD: Metric = Metric(
    "trunkline_trunk_held_seconds",
    "For how much longer a trunk asked to be left alone (Retry-After).",
);
pub(super) const TRUNK_OPTIONS: Metric = Metric(
    "trunkline_trunk_options_seconds",
    "From the last OPTIONS to a trunk to what came back, or to the end of the waiting.",
);

pub(super) const PEOPLE: Metric = Metric(
    "trunkline_people",
    "People who take calls in a browser, by state: signed_in, or free, who wait for a call and are among them.",
);
pub(super) const PEOPLE_WAITING: Metric =
    Metric("trunkline_people_calls_waiting", "Calls that wait for somebody to talk to.");
pub(super) const PEOPLE_CALLS: Metric = Metric(
    "trunkline_people_calls_total",
    "Calls that wanted somebody, by what became of that: assigned, abandoned (nobody was free in time) or withdrawn (over \
     before); and of those assigned, passed (to a colleague), lost (with the person's audio) or returned (the person came back in \
     time).",
);

pub(super) const CAMPAIGNS: Metric = Metric(
    "trunkline_campaigns",
    "Campaigns that something is to be done for now, by status: running or scheduled.",
);
pub(super) const CAMPAIGNS_HELD_BACK: Metric = Metric(
    "trunkline_campaigns_held_back",
    "Running campaigns that dial one call for each person who is free, though they might dial ahead: nearly 3 % of their callees \
     heard nobody.",
);
pub(super) const CAMPAIGN_RECIPIENTS: Metric = Metric(
    "trunkline_campaign_recipients_total",
    "Campaigns' recipients, by what was done: claimed, dialled, failed (could not be called) or released (given back).",
);
