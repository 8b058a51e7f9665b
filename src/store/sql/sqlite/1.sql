CREATE TABLE tower_authn_meta (
    epoch TEXT NOT NULL,
    rev INTEGER NOT NULL,
    pruned_before INTEGER NOT NULL
) STRICT;
INSERT INTO tower_authn_meta VALUES (lower(hex(randomblob(16))), 0, 0);

CREATE TABLE tower_authn_keys (
    id INTEGER PRIMARY KEY,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    mints_from INTEGER NOT NULL,
    retired_at INTEGER,
    retired_by TEXT,
    retired_reason TEXT,
    rev INTEGER NOT NULL
) STRICT;

CREATE TABLE tower_authn_tokens (
    id TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    kid INTEGER,
    organization TEXT,
    subject TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    scopes TEXT NOT NULL,
    targets TEXT,
    metadata TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    not_before INTEGER,
    expires_at INTEGER,
    suspended_at INTEGER,
    revoked_at INTEGER,
    revoked_by TEXT,
    revoked_reason TEXT,
    rotated_from TEXT,
    rotated_to TEXT,
    grace_until INTEGER,
    session_of TEXT,
    rev INTEGER NOT NULL UNIQUE
) STRICT;
-- The orders of pages.
CREATE INDEX tower_authn_tokens_created ON tower_authn_tokens
    (created_at, id) WHERE session_of IS NULL;
CREATE INDEX tower_authn_tokens_created_by ON tower_authn_tokens
    (created_by, created_at, id) WHERE session_of IS NULL;
CREATE INDEX tower_authn_tokens_organization ON tower_authn_tokens
    (coalesce(organization, ''), created_at, id) WHERE session_of IS NULL;
CREATE INDEX tower_authn_tokens_subject ON tower_authn_tokens
    (subject, created_at, id) WHERE session_of IS NULL;
CREATE INDEX tower_authn_tokens_session_of ON tower_authn_tokens
    (session_of, subject, created_at, id) WHERE session_of IS NOT NULL;

CREATE TABLE tower_authn_usage (
    id TEXT PRIMARY KEY REFERENCES tower_authn_tokens ON DELETE CASCADE,
    last_used_at INTEGER NOT NULL,
    uses INTEGER NOT NULL
) STRICT;
