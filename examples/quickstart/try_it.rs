//! What is printed at start: where the server is, and lines to paste.

use std::{net::SocketAddr, path::Path};

pub(crate) fn print(address: SocketAddr, token: &str, tls: Option<&Path>) {
    let (scheme, verify) = match tls {
        None => ("http", String::new()),
        Some(dir) => ("https", format!(" --cacert '{}/ca.pem'", dir.display())),
    };
    println!("listening on {scheme}://{address}");
    println!(
        r#"curl{verify} {scheme}://{address}/generate -H "Content-Type: application/json" -H "Authorization: Basic {token}" --data '{{"prompt": "What state is Los Angeles in?", "max_length": 100}}'"#
    );
    // gRPC clients send call credentials over TLS alone; without it the same
    // header is written by hand. The bytes are the request in protobuf.
    let call = r#"channel.unary_unary("/inference.v1.Inference/Generate")(b"\n\x1dWhat state is Los Angeles in?\x10d""#;
    match tls {
        None => println!(
            r#"python3 -c 'import grpc; channel = grpc.insecure_channel("{address}"); print({call}, metadata=[("authorization", "Bearer {token}")]))'"#
        ),
        Some(dir) => println!(
            r#"python3 -c 'import grpc; ca = open("{}/ca.pem", "rb").read(); channel = grpc.secure_channel("{address}", grpc.composite_channel_credentials(grpc.ssl_channel_credentials(ca), grpc.access_token_call_credentials("{token}"))); print({call}))'"#,
            dir.display()
        ),
    }
}
