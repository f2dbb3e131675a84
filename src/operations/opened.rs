//! What a decision about an episode begins with: the episode, its programme, the person's chart and who acts.
//! <https://hl7.org/fhir/R4/episodeofcare.html>

use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::datetime::Micros;
use crate::operations::Call;
use crate::palliative::enrollment::facts::Actor;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::patient_of;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::table::Action;
use crate::palliative::program::Program;

/// The facts, as they are now and as far as the caller may see them.
pub(super) struct Opened {
    /// The episode's programme.
    pub(super) program: Program,
    /// The episode.
    pub(super) episode: Resource,
    /// The person and what belongs to them.
    pub(super) chart: Chart,
    actor: Actor,
    now: Micros,
    rule_sets: Vec<String>,
}

impl Opened {
    /// Opens an episode, with these types beside those of every decision.
    ///
    /// # Errors
    /// 412 and 428 about `If-Match`; 422 where the episode names no patient; what the programme or the chart fails with.
    pub(super) fn of(
        session: &Session,
        call: &Call,
        (episode, further): (Resource, &[&str]),
    ) -> Result<Self, Failure> {
        let program = session.program_of(&episode)?;
        session.check_version(&program, &episode, call.if_match)?;
        let patient = patient_of(&episode).ok_or_else(nobodys)?;
        let chart = session.chart(patient, further)?;
        let (actor, now, rule_sets) = (session.actor(), session.now(), session.rule_sets_of(&program)?);
        Ok(Self { program, episode, chart, actor, now, rule_sets })
    }

    /// What is decided upon.
    pub(super) fn case(&self) -> Case<'_> {
        Case {
            program: &self.program,
            episode: &self.episode,
            chart: &self.chart,
            actor: &self.actor,
            now: self.now,
            rule_sets: &self.rule_sets,
        }
    }

    /// The request with the medical home to which the person is attributed on its day, once the service has begun.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub(super) fn at_home(&self, session: &Session, request: Request) -> Result<Request, Failure> {
        let begun = self.episode.text("/period/start").is_some();
        if !begun || matches!(request.action, Action::Undo | Action::Void) {
            return Ok(request);
        }
        let case = self.case();
        let day = request.date.unwrap_or(case.today());
        let home = session.home_on((case.patient(), &self.chart), (day, &self.program))?;
        Ok(Request { home, ..request })
    }
}

/// An episode without a patient whose chart could be read: no rule may pass because nothing is found.
fn nobodys() -> Failure {
    let text = "The episode's `patient` is no Patient of this service, so nothing can be decided about it.";
    Failure::new(Reason::BusinessRule, text).at("EpisodeOfCare.patient")
}

/// The episode that the URL names.
///
/// # Errors
/// `Invalid` where it names none; 404 `episode-not-found` where the caller may see none.
pub(super) fn named(session: &Session, call: &Call) -> Result<Resource, Failure> {
    match call.target.as_ref() {
        Some((ty, Some(id))) => session.subject(*ty, id),
        Some((_, None)) | None => {
            Err(Failure::new(Reason::Invalid, "Call this operation on an EpisodeOfCare."))
        }
    }
}
