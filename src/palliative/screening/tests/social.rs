//! What is answered to the questions on food, housing, transport and utilities.

use super::cases::Shared;
use super::cases::shared;
use super::*;

pub(super) fn answers() -> Vec<Shared> {
    let of = |(id, code): (&'static str, &str)| {
        let answer = |code: &str, answer: &str| vec![observation(code, "2025-06-01", concept(LOINC, answer))];
        shared(id, answer(code, "LA33-6"), answer(code, "LA32-8"), answer(code, "LA99999-9"))
    };
    [
        ("hrsn-food-1", "88122-7"),
        ("hrsn-food-2", "88123-5"),
        ("hrsn-housing", "71802-3"),
        ("hrsn-transport", "93030-5"),
        ("hrsn-utilities", "96779-4"),
    ]
    .into_iter()
    .map(of)
    .collect()
}
