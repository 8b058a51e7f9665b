//! An API and a page to manage API tokens.
//!
//! ```text
//! cargo run --example manage --all-features
//! curl http://127.0.0.1:3000/manage/tokens -H "Authorization: Bearer $TOKEN"
//! ```
//!
//! `$TOKEN` is printed at the start. Sign in with it at
//! `http://127.0.0.1:3000/api_tokens`, or as a user with `--user alice:correct-horse`.
//! The tokens of one deployment are at `/deployments/demo`. `/hello` is a page of the
//! app's own with the same sign-in. The tokens are lost when the process ends.

mod common;

use axum::{Router, extract::Path, response::IntoResponse, routing::get};
use tower_authn::{
    Authenticated, Principal,
    manage::TokenAdmin,
    store::MemoryStore,
    tokens::{NewToken, Tokens, TokensOptions},
    verifier::FixedUsers,
};

const SCOPES: [&str; 2] = ["resources", "deployment"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("manage", &["--user NAME:PASSWORD"]);
    let options = TokensOptions::new("acme")?.known_scopes(SCOPES)?;
    let tokens = Tokens::open(MemoryStore::new(), options).await?;
    let first = NewToken::new("admin")
        .name("first")
        .scopes(SCOPES)
        .never_expires();
    let first = tokens.create(first).await?;

    let mut manage = TokenAdmin::new(tokens.clone())
        .snippet("CLI", "acme login --endpoint {origin} --token {token}");
    if let Some(login) = flags.get("--user") {
        let (user, password) = login.split_once(':').ok_or("--user takes NAME:PASSWORD")?;
        let principal = Principal::new(user).with_scopes(SCOPES)?;
        manage = manage.users(FixedUsers::new([(user, password, principal)])?);
    }
    let routes = manage.routes();
    let (page, signed_in) = (manage.page(), manage.session_layer());
    let form = manage.clone();
    let hello = async move |caller: Option<Authenticated>| match caller {
        Some(Authenticated(caller)) => format!("hello, {}", caller.subject()).into_response(),
        None => form.sign_in_page("api_tokens"),
    };
    let demo = async move |Path(name): Path<String>| manage.target_page("../api_tokens", &name);
    let app = Router::new()
        .route("/hello", get(hello))
        .layer(signed_in)
        .nest("/manage", routes)
        .nest_service("/api_tokens", page)
        .route("/deployments/{name}", get(demo));

    let listener = common::listen(&flags).await?;
    println!("token {}", first.secret.expose());
    axum::serve(listener, app)
        .with_graceful_shutdown(common::stop())
        .await?;
    tokens.shutdown().await?;
    Ok(())
}
