//! The same request, decided on every path that the layer has.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, Request};
use proptest::{collection::vec, prelude::*};
use tower::Layer;
use tower_authn::{
    Access, AuthnLayer, Credential, Head, Principal, Rejection, RejectionKind, Scheme, Sources,
    Verifier, access::policy_fn, layer::Admission,
};

use crate::support::{Calls, Strict, ask, get};

/// What a verifier was asked, in order.
type Asked = Arc<Mutex<Vec<(Option<Scheme>, String)>>>;

/// Decides by the token's first letter. Neither constant changes the decision.
#[derive(Clone, Default)]
struct Decides<const READS_HEAD: bool, const WAITS: bool>(Asked);

impl<const READS_HEAD: bool, const WAITS: bool> Verifier for Decides<READS_HEAD, WAITS> {
    type Principal = Principal;

    const IMMEDIATE: bool = !WAITS;
    const READS_HEAD: bool = READS_HEAD;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        let asked = (credential.scheme(), credential.token().to_owned());
        self.0.lock().unwrap().push(asked);
        match credential.token().as_bytes() {
            [b'a'..=b'h', ..] => Ok(Principal::new(credential.token())),
            [b'i'..=b'k', ..] => Err(Rejection::revoked()),
            [b'l'..=b'n', ..] => Err(Rejection::unavailable("down")),
            [b'o'..=b'q', ..] => Err(Rejection::forbidden()),
            [b'r'..=b't', ..] => panic!("planted"),
            _ => Err(Rejection::invalid()),
        }
    }
}

/// The options of the layer.
#[derive(Clone, Copy, Debug)]
struct Options {
    named: bool,
    strip: bool,
    skip: bool,
    expose: bool,
    audit: bool,
    body: bool,
}

/// What the inner service saw: headers with their marks, and the principal.
type Inner = (Vec<(HeaderName, Vec<u8>, bool)>, Option<String>);

/// Everything that is visible of a decision, inside and outside the layer.
#[derive(Debug, PartialEq)]
struct Seen {
    answer: (u16, HeaderMap, String, Option<RejectionKind>),
    inner: Option<Inner>,
    readied: usize,
    asked: Vec<(Option<Scheme>, String)>,
    audited: Vec<(String, RejectionKind)>,
}

async fn seen<V, A>(
    layer: AuthnLayer<V, A>,
    options: Options,
    asked: Asked,
    request: Request<String>,
) -> Seen
where
    V: Verifier<Principal = Principal>,
    A: Admission<Principal>,
{
    let mut sources = Sources::default();
    if options.named {
        sources = sources.header("x-api-key").unwrap();
    }
    let mut layer = layer.sources(sources);
    if options.strip {
        layer = layer.strip_credential();
    }
    if options.skip {
        layer = layer.without_principal();
    }
    if options.expose {
        layer = layer.expose_rejection();
    }
    let audited = Arc::new(Mutex::new(Vec::new()));
    if options.audit {
        let audited = Arc::clone(&audited);
        layer = layer.insecure_audit(move |head, rejection| {
            let report = (head.path().to_owned(), rejection.kind());
            audited.lock().unwrap().push(report);
        });
    }
    let strict = Strict::default();
    let response = match options.body {
        true => {
            let layer = layer.respond(|rejection| http::Response::new(rejection.message().into()));
            ask(&layer.layer(strict.clone()), request).await
        }
        false => ask(&layer.layer(strict.clone()), request).await,
    };
    let (head, body) = response.into_parts();
    let rejection = head.extensions.get::<Rejection>().map(Rejection::kind);
    let inner = (strict.called.count() == 1).then(|| {
        let inner = strict.last();
        let fields = inner.headers.iter().map(|(name, value)| {
            let bytes = value.as_bytes().to_vec();
            (name.clone(), bytes, value.is_sensitive())
        });
        let principal = inner.extensions.get::<Principal>();
        (
            fields.collect(),
            principal.map(|principal| principal.subject().to_owned()),
        )
    });
    Seen {
        answer: (head.status.as_u16(), head.headers, body, rejection),
        inner,
        readied: strict.readied.count(),
        asked: std::mem::take(&mut *asked.lock().unwrap()),
        audited: std::mem::take(&mut *audited.lock().unwrap()),
    }
}

/// A layer that asks the same of every request, with a policy and without.
async fn on_both<V>(
    verifier: V,
    options: Options,
    asked: &Asked,
    request: &Request<String>,
) -> [Seen; 2]
where
    V: Verifier<Principal = Principal> + Clone,
{
    let bare = AuthnLayer::new(verifier.clone());
    let constant = AuthnLayer::new(verifier).access(Access::Authenticated);
    [
        seen(bare, options, Arc::clone(asked), request.clone()).await,
        seen(constant, options, Arc::clone(asked), request.clone()).await,
    ]
}

fn field() -> impl Strategy<Value = (&'static str, String)> {
    let value = prop_oneof![
        6 => "(Bearer|basic) [a-z][a-z0-9]{0,20}",
        1 => "[ -~]{0,12}",
        1 => " Bearer  [a-z]{1,20} ",
    ];
    let key = "[a-z][!-~]{0,20}";
    prop_oneof![
        6 => value.prop_map(|value| ("authorization", value)),
        2 => key.prop_map(|value| ("x-api-key", value)),
        2 => key.prop_map(|value| ("accept", value)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_request_is_decided_the_same_on_every_path(
        fields in vec(field(), 0..4),
        method in "GET|HEAD|POST",
        content_type in "application/(grpc|grpc-web-text|json)",
        spoofed: bool,
        flags: [bool; 6],
    ) {
        let [named, strip, skip, expose, audit, body] = flags;
        let options = Options { named, strip, skip, expose, audit, body };
        let mut request = Request::builder().method(method.as_str()).uri("/x.Y/Z");
        for (name, value) in &fields {
            request = request.header(*name, value);
        }
        let mut request = request.header("content-type", content_type).body(String::new()).unwrap();
        if spoofed {
            request.extensions_mut().insert(Principal::new("mallory"));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let all = runtime.block_on(async {
            let asked = Asked::default();
            let a = on_both(Decides::<false, false>(asked.clone()), options, &asked, &request).await;
            let b = on_both(Decides::<true, false>(asked.clone()), options, &asked, &request).await;
            let c = on_both(Decides::<false, true>(asked.clone()), options, &asked, &request).await;
            let d = on_both(Decides::<true, true>(asked.clone()), options, &asked, &request).await;
            [a, b, c, d].into_iter().flatten().collect::<Vec<_>>()
        });
        for other in &all[1..] {
            prop_assert_eq!(&all[0], other);
        }
        let refused = all[0].inner.is_none();
        prop_assert_eq!(all[0].readied, usize::from(!refused), "only the admitted");
        prop_assert!(all[0].asked.len() <= 1, "asked once");
    }
}

#[tokio::test]
async fn a_policy_is_asked_once_for_a_request_even_if_its_verifier_waits() {
    async fn asked<V: Verifier<Principal = Principal>>(verifier: V, token: &str) -> (u16, usize) {
        let asked = Calls::default();
        let counts = asked.clone();
        let layer = AuthnLayer::new(verifier).access(policy_fn(move |_: &Head<'_>| {
            counts.add();
            Access::Authenticated
        }));
        let request = get("/", &[("authorization", &format!("Bearer {token}"))]);
        let response = ask(&layer.layer(Strict::default()), request).await;
        (response.status().as_u16(), asked.count())
    }
    for (token, status) in [("a", 200), ("i", 401), ("l", 503)] {
        let immediate = asked(Decides::<true, false>::default(), token).await;
        let waits = asked(Decides::<true, true>::default(), token).await;
        let waits_headless = asked(Decides::<false, true>::default(), token).await;
        let boxed = asked(Decides::<true, true>::default().boxed(), token).await;
        assert_eq!([immediate, waits, waits_headless, boxed], [(status, 1); 4]);
    }
}
