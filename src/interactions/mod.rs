//! What a client may ask, over HTTP or in a Bundle: one file each. <https://hl7.org/fhir/R4/http.html>

pub mod conditions;
pub mod request;
pub mod route;
pub mod subset;

pub use request::Body;
pub use request::Conditions;
pub use request::Handling;
pub use request::Method;
pub use request::Prefer;
pub use request::Request;
pub use request::Return;
pub use route::route;

use crate::fhir::ResourceType;

/// One thing that a client can ask for; method and path become this in [`route`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// What this server can do.
    Capabilities,
    /// The current version of a resource.
    Read {
        /// Its type.
        ty: ResourceType,
        /// Its id.
        id: String,
    },
    /// One version of a resource.
    Vread {
        /// Its type.
        ty: ResourceType,
        /// Its id.
        id: String,
        /// The version.
        version: i64,
    },
    /// A new resource, perhaps only if a condition finds none.
    Create {
        /// Its type.
        ty: ResourceType,
    },
    /// A new version of a resource, or a new one under an id of the client's choice.
    Update {
        /// Its type.
        ty: ResourceType,
        /// Its id.
        id: String,
    },
    /// The end of a resource.
    Delete {
        /// Its type.
        ty: ResourceType,
        /// Its id.
        id: String,
    },
    /// All versions of a resource.
    History {
        /// Its type.
        ty: ResourceType,
        /// Its id.
        id: String,
    },
    /// The resources of a type that match.
    Search {
        /// The type.
        ty: ResourceType,
        /// The patient in whose compartment they are looked for.
        patient: Option<String>,
    },
    /// A Bundle of requests: batch or transaction.
    Batch,
    /// A `$operation`.
    Operation {
        /// Its code, without the dollar sign.
        code: String,
        /// The type and perhaps the instance that it is called on.
        target: Option<(ResourceType, Option<String>)>,
    },
}

/// Whether it is one short read by key, which the HTTP layer may run on its worker thread.
pub fn is_short_read(interaction: &Interaction) -> bool {
    match interaction {
        Interaction::Read { .. } | Interaction::Vread { .. } => true,
        Interaction::Capabilities
        | Interaction::Create { .. }
        | Interaction::Update { .. }
        | Interaction::Delete { .. }
        | Interaction::History { .. }
        | Interaction::Search { .. }
        | Interaction::Batch
        | Interaction::Operation { .. } => false,
    }
}
