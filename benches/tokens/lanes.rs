//! The lanes: what is measured side by side.

use std::{collections::HashMap, hint::black_box, sync::Arc};

use http::{HeaderValue, StatusCode};
use tokio::runtime::Runtime;
use tower_authn::{Verifier, tokens::NewToken};

use super::{
    Scale,
    filled::{Filled, header, random_numbers, token},
    loads::Loaded,
    sender::{Constant, sender_to},
};

/// Something that is measured again and again.
pub struct Lane {
    pub name: String,
    /// The lane that does everything but what is to be measured.
    pub floor: Option<usize>,
    /// Runs it once, for the request with this number.
    pub run: Box<dyn FnMut(usize)>,
}

fn guarded<V: Verifier>(
    name: &str,
    floor: Option<usize>,
    verifier: V,
    expected: StatusCode,
    picks: &Arc<Vec<HeaderValue>>,
) -> Lane {
    let mut sender = sender_to(verifier);
    let picks = Arc::clone(picks);
    Lane {
        name: name.to_owned(),
        floor,
        run: Box::new(move |n| assert_eq!(sender.send(&picks[n % picks.len()]), expected)),
    }
}

fn map(name: &str, tokens: impl Iterator<Item = u64>, picks: Vec<u64>) -> Lane {
    let map: HashMap<String, Arc<u64>> = tokens.map(|n| (token(n), Arc::new(n))).collect();
    let picks: Vec<String> = picks.into_iter().map(token).collect();
    Lane {
        name: name.to_owned(),
        floor: None,
        run: Box::new(move |n| {
            let found = map.get(&picks[n % picks.len()]).map(Arc::clone);
            assert!(black_box(found).is_some());
        }),
    }
}

pub fn make_lanes(runtime: &Runtime, scale: Scale, loaded: &Loaded) -> Vec<Lane> {
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
    let among_some = headers(&random_numbers(some, rounds));
    let among_all = headers(&random_numbers(all, rounds));
    let good = StatusCode::ACCEPTED;
    let bad = StatusCode::UNAUTHORIZED;
    let typos = to_headers(
        random_numbers(u64::MAX >> 24, rounds)
            .into_iter()
            .map(token),
    );
    let foreign = to_headers(create_foreign(runtime, scale.requests));
    let one_foreign = Arc::new(vec![foreign[0].clone()]);
    let other = to_headers(std::iter::once("made-up-and-of-another-form".to_owned()));
    vec![
        guarded(
            "the layer alone, one token",
            None,
            Constant { accepts: true },
            good,
            &hot,
        ),
        guarded(
            "the layer alone, any token",
            None,
            Constant { accepts: true },
            good,
            &among_all,
        ),
        guarded(
            "the layer alone, refused",
            None,
            Constant { accepts: false },
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
            random_numbers(some, rounds),
        ),
        map(
            &format!("`HashMap` of {all}, one token"),
            0..all,
            vec![few - 1],
        ),
        map(
            &format!("`HashMap` of {all}, any token"),
            0..all,
            random_numbers(all, rounds),
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

fn to_headers(tokens: impl IntoIterator<Item = String>) -> Arc<Vec<HeaderValue>> {
    Arc::new(tokens.into_iter().map(|token| header(&token)).collect())
}

/// Creates tokens of another service that has the same prefix.
fn create_foreign(runtime: &Runtime, count: usize) -> Vec<String> {
    runtime.block_on(async {
        let others = Filled::new(0).open().await;
        let mut tokens = Vec::new();
        for _ in 0..count {
            let created = others.create(NewToken::new("mallory")).await;
            let created = created.expect("a store in memory");
            tokens.push(created.secret.expose().to_owned());
        }
        tokens
    })
}
