//! A server on hyper, without a framework.
//!
//! ```text
//! cargo run --example hyper_server --all-features
//! curl http://127.0.0.1:3000/ -H "Authorization: Bearer 9cLqJTbYzVvZyXHn"
//! ```

mod common;

use std::{convert::Infallible, time::Duration};

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tower::{ServiceBuilder, util::BoxCloneSyncService};
use tower_authn::{AuthnLayer, Principal, verifier::FixedTokens};

/// The guarded service. Its type has a short name, for the fields of your structs.
type App = BoxCloneSyncService<Request<Incoming>, Response<Full<Bytes>>, Infallible>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("hyper_server", &[]);
    let tokens = FixedTokens::parse("9cLqJTbYzVvZyXHn  ci")?;
    let app = ServiceBuilder::new()
        .layer(AuthnLayer::new(tokens))
        .service_fn(greet);
    let app = App::new(app);

    let listener = common::listen(&flags).await?;
    let connections = GracefulShutdown::new();
    let mut stop = Box::pin(common::stop());
    loop {
        let tcp = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            () = &mut stop => break,
        };
        let service = TowerToHyperService::new(app.clone());
        let server = auto::Builder::new(TokioExecutor::new());
        let connection = server
            .serve_connection(TokioIo::new(tcp), service)
            .into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("hyper_server: {error}");
            }
        });
    }
    // Open connections get some time to finish.
    let _ = tokio::time::timeout(Duration::from_secs(5), connections.shutdown()).await;
    Ok(())
}

async fn greet(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let caller = request.extensions().get::<Principal>();
    let name = caller.map_or("stranger", Principal::subject);
    Ok(Response::new(format!("hello, {name}\n").into()))
}
