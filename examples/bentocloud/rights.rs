//! The rights, in one list: what each route and each gRPC method requires.
//!
//! Plain data, from which the access table is made, and which the tests hold
//! a table of their own against. What is not in it is denied.
//!
//! Where a path names a `{deployment}`, and where one is made, a token that is
//! held to targets must be held to that one.

/// What a place requires of its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing.
    Public,
    /// Any of the scopes in this list: whoever may do something on the control
    /// plane may log in to it. A token for deployments alone may not.
    ControlPlane,
    /// This scope, which [`RESOURCES`] covers.
    Scope(&'static str),
    /// What the deployment says: nothing where it is public, [`CALL`] where it
    /// is protected or is not there.
    Deployment,
}

use Need::{ControlPlane, Deployment, Public, Scope};

/// The scope of those who call protected deployments.
pub(crate) const CALL: &str = "deployment";

/// The scope that covers all others of the control plane.
pub(crate) const RESOURCES: &str = "resources";

/// Method, path, need. GET stands for HEAD too.
#[rustfmt::skip]
pub(crate) const ROUTES: &[(&str, &str, Need)] = &[
    ("GET",    "/api/v1/auth/current",             ControlPlane),
    ("GET",    "/api/v1/current_org",              ControlPlane),
    ("GET",    "/api/v1/members",                  Scope("resources:access")),
    ("GET",    "/api/v1/api_tokens",               Scope("resources:access")),
    ("POST",   "/api/v1/api_tokens",               Scope("resources:access")),
    ("GET",    "/api/v1/api_tokens/{uid}",         Scope("resources:access")),
    ("DELETE", "/api/v1/api_tokens/{uid}",         Scope("resources:access")),
    ("GET",    "/api/v1/cluster",                  Scope("resources:cluster")),
    ("PUT",    "/api/v1/cluster",                  Scope("resources:cluster")),
    ("GET",    "/api/v1/models",                   Scope("resources:models:pull")),
    ("GET",    "/api/v1/models/{name}",            Scope("resources:models:pull")),
    ("PUT",    "/api/v1/models/{name}",            Scope("resources:models:push")),
    ("DELETE", "/api/v1/models/{name}",            Scope("resources:models:delete")),
    ("GET",    "/api/v1/bentos",                   Scope("resources:bentos:pull")),
    ("GET",    "/api/v1/bentos/{name}",            Scope("resources:bentos:pull")),
    ("PUT",    "/api/v1/bentos/{name}",            Scope("resources:bentos:push")),
    ("DELETE", "/api/v1/bentos/{name}",            Scope("resources:bentos:delete")),
    ("GET",    "/api/v1/deployments",              Scope("resources:deployments:read")),
    ("POST",   "/api/v1/deployments",              Scope("resources:deployments:create")),
    ("GET",    "/api/v1/deployments/{deployment}", Scope("resources:deployments:read")),
    ("PATCH",  "/api/v1/deployments/{deployment}", Scope("resources:deployments:update")),
    ("DELETE", "/api/v1/deployments/{deployment}", Scope("resources:deployments:terminate")),
    ("POST",   "/apps/{deployment}",               Deployment),
    ("POST",   "/apps/{deployment}/",              Deployment),
    ("POST",   "/apps/{deployment}/generate",      Deployment),
    ("GET",    "/apps/{deployment}/readyz",        Deployment),
    ("GET",    "/apps/{deployment}/schema.json",   Deployment),
];

/// Service, method, need.
#[rustfmt::skip]
pub(crate) const METHODS: &[(&str, &str, Need)] = &[
    ("inference.v1.Inference",                   "Generate",             Deployment),
    ("inference.v1.Inference",                   "GenerateStream",       Deployment),
    ("grpc.health.v1.Health",                    "Check",                Public),
    ("grpc.health.v1.Health",                    "Watch",                Public),
    ("grpc.reflection.v1.ServerReflection",      "ServerReflectionInfo", Public),
    ("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo", Public),
];
