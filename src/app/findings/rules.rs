//! What all findings rest on: the programmes that are kept for, and the rule sets, compiled once for each change.
//! <https://hl7.org/fhir/R4/plandefinition.html>
//!
//! A programme is a HealthcareService with our settings that is in use. For each the rule sets that it names are told
//! together, and all that are in use one by one. A programme whose settings cannot be read, or that names a rule set
//! or an algorithm which is not here, is not kept for: whoever asks about it learns what is wrong with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use aws_lc_rs::digest;
use serde_json::Value;

use crate::app::App;
use crate::app::programme_named::Shelf;
use crate::app::programme_named::concept_map;
use crate::app::rule_sets::each_once;
use crate::app::rule_sets::named;
use crate::definitions::Definitions;
use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::palliative::program::HospicePolicy;
use crate::palliative::program::Program;
use crate::palliative::program::is_programme;
use crate::palliative::rule_kind::RuleKind;
use crate::palliative::screening;
use crate::palliative::screening::RuleSet;
use crate::store::Db;
use crate::store::Fault;
use crate::store::findings::due;
use crate::store::findings::kept;
use crate::store::lent::is_lent;
use crate::store::parameter_set;

/// The number of the way in which findings are made. It is raised with every change of the program after which the same
/// record and definitions give another finding.
const WAY: u32 = 12;

/// A programme that is kept for.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Its settings.
    pub(crate) program: Program,
    /// The places of its own rule sets among [`Rules::sets`].
    pub(crate) own: Vec<usize>,
}

/// What findings rest on.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// Which rules these are.
    pub(crate) number: i64,
    /// The programmes, in groups that see the same facts: of the same zone, with the same validity of attestations,
    /// the same maps and the same payers that allow hospice beside them.
    pub(crate) groups: Vec<Vec<Kept>>,
    /// The rule sets, with their numbers in the tables.
    pub(crate) sets: Vec<(Arc<RuleSet>, i64)>,
}

impl Rules {
    /// The programme with this id.
    pub(crate) fn program(&self, id: &str) -> Option<&Kept> {
        self.groups.iter().flatten().find(|kept| kept.program.id == id)
    }

    /// The number of a rule set, by its canonical with version.
    pub(crate) fn number_of(&self, canonical: &str) -> Option<i64> {
        self.sets.iter().find(|(set, _)| set.canonical() == canonical).map(|(_, number)| *number)
    }
}

/// The rules of the last change that this instance has seen, and the name under which it evaluates who is due.
#[derive(Default)]
pub(crate) struct Cache {
    rules: Mutex<Arc<Rules>>,
    holder: OnceLock<String>,
    /// How many were evaluated by the way since the database last counted what it holds.
    evaluated: AtomicUsize,
}

impl Cache {
    /// The name of this instance.
    pub(crate) fn holder(&self) -> &str {
        self.holder.get_or_init(|| uuid::Uuid::new_v4().to_string())
    }

    /// Notes that so many more were evaluated.
    pub(super) fn add_evaluated(&self, many: usize) {
        self.evaluated.fetch_add(many, Ordering::Relaxed);
    }

    /// Whether so many were evaluated since it was last so.
    pub(super) fn takes_evaluated(&self, many: usize) -> bool {
        let is_many = |evaluated: usize| (evaluated >= many).then_some(0);
        self.evaluated.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_many).is_ok()
    }
}

impl App {
    /// The rules of now.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub(crate) fn finding_rules(&self) -> Result<Arc<Rules>, Failure> {
        let held = self.findings.rules.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let number = self.db.read(|conn| Ok(due::rules(conn)?))?;
        if number == held.number {
            return Ok(held);
        }
        let rules = Arc::new(load(self)?);
        let mut held = self.findings.rules.lock().unwrap_or_else(PoisonError::into_inner);
        // What a write that is not committed has changed is for itself alone.
        if held.number < rules.number && !is_lent() {
            *held = Arc::clone(&rules);
        }
        Ok(rules)
    }
}

/// Makes everybody due where the program's own definitions are others than the last time.
///
/// # Errors
/// Only what the database fails with.
pub(crate) fn begin(db: &Db, definitions: &Definitions) -> Result<(), Failure> {
    let fingerprint = fingerprint(definitions);
    db.write(move |conn| Ok(due::begin(conn, fingerprint)?)).map_err(Fault::into_failure)
}

/// What tells this version of the program, and its definitions, from others.
pub(crate) fn fingerprint(definitions: &Definitions) -> &'static str {
    static FINGERPRINT: OnceLock<String> = OnceLock::new();
    FINGERPRINT.get_or_init(|| digest_of(definitions))
}

fn digest_of(definitions: &Definitions) -> String {
    let mut hasher = digest::Context::new(&digest::SHA256);
    hasher.update(&WAY.to_be_bytes());
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    let all = [&definitions.plan_definitions, &definitions.value_sets, &definitions.code_systems];
    for definition in all.into_iter().flat_map(BTreeMap::values) {
        hasher.update(definition.to_string().as_bytes());
    }
    hasher.finish().as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn load(app: &App) -> Result<Rules, Failure> {
    let ty = |name: &str| ResourceType::parse(name).expect("it is a type of R4");
    let (services, plans) = (ty("HealthcareService"), ty("PlanDefinition"));
    let (number, services, plans) = app.db.snapshot(|conn| {
        Ok((due::rules(conn)?, parameter_set::stored(conn, services)?, parameter_set::stored(conn, plans)?))
    })?;
    let value = |(_, _, body): &(i64, i64, Vec<u8>)| serde_json::from_slice::<Value>(body).ok();
    // Of ours, what is compiled is at hand.
    let is_theirs = |plan: &Value| {
        let id = plan["id"].as_str().unwrap_or_default();
        let own = app.definitions.published(ty("PlanDefinition"), id);
        own.is_none_or(|own| own.get("url") != plan.get("url"))
    };
    let plans = plans.iter().filter_map(value).filter(|plan| RuleKind::of(plan).is_some());
    let plans: Vec<Value> = plans.filter(is_theirs).collect();
    let programs: Vec<Program> = services
        .iter()
        .filter_map(value)
        .filter(is_programme)
        .filter_map(|service| usable(&Resource::from_value(service).ok()?))
        .collect();
    let programs = furnished(app, programs, &plans)?;
    let plans: Vec<Value> = plans.into_iter().filter(screening::is_rule_set).collect();
    let mut sets = Sets { app, plans: &plans, found: Vec::new() };
    let active: Vec<usize> = sets.active();
    let mut groups: BTreeMap<_, Vec<Kept>> = BTreeMap::new();
    for program in programs {
        let Some(own) = sets.own(&program, &active) else {
            log::warn!(
                "the programme HealthcareService/{} names a rule set that is not here or cannot be used, so that nobody \
                 is found for it: correct its settings, or store the rule set",
                program.id
            );
            continue;
        };
        let zone = program.zone.iana_name().unwrap_or_default().to_owned();
        let beside_hospice =
            (program.hospice_policy == HospicePolicy::Concurrent).then(|| program.concurrent_lines.clone());
        let facts = (zone, program.attestation_valid_days, program.concept_maps.clone(), beside_hospice);
        groups.entry(facts).or_default().push(Kept { program, own });
    }
    let found = sets.found;
    let names: Vec<String> = found.iter().map(|set| set.canonical()).collect();
    let numbers = app.db.write(move |conn| Ok(kept::numbers(conn, &names)?)).map_err(Fault::into_failure)?;
    let numbers: BTreeMap<String, i64> = numbers.into_iter().collect();
    let numbered = |set: Arc<RuleSet>| {
        let number = numbers.get(&set.canonical()).copied();
        number.map(|number| (set, number)).ok_or_else(|| Failure::internal("a rule set has no number"))
    };
    let sets = found.into_iter().map(numbered).collect::<Result<_, _>>()?;
    Ok(Rules { number, groups: groups.into_values().collect(), sets })
}

/// The programmes with what they name, those that can be kept for.
fn furnished(app: &App, programs: Vec<Program>, plans: &[Value]) -> Result<Vec<Program>, Failure> {
    let stored = if programs.iter().all(|program| program.concept_maps.is_empty()) {
        Vec::new()
    } else {
        app.db.read(|conn| Ok(parameter_set::stored(conn, concept_map())?))?
    };
    let maps: Vec<Value> =
        stored.iter().filter_map(|(_, _, body)| serde_json::from_slice(body).ok()).collect();
    let shelf = Shelf { maps: &maps, plans };
    let programs = programs.into_iter().map(|program| app.furnished(program, shelf));
    Ok(programs.filter(|program| is_stratified(app, program)).collect())
}

/// Whether there is the algorithm of a programme.
fn is_stratified(app: &App, program: &Program) -> bool {
    let is_here = app.risk.of(program).is_ok();
    if !is_here {
        log::warn!(
            "nobody is found for the programme HealthcareService/{}: it names an algorithm that is not here or cannot be \
             used; correct its `riskAlgorithm`",
            program.id
        );
    }
    is_here
}

/// A programme that is in use and whose settings can be read.
fn usable(service: &Resource) -> Option<Program> {
    let id = service.id().unwrap_or_default();
    let program = Program::read(service);
    let Ok(program) = program else {
        log::warn!(
            "nobody is found for the programme HealthcareService/{id}: its settings cannot be read; correct them"
        );
        return None;
    };
    Some(program).filter(|program| program.active)
}

/// The rule sets that are found so far, each once.
struct Sets<'a> {
    app: &'a App,
    plans: &'a [Value],
    found: Vec<Arc<RuleSet>>,
}

impl Sets<'_> {
    /// Those in use: ours, and those that are stored and can be read.
    fn active(&mut self) -> Vec<usize> {
        let own: Vec<_> = self.app.rule_sets.active().cloned().collect();
        let stored = self.plans.iter().filter(|plan| plan["status"] == "active");
        let stored: Vec<_> = stored.filter_map(|plan| self.app.compiled(plan)).collect();
        own.into_iter().chain(stored).map(|set| self.place(set)).collect()
    }

    /// Those of a programme, which are all in use where it names none; none where one that it names is not here.
    fn own(&mut self, program: &Program, active: &[usize]) -> Option<Vec<usize>> {
        if program.rule_sets.is_empty() {
            return Some(active.to_vec());
        }
        let mut own = Vec::new();
        for canonical in each_once(program.rule_sets.iter().map(String::as_str)) {
            let ours = self.app.rule_sets.meant(canonical).cloned();
            let set = ours.or_else(|| self.app.compiled(named(self.plans, canonical)?))?;
            let place = self.place(set);
            if !own.contains(&place) {
                own.push(place);
            }
        }
        Some(own)
    }

    fn place(&mut self, set: Arc<RuleSet>) -> usize {
        let known = self.found.iter().position(|one| one.canonical() == set.canonical());
        known.unwrap_or_else(|| {
            self.found.push(set);
            self.found.len() - 1
        })
    }
}
