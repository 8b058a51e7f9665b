//! The rights as a policy: the list, and what the deployment that is meant says.

use http::Method;
use tower_authn::{
    Access, AccessTable, ConfigError, Policy, ScopeRule,
    access::{IntoAccess, policy_fn},
};

use crate::{
    resolve::Meant,
    rights::{CALL, CONTROL_PLANE, METHODS, Need, ROUTES},
};

/// What each request requires. The services are those that are served.
pub(crate) fn policy(services: &[&str]) -> Result<impl Policy + use<>, Box<dyn std::error::Error>> {
    let table = table()?;
    table.check(services)?;
    Ok(policy_fn(move |head| {
        let listed = table.access(head);
        match head.extensions().get::<Meant>() {
            // What is not in the list stays denied, whatever a deployment says.
            _ if listed == Access::Denied => listed,
            Some(Meant::Unclear) => Access::Unavailable,
            Some(meant) if meant.is_public() => Access::Public,
            _ => listed,
        }
    }))
}

fn table() -> Result<AccessTable, Box<dyn std::error::Error>> {
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
            Self::ControlPlane => ScopeRule::any_of(CONTROL_PLANE).map(Access::Scopes),
            Self::Scope(scope) => Access::scope(scope),
            Self::Deployment => Access::scope(CALL),
        }
    }
}
