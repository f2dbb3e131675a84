//! `$operations`: one file each; [`OPERATIONS`] is the list. <https://hl7.org/fhir/R4/operations.html>

use crate::fhir::ResourceType;
use crate::fhir::bundle::Method;
use crate::fhir::parameters::Input;

/// One call of an operation.
#[derive(Clone, Debug)]
pub struct Call {
    /// The type and perhaps the instance that it is called on.
    pub target: Option<(ResourceType, Option<String>)>,
    /// What it is given; each parameter fits the definition.
    pub parameters: Input,
    /// `Idempotency-Key`
    pub idempotency_key: Option<String>,
    /// The version in `If-Match`.
    pub if_match: Option<i64>,
    /// GET (only if the operation changes nothing) or POST.
    pub method: Method,
}
