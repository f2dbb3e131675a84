//! Parameters that find what others find, so that each thing has one row of the index and not two.
//! <https://hl7.org/fhir/R4/search.html>
//!
//! `combo-code` of Observation is `code` and `component-code`: the index has the rows of the two, and a search looks at
//! both. An observation has a quarter fewer rows so. <https://hl7.org/fhir/R4/observation.html#search>
//!
//! `patient` is `subject` where that refers to a patient. What it finds is kept under `patient`, and `subject` has rows of
//! its own for the rest alone: nearly none, for nearly all that is stored is about a patient. So the search by the
//! patient is one look-up as before, and one by the subject looks at the rows of both, or at those of one where the
//! type is said. Of all references of the benchmark's resources a quarter had two rows. Rows of `patient` in those of
//! `subject`, with the type to tell them, was refused: a reference that only says its type by a word beside a URN or a
//! fragment is a patient's as well, which no row tells.
//!
//! A fragment mostly says nothing of its type, so that its row stands under `subject`; but that row tells the type of what
//! it means. Whatever follows fragments of `patient` looks for them there too.
//!
//! A row that an older index has under both numbers is found once more, and each resource is taken once in any case.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::fhir::ResourceType;
use crate::fhir::path::Path;
use crate::search::bearing::Nature;
use crate::search::contained;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameter;
use crate::search::parameter::Parameters;
use crate::search::query::Rows;
use crate::search::rows::IndexRows;
use crate::search::rows::ReferenceRow;
use crate::search::rows::TokenRow;
use crate::search::sql::Bind;

/// The parameters whose rows tell what another finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Their numbers. Of a reference the second is its own: it has the rows that the first has not.
    pub numbers: [i64; 2],
    /// For a reference, the type to which those of the first refer: all of its local references to that type.
    pub to: Option<ResourceType>,
}

/// Finds the parameters of a type that find what others find.
pub(super) fn join(own: &mut [Parameter]) {
    let joined: Vec<_> = own.iter().map(|parameter| of(parameter, own)).collect();
    own.iter_mut().zip(joined).for_each(|(parameter, joined)| parameter.joins = joined);
}

fn of(parameter: &Parameter, own: &[Parameter]) -> Option<Joined> {
    let both = both(parameter, own).map(|numbers| Joined { numbers, to: None });
    both.or_else(|| narrower(parameter, own))
}

/// The parameter that finds nothing but some of the references that this one finds: those to one type.
fn narrower(parameter: &Parameter, own: &[Parameter]) -> Option<Joined> {
    let path = parameter.path.as_ref().filter(|_| is_plain(parameter))?;
    own.iter().filter(|other| is_plain(other)).find_map(|other| {
        let to = ResourceType::parse(other.path.as_ref()?.narrows(path)?)?;
        // Else `#`, by which a resource refers to itself, would be a reference to the type that only one of them finds.
        (to != parameter.ty).then_some(Joined { numbers: [other.number, parameter.number], to: Some(to) })
    })
}

/// Whether it finds nothing but references, and all that is stored has its rows.
fn is_plain(one: &Parameter) -> bool {
    let refers = one.kind == Kind::Reference && one.nature == Nature::Plain && !one.has_canonicals();
    refers && one.is_ready
}

/// Takes from each reference the rows that the parameter has which it joins.
pub(super) fn once<'a>(own: impl Iterator<Item = &'a Parameter>, rows: &mut IndexRows) {
    let all: Vec<&Parameter> = own.collect();
    for wide in all.iter().filter(|own| own.kind == Kind::Reference) {
        let Some(Joined { numbers: [first, _], to: Some(_) }) = wide.joins else { continue };
        let Some(narrow) = all.iter().find(|own| own.number == first) else { continue };
        let kept = rows.references.iter().filter(|row| row.param == narrow.number);
        let kept: BTreeSet<ReferenceRow> =
            kept.map(|row| ReferenceRow { param: wide.number, ..row.clone() }).collect();
        rows.references.retain(|row| !kept.contains(row));
        let kept = rows.tokens.iter().filter(|row| row.param == narrow.identifier_number);
        let kept: BTreeSet<TokenRow> =
            kept.map(|row| TokenRow { param: wide.identifier_number, ..row.clone() }).collect();
        rows.tokens.retain(|row| !kept.contains(row));
    }
}

/// The rows that conditions are asked of, for resources of their own: those of one of two numbers alone where all that
/// can meet the conditions on a reference stands under that.
pub(super) fn narrowed<'a>(parameters: &Parameters, rows: &'a Rows) -> Cow<'a, Rows> {
    match only(parameters, rows) {
        Some(param) => Cow::Owned(Rows { param, also: None, ..rows.clone() }),
        None => Cow::Borrowed(rows),
    }
}

fn only(parameters: &Parameters, rows: &Rows) -> Option<i64> {
    // By `#`, what is contained refers to what contains it, and no text says of which type that is.
    let wide = rows.also.filter(|also| *also > 0 && rows.kind == Kind::Reference)?;
    let ([narrow, wide], to) = parameters.joined(wide)?;
    let types = rows.any.iter().map(|condition| {
        let (column, types) = condition.leading.first()?;
        (*column == "target_type").then_some(types)
    });
    let types: Vec<&Bind> = types.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    // What is no type's number stands for what is elsewhere, which may be under either.
    let is_another = |ty: &&Bind| matches!(ty, Bind::Int(ty) if *ty >= 0 && *ty != to.number());
    match types.as_slice() {
        [] => None,
        all if all.iter().all(|ty| **ty == Bind::Int(to.number())) => Some(narrow),
        all if all.iter().all(is_another) => Some(wide),
        _ => None,
    }
}

impl Parameters {
    /// The numbers under which the index has the references of a parameter; of contained resources where its number
    /// is below zero.
    pub(crate) fn kept(&self, param: i64) -> Vec<i64> {
        self.joined(param).map_or_else(|| vec![param], |(numbers, _)| numbers.to_vec())
    }

    /// Those under which it has what refers to resources of this type by type and id.
    pub(crate) fn kept_to(&self, param: i64, ty: ResourceType) -> Vec<i64> {
        match self.joined(param) {
            // `#` means what contains it, and says no more of its type than other fragments.
            _ if param < 0 => self.kept_inside(param, ty),
            Some(([narrow, _], to)) if to == ty => vec![narrow],
            Some(_) | None => vec![param],
        }
    }

    /// Those under which it has what refers by a fragment to what is contained and of this type.
    pub(crate) fn kept_inside(&self, param: i64, ty: ResourceType) -> Vec<i64> {
        let wide = self.by_number(param).and_then(|own| self.widened(own)).filter(|(_, to)| *to == ty);
        let wide = wide.map(|(wide, _)| if param < 0 { contained::param(wide) } else { wide });
        self.kept(param).into_iter().chain(wide).collect()
    }

    /// The number of the parameter of whose references this one finds those to one type, and that type.
    pub(crate) fn widened(&self, narrow: &Parameter) -> Option<(i64, ResourceType)> {
        let path = narrow.path.as_ref().filter(|_| narrow.kind == Kind::Reference)?;
        self.of(narrow.ty).filter(|other| is_plain(other)).find_map(|other| {
            let to = path.narrows(other.path.as_ref()?)?;
            Some((other.number, ResourceType::parse(to)?))
        })
    }

    fn joined(&self, param: i64) -> Option<([i64; 2], ResourceType)> {
        let Joined { numbers, to } = self.by_number(param)?.joins?;
        let numbers = if param < 0 { numbers.map(contained::param) } else { numbers };
        Some((numbers, to?))
    }
}

impl Parameter {
    /// The number under which the index has the references of resources of their own to this type, by type and id.
    pub(crate) fn kept_to(&self, ty: ResourceType) -> i64 {
        match self.joins {
            Some(Joined { numbers: [narrow, _], to: Some(to) }) if to == ty => narrow,
            Some(_) | None => self.number,
        }
    }
}

/// The two parameters that this one joins: of its kind, which together have all branches of its path and no others.
fn both(parameter: &Parameter, own: &[Parameter]) -> Option<[i64; 2]> {
    // What a code implies depends on the element, and words and places have rules of their own.
    let is_plain = |one: &Parameter| {
        matches!(one.kind, Kind::Token | Kind::Quantity) && one.implied.is_empty() && one.is_ready
    };
    let branches = parameter.path.as_ref().filter(|_| is_plain(parameter)).map(Path::branches)?;
    let narrower = own.iter().filter(|other| other.kind == parameter.kind && is_plain(other));
    let narrower = narrower.filter_map(|other| Some((other.number, other.path.as_ref()?.branches())));
    let narrower: Vec<_> = narrower
        .filter(|(_, some)| some.len() < branches.len() && some.iter().all(|one| branches.contains(one)))
        .collect();
    narrower.iter().enumerate().find_map(|(at, (one, some))| {
        let rest = |branch: &&Path| !some.contains(branch);
        let completes = |(_, others): &&(i64, Vec<Path>)| {
            some.len() + others.len() == branches.len()
                && branches.iter().filter(rest).all(|one| others.contains(one))
        };
        narrower[at + 1..].iter().find(completes).map(|(other, _)| [*one, *other])
    })
}
