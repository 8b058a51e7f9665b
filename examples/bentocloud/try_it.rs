//! What is printed at start: where the server is, and lines to paste.

use tower_authn::token::Secret;

use crate::{origin::Origin, snippets};

/// A line for each kind of caller, with its label.
pub(crate) fn lines(origin: &Origin, token: &str) -> [(&'static str, String); 4] {
    let (url, tls) = (origin.url(), origin.tls());
    let trust = tls.map(|dir| format!("SSL_CERT_FILE='{}/ca.pem' ", dir.display()));
    let trust = trust.unwrap_or_default();
    let login = format!("{trust}bentoml cloud login --api-token {token} --endpoint {url}");
    // By its path: Python leaves names below `localhost` to the system, which
    // need not know them.
    let client = format!(
        r#"{trust}python3 -c 'import bentoml, sys; client = bentoml.SyncHTTPClient("{url}/apps/demo", token=sys.argv[1]); print(client.generate(prompt="What state is Los Angeles in?", max_length=100))' {token}"#
    );
    [
        ("curl", snippets::curl(&origin.app("demo"), token, tls)),
        ("CLI", login),
        ("Python", client),
        ("gRPC", snippets::grpc(origin.address, token, tls)),
    ]
}

/// All that is printed, in one text, so that it is written at once: whoever
/// reads no more than the first line may close the pipe. A token that was
/// given is not shown.
pub(crate) fn text(origin: &Origin, made: Option<&Secret>) -> String {
    let token = made.map_or("$TOKEN", Secret::expose);
    let first = format!("listening on {}", origin.url());
    let shown = made.map(|made| format!("token {}", made.expose()));
    let lines = lines(origin, token).map(|(_, line)| line);
    let all: Vec<String> = [first].into_iter().chain(shown).chain(lines).collect();
    all.join("\n")
}
