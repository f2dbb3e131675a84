//! What the `$operations` take and give, as schemas. <https://hl7.org/fhir/R4/operationdefinition.html>

use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::schema::Type;

use crate::fhir::ResourceType;
use crate::http::openapi::CORE;
use crate::http::openapi::schemas::Schemas;
use crate::http::openapi::schemas::schema_ref;

/// Names the types of a parameter that may have one of several.
const ALLOWED_TYPE: &str = "http://hl7.org/fhir/StructureDefinition/operationdefinition-allowed-type";

/// The schemas of an operation's input and output.
pub fn add(schemas: &mut Schemas, definition: &Value) {
    for (side, name) in [("in", input_name(definition)), ("out", output_name(definition))] {
        let words = format!("The {side}put of ${}", definition["code"].as_str().unwrap_or_default());
        let own = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["Parameters"]));
        let schema = ObjectBuilder::new()
            .description(Some(words))
            .property("resourceType", own)
            .required("resourceType")
            .property("parameter", parts(&of_side(definition, side)));
        schemas.insert(name, schema.into());
    }
}

/// The types of values that an operation's parameters have.
pub fn value_types(definition: &Value) -> Vec<String> {
    fn collect(parameter: &Value, types: &mut Vec<String>) {
        types.extend(types_of(parameter).filter(|ty| is_data_type(ty)).map(str::to_owned));
        parameter["part"].as_array().into_iter().flatten().for_each(|part| collect(part, types));
    }
    let mut types = Vec::new();
    definition["parameter"].as_array().into_iter().flatten().for_each(|one| collect(one, &mut types));
    types
}

/// The schema of a resource: its own where the document has it.
fn resource_schema(ty: &str) -> &str {
    let is_known = CORE.contains(&ty) || ["Bundle", "OperationOutcome", "Parameters"].contains(&ty);
    if is_known { ty } else { "Resource" }
}

/// The parameters of one side: `in` or `out`.
pub fn of_side<'a>(definition: &'a Value, side: &str) -> Vec<&'a Value> {
    definition["parameter"].as_array().into_iter().flatten().filter(|one| one["use"] == side).collect()
}

/// A list in which each entry is one of these parameters.
fn parts(parameters: &[&Value]) -> RefOr<Schema> {
    let mut any = AnyOfBuilder::new();
    for parameter in parameters {
        let name = parameter["name"].as_str().unwrap_or_default();
        let (min, max) = (parameter["min"].as_u64().unwrap_or(0), parameter["max"].as_str().unwrap_or("1"));
        let words = format!("{min}..{max} {}", parameter["documentation"].as_str().unwrap_or_default());
        let own = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([name]));
        let mut object =
            ObjectBuilder::new().title(Some(name)).description(Some(words)).property("name", own);
        object = object.required("name");
        let inner: Vec<_> = parameter["part"].as_array().into_iter().flatten().collect();
        if !inner.is_empty() {
            object = object.property("part", parts(&inner));
        }
        for (place, schema) in types_of(parameter).map(value) {
            object = object.property(place, schema);
        }
        any = any.item(object);
    }
    let list = ArrayBuilder::new();
    if parameters.is_empty() {
        list.max_items(Some(0)).items(ObjectBuilder::new()).into()
    } else {
        list.items(any).into()
    }
}

/// The type of a parameter, or the types of which it may have one.
fn types_of(parameter: &Value) -> impl Iterator<Item = &str> {
    let extensions = parameter["extension"].as_array().into_iter().flatten();
    let allowed =
        extensions.filter(|one| one["url"] == ALLOWED_TYPE).filter_map(|one| one["valueUri"].as_str());
    parameter["type"].as_str().into_iter().filter(|ty| *ty != "Element").chain(allowed)
}

/// Where a parameter of a type has its value, and the schema of the value.
fn value(ty: &str) -> (String, RefOr<Schema>) {
    if ty == "Resource" || ResourceType::parse(ty).is_some() {
        return ("resource".into(), schema_ref(resource_schema(ty)));
    }
    let mut letters = ty.chars();
    let upper: String =
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    let plain = |ty: Type| ObjectBuilder::new().schema_type(ty).into();
    let schema = match ty {
        "boolean" => plain(Type::Boolean),
        "integer" | "positiveInt" | "unsignedInt" => plain(Type::Integer),
        "decimal" => plain(Type::Number),
        ty if is_data_type(ty) => schema_ref(ty),
        _ => plain(Type::String),
    };
    (format!("value{upper}"), schema)
}

/// Whether the type has a schema of its own: a structure, or a primitive with a form of its own.
fn is_data_type(ty: &str) -> bool {
    let structure =
        ty.starts_with(|first: char| first.is_ascii_uppercase()) && ResourceType::parse(ty).is_none();
    (structure && ty != "Resource") || ["date", "dateTime", "instant", "time", "id"].contains(&ty)
}

/// The name of the schema of what it takes.
pub fn input_name(definition: &Value) -> String {
    format!("{}Input", pascal(definition["id"].as_str().unwrap_or_default()))
}

/// The name of the schema of what it gives.
pub fn output_name(definition: &Value) -> String {
    format!("{}Output", pascal(definition["id"].as_str().unwrap_or_default()))
}

/// A code as names of schemas are written.
pub fn pascal(code: &str) -> String {
    code.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}
