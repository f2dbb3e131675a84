//! A change that a session is asked to write, and what came of it. <https://hl7.org/fhir/R4/http.html#transaction>

use crate::definitions::CANONICAL;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::patch::Patch;
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

    /// The same change as an effect of a decision, which the caller need not have the right to make.
    #[must_use]
    pub fn as_effect(self) -> Self {
        Self { origin: Origin::Effect, ..self }
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
    /// Makes a new version, or the first where there is none.
    Update {
        /// The resource.
        resource: Resource,
        /// Which one it is to be.
        target: Target,
        /// What must hold of the version that is there.
        demand: Demand,
    },
    /// Makes a new version out of the one that is there.
    Patch {
        /// The type.
        ty: ResourceType,
        /// Which one.
        target: Target,
        /// What to change of it.
        patch: Patch,
        /// What must hold of the version that is there.
        demand: Demand,
    },
    /// Deletes; the versions stay.
    Delete {
        /// The type.
        ty: ResourceType,
        /// Which one; by a search perhaps several, where the service is set to allow it.
        target: Target,
        /// What must hold of the version that is there.
        demand: Demand,
    },
}

impl ChangeAction {
    /// A plain create.
    pub fn create(resource: Resource) -> Self {
        Self::Create { resource, if_none_exist: None, id: None }
    }

    /// An update of the resource with this id, where a version is given only if that is the current one.
    pub fn update(resource: Resource, id: impl Into<String>, if_match: Option<i64>) -> Self {
        Self::Update { resource, target: Target::Id(id.into()), demand: Demand::version(if_match) }
    }

    /// The resource type that it is about.
    pub fn ty(&self) -> ResourceType {
        match self {
            Self::Create { resource, .. } | Self::Update { resource, .. } => resource.ty(),
            Self::Patch { ty, .. } | Self::Delete { ty, .. } => *ty,
        }
    }

    /// The search that says which resource it is about, or whether there is one already.
    pub fn criteria(&self) -> Option<&str> {
        match self {
            Self::Create { if_none_exist, .. } => if_none_exist.as_deref(),
            Self::Update { target, .. } | Self::Patch { target, .. } | Self::Delete { target, .. } => {
                match target {
                    Target::Id(_) => None,
                    Target::Match(criteria) => Some(criteria),
                }
            }
        }
    }
}

/// Which resource of its type a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one with this id.
    Id(String),
    /// The one that meets this search: the query of a conditional URL, percent-encoded.
    Match(String),
}

/// What must hold of the version that is there, or nothing is written; checked where it is written, with the
/// resource locked. <https://www.rfc-editor.org/rfc/rfc9110#section-13.1>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// Nothing is demanded.
    #[default]
    Nothing,
    /// `If-Match: *`: there is one.
    Exists,
    /// `If-Match: W/"3"`: it is one of these versions.
    Versions(Vec<i64>),
    /// `If-None-Match: *`: there is none.
    Absent,
    /// There is none: the id that a client chose with a search that found nothing must be free.
    Free,
}

impl Demand {
    /// The demand that this is the current version, where one is given.
    pub fn version(version: Option<i64>) -> Self {
        version.map_or(Self::Nothing, |version| Self::Versions(vec![version]))
    }

    /// Refuses a current version that does not hold what is demanded.
    ///
    /// # Errors
    /// `Precondition`, with the version that is there; `Conflict` where an id is taken.
    pub fn check(&self, current: Option<&Stored>) -> Result<(), Failure> {
        let version = current.map(|stored| stored.version);
        let live = current.is_some_and(|stored| !stored.deleted);
        let text = match (self, version) {
            (Self::Nothing, _) => return Ok(()),
            (Self::Versions(asked), Some(version)) if asked.contains(&version) => return Ok(()),
            (Self::Exists, _) if live => return Ok(()),
            (Self::Absent | Self::Free, _) if !live => return Ok(()),
            (Self::Free, _) => {
                let text = "No resource meets the search, and the id of the resource that was sent is taken by \
                            another; leave the id out, or send it to its own URL.";
                return Err(Failure::new(Reason::Conflict, text).code("duplicate"));
            }
            (Self::Absent, _) => "If-None-Match asks that there be none, but there is one.".to_owned(),
            (Self::Versions(asked), Some(current)) => {
                let asked = listed(asked);
                format!("If-Match asks for version {asked}, the current version is {current}; read it again.")
            }
            (Self::Versions(asked), None) => {
                format!("If-Match asks for version {}, but there is no such resource.", listed(asked))
            }
            (Self::Exists, _) => "If-Match asks that there be one, but there is no such resource.".to_owned(),
        };
        let system = format!("{CANONICAL}/CodeSystem/palliative-error");
        Err(Failure { version, ..Failure::new(Reason::Precondition, text).coded(system, "version-mismatch") })
    }
}

fn listed(versions: &[i64]) -> String {
    versions.iter().map(i64::to_string).collect::<Vec<_>>().join(" or ")
}

/// Who asks for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client: it may not set what the programme's state machine derives.
    Client,
    /// An operation of the programme, with the caller's own rights.
    Programme,
    /// A decision of the programme, of which this is an effect: it is written with the programme's rights, since the
    /// caller asked for the decision and not for this.
    Effect,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// A new resource.
    Created,
    /// A new version.
    Updated,
    /// A conditional create found that it exists, or an update had the content that is there already.
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
    /// The version that stands now; of several resources that were deleted, that of one of them.
    pub stored: Stored,
    /// How many resources the change was about: other than one only where a search chose what to delete.
    pub count: usize,
    /// Whether the caller may read that version: to write is not to read.
    pub shown: bool,
}
