//! A date: the span that its precision covers, on both sides. <https://hl7.org/fhir/R4/search.html#date>

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::datetime::Micros;
use crate::fhir::datetime::Span;
use crate::fhir::datetime::span;
use crate::search::kinds::Asked;
use crate::search::kinds::Found;
use crate::search::kinds::Understood;
use crate::search::kinds::prefix;
use crate::search::kinds::spans;
use crate::search::prefix::Prefix;
use crate::search::query::Condition;
use crate::search::query::Reach;
use crate::search::rows::DateRow;
use crate::search::rows::IndexRows;
use crate::search::sql::Sql;

pub(super) fn index(found: &Found, rows: &mut IndexRows) {
    let read = |text: &str| span(text, found.zone);
    let covered = match found.hit.value {
        Value::String(text) => read(text),
        value @ Value::Object(members) if members.contains_key("event") || members.contains_key("repeat") => {
            timing(value, &read)
        }
        value => period(value, &read),
    };
    if let Some(Span { low, high }) = covered.filter(|covered| covered.low <= covered.high) {
        rows.dates.push(DateRow { param: found.parameter.number, low, high });
    }
}

/// A Period, without end on the side that it does not name.
fn period(value: &Value, read: &dyn Fn(&str) -> Option<Span>) -> Option<Span> {
    let end = |name: &str| value.get(name).and_then(Value::as_str).and_then(read);
    let (start, end) = (end("start"), end("end"));
    if start.is_none() && end.is_none() {
        return None;
    }
    Some(Span {
        low: start.map_or(Micros::MIN, |start| start.low),
        high: end.map_or(Micros::MAX, |end| end.high),
    })
}

/// A Timing, from the first of what it names to the last.
fn timing(value: &Value, read: &dyn Fn(&str) -> Option<Span>) -> Option<Span> {
    let events = value.get("event").and_then(Value::as_array).into_iter().flatten();
    let bounds = value.pointer("/repeat/boundsPeriod").and_then(|bounds| period(bounds, read));
    let all = events.filter_map(Value::as_str).filter_map(read).chain(bounds);
    all.reduce(|one, other| Span { low: one.low.min(other.low), high: one.high.max(other.high) })
}

pub(super) fn understand(asked: &Asked) -> Result<Understood, String> {
    let (prefix, asked_for) = value(asked.value, asked.context.zone)?;
    let widened = around(prefix, asked_for, asked.context.now);
    let sql = spans(prefix, widened.low.into(), widened.high.into());
    let canonical = format!("{}{}..{}", prefix.name(), asked_for.low, asked_for.high);
    let condition = Condition { reach: reach(prefix, widened), ..ranged(sql) };
    Ok(Understood { canonical, condition })
}

/// The prefix and the span of a value.
pub(in crate::search) fn value(text: &str, zone: &TimeZone) -> Result<(Prefix, Span), String> {
    let (prefix, text) = prefix(text)?;
    // A plus sign that was not percent-encoded arrives as a space.
    let text = text.replace(' ', "+");
    let span = span(&text, zone).ok_or_else(|| {
        format!(
            "`{text}` is not a date; write 2024, 2024-05, 2024-05-31 or 2024-05-31T10:20:30Z, after a prefix if you like."
        )
    })?;
    Ok((prefix, span))
}

/// For `ap`, the span with a tenth of its distance from now on both sides, as R4 recommends.
pub(in crate::search) fn around(prefix: Prefix, span: Span, now: Micros) -> Span {
    if prefix != Prefix::Ap {
        return span;
    }
    let distance = if now < span.low { span.low - now } else { now.saturating_sub(span.high).max(0) };
    Span { low: span.low.saturating_sub(distance / 10), high: span.high.saturating_add(distance / 10) }
}

/// Understands a date all of which a span has.
pub(in crate::search) fn covering(text: &str, zone: &TimeZone) -> Result<Understood, String> {
    let Span { low, high } = whole(text, zone)?;
    let sql = Sql::of("low <= ? AND high >= ?", [low.into(), high.into()]);
    Ok(Understood { canonical: format!("co{low}..{high}"), condition: ranged(sql) })
}

/// Understands a date some of which a span has.
pub(in crate::search) fn overlapping(text: &str, zone: &TimeZone) -> Result<Understood, String> {
    let Span { low, high } = whole(text, zone)?;
    let sql = spans(Prefix::Ap, low.into(), high.into());
    Ok(Understood { canonical: format!("po{low}..{high}"), condition: ranged(sql) })
}

/// The span of a value that has no prefix.
fn whole(text: &str, zone: &TimeZone) -> Result<Span, String> {
    value(&format!("{}{text}", Prefix::Eq.name()), zone).map(|(_, span)| span)
}

/// Between which instants something of every span is that stands so to this one.
fn reach(prefix: Prefix, Span { low, high }: Span) -> Reach {
    let between = |from, to| Reach::Between { from, to, whole: false };
    match prefix {
        Prefix::Eq => Reach::Between { from: low, to: high, whole: true },
        Prefix::Ap => between(low, high),
        Prefix::Gt | Prefix::Sa => between(high, Micros::MAX),
        Prefix::Ge => between(low, Micros::MAX),
        Prefix::Lt | Prefix::Eb => between(Micros::MIN, low),
        Prefix::Le => between(Micros::MIN, high),
        Prefix::Ne => Reach::Range,
    }
}

fn ranged(sql: Sql) -> Condition {
    Condition { sql, leading: Vec::new(), reach: Reach::Range }
}
