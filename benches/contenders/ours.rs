//! This crate's layer, in forms that differ in cost.

use std::{sync::Arc, time::Duration};

use http::Method;
use tonic::service::InterceptorLayer;
use tower_authn::{
    Access, AccessTable, AuthnInterceptor, AuthnLayer, Credential, Principal, Rejection, Verifier,
    access::Policy,
    cache::{Cached, WithoutHead},
    verifier::{FixedTokens, FixedUsers},
};

use super::{
    Client::{Basic, Bearer, Grpc, StoredToken},
    Contender, PASSWORD, TOKEN, USER,
    peers::{CALLERS, Caller},
    stored,
};

pub fn all() -> Vec<Contender> {
    vec![
        Contender::guard(
            "**`AuthnLayer`**, 1 token, no principal",
            Bearer,
            AuthnLayer::new(tokens(1)).without_principal(),
        ),
        Contender::guard(
            "**`AuthnLayer`**, 1 token",
            Bearer,
            AuthnLayer::new(tokens(1)),
        ),
        Contender::guard(
            "**`AuthnLayer`**, 10 tokens",
            Bearer,
            AuthnLayer::new(tokens(10)),
        ),
        Contender::guard(
            "**`AuthnLayer`**, 10 tokens, `boxed`",
            Bearer,
            AuthnLayer::new(tokens(10).boxed()),
        ),
        Contender::guard(
            "**`AuthnLayer`**, 10 tokens `or` 1 user, Basic",
            Basic,
            AuthnLayer::new(tokens(10).or(users())),
        ),
        Contender::guard(
            "**`AuthnLayer`**, an immediate verifier over a `HashMap`",
            Bearer,
            AuthnLayer::new(Own),
        ),
        Contender::guard(
            "**`AuthnLayer`**, the same, which reads no head",
            Bearer,
            AuthnLayer::new(OwnHeadless),
        ),
        Contender::guard(
            "**`AuthnLayer`**, a verifier that may wait, over a `HashMap`",
            Bearer,
            AuthnLayer::new(OwnAsync),
        ),
        Contender::guard(
            "**`AuthnLayer`**, `Cached` in front of 10 tokens",
            Bearer,
            AuthnLayer::new(cached()),
        ),
        Contender::guard(
            "**`AuthnLayer`**, a store of 1,000, no principal",
            StoredToken,
            AuthnLayer::new(stored::verifier()).without_principal(),
        ),
        Contender::guard(
            "**`AuthnLayer`**, a store of 1,000",
            StoredToken,
            AuthnLayer::new(stored::verifier()),
        ),
        guard_with("**`AuthnLayer`**, 10 tokens, a scope", scope()),
        guard_with("**`AuthnLayer`**, 10 tokens, a table of 10 rows", table(10)).path(ROUTE),
        guard_with("**`AuthnLayer`**, 10 tokens, a table of 50 rows", table(50)).path(ROUTE),
        guard_with(
            "**`AuthnLayer`**, 10 tokens, a table of 1,000 rows",
            table(1_000),
        )
        .path(ROUTE),
        guard_with(
            "**`AuthnLayer`**, 10 tokens, a table of 1,000 rows, gRPC method",
            table(1_000),
        )
        .path("/inference.v1.Inference/Generate"),
        guard_with(
            "**`AuthnLayer`**, 10 tokens, a table of 1,000 rows, gRPC service",
            table(1_000),
        )
        .path("/training.v1.Training/Submit"),
        guard_with(
            "**`AuthnLayer`**, 10 tokens, a table of 1,000 rows, path with a parameter",
            table(1_000),
        )
        .path("/api/v1/deployments/d-0123456789/pods"),
        Contender::guard(
            "**`AuthnLayer`**, 10 tokens, gRPC",
            Grpc,
            AuthnLayer::new(tokens(10)),
        ),
        Contender::guard(
            "**`AuthnInterceptor`**, 10 tokens, gRPC",
            Grpc,
            InterceptorLayer::new(AuthnInterceptor::new(tokens(10))),
        ),
    ]
}

/// Guards with a policy, of callers that have its scope.
fn guard_with(name: &'static str, policy: impl Policy) -> Contender {
    let layer = AuthnLayer::new(tokens(10)).access(policy);
    Contender::guard(name, Bearer, layer)
}

const SCOPE: &str = "deployment";

fn scope() -> Access {
    Access::scope(SCOPE).expect("a scope")
}

/// A route of every [`table`].
const ROUTE: &str = "/api/v1/deployments/9/status";

/// Returns a table with as many rows, of which one in ten has a parameter.
fn table(rows: usize) -> AccessTable {
    let table = AccessTable::builder()
        .grpc("inference.v1.Inference", "Generate", scope())
        .grpc_service("training.v1.Training", scope())
        .any("/api/v1/deployments/{id}/pods", scope());
    let table = (3..rows).fold(table, |table, row| {
        let path = match row % 10 {
            0 => format!("/api/v1/volumes/{row}/{{id}}"),
            _ => format!("/api/v1/deployments/{row}/status"),
        };
        table.route(Method::POST, &path, scope())
    });
    table.build().expect("distinct rows")
}

/// Returns a list that ends with the good token.
fn tokens(count: usize) -> FixedTokens {
    let others = (1..count).map(|n| format!("{n:048}"));
    let tokens = others.chain([TOKEN.to_owned()]);
    let caller = || Principal::new("ci").with_scopes([SCOPE]);
    let with_principal = tokens.map(|token| (token, caller().expect("a scope")));
    FixedTokens::new(with_principal).expect("tokens of 48 bytes")
}

fn users() -> FixedUsers {
    FixedUsers::new([(USER, PASSWORD, Principal::new(USER))]).expect("a long password")
}

/// Returns a cache of a verifier that the layer must await. Nothing ends in a run.
fn cached() -> Cached<WithoutHead<MayWait>> {
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    Cached::builder(WithoutHead::new(MayWait(tokens(10))))
        .ttl(year)
        .refusal_ttl(year)
        .build()
}

/// A list that the layer must await, although it never waits.
struct MayWait(FixedTokens);

impl Verifier for MayWait {
    type Principal = Principal;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        self.0.verify(credential).await
    }
}

/// A verifier of a user's own, which is ready at its first poll.
struct Own;

impl Verifier for Own {
    type Principal = Arc<Caller>;

    const IMMEDIATE: bool = true;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Arc<Caller>, Rejection> {
        let found = CALLERS.get(credential.token()).cloned();
        found.ok_or_else(Rejection::invalid)
    }
}

/// The same verifier if it reads only the credential.
struct OwnHeadless;

impl Verifier for OwnHeadless {
    type Principal = Arc<Caller>;

    const IMMEDIATE: bool = true;
    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Arc<Caller>, Rejection> {
        Own.verify(credential).await
    }
}

/// The same verifier as far as the layer knows one that may wait.
struct OwnAsync;

impl Verifier for OwnAsync {
    type Principal = Arc<Caller>;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Arc<Caller>, Rejection> {
        Own.verify(credential).await
    }
}
