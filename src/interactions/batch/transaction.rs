//! transaction: every entry or none. <https://hl7.org/fhir/R4/http.html#trules>
//!
//! Deletes come first, then creates, then updates, in one write of the session, and in the same database transaction
//! what only reads: so it sees what was written, and where it fails, nothing is written. Operations that change nothing
//! are such reads too. What can be refused of a read without the database is refused before anything is prepared.

use std::collections::HashSet;

use crate::access::Action;
use crate::app::Answer;
use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::bundle::Method;
use crate::interactions::Interaction;
use crate::interactions::asked;
use crate::interactions::batch::Outcome;
use crate::interactions::batch::bounds::Room;
use crate::interactions::batch::entry::Entry;
use crate::interactions::batch::read;
use crate::interactions::batch::refuse_nested;
use crate::interactions::change_of;
use crate::interactions::history;
use crate::interactions::request::Request;
use crate::interactions::route::route;
use crate::interactions::search;
use crate::interactions::written;
use crate::interactions::written::Wanted;
use crate::operations;

/// An entry that reads: its place, and what it asks for.
type Reading = (usize, Interaction, Request);

/// Carries out the entries together; the outcomes are in the entries' order.
///
/// # Errors
/// The failure of the first entry that cannot be carried out; then nothing is written.
pub fn transaction(session: &Session, entries: Vec<Entry>) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes: Vec<Option<Outcome>> = entries.iter().map(|_| None).collect();
    let Sorted { mut changes, reads, .. } = sort(session, entries)?;
    changes.sort_by_key(|one| turn(&one.change.action));
    let asked: Vec<(usize, Wanted)> = changes.iter().map(|one| (one.place, one.wanted.clone())).collect();
    let changes: Vec<Change> = changes.into_iter().map(|one| one.change).collect();
    let (written, found) = match (changes.is_empty(), reads.is_empty()) {
        (true, _) => (Vec::new(), read_together(session, reads)?),
        (false, true) => (session.write(changes)?, Vec::new()),
        (false, false) => {
            session.write_and_read(changes, move |session| read_all(session, &reads, &Room::default()))?
        }
    };
    for ((place, wanted), written) in asked.into_iter().zip(written) {
        outcomes[place] = Some(written::answer(session, written, &wanted));
    }
    for (place, answer) in found {
        outcomes[place] = Some(Ok(answer));
    }
    outcomes
        .into_iter()
        .map(|outcome| {
            outcome.ok_or_else(|| Failure::internal("a transaction entry was left without an outcome"))
        })
        .collect()
}

/// What the entries of a transaction read that writes nothing.
fn read_together(session: &Session, reads: Vec<Reading>) -> Result<Vec<(usize, Answer)>, Failure> {
    let room = Room::of_reads();
    match room.until().filter(|_| reads.len() > 1) {
        Some(until) => {
            session.read_together(until, move |session| read_all(session, &reads, &Room::ending(until)))
        }
        // One read is of one state by itself.
        None => read_all(session, &reads, &room),
    }
}

/// What the entries read, one after another; the first that fails is named.
fn read_all(session: &Session, reads: &[Reading], room: &Room) -> Result<Vec<(usize, Answer)>, Failure> {
    let one = |(place, interaction, request): &Reading| {
        let answer = room.fill(|| read(session, interaction.clone(), request.clone()));
        let named = |failure: Failure| failure.at(format!("Bundle.entry[{place}].request.url"));
        answer.map(|answer| (*place, answer)).map_err(named)
    };
    reads.iter().map(one).collect()
}

/// A change with the place of its entry, and how that is to be answered.
struct Writing {
    place: usize,
    change: Change,
    wanted: Wanted,
}

/// The entries by what becomes of them.
#[derive(Default)]
struct Sorted {
    changes: Vec<Writing>,
    reads: Vec<Reading>,
    written: HashSet<(ResourceType, String)>,
}

fn sort(session: &Session, entries: Vec<Entry>) -> Result<Sorted, Failure> {
    let mut sorted = Sorted::default();
    let defines = entries.iter().any(|entry| defines(&entry.request));
    for entry in entries {
        let interaction = interaction(session, &entry)?;
        if !interaction.is_write() {
            // What a search names may be defined by the transaction itself; the search refuses the whole by itself.
            if !(defines && matches!(interaction, Interaction::Search { .. })) {
                check(session, &interaction, &entry)?;
            }
            sorted.reads.push((entry.index, interaction, entry.request));
            continue;
        }
        if let Some((ty, id)) = identity(&interaction)
            && !sorted.written.insert((ty, id.clone()))
        {
            let text = format!("Two entries write {ty}/{id}; a transaction writes each resource once.");
            return Err(Failure::new(Reason::Invalid, text).at(entry.at("request.url")));
        }
        sorted.changes.push(writing(session, interaction, entry)?);
    }
    Ok(sorted)
}

/// What an entry asks for; what a transaction does not carry out is refused here.
fn interaction(session: &Session, entry: &Entry) -> Result<Interaction, Failure> {
    let interaction =
        route(entry.request.method, &entry.request.path).map_err(|failure| match failure.reason {
            // The method of the entry is at fault, not that of the request: 405 would be said of the base URL.
            Reason::MethodNotAllowed => {
                let text = failure.issues.first().map_or_else(String::new, |issue| issue.text.clone());
                Failure::new(Reason::NotSupported, text).at(entry.at("request.method"))
            }
            _ => failure.at(entry.at("request.url")),
        })?;
    match interaction {
        Interaction::Operation { ref code, ref target } => {
            let failure = match operations::only_reads(session.app(), code, target.as_ref()) {
                Ok(true) => return Ok(interaction),
                Ok(false) => Failure::new(
                    Reason::NotSupported,
                    format!(
                        "${code} writes, and so is not part of a transaction; call it by itself or in a batch."
                    ),
                ),
                Err(failure) => failure,
            };
            Err(failure.at(entry.at("request.url")))
        }
        Interaction::Batch | Interaction::AsyncStatus { .. } | Interaction::AsyncCancel { .. } => {
            refuse_nested(&interaction).map_err(|failure| failure.at(entry.at("request.url")))?;
            Ok(interaction)
        }
        Interaction::Capabilities
        | Interaction::Read { .. }
        | Interaction::Vread { .. }
        | Interaction::Create { .. }
        | Interaction::Update { .. }
        | Interaction::Patch { .. }
        | Interaction::Delete { .. }
        | Interaction::History { .. }
        | Interaction::Search { .. } => Ok(interaction),
    }
}

/// Whether it writes what searches go by.
fn defines(request: &Request) -> bool {
    let ty = request.path.split(['/', '?']).next().unwrap_or_default();
    !matches!(request.method, Method::Get | Method::Head)
        && matches!(ty, "CodeSystem" | "SearchParameter" | "ValueSet")
}

/// Refuses, before anything is written, what a read has wrong in itself.
fn check(session: &Session, interaction: &Interaction, entry: &Entry) -> Result<(), Failure> {
    let result = match interaction {
        Interaction::Read { ty, .. } | Interaction::Vread { ty, .. } => session.require(Action::Read, *ty),
        Interaction::History { of } => {
            session.require_history(of).and_then(|()| history::check(session, of.clone(), &entry.request))
        }
        Interaction::Search { field } => search::check(session, field, entry.request.clone()),
        Interaction::Operation { code, target } => {
            return operations::examine(session, code, asked(target.clone(), entry.request.clone()))
                .map_err(|failure| place(failure, &entry.at("request.url"), &entry.at("resource")));
        }
        Interaction::Capabilities
        | Interaction::Create { .. }
        | Interaction::Update { .. }
        | Interaction::Patch { .. }
        | Interaction::Delete { .. }
        | Interaction::AsyncStatus { .. }
        | Interaction::AsyncCancel { .. }
        | Interaction::Batch => Ok(()),
    };
    result.map_err(|failure| failure.at(entry.at("request.url")))
}

/// The resource that an interaction names to write it.
fn identity(interaction: &Interaction) -> Option<(ResourceType, String)> {
    match interaction {
        Interaction::Update { ty, id } | Interaction::Patch { ty, id } | Interaction::Delete { ty, id } => {
            Some((*ty, id.clone()?))
        }
        Interaction::Capabilities
        | Interaction::Read { .. }
        | Interaction::Vread { .. }
        | Interaction::Create { .. }
        | Interaction::History { .. }
        | Interaction::Search { .. }
        | Interaction::Batch
        | Interaction::AsyncStatus { .. }
        | Interaction::AsyncCancel { .. }
        | Interaction::Operation { .. } => None,
    }
}

fn writing(session: &Session, interaction: Interaction, mut entry: Entry) -> Result<Writing, Failure> {
    let (in_request, in_resource) = (entry.at("request"), entry.at("resource"));
    let wanted = Wanted::take(&interaction, &mut entry.request);
    let wanted = wanted.map_err(|failure| failure.at(entry.at("request.url")))?;
    let (place_of, full_url) = (entry.index, entry.full_url);
    let result = change_of(session, interaction, entry.request);
    let change = result.map_err(|failure| place(failure, &in_request, &in_resource))?;
    let at = if matches!(change.action, ChangeAction::Delete { .. }) { in_request } else { in_resource };
    Ok(Writing { place: place_of, change: Change { full_url, at, ..change }, wanted })
}

/// A failure that names an element is about the resource, any other about the request.
fn place(failure: Failure, in_request: &str, in_resource: &str) -> Failure {
    let names_element = failure.issues.iter().any(|issue| issue.expression.is_some());
    let has_no_body = failure.reason == Reason::Structure;
    failure.under(if names_element || has_no_body { in_resource } else { in_request })
}

/// Deletes, then creates, then updates and patches.
fn turn(action: &ChangeAction) -> u8 {
    match action {
        ChangeAction::Delete { .. } => 0,
        ChangeAction::Create { .. } => 1,
        ChangeAction::Update { .. } | ChangeAction::Patch { .. } => 2,
    }
}
