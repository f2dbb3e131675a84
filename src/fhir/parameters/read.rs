//! Reads Parameters, a bare resource or a query against an operation's definition.
//! <https://hl7.org/fhir/R4/operations.html#request>

use serde_json::Map;
use serde_json::Value;

use crate::fhir::operation::Definition;
use crate::fhir::operation::Parameter;
use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Issue;
use crate::fhir::outcome::Reason;
use crate::fhir::parameters::Content;
use crate::fhir::parameters::Given;
use crate::fhir::parameters::Input;
use crate::fhir::parameters::output::element;
use crate::fhir::parameters::simple::PRIMITIVES;
use crate::fhir::parameters::simple::example;
use crate::fhir::parameters::simple::from_text;
use crate::fhir::parameters::simple::is_well_formed;
use crate::fhir::reference::Reference;
use crate::fhir::resource::Resource;

/// Reads what an operation is given: the body (a Parameters resource, or the one resource that the operation takes)
/// and the pairs of the query.
///
/// # Errors
/// `Invalid` with every problem: an unknown parameter, one of a wrong type, one too many, one missing.
pub fn read(
    definition: &Definition,
    body: Option<Value>,
    query: Vec<(String, String)>,
) -> Result<Input, Failure> {
    let mut reader = Reader { issues: Vec::new(), refused: Vec::new() };
    let mut given = match body {
        None => Vec::new(),
        Some(body) => reader.body(definition, body)?,
    };
    for (name, value) in query.into_iter().filter(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty"))
    {
        match reader.pair(definition, &name, &value) {
            Some(pair) => given.push(pair),
            None => reader.refused.push(("Parameters.parameter".to_owned(), name)),
        }
    }
    reader.count(&definition.input, &given, "Parameters.parameter");
    if reader.issues.is_empty() {
        Ok(Input { given })
    } else {
        Err(Failure::of(Reason::Invalid, reader.issues))
    }
}

struct Reader {
    issues: Vec<Issue>,
    /// The list and the name of each parameter that was there but is refused: it is not reported as missing too.
    refused: Vec<(String, String)>,
}

impl Reader {
    fn body(&mut self, definition: &Definition, mut body: Value) -> Result<Vec<Given>, Failure> {
        if body.get("resourceType").and_then(Value::as_str) == Some("Parameters") {
            let list = body.get_mut("parameter").map(Value::take);
            return Ok(self.list(&definition.input, list, "Parameters.parameter"));
        }
        let resource = Resource::from_value(body)?;
        match definition.bare_resource().filter(|parameter| parameter.takes_resource(resource.ty())) {
            Some(parameter) => {
                let (name, at) = (parameter.name.clone(), resource.ty().name().to_owned());
                Ok(vec![Given { name, at, content: Content::Resource(resource) }])
            }
            None => Err(Failure::new(
                Reason::Invalid,
                format!("${} takes a Parameters resource, not a {}.", definition.code, resource.ty()),
            )),
        }
    }

    fn list(&mut self, known: &[Parameter], list: Option<Value>, path: &str) -> Vec<Given> {
        let list = match list {
            Some(Value::Array(list)) => list,
            None | Some(_) => Vec::new(),
        };
        let mut given = Vec::with_capacity(list.len());
        for (index, item) in list.into_iter().enumerate() {
            let name = item.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            match self.item(known, item, format!("{path}[{index}]")) {
                Some(item) => given.push(item),
                None => self.refused.push((path.to_owned(), name)),
            }
        }
        given
    }

    fn item(&mut self, known: &[Parameter], item: Value, at: String) -> Option<Given> {
        let Value::Object(mut item) = item else { return self.wrong(at, "A parameter is a JSON object.") };
        let name = item.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
            return self.unknown(known, &name, at);
        };
        let content = match content(&mut item) {
            Raw::Value(ty, value) if parameter.takes(&ty) => self.value(parameter, ty, value, &at)?,
            Raw::Resource(value) => match Resource::from_value(value) {
                Ok(resource) if parameter.takes_resource(resource.ty()) => Content::Resource(resource),
                Ok(_) | Err(_) => return self.wrong_type(parameter, at),
            },
            Raw::Parts(parts) if !parameter.part.is_empty() => {
                let path = format!("{at}.part");
                let given = self.list(&parameter.part, Some(parts), &path);
                self.count(&parameter.part, &given, &path);
                Content::Parts(Input { given })
            }
            Raw::Value(..) | Raw::Parts(_) | Raw::Nothing => return self.wrong_type(parameter, at),
        };
        Some(Given { name, at, content })
    }

    fn pair(&mut self, definition: &Definition, name: &str, text: &str) -> Option<Given> {
        let at = format!("Parameters.parameter.where(name='{}')", name.replace(['\'', '\\'], ""));
        let Some(parameter) = definition.input.iter().find(|parameter| parameter.name == name) else {
            return self.unknown(&definition.input, name, at);
        };
        let found = parameter.types.iter().find_map(|ty| Some((ty.clone(), from_text(ty, text)?)));
        let Some((ty, value)) = found else {
            let text = match parameter.types.iter().find_map(|ty| example(ty)) {
                Some(example) => format!("`{name}` is not understood; write it as {example}."),
                None => format!("`{name}` cannot be given in a URL; send it with POST in Parameters."),
            };
            return self.wrong(at, text);
        };
        let content = self.value(parameter, ty, value, &at)?;
        Some(Given { name: name.to_owned(), at, content })
    }

    fn value(&mut self, parameter: &Parameter, ty: String, value: Value, at: &str) -> Option<Content> {
        if !is_well_formed(&ty, &value) {
            let text = match example(&ty) {
                Some(example) => {
                    format!("`{}` is not a valid {ty}; write it as {example}.", parameter.name)
                }
                None => format!("`{}` is not a valid {ty}.", parameter.name),
            };
            return self.wrong(at.to_owned(), text);
        }
        if ty == "Reference" && !parameter.targets.is_empty() {
            let reference = value.get("reference").and_then(Value::as_str).unwrap_or_default();
            let target = Reference::parse(reference).local().map(|local| local.ty);
            if target.is_some_and(|target| !parameter.targets.contains(&target)) {
                let names: Vec<_> = parameter.targets.iter().map(|ty| ty.name()).collect();
                let text = format!("`{}` refers to {}.", parameter.name, names.join(" or "));
                return self.wrong(at.to_owned(), text);
            }
        }
        Some(Content::Value(ty, value))
    }

    fn count(&mut self, known: &[Parameter], given: &[Given], path: &str) {
        for parameter in known {
            let all: Vec<_> = given.iter().filter(|given| given.name == parameter.name).collect();
            // One that is there and wrong has been reported already: it is not reported as missing too.
            let has_issue =
                self.issues.iter().any(|issue| issue.text.contains(&format!("`{}`", parameter.name)));
            if (all.len() as u64) < u64::from(parameter.min) && !has_issue {
                let text = format!("The parameter `{}` is required.", parameter.name);
                let at = format!("{path}.where(name='{}')", parameter.name);
                self.issues.push(Issue::error("required", text).at(at));
            }
            if let Some(extra) =
                parameter.max.and_then(|max| all.get(usize::try_from(max).unwrap_or(usize::MAX)))
            {
                let text = format!("`{}` is there more often than {}.", parameter.name, times(parameter.max));
                self.issues.push(Issue::error("invalid", text).at(extra.at.clone()));
            }
        }
    }

    fn unknown<T>(&mut self, known: &[Parameter], name: &str, at: String) -> Option<T> {
        let names: Vec<_> = known.iter().map(|parameter| parameter.name.as_str()).collect();
        let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        let there_are = match names.as_slice() {
            [] => "it takes none".to_owned(),
            names => format!("there are: {}", names.join(", ")),
        };
        self.wrong(at, format!("There is no parameter `{name}` here; {there_are}."))
    }

    fn wrong_type<T>(&mut self, parameter: &Parameter, at: String) -> Option<T> {
        let takes: Vec<_> = parameter.types.iter().map(|ty| element(ty)).collect();
        let takes = match (parameter.part.is_empty(), takes.is_empty()) {
            (false, _) => "part".to_owned(),
            (true, true) => "a value or a resource".to_owned(),
            (true, false) => takes.join(" or "),
        };
        self.wrong(at, format!("`{}` is given as {takes}.", parameter.name))
    }

    fn wrong<T>(&mut self, at: String, text: impl Into<String>) -> Option<T> {
        self.issues.push(Issue::error("invalid", text).at(at));
        None
    }
}

enum Raw {
    Value(String, Value),
    Resource(Value),
    Parts(Value),
    Nothing,
}

fn content(item: &mut Map<String, Value>) -> Raw {
    if let Some(resource) = item.remove("resource") {
        return Raw::Resource(resource);
    }
    if let Some(parts) = item.remove("part") {
        return Raw::Parts(parts);
    }
    let key = item.keys().find(|key| key.starts_with("value")).cloned();
    match key.and_then(|key| Some((type_of(&key), item.remove(&key)?))) {
        Some((ty, value)) => Raw::Value(ty, value),
        None => Raw::Nothing,
    }
}

/// `valueDateTime` holds a `dateTime`, `valueReference` a `Reference`.
fn type_of(key: &str) -> String {
    let name = &key["value".len()..];
    let lower = name.chars().take(1).flat_map(char::to_lowercase).chain(name.chars().skip(1)).collect();
    if PRIMITIVES.contains(&String::as_str(&lower)) { lower } else { name.to_owned() }
}

fn times(max: Option<u32>) -> String {
    match max {
        None => "any number of times".to_owned(),
        Some(1) => "once".to_owned(),
        Some(max) => format!("{max} times"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition() -> Definition {
        let parameter = |name: &str, min: u32, max: &str, ty: &str| json!({ "name": name, "use": "in", "min": min, "max": max, "type": ty });
        let mut program = parameter("program", 0, "1", "Reference");
        program["targetProfile"] = json!(["http://hl7.org/fhir/StructureDefinition/HealthcareService"]);
        Definition::compile(&json!({
            "resourceType": "OperationDefinition", "code": "test", "url": "https://example.org/test",
            "parameter": [
                parameter("start", 1, "1", "date"), parameter("setting", 0, "*", "code"),
                parameter("dryRun", 0, "1", "boolean"), program, parameter("resource", 0, "1", "Bundle"),
                parameter("ruleSet", 0, "2", "canonical"),
                { "name": "hospice", "use": "in", "min": 0, "max": "1",
                  "part": [{ "name": "effectiveDate", "min": 1, "max": "1", "type": "date" }] },
                { "name": "return", "use": "out", "min": 1, "max": "1", "type": "Parameters" },
            ],
        }))
        .expect("a definition")
    }

    fn posted(parameter: Value) -> Result<Input, Failure> {
        read(&definition(), Some(json!({ "resourceType": "Parameters", "parameter": parameter })), Vec::new())
    }

    fn issues(parameter: Value) -> Vec<(&'static str, String)> {
        let failure = posted(parameter).expect_err("refused");
        assert_eq!(failure.status(), 400);
        failure.issues.into_iter().map(|issue| (issue.code, issue.expression.unwrap_or_default())).collect()
    }

    #[test]
    fn what_fits_the_definition_is_read_by_name() {
        let input = posted(json!([
            { "name": "start", "valueDate": "2026-02-01" },
            { "name": "setting", "valueCode": "home" },
            { "name": "setting", "valueCode": "clinic" },
            { "name": "program", "valueReference": { "reference": "HealthcareService/p" } },
            { "name": "dryRun", "valueBoolean": true },
            { "name": "ruleSet", "valueUri": "https://example.org/rs" },
            { "name": "hospice", "part": [{ "name": "effectiveDate", "valueDate": "2026-03-01" }] },
            { "name": "resource", "resource": { "resourceType": "Bundle", "type": "collection" } },
        ]))
        .expect("all fit");
        assert_eq!(
            input.day("start").expect("whole").map(|day| day.to_string()).as_deref(),
            Some("2026-02-01")
        );
        assert_eq!(input.texts("setting").collect::<Vec<_>>(), ["home", "clinic"]);
        assert_eq!(input.reference("program"), Some("HealthcareService/p"));
        assert_eq!(input.boolean("dryRun"), Some(true));
        assert_eq!(input.parts("hospice").and_then(|parts| parts.text("effectiveDate")), Some("2026-03-01"));
        assert_eq!(input.resource("resource").map(|bundle| bundle.ty().name()), Some("Bundle"));
        assert_eq!(input.text("absent"), None);
    }

    #[test]
    fn every_problem_is_named_with_its_place() {
        let start = json!({ "name": "start", "valueDate": "2026-02-01" });
        let cases = [
            (json!([start, { "name": "nope", "valueCode": "x" }]), "invalid", "Parameters.parameter[1]"),
            (json!([]), "required", "Parameters.parameter.where(name='start')"),
            (json!([start, start]), "invalid", "Parameters.parameter[1]"),
            (json!([{ "name": "start", "valueString": "2026-02-01" }]), "invalid", "Parameters.parameter[0]"),
            (json!([{ "name": "start", "valueDate": "2026-02-30" }]), "invalid", "Parameters.parameter[0]"),
            (
                json!([start, { "name": "dryRun", "valueBoolean": "true" }]),
                "invalid",
                "Parameters.parameter[1]",
            ),
            (
                json!([start, { "name": "setting", "valueCode": " home" }]),
                "invalid",
                "Parameters.parameter[1]",
            ),
            (
                json!([start, { "name": "program", "valueReference": { "reference": "Patient/1" } }]),
                "invalid",
                "Parameters.parameter[1]",
            ),
            (
                json!([start, { "name": "resource", "resource": { "resourceType": "Patient" } }]),
                "invalid",
                "Parameters.parameter[1]",
            ),
            (
                json!([start, { "name": "hospice", "part": [{ "name": "who", "valueCode": "x" },
                                                            { "name": "effectiveDate", "valueDate": "2026" }] }]),
                "invalid",
                "Parameters.parameter[1].part[0]",
            ),
            (
                json!([start, { "name": "hospice", "part": [] }]),
                "required",
                "Parameters.parameter[1].part.where(name='effectiveDate')",
            ),
        ];
        for (parameter, code, at) in cases {
            assert_eq!(issues(parameter.clone()), [(code, at.to_owned())], "{parameter}");
        }
        let both = issues(json!([{ "name": "nope", "valueCode": "x" }]));
        assert_eq!(both.iter().map(|issue| issue.0).collect::<Vec<_>>(), ["invalid", "required"]);
    }

    #[test]
    fn the_query_gives_simple_parameters_and_references() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let query = pairs(&[
            ("start", "2026-02-01"),
            ("dryRun", "false"),
            ("program", "HealthcareService/p"),
            ("_format", "json"),
        ]);
        let input = read(&definition(), None, query).expect("all simple");
        assert_eq!(input.boolean("dryRun"), Some(false));
        assert_eq!(input.reference("program"), Some("HealthcareService/p"));
        for wrong in [("resource", "x"), ("dryRun", "yes"), ("start", "soon"), ("nope", "1")] {
            let failure =
                read(&definition(), None, pairs(&[("start", "2026-02-01"), wrong])).expect_err(wrong.0);
            assert_eq!(failure.status(), 400, "{wrong:?}");
        }
    }

    #[test]
    fn a_bare_resource_stands_for_the_one_that_is_taken() {
        let query = || vec![("start".to_owned(), "2026-02-01".to_owned())];
        let bundle = json!({ "resourceType": "Bundle", "type": "collection" });
        let input = read(&definition(), Some(bundle), query()).expect("a Bundle is taken");
        assert!(input.resource("resource").is_some());
        assert!(read(&definition(), Some(json!({ "resourceType": "Patient" })), query()).is_err());
    }

    #[test]
    fn a_month_is_no_day() {
        let input = posted(json!([{ "name": "start", "valueDate": "2026-02" }])).expect("a date of R4");
        let failure = input.day("start").expect_err("not whole");
        assert_eq!(failure.issues[0].expression.as_deref(), Some("Parameters.parameter[0]"));
    }
}
