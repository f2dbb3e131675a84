//! Who may ask for a decision about an episode, and with whose rights what it brings with it is written.
//! <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>
//!
//! One who is held to a patient's compartment asks for the decision alone. The table of transitions says which actions
//! are the patient's; the token must reach the episode, by a scope such as `patient/EpisodeOfCare.u`; and what was sent
//! along is stored only where the token lets it be stored plainly. The rest (the task, the flags, the record of who did
//! it) are effects: the programme writes them, and only what the caller may read of them is told. So the patient can
//! decline, agree or leave without a right to Tasks, which no patient-level scope gives. For all others a decision
//! takes the scopes of everything that it writes.
//!
//! An effect stays with the person: a resource that is there already is only changed where it is about the patient of
//! the episode. And a referral by one who acts for the patient is the patient's own: nobody else's name stands under
//! it, and what it would change beside the episode takes the right to change that.

use crate::access::Action;
use crate::app::Change;
use crate::app::Session;
use crate::app::guard::is_inside;
use crate::app::guard::reach;
use crate::app::guard::require;
use crate::app::guard::stays_inside;
use crate::app::prepare::action;
use crate::app::programme::change;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::Side;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::patient_of;
use crate::palliative::enrollment::refer::Referral;
use crate::palliative::enrollment::request::Wanted;
use crate::search::Visible;
use crate::search::rows;

impl Session {
    /// The changes that carry out a decision about an episode.
    ///
    /// # Errors
    /// `Forbidden` where an effect would change what is another patient's.
    pub fn decided(&self, drafts: &[Draft]) -> Result<Vec<Change>, Failure> {
        if !self.takes_effects(drafts) {
            return Ok(drafts.iter().map(change).collect());
        }
        let patient = drafts.iter().find(is_episode).and_then(|draft| patient_of(&draft.resource));
        let written = |draft: &Draft| match is_effect(draft) {
            true if !is_about(draft, patient) => Err(not_own()),
            true => Ok(change(draft).as_effect()),
            false => Ok(change(draft)),
        };
        drafts.iter().map(written).collect()
    }

    /// Refuses a caller who may not ask for a decision: showing what it would write, too, is for those alone who may.
    ///
    /// # Errors
    /// `Forbidden`, with the scope that is missing.
    pub fn require_deciding(&self, drafts: &[Draft]) -> Result<(), Failure> {
        for (change, draft) in self.decided(drafts)?.iter().zip(drafts) {
            let what = (action(&change.action), draft.resource.ty());
            require(self, change.origin, what)?;
            let own = reach(self, change.origin, what);
            if own != Visible::All {
                stays_inside(&own, &self.patients_of(&draft.resource))?;
            }
        }
        Ok(())
    }

    /// Whether the caller may read this resource once it is written.
    pub fn may_be_told(&self, resource: &Resource) -> bool {
        let readable = self.caller().visible(Action::Read, resource.ty());
        readable == Visible::All || is_inside(&readable, &self.patients_of(resource))
    }

    /// Refuses a referral of this patient that one who acts for the patient may not make: in the name of somebody else,
    /// or with a change of what the token lets nobody change.
    ///
    /// # Errors
    /// `Forbidden`, with the code `scope` or the scope that is missing.
    pub fn require_own(&self, patient: &str, referral: &Referral) -> Result<(), Failure> {
        if self.actor().side == Side::Team {
            return Ok(());
        }
        if !OWN_SOURCES.contains(&referral.source.as_str()) {
            let text = "The patient's own access refers as `self` or `caregiver`.";
            return Err(coded(Reason::Forbidden, "scope", text).at(parameter("source")));
        }
        if !self.speaks_for(patient, &referral.requester) {
            let text =
                "The patient's own access refers in the name of the patient or of a RelatedPerson of theirs.";
            return Err(coded(Reason::Forbidden, "scope", text).at(parameter("requester")));
        }
        if referral.hospice_end.is_some() {
            self.require_change("Flag", patient).map_err(|failure| failure.at(parameter("hospiceEnd")))?;
        }
        if let Some(Wanted::Reference(_)) = &referral.service_request {
            let name = "serviceRequest";
            self.require_change("ServiceRequest", patient).map_err(|failure| failure.at(parameter(name)))?;
        }
        Ok(())
    }

    /// Whether the caller reaches episodes, for this, no further than a patient's: the one rule of who is held.
    pub(super) fn is_held(&self, action: Action) -> bool {
        let episode = ResourceType::parse("EpisodeOfCare").expect("EpisodeOfCare is a type of R4");
        self.caller().visible(action, episode).patients().is_some()
    }

    /// Whether what the decision brings with it is written as its effect: for one who acts for the patient, and is held
    /// to the patient by all that it does to episodes. That the action is the patient's to do is settled by then, as
    /// no decision passes the table of transitions without.
    fn takes_effects(&self, drafts: &[Draft]) -> bool {
        let mut episodes = drafts.iter().filter(is_episode).peekable();
        self.actor().side == Side::Patient
            && episodes.peek().is_some()
            && episodes.all(|draft| self.is_held(action(&change(draft).action)))
    }

    /// Whether a reference names the patient, or a person who is on file as related to them.
    fn speaks_for(&self, patient: &str, who: &str) -> bool {
        let Some(local) = Reference::parse_under(who, self.base_url()).local() else { return false };
        match local.ty.name() {
            "Patient" => local.id == patient,
            "RelatedPerson" => {
                let stored = self.as_service().read(local.ty, local.id);
                let related = stored.and_then(|stored| Resource::from_value(stored.value()?));
                related.is_ok_and(|related| patient_of(&related) == Some(patient))
            }
            _ => false,
        }
    }

    /// Refuses one who may not change resources of this type of this patient's.
    fn require_change(&self, name: &str, patient: &str) -> Result<(), Failure> {
        let ty = ResourceType::parse(name).ok_or_else(|| Failure::internal("no such type"))?;
        self.require(Action::Update, ty)?;
        stays_inside(&self.caller().visible(Action::Update, ty), &[patient.to_owned()])
    }

    pub(super) fn patients_of(&self, resource: &Resource) -> Vec<String> {
        rows(self.parameters(), resource.value(), self.zone()).patients
    }
}

/// The sources of a referral that are the patient's side.
const OWN_SOURCES: [&str; 2] = ["self", "caregiver"];

/// Where a resource says whose it is.
const WHOSE: [&str; 3] = ["/subject/reference", "/patient/reference", "/for/reference"];

fn is_episode(draft: &&Draft) -> bool {
    draft.resource.ty().name() == "EpisodeOfCare"
}

/// Whether a draft is what a decision brings with it: neither an episode, which is what the caller asks to change, nor
/// what the caller sent.
fn is_effect(draft: &Draft) -> bool {
    match draft.place {
        Place::New(_) | Place::NewUnless(..) | Place::Existing(_) => !is_episode(&draft),
        Place::Sent(_) => false,
    }
}

/// Whether a draft changes nothing that is there already and another patient's.
fn is_about(draft: &Draft, patient: Option<&str>) -> bool {
    let mut whose = WHOSE.iter().filter_map(|place| draft.resource.text(place));
    let of = |text: &str| {
        let local = Reference::parse(text).local();
        local.is_some_and(|local| local.ty.name() == "Patient" && Some(local.id) == patient)
    };
    match draft.place {
        Place::Existing(_) => whose.all(of),
        Place::New(_) | Place::NewUnless(..) | Place::Sent(_) => true,
    }
}

fn not_own() -> Failure {
    let text = "This decision would change what is another patient's; let the care team look at the episode.";
    coded(Reason::Forbidden, "scope", text)
}
