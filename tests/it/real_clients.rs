//! Real clients against the real example.
