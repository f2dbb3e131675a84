//! Makes and judges the connections of a pool.

use diesel::ConnectionError;

use crate::store::connection::Conn;
use crate::store::target::Target;

/// Makes connections for the pool.
pub(crate) struct Manager(pub(crate) Target);

impl r2d2::ManageConnection for Manager {
    type Connection = Conn;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Conn, ConnectionError> {
        Conn::open(&self.0)
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<(), ConnectionError> {
        conn.batch("SELECT 1").map_err(ConnectionError::CouldntSetupConfiguration)
    }

    /// A connection that comes back while its thread panics may stand in the middle of a transaction.
    fn has_broken(&self, conn: &mut Conn) -> bool {
        conn.is_broken() || conn.is_worn() || std::thread::panicking()
    }
}
