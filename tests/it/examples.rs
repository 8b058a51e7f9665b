//! Every example is started and called.
