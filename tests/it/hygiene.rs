//! What is never printed, kept or forwarded: rows H.
