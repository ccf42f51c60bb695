//! `POST /v1/trunks/{id or name}/doctor`: what is wrong with a trunk, for any key of its tenant.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::error::json;
use super::keyed::as_writer;
use super::{Api, body, do_not_call};
use crate::doctor::{DoctorError, Finding, PracticeError, Probe, Verdict};
use crate::face::Problem;
use crate::model::{Key, PhoneNumber, Refusal, StoredResponse};

/// What may be asked. Nothing at all is a request too.
#[derive(Deserialize, Default, utoipa::ToSchema)]
#[schema(as = native::ExaminationRequest)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// Whom to call.
    #[schema(pattern = r"^\+[1-9][0-9]{1,14}$")]
    to: Option<String>,
    /// Whether to call: `to` alone means yes.
    call: Option<bool>,
    /// An echo service answers.
    echo: bool,
    /// Put it on hold and take it back.
    hold: bool,
}

/// `POST /v1/trunks/{id or name}/doctor`. It calls, if it is asked to: a write.
pub async fn examine(
    State(api): State<Api>,
    wanted: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    as_writer(&api, &headers, async |key| findings(&api, key, wanted, &headers, body).await).await
}

async fn findings(
    api: &Api,
    key: &Key,
    wanted: Result<Path<String>, PathRejection>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path(wanted) = wanted.map_err(|_| Problem::NoSuchPath)?;
    let body = body::read(headers, body, api.body_max, api.body_timeout).await?;
    let (call, probe) = probe(&body)?;
    let snapshot = api.directory.snapshot();
    let own = || snapshot.trunks().iter().filter(|trunk| trunk.tenant == key.tenant);
    let named = own().find(|trunk| trunk.name == wanted);
    let found = named.or_else(|| own().find(|trunk| trunk.id.to_string() == wanted));
    let trunk = found.ok_or(Problem::NoSuchPath)?;
    if let Some(to) = &call {
        do_not_call::forbid(api, key, to).await?;
    }
    let findings = api.practice.examine(key, trunk, call, probe).await.map_err(refused)?;
    Ok(json(StoredResponse { status: 200, body: document(&trunk.name, &findings) }))
}

/// The number to call, if there is to be a call, and what to try in it.
fn probe(body: &[u8]) -> Result<(Option<PhoneNumber>, Probe), Refusal> {
    if body.trim_ascii().is_empty() {
        return Ok((None, Probe::default()));
    }
    let invalid = |field: &str, reason: String| Refusal::InvalidField { field: field.to_owned(), reason };
    crate::face::must_be_object(body)?;
    let asked: Asked = serde_json::from_slice(body)
        .map_err(|error| invalid("body", format!("is not understood: {error}")))?;
    let to = asked.to.as_deref().map(str::parse).transpose();
    let to = to.map_err(|_| Refusal::InvalidPhone { field: "to" })?;
    if to.is_none() && asked.call == Some(true) {
        return Err(Refusal::MissingField("to"));
    }
    let call = to.filter(|_| asked.call.unwrap_or(true));
    Ok((call, Probe { echo: asked.echo, hold: asked.hold }))
}

/// As `trunkline trunk doctor --json` prints it.
fn document(trunk: &str, findings: &[Finding]) -> String {
    let is_faulty = findings.iter().any(|finding| finding.verdict == Verdict::Fault);
    let verdict = if is_faulty { Verdict::Fault } else { Verdict::Ok };
    serde_json::json!({ "trunk": trunk, "verdict": verdict, "findings": findings }).to_string()
}

pub fn refused(error: PracticeError) -> Problem {
    match error {
        PracticeError::Busy => Problem::ExaminationRunning,
        PracticeError::Doctor(DoctorError::Destination { rule, .. }) => {
            Problem::Refused(Refusal::DestinationForbidden { reason: rule })
        }
        PracticeError::Doctor(error) => {
            tracing::error!(%error, "a trunk could not be examined");
            Problem::Refused(Refusal::Overloaded("no socket for an examination"))
        }
        PracticeError::Panicked => Problem::Internal,
    }
}
