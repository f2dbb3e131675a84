//! Who may do what: SMART App Launch 2. <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>
//!
//! A bearer token becomes a [`Caller`]; a caller's scopes become a [`Restriction`] that is part of every query.

pub mod dev_key;
pub mod emergency;
pub mod grants;
pub mod jwks;
mod kept;
pub mod key_cache;
pub mod keys;
pub mod scope;
pub mod token;
pub mod verified;

pub use dev_key::TokenRequest;
pub use grants::Grant;
pub use grants::Reach;
pub use keys::Keys;
pub use token::authenticate;

use crate::fhir::ResourceType;
use crate::fhir::reference::is_id;
use crate::search::Restriction;
use crate::search::Visible;

/// Who treats patients, by the type of `fhirUser`.
const CLINICIANS: [&str; 2] = ["Practitioner", "PractitionerRole"];

/// What a caller wants to do with resources of a type: the five letters of SMART's scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// `c`
    Create,
    /// `r`: read, vread and an instance's history
    Read,
    /// `u`: update and patch
    Update,
    /// `d`
    Delete,
    /// `s`: search, and history of a type
    Search,
}

impl Action {
    /// All of them, in the order in which a scope names them.
    pub const ALL: [Action; 5] =
        [Action::Create, Action::Read, Action::Update, Action::Delete, Action::Search];

    /// The letter by which a scope grants it.
    pub fn letter(self) -> char {
        match self {
            Action::Create => 'c',
            Action::Read => 'r',
            Action::Update => 'u',
            Action::Delete => 'd',
            Action::Search => 's',
        }
    }

    /// Whether it only looks.
    pub fn is_reading(self) -> bool {
        matches!(self, Action::Read | Action::Search)
    }
}

/// Who asks, and what the token lets them do.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// The token's `sub`.
    pub subject: String,
    /// The app: the token's `client_id` or `azp`.
    pub client: Option<String>,
    /// The patient in the launch context.
    pub patient: Option<String>,
    /// What the scopes grant.
    pub grants: Vec<Grant>,
    /// Local roles, such as `program-director`.
    pub roles: Vec<String>,
    /// The user as a FHIR resource, such as `Practitioner/7`.
    pub fhir_user: Option<String>,
}

impl Caller {
    /// One who may do everything: the service itself, and anyone where access control is off.
    pub fn everything(subject: impl Into<String>) -> Self {
        Self { grants: vec![Grant::everything()], ..Self::without_grants(subject) }
    }

    /// One without a name, who may do nothing.
    pub fn anonymous() -> Self {
        Self::without_grants("anonymous")
    }

    /// One with a name, who may do nothing yet.
    pub fn without_grants(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            client: None,
            patient: None,
            grants: Vec::new(),
            roles: Vec::new(),
            fhir_user: None,
        }
    }

    /// Whether they may do this with at least some resources of this type. Which ones says
    /// [`Caller::restriction`].
    pub fn may(&self, action: Action, ty: ResourceType) -> bool {
        grants::visible(&self.grants, action, ty) != Visible::Nothing
    }

    /// Which resources of one type they may do this with.
    pub fn visible(&self, action: Action, ty: ResourceType) -> Visible {
        let visible = grants::visible(&self.grants, action, ty);
        if self.is_clinician() { visible.whole() } else { visible }
    }

    /// Whether the user is one who treats patients, by `fhirUser`: what is kept from a patient is not kept from them, also
    /// where the token is held to that patient.
    pub fn is_clinician(&self) -> bool {
        // What is behind `?` or `#` names no user.
        let user = self.fhir_user.as_deref().filter(|user| !user.contains(['?', '#'])).unwrap_or_default();
        let mut segments = user.rsplit('/');
        let (id, ty) = (segments.next(), segments.next());
        id.is_some_and(is_id) && ty.is_some_and(|ty| CLINICIANS.contains(&ty))
    }

    /// Whether they may do this as a system without a user, by a scope such as `system/SearchParameter.cu`: where it
    /// concerns the service as a whole.
    pub fn may_as_system(&self, action: Action, ty: ResourceType) -> bool {
        self.grants.iter().any(|grant| {
            grant.reach == Reach::System
                && grant.ty.is_none_or(|of| of == ty)
                && grant.actions.contains(&action)
        })
    }

    /// Whether they may do everything as a system (`system/*.*`, `system/*.cruds`), as whoever runs the service may.
    pub fn is_operator(&self) -> bool {
        let of_all = |action: &Action| {
            self.grants.iter().any(|grant| {
                grant.reach == Reach::System && grant.ty.is_none() && grant.actions.contains(action)
            })
        };
        Action::ALL.iter().all(of_all)
    }

    /// Whether they hold this local role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    /// Which resources of each type they may do this with.
    pub fn restriction(&self, action: Action) -> Restriction {
        let mut restriction = grants::restriction(&self.grants, action);
        if self.is_clinician() {
            let by_type = std::mem::take(&mut restriction.by_type);
            restriction.by_type = by_type.into_iter().map(|(ty, visible)| (ty, visible.whole())).collect();
        }
        restriction
    }

    /// The patient to whose compartment they are held for this, where they are.
    pub fn patient_only(&self, action: Action, ty: ResourceType) -> Option<String> {
        match grants::visible(&self.grants, action, ty) {
            Visible::Patients(ids) | Visible::Whole(ids) => ids.into_iter().next(),
            Visible::Nothing | Visible::All => None,
        }
    }
}
