//! The command line: `comfrey serve`, `demo`, `import`, `migrate`, `reindex`, `check`, `health`,
//! `token`, `openapi`. <https://docs.rs/clap>
//!
//! Exit codes: 0 done, 1 the work failed, 2 the command line or a setting was wrong. Either failure is one line that
//! says what to do.

mod command_line;
mod maintenance;

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use comfrey::access::Keys;
use comfrey::access::TokenRequest;
use comfrey::access::scope;
use comfrey::app::App;
use comfrey::app::Clock;
use comfrey::config::Auth;
use comfrey::config::Config;
use comfrey::definitions::Definitions;
use comfrey::http;
use comfrey::http::observe::request_id;
use comfrey::import::population;
use comfrey::import::samples;
use comfrey::jobs;

use command_line::Command;
use command_line::CommandLine;
use command_line::DEMO_FOLDER;
use command_line::Refusal;
use command_line::TokenArguments;

fn main() -> ExitCode {
    match command_line::read().and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            let (line, code) = match refusal {
                Refusal::Wrong(line) => (line, 2),
                Refusal::Failed(line) => (line, 1),
            };
            eprintln!("comfrey: {}", one_line(&line));
            ExitCode::from(code)
        }
    }
}

fn run(line: CommandLine) -> Result<(), Refusal> {
    let settings = line.settings;
    match line.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(settings),
        Command::Demo => demo(settings),
        Command::Import { paths } => import(settings, &paths),
        Command::Migrate => migrate(&settings),
        Command::Reindex { after } => {
            settings.check_database().map_err(Refusal::Wrong)?;
            start_log(&settings);
            maintenance::reindex(settings, after)
        }
        Command::Check => {
            start_log(&settings);
            maintenance::check(&settings)
        }
        Command::Health => http::health::ask(&settings).map_err(Refusal::Failed),
        Command::Token(arguments) => token(&settings, arguments),
        Command::Openapi => print(&http::openapi::text(&Definitions::load()?)?),
    }
}

fn serve(settings: Config) -> Result<(), Refusal> {
    check(&settings)?;
    start_log(&settings);
    let listener = listen(&settings)?;
    if settings.auth == Auth::Off {
        log::warn!("access control is off: whoever uses this machine sees everything");
    }
    let app = App::open(settings, Clock::system())?;
    serve_on(app, listener)
}

fn check(settings: &Config) -> Result<(), Refusal> {
    settings.check().map_err(Refusal::Wrong)?;
    http::tls::config(settings).map(drop).map_err(|error| Refusal::Wrong(error.to_string()))
}

fn listen(settings: &Config) -> Result<TcpListener, Refusal> {
    let address = settings.listen;
    TcpListener::bind(address).map_err(|error| {
        Refusal::Failed(format!("{address} cannot be listened on ({error}): free it or set COMFREY_LISTEN."))
    })
}

fn demo(settings: Config) -> Result<(), Refusal> {
    check(&settings)?;
    start_log(&settings);
    let listener = listen(&settings)?;
    let folder = settings.database_file().and_then(Path::parent).filter(|folder| is_demo_folder(folder));
    let folder = folder.map(Path::to_path_buf);
    if let Some(folder) = &folder {
        let made = std::fs::DirBuilder::new().mode(0o700).create(folder);
        made.map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    }
    let shown = demo_on(settings, listener);
    if let Some(folder) = folder {
        std::fs::remove_dir_all(folder).map_err(|error| error.to_string())?;
    }
    shown
}

fn demo_on(settings: Config, listener: TcpListener) -> Result<(), Refusal> {
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let scheme = if settings.tls_cert.is_some() { "https" } else { "http" };
    let app = App::open(settings, Clock::system())?;
    for report in [samples::load(&app)?, population::load(&app)?] {
        if !report.is_clean() {
            return Err(Refusal::Failed(report.to_string()));
        }
    }
    app.analyze();
    let today = samples::programme_day(&app)?;
    print(&samples::welcome(&format!("{scheme}://{address}"), today)?)?;
    serve_on(app, listener)
}

fn is_demo_folder(folder: &Path) -> bool {
    let name = folder.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    name.starts_with(DEMO_FOLDER) && folder.starts_with(std::env::temp_dir())
}

fn import(settings: Config, paths: &[PathBuf]) -> Result<(), Refusal> {
    settings.check_database().map_err(Refusal::Wrong)?;
    start_log(&settings);
    // What refers to others by a fullUrl shows only once it is resolved that it is there already.
    let app = App::open(Config { skip_unchanged: true, ..settings }, Clock::system())?;
    let report = comfrey::import::run(&app, paths)?;
    print(&report.to_string())?;
    if report.is_clean() {
        return Ok(());
    }
    let line =
        "Some of it was refused, as listed: mend it and run this again; what is there is not added twice.";
    Err(Refusal::Failed(line.into()))
}

fn serve_on(app: Arc<App>, listener: TcpListener) -> Result<(), Refusal> {
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let scheme = if app.config.tls_cert.is_some() { "https" } else { "http" };
    let _working = jobs::start(&app)?;
    let serving = async move {
        let server = http::serve(app, listener)?;
        log::info!("serving on {scheme}://{address}/fhir");
        server.await
    };
    actix_web::rt::System::new().block_on(serving).map_err(|error| Refusal::Failed(error.to_string()))
}

fn migrate(settings: &Config) -> Result<(), Refusal> {
    let ran = comfrey::store::Db::migrate(&settings.database_url)?;
    for name in &ran {
        print(&format!("ran {name}"))?;
    }
    if ran.is_empty() { print("nothing to run: the database is up to date") } else { Ok(()) }
}

fn token(settings: &Config, arguments: TokenArguments) -> Result<(), Refusal> {
    if settings.auth != Auth::Dev {
        let line = "Tokens are made for development only: set COMFREY_AUTH=dev, here and for the server.";
        return Err(Refusal::Wrong(line.into()));
    }
    let words: Vec<&str> = arguments.scope.split_whitespace().collect();
    let other = ["openid", "fhirUser", "launch", "launch/patient", "offline_access"];
    if let Some(unknown) = words.iter().find(|word| scope::parse(word).is_none() && !other.contains(word)) {
        let line = format!("`{unknown}` is not a scope that grants anything: use one like patient/*.rs.");
        return Err(Refusal::Wrong(line));
    }
    if arguments.patient.is_none() && words.iter().any(|word| word.starts_with("patient/")) {
        return Err(Refusal::Wrong("patient/ scopes need a patient: give --patient ID.".into()));
    }
    let request = TokenRequest {
        scope: arguments.scope,
        patient: arguments.patient,
        subject: arguments.subject,
        minutes: arguments.minutes,
        roles: arguments.roles,
        fhir_user: arguments.fhir_user,
    };
    let keys = Keys::open(settings)?;
    print(&keys.issue(&request, Clock::system().now()).map_err(Refusal::Wrong)?)
}

fn print(line: &str) -> Result<(), Refusal> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| Refusal::Failed(error.to_string()))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Logs to standard error, one line a record: time, level, place, message, request id, then `name=value`.
fn start_log(settings: &Config) {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(&settings.log).format(|out, record| {
        let message = record.args().to_string().replace(char::is_control, " ");
        let time = out.timestamp_millis();
        write!(out, "{time} {:5} {} {message}", record.level(), record.target())?;
        if let Some(id) = request_id() {
            write!(out, " request_id={id}")?;
        }
        let mut pairs = Pairs(String::new());
        if record.key_values().visit(&mut pairs).is_err() {
            pairs.0.push_str(" (a value could not be written)");
        }
        writeln!(out, "{}", pairs.0)
    });
    let logger = Quiet(builder.build());
    log::set_max_level(logger.0.filter());
    if log::set_boxed_logger(Box::new(logger)).is_err() {
        eprintln!("comfrey: the log was started already");
    }
    std::panic::set_hook(Box::new(|panic| {
        // not its message: that may hold data
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log::error!("panic at {place}");
    }));
}

/// Keeps the libraries from telling more than `info`: what they trace are headers and bodies.
struct Quiet(env_logger::Logger);

impl log::Log for Quiet {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        let ours = metadata.target().split("::").next() == Some("comfrey");
        (ours || metadata.level() <= log::Level::Info) && self.0.enabled(metadata)
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.log(record);
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// ` name=value` for each pair that is not empty.
struct Pairs(String);

impl<'kvs> log::kv::VisitSource<'kvs> for Pairs {
    fn visit_pair(
        &mut self,
        key: log::kv::Key<'kvs>,
        value: log::kv::Value<'kvs>,
    ) -> Result<(), log::kv::Error> {
        let value = value.to_string().replace(|c: char| c.is_control() || c.is_whitespace(), "_");
        if !value.is_empty() {
            self.0.push_str(&format!(" {key}={value}"));
        }
        Ok(())
    }
}
