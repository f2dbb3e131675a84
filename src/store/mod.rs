//! The database, SQLite or PostgreSQL; with `search::sql` the only user of diesel and r2d2.
//!
//! Reads take a connection of the pool; writes go through the writer. Everything is synchronous.

mod connection;
mod deadline;
mod explain;
mod fault;
mod manager;
mod migrations;
mod plans;
pub(crate) mod precedence;
mod stored;
mod target;
mod transaction;
mod writer;

pub(crate) mod findings;
#[cfg(test)]
pub(crate) mod fresh;
mod held;
pub(crate) mod history;
pub(crate) mod index;
pub(crate) mod index_contained;
mod index_insert;
mod index_tables;
pub(crate) mod jobs;
pub(crate) mod lent;
pub(crate) mod live;
pub(crate) mod matches;
pub(crate) mod measured;
pub(crate) mod meta;
pub(crate) mod moment;
pub(crate) mod packed;
pub(crate) mod parameter_set;
pub(crate) mod payment;
pub(crate) mod published;
mod resource_rows;
pub(crate) mod resources;
pub(crate) mod roster;
pub(crate) mod share;
pub(crate) mod steady;
pub(crate) mod survey;
pub(crate) mod tables;
mod words;

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use r2d2::Pool;
use r2d2::PooledConnection;

use crate::fhir::Failure;
use crate::store::deadline::LONGEST;
use crate::store::fault::unavailable;
use crate::store::lent::Look;
use crate::store::manager::Manager;
use crate::store::share::Shares;
use crate::store::target::Target;
use crate::store::writer::Writer;

pub use crate::store::connection::Conn;
pub use crate::store::explain::Step;
pub use crate::store::fault::Fault;
pub use crate::store::matches::Purpose;
pub use crate::store::matches::Statement;
pub(crate) use crate::store::parameter_set::Defines;
pub use crate::store::parameter_set::Mark;
pub use crate::store::payment::PaidMonth;
pub use crate::store::payment::PaymentRun;
pub(crate) use crate::store::stored::Hit;
pub use crate::store::stored::Method;
pub use crate::store::stored::Stored;
pub use crate::store::tables::EpisodeRow;

/// How long a request waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// The database; clones share it.
#[derive(Clone)]
pub struct Db {
    target: Target,
    pool: Pool<Manager>,
    writer: Option<Arc<Writer>>,
    share: Arc<Shares>,
    replica: Option<Box<Db>>,
}

impl Db {
    /// Opens the database that the URL names, and makes or updates its tables.
    ///
    /// # Errors
    /// One line for the operator, without the URL's password.
    pub fn open(url: &str, connections: u32) -> Result<Self, String> {
        Self::open_within(url, connections, LONGEST)
    }

    /// The same, where each statement but those of an embedded database's writer may take so long.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open_within(url: &str, connections: u32, longest: Duration) -> Result<Self, String> {
        let target = Target::parse(url)?;
        let mut first = Conn::open(&target).map_err(|error| cannot_open(&target, &error))?;
        migrations::run(&mut first)?;
        let writer = match &target {
            Target::Sqlite(_) => Some(Arc::new(Writer::start(target.clone())?)),
            Target::Postgres(_) => None,
        };
        let pool = pool(&target, connections, longest)?;
        let share = Arc::new(Shares::of(connections));
        Ok(Self { target, pool, writer, share, replica: None })
    }

    /// One connection that cannot write and sees one state of the database throughout.
    ///
    /// # Errors
    /// One line for the operator: also where the database is not there, or not at the version of this program.
    pub(crate) fn open_to_read(url: &str) -> Result<Conn, String> {
        let target = Target::parse(url)?;
        if let Target::Sqlite(path) = &target
            && !path.starts_with("file:")
            && !std::path::Path::new(path).is_file()
        {
            return Err(format!("There is no database file `{path}`; name the one to read."));
        }
        let mut conn = Conn::open_to_read(&target).map_err(|error| cannot_open(&target, &error))?;
        migrations::require_current(&mut conn)?;
        Ok(conn)
    }

    /// Sends searches that need not see the newest write to a replica.
    ///
    /// # Errors
    /// One line for the operator.
    pub fn with_replica(mut self, url: &str, connections: u32) -> Result<Self, String> {
        let target = Target::parse(url)?;
        Conn::open(&target).map_err(|error| cannot_open(&target, &error))?;
        let pool = pool(&target, connections, LONGEST)?;
        self.replica = Some(Box::new(Self { target, pool, writer: None, replica: None, ..self.clone() }));
        Ok(self)
    }

    /// Where to search when the newest write need not be seen.
    pub(crate) fn for_searches(&self) -> &Self {
        self.replica.as_deref().unwrap_or(self)
    }

    /// Runs the pending migrations, and says which they were.
    ///
    /// # Errors
    /// One line for the operator.
    pub fn migrate(url: &str) -> Result<Vec<String>, String> {
        let target = Target::parse(url)?;
        let mut conn = Conn::open(&target).map_err(|error| cannot_open(&target, &error))?;
        migrations::run(&mut conn)
    }

    /// Whether the database is part of this process (SQLite).
    pub fn is_embedded(&self) -> bool {
        self.target.is_embedded()
    }

    /// How many writes of a server's there may be at once; none where one writes for all.
    pub(crate) fn writes_at_once(&self) -> Option<usize> {
        let places = share::places(self.pool.max_size());
        (!self.is_embedded()).then(|| usize::try_from(places).unwrap_or(usize::MAX))
    }

    /// Reads with one statement.
    ///
    /// # Errors
    /// What the work refuses; `Unavailable` or `Internal` where the database fails.
    pub fn read<T>(&self, mut work: impl FnMut(&mut Conn) -> Result<T, Fault>) -> Result<T, Failure> {
        if let Some(result) = lent::with(&mut work) {
            return result.map_err(Fault::into_failure);
        }
        for _ in 0..self.pool.max_size() {
            let mut conn = self.connection()?;
            let result = work(&mut conn);
            // The server may have been started again: then every connection of the pool is of no more use, and
            // after as many as it holds there are only new ones.
            if result.is_ok() || !conn.is_broken() {
                return result.map_err(Fault::into_failure);
            }
        }
        work(&mut *self.connection()?).map_err(Fault::into_failure)
    }

    /// Reads with several statements that all see the same state.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub fn snapshot<T>(&self, mut work: impl FnMut(&mut Conn) -> Result<T, Fault>) -> Result<T, Failure> {
        self.read(|conn| {
            if lent::is_lent() {
                return work(conn);
            }
            let begin =
                if conn.is_sqlite() { "BEGIN" } else { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
            conn.transaction(begin)?;
            let result = work(conn);
            conn.transaction("ROLLBACK")?;
            result
        })
    }

    /// Reads what this thread asks of the database in `read`, all of it of one state, which nothing may change and which
    /// holds up nobody. None where something would have been kept beside it and is not to be left for later.
    ///
    /// # Errors
    /// What the reading refuses; 413 `too-costly` where it takes too long; `Unavailable` where the database fails.
    pub(crate) fn look<T>(
        &self,
        until: Instant,
        leaves: bool,
        read: impl Fn() -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let patience = PATIENCE.min(until.saturating_duration_since(Instant::now()));
        let place =
            || self.share.look(patience).ok_or_else(|| unavailable("others read one state, or write"));
        // Whoever reads with the connection of another holds none of its own.
        let _place = if lent::is_lent() { None } else { Some(place()?) };
        // Before the state is taken: what was under way by then and is seen in it comes after all that is not.
        let settled = moment::settled_now(self)?;
        self.snapshot(|conn| lent::look(conn, Look { until, settled, leaves }, &read))
    }

    /// Writes in one durable transaction. The work may be done several times, so it must only change the database.
    ///
    /// # Errors
    /// The work's own fault, or the database's.
    pub fn write<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnMut(&mut Conn) -> Result<T, Fault> + Send + 'static,
    {
        if lent::is_lent() {
            let mut work = work;
            return lent::write(&mut work);
        }
        match &self.writer {
            Some(writer) => writer.run(work),
            None => {
                let _place = self.share.write(PATIENCE).ok_or_else(|| unavailable("others write"))?;
                writer::transact(|| self.connection(), work)
            }
        }
    }

    /// Whether the database answers now.
    ///
    /// # Errors
    /// `Unavailable` where it does not.
    pub fn ping(&self) -> Result<(), Failure> {
        self.read(|conn| Ok(conn.batch("SELECT 1")?))
    }

    fn connection(&self) -> Result<PooledConnection<Manager>, Failure> {
        self.pool.get().map_err(|_| unavailable("no connection became free in time"))
    }
}

fn pool(target: &Target, connections: u32, longest: Duration) -> Result<Pool<Manager>, String> {
    Pool::builder()
        .max_size(connections.max(1))
        .min_idle(Some(1))
        .test_on_check_out(false)
        .connection_timeout(PATIENCE)
        .error_handler(Box::new(Quiet))
        .build(Manager { target: target.clone(), longest })
        .map_err(|_| "The database cannot be opened: it takes no further connection.".to_owned())
}

/// The pool tries again by itself; requests that wait in vain are logged where they fail.
#[derive(Debug)]
struct Quiet;

impl<E> r2d2::HandleError<E> for Quiet {
    fn handle_error(&self, _: E) {
        log::warn!("a database connection could not be made");
    }
}

fn cannot_open(target: &Target, error: &diesel::ConnectionError) -> String {
    match target {
        Target::Sqlite(path) => {
            format!(
                "The database file `{path}` cannot be opened; check that its folder exists and may be written."
            )
        }
        Target::Postgres(_) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            // libpq's message names host, port, user and database, never the password.
            format!("PostgreSQL cannot be reached: {first}; check the database URL.")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Barrier;

    use super::*;
    use crate::store::fresh::on_each;
    use crate::store::fresh::on_postgres;

    #[test]
    fn a_url_that_is_no_database_is_refused_in_one_line() {
        for url in [
            "",
            "comfrey.db",
            "mysql://x",
            "sqlite:",
            "postgres://127.0.0.1:1/none",
            "sqlite:/no/such/folder/x.db",
        ] {
            let text = Db::open(url, 2).err().unwrap_or_else(|| panic!("{url} was opened"));
            assert!(!text.contains('\n') && text.ends_with('.'), "{text}");
        }
        let text = Db::open("postgres://me:geheim@127.0.0.1:1/none", 2).err().unwrap();
        assert!(!text.contains("geheim"), "{text}");
    }

    #[test]
    fn migrations_run_once_however_many_start_at_once() {
        on_each(|url| {
            let start = Barrier::new(6);
            let ran: Vec<usize> = std::thread::scope(|scope| {
                let start = &start;
                let one = move || {
                    start.wait();
                    Db::migrate(url).expect("it migrates").len()
                };
                let threads: Vec<_> = (0..6).map(|_| scope.spawn(one)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(ran.iter().filter(|count| **count > 0).count(), 1, "{ran:?}");
        });
    }

    #[test]
    fn a_memory_database_is_shared_by_its_connections_and_by_nobody_else() {
        let db = Db::open("sqlite::memory:", 4).unwrap();
        let other = Db::open("sqlite::memory:", 4).unwrap();
        db.write(|conn| Ok(tables::secret(conn, "x", vec![1])?)).unwrap();
        let seen = db.read(|conn| Ok(tables::secret(conn, "x", vec![2])?)).unwrap();
        assert_eq!(seen, [1]);
        assert_eq!(other.write(|conn| Ok(tables::secret(conn, "x", vec![3])?)).unwrap(), [3]);
    }

    #[test]
    fn a_job_that_fails_or_panics_does_not_harm_its_neighbours() {
        on_each(|url| {
            let db = Db::open(url, 30).unwrap();
            let start = Arc::new(Barrier::new(24));
            std::thread::scope(|scope| {
                for at in 0..24_u8 {
                    let (db, start) = (db.clone(), start.clone());
                    scope.spawn(move || {
                        start.wait();
                        let work = move |conn: &mut Conn| {
                            let made = tables::secret(conn, &at.to_string(), vec![at])?;
                            match at % 3 {
                                0 => Ok(made),
                                1 => Err(Fault::Refused(Failure::new(crate::fhir::Reason::Conflict, "no"))),
                                _ => panic!("this job panics"),
                            }
                        };
                        let result =
                            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| db.write(work)));
                        assert_eq!(matches!(result, Ok(Ok(_))), at % 3 == 0);
                    });
                }
            });
            let kept = db.read(|conn| {
                let query = crate::search::sql::Sql::of("SELECT count(*) FROM secret", []);
                Ok(matches::count(conn, query)?)
            });
            assert_eq!(kept.unwrap(), 8);
        });
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("private.db");
        let db = Db::open(&format!("sqlite:{}", path.display()), 2).unwrap();
        db.write(|conn| Ok(tables::secret(conn, "x", vec![1])?)).unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", file.file_name());
        }
    }

    #[test]
    fn reads_of_one_state_leave_connections_to_others_and_wait_no_longer_than_they_may_go_on() {
        on_each(|url| {
            let db = Db::open(url, 3).unwrap();
            let soon = || Instant::now() + Duration::from_millis(50);
            let later = || Instant::now() + Duration::from_secs(60);
            let looked = db.look(later(), false, || {
                let other = db.clone();
                std::thread::spawn(move || {
                    assert_eq!(other.look(soon(), false, || Ok(1)).unwrap_err().status(), 503);
                    other.ping().unwrap();
                    other.write(|conn| Ok(tables::secret(conn, "written", vec![1])?)).unwrap();
                })
                .join()
                .unwrap();
                Ok(())
            });
            assert_eq!(looked, Ok(Some(())));
            assert_eq!(db.look(soon(), false, || Ok(2)), Ok(Some(2)), "the place is given back");
        });
    }

    #[test]
    fn a_full_disk_is_unavailability_and_passes() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", folder.path().join("full.db").display()), 2).unwrap();
        db.write(|conn| {
            let pages = crate::search::sql::Sql::of("SELECT page_count FROM pragma_page_count()", []);
            let pages = matches::count(conn, pages)?;
            Ok(conn.batch(&format!("PRAGMA max_page_count={pages}"))?)
        })
        .unwrap();
        let big = |conn: &mut Conn| Ok(tables::secret(conn, "big", vec![7; 1_000_000])?);
        let fault = db.write(big).unwrap_err();
        assert_eq!(fault.into_failure().status(), 503);
        db.write(|conn| Ok(conn.batch("PRAGMA max_page_count=1000000")?)).unwrap();
        assert_eq!(db.write(big).unwrap().len(), 1_000_000);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_cannot_be_written_is_unavailability() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fixed.db");
        let db = Db::open(&format!("sqlite:{}", path.display()), 2).unwrap();
        db.write(|conn| Ok(conn.batch("PRAGMA query_only=ON")?)).unwrap();
        let fault = db.write(|conn| Ok(tables::secret(conn, "x", vec![1])?)).unwrap_err();
        let failure = fault.into_failure();
        assert_eq!((failure.status(), failure.issues[0].code), (503, "transient"));
        assert!(!failure.issues[0].text.contains("readonly"), "{failure:?}");
    }

    #[test]
    fn reading_to_check_changes_nothing_and_needs_the_tables_of_this_version() {
        on_each(|url| {
            assert!(Db::open_to_read(url).is_err(), "there are no tables yet");
            let db = Db::open(url, 2).unwrap();
            let mut reader = Db::open_to_read(url).unwrap();
            assert!(tables::secret(&mut reader, "x", vec![1]).is_err());
            let mut reader = Db::open_to_read(url).unwrap();
            let count = |conn: &mut Conn| {
                let query = crate::search::sql::Sql::of("SELECT count(*) FROM secret", []);
                matches::count(conn, query).unwrap()
            };
            assert_eq!(count(&mut reader), 0);
            db.write(|conn| Ok(tables::secret(conn, "x", vec![1])?)).unwrap();
            assert_eq!(count(&mut reader), 0, "it sees one state throughout");
            drop(reader);
            db.write(|conn| {
                Ok(conn.batch("INSERT INTO __diesel_schema_migrations (version) VALUES ('99999999')")?)
            })
            .unwrap();
            assert!(Db::open_to_read(url).err().unwrap().contains("newer"));
        });
        let missing = Db::open_to_read("sqlite:/no/such/file.db").err().unwrap();
        assert!(missing.contains("/no/such/file.db"), "{missing}");
    }

    #[test]
    fn a_connection_that_has_seen_too_many_statements_is_replaced() {
        on_each(|url| {
            let db = Db::open(url, 1).unwrap();
            let many = |conn: &mut Conn| {
                for at in 0..1_001 {
                    let query = crate::search::sql::Sql::of("SELECT count(*) AS c", []).name(at.to_string());
                    matches::count(conn, query.push(" FROM secret", []))?;
                }
                Ok(conn.is_worn())
            };
            assert!(db.read(many).unwrap());
            assert!(!db.read(|conn| Ok(conn.is_worn())).unwrap(), "the pool gives another");
            assert!(db.write(many).unwrap());
            assert!(!db.write(|conn| Ok(conn.is_worn())).unwrap(), "and so does the writer");
        });
    }

    #[test]
    fn a_role_without_rights_over_the_server_is_served_all_the_same() {
        on_postgres(|url| {
            let db = Db::open(url, 2).unwrap();
            let role = format!("plain_{}", uuid::Uuid::new_v4().simple());
            let grant =
                format!("CREATE ROLE {role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}");
            db.write(move |conn| Ok(conn.batch(&grant)?)).unwrap();
            let (scheme, rest) = url.split_once("://").unwrap();
            let plain = format!("{scheme}://{role}@{}", rest.split_once('@').unwrap().1);
            let mut conn = Conn::open(&Target::parse(&plain).unwrap()).expect("it may not set lc_messages");
            assert!(conn.batch("SET lc_messages='C'").is_err(), "the role has no right to do so");
            assert_eq!(tables::secret(&mut conn, "x", vec![1]).unwrap(), [1]);
            drop(conn);
            let drop_role = format!("DROP OWNED BY {role}; DROP ROLE {role}");
            db.write(move |conn| Ok(conn.batch(&drop_role)?)).unwrap();
        });
    }

    #[test]
    fn transactions_that_wait_for_one_another_are_both_carried_out() {
        on_postgres(|url| {
            let db = Db::open(url, 4).unwrap();
            for name in ["a", "b"] {
                db.write(move |conn| Ok(tables::secret(conn, name, vec![0])?)).unwrap();
            }
            let meet = Barrier::new(2);
            let write = |first: &'static str, second: &'static str| {
                let met = std::sync::atomic::AtomicBool::new(false);
                let meet = &meet;
                writer::transact(
                    || db.connection(),
                    move |conn| {
                        let lock = |name| format!("UPDATE secret SET value = value WHERE name = '{name}'");
                        conn.batch(&lock(first))?;
                        if !met.swap(true, std::sync::atomic::Ordering::Relaxed) {
                            meet.wait();
                        }
                        Ok(conn.batch(&lock(second))?)
                    },
                )
            };
            std::thread::scope(|scope| {
                let other = scope.spawn(|| write("b", "a"));
                write("a", "b").expect("a deadlock is tried again");
                other.join().unwrap().expect("a deadlock is tried again");
            });
        });
    }

    #[test]
    fn a_connection_that_the_server_ended_is_replaced() {
        on_postgres(|url| {
            let db = Db::open(url, 6).unwrap();
            let held: Vec<_> = (0..6).map(|_| db.connection().unwrap()).collect();
            drop(held);
            let mut other = Conn::open(&Target::parse(url).unwrap()).unwrap();
            other
                .batch("DO 'BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid(); END'")
                .unwrap();
            db.ping().unwrap();
            other
                .batch("DO 'BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid(); END'")
                .unwrap();
            db.write(|conn| Ok(tables::secret(conn, "x", vec![1])?)).unwrap();
        });
    }
}
