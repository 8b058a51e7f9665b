//! PostgreSQL servers for tests.

use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// A server with its data in a temporary directory. It stops when this value is
/// dropped or the process ends.
pub struct Server {
    bin: PathBuf,
    directory: PathBuf,
    port: u16,
    /// A shell that runs the server until it reads a line. If its standard input is
    /// closed instead, this process is gone, and it removes the directory too.
    keeper: Option<Child>,
}

/// Returns the server that tests share, each with a database of its own. A test that
/// stops the server starts another.
pub fn shared() -> Option<&'static Server> {
    static SHARED: OnceLock<Option<Server>> = OnceLock::new();
    SHARED.get_or_init(Server::start).as_ref()
}

impl Server {
    /// Starts a server. Returns `None` if PostgreSQL is not installed, which panics in
    /// CI.
    pub fn start() -> Option<Self> {
        let Some(bin) = find() else {
            assert!(!in_ci(), "PostgreSQL must be installed in CI");
            println!("left out: PostgreSQL is not installed");
            return None;
        };
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "tower-authn-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let directory = std::env::temp_dir().join(name);
        let port = free_port();
        let mut server = Self {
            bin,
            directory,
            port,
            keeper: None,
        };
        server.make();
        server.up();
        Some(server)
    }

    /// Creates a database, and returns its URL.
    pub fn database(&self) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs SQL as the superuser, and returns its output.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let url = self.url(database);
        run(self
            .tool("psql")
            .args(["-X", "-A", "-t", "-q", &url, "-c", sql]))
    }

    /// Dumps a database as SQL.
    pub fn dump(&self, database: &str) -> String {
        run(self.tool("pg_dump").arg(self.url(database)))
    }

    /// Dumps the rows of a database as SQL, for existing tables.
    pub fn dump_data(&self, database: &str) -> String {
        let mut dump = self.tool("pg_dump");
        run(dump
            .args(["--data-only", "--inserts"])
            .arg(self.url(database)))
    }

    /// Runs the SQL of a dump.
    pub fn restore(&self, database: &str, dump: &str) {
        let file = self.directory.join(format!("{database}.sql"));
        fs::write(&file, dump).unwrap();
        let url = self.url(database);
        let mut psql = self.tool("psql");
        run(psql
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", &url, "-f"])
            .arg(file));
    }

    /// Starts to serve TLS, with a certificate and its key.
    pub fn serve_tls(&self, certificate: &str, key: &str) {
        let data = self.directory.join("data");
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = data.join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            if is_root() {
                run(Command::new("chown").arg("postgres").arg(&file));
            }
        }
        self.psql("postgres", "ALTER SYSTEM SET ssl = on");
        self.psql("postgres", "SELECT pg_reload_conf()");
    }

    /// Starts a pooler in transaction mode in front of this server. Returns `None` if
    /// pgbouncer is not installed, which panics in CI.
    pub fn pooler(&self) -> Option<Pooler> {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"];
        let Some(program) = program.into_iter().find(|path| Path::new(path).exists()) else {
            assert!(!in_ci(), "pgbouncer must be installed in CI");
            println!("left out: pgbouncer is not installed");
            return None;
        };
        let port = free_port();
        let config = self.directory.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n",
            self.port
        );
        fs::write(&config, text).unwrap();
        let process = as_owner(Path::new(program))
            .args(["-q", "--"])
            .arg(&config)
            .spawn()
            .unwrap();
        let pooler = Pooler { process, port };
        let begun = Instant::now();
        while TcpStream::connect(pooler.address()).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "no pooler");
            thread::sleep(Duration::from_millis(20));
        }
        Some(pooler)
    }

    /// Stops the server at once, as a crash would.
    pub fn down(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            let input = keeper.stdin.as_mut().unwrap();
            input.write_all(b"down\n").unwrap();
            keeper.wait().unwrap();
        }
    }

    /// Starts the server again, on the same data and port.
    pub fn up(&mut self) {
        let data = self.directory.join("data");
        let script = format!(
            "\"$1\" -D \"$2\" -p {} -k '' -c listen_addresses=127.0.0.1 -c fsync=off \
             -c max_connections=200 -c max_prepared_transactions=5 >>\"$2/log\" 2>&1 & \
             server=$!; read -r _; asked=$?; kill -QUIT $server; wait $server; \
             [ $asked = 0 ] || rm -rf \"${{2%/data}}\"",
            self.port
        );
        let mut command = as_owner(Path::new("sh"));
        command
            .args(["-c", &script, "sh"])
            .arg(self.bin.join("postgres"))
            .arg(&data)
            .stdin(Stdio::piped());
        self.keeper = Some(command.spawn().unwrap());
        let started = Instant::now();
        loop {
            let url = self.url("postgres");
            let asked = self
                .tool("psql")
                .args(["-X", "-q", &url, "-c", "SELECT"])
                .output();
            if asked.is_ok_and(|output| output.status.success()) {
                return;
            }
            let log = fs::read_to_string(data.join("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(60), "{log}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn make(&self) {
        fs::create_dir(&self.directory).unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&self.directory));
        }
        run(as_owner(&self.bin.join("initdb"))
            .args([
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
                "-D",
            ])
            .arg(self.directory.join("data")));
    }

    fn tool(&self, name: &str) -> Command {
        Command::new(self.bin.join(name))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.down();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A pgbouncer that stops when this value is dropped.
pub struct Pooler {
    process: Child,
    port: u16,
}

impl Pooler {
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

/// Finds the directory of PostgreSQL's programs.
fn find() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.flatten().map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = debian.chain(std::env::split_paths(&path)).collect();
    places.retain(|place| {
        ["initdb", "postgres", "psql"]
            .iter()
            .all(|name| place.join(name).exists())
    });
    places.into_iter().next()
}

/// Returns a command that does not run as root, which PostgreSQL refuses.
fn as_owner(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .arg(program)
        .current_dir("/");
    command
}

fn is_root() -> bool {
    run(Command::new("id").arg("-u")).trim() == "0"
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
