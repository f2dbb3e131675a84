//! Who did what to an episode, by the records that its steps leave. <https://hl7.org/fhir/R4/provenance.html>

use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::palliative::enrollment::facts::Chart;

impl Session {
    /// Adds the records of what was done to an episode, all of them as any rule reads: no step may count as older than
    /// it is because the caller may not see who did it.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn add_deeds(&self, chart: &mut Chart, episode: &Resource) -> Result<(), Failure> {
        let ty = ResourceType::parse("Provenance").expect("Provenance is a type of R4");
        let target = format!("target=EpisodeOfCare/{}", episode.id().unwrap_or_default());
        for stored in self.as_service().find(ty, &target)? {
            chart.add(Resource::from_value(stored.value()?)?);
        }
        Ok(())
    }
}
