//! What the entries of a write refer to: one another by `fullUrl`, and others by a search.
//! <https://hl7.org/fhir/R4/http.html#trules>

use std::collections::HashMap;
use std::collections::HashSet;

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
    /// The references of the current version; none where there is none that the caller may read.
    fn references_of(&self, (ty, id): (ResourceType, &str)) -> HashSet<String> {
        let value = self.read(ty, id).and_then(|stored| stored.value());
        let mut references = HashSet::new();
        if let Ok(mut value) = value {
            links_mut(&self.app().definitions.shapes, &mut value, &mut |link, text| {
                if link == Link::Reference {
                    references.insert(text.clone());
                }
            });
        }
        references
    }

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

/// The resource whose references are rewritten.
pub(crate) struct Within<'a> {
    /// Its own `fullUrl`, which tells to what its relative references are relative.
    pub(crate) full_url: Option<&'a str>,
    /// Whether it is an entry of a Bundle.
    pub(crate) is_entry: bool,
    /// Its type and id: there may be a version of it.
    pub(crate) place: (ResourceType, &'a str),
}

impl Within<'_> {
    /// Whether the version that is there has this very reference, as far as the caller may read it.
    fn has(&self, session: &Session, held: &mut Option<HashSet<String>>, text: &str) -> bool {
        held.get_or_insert_with(|| session.references_of(self.place)).contains(text)
    }
}

/// Whether it is the reference that is at fault, or what the caller may ask for, and not the service.
fn is_of_text(failure: &Failure) -> bool {
    !matches!(failure.reason, Reason::Internal | Reason::Unavailable | Reason::TooLarge | Reason::Throttled)
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

    /// Rewrites all references of a resource. Only then it is known to which type each points, so those are judged once
    /// more. What leads nowhere is refused, unless the version that is there says the same: it was taken then, and is no
    /// reason to refuse a write that is about something else.
    pub(crate) fn rewrite(&mut self, value: &mut Value, within: &Within<'_>) -> Result<(), Failure> {
        // A document or message keeps the references of its own entries.
        if value.get("resourceType").and_then(Value::as_str) == Some("Bundle") {
            return Ok(());
        }
        let (mut first_failure, mut is_other) = (None, false);
        let (session, mut held) = (self.session, None);
        let shapes = &session.app().definitions.shapes;
        links_mut(shapes, value, &mut |link, text| {
            let result = match link {
                Link::Reference => self.reference(text, within),
                Link::Url | Link::NarrativeUrl => Ok(self.by_url.get(text.as_str()).cloned()),
            };
            match result {
                Ok(Some(new)) => {
                    is_other |= link == Link::Reference;
                    *text = new;
                }
                Ok(None) => {}
                Err(failure) if is_of_text(&failure) && within.has(session, &mut held, text) => {}
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

    /// What a reference becomes; none where it stays. Outside of a Bundle a URN is the name of something elsewhere.
    fn reference(&mut self, text: &str, within: &Within<'_>) -> Result<Option<String>, Failure> {
        if let Some(found) = self.by_url.get(text) {
            return Ok(Some(found.clone()));
        }
        if within.is_entry && (text.starts_with("urn:uuid:") || text.starts_with("urn:oid:")) {
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
        let base = within.full_url.and_then(base_of);
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
