//! What the machine can do at best: a bare handler that fetches the bytes of a resource by its primary key from
//! SQLite, through a pool, on the thread that answers. <https://docs.rs/actix-web>
//!
//! It is a process of its own, as the server is, so that both share the machine with the client in the same way.

use std::net::TcpListener;
use std::path::Path;

use actix_web::App;
use actix_web::HttpResponse;
use actix_web::HttpServer;
use actix_web::web;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::ConnectionManager;
use diesel::r2d2::CustomizeConnection;
use diesel::r2d2::Pool;

diesel::table! {
    reference (id) {
        id -> Text,
        body -> Binary,
    }
}

type Connections = Pool<ConnectionManager<SqliteConnection>>;

/// Makes the file; the rows are those of the iterator.
pub fn fill(file: &Path, rows: impl Iterator<Item = (String, Vec<u8>)>) -> Result<(), String> {
    let mut connection =
        SqliteConnection::establish(&file.to_string_lossy()).map_err(|cause| cause.to_string())?;
    let filled = connection.transaction(|connection| {
        connection.batch_execute(
            "PRAGMA user_version=1; CREATE TABLE reference (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
        )?;
        for (id, body) in rows {
            let row = (reference::id.eq(id), reference::body.eq(body));
            diesel::insert_into(reference::table).values(row).execute(connection)?;
        }
        QueryResult::Ok(())
    });
    filled.map_err(|cause| cause.to_string())
}

/// Serves the file on a port, until the process ends.
pub fn serve(file: &Path, port: u16) -> Result<(), String> {
    let manager = ConnectionManager::<SqliteConnection>::new(file.to_string_lossy());
    let pool = Pool::builder().max_size(8).connection_customizer(Box::new(Mapped));
    let pool = pool.build(manager).map_err(|cause| cause.to_string())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|cause| cause.to_string())?;
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let app = move || {
        App::new().app_data(web::Data::new(pool.clone())).route("/fhir/Goal/{id}", web::get().to(fetch))
    };
    let serving = async move { HttpServer::new(app).workers(workers).listen(listener)?.run().await };
    actix_web::rt::System::new().block_on(serving).map_err(|cause| cause.to_string())
}

/// Gives each connection what the service gives its own.
#[derive(Debug)]
struct Mapped;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Mapped {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        let settings = "PRAGMA mmap_size=1073741824; PRAGMA cache_size=-8192";
        connection.batch_execute(settings).map_err(diesel::r2d2::Error::QueryError)
    }
}

async fn fetch(pool: web::Data<Connections>, id: web::Path<String>) -> HttpResponse {
    let Ok(mut connection) = pool.get() else { return HttpResponse::ServiceUnavailable().finish() };
    let row = reference::table.find(id.as_str()).select(reference::body).first::<Vec<u8>>(&mut connection);
    match row {
        Ok(body) => HttpResponse::Ok().content_type("application/fhir+json").body(body),
        Err(_) => HttpResponse::NotFound().finish(),
    }
}
