//! Whether spans of days, put together, leave no day out.

use jiff::civil::Date;

/// Whether every day from `from` to `to` is in one of the spans, both of whose ends are included.
pub fn covers(spans: &[(Date, Date)], from: Date, to: Date) -> bool {
    let mut next = from;
    loop {
        let reach = spans.iter().filter(|(first, _)| *first <= next).map(|(_, last)| *last);
        let Some(end) = reach.max().filter(|end| *end >= next) else { return false };
        if end >= to {
            return true;
        }
        let Ok(day_after) = end.tomorrow() else { return true };
        next = day_after;
    }
}

/// How many days from `from` to `to` are in at least one of the spans.
pub fn days_covered(spans: &[(Date, Date)], from: Date, to: Date) -> i64 {
    let clipped = spans.iter().map(|(first, last)| ((*first).max(from), (*last).min(to)));
    let mut clipped: Vec<_> = clipped.filter(|(first, last)| first <= last).collect();
    clipped.sort();
    let mut counted = 0;
    let mut reached: Option<Date> = None;
    for (first, last) in clipped {
        let start = reached.and_then(|date| date.tomorrow().ok()).map_or(first, |next| next.max(first));
        if start <= last {
            counted += i64::from(start.until(last).map_or(0, |span| span.get_days())) + 1;
        }
        reached = Some(reached.map_or(last, |date| date.max(last)));
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(given: &[(&str, &str)]) -> Vec<(Date, Date)> {
        given.iter().map(|(first, last)| (first.parse().unwrap(), last.parse().unwrap())).collect()
    }

    #[test]
    fn spans_that_adjoin_leave_no_day_out_and_days_are_counted_once() {
        let (from, to) = ("2025-01-01".parse().unwrap(), "2025-01-31".parse().unwrap());
        for (given, whole, days) in [
            (&[("2024-12-01", "2025-02-01")][..], true, 31),
            (&[("2025-01-11", "2025-01-31"), ("2025-01-01", "2025-01-10")], true, 31),
            (&[("2025-01-01", "2025-01-10"), ("2025-01-12", "2025-01-31")], false, 30),
            (
                &[("2025-01-05", "2025-01-10"), ("2025-01-08", "2025-01-09"), ("2025-01-09", "2025-01-11")],
                false,
                7,
            ),
            (&[("2025-02-01", "2025-02-10")], false, 0),
            (&[], false, 0),
        ] {
            let given = spans(given);
            assert_eq!(
                (covers(&given, from, to), days_covered(&given, from, to)),
                (whole, days),
                "{given:?}"
            );
        }
    }
}
