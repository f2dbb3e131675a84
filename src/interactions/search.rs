//! search: the resources that match, of a type or of several, a page at a time. <https://hl7.org/fhir/R4/http.html#search>

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
use crate::interactions::explain;
use crate::interactions::explain::Wanted;
use crate::interactions::request::Body;
use crate::interactions::request::Handling;
use crate::interactions::request::Request;
use crate::interactions::subset;
use crate::interactions::subset::Subset;
use crate::search;
use crate::search::Compartment;
use crate::search::Context;
use crate::search::Edge;
use crate::search::Mistakes;
use crate::search::Query;
use crate::search::Types;
use crate::search::page::Cursor;
use crate::search::query::Shown;
use crate::search::query::Summary;

/// Carries a sealed cursor.
const CURSOR: &str = "_cursor";

/// What is searched: a type or several, everywhere or in one compartment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The type; where there is none, the query names those that are meant.
    pub ty: Option<ResourceType>,
    /// The compartment.
    pub within: Option<Compartment>,
}

impl Field {
    /// The path of the search, without `_search`: to it belong its page links.
    fn path(&self) -> String {
        let ty = self.ty.map(ResourceType::name);
        match &self.within {
            Some(about) => format!("{}/{}/{}", about.ty, about.id, ty.unwrap_or("*")),
            None => ty.unwrap_or_default().to_owned(),
        }
    }

    /// The types that it has.
    fn types(&self, session: &Session) -> Result<Vec<ResourceType>, Failure> {
        let members = |about: &Compartment| session.app().parameters.members(about.ty);
        let inside = match &self.within {
            None => None,
            Some(about) => Some((about.ty, members(about).ok_or_else(|| no_compartment(about.ty))?)),
        };
        match (self.ty, inside) {
            (None, None) => Ok(ResourceType::all().collect()),
            (None, Some((_, members))) => Ok(members.keys().copied().collect()),
            (Some(ty), Some((about, members))) if !members.contains_key(&ty) => {
                let text = format!("In R4 no {ty} stands in the compartment of any {about}.");
                Err(Failure::new(Reason::NotFound, text))
            }
            (Some(ty), _) => Ok(vec![ty]),
        }
    }

    /// Understands a query on it.
    fn query(&self, session: &Session, context: &Context, query: &str) -> Result<Query, Failure> {
        let all = self.types(session)?;
        // The scope comes before anything is looked up for the search, such as a value set that it names.
        if let Some(ty) = self.ty {
            session.require(Action::Search, ty)?;
            return search::parse(context, ty, query);
        }
        let types = match Types::of(query)? {
            Types::All => session.types_to_search(&all)?,
            Types::Named(named) => {
                for ty in &named {
                    session.require(Action::Search, *ty)?;
                }
                // Of what no compartment has there is nothing in this one.
                match named.iter().find(|ty| !all.contains(ty)) {
                    Some(ty) => {
                        let text = format!("No {ty} stands in such a compartment; leave it out of `_type`.");
                        return Err(Failure::new(Reason::Invalid, text).at("http._type"));
                    }
                    None => named,
                }
            }
        };
        search::parse_system(context, &types, query)
    }
}

fn no_compartment(ty: ResourceType) -> Failure {
    Failure::new(Reason::NotFound, format!("R4 defines no compartments of {ty}."))
}

/// Searches a type or several, or what of them is in a compartment.
///
/// # Errors
/// `Invalid` for what the search has wrong; `Forbidden`; `NotFound` for a compartment that there is not.
pub fn search(session: &Session, field: &Field, request: Request) -> Result<Answer, Failure> {
    let path = field.path();
    let asked = Asked::of(session, &path, request)?;
    let query = asked.query(session, field)?;
    if asked.wanted == Wanted::Explanation {
        return explain::explain(session, &query);
    }
    let found = session.search(&query)?;
    bundle(session, &Page { path, asked, query }, found)
}

/// Checks a search of a transaction without running it.
///
/// # Errors
/// As [`search`].
pub fn check(session: &Session, field: &Field, request: Request) -> Result<(), Failure> {
    explain::refuse_in_bundle(&request.query)?;
    Asked::of(session, &field.path(), request)?.query(session, field).map(|_| ())
}

/// A search as it came: its query, or a cursor that holds the query.
struct Asked {
    query: String,
    cursor: Option<String>,
    edge: Option<Edge>,
    lenient: bool,
    wanted: Wanted,
}

impl Asked {
    fn of(session: &Session, path: &str, request: Request) -> Result<Self, Failure> {
        let lenient = request.prefer.handling == Handling::Lenient;
        let (wanted, query) = explain::wanted(session, text(request)?)?;
        let pairs = form::pairs(&query)?;
        let Some((_, cursor)) = pairs.iter().find(|(name, _)| name == CURSOR) else {
            return Ok(Self { query, cursor: None, edge: None, lenient, wanted });
        };
        if pairs.iter().any(|(name, _)| !matches!(name.as_str(), CURSOR | "_format" | "_pretty")) {
            let text = "A page link is followed as it is; it takes no further parameters.";
            return Err(Failure::new(Reason::Invalid, text));
        }
        let Cursor { query, edge, .. } = Cursor::open(&session.seal(), path, cursor)?;
        Ok(Self { query, cursor: Some(cursor.clone()), edge: Some(edge), lenient, wanted })
    }

    fn query(&self, session: &Session, field: &Field) -> Result<Query, Failure> {
        let context = Context { lenient: self.lenient, mistakes: Mistakes::LeftOut, ..session.context() };
        let query = field.query(session, &context, &self.query)?;
        check_part(&query)?;
        if field.within.is_some() && query.is_about_contained() {
            let text = "`_contained` is for searches outside of compartments; name the patient by a parameter, as in \
                        `Observation?patient=1`.";
            return Err(Failure::new(Reason::NotSupported, text).at("http._contained"));
        }
        Ok(query.within(field.within.as_ref(), self.edge.as_ref()))
    }
}

/// Refuses a part of the resources that there is not.
fn check_part(query: &Query) -> Result<(), Failure> {
    match (query.summary, query.elements.is_empty()) {
        (_, true) => Ok(()),
        (Summary::False | Summary::Count, false) => {
            // Of a contained match it may be the container that is shown, of whatever type.
            let is_of_type = !query.is_about_contained() || query.shown == Shown::Contained;
            let only = (query.also.is_empty() && is_of_type).then_some(query.ty);
            Subset::check_elements(only, &query.elements)
        }
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
        let (base, query) = (session.base_url(), &self.query);
        let url = if self.path.is_empty() { base.to_owned() } else { format!("{base}/{}", self.path) };
        let first =
            if query.self_query.is_empty() { url.clone() } else { format!("{url}?{}", query.self_query) };
        let own = self.asked.cursor.as_ref().map(|cursor| format!("{url}?{CURSOR}={cursor}"));
        let further = |edge: Edge| {
            let cursor = Cursor { of: self.path.clone(), query: query.self_query.clone(), edge };
            format!("{url}?{CURSOR}={}", cursor.seal(&session.seal()))
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
        bundle.entry(&Entry::outcome(&outcome));
    }
    Ok(Answer::bytes(bundle.end()))
}

/// An OperationOutcome that names the parameters which a lenient search has ignored, and says what is not all there.
fn remarks(ignored: &[String], cut: bool) -> Option<Vec<u8>> {
    let unknown = |parameter: &String| {
        let text = format!("The parameter `{parameter}` means nothing in this search and was ignored.");
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
