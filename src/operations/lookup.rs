//! `$lookup`: what a code system says of a code. <https://hl7.org/fhir/R4/codesystem-operation-lookup.html>

use serde_json::Value;

use crate::app::Answer;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::parameters::Input;
use crate::fhir::parameters::Output;
use crate::fhir::terminology::CodeSystem;
use crate::fhir::terminology::Library;
use crate::fhir::terminology::Member;
use crate::fhir::terminology::code_system::Concept;
use crate::fhir::terminology::member::speaks;
use crate::operations::Call;

/// The code's display, designations and properties.
///
/// # Errors
/// `Invalid` for what a parameter has wrong; `NotFound` for an unknown code or code system.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let input = &call.parameters;
    let asked = Asked::of(input)?;
    let resource = session.code_system(&asked.system, asked.version.as_deref())?.ok_or_else(|| {
        let text = format!("The code system {} is not known here; store it as a CodeSystem.", asked.system);
        Failure::new(Reason::NotFound, text).at(asked.at)
    })?;
    let system = CodeSystem::compile(&resource);
    let concept = system.find(&asked.code).ok_or_else(|| {
        let text = format!("{} has no code `{}`.", system.url, asked.code);
        Failure::new(Reason::NotFound, text).at(asked.at)
    })?;
    Ok(Answer::value(described(&system, concept, input).into_value()))
}

struct Asked {
    system: String,
    version: Option<String>,
    code: String,
    at: &'static str,
}

impl Asked {
    fn of(input: &Input) -> Result<Self, Failure> {
        let own = |name: &str| input.text(name).map(str::to_owned);
        let (code, system, version, at) = match (input.one("coding"), input.one("code")) {
            (Some(_), Some(_)) => return Err(refused("code", "Give `code` or `coding`, not both.")),
            (Some(given), None) => {
                if input.one("system").is_some() {
                    return Err(refused("system", "`system` goes with `code`; a coding has its own."));
                }
                let value = given.value();
                let text = |name: &str| value.and_then(|value| value.get(name)?.as_str()).map(str::to_owned);
                let at = "Parameters.parameter.where(name='coding')";
                (text("code"), text("system"), text("version").or(own("version")), at)
            }
            (None, _) => {
                let at = "Parameters.parameter.where(name='code')";
                (own("code"), own("system"), own("version"), at)
            }
        };
        let missing = |name: &str| {
            let text = "Give the code with its system: as `code` and `system`, or as `coding`.";
            refused(name, text).code("required")
        };
        let code = code.ok_or_else(|| missing("code"))?;
        Ok(Self { system: system.ok_or_else(|| missing("system"))?, version, code, at })
    }
}

fn refused(name: &str, text: &str) -> Failure {
    Failure::new(Reason::Invalid, text).at(format!("Parameters.parameter.where(name='{name}')"))
}

fn described(system: &CodeSystem, concept: &Concept, input: &Input) -> Output {
    let wanted: Vec<&str> = input.texts("property").collect();
    let wants = |name: &str| wanted.is_empty() || wanted.contains(&name);
    let mut output = Output::new().value("name", "string", system.name.as_str());
    if let Some(version) = &system.version {
        output = output.value("version", "string", version.as_str());
    }
    let member = Member::of(system, concept);
    let display = member.display_in(input.text("displayLanguage")).unwrap_or(&concept.code);
    output = output.value("display", "string", display);
    for one in &concept.designation {
        let language = one.get("language").and_then(Value::as_str);
        let by_language = |name: &&str| {
            name.strip_prefix("lang.").zip(language).is_some_and(|(asked, own)| speaks(own, asked))
        };
        if wants("designation") || wanted.iter().any(by_language) {
            output = output.part("designation", designation(one));
        }
    }
    for part in properties(system, concept, &wants) {
        output = output.part("property", part);
    }
    output
}

fn designation(one: &Value) -> Output {
    let mut part = Output::new();
    if let Some(language) = one.get("language") {
        part = part.value("language", "code", language.clone());
    }
    if let Some(purpose) = one.get("use") {
        part = part.value("use", "Coding", purpose.clone());
    }
    part.value("value", "string", one.get("value").cloned().unwrap_or_default())
}

fn properties(system: &CodeSystem, concept: &Concept, wants: &dyn Fn(&str) -> bool) -> Vec<Output> {
    let mut parts = Vec::new();
    if let Some(definition) = concept.definition.as_deref().filter(|_| wants("definition")) {
        parts.push(Output::new().value("code", "code", "definition").value("value", "string", definition));
    }
    let mut related = |name: &str, other: &Concept| {
        let part = Output::new().value("code", "code", name).value("value", "code", other.code.as_str());
        parts.push(match &other.display {
            Some(display) => part.value("description", "string", display.as_str()),
            None => part,
        });
    };
    if wants("parent") {
        system.parents(concept).for_each(|parent| related("parent", parent));
    }
    if wants("child") {
        system.children(concept).for_each(|child| related("child", child));
    }
    let told = |name: &str| matches!(name, "parent" | "child");
    for property in &concept.property {
        let name = property.get("code").and_then(Value::as_str).unwrap_or_default();
        let value = property.as_object().and_then(|all| all.iter().find(|(key, _)| key.starts_with("value")));
        if let Some((key, value)) = value.filter(|_| wants(name) && !told(name)) {
            let ty = &key["value".len()..];
            parts.push(Output::new().value("code", "code", name).value("value", ty, value.clone()));
        }
    }
    parts
}
