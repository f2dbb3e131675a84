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
use crate::store::moment;
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
        let walk = self.settled(page.walk(self.whose(&page.of)?))?;
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

    /// Ends a walk by time where nothing can come to be seen before its end any more.
    fn settled(&self, walk: Walk) -> Result<Walk, Failure> {
        if matches!(walk.of, Of::One(..)) {
            return Ok(walk);
        }
        let until = moment::settled(&self.app.db)?.into_iter().chain(walk.until).min();
        Ok(Walk { until, ..walk })
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering;
    use std::sync::mpsc;

    use serde_json::json;

    use super::*;
    use crate::app::App;
    use crate::app::Change;
    use crate::app::ChangeAction;
    use crate::app::Clock;
    use crate::app::commit::commit;
    use crate::app::prepare::prepare;
    use crate::config::Auth;
    use crate::config::Config;
    use crate::fhir::Resource;
    use crate::store::fresh::on_each;
    use crate::store::fresh::on_postgres;

    const START: Micros = 1_772_366_400_000_000;

    /// Two servers on one database, of which the second's clock is ten seconds behind.
    fn two_servers(url: &str) -> [Session; 2] {
        [0, 10_000_000].map(|behind| {
            let config =
                Config { database_url: url.into(), auth: Auth::Off, pool: Some(16), ..Config::default() };
            Session::system(App::open(config, Clock::set_to(START - behind)).expect("it opens"))
        })
    }

    fn put(id: &str) -> Vec<Change> {
        let patient = json!({ "resourceType": "Patient", "id": id });
        vec![Change::client(ChangeAction::update(Resource::from_value(patient).unwrap(), id, None))]
    }

    /// The oldest versions first, at most seven, from a place or from a time on.
    fn oldest(session: &Session, from: Option<Place>, since: Option<Micros>) -> Vec<Stored> {
        let of = HistoryOf::Type(ResourceType::parse("Patient").unwrap());
        let from = from.map(|place| HistoryFrom { at: place.at, rid: place.rid, way: HistoryWay::On });
        let order = Order::Ascending;
        let page = HistoryPage { of, since, at: None, order, from, count: 7, counted: false };
        session.history(&page).unwrap().versions
    }

    fn names(versions: &[Stored]) -> Vec<&str> {
        versions.iter().map(|stored| stored.id.as_str()).collect()
    }

    #[test]
    fn a_version_that_is_committed_late_is_neither_skipped_nor_shown_after_later_ones() {
        on_postgres(|url| {
            let [session, other] = two_servers(url);
            session.write(put("first")).unwrap();
            let ((ready, is_ready), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
            let (batch, db) = (prepare(&session, &put("late")).unwrap(), session.app.db.clone());
            let held = std::thread::spawn(move || {
                db.write(move |conn| {
                    commit(conn, &batch)?;
                    ready.send(()).unwrap();
                    released.recv().ok();
                    Ok(())
                })
            });
            is_ready.recv().unwrap();
            other.write(put("later")).unwrap();
            let seen = oldest(&session, None, None);
            assert_eq!(names(&seen), ["first"]);
            let newest = seen.last().unwrap();
            let place = Place { at: newest.updated, rid: newest.rid };
            assert!(oldest(&other, Some(place), None).is_empty());
            assert_eq!(names(&oldest(&other, None, Some(newest.updated))), ["first"]);
            let own = HistoryPage::newest(newest.ty, "later", 9);
            assert_eq!(session.history(&own).unwrap().versions.len(), 1, "its own history shows it at once");
            release.send(()).unwrap();
            held.join().unwrap().unwrap();
            assert_eq!(names(&oldest(&session, Some(place), None)), ["late", "later"]);
            assert_eq!(names(&oldest(&session, None, Some(newest.updated))), ["first", "late", "later"]);
        });
    }

    #[test]
    fn who_follows_changes_by_pages_or_by_since_meets_each_version() {
        on_each(|url| {
            let servers = two_servers(url).map(Arc::new);
            let done = AtomicBool::new(false);
            let (by_place, by_since) = std::thread::scope(|scope| {
                let (servers, done) = (&servers, &done);
                let writers: Vec<_> = (0..6)
                    .map(|writer| {
                        scope.spawn(move || {
                            for at in 0..30 {
                                servers[writer % 2].write(put(&format!("p{}", (at + writer) % 9))).unwrap();
                            }
                        })
                    })
                    .collect();
                let by_place = scope.spawn(move || follow_by_place(&servers[0], done));
                let by_since = scope.spawn(move || follow_by_since(&servers[1], done));
                writers.into_iter().for_each(|writer| writer.join().unwrap());
                done.store(true, Ordering::SeqCst);
                (by_place.join().unwrap(), by_since.join().unwrap())
            });
            assert_eq!(by_place.len(), 180);
            assert_eq!(by_place.iter().collect::<HashSet<_>>().len(), 180, "nothing twice");
            assert_eq!(by_since.len(), 180);
        });
    }

    fn follow_by_place(session: &Session, done: &AtomicBool) -> Vec<(i64, i64)> {
        let (mut all, mut from) = (Vec::new(), None);
        loop {
            let was_done = done.load(Ordering::SeqCst);
            let page = oldest(session, from, None);
            all.extend(page.iter().map(|stored| (stored.rid, stored.version)));
            from = page.last().map(|stored| Place { at: stored.updated, rid: stored.rid }).or(from);
            if page.is_empty() && was_done {
                return all;
            }
        }
    }

    /// Asks with the millisecond of the newest version, as a client does.
    fn follow_by_since(session: &Session, done: &AtomicBool) -> HashSet<(i64, i64)> {
        let (mut all, mut since) = (HashSet::new(), None);
        loop {
            let was_done = done.load(Ordering::SeqCst);
            let (known, mut page) = (all.len(), oldest(session, None, since));
            while let Some(last) = page.last() {
                since = Some(last.updated - last.updated % 1_000);
                all.extend(page.iter().map(|stored| (stored.rid, stored.version)));
                page = oldest(session, Some(Place { at: last.updated, rid: last.rid }), since);
            }
            if all.len() == known && was_done {
                return all;
            }
        }
    }
}
