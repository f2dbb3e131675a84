//! What a SearchParameter must be that a client stores to search by it. <https://hl7.org/fhir/R4/searchparameter.html>

use serde_json::Value;

use crate::access::Action;
use crate::app::App;
use crate::app::session::Session;
use crate::definitions::Definitions;
use crate::definitions::SearchParameterDefinition;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::path::Path;
use crate::search::Kind;
use crate::search::Parameters;
use crate::search::parameter::numbers;
use crate::search::takes;
use crate::store::Conn;
use crate::store::Defines;
use crate::store::Fault;
use crate::store::parameter_set;
use crate::store::parameter_set::Name;
use crate::store::parameter_set::Put;

/// The longest expression.
const LONGEST_EXPRESSION: usize = 1_000;
/// The longest code.
const LONGEST_CODE: usize = 64;
/// How many parameters clients may add to a type: each costs a look at every resource of it that is written.
const MOST_OF_TYPE: i64 = 50;
/// What of a definition decides which rows a resource has.
const DECISIVE: [&str; 6] = ["code", "base", "type", "expression", "status", "url"];

/// Refuses a write of what decides for all callers by what they may search, but from a system.
///
/// # Errors
/// `Forbidden`.
pub(crate) fn require(session: &Session, action: Action, ty: ResourceType) -> Result<(), Failure> {
    if !is_definition(ty) || session.caller().may_as_system(action, ty) {
        return Ok(());
    }
    let text = format!(
        "A SearchParameter decides by what everybody may search, so that writing one takes a scope such as \
         `system/SearchParameter.{}`.",
        action.letter()
    );
    Err(Failure::new(Reason::Forbidden, text))
}

/// Whether resources of this type define search parameters.
pub(crate) fn is_definition(ty: ResourceType) -> bool {
    ty.name() == "SearchParameter"
}

/// What a resource defines that is in use: a code of each of its types, but for those that the program has itself.
pub(crate) fn names(app: &App, value: &Value) -> Vec<Name> {
    if value.get("status").and_then(Value::as_str) != Some("active") {
        return Vec::new();
    }
    let Ok(definition) = app.definitions.read_search_parameter(value) else { return Vec::new() };
    let further = further(&app.parameters, definition);
    further.base.into_iter().map(|ty| (ty, further.code.clone())).collect()
}

/// The part of a definition that the program does not have itself: where one is stored that comes with R4, as whole
/// packages of definitions are, nothing is added.
pub(crate) fn further(own: &Parameters, definition: SearchParameterDefinition) -> SearchParameterDefinition {
    let is_new =
        |ty: &ResourceType| own.find(*ty, &definition.code).is_none_or(|known| known.url != definition.url);
    let mut base: Vec<ResourceType> = definition.base.iter().copied().filter(is_new).collect();
    base.sort_unstable();
    base.dedup();
    SearchParameterDefinition { base, ..definition }
}

/// What an update does to what a resource defines.
pub(crate) fn change(names: &[Name], (old, new): (&Value, &Value)) -> Defines {
    let same = DECISIVE.iter().all(|name| old.get(name) == new.get(name));
    // One that defined nothing and defines nothing concerns nobody.
    if same && !names.is_empty() { Defines::Same(names.to_vec()) } else { Defines::Now(names.to_vec()) }
}

/// What is wrong with a SearchParameter that is to be in use; nothing of one that is not, nor of other types.
pub(crate) fn issues(app: &App, value: &Value) -> Vec<Issue> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    if text("resourceType") != Some("SearchParameter") || text("status") != Some("active") {
        return Vec::new();
    }
    let definition = match app.definitions.read_search_parameter(value) {
        Ok(definition) => definition,
        // What R4 itself asks for has been said.
        Err(_) => return Vec::new(),
    };
    if let Some(known) = app.definitions.search_parameters.iter().find(|known| known.url == definition.url)
        && (&known.expression, &known.code, &known.kind)
            == (&definition.expression, &definition.code, &definition.kind)
    {
        return Vec::new();
    }
    let used = app.parameter_set();
    let judged = Judged {
        definitions: &app.definitions,
        own: &app.parameters,
        used: &used.parameters,
        definition: &definition,
    };
    let mut issues: Vec<Issue> = [judged.code(), judged.kind()].into_iter().flatten().collect();
    match judged.expression() {
        Ok(path) => issues.extend(judged.types(&path)),
        Err(issue) => issues.push(*issue),
    }
    issues
}

struct Judged<'a> {
    definitions: &'a Definitions,
    own: &'a Parameters,
    used: &'a Parameters,
    definition: &'a SearchParameterDefinition,
}

impl Judged<'_> {
    fn code(&self) -> Option<Issue> {
        let code = &self.definition.code;
        let is_plain = code.len() <= LONGEST_CODE
            && code.starts_with(|first: char| first.is_ascii_alphabetic())
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let text = format!(
            "A code to search by has letters, digits and `-`, begins with a letter and is no longer than \
             {LONGEST_CODE}; those with `_` are FHIR's own."
        );
        (!is_plain).then(|| Issue::error("value", text).at("SearchParameter.code"))
    }

    fn kind(&self) -> Option<Issue> {
        let kind = Kind::parse(&self.definition.kind)?;
        takes(kind).is_empty().then(|| {
            let text = format!("Search parameters of the type {} cannot be added here.", kind.name());
            Issue::error("not-supported", text).at("SearchParameter.type")
        })
    }

    fn expression(&self) -> Result<Path, Box<Issue>> {
        let wrong =
            |code, text: String| Err(Box::new(Issue::error(code, text).at("SearchParameter.expression")));
        let Some(text) = &self.definition.expression else {
            return wrong(
                "required",
                "Without an expression there is nothing to search; give it one.".into(),
            );
        };
        if text.len() > LONGEST_EXPRESSION {
            let text =
                format!("An expression may have {LONGEST_EXPRESSION} characters, and this one has more.");
            return wrong("too-costly", text);
        }
        Path::compile(text).or_else(|problem| {
            let text = format!(
                "{problem}; search expressions have paths, `|`, `as`, `ofType()`, `where(x = 'y')`, \
                 `where(resolve() is Type)`, `[n]`, `exists()`, `and`, `=` and `!=`."
            );
            wrong("not-supported", text)
        })
    }

    /// What is wrong for one of its types; one word is enough.
    fn types(&self, path: &Path) -> Option<Issue> {
        self.definition.base.iter().find_map(|ty| self.of_type(*ty, path))
    }

    fn of_type(&self, ty: ResourceType, path: &Path) -> Option<Issue> {
        let (code, at) = (&self.definition.code, |place: &str| format!("SearchParameter.{place}"));
        if let Some(known) = self.own.find(ty, code) {
            let text =
                format!("{ty} has the search parameter `{code}` ({}) already; take another code.", known.url);
            return Some(Issue::error("duplicate", text).at(at("code")));
        }
        let is_others = |number: &i64| {
            self.used.by_number(*number).is_some_and(|known| (known.ty, &known.code) != (ty, code))
        };
        if numbers(ty, code).iter().any(is_others) {
            let text =
                format!("The index cannot tell `{code}` of {ty} from another parameter; take another code.");
            return Some(Issue::error("duplicate", text).at(at("code")));
        }
        let Some(own) = path.for_type(ty.name()) else {
            let text =
                format!("The expression has no branch that begins at {ty}; add one, or leave {ty} out.");
            return Some(Issue::error("value", text).at(at("expression")));
        };
        let found = self.definitions.shapes.types_found(ty, &own);
        if found.iter().any(Vec::is_empty) {
            let text =
                format!("A branch of the expression leads to no element of {ty}; see how it is spelt.");
            return Some(Issue::error("value", text).at(at("expression")));
        }
        let kind = Kind::parse(&self.definition.kind)?;
        // An expression without an element says whether something is so.
        let found: Vec<&str> = if found.is_empty() { vec!["boolean"] } else { found.concat() };
        let known = takes(kind);
        (!known.is_empty() && !found.iter().any(|ty| known.contains(ty))).then(|| {
            let text = format!(
                "For {ty} the expression finds {}, and a parameter of the type {} takes {}.",
                found.join(", "),
                kind.name(),
                known.join(", ")
            );
            Issue::error("value", text).at(at("type"))
        })
    }
}

/// Makes each resource define its search parameters.
///
/// # Errors
/// `Unprocessable` where another one defines one of them, or a type would have too many.
pub(crate) fn put(conn: &mut Conn, defines: &[(i64, Defines)]) -> Result<(), Fault> {
    match parameter_set::put(conn, defines, MOST_OF_TYPE)? {
        Put::Done => Ok(()),
        Put::Taken => Err(taken().into()),
        Put::Full => Err(full().into()),
    }
}

fn taken() -> Failure {
    let text = "Another SearchParameter in use has this code for one of these types; take another code, or retire that \
                one first.";
    Failure::new(Reason::Unprocessable, text).code("duplicate").at("SearchParameter.code")
}

fn full() -> Failure {
    let text = format!(
        "A type may have {MOST_OF_TYPE} added search parameters and would have more; retire one of them first."
    );
    Failure::new(Reason::Unprocessable, text).code("too-costly").at("SearchParameter.base")
}
