//! Random requests: near the routes of an app, in every form and spelling.

use axum::body::Body;
use http::{Method, Request, Uri};
use proptest::{collection::vec, prelude::*, sample::Index};

use super::{need::Caller, routes::App};

/// A request, as numbers and then as text.
#[derive(Clone, Debug)]
pub struct Seed {
    method: &'static str,
    route: Index,
    fill: Vec<&'static str>,
    change: usize,
    place: Index,
    form: usize,
    pub caller: Caller,
}

const METHODS: [&str; 13] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FOO", "get",
    "PROPFIND", "POSTS",
];

/// What parameters are filled with: names of literals among them.
const VALUES: [&str; 9] = [
    "a", "b", "ab", "a.b", "{x}", "Generate", "z", "%61", "a%2Fb",
];

pub fn seed() -> impl Strategy<Value = Seed> {
    let method = prop_oneof![
        4 => prop::sample::select(vec!["GET", "HEAD", "POST", "OPTIONS", "CONNECT"]),
        3 => prop::sample::select(METHODS.to_vec()),
    ];
    (
        method,
        any::<Index>(),
        vec(prop::sample::select(VALUES.to_vec()), 4),
        prop_oneof![2 => Just(0_usize), 1 => 1..14_usize],
        any::<Index>(),
        prop_oneof![4 => Just(0_usize), 1 => 1..6_usize],
        any::<Caller>(),
    )
        .prop_map(|(method, route, fill, change, place, form, caller)| Seed {
            method,
            route,
            fill,
            change,
            place,
            form,
            caller,
        })
}

impl Seed {
    pub fn method(&self) -> Method {
        self.method.parse().unwrap()
    }

    /// The request's target, as it goes over the wire.
    pub fn target(&self, app: &App) -> String {
        let path = self.path(app);
        match self.form {
            0 => path,
            1 => format!("{path}?q=/a/b"),
            2 => format!("http://host.example{path}"),
            3 => "*".to_owned(),
            4 => "host.example:80".to_owned(),
            _ => "http://host.example".to_owned(),
        }
    }

    fn path(&self, app: &App) -> String {
        let pattern = match app.routes.len() {
            0 => "/a",
            len => {
                let paths = &app.routes[self.route.index(len)].paths;
                &paths[self.place.index(paths.len())]
            }
        };
        let mut fill = self.fill.iter();
        let mut segments = Vec::new();
        for segment in pattern.split('/').skip(1) {
            segments.push(match segment {
                "{{x}}" => "{x}".to_owned(),
                "{*rest}" => fill.by_ref().copied().collect::<Vec<_>>().join("/"),
                segment => match segment.split_once('{') {
                    Some((start, _)) => format!("{start}{}", fill.next().unwrap_or(&"z")),
                    None => segment.to_owned(),
                },
            });
        }
        let path = format!("/{}", segments.join("/"));
        self.change(path)
    }

    fn change(&self, path: String) -> String {
        let slashes: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
        let slash = *self.place.get(&slashes);
        let put = |what: &str| format!("{}{what}{}", &path[..slash], &path[slash..]);
        match self.change {
            1 => put("/"),
            2 => put("/."),
            3 => put("/x/.."),
            4 => put("/%2e%2e"),
            5 => put("/a"),
            6 => put(";x"),
            7 => format!("{path}/"),
            8 => format!("{path}%20"),
            9 => path.to_uppercase(),
            10 => path[..slash.max(1)].to_owned(),
            11 => format!("{path}/a"),
            12 if path.len() > 1 => {
                let at = 1 + self.place.index(path.len() - 1);
                let byte = path.as_bytes()[at];
                format!("{}%{byte:02x}{}", &path[..at], &path[at + 1..])
            }
            13 => path.replacen('/', "%2F", 2).replacen("%2F", "/", 1),
            _ => path,
        }
    }
}

/// What the path of a request may mean to those who read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// One thing.
    Plain,
    /// One thing to a router, and another to what decodes it.
    Encoded,
    /// Different things to routers, proxies and file systems.
    Odd,
}

pub fn spelling(target: &str) -> Spelling {
    let Ok(uri) = target.parse::<Uri>() else {
        return Spelling::Odd;
    };
    let Some(path) = uri.path().strip_prefix('/') else {
        return Spelling::Odd;
    };
    // A slash at the end is plain.
    let segments = path.strip_suffix('/').unwrap_or(path);
    let is_odd = |segment: &str| ["", ".", ".."].contains(&segment);
    let decoded = path.to_ascii_lowercase();
    let is_hidden = ["%2e", "%2f", "%5c"]
        .iter()
        .any(|code| decoded.contains(code));
    if path.contains([';', '\\'])
        || is_hidden
        || (!path.is_empty() && segments.split('/').any(is_odd))
    {
        Spelling::Odd
    } else if path.contains('%') {
        Spelling::Encoded
    } else {
        Spelling::Plain
    }
}

pub fn token(caller: Caller) -> Option<String> {
    caller.map(|scopes| format!("Bearer known-{}-{}", scopes[0], scopes[1]))
}

/// The request, unless `http` refuses its target, as hyper would.
pub fn request(method: Method, target: &str, caller: Caller) -> Option<Request<Body>> {
    let mut request = Request::builder()
        .method(method)
        .uri(target.parse::<Uri>().ok()?)
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(token) = token(caller) {
        request = request.header("authorization", token);
    }
    // An empty gRPC message.
    request.body(Body::from(vec![0; 5])).ok()
}
