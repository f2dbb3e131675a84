//! What a history is asked for: its parameters, or a sealed page link that holds them.
//! <https://hl7.org/fhir/R4/http.html#history>

use serde_json::Value;
use serde_json::json;

use crate::app::HistoryFrom;
use crate::app::HistoryOf;
use crate::app::HistoryPage;
use crate::app::HistoryWay;
use crate::app::Session;
use crate::app::Stored;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::datetime;
use crate::fhir::form;
use crate::interactions::request::Handling;
use crate::interactions::request::Request;
use crate::interactions::subset::Subset;
use crate::search::page;
use crate::search::query::Order;

/// Carries a sealed cursor.
const CURSOR: &str = "_cursor";
/// Says to what a sealed text belongs, so that the cursor of a search is not taken for one of a history.
const PURPOSE: &[u8] = b"comfrey history cursor 1";

/// What is asked.
pub(super) struct Asked {
    /// The page.
    pub(super) page: HistoryPage,
    /// Which part of each version.
    pub(super) subset: Subset,
    /// The path under the base URL.
    path: String,
    /// The parameters as they were understood, percent-encoded.
    query: String,
    /// The cursor, where the page was asked for by one.
    cursor: Option<String>,
    total: Total,
}

/// What `_total` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Total {
    Unsaid,
    None,
    Counted,
}

impl Asked {
    pub(super) fn parse(session: &Session, of: HistoryOf, request: &Request) -> Result<Self, Failure> {
        let pairs = form::pairs(&request.query)?;
        let path = path(&of);
        let Some((_, cursor)) = pairs.iter().find(|(name, _)| name == CURSOR) else {
            return Self::read(session, (of, path), &pairs, request.prefer.handling);
        };
        if pairs.iter().any(|(name, _)| !matches!(name.as_str(), CURSOR | "_format" | "_pretty")) {
            return Err(wrong("A page link is followed as it is; it takes no further parameters."));
        }
        let (query, from) = open(session, &path, cursor)?;
        let pairs = form::pairs(&query)?;
        let asked = Self::read(session, (of, path), &pairs, Handling::Strict)?;
        let page = HistoryPage { from: Some(from), ..asked.page };
        Ok(Self { page, cursor: Some(cursor.clone()), ..asked })
    }

    fn read(
        session: &Session,
        (of, path): (HistoryOf, String),
        pairs: &[(String, String)],
        handling: Handling,
    ) -> Result<Self, Failure> {
        let context = session.context();
        let types = match &of {
            HistoryOf::One(ty, _) | HistoryOf::Type(ty) => Some(*ty),
            HistoryOf::All => None,
        };
        let mut page = HistoryPage {
            of,
            since: None,
            at: None,
            order: Order::Descending,
            from: None,
            count: context.default_count,
            counted: false,
        };
        let (mut total, mut parts, mut understood) = (Total::Unsaid, Parts::default(), Vec::new());
        for (name, value) in pairs {
            if understood.iter().any(|(known, _)| known == name) {
                return Err(wrong_of(name, &format!("`{name}` is there twice; give it once.")));
            }
            match name.as_str() {
                "_count" => page.count = count(value)?.min(context.max_count),
                "_since" => page.since = Some(span(session, name, value)?.low),
                "_at" => page.at = Some(span(session, name, value)?),
                "_sort" => page.order = order(value)?,
                "_total" => total = Total::parse(value)?,
                "_summary" => parts.summary = Some(value),
                "_elements" => parts.elements = Some(value),
                "_format" | "_pretty" => continue,
                _ if handling == Handling::Lenient => continue,
                _ => return Err(unknown(name)),
            }
            understood.push((name.clone(), value.clone()));
        }
        if parts.summary.is_some_and(|value| value == "count") {
            (page.count, parts.summary) = (0, None);
        }
        let subset =
            Subset::of(types, parts.summary.map(String::as_str), parts.elements.map(String::as_str))?;
        page.counted = total == Total::Counted
            || page.count == 0
            || (matches!(page.of, HistoryOf::One(..)) && total == Total::Unsaid);
        let query = shown(&understood, page.count);
        Ok(Self { page, subset, path, query, cursor: None, total })
    }

    /// Whether the answer may say how many there are.
    pub(super) fn may_count(&self) -> bool {
        self.total != Total::None
    }

    /// The URL of this page.
    pub(super) fn own_url(&self, session: &Session) -> String {
        match &self.cursor {
            Some(cursor) => format!("{}/{}?{CURSOR}={cursor}", session.base_url(), self.path),
            None => self.first_url(session),
        }
    }

    /// The URL of the first page.
    pub(super) fn first_url(&self, session: &Session) -> String {
        format!("{}/{}?{}", session.base_url(), self.path, self.query)
    }

    /// The URL of the page behind a version, or before it.
    pub(super) fn page_url(&self, session: &Session, version: &Stored, way: HistoryWay) -> String {
        let at = match self.page.of {
            HistoryOf::One(..) => version.version,
            HistoryOf::Type(_) | HistoryOf::All => version.updated,
        };
        let back = way == HistoryWay::Back;
        let place = json!([self.path, self.query, at, version.rid, back]);
        let cursor = page::seal_value(&session.seal(), PURPOSE, &place);
        format!("{}/{}?{CURSOR}={cursor}", session.base_url(), self.path)
    }
}

/// What names a part of the resources.
#[derive(Default)]
struct Parts<'a> {
    summary: Option<&'a String>,
    elements: Option<&'a String>,
}

impl Total {
    fn parse(value: &str) -> Result<Self, Failure> {
        match value {
            "none" => Ok(Self::None),
            "accurate" | "estimate" => Ok(Self::Counted),
            _ => Err(wrong_of("_total", "`_total` is none, estimate or accurate.")),
        }
    }
}

fn path(of: &HistoryOf) -> String {
    match of {
        HistoryOf::One(ty, id) => format!("{ty}/{id}/_history"),
        HistoryOf::Type(ty) => format!("{ty}/_history"),
        HistoryOf::All => "_history".to_owned(),
    }
}

/// The parameters as they were understood; how many entries a page has is said even where it was not asked.
fn shown(understood: &[(String, String)], count: u32) -> String {
    let rest = understood.iter().filter(|(name, _)| name != "_count");
    let rest: String = rest.map(|(name, value)| format!("&{name}={}", form::encoded(value))).collect();
    format!("_count={count}{rest}")
}

fn open(session: &Session, path: &str, cursor: &str) -> Result<(String, HistoryFrom), Failure> {
    let place = page::open_value(&session.seal(), PURPOSE, cursor);
    let place = place.as_ref().and_then(Value::as_array).map(Vec::as_slice);
    let Some([own, query, at, rid, back]) = place else {
        return Err(wrong(
            "The page link is not one that this server gave to you; start again with the history itself.",
        ));
    };
    if own != path {
        return Err(wrong("The page link belongs to another history."));
    }
    let way = if *back == true { HistoryWay::Back } else { HistoryWay::On };
    let numbers = at.as_i64().zip(rid.as_i64());
    let (at, rid) = numbers.ok_or_else(|| Failure::internal("a sealed cursor holds no place"))?;
    Ok((query.as_str().unwrap_or_default().to_owned(), HistoryFrom { at, rid, way }))
}

fn count(value: &str) -> Result<u32, Failure> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    // What is too long for a number is larger than any that there is.
    is_number
        .then(|| value.parse().unwrap_or(u32::MAX))
        .ok_or_else(|| wrong_of("_count", "`_count` must be a whole number."))
}

fn span(session: &Session, name: &str, value: &str) -> Result<datetime::Span, Failure> {
    datetime::span(&value.replace(' ', "+"), session.zone()).ok_or_else(|| {
        wrong_of(name, &format!("`{name}` must be a date or an instant, such as 2026-03-01T12:00:00Z."))
    })
}

fn order(value: &str) -> Result<Order, Failure> {
    match value {
        "-_lastUpdated" => Ok(Order::Descending),
        "_lastUpdated" => Ok(Order::Ascending),
        _ => {
            let text = "A history is sorted by `-_lastUpdated`, the newest first, or by `_lastUpdated`.";
            Err(wrong_of("_sort", text))
        }
    }
}

fn unknown(name: &str) -> Failure {
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    let text = format!(
        "A history has no parameter `{name}`; it has `_since`, `_at`, `_count`, `_sort`, `_total`, `_summary` and \
         `_elements`."
    );
    wrong_of(&name, &text)
}

/// What a parameter has wrong, by its name.
fn wrong_of(name: &str, text: &str) -> Failure {
    wrong(text).at(format!("http.{name}"))
}

fn wrong(text: &str) -> Failure {
    Failure::new(Reason::Invalid, text)
}
