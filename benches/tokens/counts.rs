//! Counts the instructions of a verdict.
//!
//! Valgrind has no SHA extensions, so it counts SHA-256 in software. The digest of a
//! token, of one block, is counted alone as well, and the table replaces each block by
//! one with the extensions.

use std::hint::black_box;

use http::{HeaderValue, StatusCode};
use tokio::runtime::Builder;
use tower_authn::{
    token::{Digest, Prefix},
    tokens::NewToken,
};

use super::{
    Scale,
    callgrind::Counts,
    filled::{Filled, header, prefix, token},
    sender::{Bare, Constant, Receiver, Sender, sender_to},
};

/// The instructions of the digest of a token on a processor with SHA extensions,
/// counted by single steps.
const DIGEST: u64 = 309;

/// What is counted.
#[derive(Clone, Copy, Debug)]
enum Case {
    /// The service without a layer.
    Bare,
    /// The layer with a verifier that accepts everything.
    Accepted,
    /// The layer with a verifier that refuses everything.
    Refused,
    /// The digest of a token alone.
    Digest,
    /// A known token.
    Known,
    /// The id of a known token with another secret.
    Altered,
    /// A token without a checksum.
    MadeUp,
    /// A token with the tag of another service.
    Foreign,
}

impl Case {
    const ALL: [Self; 8] = [
        Self::Bare,
        Self::Accepted,
        Self::Refused,
        Self::Digest,
        Self::Known,
        Self::Altered,
        Self::MadeUp,
        Self::Foreign,
    ];

    fn count(self, among: u64) -> Option<Counts> {
        let function = match self {
            Self::Digest => "*counts*digest*",
            _ => "*Sender*::send",
        };
        Counts::measure(function, &[(self as usize).to_string(), among.to_string()])
    }
}

pub fn report(scale: Scale) {
    let Some(bare) = Case::Bare.count(0) else {
        println!("\nvalgrind is not installed: instructions are not counted");
        return;
    };
    let counted = |case: Case, among| case.count(among).expect("counted before");
    let digest = counted(Case::Digest, 0).instructions;
    println!("\na digest is {digest} instructions in software, {DIGEST} with SHA extensions\n");
    println!(
        "| | among | over the service | with SHA extensions | of which the layer | allocations |"
    );
    println!("|---|---|---|---|---|---|");
    let rows = [
        (Case::Known, scale.few, Case::Accepted, 1),
        (Case::Known, scale.some, Case::Accepted, 1),
        (Case::Known, scale.all, Case::Accepted, 1),
        (Case::Altered, scale.some, Case::Refused, 1),
        (Case::MadeUp, scale.some, Case::Refused, 0),
        // An HMAC.
        (Case::Foreign, scale.some, Case::Refused, 2),
    ];
    for (case, among, layer, blocks) in rows {
        let (own, layer) = (counted(case, among), counted(layer, 0));
        let (own, layer) = (own.over(bare), layer.over(bare));
        let instructions = own.instructions;
        println!(
            "| {case:?} | {among} | {instructions} | {} | {} | {} |",
            instructions - blocks * digest + blocks * DIGEST,
            layer.instructions,
            own.allocations
        );
    }
}

#[inline(never)]
fn digest(prefix: &Prefix, text: &str) -> Digest {
    prefix.digest(black_box(text)).expect("a token's form")
}

/// Repeats a case: its number, the number of tokens, the number of requests.
pub fn repeat(arguments: &[&str]) {
    let numbers: Vec<u64> = arguments
        .iter()
        .map(|number| number.parse().expect("a number"))
        .collect();
    let [case, among, requests] = numbers[..] else {
        panic!("case, among, requests");
    };
    let case = Case::ALL[case as usize];
    // Outside of `block_on` its tasks do not run.
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let text = match case {
        Case::Foreign => runtime.block_on(async {
            let others = Filled::new(0).open().await;
            let created = others.create(NewToken::new("mallory")).await;
            created
                .expect("a store in memory")
                .secret
                .expose()
                .to_owned()
        }),
        Case::Altered => token(0).replace("_00000000000000000000", "_10000000000000000000"),
        Case::MadeUp => token(among),
        _ => token(0),
    };
    let (credential, prefix) = (header(&text), prefix());
    match case {
        Case::Digest => (0..requests).for_each(|_| {
            black_box(digest(&prefix, &text));
        }),
        Case::Bare => send(
            Sender::new(Bare),
            &credential,
            requests,
            StatusCode::ACCEPTED,
        ),
        Case::Accepted => {
            let sender = sender_to(Constant { accepts: true });
            send(sender, &credential, requests, StatusCode::ACCEPTED);
        }
        Case::Refused => {
            let sender = sender_to(Constant { accepts: false });
            send(sender, &credential, requests, StatusCode::UNAUTHORIZED);
        }
        Case::Known | Case::Altered | Case::MadeUp | Case::Foreign => {
            let expected = match case {
                Case::Known => StatusCode::ACCEPTED,
                _ => StatusCode::UNAUTHORIZED,
            };
            let tokens = runtime.block_on(Filled::new(among).open());
            let sender = sender_to(tokens.verifier());
            send(sender, &credential, requests, expected);
            // Skips the slow drop of all tokens.
            std::process::exit(0);
        }
    }
}

fn send<S: Receiver>(
    mut sender: Sender<S>,
    credential: &HeaderValue,
    requests: u64,
    expected: StatusCode,
) {
    for _ in 0..requests {
        assert_eq!(sender.send(credential), expected);
    }
}
