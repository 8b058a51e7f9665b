//! Properties over arbitrary input.

use std::env;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Uri};
use proptest::{collection::vec, prelude::*, sample::Index};
use tower::Layer;
use tower_authn::{
    Access, AccessTable, AuthnLayer, Challenge, Head, Policy, Scheme, Scope, Sources, Verifier,
    verifier::FixedTokens,
};

use crate::{
    support::{Spy, Strict, TOKEN, ask, get, values},
    vectors::read,
};

fn config() -> ProptestConfig {
    let cases = env::var("TOWER_AUTHN_PROPTEST_CASES").ok();
    ProptestConfig {
        cases: cases.map_or(256, |cases| cases.parse().unwrap()),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

/// The principal that the inner service saw, if it was called.
fn caller<V: Verifier>(
    layer: AuthnLayer<V>,
    path: &str,
    name: &'static str,
    value: &[u8],
) -> Option<V::Principal> {
    let mut request = get(path, &[]);
    let value = HeaderValue::from_bytes(value).ok()?;
    request.headers_mut().insert(name, value);
    let inner = Strict::default();
    let response = wait(ask(&layer.layer(inner.clone()), request));
    assert_eq!(response.status() == 200, inner.called.count() == 1);
    (inner.called.count() == 1).then(|| inner.last().extensions.get().cloned().unwrap())
}

/// Returns bytes after one edit: a byte is replaced, inserted or removed.
fn edited(bytes: &[u8], place: Index, kind: u8, byte: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let place = place.index(bytes.len());
    match kind {
        0 => bytes[place] = byte,
        1 => bytes.insert(place, byte),
        2 => bytes.push(byte),
        _ => drop(bytes.remove(place)),
    }
    bytes
}

/// Values that are close to the valid one, and arbitrary ones.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![Just("Bearer"), Just("bAsIc")].prop_map(|s| format!("{s} {TOKEN}"));
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b" \t=,\0".as_slice())];
    let near = (good, any::<Index>(), 0..4u8, byte)
        .prop_map(|(good, place, kind, byte)| edited(good.as_bytes(), place, kind, byte));
    let spaced = ("[ \t]{0,3}", "[ \t,=]{0,2}")
        .prop_map(|(spaces, end)| format!("Bearer{spaces}{TOKEN}{end}").into_bytes());
    prop_oneof![near, spaced, vec(any::<u8>(), 0..200)]
}

/// An independent implementation of RFC 9110.
fn holds_the_token(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    let spaces = [' ', '\t'];
    let Some((scheme, rest)) = text.trim_matches(spaces).split_once(' ') else {
        return false;
    };
    let scheme = scheme.to_ascii_lowercase();
    (scheme == "bearer" || scheme == "basic") && rest.trim_start_matches(' ') == TOKEN
}

fn rank(access: &Access) -> usize {
    match access {
        Access::Public => 0,
        Access::Optional => 1,
        Access::Authenticated => 2,
        Access::NotFound => 4,
        Access::Denied => 5,
        Access::Unavailable => 6,
        _ => 3,
    }
}

fn scope() -> impl Strategy<Value = String> {
    vec("[ab]{1,2}", 1..4).prop_map(|segments| segments.join(":"))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_but_the_secret_is_admitted(value in value(), path in "/[ -~]{0,40}") {
        prop_assume!(path.parse::<Uri>().is_ok());
        let ask = |value: &[u8]| caller(AuthnLayer::new(Spy::default()), &path, "authorization", value);
        let good = format!("Bearer {TOKEN}");
        prop_assert!(ask(good.as_bytes()).is_some());
        let expected = HeaderValue::from_bytes(&value).is_ok() && holds_the_token(&value);
        prop_assert_eq!(ask(&value).is_some(), expected);
    }

    #[test]
    fn a_printed_token_is_read_back(token in "[A-Za-z0-9._~+/-]{1,80}={0,3}") {
        for scheme in [Scheme::Basic, Scheme::Bearer] {
            let value = format!("{} {token}", scheme.as_str());
            let seen = wait(read(Sources::default(), value.as_bytes())).unwrap();
            prop_assert_eq!((seen.scheme, seen.token), (Some(scheme), token.clone()));
        }
    }

    #[test]
    fn a_login_is_read_back_from_one_encoding_alone(
        user in "[^:\\x00-\\x1f\\x7f]{0,12}",
        password in "[^\\x00-\\x1f\\x7f]{0,12}",
        place in any::<Index>(),
        kind in 0..4u8,
        byte in "[A-Za-z0-9+/=_-]",
    ) {
        let login = |token: &str| {
            let value = format!("Basic {token}");
            wait(read(Sources::default(), value.as_bytes())).and_then(|seen| seen.login)
        };
        let token = STANDARD.encode(format!("{user}:{password}"));
        let expected = Some((user.into_bytes(), password.into_bytes()));
        prop_assert_eq!(&login(&token), &expected);
        let other = edited(token.as_bytes(), place, kind, byte.as_bytes()[0]);
        let other = String::from_utf8(other).unwrap();
        let bare = token.trim_end_matches('=').to_owned();
        for other in [other, bare] {
            prop_assert!(other == token || login(&other) != expected, "{} {}", token, other);
        }
        // The bits of the last character that padding leaves unused.
        if let Some(bare) = token.strip_suffix('=').map(|t| t.trim_end_matches('=')) {
            let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let padding = &token[bare.len()..];
            let good = alphabet.chars().filter(|last| {
                let stray = format!("{}{last}{padding}", &bare[..bare.len() - 1]);
                login(&stray) == expected
            });
            prop_assert_eq!(good.count(), 1);
        }
    }

    #[test]
    fn white_space_around_a_value_changes_nothing(
        value in prop_oneof!["(Bearer|basic|Digest)[ ]{0,2}[A-Za-z0-9=,]{0,20}", "[ -~]{0,30}"],
        before in "[ \t]{0,4}",
        after in "[ \t]{0,4}",
    ) {
        let padded = format!("{before}{value}{after}");
        let ask = |value: &str| wait(read(Sources::default(), value.as_bytes()));
        prop_assert_eq!(ask(&padded), ask(&value));
    }

    #[test]
    fn a_challenge_is_read_back_by_a_parser(
        realm in "[ -~]{0,40}",
        description in "[ !#-\\[\\]-~]{0,40}",
    ) {
        let challenge = Challenge::bearer().realm(&realm).unwrap();
        let challenge = challenge.error_description(&description).unwrap();
        let sources = Sources::default()
            .challenge(challenge)
            .challenge(Challenge::basic(&realm).unwrap());
        let layer = AuthnLayer::new(Spy::default()).sources(sources);
        let service = layer.layer(Strict::default());
        let response = wait(ask(&service, get("/", &[("authorization", "Bearer wrong")])));
        let lines = values(response.headers(), "www-authenticate");
        let expected = [
            ("Bearer", vec![("realm", &*realm), ("error", "invalid_token"), ("error_description", &*description)]),
            ("Basic", vec![("realm", &*realm)]),
        ];
        prop_assert_eq!(lines.len(), expected.len());
        for (line, (scheme, params)) in lines.into_iter().zip(expected) {
            let parsed = http_auth::parse_challenges(line).unwrap();
            prop_assert_eq!(parsed.len(), 1, "{}", line);
            prop_assert_eq!(parsed[0].scheme, scheme);
            let read = parsed[0].params.iter();
            let read: Vec<_> = read.map(|(name, value)| (*name, value.to_unescaped())).collect();
            let params: Vec<_> = params.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
            prop_assert_eq!(read, params, "{}", line);
        }
    }

    #[test]
    fn no_spelling_of_a_path_gets_more(
        row in 0..5usize,
        fallback in 0..7usize,
        kind in 0..8u8,
        place in any::<Index>(),
    ) {
        let scoped = || Access::scope("s").unwrap();
        let kinds = [
            Access::Public,
            Access::Optional,
            Access::Authenticated,
            scoped(),
            Access::NotFound,
            Access::Denied,
            Access::Unavailable,
        ];
        let fallback = kinds[fallback].clone();
        let table = AccessTable::builder()
            .any("/public", Access::Public)
            .any("/open/{x}", Access::Public)
            .any("/maybe/{*rest}", Access::Optional)
            .any("/admin", Access::Authenticated)
            .any("/admin/{*rest}", scoped())
            .fallback(fallback.clone())
            .build()
            .unwrap();
        let rows = [
            ("/public", Access::Public),
            ("/open/a", Access::Public),
            ("/maybe/a.b/c", Access::Optional),
            ("/admin", Access::Authenticated),
            ("/admin/a/b", scoped()),
        ];
        let asked = |path: &str| table.access(&Head::from_request(&get(path, &[])));
        let (path, named) = &rows[row];
        prop_assert_eq!(&asked(path), named);
        let slashes: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
        let slash = *place.get(&slashes);
        let put = |at: usize, what: &str| format!("{}{what}{}", &path[..at], &path[at..]);
        let at = 1 + place.index(path.len() - 1);
        let byte = path.as_bytes()[at];
        let (variant, odd) = match kind {
            0 => (format!("{}%{byte:02x}{}", &path[..at], &path[at + 1..]), b"./".contains(&byte)),
            1 => (put(slash, "/"), true),
            2 => (put(slash, "/."), true),
            3 => (put(slash, "/x/.."), true),
            4 => (format!("{path};x"), true),
            5 => (put(at, ["%2e", "%2F", "%5c"][place.index(3)]), true),
            6 => (format!("{path}/"), false),
            _ => (path.to_uppercase(), false),
        };
        let got = asked(&variant);
        prop_assert!(rank(&got) >= rank(named).min(rank(&fallback)), "{} {:?}", variant, got);
        if odd {
            prop_assert!(rank(&got) >= rank(&Access::NotFound), "{} {:?}", variant, got);
        }
        if variant.contains('%') && rank(&fallback) > 1 {
            prop_assert!(rank(&got) > 1, "{} {:?}", variant, got);
        }
    }

    #[test]
    fn scopes_are_ordered_by_what_they_cover(a in scope(), b in scope(), c in scope()) {
        let parse = |text: String| text.parse::<Scope>().unwrap();
        let chain = [a.clone(), format!("{a}:{b}"), format!("{a}:{b}:{c}")].map(parse);
        prop_assert!(chain[0].covers(&chain[1]) && chain[1].covers(&chain[2]));
        prop_assert!(chain[0].covers(&chain[2]) && !chain[2].covers(&chain[0]));
        let all = [a, b, c].map(parse);
        for x in &all {
            prop_assert!(x.covers(x));
            for y in &all {
                let segments = |scope: &Scope| scope.as_str().split(':').map(str::to_owned).collect::<Vec<_>>();
                prop_assert_eq!(x.covers(y), segments(y).starts_with(&segments(x)), "{} {}", x, y);
                prop_assert!(!(x.covers(y) && y.covers(x)) || x == y);
                for z in &all {
                    let segments = |scope: &Scope| scope.as_str().split(':').map(str::to_owned).collect::<Vec<_>>();
                prop_assert_eq!(x.covers(y), segments(y).starts_with(&segments(x)), "{} {}", x, y);
                prop_assert!(!(x.covers(y) && y.covers(z)) || x.covers(z));
                }
            }
        }
    }

    #[test]
    fn a_fixed_list_admits_exactly_its_entries(
        tokens in proptest::collection::hash_set("[!-~]{16,40}", 1..9),
        which in any::<Index>(),
        place in any::<Index>(),
        kind in 0..4u8,
        byte in b'!'..=b'~',
    ) {
        let tokens: Vec<String> = tokens.into_iter().collect();
        let list = FixedTokens::new(tokens.iter().cloned().zip(0usize..)).unwrap();
        let sources = Sources::new().header("x-api-key").unwrap();
        let layer = AuthnLayer::new(list).sources(sources);
        let ask = |token: &[u8]| caller(layer.clone(), "/", "x-api-key", token);
        for (index, token) in tokens.iter().enumerate() {
            prop_assert_eq!(ask(token.as_bytes()), Some(index));
        }
        let near = edited(which.get(&tokens).as_bytes(), place, kind, byte);
        let expected = tokens.iter().position(|token| token.as_bytes() == near);
        prop_assert_eq!(ask(&near), expected);
    }
}
