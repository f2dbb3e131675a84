//! Everything that belongs to a patient, an encounter or an episode of care, as far as the caller may see it, a page
//! at a time. <https://hl7.org/fhir/R4/patient-operation-everything.html>

use crate::access::Action;
use crate::app::Session;
use crate::app::find::Found;
use crate::fhir::Failure;
use crate::fhir::datetime::Span;
use crate::search::Parameters;
use crate::search::Position;
use crate::search::plan::record::Care;
use crate::search::plan::record::Part;
use crate::search::plan::record::Place;
use crate::search::plan::record::RecordQuery;
use crate::search::record_plan;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::Stored;
use crate::store::matches;

impl Session {
    /// A page of a record: what belongs to it as matches, and at its end what that points to as includes.
    ///
    /// # Errors
    /// Only what the database fails with: what the caller may not see is left out.
    pub fn record(&self, query: &RecordQuery) -> Result<Found, Failure> {
        let restriction = self.caller().restriction(Action::Search);
        let count = i64::from(query.count);
        let part = |conn: &mut Conn, after: Place, limit: i64| -> Result<(Vec<Stored>, bool), Fault> {
            let plan = record_plan(&self.app.parameters, query, (after, limit + 1), &restriction);
            let hits = matches::hits(conn, plan)?.into_iter().map(|hit| hit.stored);
            let mut stored: Vec<Stored> = hits.collect();
            let more = i64::try_from(stored.len()).is_ok_and(|found| found > limit);
            stored.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok((stored, more))
        };
        self.app.db.for_searches().snapshot(|conn| {
            let mut found = Found::default();
            if query.after.part == Part::Own {
                let (own, more) = part(conn, query.after, count)?;
                found.matches = own;
                if more {
                    found.next = found.matches.last().map(|last| after(query, Part::Own, last));
                    return Ok(found);
                }
                if query.after == Place::START {
                    found.total = i64::try_from(found.matches.len()).ok();
                }
            }
            let from = match query.after.part {
                Part::Own => Place { part: Part::Linked, key: 0 },
                Part::Linked => query.after,
            };
            let left = count - i64::try_from(found.matches.len()).unwrap_or(count);
            let (linked, more) = part(conn, from, left)?;
            if more {
                let last = linked.last().map(|last| after(query, Part::Linked, last));
                found.next = last.or_else(|| Some(position(from)));
            }
            found.included = linked;
            Ok(found)
        })
    }

    /// Care of this time, by the dates that say when it was given.
    pub fn care_of(&self, span: Span) -> Care {
        let parameters: &Parameters = &self.app.parameters;
        let mut care = Care { span, at: Vec::new(), from: Vec::new(), until: Vec::new() };
        for (ty, dates) in &self.app.definitions.care_dates {
            let numbers = |codes: &[String]| {
                let found = codes.iter().filter_map(|code| parameters.find(*ty, code));
                found.map(|parameter| parameter.number).collect::<Vec<i64>>()
            };
            care.at.extend(numbers(&dates.at));
            care.from.extend(numbers(&dates.from));
            care.until.extend(numbers(&dates.until));
        }
        care
    }
}

fn after(query: &RecordQuery, part: Part, last: &Stored) -> Position {
    position(Place { part, key: query.key(last.ty, &last.id, last.rid) })
}

/// A place as it stands in a cursor.
fn position(place: Place) -> Position {
    let part = match place.part {
        Part::Own => "own",
        Part::Linked => "linked",
    };
    Position { keys: vec![Some(part.to_owned())], rid: place.key }
}
