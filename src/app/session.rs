//! One caller's unit of work: who asks, what they may see, and the time. Reading is here, searching in `find`,
//! writing in `write`.
//! <https://hl7.org/fhir/R4/http.html>

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use jiff::tz::TimeZone;

use crate::access::Action;
use crate::access::Caller;
use crate::app::App;
use crate::app::allowance::Allowance;
use crate::app::job::Progress;
use crate::app::parameters::ParameterSet;
use crate::app::reads::Fetched;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::search::Context;
use crate::search::Effort;
use crate::search::Mistakes;
use crate::search::Parameters;
use crate::search::Visible;
use crate::search::page::Seal;
use crate::store::Db;
use crate::store::Stored;
use crate::store::history;
use crate::store::resources;
use crate::store::resources::Narrow;

/// How many matches a page has at most.
pub(crate) const LARGEST_PAGE: u32 = 1_000;

/// One caller's unit of work.
pub struct Session {
    pub(super) app: Arc<App>,
    caller: Caller,
    base_url: String,
    now: Micros,
    newest: bool,
    pub(super) allowance: Allowance,
    /// How far it is, where nobody waits for it on the line.
    pub(super) progress: Option<Arc<Progress>>,
    /// The search parameters of this unit of work, from when they were first asked for.
    set: OnceLock<Arc<ParameterSet>>,
    /// What was fetched for it with what others read, until it is read.
    pub(super) fetched: Mutex<Option<Fetched>>,
}

impl Session {
    /// A caller's unit of work; its time stands still from here on.
    pub fn new(app: Arc<App>, caller: Caller, base_url: String) -> Self {
        let now = app.clock.now();
        let allowance = Allowance::default();
        let (set, fetched) = (OnceLock::new(), Mutex::new(None));
        Self { app, caller, base_url, now, newest: false, allowance, progress: None, set, fetched }
    }

    /// The unit of work of a request that was taken on at this moment and is carried out later: to its rules it is
    /// still that moment.
    pub(super) fn later(self, now: Micros, progress: Arc<Progress>) -> Self {
        Self { now, progress: Some(progress), ..self }
    }

    /// The same unit of work, whose searches see what it has written: none of them goes to a replica.
    #[must_use]
    pub(crate) fn seeing_its_writes(&self) -> Self {
        Self { newest: true, ..self.of(self.caller.clone()) }
    }

    /// Where this unit of work searches.
    pub(super) fn for_searches(&self) -> &Db {
        if self.newest { &self.app.db } else { self.app.db.for_searches() }
    }

    /// The service's own unit of work, which may do everything.
    pub fn system(app: Arc<App>) -> Self {
        let base_url = app.config.base_url.clone().unwrap_or_default();
        Self::new(app, Caller::everything("comfrey"), base_url)
    }

    /// The same moment, as the service itself sees it: for rules that must not pass because the caller may not
    /// see what speaks against it.
    pub(crate) fn as_service(&self) -> Self {
        self.of(Caller::everything("comfrey"))
    }

    /// The same with what was fetched for it, which is read once.
    #[must_use]
    pub fn having(self, fetched: Fetched) -> Self {
        Self { fetched: Mutex::new(Some(fetched)), ..self }
    }

    /// The same unit of work of another caller.
    fn of(&self, caller: Caller) -> Self {
        Self {
            app: self.app.clone(),
            caller,
            base_url: self.base_url.clone(),
            now: self.now,
            newest: self.newest,
            allowance: self.allowance.clone(),
            progress: self.progress.clone(),
            set: self.set.clone(),
            fetched: Mutex::new(None),
        }
    }

    /// The same unit of work with the search parameters of now.
    pub(super) fn renewed(&self) -> Self {
        // A database that does not answer says so to the next try itself.
        let set = self.app.newest_parameter_set().map_or_else(|_| OnceLock::new(), OnceLock::from);
        Self { set, ..self.of(self.caller.clone()) }
    }

    /// The search parameters, the same from the first time that they are asked for.
    pub(super) fn parameter_set(&self) -> &Arc<ParameterSet> {
        self.set.get_or_init(|| self.app.parameter_set())
    }

    /// The search parameters in use.
    pub(super) fn parameters(&self) -> &Parameters {
        &self.parameter_set().parameters
    }

    /// The running service.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Who asks.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// With what the page links of this caller are sealed: with a new token of the same person and app they go on.
    pub fn seal(&self) -> Seal<'_> {
        let client = self.caller.client.as_deref().unwrap_or_default();
        Seal { key: &self.app.cursor_key, holder: format!("{}\n{client}", self.caller.subject) }
    }

    /// The time of this unit of work.
    pub fn now(&self) -> Micros {
        self.now
    }

    /// The URL of this service, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The zone in which dates without one are read.
    pub fn zone(&self) -> &TimeZone {
        &self.app.config.time_zone
    }

    /// Refuses what the caller's scopes do not allow at all.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn require(&self, action: Action, ty: ResourceType) -> Result<(), Failure> {
        if self.caller.may(action, ty) {
            return Ok(());
        }
        let letter = action.letter();
        Err(Failure::new(
            Reason::Forbidden,
            format!("The access token does not allow this; it takes a scope such as `user/{ty}.{letter}`."),
        ))
    }

    /// What a query string of this caller is understood against.
    pub fn context(&self) -> Context<'_> {
        Context {
            parameters: self.parameters(),
            zone: self.zone(),
            now: self.now,
            effort: Effort::of(self),
            base_url: &self.base_url,
            mistakes: Mistakes::Found,
            lenient: false,
            default_count: 20,
            max_count: LARGEST_PAGE,
        }
    }

    /// The current version.
    ///
    /// # Errors
    /// `Forbidden` without the scope, `NotFound` where there is none that the caller may see, `Deleted`.
    pub fn read(&self, ty: ResourceType, id: &str) -> Result<Stored, Failure> {
        let stored = self.current(ty, id)?;
        if stored.deleted { Err(deleted(&stored)) } else { Ok(stored) }
    }

    /// One version.
    ///
    /// # Errors
    /// As [`Session::read`]; `Deleted` where the version is a deletion.
    pub fn vread(&self, ty: ResourceType, id: &str, version: i64) -> Result<Stored, Failure> {
        let current = self.current(ty, id)?;
        let stored = if current.version == version {
            current
        } else {
            let narrow = self.narrow(Action::Read, ty);
            let earlier =
                self.app.db.read(|conn| Ok(history::earlier(conn, current.rid, version, &narrow)?))?;
            earlier
                .ok_or_else(|| Failure::new(Reason::NotFound, format!("{ty}/{id} has no such version.")))?
        };
        if stored.deleted { Err(deleted(&stored)) } else { Ok(stored) }
    }

    /// All live resources of these types in a patient's compartment, as far as the caller may see them.
    ///
    /// # Errors
    /// Only what the database fails with: a type that the caller may not see is left out.
    pub fn compartment(&self, patient: &str, types: &[ResourceType]) -> Result<Vec<Stored>, Failure> {
        let visible = |ty: &ResourceType| match self.caller.visible(Action::Read, *ty) {
            Visible::All => true,
            Visible::Nothing => false,
            Visible::Patients(patients) | Visible::Whole(patients) => patients.iter().any(|id| id == patient),
        };
        let types: Vec<ResourceType> = types.iter().copied().filter(visible).collect();
        self.app.db.read(|conn| Ok(resources::compartment(conn, patient, &types)?))
    }

    /// The current version, a deletion included.
    pub(super) fn current(&self, ty: ResourceType, id: &str) -> Result<Stored, Failure> {
        self.require(Action::Read, ty)?;
        let narrow = self.narrow(Action::Read, ty);
        let found = match self.at_hand((ty, id), &narrow) {
            Some(fetched) => fetched?,
            None => self.app.db.read(|conn| Ok(resources::read(conn, ty, id, &narrow)?))?,
        };
        found.ok_or_else(|| not_found(ty, id))
    }

    /// How much of a type the caller may do this with.
    pub(super) fn narrow(&self, action: Action, ty: ResourceType) -> Narrow {
        match self.caller.visible(action, ty) {
            Visible::All => Narrow::All,
            Visible::Nothing => Narrow::Nothing,
            Visible::Patients(patients) if self.app.parameters.compartment(ty).is_some() => {
                Narrow::Inside(patients)
            }
            Visible::Whole(patients) if self.app.parameters.compartment(ty).is_some() => {
                Narrow::Whole(patients)
            }
            Visible::Patients(patients) => Narrow::Referred(patients),
            Visible::Whole(patients) => Narrow::Linked(patients),
        }
    }
}

/// There is none by that name that the caller may know of.
pub(crate) fn not_found(ty: ResourceType, id: &str) -> Failure {
    Failure::new(Reason::NotFound, format!("There is no {ty}/{id} here."))
}

/// There is none that meets a search and that the caller may know of.
pub(crate) fn not_found_by(ty: ResourceType) -> Failure {
    Failure::new(Reason::NotFound, format!("No {ty} here meets the search of the URL."))
}

fn deleted(stored: &Stored) -> Failure {
    let text = format!("{}/{} was deleted; its earlier versions are in its history.", stored.ty, stored.id);
    Failure { version: Some(stored.version), ..Failure::new(Reason::Deleted, text) }
}
