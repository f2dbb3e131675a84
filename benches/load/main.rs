//! The load benchmark: what a FHIR server does in a second, and what it takes for it. `benches/README.md` says what
//! is measured and how to run it.
//!
//! ```text
//! cargo bench --bench load -- --comfrey target/release/comfrey
//! cargo bench --bench load -- http://127.0.0.1:8080/fhir
//! ```

#![expect(clippy::print_stdout, reason = "the figures are its output")]

mod connection;
mod measure;
mod patient;
mod population;
mod process;
mod reference;
mod report;
mod resource;
mod search;
mod stage;
mod work;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Parser;
use serde_json::json;

use crate::connection::Connection;
use crate::connection::Target;
use crate::measure::Load;
use crate::measure::Work;
use crate::measure::measure;
use crate::population::Population;
use crate::process::Server;
use crate::process::Watched;
use crate::process::be_elsewhere;
use crate::report::REFERENCE;
use crate::report::Report;
use crate::stage::Stage;
use crate::work::BUNDLE;
use crate::work::Further;

/// How many clients send transactions at once where it is more than one.
const IMPORTERS: usize = 8;

#[derive(Parser)]
#[command(about = "Measures a FHIR server with generated patients, and checks its answers")]
struct Settings {
    /// The base URL of a running server, over plain HTTP; the patients are sent to it in transactions
    #[arg(required_unless_present_any = ["comfrey", "serve_reference"])]
    url: Option<String>,
    /// The program to start instead; the patients are loaded with its `import`
    #[arg(long, conflicts_with = "url")]
    comfrey: Option<PathBuf>,
    /// The database of that program; a new SQLite file where none is named
    #[arg(long, requires = "comfrey")]
    database: Option<String>,
    /// What the database takes on the disk: a file or folder
    #[arg(long)]
    disk: Option<PathBuf>,
    /// Further processes whose processor time counts, such as PostgreSQL's first; for a URL, the server's first
    #[arg(long, value_delimiter = ',')]
    pid: Vec<u32>,
    /// A bearer token, where the server asks for one
    #[arg(long, default_value = "")]
    token: String,
    /// How many patients, of 60 resources each
    #[arg(long, default_value_t = 1_000)]
    patients: u64,
    /// The patients are there already
    #[arg(long)]
    loaded: bool,
    /// Connections that send at once
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// How long each kind of work is measured
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Only work whose name holds one of these
    #[arg(long, value_delimiter = ',')]
    work: Vec<String>,
    /// Writes the figures to this file too
    #[arg(long)]
    json: Option<PathBuf>,
    /// Compares with the figures of an earlier run, of another size for instance
    #[arg(long)]
    against: Option<PathBuf>,
    /// Serves the reference's file: how this program starts itself
    #[arg(long, hide = true, num_args = 2, value_names = ["FILE", "PORT"])]
    serve_reference: Vec<String>,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let settings = Settings::parse();
    match run(&settings) {
        Ok(true) => {}
        Ok(false) => {
            eprintln!("load: some requests failed or were answered wrongly");
            std::process::exit(1);
        }
        Err(wrong) => {
            eprintln!("load: {wrong}");
            std::process::exit(2);
        }
    }
}

/// Measures; whether all was answered rightly.
fn run(settings: &Settings) -> Result<bool, String> {
    if let [file, port] = settings.serve_reference.as_slice() {
        let port = port.parse().map_err(|_| format!("{port} is no port"))?;
        return reference::serve(file.as_ref(), port).map(|()| true);
    }
    let mut report = Report::against(settings.against.as_deref())?;
    let population = Population::count(settings.patients.max(1));
    let stage = Stage::set(settings, &population, &mut report)?;
    let mut bench = Bench { settings, population, stage, further: Further::new(), report };
    bench.reference()?;
    bench.reads()?;
    bench.writes()?;
    bench.figures();
    let right = bench.report.end();
    if let Some(file) = &settings.json {
        let about = json!({ "patients": settings.patients, "connections": settings.connections,
            "seconds": settings.seconds, "target": settings.url });
        let text = format!("{:#}\n", bench.report.json(about));
        std::fs::write(file, text).map_err(|cause| format!("{}: {cause}", file.display()))?;
    }
    Ok(right)
}

/// A run.
struct Bench<'a> {
    settings: &'a Settings,
    population: Population,
    stage: Stage,
    further: Further,
    report: Report,
}

impl Bench<'_> {
    fn load(&self, connections: usize) -> Load {
        Load { connections, time: Duration::from_secs_f64(self.settings.seconds) }
    }

    fn wanted(&self, name: &str) -> bool {
        let words = &self.settings.work;
        words.is_empty() || words.iter().any(|word| name.contains(word.as_str()))
    }

    /// What the machine can do at best.
    fn reference(&mut self) -> Result<(), String> {
        let file = self.stage.folder().join("reference.db");
        reference::fill(&file, work::goals(&self.population))?;
        let (port, program) =
            (process::free_port()?, std::env::current_exe().map_err(|cause| cause.to_string())?);
        let arguments = ["--serve-reference", &file.to_string_lossy(), &port.to_string()];
        let server = Server::start(&program, &arguments, &[])?;
        let target = Target::parse(&format!("http://127.0.0.1:{port}/fhir"), "")?;
        process::wait_for(|| Connection::open(&target).is_ok())?;
        let work = work::read(&self.population, REFERENCE);
        let seen = measure(&target, &Watched(vec![server.id()]), &work, self.load(self.settings.connections));
        self.report.row(REFERENCE, seen);
        Ok(())
    }

    fn reads(&mut self) -> Result<(), String> {
        let population = &self.population;
        let mut all: Vec<Work> = vec![work::read(population, "read")];
        all.extend(work::searches(population));
        all.push(work::everything(population));
        for walk in search::walks().iter().filter(|walk| self.wanted(walk.name)) {
            all.extend(work::pages(&self.stage.target, walk)?);
        }
        let load = self.load(self.settings.connections);
        let (words, named) =
            (&self.settings.work, |work: &Work, word: &String| work.name.contains(word.as_str()));
        all.retain(|work| words.is_empty() || words.iter().any(|word| named(work, word)));
        for work in all {
            let seen = measure(&self.stage.target, &self.stage.watched, &work, load);
            self.report.row(&work.name, seen);
        }
        Ok(())
    }

    fn writes(&mut self) -> Result<(), String> {
        self.stage.store((0..100).map(|n| resource::all(self.further.patient(n)).take(1)))?;
        let clients = self.settings.connections;
        let one = [
            (1, work::create(self.further, "create, 1 client")),
            (clients, work::create(self.further, "create")),
            (clients, work::update(self.further)),
        ];
        for (clients, work) in one {
            if self.wanted(&work.name) {
                let seen = measure(&self.stage.target, &self.stage.watched, &work, self.load(clients));
                self.report.row(&work.name, seen);
            }
        }
        let mut from = 1_000;
        for (clients, name) in [(1, "transaction, 1 client"), (IMPORTERS, "transaction, 8 clients")] {
            let work = work::bundle(self.further, from, name);
            if self.wanted(name) {
                let seen = measure(&self.stage.target, &self.stage.watched, &work, self.load(clients));
                from += 100 + seen.micros.len() as u64;
                self.report.figure(name, seen.rate() * BUNDLE as f64, "resources/s");
                self.report.row(name, seen);
            }
        }
        self.reads_while_importing(from);
        Ok(())
    }

    /// Reads while other clients store patients as fast as they can.
    fn reads_while_importing(&mut self, from: u64) {
        const NAME: &str = "read while 8 clients import";
        if !self.wanted(NAME) {
            return;
        }
        let (stop, next) = (AtomicBool::new(false), AtomicU64::new(from));
        let (target, load) = (&self.stage.target, self.load(self.settings.connections));
        let seen = std::thread::scope(|threads| {
            for _ in 0..IMPORTERS {
                threads.spawn(|| {
                    be_elsewhere();
                    let mut connection = Connection::open(target).ok();
                    while let (false, Some(open)) = (stop.load(Ordering::Relaxed), &mut connection) {
                        let of = self.further.patient(next.fetch_add(1, Ordering::Relaxed));
                        let sent = open.send("POST", "", work::patient_bundle(of).to_string().as_bytes());
                        if sent.is_err() {
                            connection = None;
                        }
                    }
                });
            }
            let seen = measure(target, &self.stage.watched, &work::read(&self.population, NAME), load);
            stop.store(true, Ordering::Relaxed);
            seen
        });
        let imported = (next.into_inner() - from) * BUNDLE;
        self.report.figure("imported meanwhile", imported as f64 / self.settings.seconds, "resources/s");
        if let Some(alone) = self.report.seen("read") {
            let ratio = seen.within(0.99) / alone.within(0.99);
            self.report.figure("p99 of reads during an import", ratio, "times that without");
        }
        self.report.row(NAME, seen);
    }

    fn figures(&mut self) {
        for (name, bytes) in ["memory of its own at the end", "mapped files in memory"]
            .into_iter()
            .zip(self.stage.watched.memory().into_iter().flatten())
        {
            self.report.figure(name, bytes as f64 / 1048576.0, "MiB");
        }
    }
}
