//! The rights as a policy: the list, and what the deployment that is meant says.

use std::{collections::BTreeSet, error::Error};

use http::Method;
use tower_authn::{
    Access, AccessTable, ConfigError, Policy, ScopeRule,
    access::{IntoAccess, policy_fn},
};

use crate::{
    resolve::Meant,
    rights::{CALL, METHODS, Need, ROUTES},
};

/// What each request requires. The services are those that are served.
pub(crate) fn policy(services: &[&str]) -> Result<impl Policy + use<>, Box<dyn Error>> {
    let table = table()?;
    table.check(services)?;
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
    for &(method, path, need) in ROUTES {
        table = table.route(Method::from_bytes(method.as_bytes())?, path, need);
    }
    for &(service, method, need) in METHODS {
        table = table.grpc(service, method, need);
    }
    Ok(table.build()?)
}

impl IntoAccess for Need {
    fn into_access(self) -> Result<Access, ConfigError> {
        match self {
            Self::Public => Ok(Access::Public),
            Self::ControlPlane => {
                let scopes: BTreeSet<_> = ROUTES.iter().filter_map(|row| scope(row.2)).collect();
                ScopeRule::any_of(scopes).map(Access::Scopes)
            }
            Self::Scope(scope) => Access::scope(scope),
            Self::Deployment => Access::scope(CALL),
        }
    }
}

fn scope(need: Need) -> Option<&'static str> {
    match need {
        Need::Scope(scope) => Some(scope),
        _ => None,
    }
}
