//! A token in a value set, or above or below a code: `:in`, `:not-in`, `:above` and `:below`.
//! <https://hl7.org/fhir/R4/search.html#token>
//!
//! What the terminology says of the codes becomes conditions on one row of the index, one of which must hold. All
//! codes of a system are one bind, a JSON list, so that a large value set is the same statement as a small one. Both
//! databases look up each of them in the index that leads with the code, and walk each beginning as a range of it; but
//! SQLite looks up no conditions with OR between them, so that a search that begins here is a union of them.

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::reference::strip_base;
use crate::fhir::terminology::Extent;
use crate::fhir::terminology::Question;
use crate::search::bearing::Nature;
use crate::search::fold::bounded;
use crate::search::fold::system;
use crate::search::kinds::Asked;
use crate::search::kinds::string::begins;
use crate::search::modifier::Modifier;
use crate::search::query::Condition;
use crate::search::query::Reach;
use crate::search::sql::Sql;
use crate::search::value::split;
use crate::search::value::unescaped;

/// Whether a modifier asks the terminology.
pub(super) fn is_asked(modifier: Option<Modifier>) -> bool {
    matches!(modifier, Some(Modifier::In | Modifier::NotIn | Modifier::Above | Modifier::Below))
}

/// The most conditions of which each is looked up for itself; more are one condition that the index is read for.
const MOST_ARMS: usize = 64;

/// The most conditions that one value may take: a database takes no expression of any size.
const MOST_TERMS: usize = 250;

/// Understands a value set, or a code with what stands above or below it: its one spelling, and the conditions.
pub(super) fn understand(asked: &Asked) -> Result<(String, Vec<Condition>), Failure> {
    let by_hierarchy = matches!(asked.modifier, Some(Modifier::Above | Modifier::Below));
    if by_hierarchy && asked.parameter.nature == Nature::Mime {
        return content_type(asked);
    }
    let modifier = asked.modifier.map_or("", Modifier::name);
    asked.context.effort.once((modifier, asked.value), |question| ask(asked, question))
}

fn ask(asked: &Asked, question: &mut Question) -> Result<(String, Vec<Condition>), Failure> {
    let (canonical, extent) = match asked.modifier {
        Some(Modifier::Above | Modifier::Below) => subsumed(asked, question)?,
        _ => value_set(asked, question)?,
    };
    if extent.terms() > MOST_TERMS {
        let text =
            "The value set is put together from too many parts to search by; list its codes one by one.";
        return Err(Failure::new(Reason::Invalid, text).code("too-costly"));
    }
    let condition = |reach, sql| Condition { sql, leading: Vec::new(), reach };
    let arms = arms(&extent);
    if (1..=MOST_ARMS).contains(&arms.len()) {
        let reach = if is_looked_up(&extent) { Reach::Equal } else { Reach::Range };
        return Ok((canonical, arms.into_iter().map(|arm| condition(reach, arm)).collect()));
    }
    Ok((canonical, vec![condition(Reach::Range, holds(&extent))]))
}

/// The codes of the value set that is named by its URL, or as `ValueSet/id`.
fn value_set(asked: &Asked, question: &mut Question) -> Result<(String, Extent), Failure> {
    let named = unescaped(asked.value);
    let mut found = question.shelf().value_set(&named)?;
    if found.is_none()
        && let Some(id) = strip_base(&named, asked.context.base_url).strip_prefix("ValueSet/")
    {
        found = question.shelf().value_set_with_id(id)?;
    }
    let set = found.ok_or_else(|| {
        let text = "There is no such value set here; store it, or name one that is known, by its URL or as \
                    `ValueSet/id`.";
        Failure::new(Reason::Invalid, text).code("not-found")
    })?;
    let extent = question.extent(&set)?;
    Ok((named, extent))
}

/// A code with what it means more than, or with what means more than it.
fn subsumed(asked: &Asked, question: &mut Question) -> Result<(String, Extent), Failure> {
    let parts: Vec<String> = split(asked.value, '|').into_iter().map(unescaped).collect();
    let [uri, code] = parts.as_slice() else { return Err(no_code()) };
    if uri.is_empty() || code.is_empty() {
        return Err(no_code());
    }
    let extent = match asked.modifier {
        Some(Modifier::Above) => question.above(uri, code)?,
        _ => question.below(uri, code)?,
    };
    Ok((parts.join("|"), extent))
}

/// A type of content: with what parameters it may have and, of a type alone, its subtypes; or the other way.
/// <https://hl7.org/fhir/R4/search.html#mimetype>
fn content_type(asked: &Asked) -> Result<(String, Vec<Condition>), Failure> {
    let named = unescaped(asked.value);
    if named.contains('|') {
        let text = "A type of content is named without a system, such as `text/xml`.";
        return Err(Failure::new(Reason::Invalid, text));
    }
    let condition = |sql| Condition { sql, leading: Vec::new(), reach: Reach::Equal };
    let is = |code: &str| condition(Sql::of("code = ?", [bounded(code).into()]));
    let begins = |end: char| condition(begins("code", &format!("{named}{end}")));
    let plain = named.split(';').next().unwrap_or_default().trim_end();
    let mut any = vec![is(&named)];
    match (asked.modifier, plain.split_once('/')) {
        (Some(Modifier::Above), Some((whole, _))) => any.extend([is(plain), is(whole)]),
        (Some(Modifier::Above), None) => {}
        (_, Some(_)) => any.extend([begins(';'), begins(' ')]),
        (_, None) => any.push(begins('/')),
    }
    Ok((named.clone(), any))
}

fn no_code() -> Failure {
    let text =
        "With `:above` and `:below` a token is `system|code`, both: a hierarchy belongs to a code system.";
    Failure::new(Reason::Invalid, text)
}

/// Whether every part of it is found by the code, with which the index leads.
fn is_looked_up(extent: &Extent) -> bool {
    match extent {
        Extent::Codes(..) | Extent::Beginning(..) => true,
        Extent::System(_) => false,
        Extent::Any(parts) => parts.iter().all(is_looked_up),
        Extent::All(parts) => parts.iter().any(is_looked_up),
        Extent::But(one, _) => is_looked_up(one),
    }
}

/// The conditions one of which must hold, each of one system and one range of codes where that can be.
fn arms(extent: &Extent) -> Vec<Sql> {
    match extent {
        Extent::Any(parts) => parts.iter().flat_map(arms).collect(),
        Extent::Beginning(uri, texts) => {
            let one = |text: &String| holds(&Extent::Beginning(uri.clone(), vec![text.clone()]));
            texts.iter().map(one).collect()
        }
        Extent::But(one, other) => {
            let other = several(vec![holds(other)], "");
            arms(one).into_iter().map(|arm| arm.push(" AND NOT ", []).append(other.clone())).collect()
        }
        Extent::All(parts) => {
            let first = parts.iter().position(is_looked_up).unwrap_or_default();
            let others = parts.iter().enumerate().filter(|(at, _)| *at != first).map(|(_, part)| holds(part));
            let others: Vec<Sql> = others.collect();
            let narrowed = |arm: Sql| match others.is_empty() {
                true => arm,
                false => arm.push(" AND ", []).append(several(others.clone(), " AND ")),
            };
            parts.get(first).map(arms).unwrap_or_default().into_iter().map(narrowed).collect()
        }
        Extent::Codes(..) | Extent::System(_) => vec![holds(extent)],
    }
}

/// The condition on `code` and `system`.
fn holds(extent: &Extent) -> Sql {
    let of_system = |uri: &str| Sql::of("system = ?", [system(Some(uri)).into()]);
    match extent {
        Extent::Codes(uri, codes) => {
            let codes = codes.iter().map(|code| bounded(code));
            of_system(uri).push(" AND code", []).append(Sql::one_of(codes))
        }
        Extent::Beginning(uri, texts) => {
            let each = texts.iter().map(|text| begins("code", text));
            of_system(uri).push(" AND ", []).append(several(each.collect(), " OR "))
        }
        Extent::System(uri) => of_system(uri),
        Extent::Any(parts) => several(parts.iter().map(holds).collect(), " OR "),
        Extent::All(parts) => several(parts.iter().map(holds).collect(), " AND "),
        Extent::But(one, other) => {
            several(vec![holds(one)], "").push(" AND NOT ", []).append(several(vec![holds(other)], ""))
        }
    }
}

fn several(parts: Vec<Sql>, separator: &'static str) -> Sql {
    if parts.is_empty() {
        return Sql::of("1 = 0", []);
    }
    let each = parts.into_iter().map(|part| Sql::of("(", []).append(part).push(")", []));
    Sql::of("(", []).append(Sql::chain(each.collect(), separator)).push(")", [])
}
