//! Credential parsing: rows A.
