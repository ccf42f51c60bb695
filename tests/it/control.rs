//! What is done to calls of the real switch while they talk: by hand, through the API and the command line, and by the document that
//! an application's `answer_url` answers.

pub mod answerer;
mod documents;
mod guide;
mod native;

pub use answerer::Answerer;
