//! Builds random apps that axum accepts, with the rows of their routes.

use std::collections::BTreeSet;

use axum::{Router, routing::any};
use http::Method;
use proptest::{collection::vec, prelude::*};
use tower_authn::AccessTable;

use super::{
    need::Need,
    parts::{Leaf, METHODS, Part, need, part, path},
    routes::{App, FALLBACK, Route, Rule, method_router, reports},
    rpc,
};

pub fn app() -> impl Strategy<Value = App> {
    let fallback_need = prop_oneof![2 => Just(Need::Closed), 3 => need()];
    let rpcs = prop::option::of((0..3_usize, need(), need()));
    (
        vec(part(), 1..6),
        fallback_need,
        rpcs,
        prop::bool::weighted(0.7),
    )
        .prop_map(|(parts, fallback_need, rpcs, fallback)| {
            let mut builder = AppBuilder::default();
            let mut router = Router::new();
            for part in &parts {
                router = builder.add(router, part);
            }
            if fallback {
                router = router.fallback(reports(FALLBACK));
            }
            if let Some((mode, first, second)) = rpcs {
                router = builder.add_rpcs(router, mode, first, second, fallback_need);
            }
            builder.finish(router, fallback_need)
        })
}

/// The routes that were added, which decide what else axum accepts.
#[derive(Default)]
struct AppBuilder {
    router: matchit::Router<()>,
    known: BTreeSet<String>,
    taken: BTreeSet<(String, String)>,
    /// Paths of services, which take no further method.
    services: BTreeSet<String>,
    /// Prefixes of services that route by themselves, as this router can't.
    owned: Vec<String>,
    fallbacks: BTreeSet<String>,
    whole_service: bool,
    routes: Vec<Route>,
}

fn is_inside(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl AppBuilder {
    fn admits(&mut self, path: &str, method: Option<&Method>) -> bool {
        let name = method.map_or("", Method::as_str).to_owned();
        let owned = self.owned.iter().any(|prefix| is_inside(path, prefix));
        if owned
            || self.services.contains(path)
            || self.taken.contains(&(path.to_owned(), name.clone()))
        {
            return false;
        }
        if !self.known.contains(path) {
            let mut router = self.router.clone();
            if router.insert(path, ()).is_err() {
                return false;
            }
            self.router = router;
            self.known.insert(path.to_owned());
        }
        self.taken.insert((path.to_owned(), name))
    }

    fn admits_service(&mut self, paths: &[String]) -> bool {
        let mut router = self.router.clone();
        let free = paths.iter().all(|path| {
            let owned = self.owned.iter().any(|prefix| is_inside(path, prefix));
            !owned && !self.known.contains(path) && router.insert(path.as_str(), ()).is_ok()
        });
        if free {
            self.router = router;
            self.known.extend(paths.iter().cloned());
            self.services.extend(paths.iter().cloned());
        }
        free
    }

    fn route(&mut self, method: Option<Method>, paths: Vec<String>, leaf: &Leaf) -> usize {
        self.routes.push(Route {
            method,
            paths,
            need: leaf.need,
            rule: if leaf.listed {
                Rule::Rows
            } else {
                Rule::Unlisted
            },
        });
        self.routes.len() - 1
    }

    /// Adds leaves to a router that is nested below a prefix.
    fn leaves(
        &mut self,
        mut router: Router,
        leaves: &[Leaf],
        prefix: &str,
        depth: usize,
    ) -> Router {
        for leaf in leaves {
            let own = path(&leaf.path, depth);
            let full = match (prefix, own.as_str()) {
                ("", own) => own.to_owned(),
                (prefix, "/") => prefix.to_owned(),
                (prefix, own) => format!("{prefix}{own}"),
            };
            let method = METHODS.get(leaf.method).cloned();
            if self.admits(&full, method.as_ref()) {
                let id = self.route(method.clone(), vec![full], leaf);
                router = router.route(&own, method_router(method.as_ref(), id));
            }
        }
        router
    }

    fn add(&mut self, router: Router, part: &Part) -> Router {
        let prefix = path(&part.prefix, 0);
        let depth = part.prefix.len();
        match part.kind {
            0..=2 => self.leaves(router, &part.inner, "", 0),
            3 => router.merge(self.leaves(Router::new(), &part.inner, "", 0)),
            4 | 5 => {
                let mut inner = self.leaves(Router::new(), &part.inner, &prefix, depth);
                let literal = part.prefix.iter().all(|kind| *kind < 5);
                if literal && depth == 1 && self.fallbacks.insert(prefix.clone()) {
                    inner = inner.fallback(reports(FALLBACK));
                }
                router.nest(&prefix, inner)
            }
            6 => {
                if !self.admits_service(std::slice::from_ref(&prefix)) {
                    return router;
                }
                let id = self.route(None, vec![prefix.clone()], &part.inner[0]);
                router.route_service(&prefix, any(reports(id)))
            }
            kind => {
                // axum strips no prefix of which a segment is escaped, or a
                // parameter in part: such a service sees the whole path.
                let strips = |kind: &usize| ![3, 5].contains(kind);
                match part.prefix.iter().all(strips) {
                    true => self.add_nested_service(router, part, &prefix, kind == 8),
                    false => router,
                }
            }
        }
    }

    fn add_nested_service(
        &mut self,
        router: Router,
        part: &Part,
        prefix: &str,
        routes: bool,
    ) -> Router {
        let rows = ["", "/", "/{*rest}"].map(|end| format!("{prefix}{end}"));
        let entered = self.known.iter().any(|path| is_inside(path, prefix));
        if entered || !self.admits_service(&rows) {
            return router;
        }
        self.owned.push(prefix.to_owned());
        let (first, rest) = part.inner.split_at(1);
        let mut inner = Router::new();
        let mut known = BTreeSet::new();
        let mut paths = matchit::Router::new();
        for leaf in rest.iter().filter(|_| routes) {
            let mut kinds = leaf.path.clone();
            // A row for the service itself is only compatible with literals.
            kinds.iter_mut().take(1).for_each(|kind| *kind %= 5);
            let own = path(&kinds, part.prefix.len());
            let method = METHODS.get(leaf.method).cloned();
            let fits = known.iter().any(|(known, _)| *known == own)
                || paths.insert(own.as_str(), ()).is_ok();
            if !fits || !known.insert((own.clone(), method.clone().map(|m| m.to_string()))) {
                continue;
            }
            // axum strips the prefix, and `/a` and `/a/` are both `/` inside.
            let full = match own.as_str() {
                "/" => rows[..2].to_vec(),
                own => vec![format!("{prefix}{own}")],
            };
            let id = self.route(method.clone(), full, leaf);
            inner = inner.route(&own, method_router(method.as_ref(), id));
        }
        let root = known.iter().any(|(path, _)| path == "/");
        let own = if root { &rows[2..] } else { &rows };
        let id = self.route(None, own.to_vec(), &first[0]);
        router.nest_service(prefix, inner.fallback(reports(id)))
    }

    fn add_rpcs(
        &mut self,
        router: Router,
        mode: usize,
        first: Need,
        second: Need,
        fallback_need: Need,
    ) -> Router {
        let entered = |path: &String| is_inside(path, &format!("/{}", rpc::SERVICE));
        if self.known.iter().any(entered) {
            return router;
        }
        // All by name, all at once, or one by name and the other one forgotten.
        let (second, rule) = match mode {
            0 => (second, Rule::Rows),
            1 => (first, Rule::Rows),
            _ => (fallback_need, Rule::Fallback),
        };
        let ids = [
            (rpc::METHODS[0], first, Rule::Rows),
            (rpc::METHODS[1], second, rule),
        ];
        let ids = ids.map(|(method, need, rule)| {
            self.routes.push(Route {
                method: None,
                paths: vec![format!("/{}/{method}", rpc::SERVICE)],
                need,
                rule,
            });
            self.routes.len() - 1
        });
        self.whole_service = mode == 1;
        rpc::add(router, ids)
    }

    fn finish(mut self, router: Router, fallback_need: Need) -> App {
        self.level_heads();
        let mut table = AccessTable::builder().fallback(fallback_need.access());
        for route in self.routes.iter().filter(|route| route.rule == Rule::Rows) {
            let access = route.need.access();
            for path in &route.paths {
                let rpc = path.strip_prefix(&format!("/{}/", rpc::SERVICE));
                table = match (rpc, &route.method) {
                    (Some(method), _) if !self.whole_service => {
                        table.grpc(rpc::SERVICE, method, access.clone())
                    }
                    (Some(method), _) if method == rpc::METHODS[0] => {
                        table.grpc_service(rpc::SERVICE, access.clone())
                    }
                    (Some(_), _) => table,
                    (None, Some(method)) => table.route(method.clone(), path, access.clone()),
                    (None, None) => table.any(path, access.clone()),
                };
            }
        }
        App {
            router,
            table: table.build().unwrap(),
            routes: self.routes,
            fallback_need,
        }
    }

    /// A HEAD row looser than its GET row is refused: gives it the same need.
    fn level_heads(&mut self) {
        for head in 0..self.routes.len() {
            let route = &self.routes[head];
            let is_get = |other: &&Route| {
                other.method == Some(Method::GET)
                    && other.rule == Rule::Rows
                    && other.paths == route.paths
            };
            if route.method == Some(Method::HEAD) {
                let get = self.routes.iter().find(is_get).map(|get| get.need);
                self.routes[head].need = get.unwrap_or(route.need);
            }
        }
    }
}
