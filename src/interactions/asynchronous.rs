//! `Prefer: respond-async`: a call of an operation that is taken on at once and carried out later, asked after and
//! cancelled at `async/{id}`. <https://hl7.org/fhir/R4/async.html>
//!
//! Only operations whose definition says so are carried out later; for all else the preference means nothing, as R4
//! leaves it to the server. What can be refused at once is refused at once.

use serde_json::Value;
use serde_json::json;

use crate::app::Answer;
use crate::app::App;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::bundle::Method;
use crate::fhir::form;
use crate::interactions::Interaction;
use crate::interactions::asked_now;
use crate::interactions::request::Body;
use crate::interactions::request::Request;
use crate::interactions::run;
use crate::operations;

/// Whether a request is carried out after it was answered.
pub(super) fn is_for_later(app: &App, interaction: &Interaction, request: &Request) -> bool {
    let Interaction::Operation { code, target } = interaction else { return false };
    request.prefer.respond_async
        // What is read in an emergency is answered to whoever asks, now, and not kept.
        && !request.in_emergency
        && request.method != Method::Head
        && operations::may_be_later(app, code, target.as_ref())
}

/// Takes a call of an operation on, once everything is right with it that can be known now.
pub(super) fn take_on(
    session: &Session,
    interaction: Interaction,
    request: Request,
) -> Result<Answer, Failure> {
    let Interaction::Operation { code, target } = interaction else {
        return Err(Failure::internal("what is no operation was to be carried out later"));
    };
    let (method, path, if_match) =
        (request.method, request.path.clone(), request.conditions.if_match.clone());
    let asked = asked_now(session, &code, target, request)?;
    let kept = json!({
        "method": method.name(),
        "path": path,
        "query": asked.query,
        "ifMatch": if_match,
        "body": asked.body.as_ref().and_then(|body| body.as_ref().ok()),
    });
    let once = operations::admit(session, &code, asked)?;
    session.take_on(once.as_ref(), &kept)
}

/// How far a request is that was taken on, or its answer.
pub(super) fn status(session: &Session, id: &str, request: &Request) -> Result<Answer, Failure> {
    refuse_parameters(request)?;
    session.later_answer(id)
}

/// Cancels a request that was taken on.
pub(super) fn cancel(session: &Session, id: &str, request: &Request) -> Result<Answer, Failure> {
    refuse_parameters(request)?;
    session.cancel_later(id)
}

fn refuse_parameters(request: &Request) -> Result<(), Failure> {
    match form::pairs(&request.query)?.first() {
        Some(_) => {
            Err(Failure::new(Reason::Invalid, "This URL takes no parameters; ask for it as it was given."))
        }
        None => Ok(()),
    }
}

/// A request that was taken on, as it was kept.
pub struct Kept {
    request: Request,
}

impl Kept {
    /// Reads it; none where it is not whole. Whatever it writes, it writes once under this name.
    pub fn read(kept: &mut Value, name: &str) -> Option<Self> {
        let text = |name: &str| kept.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut request = Request::new(Method::parse(&text("method")?)?, text("path")?);
        request.query = text("query")?;
        request.conditions.if_match = text("ifMatch");
        request.idempotency_key = Some(name.to_owned());
        request.body =
            kept.get_mut("body").map(Value::take).filter(|body| !body.is_null()).map(Body::Resource);
        Some(Self { request })
    }

    /// The path at which it was sent.
    pub fn path(&self) -> &str {
        &self.request.path
    }

    /// Carries it out as if it came now.
    ///
    /// # Errors
    /// As [`crate::interactions::perform`].
    pub fn carry_out(self, session: &Session) -> Result<Answer, Failure> {
        session.begin_request();
        let interaction = super::route(self.request.method, &self.request.path)?;
        run(session, interaction, self.request)
    }
}
