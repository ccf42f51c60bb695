//! What each row means, said a second time by somebody who does not look at the table.
