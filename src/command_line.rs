//! What may stand on the command line, and one line in our words for what may not. <https://docs.rs/clap>

use std::error::Error as _;
use std::path::PathBuf;

use clap::ArgMatches;
use clap::CommandFactory;
use clap::FromArgMatches;
use clap::Parser;
use clap::Subcommand;
use clap::error::ContextKind;
use clap::error::ContextValue;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use comfrey::config::Auth;
use comfrey::config::Config;

/// What the name of a demo's folder begins with.
pub const DEMO_FOLDER: &str = "comfrey-demo-";

#[derive(Parser)]
#[command(
    name = "comfrey",
    version,
    about = "An HL7 FHIR R4 service for palliative care",
    after_help = "Every setting is also an environment variable; a flag wins over it.\n\
                        Exit codes: 0 done, 1 the work failed, 2 the command line or a setting was wrong."
)]
pub struct CommandLine {
    /// What to do; serving where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The settings.
    #[command(flatten)]
    pub settings: Config,
}

#[derive(Subcommand)]
pub enum Command {
    /// Serves FHIR over HTTP (what `comfrey` alone does); migrates the database first
    Serve,
    /// Serves sample patients from a fresh database in a temporary folder, without access control
    Demo,
    /// Loads FHIR Bundles (.json, .json.gz) and NDJSON (.ndjson, .ndjson.gz); running it again adds nothing twice
    Import {
        /// Files, or folders of them
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Runs the database migrations that are pending and says which
    Migrate,
    /// Makes the search index what the stored resources and today's definitions give, while others read and write
    Reindex {
        /// Go on after the resource with this number, where an earlier run stopped
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        after: i64,
    },
    /// Verifies without changing anything that each resource is valid, its index rows are right and its history has no gaps; prints what differs
    Check,
    /// Asks the server that runs here with these settings whether it can serve; ends with 1 if not
    Health,
    /// Prints a signed token for local development; needs COMFREY_AUTH=dev
    Token(TokenArguments),
    /// Prints the OpenAPI document that the server serves
    Openapi,
}

#[derive(clap::Args)]
pub struct TokenArguments {
    /// What the token grants, such as "patient/*.rs" or "user/*.cruds"; several separated by spaces
    #[arg(long)]
    pub scope: String,
    /// The patient in the launch context: required by patient/ scopes
    #[arg(long, value_name = "ID")]
    pub patient: Option<String>,
    /// Whose token it is
    #[arg(long, default_value = "developer")]
    pub subject: String,
    /// How long it is good for
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub minutes: u32,
    /// A local role, such as program-director; may be given several times
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// The user as a FHIR resource, such as Practitioner/7
    #[arg(long, value_name = "REFERENCE")]
    pub fhir_user: Option<String>,
}

/// Why a command did not do its work: one line, and the exit code that goes with it.
pub enum Refusal {
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

/// The command line with the environment, or why it is wrong. Help and version print themselves and end here.
///
/// # Errors
/// Which word or variable is wrong, and what to do.
pub fn read() -> Result<CommandLine, Refusal> {
    let command = CommandLine::command();
    refuse_unknown_settings(&command, std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
    let matches = command.clone().try_get_matches().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
        _ => Refusal::Wrong(wording(&error, &command)),
    })?;
    let line = CommandLine::from_arg_matches(&matches);
    let mut line = line.map_err(|error| Refusal::Wrong(wording(&error, &command)))?;
    if matches!(line.command, Some(Command::Demo)) {
        for_demo(&mut line.settings, &matches);
    }
    Ok(line)
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

/// What `demo` does where nothing else is asked: no access control, and a database that is gone afterwards.
fn for_demo(settings: &mut Config, matches: &ArgMatches) {
    let is_default = |name: &str| matches.value_source(name) == Some(ValueSource::DefaultValue);
    if is_default("auth") {
        settings.auth = Auth::Off;
    }
    if is_default("log") {
        settings.log = "warn".into();
    }
    if is_default("database_url") {
        let folder = std::env::temp_dir().join(format!("{DEMO_FOLDER}{}", std::process::id()));
        settings.database_url = format!("sqlite:{}", folder.join("comfrey.db").display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> String {
        // tests must not depend on the environment that they run in
        let command = CommandLine::command();
        let known = command.clone().mut_args(|arg| arg.env(None::<&str>));
        let line = std::iter::once("comfrey").chain(arguments.iter().copied());
        wording(&known.try_get_matches_from(line).expect_err("it is wrong"), &command)
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn what_is_wrong_is_named_with_its_variable_and_never_with_its_value() {
        for (arguments, words) in [
            (&["--max-body", "big"][..], "--max-body (COMFREY_MAX_BODY): use a number"),
            (&["--auth", "none"], "--auth (COMFREY_AUTH): use one of required, dev, off"),
            (&["--trust-proxy=x"], "--trust-proxy (COMFREY_TRUST_PROXY): use 1 or 0"),
            (&["--listen"], "--listen (COMFREY_LISTEN) needs a value"),
            (
                &["--database-url", "mysql://u:secret@h"],
                "--database-url (COMFREY_DATABASE_URL): use sqlite:PATH",
            ),
            (&["serve", "--workers", "none"], "--workers (COMFREY_WORKERS):"),
            (&["token"], "--scope"),
            (&["import"], "PATH"),
            (&["frobnicate"], "comfrey --help"),
        ] {
            let line = refused(arguments);
            assert!(line.contains(words), "{line}");
            assert!(!line.contains("secret"), "{line}");
        }
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let command = CommandLine::command();
        let check = |name: &str| refuse_unknown_settings(&command, [name.to_owned()].into_iter());
        for known in ["COMFREY_LISTEN", "COMFREY_TEST_DATABASE_URL", "PATH"] {
            assert!(check(known).is_ok(), "{known}");
        }
        assert!(
            matches!(check("COMFREY_LISTN"), Err(Refusal::Wrong(line)) if line.contains("COMFREY_LISTN"))
        );
    }
}
