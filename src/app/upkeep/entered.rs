//! SearchParameters that are stored and active and by which nobody can search: such as were stored before that came of
//! it. `comfrey reindex` enters them before it makes the rows. <https://hl7.org/fhir/R4/searchparameter.html>

use serde_json::Value;

use crate::app::App;
use crate::app::defined;
use crate::app::upkeep::Step;
use crate::app::upkeep::sentence;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::store::Conn;
use crate::store::Defines;
use crate::store::Fault;
use crate::store::parameter_set;
use crate::store::parameter_set::Name;
use crate::store::resources;

/// A definition that is not in use, as it was read.
struct Missing {
    rid: i64,
    version: i64,
    id: String,
    names: Vec<Name>,
}

/// Enters what is missing, and has the index that is about to be begun include it and what waits for it.
pub(super) fn enter(app: &App, tell: &mut dyn FnMut(Step<'_>)) -> Result<(), Failure> {
    let left_out = app.newest_parameter_set()?.left_out.clone();
    let mut missing = Vec::new();
    for (found, wrong) in find(app)? {
        match wrong {
            None => missing.push(found),
            Some(text) => tell(Step::Differs(&line(&found.id, &text))),
        }
    }
    let lines = app.db.write(move |conn| {
        parameter_set::hold_back(conn, &left_out)?;
        let mut rids: Vec<i64> = missing.iter().map(|one| one.rid).collect();
        rids.sort_unstable();
        resources::lock_numbers(conn, &rids)?;
        let mut lines = Vec::new();
        for one in &missing {
            lines.extend(put(conn, one)?.map(|failure| line(&one.id, &sentence(&failure))));
        }
        parameter_set::include_waiting(conn)?;
        Ok(lines)
    });
    lines.map_err(Fault::into_failure)?.iter().for_each(|line| tell(Step::Differs(line)));
    Ok(())
}

/// Those that are active and not in use, each with what is wrong with it.
fn find(app: &App) -> Result<Vec<(Missing, Option<String>)>, Failure> {
    let ty = ResourceType::parse("SearchParameter").expect("SearchParameter is a type of R4");
    let (stored, known) =
        app.db.snapshot(|conn| Ok((parameter_set::stored(conn, ty)?, parameter_set::names(conn)?)))?;
    let mut all = Vec::new();
    for (rid, version, body) in stored {
        // What is no JSON is told where its rows are made.
        let Ok(value) = serde_json::from_slice::<Value>(&body) else { continue };
        let names = defined::names(app, &value);
        let is_known = |(ty, code): &Name| known.get(&(ty.number(), code.clone())) == Some(&rid);
        if names.iter().all(is_known) {
            continue;
        }
        let id = value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let wrong = defined::issues(app, &value).into_iter().next().map(|issue| issue.text);
        all.push((Missing { rid, version, id, names }, wrong));
    }
    Ok(all)
}

/// Enters one, in a savepoint of its own, unless it has another version by now, which has entered itself.
fn put(conn: &mut Conn, one: &Missing) -> Result<Option<Failure>, Fault> {
    if !parameter_set::is_current(conn, one.rid, one.version)? {
        return Ok(None);
    }
    conn.transaction("SAVEPOINT entered")?;
    match defined::put(conn, &[(one.rid, Defines::Same(one.names.clone()))]) {
        Ok(()) => {
            conn.transaction("RELEASE SAVEPOINT entered")?;
            Ok(None)
        }
        Err(Fault::Refused(failure)) => {
            conn.batch("ROLLBACK TO SAVEPOINT entered; RELEASE SAVEPOINT entered")?;
            Ok(Some(failure))
        }
        Err(fault @ (Fault::Stale | Fault::Database(_))) => Err(fault),
    }
}

fn line(id: &str, text: &str) -> String {
    format!("SearchParameter/{id} is active and not searched by: {text}")
}
