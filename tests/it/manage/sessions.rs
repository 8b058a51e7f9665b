//! The page's sessions on two instances over one store.

use std::path::Path;

use axum::{Router, body::Body};
use http::{Request, Response, StatusCode, header::SET_COOKIE};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use tower_authn::{
    Principal,
    manage::TokenAdmin,
    store::{PostgresStore, Query, SqliteStore},
    tokens::{NewToken, TokenSelector, Tokens, TokensOptions},
    verifier::FixedUsers,
};

use crate::stores::{Directory, server};

/// `alice:correct-horse`
const ALICE: &str = "Basic YWxpY2U6Y29ycmVjdC1ob3JzZQ==";

struct Instance {
    tokens: Tokens,
    page: Router,
}

/// The store's location.
enum Place {
    File(Directory),
    Database(String),
}

impl Place {
    async fn instance(&self) -> Instance {
        let options = TokensOptions::new("acme").unwrap();
        let tokens = match self {
            Self::File(directory) => {
                let store = SqliteStore::open(Path::new(&directory.file())).await;
                Tokens::open(store.unwrap(), options).await.unwrap()
            }
            Self::Database(url) => {
                let store = PostgresStore::connect(url).await;
                Tokens::open(store.unwrap(), options).await.unwrap()
            }
        };
        let alice = Principal::new("alice").with_scopes(["resources"]).unwrap();
        let users = FixedUsers::new([("alice", "correct-horse", alice)]).unwrap();
        let page = TokenAdmin::new(tokens.clone()).users(users).page();
        Instance { tokens, page }
    }
}

impl Instance {
    async fn ask(&self, method: &str, path: &str, header: (&str, &str)) -> Response<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "example.com")
            .header("origin", "https://example.com")
            .header(header.0, header.1);
        let request = request.body(Body::empty()).unwrap();
        self.page.clone().oneshot(request).await.unwrap()
    }

    async fn sign_in(&self, credential: &str) -> String {
        let answer = self
            .ask("POST", "/session", ("authorization", credential))
            .await;
        assert_eq!(answer.status(), StatusCode::OK);
        let set = answer.headers()[SET_COOKIE].to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }

    async fn sign_out(&self, cookie: &str) {
        let answer = self.ask("DELETE", "/session", ("cookie", cookie)).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert!(answer.headers().contains_key(SET_COOKIE));
    }

    /// The subject of the session, which can also list tokens.
    async fn caller(&self, cookie: &str) -> Option<String> {
        let list = self.ask("GET", "/api/tokens", ("cookie", cookie)).await;
        let shown = self.ask("GET", "/session", ("cookie", cookie)).await;
        assert_eq!(shown.status(), StatusCode::OK);
        let body = shown.into_body().collect().await.unwrap().to_bytes();
        let shown: Value = serde_json::from_slice(&body).unwrap();
        let caller = shown["caller"]["subject"].as_str().map(str::to_owned);
        let expected = match caller {
            Some(_) => StatusCode::OK,
            None => StatusCode::UNAUTHORIZED,
        };
        assert_eq!(list.status(), expected);
        caller
    }

    async fn token(&self) -> (tower_authn::token::TokenId, String) {
        let token = NewToken::new("admin").scopes(["resources"]);
        let made = self.tokens.create(token).await.unwrap();
        let bearer = format!("Bearer {}", made.secret.expose());
        (made.record.id, bearer)
    }
}

async fn a_session_is_valid_on_every_instance(place: Place) {
    let (a, b) = (place.instance().await, place.instance().await);
    let (id, bearer) = a.token().await;
    for (credential, subject) in [(&*bearer, "admin"), (ALICE, "alice")] {
        let subject = Some(subject.to_owned());
        // The other instance may not have seen the token yet.
        let (cookie, other) = (a.sign_in(credential).await, a.sign_in(credential).await);
        assert_eq!(b.caller(&cookie).await, subject);
        assert_eq!(a.caller(&cookie).await, subject);

        // Signing out on one instance ends the session on both, also after a restart.
        b.sign_out(&cookie).await;
        assert_eq!(a.caller(&cookie).await, None);
        assert_eq!(b.caller(&cookie).await, None);
        let restarted = place.instance().await;
        assert_eq!(restarted.caller(&cookie).await, None);
        assert_eq!(restarted.caller(&other).await, subject);
    }

    // A session ends with its token: immediately on the instance that revoked it, and
    // on others when they refuse the token.
    let cookie = a.sign_in(&bearer).await;
    assert!(b.caller(&cookie).await.is_some());
    b.tokens
        .revoke(TokenSelector::Id(id), "test", "")
        .await
        .unwrap();
    assert_eq!(b.caller(&cookie).await, None);
    let seen = async {
        // A single request, because the change may arrive between two.
        let list = async || a.ask("GET", "/api/tokens", ("cookie", &cookie)).await;
        while list().await.status() != StatusCode::UNAUTHORIZED {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let bound = std::time::Duration::from_secs(10);
    tokio::time::timeout(bound, seen).await.unwrap();
    assert_eq!(a.caller(&cookie).await, None);

    let listed = a.tokens.list(Query::default()).await.unwrap();
    assert_eq!(listed.tokens.len(), 1, "sessions are not among the tokens");
}

#[tokio::test]
async fn s16_a_session_is_valid_on_every_instance_over_one_file() {
    a_session_is_valid_on_every_instance(Place::File(Directory::new())).await;
}

#[tokio::test]
async fn s16_a_session_is_valid_on_every_instance_over_one_postgresql() {
    if let Some(server) = server::shared() {
        a_session_is_valid_on_every_instance(Place::Database(server.database())).await;
    }
}
