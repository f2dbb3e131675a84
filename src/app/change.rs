//! A change that a session is asked to write, and what came of it. <https://hl7.org/fhir/R4/http.html#transaction>

use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::store::Stored;

/// One change; several are written together or not at all.
#[derive(Clone, Debug)]
pub struct Change {
    /// What to do.
    pub action: ChangeAction,
    /// The `fullUrl` of a Bundle entry, by which other entries refer to this one.
    pub full_url: Option<String>,
    /// FHIRPath prefix for failures, such as `Bundle.entry[3].resource` or `Patient`.
    pub at: String,
    /// Who asks for it.
    pub origin: Origin,
}

impl Change {
    /// A change as a client asks for it by a plain request.
    pub fn client(action: ChangeAction) -> Self {
        let at = action.ty().name().to_owned();
        Self { action, full_url: None, at, origin: Origin::Client }
    }

    /// A change that the programme's own rules ask for.
    pub fn programme(action: ChangeAction) -> Self {
        Self { origin: Origin::Programme, ..Self::client(action) }
    }

    /// Says by which `fullUrl` (such as `urn:uuid:…`) the other changes of the same write refer to this one.
    #[must_use]
    pub fn known_as(mut self, full_url: impl Into<String>) -> Self {
        self.full_url = Some(full_url.into());
        self
    }

    /// Says where failures are, as a FHIRPath.
    #[must_use]
    pub fn at(mut self, at: impl Into<String>) -> Self {
        self.at = at.into();
        self
    }
}

/// What a change does.
#[derive(Clone, Debug)]
pub enum ChangeAction {
    /// Makes a new resource.
    Create {
        /// The resource; its `id` is ignored.
        resource: Resource,
        /// Only if this search finds nothing (`If-None-Exist`).
        if_none_exist: Option<String>,
        /// An id that our own code chose; a client never does.
        id: Option<String>,
    },
    /// Makes a new version, or the first where the id is new.
    Update {
        /// The resource.
        resource: Resource,
        /// Its id.
        id: String,
        /// Only if this is the current version (`If-Match`).
        if_match: Option<i64>,
    },
    /// Deletes; its versions stay.
    Delete {
        /// The type.
        ty: ResourceType,
        /// The id.
        id: String,
        /// Only if this is the current version (`If-Match`).
        if_match: Option<i64>,
    },
}

impl ChangeAction {
    /// A plain create.
    pub fn create(resource: Resource) -> Self {
        Self::Create { resource, if_none_exist: None, id: None }
    }

    /// The resource type that it is about.
    pub fn ty(&self) -> ResourceType {
        match self {
            Self::Create { resource, .. } | Self::Update { resource, .. } => resource.ty(),
            Self::Delete { ty, .. } => *ty,
        }
    }
}

/// Who asks for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client: it may not set what the programme's state machine derives.
    Client,
    /// An operation of the programme.
    Programme,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// A new resource.
    Created,
    /// A new version.
    Updated,
    /// A conditional create found that it exists.
    Unchanged,
    /// It is deleted now.
    Deleted,
    /// It was deleted before, or was never there.
    AlreadyDeleted,
}

/// What came of a change, with the version that stands now.
#[derive(Clone, Debug)]
pub struct Written {
    /// What came of it.
    pub outcome: WriteOutcome,
    /// The version that stands now.
    pub stored: Stored,
}
