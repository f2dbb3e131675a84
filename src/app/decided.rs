//! Who may ask for a decision about an episode, and with whose rights what it brings with it is written.
//! <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>
//!
//! One who is held to a patient's compartment asks for the decision alone. The table of transitions says which actions
//! are the patient's; the token must reach the episode, by a scope such as `patient/EpisodeOfCare.u`; and what was sent
//! along is stored only where the token lets it be stored plainly. The rest (the task, the flags, the record of who did
//! it) are effects: the programme writes them, and only what the caller may read of them is told. So the patient can
//! decline, agree or leave without a right to Tasks, which no patient-level scope gives. For all others a decision
//! takes the scopes of everything that it writes.

use crate::access::Action;
use crate::app::Change;
use crate::app::Session;
use crate::app::change::Origin;
use crate::app::guard::is_inside;
use crate::app::guard::reach;
use crate::app::guard::require;
use crate::app::guard::stays_inside;
use crate::app::prepare::action;
use crate::app::programme::change;
use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Place;
use crate::search::Visible;
use crate::search::rows;

impl Session {
    /// The changes that carry out a decision about an episode.
    pub fn decided(&self, drafts: &[Draft]) -> Vec<Change> {
        let is_held = drafts.iter().map(change).any(|change| self.is_held(&change));
        let written = |draft: &Draft| match is_held && is_effect(draft) {
            true => change(draft).as_effect(),
            false => change(draft),
        };
        drafts.iter().map(written).collect()
    }

    /// Refuses a caller who may not ask for a decision: showing what it would write, too, is for those alone who may.
    ///
    /// # Errors
    /// `Forbidden`, with the scope that is missing.
    pub fn require_deciding(&self, drafts: &[Draft]) -> Result<(), Failure> {
        for (change, draft) in self.decided(drafts).iter().zip(drafts) {
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

    /// Whether it changes an episode for one who reaches no more than a patient's.
    fn is_held(&self, change: &Change) -> bool {
        let ty = change.action.ty();
        let own = reach(self, Origin::Programme, (action(&change.action), ty));
        ty.name() == "EpisodeOfCare" && matches!(own, Visible::Patients(_))
    }

    fn patients_of(&self, resource: &Resource) -> Vec<String> {
        rows(self.parameters(), resource.value(), self.zone()).patients
    }
}

/// Whether a draft is what a decision brings with it: neither an episode, which is what the caller asks to change, nor
/// what the caller sent.
fn is_effect(draft: &Draft) -> bool {
    match draft.place {
        Place::New(_) | Place::NewUnless(..) | Place::Existing(_) => {
            draft.resource.ty().name() != "EpisodeOfCare"
        }
        Place::Sent(_) => false,
    }
}
