//! The initial documents and the first token.

use std::error::Error;

use tower_authn::{
    token::{Secret, TokenState},
    tokens::{NewToken, TokenErrorKind, Tokens},
};

use crate::{
    control::{Deployment, Exposure, ORGANIZATION, Organization, add_member},
    rights::{CALL, RESOURCES},
    store::{Documents, Kind},
};

/// The subject of the first token.
const ADMIN: &str = "user";

/// Creates the initial documents at the first start, and the first token unless one is
/// given. It runs again if the first start was interrupted.
pub(crate) async fn initialize(
    tokens: &Tokens,
    documents: &Documents,
    given: Option<&str>,
) -> Result<Option<Secret>, Box<dyn Error>> {
    let is_first = Organization::load(documents).await?.is_none();
    if is_first {
        add_member(documents, ADMIN).await?;
        Deployment::create(documents, "demo", Exposure::Protected, ADMIN).await?;
        Deployment::create(documents, "hello", Exposure::Public, ADMIN).await?;
    }
    let made = match given {
        Some(given) => {
            import(tokens, given).await?;
            None
        }
        None if is_first => Some(tokens.create(admin()).await?.secret),
        None => None,
    };
    if is_first {
        documents
            .create(Kind::Organization, ORGANIZATION, &Organization::new())
            .await?;
    }
    Ok(made)
}

/// Imports the operator's token. A known token stays as it is, so that a restart with
/// the same command line does not restore a revoked one.
async fn import(tokens: &Tokens, given: &str) -> Result<(), Box<dyn Error>> {
    if let Some(known) = tokens.find(given).await? {
        if tokens.state(&known.record) != TokenState::Active {
            eprintln!("bentocloud: the admin token was revoked, suspended or has expired");
        }
        return Ok(());
    }
    match tokens.import(given, admin()).await {
        Ok(_) => Ok(()),
        // Another process imported it at the same time.
        Err(error) if error.kind() == TokenErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(format!("--admin-token: {error}").into()),
    }
}

/// Returns a token with all scopes that does not expire.
fn admin() -> NewToken {
    NewToken::new(ADMIN)
        .name("admin")
        .description("made at the start")
        .organization(ORGANIZATION)
        .scopes([RESOURCES, CALL])
        .created_by("operator")
        .never_expires()
}
