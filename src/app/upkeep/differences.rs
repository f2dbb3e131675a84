//! In what the index rows of a resource differ from those that its content gives, and its history from one without gaps,
//! in lines that name search parameters and never content. <https://hl7.org/fhir/R4/search.html>

use std::collections::BTreeSet;

use crate::search::IndexRows;
use crate::search::Parameters;
use crate::search::contained::Inside;
use crate::store::Stored;
use crate::store::index::minus;
use crate::store::survey::Versions;

/// What differs, a line for each table: how many rows, of which search parameters.
pub(super) fn index_faults(expected: &IndexRows, held: &IndexRows, parameters: &Parameters) -> Vec<String> {
    let code = |number: i64| match parameters.by_number(number) {
        Some(parameter) => parameter.code.clone(),
        None => "one that is not known".to_owned(),
    };
    macro_rules! of {
        ($table:literal, $list:ident) => {
            fault($table, (&expected.$list, &held.$list), |row| code(row.param))
        };
    }
    let contained = contained_faults(&expected.contained, &held.contained, parameters);
    [
        of!("idx_token", tokens),
        of!("idx_string", strings),
        of!("idx_reference", references),
        of!("idx_date", dates),
        of!("idx_number", numbers),
        of!("idx_quantity", quantities),
        of!("idx_uri", uris),
        of!("idx_composite", composites),
        fault("idx_text", (&expected.texts, &held.texts), |_| String::new()),
        fault("idx_compartment", (&expected.patients, &held.patients), |_| String::new()),
    ]
    .into_iter()
    .flatten()
    .chain(contained)
    .collect()
}

/// What differs in what is contained, by its place.
fn contained_faults(expected: &[Inside], held: &[Inside], parameters: &Parameters) -> Vec<String> {
    let nothing = Inside::default();
    let places: BTreeSet<i64> = expected.iter().chain(held).map(|own| own.place).collect();
    let of = |all: &'_ [Inside], place: i64| all.iter().find(|own| own.place == place).cloned();
    let each = places.into_iter().flat_map(|place| {
        let [expected, held] = [expected, held].map(|all| of(all, place).unwrap_or_else(|| nothing.clone()));
        let other = (expected.ty, &expected.id) != (held.ty, &held.id);
        let named = other.then(|| "has another row in `contained` than its content gives".to_owned());
        let faults = index_faults(&expected.rows, &held.rows, parameters).into_iter();
        named.into_iter().chain(faults).map(move |text| format!("contained[{place}]: {text}"))
    });
    each.collect()
}

fn fault<T: PartialOrd>(
    table: &str,
    (expected, held): (&[T], &[T]),
    name: impl Fn(&T) -> String,
) -> Option<String> {
    let missing: Vec<&T> = minus(expected, held).collect();
    let surplus: Vec<&T> = minus(held, expected).collect();
    if missing.is_empty() && surplus.is_empty() {
        return None;
    }
    let names: BTreeSet<String> =
        missing.iter().chain(&surplus).map(|row| name(row)).filter(|name| !name.is_empty()).collect();
    let names = Vec::from_iter(names).join(", ");
    let of = if names.is_empty() { String::new() } else { format!(" (search parameters: {names})") };
    Some(format!("`{table}` lacks {} and has {} too many{of}", missing.len(), surplus.len()))
}

/// A resource at version 4 has exactly the versions 1 to 3 before it, all of them older.
pub(super) fn history_fault(stored: &Stored, versions: Option<Versions>) -> Option<&'static str> {
    match versions {
        None if stored.version == 1 => None,
        None => Some("has no history"),
        Some(versions)
            if (versions.first, versions.last, versions.count)
                != (1, stored.version - 1, stored.version - 1) =>
        {
            Some("has gaps in its history")
        }
        Some(versions) if versions.updated >= stored.updated => {
            Some("is not younger than the version before it")
        }
        Some(_) => None,
    }
}
