//! Who is listed, in which order, and where a page begins. <https://hl7.org/fhir/R4/list.html>
//!
//! The order is total, so that the same people come in the same order, and pages neither repeat nor skip: the tier first,
//! then the least score, then the Patient's id.

use crate::palliative::identify::Person;
use crate::palliative::screening::Outcome;

/// Who is to be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The outcomes.
    pub outcomes: Vec<Outcome>,
    /// Whether those are listed too whom the programme cannot take now.
    pub everybody: bool,
    /// After whom the page begins.
    pub after: Option<Place>,
    /// How many a page has.
    pub limit: usize,
}

/// The place of a person in the list: the smallest comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The smaller the higher the tier, then the higher the least score.
    pub number: i64,
    /// The Patient's id.
    pub id: String,
}

impl Place {
    /// The place of a person.
    pub fn of(person: &Person) -> Self {
        let tier = person.tier.map_or(0, |tier| tier as i64 + 1);
        Self { number: (9 - tier) * 1_000 + 999 - person.score.0, id: person.id.clone() }
    }
}

/// The people of a page, and after whom the next one begins, where there is one.
pub fn page(people: impl Iterator<Item = Person>, wanted: &Wanted) -> (Vec<Person>, Option<Place>) {
    let is_wanted = |person: &Person| {
        wanted.outcomes.contains(&person.outcome)
            && (wanted.everybody || person.suppressions.is_empty())
            && wanted.after.as_ref().is_none_or(|after| Place::of(person) > *after)
    };
    let mut listed: Vec<Person> = people.filter(is_wanted).collect();
    listed.sort_by_cached_key(Place::of);
    let more = listed.len() > wanted.limit;
    listed.truncate(wanted.limit);
    let next = listed.last().filter(|_| more).map(Place::of);
    (listed, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::palliative::findings::Suppression;
    use crate::palliative::risk::tier::Tier;

    fn person(id: &str, outcome: Outcome, tier: Option<Tier>, score: i64) -> Person {
        Person { id: id.to_owned(), outcome, tier, score: (score, 18), suppressions: Vec::new() }
    }

    fn people() -> Vec<Person> {
        use Outcome::{Eligible, Indeterminate, NotEligible};
        use Tier::{Four, One, Three};
        let mut people = vec![
            person("1", Indeterminate, Some(One), 2),
            person("2", Eligible, Some(Three), 9),
            person("3", Eligible, Some(Four), 14),
            person("4", Indeterminate, Some(Three), 12),
            person("5", NotEligible, Some(Four), 18),
            person("6", Indeterminate, Some(Three), 12),
            person("7", Eligible, Some(Four), 16),
            person("8", Eligible, None, 16),
        ];
        people[6].suppressions.push(Suppression::OpenEpisode);
        people[7].suppressions.push(Suppression::Deceased);
        people
    }

    fn wanted(limit: usize) -> Wanted {
        let outcomes = vec![Outcome::Eligible, Outcome::Indeterminate];
        Wanted { outcomes, everybody: false, after: None, limit }
    }

    fn ids(people: &[Person]) -> String {
        people.iter().map(|one| one.id.as_str()).collect()
    }

    #[test]
    fn the_highest_tier_comes_first_then_the_highest_score_then_the_id() {
        let (listed, next) = page(people().into_iter(), &wanted(10));
        assert_eq!((ids(&listed).as_str(), next), ("34621", None));
        let everybody = Wanted { everybody: true, ..wanted(10) };
        assert_eq!(ids(&page(people().into_iter(), &everybody).0), "7346218");
    }

    #[test]
    fn pages_neither_repeat_nor_skip_wherever_one_ends() {
        for limit in 1..6 {
            let (mut seen, mut after) = (String::new(), None);
            loop {
                let (listed, next) = page(people().into_iter(), &Wanted { after, ..wanted(limit) });
                seen.push_str(&ids(&listed));
                after = next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, "34621", "{limit} a page");
        }
    }
}
