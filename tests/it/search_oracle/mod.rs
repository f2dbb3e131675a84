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
mod parameters;
mod run;
mod words;

use std::env;

use crate::search_oracle::generate::Generator;
use crate::search_oracle::run::Store;

/// How many searches are asked, one third of them by patients.
const MANY: u64 = 450;

fn number(name: &str, usual: u64) -> u64 {
    env::var(name).map_or(usual, |text| text.parse().expect(name))
}

#[test]
fn searches_find_what_a_plain_reading_of_the_specification_finds_and_nothing_that_is_hidden() {
    let store = Store::filled();
    let many = usize::try_from(number("COMFREY_ORACLE_QUERIES", MANY)).expect("fewer");
    let mut generator = Generator::new(&store.world, number("COMFREY_ORACLE_SEED", 4));
    let searches: Vec<_> = (0..many - many / 3).map(|_| generator.search(None)).collect();
    let mut wrong = store.wrong(&store.app.clinician(), &searches);

    let patients = || store.world.all.iter().filter(|one| one.ty == "Patient").map(|one| one.id.as_str());
    let each = many / 3 / patients().count();
    for patient in patients() {
        let searches: Vec<_> = (0..each).map(|_| generator.search(Some(patient))).collect();
        wrong.extend(store.wrong(&store.app.patient(patient), &searches));
    }
    assert!(wrong.is_empty(), "{} of {many} searches:\n{}", wrong.len(), wrong.join("\n"));
}
