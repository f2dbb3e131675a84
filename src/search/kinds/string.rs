//! A string: text that begins so, whatever its case, accents and punctuation.
//! <https://hl7.org/fhir/R4/search.html#string>
//!
//! A text that is longer than an index takes has its beginning there, and for `:contains` its pieces, which overlap: what
//! is asked for stands whole in one of them. A part of a name or of an address begins with each of its words, so that
//! `quinones` finds `Carreno Quinones`; R4 asks for it. Pieces and later words have rows under numbers of their own,
//! by which nothing is sorted.

use serde_json::Value;

use crate::search::bearing::Nature;
use crate::search::fold::BEGINNING;
use crate::search::fold::CUT;
use crate::search::fold::LONGEST;
use crate::search::fold::bounded;
use crate::search::fold::cut;
use crate::search::fold::fold;
use crate::search::kinds::Asked;
use crate::search::kinds::Found;
use crate::search::kinds::Understood;
use crate::search::modifier::Modifier;
use crate::search::parameter::Parameter;
use crate::search::query::Condition;
use crate::search::query::Reach;
use crate::search::rows::IndexRows;
use crate::search::rows::StringRow;
use crate::search::sql::Sql;
use crate::search::value::unescaped;

/// How one text stands to another, whatever their case and accents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::search) enum Comparison {
    /// It is the same.
    Is,
    /// It is another.
    IsNot,
    /// It ends with it.
    Ends,
    /// It comes after it, letter by letter.
    After,
    /// It comes before it.
    Before,
    /// It is the same or comes after it.
    From,
    /// It is the same or comes before it.
    UpTo,
}

/// The parts of a HumanName and of an Address that are searched.
const PARTS: [&str; 12] = [
    "family",
    "given",
    "prefix",
    "suffix",
    "text",
    "line",
    "city",
    "district",
    "state",
    "postalCode",
    "country",
    "value",
];

/// The last of all characters, so that a range from a text to the text with it covers all that begin so.
const LAST: char = char::MAX;

/// How long a piece of a text is, in bytes, without the sign at its end.
const PIECE: usize = 479;

/// How much each piece has of the one before it at least, and so how much can be looked for anywhere in a text.
const OVERLAP: usize = 240;

/// How many pieces a text has at most: a megabyte, which is all that R4 allows.
const MOST_PIECES: usize = 4_500;

/// How many later words of a part of a name begin a match; nobody has more.
const MOST_WORDS: usize = 16;

/// A resource with so many texts was made to have many: its names are found by their beginnings alone.
const MOST_TEXTS: usize = 10_000;

pub(super) fn index(found: &Found, rows: &mut IndexRows) {
    let parameter = found.parameter;
    each_text(found.hit.value, &mut |text| {
        let folded = fold(text);
        let has_words = parameter.nature == Nature::Names && rows.strings.len() < MOST_TEXTS;
        let mut push = |param, folded, exact| rows.strings.push(StringRow { param, folded, exact });
        if folded.is_empty() {
            return;
        }
        for piece in pieces(&folded) {
            push(parameter.text_number, piece, String::new());
        }
        if has_words {
            for rest in later_words(&folded) {
                push(parameter.of_type_number, cut(rest.to_owned()), String::new());
            }
        }
        push(parameter.number, cut(folded), bounded(text));
    });
}

/// A long text in pieces, of which all but the last have a sign at their end; none of a short one.
fn pieces(folded: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    if folded.len() <= LONGEST {
        return pieces;
    }
    let mut start = 0;
    while pieces.len() < MOST_PIECES {
        let end = folded.floor_char_boundary(start + PIECE);
        let own = &folded[start..end];
        if end == folded.len() {
            pieces.push(own.to_owned());
            break;
        }
        pieces.push(format!("{own}{CUT}"));
        start = folded.floor_char_boundary(end - OVERLAP);
    }
    pieces
}

/// The text from each of its words on but the first.
fn later_words(folded: &str) -> impl Iterator<Item = &str> {
    folded.match_indices(' ').take(MOST_WORDS).map(|(at, _)| &folded[at + 1..])
}

/// Under which further number the index has rows at which a search looks, if it does.
pub(super) fn beside(parameter: &Parameter, modifier: Option<Modifier>) -> Option<i64> {
    match (modifier, parameter.nature) {
        (Some(Modifier::Contains), _) => Some(parameter.text_number),
        (None, Nature::Names) => Some(parameter.of_type_number),
        (Some(_) | None, _) => None,
    }
}

fn each_text(value: &Value, write: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => write(text),
        Value::Array(all) => all.iter().for_each(|value| each_text(value, write)),
        Value::Object(members) => PARTS
            .iter()
            .filter_map(|part| members.get(*part))
            .filter(|part| part.is_string() || part.is_array())
            .for_each(|part| each_text(part, write)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub(super) fn understand(asked: &Asked) -> Result<Understood, String> {
    let text = unescaped(asked.value);
    let folded = match asked.modifier {
        Some(Modifier::Exact) => cut(readable(&text, usize::MAX)?),
        Some(Modifier::Contains) => readable(&text, OVERLAP)?,
        _ => readable(&text, BEGINNING)?,
    };
    let leading = match asked.modifier {
        Some(Modifier::Exact) => vec![("folded", vec![folded.as_str().into()])],
        _ => Vec::new(),
    };
    let (canonical, sql, reach) = match asked.modifier {
        Some(Modifier::Exact) => {
            let exact = bounded(&text);
            let sql = Sql::of("folded = ? AND exact = ?", [folded.into(), exact.as_str().into()]);
            (exact, sql, Reach::Exact)
        }
        Some(Modifier::Contains) => {
            let pattern = format!("%{}%", literal(&folded));
            (folded, Sql::of("folded LIKE ? ESCAPE '!'", [pattern.into()]), Reach::Range)
        }
        _ => {
            let sql = begins("folded", &folded);
            (folded, sql, Reach::Range)
        }
    };
    Ok(Understood { canonical, condition: Condition { sql, leading, reach } })
}

/// The text that is asked for, folded; no longer than what can be looked for so.
fn readable(text: &str, longest: usize) -> Result<String, String> {
    let folded = fold(text);
    if folded.is_empty() {
        return Err("The text is empty.".into());
    }
    if folded.len() > longest {
        return Err(format!(
            "The text is too long to look for so; name {longest} bytes of it at most, or all of it with `:exact`."
        ));
    }
    Ok(folded)
}

/// A text in this column begins so.
pub(super) fn begins(column: &'static str, text: &str) -> Sql {
    let end = format!("{text}{LAST}");
    let from = Sql::of(column, []).push(" >= ? AND ", [text.into()]);
    from.push(column, []).push(" < ?", [end.into()])
}

/// Understands a text with which others are compared.
pub(in crate::search) fn compared(comparison: Comparison, text: &str) -> Result<Understood, String> {
    let folded = match comparison {
        Comparison::Ends => readable(text, OVERLAP)?,
        Comparison::Is
        | Comparison::IsNot
        | Comparison::After
        | Comparison::Before
        | Comparison::From
        | Comparison::UpTo => cut(readable(text, usize::MAX)?),
    };
    let text = || [folded.as_str().into()];
    let (sql, reach) = match comparison {
        Comparison::Is => (Sql::of("folded = ?", text()), Reach::Equal),
        Comparison::IsNot => (Sql::of("folded <> ?", text()), Reach::Range),
        Comparison::Ends => {
            let pattern = format!("%{}", literal(&folded));
            (Sql::of("folded LIKE ? ESCAPE '!'", [pattern.into()]), Reach::Range)
        }
        Comparison::After => (Sql::of("folded > ?", text()), Reach::Range),
        Comparison::Before => (Sql::of("folded < ?", text()), Reach::Range),
        Comparison::From => (Sql::of("folded >= ?", text()), Reach::Range),
        Comparison::UpTo => (Sql::of("folded <= ?", text()), Reach::Range),
    };
    let leading = match reach {
        Reach::Equal => vec![("folded", text().to_vec())],
        Reach::Exact | Reach::Range | Reach::Upwards(_) | Reach::Between { .. } => Vec::new(),
    };
    let canonical = format!("{comparison:?} {folded}");
    Ok(Understood { canonical, condition: Condition { sql, leading, reach } })
}

/// A text for LIKE, in which no letter stands for others.
fn literal(folded: &str) -> String {
    folded.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
