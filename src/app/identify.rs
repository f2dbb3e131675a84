//! What case finding reads through a session: the findings that are kept, or, where none are, many people with all that
//! rules read of them, in a few queries for hundreds. <https://hl7.org/fhir/R4/clinicalreasoning-module.html>

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;

use crate::app::Session;
use crate::app::findings::After;
use crate::app::findings::Among;
use crate::app::findings::Budget;
use crate::app::findings::Candidate;
use crate::app::findings::Current;
use crate::app::findings::Question;
use crate::app::findings::Suppressed;
use crate::app::screening::NAMED_TYPES;
use crate::app::screening::Subject;
use crate::app::screening::about;
use crate::app::screening::named_by;
use crate::app::screening::screened_types;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::standing;
use crate::palliative::enrollment::state::State;
use crate::palliative::findings;
use crate::palliative::findings::Going;
use crate::palliative::findings::by_program;
use crate::palliative::findings::by_set;
use crate::palliative::findings::has_no_data;
use crate::palliative::findings::links;
use crate::palliative::identify::Counts;
use crate::palliative::identify::Evaluated;
use crate::palliative::identify::Person;
use crate::palliative::identify::Place;
use crate::palliative::identify::Wanted;
use crate::palliative::identify::members;
use crate::palliative::identify::page;
use crate::palliative::program::Program;
use crate::palliative::risk::tier::Earlier;
use crate::palliative::screening::RuleSet;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::findings::read;
use crate::store::payment;
use crate::store::roster;

/// How many people are read at once.
const CHUNK: usize = 100;

/// How many people are evaluated for one request, and for one that is carried out later.
const MOST_AT_ONCE: usize = 1000;
const MOST_LATER: usize = 50_000;

/// What is asked about people.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The programme.
    pub program: &'a Program,
    /// The rule sets.
    pub rule_sets: &'a [Arc<RuleSet>],
    /// Whether they are other than the programme's own.
    pub named: bool,
    /// The day.
    pub as_of: Date,
    /// The ids of the people; everybody where there is none.
    pub members: Option<&'a [String]>,
    /// Who is to be listed.
    pub wanted: &'a Wanted,
}

/// Who was found: the counts of all, and a page of candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// The counts.
    pub counts: Counts,
    /// The page.
    pub people: Vec<Person>,
    /// After whom the next page begins, where there is one.
    pub next: Option<Place>,
}

/// What is read of one person.
#[derive(Default)]
struct Known {
    resources: Vec<Resource>,
    is_replaced: bool,
}

impl Session {
    /// The ids of the Patients who belong to a Group on a day of the programme.
    ///
    /// # Errors
    /// 404 for a Group that is not here, 403 for a caller who may not read it, 422 for one that is no roster of patients.
    pub fn members_of(&self, group: &str, program: &Program, as_of: Date) -> Result<Vec<String>, Failure> {
        let ty = ResourceType::parse("Group").expect("Group is a type of R4");
        let group = Resource::from_value(self.read(ty, group)?.value()?)?;
        members(&group, (program, as_of), self.base_url())
    }

    /// Whom the rule sets find: by what is kept, for today and what findings are kept for, else evaluated now.
    ///
    /// # Errors
    /// `Forbidden` for a caller who may not read of all patients; 413 `too-costly` for more people than one request may
    /// evaluate; what the database fails with.
    pub fn identify(&self, asked: &Asked) -> Result<Identified, Failure> {
        self.require_findings()?;
        if asked.as_of == self.today_in(asked.program)
            && let Some(kept) = self.kept(asked)?
        {
            return Ok(kept);
        }
        let people = self.evaluate_now(asked)?;
        let counts = Counts::of(&people);
        let (people, next) = page(people.into_iter().map(|one| one.person), asked.wanted);
        Ok(Identified { counts, people, next })
    }

    fn kept(&self, asked: &Asked) -> Result<Option<Identified>, Failure> {
        let wanted = asked.wanted;
        let names: Vec<String> = asked.rule_sets.iter().map(|set| set.canonical()).collect();
        let after =
            wanted.after.as_ref().map(|after| After { place: after.number, patient: after.id.clone() });
        let question = Question {
            program: &asked.program.id,
            rule_sets: if asked.named { &names } else { &[] },
            among: asked.members.map_or(Among::Everybody, Among::These),
            outcomes: &wanted.outcomes,
            suppressed: if wanted.everybody { Suppressed::Listed } else { Suppressed::LeftOut },
            after: after.as_ref(),
            count: wanted.limit,
        };
        self.evaluate_the_due(question.among)?;
        let Some(current) = self.current_findings(&question, Budget::REQUEST)? else { return Ok(None) };
        let open =
            self.app.db.read(|conn| Ok(roster::open_episodes(conn, &asked.program.id, asked.members)?))?;
        let open = open.into_iter().filter_map(|(code, count)| Some((State::parse(&code)?, count)));
        let counts = Counts { open: open.collect(), ..counts(&current) };
        let next = current.next.map(|next| Place { number: next.place, id: next.patient });
        let people = current.candidates.into_iter().map(person).collect();
        Ok(Some(Identified { counts, people, next }))
    }

    /// What is carried out later leaves nobody pending.
    fn evaluate_the_due(&self, among: Among<'_>) -> Result<(), Failure> {
        let mut done = 0;
        while self.is_later() {
            let some = self.app().evaluate_due(among, self.now(), Budget::REQUEST)?;
            if some == 0 {
                break;
            }
            done += some;
            self.progress(done, done)?;
        }
        Ok(())
    }

    /// Evaluates everybody who is asked about, in one state of the database.
    fn evaluate_now(&self, asked: &Asked) -> Result<Vec<Evaluated>, Failure> {
        let going = Going {
            program: asked.program,
            algorithm: self.app.risk.of(asked.program)?,
            rule_sets: &self.app.rule_sets,
        };
        let most = if self.is_later() { MOST_LATER } else { MOST_AT_ONCE };
        self.app.db.snapshot(|conn| {
            let patients = roster::patients(conn, asked.members, most + 1)?;
            affordable(patients.len(), most)?;
            let mut people = Vec::with_capacity(patients.len());
            for chunk in patients.chunks(CHUNK) {
                let known = known(conn, chunk, self.base_url())?;
                people.extend(known.iter().filter_map(|(id, known)| evaluated(asked, &going, (id, known))));
                self.progress(people.len(), patients.len())?;
            }
            Ok(people)
        })
    }
}

/// All that is read of each of these patients.
fn known(conn: &mut Conn, ids: &[String], base_url: &str) -> Result<BTreeMap<String, Known>, Fault> {
    let mut all: BTreeMap<String, Known> = ids.iter().map(|id| (id.clone(), Known::default())).collect();
    let further = ["EpisodeOfCare", "RiskAssessment"].into_iter().filter_map(ResourceType::parse);
    let types: Vec<ResourceType> = screened_types().into_iter().chain(further).collect();
    for row in read::compartments(conn, ids, &types)? {
        let resource = Resource::from_value(row.stored.value()?)?;
        // As for one person: a compartment also holds what refers to a patient in another way.
        if about(&resource, base_url) == Some(&row.patient) {
            all.entry(row.patient).and_modify(|known| known.resources.push(resource));
        }
    }
    for stored in payment::linking(conn, ids)? {
        let other = Resource::from_value(stored.value()?)?;
        for link in links(&other, "replaces") {
            let local = Reference::parse_under(link, base_url).local();
            if let Some(known) = local.and_then(|local| all.get_mut(local.id)) {
                known.is_replaced = true;
            }
        }
    }
    let wanted: Vec<(String, BTreeSet<(ResourceType, String)>)> =
        all.iter().map(|(id, known)| (id.clone(), named_by(&known.resources, base_url))).collect();
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
    Ok(all)
}

/// What is found of a person on the day that is asked about.
fn evaluated(asked: &Asked, going: &Going, (id, known): (&str, &Known)) -> Option<Evaluated> {
    let patient = known.resources.iter().find(|one| one.ty().name() == "Patient" && one.id() == Some(id))?;
    let subject = Subject::new(id, known.resources.clone(), asked.program, asked.as_of);
    let situation = subject.situation();
    let own: Vec<_> = asked.rule_sets.iter().map(|set| by_set(set, &situation)).collect();
    let reference = asked.program.reference();
    let episodes = known.resources.iter().filter(|one| one.ty().name() == "EpisodeOfCare");
    let ours = episodes.filter(|one| program_of(one) == Some(reference.as_str()));
    let state = standing::on(ours, asked.as_of).map(|one| one.state).filter(|state| state.is_open());
    let assessments: Vec<Resource> =
        known.resources.iter().filter(|one| one.ty().name() == "RiskAssessment").cloned().collect();
    let earlier = Earlier::among(&assessments, asked.program);
    let one = findings::Person { patient, situation: &situation, is_replaced: known.is_replaced };
    let found = by_program(&one, going, &own, (&earlier, state.is_some()));
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

fn person(candidate: Candidate) -> Person {
    Person {
        id: candidate.patient,
        outcome: candidate.outcome,
        tier: candidate.tier,
        score: candidate.score,
        suppressions: candidate.suppressions,
    }
}

fn counts(current: &Current) -> Counts {
    let (listed, not) = (&current.counts, &current.suppressed);
    Counts {
        of_outcome: [
            listed.eligible + not.eligible,
            listed.screen_positive + not.screen_positive,
            listed.indeterminate + not.indeterminate,
            listed.excluded + not.excluded,
            listed.not_eligible + not.not_eligible,
        ],
        no_data: listed.no_data + not.no_data,
        suppressed: not.all(),
        pending: current.pending,
        open: Vec::new(),
    }
}

/// Refuses what is more than one request may evaluate.
fn affordable(people: usize, most: usize) -> Result<(), Failure> {
    if people <= most {
        return Ok(());
    }
    let text = format!(
        "For another day than today, or rules for which no findings are kept, at most {MOST_AT_ONCE} people are \
         evaluated, and with `Prefer: respond-async` {MOST_LATER}, and these are more; name a Group of fewer, or ask \
         about today."
    );
    Err(Failure::new(Reason::TooLarge, text).code("too-costly"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_evaluated_at_once_and_no_more() {
        assert!(affordable(1000, MOST_AT_ONCE).is_ok());
        assert!(affordable(1001, MOST_LATER).is_ok());
        let refused = affordable(1001, MOST_AT_ONCE).unwrap_err();
        assert_eq!((refused.status(), refused.issues[0].code), (413, "too-costly"));
    }
}
