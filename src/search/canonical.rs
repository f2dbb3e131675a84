//! Canonicals by their version: `questionnaire:below=http://example.org/q|1` finds what names version 1 of it, 1.0 or
//! 1.2.3, and without a version what names any or none. <https://hl7.org/fhir/R4/search.html#versions>
//!
//! The index has a canonical with its version and without, so that either is a range or a place in it. One with a
//! fragment, which names a part of what is published, is there with it and without.
//! <https://hl7.org/fhir/R4/references.html#canonical>

use crate::search::fold::bounded;
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

/// By what a canonical is found, itself first: of one with a version also without it, and of one with a fragment, as in
/// `http://example.org/q|1.0#part`, each of the two with and without the fragment.
pub(super) fn forms(canonical: &str) -> Vec<String> {
    let (url, version) = canonical.split_once('|').unwrap_or((canonical, ""));
    let named = if version.is_empty() { url } else { version };
    let fragment = named.split_once('#').map_or("", |(_, fragment)| fragment);
    let whole = canonical.strip_suffix(fragment).and_then(|whole| whole.strip_suffix('#'));
    let mut forms = vec![canonical.to_owned()];
    if let Some(whole) = whole.filter(|_| !fragment.is_empty()) {
        forms.push(whole.to_owned());
        if !version.is_empty() {
            forms.push(format!("{url}#{fragment}"));
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
