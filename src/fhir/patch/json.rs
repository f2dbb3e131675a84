//! JSON Patch: operations on the JSON of a resource. <https://www.rfc-editor.org/rfc/rfc6902>
//!
//! The operations are those of the `json-patch` crate; reading, tests of numbers and bounds are ours: the crate
//! compares numbers digit by digit, and copies without end.

use json_patch::AddOperation;
use json_patch::CopyOperation;
use json_patch::MoveOperation;
use json_patch::PatchErrorKind;
use json_patch::PatchOperation;
use json_patch::RemoveOperation;
use json_patch::ReplaceOperation;
use json_patch::TestOperation;
use json_patch::jsonptr::Pointer;
use json_patch::jsonptr::PointerBuf;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value;

use crate::fhir::Failure;
use crate::fhir::json::MAX_DEPTH;
use crate::fhir::patch::check_length;
use crate::fhir::patch::depth;
use crate::fhir::patch::is_empty;
use crate::fhir::patch::size;
use crate::fhir::patch::unfit;
use crate::fhir::patch::unread;

/// How much the copies and moves of one patch may come to, in bytes or so.
const MOST_COPIED: usize = 4 * 1024 * 1024;

/// Reads the operations.
pub(super) fn read(document: Value) -> Result<Vec<PatchOperation>, Failure> {
    let Value::Array(operations) = document else {
        return Err(unread("A JSON Patch is an array of operations, each with `op` and `path`."));
    };
    check_length(operations.len())?;
    let numbered = operations.into_iter().enumerate();
    numbered.map(|(number, operation)| Members::of(number, operation)?.operation()).collect()
}

/// The members of an operation; what it does not know it passes over, as RFC 6902 says.
struct Members {
    number: usize,
    members: Map<String, Value>,
}

impl Members {
    fn of(number: usize, operation: Value) -> Result<Self, Failure> {
        match operation {
            Value::Object(members) => Ok(Self { number, members }),
            _ => Err(unread(format!("Operation {number} of the patch is no object with `op` and `path`."))),
        }
    }

    fn operation(mut self) -> Result<PatchOperation, Failure> {
        let path = self.pointer("path")?;
        Ok(match self.text("op")?.as_str() {
            "add" => PatchOperation::Add(AddOperation { path, value: self.value()? }),
            "remove" => PatchOperation::Remove(RemoveOperation { path }),
            "replace" => PatchOperation::Replace(ReplaceOperation { path, value: self.value()? }),
            "move" => PatchOperation::Move(MoveOperation { from: self.pointer("from")?, path }),
            "copy" => PatchOperation::Copy(CopyOperation { from: self.pointer("from")?, path }),
            "test" => PatchOperation::Test(TestOperation { path, value: self.value()? }),
            _ => return Err(self.wrong("`op` is add, remove, replace, move, copy or test")),
        })
    }

    fn pointer(&self, name: &str) -> Result<PointerBuf, Failure> {
        let text = self.text(name)?;
        PointerBuf::parse(text)
            .map_err(|_| self.wrong(&format!("`{name}` is no JSON Pointer such as /name/0")))
    }

    fn text(&self, name: &str) -> Result<String, Failure> {
        let text = self.members.get(name).and_then(Value::as_str);
        text.map(str::to_owned).ok_or_else(|| self.wrong(&format!("it has no text `{name}`")))
    }

    fn value(&mut self) -> Result<Value, Failure> {
        self.members.shift_remove("value").ok_or_else(|| self.wrong("it has no `value`"))
    }

    fn wrong(&self, what: &str) -> Failure {
        unread(format!("Operation {} of the patch is not one: {what}.", self.number))
    }
}

/// Applies the operations in their order.
pub(super) fn apply(operations: &[PatchOperation], resource: &mut Value) -> Result<(), Failure> {
    let mut left = MOST_COPIED;
    for (number, operation) in operations.iter().enumerate() {
        let failed = |failure: Failure| failure.at(expression(resource, operation.path()));
        bound(operation, resource, &mut left).map_err(failed)?;
        let done = match operation {
            PatchOperation::Test(test) => holds(test, resource),
            _ => json_patch::patch_unsafe(resource, std::slice::from_ref(operation))
                .map_err(|error| error.kind),
        };
        done.map_err(|kind| refused(number, &kind).at(expression(resource, operation.path())))?;
    }
    prune(operations, resource);
    Ok(())
}

fn refused(number: usize, kind: &PatchErrorKind) -> Failure {
    unfit(match kind {
        PatchErrorKind::TestFailed => {
            format!(
                "The test that is operation {number} of the patch does not hold; read the resource again."
            )
        }
        PatchErrorKind::InvalidFromPointer => {
            format!("Nothing is there that operation {number} of the patch could take; its `from` is wrong.")
        }
        PatchErrorKind::CannotMoveInsideItself => {
            format!("Operation {number} of the patch moves an element into itself.")
        }
        _ => format!("The `path` of operation {number} of the patch does not fit the resource."),
    })
}

/// Refuses what would nest deeper than a resource may, or would make it grow without end.
fn bound(operation: &PatchOperation, resource: &Value, left: &mut usize) -> Result<(), Failure> {
    let path = operation.path();
    let value = match operation {
        PatchOperation::Add(add) => &add.value,
        PatchOperation::Replace(replace) => &replace.value,
        PatchOperation::Move(MoveOperation { from, .. })
        | PatchOperation::Copy(CopyOperation { from, .. }) => {
            let Some(value) = resource.pointer(from.as_str()) else { return Ok(()) };
            let rest = left.checked_sub(size(value)).ok_or_else(|| {
                let text =
                    "The patch copies or moves more than is reasonable; send the whole resource with PUT.";
                unfit(text).code("too-costly")
            })?;
            *left = rest;
            value
        }
        PatchOperation::Remove(_) | PatchOperation::Test(_) => return Ok(()),
    };
    if path.count() + depth(value) > MAX_DEPTH {
        return Err(unfit(format!("The resource would be nested deeper than {MAX_DEPTH} levels.")));
    }
    Ok(())
}

fn holds(test: &TestOperation, resource: &Value) -> Result<(), PatchErrorKind> {
    match resource.pointer(test.path.as_str()) {
        None => Err(PatchErrorKind::InvalidPointer),
        Some(found) if is_equal(found, &test.value) => Ok(()),
        Some(_) => Err(PatchErrorKind::TestFailed),
    }
}

/// Numbers are equal by their value, `1.0` and `1.00` too. <https://www.rfc-editor.org/rfc/rfc6902#section-4.6>
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => normal(one) == normal(other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same =
                |(name, value): (&String, &Value)| other.get(name).is_some_and(|own| is_equal(value, own));
            one.len() == other.len() && one.iter().all(same)
        }
        _ => one == other,
    }
}

/// Sign, digits without zeros at either end, and the power of ten of the last of them.
fn normal(number: &Number) -> (bool, String, i64) {
    let text = number.to_string();
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let significant = digits.trim_start_matches('0');
    let shortest = significant.trim_end_matches('0');
    if shortest.is_empty() {
        return (false, String::new(), 0);
    }
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let exponent = exponent.parse::<i64>().unwrap_or(0) - length(fraction);
    let exponent = exponent + length(significant) - length(shortest);
    (whole.starts_with('-'), shortest.to_owned(), exponent)
}

/// Leaves out the lists and objects of which the patch took the last member: FHIR has no empty ones.
fn prune(operations: &[PatchOperation], resource: &mut Value) {
    for operation in operations {
        let taken: &Pointer = match operation {
            PatchOperation::Remove(remove) => &remove.path,
            PatchOperation::Move(moved) => &moved.from,
            PatchOperation::Add(_)
            | PatchOperation::Replace(_)
            | PatchOperation::Copy(_)
            | PatchOperation::Test(_) => continue,
        };
        let mut at = taken;
        while let Some((parent, _)) = at.split_back() {
            let Some((outer, name)) = parent.split_back() else { break };
            if !resource.pointer(parent.as_str()).is_some_and(is_empty) {
                break;
            }
            match resource.pointer_mut(outer.as_str()) {
                Some(Value::Object(members)) => drop(members.shift_remove(name.decoded().as_ref())),
                Some(Value::Array(items)) => {
                    let place = name.encoded().parse::<usize>().ok().filter(|at| *at < items.len());
                    drop(place.map(|place| items.remove(place)));
                }
                _ => break,
            }
            at = parent;
        }
    }
}

/// `Patient.name[0].given` for `/name/0/given`.
fn expression(resource: &Value, path: &Pointer) -> String {
    let mut text = resource.get("resourceType").and_then(Value::as_str).unwrap_or("Resource").to_owned();
    for token in path.tokens() {
        let name = token.decoded();
        if name.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() {
            text.push_str(&format!("[{name}]"));
        } else if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            text.push_str(&format!(".{name}"));
        } else {
            break;
        }
    }
    text
}
