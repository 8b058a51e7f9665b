//! The token is the header's own bytes.

use std::ops::Range;

use http::HeaderName;
use tower::Layer;
use tower_authn::{AuthnLayer, Credential, Rejection, Sources, Verifier};

use crate::support::{Strict, TOKEN, ask, get};

/// Answers whether the token lies inside the bytes of the header's value, and
/// where those are.
struct Pointers {
    header: HeaderName,
    waits: bool,
}

impl Verifier for Pointers {
    type Principal = Range<usize>;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Range<usize>, Rejection> {
        if self.waits {
            tokio::task::yield_now().await;
        }
        let addresses = |bytes: &[u8]| {
            let range = bytes.as_ptr_range();
            range.start as usize..range.end as usize
        };
        let value = addresses(credential.head().unwrap().headers()[&self.header].as_bytes());
        let token = addresses(credential.token().as_bytes());
        match value.start <= token.start && token.end <= value.end && !token.is_empty() {
            true => Ok(value),
            false => Err(Rejection::invalid()),
        }
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<Range<usize>, Rejection>> {
        use futures::FutureExt;
        match self.waits {
            true => None,
            false => self.verify(credential).now_or_never(),
        }
    }
}

#[tokio::test]
async fn the_token_is_borrowed_from_the_header_of_the_request() {
    let sources = Sources::default().header("x-api-key").unwrap();
    for waits in [false, true] {
        for (header, value) in [
            ("authorization", format!(" Bearer   {TOKEN} ")),
            ("x-api-key", TOKEN.to_owned()),
        ] {
            let header = HeaderName::from_static(header);
            let request = get("/", &[(header.as_str(), &value)]);
            let sent = request.headers()[&header].as_bytes().as_ptr() as usize;
            let pointers = Pointers {
                header: header.clone(),
                waits,
            };
            let inner = Strict::default();
            let layer = AuthnLayer::new(pointers).sources(sources.clone());
            let response = ask(&layer.layer(inner.clone()), request).await;
            assert_eq!(response.status(), 200, "{header} waits: {waits}");
            let last = inner.last();
            let seen = last.extensions.get::<Range<usize>>().unwrap();
            assert_eq!(seen.start, sent, "the bytes that were sent");
        }
    }
}
