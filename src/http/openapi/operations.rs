//! The `$operations` as paths, from their OperationDefinitions. <https://hl7.org/fhir/R4/operationdefinition.html>

use serde_json::Value;
use utoipa::openapi::Content;
use utoipa::openapi::HttpMethod;
use utoipa::openapi::Paths;
use utoipa::openapi::Required;
use utoipa::openapi::path::Operation;
use utoipa::openapi::path::OperationBuilder;
use utoipa::openapi::request_body::RequestBodyBuilder;

use crate::fhir::ResourceType;
use crate::fhir::operation::may_be_later;
use crate::http::openapi::CORE;
use crate::http::openapi::bodies;
use crate::http::openapi::examples;
use crate::http::openapi::operation_schemas::input_name;
use crate::http::openapi::operation_schemas::of_side;
use crate::http::openapi::operation_schemas::output_name;
use crate::http::openapi::operation_schemas::pascal;
use crate::http::openapi::parameters;
use crate::http::openapi::paths::ANY_TYPE;
use crate::http::openapi::paths::SYSTEM;
use crate::http::openapi::paths::insert;
use crate::http::openapi::responses;
use crate::http::openapi::responses::FHIR_JSON;
use crate::http::openapi::responses::FHIR_XML;
use crate::http::openapi::schemas::schema_ref;
use crate::http::openapi::security;
use crate::operations::OPERATIONS as OFFERED;

/// Under which heading the operations stand.
pub const OPERATIONS: &str = "Palliative programme";
/// Under which heading the operations on code systems and value sets stand.
pub const TERMINOLOGY: &str = "Terminology";

/// Operations that say by 201 that they made something, and by 200 that it was there already.
const MAKING: [&str; 1] = ["palliative-refer"];

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
    let is_read = form == Form::Query;
    let mut operation = OperationBuilder::new()
        .tag(tag(code, path))
        .operation_id(Some(format!("{}{level}{}", camel(code), if is_read { "ByQuery" } else { "" })))
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
    let is_later = may_be_later(definition);
    for (_, name) in [(is_later, "PreferAsync"), (is_read, "PurposeOfUse")].iter().filter(|(has, _)| *has) {
        operation = operation.parameter_ref(parameters::shared_ref(name));
    }
    let inputs = of_side(definition, "in");
    if is_read {
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
    }
    if definition["affectsState"] == true || is_later {
        operation = operation.parameter_ref(parameters::shared_ref("IdempotencyKey"));
    }
    let needed =
        if inputs.iter().any(|one| one["min"].as_u64() > Some(0)) { Required::True } else { Required::False };
    let schema = schema_ref(&input_name(definition));
    let id = definition["id"].as_str().unwrap_or(code);
    let example = if instance_of.is_some() { examples::input(id) } else { examples::input_of_type(id) };
    let content = Content::builder().schema(Some(schema)).example(Some(example)).build();
    operation
        .request_body(Some(
            RequestBodyBuilder::new()
                .required(Some(needed))
                .content(FHIR_JSON, content)
                .content(FHIR_XML, bodies::xml())
                .build(),
        ))
        .build()
}

/// The heading: the programme's own operations stand together, those of the standard with what they are about.
fn tag(code: &str, path: &str) -> &'static str {
    let first = path.split('/').nth(2).unwrap_or_default();
    match CORE.iter().find(|ty| **ty == first) {
        _ if code.starts_with("palliative-") || code == "evaluate-measure" => OPERATIONS,
        Some(ty) => ty,
        None if first.starts_with('$') => SYSTEM,
        None if first == ANY => ANY_TYPE,
        None => TERMINOLOGY,
    }
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
    let mut done = responses::body("Done", schema);
    let id = definition["id"].as_str().unwrap_or_default();
    if OFFERED.iter().any(|own| own.definition == id && own.table.is_some()) {
        done = done.content("text/csv", bodies::table());
    }
    let mut success = vec![(200, done.build())];
    if MAKING.contains(&definition["code"].as_str().unwrap_or_default()) {
        success.push((201, responses::body("Done, and something new was made", schema).build()));
    }
    if may_be_later(definition) {
        let words = "Taken on with `Prefer: respond-async`, to be carried out later";
        success.push((202, responses::taken_on(responses::body(words, "OperationOutcome")).build()));
    }
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
        "Gone",
        "PreconditionFailed",
        "TooManyRequests",
        "Unavailable",
    ];
    let writing = ["Conflict"];
    let all: Vec<_> = failures
        .into_iter()
        .chain(writing.into_iter().filter(|_| definition["affectsState"] == true))
        .collect();
    responses::responses(success, &all)
}

fn level_word(word: &str) -> String {
    match word {
        "{id}" => "ById".into(),
        ANY => "OnAnyType".into(),
        word => format!("On{word}"),
    }
}

fn camel(code: &str) -> String {
    let pascal = pascal(code);
    pascal[..1].to_lowercase() + &pascal[1..]
}
