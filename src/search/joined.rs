//! Parameters that find what two others find: `combo-code` is `code` and `component-code`. The index has the rows of the
//! two, and a search looks at both; rows of its own would say each thing twice. An observation has a quarter fewer rows
//! so. <https://hl7.org/fhir/R4/observation.html#search>

use crate::fhir::path::Path;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameter;

/// Finds the parameters of a type whose values are those of two others.
pub(super) fn join(own: &mut [Parameter]) {
    let joined: Vec<_> = own.iter().map(|parameter| both(parameter, own)).collect();
    own.iter_mut().zip(joined).for_each(|(parameter, both)| parameter.joins = both);
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
