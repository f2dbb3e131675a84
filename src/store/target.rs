//! Which database it is, chosen by the URL's scheme.
//!
//! diesel's `MultiConnection` tries every backend in turn, so that a mistyped URL becomes an SQLite file; here it fails.

/// Where the data lives.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// A file, or a named memory database of this process.
    Sqlite(String),
    /// A server.
    Postgres(String),
}

impl Target {
    /// Reads a database URL.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Err(
                "The database URL is none that is known; it must be sqlite:PATH, sqlite::memory: or a postgres:// URL."
                    .into(),
            );
        };
        match path.strip_prefix("//").unwrap_or(path) {
            "" => Err("The database URL names no file; use sqlite:PATH or sqlite::memory: instead.".into()),
            // SQLite's memory VFS shares a database of this name among the connections of the process, with
            // proper locks, which the older shared cache has not.
            ":memory:" => Ok(Self::Sqlite(format!("file:/comfrey-{}?vfs=memdb", uuid::Uuid::new_v4()))),
            path => Ok(Self::Sqlite(path.to_owned())),
        }
    }

    /// Whether the database is part of this process.
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }
    /// A new database file is for its owner's eyes only; SQLite gives its log the same rights. Where the file cannot
    /// be made, opening it says why.
    pub(crate) fn keep_private(&self) {
        let Self::Sqlite(path) = self else { return };
        if path.starts_with("file:") {
            return;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).ok();
    }
}
