//! Everything through the public API, in one binary.

#![expect(clippy::unwrap_used, reason = "a test may")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "what is made for one call reads better without a borrow"
)]
#![expect(
    unreachable_pub,
    reason = "modules of one binary, nothing is reachable"
)]

mod support;

mod access;
mod allocations;
mod answers;
#[cfg(feature = "axum")]
mod axum_serve;
mod bentocloud;
mod bodies;
mod browser;
mod cached;
mod examples;
mod expiry;
mod floors;
mod following;
mod freedoms;
mod generated;
mod grpc;
mod guide;
mod hygiene;
mod jwt;
mod manage;
mod middleware;
mod parsing;
mod properties;
mod proxies;
mod races;
mod real_clients;
mod resource;
mod rows;
mod stores;
mod timing;
mod tokens;
mod tools;
mod uploads;
mod usage;
mod validity;
mod vectors;
#[cfg(feature = "tokens")]
mod watched;
