//! What several faces' descriptions have in common.
#![expect(dead_code, reason = "these types are described, not built: bodies are read field by field")]

use utoipa::ToSchema;

/// A string, a number or a boolean.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum Scalar {
    Text(String),
    Number(f64),
    Flag(bool),
}
