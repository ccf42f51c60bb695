//! After a crash: whatever was alive is ended, once, and nobody is called again.
//!
//! An attempt found `accepted` never left (its prompt lived in memory alone). One found `dialing` may or may not have
//! rung: its fate is unknown and is said to be. One found `answered` gets a BYE from its stored dialog, and has cost what it
//! would have cost had it ended only now, but no more than was held: the line was open until that BYE. What was recorded of it is
//! its recording.

use std::fs::Metadata;
use std::time::Instant;

use trunkline_sip::{DialogState, Protocol};

use super::{DialerParts, leg};
use crate::call::{Command, Orphan};
use crate::clock::wall_now;
use crate::model::{
    CallEvent, CallFact, CallId, CallRecord, CallState, DialogRecord, Disposition, Outcome, RecordingResult,
    Takes, Trunk,
};
use crate::store::StoreError;
use crate::trunk::route;

/// Settles everything of earlier runs that the store calls unfinished; says how many calls that were. `first` is the first id of
/// this run: whatever has come in since lives.
pub async fn run(parts: &DialerParts, first: u64) -> Result<usize, StoreError> {
    let stray = parts.store.release_stray_holds(wall_now()).await?;
    if stray > 0 {
        tracing::warn!(holds = stray, "money was kept back for calls that do not live; it was given back");
    }
    let mut unfinished = parts.store.unfinished().await?;
    unfinished.retain(|(record, _)| record.call.get() < first);
    let count = unfinished.len();
    for (record, dialog) in unfinished {
        if let Some(cashier) = &parts.cashier {
            cashier.seat(record.tenant).await?;
        }
        settle(parts, record, dialog).await;
    }
    if count > 0 {
        tracing::warn!(calls = count, "calls of an earlier run were settled");
    }
    Ok(count)
}

async fn settle(parts: &DialerParts, record: CallRecord, dialog: Option<DialogRecord>) {
    let (call, now) = (record.call, Instant::now());
    let (disposition, why) = match record.state {
        CallState::Accepted => (Disposition::Interrupted, "the switch stopped before the call could start"),
        CallState::Dialing => {
            (Disposition::Indeterminate, "the switch stopped while the call was being set up")
        }
        CallState::Answered => (Disposition::Interrupted, "the switch stopped during the call"),
        CallState::Ended => return,
    };
    let mut dialogs = dialog;
    while let Some(mut dialog) = dialogs.take() {
        // Killed while it moved from one party to another, a call may have left both on the line.
        dialogs = dialog.before.take().map(|before| *before);
        let snapshot = parts.directory.snapshot();
        let trunk = snapshot.trunk(record.tenant, &dialog.trunk).map(|trunk| &**trunk);
        parts.mailbox.send(Command::End(Box::new(orphan(call, dialog, trunk)))).await;
    }
    // Fewer slots than calls alive at the crash can only mean a smaller configuration: the rest is settled next time.
    let Some(mut slot) = parts.journal.reserve() else {
        return tracing::error!(%call, "no slot to settle a call of an earlier run");
    };
    slot.keep(parts.cashier.as_ref().and_then(|cashier| cashier.accounts().adopt(&record)));
    parts.journal.adopt(slot, record);
    let recording = recorded(parts, call).await;
    let outcome = Outcome { recording, ..Outcome::by_switch(disposition, now, why) };
    (parts.events)(CallEvent { call, at: now, fact: CallFact::Ended(Box::new(outcome)) });
}

/// What an earlier run has recorded of a call, up to its last second: the header is right whenever it died, so that the file can be
/// played. Whether the answer was on disk by then does not matter: a file that no row names would lie there for ever.
async fn recorded(parts: &DialerParts, call: CallId) -> Option<RecordingResult> {
    let path = leg::recording(parts, call)?;
    let file = tokio::fs::metadata(&path).await.ok().filter(Metadata::is_file)?;
    let duration = trunkline_media::recorded_duration(file.len());
    (!duration.is_zero()).then(|| RecordingResult::Saved { path, duration, takes: Takes::default() })
}

/// A dialog to be ended as its trunk wants it: by its credentials, and by its TLS. A trunk that is gone wants nothing. Who had
/// called us over TLS, and showed no certificate, shows the trunk's when called back.
fn orphan(call: CallId, dialog: DialogRecord, trunk: Option<&Trunk>) -> Orphan {
    let (credentials, tls) = (trunk.and_then(route::credentials), trunk.and_then(route::tls));
    let mut dialog = state(dialog);
    dialog.tls_host = dialog.tls_host.or_else(|| Some(route::host(trunk?).to_owned()));
    Orphan { call, dialog, credentials, tls }
}

fn state(dialog: DialogRecord) -> DialogState {
    DialogState {
        call_id: dialog.call_id,
        local_tag: dialog.local_tag,
        remote_tag: dialog.remote_tag,
        local_uri: dialog.local_uri,
        remote_uri: dialog.remote_uri,
        remote_target: dialog.remote_target,
        route_set: dialog.route_set,
        local_cseq: dialog.local_cseq,
        remote: dialog.remote,
        protocol: protocol(dialog.transport.as_deref()),
        tls_host: dialog.tls_host,
    }
}

fn protocol(transport: Option<&str>) -> Protocol {
    let known = [Protocol::Tls, Protocol::Tcp].into_iter().find(|known| transport == Some(known.token()));
    known.unwrap_or(Protocol::Udp)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;

    fn dialog() -> DialogRecord {
        DialogRecord {
            call_id: "6f1c".into(),
            local_tag: "ours".into(),
            remote_tag: "theirs".into(),
            local_uri: "<sip:us@10.0.0.1>".into(),
            remote_uri: "<sips:them@carrier.example>".into(),
            remote_target: "sips:them@carrier.example".into(),
            route_set: Vec::new(),
            local_cseq: 3,
            remote: ([10, 0, 0, 2], 5061).into(),
            transport: Some("TLS".into()),
            tls_host: Some("carrier.example".into()),
            trunk: "t".into(),
            before: None,
        }
    }

    #[test]
    fn a_dialog_is_ended_by_the_credentials_and_the_tls_of_its_trunk() {
        let file = "[[trunk]]\nname = \"t\"\nuri = \"sips:carrier.example\"\nusername = \"u\"\npassword = \"p\"\n\
                    [trunk.tls]\nverify = false\n";
        let config = Config::parse("t.toml", file, []).unwrap_or_else(|error| panic!("{error}"));
        let trunk = &config.objects.trunks[0];
        let call = CallId::new(42).expect("below 2^53");
        let ended = orphan(call, dialog(), Some(trunk));
        let tls = &trunk.tls.as_ref().expect("configured").client;
        assert!(ended.tls.is_some_and(|used| Arc::ptr_eq(&used, tls)));
        assert!(ended.credentials.is_some());
        let ended = orphan(call, dialog(), None);
        assert!(ended.tls.is_none() && ended.credentials.is_none());
        let came_in = DialogRecord { tls_host: None, ..dialog() };
        let ended = orphan(call, came_in.clone(), Some(trunk));
        assert_eq!(ended.dialog.tls_host.as_deref(), Some("carrier.example"));
        assert_eq!(orphan(call, came_in, None).dialog.tls_host, None);
    }

    #[test]
    fn a_dialog_keeps_the_transport_it_was_stored_with_and_one_of_an_older_row_has_datagrams() {
        let read = |dialog: &DialogRecord| {
            let text = serde_json::to_string(dialog).unwrap_or_else(|error| panic!("{error}"));
            let dialog = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
            (text, state(dialog))
        };
        let (_, kept) = read(&DialogRecord { tls_host: Some("edge.example".into()), ..dialog() });
        assert_eq!((kept.protocol, kept.tls_host.as_deref()), (Protocol::Tls, Some("edge.example")));
        let (text, older) = read(&DialogRecord { transport: None, tls_host: None, ..dialog() });
        assert!(!text.contains("transport") && !text.contains("tls_host"), "as they were written: {text}");
        assert_eq!((older.protocol, older.tls_host), (Protocol::Udp, None));
    }
}
