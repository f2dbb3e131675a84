//! What a client may ask, over HTTP or in a Bundle: one file each. <https://hl7.org/fhir/R4/http.html>

pub mod asynchronous;
pub mod batch;
pub mod body;
pub mod capabilities;
pub mod conditions;
pub mod create;
pub mod delete;
mod emergency;
mod explain;
pub mod history;
pub mod patch;
pub mod read;
pub mod request;
pub mod route;
pub mod search;
pub mod short;
pub mod subset;
pub mod update;
pub mod written;

pub use request::Body;
pub use request::Conditions;
pub use request::Handling;
pub use request::Method;
pub use request::PatchFormat;
pub use request::Prefer;
pub use request::Request;
pub use request::Return;
pub use route::route;
pub use search::Field;
pub use short::is_short;

use crate::app::Answer;
use crate::app::App;
use crate::app::Change;
use crate::app::HistoryOf;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::fhir::operation::Parameter;
use crate::interactions::written::Wanted;
use crate::operations;

/// One thing that a client can ask for; method and path become this in [`route`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// What this server can do.
    Capabilities,
    /// The current version of a resource.
    Read {
        /// Its type.
        ty: ResourceType,
        /// Its id.
        id: String,
    },
    /// One version of a resource.
    Vread {
        /// Its type.
        ty: ResourceType,
        /// Its id.
        id: String,
        /// The version.
        version: i64,
    },
    /// A new resource, perhaps only if a condition finds none.
    Create {
        /// Its type.
        ty: ResourceType,
    },
    /// A new version of a resource, or a new one under an id of the client's choice.
    Update {
        /// Its type.
        ty: ResourceType,
        /// Its id; without one, the search of the URL says which it is.
        id: Option<String>,
    },
    /// A new version that is made out of the current one.
    Patch {
        /// The resource's type.
        ty: ResourceType,
        /// Its id; without one, the search of the URL says which it is.
        id: Option<String>,
    },
    /// The end of a resource.
    Delete {
        /// Its type.
        ty: ResourceType,
        /// Its id; without one, the search of the URL says which it is.
        id: Option<String>,
    },
    /// The versions of a resource, of a type or of all types.
    History {
        /// Whose.
        of: HistoryOf,
    },
    /// The resources that match.
    Search {
        /// Of which type, and where.
        field: Field,
    },
    /// A Bundle of requests: batch or transaction.
    Batch,
    /// A `$operation`.
    Operation {
        /// Its code, without the dollar sign.
        code: String,
        /// The type and perhaps the instance that it is called on.
        target: Option<(ResourceType, Option<String>)>,
    },
    /// How far a request is that was taken on, or its answer.
    AsyncStatus {
        /// The id that it was given.
        id: String,
    },
    /// The end of a request that was taken on.
    AsyncCancel {
        /// The id that it was given.
        id: String,
    },
}

impl Interaction {
    /// Whether it asks for resources to be written, and for nothing else.
    pub fn is_write(&self) -> bool {
        match self {
            Self::Create { .. } | Self::Update { .. } | Self::Patch { .. } | Self::Delete { .. } => true,
            Self::Capabilities
            | Self::Read { .. }
            | Self::Vread { .. }
            | Self::History { .. }
            | Self::Search { .. }
            | Self::Batch
            | Self::Operation { .. }
            | Self::AsyncStatus { .. }
            | Self::AsyncCancel { .. } => false,
        }
    }
}

/// Carries out a request: the only way in, for HTTP and for the entries of a Bundle alike.
///
/// # Errors
/// Whatever the request has wrong, or the caller may not do.
pub fn perform(session: &Session, request: Request) -> Result<Answer, Failure> {
    session.begin_request();
    let interaction = route(request.method, &request.path)?;
    if request.in_emergency {
        session.record_emergency(&emergency::emergency(&interaction, &request)?)?;
    }
    match asynchronous::is_for_later(session.app(), &interaction, &request) {
        true => asynchronous::take_on(session, interaction, request),
        false => run(session, interaction, request),
    }
}

/// The parameter of an interaction's answer that may be had as a table, where it has one.
pub fn table(app: &App, interaction: &Interaction) -> Option<&'static Parameter> {
    let Interaction::Operation { code, target } = interaction else { return None };
    operations::table(app, code, target.as_ref())
}

/// The methods that a path has, as `Allow` has them.
///
/// # Errors
/// `NotFound` for a path that means nothing here.
pub fn allowed(app: &App, path: &str) -> Result<String, Failure> {
    match route(Method::Post, path) {
        Ok(Interaction::Operation { code, target }) => operations::allowed(app, &code, target.as_ref()),
        Ok(_) | Err(_) => route::methods(path).map(|methods| route::allow_header(&methods)),
    }
    .map(|methods| if methods.is_empty() { "OPTIONS".to_owned() } else { format!("{methods}, OPTIONS") })
}

/// Carries out what a request has been found to ask for.
fn run(session: &Session, interaction: Interaction, mut request: Request) -> Result<Answer, Failure> {
    match interaction {
        Interaction::Capabilities => capabilities::capabilities(session, &request),
        Interaction::Read { ty, id } => read::read(session, ty, &id, &request),
        Interaction::Vread { ty, id, version } => read::vread(session, (ty, &id, version), &request),
        Interaction::Create { .. }
        | Interaction::Update { .. }
        | Interaction::Patch { .. }
        | Interaction::Delete { .. } => {
            let wanted = Wanted::take(&interaction, &mut request)?;
            written::one(session, change_of(session, interaction, request)?, &wanted)
        }
        Interaction::History { of } => history::history(session, of, &request),
        Interaction::Search { field } => search::search(session, &field, request),
        Interaction::Batch => batch::batch(session, request),
        Interaction::Operation { code, target } => operation(session, &code, target, request),
        Interaction::AsyncStatus { id } => asynchronous::status(session, &id, &request),
        Interaction::AsyncCancel { id } => asynchronous::cancel(session, &id, &request),
    }
}

/// The change that an interaction asks for that writes, whether it is written by itself or with others.
fn change_of(session: &Session, interaction: Interaction, request: Request) -> Result<Change, Failure> {
    match interaction {
        Interaction::Create { ty } => create::change(ty, request),
        Interaction::Update { ty, id } => update::change(ty, id, request),
        Interaction::Patch { ty, id } => patch::change(session, ty, id, request),
        Interaction::Delete { ty, id } => delete::change(ty, id, &request),
        Interaction::Capabilities
        | Interaction::Read { .. }
        | Interaction::Vread { .. }
        | Interaction::History { .. }
        | Interaction::Search { .. }
        | Interaction::Batch
        | Interaction::Operation { .. }
        | Interaction::AsyncStatus { .. }
        | Interaction::AsyncCancel { .. } => Err(Failure::internal("what reads was taken for a change")),
    }
}

fn operation(
    session: &Session,
    code: &str,
    target: Option<(ResourceType, Option<String>)>,
    request: Request,
) -> Result<Answer, Failure> {
    operations::perform(session, code, asked_now(session, code, target, request)?)
}

/// What a request that comes by itself asks of an operation.
fn asked_now(
    session: &Session,
    code: &str,
    target: Option<(ResourceType, Option<String>)>,
    request: Request,
) -> Result<operations::Asked, Failure> {
    let if_match = match &target {
        // Called on the Patient, the programme's operations change the open episode: it is of this that a version is named.
        Some((ty, _)) if ty.name() == "Patient" && code.starts_with("palliative-") => {
            conditions::if_match_of_open(&request.conditions)?
        }
        Some((ty, Some(id))) => conditions::if_match(session, (*ty, id), &request.conditions)?,
        Some((_, None)) | None => None,
    };
    Ok(operations::Asked { if_match, ..asked(target, request) })
}

/// What a request asks of an operation.
fn asked(target: Option<(ResourceType, Option<String>)>, request: Request) -> operations::Asked {
    operations::Asked {
        method: request.method,
        target,
        body: request.body.filter(|body| !body.is_empty()).map(|body| body::value(Some(body))),
        query: request.query,
        if_match: None,
        idempotency_key: request.idempotency_key,
    }
}

/// What a read of the current version by its id asks for; none where it is something else.
pub fn read_by_id(interaction: &Interaction) -> Option<(ResourceType, &str)> {
    let Interaction::Read { ty, id } = interaction else { return None };
    Some((*ty, id))
}

/// Whether it is one short read by key, which the HTTP layer may run on its worker thread.
pub fn is_short_read(interaction: &Interaction) -> bool {
    match interaction {
        Interaction::Read { .. } | Interaction::Vread { .. } => true,
        Interaction::Capabilities
        | Interaction::Create { .. }
        | Interaction::Update { .. }
        | Interaction::Patch { .. }
        | Interaction::Delete { .. }
        | Interaction::History { .. }
        | Interaction::Search { .. }
        | Interaction::Batch
        | Interaction::Operation { .. }
        | Interaction::AsyncStatus { .. }
        | Interaction::AsyncCancel { .. } => false,
    }
}
