//! All vectors that concern headers, challenges, paths and messages.
