//! What case finding reads through a session: the findings that are kept, or, where none are, many people with all that
//! rules read of them, in a few queries for hundreds. <https://hl7.org/fhir/R4/clinicalreasoning-module.html>

mod fresh;

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
use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::datetime::date_in;
use crate::palliative::enrollment::state::State;
use crate::palliative::identify::Counts;
use crate::palliative::identify::Person;
use crate::palliative::identify::Place;
use crate::palliative::identify::Wanted;
use crate::palliative::identify::members;
use crate::palliative::identify::page;
use crate::palliative::program::Program;
use crate::palliative::screening::RuleSet;

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
        if self.is_about_today(asked)
            && let Some(kept) = self.kept(asked)?
            && self.is_about_today(asked)
        {
            return Ok(kept);
        }
        let people = self.evaluate_now(asked)?;
        let counts = Counts::of(&people);
        let (people, next) = page(people.into_iter().map(|one| one.person), asked.wanted);
        Ok(Identified { counts, people, next })
    }

    /// Whether the day is today by the clock, too: what is carried out later may begin or end on another day than that on
    /// which it was asked for, and what is kept then is of that other day.
    fn is_about_today(&self, asked: &Asked) -> bool {
        let today = date_in(self.app().clock.now(), &asked.program.zone);
        asked.as_of == today && asked.as_of == self.today_in(asked.program)
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
        let counts = counts(&current);
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
        open: current.open.iter().filter_map(|(code, count)| Some((State::parse(code)?, *count))).collect(),
    }
}
