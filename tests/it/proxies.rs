//! nginx and HAProxy in front of servers under test.

#![cfg(feature = "full")]

use std::{
    fmt::Write as _,
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use crate::{
    stores::Directory,
    tools::{installed, left_out},
};

/// The number of attempts to start a proxy: another process may take its free port.
const ATTEMPTS: usize = 5;

/// A running proxy, which is stopped when it is dropped.
pub struct Proxy {
    child: Child,
    pub url: String,
    _dir: Directory,
}

impl Proxy {
    /// Starts nginx with its defaults: HTTP/1.0 and one connection per request to the
    /// instances; an instance that failed once is skipped for 10 seconds.
    pub fn nginx(instances: &[&str]) -> Option<Self> {
        Self::start_nginx(instances, "", "/", "proxy_pass http://instances;")
    }

    /// Starts nginx with HTTP/1.1 and kept connections to the instances.
    pub fn nginx_keepalive(instances: &[&str]) -> Option<Self> {
        let location = "proxy_pass http://instances; proxy_http_version 1.1; \
            proxy_set_header Connection \"\";";
        Self::start_nginx(instances, "keepalive 4;", "/", location)
    }

    /// Starts nginx with an instance below a prefix, which it removes from the path.
    pub fn nginx_prefix(instance: &str, prefix: &str) -> Option<Self> {
        let location = "proxy_pass http://instances/; proxy_set_header Host $http_host;";
        Self::start_nginx(&[instance], "", &format!("{prefix}/"), location)
    }

    fn start_nginx(instances: &[&str], upstream: &str, path: &str, location: &str) -> Option<Self> {
        if !installed("nginx", "-v") {
            return left_out("nginx is not installed");
        }
        let mut servers = String::new();
        for instance in instances {
            write!(servers, "server {instance}; ").unwrap();
        }
        let config = |port: u16, dir: &Path| {
            let dir = dir.display();
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|name| format!("{name}_temp_path {dir}/{name};"))
                .join(" ");
            format!(
                "daemon off; master_process off; pid {dir}/pid; error_log stderr;
                events {{}}
                http {{
                    access_log off; client_max_body_size 64m; {temporary}
                    upstream instances {{ {servers} {upstream} }}
                    server {{
                        listen 127.0.0.1:{port};
                        location {path} {{ {location} }}
                    }}
                }}"
            )
        };
        let command = |file: &Path| {
            let mut command = Command::new("nginx");
            command.arg("-c").arg(file).args(["-e", "stderr"]);
            command
        };
        Some(Self::start(config, command))
    }

    /// Starts HAProxy.
    pub fn haproxy(instances: &[&str]) -> Option<Self> {
        if !installed("haproxy", "-v") {
            return left_out("HAProxy is not installed");
        }
        let mut servers = String::new();
        for (number, instance) in instances.iter().enumerate() {
            writeln!(servers, "    server s{number} {instance}").unwrap();
        }
        let config = |port: u16, _: &Path| {
            format!(
                "defaults\n    mode http\n    timeout connect 5s\n    timeout client 30s\n    \
                 timeout server 30s\nfrontend outside\n    bind 127.0.0.1:{port}\n    \
                 default_backend instances\nbackend instances\n{servers}"
            )
        };
        let command = |file: &Path| {
            let mut command = Command::new("haproxy");
            command.arg("-db").arg("-f").arg(file);
            command
        };
        Some(Self::start(config, command))
    }

    /// Starts a proxy on a free port and waits until it listens.
    fn start(config: impl Fn(u16, &Path) -> String, command: impl Fn(&Path) -> Command) -> Self {
        for _ in 0..ATTEMPTS {
            let dir = Directory::new();
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap();
            let file = dir.path().join("config");
            fs::write(&file, config(address.port(), dir.path())).unwrap();
            drop(free);
            let mut child = command(&file).stderr(Stdio::null()).spawn().unwrap();
            while child.try_wait().unwrap().is_none() {
                if TcpStream::connect(address).is_ok() {
                    return Self {
                        child,
                        url: format!("http://{address}"),
                        _dir: dir,
                    };
                }
                sleep(Duration::from_millis(10));
            }
        }
        panic!("the proxy did not start");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The proxy may have exited.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
