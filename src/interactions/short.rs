//! Which requests end so soon that another thread is not worth its price, on a database that is part of this process.
//! <https://hl7.org/fhir/R4/http.html#search>
//!
//! Handing a request to another thread and its answer back takes as long as a short search itself. But as long as one
//! runs here, no other request of this thread is answered: so only that is short which looks at what belongs to one
//! patient, or walks an index that has the matches in their order, and brings few resources. What a search looks at is
//! told by the query as it is understood, never by its spelling: where anything of it is not, it is not short.

use crate::access::Action;
use crate::app::Session;
use crate::fhir::ResourceType;
use crate::fhir::form::pairs;
use crate::interactions::Interaction;
use crate::interactions::is_short_read;
use crate::search::Context;
use crate::search::Kind;
use crate::search::Parameters;
use crate::search::Query;
use crate::search::Visible;
use crate::search::parse;
use crate::search::query::Condition;
use crate::search::query::Criterion;
use crate::search::query::Reach;
use crate::search::query::Rows;
use crate::search::query::Summary;
use crate::search::query::Test;
use crate::search::query::Total;
use crate::search::sql::Bind;

/// References of which one value names few resources, where it leads to one of `OWNERS`.
const OWNED: [&str; 3] = ["encounter", "patient", "subject"];

/// The types of which one resource has few others. A group or a place may have any number.
const OWNERS: [&str; 3] = ["Encounter", "EpisodeOfCare", "Patient"];

/// Parameters beside a type's own that add no more than a look at each of those. All others ask for more than one
/// look-up, or for a value set, even to be understood.
const LIGHT: [&str; 9] =
    ["_count", "_format", "_id", "_include", "_lastUpdated", "_pretty", "_sort", "_summary", "_total"];

/// The largest page.
const PAGE: u32 = 100;

/// Whether a request, of which this is the query, ends soon.
pub fn is_short(session: &Session, interaction: &Interaction, query: &str) -> bool {
    match interaction {
        Interaction::Search { field } => match (field.ty, &field.within) {
            (Some(ty), None) if is_plain(query) => {
                let visible = session.caller().visible(Action::Search, ty);
                is_short_search(&session.context(), &visible, (ty, query))
            }
            (Some(_) | None, _) => false,
        },
        other => is_short_read(other),
    }
}

/// Whether every name is one of a light parameter, or of a type's own without a modifier and without a chain.
fn is_plain(query: &str) -> bool {
    let is_own = |name: &str| {
        !name.starts_with('_') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    pairs(query)
        .is_ok_and(|pairs| pairs.iter().all(|(name, _)| LIGHT.contains(&name.as_str()) || is_own(name)))
}

fn is_short_search(context: &Context, visible: &Visible, (ty, query): (ResourceType, &str)) -> bool {
    let Ok(query) = parse(context, ty, query) else { return false };
    if query.count > PAGE || !query.ignored.is_empty() {
        return false;
    }
    query.criteria.iter().any(|criterion| names_few(context.parameters, criterion))
        || (comes_in_order(&query) && is_seen_in_order(context.parameters, visible, ty))
}

/// Whether few resources meet a condition: one with this id, those with one identifier, or those of one patient.
fn names_few(parameters: &Parameters, criterion: &Criterion) -> bool {
    match &criterion.test {
        _ if criterion.negated => false,
        Test::Id(ids) => ids.len() == 1,
        Test::Index(Rows { kind, param, any, .. }) => {
            let code = parameters.by_number(*param).map_or("", |parameter| parameter.code.as_str());
            match (any.as_slice(), kind) {
                ([one], Kind::Token) => code == "identifier" && has_value(one),
                ([one], Kind::Reference) => OWNED.contains(&code) && has_value(one) && leads_to_an_owner(one),
                _ => false,
            }
        }
        Test::Updated(_) | Test::Chain(..) | Test::Has(..) | Test::Tree(_) | Test::Words(_) => false,
        Test::All(_) | Test::Any(_) => false,
    }
}

/// Whether it gives more than a system.
fn has_value(condition: &Condition) -> bool {
    match condition.reach {
        Reach::Exact | Reach::Equal => true,
        Reach::Range | Reach::Upwards(_) | Reach::Between { .. } => false,
    }
}

fn leads_to_an_owner(condition: &Condition) -> bool {
    let owners: Vec<Bind> =
        OWNERS.into_iter().filter_map(ResourceType::parse).map(|ty| ty.number().into()).collect();
    let mut types = condition.leading.iter().filter(|(column, _)| *column == "target_type");
    types.next().is_some_and(|(_, types)| types.iter().all(|ty| owners.contains(ty)))
}

/// Whether the one condition is a code with its system, of which the index has the resources in the order of the page,
/// and nothing asks for more of them than the page.
fn comes_in_order(query: &Query) -> bool {
    let [
        Criterion {
            test: Test::Index(Rows { kind: Kind::Token, also: None, any, .. }), negated: false, ..
        },
    ] = query.criteria.as_slice()
    else {
        return false;
    };
    matches!(any.as_slice(), [Condition { reach: Reach::Exact, .. }])
        && query.sort.is_empty()
        && query.summary == Summary::False
        && matches!(query.total, Total::Default | Total::None)
}

/// Whether the caller sees all that the index has, or what belongs to one patient: else a page may be looked for among
/// any number of rows that they do not see.
fn is_seen_in_order(parameters: &Parameters, visible: &Visible, ty: ResourceType) -> bool {
    match visible {
        Visible::All | Visible::Nothing => true,
        Visible::Patients(patients) | Visible::Whole(patients) => {
            patients.len() == 1 && parameters.compartment(ty).is_some()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;
    use crate::fhir::bundle::Method;
    use crate::interactions::route;
    use crate::search::Effort;
    use crate::search::Mistakes;
    use jiff::tz::TimeZone;

    fn short(asked: &str, visible: &Visible) -> bool {
        let definitions = Definitions::shared().expect("they load");
        let parameters = Parameters::compile(&definitions).expect("they compile");
        let context = Context {
            parameters: &parameters,
            zone: &TimeZone::UTC,
            now: 0,
            effort: Effort::of(definitions.as_ref()),
            base_url: "https://comfrey.test/fhir",
            // whatever is not known is ignored then
            lenient: true,
            mistakes: Mistakes::Found,
            default_count: 20,
            max_count: 1_000,
        };
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        match route(Method::Get, path).expect(asked) {
            Interaction::Search { field } => match (field.ty, &field.within) {
                (Some(ty), None) => is_plain(query) && is_short_search(&context, visible, (ty, query)),
                (Some(_) | None, _) => false,
            },
            other => is_short_read(&other),
        }
    }

    #[test]
    fn short_is_what_belongs_to_one_patient_or_comes_out_of_an_index_in_order() {
        let table = [
            ("Goal/1", true),
            ("CarePlan?patient=1", true),
            ("CarePlan?patient=1&category=a|b&status=active&_include=CarePlan:goal", true),
            ("Observation?patient=1&code=a|b&_sort=-date&_count=10", true),
            ("Condition?code=a%7Cb&_count=20", true),
            ("Patient?identifier=a|b", true),
            ("Patient?_id=1", true),
            ("Condition?code=a|b&_count=1000", false),
            ("Condition?code=a|b&_total=accurate", false),
            ("Condition?code=a|b&_sort=-onset-date", false),
            ("Observation?subject=Patient/1&_sort=date&_total=accurate", true),
            ("Observation?encounter=1&_lastUpdated=gt1990", true),
            ("Patient?identifier=a%7Cb&_sort=birthdate&_total=accurate", true),
            ("Patient?identifier=http://mrn|&_sort=birthdate&_total=accurate", false),
            ("Patient?identifier=http://mrn%7c&_total=accurate", false),
            ("Observation?patient=1%2c2%2c3", false),
            ("Observation?patient=1%2C2", false),
            ("Observation?%70atient=1,2", false),
            ("Condition?code=a%7cb%2cc%7cd", false),
            ("Condition?code=a|b&_lastUpdated=lt1990", false),
            ("Practitioner?patient=1&_sort=name", false),
            ("Medication?subject=Patient/1", false),
            ("Observation?patient=1&colour=blue", false),
            ("Observation?patient=1&_include=Observation:colour", false),
            ("Observation?subject=Group/1&_sort=date&_total=accurate", false),
            ("Observation?subject=Location/1&_sort=date", false),
            ("Observation?subject=1&_sort=date", false),
            ("Condition?patient=1&_count=1000", false),
            ("Condition?code=a|b,c|d", false),
            ("Condition?code=b", false),
            ("Condition?code=a|b&clinical-status=c|d", false),
            ("Condition?patient=1,2", false),
            ("Condition?patient.name=x&subject=1", false),
            ("Condition?patient=1&code:in=x", false),
            ("Condition?patient=1&_has:Provenance:target:agent=1", false),
            ("Condition?patient=1&_revinclude=Provenance:target", false),
            ("Condition?patient=1&_include:iterate=Condition:encounter", false),
            ("Condition?patient=1&colour=blue", false),
            ("Condition?_cursor=x", false),
            ("Condition", false),
            ("?patient=1", false),
            ("Patient/1/Condition?patient=1", false),
            ("Patient/1/_history", false),
        ];
        for (asked, expected) in table {
            assert_eq!(short(asked, &Visible::All), expected, "{asked}");
        }
    }

    #[test]
    fn what_a_caller_sees_a_few_of_is_not_short_where_the_others_are_passed_over() {
        let of = |patients: &[&str]| Visible::Patients(patients.iter().map(|id| (*id).to_owned()).collect());
        assert!(short("Condition?code=a|b", &of(&["1"])));
        assert!(!short("Condition?code=a|b", &of(&["1", "2"])));
        assert!(!short("Practitioner?active=a|b", &of(&["1"])), "seen only where the patient refers to it");
        assert!(short("Condition?patient=1&code=a|b", &of(&["1", "2"])));
    }
}
