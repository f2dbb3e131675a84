//! What the entries of a write refer to: one another by `fullUrl`, and others by a search.
//! <https://hl7.org/fhir/R4/http.html#trules>

use std::collections::HashMap;

use serde_json::Value;

use crate::access::Action;
use crate::app::aim::Aim;
use crate::app::change::Change;
use crate::app::change::ChangeAction;
use crate::app::listed;
use crate::app::session::Session;
use crate::app::touched::Touched;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::form::pairs;
use crate::fhir::reference::Reference;
use crate::fhir::reference::base_of;
use crate::fhir::reference::place_of;
use crate::fhir::shape::Link;
use crate::fhir::shape::links_mut;
use crate::fhir::shape::misdirected;
use crate::search::Edge;
use crate::search::Plan;
use crate::search::Position;
use crate::search::Query;
use crate::search::conditional_key;
use crate::search::parse;
use crate::search::plan;
use crate::search::query::Criterion;
use crate::search::query::Total;
use crate::store::Stored;

/// A condition of a request, and what to ask the database for it.
pub(crate) struct Condition {
    /// The same for all conditions that mean the same.
    pub(crate) key: String,
    /// Finds one match more than the condition may have.
    pub(crate) plan: Plan,
    /// How many matches it may have.
    most: usize,
    criteria: Vec<Criterion>,
}

/// What a search may say about its result; a condition has none, so that nobody takes it for being heeded.
const OF_RESULTS: [&str; 10] = [
    "_sort",
    "_count",
    "_total",
    "_totalMethod",
    "_summary",
    "_elements",
    "_include",
    "_revinclude",
    "_contained",
    "_containedType",
];

impl Session {
    /// Understands a condition such as `identifier=system|value`, which at most so many resources may meet.
    /// Whatever the client prefers, nothing in it is passed over: a write must not reach further than was asked.
    pub(crate) fn condition(&self, ty: ResourceType, text: &str, most: u32) -> Result<Condition, Failure> {
        let condition = self.condition_from(ty, text, (most, None))?;
        Ok(Condition { most: usize::try_from(most).unwrap_or(usize::MAX), ..condition })
    }

    /// The same where any number may meet it: it finds the oldest two.
    pub(crate) fn condition_of_any(&self, ty: ResourceType, text: &str) -> Result<Condition, Failure> {
        let beginning = Position { keys: Vec::new(), rid: 0 };
        self.condition_from(ty, text, (1, Some(Edge::Before(beginning))))
    }

    fn condition_from(
        &self,
        ty: ResourceType,
        text: &str,
        (count, edge): (u32, Option<Edge>),
    ) -> Result<Condition, Failure> {
        self.require(Action::Search, ty)?;
        check_names(text)?;
        let mut query: Query = parse(&self.context(), ty, text)?;
        if query.criteria.is_empty() {
            return Err(Failure::new(
                Reason::Invalid,
                "A condition needs a search parameter such as `identifier`, else it would match everything.",
            ));
        }
        (query.count, query.edge) = (count, edge);
        query.total = Total::None;
        let plan = plan(self.parameters(), &query, &self.caller().restriction(Action::Search))?;
        Ok(Condition { key: conditional_key(&query), plan, most: usize::MAX, criteria: query.criteria })
    }

    /// The resources that meet a condition now.
    pub(crate) fn meeting(&self, condition: &Condition) -> Result<Vec<Stored>, Failure> {
        let hits = self.app().db.read(|conn| listed::hits(conn, &condition.plan))?;
        if hits.len() <= condition.most {
            return Ok(hits.into_iter().map(|hit| hit.stored).collect());
        }
        let text = match condition.most {
            1 => "Several resources meet the condition; make it narrower.".to_owned(),
            most => format!("More than {most} resources meet the condition; make it narrower."),
        };
        Err(Failure::new(Reason::MultipleMatches, text))
    }
}

fn check_names(text: &str) -> Result<(), Failure> {
    for (name, value) in pairs(text)? {
        // A search passes over it, and a write must not reach further than was asked.
        if value.is_empty() {
            let text = format!("`{name}` has no value; leave it out or give it one.");
            return Err(Failure::new(Reason::Invalid, text).at(format!("http.{name}")));
        }
        let base = name.split(':').next().unwrap_or(&name);
        if OF_RESULTS.contains(&base) {
            let text = format!(
                "`{base}` is about a search's result and has no meaning in a condition; leave it out."
            );
            return Err(Failure::new(Reason::Invalid, text).at(format!("http.{base}")));
        }
    }
    Ok(())
}

/// Why a reference by a search is refused that meets nothing; no other condition that fails has this code.
const MEETS_NOTHING: &str = "not-found";

/// Whether it would be right once a resource is stored to which it refers by a search.
pub fn awaits_another(failure: &Failure) -> bool {
    failure.reason == Reason::Precondition && failure.issues.iter().all(|issue| issue.code == MEETS_NOTHING)
}

/// Turns references between the entries of one write, and references by a search, into plain ones.
pub(crate) struct Links<'a> {
    session: &'a Session,
    by_url: HashMap<String, String>,
    by_search: HashMap<String, String>,
    touched: HashMap<ResourceType, Touched<'a>>,
}

impl<'a> Links<'a> {
    /// Knows the changes of a write by their `fullUrl` and by their content.
    pub(crate) fn new(session: &'a Session, changes: &'a [Change], aims: &'a [Aim]) -> Self {
        let mut links =
            Self { session, by_url: HashMap::new(), by_search: HashMap::new(), touched: HashMap::new() };
        for (change, aim) in changes.iter().zip(aims) {
            let resource = match &change.action {
                ChangeAction::Create { .. } if aim.met_something() => None,
                ChangeAction::Create { resource, .. } | ChangeAction::Update { resource, .. } => {
                    Some(resource)
                }
                ChangeAction::Patch { .. } | ChangeAction::Delete { .. } => None,
            };
            let is_deletion = matches!(change.action, ChangeAction::Delete { .. });
            if let (Some(url), Some(id), false) = (&change.full_url, aim.ids.first(), is_deletion) {
                links.by_url.insert(url.clone(), format!("{}/{id}", aim.ty));
            }
            if is_deletion || resource.is_some() {
                let touched = links.touched.entry(aim.ty).or_default();
                aim.ids.iter().for_each(|id| touched.add(id, resource));
            }
        }
        links
    }

    /// Rewrites all references of a resource, whose own `fullUrl` tells to what its relative ones are relative. Only
    /// then it is known to which type each points, so those are judged once more.
    pub(crate) fn rewrite(&mut self, value: &mut Value, full_url: Option<&str>) -> Result<(), Failure> {
        // A document or message keeps the references of its own entries.
        if value.get("resourceType").and_then(Value::as_str) == Some("Bundle") {
            return Ok(());
        }
        let base = full_url.and_then(base_of);
        let (mut first_failure, mut is_other) = (None, false);
        let shapes = &self.session.app().definitions.shapes;
        links_mut(shapes, value, &mut |link, text| {
            let result = match link {
                Link::Reference => self.reference(text, base),
                Link::Url | Link::NarrativeUrl => Ok(self.by_url.get(text.as_str()).cloned()),
            };
            match result {
                Ok(Some(new)) => {
                    is_other |= link == Link::Reference;
                    *text = new;
                }
                Ok(None) => {}
                Err(failure) => {
                    first_failure.get_or_insert_with(|| (failure, text.clone()));
                }
            }
        });
        if let Some((failure, text)) = first_failure {
            return Err(failure.at(place_of(value, &text).unwrap_or_default()));
        }
        let issues = if is_other { misdirected(shapes, value) } else { Vec::new() };
        if issues.is_empty() { Ok(()) } else { Err(Failure::of(Reason::Unprocessable, issues)) }
    }

    /// What a reference becomes; none where it stays.
    fn reference(&mut self, text: &str, base: Option<&str>) -> Result<Option<String>, Failure> {
        if let Some(found) = self.by_url.get(text) {
            return Ok(Some(found.clone()));
        }
        if text.starts_with("urn:uuid:") || text.starts_with("urn:oid:") {
            return Err(Failure::new(
                Reason::Unprocessable,
                format!("The reference `{text}` is the fullUrl of no entry of this Bundle that is stored."),
            ));
        }
        if let Some((name, query)) = text.split_once('?')
            && let Some(ty) = ResourceType::parse(name)
        {
            return self.search(text, ty, query).map(Some);
        }
        Ok(base.and_then(|base| self.by_url.get(&format!("{base}/{text}")).cloned()))
    }

    fn search(&mut self, text: &str, ty: ResourceType, query: &str) -> Result<String, Failure> {
        if let Some(found) = self.by_search.get(text) {
            return Ok(found.clone());
        }
        let found = self.one_that_meets(ty, query)?.ok_or_else(|| {
            let text = "meets no resource; store that first, or refer by id.";
            Failure::new(Reason::Precondition, format!("The reference by search `{ty}?…` {text}"))
                .code(MEETS_NOTHING)
        })?;
        let reference = format!("{ty}/{found}");
        self.by_search.insert(text.to_owned(), reference.clone());
        Ok(reference)
    }

    /// The id of the one resource that will meet a condition when all is written: of those that the write is about,
    /// it is what they will be that counts.
    fn one_that_meets(&mut self, ty: ResourceType, query: &str) -> Result<Option<String>, Failure> {
        let room = self.touched.get(&ty).map_or(0, Touched::count);
        let room = u32::try_from(room).unwrap_or(u32::MAX).saturating_add(1);
        let condition = self.session.condition(ty, query, room)?;
        let mut found: Vec<String> =
            self.session.meeting(&condition)?.into_iter().map(|stored| stored.id).collect();
        if let Some(touched) = self.touched.get_mut(&ty)
            && let Some(made) = touched.will_meet(self.session, &condition.criteria)
        {
            found.retain(|id| !touched.has(id));
            found.extend(made);
        }
        if found.len() > 1 {
            let text = format!("The reference by search `{ty}?…` meets several resources; make it narrower.");
            return Err(Failure::new(Reason::MultipleMatches, text));
        }
        Ok(found.pop())
    }
}

/// Whether a reference names a resource here by its whole URL.
pub(crate) fn refers_below(value: &Value, base: &str) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| match value {
            Value::String(text) => name == "reference" && below(text, base).is_some(),
            Value::Array(_) | Value::Object(_) => refers_below(value, base),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }),
        Value::Array(items) => items.iter().any(|item| refers_below(item, base)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

impl Session {
    /// The same with references to resources here made relative, as they are in what is stored.
    pub fn relative(&self, mut value: Value) -> Value {
        if refers_below(&value, self.base_url()) {
            make_relative(self, &mut value);
        }
        value
    }
}

/// Makes references to resources here relative: by whichever URL a client knows the service, the patient that it
/// refers to is the same, for the compartment, for searches and for the rules.
pub(crate) fn make_relative(session: &Session, value: &mut Value) {
    links_mut(&session.app().definitions.shapes, value, &mut |link, text| {
        if matches!(link, Link::Reference)
            && let Some(relative) = below(text, session.base_url())
        {
            *text = relative.to_owned();
        }
    });
}

/// `Patient/1` of `http://example.org/fhir/Patient/1`, below that base; what would be no reference without the base
/// stays as it is.
fn below<'a>(text: &'a str, base: &str) -> Option<&'a str> {
    let relative = text.strip_prefix(base)?.strip_prefix('/')?;
    Reference::parse(relative).local().map(|_| relative)
}
