//! The faces: one a vendor, each pure. A face parses a request, renders an answer, an error and an event, and signs;
//! it knows the model and nothing else, neither HTTP's types nor another face.

pub mod nixflex;
