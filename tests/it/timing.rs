//! Comparison and timing: rows B.
