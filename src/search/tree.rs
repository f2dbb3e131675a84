//! References to a resource, to its parts at any depth, or to what it is part of: `location:below=42`, where resources
//! of a type stand in a hierarchy. <https://hl7.org/fhir/R4/search.html#recursive>

use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::fhir::reference::is_id;
use crate::search::modifier::Modifier;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameter;
use crate::search::query::Context;
use crate::search::query::Criterion;
use crate::search::query::Problem;
use crate::search::query::Test;
use crate::search::query::Tree;
use crate::search::query::spelling;
use crate::search::query::values;
use crate::search::value::unescaped;

/// The codes of the parameters by which a resource of a type is part of another.
const PART_OF: [&str; 2] = ["partof", "part-of"];

/// Reads the resources that are meant.
pub(super) fn read(
    context: &Context,
    parameter: &Parameter,
    way: Modifier,
    value: &str,
) -> Result<Criterion, Problem> {
    let (mut ty, mut ids) = (None, Vec::new());
    for value in values(&parameter.code, value)? {
        let (own, id) = named(context, parameter, &unescaped(value))?;
        if ty.is_some_and(|ty| ty != own) {
            return Err(Problem::Wrong(format!("`{}` names resources of several types.", parameter.code)));
        }
        ty = Some(own);
        ids.push(id);
    }
    let ty = ty.expect("there is a value at least");
    let part_of = part_of(context, ty).ok_or_else(|| no_hierarchy(context, parameter))?;
    let spelt = spelling(ids.iter().map(|id| format!("{ty}/{id}")).collect());
    let canonical = format!("{}:{}={spelt}", parameter.code, way.name());
    let tree = Tree { param: parameter.number, ty, ids, part_of, upwards: way == Modifier::Above };
    Ok(Criterion { canonical, test: Test::Tree(tree), negated: false })
}

/// The type and id of a reference.
fn named(context: &Context, parameter: &Parameter, text: &str) -> Result<(ResourceType, String), Problem> {
    let local = Reference::parse_under(text, context.base_url).local();
    if let Some(local) =
        local.filter(|local| parameter.target.is_empty() || parameter.target.contains(&local.ty))
    {
        return Ok((local.ty, local.id.to_owned()));
    }
    let ranked: Vec<ResourceType> =
        parameter.target.iter().copied().filter(|ty| part_of(context, *ty).is_some()).collect();
    match ranked.as_slice() {
        [] => Err(no_hierarchy(context, parameter)),
        [ty] if is_id(text) => Ok((*ty, text.to_owned())),
        _ => Err(Problem::Wrong(format!(
            "`{}` is `Type/id` of a resource to which it may refer, such as `{}/42`.",
            parameter.code, ranked[0]
        ))),
    }
}

/// The number of the parameter by which resources of a type are part of others of it.
fn part_of(context: &Context, ty: ResourceType) -> Option<i64> {
    let found = PART_OF.iter().filter_map(|code| context.parameters.find(ty, code));
    let mut own = found.filter(|one| one.kind == Kind::Reference && one.target.contains(&ty));
    own.next().map(|parameter| parameter.kept_to(ty))
}

fn no_hierarchy(context: &Context, parameter: &Parameter) -> Problem {
    let known: Vec<&str> =
        ResourceType::all().filter(|ty| part_of(context, *ty).is_some()).map(|ty| ty.name()).collect();
    Problem::Unknown(format!(
        "The modifiers `:above` and `:below` of `{}` need resources that are part of one another: {}.",
        parameter.code,
        known.join(", ")
    ))
}
