//! The rights as a policy: the list, and what the deployment that is meant says.

use std::{collections::BTreeSet, error::Error, sync::Arc};

use axum::{
    body::to_bytes,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::Method;
use tower_authn::{
    Access, AccessTable, ConfigError, Head, Policy, Principal, ScopeRule, access::policy_fn,
};

use crate::{
    control::FILE_MAX,
    fault::Fault,
    resolve::Meant,
    rights::{CALL, Held, LEFT_OUT, METHODS, Need, ROUTES, of_control_plane},
};

/// What each request requires. The services are those that are served.
pub(crate) fn policy(services: &[&str]) -> Result<impl Policy + use<>, Box<dyn Error>> {
    let table = table()?;
    table.check_services(services)?;
    let call = Access::scope(CALL)?;
    Ok(policy_fn(move |head| {
        let listed = table.access(head);
        match head.extensions().get::<Meant>() {
            // The list leaves these to the deployment, and no others.
            Some(meant) if listed == call => match meant {
                Meant::Unclear => Access::Unavailable,
                meant if meant.is_public() => Access::Public,
                _ => listed,
            },
            _ => listed,
        }
    }))
}

fn table() -> Result<AccessTable, Box<dyn Error>> {
    let mut table = AccessTable::builder();
    for &(method, path, need, _) in ROUTES {
        table = table.route(Method::from_bytes(method.as_bytes())?, path, access(need));
    }
    for path in LEFT_OUT {
        table = table.any(path, access(Need::ControlPlane));
    }
    for &(service, method, need) in METHODS {
        table = table.grpc(service, method, access(need));
    }
    Ok(table.build()?)
}

/// What a token with targets gets, as a table of its own: denied, or asked for
/// by the handlers.
pub(crate) fn with_targets() -> Result<AccessTable, Box<dyn Error>> {
    let mut table = AccessTable::builder();
    for &(method, path, _, held) in ROUTES {
        let access = match held {
            Held::Nothing => Access::Denied,
            Held::Deployments | Held::Same | Held::Tokens => Access::Authenticated,
        };
        table = table.route(Method::from_bytes(method.as_bytes())?, path, access);
    }
    Ok(table.build()?)
}

/// Refuses a token with targets where the list has nothing for it.
pub(crate) async fn within_targets(
    State(table): State<Arc<AccessTable>>,
    request: Request,
    next: Next,
) -> Result<Response, Fault> {
    let caller = request.extensions().get::<Principal>();
    let has_targets = caller.is_some_and(|caller| caller.targets().is_some());
    match table.access(&Head::from_request(&request)) {
        Access::Denied if has_targets => {
            // The body comes first, for clients that lose an answer before it.
            let _ = to_bytes(request.into_body(), FILE_MAX).await;
            Err(Fault::forbidden())
        }
        _ => Ok(next.run(request).await),
    }
}

fn access(need: Need) -> Result<Access, ConfigError> {
    match need {
        Need::Public => Ok(Access::Public),
        Need::ControlPlane => {
            let scopes: BTreeSet<_> = of_control_plane().collect();
            ScopeRule::any_of(scopes).map(Access::Scopes)
        }
        Need::Scope(scope) => Access::scope(scope),
        Need::Deployment => Access::scope(CALL),
    }
}
