//! FHIR's StructureDefinitions as OpenAPI schemas, each with its elements' own short words.
//! <https://hl7.org/fhir/R4/structuredefinition.html>
//!
//! A schema says more than FHIR's published JSON schema (what must be there is `required`) and less where more
//! would drown a reader, and keep a browser busy for minutes with following references: a resource inside a
//! resource is any resource, an extension's value is any value, and the `_x` siblings of primitive elements, which
//! carry their extensions, are allowed without being listed.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::schema::Array;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::schema::Object;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::schema::Ref;
use utoipa::openapi::schema::Type;

/// A longer list of codes is left to the value set's own page.
const MAX_ENUM: usize = 40;

/// Schemas by their name.
pub type Schemas = BTreeMap<String, RefOr<Schema>>;

/// The schemas of these types and of every type that they use.
pub fn schemas(structures: &[Value], value_sets: &[Value], types: &[&str]) -> Schemas {
    let by_name = structures.iter().filter_map(|one| Some((one["name"].as_str()?, one))).collect();
    let codes =
        value_sets.iter().filter_map(|one| Some((one["url"].as_str()?, listed_codes(one)?))).collect();
    let mut writer = Writer { structures: by_name, codes, open: Vec::new(), done: Schemas::new() };
    writer.open.extend(types.iter().map(|ty| (*ty).to_owned()));
    while let Some(name) = writer.open.pop() {
        if !writer.done.contains_key(&name) {
            writer.write(&name);
        }
    }
    writer.done
}

/// A reference to a schema.
pub fn schema_ref(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}

/// A resource as XML, whose form R4's own schemas describe.
pub fn xml() -> RefOr<Schema> {
    let words = "The same resource as XML, in the namespace `http://hl7.org/fhir`";
    ObjectBuilder::new().schema_type(Type::String).description(Some(words)).into()
}

struct Writer<'a> {
    structures: BTreeMap<&'a str, &'a Value>,
    codes: BTreeMap<&'a str, Vec<&'a str>>,
    open: Vec<String>,
    done: Schemas,
}

impl<'a> Writer<'a> {
    fn write(&mut self, name: &str) {
        if let Some(schema) = own_schema(name) {
            self.done.insert(name.to_owned(), schema.into());
            return;
        }
        let Some(structure) = self.structures.get(name).copied() else { return };
        let elements = structure["snapshot"]["element"].as_array().map_or(&[][..], Vec::as_slice);
        self.write_level(elements, name, structure["kind"] == "resource");
    }

    /// The schema of the elements right below `path`, and of the levels below them.
    fn write_level(&mut self, elements: &'a [Value], path: &str, is_resource: bool) {
        let mut object = ObjectBuilder::new().schema_type(Type::Object);
        if is_resource {
            let own = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([path]));
            object = object.property("resourceType", own).required("resourceType");
        }
        for element in elements {
            let Some(inner) = element["path"].as_str() else { continue };
            if inner == path {
                object = object.description(element["short"].as_str());
            }
            let Some(name) = inner.strip_prefix(path).and_then(|rest| rest.strip_prefix('.')) else {
                continue;
            };
            if name.contains('.') {
                continue;
            }
            for (name, schema) in self.properties(elements, element, name) {
                object = object.property(name, schema);
            }
            if element["min"].as_u64() > Some(0) && !name.ends_with("[x]") {
                object = object.required(name);
            }
        }
        self.done.insert(schema_name(path), object.into());
    }

    /// The property of an element, or the properties of an element that has a choice of types.
    fn properties(
        &mut self,
        elements: &'a [Value],
        element: &'a Value,
        name: &str,
    ) -> Vec<(String, RefOr<Schema>)> {
        let many = element["max"] != "1";
        let short = element["short"].as_str().unwrap_or_default();
        let types = element["type"].as_array().map_or(&[][..], Vec::as_slice);
        if let Some(stem) = name.strip_suffix("[x]") {
            let codes = types.iter().filter_map(|one| one["code"].as_str());
            return codes
                .map(|code| (format!("{stem}{}", upper(code)), self.of_type(element, code, short)))
                .collect();
        }
        let path = element["path"].as_str().unwrap_or_default();
        let code = types.first().and_then(|one| one["code"].as_str());
        let schema = match (element["contentReference"].as_str(), code) {
            (Some(other), _) => described(&schema_name(other.trim_start_matches(['#', ' '])), short),
            (None, Some("BackboneElement" | "Element")) => {
                self.write_level(elements, path, false);
                described(&schema_name(path), short)
            }
            (None, code) => self.of_type(element, code.unwrap_or("string"), short),
        };
        let schema = if many { in_list(schema, short) } else { schema };
        vec![(name.to_owned(), schema)]
    }

    fn of_type(&mut self, element: &Value, code: &str, short: &str) -> RefOr<Schema> {
        let bound =
            (element["binding"]["strength"] == "required").then(|| element["binding"]["valueSet"].as_str());
        let list = bound.flatten().and_then(|url| self.codes.get(url)).filter(|list| list.len() <= MAX_ENUM);
        let plain = |ty: Type| ObjectBuilder::new().schema_type(ty).description(filled(short));
        match code {
            "boolean" => plain(Type::Boolean).into(),
            "integer" => plain(Type::Integer).into(),
            "unsignedInt" => plain(Type::Integer).minimum(Some(0)).into(),
            "positiveInt" => plain(Type::Integer).minimum(Some(1)).into(),
            "decimal" => plain(Type::Number).into(),
            "code" => {
                let values = list.map(|list| list.iter().map(|code| Value::from(*code)).collect::<Vec<_>>());
                plain(Type::String).enum_values(values).into()
            }
            "string" | "markdown" | "uri" | "url" | "canonical" | "oid" | "uuid" | "xhtml"
            | "base64Binary" => plain(Type::String).into(),
            other => {
                self.open.push(other.to_owned());
                described(other, short)
            }
        }
    }
}

/// The schemas that are not made from a definition: the primitives with a form of their own, and any resource.
fn own_schema(name: &str) -> Option<Object> {
    let text = |pattern: &str, words: &str| {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).description(Some(words)).build()
    };
    Some(match name {
        "id" => text("^[A-Za-z0-9\\-.]{1,64}$", "A logical id"),
        "date" => text("^\\d{4}(-\\d{2}(-\\d{2})?)?$", "A year, a month or a day"),
        "time" => text("^\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?$", "A time of day"),
        "dateTime" => text(
            "^\\d{4}(-\\d{2}(-\\d{2}(T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?(Z|[+\\-]\\d{2}:\\d{2}))?)?)?$",
            "A year, a month, a day, or a moment with its zone",
        ),
        "instant" => text(
            "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?(Z|[+\\-]\\d{2}:\\d{2})$",
            "A moment, to the second or finer, with its zone",
        ),
        "Extension" => ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("What its `url` defines: one `value[x]` of any type, or extensions within"))
            .property("url", ObjectBuilder::new().schema_type(Type::String))
            .required("url")
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .build(),
        "Resource" => ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("Any FHIR R4 resource, of the type that `resourceType` names"))
            .property("resourceType", ObjectBuilder::new().schema_type(Type::String))
            .property("id", schema_ref("id"))
            .required("resourceType")
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .build(),
        _ => return None,
    })
}

fn described(name: &str, short: &str) -> RefOr<Schema> {
    let mut to = Ref::from_schema_name(name);
    short.clone_into(&mut to.description);
    RefOr::Ref(to)
}

/// A list of what the schema describes; the words move to the list.
fn in_list(item: RefOr<Schema>, short: &str) -> RefOr<Schema> {
    let item = match item {
        RefOr::Ref(mut to) => {
            to.description.clear();
            RefOr::Ref(to)
        }
        RefOr::T(Schema::Object(mut object)) => {
            object.description = None;
            RefOr::T(Schema::Object(object))
        }
        other => other,
    };
    let list: Array = ArrayBuilder::new().items(item).description(filled(short)).build();
    list.into()
}

fn filled(short: &str) -> Option<&str> {
    (!short.is_empty()).then_some(short)
}

/// `CarePlan.activity.detail` becomes `CarePlanActivityDetail`.
fn schema_name(path: &str) -> String {
    path.split('.').map(upper).collect()
}

fn upper(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The codes of a value set; none where it has all of a system and so cannot list them.
fn listed_codes(value_set: &Value) -> Option<Vec<&str>> {
    let mut codes = Vec::new();
    for include in value_set["compose"]["include"].as_array()? {
        codes.extend(include["concept"].as_array()?.iter().filter_map(|concept| concept["code"].as_str()));
    }
    Some(codes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::r4_structures;
    use crate::definitions::r4_value_sets;

    fn made(types: &[&str]) -> Value {
        let made = schemas(&r4_structures().unwrap(), &r4_value_sets().unwrap(), types);
        serde_json::to_value(made).unwrap()
    }

    fn care_plan() -> Value {
        made(&["CarePlan"])
    }

    #[test]
    fn what_must_be_there_is_required() {
        let all = care_plan();
        let required = all["CarePlan"]["required"].as_array().unwrap();
        for name in ["resourceType", "status", "intent", "subject"] {
            assert!(required.contains(&name.into()), "{name}: {required:?}");
        }
        assert!(!required.contains(&"goal".into()));
    }

    #[test]
    fn a_required_binding_becomes_an_enum() {
        let all = care_plan();
        let codes = all["CarePlan"]["properties"]["intent"]["enum"].as_array().unwrap();
        assert_eq!(codes.len(), 4);
        assert!(codes.contains(&"plan".into()));
        let all = made(&["Patient"]);
        let any = &all["Attachment"]["properties"]["contentType"];
        assert_eq!((&any["type"], any.get("enum")), (&"string".into(), None), "media types cannot be listed");
    }

    #[test]
    fn lists_levels_and_choices_are_told_apart() {
        let all = care_plan();
        let activity = &all["CarePlan"]["properties"]["activity"];
        assert_eq!(activity["items"]["$ref"], "#/components/schemas/CarePlanActivity");
        let detail = &all["CarePlanActivityDetail"]["properties"];
        assert_eq!(detail["scheduledTiming"]["$ref"], "#/components/schemas/Timing");
        assert_eq!(detail["scheduledString"]["type"], "string");
        assert_eq!(detail["doNotPerform"]["type"], "boolean");
        assert_eq!(
            all["CarePlan"]["properties"]["contained"]["items"]["$ref"],
            "#/components/schemas/Resource"
        );
    }

    #[test]
    fn every_reference_leads_to_a_schema() {
        let all = care_plan();
        let text = all.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(all.get(name).is_some(), "{name}");
        }
    }
}
