//! FHIRPath Patch: a Parameters resource with operations on elements that FHIRPath names.
//! <https://hl7.org/fhir/R4/fhirpatch.html>

use serde_json::Value;

use crate::fhir::Failure;
use crate::fhir::json::MAX_DEPTH;
use crate::fhir::patch::check_length;
use crate::fhir::patch::given::Given;
use crate::fhir::patch::spot;
use crate::fhir::patch::spot::Spot;
use crate::fhir::patch::unfit;
use crate::fhir::patch::unread;
use crate::fhir::path::Budget;
use crate::fhir::path::Expression;
use crate::fhir::path::Location;
use crate::fhir::path::locate;
use crate::fhir::shape::Shapes;

/// How many patterns the paths of one patch may have together, each of which takes memory of its own.
const MOST_PATTERNS: usize = 32;

/// The parts that an operation may have.
const PARTS: [&str; 7] = ["type", "path", "name", "value", "index", "source", "destination"];

/// An operation.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// Where in the Parameters it stands.
    at: String,
    /// The path as it was written.
    text: String,
    path: Expression,
    change: Change,
}

#[derive(Clone, Debug)]
enum Change {
    Add { name: String, value: Given },
    Insert { index: usize, value: Given },
    Delete,
    Replace { value: Given },
    Move { source: usize, destination: usize },
}

/// Reads the operations of a Parameters resource that has been found valid as such.
pub(super) fn read(parameters: &Value) -> Result<Vec<Operation>, Failure> {
    let parameters = parameters.get("parameter").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    check_length(parameters.len())?;
    let mut patterns = 0;
    let read = parameters.iter().enumerate().map(|(number, parameter)| {
        let operation = operation(number, parameter)?;
        patterns += operation.path.patterns();
        if patterns > MOST_PATTERNS {
            let text =
                format!("The paths of a patch have at most {MOST_PATTERNS} patterns together; send two.");
            return Err(unread(text).code("too-costly").at(operation.at));
        }
        Ok(operation)
    });
    read.collect()
}

fn operation(number: usize, parameter: &Value) -> Result<Operation, Failure> {
    let at = format!("Parameters.parameter[{number}]");
    if parameter.get("name").and_then(Value::as_str) != Some("operation") {
        let text = "A FHIRPath patch has parameters with the name `operation` and no other.";
        return Err(unread(text).at(format!("{at}.name")));
    }
    let parts = Parts::of(parameter, &at)?;
    let text = parts.text("path")?;
    let path = Expression::compile(text)
        .map_err(|why| parts.wrong("path", &format!("is no FHIRPath that is known here: {why}")))?;
    let change = match parts.text("type")? {
        "add" => Change::Add { name: parts.text("name")?.to_owned(), value: parts.value()? },
        "insert" => Change::Insert { index: parts.index("index")?, value: parts.value()? },
        "delete" => Change::Delete,
        "replace" => Change::Replace { value: parts.value()? },
        "move" => Change::Move { source: parts.index("source")?, destination: parts.index("destination")? },
        _ => return Err(parts.wrong("type", "is add, insert, delete, replace or move")),
    };
    parts.check_use(&change)?;
    Ok(Operation { text: text.to_owned(), path, change, at })
}

/// The parts of an operation, each there once at most.
struct Parts<'a> {
    at: &'a str,
    found: Vec<(&'a str, &'a Value)>,
}

impl<'a> Parts<'a> {
    fn of(parameter: &'a Value, at: &'a str) -> Result<Self, Failure> {
        let mut parts = Self { at, found: Vec::new() };
        for part in parameter.get("part").and_then(Value::as_array).into_iter().flatten() {
            let name = part.get("name").and_then(Value::as_str).unwrap_or_default();
            if !PARTS.contains(&name) {
                return Err(parts.wrong(name, &format!("is none of {}", PARTS.join(", "))));
            }
            if parts.get(name).is_some() {
                return Err(parts.wrong(name, "is given twice"));
            }
            parts.found.push((name, part));
        }
        Ok(parts)
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.found.iter().find(|(own, _)| *own == name).map(|(_, part)| *part)
    }

    fn wanted(&self, name: &str) -> Result<&'a Value, Failure> {
        self.get(name).ok_or_else(|| self.wrong(name, "is missing").code("required"))
    }

    fn text(&self, name: &str) -> Result<&'a str, Failure> {
        let part = self.wanted(name)?;
        let text = ["valueString", "valueCode"].iter().find_map(|key| part.get(key)?.as_str());
        text.ok_or_else(|| self.wrong(name, "is given as a string or code"))
    }

    fn index(&self, name: &str) -> Result<usize, Failure> {
        let part = self.wanted(name)?;
        let number =
            ["valueInteger", "valueUnsignedInt", "valuePositiveInt"].iter().find_map(|key| part.get(key));
        let index = number.and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
        index.ok_or_else(|| self.wrong(name, "is a whole number from 0"))
    }

    fn value(&self) -> Result<Given, Failure> {
        let given = Given::read(self.wanted("value")?);
        given.ok_or_else(|| self.wrong("value", "has neither a value nor parts"))
    }

    /// Refuses a part that the operation does not have, so that nobody takes it for being heeded.
    fn check_use(&self, change: &Change) -> Result<(), Failure> {
        let own: &[&str] = match change {
            Change::Add { .. } => &["name", "value"],
            Change::Insert { .. } => &["index", "value"],
            Change::Delete => &[],
            Change::Replace { .. } => &["value"],
            Change::Move { .. } => &["source", "destination"],
        };
        let foreign =
            self.found.iter().find(|(name, _)| !own.contains(name) && !["type", "path"].contains(name));
        foreign.map_or(Ok(()), |(name, _)| Err(self.wrong(name, "is no part of an operation of this type")))
    }

    fn wrong(&self, name: &str, what: &str) -> Failure {
        unread(format!("The part `{name}` of the operation {what}.")).at(self.at)
    }
}

/// Applies the operations in their order.
pub(super) fn apply(
    operations: &[Operation],
    shapes: &Shapes,
    resource: &mut Value,
    budget: &mut Budget,
) -> Result<(), Failure> {
    // One for all of them, so that many operations cannot take what one may not.
    operations.iter().try_for_each(|operation| {
        let done = operation.apply(shapes, resource, budget);
        done.map_err(|why| {
            let text = format!("The operation on `{}` {why}.", operation.text);
            unfit(text).at(operation.at.as_str())
        })
    })
}

impl Operation {
    /// Applies it; what is wrong is the rest of a sentence.
    fn apply(&self, shapes: &Shapes, resource: &mut Value, budget: &mut Budget) -> Result<(), String> {
        let found = locate(&self.path, shapes, resource, budget)
            .map_err(|why| format!("cannot be worked out: {why}"))?;
        match &self.change {
            Change::Add { name, value } => {
                let location = only(&found)?.ok_or("finds no element to add to")?;
                check_depth(location.steps.len() + 2, value)?;
                spot::add(shapes, resource, location, (name, value))
            }
            Change::Replace { value } => {
                let location = only(&found)?.ok_or("finds no element to replace; add it")?;
                let spot = Spot::at(location).ok_or("is the resource itself; send another with PUT")?;
                check_depth(spot.depth(), value)?;
                spot.replace(shapes, resource, value)
            }
            Change::Delete => {
                let Some(location) = only(&found)? else { return Ok(()) };
                Spot::at(location).ok_or("is the resource itself; send DELETE")?.remove(resource);
                Ok(())
            }
            Change::Insert { index, value } => {
                let (list, length) = list(&found, resource)?;
                if *index > length {
                    return Err(format!("inserts at {index} into a list of {length}"));
                }
                check_depth(list.depth(), value)?;
                let layout = list.layout(shapes, resource).ok_or("names an element that is not of R4")?;
                let pair = list.element(layout, value)?.pair;
                list.with_list(resource, |entries| entries.insert(*index, pair));
                Ok(())
            }
            Change::Move { source, destination } => {
                let (list, length) = list(&found, resource)?;
                if *source.max(destination) >= length {
                    return Err(format!("moves {source} to {destination} in a list of {length}"));
                }
                list.with_list(resource, |entries| {
                    let moved = entries.remove(*source);
                    entries.insert(*destination, moved);
                });
                Ok(())
            }
        }
    }
}

/// The one that was found, if one was.
fn only(found: &[Location]) -> Result<Option<&Location>, String> {
    match found {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => Err(format!("finds {} elements, and must find one", several.len())),
    }
}

/// The list that was found whole, and how long it is.
fn list(found: &[Location], resource: &Value) -> Result<(Spot, usize), String> {
    let mut spots = found.iter().map(Spot::at);
    let first = spots.next().ok_or("finds no list; add the first element")?.ok_or("is no list")?;
    let whole = first.length(resource);
    let beside = spots.all(|spot| spot.is_some_and(|spot| spot.is_beside(&first)));
    if !beside || !first.is_beside(&first) || whole != found.len() {
        return Err("does not find one whole list".to_owned());
    }
    Ok((first, whole))
}

fn check_depth(place: usize, value: &Given) -> Result<(), String> {
    if place + value.depth() <= MAX_DEPTH {
        return Ok(());
    }
    Err(format!("would nest the resource deeper than {MAX_DEPTH} levels"))
}
