//! A search on several types at once: `GET [base]?_type=Condition,Goal&patient=1`.
//! <https://hl7.org/fhir/R4/http.html#search>

use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::form::pairs;
use crate::search::query::Context;
use crate::search::query::Query;
use crate::search::query::parse::Pair;
use crate::search::query::parse::issue;
use crate::search::query::parse::of_types;
use crate::search::query::result;

/// Names the types that are searched.
const TYPE: &str = "_type";

/// What every type has to search by, and what therefore needs no types named.
const OF_ALL: [&str; 9] =
    ["_content", "_id", "_lastUpdated", "_list", "_profile", "_security", "_source", "_tag", NARRATIVE];

/// What nearly every type has: of the others no resource has a narrative, so that none of theirs is meant.
const NARRATIVE: &str = "_text";

/// The types of a search on several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Types {
    /// Those that it names.
    Named(Vec<ResourceType>),
    /// It names none, so that it is on all.
    All,
}

impl Types {
    /// Reads `_type`, each type once and in the order in which it is named.
    ///
    /// # Errors
    /// `Invalid` for a type that R4 does not have, or `_type` twice.
    pub fn of(query: &str) -> Result<Self, Failure> {
        let wrong = |text: String| Failure::of(Reason::Invalid, vec![issue(Reason::Invalid, TYPE, text)]);
        let all = pairs(query)?;
        let mut named = all.iter().filter(|(name, value)| name == TYPE && !value.is_empty());
        let Some((_, value)) = named.next() else { return Ok(Self::All) };
        if named.next().is_some() {
            return Err(wrong("`_type` is there twice; name all types in one, with commas.".into()));
        }
        let mut types = Vec::new();
        for name in value.split(',') {
            let ty = ResourceType::parse(name)
                .ok_or_else(|| wrong(format!("`{name}` is not a resource type of FHIR R4.")))?;
            if !types.contains(&ty) {
                types.push(ty);
            }
        }
        Ok(Self::Named(types))
    }
}

/// Understands the query of a search on these types, which are never none: those that it names itself, or, where it
/// names none, all of which there can be matches.
///
/// # Errors
/// As [`crate::search::parse`]; for a parameter that not all of the types have; for one that not every type of R4 has
/// where none is named.
pub fn parse_system(context: &Context, types: &[ResourceType], query: &str) -> Result<Query, Failure> {
    let named = Types::of(query)? != Types::All;
    let mut rest: Vec<Pair> = pairs(query)?.into_iter().filter(|(name, _)| name != TYPE).collect();
    let mut ignored = Vec::new();
    if !named {
        let unknown: Vec<Pair> = rest.iter().filter(|(name, _)| !is_of_all(name)).cloned().collect();
        if !unknown.is_empty() && !context.lenient {
            return Err(Failure::of(Reason::Invalid, unknown.iter().map(not_of_all).collect()));
        }
        rest.retain(|pair| !unknown.contains(pair));
        ignored = unknown.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    }
    let narrated = if named { None } else { narrated(context, types, &mut rest) };
    let mut read = of_types(context, narrated.as_deref().unwrap_or(types), &rest)?;
    if named {
        let names: Vec<&str> = types.iter().map(|ty| ty.name()).collect();
        read.self_query = format!("{TYPE}={}&{}", names.join(","), read.self_query);
    }
    ignored.append(&mut read.ignored);
    Ok(Query { ignored, ..read })
}

/// Those of the types that have a narrative, where it is asked for; where none of them has, nothing is found.
fn narrated(context: &Context, types: &[ResourceType], rest: &mut [Pair]) -> Option<Vec<ResourceType>> {
    // What is ignored or refused narrows nothing.
    let mut asked = rest.iter_mut().filter(|(name, value)| name == NARRATIVE && !value.is_empty());
    let first = asked.next()?;
    let has_narrative = |ty: &&ResourceType| context.parameters.find(**ty, NARRATIVE).is_some();
    let some: Vec<ResourceType> = types.iter().filter(has_narrative).copied().collect();
    if !some.is_empty() {
        return Some(some);
    }
    let nothing = || ("_id:missing".to_owned(), "true".to_owned());
    std::iter::once(first).chain(asked).for_each(|pair| *pair = nothing());
    None
}

fn is_of_all(name: &str) -> bool {
    let code = name.split(':').next().unwrap_or_default();
    OF_ALL.contains(&code) || result::is_about_result(name)
}

fn not_of_all((name, _): &Pair) -> Issue {
    let known = OF_ALL.join(", ");
    let text =
        format!("Not every type has `{name}`; name the types by `_type`. Without it there are {known}.");
    issue(Reason::NotSupported, name, text)
}
