//! The access that a row requires, and the callers that have it or not.

use tower_authn::Access;

/// The access that a row requires.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Need {
    Public,
    Known,
    Scope(usize),
    Closed,
}

pub const SCOPES: [&str; 2] = ["one", "two"];

/// The scopes of a caller, or `None` for one without a credential.
pub type Caller = Option<[bool; 2]>;

impl Need {
    pub fn is_met_by(self, caller: Caller) -> bool {
        match (self, caller) {
            (Self::Public, _) | (Self::Known, Some(_)) => true,
            (Self::Scope(scope), Some(scopes)) => scopes[scope],
            (Self::Known | Self::Scope(_) | Self::Closed, _) => false,
        }
    }

    pub fn access(self) -> Access {
        match self {
            Self::Public => Access::Public,
            Self::Known => Access::Authenticated,
            Self::Scope(scope) => Access::scope(SCOPES[scope]).unwrap(),
            Self::Closed => Access::Denied,
        }
    }
}
