//! How groups of people are compared.

use crate::palliative::measures::equity::Cell;
use crate::palliative::measures::equity::Estimate;
use crate::palliative::measures::equity::Level;
use crate::palliative::measures::equity::difference_of_proportions;
use crate::palliative::measures::equity::ratio_of_proportions;
use crate::palliative::measures::equity::ratio_of_rates;
use crate::palliative::measures::equity::standardised;
use crate::palliative::measures::equity::suppressed;

fn level(events: f64, of: f64) -> Level {
    Level { events, of }
}

fn is(found: Estimate, expected: (f64, f64, f64)) {
    for (own, wanted) in [(found.value, expected.0), (found.low, expected.1), (found.high, expected.2)] {
        assert!((own - wanted).abs() < 0.0005, "{found:?} {expected:?}");
    }
}

#[test]
fn v_eq_1_proportions() {
    let (own, reference) = (level(24.0, 60.0), level(90.0, 150.0));
    let ratio = ratio_of_proportions(own, reference).unwrap();
    is(ratio, (0.667, 0.476, 0.933));
    is(difference_of_proportions(own, reference).unwrap(), (-0.200, -0.347, -0.053));
    assert!(ratio.is_disparity());
}

#[test]
fn v_eq_2_person_time() {
    let ratio = ratio_of_rates(level(12.0, 100.0), level(30.0, 400.0)).unwrap();
    is(ratio, (1.600, 0.819, 3.125));
    assert!(!ratio.is_disparity(), "it may be none");
}

#[test]
fn nothing_is_compared_where_there_is_nothing() {
    assert_eq!(ratio_of_rates(level(0.0, 100.0), level(30.0, 400.0)), None);
    assert_eq!(ratio_of_proportions(level(3.0, 10.0), level(0.0, 10.0)), None);
    assert_eq!(difference_of_proportions(level(0.0, 0.0), level(1.0, 10.0)), None);
    let near = ratio_of_proportions(level(900.0, 1000.0), level(9900.0, 10_000.0)).unwrap();
    assert!(near.high < 1.0 && !near.is_disparity(), "surely lower, but hardly: {near:?}");
}

#[test]
fn t_25_one_small_cell_takes_the_next_smallest_along() {
    let cells = |all: &[(i64, i64)]| -> Vec<Cell> {
        all.iter().map(|(people, events)| Cell { people: *people, events: *events }).collect()
    };
    for (all, expected) in [
        (cells(&[(40, 20), (30, 15), (10, 0)]), vec![false, true, true]),
        (cells(&[(40, 20), (30, 5), (50, 20)]), vec![true, true, false]),
        (cells(&[(40, 0), (30, 15), (11, 11)]), vec![false, false, false]),
        (cells(&[(10, 0), (3, 0), (500, 100)]), vec![true, true, false]),
        (cells(&[(10, 0)]), vec![true]),
    ] {
        assert_eq!(suppressed(&all, 11), expected, "{all:?}");
    }
}

#[test]
fn t_60_a_crude_rate_and_one_with_everybodys_ages_are_told_apart() {
    // A group of old people, in which each age does as well as everybody of that age.
    let own = [(level(2.0, 20.0), 50.0), (level(24.0, 80.0), 50.0)];
    assert!((standardised(&own).unwrap() - 0.2).abs() < 1e-12, "crude it is 0.26");
    assert_eq!(
        standardised(&[(level(0.0, 0.0), 50.0), (level(1.0, 2.0), 50.0)]),
        None,
        "an age without anybody"
    );
    assert_eq!(standardised(&[(level(0.0, 0.0), 0.0), (level(1.0, 2.0), 5.0)]), Some(0.5));
    assert_eq!(standardised(&[]), None);
}
