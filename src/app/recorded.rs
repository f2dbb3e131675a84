//! A patient's record as it was stored by the end of a day: evidence that was recorded later does not count, and what
//! was deleted or changed since then does, as it was. <https://hl7.org/fhir/R4/http.html#history>
//!
//! The versions are found by the patient's compartment, in one statement over the current and the earlier ones. What
//! was filed under this patient by mistake, and stands with another one by now, is not shown, here as in any history.

use std::sync::Arc;

use jiff::civil::Date;

use crate::access::Action;
use crate::app::Session;
use crate::app::screening::Subject;
use crate::app::screening::about;
use crate::app::screening::types_of;
use crate::app::session::not_found;
use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::date_in;
use crate::fhir::datetime::end_of_day;
use crate::palliative::enrollment::death;
use crate::palliative::enrollment::election;
use crate::palliative::program::Program;
use crate::palliative::screening::RuleSet;
use crate::search::Visible;
use crate::search::query::Order;
use crate::store::Stored;
use crate::store::history;
use crate::store::history::Of;
use crate::store::history::Walk;
use crate::store::resources::Narrow;

/// By what a fact counts on an earlier day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// By its own, clinical dates.
    Clinically,
    /// Only as it was stored by this time.
    Recorded(Micros),
}

impl Known {
    /// As it was stored by the end of a day, where the programme works.
    pub fn by_the_end_of(day: Date, program: &Program) -> Self {
        Self::Recorded(end_of_day(day, &program.zone))
    }
}

impl Session {
    /// The resources of these types that a patient had, as far as the caller may see them, in the order in which they
    /// were first stored.
    ///
    /// # Errors
    /// Only what the database fails with: a type that the caller may not see is left out.
    pub fn compartment_as(
        &self,
        patient: &str,
        types: &[ResourceType],
        known: Known,
    ) -> Result<Vec<Stored>, Failure> {
        let Known::Recorded(by) = known else { return self.compartment(patient, types) };
        let visible = |ty: &ResourceType| match self.caller().visible(Action::Read, *ty) {
            Visible::All => true,
            Visible::Nothing => false,
            Visible::Patients(patients) | Visible::Whole(patients) => patients.iter().any(|id| id == patient),
        };
        let types: Vec<ResourceType> = types.iter().copied().filter(visible).collect();
        let inside = Narrow::Whole(vec![patient.to_owned()]);
        let mut stored = self.stood(Of::Types(vec![(inside, types)]), by)?;
        stored.sort_by_key(|one| one.rid);
        Ok(stored)
    }

    /// A resource that something names, as [`Session::read`] or as it was.
    pub(in crate::app) fn read_as(
        &self,
        ty: ResourceType,
        id: &str,
        known: Known,
    ) -> Result<Stored, Failure> {
        let Known::Recorded(by) = known else { return self.read(ty, id) };
        let current = self.current(ty, id)?;
        let of = Of::One(current.rid, self.narrow(Action::Read, ty));
        self.stood(of, by)?.pop().ok_or_else(|| not_found(ty, id))
    }

    /// Tells a subject of what the Patient does not have on record: a death, by an episode in whichever programme, and, where
    /// facts count by their own dates, what other records of the person say of a death and of hospice. All of them are read,
    /// whatever the caller may see: nobody who died, or is in hospice, is to be found eligible.
    ///
    /// # Errors
    /// 422 `too-costly` where the links between Patients do not come to an end; what the database fails with.
    pub fn hear_elsewhere(&self, subject: &mut Subject, known: Known) -> Result<(), Failure> {
        let patient = subject.record.id.clone();
        let ty = ResourceType::parse("EpisodeOfCare").expect("EpisodeOfCare is a type of R4");
        let stored = self.as_service().compartment_as(&patient, &[ty], known)?;
        let mut own: Vec<Resource> =
            stored.iter().map(|one| Resource::from_value(one.value()?)).collect::<Result<_, Failure>>()?;
        own.retain(|one| about(one, self.base_url()) == Some(&patient));
        let elsewhere = match known {
            Known::Clinically => self.said_elsewhere(&patient)?,
            Known::Recorded(_) => Vec::new(),
        };
        let today = date_in(self.now(), &subject.record.zone);
        death::hear(&mut subject.record, today, (&own, &elsewhere), |episode| self.may_be_told(episode));
        election::hear(&mut subject.record, &elsewhere);
        Ok(())
    }

    /// The versions that were current at a time.
    fn stood(&self, of: Of, at: Micros) -> Result<Vec<Stored>, Failure> {
        let walk = Walk {
            of,
            since: None,
            until: Some(at),
            current_at: Some(at),
            order: Order::Ascending,
            after: None,
        };
        let mut versions = self.app.db.read(|conn| Ok(history::page(conn, &walk, i64::from(u32::MAX))?))?;
        versions.retain(|version| !version.deleted);
        Ok(versions)
    }

    /// The stored resources that a screening of a patient by these rule sets reads, as far as the caller may see them,
    /// in one query; and the Medications and Devices that they name, which stand in no compartment, nor do the places
    /// where the general practitioners work.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn screened_as(
        &self,
        patient: &str,
        rule_sets: &[Arc<RuleSet>],
        known: Known,
    ) -> Result<Vec<Resource>, Failure> {
        let stored = self.compartment_as(patient, &types_of(rule_sets), known)?;
        let resources = self.with_named(patient, stored, |ty, id| self.read_as(ty, id, known))?;
        if !rule_sets.iter().any(|set| set.reads_practices()) {
            return Ok(resources);
        }
        self.with_practices(resources, known)
    }
}
