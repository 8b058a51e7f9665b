//! The operations on documents, and their SQL.

use serde::Serialize;

use super::StoreError;

/// The kinds of documents. A name is unique in its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Bento,
    Cluster,
    Deployment,
    Member,
    Model,
    Organization,
}

/// The operations. Each returns the rows that it found or wrote.
#[derive(Clone, Copy)]
pub(super) enum Operation {
    Content,
    Create,
    Delete,
    Get,
    List,
    Put,
    Replace,
}

/// The parameters of every statement, in this order.
pub(super) struct Values {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) document: String,
    pub(super) content: Option<Vec<u8>>,
}

/// A document as JSON, and its content if the operation returns it.
pub(super) type Row = (String, Option<Vec<u8>>);

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Bento => "bento",
            Self::Cluster => "cluster",
            Self::Deployment => "deployment",
            Self::Member => "member",
            Self::Model => "model",
            Self::Organization => "organization",
        }
    }
}

impl Operation {
    /// Returns the statement in PostgreSQL's form. SQLite has `?` in place of `$`.
    pub(super) fn statement(self) -> &'static str {
        match self {
            Self::Content => {
                "SELECT document, content FROM bentocloud WHERE kind = $1 AND name = $2"
            }
            Self::Create => {
                "INSERT INTO bentocloud (kind, name, document, content) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT DO NOTHING RETURNING document, NULL"
            }
            Self::Delete => {
                "DELETE FROM bentocloud WHERE kind = $1 AND name = $2 RETURNING document, NULL"
            }
            Self::Get => "SELECT document, NULL FROM bentocloud WHERE kind = $1 AND name = $2",
            Self::List => "SELECT document, NULL FROM bentocloud WHERE kind = $1 ORDER BY name",
            Self::Put => {
                "INSERT INTO bentocloud (kind, name, document, content) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (kind, name) DO UPDATE \
                 SET document = excluded.document, content = excluded.content \
                 RETURNING document, NULL"
            }
            Self::Replace => {
                "UPDATE bentocloud SET document = $3 WHERE kind = $1 AND name = $2 \
                 RETURNING document, NULL"
            }
        }
    }

    /// Returns the number of parameters of the statement, which are the first ones.
    pub(super) fn parameters(self) -> usize {
        match self {
            Self::List => 1,
            Self::Content | Self::Delete | Self::Get => 2,
            Self::Replace => 3,
            Self::Create | Self::Put => 4,
        }
    }

    pub(super) fn has_content(self) -> bool {
        matches!(self, Self::Content)
    }
}

impl Values {
    pub(super) fn new(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            document: String::new(),
            content: None,
        }
    }

    pub(super) fn document(mut self, document: &impl Serialize) -> Result<Self, StoreError> {
        self.document = serde_json::to_string(document).map_err(StoreError::new)?;
        Ok(self)
    }
}
