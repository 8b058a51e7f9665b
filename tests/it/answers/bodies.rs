//! What else an answer holds, and what it never does.

use std::{error::Error, time::Duration};

use axum::{Json, body::Body, response::IntoResponse};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;
use tower::Layer;
use tower_authn::{Access, AuthnLayer, Credential, Rejection, RejectionKind, protect, verify_fn};

use super::{Oracle, ROWS, app, request};
use crate::support::{Strict, TOKEN, ask, get, values};

#[tokio::test]
async fn b07_what_must_look_alike_is_the_same_bytes_with_a_body_too() {
    let layer = AuthnLayer::new(Oracle::default()).respond(|rejection| {
        let body = json!({ "message": rejection.message(), "debug": format!("{rejection:?}") });
        Json(body).into_response()
    });
    let router = protect(app(), layer);
    let mut seen = Vec::new();
    for field in [
        "Bearer a b",
        "Bearer unknown",
        "Bearer expired",
        "Bearer revoked",
    ] {
        let request = request("GET", None, &[field]).map(Body::from);
        let response = ask(&router, request).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        seen.push((head.status, format!("{:?}", head.headers), body));
    }
    assert!(seen.iter().all(|answer| answer == &seen[0]), "{seen:?}");
    let request = request("GET", None, &["Bearer forbidden"]).map(Body::from);
    assert_ne!(
        ask(&router, request).await.status(),
        seen[0].0,
        "others do differ"
    );
}

#[tokio::test]
async fn a_responder_changes_neither_status_nor_challenge_nor_the_grpc_forms() {
    let layer = AuthnLayer::new(Oracle::default()).respond(|_| {
        Response::builder()
            .status(200)
            .header("www-authenticate", "Custom x")
            .header("cache-control", "public")
            .header("retry-after", "9")
            .header("x-own", "kept")
            .body("body".to_owned())
            .unwrap()
    });
    let service = layer.layer(Strict::default());
    let response = ask(&service, get("/", &[])).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        values(response.headers(), "www-authenticate"),
        [r#"Bearer realm="api""#]
    );
    assert_eq!(values(response.headers(), "cache-control"), ["no-store"]);
    assert!(response.headers().get("retry-after").is_none());
    assert_eq!(values(response.headers(), "x-own"), ["kept"]);
    assert_eq!(response.body(), "body");

    let response = ask(&service, request("POST", Some("application/grpc"), &[])).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(values(response.headers(), "grpc-status"), ["16"]);
    assert!(response.headers().get("x-own").is_none() && response.body().is_empty());
}

#[tokio::test]
async fn e05_no_refusal_is_stored() {
    let service = AuthnLayer::new(Oracle::default()).layer(Strict::default());
    for row in &ROWS {
        for content_type in [None, Some("application/grpc")] {
            let response = ask(&service, request("POST", content_type, row.fields)).await;
            assert_eq!(
                values(response.headers(), "cache-control"),
                ["no-store"],
                "{}",
                row.name
            );
        }
    }
    let good = format!("Bearer {TOKEN}");
    let response = ask(&service, request("POST", None, &[&good])).await;
    assert!(
        response.headers().get("cache-control").is_none(),
        "an admitted answer is the app's"
    );
}

#[tokio::test]
async fn e06_nothing_that_a_caller_sent_is_echoed() {
    let layer = AuthnLayer::new(Oracle::default())
        .respond(|rejection| Response::new(format!("{} {rejection:?}", rejection.message())));
    let service = layer.layer(Strict::default());
    let canary = "canary-of-the-caller";
    for field in [
        format!("Bearer {canary}"),
        format!("{canary} x"),
        format!("Basic {canary} x"),
    ] {
        for content_type in [
            None,
            Some("application/grpc"),
            Some("application/grpc-web+canary"),
        ] {
            let request = request("POST", content_type, &[&field]);
            let response = ask(&service, request).await;
            let text = format!("{:?} {:?}", response.headers(), response.body());
            assert!(!text.contains("canary"), "{text}");
        }
    }
}

#[tokio::test]
async fn e07_an_outage_is_503_and_says_nothing_of_its_cause() {
    let oracle = Oracle::default();
    let inner = Strict::default();
    let service = AuthnLayer::new(oracle.clone())
        .expose_rejection()
        .layer(inner.clone());
    for access in [None, Some(Access::Optional)] {
        let response = match access {
            None => ask(&service, get("/", &[("authorization", "Bearer outage")])).await,
            Some(access) => {
                let optional = AuthnLayer::new(oracle.clone())
                    .expose_rejection()
                    .access(access);
                let service = optional.layer(inner.clone());
                ask(&service, get("/", &[("authorization", "Bearer outage")])).await
            }
        };
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!format!("{:?}{}", response.headers(), response.body()).contains("refused"));
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
        assert!(
            rejection
                .source()
                .unwrap()
                .to_string()
                .contains("connection refused")
        );
    }
    assert_eq!((inner.called.count(), oracle.0.count()), (0, 2));
}

#[tokio::test]
async fn the_rejection_is_exposed_only_where_that_is_asked_for() {
    let service = AuthnLayer::new(Oracle::default()).layer(Strict::default());
    let response = ask(&service, get("/", &[])).await;
    assert!(response.extensions().get::<Rejection>().is_none());
}

#[tokio::test]
async fn retry_after_is_rounded_up_and_never_overflows() {
    for (after, expected) in [
        (Duration::ZERO, "1"),
        (Duration::from_millis(1), "1"),
        (Duration::from_secs(1), "1"),
        (Duration::from_millis(1_001), "2"),
        (Duration::MAX, "18446744073709551615"),
    ] {
        let limited = move |_: &Credential<'_>| Err::<(), _>(Rejection::rate_limited(after));
        let service = AuthnLayer::new(verify_fn(limited)).layer(Strict::default());
        let response = ask(&service, get("/", &[("authorization", "Bearer a")])).await;
        assert_eq!(
            values(response.headers(), "retry-after"),
            [expected],
            "{after:?}"
        );
    }
}

#[tokio::test]
async fn e08_a_refused_head_request_has_no_body() {
    let layer = AuthnLayer::new(Oracle::default())
        .respond(|rejection| Response::new(rejection.message().to_owned()));
    let service = layer.layer(Strict::default());
    let head = ask(&service, request("HEAD", None, &[])).await;
    assert_eq!(
        (head.status(), head.body().as_str()),
        (StatusCode::UNAUTHORIZED, "")
    );
    let get = ask(&service, request("GET", None, &[])).await;
    assert_eq!(get.body(), "a credential is required");
}
