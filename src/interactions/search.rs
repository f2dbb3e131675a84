//! search: a type's resources that match, a page at a time. <https://hl7.org/fhir/R4/http.html#search>

use crate::access::Action;
use crate::app::Answer;
use crate::app::Found;
use crate::app::MOST_HOPS;
use crate::app::MOST_INCLUDED;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::bundle::Entry;
use crate::fhir::bundle::Head;
use crate::fhir::bundle::Writer;
use crate::fhir::form;
use crate::fhir::outcome::outcome;
use crate::interactions::request::Body;
use crate::interactions::request::Handling;
use crate::interactions::request::Request;
use crate::interactions::subset;
use crate::interactions::subset::Subset;
use crate::search;
use crate::search::Context;
use crate::search::Edge;
use crate::search::Query;
use crate::search::page::Cursor;
use crate::search::query::Summary;

/// Carries a sealed cursor.
const CURSOR: &str = "_cursor";

/// Searches a type, or what of it is in a patient's compartment.
///
/// # Errors
/// `Invalid` for what the search has wrong; `Forbidden`.
pub fn search(
    session: &Session,
    ty: ResourceType,
    patient: Option<String>,
    request: Request,
) -> Result<Answer, Failure> {
    let path = path(ty, patient.as_deref());
    let asked = Asked::of(session, &path, request)?;
    let query = Query { compartment: patient, ..asked.query(session, ty)? };
    let found = session.search(&query)?;
    bundle(session, &Page { path, asked, query }, found)
}

/// Checks a search without running it.
///
/// # Errors
/// `Invalid` for what the search has wrong.
pub fn check(session: &Session, ty: ResourceType, request: Request) -> Result<(), Failure> {
    Asked::of(session, &path(ty, None), request)?.query(session, ty).map(|_| ())
}

/// The path of a search, without `_search`: to it belong its page links.
fn path(ty: ResourceType, patient: Option<&str>) -> String {
    match patient {
        Some(patient) => format!("Patient/{patient}/{ty}"),
        None => ty.to_string(),
    }
}

/// A search as it came: its query, or a cursor that holds the query.
struct Asked {
    query: String,
    cursor: Option<String>,
    edge: Option<Edge>,
    lenient: bool,
}

impl Asked {
    fn of(session: &Session, path: &str, request: Request) -> Result<Self, Failure> {
        let lenient = request.prefer.handling == Handling::Lenient;
        let query = text(request)?;
        let pairs = form::pairs(&query)?;
        let Some((_, cursor)) = pairs.iter().find(|(name, _)| name == CURSOR) else {
            return Ok(Self { query, cursor: None, edge: None, lenient });
        };
        if pairs.iter().any(|(name, _)| !matches!(name.as_str(), CURSOR | "_format" | "_pretty")) {
            let text = "A page link is followed as it is; it takes no further parameters.";
            return Err(Failure::new(Reason::Invalid, text));
        }
        let Cursor { query, edge, .. } = Cursor::open(&session.app().cursor_key, path, cursor)?;
        Ok(Self { query, cursor: Some(cursor.clone()), edge: Some(edge), lenient })
    }

    fn query(&self, session: &Session, ty: ResourceType) -> Result<Query, Failure> {
        // Before anything is looked up for the search, such as a value set that it names.
        session.require(Action::Search, ty)?;
        let context = Context { lenient: self.lenient, ..session.context() };
        let query = search::parse(&context, ty, &self.query)?;
        check_part(&query)?;
        Ok(Query { edge: self.edge.clone(), ..query })
    }
}

/// Refuses a part of the resources that there is not.
fn check_part(query: &Query) -> Result<(), Failure> {
    match (query.summary, query.elements.is_empty()) {
        (_, true) => Ok(()),
        (Summary::False | Summary::Count, false) => Subset::check_elements(Some(query.ty), &query.elements),
        (Summary::True | Summary::Text | Summary::Data, false) => Err(subset::both()),
    }
}

/// The parameters of the URL and of the form together.
fn text(request: Request) -> Result<String, Failure> {
    let form = match request.body {
        None => return Ok(request.query),
        Some(Body::Form(bytes)) => String::from_utf8(bytes)
            .map_err(|_| Failure::new(Reason::Invalid, "The form is not UTF-8; send it in UTF-8."))?,
        Some(Body::Json(bytes)) if bytes.is_empty() => return Ok(request.query),
        Some(Body::Json(_) | Body::Patch(..) | Body::Resource(_) | Body::Broken(_)) => {
            let text = "A search is sent as application/x-www-form-urlencoded.";
            return Err(Failure::new(Reason::MediaType, text));
        }
    };
    Ok(if request.query.is_empty() { form } else { format!("{}&{form}", request.query) })
}

/// What a page says of itself.
struct Page {
    path: String,
    asked: Asked,
    query: Query,
}

impl Page {
    /// There is no link to the last page: to find it, all before it would have to be gone through.
    fn links(&self, session: &Session, found: &Found) -> Vec<(&'static str, String)> {
        let (url, query) = (format!("{}/{}", session.base_url(), self.path), &self.query);
        let first =
            if query.self_query.is_empty() { url.clone() } else { format!("{url}?{}", query.self_query) };
        let own = self.asked.cursor.as_ref().map(|cursor| format!("{url}?{CURSOR}={cursor}"));
        let further = |edge: Edge| {
            let cursor = Cursor { of: self.path.clone(), query: query.self_query.clone(), edge };
            format!("{url}?{CURSOR}={}", cursor.seal(&session.app().cursor_key))
        };
        let previous = found.previous.clone().map(|position| ("previous", further(Edge::Before(position))));
        let next = found.next.clone().map(|position| ("next", further(Edge::After(position))));
        let own = [("self", own.unwrap_or_else(|| first.clone())), ("first", first.clone())];
        own.into_iter().chain(previous).chain(next).collect()
    }

    fn subset(&self) -> Subset {
        match self.query.summary {
            Summary::True => Subset::Summary,
            Summary::Text => Subset::Text,
            Summary::Data => Subset::Data,
            Summary::False | Summary::Count if self.query.elements.is_empty() => Subset::All,
            Summary::False | Summary::Count => Subset::Elements(self.query.elements.clone()),
        }
    }
}

fn bundle(session: &Session, page: &Page, found: Found) -> Result<Answer, Failure> {
    let links = page.links(session, &found);
    let mut bundle = Writer::begin(&Head { kind: "searchset", total: found.total, links });
    let subset = page.subset();
    let of_included = subset.of_included();
    let remarks = remarks(&page.query.ignored, found.cut);
    let matches = found.matches.into_iter().map(|stored| ("match", stored));
    let included = found.included.into_iter().map(|stored| ("include", stored));
    for (mode, stored) in matches.chain(included) {
        let full_url = format!("{}/{}/{}", session.base_url(), stored.ty, stored.id);
        let part = if mode == "include" { &of_included } else { &subset };
        let body = part.apply(stored.body)?;
        bundle.entry(&Entry {
            full_url: Some(full_url),
            resource: Some(&body),
            search_mode: Some(mode),
            ..Entry::default()
        });
    }
    if let Some(outcome) = remarks {
        bundle.entry(&Entry { resource: Some(&outcome), search_mode: Some("outcome"), ..Entry::default() });
    }
    Ok(Answer::bytes(bundle.end()))
}

/// An OperationOutcome that names the parameters which a lenient search has ignored, and says what is not all there.
fn remarks(ignored: &[String], cut: bool) -> Option<Vec<u8>> {
    let unknown = |parameter: &String| {
        let text = format!("The parameter `{parameter}` is not known here and was ignored.");
        Issue::warning("not-supported", text)
    };
    let mut issues: Vec<Issue> = ignored.iter().map(unknown).collect();
    if cut {
        let text = format!(
            "More goes with these matches than a page may have, which is {MOST_INCLUDED} resources over at most \
             {MOST_HOPS} hops; the rest is left out. Ask for fewer matches by `_count`, or for less by the includes."
        );
        issues.push(Issue::warning("too-costly", text));
    }
    (!issues.is_empty()).then(|| outcome(&issues).to_string().into_bytes())
}
