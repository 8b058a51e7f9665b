//! A prepared response equals one that is rendered for the request.

use std::time::Duration;

use ::http::Request;

use super::*;
use crate::{layer::EmptyBody, scope::ScopeRule};

/// Renders a rejection by the table of `RejectionKind`.
fn expected_response(
    rejection: &Rejection,
    challenges: &[Challenge],
    grpc: Option<&'static str>,
) -> (u16, Vec<(String, String)>) {
    use RejectionKind as Kind;
    let invalid = (
        401,
        Some("invalid_token"),
        "16",
        "the credential is not valid",
    );
    let (status, error, grpc_status, message) = match rejection.kind() {
        Kind::Missing => (401, None, "16", "a credential is required"),
        Kind::Malformed | Kind::Invalid | Kind::Expired | Kind::Revoked => invalid,
        Kind::Ambiguous => {
            let message = "more than one credential was sent";
            (400, Some("invalid_request"), "16", message)
        }
        Kind::Denied => (403, None, "7", "access is denied"),
        Kind::Forbidden => {
            let message = "insufficient permissions";
            (403, Some("insufficient_scope"), "7", message)
        }
        Kind::NotFound => (404, None, "12", "there is nothing here"),
        Kind::RateLimited => (429, None, "8", "too many attempts"),
        Kind::Unavailable => (503, None, "14", "the credential could not be verified"),
    };
    let mut fields = vec![("cache-control", "no-store".to_owned())];
    if let Some(content_type) = grpc {
        fields.push(("content-type", content_type.to_owned()));
        fields.push(("grpc-status", grpc_status.to_owned()));
        fields.push(("grpc-message", message.to_owned()));
    } else {
        let bearer_alone = status != 401;
        let applies = |challenge: &&Challenge| challenge.is_bearer() || !bearer_alone;
        let challenged = error.is_some() || status == 401;
        for challenge in challenges.iter().filter(applies).filter(|_| challenged) {
            let line = challenge.render(error, rejection.scopes());
            fields.push(("www-authenticate", line.to_str().unwrap().to_owned()));
        }
        if status >= 429 {
            let after = rejection.retry_after().unwrap_or(Duration::from_secs(1));
            let seconds = after.as_nanos().div_ceil(1_000_000_000).max(1);
            let seconds = seconds.min(u64::MAX.into());
            fields.push(("retry-after", seconds.to_string()));
        }
    }
    let mut fields: Vec<_> = fields.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
    fields.sort();
    (if grpc.is_some() { 200 } else { status }, fields)
}

fn status_and_headers(response: &Response<String>) -> (u16, Vec<(String, String)>) {
    let fields = response.headers().iter();
    let mut fields: Vec<_> = fields
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    fields.sort();
    (response.status().as_u16(), fields)
}

fn rejections() -> Vec<Rejection> {
    let scopes = ScopeRule::all_of(["a", "b:c"]).unwrap();
    let mut all: Vec<Rejection> = RejectionKind::ALL.map(Rejection::new).into();
    all.push(Rejection::insufficient_scope(scopes));
    let afters = [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_secs(2),
        Duration::from_millis(2_001),
        Duration::MAX,
    ];
    let later = all.iter().flat_map(|rejection| {
        afters.map(|after| rejection.clone().with_retry_after(after).with_reason("why"))
    });
    let later: Vec<_> = later.collect();
    all.extend(later);
    all
}

#[test]
fn a_prepared_response_is_the_one_that_the_table_says() {
    let (bearer, basic) = (
        Challenge::bearer(),
        Challenge::basic("the \"api\"").unwrap(),
    );
    let all_sources = [
        Sources::default(),
        Sources::new().basic(),
        Sources::new().bearer().header("x-api-key").unwrap(),
        Sources::default().challenge(basic.clone()),
        Sources::default().challenge(basic).challenge(bearer),
    ];
    let protocols = [
        ("GET", "application/grpc", None),
        ("HEAD", "text/plain", None),
        ("POST", "application/json", None),
        ("POST", "application/grpc", Some("application/grpc")),
        (
            "POST",
            "application/grpc-web+x",
            Some("application/grpc-web+proto"),
        ),
        (
            "POST",
            "application/grpc-web-text",
            Some("application/grpc-web-text+proto"),
        ),
    ];
    let respond = |rejection: &PublicRejection| {
        let response = Response::builder().header("x-own", "kept").status(204);
        let response = response
            .header("retry-after", "9")
            .header("www-authenticate", "Own");
        response.body(rejection.message().to_owned()).unwrap()
    };
    let accepted = [
        Schemes::BASIC,
        Schemes::BEARER,
        Schemes::BASIC | Schemes::BEARER,
    ];
    let all_sources = all_sources.iter();
    for (sources, accepted) in all_sources.flat_map(|s| accepted.map(|a| (s, a))) {
        let challenges = sources.challenges(accepted);
        let responses = RejectionResponses::new(sources, accepted);
        for (method, content_type, grpc) in protocols {
            let request = Request::builder().method(method);
            let request = request.header(CONTENT_TYPE, content_type).body(()).unwrap();
            let head = Head::from_request(&request);
            for rejection in rejections() {
                let (status, mut fields) = expected_response(&rejection, &challenges, grpc);
                // Twice: the first response must not change the prepared one.
                for _ in 0..2 {
                    let bare: Response<String> = responses.respond(head, &rejection, &EmptyBody);
                    assert_eq!(
                        status_and_headers(&bare),
                        (status, fields.clone()),
                        "{rejection:?}"
                    );
                    assert_eq!(bare.body(), "");
                }
                let with_body = responses.respond(head, &rejection, &respond);
                let body = match (method, grpc) {
                    ("HEAD", _) | (_, Some(_)) => "",
                    _ => rejection.kind().message(),
                };
                assert_eq!(with_body.body(), body);
                if grpc.is_none() {
                    fields.push(("x-own".to_owned(), "kept".to_owned()));
                }
                assert_eq!(
                    status_and_headers(&with_body),
                    (status, fields),
                    "{rejection:?}"
                );
            }
        }
    }
}

#[test]
fn a_response_with_scopes_is_the_same_prepared_or_not() {
    let rule = ScopeRule::all_of(["a", "b:c"]).unwrap();
    let sources = Sources::default();
    let accepted = Schemes::BASIC | Schemes::BEARER;
    let prepared = RejectionResponses::with_scopes(&sources, accepted, std::slice::from_ref(&rule));
    let rendered = RejectionResponses::with_scopes(&sources, accepted, &[]);
    for content_type in ["application/json", "application/grpc"] {
        let request = Request::post("/").header(CONTENT_TYPE, content_type);
        let request = request.body(()).unwrap();
        let head = Head::from_request(&request);
        for kind in RejectionKind::ALL {
            let mut rejection = Rejection::new(kind);
            rejection.set_scopes(rule.clone());
            let seen = [&prepared, &rendered].map(|responses| {
                let response: Response<String> = responses.respond(head, &rejection, &EmptyBody);
                status_and_headers(&response)
            });
            assert_eq!(seen[0], seen[1], "{kind:?}");
        }
    }
}
