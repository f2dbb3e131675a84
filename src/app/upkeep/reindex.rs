//! `comfrey reindex`: makes the search index what the stored resources and today's definitions give, and the kept
//! counts what there is, while others read and write. Only rows that differ are written, a few resources at a time,
//! each of them locked, so that a write by somebody else comes before or after and never in between.
//! <https://hl7.org/fhir/R4/search.html>

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::app::App;
use crate::app::parameters::ParameterSet;
use crate::app::upkeep::Expected;
use crate::app::upkeep::Step;
use crate::app::upkeep::entered;
use crate::app::upkeep::is_tangled;
use crate::app::upkeep::second_plan::Plans;
use crate::app::upkeep::second_plan::told;
use crate::app::upkeep::sentence;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::palliative::not_for_patient::is_not_for_patient;
use crate::palliative::screening::Codes;
use crate::search::IndexRows;
use crate::search::rules;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::Stored;
use crate::store::findings::counted;
use crate::store::index;
use crate::store::index::Entries;
use crate::store::index_contained;
use crate::store::live;
use crate::store::moment;
use crate::store::parameter_set;
use crate::store::resources;
use crate::store::survey;
use crate::store::survey::Page;
use crate::store::survey::Span;
use crate::store::tables;

/// How many resources are mended in one transaction: few, so that others need not wait for them.
const TOGETHER: usize = 64;

/// What a reindexing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reindexed {
    /// Resources that were looked at.
    pub resources: u64,
    /// Resources whose rows were not right before.
    pub mended: u64,
    /// Resources whose rows could not be made right.
    pub refused: u64,
    /// Types whose kept count was not right before.
    pub counts: u64,
}

/// What the rows are worked out with.
struct Rules {
    set: Arc<ParameterSet>,
    zone: TimeZone,
    restricted: Arc<Codes>,
}

impl App {
    /// Makes the index right for all resources with a larger number than `after`.
    ///
    /// # Errors
    /// One line for the operator, which says after which number to go on.
    pub fn reindex(&self, after: i64, tell: &mut dyn FnMut(Step<'_>)) -> Result<Reindexed, String> {
        let mut done = Reindexed::default();
        // What an earlier run has left before this number, nobody has noted: only one from the beginning sees all.
        let is_all = after <= 0;
        let mut after = after;
        let set = self.reindex_from(&mut after, &mut done, tell).map_err(|failure| {
            format!("{} Go on later with `comfrey reindex --after {after}`.", sentence(&failure))
        })?;
        if is_all {
            self.mark_versions().map_err(|failure| sentence(&failure))?;
        }
        let (is_whole, rules) = (is_all && done.refused == 0, rules(&self.parameters));
        let counts = self.db.write(move |conn| {
            if is_whole {
                tables::put_index_rules(conn, rules)?;
                parameter_set::end_index(conn, set.mark.number)?;
                parameter_set::hold_back(conn, &set.left_out)?;
            }
            Ok(live::mend(conn)? + counted::mend(conn)?)
        });
        done.counts = counts.map_err(|fault| sentence(&fault.into_failure()))? as u64;
        self.look_again();
        // What was found rests on the index too: on who stands in which compartment, and who names which medicine.
        self.make_all_due().map_err(|failure| sentence(&failure))?;
        self.analyze();
        Ok(done)
    }

    /// Whether all index rows were made by this version's rules, so that searches find exactly what they should.
    ///
    /// # Errors
    /// `Unavailable` where the database fails.
    pub fn is_index_current(&self) -> Result<bool, Failure> {
        let rules = rules(&self.parameters);
        self.db.read(|conn| Ok(tables::is_index_of(conn, rules)?))
    }

    fn reindex_from(
        &self,
        after: &mut i64,
        done: &mut Reindexed,
        tell: &mut dyn FnMut(Step<'_>),
    ) -> Result<Arc<ParameterSet>, Failure> {
        let set = self.begin_index(*after, tell)?;
        let rules = Arc::new(Rules {
            set: set.clone(),
            zone: self.config.time_zone.clone(),
            restricted: self.restricted.clone(),
        });
        let (ahead, _) = self.db.read(|conn| Ok(survey::extent(conn)?))?;
        tell(Step::Ahead(u64::try_from(ahead).unwrap_or(0)));
        loop {
            let from = *after;
            let (page, last) = self.db.snapshot(|conn| {
                let last = survey::next(conn, from)?;
                let span = Span::Between(from, last.unwrap_or(i64::MAX));
                Ok((survey::page(conn, &span)?, last))
            })?;
            let looked_at = page.resources.len() as u64;
            let wrong = wrong(&rules, page);
            done.resources += looked_at;
            for rids in wrong.chunks(TOGETHER) {
                self.mend(rids, &rules, done, tell)?;
            }
            let Some(last) = last else { return Ok(set) };
            *after = last;
            tell(Step::Done(looked_at, last));
        }
    }

    /// The parameters to make the index with, once no write is under way that goes by others.
    fn begin_index(&self, after: i64, tell: &mut dyn FnMut(Step<'_>)) -> Result<Arc<ParameterSet>, Failure> {
        let is_first = after <= 0;
        if is_first {
            entered::enter(self, tell)?;
        }
        let set = self.newest_parameter_set()?;
        let number = set.mark.number;
        let begin = self.db.write(move |conn| Ok(!is_first || parameter_set::begin_index(conn, number)?));
        if !begin.map_err(Fault::into_failure)? {
            return Err(changed());
        }
        // After it is begun: a write that makes a parameter wait looks whether it is.
        moment::all_ended(&self.db)?;
        Ok(set)
    }

    /// Mends these; where the database refuses one of them, each by itself.
    fn mend(
        &self,
        rids: &[i64],
        rules: &Arc<Rules>,
        done: &mut Reindexed,
        tell: &mut dyn FnMut(Step<'_>),
    ) -> Result<(), Failure> {
        let (own, used) = (rids.to_vec(), Arc::clone(rules));
        match self.db.write(move |conn| mend(conn, &own, (&used, Plans::Kept))) {
            Ok((mended, unreadable)) => {
                done.mended += mended;
                done.refused += unreadable.len() as u64;
                unreadable.iter().for_each(|line| tell(Step::Differs(line)));
                Ok(())
            }
            Err(fault) if is_second(&fault).is_some() && rids.len() > 1 => {
                rids.iter().try_for_each(|rid| self.mend(&[*rid], rules, done, tell))
            }
            // Of two plans of one episode, from before there could be but one, a person ends one. No search goes by that
            // row, so that the index is whole without it.
            Err(fault) if fault.is_second_plan() => {
                let (rid, used) = (rids[0], Arc::clone(rules));
                let both = self.db.write(move |conn| {
                    mend(conn, &[rid], (&used, Plans::Left))?;
                    let page = survey::page(conn, &Span::These(vec![rid]))?;
                    let plan =
                        |stored: &Stored| Some((stored.id.clone(), expected(&used, stored).ok()?.0.plan?));
                    page.resources.first().and_then(plan).map(|plan| told(conn, &plan)).transpose()
                });
                both.map_err(Fault::into_failure)?.iter().for_each(|both| tell(Step::Differs(both)));
                Ok(())
            }
            Err(fault) => {
                let Some(second) = is_second(&fault) else { return Err(fault.into_failure()) };
                done.refused += 1;
                tell(Step::Differs(&format!("resource number {}: {second}", rids[0])));
                Ok(())
            }
        }
    }
}

/// Why the database refuses the row of one of which there may be only one, in words.
fn is_second(fault: &Fault) -> Option<&'static str> {
    let episode = fault.is_second_episode().then_some("its patient has another open episode");
    episode.or_else(|| fault.is_second_plan().then_some("its episode has another care plan"))
}

/// The numbers of those whose rows are not what they should be, as far as that is seen without a lock.
fn wrong(rules: &Rules, mut page: Page) -> Vec<i64> {
    let mut wrong = Vec::new();
    for stored in &page.resources {
        let held = page.held.remove(&stored.rid).unwrap_or_default();
        let (episode, plan) = (page.episodes.remove(&stored.rid), page.plans.remove(&stored.rid));
        let noted = page.not_for_patient.contains(&stored.rid);
        let right = expected(rules, stored).is_ok_and(|(expected, is_kept)| {
            let typed = expected.episode == episode && expected.plan == plan && (noted || !is_kept);
            expected.rows == held.rows && typed && !is_tangled(&held, stored)
        });
        if !right {
            wrong.push(stored.rid);
        }
    }
    wrong.extend(page.held.keys());
    wrong.extend(page.episodes.keys());
    wrong.extend(page.plans.keys());
    wrong.sort_unstable();
    wrong.dedup();
    wrong
}

/// What the tables should hold of a resource, and whether it is kept from the patient. That it is no more is not told by
/// what it says: a record of an earlier version of the program is kept whatever it says.
fn expected(rules: &Rules, stored: &Stored) -> Result<(Expected, bool), Failure> {
    let value = if stored.deleted { serde_json::Value::Null } else { stored.value()? };
    let is_kept = is_not_for_patient(stored.ty.name(), &value, &rules.restricted);
    Ok((Expected::of(stored, value, (&rules.set.parameters, &rules.zone))?, is_kept))
}

fn changed() -> Failure {
    Failure::new(Reason::Conflict, "The search parameters have changed meanwhile; begin again.")
}

/// Writes what is missing and removes what is too much, inside one transaction; how many it mended, and a line for
/// each that it had to leave.
fn mend(conn: &mut Conn, rids: &[i64], (rules, which): (&Rules, Plans)) -> Result<(u64, Vec<String>), Fault> {
    resources::lock_numbers(conn, rids)?;
    // What is locked now was written by the parameters of now, at the latest.
    if parameter_set::mark(conn)?.number != rules.set.mark.number {
        return Err(changed().into());
    }
    let mut page = survey::page(conn, &Span::These(rids.to_vec()))?;
    let (mut added, mut removed, mut cleared) = (Entries::default(), Entries::default(), Vec::new());
    let (mut episodes, mut plans) = (Vec::new(), Vec::new());
    let (mut mended, mut unreadable, mut kept) = (0, Vec::new(), Vec::new());
    for stored in &page.resources {
        let mut held = page.held.remove(&stored.rid).unwrap_or_default();
        let Ok((expected, is_kept)) = expected(rules, stored) else {
            unreadable.push(format!("{}/{}: its content cannot be read", stored.ty, stored.id));
            continue;
        };
        let known = page.episodes.remove(&stored.rid);
        if is_tangled(&held, stored) {
            cleared.push(stored.rid);
            held.rows = IndexRows::default();
        }
        mended += 1;
        kept.extend(is_kept.then_some((stored.rid, true)));
        let name = (stored.ty, stored.rid);
        added.add(name, &expected.rows, &held.rows);
        removed.add(name, &held.rows, &expected.rows);
        if known != expected.episode {
            episodes.push((stored.rid, expected.episode));
        }
        if page.plans.remove(&stored.rid) != expected.plan {
            plans.push((stored.rid, expected.plan));
        }
    }
    cleared.extend(page.held.keys());
    episodes.extend(page.episodes.keys().map(|rid| (*rid, None)));
    plans.extend(page.plans.keys().map(|rid| (*rid, None)));
    index::clear(conn, &cleared)?;
    index_contained::clear(conn, &cleared)?;
    index::remove(conn, removed)?;
    index::insert(conn, added)?;
    tables::keep_from_patient(conn, &kept)?;
    // Those that end come first, so that one may end and another begin.
    episodes.sort_by_key(|(_, row)| row.as_ref().is_some_and(|row| row.open));
    for (rid, row) in &episodes {
        tables::put_episode(conn, *rid, row.as_ref())?;
    }
    plans.sort_by_key(|(_, episode)| episode.is_some());
    plans.retain(|_| which == Plans::Kept);
    for (rid, episode) in &plans {
        tables::put_plan(conn, *rid, episode.as_deref())?;
    }
    Ok((mended, unreadable))
}
