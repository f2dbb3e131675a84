//! The resources of one type that a write is about, for references by a search of the same write: one may find what is
//! only being made, and not find what is being deleted. <https://hl7.org/fhir/R4/http.html#trules>

use std::collections::HashMap;

use crate::app::session::Session;
use crate::fhir::Resource;
use crate::search::IndexRows;
use crate::search::codes;
use crate::search::meets;
use crate::search::query::Criterion;
use crate::search::rows;

/// Resources by their ids, with what they will be.
#[derive(Default)]
pub(crate) struct Touched<'a> {
    /// None of a deletion.
    made: HashMap<&'a str, Option<&'a Resource>>,
    /// What is worked out when it is first asked for.
    known: Option<Known<'a>>,
}

struct Known<'a> {
    rows: HashMap<&'a str, IndexRows>,
    /// Who has a code in a parameter.
    by_code: HashMap<(i64, String), Vec<&'a str>>,
}

impl<'a> Touched<'a> {
    /// Adds one and what it will be.
    pub(crate) fn add(&mut self, id: &'a str, resource: Option<&'a Resource>) {
        self.made.insert(id, resource);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.made.len()
    }

    /// Whether this is one of them.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.made.contains_key(id)
    }

    /// The ids of those that will meet the criteria; none where only the database can tell.
    pub(crate) fn will_meet(&mut self, session: &Session, criteria: &[Criterion]) -> Option<Vec<String>> {
        let Self { made, known } = self;
        let known = known.get_or_insert_with(|| Known::of(session, made));
        let candidates: Vec<&str> = match codes(criteria) {
            Some(codes) => {
                codes.iter().filter_map(|code| known.by_code.get(code)).flatten().copied().collect()
            }
            None => known.rows.keys().copied().collect(),
        };
        // Whether it can be told at all does not depend on the resource.
        meets(criteria, "", &IndexRows::default())?;
        let meets = |id: &&str| meets(criteria, id, &known.rows[id]) == Some(true);
        let mut ids: Vec<String> = candidates.into_iter().filter(meets).map(str::to_owned).collect();
        ids.sort_unstable();
        ids.dedup();
        Some(ids)
    }
}

impl<'a> Known<'a> {
    fn of(session: &Session, made: &HashMap<&'a str, Option<&'a Resource>>) -> Self {
        let mut known = Self { rows: HashMap::new(), by_code: HashMap::new() };
        for (id, resource) in made.iter().filter_map(|(id, resource)| Some((*id, (*resource)?))) {
            let rows = rows(session.parameters(), resource.value(), session.zone());
            for row in &rows.tokens {
                known.by_code.entry((row.param, row.code.clone())).or_default().push(id);
            }
            known.rows.insert(id, rows);
        }
        known
    }
}
