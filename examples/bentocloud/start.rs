//! What happens at a start: the first token, and lines to try.

use std::{error::Error, path::Path};

use tower_authn::{
    store::{NewToken, TokenErrorKind, Tokens},
    token::{Secret, TokenState},
};

use crate::{
    control::{Access, Deployment, ORGANIZATION, Organization, add_member},
    origin::Origin,
    python,
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
    let mut made = None;
    if Organization::of(documents).await?.is_none() {
        add_member(documents, ADMIN).await?;
        Deployment::create(documents, "demo", Access::Protected, ADMIN).await?;
        Deployment::create(documents, "hello", Access::Public, ADMIN).await?;
        if given.is_none() {
            made = Some(tokens.create(admin()).await?.secret);
        }
        documents
            .create(Kind::Organization, ORGANIZATION, &Organization::new())
            .await?;
    }
    if let Some(given) = given {
        import(tokens, given).await?;
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
        Err(error) if error.kind() == TokenErrorKind::Conflict => Ok(()),
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

/// What is printed, in one text, so that it is written at once: whoever reads
/// no more than the first line may close the pipe. A token that was given is
/// not shown.
pub(crate) fn lines(origin: Origin, made: Option<&Secret>, tls: Option<&Path>) -> String {
    let token = made.map_or("$TOKEN", Secret::expose);
    // Within what the shell takes as it stands.
    let quoted = made.map_or(r#"'"$TOKEN"'"#, Secret::expose);
    let mut lines = vec![format!("listening on {}", origin.url())];
    lines.extend(made.map(|made| format!("token {}", made.expose())));
    let ca = tls.map(|dir| format!("'{}/ca.pem'", dir.display()));
    let verify = ca
        .as_ref()
        .map_or_else(String::new, |ca| format!(" --cacert {ca}"));
    let trust = ca.map_or_else(String::new, |ca| format!("SSL_CERT_FILE={ca} "));
    lines.push(format!(
        r#"curl{verify} {}/generate -H "Content-Type: application/json" -H "Authorization: Basic {token}" --data '{{"prompt": "What state is Los Angeles in?", "max_length": 100}}'"#,
        origin.app("demo")
    ));
    lines.push(format!(
        "{trust}bentoml cloud login --api-token {token} --endpoint {}",
        origin.url()
    ));
    // By its path: Python leaves names below `localhost` to the system, which
    // need not know them.
    lines.push(format!(
        r#"{trust}python3 -c 'import bentoml; client = bentoml.SyncHTTPClient("{}/apps/demo", token="{quoted}"); print(client.generate(prompt="What state is Los Angeles in?", max_length=100))'"#,
        origin.url()
    ));
    lines.push(python::line(origin.address(), quoted, tls));
    lines.join("\n")
}
