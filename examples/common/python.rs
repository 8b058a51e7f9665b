//! A gRPC call in Python, to paste.

use std::{net::SocketAddr, path::Path};

/// Calls `Generate`. gRPC clients send call credentials over TLS alone; without
/// it the same header is written by hand.
pub(crate) fn line(address: SocketAddr, token: &str, tls: Option<&Path>) -> String {
    // The bytes are the request in protobuf.
    let call = r#"channel.unary_unary("/inference.v1.Inference/Generate")(b"\n\x1dWhat state is Los Angeles in?\x10d""#;
    let python = match tls {
        None => format!(
            r#"channel = grpc.insecure_channel("{address}"); print({call}, metadata=[("authorization", "Bearer {token}")]))"#
        ),
        Some(dir) => format!(
            r#"ca = open("{}/ca.pem", "rb").read(); channel = grpc.secure_channel("{address}", grpc.composite_channel_credentials(grpc.ssl_channel_credentials(ca), grpc.access_token_call_credentials("{token}"))); print({call}))"#,
            dir.display()
        ),
    };
    format!("python3 -c 'import grpc; {python}'")
}
