//! Where a caller's value sets and code systems are found: those that clients have stored before ours, and ours before
//! R4's.
//! <https://hl7.org/fhir/R4/terminology-service.html>

use serde_json::Value;

use crate::access::Action;
use crate::app::Session;
use crate::app::edition;
use crate::app::published::is_theirs;
use crate::definitions::terminology::is_version;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::form::encoded;
use crate::fhir::parameters::Input;
use crate::fhir::reference::is_id;
use crate::fhir::terminology::Library;

impl Library for Session {
    fn value_set(&self, url: &str, version: Option<&str>) -> Result<Option<Value>, Failure> {
        if let Some(stored) = self.stored_canonical("ValueSet", url, version)? {
            return Ok(Some(stored));
        }
        self.app.definitions.value_set(url, version)
    }

    fn value_set_with_id(&self, id: &str) -> Result<Option<Value>, Failure> {
        let ty = ResourceType::parse("ValueSet").expect("a type of R4");
        if !is_id(id) || !self.caller().may(Action::Search, ty) {
            return Ok(None);
        }
        self.find(ty, &format!("_id={id}"))?.pop().map(|stored| stored.value()).transpose()
    }

    fn code_system(&self, url: &str, version: Option<&str>) -> Result<Option<Value>, Failure> {
        if let Some(stored) = self.stored_canonical("CodeSystem", url, version)? {
            return Ok(Some(stored));
        }
        self.app.definitions.code_system(url, version)
    }
}

impl Session {
    /// The value set or code system that an operation is about: the instance, the one that is sent, or the one that
    /// is named by its URL. `names` are the parameters with the URL, its version and the resource.
    ///
    /// # Errors
    /// `Invalid` unless it is said in one way; `NotFound` where there is none that the caller may see.
    pub fn subject_of(
        &self,
        (ty, id): (ResourceType, Option<&str>),
        input: &Input,
        names: [&str; 3],
    ) -> Result<Value, Failure> {
        let [url_name, version_name, resource_name] = names;
        let (url, sent) = (input.one(url_name), input.resource(resource_name));
        let version = input.text(version_name);
        if version.is_some() && url.is_none() && version_name == "valueSetVersion" {
            let text = format!("`{version_name}` goes with `{url_name}`; name the {ty} by both.");
            return Err(Failure::new(Reason::Invalid, text).at(at(version_name)));
        }
        match (id, url, sent) {
            (Some(id), None, None) => of_version(ty, self.read(ty, id)?.value()?, version),
            (None, None, Some(sent)) => of_version(ty, sent.value().clone(), version),
            (None, Some(given), None) => {
                let canonical = given.text().unwrap_or_default();
                let (url, named) =
                    canonical.split_once('|').map_or((canonical, version), |(url, own)| (url, Some(own)));
                let found = if ty.name() == "ValueSet" {
                    self.value_set(url, named)?
                } else {
                    self.code_system(url, named)?
                };
                found.ok_or_else(|| unknown(ty).at(given.at.clone()))
            }
            (None, None, None) => {
                let text = format!(
                    "Name the {ty} by `{url_name}`, send it as `{resource_name}`, or call this on it."
                );
                Err(Failure::new(Reason::Invalid, text).code("required").at(at(url_name)))
            }
            (Some(_), _, _) | (None, Some(_), Some(_)) => {
                let text = format!("The {ty} is named in more than one way; keep one of them.");
                Err(Failure::new(Reason::Invalid, text).at(at(url_name)))
            }
        }
    }

    /// Of those that clients have stored with this URL, the one of the version that is named; else an active one before others, and
    /// of these the latest version; of several of one version the one that was written last.
    fn stored_canonical(
        &self,
        name: &str,
        url: &str,
        version: Option<&str>,
    ) -> Result<Option<Value>, Failure> {
        let ty = ResourceType::parse(name).expect("the callers name types of R4");
        if url.is_empty() || !self.caller().may(Action::Search, ty) {
            return Ok(None);
        }
        let escaped = ['\\', ',', '|', '$']
            .iter()
            .fold(url.to_owned(), |url, letter| url.replace(*letter, &format!("\\{letter}")));
        let found = self.find(ty, &format!("url={}", encoded(&escaped)))?;
        let theirs = found.iter().filter(|stored| is_theirs(self, stored));
        let theirs = theirs.map(|stored| Ok(((stored.updated, stored.rid), stored.value()?)));
        let mut theirs = theirs.collect::<Result<Vec<_>, Failure>>()?;
        theirs.retain(|(_, value)| is_version(value, version));
        let best = theirs.into_iter().max_by_key(|(written, value)| {
            let edition = edition::parts(value["version"].as_str().unwrap_or_default());
            (value["status"] == "active", edition, *written)
        });
        Ok(best.map(|(_, value)| value))
    }
}

/// Refuses an instance of another version than the one that is named with it.
fn of_version(ty: ResourceType, resource: Value, version: Option<&str>) -> Result<Value, Failure> {
    if is_version(&resource, version) {
        return Ok(resource);
    }
    Err(Failure::new(Reason::NotFound, format!("The {ty} is here, but in another version."))
        .at(at("version")))
}

fn unknown(ty: ResourceType) -> Failure {
    let text = format!("There is no {ty} with this URL here; store it, or send it along.");
    Failure::new(Reason::NotFound, text)
}

fn at(name: &str) -> String {
    format!("Parameters.parameter.where(name='{name}')")
}
