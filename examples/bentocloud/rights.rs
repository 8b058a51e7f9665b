//! The rights, in one list: what each route and each gRPC method requires.
//!
//! Plain data, from which the access table is made, and which the tests hold
//! a table of their own against. What is not in it is not there.
//!
//! A target is the name of a deployment. A token that is held to targets manages
//! these deployments, and the tokens that are held to them; what belongs to the
//! whole organization is not for it.

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

/// What a token that is held to targets gets, where its scopes suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// The deployments that it is held to. The handlers ask for each.
    Deployments,
    /// Nothing: 403.
    Nothing,
    /// The same as any other: the answer is about its holder alone.
    Same,
    /// The tokens that are held to no other targets. The handlers ask for each.
    Tokens,
}

use Held::{Deployments, Nothing, Same, Tokens};
use Need::{ControlPlane, Deployment, Public, Scope};

/// The scope of those who call protected deployments.
pub(crate) const CALL: &str = "deployment";

/// The scope that covers all others of the control plane.
pub(crate) const RESOURCES: &str = "resources";

/// Method, path, need, and what a token with targets gets. GET stands for HEAD too.
#[rustfmt::skip]
pub(crate) const ROUTES: &[(&str, &str, Need, Held)] = &[
    ("GET",    "/api/v1/auth/current",               ControlPlane,                             Same),
    ("GET",    "/api/v1/current_org",                ControlPlane,                             Same),
    ("GET",    "/api/v1/members",                    Scope("resources:access"),                Nothing),
    ("GET",    "/api/v1/api_tokens",                 Scope("resources:access"),                Tokens),
    ("POST",   "/api/v1/api_tokens",                 Scope("resources:access"),                Tokens),
    ("GET",    "/api/v1/api_tokens/{uid}",           Scope("resources:access"),                Tokens),
    ("DELETE", "/api/v1/api_tokens/{uid}",           Scope("resources:access"),                Tokens),
    ("GET",    "/api/v1/cluster",                    Scope("resources:cluster"),               Nothing),
    ("PUT",    "/api/v1/cluster",                    Scope("resources:cluster"),               Nothing),
    ("GET",    "/api/v1/models",                     Scope("resources:models:pull"),           Nothing),
    ("GET",    "/api/v1/models/{name}",              Scope("resources:models:pull"),           Nothing),
    ("PUT",    "/api/v1/models/{name}",              Scope("resources:models:push"),           Nothing),
    ("DELETE", "/api/v1/models/{name}",              Scope("resources:models:delete"),         Nothing),
    ("GET",    "/api/v1/bentos",                     Scope("resources:bentos:pull"),           Nothing),
    ("GET",    "/api/v1/bentos/{name}",              Scope("resources:bentos:pull"),           Nothing),
    ("PUT",    "/api/v1/bentos/{name}",              Scope("resources:bentos:push"),           Nothing),
    ("DELETE", "/api/v1/bentos/{name}",              Scope("resources:bentos:delete"),         Nothing),
    ("GET",    "/api/v1/deployments",                Scope("resources:deployments:read"),      Deployments),
    ("POST",   "/api/v1/deployments",                Scope("resources:deployments:create"),    Deployments),
    ("GET",    "/api/v1/deployments/{deployment}",   Scope("resources:deployments:read"),      Deployments),
    ("PATCH",  "/api/v1/deployments/{deployment}",   Scope("resources:deployments:update"),    Deployments),
    ("DELETE", "/api/v1/deployments/{deployment}",   Scope("resources:deployments:terminate"), Deployments),
    ("POST",   "/apps/{deployment}",                 Deployment,                               Deployments),
    ("POST",   "/apps/{deployment}/",                Deployment,                               Deployments),
    ("POST",   "/apps/{deployment}/generate",        Deployment,                               Deployments),
    ("GET",    "/apps/{deployment}/readyz",          Deployment,                               Deployments),
    ("GET",    "/apps/{deployment}/schema.json",     Deployment,                               Deployments),
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

/// Paths of the CLI for what this example leaves out: it stores whole files, and
/// runs nothing. Whoever may log in is told so.
pub(crate) const LEFT_OUT: &[&str] = &[
    "/api/v1/bento_repositories",
    "/api/v1/bento_repositories/{*rest}",
    "/api/v1/clusters",
    "/api/v1/clusters/{*rest}",
    "/api/v1/instance_types",
    "/api/v1/model_repositories",
    "/api/v1/model_repositories/{*rest}",
    "/api/v1/org_secrets",
    "/api/v1/org_secrets/{*rest}",
    "/api/v2/deployments",
    "/api/v2/deployments/{*rest}",
];

/// The scopes of the control plane, each of which suffices to log in.
pub(crate) fn of_control_plane() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().filter_map(|row| match row.2 {
        Scope(scope) => Some(scope),
        _ => None,
    })
}
