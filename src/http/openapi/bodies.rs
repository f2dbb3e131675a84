//! Request bodies. <https://hl7.org/fhir/R4/http.html#mime-type>

use serde_json::Value;
use serde_json::json;
use utoipa::openapi::Content;
use utoipa::openapi::Required;
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::schema::Type;

use crate::http::openapi::responses::FHIR_JSON;
use crate::http::openapi::responses::FHIR_XML;
use crate::http::openapi::schemas::schema_ref;

/// A resource of this schema, as JSON or as XML.
pub fn resource(words: &str, schema: &str, example: Option<Value>) -> RequestBody {
    let json = Content::builder().schema(Some(schema_ref(schema))).example(example).build();
    let body = RequestBodyBuilder::new().description(Some(words)).required(Some(Required::True));
    body.content(FHIR_JSON, json).content(FHIR_XML, xml()).build()
}

/// The same in XML.
pub fn xml() -> Content {
    Content::builder().schema(Some(schema_ref("Xml"))).build()
}

/// A table with a header and a row for each of what the answer lists.
pub fn table() -> Content {
    let text = ObjectBuilder::new().schema_type(Type::String);
    Content::builder().schema(Some(text.description(Some("A table, RFC 4180")).build())).build()
}

/// What PATCH takes.
pub fn patch() -> RequestBody {
    let list = ObjectBuilder::new().schema_type(Type::Array);
    let list = list.description(Some("JSON Patch, RFC 6902: operations, each with `op` and `path`"));
    let object = ObjectBuilder::new().schema_type(Type::Object);
    let object =
        object.description(Some("Merge patch, RFC 7396: the elements to set, null for those to take away"));
    let operations = json!({ "resourceType": "Parameters", "parameter": [{ "name": "operation", "part": [
        { "name": "type", "valueCode": "delete" }, { "name": "path", "valueString": "Patient.telecom[0]" }
    ] }] });
    RequestBodyBuilder::new()
        .description(Some(
            "What to change: a JSON Patch, a merge patch, or the Parameters of a FHIRPath Patch; `application/json` \
             is a JSON Patch where it is a list, else a merge patch",
        ))
        .required(Some(Required::True))
        .content("application/json-patch+json", Content::builder().schema(Some(list)).build())
        .content("application/merge-patch+json", Content::builder().schema(Some(object)).build())
        .content(FHIR_JSON, Content::builder().schema(Some(schema_ref("Parameters"))).example(Some(operations)).build())
        .content(FHIR_XML, xml())
        .build()
}

/// What a search by form takes.
pub fn form() -> RequestBody {
    let schema = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("The search parameters, as in a query"));
    let content = Content::builder().schema(Some(schema)).build();
    RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content("application/x-www-form-urlencoded", content)
        .build()
}
