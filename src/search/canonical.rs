//! Canonicals by their version: `questionnaire:below=http://example.org/q|1` finds what names version 1 of it, 1.0 or
//! 1.2.3, and without a version what names any or none. <https://hl7.org/fhir/R4/search.html#versions>
//!
//! The index has a canonical with its version and without, so that either is a range or a place in it. One with a
//! fragment, which names a part of what is published, is there with it and without.
//! <https://hl7.org/fhir/R4/references.html#canonical>

use std::collections::HashSet;

use serde_json::Value;

use crate::search::bearing::Nature;
use crate::search::fold::bounded;
use crate::search::kinds;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameter;
use crate::search::query::Condition;
use crate::search::query::Criterion;
use crate::search::query::Problem;
use crate::search::query::Reach;
use crate::search::query::Rows;
use crate::search::query::Test;
use crate::search::query::spelling;
use crate::search::query::values;
use crate::search::rows::ELSEWHERE;
use crate::search::rows::IndexRows;
use crate::search::rows::ReferenceRow;
use crate::search::sql::Bind;
use crate::search::sql::Sql;
use crate::search::value::unescaped;

/// Reads the canonicals that are meant.
pub(super) fn read(parameter: &Parameter, value: &str) -> Result<Criterion, Problem> {
    let named: Vec<String> = values(&parameter.code, value)?.into_iter().map(unescaped).collect();
    let any = named.iter().map(|text| below(&parameter.code, text)).collect::<Result<_, _>>()?;
    let canonical = format!("{}:below={}", parameter.code, spelling(named));
    let rows = Rows { kind: Kind::Reference, param: parameter.number, also: None, any };
    Ok(Criterion { canonical, test: Test::Index(rows), negated: false })
}

/// What stands as the target type of a canonical without a version where the same parameter names its URL with one, too:
/// its row is like those of the others, which lead to no version but theirs.
pub(super) const ANY_VERSION: i64 = -3;

/// Writes what the values of a parameter give together, beside what each gives by itself.
pub(super) fn index_beside(parameter: &Parameter, resource: &Value, rows: &mut IndexRows) {
    let found = || {
        let hits = parameter.path.iter().flat_map(|path| path.find(resource));
        hits.filter_map(|hit| hit.value.as_str()).collect::<Vec<_>>()
    };
    match parameter.nature {
        Nature::Versioned => kinds::index_version(parameter, resource, rows),
        Nature::Canonical => kinds::index_whole(parameter, &found(), rows),
        _ if parameter.kind == Kind::Reference && parameter.has_canonicals() => {
            let (versioned, bare): (Vec<&str>, Vec<&str>) =
                found().into_iter().partition(|canonical| canonical.contains('|'));
            let named: HashSet<Option<String>> =
                versioned.into_iter().map(|canonical| forms(canonical).pop()).collect();
            let both =
                bare.into_iter().map(|canonical| forms(canonical).pop()).filter(|url| named.contains(url));
            rows.references.extend(both.flatten().map(|url| ReferenceRow {
                param: parameter.number,
                target_type: ANY_VERSION,
                target_id: bounded(&url),
            }));
        }
        Nature::Plain | Nature::Names | Nature::Spelt | Nature::Mime | Nature::Whole => {}
    }
}

/// A canonical that is not found by the one that is named (`ne` of a filter): one of the index's rows, or, where some of
/// these are but forms of others, one of those that are the canonicals themselves.
pub(super) fn unlike(parameter: &Parameter, named: &str, of_rows: Criterion) -> Criterion {
    let index = |any: Vec<Condition>, canonical: String, negated: bool| {
        let rows = Rows { kind: Kind::Uri, param: parameter.identifier_number, also: None, any };
        Criterion { canonical, test: Test::Index(rows), negated }
    };
    let canonical = of_rows.canonical.clone();
    let whole = index(vec![kinds::unlike_uri(named)], format!("{canonical}:whole"), false);
    let of_rows = vec![of_rows, index(Vec::new(), format!("{canonical}:none"), true)];
    let of_rows =
        Criterion { canonical: format!("{canonical}:rows"), test: Test::All(of_rows), negated: false };
    Criterion { canonical, test: Test::Any(vec![whole, of_rows]), negated: false }
}

/// The URL and the part of it that a canonical names, if it names one; the version, if there is one, stands in the URL.
pub(super) fn part(canonical: &str) -> Option<(&str, &str)> {
    let named = canonical.split_once('|').map_or(canonical, |(_, version)| version);
    let (_, part) = named.split_once('#').filter(|(_, part)| !part.is_empty())?;
    let whole = canonical.strip_suffix(part)?.strip_suffix('#')?;
    Some((whole, part))
}

/// By what a canonical is found, itself first: of one with a version also without it, and of one with a fragment, as in
/// `http://example.org/q|1.0#part`, each of the two with and without the fragment.
pub(super) fn forms(canonical: &str) -> Vec<String> {
    let (url, version) = canonical.split_once('|').unwrap_or((canonical, ""));
    let mut forms = vec![canonical.to_owned()];
    if let Some((whole, part)) = part(canonical) {
        forms.push(whole.to_owned());
        if !version.is_empty() {
            forms.push(format!("{url}#{part}"));
        }
    }
    if canonical.contains('|') {
        forms.push(url.to_owned());
    }
    forms
}

fn below(code: &str, text: &str) -> Result<Condition, Problem> {
    let (url, version) = text.split_once('|').map_or((text, None), |(url, version)| (url, Some(version)));
    if !url.contains(':') || version == Some("") {
        return Err(Problem::Wrong(format!(
            "`{code}:below` is a canonical URL, with the beginning of a version after a bar or without: \
             `http://example.org/q|1`."
        )));
    }
    let elsewhere: Bind = ELSEWHERE.into();
    let exact: Bind = bounded(text).into();
    let leading = vec![("target_type", vec![elsewhere.clone()])];
    if version.is_none() {
        let sql = Sql::of("target_type = ? AND target_id = ?", [elsewhere, exact.clone()]);
        let leading = [leading, vec![("target_id", vec![exact])]].concat();
        return Ok(Condition { sql, leading, reach: Reach::Exact });
    }
    // A version is below another that goes on after it with a dot; the slash is the next of all signs.
    let [dotted, end]: [Bind; 2] = ['.', '/'].map(|sign| format!("{text}{sign}").into());
    let sql = Sql::of(
        "target_type = ? AND target_id >= ? AND target_id < ? AND (target_id = ? OR target_id >= ?)",
        [elsewhere, exact.clone(), end, exact, dotted],
    );
    Ok(Condition { sql, leading, reach: Reach::Range })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canonical_is_found_with_and_without_its_version_and_its_fragment() {
        let table: [(&str, &[&str]); 7] = [
            ("http://x/q", &["http://x/q"]),
            ("http://x/q|1.0", &["http://x/q|1.0", "http://x/q"]),
            ("http://x/q#part", &["http://x/q#part", "http://x/q"]),
            (
                "http://x/q|1.0#part",
                &["http://x/q|1.0#part", "http://x/q|1.0", "http://x/q#part", "http://x/q"],
            ),
            // Nothing is named after the sign, and here the sign belongs to the URL.
            ("http://x/q#", &["http://x/q#"]),
            ("http://x/q|1.0#", &["http://x/q|1.0#", "http://x/q"]),
            ("http://x/ns#q|2", &["http://x/ns#q|2", "http://x/ns#q"]),
        ];
        for (canonical, expected) in table {
            assert_eq!(forms(canonical), expected);
        }
    }
}
