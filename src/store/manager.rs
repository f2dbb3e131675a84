//! Makes and judges the connections of a pool.

use std::time::Duration;

use diesel::ConnectionError;

use crate::store::connection::Conn;
use crate::store::target::Target;

/// Makes connections for the pool.
pub(crate) struct Manager {
    /// To what they go.
    pub(crate) target: Target,
    /// How long a statement may take.
    pub(crate) longest: Duration,
}

impl r2d2::ManageConnection for Manager {
    type Connection = Conn;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Conn, ConnectionError> {
        let mut conn = Conn::open(&self.target)?;
        conn.limit(self.longest).map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(conn)
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<(), ConnectionError> {
        conn.batch("SELECT 1").map_err(ConnectionError::CouldntSetupConfiguration)
    }

    /// A connection that comes back while its thread panics may stand in the middle of a transaction.
    fn has_broken(&self, conn: &mut Conn) -> bool {
        conn.is_broken() || conn.is_worn() || std::thread::panicking()
    }
}
