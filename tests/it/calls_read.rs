//! `GET /v1/calls`, `/v1/calls/{id}` and `/v1/calls/{id}/recording`: whole calls, and what is shown of them.

mod list;
mod oddities;
mod personas;
mod recording;
