//! What is printed at start: where the server is, and lines to paste.

use std::{net::SocketAddr, path::Path};

/// The lines, in one text, so that they are written at once: whoever reads no
/// more than the first may close the pipe.
pub(crate) fn lines(address: SocketAddr, token: &str, tls: Option<&Path>) -> String {
    let (scheme, verify) = match tls {
        None => ("http", String::new()),
        Some(dir) => ("https", format!(" --cacert '{}/ca.pem'", dir.display())),
    };
    let curl = format!(
        r#"curl{verify} {scheme}://{address}/generate -H "Content-Type: application/json" -H "Authorization: Basic {token}" --data '{{"prompt": "What state is Los Angeles in?", "max_length": 100}}'"#
    );
    // The bytes are the request in protobuf.
    let call = r#"channel.unary_unary("/inference.v1.Inference/Generate")(b"\n\x1dWhat state is Los Angeles in?\x10d""#;
    // gRPC clients send call credentials over TLS alone; without it the same
    // header is written by hand.
    let python = match tls {
        None => format!(
            r#"channel = grpc.insecure_channel("{address}"); print({call}, metadata=[("authorization", "Bearer {token}")]))"#
        ),
        Some(dir) => format!(
            r#"ca = open("{}/ca.pem", "rb").read(); channel = grpc.secure_channel("{address}", grpc.composite_channel_credentials(grpc.ssl_channel_credentials(ca), grpc.access_token_call_credentials("{token}"))); print({call}))"#,
            dir.display()
        ),
    };
    format!("listening on {scheme}://{address}\n{curl}\npython3 -c 'import grpc; {python}'")
}
