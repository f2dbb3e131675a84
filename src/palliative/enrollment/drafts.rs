//! The resources that a decision wants written, before anything is.
//!
//! New ones are named by `urn:uuid:` so that they can refer to one another; the write gives them their ids, as
//! in a transaction. <https://hl7.org/fhir/R4/http.html#trules>

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Issue;
use crate::fhir::resource::Resource;
use crate::palliative::element::written;
use crate::palliative::enrollment::state::State;

/// Where a draft goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// A new resource, named by this URN for now.
    New(String),
    /// A new resource, unless this query finds one already.
    NewUnless(String, String),
    /// A new resource that the caller sent along, named by this URN for now: no effect of the decision.
    Sent(String),
    /// In place of the version that was read.
    Existing(Option<i64>),
}

/// A resource to write.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The resource.
    pub resource: Resource,
    /// Where it goes.
    pub place: Place,
}

/// The drafts of one decision, in the order of writing.
#[derive(Clone, Debug, Default)]
pub struct Drafts {
    list: Vec<Draft>,
    named: u32,
}

impl Drafts {
    /// A name for a resource that does not exist yet.
    pub fn name(&mut self) -> String {
        self.named += 1;
        format!("urn:uuid:c0f7ee00-0000-4000-8000-{:012x}", self.named)
    }

    /// A new resource under a name that was taken before.
    ///
    /// # Errors
    /// `Internal` where a required element is missing.
    pub fn create(&mut self, name: &str, resource: fhir_typed::Resource) -> Result<(), Failure> {
        self.push(written(resource)?, Place::New(name.to_owned()));
        Ok(())
    }

    /// A new resource; returns its name.
    ///
    /// # Errors
    /// `Internal` where a required element is missing.
    pub fn add(&mut self, resource: fhir_typed::Resource) -> Result<String, Failure> {
        let name = self.name();
        self.create(&name, resource)?;
        Ok(name)
    }

    /// A resource that is JSON already.
    pub fn push(&mut self, resource: Resource, place: Place) {
        self.list.push(Draft { resource, place });
    }

    /// The drafts so far.
    pub fn all(&self) -> impl Iterator<Item = &Draft> {
        self.list.iter()
    }

    /// The drafts.
    pub fn into_list(self) -> Vec<Draft> {
        self.list
    }
}

/// What was decided.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The state that follows.
    pub state: State,
    /// What to write; empty where everything is as wished already.
    pub drafts: Vec<Draft>,
    /// What the caller should know.
    pub warnings: Vec<Issue>,
}

impl Decision {
    /// The decision to leave everything as it is.
    pub fn nothing(state: State) -> Self {
        Self { state, drafts: Vec::new(), warnings: Vec::new() }
    }

    /// The first draft of a type.
    pub fn first(&self, ty: &str) -> Option<&Resource> {
        self.drafts.iter().map(|draft| &draft.resource).find(|resource| resource.ty().name() == ty)
    }
}
