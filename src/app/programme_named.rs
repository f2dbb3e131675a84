//! What a programme names and that clients have stored, read with it: ConceptMaps, its algorithm, its care-plan template.
//! <https://hl7.org/fhir/R4/healthcareservice.html>
//!
//! A map that has gone since the programme was stored, or is no longer active, is left out and told of: what it would have
//! said is then unknown, which is never taken for not being so. Rules cannot go, as they are settled.
//!
//! What was read is kept for as long as the number of the rules is the same: every write of a programme, of rules, or of a
//! map that a programme names raises it within its own transaction, so that no instance goes on with what was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use serde_json::Value;

use crate::app::App;
use crate::app::Session;
use crate::app::Stored;
use crate::app::rule_document::plan_definition;
use crate::app::rule_document::value_of;
use crate::app::rule_sets::each_once;
use crate::app::rule_sets::named;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::palliative::care_plan::template::Template;
use crate::palliative::code_maps::CodeMaps;
use crate::palliative::code_maps::is_usable;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::program::Program;
use crate::palliative::risk::Algorithm;
use crate::palliative::rule_kind::RuleKind;
use crate::palliative::screening::Problem;
use crate::palliative::screening::Reading;
use crate::palliative::screening::restricted;
use crate::palliative::vocabulary::TEMPLATE;
use crate::store::findings::due;
use crate::store::lent::is_lent;

/// By what programmes name things that clients have stored: maps, algorithm, template.
type Names = (Vec<String>, Option<String>, Option<String>);

/// What is meant by such names.
#[derive(Clone, Debug, Default)]
struct Means {
    maps: Arc<CodeMaps>,
    algorithm: Option<Arc<Algorithm>>,
    template: Option<Arc<Template>>,
}

/// What was read under one number of the rules.
#[derive(Debug, Default)]
struct Read {
    number: i64,
    means: BTreeMap<Names, Means>,
}

/// What this instance has read last.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Read>);

/// How many sets of names are kept at most.
const MOST: usize = 1_000;

impl Cache {
    fn find(&self, number: i64, names: &Names) -> Option<Means> {
        let read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (read.number == number).then(|| read.means.get(names).cloned()).flatten()
    }

    fn keep(&self, number: i64, names: Names, means: Means) {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if read.number < number || read.means.len() >= MOST {
            *read = Read { number: number.max(read.number), means: BTreeMap::new() };
        }
        if read.number == number {
            read.means.insert(names, means);
        }
    }
}

/// The type of the maps that are named.
pub(crate) fn concept_map() -> ResourceType {
    ResourceType::parse("ConceptMap").expect("ConceptMap is a type of R4")
}

/// What is stored with these URLs, or with any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shelf<'a> {
    /// ConceptMaps.
    pub(crate) maps: &'a [Value],
    /// PlanDefinitions of clients.
    pub(crate) plans: &'a [Value],
}

impl App {
    /// A programme with what it names.
    pub(crate) fn furnished(&self, program: Program, shelf: Shelf) -> Program {
        let means = self.means(&program, shelf);
        with(program, means)
    }

    fn means(&self, program: &Program, shelf: Shelf) -> Means {
        let (_, algorithm, template) = self.names(program);
        let read = |canonical: &String, kind: RuleKind| {
            let of_kind: Vec<Value> =
                shelf.plans.iter().filter(|plan| RuleKind::of(plan) == Some(kind)).cloned().collect();
            named(&of_kind, canonical).cloned()
        };
        let warned = |plan: &Value, problems: Vec<Problem>| {
            let places: Vec<&str> = problems.iter().map(|problem| problem.at.as_str()).collect();
            log::warn!(
                "the stored rules PlanDefinition/{} cannot be used ({}): store them anew under another id and version",
                plan["id"].as_str().unwrap_or_default(),
                places.join(", ")
            );
        };
        let own_algorithm = algorithm.and_then(|canonical| {
            let plan = read(&canonical, RuleKind::Algorithm)?;
            let own = Algorithm::own(&plan, &self.definitions, Reading::Stored);
            own.map_err(|problems| warned(&plan, problems)).ok().map(Arc::new)
        });
        let own_template = template.and_then(|canonical| {
            let plan = read(&canonical, RuleKind::Template)?;
            let own = Template::own(&plan, &self.definitions, Reading::Stored);
            own.map_err(|problems| warned(&plan, problems)).ok().map(Arc::new)
        });
        let mut maps = maps(program, shelf.maps);
        if let Some(closed) = restricted(&self.definitions) {
            maps.restrict(&closed);
        }
        Means { maps: Arc::new(maps), algorithm: own_algorithm, template: own_template }
    }

    /// By what a programme names things that are none of ours.
    fn names(&self, program: &Program) -> Names {
        let algorithm = program.risk_algorithm.clone().filter(|name| self.risk.find(name).is_none());
        let template = program.care_plan_template.clone().filter(|name| self.care_plans.find(name).is_none());
        (program.concept_maps.clone(), algorithm, template)
    }
}

fn with(program: Program, Means { maps, algorithm, template }: Means) -> Program {
    Program { maps, algorithm, template, ..program }
}

/// The maps that a programme names, together.
fn maps(program: &Program, stored: &[Value]) -> CodeMaps {
    let usable: Vec<Value> = stored.iter().filter(|map| is_usable(map)).cloned().collect();
    let mut maps = CodeMaps::default();
    for canonical in each_once(program.concept_maps.iter().map(String::as_str)) {
        if !named(&usable, canonical).is_some_and(|map| maps.add(map)) {
            log::warn!(
                "the programme HealthcareService/{} names the ConceptMap {canonical}, which is not here or not active: \
                 store it, or correct `conceptMap`",
                program.id
            );
            maps.missing.push(canonical.to_owned());
        }
    }
    maps
}

impl Session {
    /// A programme with what it names, whoever asks: it is configuration and no patient's data.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub(super) fn furnished(&self, program: Program) -> Result<Program, Failure> {
        let names = self.app.names(&program);
        if names == Names::default() {
            return Ok(program);
        }
        // The number comes first: what is written in between is read under the number before, and not kept for long.
        let number = self.app.db.read(|conn| Ok(due::rules(conn)?))?;
        if let Some(means) = self.app.named.find(number, &names) {
            return Ok(with(program, means));
        }
        let (canonicals, algorithm, template) = &names;
        let maps = self.stored_as(concept_map(), canonicals.iter())?;
        let plans = self.stored_as(plan_definition(), algorithm.iter().chain(template))?;
        let means = self.app.means(&program, Shelf { maps: &maps, plans: &plans });
        // What a write that is not committed has changed is for itself alone.
        if !is_lent() {
            self.app.named.keep(number, names, means.clone());
        }
        Ok(with(program, means))
    }

    /// The care-plan template that is named, with or without its version: ours, or one that is stored and no draft. Where
    /// none is named, the programme's.
    ///
    /// # Errors
    /// `NotFound` where there is none of that name; as [`Templates::of`](crate::palliative::care_plan::template::Templates::of).
    pub fn care_plan_template(
        &self,
        program: &Program,
        canonical: Option<&str>,
    ) -> Result<Arc<Template>, Failure> {
        let Some(canonical) = canonical else { return self.app.care_plans.of(program) };
        if let Some(own) = self.app.care_plans.find(canonical) {
            return Ok(Arc::clone(own));
        }
        let mut plans = self.stored_as(plan_definition(), std::iter::once(&canonical.to_owned()))?;
        plans.retain(|plan| RuleKind::of(plan) == Some(RuleKind::Template));
        let own = named(&plans, canonical)
            .and_then(|plan| Template::own(plan, &self.app.definitions, Reading::Stored).ok());
        own.map(Arc::new).ok_or_else(|| {
            let text = format!("There is no care-plan template {canonical}; {TEMPLATE} is one.");
            Failure::new(Reason::NotFound, text).at(parameter("template"))
        })
    }

    /// What is stored with the URLs of these canonicals.
    fn stored_as<'a>(
        &self,
        ty: ResourceType,
        canonicals: impl Iterator<Item = &'a String>,
    ) -> Result<Vec<Value>, Failure> {
        let mut stored = Vec::new();
        for canonical in each_once(canonicals.map(String::as_str)) {
            let url = canonical.split_once('|').map_or(canonical, |(url, _)| url);
            let found = self.as_service().find(ty, &format!("url={}", value_of(url)))?;
            stored.extend(found.iter().map(Stored::value).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(stored)
    }
}
