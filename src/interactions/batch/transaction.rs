//! transaction: every entry or none. <https://hl7.org/fhir/R4/http.html#trules>
//!
//! Deletes come first, then creates, then updates, in one write of the session. What only reads is carried out after
//! that write, so that it sees what was written, and checked before it, since nothing is written where one entry
//! fails. Only what somebody else deletes in between is said in the entry that read it. Operations that change nothing
//! are such reads too.

use std::collections::HashMap;

use crate::access::Action;
use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::HistoryOf;
use crate::app::Session;
use crate::app::Target;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
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
use crate::interactions::request::Return;
use crate::interactions::route::route;
use crate::interactions::search;
use crate::interactions::written;
use crate::operations;
use crate::search::Visible;

/// Carries out the entries together; the outcomes are in the entries' order.
///
/// # Errors
/// The failure of the first entry that cannot be carried out; then nothing is written.
pub fn transaction(session: &Session, entries: Vec<Entry>) -> Result<Vec<Outcome>, Failure> {
    let wanted = entries.first().map_or(Return::Minimal, |entry| entry.request.prefer.return_);
    let mut outcomes: Vec<Option<Outcome>> = entries.iter().map(|_| None).collect();
    let Sorted { mut changes, reads, fates } = sort(session, entries)?;
    reads.iter().try_for_each(|one| spare(one, &changes).and_then(|()| expect(session, one, &fates)))?;
    changes.sort_by_key(|(_, change)| turn(&change.action));
    let (places, changes): (Vec<usize>, Vec<Change>) = changes.into_iter().unzip();
    if !changes.is_empty() {
        for (place, written) in places.into_iter().zip(session.write(changes)?) {
            outcomes[place] = Some(Ok(written::answer(session, written, wanted)));
        }
    }
    let room = Room::default();
    for (place, interaction, request) in reads {
        outcomes[place] = Some(room.fill(|| read(session, interaction, request)));
    }
    outcomes
        .into_iter()
        .map(|outcome| {
            outcome.ok_or_else(|| Failure::internal("a transaction entry was left without an outcome"))
        })
        .collect()
}

/// Refuses a read of what will not be there, since every entry of a transaction must succeed: it is not there now
/// and no other entry writes it, or another one deletes it.
fn expect(session: &Session, read_of: &(usize, Interaction, Request), fates: &Fates) -> Result<(), Failure> {
    let (place, interaction, request) = read_of;
    let fate = match interaction {
        Interaction::Read { ty, id }
        | Interaction::Vread { ty, id, .. }
        | Interaction::History { of: HistoryOf::One(ty, id) }
        | Interaction::Operation { target: Some((ty, Some(id))), .. } => {
            fates.get(&(*ty, id.clone())).map(|fate| (fate, ty, id))
        }
        Interaction::Operation { target: None | Some((_, None)), .. } => None,
        Interaction::Capabilities
        | Interaction::History { of: HistoryOf::Type(_) | HistoryOf::All }
        | Interaction::Search { .. }
        | Interaction::Create { .. }
        | Interaction::Update { .. }
        | Interaction::Patch { .. }
        | Interaction::Delete { .. }
        | Interaction::AsyncStatus { .. }
        | Interaction::AsyncCancel { .. }
        | Interaction::Batch => return Ok(()),
    };
    // What is written has a newest version and a history, but which number that version gets is not known yet.
    let by_number = matches!(interaction, Interaction::Vread { .. });
    let failure = match (fate, interaction) {
        // Whether those who may read only part of what is there may read this is known of what is there already.
        (Some((Fate::Written, ty, _)), _)
            if !by_number && session.caller().visible(Action::Read, *ty) == Visible::All =>
        {
            return Ok(());
        }
        (Some((Fate::Deleted, ty, id)), Interaction::Read { .. } | Interaction::Operation { .. }) => {
            Failure::new(Reason::Deleted, format!("Another entry of this transaction deletes {ty}/{id}."))
        }
        _ => match read(session, interaction.clone(), request.clone()) {
            Ok(_) => return Ok(()),
            Err(failure) => failure,
        },
    };
    Err(failure.at(format!("Bundle.entry[{place}].request.url")))
}

/// Refuses a read of what a delete by a search may delete: which ones that are is known only as it is written.
fn spare(read_of: &(usize, Interaction, Request), changes: &[(usize, Change)]) -> Result<(), Failure> {
    let (place, Interaction::Read { ty, .. } | Interaction::Operation { target: Some((ty, Some(_))), .. }, _) =
        read_of
    else {
        return Ok(());
    };
    let deletes = |(_, change): &(usize, Change)| {
        let ChangeAction::Delete { ty: of, target: Target::Match(_), .. } = &change.action else {
            return false;
        };
        of == ty
    };
    if !changes.iter().any(deletes) {
        return Ok(());
    }
    let text =
        format!("Another entry deletes {ty} by a search, perhaps this one; name by its id what to delete.");
    Err(Failure::new(Reason::NotSupported, text).at(format!("Bundle.entry[{place}].request.url")))
}

/// What becomes of the resources that entries name.
type Fates = HashMap<(ResourceType, String), Fate>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Written,
    Deleted,
}

/// The entries by what becomes of them.
#[derive(Default)]
struct Sorted {
    changes: Vec<(usize, Change)>,
    reads: Vec<(usize, Interaction, Request)>,
    fates: Fates,
}

fn sort(session: &Session, entries: Vec<Entry>) -> Result<Sorted, Failure> {
    let mut sorted = Sorted::default();
    for entry in entries {
        let interaction = interaction(session, &entry)?;
        if !interaction.is_write() {
            check(session, &interaction, &entry)?;
            sorted.reads.push((entry.index, interaction, entry.request));
            continue;
        }
        if let Some(((ty, id), fate)) = identity(&interaction)
            && sorted.fates.insert((ty, id.clone()), fate).is_some()
        {
            let text = format!("Two entries write {ty}/{id}; a transaction writes each resource once.");
            return Err(Failure::new(Reason::Invalid, text).at(entry.at("request.url")));
        }
        sorted.changes.push((entry.index, change(session, interaction, entry)?));
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

/// The resource that an interaction names to write it, and what becomes of it.
fn identity(interaction: &Interaction) -> Option<((ResourceType, String), Fate)> {
    match interaction {
        Interaction::Update { ty, id } | Interaction::Patch { ty, id } => {
            Some(((*ty, id.clone()?), Fate::Written))
        }
        Interaction::Delete { ty, id } => Some(((*ty, id.clone()?), Fate::Deleted)),
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

fn change(session: &Session, interaction: Interaction, entry: Entry) -> Result<Change, Failure> {
    let (in_request, in_resource) = (entry.at("request"), entry.at("resource"));
    let full_url = entry.full_url;
    let result = change_of(session, interaction, entry.request);
    let change = result.map_err(|failure| place(failure, &in_request, &in_resource))?;
    let at = if matches!(change.action, ChangeAction::Delete { .. }) { in_request } else { in_resource };
    Ok(Change { full_url, at, ..change })
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
