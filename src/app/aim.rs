//! Which resources the changes of a write are about: named by an id, found by a search, or new.
//! <https://hl7.org/fhir/R4/http.html#cond-update>

use std::collections::HashSet;

use crate::access::Action;
use crate::app::change::Change;
use crate::app::change::ChangeAction;
use crate::app::change::Origin;
use crate::app::change::Target;
use crate::app::prepare::place;
use crate::app::resolve::Condition;
use crate::app::session::Session;
use crate::app::session::not_found_by;
use crate::config::ConditionalDelete;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::form::encoded;
use crate::fhir::form::pairs;
use crate::fhir::reference::is_id;
use crate::store::Stored;

/// How many resources one conditional delete deletes at most.
const MOST_DELETED: u32 = 1_000;

/// What a change is about.
pub(crate) struct Aim {
    /// The type.
    pub(crate) ty: ResourceType,
    /// The ids: one, but for a conditional delete, which may be about none or several.
    pub(crate) ids: Vec<String>,
    /// The condition that the change has, and what meets it.
    pub(crate) met: Option<Met>,
}

/// A condition, and the resources that met it when the write was prepared.
pub(crate) struct Met {
    pub(crate) condition: Condition,
    /// The numbers of the resources, sorted.
    pub(crate) rids: Vec<i64>,
}

impl Aim {
    fn at(ty: ResourceType, id: String) -> Self {
        Self { ty, ids: vec![id], met: None }
    }

    /// Whether a condition was asked and nothing met it.
    pub(crate) fn met_nothing(&self) -> bool {
        self.met.as_ref().is_some_and(|met| met.rids.is_empty())
    }

    /// Whether a condition was asked and something met it.
    pub(crate) fn met_something(&self) -> bool {
        self.met.as_ref().is_some_and(|met| !met.rids.is_empty())
    }
}

/// What each change is about; no two may be about the same.
pub(crate) fn aims(session: &Session, changes: &[Change]) -> Result<Vec<Aim>, Failure> {
    let mut identities = HashSet::new();
    let mut conditions = HashSet::new();
    let mut aims = Vec::with_capacity(changes.len());
    for change in changes {
        let aim = aim(session, change).map_err(|failure| place(failure, &change.at))?;
        let asked_twice = aim.met.as_ref().is_some_and(|met| !conditions.insert(met.condition.key.clone()));
        let named_twice = aim.ids.iter().any(|id| !identities.insert((aim.ty, id.clone())));
        if named_twice || asked_twice {
            let text = "Another entry of the same request is about the same resource; send one of them.";
            return Err(Failure::new(Reason::Invalid, text).at(change.at.as_str()));
        }
        aims.push(aim);
    }
    Ok(aims)
}

fn aim(session: &Session, change: &Change) -> Result<Aim, Failure> {
    let action = &change.action;
    let ty = action.ty();
    match action {
        ChangeAction::Create { if_none_exist: Some(criteria), .. } => {
            let (met, found) = match change.origin {
                Origin::Client => one_that_meets(session, ty, criteria)?,
                Origin::Programme | Origin::Effect => first_that_meets(session, ty, criteria)?,
            };
            Ok(Aim { ty, ids: vec![found.unwrap_or_else(new_id)], met: Some(met) })
        }
        ChangeAction::Create { if_none_exist: None, id, .. } => {
            Ok(Aim::at(ty, id.clone().unwrap_or_else(new_id)))
        }
        ChangeAction::Update { target: Target::Match(criteria), resource, .. } => {
            let (met, found) = one_that_meets(session, ty, criteria)?;
            let id = id_to_update(resource, found)?;
            Ok(Aim { ty, ids: vec![id], met: Some(met) })
        }
        ChangeAction::Patch { target: Target::Match(criteria), .. } => {
            let (met, found) = one_that_meets(session, ty, criteria)?;
            let id = found.ok_or_else(|| not_found_by(ty))?;
            Ok(Aim { ty, ids: vec![id], met: Some(met) })
        }
        ChangeAction::Delete { target: Target::Match(criteria), .. } => all_that_meet(session, ty, criteria),
        ChangeAction::Update { target: Target::Id(id), .. }
        | ChangeAction::Patch { target: Target::Id(id), .. }
        | ChangeAction::Delete { target: Target::Id(id), .. } => {
            check_id(id)?;
            Ok(Aim::at(ty, id.clone()))
        }
    }
}

/// Ids begin with the time, so that new rows stand side by side in the index.
fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn check_id(id: &str) -> Result<(), Failure> {
    if is_id(id) {
        return Ok(());
    }
    Err(Failure::new(Reason::Invalid, "An id has 1 to 64 letters, digits, `-` or `.`."))
}

fn one_that_meets(
    session: &Session,
    ty: ResourceType,
    criteria: &str,
) -> Result<(Met, Option<String>), Failure> {
    let (met, mut found) = meeting(session, session.condition(ty, criteria, 1)?)?;
    Ok((met, found.pop().map(|stored| stored.id)))
}

/// What the programme's own rules ask for once is there where a client has made copies of it, too: then the oldest is
/// it, however many there are, and what else the same request asks for does not fail.
fn first_that_meets(
    session: &Session,
    ty: ResourceType,
    criteria: &str,
) -> Result<(Met, Option<String>), Failure> {
    let (met, found) = meeting(session, session.condition_of_any(ty, criteria)?)?;
    Ok((met, found.into_iter().min_by_key(|stored| stored.rid).map(|stored| stored.id)))
}

fn meeting(session: &Session, condition: Condition) -> Result<(Met, Vec<Stored>), Failure> {
    let found = session.meeting(&condition)?;
    let mut rids: Vec<i64> = found.iter().map(|stored| stored.rid).collect();
    rids.sort_unstable();
    Ok((Met { condition, rids }, found))
}

/// The id under which a conditional update writes: that of the one match, or of none the client's or a new one.
fn id_to_update(resource: &Resource, found: Option<String>) -> Result<String, Failure> {
    match (resource.id(), found) {
        (Some(own), Some(found)) if own != found => {
            let text = "The resource has another id than the one that meets the search; leave the id out.";
            Err(Failure::new(Reason::Invalid, text).at(format!("{}.id", resource.ty())))
        }
        (_, Some(found)) => Ok(found),
        (Some(own), None) => check_id(own).map(|()| own.to_owned()),
        (None, None) => Ok(new_id()),
    }
}

/// What a conditional delete deletes: one, or several where the service is set to allow it, and then not more than
/// the client's own `_count`.
fn all_that_meet(session: &Session, ty: ResourceType, criteria: &str) -> Result<Aim, Failure> {
    session.require(Action::Search, ty)?;
    let (criteria, asked) = without_count(criteria)?;
    let most = match session.app().config.conditional_delete {
        ConditionalDelete::Single => 1,
        ConditionalDelete::Multiple => asked.unwrap_or(MOST_DELETED).min(MOST_DELETED),
    };
    let (met, found) = meeting(session, session.condition(ty, &criteria, most)?)?;
    Ok(Aim { ty, ids: found.into_iter().map(|stored| stored.id).collect(), met: Some(met) })
}

fn without_count(criteria: &str) -> Result<(String, Option<u32>), Failure> {
    let (mut rest, mut count) = (Vec::new(), None);
    for (name, value) in pairs(criteria)? {
        if name != "_count" {
            rest.push(format!("{}={}", encoded(&name), encoded(&value)));
            continue;
        }
        count =
            Some(value.parse().ok().filter(|count| (1..=MOST_DELETED).contains(count)).ok_or_else(|| {
                let text =
                    format!("`_count` says how many may be deleted: a number from 1 to {MOST_DELETED}.");
                Failure::new(Reason::Invalid, text).at("http._count")
            })?);
    }
    Ok((rest.join("&"), count))
}
