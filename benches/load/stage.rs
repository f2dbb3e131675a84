//! The server that is measured, with the patients in it.

use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::Value;

use crate::IMPORTERS;
use crate::Settings;
use crate::connection::Connection;
use crate::connection::Target;
use crate::patient::EACH;
use crate::patient::Patient;
use crate::population::Population;
use crate::process::Server;
use crate::process::Watched;
use crate::process::bytes_of;
use crate::process::free_port;
use crate::process::wait_for;
use crate::report::Report;
use crate::resource;

/// Patients of a file that `import` reads.
const FILE: u64 = 500;
/// Resources that several patients refer to, in one transaction.
const SHARED: usize = 200;

/// The server, the folder of the run, and what is looked at.
pub struct Stage {
    pub target: Target,
    pub watched: Watched,
    // Ends before the folder goes.
    _server: Option<Server>,
    folder: Folder,
}

impl Stage {
    /// Starts the server where it is ours, and stores the patients.
    pub fn set(settings: &Settings, all: &Population, report: &mut Report) -> Result<Self, String> {
        let folder = Folder::make()?;
        let Some(program) = &settings.comfrey else {
            let target = Target::parse(settings.url.as_deref().unwrap_or_default(), &settings.token)?;
            let stage = Self { target, watched: Watched(settings.pid.clone()), _server: None, folder };
            if !settings.loaded {
                stage.send_all(all, report)?;
            }
            return Ok(stage);
        };
        let file = folder.0.join("comfrey.db");
        let database = settings.database.clone().unwrap_or_else(|| format!("sqlite:{}", file.display()));
        let disk = settings.disk.clone().or_else(|| database.strip_prefix("sqlite:").map(PathBuf::from));
        if !settings.loaded {
            import(program, (&database, disk.as_deref()), (all, &folder.0), report)?;
        }
        let port = free_port()?;
        let target = Target::parse(&format!("http://127.0.0.1:{port}/fhir"), "")?;
        let listen = format!("127.0.0.1:{port}");
        let names = [
            ("COMFREY_LISTEN", listen.as_str()),
            ("COMFREY_DATABASE_URL", &database),
            ("COMFREY_AUTH", "off"),
            ("COMFREY_LOG", "error"),
        ];
        let server = Server::start(program, &[], &names)?;
        let took = wait_for(|| {
            let answer = Connection::open(&target).and_then(|mut open| open.send("GET", "/Patient/p0", &[]));
            answer.is_ok_and(|reply| reply.status == 200)
        })?;
        report.figure("start to the first answer", took.as_secs_f64() * 1000.0, "ms");
        let mut watched = vec![server.id()];
        watched.extend(&settings.pid);
        Ok(Self { target, watched: Watched(watched), _server: Some(server), folder })
    }

    /// A folder that goes with the run.
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Stores the resources of each in a transaction.
    pub fn store<T: Iterator<Item = Value>>(&self, each: impl Iterator<Item = T>) -> Result<(), String> {
        let mut connection = Connection::open(&self.target).map_err(|cause| cause.to_string())?;
        each.into_iter().try_for_each(|resources| post(&mut connection, resources))
    }

    /// Sends the patients over several connections.
    fn send_all(&self, all: &Population, report: &mut Report) -> Result<(), String> {
        let shared: Vec<Value> = resource::shared(all.size).collect();
        self.store(shared.chunks(SHARED).map(|some| some.iter().cloned()))?;
        let (started, next) = (Instant::now(), Mutex::new(0..all.size));
        let one = || -> Result<(), String> {
            let mut connection = Connection::open(&self.target).map_err(|cause| cause.to_string())?;
            loop {
                let of = next.lock().map_err(|_| "another connection failed".to_owned())?.next();
                let Some(of) = of else { return Ok(()) };
                post(&mut connection, resource::all(Patient(of)))?;
            }
        };
        std::thread::scope(|threads| {
            let all: Vec<_> = (0..IMPORTERS).map(|_| threads.spawn(one)).collect();
            all.into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| "a connection's thread panicked")?)
        })?;
        let rate = (all.size * EACH) as f64 / started.elapsed().as_secs_f64();
        report.figure("loading by transactions, 8 clients", rate, "resources/s");
        Ok(())
    }
}

fn post(connection: &mut Connection, resources: impl Iterator<Item = Value>) -> Result<(), String> {
    let bundle = resource::transaction(resources).to_string();
    let reply = connection.send("POST", "", bundle.as_bytes()).map_err(|cause| cause.to_string())?;
    if reply.status == 200 {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&reply.body[..reply.body.len().min(500)]).into_owned();
    Err(format!("patients were refused with {}: {text}", reply.status))
}

/// Writes the patients to files and loads them with the program's own command.
fn import(
    program: &Path,
    (database, disk): (&str, Option<&Path>),
    (all, folder): (&Population, &Path),
    report: &mut Report,
) -> Result<(), String> {
    let files = folder.join("files");
    let (resources, bytes) =
        write_files(all, &files).map_err(|cause| format!("{}: {cause}", files.display()))?;
    let size = || disk.map(|disk| bytes_of(disk) + bytes_of(&disk.with_extension("db-wal")));
    let before = size();
    let started = Instant::now();
    let done = Command::new(program)
        .arg("import")
        .arg(&files)
        .env("COMFREY_DATABASE_URL", database)
        .env("COMFREY_LOG", "error")
        .stdout(Stdio::null())
        .status()
        .map_err(|cause| format!("{}: {cause}", program.display()))?;
    let took = started.elapsed().as_secs_f64();
    std::fs::remove_dir_all(&files).map_err(|cause| cause.to_string())?;
    if !done.success() {
        return Err("the import was not clean".into());
    }
    report.figure("import by the command", resources as f64 / took, "resources/s");
    report.figure("JSON of a resource", bytes as f64 / resources as f64, "bytes");
    if let Some((before, after)) = before.zip(size()) {
        let grown = after.saturating_sub(before) as f64;
        report.figure("database of a resource", grown / resources as f64, "bytes");
        report.figure("database of a byte of JSON", grown / bytes as f64, "bytes");
    }
    Ok(())
}

/// NDJSON files with all of the patients: how many resources, and bytes of JSON.
fn write_files(all: &Population, folder: &Path) -> std::io::Result<(u64, u64)> {
    std::fs::create_dir_all(folder)?;
    let (mut resources, mut bytes) = (0, 0);
    let mut write = |name: String, lines: &mut dyn Iterator<Item = Value>| -> std::io::Result<()> {
        let mut file = BufWriter::new(std::fs::File::create(folder.join(name))?);
        for line in lines {
            let line = line.to_string();
            resources += 1;
            bytes += line.len() as u64;
            writeln!(file, "{line}")?;
        }
        file.flush()
    };
    write("0.ndjson".into(), &mut resource::shared(all.size))?;
    for first in (0..all.size).step_by(FILE as usize) {
        let some = first..(first + FILE).min(all.size);
        write(format!("patients-{first:08}.ndjson"), &mut some.flat_map(|of| resource::all(Patient(of))))?;
    }
    Ok((resources, bytes))
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("comfrey-load-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
