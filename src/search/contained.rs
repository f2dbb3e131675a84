//! Resources that stand in others: under which numbers the index has them, and their rows.
//! <https://hl7.org/fhir/R4/references.html#contained>
//!
//! Their rows stand in the tables of all others, in a space of numbers of its own: below zero, the numbers of their
//! search parameters as well as their own. So a search for what is contained is the same as any other with other
//! numbers, conditions meet in one contained resource and not in two that stand side by side, and a search for resources
//! of their own never comes upon such a row. A contained resource's number tells in which resource it stands and at
//! which place, so that the database need not give one, and an update changes only the rows that differ.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::search::fold::bounded;
use crate::search::parameter::Parameters;
use crate::search::rows::IndexRows;
use crate::search::rows::ReferenceRow;
use crate::search::rows::of_values;

/// The least number: that of the first place in a resource with the number 0.
const FIRST: i64 = -(1 << 62);

/// How many bits a place takes: far more than any resource has that is not too large to be stored.
const BITS: u32 = 20;

/// Stands in the place of a reference's target type until it is known which contained resource is meant.
pub(super) const FRAGMENT: i64 = -2;

/// Above all numbers that stand for the type of a contained resource to which a reference points.
const TARGETS: i64 = -1_000;

/// A resource that stands in another, and its rows; the numbers of their parameters are those that others have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inside {
    /// Where it stands in `contained`, counted from 0.
    pub place: i64,
    /// The number of its type; none where nothing says what it is.
    pub ty: Option<i64>,
    /// Its id, without `#`.
    pub id: String,
    /// Its rows.
    pub rows: IndexRows,
}

/// The number of the resource at a place in another.
pub fn number(container: i64, place: i64) -> i64 {
    first(container) + place
}

/// The number of the first place in a resource; the least or the greatest of all where there is no such resource.
pub fn first(container: i64) -> i64 {
    match container {
        ..=0 => i64::MIN,
        _ if container >= -(FIRST >> BITS) => 0,
        _ => FIRST + (container << BITS),
    }
}

/// Where a number stands that is below zero: in which resource, and at which place; none of another number.
pub fn at(rid: i64) -> Option<(i64, i64)> {
    (rid < 0).then(|| ((rid - FIRST) >> BITS, (rid - FIRST) & ((1 << BITS) - 1)))
}

/// The number under which the index has a parameter's rows of contained resources.
pub fn param(number: i64) -> i64 {
    -number
}

/// What the rows of a reference to a contained resource of this type have as their target type.
pub(super) fn target(ty: i64) -> i64 {
    TARGETS - ty
}

/// The contained resources at these places in the JSON of another, as they stand there, which is read once for all.
///
/// # Errors
/// `Internal` where one is not there, so that the index is not that of the resource.
pub fn cut(container: &[u8], places: &[i64]) -> Result<Vec<Cut>, Failure> {
    #[derive(Deserialize)]
    struct Container<'a> {
        #[serde(borrow, default)]
        contained: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow, default)]
        id: Cow<'a, str>,
    }
    let lost = || Failure::internal("a contained resource is not where the index has it");
    let all: Container = serde_json::from_slice(container).map_err(|_| lost())?;
    let one = |place: &i64| {
        let place = usize::try_from(*place).map_err(|_| lost())?;
        let own = all.contained.get(place).ok_or_else(lost)?.get();
        let Named { id } = serde_json::from_str(own).map_err(|_| lost())?;
        Ok(Cut { id: id.into_owned(), body: own.as_bytes().to_vec() })
    };
    places.iter().map(one).collect()
}

/// A contained resource as it stands in its container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Its id, without `#`.
    pub id: String,
    /// Its JSON.
    pub body: Vec<u8>,
}

/// The contained resources with their rows.
pub(super) fn inside(
    parameters: &Parameters,
    (container, fragments): (&Value, &Fragments),
    zone: &TimeZone,
) -> Vec<Inside> {
    let all = contained(container).zip(0..1 << BITS);
    let mut inside = Vec::new();
    for (resource, place) in all {
        let Some(ty) = type_of(resource) else { continue };
        let mut rows = of_values(parameters, (ty, resource), zone);
        fragments.link(&mut rows.references);
        rows.sort();
        inside.push(Inside { place, ty: Some(ty.number()), id: bounded(id_of(resource)), rows });
    }
    inside
}

/// What references by fragment mean in a resource, found once for all that stand in it.
pub(super) struct Fragments {
    /// The number of its type, and its id.
    own: Option<(i64, String)>,
    /// The type of the contained resource with each id: of several, the first whose type is known.
    contained: HashMap<String, i64>,
}

impl Fragments {
    /// Those of a resource.
    pub(super) fn of(container: &Value) -> Self {
        let mut inside = HashMap::new();
        for resource in contained(container) {
            if let Some(ty) = type_of(resource) {
                inside.entry(bounded(id_of(resource))).or_insert(ty.number());
            }
        }
        let own = type_of(container).map(|ty| (ty.number(), bounded(id_of(container))));
        Self { own, contained: inside }
    }

    /// Lets references by fragment point to what they mean: a contained resource or, by `#`, the container; what means
    /// nothing has no row.
    pub(super) fn link(&self, references: &mut Vec<ReferenceRow>) {
        references.retain_mut(|row| {
            if row.target_type != FRAGMENT {
                return true;
            }
            let meant = if row.target_id.is_empty() {
                self.own.clone()
            } else {
                self.contained.get(&row.target_id).map(|ty| (target(*ty), row.target_id.clone()))
            };
            let is_known = meant.is_some();
            if let Some((target_type, target_id)) = meant {
                (row.target_type, row.target_id) = (target_type, target_id);
            }
            is_known
        });
    }
}

fn contained(container: &Value) -> impl Iterator<Item = &Value> {
    container.get("contained").and_then(Value::as_array).into_iter().flatten()
}

fn type_of(resource: &Value) -> Option<ResourceType> {
    resource.get("resourceType").and_then(Value::as_str).and_then(ResourceType::parse)
}

fn id_of(resource: &Value) -> &str {
    resource.get("id").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_tells_where_it_stands_and_comes_in_the_order_of_the_containers() {
        for (container, place) in [(1, 0), (1, 1), (2, 0), (7, (1 << BITS) - 1), (1 << 40, 3)] {
            let rid = number(container, place);
            assert!(rid < 0);
            assert_eq!(at(rid), Some((container, place)));
        }
        assert!(number(1, (1 << BITS) - 1) < number(2, 0));
        assert_eq!((at(0), at(1)), (None, None));
        assert_eq!((first(i64::MIN), first(0), first(i64::MAX)), (i64::MIN, i64::MIN, 0));
    }

    #[test]
    fn a_contained_resource_is_cut_out_as_it_stands() {
        let container =
            br#"{"id":"c","contained":[{"id":"a"},{ "id":"b", "x": 1.50 }],"resourceType":"Basic"}"#;
        let own = Cut { id: "b".into(), body: br#"{ "id":"b", "x": 1.50 }"#.to_vec() };
        let first = Cut { id: "a".into(), body: br#"{"id":"a"}"#.to_vec() };
        assert_eq!(cut(container, &[1, 0]), Ok(vec![own, first]));
        assert_eq!(cut(container, &[0, 2]).unwrap_err().status(), 500);
        assert_eq!(cut(b"{}", &[0]).unwrap_err().status(), 500);
    }
}
