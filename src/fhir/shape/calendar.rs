//! Dates and times as R4 writes them, with the calendar's truth: no 30 February, no hour 24.
//! <https://hl7.org/fhir/R4/datatypes.html#dateTime>

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
pub(super) fn is_date(text: &str) -> bool {
    date(text.as_bytes()).is_some()
}

/// A date, or a full date with time and zone.
pub(super) fn is_date_time(text: &str) -> bool {
    match text.split_once('T') {
        None => is_date(text),
        Some(_) => is_instant(text),
    }
}

/// A full date, a time to the second at least, and a zone.
pub(super) fn is_instant(text: &str) -> bool {
    let Some((day, rest)) = text.split_once('T') else { return false };
    let zone_at = rest.find(['Z', '+', '-']);
    let Some((time, zone)) = zone_at.map(|at| rest.split_at(at)) else { return false };
    day.len() == 10 && is_date(day) && is_time(time) && is_zone(zone.as_bytes())
}

/// `hh:mm:ss`, with a fraction or without; a leap second is allowed.
pub(super) fn is_time(text: &str) -> bool {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *clock.as_bytes() else { return false };
    let in_range = |tens, ones, most| two(tens, ones).is_some_and(|number| number <= most);
    let clock_fits = in_range(h1, h2, 23) && in_range(m1, m2, 59) && in_range(s1, s2, 60);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    clock_fits && fraction.is_none_or(digits)
}

/// `Z`, or an offset of at most 14 hours.
fn is_zone(zone: &[u8]) -> bool {
    match *zone {
        [b'Z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => match (two(h1, h2), two(m1, m2)) {
            (Some(hours), Some(minutes)) => (hours <= 13 && minutes <= 59) || (hours == 14 && minutes == 0),
            _ => false,
        },
        _ => false,
    }
}

/// The date's parts where they exist in the calendar.
fn date(text: &[u8]) -> Option<()> {
    let (year, rest) = text.split_at_checked(4)?;
    let year = two(year[0], year[1])? * 100 + two(year[2], year[3])?;
    if year == 0 {
        return None;
    }
    let month = match *rest {
        [] => return Some(()),
        [b'-', m1, m2, ..] => two(m1, m2).filter(|month| (1..=12).contains(month))?,
        _ => return None,
    };
    match rest[3..] {
        [] => Some(()),
        [b'-', d1, d2] => two(d1, d2).filter(|day| (1..=days(year, month)).contains(day)).map(|_| ()),
        _ => None,
    }
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn two(tens: u8, ones: u8) -> Option<u32> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_true_to_the_calendar() {
        for good in ["2026", "2026-02", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"] {
            assert!(is_date(good) && is_date_time(good), "{good}");
        }
        for bad in [
            "",
            "26",
            "202",
            "20266",
            "0000",
            "2026-",
            "2026-00",
            "2026-13",
            "2026-1",
            "2026-02-30",
            "2023-02-29",
            "1900-02-29",
            "2026-04-31",
            "2026-01-00",
            "2026-01-1",
            "2026-01-011",
            "2026/01/01",
            "20260101",
            "+2026",
            "2026-01-01 ",
            "２０２６",
        ] {
            assert!(!is_date(bad) && !is_date_time(bad), "{bad}");
        }
        assert!(!is_date("2026-01-01T00:00:00Z"));
    }

    #[test]
    fn a_date_with_time_needs_seconds_and_a_zone() {
        for good in [
            "2026-02-28T13:28:17Z",
            "2026-02-28T13:28:17.1+14:00",
            "2026-12-31T23:59:60.999999999-00:00",
            "2015-02-07T13:28:17.239-05:30",
        ] {
            assert!(is_instant(good) && is_date_time(good), "{good}");
        }
        for bad in [
            "2026-02-28T13:28:17",
            "2026-02-28T13:28Z",
            "2026-02-28T24:00:00Z",
            "2026-02-28T13:60:00Z",
            "2026-02-28T13:28:61Z",
            "2026-02-28T13:28:17.Z",
            "2026-02-30T13:28:17Z",
            "2026-02T13:28:17Z",
            "2026-02-28T13:28:17+14:01",
            "2026-02-28T13:28:17+0100",
            "2026-02-28t13:28:17z",
            "2026-02-28T13:28:17ZZ",
            "2026-02-28T",
        ] {
            assert!(!is_instant(bad) && !is_date_time(bad), "{bad}");
        }
        assert!(!is_instant("2026-02-28"));
    }

    #[test]
    fn a_time_has_no_zone() {
        assert!(is_time("00:00:00") && is_time("23:59:60.5"));
        assert!(!is_time("24:00:00") && !is_time("13:28") && !is_time("13:28:17Z") && !is_time("1:28:17"));
    }
}
