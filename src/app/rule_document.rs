//! Rules that clients store (rule sets, algorithms, care-plan templates): checked when they are written, and used when a programme or a caller names them.
//! <https://hl7.org/fhir/R4/plandefinition.html>
//!
//! Here all of them are called rule sets. One that is no draft may be what a decision rests on, so that nothing of it that tells what it means can be
//! changed, and it cannot be deleted; it can be retired. One resource is one version: a new version is a new
//! resource, with the same `url` and another `version`. A draft can be changed at will, and nothing uses it. This
//! holds by the state of the resource alone, within the write: whether a decision has used it need not be looked up.
//!
//! That no two have one name is seen to within the write too: all that would use a name wait for one another, and
//! those that have it are looked at when everything is written, what the same request wrote included.

use serde_json::Map;
use serde_json::Value;

use crate::app::Session;
use crate::app::prepare::Batch;
use crate::app::prepare::Prepared;
use crate::app::prepare::place;
use crate::app::resolve::Condition;
use crate::app::session::LARGEST_PAGE;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::form::encoded;
use crate::palliative::rule_kind::RuleKind;
use crate::palliative::rule_kind::own_alone;
use crate::palliative::screening::Problem;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::matches;

/// What tells what a rule set means, and by which name it is known.
const MEANING: [&str; 11] = [
    "url",
    "version",
    "title",
    "type",
    "topic",
    "extension",
    "modifierExtension",
    "contained",
    "library",
    "goal",
    "action",
];

pub(super) fn plan_definition() -> ResourceType {
    ResourceType::parse("PlanDefinition").expect("PlanDefinition is a type of R4")
}

/// What of a rule set nobody may change: all that tells its meaning, unless it is a draft.
pub(crate) fn settled(value: &Value) -> Option<Value> {
    if RuleKind::of(value).is_none() || is_draft(value) {
        return None;
    }
    let kept: Map<_, _> =
        MEANING.iter().filter_map(|name| Some(((*name).to_owned(), value.get(*name)?.clone()))).collect();
    Some(Value::Object(kept))
}

/// Why a rule set cannot be changed.
pub(crate) fn is_settled() -> Failure {
    let text = "These rules were published, and decisions may rest on them, so that they can be retired but neither \
                changed nor deleted; store the new ones under another id with another `version`.";
    Failure::new(Reason::BusinessRule, text).at("PlanDefinition")
}

pub(super) fn is_draft(plan: &Value) -> bool {
    plan["status"] == "draft"
}

/// The name of a rule set, which one resource has at most.
pub(crate) struct Name {
    url: String,
    version: String,
    /// Finds those that have it.
    holders: Condition,
}

impl Name {
    fn of(session: &Session, url: String, version: String) -> Result<Self, Failure> {
        let criteria = format!("url={}&version={}", value_of(&url), value_of(&version));
        let holders = session.as_service().condition(plan_definition(), &criteria, LARGEST_PAGE)?;
        Ok(Self { url, version, holders })
    }

    /// By which all that would use the name wait for one another.
    pub(crate) fn key(&self) -> &str {
        &self.holders.key
    }

    fn taken(&self) -> Failure {
        let text =
            format!("There are rules {}|{} already; give these another `version`.", self.url, self.version);
        Failure::new(Reason::Conflict, text).at("PlanDefinition.version")
    }
}

/// Refuses a rule set that cannot be understood; the name of one that can, which [`are_single`] looks at. A
/// PlanDefinition that is no rule set has none.
///
/// # Errors
/// `Unprocessable` with everything that is wrong.
pub(crate) fn name(session: &Session, plan: &Value, id: &str) -> Result<Option<Name>, Failure> {
    let text = |name: &str| plan[name].as_str().unwrap_or_default().to_owned();
    if is_kept(session, plan, id)? {
        return Name::of(session, text("url"), text("version")).map(Some);
    }
    if let Some(kind) = own_alone(plan) {
        let text = format!(
            "A PlanDefinition of the kind `{kind}` would not be read: own ones are not taken yet; leave the topic out to \
             store it as a document."
        );
        let issue = Issue::error("not-supported", text).at("PlanDefinition.topic");
        return Err(Failure::of(Reason::Unprocessable, vec![issue]));
    }
    let Some(kind) = RuleKind::of(plan) else { return Ok(None) };
    let problems = kind.problems(plan, &session.app().definitions);
    if !problems.is_empty() {
        let issue = |problem: Problem| Issue::error("invalid", problem.text).at(problem.at);
        return Err(Failure::of(Reason::Unprocessable, problems.into_iter().map(issue).collect()));
    }
    Name::of(session, text("url"), text("version")).map(Some)
}

/// Whether a rule set is stored under this id that says the same: it was taken once, and cannot be changed or deleted, so
/// that nothing of it is judged again when it is retired.
pub(crate) fn is_kept(session: &Session, plan: &Value, id: &str) -> Result<bool, Failure> {
    let Some(new) = settled(plan) else { return Ok(false) };
    match session.as_service().read(plan_definition(), id) {
        Ok(stored) => Ok(settled(&stored.value()?) == Some(new)),
        Err(failure) if matches!(failure.reason, Reason::NotFound | Reason::Deleted) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Refuses a write, after everything is written, by which two rule sets would have one name.
///
/// # Errors
/// `Conflict`.
pub(crate) fn are_single(conn: &mut Conn, batch: &Batch) -> Result<(), Fault> {
    for change in &batch.changes {
        let Some(name) = name_of(change) else { continue };
        for hit in matches::hits(conn, name.holders.plan.page.clone())? {
            // A search for a token may be less exact than a name is.
            let other = hit.stored.value()?;
            let is_same = RuleKind::of(&other).is_some()
                && other["url"] == name.url.as_str()
                && other["version"] == name.version.as_str();
            if is_same && hit.stored.id != change.id {
                return Err(place(name.taken(), &change.at).into());
            }
        }
    }
    Ok(())
}

/// The name that a change gives to a rule set.
pub(crate) fn name_of(change: &Prepared) -> Option<&Name> {
    change.work.content()?.name.as_ref()
}

/// A value as a search has it.
pub(super) fn value_of(text: &str) -> String {
    let escape = |text: String, letter: &str| text.replace(letter, &format!("\\{letter}"));
    encoded(&["\\", ",", "|", "$"].into_iter().fold(text.to_owned(), escape))
}
