//! The instructions of a verdict.
//!
//! Valgrind knows no SHA extensions, so that a digest shows its cost in
//! software. What the digest costs there is counted too, and is taken off.

use std::hint::black_box;

use http::{HeaderValue, StatusCode};
use tokio::runtime::Builder;
use tower_authn::{token::Digest, tokens::NewToken};

use super::{
    Scale,
    callgrind::Counts,
    filled::{Filled, header, token},
    times::{Asker, Bare, Decided, Serves, asker},
};

/// A digest of two blocks where the processor has SHA: counted by single steps
/// on one that has, since valgrind knows none.
const DIGEST: u64 = 506;

/// What is counted.
#[derive(Clone, Copy, Debug)]
enum Case {
    /// The service without a layer.
    Bare,
    /// The layer around a verifier that lets everyone in.
    Admitted,
    /// The layer around a verifier that refuses.
    Refused,
    /// The digest of a token alone.
    Digest,
    /// A token that is known.
    Known,
    /// A known token's id in a token that is not it.
    Altered,
    /// A token without a checksum.
    MadeUp,
    /// A whole token that a key of another service tagged.
    Foreign,
}

impl Case {
    const ALL: [Self; 8] = [
        Self::Bare,
        Self::Admitted,
        Self::Refused,
        Self::Digest,
        Self::Known,
        Self::Altered,
        Self::MadeUp,
        Self::Foreign,
    ];

    fn counts(self, among: u64) -> Option<Counts> {
        let function = match self {
            Self::Digest => "*counts*digest*",
            _ => "*Asker*serve*",
        };
        Counts::of(function, &[(self as usize).to_string(), among.to_string()])
    }
}

pub fn report(scale: Scale) {
    let Some(bare) = Case::Bare.counts(0) else {
        println!("\ninstructions are not counted: valgrind is not installed");
        return;
    };
    let counted = |case: Case, among| case.counts(among).expect("counted before");
    let digest = counted(Case::Digest, 0).instructions;
    println!(
        "\na digest in software is {digest} instructions, {DIGEST} where the processor has SHA\n"
    );
    println!(
        "| | among | over the service | with the processor's SHA | of it the layer | allocations |"
    );
    println!("|---|---|---|---|---|---|");
    let rows = [
        (Case::Known, scale.few, Case::Admitted, 1),
        (Case::Known, scale.some, Case::Admitted, 1),
        (Case::Known, scale.all, Case::Admitted, 1),
        (Case::Altered, scale.some, Case::Refused, 1),
        (Case::MadeUp, scale.some, Case::Refused, 0),
        (Case::Foreign, scale.some, Case::Refused, 1),
    ];
    for (case, among, layer, digests) in rows {
        let (own, layer) = (counted(case, among), counted(layer, 0));
        let instructions = own.instructions - bare.instructions;
        println!(
            "| {case:?} | {among} | {instructions} | {} | {} | {} |",
            instructions - digests * digest + digests * DIGEST,
            layer.instructions - bare.instructions,
            own.allocations - bare.allocations
        );
    }
}

#[inline(never)]
fn digest(text: &str) -> Digest {
    Digest::sha256(black_box(text))
}

/// Does what is counted: which case, among how many, how often.
pub fn repeat(arguments: &[&str]) {
    let numbers: Vec<u64> = arguments
        .iter()
        .map(|number| number.parse().expect("a number"))
        .collect();
    let [case, among, requests] = numbers[..] else {
        panic!("case, among, requests");
    };
    let case = Case::ALL[case as usize];
    // Its tasks stand still while nobody waits on it.
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let text = match case {
        Case::Foreign => runtime.block_on(async {
            let others = Filled::new(0).open().await;
            let made = others.create(NewToken::new("mallory")).await;
            made.expect("a store in memory").secret.expose().to_owned()
        }),
        Case::Altered => token(0).replace("_0000000000000000", "_1000000000000000"),
        Case::MadeUp => token(among),
        _ => token(0),
    };
    let credential = header(&text);
    match case {
        Case::Digest => (0..requests).for_each(|_| {
            black_box(digest(&text));
        }),
        Case::Bare => ask(
            Asker::new(Bare),
            &credential,
            requests,
            StatusCode::ACCEPTED,
        ),
        Case::Admitted => {
            let layer = asker(Decided(true));
            ask(layer, &credential, requests, StatusCode::ACCEPTED);
        }
        Case::Refused => {
            let layer = asker(Decided(false));
            ask(layer, &credential, requests, StatusCode::UNAUTHORIZED);
        }
        Case::Known | Case::Altered | Case::MadeUp | Case::Foreign => {
            let expected = match case {
                Case::Known => StatusCode::ACCEPTED,
                _ => StatusCode::UNAUTHORIZED,
            };
            let tokens = runtime.block_on(Filled::new(among).open());
            ask(asker(tokens.verifier()), &credential, requests, expected);
            // What it would take to give it all back is not counted.
            std::process::exit(0);
        }
    }
}

fn ask<S: Serves>(
    mut asker: Asker<S>,
    credential: &HeaderValue,
    requests: u64,
    expected: StatusCode,
) {
    for _ in 0..requests {
        assert_eq!(asker.ask(credential), expected);
    }
}
