//! What the switch wrote down of a call, read from its database beside it: what no face of the API shows.

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row};
use tokio::runtime::Builder;

use super::switch::{Switch, eventually};

/// A call's row, with the number of its events and of those that were delivered.
pub fn row(switch: &Switch, call_id: &str) -> Value {
    let query = "SELECT json_object('state', state, 'disposition', disposition, 'ended_by', ended_by,
            'sip_status', sip_status, 'detail', detail, 'q850', q850, 'verdict', verdict, 'verdict_reason', verdict_reason,
            'evidence', json(verdict_evidence), 'dead_air_ms', dead_air_ms, 'recording', recording,
            'recording_error', recording_error, 'dialog', json(dialog), 'trunk', trunk, 'invites', json(invites),
            'events', (SELECT count(*) FROM outbox WHERE outbox.call = calls.call),
            'delivered', (SELECT count(*) FROM outbox WHERE outbox.call = calls.call AND outbox.state = 'delivered'))
        FROM calls WHERE call = ?";
    let options = SqliteConnectOptions::new().filename(switch.data_dir().join("trunkline.db"));
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let text: String = runtime.block_on(async {
        let mut connection = options.connect().await.expect("the database is there");
        let row = sqlx::query(query).bind(number(call_id)).fetch_one(&mut connection).await;
        row.expect("the call was accepted, so it is there").get(0)
    });
    serde_json::from_str(&text).expect("JSON")
}

/// A call's row once its end is on disk, which the API shows a moment earlier.
pub fn ended(switch: &Switch, call_id: &str) -> Value {
    eventually(&format!("the row of {call_id}"), || {
        Some(row(switch, call_id)).filter(|row| row["state"] == "ended")
    })
}

/// The integer that `CA…` renders.
pub fn number(call_id: &str) -> i64 {
    i64::from_str_radix(call_id.trim_start_matches("CA"), 16).expect("hexadecimal")
}

/// The first column of what a query finds.
pub fn texts(switch: &Switch, query: &'static str) -> Vec<Option<String>> {
    let options = SqliteConnectOptions::new().filename(switch.data_dir().join("trunkline.db"));
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection = options.connect().await.expect("the database is there");
        let rows = sqlx::query(query).fetch_all(&mut connection).await.expect("a valid query");
        rows.iter().map(|row| row.get(0)).collect()
    })
}

/// Changes the rows of a switch that does not run.
pub fn execute(switch: &Switch, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(switch.data_dir().join("trunkline.db"));
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection = options.connect().await.expect("the database is there");
        sqlx::query(statement).execute(&mut connection).await.expect("a valid statement");
    });
}
