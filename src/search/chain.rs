//! Chains: conditions on what a resource points to (`subject:Patient.name`), or on what points to it (`_has`).
//! <https://hl7.org/fhir/R4/search.html#chaining>

use crate::fhir::ResourceType;
use crate::search::mistake;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameter;
use crate::search::query::Context;
use crate::search::query::Criterion;
use crate::search::query::DEEPEST;
use crate::search::query::Problem;
use crate::search::query::Test;
use crate::search::query::parameter;
use crate::search::query::read_criterion;

/// A step from a resource to what it refers to.
pub(super) struct Step<'a> {
    /// The type of the resource.
    pub ty: ResourceType,
    /// The reference, with the type that it leads to where that is said: `subject:Patient`.
    pub head: &'a str,
    /// What follows the dot, for a message.
    pub rest: &'a str,
    /// How many steps there may be, this one included.
    pub depth: u8,
}

/// Reads `subject:Patient` with what follows the dot.
pub(super) fn read(
    context: &Context,
    ty: ResourceType,
    head: &str,
    rest: (&str, &str),
    depth: u8,
) -> Result<Criterion, Problem> {
    let step = Step { ty, head, rest: rest.0, depth };
    along(context, &step, &mut |target, depth| read_criterion(context, target, rest, depth))
}

/// What holds where a step leads to, for each type that it may lead to.
pub(super) fn along(
    context: &Context,
    step: &Step,
    beyond: &mut dyn FnMut(ResourceType, u8) -> Result<Criterion, Problem>,
) -> Result<Criterion, Problem> {
    let depth = deeper(step.depth)?;
    let Step { ty, head, .. } = *step;
    let (code, named) = head.split_once(':').map_or((head, None), |(code, named)| (code, Some(named)));
    let reference = reference(context, ty, code)?;
    let types = match named {
        Some(name) => vec![target(reference, name)?],
        None => reference.target.clone(),
    };
    if types.is_empty() {
        return Err(Problem::Wrong(format!(
            "`{code}` may refer to any type; say which, as in `{code}:Patient.{}`.",
            step.rest
        )));
    }
    let (mut inner, mut last) = (Vec::new(), None);
    for target in types {
        context.effort.step()?;
        match beyond(target, depth) {
            Ok(criterion) => inner.push((target, mistake::meant(context, target, criterion))),
            // What could not be looked up is no answer; to leave the type out would be one. And a type that has the
            // parameter is enough to tell that its value is empty.
            Err(problem @ (Problem::Failed(_) | Problem::Empty)) => return Err(problem),
            Err(problem) => last = Some(problem),
        }
    }
    // Where several types are meant, those that have the parameter count; where none has it, the last says so.
    match (inner.first(), last) {
        (Some((_, first)), _) => {
            let types: Vec<&str> = inner.iter().map(|(ty, _)| ty.name()).collect();
            let canonical = format!("{code}:{}.{}", types.join("+"), first.canonical);
            Ok(Criterion { canonical, test: Test::Chain(reference.number, inner), negated: false })
        }
        (None, Some(problem)) => Err(problem),
        (None, None) => Err(Problem::Unknown(format!("`{code}` refers to nothing."))),
    }
}

/// Reads `Observation:patient:code`, what follows `_has:`.
pub(super) fn read_has(
    context: &Context,
    ty: ResourceType,
    (name, value): (&str, &str),
    depth: u8,
) -> Result<Criterion, Problem> {
    let depth = deeper(depth)?;
    let mut parts = name.splitn(3, ':');
    let (Some(source), Some(code), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Problem::Wrong(
            "`_has` is written as `_has:Type:reference:parameter`, such as `_has:Observation:patient:code`."
                .into(),
        ));
    };
    let source = ResourceType::parse(source)
        .ok_or_else(|| Problem::Unknown(format!("`{source}` is not a resource type of FHIR R4.")))?;
    let reference = reference(context, source, code)?;
    if !reference.target.is_empty() && !reference.target.contains(&ty) {
        return Err(Problem::Wrong(format!("`{code}` of {source} never refers to {ty}.")));
    }
    let inner = read_criterion(context, source, (rest, value), depth)?;
    let canonical = format!("_has:{source}:{code}:{}", inner.canonical);
    let inner = mistake::meant(context, source, inner);
    Ok(Criterion { canonical, test: Test::Has(source, reference.number, Box::new(inner)), negated: false })
}

/// The reference parameter of a type with this code.
pub(super) fn reference<'a>(
    context: &Context<'a>,
    ty: ResourceType,
    code: &str,
) -> Result<&'a Parameter, Problem> {
    let found = parameter(context, ty, code)?;
    if found.kind != Kind::Reference {
        return Err(Problem::Wrong(format!(
            "`{code}` of {ty} is of the kind {}; only a reference leads to another resource.",
            found.kind.name()
        )));
    }
    if !found.leads_on() {
        return Err(Problem::Wrong(format!(
            "`{code}` of {ty} finds what stands in the {ty} itself, by its id alone; nothing leads on from it, as in \
             `{ty}?{code}=42`."
        )));
    }
    Ok(found)
}

/// A type to which the reference may point.
pub(super) fn target(reference: &Parameter, name: &str) -> Result<ResourceType, Problem> {
    let found =
        ResourceType::parse(name).filter(|ty| reference.target.is_empty() || reference.target.contains(ty));
    found.ok_or_else(|| {
        let known: Vec<&str> = reference.target.iter().map(|ty| ty.name()).collect();
        Problem::Wrong(format!(
            "`{}` never refers to `{name}`; known are {}.",
            reference.code,
            known.join(", ")
        ))
    })
}

fn deeper(depth: u8) -> Result<u8, Problem> {
    depth
        .checked_sub(1)
        .ok_or_else(|| Problem::Wrong(format!("The chain is too long; {DEEPEST} steps are the most.")))
}
