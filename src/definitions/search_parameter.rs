//! Search parameters as R4 and US Core define them. <https://hl7.org/fhir/R4/searchparameter.html>

use serde_json::Value;

use crate::definitions::names;
use crate::fhir::ResourceType;

/// A SearchParameter, as its definition gives it. <https://hl7.org/fhir/R4/searchparameter.html>
#[derive(Clone, Debug)]
pub struct SearchParameterDefinition {
    /// The canonical URL.
    pub url: String,
    /// The computer-friendly name.
    pub name: String,
    /// The name in a query string.
    pub code: String,
    /// The types that have it; `Resource` and `DomainResource` stand here as all of theirs.
    pub base: Vec<ResourceType>,
    /// `token`, `string`, `reference`, `date`, `number`, `quantity`, `uri`, `composite` or `special`.
    pub kind: String,
    /// The FHIRPath that finds the values; a few parameters have none.
    pub expression: Option<String>,
    /// The types that a reference parameter may point to; empty where any.
    pub target: Vec<ResourceType>,
    /// The parts of a composite parameter.
    pub component: Vec<SearchParameterComponent>,
    /// Whether `a,b` is allowed.
    pub multiple_or: bool,
    /// Whether the parameter may be given twice.
    pub multiple_and: bool,
    /// What it finds, in a sentence.
    pub description: String,
}

/// A part of a composite search parameter.
#[derive(Clone, Debug)]
pub struct SearchParameterComponent {
    /// The canonical URL of the parameter that defines the part.
    pub definition: String,
    /// The FHIRPath of the part, relative to the composite's own expression.
    pub expression: String,
}

/// The types that derive from DomainResource: all but Binary, Bundle and Parameters.
pub(super) fn domain_resources(structures: &[Value]) -> Vec<ResourceType> {
    let derived = |structure: &&Value| {
        structure["baseDefinition"].as_str().is_some_and(|base| !base.ends_with("/Resource"))
    };
    let named = |structure: &Value| structure["name"].as_str().and_then(ResourceType::parse);
    structures.iter().filter(derived).filter_map(named).collect()
}

/// Reads one definition.
///
/// # Errors
/// A sentence that names the definition and what it lacks.
pub(super) fn search_parameter(
    definition: &Value,
    domain_resources: &[ResourceType],
) -> Result<SearchParameterDefinition, String> {
    let text = |name: &str| definition[name].as_str().map(str::to_owned);
    let url = text("url").ok_or("a search parameter has no `url`")?;
    let needed = |name: &str| text(name).ok_or_else(|| format!("{url}: no `{name}`"));
    let mut base = Vec::new();
    for name in names(&definition["base"]) {
        match name {
            "Resource" => base.extend(ResourceType::all()),
            "DomainResource" => base.extend(domain_resources),
            name => base.push(ResourceType::parse(name).ok_or_else(|| format!("{url}: no type `{name}`"))?),
        }
    }
    let component = |part: &Value| {
        let text = |name: &str| part[name].as_str().map(str::to_owned);
        Some(SearchParameterComponent { definition: text("definition")?, expression: text("expression")? })
    };
    let components = definition["component"].as_array().map_or(&[][..], Vec::as_slice);
    Ok(SearchParameterDefinition {
        name: needed("name")?,
        code: needed("code")?,
        kind: needed("type")?,
        base,
        expression: text("expression"),
        target: names(&definition["target"]).filter_map(ResourceType::parse).collect(),
        component: components
            .iter()
            .map(component)
            .collect::<Option<_>>()
            .ok_or_else(|| format!("{url}: a component lacks its definition or expression"))?,
        multiple_or: definition["multipleOr"].as_bool().unwrap_or(true),
        multiple_and: definition["multipleAnd"].as_bool().unwrap_or(true),
        description: text("description").unwrap_or_default(),
        url,
    })
}
