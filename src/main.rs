//! The command line: `comfrey serve`, `migrate`, `token`. <https://docs.rs/clap>
//!
//! Exit codes: 0 done, 1 the work failed, 2 the command line or a setting was wrong. Either failure is one line that
//! says what to do.

use std::error::Error as _;
use std::io::Write;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;

use clap::CommandFactory;
use clap::FromArgMatches;
use clap::Parser;
use clap::Subcommand;
use clap::error::ContextKind;
use clap::error::ContextValue;
use clap::error::ErrorKind;
use comfrey::access::Keys;
use comfrey::access::TokenRequest;
use comfrey::access::scope;
use comfrey::app::App;
use comfrey::app::Clock;
use comfrey::config::Auth;
use comfrey::config::Config;
use comfrey::http;
use comfrey::http::observe::request_id;

#[derive(Parser)]
#[command(
    name = "comfrey",
    version,
    about = "An HL7 FHIR R4 service for palliative care",
    after_help = "Every setting is also an environment variable; a flag wins over it.\n\
                        Exit codes: 0 done, 1 the work failed, 2 the command line or a setting was wrong."
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Config,
}

#[derive(Subcommand)]
enum Command {
    /// Serves FHIR over HTTP (what `comfrey` alone does); migrates the database first
    Serve,
    /// Runs the database migrations that are pending and says which
    Migrate,
    /// Prints a signed token for local development; needs COMFREY_AUTH=dev
    Token(TokenArguments),
}

#[derive(clap::Args)]
struct TokenArguments {
    /// What the token grants, such as "patient/*.rs" or "user/*.cruds"; several separated by spaces
    #[arg(long)]
    scope: String,
    /// The patient in the launch context: required by patient/ scopes
    #[arg(long, value_name = "ID")]
    patient: Option<String>,
    /// Whose token it is
    #[arg(long, default_value = "developer")]
    subject: String,
    /// How long it is good for
    #[arg(long, value_name = "N", default_value_t = 60)]
    minutes: u32,
    /// A local role, such as program-director; may be given several times
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The user as a FHIR resource, such as Practitioner/7
    #[arg(long, value_name = "REFERENCE")]
    fhir_user: Option<String>,
}

/// Why a command did not do its work: one line, and the exit code that goes with it.
enum Refusal {
    /// The command line or a setting was wrong.
    Wrong(String),
    /// The work failed.
    Failed(String),
}

impl From<String> for Refusal {
    fn from(line: String) -> Self {
        Self::Failed(line)
    }
}

fn main() -> ExitCode {
    match command_line().and_then(|line| run(line.command.unwrap_or(Command::Serve), line.settings)) {
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

fn run(command: Command, settings: Config) -> Result<(), Refusal> {
    match command {
        Command::Serve => serve(settings),
        Command::Migrate => migrate(&settings),
        Command::Token(arguments) => token(&settings, arguments),
    }
}

fn serve(settings: Config) -> Result<(), Refusal> {
    settings.check().map_err(Refusal::Wrong)?;
    start_log(&settings);
    let address = settings.listen;
    let listener = TcpListener::bind(address).map_err(|error| {
        format!("{address} cannot be listened on ({error}): free it or set COMFREY_LISTEN.")
    })?;
    if settings.auth == Auth::Off {
        log::warn!("access control is off: whoever uses this machine sees everything");
    }
    let app = App::open(settings, Clock::system())?;
    serve_on(app, listener)
}

fn serve_on(app: Arc<App>, listener: TcpListener) -> Result<(), Refusal> {
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let scheme = if app.config.tls_cert.is_some() { "https" } else { "http" };
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

/// The command line with the environment, or why it is wrong. Help and version print themselves and end here.
fn command_line() -> Result<CommandLine, Refusal> {
    let command = CommandLine::command();
    refuse_unknown_settings(&command, std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
    let matches = command.clone().try_get_matches().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
        _ => Refusal::Wrong(wording(&error, &command)),
    })?;
    CommandLine::from_arg_matches(&matches).map_err(|error| Refusal::Wrong(wording(&error, &command)))
}

fn refuse_unknown_settings(
    command: &clap::Command,
    names: impl Iterator<Item = String>,
) -> Result<(), Refusal> {
    let known: Vec<_> = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str()).collect();
    for name in names.filter(|name| name.starts_with("COMFREY_") && !name.starts_with("COMFREY_TEST_")) {
        if !known.contains(&name.as_str()) {
            let line = format!("{name} is not a setting: unset it; `comfrey --help` lists those there are.");
            return Err(Refusal::Wrong(line));
        }
    }
    Ok(())
}

/// A wrong command line in our words: the flag with its variable, and what to do. A value is not repeated, since
/// it may be a database's password.
fn wording(error: &clap::Error, command: &clap::Command) -> String {
    let arg = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(arg)) => arg.split([' ', '=', '[']).next().unwrap_or_default(),
        _ => "",
    };
    let found = command
        .get_arguments()
        .find(|known| known.get_long().is_some_and(|long| arg.strip_prefix("--") == Some(long)));
    let named = match found.and_then(|arg| arg.get_env()).and_then(|name| name.to_str()) {
        Some(variable) => format!("{arg} ({variable})"),
        None => arg.to_owned(),
    };
    match (error.kind(), error.source()) {
        (ErrorKind::ValueValidation, Some(source)) => format!("{named}: {source}"),
        (ErrorKind::InvalidValue, _) if found.is_some() => {
            let values = found.map(clap::Arg::get_possible_values).unwrap_or_default();
            let names: Vec<_> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
            if names.is_empty() {
                format!("{named} needs a value.")
            } else {
                format!("{named}: use one of {}", names.join(", "))
            }
        }
        _ => {
            let text = error.to_string();
            let text = text.split("\n\nUsage:").next().unwrap_or_default();
            let text = text.split("\n\nFor more").next().unwrap_or_default();
            format!("{}; see `comfrey --help`.", text.trim().trim_start_matches("error: "))
        }
    }
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
