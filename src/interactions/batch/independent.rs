//! batch: each entry as if it had come alone. <https://hl7.org/fhir/R4/http.html#trules>
//!
//! Writes that follow one another share a durable commit, each in a savepoint of its own.

use std::collections::HashSet;

use serde_json::Value;

use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::bundle::Method;
use crate::fhir::reference::base_of;
use crate::fhir::reference::place_of;
use crate::fhir::shape::Link;
use crate::fhir::shape::links_mut;
use crate::interactions::Interaction;
use crate::interactions::batch::Outcome;
use crate::interactions::batch::bounds::Room;
use crate::interactions::batch::entry::Entry;
use crate::interactions::batch::read;
use crate::interactions::batch::refuse_nested;
use crate::interactions::change_of;
use crate::interactions::request::Body;
use crate::interactions::request::Request;
use crate::interactions::request::Return;
use crate::interactions::route::route;
use crate::interactions::written;

/// How many writes share a commit at most: others wait for it.
const TOGETHER: usize = 100;

/// Carries out each entry by itself; the outcomes are in the entries' order.
pub fn independent(session: &Session, entries: Vec<Entry>) -> Vec<Outcome> {
    let promised = promised(&entries);
    let wanted = entries.first().map_or(Return::Minimal, |entry| entry.request.prefer.return_);
    let mut outcomes: Vec<Option<Outcome>> = entries.iter().map(|_| None).collect();
    let room = Room::default();
    let mut waiting = Waiting { session, wanted, changes: Vec::new() };
    for mut entry in entries {
        let place = entry.index;
        let refused = refuse_others(session, &mut entry, &promised).err();
        match refused.map_or_else(|| next(session, entry), Err) {
            Err(failure) => outcomes[place] = Some(Err(failure)),
            Ok(Next::Write(change)) if depends(&change) => {
                waiting.write(&mut outcomes);
                waiting.changes.push((place, change));
                waiting.write(&mut outcomes);
            }
            Ok(Next::Write(change)) => {
                waiting.changes.push((place, change));
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
    Write(Change),
    /// It is carried out when its turn comes.
    Run(Interaction, Request),
}

fn next(session: &Session, entry: Entry) -> Result<Next, Failure> {
    let interaction = route(entry.request.method, &entry.request.path)?;
    refuse_nested(&interaction)?;
    if !interaction.is_write() {
        return Ok(Next::Run(interaction, entry.request));
    }
    change_of(session, interaction, entry.request).map(Next::Write)
}

/// Whether what a change does depends on what is there before: then its neighbours are written first.
fn depends(change: &Change) -> bool {
    change.action.criteria().is_some() || matches!(change.action, ChangeAction::Patch { .. })
}

/// Writes that wait for one another.
struct Waiting<'a> {
    session: &'a Session,
    wanted: Return,
    changes: Vec<(usize, Change)>,
}

impl Waiting<'_> {
    fn write(&mut self, outcomes: &mut [Option<Outcome>]) {
        let (places, changes): (Vec<usize>, Vec<Change>) =
            std::mem::take(&mut self.changes).into_iter().unzip();
        for (place, result) in places.into_iter().zip(self.session.write_each(&changes)) {
            outcomes[place] = Some(result.map(|written| written::answer(self.session, written, self.wanted)));
        }
    }
}

/// The URLs of resources that are only made by this batch: no other entry can refer to them, as it is not known what
/// will become of them, nor under which id.
fn promised(entries: &[Entry]) -> HashSet<String> {
    let is_made = |entry: &&Entry| {
        let url = entry.full_url.as_deref().unwrap_or_default();
        entry.request.method == Method::Post || url.starts_with("urn:")
    };
    entries.iter().filter(is_made).filter_map(|entry| entry.full_url.clone()).collect()
}

/// Refuses an entry whose resource refers to what another one makes.
fn refuse_others(session: &Session, entry: &mut Entry, promised: &HashSet<String>) -> Result<(), Failure> {
    let Some(Body::Resource(value)) = &mut entry.request.body else { return Ok(()) };
    // A document or message refers to entries of its own.
    if promised.is_empty() || value.get("resourceType").and_then(Value::as_str) == Some("Bundle") {
        return Ok(());
    }
    let base = entry.full_url.as_deref().and_then(base_of);
    let mut found: Option<String> = None;
    links_mut(&session.app().definitions.shapes, value, &mut |link, text| {
        let below = || base.is_some_and(|base| promised.contains(&format!("{base}/{text}")));
        if link == Link::Reference && found.is_none() && (promised.contains(text.as_str()) || below()) {
            found = Some(text.clone());
        }
    });
    let Some(text) = found else { return Ok(()) };
    let says = format!(
        "The reference `{text}` is to an entry of the same batch, whose entries are carried out independently; send a \
         transaction, or refer to what is stored."
    );
    let failure = Failure::new(Reason::Invalid, says).code("processing");
    Err(match place_of(value, &text) {
        Some(place) => failure.at(place),
        None => failure,
    })
}
