//! What a verdict allocates, counted.
