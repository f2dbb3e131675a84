//! People who are evaluated for one request alone, because nothing is kept that would answer it.
//! <https://hl7.org/fhir/R4/clinicalreasoning-module.html>
//!
//! They are read a piece at a time, each in one state of the database: a state that is held for long keeps the database
//! from tidying up. How much is on file of them is counted first, so that a piece has not too much of it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;

use crate::app::Session;
use crate::app::elsewhere::Links;
use crate::app::findings::practices::practices;
use crate::app::identify::Asked;
use crate::app::pieces::pieces;
use crate::app::screening::NAMED_TYPES;
use crate::app::screening::Subject;
use crate::app::screening::about;
use crate::app::screening::named_by;
use crate::app::screening::screened_types;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::palliative::enrollment::death;
use crate::palliative::enrollment::death::days_on;
use crate::palliative::enrollment::election;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::standing;
use crate::palliative::findings;
use crate::palliative::findings::Going;
use crate::palliative::findings::Said;
use crate::palliative::findings::by_program;
use crate::palliative::findings::by_set;
use crate::palliative::findings::has_no_data;
use crate::palliative::identify::Evaluated;
use crate::palliative::identify::Person;
use crate::palliative::risk::tier::Earlier;
use crate::palliative::screening::RuleSet;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::findings::read;
use crate::store::payment;
use crate::store::roster;

/// Of how many people the resources are counted at once.
const COUNTED: usize = 1000;

/// How much is evaluated for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    people: usize,
    resources: usize,
}

/// How much while the client waits on the line.
const AT_ONCE: Extent = Extent { people: 1000, resources: 250_000 };
/// How much where the request is carried out later.
const LATER: Extent = Extent { people: 50_000, resources: 20_000_000 };

/// What is read of one person.
#[derive(Default)]
struct Known {
    resources: Vec<Resource>,
    is_replaced: bool,
    /// What other records of the person tell of a death and of hospice.
    elsewhere: Vec<Resource>,
}

impl Session {
    /// Evaluates everybody who is asked about.
    ///
    /// # Errors
    /// 413 `too-costly` for more than one request may evaluate; what the database fails with.
    pub(super) fn evaluate_now(&self, asked: &Asked) -> Result<Vec<Evaluated>, Failure> {
        let going = Going {
            program: asked.program,
            algorithm: self.app.risk.of(asked.program)?,
            rule_sets: &self.app.rule_sets,
        };
        let entry = self.entry_rule_sets(asked.program)?;
        let today = self.today_in(asked.program);
        let most = if self.is_later() { LATER } else { AT_ONCE };
        let patients =
            self.app.db.read(|conn| Ok(roster::patients(conn, asked.members, most.people + 1)?))?;
        most.check(patients.len(), 0)?;
        let on_file = self.on_file(&patients, most)?;
        let mut people = Vec::with_capacity(patients.len());
        for piece in pieces(&patients, &on_file) {
            let known = self.app.db.snapshot(|conn| known(conn, piece, self.base_url()))?;
            people.extend(
                known
                    .iter()
                    .filter_map(|(id, known)| evaluated((asked, today), (&going, &entry), (id, known))),
            );
            self.progress(people.len(), patients.len())?;
        }
        Ok(people)
    }

    /// How many resources there are to read of each.
    fn on_file(&self, patients: &[String], most: Extent) -> Result<BTreeMap<String, usize>, Failure> {
        let (types, mut all, mut sum) = (types(), BTreeMap::new(), 0);
        for some in patients.chunks(COUNTED) {
            let counts = self.app.db.read(|conn| Ok(roster::resources(conn, some, &types)?))?;
            for (id, count) in counts {
                let count = usize::try_from(count).unwrap_or_default();
                sum += count;
                all.insert(id, count);
            }
            most.check(patients.len(), sum)?;
            self.progress(0, patients.len())?;
        }
        Ok(all)
    }
}

impl Extent {
    /// Refuses what is more than that.
    fn check(self, people: usize, resources: usize) -> Result<(), Failure> {
        if people <= self.people && resources <= self.resources {
            return Ok(());
        }
        let text = format!(
            "For another day than today, or rules for which no findings are kept, at most {} people with {} resources \
             are evaluated, and with `Prefer: respond-async` {} with {}, and these are more; name a Group of fewer, or \
             ask about today.",
            AT_ONCE.people, AT_ONCE.resources, LATER.people, LATER.resources
        );
        Err(Failure::new(Reason::TooLarge, text).code("too-costly"))
    }
}

/// What is read of everybody.
fn types() -> Vec<ResourceType> {
    let further = ["EpisodeOfCare", "RiskAssessment"].into_iter().filter_map(ResourceType::parse);
    screened_types().into_iter().chain(further).collect()
}

/// All that is read of each of these patients.
fn known(conn: &mut Conn, ids: &[String], base_url: &str) -> Result<BTreeMap<String, Known>, Fault> {
    let mut all: BTreeMap<String, Known> = ids.iter().map(|id| (id.clone(), Known::default())).collect();
    for row in read::compartments(conn, ids, &types())? {
        let resource = Resource::from_value(row.stored.value()?)?;
        // As for one person: a compartment also holds what refers to a patient in another way.
        if about(&resource, base_url) == Some(&row.patient) {
            all.entry(row.patient).and_modify(|known| known.resources.push(resource));
        }
    }
    let wanted: Vec<(String, BTreeSet<(ResourceType, String)>)> =
        all.iter().map(|(id, known)| (id.clone(), named_by(known.resources.iter(), base_url))).collect();
    for ty in NAMED_TYPES.iter().filter_map(|name| ResourceType::parse(name)) {
        let named = wanted.iter().flat_map(|(_, named)| named).filter(|(own, _)| *own == ty);
        let ids: BTreeSet<String> = named.map(|(_, id)| id.clone()).collect();
        for stored in payment::named(conn, ty, &ids.into_iter().collect::<Vec<_>>())? {
            let resource = Resource::from_value(stored.value()?)?;
            let name = (ty, stored.id);
            for (patient, _) in wanted.iter().filter(|(_, named)| named.contains(&name)) {
                all.entry(patient.clone()).and_modify(|known| known.resources.push(resource.clone()));
            }
        }
    }
    let is_own = |id: &str, one: &Resource| one.ty().name() == "Patient" && one.id() == Some(id);
    let patients: Vec<(&str, Option<&Resource>)> = all
        .iter()
        .map(|(id, known)| (id.as_str(), known.resources.iter().find(|one| is_own(id, one))))
        .collect();
    let practices = practices(conn, patients.iter().map(|(_, patient)| *patient), base_url)?;
    let mut links = Links::of(conn, &patients, base_url)?;
    for ((id, known), own) in all.iter_mut().zip(practices) {
        known.resources.extend(own);
        known.is_replaced = links.replaced.contains(id);
        known.elsewhere = links.told.remove(id).unwrap_or_default();
    }
    Ok(all)
}

/// What is found of a person on the day that is asked about.
fn evaluated(
    (asked, today): (&Asked, Date),
    (going, entry): (&Going, &[Arc<RuleSet>]),
    (id, known): (&str, &Known),
) -> Option<Evaluated> {
    let patient = known.resources.iter().find(|one| one.ty().name() == "Patient" && one.id() == Some(id))?;
    let mut subject = Subject::new(id, known.resources.clone(), asked.program, asked.as_of);
    death::hear(&mut subject.record, today, (&known.resources, &known.elsewhere), |_| false);
    election::hear(&mut subject.record, &known.elsewhere);
    let situation = subject.situation();
    let told = |sets: &[Arc<RuleSet>]| sets.iter().map(|set| by_set(set, &situation)).collect::<Vec<_>>();
    let (own, entry) = (told(asked.rule_sets), told(entry));
    let reference = asked.program.reference();
    let episodes = known.resources.iter().filter(|one| one.ty().name() == "EpisodeOfCare");
    let ours = episodes.filter(|one| program_of(one) == Some(reference.as_str()));
    let deaths = known.resources.iter().filter(|one| one.ty().name() == "EpisodeOfCare");
    let has_died = days_on(deaths).any(|day| day <= asked.as_of);
    let state = standing::on(ours, asked.as_of).map(|one| one.state).filter(|state| state.is_open());
    let assessments: Vec<Resource> =
        known.resources.iter().filter(|one| one.ty().name() == "RiskAssessment").cloned().collect();
    let earlier = Earlier::among(&assessments, asked.program);
    let one = findings::Person { patient, situation: &situation, is_replaced: known.is_replaced, has_died };
    let found = by_program(&one, going, Said { asked: &own, entry: &entry }, (&earlier, state.is_some()));
    Some(Evaluated {
        person: Person {
            id: id.to_owned(),
            outcome: found.outcome,
            tier: found.tier,
            score: (found.score.0.into(), found.score.1.into()),
            suppressions: found.suppressions,
        },
        no_data: has_no_data(&subject.record),
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_much_is_evaluated_at_once_and_no_more() {
        assert!(AT_ONCE.check(1000, 250_000).is_ok());
        assert!(LATER.check(1001, 250_001).is_ok());
        for (people, resources) in [(1001, 0), (1, 250_001)] {
            let refused = AT_ONCE.check(people, resources).unwrap_err();
            assert_eq!((refused.status(), refused.issues[0].code), (413, "too-costly"));
        }
    }
}
