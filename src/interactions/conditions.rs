//! The conditional headers, read. <https://hl7.org/fhir/R4/http.html#concurrency>

use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::interactions::request::Conditions;

/// A version that no resource has, for entity tags that are not of our making.
const NO_VERSION: i64 = 0;

/// Entity tags that a header lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: any version.
    Any,
    /// These versions.
    Versions(Vec<i64>),
}

impl Tags {
    /// Reads `W/"1"`, `"1"`, a list of such, or `*`.
    ///
    /// # Errors
    /// `Invalid` where it is none of those.
    pub fn parse(header: &str, text: &str) -> Result<Self, Failure> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let versions = text.split(',').map(|tag| version(tag.trim())).collect::<Option<Vec<_>>>();
        versions.map(Self::Versions).ok_or_else(|| {
            Failure::new(Reason::Invalid, format!("`{header}` must be an entity tag such as W/\"3\"."))
        })
    }

    /// Whether this version is among them.
    pub fn has(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

fn version(tag: &str) -> Option<i64> {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = tag.strip_prefix('"')?.strip_suffix('"')?;
    if inner.is_empty() || inner.contains('"') {
        return None;
    }
    let counts = inner.bytes().all(|byte| byte.is_ascii_digit()) && !inner.starts_with('0');
    Some(inner.parse().ok().filter(|_| counts).unwrap_or(NO_VERSION))
}

/// Whether the client has this version already, so that 304 answers it. `If-None-Match` is asked first;
/// `If-Modified-Since` counts only without it. <https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2>
///
/// # Errors
/// `Invalid` where an entity tag is none. A date that cannot be read is ignored, as HTTP asks.
pub fn is_unchanged(conditions: &Conditions, version: i64, updated: i64) -> Result<bool, Failure> {
    if let Some(tags) = &conditions.if_none_match {
        return Ok(Tags::parse("If-None-Match", tags)?.has(version));
    }
    let since = conditions.if_modified_since.as_deref().and_then(last_instant);
    Ok(since.is_some_and(|since| updated <= since))
}

/// The version that `If-Match` demands of a resource. Where it allows several, it is that of them which is current.
///
/// # Errors
/// `Invalid` where it is no entity tag; `Precondition` where none of several is current.
pub fn if_match(
    session: &Session,
    (ty, id): (ResourceType, &str),
    conditions: &Conditions,
) -> Result<Option<i64>, Failure> {
    let Some(header) = &conditions.if_match else { return Ok(None) };
    match Tags::parse("If-Match", header)? {
        Tags::Versions(versions) if versions.len() == 1 => Ok(Some(versions[0])),
        tags => match session.read(ty, id) {
            Ok(stored) if tags.has(stored.version) => Ok(Some(stored.version)),
            Err(failure) if failure.reason == Reason::Forbidden => Err(failure),
            Ok(_) | Err(_) => {
                let text = format!("{ty}/{id} has no version that `If-Match` names; read it again first.");
                Err(Failure::new(Reason::Precondition, text))
            }
        },
    }
}

/// Refuses a condition that the write does not have, so that nobody relies on it.
///
/// # Errors
/// `NotSupported` where a condition is sent that is none of a write, or not one of this write.
pub fn only(write: Write, conditions: &Conditions) -> Result<(), Failure> {
    let Conditions { if_match, if_none_match, if_modified_since, if_none_exist } = conditions;
    let (own, other) = match write {
        Write::Create => ("`If-None-Exist`", if_match),
        Write::Change => ("`If-Match`", if_none_exist),
    };
    if [if_none_match, if_modified_since, other].into_iter().all(Option::is_none) {
        return Ok(());
    }
    let text = format!("Of conditions, this request has {own} alone; send it without the others.");
    Err(Failure::new(Reason::NotSupported, text))
}

/// The two kinds of write, by the condition that each has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// What makes a resource: only where none is.
    Create,
    /// What changes or deletes one: only where it is at a version.
    Change,
}

/// The last microsecond that an HTTP date (whole seconds) or, in a Bundle, an instant means.
fn last_instant(text: &str) -> Option<i64> {
    if let Ok(date) = jiff::fmt::rfc2822::parse(text) {
        return Some(date.timestamp().as_microsecond() + 999_999);
    }
    text.parse::<jiff::Timestamp>().ok().map(|instant| instant.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_and_strong_tags_are_read_alike() {
        let cases = [
            ("W/\"3\"", Tags::Versions(vec![3])),
            ("\"3\"", Tags::Versions(vec![3])),
            (" W/\"3\" , \"4\"", Tags::Versions(vec![3, 4])),
            ("\"abc\"", Tags::Versions(vec![NO_VERSION])),
            ("\"03\"", Tags::Versions(vec![NO_VERSION])),
            ("\"99999999999999999999\"", Tags::Versions(vec![NO_VERSION])),
            ("*", Tags::Any),
        ];
        for (text, expected) in cases {
            assert_eq!(Tags::parse("If-Match", text).expect(text), expected, "{text}");
        }
        for text in ["3", "W/3", "\"", "", "\"3\",", "w/\"3\""] {
            assert_eq!(Tags::parse("If-Match", text).expect_err(text).status(), 400, "{text}");
        }
    }

    #[test]
    fn what_the_client_has_already_is_unchanged() {
        const UPDATED: i64 = 784_111_777_500_000; // 1994-11-06T08:49:37.5Z
        let tag = |text: &str| Conditions { if_none_match: Some(text.into()), ..Conditions::default() };
        let since = |text: &str| Conditions { if_modified_since: Some(text.into()), ..Conditions::default() };
        let cases = [
            (Conditions::default(), false),
            (tag("W/\"2\""), true),
            (tag("*"), true),
            (tag("W/\"1\""), false),
            (since("Sun, 06 Nov 1994 08:49:37 GMT"), true),
            (since("Sun, 06 Nov 1994 08:49:36 GMT"), false),
            (since("1994-11-06T08:49:37.500Z"), true),
            (since("1994-11-06T08:49:37.499Z"), false),
            (since("yesterday"), false),
            (
                Conditions {
                    if_none_match: Some("W/\"1\"".into()),
                    ..since("Sun, 06 Nov 1994 08:49:37 GMT")
                },
                false,
            ),
        ];
        for (conditions, expected) in cases {
            assert_eq!(
                is_unchanged(&conditions, 2, UPDATED).expect("well formed"),
                expected,
                "{conditions:?}"
            );
        }
    }
}
