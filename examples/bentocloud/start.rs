//! What happens at a start: what is there from the beginning, and the first
//! token.

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

/// Whose the first token is.
const ADMIN: &str = "user";

/// Makes what is there from the beginning, and the first token where none is
/// given. A first start that was cut short is done again.
pub(crate) async fn first(
    tokens: &Tokens,
    documents: &Documents,
    given: Option<&str>,
) -> Result<Option<Secret>, Box<dyn Error>> {
    let is_first = Organization::of(documents).await?.is_none();
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

/// Takes the operator's token over. One that is known already stays as it is,
/// so that the same line starts the server again and brings nothing back that
/// was revoked; another one comes beside those that there are.
async fn import(tokens: &Tokens, given: &str) -> Result<(), Box<dyn Error>> {
    if let Some(known) = tokens.find(given).await? {
        if tokens.state(&known.record) != TokenState::Active {
            eprintln!("bentocloud: the admin token is known, and no longer good");
        }
        return Ok(());
    }
    match tokens.import(given, admin()).await {
        Ok(_) => Ok(()),
        // Another process of this store was faster.
        Err(error) if error.kind() == TokenErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(format!("--admin-token: {error}").into()),
    }
}

/// A token that may do everything here, and has no end.
fn admin() -> NewToken {
    NewToken::new(ADMIN)
        .name("admin")
        .description("made at the start")
        .organization(ORGANIZATION)
        .scopes([RESOURCES, CALL])
        .created_by("operator")
        .never_expires()
}
