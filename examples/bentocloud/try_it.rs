//! The lines to paste that are printed at the start, shown with a new token, and shown on
//! the page of a deployment.

use tower_authn::token::{Record, Secret};

use crate::{
    control::Deployment,
    origin::Origin,
    resolve::DEFAULT,
    rights::{self, CALL},
    snippets,
    store::{Documents, Kind, StoreError},
};

/// A label and a line.
type Line = (&'static str, String);

/// Returns the lines that call a deployment.
pub(crate) fn calls(origin: &Origin, token: &str, name: &str) -> [Line; 3] {
    let (url, tls) = (origin.url(), origin.tls());
    // At its path, because Python resolves names below `localhost` with the system's
    // resolver, which may not know them.
    let python = format!(
        r#"{}python3 -c 'import bentoml, sys; client = bentoml.SyncHTTPClient("{url}/apps/{name}", token=sys.argv[1]); print(client.generate(prompt="What state is Los Angeles in?", max_length=100))' {token}"#,
        trust(origin)
    );
    let grpc = snippets::grpc(origin.address, token, tls, Some(name));
    let curl = snippets::curl(&origin.app(name), token, tls);
    [("curl", curl), ("Python", python), ("gRPC", grpc)]
}

/// Returns the line that logs the CLI in.
fn login(origin: &Origin, token: &str) -> Line {
    let (trust, url) = (trust(origin), origin.url());
    let line = format!("{trust}bentoml cloud login --api-token {token} --endpoint {url}");
    ("CLI", line)
}

fn trust(origin: &Origin) -> String {
    let trust = origin.tls();
    let trust = trust.map(|dir| format!("SSL_CERT_FILE='{}/ca.pem' ", dir.display()));
    trust.unwrap_or_default()
}

/// Returns the lines that work for one token, with `{token}` in place of its secret. They
/// call the deployment on the page of which it was created, if its targets allow that, or
/// another one that they allow.
pub(crate) async fn lines_for(
    origin: &Origin,
    documents: &Documents,
    token: &Record,
    page: Option<&str>,
) -> Result<Vec<Line>, StoreError> {
    const TOKEN: &str = "{token}";
    let grants = |scope: &str| {
        let scope = scope.parse();
        scope.is_ok_and(|scope| token.scopes.iter().any(|own| own.covers(&scope)))
    };
    let mut lines = Vec::new();
    if grants(CALL) {
        let known: Vec<Deployment> = documents.list(Kind::Deployment).await?;
        let is_target = |name: &str| match &token.targets {
            Some(targets) => targets.iter().any(|target| target.covers_name(name)),
            None => true,
        };
        let names = known.iter().map(|known| known.name.as_str());
        let names: Vec<&str> = names.filter(|name| is_target(name)).collect();
        let preferred = [page, Some(DEFAULT)].into_iter().flatten();
        let mut preferred = preferred.filter(|name| names.contains(name));
        let chosen = preferred.next().or_else(|| names.first().copied());
        lines.extend(
            chosen
                .into_iter()
                .flat_map(|name| calls(origin, TOKEN, name)),
        );
    }
    if rights::control_plane_scopes().any(grants) {
        lines.push(login(origin, TOKEN));
    }
    Ok(lines)
}

/// Returns the lines that are printed at the start as one text, to be written at once: a
/// reader of the first line alone may then close the pipe. A given token is not shown.
pub(crate) fn text(origin: &Origin, made: Option<&Secret>) -> String {
    let token = made.map_or("$TOKEN", Secret::expose);
    let first = format!("listening on {}", origin.url());
    let shown = made.map(|made| format!("token {}", made.expose()));
    let [curl, python, grpc] = calls(origin, token, DEFAULT);
    let lines = [curl, login(origin, token), python, grpc].map(|(_, line)| line);
    let all: Vec<String> = [first].into_iter().chain(shown).chain(lines).collect();
    all.join("\n")
}
