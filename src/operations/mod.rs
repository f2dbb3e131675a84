//! `$operations`: one file each; [`OPERATIONS`] is the list. <https://hl7.org/fhir/R4/operations.html>
//!
//! An operation is described once, by its OperationDefinition: where it is called, by which methods, with which
//! parameters. Routing, the CapabilityStatement, OpenAPI and the checks below read that.

pub mod evaluate_measure;
pub mod everything;
pub mod expand;
mod gap_told;
mod later;
pub mod lookup;
pub mod meta;
pub mod meta_change;
mod moved;
mod named;
mod opened;
pub mod palliative_careplan;
pub mod palliative_disenroll;
pub mod palliative_enroll;
pub mod palliative_gaps;
pub mod palliative_gaps_group;
pub mod palliative_identify;
pub mod palliative_payment_months;
pub mod palliative_refer;
pub mod palliative_screen;
pub mod palliative_status;
pub mod palliative_stratify;
pub mod palliative_transition;
mod place;
mod screened;
mod submitted;
pub mod validate;
pub mod validate_code;
mod writing;

use std::sync::OnceLock;

use serde_json::Value;

use crate::access::Action;
use crate::app::Answer;
use crate::app::App;
use crate::app::Once;
use crate::app::Session;
use crate::definitions::CANONICAL;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::bundle::Method;
use crate::fhir::form;
use crate::fhir::operation::Definition;
use crate::fhir::parameters;
use crate::fhir::parameters::Input;
use crate::operations::place::find;
use crate::operations::place::method;
use crate::operations::writing::keyed;
use crate::operations::writing::once;
use crate::operations::writing::writes;

pub use later::admit;
pub use later::may_be_later;
pub use place::allowed;
pub use place::only_reads;
pub use place::table;
pub use writing::examine;

/// One operation that is offered.
#[derive(Clone, Copy)]
pub struct Operation {
    /// The id of its OperationDefinition, which is the name of the file in `definitions/operations`.
    pub definition: &'static str,
    /// What it does.
    pub run: fn(&Session, Call) -> Result<Answer, Failure>,
    /// What becomes of the resources that it is given.
    pub resources: Resources,
    /// The parameter of its answer that may be had as a table.
    pub table: Option<&'static str>,
    /// Whether a call writes, of an operation that else changes nothing.
    pub writes: fn(&Input) -> bool,
    /// What can be refused at once of a call that is carried out later.
    pub check: fn(&Session, &Call) -> Result<(), Failure>,
}

/// What becomes of the resources that an operation is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resources {
    /// They are validated like those that are stored.
    Validated,
    /// They come as they are, valid or not.
    AsGiven,
}

/// The operations that are offered.
pub const OPERATIONS: &[Operation] = &[
    Operation { resources: Resources::AsGiven, ..validated("validate", validate::run) },
    validated("Patient-everything", everything::run),
    validated("Encounter-everything", everything::run),
    validated("EpisodeOfCare-everything", everything::run),
    validated("ValueSet-expand", expand::run),
    validated("ValueSet-validate-code", validate_code::run),
    validated("CodeSystem-validate-code", validate_code::run),
    validated("CodeSystem-lookup", lookup::run),
    validated("meta", meta::run),
    validated("meta-add", meta_change::add),
    validated("meta-delete", meta_change::delete),
    Operation { writes: submitted::records, ..validated("palliative-screen", palliative_screen::run) },
    Operation { writes: submitted::records, ..validated("palliative-stratify", palliative_stratify::run) },
    Operation { writes: palliative_gaps::writes, ..validated("palliative-gaps", palliative_gaps::run) },
    Operation {
        writes: palliative_gaps_group::writes,
        ..validated("Group-palliative-gaps", palliative_gaps_group::run)
    },
    Operation {
        check: palliative_identify::check,
        writes: palliative_identify::writes,
        ..validated("palliative-identify", palliative_identify::run)
    },
    validated("palliative-refer", palliative_refer::run),
    validated("palliative-transition", palliative_transition::run),
    validated("palliative-enroll", palliative_enroll::run),
    validated("palliative-disenroll", palliative_disenroll::run),
    validated("palliative-status", palliative_status::run),
    validated("palliative-careplan", palliative_careplan::run),
    Operation {
        table: Some("month"),
        check: palliative_payment_months::check,
        ..validated("palliative-payment-months", palliative_payment_months::run)
    },
    Operation {
        check: evaluate_measure::check,
        ..validated("Measure-evaluate-measure", evaluate_measure::run)
    },
];

const fn validated(
    definition: &'static str,
    run: fn(&Session, Call) -> Result<Answer, Failure>,
) -> Operation {
    Operation {
        definition,
        run,
        resources: Resources::Validated,
        table: None,
        writes: |_| false,
        check: |_, _| Ok(()),
    }
}

/// One call of an operation.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation's code.
    pub operation: &'static str,
    /// The type and perhaps the instance that it is called on.
    pub target: Option<(ResourceType, Option<String>)>,
    /// What it is given; each parameter fits the definition.
    pub parameters: Input,
    /// The `Idempotency-Key`, for `Session::write_once`. A request that was carried out already never gets here.
    pub once: Option<Once>,
    /// The version in `If-Match`.
    pub if_match: Option<i64>,
    /// GET (only if the operation changes nothing) or POST.
    pub method: Method,
}

/// A request for an operation, before its definition has been looked at.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The type and perhaps the instance that it is called on.
    pub target: Option<(ResourceType, Option<String>)>,
    /// The body, if there is one, or why it cannot be read.
    pub body: Option<Result<Value, Failure>>,
    /// The query, percent-encoded.
    pub query: String,
    /// The version in `If-Match`.
    pub if_match: Option<i64>,
    /// `Idempotency-Key`
    pub idempotency_key: Option<String>,
}

/// An operation with its compiled definition.
pub struct Offered {
    /// What it does.
    pub operation: &'static Operation,
    /// Where it is called and what it takes.
    pub definition: Definition,
}

/// The operations with their definitions, compiled once for the process: both are part of the binary.
pub fn offered(app: &App) -> &'static [Offered] {
    static OFFERED: OnceLock<Vec<Offered>> = OnceLock::new();
    OFFERED.get_or_init(|| compile(&app.definitions.operations))
}

fn compile(definitions: &[Value]) -> Vec<Offered> {
    let compiled = |operation: &'static Operation| {
        let id = Some(operation.definition);
        let definition = definitions.iter().find(|own| own.get("id").and_then(Value::as_str) == id);
        let definition = definition.ok_or("no such definition".to_owned()).and_then(Definition::compile);
        match definition {
            Ok(definition) => Some(Offered { operation, definition }),
            // A test compiles every definition, so this is for the developer who has not run it.
            Err(problem) => {
                log::error!("${} is not offered: {problem}", operation.definition);
                None
            }
        }
    };
    OPERATIONS.iter().filter_map(compiled).collect()
}

/// Carries out an operation.
///
/// # Errors
/// `NotFound` where there is none of that code at that place; `MethodNotAllowed`; `Forbidden`; `Invalid` for what its
/// parameters have wrong; and whatever the operation itself refuses.
pub fn perform(session: &Session, code: &str, mut asked: Asked) -> Result<Answer, Failure> {
    let offered = find(offered(session.app()), code, asked.target.as_ref())?;
    let definition = &offered.definition;
    let method = method(definition, asked.method)?;
    check_access(session, asked.target.as_ref())?;
    if let (Resources::AsGiven, Some(body)) = (offered.operation.resources, &asked.body)
        && let Some(answer) = validate::unreadable(session, body)
    {
        return Ok(answer);
    }
    let body = asked.body.take().transpose()?;
    let once = once(definition, &asked, body.as_ref())?;
    if let Some(answer) = once.as_ref().map_or(Ok(None), |once| session.replay(once))? {
        return Ok(answer);
    }
    // Of an operation that writes only where that is asked for, what is given tells whether a key means anything.
    let key = if definition.affects_state { Ok(once) } else { keyed(definition, &asked, body.as_ref()) };
    let parameters = input(session, offered, &asked.query, body).map_err(coded)?;
    let once = if writes(offered, &parameters) { key? } else { None };
    if let Some(once) = once.as_ref().filter(|_| !definition.affects_state)
        && let Some(answer) = session.replay(once)?
    {
        return Ok(answer);
    }
    let operation = definition.code.as_str();
    let (target, if_match) = (asked.target, asked.if_match);
    let call = Call { operation, target, parameters, once: once.clone(), if_match, method };
    match (once, (offered.operation.run)(session, call).map_err(coded)) {
        // Who may not do it, or not any more, gets no answer that was kept.
        (_, Err(failure)) if matches!(failure.reason, Reason::Forbidden | Reason::Login) => Err(failure),
        // Where the same request was carried out in the meantime, what it did may be what stands in this one's way.
        (Some(once), Err(failure)) => session.replay(&once)?.ok_or(failure),
        (_, done) => done,
    }
}

/// Calling takes the read scope on the target's type, and the target must be one that the caller may see. What an
/// operation writes takes the scopes of just those writes, which the session checks: to refer a patient is not to
/// change the Patient.
fn check_access(session: &Session, target: Option<&(ResourceType, Option<String>)>) -> Result<(), Failure> {
    let Some((ty, id)) = target else { return Ok(()) };
    session.require(Action::Read, *ty)?;
    match id {
        Some(id) => session.read(*ty, id).map(|_| ()),
        None => Ok(()),
    }
}

fn input(session: &Session, offered: &Offered, query: &str, body: Option<Value>) -> Result<Input, Failure> {
    match (offered.operation.resources, &body) {
        (Resources::Validated, Some(body)) => session.check_shape(body)?,
        (Resources::Validated, None) | (Resources::AsGiven, _) => {}
    }
    let body = match offered.operation.resources {
        Resources::Validated => body.map(|body| session.relative(body)),
        Resources::AsGiven => body,
    };
    parameters::read(&offered.definition, body, form::pairs(query)?)
}

/// Gives what is wrong with a parameter the programme's own code for it.
fn coded(mut failure: Failure) -> Failure {
    let is_parameter =
        |at: &Option<String>| at.as_ref().is_some_and(|at| at.starts_with("Parameters.parameter"));
    for issue in &mut failure.issues {
        if failure.reason == Reason::Invalid && issue.coding.is_none() && is_parameter(&issue.expression) {
            let code = if issue.code == "required" { "missing-parameter" } else { "bad-parameter" };
            issue.coding = Some((format!("{CANONICAL}/CodeSystem/palliative-error"), code.to_owned()));
        }
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;
    use crate::fhir::shape;

    fn all() -> Vec<Offered> {
        compile(&Definitions::shared().expect("the definitions load").operations)
    }

    #[test]
    fn every_operation_has_a_definition_that_compiles_and_is_published_under_its_code() {
        let definitions = Definitions::shared().expect("the definitions load");
        assert_eq!(all().len(), OPERATIONS.len());
        assert_eq!(definitions.operations.len(), OPERATIONS.len(), "every definition has its operation");
        for definition in &definitions.operations {
            let code = definition["code"].as_str().expect("a code");
            // of one code, each has the type before it
            let id = definition["id"].as_str().expect("an id");
            assert!(id == code || id.ends_with(&format!("-{code}")), "{id}");
            assert_eq!(definition["resourceType"], "OperationDefinition");
            let problems = shape::validate(&definitions.shapes, definition);
            assert_eq!(problems, Vec::new(), "{code}");
        }
    }

    #[test]
    fn an_operation_is_found_only_where_its_definition_puts_it() {
        let all = all();
        let patient = ResourceType::parse("Patient").expect("a type of R4");
        let on = |code: &str, target: Option<(ResourceType, Option<String>)>| {
            find(&all, code, target.as_ref()).map(|_| ()).map_err(|failure| failure.status())
        };
        assert_eq!(on("validate", Some((patient, None))), Ok(()));
        assert_eq!(on("validate", Some((patient, Some("1".into())))), Ok(()));
        assert_eq!(on("validate", None), Err(404));
        assert_eq!(on("nothing", Some((patient, None))), Err(404));
    }

    #[test]
    fn the_same_key_means_the_same_request_only_with_the_same_content() {
        let mut definition = all().remove(0).definition;
        let asked = |key: &str, query: &str| Asked {
            method: Method::Post,
            target: None,
            body: None,
            query: query.to_owned(),
            if_match: None,
            idempotency_key: Some(key.to_owned()),
        };
        assert_eq!(once(&definition, &asked("k", ""), None), Ok(None), "reading needs no key");
        definition.affects_state = true;
        let digest =
            |query| once(&definition, &asked("k", query), None).expect("a key").map(|once| once.digest);
        assert_eq!(digest("a=1"), digest("a=1"));
        assert_ne!(digest("a=1"), digest("a=2"));
        assert_eq!(
            once(&definition, &asked(&"k".repeat(129), ""), None).expect_err("too long").status(),
            400
        );
    }

    #[test]
    fn an_operation_that_changes_something_is_called_with_post_alone() {
        let mut all = all();
        let definition = &mut all[0].definition;
        definition.affects_state = true;
        let failure = method(definition, Method::Get).expect_err("refused");
        assert_eq!((failure.status(), failure.allow.as_deref()), (405, Some("POST")));
        definition.affects_state = false;
        assert_eq!(method(definition, Method::Head), Ok(Method::Get));
    }
}
