//! Resource servers: their metadata, and their sessions.

mod challenges;
mod client;
mod metadata;
mod server;
#[cfg(feature = "tokens")]
mod sessions;

use tower_authn::{
    Principal,
    resource::{ResourceMetadata, ResourceMetadataBuilder},
    verifier::FixedTokens,
};

const ALICE: &str = "alice-9cLqJTbYzVvZyXHn";
const BOB: &str = "bob-kV0rXyRzNnMm3f7q";

/// The resource of most tests.
fn builder() -> ResourceMetadataBuilder {
    ResourceMetadata::builder("https://api.example.com/mcp")
        .authorization_server("https://login.example.com")
}

fn metadata() -> ResourceMetadata {
    builder().build().unwrap()
}

/// Alice may call the tool `echo`, Bob has no scope.
fn tokens() -> FixedTokens<Principal> {
    let alice = Principal::new("alice").with_scopes(["tools:echo"]).unwrap();
    FixedTokens::new([(ALICE, alice), (BOB, Principal::new("bob"))]).unwrap()
}
