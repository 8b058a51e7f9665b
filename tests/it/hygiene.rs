//! Secrets are never printed, kept or forwarded: rows H.

use std::{
    fmt::{Debug, Display},
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Request;
use tower::{Layer, Service};
use tower_authn::{
    Access, AccessTable, AuthnLayer, Challenge, ConfigError, Credential, Head, Principal,
    Rejection, RequireLayer, Scope, ScopeRule, Sources, Verifier,
    credential::UserPassword,
    layer::{AlwaysRequired, Authn, EmptyBody, Protected, ResponseFuture},
    protect,
    verifier::{BoxVerifier, FixedTokens, FixedUsers, OwnedCredential, ReloadableVerifier},
    verify_async_fn, verify_fn,
};

use crate::support::{Strict, TOKEN, ask, get, grpc, values};

/// Texts that must not contain the secret, neither as it is nor as a client encodes it.
#[derive(Clone, Default)]
struct Texts(Arc<Mutex<Vec<(String, String)>>>);

impl Texts {
    fn debug(&self, name: &str, value: &dyn Debug) {
        self.add(name, format!("{value:?} {value:#?}"));
    }

    fn display(&self, name: &str, value: &(impl Debug + Display)) {
        self.debug(name, value);
        self.add(name, value.to_string());
    }

    fn add(&self, name: &str, text: String) {
        self.0.lock().unwrap().push((name.to_owned(), text));
    }

    /// Checks the texts, of which there must be this many at least.
    fn assert_no_secret(&self, at_least: usize) {
        let texts = self.0.lock().unwrap();
        assert!(texts.len() >= at_least, "only {} texts", texts.len());
        for (name, text) in &*texts {
            let leaks = text.contains(TOKEN) || text.contains(&login());
            assert!(!leaks, "{name} shows the secret: {text}");
        }
    }
}

/// Returns the secret as a password, as a client encodes it.
fn login() -> String {
    STANDARD.encode(format!("alice:{TOKEN}"))
}

fn tokens() -> FixedTokens {
    FixedTokens::new([(TOKEN, Principal::new("ci"))]).unwrap()
}

fn users() -> FixedUsers {
    FixedUsers::new([("alice", TOKEN, Principal::new("alice"))]).unwrap()
}

fn sources() -> Sources {
    Sources::default().header("x-api-key").unwrap()
}

fn credentials() -> [(&'static str, String); 3] {
    [
        ("authorization", format!("Bearer {TOKEN}")),
        ("authorization", format!("Basic {}", login())),
        ("x-api-key", TOKEN.to_owned()),
    ]
}

#[test]
fn h01_nothing_that_holds_a_secret_prints_it() {
    let texts = Texts::default();
    let both = || tokens().or(users());
    texts.debug("FixedTokens", &tokens());
    texts.debug("FixedUsers", &users());
    let token = FixedTokens::builder().token(TOKEN, Principal::new("ci"));
    texts.debug("FixedTokensBuilder", &token);
    let user = FixedUsers::builder().user("alice", TOKEN, Principal::new("alice"));
    texts.debug("FixedUsersBuilder", &user);
    texts.debug("Or", &both());
    texts.debug("Map", &both().map(|p| p));
    texts.debug("AndThen", &both().and_then(Ok));
    texts.debug("ReloadableVerifier", &ReloadableVerifier::new(both()));
    texts.debug("BoxVerifier", &both().boxed());
    let secret = TOKEN.to_owned();
    let closure = verify_fn(move |c| match c.matches(&secret) {
        true => Ok(()),
        false => Err(Rejection::invalid()),
    });
    texts.debug("VerifyFn", &closure);
    texts.debug("Sources", &sources());
    let table = AccessTable::builder().any("/", Access::Authenticated);
    texts.debug("AccessTable", &table.build().unwrap());
    texts.debug("RequireLayer", &RequireLayer::scope("deployment").unwrap());
    let layer = AuthnLayer::new(both()).sources(sources());
    texts.debug("AuthnLayer", &layer);
    texts.debug("Authn", &layer.layer(()));
    texts.debug("Protected", &protect((), layer));
    #[cfg(feature = "tonic")]
    texts.debug(
        "AuthnInterceptor",
        &tower_authn::AuthnInterceptor::new(both()),
    );
    texts.display("Rejection", &Rejection::unavailable(TOKEN));
    for error in [
        FixedTokens::new([(TOKEN, 1), (TOKEN, 2)]).unwrap_err(),
        FixedUsers::new([("a", TOKEN, 1), ("a", TOKEN, 2)]).unwrap_err(),
        FixedTokens::new([(&format!("{TOKEN}\n")[..], 1)]).unwrap_err(),
        FixedUsers::new([("a", &format!("{TOKEN}\n")[..], 1)]).unwrap_err(),
    ] {
        texts.display("ConfigError", &error);
    }
    texts.assert_no_secret(18);
}

#[tokio::test]
async fn h01_nothing_that_sees_a_credential_prints_it() {
    for (name, value) in credentials() {
        let texts = Texts::default();
        let seen = texts.clone();
        let inside = texts.clone();
        let waiting = verify_async_fn(move |credential: OwnedCredential| {
            inside.debug("OwnedCredential", &credential);
            async { Err::<Principal, _>(Rejection::invalid()) }
        });
        let verifier = verify_fn(move |credential: &Credential<'_>| {
            seen.debug("Credential", credential);
            seen.debug("Head", &credential.head());
            if let Ok(login) = credential.user_password() {
                seen.debug("UserPassword", &login);
            }
            Err::<Principal, _>(Rejection::invalid())
        });
        let layer = AuthnLayer::new(verifier.or(waiting))
            .sources(sources())
            .expose_rejection();
        let mut service = layer.layer(Strict::default());
        std::future::poll_fn(|cx| Service::<Request<String>>::poll_ready(&mut service, cx))
            .await
            .unwrap();
        for request in [
            get("/?q", &[(name, &value)]),
            grpc("/a/b", &[(name, &value)]),
        ] {
            let future = service.call(request);
            texts.debug("ResponseFuture", &future);
            let answer = future.await.unwrap();
            texts.debug("response", &answer);
            texts.debug("extensions", &answer.extensions().get::<Rejection>());
        }
        texts.assert_no_secret(10);
    }
}

#[test]
fn h01_an_error_of_a_file_does_not_quote_the_file() {
    let part = "Canary";
    for line in [
        r#"alice:correct horse Canary""#,
        r"alice:correct-horse \Canary",
    ] {
        let error = FixedUsers::parse(&format!("# users\n{line}")).unwrap_err();
        let text = format!("{error} {error:?} {error:#?}");
        assert!(text.contains("line 2: ") && !text.contains(part), "{text}");
    }
    for line in [
        r#"0123456789abcdef ci Canary""#,
        r"0123456789abcdef c i \Canary",
    ] {
        let error = FixedTokens::parse(&format!("# tokens\n{line}")).unwrap_err();
        let text = format!("{error} {error:?} {error:#?}");
        assert!(text.contains("line 2: ") && !text.contains(part), "{text}");
    }
    FixedUsers::parse("alice:correct-horse deployment").unwrap();
    FixedTokens::parse("0123456789abcdef ci deployment").unwrap();
}

#[tokio::test]
async fn h02_the_credential_is_sensitive_inside() {
    for access in [Access::Authenticated, Access::Public] {
        for (name, value) in credentials() {
            let inner = Strict::default();
            let layer = AuthnLayer::new(tokens().or(users()))
                .access(access.clone())
                .sources(sources());
            ask(&layer.layer(inner.clone()), get("/", &[(name, &value)])).await;
            let last = inner.last();
            assert!(last.headers[name].is_sensitive(), "{name}, {access:?}");
            assert_eq!(values(&last.headers, name), [value.as_str()]);
        }
    }
    // A public route does not read credentials, so it accepts two of them.
    let inner = Strict::default();
    let layer = AuthnLayer::new(tokens())
        .access(Access::Public)
        .sources(sources());
    let twice = [("authorization", TOKEN), ("authorization", TOKEN)];
    let others = [("x-api-key", TOKEN), ("x-api-key", TOKEN), ("x-other", "1")];
    let request = get("/", &[&twice[..], &others[..]].concat());
    ask(&layer.layer(inner.clone()), request).await;
    let headers = inner.last().headers;
    assert_eq!(headers.len(), 5);
    for (name, value) in &headers {
        assert_eq!(value.is_sensitive(), name != "x-other", "{name}");
    }
}

#[tokio::test]
async fn h05_a_stripped_credential_is_not_passed_on() {
    for access in [Access::Authenticated, Access::Public] {
        for (name, value) in credentials() {
            let inner = Strict::default();
            let layer = AuthnLayer::new(tokens().or(users()))
                .access(access.clone())
                .sources(sources())
                .strip_credential();
            let request = get("/", &[(name, &value), ("x-other", "1")]);
            ask(&layer.layer(inner.clone()), request).await;
            let headers = inner.last().headers;
            assert!(!headers.contains_key(name), "{name}, {access:?}");
            assert_eq!(values(&headers, "x-other"), ["1"]);
        }
    }
}

#[cfg(feature = "tonic")]
#[test]
fn h02_h05_an_interceptor_marks_or_strips_the_credential() {
    use tonic::service::Interceptor;
    use tower_authn::AuthnInterceptor;

    let layer = AuthnLayer::new(tokens().or(users())).sources(sources());
    let mut marks = AuthnInterceptor::from(layer.clone());
    let mut strips = AuthnInterceptor::from(layer.strip_credential());
    for (name, value) in credentials() {
        let call = || {
            let mut call = tonic::Request::new(());
            call.metadata_mut().insert(name, value.parse().unwrap());
            call
        };
        let marked = marks.call(call()).unwrap().into_parts().0;
        assert!(marked.into_headers()[name].is_sensitive(), "{name}");
        let stripped = strips.call(call()).unwrap().into_parts().0;
        assert!(!stripped.contains_key(name), "{name}");
        let mut refused = call();
        let wrong = value.replace("Bearer ", "Bearer x");
        refused
            .metadata_mut()
            .insert(name, format!("{wrong}=").parse().unwrap());
        let status = marks.call(refused).unwrap_err();
        let texts = Texts::default();
        texts.display("Status", &status);
        texts.assert_no_secret(2);
    }
}

#[test]
fn the_main_types_cross_threads() {
    fn assert_shared<T: Send + Sync + Unpin>() {}
    fn assert_sent<T: Send>() {}
    assert_shared::<AccessTable>();
    assert_shared::<BoxVerifier<Principal>>();
    assert_shared::<Authn<Strict, FixedTokens, AlwaysRequired, EmptyBody>>();
    assert_shared::<AuthnLayer<FixedTokens>>();
    assert_shared::<Challenge>();
    assert_shared::<ConfigError>();
    assert_shared::<Credential<'_>>();
    assert_shared::<FixedUsers>();
    assert_shared::<Head<'_>>();
    assert_shared::<OwnedCredential>();
    assert_shared::<Principal>();
    assert_shared::<Protected<Strict>>();
    assert_shared::<Rejection>();
    assert_shared::<RequireLayer>();
    assert_shared::<Scope>();
    assert_shared::<ScopeRule>();
    assert_shared::<Sources>();
    assert_shared::<ReloadableVerifier<FixedTokens>>();
    assert_shared::<UserPassword>();
    assert_sent::<ResponseFuture<Strict, String, String>>();
}
