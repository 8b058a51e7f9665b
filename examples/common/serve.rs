//! Serves an app, with or without TLS, until a signal arrives.

#[path = "stop.rs"]
mod stop;
#[path = "tls.rs"]
mod tls;

use std::{convert::Infallible, error::Error, io, path::Path, time::Duration};

use axum::{extract::Request, response::Response};
use futures::future::{BoxFuture, FutureExt};
use tokio::{net::TcpListener, time::sleep};
use tower::Service;
use tower_authn::layer::Protected;

use self::tls::TlsListener;

/// The time for open requests to finish after the signal.
const GRACE: Duration = Duration::from_secs(10);

/// Returns the server, which accepts connections once it is polled. It ends after SIGINT
/// or SIGTERM. `names` are the names of this machine besides `localhost`.
pub(crate) fn serve<S>(
    tcp: TcpListener,
    tls: Option<&Path>,
    names: &[&str],
    app: Protected<S>,
) -> Result<BoxFuture<'static, io::Result<()>>, Box<dyn Error>>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let app = app.into_make_service();
    let server = match tls {
        None => axum::serve(tcp, app)
            .with_graceful_shutdown(stop::stop())
            .into_future()
            .boxed(),
        Some(dir) => {
            let listener = TlsListener::new(tcp, dir, names)
                .map_err(|error| format!("--tls {}: {error}", dir.display()))?;
            axum::serve(listener, app)
                .with_graceful_shutdown(stop::stop())
                .into_future()
                .boxed()
        }
    };
    let late = async {
        stop::stop().await;
        sleep(GRACE).await;
    };
    Ok(async move {
        tokio::select! {
            ended = server => ended,
            () = late => Ok(()),
        }
    }
    .boxed())
}
