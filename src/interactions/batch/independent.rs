//! batch: each entry as if it had come alone. <https://hl7.org/fhir/R4/http.html#trules>
//!
//! Writes that follow one another share a durable commit, each in a savepoint of its own.

use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Session;
use crate::fhir::Failure;
use crate::interactions::Interaction;
use crate::interactions::batch::Outcome;
use crate::interactions::batch::bounds::Room;
use crate::interactions::batch::entry::Entry;
use crate::interactions::batch::others;
use crate::interactions::batch::read;
use crate::interactions::batch::refuse_nested;
use crate::interactions::change_of;
use crate::interactions::request::Request;
use crate::interactions::route::route;
use crate::interactions::written;
use crate::interactions::written::Wanted;

/// How many writes share a commit at most: others wait for it.
const TOGETHER: usize = 100;

/// Carries out each entry by itself; the outcomes are in the entries' order.
pub fn independent(session: &Session, mut entries: Vec<Entry>) -> Vec<Outcome> {
    // What is there before anything is written decides which references are to what is only made here.
    let refused = others::refused(session, &mut entries);
    let mut outcomes: Vec<Option<Outcome>> = entries.iter().map(|_| None).collect();
    let room = Room::default();
    let mut waiting = Waiting { session, changes: Vec::new() };
    for (entry, refused) in entries.into_iter().zip(refused) {
        let place = entry.index;
        match refused.map_or_else(|| next(session, entry), Err) {
            Err(failure) => outcomes[place] = Some(Err(failure)),
            Ok(Next::Write(change, wanted)) if depends(&change) => {
                waiting.write(&mut outcomes);
                waiting.changes.push((place, wanted, change));
                waiting.write(&mut outcomes);
            }
            Ok(Next::Write(change, wanted)) => {
                waiting.changes.push((place, wanted, change));
                if waiting.changes.len() == TOGETHER {
                    waiting.write(&mut outcomes);
                }
            }
            Ok(Next::Run(interaction, request)) => {
                waiting.write(&mut outcomes);
                outcomes[place] = Some(room.fill(|| read(session, interaction, request)));
            }
        }
    }
    waiting.write(&mut outcomes);
    let lost = || Err(Failure::internal("a batch entry was left without an outcome"));
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect()
}

/// What becomes of an entry.
enum Next {
    /// It is written together with its neighbours.
    Write(Change, Wanted),
    /// It is carried out when its turn comes.
    Run(Interaction, Request),
}

fn next(session: &Session, mut entry: Entry) -> Result<Next, Failure> {
    let interaction = route(entry.request.method, &entry.request.path)?;
    refuse_nested(&interaction)?;
    if !interaction.is_write() {
        return Ok(Next::Run(interaction, entry.request));
    }
    let wanted = Wanted::take(&interaction, &mut entry.request)?;
    change_of(session, interaction, entry.request).map(|change| Next::Write(change, wanted))
}

/// Whether what a change does depends on what is there before: then its neighbours are written first.
fn depends(change: &Change) -> bool {
    change.action.criteria().is_some() || matches!(change.action, ChangeAction::Patch { .. })
}

/// Writes that wait for one another.
struct Waiting<'a> {
    session: &'a Session,
    changes: Vec<(usize, Wanted, Change)>,
}

impl Waiting<'_> {
    fn write(&mut self, outcomes: &mut [Option<Outcome>]) {
        let waiting = std::mem::take(&mut self.changes).into_iter();
        let (asked, changes): (Vec<(usize, Wanted)>, Vec<Change>) =
            waiting.map(|(place, wanted, change)| ((place, wanted), change)).unzip();
        for ((place, wanted), result) in asked.into_iter().zip(self.session.write_each(&changes)) {
            let answered = result.and_then(|written| written::answer(self.session, written, &wanted));
            outcomes[place] = Some(answered);
        }
    }
}
