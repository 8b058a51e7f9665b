//! Refused uploads of real clients, directly and through proxies, to the first program
//! of the README.

#![cfg(feature = "full")]

use std::{fs, path::Path, process::Command};

use crate::{
    examples::Example,
    proxies::Proxy,
    stores::Directory,
    tools::{curl, installed, left_out, python, script, text},
};

const TOKEN: &str = "9cLqJTbYzVvZyXHn.0123456789";

const SIZES: [(&str, usize); 4] = [
    ("60 kB", 60_000),
    ("200 kB", 200_000),
    ("1 MB", 1_000_000),
    ("10 MB", 10_000_000),
];

/// The uploads of each client with each size.
const TIMES: usize = 3;

/// Two instances, and the proxies in front of them.
struct Deployment {
    instances: [Example; 2],
    proxies: Vec<(&'static str, Proxy)>,
}

impl Deployment {
    fn start() -> Option<Self> {
        let instances = [(); 2].map(|()| Example::start("quickstart", &["--token", TOKEN]));
        let addresses = instances
            .each_ref()
            .map(|instance| instance.url.strip_prefix("http://").unwrap());
        let proxies = vec![
            ("nginx", Proxy::nginx(&addresses)?),
            ("nginx-keepalive", Proxy::nginx_keepalive(&addresses)?),
            ("haproxy", Proxy::haproxy(&addresses)?),
        ];
        Some(Self { instances, proxies })
    }

    /// Returns the URL of each way to the instances, by name.
    fn urls(&self) -> Vec<(&str, &str)> {
        let direct = ("direct", self.instances[0].url.as_str());
        let proxied = self.proxies.iter();
        let proxied = proxied.map(|(name, proxy)| (*name, proxy.url.as_str()));
        [direct].into_iter().chain(proxied).collect()
    }

    /// Returns the URLs as arguments of the client programs.
    fn arguments(&self) -> Vec<String> {
        let urls = self.urls().into_iter();
        urls.map(|(name, url)| format!("{name}={url}")).collect()
    }
}

/// Checks the output of a client program: one line for each client, way and size.
fn assert_all_refused(printed: &str, lines: usize) {
    let refused = format!("[{}]", ["401"; TIMES].join(", "));
    let lost: Vec<_> = printed.lines().filter(|l| !l.ends_with(&refused)).collect();
    assert!(lost.is_empty(), "{lost:#?}");
    assert_eq!(printed.lines().count(), lines, "{printed}");
}

#[test]
fn s05_python_reads_its_401_after_every_upload() {
    let (Some(python), Some(deployment)) = (python(), Deployment::start()) else {
        return;
    };
    let output = script(&python, "uploads.py")
        .arg(TIMES.to_string())
        .args(deployment.arguments())
        .output();
    // http.client, requests, httpx, and httpx in chunks.
    let clients = 4;
    let lines = deployment.urls().len() * clients * SIZES.len();
    assert_all_refused(&text(&output.unwrap()), lines);
}

#[test]
fn s05_go_reads_its_401_after_every_upload() {
    if !installed("go", "version") {
        return left_out("Go is not installed").unwrap_or_default();
    }
    let Some(deployment) = Deployment::start() else {
        return;
    };
    let dir = Directory::new();
    let tls = dir.path().to_str().unwrap();
    let over_tls = Example::start("quickstart", &["--token", TOKEN, "--tls", tls]);
    let output = go("uploads.go")
        .arg(TIMES.to_string())
        .arg(dir.path().join("ca.pem"))
        .args(deployment.arguments())
        // Over TLS, Go speaks HTTP/2.
        .arg(format!("tls={}", over_tls.url))
        .output();
    let lines = (deployment.urls().len() + 1) * SIZES.len();
    assert_all_refused(&text(&output.unwrap()), lines);
}

/// Returns a command that runs a Go program of `tests/clients`. The programs need the
/// standard library alone.
fn go(name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
    let mut command = Command::new("go");
    command
        .env("GO111MODULE", "off")
        .env("GOCACHE", cache.join("cache"))
        .env("GOPATH", cache.join("path"))
        .arg("run")
        .arg(path.join(name));
    command
}

#[test]
fn s05_curl_reads_its_401_after_every_upload() {
    let (Some(curl), Some(deployment)) = (curl(), Deployment::start()) else {
        return;
    };
    let dir = Directory::new();
    let mut lost = Vec::new();
    for (size, length) in SIZES {
        let body = dir.path().join(size);
        fs::write(&body, vec![b'x'; length]).unwrap();
        let mut upload = |name: &str, protocol: &str, flags: &[&str], url: &str| {
            for _ in 0..TIMES {
                let mut command = curl(protocol);
                command
                    .args(flags)
                    .args(["-o", "/dev/null", "-w", "%{http_code}"]);
                command.arg(format!("{url}/generate"));
                let output = command.arg("-T").arg(&body).args(["-X", "POST"]).output();
                let output = output.unwrap();
                let status = String::from_utf8_lossy(&output.stdout).into_owned();
                if !output.status.success() || status != "401" {
                    let error = String::from_utf8_lossy(&output.stderr).into_owned();
                    lost.push(format!(
                        "{name} {protocol} {flags:?} {size}: {status} {error}"
                    ));
                }
            }
        };
        let chunked = ["-H", "Transfer-Encoding: chunked", "-H", "Expect:"];
        for (name, url) in deployment.urls() {
            for flags in [&[][..], &["-H", "Expect:"], &chunked] {
                upload(name, "--http1.1", flags, url);
            }
        }
        let direct = &deployment.instances[0].url;
        upload("direct", "--http2-prior-knowledge", &[], direct);
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

/// A proxy that mistakes a refusal for a failure stops using the instance.
#[test]
fn s05_refused_uploads_do_not_disturb_other_calls_through_a_proxy() {
    let (Some(curl), Some(deployment)) = (curl(), Deployment::start()) else {
        return;
    };
    let dir = Directory::new();
    let body = dir.path().join("body");
    fs::write(&body, vec![b'x'; 200_000]).unwrap();
    let bearer = format!("Authorization: Bearer {TOKEN}");
    for (name, url) in deployment.urls() {
        let call = |path: &str| {
            let mut command = curl("--http1.1");
            command.args(["-o", "/dev/null", "-w", "%{http_code} "]);
            command.arg(format!("{url}/{path}"));
            command
        };
        let good = |times: usize| {
            let mut command = call(&format!("whoami?[1-{times}]"));
            text(&command.args(["-H", &bearer]).output().unwrap())
        };
        for upload in 0..8 {
            let mut command = call("generate");
            let output = command
                .arg("--data-binary")
                .arg(format!("@{}", body.display()));
            let status = text(&output.output().unwrap());
            assert_eq!(status, "401", "{name}, upload {upload}");
            assert_eq!(good(1), "200", "{name}, upload {upload}");
        }
        assert_eq!(good(40), ["200"; 40].join(" "), "{name}");
    }
}
