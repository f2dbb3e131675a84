//! The `$operations` as paths, from their OperationDefinitions. <https://hl7.org/fhir/R4/operationdefinition.html>

use serde_json::Value;
use utoipa::openapi::Content;
use utoipa::openapi::HttpMethod;
use utoipa::openapi::Paths;
use utoipa::openapi::RefOr;
use utoipa::openapi::Required;
use utoipa::openapi::Schema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::path::OperationBuilder;
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::schema::Type;

use crate::fhir::ResourceType;
use crate::http::openapi::CORE;
use crate::http::openapi::examples;
use crate::http::openapi::parameters;
use crate::http::openapi::paths::ANY_TYPE;
use crate::http::openapi::paths::insert;
use crate::http::openapi::responses;
use crate::http::openapi::responses::FHIR_JSON;
use crate::http::openapi::schemas::Schemas;
use crate::http::openapi::schemas::schema_ref;
use crate::http::openapi::security;

/// Under which heading the operations stand.
pub const OPERATIONS: &str = "Palliative programme";

/// Names the types of a parameter that may have one of several.
const ALLOWED_TYPE: &str = "http://hl7.org/fhir/StructureDefinition/operationdefinition-allowed-type";

/// An operation on `Resource` is on any type.
const ANY: &str = "{type}";

/// Types that go as one text in a query.
const IN_QUERY: [&str; 12] = [
    "boolean",
    "canonical",
    "code",
    "date",
    "dateTime",
    "decimal",
    "id",
    "instant",
    "integer",
    "string",
    "uri",
    "Reference",
];

/// Adds the paths of an operation: for each level on which it may be called, and each method.
pub fn add(paths: &mut Paths, definition: &Value) {
    let code = definition["code"].as_str().unwrap_or_default();
    let flag = |name: &str| definition[name] == true;
    if flag("system") {
        add_level(paths, definition, &format!("/fhir/${code}"), None);
    }
    for ty in definition["resource"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let ty = if ty == "Resource" { ANY } else { ty };
        if flag("type") {
            add_level(paths, definition, &format!("/fhir/{ty}/${code}"), None);
        }
        if flag("instance") {
            add_level(paths, definition, &format!("/fhir/{ty}/{{id}}/${code}"), Some(ty));
        }
    }
}

/// The schemas of an operation's input and output.
pub fn add_schemas(schemas: &mut Schemas, definition: &Value) {
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

fn add_level(paths: &mut Paths, definition: &Value, path: &str, instance_of: Option<&str>) {
    let queryable = of_side(definition, "in").iter().all(|one| {
        one["min"].as_u64() == Some(0) || one["type"].as_str().is_some_and(|ty| IN_QUERY.contains(&ty))
    });
    if definition["affectsState"] != true && queryable {
        insert(
            paths,
            path.to_owned(),
            HttpMethod::Get,
            described(definition, path, instance_of, Form::Query),
        );
    }
    insert(paths, path.to_owned(), HttpMethod::Post, described(definition, path, instance_of, Form::Body));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Query,
    Body,
}

fn described(definition: &Value, path: &str, instance_of: Option<&str>, form: Form) -> Operation {
    let code = definition["code"].as_str().unwrap_or_default();
    let level: String = path.split('/').skip(2).filter(|word| !word.contains('$')).map(level_word).collect();
    let mut operation = OperationBuilder::new()
        .tag(if path.contains(ANY) { ANY_TYPE } else { OPERATIONS })
        .operation_id(Some(format!(
            "{}{level}{}",
            camel(code),
            if form == Form::Query { "ByQuery" } else { "" }
        )))
        .summary(Some(definition["title"].as_str().unwrap_or(code)))
        .description(definition["description"].as_str())
        .securities(Some(security::needed(&[format!(
            "user/{}.rs",
            instance_of.filter(|ty| *ty != ANY).unwrap_or("*")
        )])))
        .responses(self_responses(definition));
    if path.contains(ANY) {
        operation =
            operation.parameter(parameters::in_path("type", "A resource type of R4", Some("Patient")));
    }
    if let Some(ty) = instance_of {
        operation = operation.parameter(parameters::in_path("id", "The logical id", examples::id(ty)));
    }
    let inputs = of_side(definition, "in");
    if form == Form::Query {
        let plain = inputs.iter().filter(|one| one["type"].as_str().is_some_and(|ty| IN_QUERY.contains(&ty)));
        for one in plain {
            let words = one["documentation"].as_str().unwrap_or_default();
            let required = if one["min"].as_u64() > Some(0) { Required::True } else { Required::False };
            let parameter = parameters::in_query(one["name"].as_str().unwrap_or_default(), words);
            operation = operation.parameter(parameter.required(required));
        }
        return operation.build();
    }
    if definition["affectsState"] == true {
        operation = operation.parameter_ref(parameters::shared_ref("IfMatch"));
        operation = operation.parameter_ref(parameters::shared_ref("IdempotencyKey"));
    }
    let needed =
        if inputs.iter().any(|one| one["min"].as_u64() > Some(0)) { Required::True } else { Required::False };
    let schema = schema_ref(&input_name(definition));
    let example = if instance_of.is_some() { examples::input(code) } else { examples::input_of_type(code) };
    let content = Content::builder().schema(Some(schema)).example(Some(example)).build();
    operation
        .request_body(Some(
            RequestBodyBuilder::new().required(Some(needed)).content(FHIR_JSON, content).build(),
        ))
        .build()
}

fn self_responses(definition: &Value) -> utoipa::openapi::Responses {
    let outputs = of_side(definition, "out");
    let only = match &outputs[..] {
        [one] if one["name"] == "return" => {
            one["type"].as_str().filter(|ty| ResourceType::parse(ty).is_some())
        }
        _ => None,
    };
    let own = output_name(definition);
    let schema =
        only.map_or(&*own, |ty| if crate::http::openapi::CORE.contains(&ty) { ty } else { "Resource" });
    let success = vec![(200, responses::body("Done", schema).build())];
    let failures = [
        "BadRequest",
        "Unauthorized",
        "Forbidden",
        "NotFound",
        "MethodNotAllowed",
        "NotAcceptable",
        "TooLarge",
        "UnsupportedMediaType",
        "Unprocessable",
        "Unavailable",
    ];
    let writing = ["Conflict", "Gone", "PreconditionFailed"];
    let all: Vec<_> = failures
        .into_iter()
        .chain(writing.into_iter().filter(|_| definition["affectsState"] == true))
        .collect();
    responses::responses(success, &all)
}

/// The schema of a resource: its own where the document has it.
fn resource_schema(ty: &str) -> &str {
    let is_known = CORE.contains(&ty) || ["Bundle", "OperationOutcome", "Parameters"].contains(&ty);
    if is_known { ty } else { "Resource" }
}

fn of_side<'a>(definition: &'a Value, side: &str) -> Vec<&'a Value> {
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

fn input_name(definition: &Value) -> String {
    format!("{}Input", pascal(definition["id"].as_str().unwrap_or_default()))
}

fn output_name(definition: &Value) -> String {
    format!("{}Output", pascal(definition["id"].as_str().unwrap_or_default()))
}

fn level_word(word: &str) -> String {
    match word {
        "{id}" => "ById".into(),
        ANY => "OnAnyType".into(),
        word => format!("On{word}"),
    }
}

fn pascal(code: &str) -> String {
    code.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn camel(code: &str) -> String {
    let pascal = pascal(code);
    pascal[..1].to_lowercase() + &pascal[1..]
}
