//! `$everything`: all that belongs to a patient, an encounter or an episode of care, and what it points to.
//! <https://hl7.org/fhir/R4/patient-operation-everything.html>
//!
//! Unless pages are asked for, everything comes in one Bundle, up to the largest page that there is; what is more
//! follows by `next`. A page link holds the whole question, sealed, so that it is followed as it is.

use serde_json::Value;
use serde_json::json;

use crate::access::Action;
use crate::app::Answer;
use crate::app::Found;
use crate::app::LARGEST_PAGE;
use crate::app::Session;
use crate::app::subset::Subset;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::Severity;
use crate::fhir::bundle::Entry;
use crate::fhir::bundle::Head;
use crate::fhir::bundle::Writer;
use crate::fhir::datetime::Span;
use crate::fhir::datetime::span;
use crate::fhir::form::encoded;
use crate::fhir::outcome::outcome;
use crate::fhir::parameters::Given;
use crate::operations::Call;
use crate::search::Edge;
use crate::search::Visible;
use crate::search::page::Cursor;
use crate::search::plan::record_query;
use crate::search::plan::record_query::Focus;
use crate::search::plan::record_query::Place;
use crate::search::plan::record_query::RecordQuery;

/// Carries a sealed cursor.
const CURSOR: &str = "_cursor";
/// To what a page link belongs; what it carries says about whom it is.
const SEARCH: &str = "$everything";

/// The parameters that say what is asked for, in the order of the `self` link.
const QUESTION: [&str; 7] = ["start", "end", "_since", "_type", "_count", "_summary", "_elements"];

/// A page of the record.
///
/// # Errors
/// `Forbidden` without the scope to search; `Invalid` for what a parameter has wrong; `BusinessRule` where the
/// record would be that of every patient.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let (ty, id) = call
        .target
        .clone()
        .ok_or_else(|| Failure::new(Reason::Invalid, "$everything is called on a type or an instance."))?;
    session.require(Action::Search, ty)?;
    let focus = match id {
        Some(id) if ty.name() == "Patient" => Focus::Patients(vec![id]),
        Some(id) => Focus::Resource(ty, id),
        None => own_patients(session, ty)?,
    };
    let page = Page::of(session, &call, (ty, focus))?;
    let found = session.record(&page.query)?;
    bundle(session, &page, found)
}

/// The patients to whom the caller is held.
fn own_patients(session: &Session, ty: ResourceType) -> Result<Focus, Failure> {
    match session.caller().visible(Action::Search, ty) {
        Visible::Patients(patients) | Visible::Whole(patients) => Ok(Focus::Patients(patients)),
        Visible::Nothing => Ok(Focus::Patients(Vec::new())),
        Visible::All => {
            let text =
                "The access token reaches every patient; ask for one at a time: Patient/{id}/$everything.";
            Err(Failure::new(Reason::BusinessRule, text).code("too-costly"))
        }
    }
}

/// One page: what it asks for and where it is.
struct Page {
    url: String,
    query: RecordQuery,
    part: Part,
    link: String,
}

/// Which part of each resource is asked for: `_summary` and `_elements`.
type Part = [Option<String>; 2];

fn subset([summary, elements]: &Part) -> Result<Subset, Failure> {
    Subset::of(None, summary.as_deref(), elements.as_deref())
}

impl Page {
    fn of(session: &Session, call: &Call, (ty, focus): (ResourceType, Focus)) -> Result<Self, Failure> {
        let id = call.target.as_ref().and_then(|(_, id)| id.as_deref());
        let below = id.map_or_else(String::new, |id| format!("/{id}"));
        let url = format!("{}/{ty}{below}/$everything", session.base_url());
        if let Some(cursor) = call.parameters.text(CURSOR) {
            if QUESTION.iter().any(|name| call.parameters.one(name).is_some()) {
                let text = "A page link is followed as it is; it takes no further parameters.";
                return Err(Failure::new(Reason::Invalid, text));
            }
            let (query, part) = follow(session, cursor, (ty, focus))?;
            return Ok(Self { link: format!("{url}?{CURSOR}={cursor}"), url, query, part });
        }
        let query = asked(session, call, focus)?;
        let part = ["_summary", "_elements"].map(|name| call.parameters.text(name).map(str::to_owned));
        subset(&part)?;
        let given = QUESTION.iter().flat_map(|name| call.parameters.all(name));
        let pairs: Vec<String> = given.map(|given| shown(given, query.count)).collect();
        let link = if pairs.is_empty() { url.clone() } else { format!("{url}?{}", pairs.join("&")) };
        Ok(Self { url, query, part, link })
    }

    fn links(&self, session: &Session, found: &Found) -> Vec<(&'static str, String)> {
        let next = found.next.as_ref().map(|position| {
            let edge = Edge::After(position.clone());
            let cursor = Cursor { of: SEARCH.into(), query: question(&self.query, &self.part), edge };
            let sealed = cursor.seal(&session.seal());
            ("next", format!("{}?{CURSOR}={sealed}", self.url))
        });
        [("self", self.link.clone())].into_iter().chain(next).collect()
    }
}

fn shown(given: &Given, count: u32) -> String {
    let value = match given.value() {
        Some(Value::String(text)) => encoded(text),
        // a count beyond the largest was lowered
        Some(_) | None => count.to_string(),
    };
    format!("{}={value}", given.name)
}

fn asked(session: &Session, call: &Call, focus: Focus) -> Result<RecordQuery, Failure> {
    let mut types = Vec::new();
    for given in call.parameters.all("_type") {
        for name in given.text().unwrap_or_default().split(',') {
            let unknown = || wrong(given, format!("`{name}` is not a resource type of FHIR R4."));
            types.push(ResourceType::parse(name.trim()).ok_or_else(unknown)?);
        }
    }
    let read = |name: &str| -> Result<Option<Span>, Failure> {
        let Some(given) = call.parameters.one(name) else { return Ok(None) };
        let text = given.text().unwrap_or_default();
        span(text, session.zone()).map(Some).ok_or_else(|| {
            let text = format!("`{name}` is not a date; write 2024, 2024-05 or 2024-05-31.");
            wrong(given, text)
        })
    };
    let (start, end) = (read("start")?, read("end")?);
    if let (Some(first), Some(last), Some(given)) = (start, end, call.parameters.one("end"))
        && last.high < first.low
    {
        return Err(wrong(given, "`end` is before `start`."));
    }
    let care = (start.is_some() || end.is_some()).then(|| Span {
        low: start.map_or(i64::MIN, |start| start.low),
        high: end.map_or(i64::MAX, |end| end.high),
    });
    let since = read("_since")?.map(|since| since.low);
    let care = care.map(|span| session.care_of(span));
    Ok(RecordQuery { focus, types, since, care, count: count(call)?, after: Place::START })
}

fn count(call: &Call) -> Result<u32, Failure> {
    let Some(given) = call.parameters.one("_count") else { return Ok(LARGEST_PAGE) };
    let count = call.parameters.integer("_count").and_then(|count| u32::try_from(count).ok());
    match count {
        Some(count) if count > 0 => Ok(count.min(LARGEST_PAGE)),
        Some(_) | None => Err(wrong(given, "`_count` is the number of resources on a page, at least 1.")),
    }
}

fn wrong(given: &Given, text: impl Into<String>) -> Failure {
    Failure::new(Reason::Invalid, text).at(given.at.clone())
}

/// What is asked for, as a cursor keeps it.
fn question(query: &RecordQuery, part: &Part) -> String {
    let types: Vec<i64> = query.types.iter().map(|ty| ty.number()).collect();
    let care = query.care.as_ref().map(|care| (care.span.low, care.span.high));
    json!([subject(&query.focus), types, query.since, care, query.count, part]).to_string()
}

fn subject(focus: &Focus) -> String {
    match focus {
        Focus::Patients(patients) => format!("$everything Patient {}", patients.join(" ")),
        Focus::Resource(ty, id) => format!("$everything {ty} {id}"),
    }
}

fn follow(
    session: &Session,
    cursor: &str,
    (ty, focus): (ResourceType, Focus),
) -> Result<(RecordQuery, Part), Failure> {
    let foreign = || {
        let text = format!("The page link does not belong here; start again with {ty}/$everything itself.");
        Failure::new(Reason::Invalid, text)
    };
    let cursor = Cursor::open(&session.seal(), SEARCH, cursor)?;
    let Edge::After(position) = cursor.edge else { return Err(foreign()) };
    let parts: Value = serde_json::from_str(&cursor.query).map_err(|_| foreign())?;
    if parts[0] != subject(&focus).as_str() {
        return Err(foreign());
    }
    let place = match position.keys.first().and_then(Option::as_deref) {
        Some("own") => record_query::Part::Own,
        Some("linked") => record_query::Part::Linked,
        Some(_) | None => return Err(foreign()),
    };
    let types = parts[1].as_array().into_iter().flatten().filter_map(Value::as_i64);
    let care = parts[3][0].as_i64().zip(parts[3][1].as_i64()).map(|(low, high)| Span { low, high });
    let part = [0, 1].map(|at| parts[5][at].as_str().map(str::to_owned));
    let query = RecordQuery {
        focus,
        types: types.filter_map(ResourceType::from_number).collect(),
        since: parts[2].as_i64(),
        care: care.map(|span| session.care_of(span)),
        count: parts[4].as_u64().and_then(|count| u32::try_from(count).ok()).ok_or_else(foreign)?,
        after: Place { part: place, key: position.rid },
    };
    Ok((query, part))
}

fn bundle(session: &Session, page: &Page, found: Found) -> Result<Answer, Failure> {
    let links = page.links(session, &found);
    let mut bundle = Writer::begin(&Head { kind: "searchset", total: found.total, links });
    let subset = subset(&page.part)?;
    let own = found.matches.into_iter().map(|stored| ("match", stored));
    let linked = found.included.into_iter().map(|stored| ("include", stored));
    for (mode, stored) in own.chain(linked) {
        let body = subset.apply(stored.body)?;
        bundle.entry(&Entry {
            full_url: Some(format!("{}/{}/{}", session.base_url(), stored.ty, stored.id)),
            resource: Some(&body),
            search_mode: Some(mode),
            ..Entry::default()
        });
    }
    let first = page.query.after == Place::START;
    if let Some(outcome) = first.then(|| left_out(session, &page.query)).flatten() {
        bundle.entry(&Entry::outcome(&outcome));
    }
    Ok(Answer::bytes(bundle.end()))
}

/// Names the types of which the access token shows nothing, where there are such among those asked for.
fn left_out(session: &Session, query: &RecordQuery) -> Option<Vec<u8>> {
    let is_person = matches!(query.focus, Focus::Patients(_));
    let inside = |ty: &ResourceType| {
        // A roster belongs to none of the patients whom it lists, and comes to those who see everybody.
        let comes = ty.name() != "Group" || (is_person && sees_everybody(session));
        session.app().parameters.compartment(*ty).is_some() && comes
    };
    let asked: Vec<ResourceType> = match query.types.as_slice() {
        [] => ResourceType::all().filter(inside).collect(),
        types => types.to_vec(),
    };
    let hidden = asked.iter().filter(|ty| !session.caller().may(Action::Search, **ty));
    let names: Vec<&str> = hidden.map(|ty| ty.name()).collect();
    let text = format!(
        "The access token has no scope to search these types, which are left out: {}.",
        names.join(", ")
    );
    let issue = Issue { severity: Severity::Information, ..Issue::error("suppressed", text) };
    (!names.is_empty()).then(|| outcome(&[issue]).to_string().into_bytes())
}

fn sees_everybody(session: &Session) -> bool {
    let patient = ResourceType::parse("Patient").expect("Patient is a type of R4");
    session.caller().visible(Action::Search, patient) == Visible::All
}
