//! A URI, compared letter by letter. <https://hl7.org/fhir/R4/search.html#uri>
//!
//! A canonical without a version finds every version of it. With one, as `url=http://…|1.0`, it finds a definition by its
//! URL and its version, for which such a definition has a row more, under a number of its own.
//! <https://hl7.org/fhir/R4/references.html#canonical>

use serde_json::Value;

use crate::search::bearing::Nature;
use crate::search::canonical;
use crate::search::fold::bounded;
use crate::search::kinds::Asked;
use crate::search::kinds::Found;
use crate::search::kinds::Understood;
use crate::search::kinds::string::begins;
use crate::search::modifier::Modifier;
use crate::search::parameter::Parameter;
use crate::search::query::Condition;
use crate::search::query::Reach;
use crate::search::rows::IndexRows;
use crate::search::rows::UriRow;
use crate::search::sql::Bind;
use crate::search::sql::Sql;
use crate::search::value::unescaped;

pub(super) fn index(found: &Found, rows: &mut IndexRows) {
    let Value::String(uri) = found.hit.value else { return };
    let mut push = |uri: &str| rows.uris.push(UriRow { param: found.parameter.number, uri: bounded(uri) });
    // The versions of a canonical are found by how it begins, and the whole of which it names a part by a row of its own.
    match found.parameter.nature == Nature::Canonical && uri.contains('#') {
        true => canonical::forms(uri).iter().for_each(|form| push(form)),
        false => push(uri),
    }
}

/// Writes the URL of a definition with its version.
pub(in crate::search) fn index_version(parameter: &Parameter, resource: &Value, rows: &mut IndexRows) {
    let text = |name: &str| resource.get(name).and_then(Value::as_str);
    if let (Some(url), Some(version)) = (text("url"), text("version")) {
        let uri = bounded(&format!("{url}|{version}"));
        rows.uris.push(UriRow { param: parameter.identifier_number, uri });
    }
}

/// Writes the canonicals of a parameter as they came, where one names a part: then its other rows do not tell which of them
/// are the canonicals themselves.
pub(in crate::search) fn index_whole(parameter: &Parameter, canonicals: &[&str], rows: &mut IndexRows) {
    if canonicals.iter().any(|canonical| canonical.contains('#')) {
        let param = parameter.identifier_number;
        rows.uris.extend(canonicals.iter().map(|canonical| UriRow { param, uri: bounded(canonical) }));
    }
}

/// A canonical, as it came, is found by none of its forms when this one is asked for.
pub(in crate::search) fn unlike(asked: &str) -> Condition {
    let after = |sign: char, next: char| {
        let [from, to]: [Bind; 2] = [sign, next].map(|sign| format!("{asked}{sign}").into());
        Sql::of(" OR uri > ? AND uri < ?", [from, to])
    };
    let mut sql = Sql::of("NOT (uri = ?", [bounded(asked).into()]);
    match (canonical::part(asked), asked.contains('|')) {
        // Each with a part, and where no version is asked for, with any version.
        (None, false) => sql = sql.append(after('#', '$')).append(after('|', '}')),
        (None, true) => sql = sql.append(after('#', '$')),
        // The same part, of any version.
        (Some((url, part)), false) => {
            let [from, to]: [Bind; 2] = ['|', '}'].map(|sign| format!("{url}{sign}").into());
            let end = format!("#{part}");
            let signs = i64::try_from(end.chars().count()).unwrap_or(i64::MAX);
            let part = " OR uri > ? AND uri < ? AND substr(uri, CAST(length(uri) + 1 - ? AS INTEGER)) = ?";
            sql = sql.push(part, [from, to, signs.into(), end.into()]);
        }
        (Some(_), true) => {}
    }
    Condition { sql: sql.push(")", []), leading: Vec::new(), reach: Reach::Range }
}

/// Under which further number the index has rows at which a search for this value looks, if it does.
pub(super) fn beside(asked: &Asked) -> Option<i64> {
    let is_one = asked.parameter.nature == Nature::Versioned && asked.modifier.is_none();
    (is_one && asked.value.contains('|')).then_some(asked.parameter.identifier_number)
}

/// The versions of a canonical that is asked for without one.
pub(super) fn versions(asked: &Asked) -> Option<Condition> {
    let uri = unescaped(asked.value);
    let has_others = matches!(asked.modifier, None | Some(Modifier::Below)) && !uri.contains('|');
    (has_others && asked.parameter.nature == Nature::Canonical).then(|| {
        let sql = begins("uri", &format!("{uri}|"));
        Condition { sql, leading: Vec::new(), reach: Reach::Equal }
    })
}

pub(super) fn understand(asked: &Asked) -> Result<Understood, String> {
    let uri = unescaped(asked.value);
    if uri.is_empty() {
        return Err("The URI is empty.".into());
    }
    let by_path = matches!(asked.modifier, Some(Modifier::Above | Modifier::Below));
    if by_path && uri.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:")) {
        return Err(
            "`:above` and `:below` go by the path of a URL, and a URN has none; search by the whole URN."
                .into(),
        );
    }
    let (sql, reach) = match asked.modifier {
        Some(Modifier::Below) => {
            let inside = format!("{}/", uri.trim_end_matches('/'));
            let end = format!("{inside}{}", char::MAX);
            let binds = [bounded(&uri).into(), inside.into(), end.into()];
            (Sql::of("(uri = ? OR (uri >= ? AND uri < ?))", binds), Reach::Range)
        }
        Some(Modifier::Above) => {
            let all = above(&uri);
            let is_any_version = asked.parameter.nature == Nature::Canonical && !uri.contains('|');
            let versions = all.iter().filter(|_| is_any_version).map(|uri| begins("uri", &format!("{uri}|")));
            let named = all.iter().map(|uri| bounded(uri).into()).collect();
            let named = Sql::of("uri IN (", []).append(Sql::list(named)).push(")", []);
            let any = Sql::chain(std::iter::once(named).chain(versions).collect(), " OR ");
            (Sql::of("(", []).append(any).push(")", []), Reach::Range)
        }
        _ => (Sql::of("uri = ?", [bounded(&uri).into()]), Reach::Exact),
    };
    let leading = match reach {
        Reach::Exact => vec![("uri", vec![bounded(&uri).into()])],
        Reach::Equal | Reach::Range | Reach::Upwards(_) | Reach::Between { .. } => Vec::new(),
    };
    Ok(Understood { canonical: uri, condition: Condition { sql, leading, reach } })
}

/// The URI and all that contain it: `http://a/b/c` is in `http://a/b` and `http://a`.
fn above(uri: &str) -> Vec<String> {
    let mut all = vec![uri.to_owned()];
    let host = uri.find("://").map_or(0, |at| at + 3);
    for (at, _) in uri.match_indices('/').filter(|(at, _)| *at > host).take(64) {
        all.extend([uri[..at].to_owned(), uri[..=at].to_owned()]);
    }
    all
}
