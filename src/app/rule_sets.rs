//! Rule sets as they are used: ours, and those that clients store, by the canonicals that programmes and callers name.
//! <https://hl7.org/fhir/R4/plandefinition.html>

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::app::App;
use crate::app::Session;
use crate::app::Stored;
use crate::app::edition;
use crate::app::published::is_theirs;
use crate::app::rule_document::is_draft;
use crate::app::rule_document::plan_definition;
use crate::app::rule_document::value_of;
use crate::definitions::Definitions;
use crate::fhir::Failure;
use crate::fhir::form::encoded;
use crate::palliative::program::Program;
use crate::palliative::screening;
use crate::palliative::screening::Problem;
use crate::palliative::screening::Reading;
use crate::palliative::screening::RuleSet;
use crate::palliative::screening::RuleSets;
use crate::store::Db;
use crate::store::parameter_set;

/// These names, each once, in their order.
pub(crate) fn each_once<'a>(names: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let mut seen = BTreeSet::new();
    names.filter(move |name| seen.insert(*name))
}

/// The rule sets that are stored under a URL, whoever asks: they are configuration and no patient's data.
fn stored(session: &Session, url: &str) -> Result<Vec<Value>, Failure> {
    let found = session.as_service().find(plan_definition(), &format!("url={}", value_of(url)))?;
    let plans = found.iter().filter(|one| is_theirs(session, one)).map(Stored::value);
    let plans = plans.collect::<Result<Vec<_>, _>>()?;
    Ok(plans.into_iter().filter(screening::is_rule_set).collect())
}

/// The one of these rule sets that a canonical names, with or without its version, and that is no draft. Without a
/// version one in use comes first, and of these the latest version.
pub(crate) fn named<'a>(plans: &'a [Value], canonical: &str) -> Option<&'a Value> {
    let (url, version) = canonical.split_once('|').map_or((canonical, None), |(url, v)| (url, Some(v)));
    let is_named =
        |plan: &&Value| plan["url"] == url && version.is_none_or(|version| plan["version"] == version);
    let rank = |plan: &&Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let version = edition::parts(plan["version"].as_str().unwrap_or_default());
        // Maps may be without a version. What one request has stored is of one moment: then the id decides, for every
        // reader alike.
        (plan["status"] == "active", version, text(&plan["meta"]["lastUpdated"]), text(&plan["id"]))
    };
    plans.iter().filter(|plan| !is_draft(plan)).filter(is_named).max_by_key(rank)
}

/// Our rule sets beside those that clients stored under a name that one of ours has now: these go on as what they were.
///
/// # Errors
/// Only what the database fails with.
pub(super) fn beside_theirs(own: RuleSets, db: &Db, definitions: &Definitions) -> Result<RuleSets, Failure> {
    let ty = plan_definition();
    let stored = db.read(move |conn| Ok(parameter_set::stored(conn, ty)?))?;
    let plans = stored.iter().filter_map(|(_, _, body)| serde_json::from_slice::<Value>(body).ok());
    let name = |plan: Value| {
        let text = |name: &str| plan[name].as_str().unwrap_or_default();
        let ours = definitions.published(ty, text("id")).is_some_and(|one| one["url"] == plan["url"]);
        let theirs = screening::is_rule_set(&plan) && !is_draft(&plan) && !ours;
        let name = format!("{}|{}", text("url"), text("version"));
        let is_taken = theirs && own.all().any(|set| set.canonical() == name);
        is_taken.then(|| {
            log::warn!("PlanDefinition/{} is a client's, and used as {name} in place of ours", text("id"));
            name
        })
    };
    let names: BTreeSet<String> = plans.filter_map(name).collect();
    Ok(own.beside(names))
}

impl Session {
    /// The rule set that a canonical names, with or without its version: ours, or one that is stored and no draft.
    /// Without a version one in use comes first, and of these the latest version.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn rule_set(&self, canonical: &str) -> Result<Option<Arc<RuleSet>>, Failure> {
        if let Some(own) = self.app().rule_sets.meant(canonical) {
            return Ok(Some(Arc::clone(own)));
        }
        let url = canonical.split_once('|').map_or(canonical, |(url, _)| url);
        Ok(named(&stored(self, url)?, canonical).and_then(|plan| self.app().compiled(plan)))
    }

    /// Those that are in force for a programme, as `url|version`: all in use where it names none, else those that it names
    /// and that are in use. An edition of ours that it names with its version holds there until it names another.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn rule_sets_of(&self, program: &Program) -> Result<Vec<String>, Failure> {
        if program.rule_sets.is_empty() {
            return Ok(self.active_rule_sets()?.iter().map(|set| set.canonical()).collect());
        }
        let mut in_force = Vec::new();
        for canonical in each_once(program.rule_sets.iter().map(String::as_str)) {
            let is_pinned = canonical.contains('|') && self.app().rule_sets.meant(canonical).is_some();
            let set = self.rule_set(canonical)?.filter(|set| set.active || is_pinned);
            in_force.extend(set.map(|set| set.canonical()));
        }
        Ok(in_force)
    }

    /// All rule sets that are in use: ours, and those that are stored.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub(crate) fn active_rule_sets(&self) -> Result<Vec<Arc<RuleSet>>, Failure> {
        let topic = encoded(&format!("{}|{}", screening::TOPIC_SYSTEM, screening::SCREENING));
        let found = self.as_service().find(plan_definition(), &format!("status=active&topic={topic}"))?;
        let plans = found.iter().filter(|one| is_theirs(self, one)).map(Stored::value);
        let plans = plans.collect::<Result<Vec<_>, _>>()?;
        let own = self.app().rule_sets.active().cloned();
        Ok(own.chain(plans.iter().filter_map(|plan| self.app().compiled(plan))).collect())
    }
}

impl App {
    /// A stored rule set, compiled. One that cannot be is as one that is not here: the others go on.
    pub(crate) fn compiled(&self, plan: &Value) -> Option<Arc<RuleSet>> {
        let compiled = screening::rule_set(plan, &self.definitions, Reading::Stored);
        let warn = |problems: &Vec<Problem>| {
            let id = plan["id"].as_str().unwrap_or_default();
            let places: Vec<&str> = problems.iter().map(|problem| problem.at.as_str()).collect();
            log::warn!(
                "the stored rule set PlanDefinition/{id} cannot be used ({}): store it anew under another id and version",
                places.join(", ")
            );
        };
        compiled.inspect_err(warn).ok().map(Arc::new)
    }
}
