//! The interceptor, the statuses, and the principal of a `tonic::Request`.

use std::sync::{Arc, Mutex};

use http::HeaderMap;
use tonic::{
    Code, Request, Status,
    metadata::{MetadataMap, MetadataValue},
    service::Interceptor,
};
use tower_authn::{
    Access, AuthnInterceptor, AuthnLayer, Credential, Principal, Rejection, RejectionKind, Sources,
    Verifier, grpc::RequestExt, layer::Admission, verify_fn,
};

use super::{KINDS, bearer};
use crate::support::{Spy, TOKEN};

/// Returns a call with these `authorization` fields and a forged principal.
fn request(credentials: &[&str]) -> Request<()> {
    let mut metadata = MetadataMap::new();
    for value in credentials {
        metadata.append("authorization", MetadataValue::try_from(*value).unwrap());
    }
    let mut request = Request::from_parts(metadata, tonic::Extensions::default(), ());
    request.extensions_mut().insert(Principal::new("admin"));
    request
}

fn refused<V, A>(interceptor: &mut AuthnInterceptor<V, A>, credentials: &[&str]) -> Status
where
    V: Verifier,
    A: Admission<V::Principal>,
{
    let name = format!("{credentials:?} is accepted");
    interceptor.call(request(credentials)).expect_err(&name)
}

#[test]
fn the_interceptor_calls_the_verifier_once_and_inserts_the_principal() {
    let spy = Spy::default();
    let mut interceptor = AuthnInterceptor::new(spy.clone());
    let passed = interceptor.call(request(&[&bearer()])).unwrap();
    assert_eq!(passed.principal::<Principal>().unwrap().subject(), "ci");
    assert_eq!(spy.calls.count(), 1);

    let status = refused(&mut interceptor.clone(), &["Bearer nope"]);
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(status.message(), RejectionKind::Invalid.message());
    assert_eq!(spy.calls.count(), 2);
}

#[test]
fn the_interceptor_refuses_malformed_credentials_without_the_verifier() {
    let spy = Spy::default();
    let mut interceptor = AuthnInterceptor::new(spy.clone());
    for (credentials, kind) in [
        (&[][..], RejectionKind::Missing),
        (&[""], RejectionKind::Malformed),
        (&["Bearer"], RejectionKind::Malformed),
        (&["Bearer a, Bearer b"], RejectionKind::Malformed),
    ] {
        let status = refused(&mut interceptor, credentials);
        assert_eq!(status.code(), Code::Unauthenticated, "{credentials:?}");
        assert_eq!(status.message(), kind.message(), "{credentials:?}");
    }
    assert_eq!(spy.calls.count(), 0);
}

#[test]
fn d04_the_interceptor_refuses_duplicate_metadata() {
    let spy = Spy::default();
    let mut interceptor = AuthnInterceptor::new(spy.clone());
    let good = bearer();
    for twice in [
        [good.as_str(), "Bearer evil"],
        ["Bearer evil", &good],
        [&good, &good],
    ] {
        let status = refused(&mut interceptor, &twice);
        assert_eq!(status.message(), RejectionKind::Ambiguous.message());
    }
    assert_eq!(spy.calls.count(), 0);
    assert!(interceptor.call(request(&[&good])).is_ok());
}

/// Returns the headers of an accepted call.
fn passed(layer: AuthnLayer<Spy>) -> HeaderMap {
    let mut interceptor = AuthnInterceptor::from(layer);
    let request = interceptor.call(request(&[&bearer()])).unwrap();
    request.into_parts().0.into_headers()
}

#[test]
fn the_interceptor_marks_the_credential_or_removes_it() {
    let layer = AuthnLayer::new(Spy::default());
    let marked = passed(layer.clone());
    assert_eq!(marked["authorization"], bearer());
    assert!(marked["authorization"].is_sensitive());
    assert!(passed(layer.strip_credential()).is_empty());
}

#[test]
fn the_interceptor_audits_a_call_without_a_credential() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&reports);
    let layer = AuthnLayer::new(Spy::default())
        .insecure_audit(move |_, rejection| kept.lock().unwrap().push(rejection.kind()));
    let mut interceptor = AuthnInterceptor::from(layer);
    assert!(interceptor.call(request(&[])).is_ok());
    assert_eq!(*reports.lock().unwrap(), [RejectionKind::Missing]);
    let status = refused(&mut interceptor, &["Bearer wrong"]);
    assert_eq!(status.message(), RejectionKind::Invalid.message());
    assert!(interceptor.call(request(&[&bearer()])).is_ok());
    assert_eq!(reports.lock().unwrap().len(), 1);
}

#[test]
fn the_interceptor_uses_the_sources_of_its_layer() {
    let sources = Sources::new().header("x-api-key").unwrap();
    let layer = AuthnLayer::new(Spy::default()).sources(sources);
    let mut interceptor = AuthnInterceptor::from(layer);
    let status = refused(&mut interceptor, &[&bearer()]);
    assert_eq!(status.message(), RejectionKind::Missing.message());
    let mut named = request(&[]);
    let token = MetadataValue::from_static(TOKEN);
    named.metadata_mut().insert("x-api-key", token);
    assert!(interceptor.call(named).is_ok());
}

#[test]
fn a_principal_from_outside_is_removed() {
    let optional = AuthnLayer::new(Spy::default()).access(Access::Optional);
    let mut interceptor = AuthnInterceptor::from(optional);
    let anonymous = interceptor.call(request(&[])).unwrap();
    let status = anonymous.principal::<Principal>().unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(status.message(), RejectionKind::Missing.message());

    let known = interceptor.call(request(&[&bearer()])).unwrap();
    assert_eq!(known.principal::<Principal>().unwrap().subject(), "ci");

    let status = refused(&mut interceptor, &["Bearer nope"]);
    assert_eq!(
        status.code(),
        Code::Unauthenticated,
        "an invalid credential where one is optional"
    );

    let without = AuthnLayer::new(Spy::default()).without_principal();
    let skipped = AuthnInterceptor::from(without).call(request(&[&bearer()]));
    assert!(skipped.unwrap().extensions().get::<Principal>().is_none());
}

#[test]
fn the_interceptor_checks_the_scopes_of_a_constant_policy() {
    let needs = |scope| {
        let access = Access::scope(scope).unwrap();
        let layer = AuthnLayer::new(Spy::default()).access(access);
        AuthnInterceptor::from(layer).call(request(&[&bearer()]))
    };
    assert!(needs("deployment").is_ok());
    let status = needs("resources").unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}

/// A verifier that claims never to wait, and waits.
struct FalselyImmediate;

impl Verifier for FalselyImmediate {
    type Principal = Principal;

    const IMMEDIATE: bool = true;

    async fn verify(&self, _: &Credential<'_>) -> Result<Principal, Rejection> {
        std::future::pending().await
    }
}

#[test]
fn a_verifier_that_waits_or_panics_is_unavailable_to_the_interceptor() {
    let panics = verify_fn(|_| -> Result<Principal, Rejection> { panic!("as planned") });
    for status in [
        refused(&mut AuthnInterceptor::new(FalselyImmediate), &[&bearer()]),
        refused(&mut AuthnInterceptor::new(panics), &[&bearer()]),
    ] {
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.message(), RejectionKind::Unavailable.message());
    }
}

#[test]
fn each_kind_of_rejection_has_its_status() {
    for (kind, code) in KINDS {
        let rejection = Rejection::new(kind).with_source("the password is hunter2");
        let status = Status::from(rejection);
        assert_eq!(i32::from(status.code()), code, "{kind:?}");
        assert_eq!(status.message(), kind.message(), "{kind:?}");
        assert!(status.metadata().is_empty(), "{kind:?}");
        assert!(status.details().is_empty(), "{kind:?}");
        assert!(!format!("{status:?} {status}").contains("hunter2"));
    }
}

#[test]
fn reading_a_principal_without_a_layer_is_an_internal_error() {
    let mut request = Request::new(());
    let status = request.principal::<Principal>().unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    request.extensions_mut().insert(Principal::new("ci"));
    assert_eq!(request.principal::<Principal>().unwrap().subject(), "ci");
    let status = request.principal::<String>().unwrap_err();
    assert_eq!(status.code(), Code::Internal, "of another type");
}
