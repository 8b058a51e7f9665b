//! Middleware and routing: rows C, readiness, the defects of others.

mod drain;
mod guards;
mod holes;
mod identity;
mod paths;
mod peers;
mod readiness;
mod routing;
mod stack;
mod swap;
mod trouble;
mod unnamed;
mod waking;

use http::StatusCode;
use tower::Layer;
use tower_authn::{AuthnLayer, Credential, Principal, Rejection, Verifier};

use crate::support::{Spy, Strict, TOKEN, ask, get};

/// Decides as another verifier does, but not at the first poll.
#[derive(Clone, Debug, Default)]
pub struct Waits<V>(pub V);

impl<V: Verifier> Verifier for Waits<V> {
    type Principal = V::Principal;

    async fn verify(&self, credential: &Credential<'_>) -> Result<V::Principal, Rejection> {
        tokio::task::yield_now().await;
        self.0.verify(credential).await
    }
}

/// The value of `Authorization` that [`Spy`] knows.
pub fn bearer() -> String {
    format!("Bearer {TOKEN}")
}

/// The status that a layer around a strict service answers with, and how often
/// the inner service was made ready and called for it.
pub async fn counted<V, A, R, B>(
    layer: &AuthnLayer<V, A, R>,
    request: http::Request<B>,
) -> (StatusCode, usize, usize)
where
    V: Verifier<Principal = Principal>,
    A: tower_authn::layer::Admission<Principal>,
    R: tower_authn::layer::Respond<String>,
    B: hyper::body::Body + Send + 'static,
{
    let inner = Strict::default();
    let response = ask(&layer.layer(inner.clone()), request).await;
    let (readied, called) = (inner.readied.count(), inner.called.count());
    (response.status(), readied, called)
}

/// Requests that differ from a refused one by the credential alone are let
/// through: whatever refuses everything passes no test that calls this.
pub async fn assert_refused_without_and_admitted_with_token<A>(
    layer: &AuthnLayer<Spy, A>,
    spy: &Spy,
    path: &str,
    headers: &[(&str, &str)],
) where
    A: tower_authn::layer::Admission<Principal>,
{
    let asked = spy.calls.count();
    let answer = counted(layer, get(path, headers)).await;
    assert_eq!(
        answer,
        (StatusCode::UNAUTHORIZED, 0, 0),
        "{path} {headers:?}"
    );
    assert_eq!(spy.calls.count(), asked, "{path} {headers:?}");

    let authorization = bearer();
    let with = [headers, &[("authorization", authorization.as_str())]].concat();
    let answer = counted(layer, get(path, &with)).await;
    assert_eq!(answer, (StatusCode::OK, 1, 1), "{path} {headers:?}");
    assert_eq!(spy.calls.count(), asked + 1, "{path} {headers:?}");
}
