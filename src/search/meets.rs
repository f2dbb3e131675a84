//! Whether a resource that is not stored yet meets a condition, by its index rows: for references by a search to what
//! the same transaction writes. <https://hl7.org/fhir/R4/http.html#trules>

use crate::search::Kind;
use crate::search::query::Condition;
use crate::search::query::Criterion;
use crate::search::query::Rows;
use crate::search::query::Test;
use crate::search::rows::IndexRows;
use crate::search::rows::TokenRow;
use crate::search::sql::Bind;
use crate::search::sql::Sql;

/// Whether a resource with this id and these rows meets all of the criteria. None where a criterion is neither an id
/// nor a code, such as an identifier, without a modifier but `:not`: the others are for the database to tell.
pub fn meets(criteria: &[Criterion], id: &str, rows: &IndexRows) -> Option<bool> {
    let mut all = true;
    for criterion in criteria {
        let met = match &criterion.test {
            Test::Id(ids) => ids.iter().any(|own| own == id),
            Test::Index(asked) => has_token(asked, &rows.tokens)?,
            Test::Updated(_)
            | Test::Chain(..)
            | Test::Has(..)
            | Test::Tree(_)
            | Test::Words(_)
            | Test::All(_)
            | Test::Any(_) => return None,
        };
        all &= met != criterion.negated;
    }
    Some(all)
}

/// The codes one of which a resource must have, each with its parameter, where a criterion says so: with them few of
/// many resources need be looked at.
pub fn codes(criteria: &[Criterion]) -> Option<Vec<(i64, String)>> {
    criteria.iter().filter(|criterion| !criterion.negated).find_map(|criterion| match &criterion.test {
        Test::Index(asked) if asked.kind == Kind::Token && !asked.any.is_empty() => {
            let params = std::iter::once(asked.param).chain(asked.also);
            let of_each = |param| asked.any.iter().map(move |one| Some((param, code(one)?)));
            params.flat_map(of_each).collect()
        }
        Test::Index(_) | Test::Id(_) | Test::Updated(_) | Test::Chain(..) | Test::Has(..) | Test::Tree(_) => {
            None
        }
        Test::Words(_) | Test::All(_) | Test::Any(_) => None,
    })
}

fn code(condition: &Condition) -> Option<String> {
    match condition.leading.as_slice() {
        [("code", values)] => match values.as_slice() {
            [Bind::Text(code)] => Some(code.to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn has_token(asked: &Rows, rows: &[TokenRow]) -> Option<bool> {
    let known = forms("", 0);
    let is_plain = |sql: &Sql| known.iter().any(|form| form.is_like(sql));
    if asked.kind != Kind::Token || asked.any.is_empty() || !asked.any.iter().all(|one| is_plain(&one.sql)) {
        return None;
    }
    let own = rows.iter().filter(|row| row.param == asked.param || Some(row.param) == asked.also);
    let mut forms = own.flat_map(|row| forms(&row.code, row.system));
    Some(forms.any(|form| asked.any.iter().any(|one| one.sql == form)))
}

/// The conditions that a row meets: by its code, by code and system, by its system.
fn forms(code: &str, system: i64) -> [Sql; 3] {
    let (code, system): (Bind, Bind) = (code.into(), system.into());
    [
        Sql::of("code = ?", [code.clone()]),
        Sql::of("code = ? AND system = ?", [code, system.clone()]),
        Sql::of("system = ?", [system]),
    ]
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;
    use crate::definitions::Definitions;
    use crate::fhir::ResourceType;
    use crate::search::Context;
    use crate::search::Effort;
    use crate::search::Mistakes;
    use crate::search::Parameters;
    use crate::search::parse;
    use crate::search::rows;

    #[test]
    fn ids_and_codes_are_told_from_the_rows_and_nothing_else_is() {
        let definitions = Definitions::shared().expect("the definitions load");
        let parameters = Parameters::compile(&definitions).expect("they compile");
        let zone = TimeZone::UTC;
        let context = Context {
            parameters: &parameters,
            zone: &zone,
            now: 0,
            effort: Effort::of(definitions.as_ref()),
            base_url: "",
            lenient: false,
            mistakes: Mistakes::Found,
            default_count: 20,
            max_count: 1_000,
        };
        let patient = ResourceType::parse("Patient").expect("a type of R4");
        let rows = rows(
            &parameters,
            &json!({ "resourceType": "Patient", "id": "p", "active": true, "name": [{ "family": "Ash" }],
                "identifier": [{ "system": "urn:a", "value": "1" }, { "value": "2" }] }),
            &zone,
        );
        for (query, expected, has_codes) in [
            ("identifier=urn:a|1", Some(true), true),
            ("identifier=1", Some(true), true),
            ("identifier=urn:a|", Some(true), false),
            ("identifier=|2", Some(true), true),
            ("identifier=urn:a|2", Some(false), true),
            ("identifier=urn:b|1,urn:a|1", Some(true), true),
            ("identifier:not=urn:a|1", Some(false), false),
            ("identifier=urn:a|1&active=false", Some(false), true),
            ("_id=p", Some(true), false),
            ("_id=q", Some(false), false),
            ("name=ash", None, false),
            ("identifier=urn:a|1&birthdate=2000", None, true),
            ("identifier:missing=false", None, false),
        ] {
            let criteria = parse(&context, patient, query).expect(query).criteria;
            assert_eq!(meets(&criteria, "p", &rows), expected, "{query}");
            assert_eq!(codes(&criteria).is_some(), has_codes, "{query}");
        }
    }
}
