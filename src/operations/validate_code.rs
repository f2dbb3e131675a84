//! `$validate-code`: whether a code is in a value set, or in a code system, and called what it is said to be.
//! <https://hl7.org/fhir/R4/valueset-operation-validate-code.html>

use serde_json::Value;

use crate::app::Answer;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::parameters::Input;
use crate::fhir::parameters::Output;
use crate::fhir::terminology;
use crate::fhir::terminology::CodeSystem;
use crate::fhir::terminology::Member;
use crate::fhir::terminology::Question;
use crate::fhir::terminology::Shelf;
use crate::fhir::terminology::value_set::not_held;
use crate::operations::Call;

/// The verdict on a code, a coding, or the codings of a concept, of which one must be right.
///
/// # Errors
/// `Invalid` for what a parameter has wrong; `NotFound` for an unknown value set or code system; `Unprocessable`
/// where only a code system could tell that is not held.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let (ty, id) = call.target.as_ref().ok_or_else(|| {
        Failure::new(Reason::Invalid, "$validate-code is called on ValueSet or CodeSystem.")
    })?;
    let input = &call.parameters;
    let place = place(session, (*ty, id.as_deref()), input)?;
    let mut question = Question::of(Shelf::of(session));
    let mut worst: Option<Verdict> = None;
    let mut unknown = None;
    for coding in codings(*ty, input)? {
        let found = match &place {
            Place::Set(set) => in_set(&mut question, set, &coding)?,
            Place::System(system) => in_system(system, &coding),
        };
        match found {
            Found::Verdict(verdict) => {
                let verdict = verdict.judged(&coding, input);
                if verdict.result {
                    return Ok(verdict.answer());
                }
                worst = Some(worst.map_or(verdict.clone(), |other| other.and(verdict)));
            }
            Found::Unknown(failure) => unknown = Some(failure),
        }
    }
    match (unknown, worst) {
        (Some(failure), _) => Err(failure),
        (None, Some(verdict)) => Ok(verdict.answer()),
        (None, None) => Ok(Verdict::no("The concept has no coding.").answer()),
    }
}

/// Where the code is to be.
enum Place {
    Set(Value),
    System(CodeSystem),
}

fn place(session: &Session, (ty, id): (ResourceType, Option<&str>), input: &Input) -> Result<Place, Failure> {
    if ty.name() == "ValueSet" {
        let names = ["url", "valueSetVersion", "valueSet"];
        return Ok(Place::Set(session.subject_of((ty, id), input, names)?));
    }
    let system = session.subject_of((ty, id), input, ["url", "version", "codeSystem"])?;
    Ok(Place::System(CodeSystem::compile(&system)))
}

/// One coding that is asked about.
struct Coding {
    system: Option<String>,
    version: Option<String>,
    code: String,
    display: Option<String>,
}

impl Coding {
    fn of(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let (system, version, display) = (text("system"), text("version"), text("display"));
        Some(Self { system, version, code: text("code")?, display })
    }
}

fn codings(ty: ResourceType, input: &Input) -> Result<Vec<Coding>, Failure> {
    let value = |name: &str| input.one(name).and_then(|given| given.value());
    let of_code = ["system", "systemVersion", "display"].into_iter().find(|name| input.one(name).is_some());
    if let Some(name) = of_code.filter(|_| input.one("code").is_none()) {
        return Err(refused(name, "This goes with `code`; a coding has its own."));
    }
    match (input.text("code"), value("coding"), value("codeableConcept")) {
        (Some(code), None, None) => {
            let text = |name: &str| input.text(name).map(str::to_owned);
            let (system, version) = if ty.name() == "ValueSet" {
                let system = text("system").ok_or_else(|| {
                    refused("system", "A code alone says little: give its `system` too.").code("required")
                })?;
                (Some(system), text("systemVersion"))
            } else {
                (None, None)
            };
            Ok(vec![Coding { system, version, code: code.to_owned(), display: text("display") }])
        }
        (None, Some(coding), None) => {
            let coding = Coding::of(coding).ok_or_else(|| refused("coding", "The coding has no code."))?;
            Ok(vec![coding])
        }
        (None, None, Some(concept)) => {
            let list = concept.get("coding").and_then(Value::as_array).into_iter().flatten();
            Ok(list.filter_map(Coding::of).collect())
        }
        (None, None, None) => {
            Err(refused("code", "Give the code as `code`, `coding` or `codeableConcept`.").code("required"))
        }
        _ => Err(refused("code", "Give one of `code`, `coding` and `codeableConcept`, not several.")),
    }
}

fn refused(name: &str, text: &str) -> Failure {
    Failure::new(Reason::Invalid, text).at(format!("Parameters.parameter.where(name='{name}')"))
}

/// What looking for a code has found.
enum Found {
    Verdict(Verdict),
    Unknown(Failure),
}

fn in_set(question: &mut Question, set: &Value, coding: &Coding) -> Result<Found, Failure> {
    let Some(system) = &coding.system else {
        return Ok(Found::Verdict(Verdict::no("The coding has no system, so that its code means nothing.")));
    };
    Ok(match question.find(set, (system, &coding.code))? {
        terminology::Answer::Yes(member) => Found::Verdict(Verdict::of(*member)),
        terminology::Answer::No => {
            let named = set.get("url").and_then(Value::as_str).unwrap_or("that was sent");
            let text = format!("`{}` of {system} is not in the value set {named}.", coding.code);
            Found::Verdict(Verdict::no(text))
        }
        terminology::Answer::Unknown(system) => Found::Unknown(not_held(&system)),
    })
}

fn in_system(system: &CodeSystem, coding: &Coding) -> Found {
    if let Some(other) = coding.system.as_ref().filter(|own| **own != system.url) {
        let text = format!("The coding is of {other}, not of {}.", system.url);
        return Found::Verdict(Verdict::no(text));
    }
    match system.find(&coding.code) {
        Some(concept) => Found::Verdict(Verdict::of(Member::of(system, concept))),
        None if system.complete => {
            Found::Verdict(Verdict::no(format!("{} has no code `{}`.", system.url, coding.code)))
        }
        None => Found::Unknown(not_held(&system.url)),
    }
}

/// Whether a code is right, and what is to be said of it.
#[derive(Clone)]
struct Verdict {
    result: bool,
    messages: Vec<String>,
    member: Option<Member>,
    display: Option<String>,
}

impl Verdict {
    fn no(message: impl Into<String>) -> Self {
        Self { result: false, messages: vec![message.into()], member: None, display: None }
    }

    fn of(member: Member) -> Self {
        Self { result: true, messages: Vec::new(), member: Some(member), display: None }
    }

    /// Neither is right.
    fn and(mut self, other: Self) -> Self {
        self.messages.extend(other.messages);
        self.display = self.display.or(other.display);
        self
    }

    /// What else may be wrong with a code that is there.
    fn judged(mut self, coding: &Coding, input: &Input) -> Self {
        let Some(member) = &self.member else { return self };
        self.display = member.display_in(input.text("displayLanguage")).map(str::to_owned);
        if member.is_abstract && input.boolean("abstract") != Some(true) {
            self.result = false;
            self.messages.push(format!("`{}` groups other codes and is not used itself.", member.code));
        }
        if let (Some(asked), Some(held)) = (&coding.version, &member.version)
            && asked != held
        {
            self.result = false;
            self.messages.push(format!("{} is held in version {held}, not {asked}.", member.system));
        }
        if let Some(display) = &coding.display
            && !member.is_called(display)
            && !member.by_form
        {
            let right = member.display.as_deref().unwrap_or("without a display");
            self.result = false;
            self.messages.push(format!("`{}` is not called `{display}` but `{right}`.", member.code));
        }
        if member.inactive {
            self.messages.push(format!("`{}` is no longer to be used.", member.code));
        }
        if member.by_form {
            let text = format!(
                "{} is not held here: the code has the form that the value set asks for, no more is known.",
                member.system
            );
            self.messages.push(text);
        }
        self
    }

    fn answer(self) -> Answer {
        let mut output = Output::new().value("result", "boolean", self.result);
        if !self.messages.is_empty() {
            output = output.value("message", "string", self.messages.join(" "));
        }
        if let Some(display) = self.display {
            output = output.value("display", "string", display);
        }
        Answer::value(output.into_value())
    }
}
