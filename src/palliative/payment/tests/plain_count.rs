//! Units against a plain count of days, for people at random. <https://hl7.org/fhir/R4/episodeofcare.html>

use super::*;

/// What a random person is made of, in days since 2025-01-01.
#[derive(Clone, Debug)]
struct Person {
    start: i64,
    end: Option<i64>,
    hold: Option<(i64, i64)>,
    covered: Vec<(i64, i64)>,
    hospice: Option<(i64, i64)>,
    died: Option<i64>,
    turns_21: i64,
}

fn person() -> impl Strategy<Value = Person> {
    let between = || (0_i64..360, 0_i64..120);
    (
        0_i64..300,
        prop::option::of(0_i64..200),
        prop::option::of((0_i64..100, 0_i64..60)),
        prop::collection::vec(between(), 0..4),
        prop::option::of(between()),
        prop::option::of(0_i64..400),
        -50_i64..400,
    )
        .prop_map(|(start, long, hold, covered, hospice, died, turns_21)| Person {
            start,
            end: long.map(|long| start + long),
            hold: hold.map(|(after, long)| (start + after, start + after + long)),
            covered: covered.into_iter().map(|(at, long)| (at, at + long)).collect(),
            hospice: hospice.map(|(at, long)| (at, at + long)),
            died,
            turns_21,
        })
}

fn at(offset: i64) -> Date {
    day("2025-01-01").checked_add(jiff::Span::new().days(offset)).unwrap()
}

impl Person {
    /// Whether the day counts, by the words of the rules.
    fn counts(&self, today: i64) -> bool {
        let enrolled = self.start <= today && self.end.is_none_or(|end| today <= end);
        let held = self.hold.is_some_and(|(from, to)| from < today && today < to);
        let covered = self.covered.iter().any(|(from, to)| (*from..=*to).contains(&today));
        let hospice = self.hospice.is_some_and(|(from, to)| from <= today && today < to);
        let alive = self.died.is_none_or(|died| today <= died);
        enrolled && !held && covered && alive && !(hospice && today >= self.turns_21)
    }

    fn world(&self) -> World {
        let mut world = World::new(free());
        let born = at(self.turns_21).checked_sub(jiff::Span::new().years(21)).unwrap();
        let mut patient = json!({ "resourceType": "Patient", "id": "a", "birthDate": born.to_string() });
        if let Some(died) = self.died {
            patient["deceasedDateTime"] = at(died).to_string().into();
        }
        world.resources.clear();
        world.put(patient);
        for (number, (from, to)) in self.covered.iter().enumerate() {
            let (from, to) = (at(*from).to_string(), at(*to).to_string());
            world.put(coverage(&format!("c{number}"), "211", (Some(&from), Some(&to))));
        }
        if let Some((from, to)) = self.hospice {
            world.put(json!({ "resourceType": "Flag", "id": "f", "status": "inactive",
                "code": { "coding": [{ "system": FLAG_SYSTEM, "code": "hospice-election" }] },
                "period": { "start": at(from).to_string(), "end": at(to).to_string() } }));
        }
        let end = self.end.map(|end| at(end).to_string());
        let mut episode = episode("e", "p", (&at(self.start).to_string(), end.as_deref()));
        if let Some((from, to)) = self.hold {
            let entry = |code: &str, on: i64| json!({ "extension": [state(code)], "period": { "start": at(on).to_string() } });
            let history = episode["statusHistory"].as_array_mut().unwrap();
            history.splice(1..1, [entry("on-hold", from), entry("enrolled", to)]);
        }
        world.put(episode);
        world
    }
}

/// The number of the month, its days, those of them that count, and whether the first does.
fn months_of(person: &Person) -> Vec<(i8, i64, i64, bool)> {
    let mut months: Vec<(i8, i64, i64, bool)> = Vec::new();
    for offset in 0..365 {
        let (month, counts) = (at(offset).month(), person.counts(offset));
        match months.last_mut().filter(|last| last.0 == month) {
            Some(last) => (last.1, last.2) = (last.1 + 1, last.2 + i64::from(counts)),
            None => months.push((month, 1, i64::from(counts), counts)),
        }
    }
    months
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn units_are_what_a_plain_count_of_days_says(person in person()) {
        let mut world = person.world();
        let months = months_of(&person);
        for rule in [MonthRule::AnyDay, MonthRule::FirstOfMonth, MonthRule::FifteenDay, MonthRule::Prorated] {
            world.asked.month_rule = Some(rule);
            let line = |(month, length, counted, first): &(i8, i64, i64, bool)| {
                let unit = match rule {
                    MonthRule::AnyDay | MonthRule::Mccm => UNIT,
                    MonthRule::FirstOfMonth => UNIT * i64::from(*first),
                    MonthRule::FifteenDay => UNIT * i64::from(*counted >= 15),
                    MonthRule::Prorated => half_even(counted * UNIT, *length),
                };
                (*counted > 0).then(|| (format!("2025-{month:02}"), *counted, unit))
            };
            let expected: Vec<_> = months.iter().filter_map(line).collect();
            prop_assert_eq!(world.months(), expected);
        }
    }
}

#[test]
fn t_19_months_of_a_member_months_that_are_paid_and_enrolled_days_are_three_numbers() {
    let mut world = World::new(free());
    world.put(coverage("c", "211", (Some("2025-01-01"), Some("2025-06-20"))));
    world.put(episode("e", "p", ("2025-05-11", Some("2025-07-10"))));
    let covered_months = 6;
    let enrolled_days = 21 + 30 + 10;
    let found = world.months();
    let counted: i64 = found.iter().map(|(_, days, _)| days).sum();
    assert_eq!(counted, 21 + 20, "no day without a payer");
    assert_eq!(found.len(), 2, "July has no day that is paid");
    assert_eq!(world.units(), 2 * UNIT);
    assert!(found.len() != covered_months && counted != enrolled_days);
    world.asked.month_rule = Some(MonthRule::FirstOfMonth);
    assert_eq!(
        world.units(),
        UNIT,
        "the month in which the person came is not paid by this rule, though it has days"
    );
}
