//! Search against a plain reading of R4: an evaluator that shares nothing with the service decides what each of
//! many generated searches must find, in which order, with which total and with what beside it.
//! <https://hl7.org/fhir/R4/search.html>
//!
//! `COMFREY_ORACLE_QUERIES=20000` asks more, `COMFREY_ORACLE_SEED=7` asks others.

mod contained;
mod evaluate;
mod filter;
mod fixed;
mod found;
mod generate;
mod kept;
mod parameters;
mod run;
mod words;

use std::env;
use std::time::Instant;

use crate::search_oracle::generate::Generator;
use crate::search_oracle::generate::Search;
use crate::search_oracle::run::Store;

/// How many searches are asked, one third of them by patients.
const MANY: u64 = 450;

/// How many more are made for one that goes a way.
const MOST_TRIES: usize = 100_000;

/// A way to search, and what searches go it.
type Way = (&'static str, fn(&Search) -> bool);

/// Ways to search, of which a run must have some that find something.
const WAYS: [Way; 5] = [
    ("filters", |one| has(one, |name| name.ends_with("_filter"))),
    ("lists", |one| has(one, |name| name.ends_with("_list"))),
    ("chains of four steps and more", |one| has(one, |name| steps(name) >= 4)),
    ("chains along canonicals", |one| {
        has(one, |name| name.contains("questionnaire:Q") || name.contains(":questionnaire:"))
    }),
    ("other compartments than a patient's", |one| {
        one.question.compartment.as_ref().is_some_and(|about| !about.starts_with("Patient/"))
    }),
];

fn has(search: &Search, is_so: fn(&str) -> bool) -> bool {
    search.question.criteria.iter().any(|(name, _)| is_so(name))
}

fn steps(name: &str) -> usize {
    name.matches('.').count() + name.matches("_has:").count()
}

fn number(name: &str, usual: u64) -> u64 {
    env::var(name).map_or(usual, |text| text.parse().expect(name))
}

#[test]
fn searches_find_what_a_plain_reading_of_the_specification_finds_and_nothing_that_is_hidden() {
    let store = Store::filled();
    let many = usize::try_from(number("COMFREY_ORACLE_QUERIES", MANY)).expect("fewer");
    let mut generator = Generator::new(&store.world, number("COMFREY_ORACLE_SEED", 4));
    let mut searches: Vec<_> = (0..many - many / 3).map(|_| generator.search(None)).collect();
    for (way, is_so) in WAYS {
        let finds = |one: &Search| is_so(one) && !store.world.answer(&one.question).is_empty();
        if !searches.iter().any(finds) {
            // Few go some of the ways: whatever the seed, one that finds something is asked.
            let another = (0..MOST_TRIES).map(|_| generator.search(None)).find(finds);
            searches.push(another.unwrap_or_else(|| panic!("{way}: none of {MOST_TRIES} finds anything")));
        }
        let asked: Vec<_> = searches.iter().filter(|one| is_so(one)).collect();
        let with_matches = asked.iter().filter(|one| finds(one)).count();
        println!("{way}: {} searches, {with_matches} of them with matches", asked.len());
    }
    let mut wrong = store.wrong(&store.app.clinician(), &searches);

    let patients = || store.world.all.iter().filter(|one| one.ty == "Patient").map(|one| one.id.as_str());
    let each = many / 3 / patients().count();
    for patient in patients() {
        let searches: Vec<_> = (0..each).map(|_| generator.search(Some(patient))).collect();
        wrong.extend(store.wrong(&store.app.patient(patient), &searches));
    }
    assert!(wrong.is_empty(), "{} of {many} searches:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn chains_of_eight_steps_are_answered_rightly() {
    let store = Store::filled();
    let mut generator = Generator::new(&store.world, number("COMFREY_ORACLE_SEED", 8));
    let mut searches: Vec<_> = (0..40).map(|_| generator.at_the_end_of(8)).collect();
    let found = |one: &Search| !store.world.answer(&one.question).is_empty();
    for _ in 0..MOST_TRIES {
        if searches.iter().filter(|one| found(one)).count() > 5 {
            break;
        }
        let one = generator.at_the_end_of(8);
        searches.extend(found(&one).then_some(one));
    }
    assert!(searches.iter().all(|one| steps(&one.question.criteria[0].0) >= 6));
    assert!(searches.iter().filter(|one| found(one)).count() > 5);
    let begun = Instant::now();
    let wrong = store.wrong(&store.app.clinician(), &searches);
    println!("chains of eight steps: {:?} for each, with what was asked of it", begun.elapsed() / 40);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
