//! What goes with the matches of a search. <https://hl7.org/fhir/R4/search.html#include>

use crate::fhir::ResourceType;
use crate::search::chain;
use crate::search::query::Context;
use crate::search::query::Include;
use crate::search::query::Problem;
use crate::search::query::Way;

/// Reads `CarePlan:goal` or `CarePlan:subject:Patient`.
pub(super) fn read(context: &Context, ty: ResourceType, way: Way, value: &str) -> Result<Include, Problem> {
    let parts: Vec<&str> = value.split(':').collect();
    let (name, code, target) = match parts.as_slice() {
        [name, code] => (*name, *code, None),
        [name, code, target] => (*name, *code, Some(*target)),
        _ => {
            return Err(Problem::Wrong(format!(
                "`{value}` is not an include; write `Type:parameter` or `Type:parameter:TargetType`."
            )));
        }
    };
    if code == "*" {
        return Err(Problem::Unknown("Including by `*` is not supported; name the parameters.".into()));
    }
    let source = ResourceType::parse(name)
        .ok_or_else(|| Problem::Unknown(format!("`{name}` is not a resource type of FHIR R4.")))?;
    if way == Way::To && source != ty {
        return Err(Problem::Wrong(format!(
            "`_include={value}` begins at {source}, and the search is for {ty}; including from what is included is not supported."
        )));
    }
    let reference = chain::reference(context, source, code)?;
    let target = target.map(|name| chain::target(reference, name)).transpose()?;
    let reaches = |ty: ResourceType| {
        (reference.target.is_empty() || reference.target.contains(&ty))
            && target.is_none_or(|target| target == ty)
    };
    if way == Way::From && !reaches(ty) {
        return Err(Problem::Wrong(format!("`{code}` of {source} never refers to {ty}.")));
    }
    Ok(Include { way, source, param: reference.number, target })
}

/// An include as it is written.
pub(super) fn shown(context: &Context, include: &Include) -> String {
    let code = context.parameters.by_number(include.param).map_or("", |parameter| parameter.code.as_str());
    match include.target {
        Some(target) => format!("{}:{code}:{target}", include.source),
        None => format!("{}:{code}", include.source),
    }
}
