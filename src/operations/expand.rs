//! `$expand`: the codes of a value set, a page at a time. <https://hl7.org/fhir/R4/valueset-operation-expand.html>
//!
//! An expansion is flat, so that it can be paged.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::app::Answer;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::datetime::instant;
use crate::fhir::parameters::Content;
use crate::fhir::parameters::Given;
use crate::fhir::parameters::Input;
use crate::fhir::parameters::output::element;
use crate::fhir::terminology::Editions;
use crate::fhir::terminology::Member;
use crate::fhir::terminology::Question;
use crate::fhir::terminology::Shelf;
use crate::fhir::terminology::member::speaks;
use crate::operations::Call;

/// What shapes the expansion, as it is repeated in it.
const SHAPING: [&str; 15] = [
    "filter",
    "offset",
    "count",
    "includeDesignations",
    "designation",
    "includeDefinition",
    "activeOnly",
    "excludeNested",
    "excludeNotForUI",
    "excludePostCoordinated",
    "displayLanguage",
    "exclude-system",
    "system-version",
    "check-system-version",
    "force-system-version",
];

/// What of a definition is no part of its expansion.
const LEFT_OUT: [&str; 4] = ["text", "meta", "contained", "expansion"];

/// The value set with its codes.
///
/// # Errors
/// `Invalid` for what a parameter has wrong; `NotFound` for an unknown value set; `Unprocessable` where it cannot be
/// told which codes it has.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let (ty, id) = call.target.as_ref().ok_or_else(|| {
        Failure::new(Reason::Invalid, "$expand is called on ValueSet or one of its instances.")
    })?;
    let input = &call.parameters;
    let names = ["url", "valueSetVersion", "valueSet"];
    let set = session.subject_of((*ty, id.as_deref()), input, names)?;
    let (offset, count) = (number(input, "offset")?.unwrap_or(0), number(input, "count")?);
    let editions = Editions::of(input)?;
    let mut members = Question::in_editions(Shelf::of(session), editions.clone()).expand(&set)?;
    editions.apply(&mut members)?;
    narrow(&mut members, input);
    let total = members.len();
    let page: Vec<Member> = members.into_iter().skip(offset).take(count.unwrap_or(usize::MAX)).collect();
    let mut expansion = Map::new();
    expansion.insert("identifier".into(), format!("urn:uuid:{}", uuid::Uuid::new_v4()).into());
    expansion.insert("timestamp".into(), instant(session.now()).into());
    expansion.insert("total".into(), total.into());
    if input.one("offset").is_some() || count.is_some() {
        expansion.insert("offset".into(), offset.into());
    }
    let parameters = parameters(input, &page);
    if !parameters.is_empty() {
        expansion.insert("parameter".into(), Value::Array(parameters));
    }
    if !page.is_empty() {
        expansion.insert("contains".into(), contains(&page, input));
    }
    Ok(Answer::value(expanded(set, input, expansion)))
}

fn number(input: &Input, name: &str) -> Result<Option<usize>, Failure> {
    let Some(given) = input.one(name) else { return Ok(None) };
    let number = input.integer(name).and_then(|number| usize::try_from(number).ok());
    number.map(Some).ok_or_else(|| {
        Failure::new(Reason::Invalid, format!("`{name}` is a whole number, 0 or more.")).at(given.at.clone())
    })
}

fn narrow(members: &mut Vec<Member>, input: &Input) {
    let language = input.text("displayLanguage");
    if input.boolean("activeOnly") == Some(true) {
        members.retain(|member| !member.inactive);
    }
    if input.boolean("excludeNotForUI") == Some(true) {
        members.retain(|member| !member.is_abstract);
    }
    if let Some(filter) = input.text("filter") {
        members.retain(|member| member.matches(filter, language));
    }
}

/// What was asked for, and the versions of the code systems that the codes are from.
fn parameters(input: &Input, page: &[Member]) -> Vec<Value> {
    let given = SHAPING.iter().flat_map(|name| input.all(name)).filter_map(repeated);
    let mut versions: Vec<String> = page
        .iter()
        .filter_map(|member| Some(format!("{}|{}", member.system, member.version.as_ref()?)))
        .collect();
    versions.sort();
    versions.dedup();
    given.chain(versions.into_iter().map(|uri| json!({ "name": "version", "valueUri": uri }))).collect()
}

fn repeated(given: &Given) -> Option<Value> {
    match &given.content {
        Content::Value(ty, value) => {
            let mut parameter = Map::new();
            parameter.insert("name".into(), given.name.as_str().into());
            // An expansion has no canonicals among its parameters; they are URIs.
            parameter.insert(element(if ty == "canonical" { "uri" } else { ty }), value.clone());
            Some(Value::Object(parameter))
        }
        Content::Resource(_) | Content::Parts(_) => None,
    }
}

fn contains(page: &[Member], input: &Input) -> Value {
    let named: Vec<&str> = input.texts("designation").collect();
    let wanted = input.boolean("includeDesignations").unwrap_or(!named.is_empty());
    let designation =
        |one: &Value| wanted && (named.is_empty() || named.iter().any(|token| is_named(one, token)));
    let language = input.text("displayLanguage");
    page.iter().map(|member| member.to_json(language, &designation)).collect()
}

/// Whether a designation is of the language, or of the use `system|code`, that a token names.
fn is_named(designation: &Value, token: &str) -> bool {
    let language = designation.get("language").and_then(Value::as_str);
    let named = match token.split_once('|') {
        Some(("urn:ietf:bcp:47", own)) => own,
        Some((system, code)) => {
            return designation["use"]["system"] == system && designation["use"]["code"] == code;
        }
        None => token,
    };
    language.is_some_and(|own| speaks(own, named)) || designation["use"]["code"] == token
}

fn expanded(set: Value, input: &Input, expansion: Map<String, Value>) -> Value {
    let Value::Object(mut set) = set else { return set };
    LEFT_OUT.iter().for_each(|name| {
        set.shift_remove(*name);
    });
    if input.boolean("includeDefinition") != Some(true) {
        set.shift_remove("compose");
    }
    set.insert("expansion".into(), Value::Object(expansion));
    Value::Object(set)
}
