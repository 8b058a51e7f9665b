//! The guide: one chapter for each task, with programs that run as tests.
//!
//! The chapters are `DESIGN.md`, `SECURITY.md` and the files of `docs/`. This module
//! exists in the documentation alone.

macro_rules! chapters {
    ($($name:ident = $file:literal;)*) => {$(
        #[doc = include_str!(concat!("../", $file))]
        pub mod $name {}
    )*};
}

chapters! {
    architecture = "docs/architecture.md";
    bentocloud = "docs/bentocloud.md";
    caching = "docs/caching.md";
    design = "DESIGN.md";
    manage = "docs/manage.md";
    mcp = "docs/mcp.md";
    migrating = "docs/migrating.md";
    order_of_layers = "docs/order-of-layers.md";
    oauth = "docs/oauth.md";
    own_store = "docs/own-store.md";
    own_verifier = "docs/own-verifier.md";
    policies = "docs/policies.md";
    postgresql = "docs/postgresql.md";
    security = "SECURITY.md";
    testing = "docs/testing.md";
    tokens = "docs/tokens.md";
    websocket = "docs/websocket.md";
}
