//! Pages of what overlaps with a span of no more than a month, merged from its days.

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use super::database::Database;

/// Hours since a month before the first day that is counted, so that days on both sides of it are met.
const BEGIN: i64 = -31 * 24;

fn instant(hour: i64) -> String {
    Timestamp::from_second((BEGIN + hour) * 3_600).unwrap().to_string()
}

/// When each encounter begins and how many hours it takes: within a day, over midnight, some days, a month, more; in no
/// order.
fn stays() -> Vec<(i64, i64)> {
    let hours = [0, 3, 11, 24, 30, 72, 200, 700, 780, 2_000];
    (0..150).map(|at: i64| (at * 977 % (75 * 24), hours[usize::try_from(at % 10).unwrap()])).collect()
}

fn encounter(at: usize, (begin, hours): (i64, i64)) -> Value {
    let class = if at.is_multiple_of(3) { "IMP" } else { "AMB" };
    json!({ "resourceType": "Encounter", "id": format!("e{at:03}"), "status": "finished", "class": { "code": class },
        "period": { "start": instant(begin), "end": instant(begin + hours) } })
}

#[test]
fn what_overlaps_with_some_days_comes_newest_first_whatever_began_before_them() {
    let stays = stays();
    let mut database =
        Database::of(&stays.iter().enumerate().map(|(at, stay)| encounter(at, *stay)).collect::<Vec<_>>());
    let day = |at: i64| instant(at * 24)[..10].to_owned();
    for (first, days) in [(0, 7), (20, 2), (25, 9), (29, 3), (30, 31), (31, 28), (40, 32), (60, 16), (20, 45)]
    {
        let (from, to) = (first * 24, (first + days) * 24);
        // What ends on the first day and began before it lies neither in that day nor after it.
        let overlap =
            |(begin, hours): (i64, i64)| (begin >= from || begin + hours >= from + 24) && begin < to;
        let span = format!("date=ge{}&date=lt{}", day(first), day(first + days));
        let expected = |is_wanted: &dyn Fn(usize) -> bool| {
            let found = (0..stays.len()).rev().filter(|at| overlap(stays[*at]) && is_wanted(*at));
            found.map(|at| format!("e{at:03}")).collect::<Vec<_>>()
        };
        for count in [1, 4, 30] {
            let mut pages =
                |more: &str| database.all_pages(&format!("Encounter?{span}{more}&_count={count}")).concat();
            assert_eq!(pages(""), expected(&|_| true), "{span} by {count}");
            assert_eq!(pages("&class=IMP"), expected(&|at| at.is_multiple_of(3)), "{span} by {count}");
        }
    }
}

#[test]
fn what_lies_in_a_month_whole_is_not_what_reaches_beyond_it() {
    let stays = stays();
    let mut database =
        Database::of(&stays.iter().enumerate().map(|(at, stay)| encounter(at, *stay)).collect::<Vec<_>>());
    for (month, from, to) in [("1969-12", 0, 31), ("1970-01", 31, 62)] {
        let lies = |(begin, hours): (i64, i64)| begin >= from * 24 && begin + hours < to * 24;
        let expected = (0..stays.len()).rev().filter(|at| lies(stays[*at])).map(|at| format!("e{at:03}"));
        let expected: Vec<String> = expected.collect();
        assert!(expected.len() > 20);
        for count in [3, 100] {
            let pages = database.all_pages(&format!("Encounter?date={month}&_count={count}"));
            assert_eq!(pages.concat(), expected, "{month} by {count}");
        }
    }
}

#[test]
fn what_is_sorted_by_the_date_that_is_asked_for_or_by_when_it_was_written_is_found_whichever_way() {
    let stays = stays();
    let written = |at: usize| at * 61 % 150 / 2;
    let stored = stays.iter().enumerate().map(|(at, stay)| {
        let mut one = encounter(at, *stay);
        one["meta"] = json!({ "lastUpdated": instant(i64::try_from(written(at)).unwrap()) });
        one
    });
    let mut database = Database::of(&stored.collect::<Vec<_>>());
    let number = |id: &String| id[1..].parse::<usize>().unwrap();
    let (first, last) = (instant(10), instant(40));
    let whole = format!("_lastUpdated=ge{first}&_lastUpdated=lt{last}");
    for asked in [
        "date=ge1970-01-05",
        "date=lt1970-01-05",
        "date=1970-01",
        "date=1970-01-05",
        "date=gt1970-01-05,lt1969-12-10",
        "date=ge1969-12-20&date=lt1970-01-20&class=AMB",
        "date:missing=false&class=IMP",
        "class=AMB",
        "status=finished",
        "_lastUpdated=ge1969",
        &whole,
    ] {
        let found: Vec<usize> =
            database.find(&format!("Encounter?{asked}&_count=200")).iter().map(number).collect();
        let begins = |at: &usize| (stays[*at].0, stays[*at].0 + stays[*at].1, *at);
        let ends = |at: &usize| (stays[*at].0 + stays[*at].1, stays[*at].0, *at);
        let sorted = |key: &dyn Fn(&usize) -> (i64, i64, usize), is_down: bool| {
            let mut all = found.clone();
            all.sort_by_key(key);
            if is_down {
                all.reverse();
            }
            all
        };
        let by_writing = |at: &usize| (i64::try_from(written(*at)).unwrap(), 0, *at);
        for (sort, expected) in [
            ("date", sorted(&begins, false)),
            ("-date", sorted(&ends, true)),
            ("_lastUpdated", sorted(&by_writing, false)),
            ("-_lastUpdated", sorted(&by_writing, true)),
        ] {
            for count in [3, 60] {
                let search = format!("Encounter?{asked}&_sort={sort}&_count={count}");
                let pages = database.all_pages(&search).concat();
                assert_eq!(pages.iter().map(number).collect::<Vec<_>>(), expected, "{search}");
            }
        }
    }
}
