//! The instructions of a verdict.
//!
//! Valgrind knows no SHA extensions, so that a digest shows its cost in
//! software. What the digest costs there is counted too, and is taken off.

use std::hint::black_box;

use http::{HeaderValue, StatusCode};
use tokio::runtime::Builder;
use tower_authn::{Credential, Rejection, store::NewToken, token::Digest, verify_fn};

use super::{
    Scale,
    callgrind::Counts,
    filled::{Filled, header, token},
    times::asker,
};

/// What is counted.
#[derive(Clone, Copy, Debug)]
enum Case {
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
    const ALL: [Self; 7] = [
        Self::Admitted,
        Self::Refused,
        Self::Digest,
        Self::Known,
        Self::Altered,
        Self::MadeUp,
        Self::Foreign,
    ];

    fn counts(self, among: u64) -> Option<Counts> {
        Counts::of(&[(self as usize).to_string(), among.to_string()])
    }
}

pub fn report(scale: Scale) {
    let Some(admitted) = Case::Admitted.counts(0) else {
        println!("\ninstructions are not counted: valgrind is not installed");
        return;
    };
    let counted = |case: Case, among| case.counts(among).expect("counted before");
    let (refused, digest) = (counted(Case::Refused, 0), counted(Case::Digest, 0));
    println!("\nthe layer alone: {} instructions", admitted.instructions);
    println!("a digest in software: {} instructions", digest.instructions);
    println!(
        "\n| verdict | among | instructions, SHA in software | less the digest | allocations |"
    );
    println!("|---|---|---|---|---|");
    let rows = [
        (Case::Known, scale.few, admitted, digest.instructions),
        (Case::Known, scale.some, admitted, digest.instructions),
        (Case::Known, scale.all, admitted, digest.instructions),
        (Case::Altered, scale.some, refused, digest.instructions),
        (Case::MadeUp, scale.some, refused, 0),
        (Case::Foreign, scale.some, refused, 0),
    ];
    for (case, among, floor, digest) in rows {
        let own = counted(case, among);
        let instructions = own.instructions - floor.instructions;
        println!(
            "| {case:?} | {among} | {instructions} | {} | {} |",
            instructions - digest,
            own.allocations - floor.allocations
        );
    }
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
            black_box(Digest::of(black_box(&text)));
        }),
        Case::Admitted => {
            let verifier = verify_fn(|_: &Credential<'_>| Ok(()));
            ask(asker(verifier), &credential, requests, StatusCode::ACCEPTED);
        }
        Case::Refused => {
            let verifier = verify_fn(|_: &Credential<'_>| Err::<(), _>(Rejection::invalid()));
            ask(
                asker(verifier),
                &credential,
                requests,
                StatusCode::UNAUTHORIZED,
            );
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

fn ask<S>(
    mut asker: super::times::Asker<S>,
    credential: &HeaderValue,
    requests: u64,
    expected: StatusCode,
) where
    S: tower::Service<
            http::Request<()>,
            Response = http::Response<()>,
            Error = std::convert::Infallible,
        >,
{
    for _ in 0..requests {
        assert_eq!(asker.ask(credential), expected);
    }
}
