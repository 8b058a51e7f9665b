//! The callers of a resource server, and their tokens.

use tower_authn::{Principal, verifier::FixedTokens};

pub const ALICE: &str = "alice-9cLqJTbYzVvZyXHn";
pub const BOB: &str = "bob-kV0rXyRzNnMm3f7q";

/// Alice may call the tool `echo`, Bob has no scope.
pub fn tokens() -> FixedTokens<Principal> {
    let alice = Principal::new("alice").with_scopes(["tools:echo"]).unwrap();
    FixedTokens::new([(ALICE, alice), (BOB, Principal::new("bob"))]).unwrap()
}
