//! The first half of a write, with no lock held: check, resolve, work out index rows and the bytes to store.
//! <https://hl7.org/fhir/R4/http.html#trules>

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::access::Action;
use crate::app::aim::Aim;
use crate::app::aim::Met;
use crate::app::aim::aims;
use crate::app::change::Change;
use crate::app::change::ChangeAction;
use crate::app::change::Demand;
use crate::app::change::Origin;
use crate::app::change::Target;
use crate::app::clock::Clock;
use crate::app::content::Content;
use crate::app::content::content;
use crate::app::defined;
use crate::app::guard;
use crate::app::own_identifiers;
use crate::app::own_record;
use crate::app::parameters::ParameterSet;
use crate::app::patched::patched;
use crate::app::profiles::check;
use crate::app::published;
use crate::app::resolve::Links;
use crate::app::session::Session;
use crate::app::taken_back::tiers_after;
use crate::app::whole;
use crate::app::withdrawn::Withdrawal;
use crate::app::withdrawn::withdrawals;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::palliative::screening::Codes;
use crate::search::Visible;

/// A write, ready to be committed.
pub(crate) struct Batch {
    pub(crate) changes: Vec<Prepared>,
    pub(crate) set: Arc<ParameterSet>,
    pub(crate) zone: TimeZone,
    pub(crate) clock: Clock,
    /// The codes of what is kept from the patient.
    pub(crate) restricted: Arc<Codes>,
    /// Whether a version with the content of the current one is left out.
    pub(crate) skip_unchanged: bool,
    /// How many changes were asked for; what follows from them stands behind them.
    pub(crate) asked: usize,
    /// The agreements that end with this.
    pub(crate) withdrawals: Vec<Withdrawal>,
}

/// One change of one resource, ready to be committed.
pub(crate) struct Prepared {
    /// Which of the changes it belongs to: a conditional delete may be about several resources.
    pub(crate) change: usize,
    pub(crate) ty: ResourceType,
    pub(crate) id: String,
    pub(crate) at: String,
    pub(crate) origin: Origin,
    /// What the caller may do this with.
    pub(crate) visible: Visible,
    /// Whether the caller may read what is there afterwards.
    pub(crate) shown: bool,
    pub(crate) met: Option<Met>,
    /// Whether a resource of this id may be there; not so where the id was made just now.
    pub(crate) may_exist: bool,
    /// Of a change that opens an episode in a programme: the ids of the other records of the person.
    pub(crate) other_records: Vec<String>,
    pub(crate) work: Work,
}

/// What is to be done.
pub(crate) enum Work {
    /// Store the first version.
    Create(Content),
    /// Store the next version, or the first where the caller may create.
    Update { content: Content, demand: Demand, may_create: bool },
    /// Store what a patch made of this version.
    Patch { content: Content, base: i64, demand: Demand },
    /// Delete.
    Delete { demand: Demand },
    /// Nothing: the condition found this one.
    Keep,
    /// Nothing: the condition found none to delete.
    Nothing,
}

impl Work {
    /// What is to be stored, where something is.
    pub(crate) fn content(&self) -> Option<&Content> {
        match self {
            Self::Create(content) | Self::Update { content, .. } | Self::Patch { content, .. } => {
                Some(content)
            }
            Self::Delete { .. } | Self::Keep | Self::Nothing => None,
        }
    }
}

/// Refuses what is wrong with the changes themselves: scopes first, then every problem of every resource.
pub(crate) fn examine(session: &Session, changes: &[Change]) -> Result<(), Failure> {
    for change in changes {
        require(session, change).map_err(|failure| failure.under(&change.at))?;
    }
    let mut issues: Vec<Issue> = Vec::new();
    let mut reason = None;
    for change in changes {
        let (ChangeAction::Create { resource, .. } | ChangeAction::Update { resource, .. }) = &change.action
        else {
            continue;
        };
        let is_put = change.origin == Origin::Client && matches!(change.action, ChangeAction::Update { .. });
        let whole = || if is_put { whole::check(resource) } else { Ok(()) };
        if let Err(failure) = check(session, resource.value(), change.origin).and_then(|()| whole()) {
            let failure = failure.under(&change.at);
            let worse = reason.is_none() || failure.reason == Reason::Structure;
            reason = if worse { Some(failure.reason) } else { reason };
            issues.extend(failure.issues);
        }
    }
    reason.map_or(Ok(()), |reason| Err(Failure::of(reason, issues)))
}

/// The scopes that a change takes whatever comes of it.
fn require(session: &Session, Change { action, origin, .. }: &Change) -> Result<(), Failure> {
    let ty = action.ty();
    guard::require(session, *origin, (self::action(action), ty))?;
    defined::require(session, self::action(action), ty)?;
    // The answer to a patch shows what is there, and so does whether its tests hold.
    if matches!(action, ChangeAction::Patch { .. }) {
        session.require(Action::Read, ty)?;
    }
    action.criteria().map_or(Ok(()), |_| session.require(Action::Search, ty))
}

/// Prepares changes that [`examine`] found right.
pub(crate) fn prepare(session: &Session, changes: &[Change]) -> Result<Batch, Failure> {
    let mut prepared = all(session, changes, 0)?;
    let (withdrawals, mut effects) = withdrawals(session, &prepared)?;
    effects.extend(tiers_after(session, &prepared)?);
    if !effects.is_empty() {
        prepared.extend(all(&session.as_service(), &effects, changes.len())?);
    }
    session.find_other_records(&mut prepared)?;
    let app = session.app();
    Ok(Batch {
        changes: prepared,
        set: session.parameter_set().clone(),
        zone: session.zone().clone(),
        clock: app.clock.clone(),
        restricted: app.restricted.clone(),
        skip_unchanged: app.config.skip_unchanged,
        asked: changes.len(),
        withdrawals,
    })
}

/// Prepares changes, which are numbered from the first on.
fn all(session: &Session, changes: &[Change], first: usize) -> Result<Vec<Prepared>, Failure> {
    let aims = aims(session, changes)?;
    let mut links = Links::new(session, changes, &aims);
    let mut works = Vec::with_capacity(changes.len());
    for (change, aim) in changes.iter().zip(&aims) {
        check_free(session, change, aim).map_err(|failure| place(failure, &change.at))?;
        works.push(work(session, change, aim, &mut links).map_err(|failure| place(failure, &change.at))?);
    }
    let mut prepared = Vec::with_capacity(changes.len());
    for (number, ((change, aim), work)) in changes.iter().zip(aims).zip(works).enumerate() {
        prepared.extend(parts(session, (first + number, change), aim, work));
    }
    Ok(prepared)
}

/// Refuses a client's change of our own definitions; to be told of one, by a condition, changes nothing.
fn check_free(session: &Session, change: &Change, aim: &Aim) -> Result<(), Failure> {
    let is_kept = matches!(change.action, ChangeAction::Create { .. }) && aim.met_something();
    let mut ids = aim.ids.iter().filter(|_| !is_kept);
    ids.try_for_each(|id| published::check_free(session, change, id))
}

/// A change, once for each resource that it is about; the first has the condition.
fn parts(
    session: &Session,
    (number, change): (usize, &Change),
    aim: Aim,
    work: Work,
) -> impl Iterator<Item = Prepared> {
    let visible = guard::reach(session, change.origin, (action(&change.action), aim.ty));
    let shown = guard::is_shown(session, aim.ty, &work);
    let may_exist = match (&change.action, &work) {
        (_, Work::Nothing) => false,
        (ChangeAction::Create { .. }, Work::Keep) => true,
        (ChangeAction::Create { id, .. }, _) => id.is_some(),
        (ChangeAction::Update { .. }, Work::Create(_)) => false,
        (ChangeAction::Update { .. } | ChangeAction::Patch { .. } | ChangeAction::Delete { .. }, _) => true,
    };
    let (ty, at, origin) = (aim.ty, change.at.clone(), change.origin);
    let first = Prepared {
        change: number,
        ty,
        id: aim.ids.first().cloned().unwrap_or_default(),
        at,
        origin,
        visible,
        shown,
        met: aim.met,
        may_exist,
        other_records: Vec::new(),
        work,
    };
    let further: Vec<Prepared> = aim.ids.into_iter().skip(1).map(|id| first.also(id)).collect();
    std::iter::once(first).chain(further)
}

impl Prepared {
    /// The same deletion of another resource.
    fn also(&self, id: String) -> Self {
        let demand = match &self.work {
            Work::Delete { demand } => demand.clone(),
            Work::Create(_) | Work::Update { .. } | Work::Patch { .. } | Work::Keep | Work::Nothing => {
                Demand::Nothing
            }
        };
        Self {
            id,
            at: self.at.clone(),
            visible: self.visible.clone(),
            met: None,
            other_records: Vec::new(),
            work: Work::Delete { demand },
            ..*self
        }
    }
}

fn work(session: &Session, change: &Change, aim: &Aim, links: &mut Links<'_>) -> Result<Work, Failure> {
    let reach = |action| guard::reach(session, change.origin, (action, aim.ty));
    let stays = |content: &Content, action| own_record::stays(&reach(action), aim.ty, &content.rows.patients);
    match &change.action {
        ChangeAction::Create { .. } if aim.met_something() => Ok(Work::Keep),
        ChangeAction::Create { resource, .. } => {
            let content = content(session, change, (resource, &aim.ids[0]), links)?;
            stays(&content, Action::Create)?;
            guard::may_make(change.origin, aim.ty, content.derived.as_ref())?;
            own_identifiers::may_have((change.origin, aim.ty), None, &content.identifiers)?;
            Ok(Work::Create(content))
        }
        ChangeAction::Update { resource, demand, .. } if aim.met_nothing() => {
            guard::require(session, change.origin, (Action::Create, aim.ty))?;
            demand.check(None)?;
            let content = content(session, change, (resource, &aim.ids[0]), links)?;
            stays(&content, Action::Create)?;
            guard::may_make(change.origin, aim.ty, content.derived.as_ref())?;
            own_identifiers::may_have((change.origin, aim.ty), None, &content.identifiers)?;
            if resource.id().is_none() {
                return Ok(Work::Create(content));
            }
            for action in [Action::Create, Action::Update] {
                guard::may_choose_id(&reach(action))?;
            }
            Ok(Work::Update { content, demand: Demand::Free, may_create: true })
        }
        ChangeAction::Update { resource, demand, .. } => {
            let content = content(session, change, (resource, &aim.ids[0]), links)?;
            stays(&content, Action::Update)?;
            let sees_all = |action| reach(action) == Visible::All;
            let may_create = sees_all(Action::Create) && sees_all(Action::Update);
            Ok(Work::Update { content, demand: demand.clone(), may_create })
        }
        ChangeAction::Patch { demand, .. } => {
            let (resource, base) = patched(session, &change.action, &aim.ids[0])?;
            let content = content(session, change, (&resource, &aim.ids[0]), links)?;
            stays(&content, Action::Update)?;
            Ok(Work::Patch { content, base, demand: demand.clone() })
        }
        ChangeAction::Delete { target: Target::Match(_), demand, .. } if aim.met_nothing() => {
            demand.check(None)?;
            Ok(Work::Nothing)
        }
        ChangeAction::Delete { demand, .. } => Ok(Work::Delete { demand: demand.clone() }),
    }
}

pub(crate) fn action(action: &ChangeAction) -> Action {
    match action {
        ChangeAction::Create { .. } => Action::Create,
        ChangeAction::Update { .. } | ChangeAction::Patch { .. } => Action::Update,
        ChangeAction::Delete { .. } => Action::Delete,
    }
}

/// Says where a failure is: in a Bundle the entry, else what it says itself.
pub(crate) fn place(failure: Failure, at: &str) -> Failure {
    if at.starts_with("Bundle.") { failure.under(at) } else { failure }
}
