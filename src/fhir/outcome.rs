//! Why something failed, and the OperationOutcome that says so. <https://hl7.org/fhir/R4/operationoutcome.html>
//!
//! What a client may not see (a database's error text, a token, another person's data) never gets into a
//! [`Failure`]: it is logged where it is caught.

use serde_json::{Map, Value, json};

/// Why a request failed: each reason has one HTTP status and a usual issue code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The body is not JSON, or not of the shape that R4 defines.
    Structure,
    /// The request cannot be understood: a wrong parameter, header or URL.
    Invalid,
    /// Understood, and not offered.
    NotSupported,
    /// No or no valid access token.
    Login,
    /// The caller's scopes do not allow it.
    Forbidden,
    /// Nothing by that name that the caller may know of.
    NotFound,
    /// The URL exists, the method does not.
    MethodNotAllowed,
    /// No format that the caller accepts.
    NotAcceptable,
    /// It clashes with what is there.
    Conflict,
    /// It was there and is deleted.
    Deleted,
    /// A condition (If-Match, If-None-Exist) does not hold.
    Precondition,
    /// A condition matches several resources.
    MultipleMatches,
    /// The body is larger than allowed.
    TooLarge,
    /// The body's media type is not one that is read here.
    MediaType,
    /// The content breaks a rule of R4.
    Unprocessable,
    /// The content breaks a rule of the programme.
    BusinessRule,
    /// A required `If-Match` is missing.
    PreconditionRequired,
    /// Too many requests.
    Throttled,
    /// Our own fault; the cause is in the log.
    Internal,
    /// The database cannot be reached now.
    Unavailable,
}

impl Reason {
    /// The HTTP status and the issue code that the reason usually carries.
    fn row(self) -> (u16, &'static str) {
        match self {
            Reason::Structure => (400, "structure"),
            Reason::Invalid => (400, "invalid"),
            Reason::NotSupported => (400, "not-supported"),
            Reason::Login => (401, "login"),
            Reason::Forbidden => (403, "forbidden"),
            Reason::NotFound => (404, "not-found"),
            Reason::MethodNotAllowed => (405, "not-supported"),
            Reason::NotAcceptable => (406, "not-supported"),
            Reason::Conflict => (409, "conflict"),
            Reason::Deleted => (410, "deleted"),
            Reason::Precondition => (412, "conflict"),
            Reason::MultipleMatches => (412, "multiple-matches"),
            Reason::TooLarge => (413, "too-long"),
            Reason::MediaType => (415, "not-supported"),
            Reason::Unprocessable => (422, "invalid"),
            Reason::BusinessRule => (422, "business-rule"),
            Reason::PreconditionRequired => (428, "business-rule"),
            Reason::Throttled => (429, "throttled"),
            Reason::Internal => (500, "exception"),
            Reason::Unavailable => (503, "transient"),
        }
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.row().0
    }

    /// The issue code, from <https://hl7.org/fhir/R4/valueset-issue-type.html>.
    pub fn code(self) -> &'static str {
        self.row().1
    }
}

/// How bad an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The request failed because of it.
    Error,
    /// It went on in spite of it.
    Warning,
    /// Worth knowing.
    Information,
}

/// One issue of an OperationOutcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Issue {
    /// How bad it is.
    pub severity: Severity,
    /// A code from R4's issue-type list.
    pub code: &'static str,
    /// A sentence that says what is wrong and what to do.
    pub text: String,
    /// Where: a FHIRPath such as `Patient.name[0].given[1]`.
    pub expression: Option<String>,
    /// A finer code of our own: system and code.
    pub coding: Option<(String, String)>,
    /// More for developers.
    pub diagnostics: Option<String>,
    /// FHIR extensions on the issue, as JSON.
    pub extension: Vec<Value>,
}

impl Issue {
    /// An error with its issue code and sentence.
    pub fn error(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            text: text.into(),
            expression: None,
            coding: None,
            diagnostics: None,
            extension: Vec::new(),
        }
    }

    /// A warning with its issue code and sentence.
    pub fn warning(code: &'static str, text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, text) }
    }

    /// Says where, as a FHIRPath.
    #[must_use]
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        self.expression = Some(expression.into());
        self
    }

    /// Adds a code of our own.
    #[must_use]
    pub fn coded(mut self, system: impl Into<String>, code: impl Into<String>) -> Self {
        self.coding = Some((system.into(), code.into()));
        self
    }

    fn to_json(&self) -> Value {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Information => "information",
        };
        let mut issue = Map::new();
        if !self.extension.is_empty() {
            issue.insert("extension".into(), Value::Array(self.extension.clone()));
        }
        issue.insert("severity".into(), severity.into());
        issue.insert("code".into(), self.code.into());
        let mut details = Map::new();
        if let Some((system, code)) = &self.coding {
            details.insert("coding".into(), json!([{ "system": system, "code": code }]));
        }
        details.insert("text".into(), shortened(&self.text).into());
        issue.insert("details".into(), Value::Object(details));
        if let Some(diagnostics) = &self.diagnostics {
            issue.insert("diagnostics".into(), diagnostics.as_str().into());
        }
        if let Some(expression) = &self.expression {
            issue.insert("expression".into(), json!([shortened(expression)]));
        }
        Value::Object(issue)
    }
}

/// A request that failed: a reason, and every issue found.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Why, which gives the status.
    pub reason: Reason,
    /// What exactly; never empty.
    pub issues: Vec<Issue>,
    /// The version of the resource in question, for the `ETag` of a 410.
    pub version: Option<i64>,
    /// The methods that the URL does have, for the `Allow` of a 405.
    pub allow: Option<String>,
}

impl Failure {
    /// A failure with one issue that carries the reason's usual code.
    pub fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self::of(reason, vec![Issue::error(reason.code(), text)])
    }

    /// A failure with these issues.
    pub fn of(reason: Reason, issues: Vec<Issue>) -> Self {
        Self { reason, issues, version: None, allow: None }
    }

    /// Our own fault: logs the cause, of which the client learns nothing.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        log::error!("internal error: {cause}");
        Self::new(Reason::Internal, "The server could not carry out the request; its log says why.")
    }

    /// Says where the (single or first) issue is, as a FHIRPath.
    #[must_use]
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        if let Some(issue) = self.issues.first_mut() {
            issue.expression = Some(expression.into());
        }
        self
    }

    /// Gives the first issue another issue code than the reason's usual one.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        if let Some(issue) = self.issues.first_mut() {
            issue.code = code;
        }
        self
    }

    /// Adds a code of our own to the first issue.
    #[must_use]
    pub fn coded(mut self, system: impl Into<String>, code: impl Into<String>) -> Self {
        if let Some(issue) = self.issues.first_mut() {
            issue.coding = Some((system.into(), code.into()));
        }
        self
    }

    /// Moves every expression under a prefix: `Bundle.entry[3].resource` for `Patient.name` gives
    /// `Bundle.entry[3].resource.name`; an issue without an expression gets the prefix itself.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        for issue in &mut self.issues {
            let inner = issue.expression.take().unwrap_or_default();
            let rest = inner.find(['.', '[']).map_or("", |at| &inner[at..]);
            issue.expression = Some(format!("{prefix}{rest}"));
        }
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.reason.status()
    }

    /// The OperationOutcome that tells the client.
    pub fn outcome(&self) -> Value {
        outcome(&self.issues)
    }
}

/// What a name or value of megabytes gives rise to is told in fewer words than it has.
fn shortened(text: &str) -> String {
    const MOST: usize = 2_000;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// An OperationOutcome of these issues.
pub fn outcome(issues: &[Issue]) -> Value {
    json!({ "resourceType": "OperationOutcome", "issue": issues.iter().map(Issue::to_json).collect::<Vec<_>>() })
}
