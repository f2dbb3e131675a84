//! `comfrey check`: every resource parses and is valid, its index rows are those that its content gives, its history
//! has no gaps, nothing is left of resources that are not there, and the kept counts are right. Reads only, all of it
//! in one state of the database, a page at a time.
//!
//! What it says names resources and search parameters, never content.

use std::collections::BTreeSet;
use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::app::parameters;
use crate::app::upkeep::Expected;
use crate::app::upkeep::Step;
use crate::app::upkeep::count;
use crate::app::upkeep::differences::history_fault;
use crate::app::upkeep::differences::index_faults;
use crate::app::upkeep::is_tangled;
use crate::app::upkeep::second_plan::told;
use crate::app::upkeep::sentence;
use crate::config::Config;
use crate::definitions::Definitions;
use crate::fhir::datetime::instant;
use crate::fhir::shape;
use crate::palliative::not_for_patient::is_not_for_patient;
use crate::palliative::screening::Codes;
use crate::palliative::screening::restricted;
use crate::search::Parameters;
use crate::search::rows;
use crate::store::Conn;
use crate::store::Db;
use crate::store::EpisodeRow;
use crate::store::Fault;
use crate::store::Stored;
use crate::store::findings::counted;
use crate::store::live;
use crate::store::survey;
use crate::store::survey::Held;
use crate::store::survey::Page;
use crate::store::survey::Span;
use crate::store::survey::Versions;

/// What a check saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Resources, deleted ones included.
    pub resources: u64,
    /// Earlier versions.
    pub versions: u64,
    /// Rows of the search index.
    pub rows: u64,
    /// What was not as it should be.
    pub differences: u64,
}

/// Verifies the database that the settings name, without changing it; tells each difference as it is found.
///
/// # Errors
/// One line for the operator where the database cannot be read through.
pub fn check(config: &Config, tell: &mut dyn FnMut(Step<'_>)) -> Result<Checked, String> {
    let definitions = Definitions::shared()?;
    let own = crate::app::own_parameters(config, &definitions)?.into();
    let mut conn = Db::open_to_read(&config.database_url)?;
    let set = parameters::load(&mut conn, (&definitions, &own), i64::MAX);
    let set = set.map_err(|fault| sentence(&fault.into_failure()))?;
    let mut checker = Checker {
        definitions: &definitions,
        parameters: &set.parameters,
        zone: &config.time_zone,
        restricted: restricted(&definitions).ok_or("The value set vs-restricted cannot be used.")?,
        seen: Checked::default(),
        placeless: Vec::new(),
        tell,
    };
    checker.run(&mut conn).map_err(|fault| sentence(&fault.into_failure()))?;
    Ok(checker.seen)
}

struct Checker<'a> {
    definitions: &'a Definitions,
    parameters: &'a Parameters,
    zone: &'a TimeZone,
    /// The codes of what is kept from the patient.
    restricted: Codes,
    seen: Checked,
    /// The plans without a row, each by its id, with the episodes for which they hold.
    placeless: Vec<(String, String)>,
    tell: &'a mut dyn FnMut(Step<'_>),
}

/// What stands around a resource in the other tables.
struct Around {
    held: Held,
    episode: Option<EpisodeRow>,
    plan: Option<String>,
    versions: Option<Versions>,
    is_kept: bool,
}

impl Checker<'_> {
    fn run(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        let (ahead, _) = survey::extent(conn)?;
        (self.tell)(Step::Ahead(u64::try_from(ahead).unwrap_or(0)));
        let mut after = i64::MIN;
        while let Some(last) = survey::next(conn, after)? {
            let page = survey::page(conn, &Span::Between(after, last))?;
            let done = page.resources.len() as u64;
            self.page(page);
            (self.tell)(Step::Done(done, last));
            after = last;
        }
        let rest = survey::page(conn, &Span::Between(after, i64::MAX))?;
        self.page(rest);
        self.plans(conn)?;
        self.counts(conn)?;
        self.history(conn)
    }

    /// A plan whose episode has another, from before there could be but one, is told with that one.
    fn plans(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        for plan in std::mem::take(&mut self.placeless) {
            let text = told(conn, &plan)?;
            self.differs(&text);
        }
        Ok(())
    }

    fn counts(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        live::differences(conn)?.iter().for_each(|wrong| self.differs(&wrong.to_string()));
        let wrong = counted::differences(conn)?;
        if wrong > 0 {
            self.differs(&format!(
                "`finding_count` says {wrong} times that other numbers of people have an outcome than have it"
            ));
        }
        Ok(())
    }

    fn page(&mut self, mut page: Page) {
        let kept = std::mem::take(&mut page.not_for_patient);
        let Page { resources, mut held, mut episodes, mut plans, mut histories, strays, .. } = page;
        for rid in strays {
            self.differs(&format!(
                "the resource number {rid} has history under a type or version that it has not"
            ));
        }
        for stored in &resources {
            let around = Around {
                held: held.remove(&stored.rid).unwrap_or_default(),
                episode: episodes.remove(&stored.rid),
                plan: plans.remove(&stored.rid),
                versions: histories.remove(&stored.rid),
                is_kept: kept.contains(&stored.rid),
            };
            self.resource(stored, around);
        }
        self.nobody("search index rows", &held);
        self.nobody("an episode row", &episodes);
        self.nobody("a row as a care plan", &plans);
        self.nobody("a history", &histories);
    }

    /// What is left belongs to no resource.
    fn nobody<T>(&mut self, what: &str, left: &HashMap<i64, T>) {
        let rids: BTreeSet<&i64> = left.keys().collect();
        for rid in rids {
            self.differs(&format!("the resource number {rid} is not there, but has {what}"));
        }
    }

    fn resource(&mut self, stored: &Stored, around: Around) {
        self.seen.resources += 1;
        self.seen.rows += around.held.count as u64;
        if let Some(text) = history_fault(stored, around.versions) {
            self.differs_at(stored, text);
        }
        let value = match content(stored) {
            Ok(value) => value,
            Err(text) => return self.differs_at(stored, text),
        };
        if !stored.deleted
            && let Err(failure) = shape::check(&self.definitions.shapes, &value)
        {
            let errors = failure.issues.iter().filter(|issue| issue.severity == crate::fhir::Severity::Error);
            for issue in errors {
                let at = issue.expression.as_deref().unwrap_or("?");
                self.differs_at(stored, &format!("is not valid: {at} ({})", issue.code));
            }
        }
        self.kept(stored, &value, around.is_kept);
        match Expected::of(stored, value, (self.parameters, self.zone)) {
            Ok(expected) => self.tables(stored, &expected, &around),
            Err(_) => self.differs_at(stored, "is no resource"),
        }
    }

    /// What says what is kept from the patient has a mark by which it is.
    fn kept(&mut self, stored: &Stored, value: &Value, is_kept: bool) {
        if !is_kept && is_not_for_patient(stored.ty.name(), value, &self.restricted) {
            self.differs_at(stored, "is told to the patient, from whom it is to be kept");
        }
    }

    fn tables(&mut self, stored: &Stored, expected: &Expected, around: &Around) {
        for text in index_faults(&expected.rows, &around.held.rows, self.parameters) {
            self.differs_at(stored, &text);
        }
        if is_tangled(&around.held, stored) {
            let text = format!(
                "has {} index rows, of which {} are different ones of its type",
                around.held.count,
                count(&around.held.rows)
            );
            self.differs_at(stored, &text);
        }
        if expected.episode != around.episode {
            self.differs_at(stored, "has another row in `episode` than its content gives");
        }
        match (&expected.plan, &around.plan) {
            (Some(episode), None) => self.placeless.push((stored.id.clone(), episode.clone())),
            (expected, held) if expected != held => {
                self.differs_at(stored, "has another row in `care_plan` than its content gives");
            }
            _ => {}
        }
    }

    /// Earlier versions: whether each is whole, none is older than the one before it, and none is shown in the record
    /// of a patient in whose compartment it never stood.
    fn history(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        let mut after = (i64::MIN, i64::MIN);
        let mut before: Option<(i64, i64)> = None;
        loop {
            let (versions, last) = survey::earlier(conn, after)?;
            let Some(last) = last else { return Ok(()) };
            let stood = survey::stood(conn, (after, last))?;
            let kept = survey::kept(conn, (after, last))?;
            for stored in &versions {
                let at = (stored.rid, stored.version);
                self.version(stored, stood.get(&at), kept.contains(&at));
                if before.is_some_and(|(rid, updated)| rid == stored.rid && stored.updated <= updated) {
                    self.differs_at(stored, "is not younger than the version before it");
                }
                before = Some((stored.rid, stored.updated));
            }
            after = last;
        }
    }

    fn version(&mut self, stored: &Stored, stood: Option<&Vec<String>>, is_kept: bool) {
        self.seen.versions += 1;
        let value = match content(stored) {
            Ok(value) => value,
            Err(text) => return self.differs_at(stored, text),
        };
        // A deletion has no content to compare with.
        let Some(stood) = stood.filter(|_| !stored.deleted) else { return };
        let own = rows(self.parameters, &value, self.zone).patients;
        if stood.iter().any(|patient| !own.contains(patient)) {
            self.differs_at(stored, "stands in the history of a patient to whom it does not belong");
        }
        self.kept(stored, &value, is_kept);
    }

    fn differs_at(&mut self, stored: &Stored, text: &str) {
        self.differs(&format!("{}/{} version {}: {text}", stored.ty, stored.id, stored.version));
    }

    fn differs(&mut self, text: &str) {
        self.seen.differences += 1;
        (self.tell)(Step::Differs(text));
    }
}

/// The JSON of a version, which must be of the resource and version as which it is stored.
fn content(stored: &Stored) -> Result<Value, &'static str> {
    if stored.deleted {
        return if stored.body.is_empty() { Ok(Value::Null) } else { Err("is a deletion with content") };
    }
    let value = stored.value().map_err(|_| "is no JSON")?;
    let says = |pointer: &str, text: &str| value.pointer(pointer).and_then(Value::as_str) == Some(text);
    let right = says("/resourceType", stored.ty.name())
        && says("/id", &stored.id)
        && says("/meta/versionId", &stored.version.to_string())
        && says("/meta/lastUpdated", &instant(stored.updated));
    if right { Ok(value) } else { Err("has the type, id, version or time of another") }
}
