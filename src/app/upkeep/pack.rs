//! An embedded database that an import has filled is written anew in the order of its tables, once.
//! <https://www.sqlite.org/lang_vacuum.html>
//!
//! What is indexed comes in no order, so that the pages of an index are left three quarters full: packed, a thousand
//! patients of sixty resources take 141 MB and not 149, and take up as much less of every cache. It takes a second for
//! these. One that held something before is left alone: others may be at work in it, and it fills its pages as it goes on.

use crate::app::App;
use crate::app::upkeep::sentence;

/// By how much an import is to have multiplied the pages.
const TIMES: i64 = 4;
/// How many bytes there may be: while it is written anew, up to three times as many are on the disk.
const MOST: i64 = 4 << 30;

impl App {
    /// How many bytes an embedded database takes; none of a server, or where it cannot be told.
    pub(crate) fn bytes(&self) -> Option<i64> {
        self.db.read(|conn| Ok(crate::store::packed::bytes(conn)?)).ok().flatten()
    }

    /// Packs an embedded database that had so many bytes before it was filled. Should that fail, it is logged alone: what
    /// was stored is stored.
    pub(crate) fn pack_if_filled(&self, before: Option<i64>) {
        let (Some(before), Some(now)) = (before, self.bytes()) else { return };
        if now < before.saturating_mul(TIMES) || now > MOST {
            return;
        }
        if let Err(fault) = self.db.pack() {
            log::warn!(
                "the database was filled and could not be packed: {}",
                sentence(&fault.into_failure())
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::app::App;
    use crate::app::Change;
    use crate::app::ChangeAction;
    use crate::app::Clock;
    use crate::app::Session;
    use crate::app::upkeep::check;
    use crate::config::Auth;
    use crate::config::Config;
    use crate::fhir::Resource;

    fn fill(session: &Session, names: std::ops::Range<usize>) {
        let change = |at: usize| {
            let value = serde_json::json!({ "resourceType": "Patient", "name": [{ "family": format!("f{}", at * 7919 % 4001) }],
                "identifier": [{ "system": "urn:x", "value": format!("{}", at * 104_729 % 9973) }] });
            Change::client(ChangeAction::update(Resource::from_value(value).unwrap(), format!("p{at}"), None))
        };
        for at in names.step_by(500) {
            session.write((at..at + 500).map(change).collect()).unwrap();
        }
    }

    #[test]
    fn a_database_is_packed_that_was_filled_and_none_that_held_much_before() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("x.db").display());
        let config = Config { database_url: url, auth: Auth::Off, pool: Some(2), ..Config::default() };
        let app = App::open(config, Clock::system()).unwrap();
        let session = Session::system(Arc::clone(&app));
        let empty = app.bytes().unwrap();
        fill(&session, 0..4_000);
        let filled = app.bytes().unwrap();
        app.pack_if_filled(Some(filled / 2));
        assert_eq!(app.bytes(), Some(filled), "it held half of it before");
        app.pack_if_filled(Some(filled / 8));
        let packed = app.bytes().unwrap();
        assert!(empty < packed && packed < filled, "{empty} < {packed} < {filled}");
        let found = session.read(crate::fhir::ResourceType::parse("Patient").unwrap(), "p3999").unwrap();
        assert_eq!(found.value().unwrap()["identifier"][0]["value"], format!("{}", 3999 * 104_729 % 9973));
        fill(&session, 4_000..4_500);
        let checked = check(&app.config, &mut |_| {}).unwrap();
        assert_eq!((checked.differences, checked.resources > 4_500), (0, true), "{checked:?}");
    }
}
