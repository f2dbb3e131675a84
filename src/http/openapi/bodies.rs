//! Request bodies that are no resource. <https://hl7.org/fhir/R4/http.html#patch>

use utoipa::openapi::Content;
use utoipa::openapi::Required;
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::schema::Type;

/// What PATCH takes.
pub fn patch() -> RequestBody {
    let list = ObjectBuilder::new().schema_type(Type::Array);
    let list = list.description(Some("JSON Patch, RFC 6902: operations, each with `op` and `path`"));
    let object = ObjectBuilder::new().schema_type(Type::Object);
    let object =
        object.description(Some("Merge patch, RFC 7396: the elements to set, null for those to take away"));
    RequestBodyBuilder::new()
        .description(Some("What to change"))
        .required(Some(Required::True))
        .content("application/json-patch+json", Content::builder().schema(Some(list)).build())
        .content("application/merge-patch+json", Content::builder().schema(Some(object)).build())
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
