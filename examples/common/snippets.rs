//! The lines to paste into a shell.

use std::{net::SocketAddr, path::Path};

/// Returns a line that calls `/generate` below a URL.
pub(crate) fn curl(url: &str, token: &str, tls: Option<&Path>) -> String {
    let verify = tls.map(|dir| format!(" --cacert '{}/ca.pem'", dir.display()));
    format!(
        r#"curl{} {url}/generate -H "Content-Type: application/json" -H "Authorization: Basic {token}" --data '{{"prompt": "What state is Los Angeles in?", "max_length": 100}}'"#,
        verify.unwrap_or_default()
    )
}

/// Returns a line that calls `Generate`. gRPC clients send call credentials over TLS only,
/// so without TLS the line sets the header itself.
pub(crate) fn grpc(
    address: SocketAddr,
    token: &str,
    tls: Option<&Path>,
    deployment: Option<&str>,
) -> String {
    let own = deployment.map(|name| format!(r#"("x-deployment", "{name}")"#));
    let own = own.unwrap_or_default();
    // The bytes are the request, encoded as protobuf.
    let call = r#"channel.unary_unary("/inference.v1.Inference/Generate")(b"\n\x1dWhat state is Los Angeles in?\x10d""#;
    let python = match tls {
        None => format!(
            r#"channel = grpc.insecure_channel("{address}"); print({call}, metadata=[("authorization", "Bearer " + sys.argv[1]), {own}]))"#
        ),
        Some(dir) => format!(
            r#"ca = open("{}/ca.pem", "rb").read(); channel = grpc.secure_channel("{address}", grpc.composite_channel_credentials(grpc.ssl_channel_credentials(ca), grpc.access_token_call_credentials(sys.argv[1]))); print({call}, metadata=[{own}]))"#,
            dir.display()
        ),
    };
    format!("python3 -c 'import grpc, sys; {python}' {token}")
}
