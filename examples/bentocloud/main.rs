//! A model-serving cloud with a guarded control plane, guarded apps, and a page to manage
//! their tokens.
//!
//! ```text
//! cargo run --example bentocloud --all-features
//! curl http://demo.mybentocloud.localhost:3000/generate -H "Content-Type: application/json" \
//!     -H "Authorization: Basic $TOKEN" --data '{"prompt": "Hello", "max_length": 100}'
//! ```
//!
//! `$TOKEN` is printed at the first start, with more lines to try. The pages for people
//! begin at `http://127.0.0.1:3000/deployments`.
//!
//! ```text
//! bentoml cloud login --api-token $TOKEN --endpoint http://127.0.0.1:3000
//! curl http://127.0.0.1:3000/api/v1/deployments -H "Authorization: Bearer $TOKEN"
//! curl http://127.0.0.1:3000/api/v1/deployments -H "Authorization: Bearer $TOKEN" \
//!     --json '{"name": "mine", "access": "protected"}'
//! curl -X PATCH http://127.0.0.1:3000/api/v1/deployments/demo -H "Authorization: Bearer $TOKEN" \
//!     --json '{"access": "public"}'
//! curl -T model.bin http://127.0.0.1:3000/api/v1/models/llama -H "Authorization: Bearer $TOKEN"
//! ```
//!
//! The flags are `--listen ADDR`, `--store memory: | sqlite:PATH | postgres://…`,
//! `--tls DIR` (missing certificates are made there) and `--admin-token TOKEN` (your own
//! token for everything; one of an earlier start stays valid until it is revoked). They
//! are also read from the environment: `BENTOCLOUD_LISTEN`, `BENTOCLOUD_STORE`,
//! `BENTOCLOUD_TLS`, `BENTOCLOUD_ADMIN_TOKEN`.
//!
//! # The layers
//!
//! ```text
//!                 request
//!                    │
//!      ┌─────────────▼─────────────┐
//!      │       resolve::host       │  demo.mybentocloud.localhost/… becomes
//!      │                           │  /apps/demo/…
//!      └─────────────┬─────────────┘
//!      ┌─────────────▼─────────────┐  /manage, /api_tokens, /deployments:
//!      │           Router          │───► TokenAdmin and pages/ guard themselves
//!      └─────────────┬─────────────┘
//!                    │ other paths
//!      ┌─────────────▼─────────────┐
//!      │    resolve::deployment    │  looks the requested deployment up, once
//!      ├───────────────────────────┤
//!      │  AuthnLayer               │  the list in rights.rs, and the exposure of
//!      │    .access(policy)        │  the deployment: public or protected
//!      └─────────────┬─────────────┘
//!                    │ request + deployment + principal
//!      ┌─────────────▼─────────────┐  GrpcWebLayer, and in it ValidityLayer,
//!      │  control, apps, inference │  around the gRPC services alone
//!      └───────────────────────────┘
//! ```

mod access;
mod apps;
#[path = "../common/bind.rs"]
mod bind;
mod control;
mod fault;
#[path = "../common/flags.rs"]
mod flags;
mod inference;
#[path = "../inference/mod.rs"]
mod model;
mod origin;
mod pages;
mod resolve;
mod rights;
#[path = "../common/serve.rs"]
mod serve;
#[path = "../common/snippets.rs"]
mod snippets;
mod start;
mod store;
mod try_it;

use std::{error::Error, path::PathBuf, process::exit, sync::Arc};

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state, map_response},
    response::Response,
};
use futures::future::{BoxFuture, FutureExt};
use http::{HeaderValue, header::CACHE_CONTROL};
use tonic::service::Routes;
use tower::ServiceBuilder;
use tower_authn::{
    AuthnLayer, Sources, manage::TokenAdmin, protect, token::Record, tokens::TokensOptions,
};

use self::{
    control::Cloud,
    flags::Flags,
    origin::{DOMAIN, Origin},
    rights::{CALL, RESOURCES},
};

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("bentocloud: {error}");
        exit(2);
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let known = [
        "--store memory: | sqlite:PATH | postgres://URL",
        "--tls DIR",
        "--admin-token TOKEN",
    ];
    let flags = Flags::read("bentocloud", &known);
    let listener = bind::bind(&flags).await?;
    let origin = Origin::new(
        listener.local_addr()?,
        flags.get("--tls").map(PathBuf::from),
    );

    let options = TokensOptions::new("bento")?.known_scopes([RESOURCES, CALL])?;
    let store = flags.get("--store").unwrap_or("sqlite:bentocloud.db");
    let (tokens, documents) = store::open(store, options)
        .await
        .map_err(|error| format!("--store: {error}"))?;
    let cloud = Cloud {
        tokens: tokens.clone(),
        documents: documents.clone(),
        origin: origin.clone(),
    };
    let app = protect(router(cloud).await?, from_fn(resolve::host));
    let names = [DOMAIN, &format!("*.{DOMAIN}")];
    let server = serve::serve(listener, origin.tls(), &names, app)?;

    // Nothing can fail between the creation of the first token and its output.
    let made = start::initialize(&tokens, &documents, flags.get("--admin-token")).await?;
    println!("{}", try_it::text(&origin, made.as_ref()));
    drop(made);
    server.await?;
    // Writes the uses that are not in the store yet.
    Ok(tokens.shutdown().await?)
}

/// Returns the routes, without the layer for hosts.
async fn router(cloud: Cloud) -> Result<Router, Box<dyn Error>> {
    let sources = Sources::new()
        .bearer()
        .basic()
        .header("x-yatai-api-token")?;
    let manage = TokenAdmin::new(cloud.tokens.clone())
        .sources(sources.clone())
        .target_link("../{target}")
        .targets_hint(TARGETS_HINT)
        .snippets_for(snippets_for(cloud.clone()));
    Ok(Router::new()
        .nest("/manage", manage.routes())
        .nest(&format!("/{}", pages::TOKENS), manage.page())
        .merge(pages::router(cloud.clone(), manage))
        .fallback_service(guarded(cloud, sources).await?))
}

/// The help text of the targets in the form.
const TARGETS_HINT: &str = "The deployments that it may be used for, such as demo or staging-*. \
    Leave it empty for all. With targets it manages these deployments and the tokens that are held \
    to them; it gets nothing of the cluster, the members, the models and the bentos.";

/// Returns the lines for a new token. The page fills its own origin in.
fn snippets_for(
    cloud: Cloud,
) -> impl Fn(Record, Option<String>) -> BoxFuture<'static, Vec<(String, String)>> {
    move |token, page| {
        let cloud = cloud.clone();
        async move {
            let (origin, documents) = (&cloud.origin, &cloud.documents);
            let lines = try_it::lines_for(origin, documents, &token, page.as_deref()).await;
            let lines = lines.unwrap_or_else(|error| {
                eprintln!("bentocloud: {error}");
                Vec::new()
            });
            let url = origin.url();
            let lines = lines.into_iter();
            lines
                .map(|(label, line)| (label.to_owned(), line.replace(&url, "{origin}")))
                .collect()
        }
        .boxed()
    }
}

/// Returns the control plane and the apps inside `AuthnLayer`.
async fn guarded(cloud: Cloud, sources: Sources) -> Result<Router, Box<dyn Error>> {
    let authn = AuthnLayer::new(cloud.tokens.verifier())
        .sources(sources)
        .access(access::policy(inference::SERVICES)?)
        .respond(fault::refusal);
    let resolved = from_fn_with_state(cloud.documents.clone(), resolve::deployment);
    let layers = ServiceBuilder::new().layer(resolved).layer(authn);
    let within = from_fn_with_state(Arc::new(access::target_table()?), access::check_targets);
    let http = control::router(cloud).merge(apps::router()).layer(within);
    let http = http.layer(map_response(no_store));
    let routes = inference::add_to(Routes::from(http)).await?;
    let guarded = protect(routes.into_axum_router(), layers);
    Ok(Router::new().fallback_service(guarded))
}

/// Forbids caches to store an answer. A shared cache recognizes an authenticated request
/// by `Authorization` alone (RFC 9111 §3.5), and a public deployment may be protected later.
async fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
