//! The versions of a resource, of a type or of all types, as far as the caller may see them.
//! <https://hl7.org/fhir/R4/http.html#history>

use crate::access::Action;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::Span;
use crate::search::query::Order;
use crate::store::Stored;
use crate::store::history;
use crate::store::history::Of;
use crate::store::history::Place;
use crate::store::history::Walk;
use crate::store::resources::Narrow;

/// A page of a history.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// Whose.
    pub of: HistoryOf,
    /// Only versions written at this time or later.
    pub since: Option<Micros>,
    /// Only versions that were current at some time of this span, and deletions within it.
    pub at: Option<Span>,
    /// By their time.
    pub order: Order,
    /// Where the page begins; none for the first one.
    pub from: Option<HistoryFrom>,
    /// How many versions at most.
    pub count: u32,
    /// Whether the versions of all pages are counted too.
    pub counted: bool,
}

/// Whose versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryOf {
    /// One resource's.
    One(ResourceType, String),
    /// Those of a type.
    Type(ResourceType),
    /// All.
    All,
}

/// Where a page begins: behind a version, the way the history goes or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryFrom {
    /// The version's number in the history of one resource, else its time.
    pub at: i64,
    /// The number of its resource.
    pub rid: i64,
    /// Which way.
    pub way: HistoryWay,
}

/// Which way a page lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryWay {
    /// The way the history goes.
    On,
    /// Back to what was shown before.
    Back,
}

/// What of a history was found.
#[derive(Clone, Debug, Default)]
pub struct HistoryFound {
    /// The versions of the page, in the history's order.
    pub versions: Vec<Stored>,
    /// How many there are in all, where they were counted.
    pub total: Option<i64>,
    /// Whether there is more, the way that the page was looked for.
    pub more: bool,
}

impl HistoryPage {
    /// The newest versions of a resource.
    pub fn newest(ty: ResourceType, id: &str, count: u32) -> Self {
        Self {
            of: HistoryOf::One(ty, id.to_owned()),
            since: None,
            at: None,
            order: Order::Descending,
            from: None,
            count,
            counted: true,
        }
    }

    fn walk(&self, of: Of) -> Walk {
        Walk {
            of,
            since: self.since,
            until: self.at.map(|span| span.high),
            current_at: self.at.map(|span| span.low),
            order: self.order,
            after: None,
        }
    }
}

impl Session {
    /// A page of a history, deletions included.
    ///
    /// # Errors
    /// `Forbidden` without the scope; `NotFound` where there never was such a resource that the caller may see.
    pub fn history(&self, page: &HistoryPage) -> Result<HistoryFound, Failure> {
        let walk = page.walk(self.whose(&page.of)?);
        let way = page.from.map_or(HistoryWay::On, |from| from.way);
        let order = match (way, page.order) {
            (HistoryWay::On, order) => order,
            (HistoryWay::Back, Order::Ascending) => Order::Descending,
            (HistoryWay::Back, Order::Descending) => Order::Ascending,
        };
        let after = page.from.map(|from| Place { at: from.at, rid: from.rid });
        let (looked, count) = (Walk { order, after, ..walk.clone() }, i64::from(page.count));
        let mut found = self.app.db.snapshot(|conn| {
            let mut found = HistoryFound::default();
            if count > 0 {
                found.versions = history::page(conn, &looked, count + 1)?;
            }
            found.total = page.counted.then(|| history::count(conn, &walk)).transpose()?;
            Ok(found)
        })?;
        found.more = i64::try_from(found.versions.len()).unwrap_or(i64::MAX) > count;
        found.versions.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        if way == HistoryWay::Back {
            found.versions.reverse();
        }
        Ok(found)
    }

    /// Refuses a history that the caller's scopes do not allow at all, whatever there is.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn require_history(&self, of: &HistoryOf) -> Result<(), Failure> {
        match of {
            HistoryOf::One(ty, _) => self.require(Action::Read, *ty),
            HistoryOf::Type(ty) => self.require(Action::Search, *ty),
            HistoryOf::All => self.visible_types().map(|_| ()),
        }
    }

    /// A resource's history takes the scope to read it; those of a type and of all types show what is there, as a
    /// search does, and take the scope for that.
    /// <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources>
    fn whose(&self, of: &HistoryOf) -> Result<Of, Failure> {
        match of {
            HistoryOf::One(ty, id) => Ok(Of::One(self.current(*ty, id)?.rid, self.narrow(Action::Read, *ty))),
            HistoryOf::Type(ty) => {
                self.require(Action::Search, *ty)?;
                Ok(Of::Types(vec![(self.narrow(Action::Search, *ty), vec![*ty])]))
            }
            HistoryOf::All => self.visible_types().map(Of::Types),
        }
    }

    /// All types that the caller sees something of, those together that are seen in the same way.
    pub(super) fn visible_types(&self) -> Result<Vec<(Narrow, Vec<ResourceType>)>, Failure> {
        let mut groups: Vec<(Narrow, Vec<ResourceType>)> = Vec::new();
        for ty in ResourceType::all() {
            let narrow = self.narrow(Action::Search, ty);
            match groups.iter_mut().find(|(other, _)| *other == narrow) {
                _ if narrow == Narrow::Nothing => {}
                Some((_, types)) => types.push(ty),
                None => groups.push((narrow, vec![ty])),
            }
        }
        if groups.is_empty() {
            let text = "The access token does not allow this; it takes a scope such as `user/*.s`.";
            return Err(Failure::new(Reason::Forbidden, text));
        }
        Ok(groups)
    }
}
