//! The conditional headers and URLs, read. <https://hl7.org/fhir/R4/http.html#concurrency>

use crate::app::Demand;
use crate::app::Session;
use crate::app::Target;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::interactions::request::Conditions;
use crate::interactions::request::Request;

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
        versions(text).map(Self::Versions).ok_or_else(|| {
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

/// The versions that a list of entity tags names; none where it is no such list.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3>
fn versions(text: &str) -> Option<Vec<i64>> {
    let mut versions = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let tag = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let (inner, after) = tag.split_once('"')?;
        versions.push(version(inner)?);
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(versions);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

fn version(inner: &str) -> Option<i64> {
    if inner.is_empty() || inner.chars().any(|letter| letter.is_control() || letter == ' ') {
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
        // A client library sends the version as it stands in `meta`; to be read once more harms nobody.
        if tags.bytes().all(|byte| byte.is_ascii_digit()) && !tags.is_empty() {
            return Ok(*tags == version.to_string());
        }
        return Ok(Tags::parse("If-None-Match", tags)?.has(version));
    }
    let since = conditions.if_modified_since.as_deref().and_then(last_instant);
    // What is shown of the time, and so can be asked for, is its milliseconds.
    Ok(since.is_some_and(|since| updated - updated.rem_euclid(1_000) <= since))
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

/// The version that `If-Match` demands of what an operation finds by itself. Any will do for `*`.
///
/// # Errors
/// `Invalid` where it is no entity tag, or several: which of them is current is not known before it is found.
pub fn if_match_of_open(conditions: &Conditions) -> Result<Option<i64>, Failure> {
    let Some(header) = &conditions.if_match else { return Ok(None) };
    match Tags::parse("If-Match", header)? {
        Tags::Any => Ok(None),
        Tags::Versions(versions) if versions.len() == 1 => Ok(Some(versions[0])),
        Tags::Versions(_) => {
            let text =
                "Name one version of the open episode in `If-Match`, or call this on the EpisodeOfCare.";
            Err(Failure::new(Reason::Invalid, text))
        }
    }
}

/// What the conditions of a write demand of the version that is there. One that the write does not have is refused,
/// so that nobody relies on it.
///
/// # Errors
/// `NotSupported` where a condition is sent that is none of this write; `Invalid` where one cannot be read.
pub fn demand(write: Write, conditions: &Conditions) -> Result<Demand, Failure> {
    let Conditions { if_match, if_none_match, if_modified_since, if_none_exist } = conditions;
    let (own, others) = match write {
        Write::Create => ("`If-None-Exist`", [if_match, if_none_match, if_modified_since]),
        Write::Update => ("`If-Match` or `If-None-Match: *`", [if_none_exist, if_modified_since, &None]),
        Write::Change => ("`If-Match`", [if_none_exist, if_modified_since, if_none_match]),
    };
    let unheeded = others.into_iter().any(Option::is_some);
    if unheeded || (if_match.is_some() && if_none_match.is_some()) {
        let text = format!("Of conditions, this request has {own} alone; send it without the others.");
        return Err(Failure::new(Reason::NotSupported, text));
    }
    match (if_match, if_none_match) {
        (Some(tags), _) => Ok(match Tags::parse("If-Match", tags)? {
            Tags::Any => Demand::Exists,
            Tags::Versions(versions) => Demand::Versions(versions),
        }),
        (None, Some(tags)) => match Tags::parse("If-None-Match", tags)? {
            Tags::Any => Ok(Demand::Absent),
            Tags::Versions(_) => {
                let text =
                    "On an update, `If-None-Match` is `*`; to name the version to change, send `If-Match`.";
                Err(Failure::new(Reason::NotSupported, text))
            }
        },
        (None, None) => Ok(Demand::Nothing),
    }
}

/// The kinds of write, by the conditions that each has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// What makes a resource: only where none is.
    Create,
    /// What puts one in its place: only where it is at a version, or where there is none.
    Update,
    /// What changes or deletes one: only where it is at a version.
    Change,
}

/// The resource that a URL names by its id, or by the search of its query.
///
/// # Errors
/// `Invalid` for a query beside an id: it would be passed over.
pub fn target(id: Option<String>, request: &Request) -> Result<Target, Failure> {
    let Some(id) = id else { return Ok(Target::Match(request.query.clone())) };
    no_query(request)?;
    Ok(Target::Id(id))
}

/// Refuses the query of a URL that has none.
///
/// # Errors
/// `Invalid`.
pub fn no_query(request: &Request) -> Result<(), Failure> {
    if request.query.is_empty() {
        return Ok(());
    }
    let text = "This URL takes no parameters; a search in it goes with PUT, PATCH or DELETE on a type alone, and with \
                POST in the header If-None-Exist.";
    Err(Failure::new(Reason::Invalid, text))
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
            ("\"a,b\",W/\"4\"", Tags::Versions(vec![NO_VERSION, 4])),
            ("\"99999999999999999999\"", Tags::Versions(vec![NO_VERSION])),
            ("*", Tags::Any),
        ];
        for (text, expected) in cases {
            assert_eq!(Tags::parse("If-Match", text).expect(text), expected, "{text}");
        }
        for text in ["3", "W/3", "\"", "", "\"3\",", "w/\"3\"", "\"3\" \"4\"", "\"\"", "\"3\", *"] {
            assert_eq!(Tags::parse("If-Match", text).expect_err(text).status(), 400, "{text}");
        }
    }

    #[test]
    fn each_write_has_its_own_conditions() {
        let some = |text: &str| Some(text.to_owned());
        let matched = || Conditions { if_match: some("W/\"2\", \"3\""), ..Conditions::default() };
        let absent = || Conditions { if_none_match: some("*"), ..Conditions::default() };
        let exist = || Conditions { if_none_exist: some("a=b"), ..Conditions::default() };
        for write in [Write::Create, Write::Update, Write::Change] {
            assert_eq!(demand(write, &Conditions::default()), Ok(Demand::Nothing));
            let since = Conditions { if_modified_since: some("x"), ..Conditions::default() };
            assert_eq!(demand(write, &since).expect_err("none has it").status(), 400);
        }
        for write in [Write::Update, Write::Change] {
            assert_eq!(demand(write, &matched()), Ok(Demand::Versions(vec![2, 3])));
            let any = Conditions { if_match: some("*"), ..Conditions::default() };
            assert_eq!(demand(write, &any), Ok(Demand::Exists));
            assert!(demand(write, &exist()).is_err());
        }
        assert_eq!(demand(Write::Update, &absent()), Ok(Demand::Absent));
        assert_eq!(demand(Write::Create, &exist()), Ok(Demand::Nothing));
        let both = Conditions { if_none_match: some("*"), ..matched() };
        let tags = Conditions { if_none_match: some("\"1\""), ..Conditions::default() };
        for (write, conditions) in [
            (Write::Create, matched()),
            (Write::Create, absent()),
            (Write::Update, both),
            (Write::Update, tags),
            (Write::Change, absent()),
        ] {
            let failure = demand(write, &conditions).expect_err("it is none of its own");
            assert_eq!(failure.issues[0].code, "not-supported", "{write:?} {conditions:?}");
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
