//! The guide: one chapter for each task, with programs that run.
//!
//! The chapters are the files of `docs/`, and this module exists in the
//! documentation alone.

macro_rules! chapters {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {$(
        $(#[$doc])*
        #[doc = include_str!(concat!("../docs/", $file))]
        pub mod $name {}
    )*};
}

chapters! {
    architecture = "architecture.md";
    migrating = "migrating.md";
    order_of_layers = "order-of-layers.md";
    own_store = "own-store.md";
    own_verifier = "own-verifier.md";
    policies = "policies.md";
    postgresql = "postgresql.md";
    testing = "testing.md";
    tokens = "tokens.md";
    websocket = "websocket.md";
}
