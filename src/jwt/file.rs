//! A key set in a file.

use std::{
    fmt,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError},
    time::{Duration, Instant, SystemTime},
};

use super::{key_set::KeySet, source::KeySource};
use crate::{
    error::ConfigError,
    rejection::{Rejection, RejectionKind},
};

/// A file that changed less than this ago may change again without a later time, so it
/// is read once more.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// The shortest time between two looks at the file for tokens that name unknown keys.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// A JSON Web Key Set in a file, which is read again after each change.
///
/// The file is looked at once a second at most, and at once if a token names a key that
/// is not in the set. The look is one system call on the thread of a request, so the file
/// must be on a local disk. A file that can't be used leaves the old keys in place.
/// Replace the file by renaming a new one to its name.
///
/// # Example
///
/// ```no_run
/// use tower_authn::jwt::{Algorithm, JwksFile, JwtIssuer, JwtVerifier};
///
/// let keys = JwksFile::open("jwks.json")?.on_reload(|result| match result {
///     Ok(keys) => println!("jwks.json: {} keys", keys.keys().len()),
///     Err(error) => eprintln!("jwks.json: {error}; the old keys stay in place"),
/// });
/// let issuer = JwtIssuer::new("https://issuer.example.com")
///     .audience("models")
///     .algorithms([Algorithm::ES256])
///     .key_source(keys);
/// let verifier = JwtVerifier::new(issuer)?;
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
pub struct JwksFile {
    path: PathBuf,
    check_every: Duration,
    on_reload: Option<Box<OnReload>>,
    current: RwLock<Current>,
    /// Held while the file is read.
    reading: Mutex<Seen>,
}

type OnReload = dyn Fn(Result<&KeySet, &ConfigError>) + Send + Sync;

#[derive(Clone)]
struct Current {
    keys: Arc<KeySet>,
    next_check: Instant,
    /// Whether the last reading failed.
    is_broken: bool,
}

struct Seen {
    checked: Instant,
    /// The state of the file that was read last, if it has settled.
    stamp: Option<Stamp>,
    /// The text of the error that was reported last, if the last reading failed.
    error: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    len: u64,
    #[cfg(unix)]
    inode: u64,
}

impl JwksFile {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// Returns an error if the file can't be read, and for each reason of
    /// [`KeySet::parse`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let path = path.into();
        let stamp = Stamp::read(&path);
        let keys = Arc::new(read(&path)?);
        let check_every = Duration::from_secs(1);
        Ok(Self {
            path,
            check_every,
            on_reload: None,
            current: RwLock::new(Current {
                keys,
                next_check: Instant::now() + check_every,
                is_broken: false,
            }),
            reading: Mutex::new(Seen {
                checked: Instant::now(),
                stamp: stamp.ok().filter(Stamp::has_settled),
                error: None,
            }),
        })
    }

    /// Sets how often the file is looked at; 1 s by default. A key that was removed
    /// verifies tokens for as long. Zero looks at the file with each token.
    #[must_use]
    pub fn check_every(mut self, period: Duration) -> Self {
        self.check_every = period;
        let current = self.current.get_mut();
        current.unwrap_or_else(PoisonError::into_inner).next_check = Instant::now() + period;
        self
    }

    /// Sets a closure that is called on the thread of a request after the file was read
    /// again, with its keys or with the error that leaves the old keys in place. An error
    /// that stays the same is reported once.
    #[must_use]
    pub fn on_reload<F>(mut self, report: F) -> Self
    where
        F: Fn(Result<&KeySet, &ConfigError>) + Send + Sync + 'static,
    {
        self.on_reload = Some(Box::new(report));
        self
    }

    fn current(&self) -> Current {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file if it has changed.
    fn check(&self, mut seen: MutexGuard<'_, Seen>) {
        seen.checked = Instant::now();
        let stamp = Stamp::read(&self.path);
        if seen.stamp.is_some() && seen.stamp == stamp.as_ref().ok().copied() {
            return self.update(None, false);
        }
        match stamp.and_then(|stamp| Ok((stamp, Arc::new(read(&self.path)?)))) {
            Ok((stamp, keys)) => {
                self.update(Some(&keys), false);
                seen.stamp = Some(stamp).filter(Stamp::has_settled);
                seen.error = None;
                self.report(Ok(&keys));
            }
            Err(error) => {
                self.update(None, true);
                seen.stamp = None;
                let text = error.to_string();
                if seen.error.as_ref() != Some(&text) {
                    seen.error = Some(text);
                    self.report(Err(&error));
                }
            }
        }
    }

    fn update(&self, keys: Option<&Arc<KeySet>>, is_broken: bool) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = keys {
            current.keys = Arc::clone(keys);
        }
        current.next_check = Instant::now() + self.check_every;
        current.is_broken = is_broken;
    }

    fn report(&self, result: Result<&KeySet, &ConfigError>) {
        if let Some(report) = &self.on_reload {
            report(result);
        }
    }
}

impl KeySource for JwksFile {
    fn keys(&self, id: Option<&str>) -> Result<Arc<KeySet>, Rejection> {
        let current = self.current();
        let is_due = Instant::now() >= current.next_check;
        if current.keys.has_candidate(id) {
            // While another thread reads the file, the old keys serve.
            let seen = match self.reading.try_lock() {
                _ if !is_due => return Ok(current.keys),
                Err(TryLockError::WouldBlock) => return Ok(current.keys),
                Err(TryLockError::Poisoned(error)) => error.into_inner(),
                Ok(seen) => seen,
            };
            self.check(seen);
            return Ok(self.current().keys);
        }
        // The file may have the key. Another thread may be reading it at this moment.
        let seen = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if is_due || seen.checked.elapsed() >= MIN_INTERVAL {
            self.check(seen);
        }
        let current = self.current();
        if current.is_broken && !current.keys.has_candidate(id) {
            let reason = "the token names an unknown key, and the key file can't be used";
            return Err(Rejection::new(RejectionKind::Unavailable).with_reason(reason));
        }
        Ok(current.keys)
    }
}

impl Stamp {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let metadata = fs::metadata(path).map_err(|error| cannot_read(&error))?;
        Ok(Self {
            modified: metadata.modified().map_err(|error| cannot_read(&error))?,
            len: metadata.len(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&metadata),
        })
    }

    fn has_settled(&self) -> bool {
        self.modified.elapsed().is_ok_and(|age| age > SETTLED_AFTER)
    }
}

fn read(path: &Path) -> Result<KeySet, ConfigError> {
    let mut text = Vec::new();
    // One byte more than a key set may have, so that it is refused for its size.
    let limit = KeySet::MAX_LEN as u64 + 1;
    let file = File::open(path).map_err(|error| cannot_read(&error))?;
    let result = file.take(limit).read_to_end(&mut text);
    result.map_err(|error| cannot_read(&error))?;
    KeySet::parse(text)
}

fn cannot_read(error: &std::io::Error) -> ConfigError {
    ConfigError::new(format!("the file can't be read: {}", error.kind()))
}

impl fmt::Debug for JwksFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwksFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
