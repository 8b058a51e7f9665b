//! The rights, in one list: what each route and each gRPC method requires.
//!
//! Plain data, from which the access table is made, and which the tests hold
//! their own table against. What is not in it is denied.
//!
//! Where a path names a `{deployment}`, a token that is held to targets must
//! be held to that one.

/// What a place requires of its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing.
    Public,
    /// Any scope of the control plane: each of these callers may log in.
    ControlPlane,
    /// This scope, which `resources` covers.
    Scope(&'static str),
    /// What the deployment says: nothing where it is public, the scope
    /// [`CALL`] where it is protected or is not there.
    Deployment,
}

/// What the caller of a protected deployment needs.
pub(crate) const CALL: &str = "deployment";

/// What all scopes of the control plane are below.
pub(crate) const RESOURCES: &str = "resources";

/// The scopes of the control plane.
pub(crate) const CONTROL_PLANE: &[&str] = &[
    "resources:access",
    "resources:bentos:delete",
    "resources:bentos:pull",
    "resources:bentos:push",
    "resources:cluster",
    "resources:deployments:create",
    "resources:deployments:read",
    "resources:deployments:terminate",
    "resources:deployments:update",
    "resources:models:delete",
    "resources:models:pull",
    "resources:models:push",
];

/// Method, path, need. GET stands for HEAD too.
pub(crate) const ROUTES: &[(&str, &str, Need)] = &[
    ("GET", "/api/v1/auth/current", Need::ControlPlane),
    ("GET", "/api/v1/current_org", Need::ControlPlane),
    ("GET", "/api/v1/api_tokens", ACCESS),
    ("POST", "/api/v1/api_tokens", ACCESS),
    ("GET", "/api/v1/api_tokens/{uid}", ACCESS),
    ("DELETE", "/api/v1/api_tokens/{uid}", ACCESS),
    ("GET", "/api/v1/members", ACCESS),
    ("GET", "/api/v1/cluster", CLUSTER),
    ("PUT", "/api/v1/cluster", CLUSTER),
    (
        "GET",
        "/api/v1/models",
        Need::Scope("resources:models:pull"),
    ),
    (
        "GET",
        "/api/v1/models/{name}",
        Need::Scope("resources:models:pull"),
    ),
    (
        "PUT",
        "/api/v1/models/{name}",
        Need::Scope("resources:models:push"),
    ),
    (
        "DELETE",
        "/api/v1/models/{name}",
        Need::Scope("resources:models:delete"),
    ),
    (
        "GET",
        "/api/v1/bentos",
        Need::Scope("resources:bentos:pull"),
    ),
    (
        "GET",
        "/api/v1/bentos/{name}",
        Need::Scope("resources:bentos:pull"),
    ),
    (
        "PUT",
        "/api/v1/bentos/{name}",
        Need::Scope("resources:bentos:push"),
    ),
    (
        "DELETE",
        "/api/v1/bentos/{name}",
        Need::Scope("resources:bentos:delete"),
    ),
    (
        "GET",
        "/api/v1/deployments",
        Need::Scope("resources:deployments:read"),
    ),
    (
        "POST",
        "/api/v1/deployments",
        Need::Scope("resources:deployments:create"),
    ),
    (
        "GET",
        "/api/v1/deployments/{deployment}",
        Need::Scope("resources:deployments:read"),
    ),
    (
        "PATCH",
        "/api/v1/deployments/{deployment}",
        Need::Scope("resources:deployments:update"),
    ),
    (
        "DELETE",
        "/api/v1/deployments/{deployment}",
        Need::Scope("resources:deployments:terminate"),
    ),
    ("POST", "/apps/{deployment}/generate", Need::Deployment),
    ("GET", "/apps/{deployment}/readyz", Need::Deployment),
    ("GET", "/apps/{deployment}/schema.json", Need::Deployment),
];

/// Service, method, need.
pub(crate) const METHODS: &[(&str, &str, Need)] = &[
    ("inference.v1.Inference", "Generate", Need::Deployment),
    ("inference.v1.Inference", "GenerateStream", Need::Deployment),
    ("grpc.health.v1.Health", "Check", Need::Public),
    ("grpc.health.v1.Health", "Watch", Need::Public),
    (
        "grpc.reflection.v1.ServerReflection",
        "ServerReflectionInfo",
        Need::Public,
    ),
    (
        "grpc.reflection.v1alpha.ServerReflection",
        "ServerReflectionInfo",
        Need::Public,
    ),
];

const ACCESS: Need = Need::Scope("resources:access");
const CLUSTER: Need = Need::Scope("resources:cluster");
