//! What two calls tell each other whose far ends talk: a call, and one that was made for it. Both live in one shard, and hear of
//! each other by function calls, in order.

use crate::model::{Dialled, DialogRecord, TrunkId};

/// Something that one call tells the other.
pub enum Tie {
    /// To the first: the second's phone rings, or speaks before it is answered.
    Ringing {
        /// In SIP's words.
        status: u16,
        /// It is heard.
        early: bool,
    },
    /// To the first: it answered, by this trunk and in this dialog.
    Answered(TrunkId, Option<Box<DialogRecord>>),
    /// To the first: it was told what it was to be told.
    Whispered,
    /// To the first: it is over.
    Over(Dialled),
    /// To the second: it is to end.
    HangUp,
    /// A key was pressed there.
    Pressed(char),
    /// The far end there holds us (RFC 3264 §8.4), and is not heard meanwhile; or takes us back.
    Held(bool),
}
