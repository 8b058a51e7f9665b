//! Credential parsing: rows A.

mod borrowed;
mod configured;
mod fields;
mod files;
mod logins;
mod scheme;

use http::{HeaderValue, Request};
use tower::Layer;
use tower_authn::{
    Access, AuthnLayer, Principal, Rejection,
    RejectionKind::{self, Ambiguous, Invalid, Missing},
    Sources, Verifier,
    layer::Admission,
};

use crate::support::{Spy, Strict, TOKEN, ask, get};

/// How far a request came: what refused it, and how often verifier and inner
/// service were called.
#[derive(Debug, PartialEq)]
struct Outcome {
    refused: Option<(u16, RejectionKind)>,
    verified: usize,
    called: usize,
}

const ADMITTED: Outcome = Outcome {
    refused: None,
    verified: 1,
    called: 1,
};

/// Refused before the verifier was asked.
const fn unread(kind: RejectionKind) -> Outcome {
    let status = if matches!(kind, Ambiguous) { 400 } else { 401 };
    Outcome {
        refused: Some((status, kind)),
        verified: 0,
        called: 0,
    }
}

/// Refused by the verifier.
const WRONG: Outcome = Outcome {
    refused: Some((401, Invalid)),
    verified: 1,
    called: 0,
};

/// Asks a service that reads `sources`, where a credential is required and
/// where it is optional: the two differ in nothing but what is missing. Where
/// it is required without a policy, it is read in another way.
async fn outcome(sources: &Sources, request: Request<String>) -> Outcome {
    let layer = |spy: &Spy| AuthnLayer::new(spy.clone()).sources(sources.clone());
    let without = |spy: &Spy| layer(spy);
    let with = |access| move |spy: &Spy| layer(spy).access(access);
    let required = outcome_of(with(Access::Authenticated), request.clone()).await;
    let bare = outcome_of(without, request.clone()).await;
    assert_eq!(bare, required, "a policy makes a difference");
    let optional = outcome_of(with(Access::Optional), request).await;
    if required == unread(Missing) {
        let anonymous = Outcome {
            refused: None,
            verified: 0,
            called: 1,
        };
        assert_eq!(optional, anonymous);
    } else {
        assert_eq!(optional, required, "optional differs from required");
    }
    required
}

async fn outcome_of<A: Admission<Principal>>(
    layer: impl FnOnce(&Spy) -> AuthnLayer<Spy, A>,
    request: Request<String>,
) -> Outcome {
    let (spy, inner) = (Spy::default(), Strict::default());
    let layer = layer(&spy).expose_rejection();
    let response = ask(&layer.layer(inner.clone()), request).await;
    assert_eq!(inner.readied.count(), inner.called.count());
    let kind = response.extensions().get().map(Rejection::kind);
    Outcome {
        refused: kind.map(|kind| (response.status().as_u16(), kind)),
        verified: spy.calls.count(),
        called: inner.called.count(),
    }
}

/// A GET with one `Authorization` field for each value.
fn authorized<const N: usize>(values: [&[u8]; N]) -> Request<String> {
    let mut request = get("/", &[]);
    for value in values {
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().append("authorization", value);
    }
    request
}

/// Asks with one field for each row, `{}` standing for the token.
async fn assert_rows(sources: &Sources, rows: &[(&str, Outcome)]) {
    for (value, expected) in rows {
        let value = value.replace("{}", TOKEN);
        let seen = outcome(sources, authorized([value.as_bytes()])).await;
        assert_eq!(seen, *expected, "{value:?}");
    }
}

async fn status<V: Verifier>(layer: &AuthnLayer<V>, value: &str) -> u16 {
    let inner = Strict::default();
    let request = get("/", &[("authorization", value)]);
    let response = ask(&layer.layer(inner.clone()), request).await;
    let status = response.status().as_u16();
    assert_eq!(inner.called.count(), usize::from(status == 200), "{value}");
    status
}

async fn admitted_by(verifier: impl Verifier, value: &str) -> u16 {
    status(&AuthnLayer::new(verifier), value).await
}
