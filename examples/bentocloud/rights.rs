//! The rights: one list of what each route and each gRPC method requires.
//!
//! The list is plain data. The access table is built from it, and the tests compare it
//! with a table of their own. A route that is not in the list is not found.
//!
//! A target is the name of a deployment. A token with targets manages these deployments
//! and the tokens that are restricted to them. It may not use what belongs to the whole
//! organization.

/// The scope that a route requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing.
    Public,
    /// Any of the scopes in this list: a token that may do something on the control
    /// plane may log in to it. A token for deployments alone may not.
    ControlPlane,
    /// This scope, which [`RESOURCES`] covers.
    Scope(&'static str),
    /// Nothing if the deployment is public, and [`CALL`] if it is protected or does not
    /// exist.
    Deployment,
}

/// The part of a route that is open to a token with targets and the right scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// The deployments among its targets. The handlers check each.
    Deployments,
    /// Nothing: 403.
    Nothing,
    /// The same as for any other token: the answer is about the caller alone.
    Same,
    /// The tokens without other targets. The handlers check each.
    Tokens,
}

use Held::{Deployments, Nothing, Same, Tokens};
use Need::{ControlPlane, Deployment, Public, Scope};

/// The scope to call protected deployments.
pub(crate) const CALL: &str = "deployment";

/// The scope that covers all others of the control plane.
pub(crate) const RESOURCES: &str = "resources";

/// The method, path and need of each route, and its part for tokens with targets. A GET
/// row covers HEAD.
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

/// The service, method and need of each gRPC method.
#[rustfmt::skip]
pub(crate) const METHODS: &[(&str, &str, Need)] = &[
    ("inference.v1.Inference",                   "Generate",             Deployment),
    ("inference.v1.Inference",                   "GenerateStream",       Deployment),
    ("grpc.health.v1.Health",                    "Check",                Public),
    ("grpc.health.v1.Health",                    "Watch",                Public),
    ("grpc.reflection.v1.ServerReflection",      "ServerReflectionInfo", Public),
    ("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo", Public),
];

/// The paths of the CLI that this example leaves out, since it stores whole files and
/// runs nothing. A token that may log in gets 501 there.
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

/// Returns the scopes of the control plane. Each is enough to log in.
pub(crate) fn control_plane_scopes() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().filter_map(|row| match row.2 {
        Scope(scope) => Some(scope),
        _ => None,
    })
}
