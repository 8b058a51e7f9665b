CREATE TABLE tower_authn_meta (
    epoch TEXT NOT NULL,
    rev BIGINT NOT NULL,
    pruned_before BIGINT NOT NULL,
    version BIGINT NOT NULL
);
INSERT INTO tower_authn_meta VALUES (gen_random_uuid()::TEXT, 0, 0, 1);

CREATE TABLE tower_authn_keys (
    id BIGINT PRIMARY KEY,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    mints_from BIGINT NOT NULL,
    retired_at BIGINT,
    retired_by TEXT COLLATE "C",
    retired_reason TEXT COLLATE "C",
    rev BIGINT NOT NULL
);

CREATE TABLE tower_authn_tokens (
    id TEXT COLLATE "C" PRIMARY KEY,
    digest BYTEA NOT NULL UNIQUE,
    kid BIGINT,
    organization TEXT COLLATE "C",
    subject TEXT COLLATE "C" NOT NULL,
    subject_kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    targets TEXT COLLATE "C",
    metadata TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    not_before BIGINT,
    expires_at BIGINT,
    suspended_at BIGINT,
    revoked_at BIGINT,
    revoked_by TEXT COLLATE "C",
    revoked_reason TEXT COLLATE "C",
    rotated_from TEXT COLLATE "C",
    rotated_to TEXT COLLATE "C",
    grace_until BIGINT,
    session_of TEXT COLLATE "C",
    rev BIGINT NOT NULL UNIQUE
);
-- The orders of pages.
CREATE INDEX tower_authn_tokens_created ON tower_authn_tokens
    (created_at, id) WHERE session_of IS NULL;
CREATE INDEX tower_authn_tokens_created_by ON tower_authn_tokens
    (created_by, created_at, id) WHERE session_of IS NULL;
CREATE INDEX tower_authn_tokens_organization ON tower_authn_tokens
    ((coalesce(organization, '')), created_at, id) WHERE session_of IS NULL;
CREATE INDEX tower_authn_tokens_subject ON tower_authn_tokens
    (subject, created_at, id) WHERE session_of IS NULL;
CREATE INDEX tower_authn_tokens_session_of ON tower_authn_tokens
    (session_of, subject, created_at, id) WHERE session_of IS NOT NULL;

CREATE TABLE tower_authn_usage (
    id TEXT COLLATE "C" PRIMARY KEY REFERENCES tower_authn_tokens ON DELETE CASCADE,
    last_used_at BIGINT NOT NULL,
    uses BIGINT NOT NULL
);
