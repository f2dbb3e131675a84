//! The index of a database that another version of the service made: it is made anew while this one serves, without
//! anybody having to ask for it. Until then searches may miss what was written by other rules.
//! <https://hl7.org/fhir/R4/search.html>

use crate::app::App;
use crate::app::upkeep::Step;
use crate::fhir::Failure;
use crate::search::rules;
use crate::store::Fault;
use crate::store::tables;

/// After how many resources the log says how far it is.
const TOLD_EVERY: u64 = 50_000;

/// What came of looking at the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// Its rows are of this version's rules, or as right as they can be made; there is no need to look again.
    Done,
    /// Another instance is at it.
    Elsewhere,
}

impl App {
    /// Makes the index anew where another version's rules made it, one instance at a time. Where something cannot be
    /// mended, that is told once, and left to `comfrey reindex` from then on.
    ///
    /// # Errors
    /// Only what the database fails with; what was mended until then stays mended.
    pub fn renew_index(&self) -> Result<Renewed, Failure> {
        let rules = rules(&self.parameters);
        if self.db.read(|conn| Ok(tables::is_index_tried(conn, rules)?))? {
            return Ok(Renewed::Done);
        }
        if !self.is_mine_to_keep_up()? {
            return Ok(Renewed::Elsewhere);
        }
        log::warn!(
            "the search index was made by another version's rules: it is made anew now, and until then searches may \
             miss something or find too much"
        );
        let mut lines = 0;
        let mut tell = |step: Step<'_>| match step {
            Step::Done(resources, last) => {
                // Whoever takes over in between does the same once more, which changes nothing.
                _ = self.is_mine_to_keep_up();
                let before = lines;
                lines += resources;
                if before / TOLD_EVERY != lines / TOLD_EVERY {
                    log::info!("the index of {lines} resources is as it should be, up to number {last}");
                }
            }
            Step::Ahead(_) | Step::Differs(_) => {}
        };
        let done = self.reindex(0, &mut tell).map_err(Failure::internal)?;
        if done.refused > 0 {
            let tried = self.db.write(move |conn| Ok(tables::put_index_tried(conn, rules)?));
            tried.map_err(Fault::into_failure)?;
        }
        match done.refused {
            0 => log::info!(
                "the search index is by this version's rules; {} resources were mended",
                done.mended
            ),
            refused => log::warn!(
                "the index rows of {refused} resources could not be mended: `comfrey reindex` names them"
            ),
        }
        Ok(Renewed::Done)
    }
}
