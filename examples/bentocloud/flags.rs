//! The command line, and the same from the environment.

use std::{env, path::PathBuf};

const USAGE: &str = "usage: bentocloud [--listen ADDR] \
    [--store memory: | sqlite:PATH | postgres://URL] [--tls DIR] [--admin-token TOKEN]";

pub(crate) struct Flags {
    pub(crate) listen: String,
    pub(crate) store: String,
    pub(crate) tls: Option<PathBuf>,
    pub(crate) admin_token: Option<String>,
}

impl Flags {
    /// Reads both, the command line before the environment; the error is one
    /// line for its writer.
    pub(crate) fn read() -> Result<Self, String> {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let mut listen = variable("BENTOCLOUD_LISTEN");
        let mut store = variable("BENTOCLOUD_STORE");
        let mut tls = variable("BENTOCLOUD_TLS");
        let mut admin_token = variable("BENTOCLOUD_ADMIN_TOKEN");
        let mut args = env::args().skip(1);
        while let Some(flag) = args.next() {
            let value = match flag.as_str() {
                "--listen" => &mut listen,
                "--store" => &mut store,
                "--tls" => &mut tls,
                "--admin-token" => &mut admin_token,
                _ => {
                    // What stands behind a `=` may be a secret.
                    let name = flag.split('=').next().unwrap_or_default();
                    return Err(format!("unknown flag {name:?}; {USAGE}"));
                }
            };
            *value = Some(args.next().ok_or_else(|| format!("{flag} needs a value"))?);
        }
        Ok(Self {
            listen: listen.unwrap_or_else(|| "127.0.0.1:3000".to_owned()),
            store: store.unwrap_or_else(|| "sqlite:bentocloud.db".to_owned()),
            tls: tls.map(PathBuf::from),
            admin_token,
        })
    }
}
