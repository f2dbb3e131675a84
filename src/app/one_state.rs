//! Reading several times of one state of the database, without holding up who writes.
//! <https://hl7.org/fhir/R4/http.html#transaction>
//!
//! What is read may have something to keep before it answers: findings that are due. In a state that nothing changes
//! that cannot be, so it is then read once by itself, which keeps it, and once more of one state; what has become due
//! in between is told as such. What still writes then, such as a `$validate` that tries whether a write would be taken, is
//! read within a write, which is undone or keeps it.

use std::time::Instant;

use crate::app::session::Session;
use crate::fhir::Failure;

impl Session {
    /// Reads, until then, all of one state of the database. It may be done several times.
    ///
    /// # Errors
    /// What the reading refuses; 413 `too-costly` where it takes too long.
    pub fn read_together<T: Send + 'static>(
        &self,
        until: Instant,
        read: impl Fn(&Self) -> Result<T, Failure> + Send + Sync + 'static,
    ) -> Result<T, Failure> {
        // The search parameters are those of before the state, as for any search.
        self.parameter_set();
        let newest = self.seeing_its_writes();
        let allowed = self.allowance.left();
        // What is read again is not the request's own work.
        let again = || {
            self.allowance.set(allowed);
            read(&newest)
        };
        if let Some(done) = self.app().db.look(until, false, again)? {
            return Ok(done);
        }
        again()?;
        if let Some(done) = self.app().db.look(until, true, again)? {
            return Ok(done);
        }
        self.allowance.set(allowed);
        self.write_and_read(Vec::new(), read).map(|(_, done)| done)
    }
}
