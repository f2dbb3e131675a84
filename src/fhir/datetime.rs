//! Dates and times: partial ones as the span of instants that they cover. <https://hl7.org/fhir/R4/datatypes.html#dateTime>
//!
//! An instant is a count of microseconds since 1970 in UTC, so that both databases compare it as an integer.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::DateTime;
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;

/// One second.
pub const SECOND: Micros = 1_000_000;
/// One day of 24 hours.
pub const DAY: Micros = 86_400 * SECOND;

/// The instants that a date or time covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first instant.
    pub low: Micros,
    /// The last instant, itself inside.
    pub high: Micros,
}

/// The span of a date, dateTime or instant, partial or whole; a text that names no zone is read in `zone`.
/// None where the text is no date that the calendar knows.
pub fn span(text: &str, zone: &TimeZone) -> Option<Span> {
    let (day, time) = text.split_once('T').map_or((text, None), |(day, time)| (day, Some(time)));
    let mut parts = day.split('-');
    let year = i16::try_from(digits(parts.next()?, 4)?).ok().filter(|year| *year > 0)?;
    let month = parts.next().map_or(Some(None), |part| two(part).map(Some))?;
    let date = parts.next().map_or(Some(None), |part| two(part).map(Some))?;
    if parts.next().is_some() {
        return None;
    }
    match (month, date, time) {
        (None, None, None) => days(Date::new(year, 1, 1).ok()?, |start| start.last_of_year(), zone),
        (Some(month), None, None) => {
            days(Date::new(year, month, 1).ok()?, |start| start.last_of_month(), zone)
        }
        (Some(month), Some(day), None) => days(Date::new(year, month, day).ok()?, |start| start, zone),
        (Some(month), Some(day), Some(time)) => moment(Date::new(year, month, day).ok()?, time, zone),
        _ => None,
    }
}

/// An instant as FHIR writes it, with milliseconds and in UTC: `2026-01-02T03:04:05.678Z`.
pub fn instant(micros: Micros) -> String {
    let at = in_zone(micros, &TimeZone::UTC);
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        date.month(),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

/// An instant as the clocks of a zone show it, with the offset from UTC: `2026-01-02T03:04:05-08:00`.
pub fn time_in(micros: Micros, zone: &TimeZone) -> String {
    let at = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX);
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The calendar day on which an instant falls in a zone.
pub fn date_in(micros: Micros, zone: &TimeZone) -> Date {
    in_zone(micros, zone).date()
}

/// The last instant of a calendar day in a zone.
pub fn end_of_day(day: Date, zone: &TimeZone) -> Micros {
    days(day, |start| start, zone).map_or(Micros::MAX, |span| span.high)
}

fn in_zone(micros: Micros, zone: &TimeZone) -> DateTime {
    let nearest = if micros < 0 { Timestamp::MIN } else { Timestamp::MAX };
    zone.to_datetime(Timestamp::from_microsecond(micros).unwrap_or(nearest))
}

/// From the start of one day to the end of another.
fn days(first: Date, last: impl Fn(Date) -> Date, zone: &TimeZone) -> Option<Span> {
    let low = local(first.to_datetime(Time::midnight()), zone);
    // The last day of the calendar has no tomorrow; its end is a day after its start.
    let end = last(first);
    let high = match end.tomorrow() {
        Ok(next) => local(next.to_datetime(Time::midnight()), zone),
        Err(_) => local(end.to_datetime(Time::midnight()), zone) + DAY,
    };
    Some(Span { low, high: high - 1 })
}

/// A time of day, down to minutes, seconds or a fraction of a second, with or without an offset from UTC.
fn moment(date: Date, text: &str, zone: &TimeZone) -> Option<Span> {
    let at = text.find(['Z', '+', '-']).unwrap_or(text.len());
    let (clock, offset) = text.split_at(at);
    let mut parts = clock.split(':');
    let (hour, minute) = (two(parts.next()?)?, two(parts.next()?)?);
    let (second, fraction) = match parts.next() {
        None => (None, None),
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').map_or((seconds, None), |(a, b)| (a, Some(b)));
            (Some(two(whole)?), fraction)
        }
    };
    if parts.next().is_some() {
        return None;
    }
    let leap = second == Some(60);
    let second_of_day = if leap { 59 } else { second.unwrap_or(0) };
    let start = date.to_datetime(Time::new(hour, minute, second_of_day, 0).ok()?);
    let start = match offset {
        "" => local(start, zone),
        offset => utc(start) - offset_of(offset)?,
    };
    let (within, width) = match (second, fraction) {
        (None, _) => (0, 60 * SECOND),
        (Some(_), None) => (0, SECOND),
        (Some(_), Some(fraction)) => fraction_of(fraction)?,
    };
    // There is no place for a leap second on the count of microseconds: it is the last of its minute.
    let (within, width) = if leap { (SECOND - 1, 1) } else { (within, width) };
    Some(Span { low: start + within, high: start + within + width - 1 })
}

/// A fraction of a second, and how long it covers.
fn fraction_of(text: &str) -> Option<(Micros, Micros)> {
    let known = &text[..text.len().min(6)];
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let width = 10_i64.pow(6 - u32::try_from(known.len()).ok()?);
    Some((known.parse::<i64>().ok()? * width, width))
}

fn offset_of(text: &str) -> Option<Micros> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let minutes = i64::from(two(hours)?) * 60 + i64::from(two(minutes).filter(|minutes| *minutes < 60)?);
    (minutes <= 14 * 60).then_some(sign * minutes * 60 * SECOND)
}

/// What the clocks of a zone show, as an instant.
fn local(at: DateTime, zone: &TimeZone) -> Micros {
    // At both ends of the calendar a zone can have no such instant; there, UTC is as good.
    zone.to_timestamp(at).map_or_else(|_| utc(at), |stamp| stamp.as_microsecond())
}

fn utc(at: DateTime) -> Micros {
    let day = at.date().duration_since(jiff::civil::date(1970, 1, 1)).as_hours() / 24;
    let time = at.time();
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    day * DAY + seconds * SECOND
}

fn digits(text: &str, length: usize) -> Option<u16> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn two(text: &str) -> Option<i8> {
    digits(text, 2).and_then(|number| i8::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc_span(text: &str) -> Option<(String, Micros)> {
        span(text, &TimeZone::UTC).map(|span| (instant(span.low), span.high - span.low + 1))
    }

    #[test]
    fn a_text_covers_what_its_precision_says() {
        let table = [
            ("2024", "2024-01-01T00:00:00.000Z", 366 * DAY),
            ("2023", "2023-01-01T00:00:00.000Z", 365 * DAY),
            ("2024-02", "2024-02-01T00:00:00.000Z", 29 * DAY),
            ("2024-12", "2024-12-01T00:00:00.000Z", 31 * DAY),
            ("2024-02-29", "2024-02-29T00:00:00.000Z", DAY),
            ("2024-02-29T10:11", "2024-02-29T10:11:00.000Z", 60 * SECOND),
            ("2024-02-29T10:11:12", "2024-02-29T10:11:12.000Z", SECOND),
            ("2024-02-29T10:11:12Z", "2024-02-29T10:11:12.000Z", SECOND),
            ("2024-02-29T10:11:12.5Z", "2024-02-29T10:11:12.500Z", SECOND / 10),
            ("2024-02-29T10:11:12.123456789Z", "2024-02-29T10:11:12.123Z", 1),
            ("2024-02-29T23:30:00-05:00", "2024-03-01T04:30:00.000Z", SECOND),
            ("2024-01-01T00:30:00+14:00", "2023-12-31T10:30:00.000Z", SECOND),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z", 1),
            ("0001-01-01", "0001-01-01T00:00:00.000Z", DAY),
            ("9999-12-30", "9999-12-30T00:00:00.000Z", DAY),
        ];
        for (text, low, width) in table {
            assert_eq!(utc_span(text), Some((low.to_owned(), width)), "{text}");
        }
        assert!(span("9999-12-31", &TimeZone::UTC).is_some_and(|span| span.high - span.low == DAY - 1));
        assert_eq!(span("1969-12-31T23:59:59Z", &TimeZone::UTC), Some(Span { low: -SECOND, high: -1 }));
    }

    #[test]
    fn a_text_without_a_zone_is_read_in_the_zone_given() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let start = |text: &str| instant(span(text, &zone).unwrap().low);
        assert_eq!(start("2024-01-15"), "2024-01-15T05:00:00.000Z");
        assert_eq!(start("2024-07-15T08:00:00"), "2024-07-15T12:00:00.000Z");
        assert_eq!(start("2024-07-15T08:00:00Z"), "2024-07-15T08:00:00.000Z");
        let change = span("2024-03-10", &zone).unwrap();
        assert_eq!(change.high - change.low + 1, DAY - 3600 * SECOND, "the day on which clocks go forward");
    }

    #[test]
    fn what_is_no_date_is_none() {
        let table = [
            "",
            "24",
            "02024",
            "2024-13",
            "2024-00",
            "2023-02-29",
            "2024-1-1",
            "2024-01-01-01",
            "2024T10:00",
            "2024-01-01T",
            "2024-01-01T24:00:00Z",
            "2024-01-01T10:60:00Z",
            "2024-01-01T10:00:61Z",
            "2024-01-01T10",
            "2024-01-01T10:00:00.Z",
            "2024-01-01T10:00:00+15:00",
            "2024-01-01T10:00:00+1:00",
            "2024-01-01T10:00:00 02:00",
            "0000-01-01",
            "31/12/1999",
            "２０２４",
            "2024-01-01T10:00:00Zx",
        ];
        for text in table {
            assert_eq!(span(text, &TimeZone::UTC), None, "{text}");
        }
    }

    #[test]
    fn an_instant_keeps_milliseconds_and_a_day_depends_on_its_zone() {
        assert_eq!(instant(1_767_323_045_678_999), "2026-01-02T03:04:05.678Z");
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        assert_eq!(date_in(1_767_323_045_678_999, &zone), jiff::civil::date(2026, 1, 1));
        assert_eq!(date_in(i64::MAX, &TimeZone::UTC).year(), 9999);
    }
}
