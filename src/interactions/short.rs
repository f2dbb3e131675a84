//! Which requests end so soon that another thread is not worth its price, on a database that is part of this process.
//! <https://hl7.org/fhir/R4/http.html#search>
//!
//! Handing a request to another thread and its answer back takes as long as a short search itself. But as long as one
//! runs here, no other request of this thread is answered: so only that is short which looks at what belongs to one
//! patient, or walks an index that has the matches in their order, and brings few resources.

use crate::fhir::ResourceType;
use crate::interactions::Interaction;
use crate::interactions::is_short_read;
use crate::search::Kind;
use crate::search::Parameters;

/// Parameters of which one value names few resources.
const FEW: [&str; 5] = ["_id", "identifier", "patient", "subject", "encounter"];

/// Parameters that add no more than a look at each of those.
const LIGHT: [&str; 4] = ["_format", "_include", "_lastUpdated", "_pretty"];

/// Parameters that take all matches to be gone through.
const THOROUGH: [&str; 3] = ["_sort", "_summary", "_total"];

/// The largest page.
const PAGE: u32 = 100;

/// Whether a request, of which this is the query, ends soon.
pub fn is_short(parameters: &Parameters, interaction: &Interaction, query: &str) -> bool {
    match interaction {
        Interaction::Search { field } => match (field.ty, &field.within) {
            (Some(ty), None) => is_short_search(parameters, ty, query),
            (Some(_) | None, _) => false,
        },
        other => is_short_read(other),
    }
}

fn is_short_search(parameters: &Parameters, ty: ResourceType, query: &str) -> bool {
    let (mut few, mut thorough, mut codes, mut others) = (false, false, 0, 0);
    for (name, value) in query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
        match name {
            "_count" if value.parse().is_ok_and(|count: u32| count <= PAGE) => {}
            name if FEW.contains(&name) && !value.contains(',') && !value.contains("%2C") => few = true,
            name if LIGHT.contains(&name) => {}
            name if THOROUGH.contains(&name) => thorough = true,
            // Modifiers, chains and special parameters ask for more than one look-up.
            name if name.starts_with('_')
                || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') =>
            {
                return false;
            }
            name => match parameters.find(ty, name).map(|parameter| parameter.kind) {
                Some(Kind::Token) if is_one_code(value) => codes += 1,
                Some(_) => others += 1,
                None => return false,
            },
        }
    }
    few || (codes == 1 && others == 0 && !thorough)
}

/// A code with its system: the index has its resources in the order of a page.
fn is_one_code(value: &str) -> bool {
    let parts = value.split_once('|').or_else(|| value.split_once("%7C"));
    parts.is_some_and(|(system, code)| {
        let single = !value.contains(',') && !value.contains("%2C");
        single && !system.is_empty() && !code.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;
    use crate::fhir::bundle::Method;
    use crate::interactions::route;

    #[test]
    fn short_is_what_belongs_to_one_patient_or_comes_out_of_an_index_in_order() {
        let parameters =
            Parameters::compile(&Definitions::shared().expect("they load")).expect("they compile");
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
            let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
            let interaction = route(Method::Get, path).expect(asked);
            assert_eq!(is_short(&parameters, &interaction, query), expected, "{asked}");
        }
    }
}
