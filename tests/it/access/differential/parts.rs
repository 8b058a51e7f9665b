//! Strategies for the parts of a random app.

use http::Method;
use proptest::{collection::vec, prelude::*};

use super::need::Need;

/// A part of an app, as numbers from which the builder makes routes.
#[derive(Clone, Debug)]
pub struct Part {
    pub kind: usize,
    pub prefix: Vec<usize>,
    pub inner: Vec<Leaf>,
}

/// One route of a part.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub path: Vec<usize>,
    pub method: usize,
    pub need: Need,
    pub listed: bool,
}

pub fn need() -> impl Strategy<Value = Need> {
    prop::sample::select(vec![
        Need::Public,
        Need::Known,
        Need::Scope(0),
        Need::Scope(1),
    ])
}

fn leaf() -> impl Strategy<Value = Leaf> {
    let listed = prop::bool::weighted(0.9);
    let parts = (vec(0..SEGMENTS, 0..4), 0..METHODS.len() * 2, need(), listed);
    parts.prop_map(|(path, method, need, listed)| Leaf {
        path,
        method,
        need,
        listed,
    })
}

pub fn part() -> impl Strategy<Value = Part> {
    let parts = (0..9_usize, vec(0..SEGMENTS - 1, 1..3), vec(leaf(), 1..6));
    parts.prop_map(|(kind, prefix, inner)| Part {
        kind,
        prefix,
        inner,
    })
}

pub const METHODS: [Method; 9] = [
    Method::GET,
    Method::POST,
    Method::HEAD,
    Method::OPTIONS,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::TRACE,
    Method::CONNECT,
];

/// Kinds of segments, the catch-all last.
const SEGMENTS: usize = 9;

/// A segment by its kind. Parameters are named by their depth, so that paths
/// that match the same requests are the same text.
fn segment(kind: usize, depth: usize) -> String {
    match kind {
        0 => "a".to_owned(),
        1 => "b".to_owned(),
        2 => "a.b".to_owned(),
        3 => "{{x}}".to_owned(),
        4 => "Generate".to_owned(),
        5 => format!("a{{q{depth}}}"),
        6 | 7 => format!("{{p{depth}}}"),
        _ => "{*rest}".to_owned(),
    }
}

pub fn path(kinds: &[usize], depth: usize) -> String {
    let segments = kinds.iter().enumerate();
    let segments = segments.map(|(at, kind)| format!("/{}", segment(*kind, depth + at)));
    match segments.collect::<String>() {
        empty if empty.is_empty() => "/".to_owned(),
        path => path,
    }
}
