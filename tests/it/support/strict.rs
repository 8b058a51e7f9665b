//! An inner service that checks its readiness.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use http::{Request, Response, request::Parts};
use tower::Service;

use super::Calls;

/// An inner service that panics if it is called before it was polled ready. It keeps
/// the head of the last request.
#[derive(Debug, Default)]
pub struct Strict {
    ready: bool,
    pub readied: Calls,
    pub called: Calls,
    pub last: Arc<Mutex<Option<Parts>>>,
}

impl Strict {
    /// Returns the head of the last request that was admitted.
    pub fn last(&self) -> Parts {
        self.last
            .lock()
            .unwrap()
            .clone()
            .expect("no request was admitted")
    }
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            readied: self.readied.clone(),
            called: self.called.clone(),
            last: Arc::clone(&self.last),
        }
    }
}

impl<B> Service<Request<B>> for Strict {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        self.readied.add();
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(self.ready, "called without being ready");
        self.ready = false;
        self.called.add();
        *self.last.lock().unwrap() = Some(request.into_parts().0);
        ready(Ok(Response::new("inner".to_owned())))
    }
}
