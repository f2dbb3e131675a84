//! What the service consists of while it runs, and one caller's unit of work in it.
//! <https://hl7.org/fhir/R4/http.html>
//!
//! All reading and writing of interactions and operations goes through [`Session`], so that access, validation,
//! versions and index rows cannot be forgotten. A write is prepared without any lock and then committed in one
//! transaction: `prepare` and `commit` are its two halves.

pub mod answer;
pub mod audit;
pub mod change;
pub mod clock;
pub mod emergency;
pub mod findings;
pub mod held_job;
pub mod history;
pub mod identify;
pub mod job;
pub mod measured;
pub mod meta;
pub mod payment;
pub mod programme;
pub mod screening;
pub mod session;
pub mod subset;
pub mod upkeep;
pub mod whole;

mod aim;
mod allowance;
mod attribution;
mod charts;
mod commit;
mod content;
mod decided;
mod deeds;
mod defined;
mod each;
mod edition;
mod elsewhere;
mod explain;
mod extent;
mod find;
mod gathered;
mod guard;
mod included;
mod listed;
mod once;
mod one_episode;
mod one_state;
mod overlap;
mod own_identifiers;
mod own_record;
mod parameters;
mod patched;
mod persons;
mod pieces;
mod plan_slot;
mod prepare;
mod profiles;
mod programme_named;
mod programme_needs;
mod published;
mod reads;
mod record;
mod recorded;
mod relative;
mod resolve;
mod resolved;
mod rule_document;
mod rule_sets;
mod taken_back;
mod tally;
mod terminology;
mod touched;
mod turns;
mod unheard;
mod unpaid;
mod voided;
mod withdrawn;
mod write;

use std::sync::Arc;

pub use answer::Answer;
pub use answer::Body;
pub use answer::Later;
pub use change::Change;
pub use change::ChangeAction;
pub use change::Demand;
pub use change::Origin;
pub use change::Target;
pub use change::WriteOutcome;
pub use change::Written;
pub use clock::Clock;
pub use explain::Explained;
pub use find::Found;
pub use held_job::HeldJob;
pub use held_job::PutBack;
pub use history::HistoryFound;
pub use history::HistoryFrom;
pub use history::HistoryOf;
pub use history::HistoryPage;
pub use history::HistoryWay;
pub use included::MOST_HOPS;
pub use included::MOST_INCLUDED;
pub use once::Once;
pub use parameters::ParameterSet;
pub use reads::Fetched;
pub use recorded::Known;
pub use resolve::awaits_another;
pub(crate) use session::LARGEST_PAGE;
pub use session::Session;

pub use crate::config::ConditionalDelete;
pub use crate::store::Method;
pub use crate::store::PaidMonth;
pub use crate::store::PaymentRun;
pub use crate::store::Purpose;
pub use crate::store::Statement;
pub use crate::store::Step;
pub use crate::store::Stored;

use crate::access::Keys;
use crate::config::Config;
use crate::definitions::Definitions;
use crate::fhir::Failure;
use crate::fhir::datetime::DAY;
use crate::palliative::care_plan::template::Templates;
use crate::palliative::gaps::assessments::Assessments;
use crate::palliative::measures::kinds::CareKinds;
use crate::palliative::risk::Algorithms;
use crate::palliative::screening::Codes;
use crate::palliative::screening::RuleSets;
use crate::palliative::screening::restricted;
use crate::search::Parameters;
use crate::search::rules;
use crate::store::Db;
use crate::store::precedence::give_way;
use crate::store::tables;

/// The running service: settings, database, definitions, clock, keys.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database; interactions and operations reach it through [`Session`] only.
    pub(crate) db: Db,
    /// R4's definitions and ours.
    pub definitions: Arc<Definitions>,
    /// The search parameters that come with the program; [`App::parameter_set`] has all.
    pub parameters: Arc<Parameters>,
    /// All search parameters in use.
    pub(crate) current: parameters::Current,
    /// The small writes that wait for one another.
    pub(crate) gathered: gathered::Gathered,
    /// The reads by id that wait for one another.
    reads: reads::Reads,
    /// The turns of large writes.
    turns: turns::Turns,
    /// What kept findings rest on.
    pub(crate) findings: findings::rules::Cache,
    /// What programmes name, as it was read last.
    pub(crate) named: programme_named::Cache,
    /// The rule sets that screen patients.
    pub rule_sets: Arc<RuleSets>,
    /// The codes of what is kept from the patient.
    pub(crate) restricted: Arc<Codes>,
    /// The algorithms that stratify patients by need.
    pub risk: Arc<Algorithms>,
    /// Which observations are which assessment.
    pub assessments: Arc<Assessments>,
    /// How measures tell kinds of care apart.
    pub care_kinds: Arc<CareKinds>,
    /// The templates of care plans.
    pub care_plans: Arc<Templates>,
    /// The time.
    pub clock: Clock,
    /// The key that seals page cursors; the same for all instances on one database.
    pub cursor_key: [u8; 32],
    /// The keys that tokens are verified with.
    pub keys: Keys,
}

impl App {
    /// Opens the database, migrates it, loads the definitions, makes secrets, and stores our definitions
    /// and the default programmes where they are not there yet.
    ///
    /// # Errors
    /// One line for the operator that says what to do.
    pub fn open(config: Config, clock: Clock) -> Result<Arc<Self>, String> {
        let definitions = Definitions::shared()?;
        let parameters = Arc::new(own_parameters(&config, &definitions)?);
        let rule_sets = RuleSets::compile(&definitions)?;
        let restricted = restricted(&definitions).ok_or("The value set vs-restricted cannot be used.")?;
        let risk = Arc::new(Algorithms::compile(&definitions)?);
        let assessments = Arc::new(Assessments::compile(&definitions.value_sets)?);
        let care_kinds = Arc::new(CareKinds::compile(&definitions.value_sets, &definitions.code_systems)?);
        let care_plans = Arc::new(Templates::compile(&definitions)?);
        let keys = Keys::open(&config)?;
        let db = Db::open_within(&config.database_url, config.pool(), config.longest_statement)?;
        let db = match &config.database_read_url {
            Some(url) => db.with_replica(url, config.pool())?,
            None => db,
        };
        let cursor_key = cursor_key(&db, clock.now(), rules(&parameters));
        let cursor_key = cursor_key.map_err(|failure| first_text(&failure))?;
        let current = parameters::Current::open(&db, &definitions, &parameters)
            .map_err(|failure| first_text(&failure))?;
        findings::rules::begin(&db, &definitions).map_err(|failure| first_text(&failure))?;
        let rule_sets = rule_sets::beside_theirs(rule_sets, &db, &definitions);
        let rule_sets = Arc::new(rule_sets.map_err(|failure| first_text(&failure))?);
        let app = Arc::new(Self {
            config,
            db,
            definitions,
            parameters,
            current,
            gathered: gathered::Gathered::default(),
            reads: reads::Reads::default(),
            turns: turns::Turns::default(),
            findings: findings::rules::Cache::default(),
            named: programme_named::Cache::default(),
            rule_sets,
            restricted: Arc::new(restricted),
            risk,
            assessments,
            care_kinds,
            care_plans,
            clock,
            cursor_key,
            keys,
        });
        app.store_definitions()
            .map_err(|failure| format!("The definitions cannot be stored: {}", first_text(&failure)))?;
        app.store_programmes()
            .map_err(|failure| format!("The default programme cannot be stored: {}", first_text(&failure)))?;
        Ok(app)
    }

    /// Whether the database is part of this process (SQLite), so that short reads need no other thread.
    pub fn is_embedded(&self) -> bool {
        self.db.is_embedded()
    }

    /// Has those who read go before those who write, where both are in this process.
    pub fn put_reads_first(&self) {
        self.db.put_reads_first();
    }

    /// Has this thread, which is to prepare a write, go after those that read, where the database is in this process.
    pub fn give_way(&self) {
        if self.config.is_embedded() {
            give_way();
        }
    }

    /// Whether the database answers now.
    ///
    /// # Errors
    /// `Unavailable` where it does not.
    pub fn ping(&self) -> Result<(), Failure> {
        self.db.ping()
    }

    /// Whether what is read now may never come to be, because it is read within a write: nothing of it is to be kept in
    /// memory.
    pub fn is_provisional(&self) -> bool {
        crate::store::lent::is_lent()
    }
}

/// The search parameters that the settings leave.
fn own_parameters(config: &Config, definitions: &Definitions) -> Result<Parameters, String> {
    let all = Parameters::compile(definitions)?;
    Ok(if config.full_text { all } else { all.without_words() })
}

/// The key of page cursors, made by the first instance; and a moment to forget old conditions and to begin the index.
fn cursor_key(db: &Db, now: i64, rules: i64) -> Result<[u8; 32], Failure> {
    let mut fresh = vec![0; 32];
    aws_lc_rs::rand::fill(&mut fresh).map_err(|_| Failure::internal("the system gives no random numbers"))?;
    let key = db
        .write(move |conn| {
            tables::forget_conditions(conn, now - DAY)?;
            tables::begin_index(conn, rules)?;
            Ok(tables::secret(conn, "cursor", fresh.clone())?)
        })
        .map_err(crate::store::Fault::into_failure)?;
    key.try_into().map_err(|_| Failure::internal("the cursor key in the database has not 32 bytes"))
}

fn first_text(failure: &Failure) -> String {
    failure.issues.first().map_or_else(String::new, |issue| match &issue.expression {
        Some(at) => format!("{at}: {}", issue.text),
        None => issue.text.clone(),
    })
}

#[cfg(test)]
mod tests;
