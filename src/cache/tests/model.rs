//! Random orders of everything that can happen, compared with a simple model.

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;

const TTL: Duration = Duration::from_secs(10);
const REFUSAL_TTL: Duration = Duration::from_secs(2);

const TOKENS: [&str; 4] = ["t0", "t1", "t2", "t3"];

/// The token that expires, and when.
const EXPIRING: usize = 3;
const EXPIRY: Duration = Duration::from_secs(25);

#[derive(Clone, Copy, Debug)]
enum Op {
    Request(usize),
    /// Ends one of the loads that run.
    Release(usize),
    /// Cancels one of the requests that wait.
    Cancel(usize),
    /// The issuer knows something newer of a token.
    Change(usize),
    Revoke(usize),
    Outage(usize),
    Panic(usize),
    InvalidateId(usize),
    InvalidateSubject(usize),
    InvalidateAll,
    Advance(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let token = 0..TOKENS.len();
    prop_oneof![
        6 => token.clone().prop_map(Op::Request),
        4 => (0_usize..4).prop_map(Op::Release),
        1 => (0_usize..4).prop_map(Op::Cancel),
        2 => token.clone().prop_map(Op::Change),
        1 => token.clone().prop_map(Op::Revoke),
        1 => token.clone().prop_map(Op::Outage),
        1 => token.clone().prop_map(Op::Panic),
        2 => token.prop_map(Op::InvalidateId),
        1 => (0_usize..2).prop_map(Op::InvalidateSubject),
        1 => Just(Op::InvalidateAll),
        2 => (1_u64..6_000).prop_map(Op::Advance),
    ]
}

/// What the model knows of a token.
#[derive(Clone, Copy, Default)]
struct Known {
    version: u64,
    /// The least version that a request may be answered with if it arrives now.
    floor: u64,
    /// The version that is remembered, and its end.
    principal: Option<(u64, Instant)>,
    refused_until: Option<Instant>,
}

struct Model {
    issuer: Issuer,
    cached: Cached<Issuer>,
    start: Instant,
    known: [Known; TOKENS.len()],
    /// The numbers of the questions that an invalidation was about, and of those before an
    /// invalidation of all.
    invalidated: Vec<usize>,
    cleared: Vec<usize>,
    waiting: Vec<(usize, u64, Request)>,
}

impl Model {
    fn new() -> Self {
        let issuer = Issuer::default();
        let wall = Wall::new();
        let cached = Cached::builder(issuer.clone())
            .ttl(TTL)
            .refusal_ttl(REFUSAL_TTL)
            .clock(move || wall.now())
            .build();
        let mut model = Self {
            issuer,
            cached,
            start: Instant::now(),
            known: Default::default(),
            invalidated: Vec::new(),
            cleared: Vec::new(),
            waiting: Vec::new(),
        };
        (0..TOKENS.len()).for_each(|token| model.change(token));
        model
    }

    fn change(&mut self, token: usize) {
        let known = &mut self.known[token];
        known.version += 1;
        let mut principal = Principal::new(format!("s{}", token % 2))
            .with_token_id(TOKENS[token])
            .with_metadata(known.version.to_string());
        if token == EXPIRING {
            let wall = SystemTime::UNIX_EPOCH + 1_000_000 * SECOND;
            principal = principal.with_expires_at(wall + EXPIRY);
        }
        self.issuer.good(TOKENS[token], principal);
    }

    /// What the model expects of a request that arrives now, if it need not wait.
    fn expected(&self, token: usize) -> Option<Result<u64, ()>> {
        let known = self.known[token];
        let now = Instant::now();
        match (known.principal, known.refused_until) {
            (Some((version, ends)), _) if now < ends => Some(Ok(version)),
            (_, Some(until)) if now < until => Some(Err(())),
            _ => None,
        }
    }

    fn request(&mut self, token: usize) {
        let expected = self.expected(token);
        let now = self.cached.verify_now(&bearer(TOKENS[token]));
        assert_eq!(now.map(version), expected, "{} at once", TOKENS[token]);
        let mut request = Request::begin(&self.cached, TOKENS[token]);
        match expected {
            Some(_) => assert_eq!(request.poll().map(version), expected),
            None => self.waiting.push((token, self.known[token].floor, request)),
        }
    }

    async fn release(&mut self, index: usize) {
        let questions = self.questions();
        let Some(id) = questions.get(index % questions.len().max(1)).copied() else {
            return;
        };
        let mut asked = self.issuer.with(|state| {
            let place = state.asked.iter().position(|asked| asked.number == id);
            state.asked.remove(place.unwrap())
        });
        let token = TOKENS.iter().position(|t| *t == asked.token).unwrap();
        let (unused, _) = oneshot::channel();
        let release = std::mem::replace(&mut asked.release, unused);
        release.send(()).unwrap();
        settle().await;
        let (invalidated, cleared) = (self.invalidated.contains(&id), self.cleared.contains(&id));
        let known = &mut self.known[token];
        match asked.answer {
            Answer::Good(principal) if !invalidated && !cleared => {
                let mut ends = asked.at + TTL;
                if token == EXPIRING {
                    ends = ends.min(self.start + EXPIRY);
                }
                known.principal = Some((version(Ok(principal)).unwrap(), ends));
                known.refused_until = None;
            }
            Answer::Bad(RejectionKind::Revoked) if !cleared => {
                known.principal = None;
                known.refused_until = Some(Instant::now() + REFUSAL_TTL);
            }
            _ => {}
        }
    }

    fn questions(&self) -> Vec<usize> {
        self.issuer.counts();
        self.issuer
            .with(|state| state.asked.iter().map(|asked| asked.number).collect())
    }

    fn invalidate(&mut self, is_about: impl Fn(usize) -> bool) {
        self.issuer.counts();
        let about: Vec<usize> = self.issuer.with(|state| {
            let is_about = |asked: &&Question| {
                let token = TOKENS.iter().position(|t| *t == asked.token).unwrap();
                is_about(token)
            };
            state
                .asked
                .iter()
                .filter(is_about)
                .map(|asked| asked.number)
                .collect()
        });
        self.invalidated.extend(about);
        for (token, known) in self.known.iter_mut().enumerate() {
            if is_about(token) {
                known.floor = known.version;
                known.principal = None;
            }
        }
    }

    async fn apply(&mut self, op: Op) {
        match op {
            Op::Request(token) => self.request(token),
            Op::Release(index) => self.release(index).await,
            Op::Cancel(index) if index < self.waiting.len() => {
                self.waiting.remove(index);
            }
            Op::Cancel(_) => {}
            Op::Change(token) => self.change(token),
            Op::Revoke(token) => {
                let answer = Answer::Bad(RejectionKind::Revoked);
                self.issuer.set(TOKENS[token], answer);
            }
            Op::Outage(token) => {
                let answer = Answer::Bad(RejectionKind::Unavailable);
                self.issuer.set(TOKENS[token], answer);
            }
            Op::Panic(token) => self.issuer.set(TOKENS[token], Answer::Panic),
            Op::InvalidateId(token) => {
                self.cached.invalidate_token_id(TOKENS[token]);
                self.invalidate(|t| t == token);
            }
            Op::InvalidateSubject(subject) => {
                self.cached.invalidate_subject(format!("s{subject}"));
                self.invalidate(|t| t % 2 == subject);
            }
            Op::InvalidateAll => {
                self.cached.invalidate_all();
                self.invalidate(|_| true);
                self.cleared.extend(self.questions());
                self.known.iter_mut().for_each(|k| k.refused_until = None);
            }
            Op::Advance(millis) => tokio::time::advance(Duration::from_millis(millis)).await,
        }
        settle().await;
        self.answer_waiting();
        settle().await;
        self.check_single_flight();
    }

    /// Checks the answers of the requests that have waited.
    fn answer_waiting(&mut self) {
        self.waiting.retain_mut(|(token, floor, request)| {
            let Some(verdict) = request.poll() else {
                return true;
            };
            if let Ok(version) = version(verdict) {
                assert!(version >= *floor, "{}: {version} < {floor}", TOKENS[*token]);
            }
            false
        });
    }

    fn check_single_flight(&self) {
        self.issuer.counts();
        for token in TOKENS {
            let valid =
                |asked: &&Question| asked.token == token && !self.cleared.contains(&asked.number);
            let loads = self
                .issuer
                .with(|state| state.asked.iter().filter(valid).count());
            assert!(loads <= 1, "{loads} loads of {token}");
        }
    }

    /// No request is left waiting once every load has ended.
    async fn end(mut self) {
        for _ in 0..1_000 {
            if self.questions().is_empty() {
                break;
            }
            self.apply(Op::Release(0)).await;
        }
        assert!(
            self.waiting.is_empty(),
            "{} requests wait",
            self.waiting.len()
        );
        assert_eq!(self.cached.stats().loads, 0);
    }
}

fn version(verdict: Verdict) -> Result<u64, ()> {
    let principal = verdict.map_err(|_| ())?;
    Ok(principal.metadata().unwrap().parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn j03_no_order_of_events_answers_with_what_was_invalidated_before(
        ops in prop::collection::vec(op(), 1..60)
    ) {
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut model = Model::new();
            for op in ops {
                model.apply(op).await;
            }
            model.end().await;
        });
    }
}
