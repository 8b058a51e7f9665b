//! `tonic_server`.

use tonic::{Code, Status};

use self::admin::{LoadRequest, admin_client::AdminClient};
use super::{Example, STRONGER, TOKEN, authorize, invalid, missing, refusal};

#[expect(unused_qualifications, reason = "generated")]
mod admin {
    include!("../../../examples/admin/admin.v1.rs");
}

/// Calls the second service.
async fn load(server: &Example, token: &str) -> Result<String, Status> {
    let mut client = AdminClient::new(server.channel().await);
    let model = "llama".to_owned();
    let request = authorize(tonic::Request::new(LoadRequest { model }), token);
    Ok(client.load(request).await?.into_inner().loaded_by)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tonic_server_gives_each_token_its_methods() {
    let server = Example::start("tonic_server", &[]);
    assert_eq!(server.generate(STRONGER).await.unwrap(), "You asked: a b");
    assert_eq!(refusal(server.generate("").await), missing());
    assert_eq!(refusal(server.generate("wrong").await), invalid());
    let words = server.generate_stream(STRONGER).await.unwrap();
    assert_eq!(words, ["You ", "asked: ", "a ", "b"]);
    assert_eq!(server.generate(TOKEN).await.unwrap(), "You asked: a b");
    let (code, _) = refusal(server.generate_stream(TOKEN).await);
    assert_eq!(code, Code::PermissionDenied);
    assert_eq!(load(&server, STRONGER).await.unwrap(), "gateway");
    let (code, _) = refusal(load(&server, TOKEN).await);
    assert_eq!(code, Code::PermissionDenied);
    assert_eq!(refusal(load(&server, "").await), missing());
    server.assert_healthy().await;
    server.assert_reflection().await;
    server.ends_clean("TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tonic_server_guards_one_service_with_an_interceptor() {
    let server = Example::start("tonic_server", &["--interceptor"]);
    assert_eq!(server.generate(TOKEN).await.unwrap(), "You asked: a b");
    let words = server.generate_stream(TOKEN).await.unwrap();
    assert_eq!(words.concat(), "You asked: a b");
    assert_eq!(refusal(server.generate("").await), missing());
    assert_eq!(refusal(server.generate_stream("wrong").await), invalid());
    server.assert_healthy().await;
    server.assert_reflection().await;
    server.ends_clean("INT");
}
