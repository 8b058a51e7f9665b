//! The policy: the list of rights, and the exposure of the requested deployment.

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
    resolve::Requested,
    rights::{CALL, Held, LEFT_OUT, METHODS, Need, ROUTES, control_plane_scopes},
};

/// Returns the policy for all requests. `services` are the gRPC services of the server.
pub(crate) fn policy(services: &[&str]) -> Result<impl Policy + use<>, Box<dyn Error>> {
    let table = table()?;
    table.check_services(services)?;
    let call = Access::scope(CALL)?;
    Ok(policy_fn(move |head| {
        let listed = table.access(head);
        match head.extensions().get::<Requested>() {
            // Only the rows with this scope depend on the deployment.
            Some(requested) if listed == call => match requested {
                Requested::Unavailable => Access::Unavailable,
                requested if requested.is_public() => Access::Public,
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

/// Returns a table for tokens with targets: a route is denied, or its handler checks the
/// targets.
pub(crate) fn target_table() -> Result<AccessTable, Box<dyn Error>> {
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

/// Refuses tokens with targets on the routes that are closed to them.
pub(crate) async fn check_targets(
    State(table): State<Arc<AccessTable>>,
    request: Request,
    next: Next,
) -> Result<Response, Fault> {
    let caller = request.extensions().get::<Principal>();
    let has_targets = caller.is_some_and(|caller| caller.targets().is_some());
    match table.access(&Head::from_request(&request)) {
        Access::Denied if has_targets => {
            // Some clients lose an answer that arrives before they have sent the body.
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
            let scopes: BTreeSet<_> = control_plane_scopes().collect();
            ScopeRule::any_of(scopes).map(Access::Scopes)
        }
        Need::Scope(scope) => Access::scope(scope),
        Need::Deployment => Access::scope(CALL),
    }
}
