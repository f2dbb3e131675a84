//! Durable writes. SQLite: one thread takes all jobs that wait, gives each a savepoint, and commits them together
//! (group commit): many writers, one fsync. PostgreSQL: each job is its own transaction, tried again when it met
//! another. No job is answered before its commit.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;

use crate::fhir::Failure;
use crate::store::connection::Conn;
use crate::store::fault::Fault;
use crate::store::fault::describe;
use crate::store::fault::unavailable;
use crate::store::target::Target;

/// How many jobs share one commit at most, so that the first of them does not wait for ever.
const GROUP: usize = 256;
/// How long jobs are added to a group. Where each is large, those that are answered prepare their next work while the
/// others' is written; all together, they and the writer would wait for each other by turns.
const LONG: Duration = Duration::from_millis(40);
/// How often a PostgreSQL transaction is tried.
const TRIES: u32 = 12;
/// How often where it is not known whether another try can help.
const TRIES_AT_LEAST: u32 = 4;
/// How many lost connections a transaction is begun again after.
const MOST_LOST: u32 = 100;

/// A piece of work that waits for the writer.
trait Job: Send {
    /// Does the work inside the transaction; true where it succeeded.
    fn run(&mut self, conn: &mut Conn) -> bool;
    /// Tells the one who waits; `lost` says why work that succeeded was not committed.
    fn answer(self: Box<Self>, lost: Option<Failure>);
}

struct Task<F, T> {
    work: F,
    /// None until it has run.
    result: Option<Result<T, Fault>>,
    reply: Sender<Reply<F, T>>,
}

/// What came of a piece of work, with the work itself: who waits has the time to clear it away, which took a tenth of
/// the writer's.
type Reply<F, T> = (Result<T, Fault>, F);

impl<T: Send, F: FnMut(&mut Conn) -> Result<T, Fault> + Send> Job for Task<F, T> {
    fn run(&mut self, conn: &mut Conn) -> bool {
        self.result.insert(guarded(&mut self.work, conn)).is_ok()
    }

    fn answer(self: Box<Self>, lost: Option<Failure>) {
        let result = match (self.result, lost) {
            (Some(Err(fault)), _) => Err(fault),
            (_, Some(failure)) => Err(Fault::Refused(failure)),
            (Some(done), None) => done,
            (None, None) => Err(Fault::Refused(Failure::internal("a write was not carried out"))),
        };
        // The one who waits may be gone; then nobody misses the answer.
        self.reply.send((result, self.work)).ok();
    }
}

/// The one thread that writes to SQLite.
pub(crate) struct Writer {
    queue: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread, with a connection of its own.
    pub(crate) fn start(target: Target) -> Result<Self, String> {
        let conn = connect(&target).map_err(|()| "The database cannot be opened for writing.".to_owned())?;
        let (queue, jobs) = crossbeam_channel::unbounded();
        let thread = std::thread::Builder::new()
            .name("comfrey-writer".into())
            .spawn(move || keep_serving(conn, &target, &jobs))
            .map_err(|_| "The writer's thread cannot be started.".to_owned())?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues the work and waits until it is committed or refused.
    pub(crate) fn run<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnMut(&mut Conn) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = crossbeam_channel::bounded(1);
        let stopped = || Fault::Refused(unavailable("the writer has stopped"));
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(Box::new(Task { work, result: None, reply })).map_err(|_| stopped())?;
        let (result, _) = answer.recv().map_err(|_| stopped())?;
        result
    }
}

impl Drop for Writer {
    /// Waits for what is queued, so that the last connection checkpoints and closes the file.
    fn drop(&mut self) {
        self.queue = None;
        // A job may hold the last reference to the database; then this is the writer itself.
        let other = |thread: &JoinHandle<()>| thread.thread().id() != std::thread::current().id();
        if let Some(thread) = self.thread.take().filter(other) {
            thread.join().ok();
        }
    }
}

/// Jobs may panic without harm; should the writer itself, it goes on with a new connection, and those who waited
/// for the group in hand are told that it is lost.
fn keep_serving(mut conn: Conn, target: &Target, jobs: &Receiver<Box<dyn Job>>) {
    while catch_unwind(AssertUnwindSafe(|| serve(&mut conn, target, jobs))).is_err() {
        log::error!("the writer panicked; it goes on with a new connection");
        let Ok(fresh) = connect(target) else { return };
        conn = fresh;
    }
}

fn serve(conn: &mut Conn, target: &Target, jobs: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        let lost = commit(conn, &mut group, jobs).err();
        if lost.is_some() || conn.is_worn() {
            // Whatever state the connection is in, a new one is in none; the old one stays where none is to be had.
            match connect(target) {
                Ok(fresh) => *conn = fresh,
                Err(()) => log::error!("the writer cannot connect again"),
            }
        }
        for job in group {
            job.answer(lost.clone());
        }
    }
}

/// The writer keeps more pages in memory than a reader: all that it changes stays there until the commit. And it lets the
/// log grow to a hundred megabytes before it carries pages over, since those of the index change with nearly every write.
fn connect(target: &Target) -> Result<Conn, ()> {
    let mut conn = Conn::open(target).map_err(|_| ())?;
    conn.batch("PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=12000").map_err(|_| ())?;
    Ok(conn)
}

/// Carries out the jobs in one transaction, each in a savepoint of its own: those of the group, and those that wait, which
/// join it.
fn commit(
    conn: &mut Conn,
    group: &mut Vec<Box<dyn Job>>,
    waiting: &Receiver<Box<dyn Job>>,
) -> Result<(), Failure> {
    conn.transaction("BEGIN IMMEDIATE").map_err(|error| Fault::Database(error).into_failure())?;
    let (mut worthwhile, mut done) = (false, 0);
    let began = Instant::now();
    while let Some(job) = group.get_mut(done) {
        // SQLite ends a transaction by itself where the disk is full; then no savepoint is left.
        let ended = |_| unavailable("SQLite gave up a group of writes");
        conn.transaction("SAVEPOINT job").map_err(ended)?;
        let succeeded = job.run(conn);
        worthwhile |= succeeded;
        let finish = if succeeded {
            conn.transaction("RELEASE job")
        } else {
            conn.batch("ROLLBACK TO job; RELEASE job")
        };
        finish.map_err(ended)?;
        done += 1;
        if done == group.len() && done < GROUP && began.elapsed() < LONG {
            group.extend(waiting.try_recv());
        }
    }
    let end = if worthwhile { "COMMIT" } else { "ROLLBACK" };
    conn.transaction(end).map_err(|error| {
        conn.batch("ROLLBACK").ok();
        Fault::Database(error).into_failure()
    })
}

/// Carries out the work in a PostgreSQL transaction of its own.
pub(crate) fn transact<T>(
    mut connect: impl FnMut() -> Result<r2d2::PooledConnection<crate::store::manager::Manager>, Failure>,
    mut work: impl FnMut(&mut Conn) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let (mut tries, mut lost) = (0, 0);
    loop {
        let mut conn = connect()?;
        let fault = match attempt(&mut conn, &mut work) {
            Ok(done) => return Ok(done),
            // Whether it was committed is not known, so doing it again could do it twice.
            Err(Attempt::Commit(fault)) => return Err(fault),
            Err(Attempt::Work(fault)) => fault,
        };
        if conn.is_broken() {
            // Nothing of it was committed. The server may have been started again, which makes every connection of
            // the pool useless at once; each of them is met once at most.
            lost += 1;
            if lost > MOST_LOST {
                return Err(fault);
            }
            continue;
        }
        tries += 1;
        // An error in a language that is not known here may be a deadlock, or one that comes again.
        let most = if fault.is_passing() {
            TRIES
        } else if fault.is_nameless() && !conn.is_plain() {
            TRIES_AT_LEAST
        } else {
            1
        };
        if tries >= most {
            return Err(fault);
        }
        drop(conn);
        std::thread::sleep(pause(tries));
    }
}

/// Does the work; a panic in it is a failure of this work alone.
fn guarded<T>(work: &mut impl FnMut(&mut Conn) -> Result<T, Fault>, conn: &mut Conn) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(|| work(conn)))
        .unwrap_or_else(|_| Err(Fault::Refused(Failure::internal("a write panicked"))))
}

enum Attempt {
    Work(Fault),
    Commit(Fault),
}

fn attempt<T>(conn: &mut Conn, work: &mut impl FnMut(&mut Conn) -> Result<T, Fault>) -> Result<T, Attempt> {
    conn.batch("BEGIN ISOLATION LEVEL READ COMMITTED").map_err(|error| Attempt::Work(error.into()))?;
    match guarded(work, conn) {
        Ok(done) => match conn.batch("COMMIT") {
            Ok(()) => Ok(done),
            Err(error) if conn.is_broken() => Err(Attempt::Commit(error.into())),
            Err(error) => {
                conn.batch("ROLLBACK").ok();
                Err(Attempt::Work(error.into()))
            }
        },
        Err(fault) => {
            if let Err(error) = conn.batch("ROLLBACK") {
                log::warn!("a transaction could not be rolled back: {}", describe(&error));
            }
            Err(Attempt::Work(fault))
        }
    }
}

/// A growing pause with jitter, so that those who met do not meet again.
fn pause(tries: u32) -> Duration {
    let spread = 1_000_u64 << tries.min(7);
    let jitter =
        u64::from_le_bytes(*uuid::Uuid::new_v4().as_bytes().first_chunk::<8>().expect("a UUID has 16 bytes"));
    Duration::from_micros(500 + jitter % spread)
}
