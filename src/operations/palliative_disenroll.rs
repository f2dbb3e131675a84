//! `$palliative-disenroll`: ends the service for a person. <https://hl7.org/fhir/R4/episodeofcare.html>

use crate::app::Answer;
use crate::app::Session;
use crate::app::programme::until_current;
use crate::fhir::Failure;
use crate::fhir::parameters::Output;
use crate::operations::Call;
use crate::operations::moved;
use crate::operations::opened::Opened;
use crate::operations::opened::named;
use crate::operations::screened::screened;
use crate::palliative::enrollment::disenroll;
use crate::palliative::enrollment::disenroll::Ending;
use crate::palliative::payment::line::Line;
use crate::palliative::payment::report;

/// Ends the service by the action that the reason means, or with `dryRun` says what that would do.
///
/// # Errors
/// 409 `invalid-transition` with the actions that are possible; 400 for a reason that ends nothing; 422 with every
/// rule that does not hold; 412 and 428 about `If-Match`.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let ending = Ending::read(&call.parameters)?;
    until_current(call.if_match, || {
        let mut opened = Opened::of(session, &call, (named(session, &call)?, &[]))?;
        if let Some(clinician) = &ending.request.attested_by {
            session.add_to_chart(&mut opened.chart, clinician);
        }
        let case = opened.case();
        let request = opened.at_home(session, screened(session, &case, &ending.request)?)?;
        let decision = disenroll::decide(&case, &Ending { request, ..ending.clone() })?;
        let unpaid = session.unpaid_months((&opened.program, &opened.episode), &decision.drafts)?;
        moved::write(session, &call, decision, (&opened.episode, told(unpaid)))
    })
}

/// The months that are not paid for, with how many lines they have: none is told to one who may not know.
fn told(unpaid: Option<Vec<Line>>) -> Output {
    let Some(lines) = unpaid else { return Output::new() };
    let count = Output::new().value("unpaidMonthCount", "integer", lines.len());
    lines.iter().fold(count, |output, line| output.part("unpaidMonth", report::unpaid(line)))
}
