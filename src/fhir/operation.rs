//! An OperationDefinition, compiled: where an operation is called and what it takes and gives.
//! <https://hl7.org/fhir/R4/operationdefinition.html>

use serde_json::Value;

use crate::fhir::resource_type::ResourceType;

/// Lists the types that a parameter of type `Any` may have.
const ALLOWED_TYPE: &str = "http://hl7.org/fhir/StructureDefinition/operationdefinition-allowed-type";
/// A targetProfile that names a base type begins with this.
const BASE_PROFILE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Says that an operation may be carried out after it was answered, where the client prefers that.
const RESPOND_ASYNC: &str = "https://comfrey.health/fhir/StructureDefinition/respond-async";

/// What an OperationDefinition says.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its code: the word after the dollar sign.
    pub code: String,
    /// Its canonical URL.
    pub url: String,
    /// Whether it changes what is stored; only those that do not may be called with GET.
    pub affects_state: bool,
    /// Whether it may be carried out after it was answered: `Prefer: respond-async`.
    pub respond_async: bool,
    /// Whether it is called on the base URL.
    pub system: bool,
    /// Whether it is called on a type.
    pub type_level: bool,
    /// Whether it is called on an instance.
    pub instance: bool,
    /// The types it is called on; empty for all.
    pub resource: Vec<ResourceType>,
    /// What it takes.
    pub input: Vec<Parameter>,
    /// What it gives.
    pub output: Vec<Parameter>,
}

/// One parameter of an operation.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// How often it must be there.
    pub min: u32,
    /// How often it may be there; `None` for any number.
    pub max: Option<u32>,
    /// The types it may have; empty where any does or where it has parts.
    pub types: Vec<String>,
    /// The types that a reference may point to; empty for all.
    pub targets: Vec<ResourceType>,
    /// Its parts.
    pub part: Vec<Parameter>,
    /// What it means.
    pub documentation: String,
}

impl Definition {
    /// Compiles an OperationDefinition.
    ///
    /// # Errors
    /// A sentence for the developer who wrote it.
    pub fn compile(definition: &Value) -> Result<Self, String> {
        let text = |name: &str| definition.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flag = |name: &str| definition.get(name).and_then(Value::as_bool).unwrap_or(false);
        let code = text("code");
        if code.is_empty() {
            return Err("an OperationDefinition has no code".to_owned());
        }
        let parameters = |usage: &str| {
            list(definition, "parameter")
                .filter(|parameter| parameter.get("use").and_then(Value::as_str) == Some(usage))
                .map(Parameter::compile)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|problem| format!("${code}: {problem}"))
        };
        Ok(Self {
            url: text("url"),
            affects_state: flag("affectsState"),
            respond_async: may_be_later(definition),
            system: flag("system"),
            type_level: flag("type"),
            instance: flag("instance"),
            resource: list(definition, "resource")
                .filter_map(Value::as_str)
                .filter(|name| *name != "Resource")
                .map(|name| ResourceType::parse(name).ok_or_else(|| format!("${code}: no type `{name}`")))
                .collect::<Result<_, _>>()?,
            input: parameters("in")?,
            output: parameters("out")?,
            code,
        })
    }

    /// Whether it is called on this type.
    pub fn is_on(&self, ty: ResourceType) -> bool {
        self.resource.is_empty() || self.resource.contains(&ty)
    }

    /// The parameter that a bare resource as body stands for.
    pub fn bare_resource(&self) -> Option<&Parameter> {
        let mut resources = self.input.iter().filter(|parameter| parameter.is_resource());
        resources.next().filter(|first| first.name == "resource" && resources.next().is_none())
    }
}

impl Parameter {
    fn compile(parameter: &Value) -> Result<Self, String> {
        let text = |name: &str| parameter.get(name).and_then(Value::as_str);
        let name = text("name").ok_or("a parameter has no name")?.to_owned();
        let max = match text("max") {
            Some("*") => None,
            Some(max) => Some(max.parse().map_err(|_| format!("{name}: max `{max}` is no number"))?),
            None => return Err(format!("{name} has no max")),
        };
        let min = parameter.get("min").and_then(Value::as_u64).and_then(|min| u32::try_from(min).ok());
        Ok(Self {
            min: min.ok_or_else(|| format!("{name} has no min"))?,
            max,
            types: types(parameter),
            targets: list(parameter, "targetProfile")
                .filter_map(Value::as_str)
                .filter_map(|url| ResourceType::parse(url.strip_prefix(BASE_PROFILE)?))
                .collect(),
            part: list(parameter, "part")
                .map(Self::compile)
                .collect::<Result<_, _>>()
                .map_err(|problem| format!("{name}: {problem}"))?,
            documentation: text("documentation").unwrap_or_default().to_owned(),
            name,
        })
    }

    /// Whether it is a resource, and nothing else.
    pub fn is_resource(&self) -> bool {
        !self.types.is_empty() && self.types.iter().all(|ty| is_resource_type(ty))
    }

    /// Whether a value of this FHIR type fits; the three kinds of URL are taken for one another.
    pub fn takes(&self, ty: &str) -> bool {
        let url = |ty: &str| matches!(ty, "uri" | "url" | "canonical");
        self.part.is_empty()
            && (self.types.is_empty() || self.types.iter().any(|own| own == ty || (url(own) && url(ty))))
    }

    /// Whether a resource of this type fits.
    pub fn takes_resource(&self, ty: ResourceType) -> bool {
        self.part.is_empty()
            && (self.types.is_empty() || self.types.iter().any(|own| own == "Resource" || own == ty.name()))
    }
}

/// Whether a definition says that the operation may be carried out after it was answered.
pub fn may_be_later(definition: &Value) -> bool {
    list(definition, "extension").any(|extension| {
        extension.get("url").and_then(Value::as_str) == Some(RESPOND_ASYNC)
            && extension.get("valueBoolean") == Some(&Value::Bool(true))
    })
}

/// Whether the word names a resource type, or all of them.
pub fn is_resource_type(ty: &str) -> bool {
    ty == "Resource" || ResourceType::parse(ty).is_some()
}

fn types(parameter: &Value) -> Vec<String> {
    match parameter.get("type").and_then(Value::as_str) {
        Some("Any" | "Element" | "Type") => list(parameter, "extension")
            .filter(|extension| extension.get("url").and_then(Value::as_str) == Some(ALLOWED_TYPE))
            .filter_map(|extension| extension.get("valueUri").and_then(Value::as_str).map(str::to_owned))
            .collect(),
        Some(ty) => vec![ty.to_owned()],
        None => Vec::new(),
    }
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}
