//! What goes with the matches of a search. <https://hl7.org/fhir/R4/search.html#include>
//!
//! `_include=*` and `_include=CarePlan:*` follow every reference that a search parameter covers, and so does
//! `_revinclude=*` the other way: it brings what points to a match from anywhere, up to the most that goes with a page.

use crate::fhir::ResourceType;
use crate::search::chain;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameter;
use crate::search::parameter::Parameters;
use crate::search::query::Context;
use crate::search::query::Hops;
use crate::search::query::Include;
use crate::search::query::Problem;
use crate::search::query::Way;

/// Stands for every reference.
const ANY: &str = "*";

/// How an include begins: its parameter's name.
#[derive(Clone, Copy)]
pub(super) struct Start {
    /// Which way.
    pub(super) way: Way,
    /// From what.
    pub(super) hops: Hops,
}

impl Start {
    /// Reads `_include:iterate`, whose modifier was `:recurse` before R4; none where it is no include.
    pub(super) fn read(name: &str) -> Option<Result<Self, Problem>> {
        let (base, modifier) = name.split_once(':').map_or((name, None), |(base, rest)| (base, Some(rest)));
        let way = match base {
            "_include" => Way::To,
            "_revinclude" => Way::From,
            _ => return None,
        };
        Some(match modifier {
            None => Ok(Self { way, hops: Hops::One }),
            Some("iterate" | "recurse") => Ok(Self { way, hops: Hops::All }),
            Some(other) => {
                Err(Problem::Unknown(format!("`{base}` has no modifier `:{other}`; known is :iterate.")))
            }
        })
    }

    fn name(self) -> &'static str {
        match (self.way, self.hops) {
            (Way::To, Hops::One) => "_include",
            (Way::To, Hops::All) => "_include:iterate",
            (Way::From, Hops::One) => "_revinclude",
            (Way::From, Hops::All) => "_revinclude:iterate",
        }
    }
}

/// Reads `CarePlan:goal`, `CarePlan:subject:Patient`, `CarePlan:*` or `*`, in a search of these types.
pub(super) fn read(
    context: &Context,
    types: &[ResourceType],
    start: Start,
    value: &str,
) -> Result<Include, Problem> {
    let include = parts(context, start, value)?;
    let begins = |ty: &ResourceType| include.begins_at(context.parameters, *ty);
    if start.hops == Hops::All || types.iter().any(begins) {
        return Ok(include);
    }
    let searched: Vec<&str> = types.iter().map(|ty| ty.name()).collect();
    let (name, searched) = (start.name(), searched.join(", "));
    Err(Problem::Wrong(match start.way {
        Way::To => format!(
            "`{name}={value}` begins at {}, and the search is for {searched}; \
             `_include:iterate` begins at what is included too.",
            include.source.map_or(ANY, ResourceType::name)
        ),
        Way::From => format!(
            "`{value}` never refers to {searched}; `_revinclude:iterate` may refer to what is included."
        ),
    }))
}

fn parts(context: &Context, start: Start, value: &str) -> Result<Include, Problem> {
    let parts: Vec<&str> = value.split(':').collect();
    let (name, code, target) = match parts.as_slice() {
        [ANY] => {
            return Ok(Include { way: start.way, hops: start.hops, source: None, param: None, target: None });
        }
        [name, code] => (*name, *code, None),
        [name, code, target] => (*name, *code, Some(*target)),
        _ => {
            return Err(Problem::Wrong(format!(
                "`{value}` is not an include; write `Type:parameter` or `Type:parameter:TargetType`."
            )));
        }
    };
    let no_type = |name: &str| Problem::Unknown(format!("`{name}` is not a resource type of FHIR R4."));
    let source = ResourceType::parse(name).ok_or_else(|| no_type(name))?;
    let (param, target) = if code == ANY {
        let target = target.map(|name| ResourceType::parse(name).ok_or_else(|| no_type(name)));
        (None, target.transpose()?)
    } else {
        let reference = chain::reference(context, source, code)?;
        let target = target.map(|name| chain::target(reference, name)).transpose()?;
        (Some(reference.number), target)
    };
    Ok(Include { way: start.way, hops: start.hops, source: Some(source), param, target })
}

impl Include {
    /// Whether it leads on from a resource of this type.
    pub fn begins_at(&self, parameters: &Parameters, ty: ResourceType) -> bool {
        match self.way {
            Way::To => self.source.is_none_or(|source| source == ty),
            Way::From => {
                self.target.is_none_or(|target| target == ty)
                    && self.references(parameters).iter().any(|reference| reaches(reference, ty))
            }
        }
    }

    /// The reference parameters that it follows.
    pub(super) fn references<'a>(&self, parameters: &'a Parameters) -> Vec<&'a Parameter> {
        if let Some(param) = self.param {
            return parameters.by_number(param).into_iter().collect();
        }
        let sources = self.sources().into_iter().flat_map(|source| parameters.of(source));
        let is_followed = |own: &&Parameter| own.kind == Kind::Reference && own.is_searchable();
        sources.filter(is_followed).collect()
    }

    /// The types of what holds the references.
    pub(super) fn sources(&self) -> Vec<ResourceType> {
        self.source.map_or_else(|| ResourceType::all().collect(), |source| vec![source])
    }
}

/// Whether a reference may point to a resource of this type.
fn reaches(reference: &Parameter, ty: ResourceType) -> bool {
    reference.target.is_empty() || reference.target.contains(&ty)
}

/// An include as it is written: name and value.
pub(super) fn shown(context: &Context, include: &Include) -> (&'static str, String) {
    let name = Start { way: include.way, hops: include.hops }.name();
    let Some(source) = include.source else { return (name, ANY.to_owned()) };
    let parameter = include.param.and_then(|param| context.parameters.by_number(param));
    let code = parameter.map_or(ANY, |parameter| parameter.code.as_str());
    let value = match include.target {
        Some(target) => format!("{source}:{code}:{target}"),
        None => format!("{source}:{code}"),
    };
    (name, value)
}
