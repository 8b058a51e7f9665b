//! How long verdicts take, side by side.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT},
};
use http_body_util::Empty;
use tokio::runtime::Runtime;
use tower::{Layer, Service};
use tower_authn::{AuthnLayer, Credential, Rejection, Verifier, tokens::NewToken};

use super::{
    Scale,
    filled::{Filled, header, token},
    loads::Loaded,
};

/// Answers as no refusal does, allocates nothing, and gives the headers back,
/// so that neither making nor dropping them is measured.
#[derive(Clone, Copy)]
pub struct Bare;

impl Service<Request<Empty<Bytes>>> for Bare {
    type Response = Response<HeaderMap>;
    type Error = Infallible;
    type Future = Ready<Result<Response<HeaderMap>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Empty<Bytes>>) -> Self::Future {
        let mut response = Response::new(std::mem::take(request.headers_mut()));
        *response.status_mut() = StatusCode::ACCEPTED;
        ready(Ok(response))
    }
}

/// A service that can be asked.
pub trait Serves:
    Service<Request<Empty<Bytes>>, Response = Response<HeaderMap>, Error = Infallible>
{
}

impl<S> Serves for S where
    S: Service<Request<Empty<Bytes>>, Response = Response<HeaderMap>, Error = Infallible>
{
}

/// Asks a service, with six headers in each request.
pub struct Asker<S> {
    service: S,
    others: HeaderMap,
}

/// One whose service is guarded by this verifier, and hands no principal on.
pub fn asker<V: Verifier>(verifier: V) -> Asker<impl Serves> {
    Asker::new(AuthnLayer::new(verifier).without_principal().layer(Bare))
}

impl<S: Serves> Asker<S> {
    pub fn new(service: S) -> Self {
        let named = [
            (HOST, "models.example.com"),
            (USER_AGENT, "bench/1.0"),
            (ACCEPT, "*/*"),
            (ACCEPT_ENCODING, "gzip"),
            (CONTENT_TYPE, "application/json"),
        ];
        let with_value =
            |(name, value): (HeaderName, &'static str)| (name, HeaderValue::from_static(value));
        Self {
            service,
            others: named.into_iter().map(with_value).collect(),
        }
    }

    pub fn ask(&mut self, credential: &HeaderValue) -> StatusCode {
        let mut request = Request::new(Empty::new());
        let mut headers = self.others.clone();
        headers.insert(AUTHORIZATION, credential.clone());
        *request.headers_mut() = headers;
        self.serve(request).status()
    }

    /// What is counted.
    #[inline(never)]
    fn serve(&mut self, request: Request<Empty<Bytes>>) -> Response<HeaderMap> {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(self.service.poll_ready(&mut cx).is_ready());
        match pin!(self.service.call(request)).poll(&mut cx) {
            Poll::Ready(Ok(response)) => response,
            Poll::Pending => panic!("it waits"),
        }
    }
}

/// Something that is done again and again.
struct Lane {
    name: String,
    /// The lane that does everything but what is to be measured.
    floor: Option<usize>,
    /// Does it for the number of a request.
    ask: Box<dyn FnMut(usize)>,
}

fn guarded<V: Verifier>(
    name: &str,
    floor: Option<usize>,
    verifier: V,
    expected: StatusCode,
    picks: &Arc<Vec<HeaderValue>>,
) -> Lane {
    let mut asker = asker(verifier);
    let picks = Arc::clone(picks);
    Lane {
        name: name.to_owned(),
        floor,
        ask: Box::new(move |n| assert_eq!(asker.ask(&picks[n % picks.len()]), expected)),
    }
}

fn map(name: &str, tokens: impl Iterator<Item = u64>, picks: Vec<u64>) -> Lane {
    let map: HashMap<String, Arc<u64>> = tokens.map(|n| (token(n), Arc::new(n))).collect();
    let picks: Vec<String> = picks.into_iter().map(token).collect();
    Lane {
        name: name.to_owned(),
        floor: None,
        ask: Box::new(move |n| {
            let found = map.get(&picks[n % picks.len()]).map(Arc::clone);
            assert!(black_box(found).is_some());
        }),
    }
}

/// Numbers below a count, one after the other as if by chance.
pub fn by_chance(count: u64, how_many: usize) -> Vec<u64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % count
    };
    std::iter::repeat_with(next).take(how_many).collect()
}

/// Admits everything, or nothing, and looks at nothing.
pub struct Decided(pub bool);

impl Verifier for Decided {
    type Principal = ();

    const IMMEDIATE: bool = true;
    const READS_HEAD: bool = false;

    async fn verify(&self, _: &Credential<'_>) -> Result<(), Rejection> {
        match self.0 {
            true => Ok(()),
            false => Err(Rejection::invalid()),
        }
    }
}

pub fn report(runtime: &Runtime, scale: Scale, loaded: &Loaded) {
    let mut lanes = lanes(runtime, scale, loaded);
    let mut times = vec![Vec::with_capacity(scale.rounds); lanes.len()];
    for round in 0..scale.rounds {
        for (lane, times) in lanes.iter_mut().zip(&mut times) {
            let begin = Instant::now();
            for n in 0..scale.requests {
                (lane.ask)(round * scale.requests + n);
            }
            times.push(begin.elapsed());
        }
    }
    times.iter_mut().for_each(|times| times.sort());
    let ns = |time: Duration| time.as_secs_f64() * 1e9 / scale.requests as f64;
    println!("\n| ns | least | median | over its floor, least | median |");
    println!("|---|---|---|---|---|");
    for (lane, times_) in lanes.iter().zip(&times) {
        let (least, median) = (ns(times_[0]), ns(times_[scale.rounds / 2]));
        let floor = lane.floor.map(|floor| &times[floor]);
        let over = |own: f64, of: usize| {
            floor.map_or_else(
                || "-".to_owned(),
                |floor| format!("{:.0}", own - ns(floor[of])),
            )
        };
        println!(
            "| {} | {least:.0} | {median:.0} | {} | {} |",
            lane.name,
            over(least, 0),
            over(median, scale.rounds / 2),
        );
    }
    forge(scale, loaded);
    use_often(runtime, scale);
}

fn lanes(runtime: &Runtime, scale: Scale, loaded: &Loaded) -> Vec<Lane> {
    let Scale { few, some, all, .. } = scale;
    let rounds = scale.rounds * scale.requests;
    let headers = |numbers: &[u64]| -> Arc<Vec<HeaderValue>> {
        Arc::new(numbers.iter().map(|n| header(&token(*n))).collect())
    };
    let verifier = |count| {
        let tokens = runtime.block_on(Filled::new(count).open());
        tokens.verifier()
    };
    let (of_few, of_some) = (verifier(few), verifier(some));
    let of_all = || loaded.tokens.verifier();
    let hot = headers(&[few - 1]);
    let among_some = headers(&by_chance(some, rounds));
    let among_all = headers(&by_chance(all, rounds));
    let good = StatusCode::ACCEPTED;
    let bad = StatusCode::UNAUTHORIZED;
    let typos = headers_of(by_chance(u64::MAX >> 24, rounds).into_iter().map(token));
    let foreign = headers_of(foreign(runtime, scale.requests));
    let one_foreign = Arc::new(vec![foreign[0].clone()]);
    let other = headers_of(std::iter::once("made-up-and-of-no-form-of-ours".to_owned()));
    vec![
        guarded(
            "the layer alone, one token",
            None,
            Decided(true),
            good,
            &hot,
        ),
        guarded(
            "the layer alone, any token",
            None,
            Decided(true),
            good,
            &among_all,
        ),
        guarded(
            "the layer alone, refused",
            None,
            Decided(false),
            bad,
            &typos,
        ),
        guarded(
            &format!("verdict among {few}, one token"),
            Some(0),
            of_few,
            good,
            &hot,
        ),
        guarded(
            &format!("verdict among {some}, one token"),
            Some(0),
            of_some.clone(),
            good,
            &hot,
        ),
        guarded(
            &format!("verdict among {some}, any token"),
            Some(1),
            of_some,
            good,
            &among_some,
        ),
        guarded(
            &format!("verdict among {all}, one token"),
            Some(0),
            of_all(),
            good,
            &hot,
        ),
        guarded(
            &format!("verdict among {all}, any token"),
            Some(1),
            of_all(),
            good,
            &among_all,
        ),
        map(
            &format!("`HashMap` of {few}, one token"),
            0..few,
            vec![few - 1],
        ),
        map(
            &format!("`HashMap` of {some}, any token"),
            0..some,
            by_chance(some, rounds),
        ),
        map(
            &format!("`HashMap` of {all}, one token"),
            0..all,
            vec![few - 1],
        ),
        map(
            &format!("`HashMap` of {all}, any token"),
            0..all,
            by_chance(all, rounds),
        ),
        guarded(
            &format!("made up: no checksum, among {all}"),
            Some(2),
            of_all(),
            bad,
            &typos,
        ),
        guarded(
            &format!("made up: a foreign tag, one token, among {all}"),
            Some(2),
            of_all(),
            bad,
            &one_foreign,
        ),
        guarded(
            &format!("made up: a foreign tag, any token, among {all}"),
            Some(2),
            of_all(),
            bad,
            &foreign,
        ),
        guarded(
            &format!("made up: another form, among {all}"),
            Some(2),
            of_all(),
            bad,
            &other,
        ),
    ]
}

fn headers_of(tokens: impl IntoIterator<Item = String>) -> Arc<Vec<HeaderValue>> {
    Arc::new(tokens.into_iter().map(|token| header(&token)).collect())
}

/// Whole tokens of another service of the same prefix.
fn foreign(runtime: &Runtime, count: usize) -> Vec<String> {
    runtime.block_on(async {
        let others = Filled::new(0).open().await;
        let mut made = Vec::new();
        for _ in 0..count {
            let one = others.create(NewToken::new("mallory")).await;
            made.push(one.expect("a store in memory").secret.expose().to_owned());
        }
        made
    })
}

/// A flood of made-up tokens: none gets in, and none is asked for.
fn forge(scale: Scale, loaded: &Loaded) {
    let mut asker = asker(loaded.tokens.verifier());
    let before = loaded.store.gets();
    let begin = Instant::now();
    for number in 0..scale.forgeries {
        let made_up = header(&token(scale.all + number));
        assert_eq!(asker.ask(&made_up), StatusCode::UNAUTHORIZED);
    }
    let took = begin.elapsed();
    assert_eq!(loaded.store.gets(), before, "the store was asked");
    println!(
        "\n{} made-up tokens refused in {took:.2?}, the store asked 0 times",
        scale.forgeries
    );
}

/// As many verdicts, and what is written of them within the minute.
fn use_often(runtime: &Runtime, scale: Scale) {
    let store = Filled::new(scale.some);
    let tokens = runtime.block_on(store.open());
    let headers: Vec<HeaderValue> = (0..scale.some).map(|n| header(&token(n))).collect();
    let mut asker = asker(tokens.verifier());
    for credential in headers.iter().cycle().take(scale.forgeries as usize) {
        assert_eq!(asker.ask(credential), StatusCode::ACCEPTED);
    }
    runtime
        .block_on(tokens.shutdown())
        .expect("a store in memory");
    let rows = store.told();
    assert!((1..=scale.some).contains(&rows), "{rows} rows");
    println!(
        "{} verdicts on {} tokens wrote {rows} rows of uses",
        scale.forgeries, scale.some
    );
}
