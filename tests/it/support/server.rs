//! A server on a socket.

use std::{convert::Infallible, net::SocketAddr};

use tokio::net::TcpListener;
use tower::{Service, make::Shared};
use tower_authn::layer::Protected;

/// Serves a protected app on a new socket, over HTTP/1.1 and HTTP/2.
pub async fn serve<S>(app: Protected<S>) -> SocketAddr
where
    S: Service<axum::extract::Request, Response = axum::response::Response, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Shared::new(app)).await });
    addr
}
