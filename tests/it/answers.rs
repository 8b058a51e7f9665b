//! Every row of the table of answers, on every protocol.
