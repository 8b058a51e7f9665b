//! A TLS listener with concurrent handshakes, and certificates to try it with.

use std::{
    error::Error,
    fs::{self, OpenOptions},
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    server::TlsStream,
};

/// The longest handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The number of concurrent handshakes.
const MAX_HANDSHAKES: usize = 256;

/// A listener that accepts TLS connections. Each handshake is its own task, so a slow or
/// broken one does not delay the others.
pub(crate) struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<io::Result<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    /// Creates a listener with `cert.pem` and `key.pem` of a directory. If both are
    /// missing, it creates them for this machine and the given names, signed by a new
    /// `ca.pem`.
    pub(crate) fn new(
        tcp: TcpListener,
        dir: &Path,
        names: &[&str],
    ) -> Result<Self, Box<dyn Error>> {
        let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        if !cert.exists() && !key.exists() {
            make_certificate(dir, names)?;
        }
        let chain: Vec<_> = CertificateDer::pem_file_iter(cert)?.collect::<Result<_, _>>()?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            tcp,
            acceptor: Arc::new(config).into(),
            handshakes: JoinSet::new(),
        })
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            tokio::select! {
                Some(handshake) = self.handshakes.join_next() => {
                    // A failed handshake says nothing of interest.
                    if let Ok(Ok(connection)) = handshake {
                        return connection;
                    }
                }
                (tcp, peer) = Listener::accept(&mut self.tcp), if self.handshakes.len() < MAX_HANDSHAKES => {
                    let handshake = timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(tcp));
                    self.handshakes.spawn(async move { Ok((handshake.await??, peer)) });
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Creates a certificate, and a CA for it alone: the key of the CA is not kept.
fn make_certificate(dir: &Path, names: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut params = CertificateParams::default();
    let name = "tower-authn example";
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

    let own = ["localhost", "127.0.0.1", "::1"];
    let names: Vec<String> = own
        .iter()
        .chain(names)
        .map(|&name| name.to_owned())
        .collect();
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(names)?.signed_by(&key, &ca)?;

    fs::create_dir_all(dir)?;
    create(&dir.join("ca.pem"), &ca.pem(), 0o644)?;
    create(&dir.join("cert.pem"), &certificate.pem(), 0o644)?;
    create(&dir.join("key.pem"), &key.serialize_pem(), 0o600)
}

/// Writes a new file. An existing one is an error.
fn create(path: &Path, text: &str, mode: u32) -> Result<(), Box<dyn Error>> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let file = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    file.map_err(|error| format!("{}: {error}", path.display()).into())
}
