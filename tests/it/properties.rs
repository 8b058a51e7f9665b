//! Properties over arbitrary input.
