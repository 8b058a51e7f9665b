//! Unknown paths, and the commands that the example leaves out.

use std::fs;

use super::{
    ADMIN, Call, Cloud, ask,
    cli::{Cli, NEW},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s23_a_path_that_is_not_there_is_404_for_an_administrator_and_401_for_strangers() {
    let cloud = Cloud::start();
    for (method, path) in [
        ("GET", "/nowhere"),
        ("GET", "/api"),
        ("GET", "/api/v1/nowhere"),
        ("GET", "/api/v2/models"),
        ("PATCH", "/api/v1/models"),
        ("POST", "/apps/hello/nowhere"),
    ] {
        let came_to = ask(&cloud, Call::new(method, path)).await;
        assert_eq!(came_to, (401, 404), "{method} {path}");
        // No byte of the refusal says whether the path exists.
        let unknown = Call::new(method, path).send(cloud.address).await;
        let known = Call::new("GET", "/api/v1/models").send(cloud.address).await;
        assert_eq!(unknown.body, known.body);
        let same = |name: &str| {
            let headers = [&unknown, &known].map(|answer| answer.head.headers.get(name));
            headers[0] == headers[1]
        };
        assert!(same("www-authenticate") && same("content-length"));
        let answer = Call::new(method, path).token(ADMIN).send(cloud.address);
        let message = r#"{"message":"there is nothing here"}"#;
        assert_eq!(answer.await.body, message, "{method} {path}");
    }
    let grpc = Call::new("POST", "/inference.v1.Inference/Nothing")
        .version(http::Version::HTTP_2)
        .header("accept", "application/grpc")
        .body("application/grpc", b"\0\0\0\0\0");
    assert_eq!(grpc.clone().grpc_code(cloud.address).await, 16);
    assert_eq!(grpc.token(ADMIN).grpc_code(cloud.address).await, 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s23_what_the_example_leaves_out_is_501_for_whoever_may_log_in() {
    let cloud = Cloud::start();
    let narrow = cloud.token(&["resources:models:pull"]).await;
    let caller = cloud.token(&["deployment"]).await;
    for (method, path) in [
        ("GET", "/api/v2/deployments"),
        ("POST", "/api/v2/deployments/demo/terminate"),
        ("GET", "/api/v1/model_repositories/m"),
        ("POST", "/api/v1/bento_repositories"),
        ("GET", "/api/v1/clusters/default/deployments"),
        ("GET", "/api/v1/org_secrets"),
    ] {
        for (token, status) in [("", 401), (&caller, 403), (&narrow, 501), (ADMIN, 501)] {
            let answer = Call::new(method, path).token(token).send(cloud.address);
            let answer = answer.await;
            assert_eq!(answer.head.status, status, "{method} {path}");
            if status == 501 {
                assert_eq!(answer.body, r#"{"message":"not part of this example"}"#);
            }
        }
    }
}

/// Writes a model and a bento to the CLI's local stores.
fn store_locally(cli: &Cli) {
    let (models, bentos) = (cli.home("models/m"), cli.home("bentos/b"));
    for folder in [&models, &bentos] {
        fs::create_dir_all(folder.join("1")).unwrap();
        fs::write(folder.join("latest"), "1").unwrap();
    }
    let model = "name: m\nversion: '1'\nbentoml_version: 1.4.39\napi_version: v1\nmodule: ''\n\
                 labels: {}\noptions: {}\nmetadata: {}\nsignatures: {}\n\
                 context: {framework_name: '', framework_versions: {}, \
                 bentoml_version: 1.4.39, python_version: '3.11'}\n\
                 creation_time: '2026-01-01T00:00:00+00:00'\n";
    fs::write(models.join("1/model.yaml"), model).unwrap();
    let bento = "service: service:S\nname: b\nversion: '1'\nbentoml_version: 1.4.39\n\
                 creation_time: '2026-01-01T00:00:00+00:00'\n";
    fs::write(bentos.join("1/bento.yaml"), bento).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s23_each_command_of_the_cli_works_or_answers_one_clear_line() {
    let Some(cli) = Cli::find(NEW) else { return };
    let cloud = Cloud::start();
    let url = &cloud.app.url;
    cli.ok(&["cloud", "login", "--api-token", ADMIN, "--endpoint", url]);
    store_locally(&cli);
    for args in [
        &["deployment", "list"][..],
        &["deployment", "get", "demo"],
        &["deployment", "create", "b:1", "--name", "mine"],
        &["deployment", "apply", "b:1", "--name", "mine"],
        &["deployment", "update", "demo"],
        &["deployment", "terminate", "demo"],
        &["deployment", "delete", "demo"],
        &["deployment", "list-instance-types"],
        &["models", "push", "m:1"],
        &["models", "pull", "n:1"],
        &["push", "b:1"],
        &["pull", "c:1"],
        &["secret", "list"],
    ] {
        let line = cli.failed(args);
        assert!(line.starts_with("Error: "), "{args:?}: {line}");
        let said = r#"request failed with status code 501: {"message":"not part of this example"}"#;
        assert!(line.ends_with(said), "{args:?}: {line}");
        assert_eq!(line.lines().count(), 1, "{args:?}: {line}");
    }
    // These call no server.
    assert!(cli.ok(&["models", "list"]).contains("m:1"));
    assert!(cli.ok(&["models", "delete", "m:1", "-y"]).contains("m:1"));
}
