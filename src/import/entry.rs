//! What a file's resources become: each gets an address where it has one, so that loading it again finds it.
//! <https://hl7.org/fhir/R4/bundle.html#bdl-7>
//!
//! - A line of NDJSON, a lone resource and an entry of a collection keep their id: they are stored with PUT.
//! - An entry with POST whose `fullUrl` names its id (`urn:uuid:ID` or `…/Type/ID`), as generated data has it, is
//!   stored with PUT under that id. Any other id in a POST means nothing, since two files may use the same.
//! - What has no address but an identifier is created only if nothing has that identifier.
//! - What has neither is created each time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::fhir::form::encoded;
use crate::fhir::json;
use crate::fhir::reference::is_id;
use crate::fhir::shape::Link;
use crate::fhir::shape::Shapes;
use crate::fhir::shape::links_mut;
use crate::import::waiting::Places;

/// A resource to load, as an entry of a Bundle.
pub struct Entry {
    /// Where in the file: `line 17`, `entry 3 (Patient)`; nothing where it is the whole file.
    pub place: Option<String>,
    /// The number of the line or of the entry.
    pub number: usize,
    /// `Type/id`, where it has an address.
    pub address: Option<String>,
    full_url: Option<String>,
    request: Value,
    /// The resource; nothing where the request has none, as a DELETE.
    pub resource: Option<Value>,
}

/// Resources of a file that are sent together.
pub struct Batch {
    /// The file.
    pub file: Arc<Path>,
    /// The resources.
    pub entries: Vec<Entry>,
    /// Whether one that is refused takes the others with it, as in a transaction.
    pub is_one: bool,
    /// What could not be read: where, and why.
    pub unreadable: Vec<(String, String)>,
    /// Which of them are sent, where others were sent before.
    pub only: Option<Arc<Places>>,
}

impl Batch {
    /// Lines of NDJSON, with their numbers.
    pub fn of_lines(file: &Arc<Path>, lines: Vec<(usize, Vec<u8>)>) -> Self {
        let mut batch = Self::new(file, false);
        for (number, line) in lines {
            let place = format!("line {number}");
            match json::parse(line.trim_ascii()) {
                Ok(resource) => batch.entries.push(Entry { number, ..Entry::alone(Some(place), resource) }),
                Err(failure) => batch.unreadable.push((place, failure.issues[0].text.clone())),
            }
        }
        batch
    }

    /// The content of a JSON file: a Bundle, or a lone resource.
    ///
    /// # Errors
    /// A sentence that says what a Bundle must be.
    pub fn of_file(file: &Arc<Path>, mut value: Value) -> Result<Self, String> {
        let mut batch = Self::new(file, true);
        if value["resourceType"] != "Bundle" {
            batch.entries.push(Entry::alone(None, value));
            return Ok(batch);
        }
        let kind = value["type"].as_str().unwrap_or_default().to_owned();
        batch.is_one = kind == "transaction";
        let entries = match value.get_mut("entry").map(Value::take) {
            None => Vec::new(),
            Some(Value::Array(entries)) => entries,
            Some(_) => return Err("`Bundle.entry` is not an array.".into()),
        };
        for (at, entry) in entries.into_iter().enumerate() {
            let name = entry["resource"]["resourceType"].as_str().unwrap_or("no resource");
            let place = format!("entry {at} ({name})");
            let entry = match kind.as_str() {
                "transaction" | "batch" => Entry::requested(place, entry),
                "collection" => Entry::collected(place, entry),
                _ => {
                    return Err(format!(
                        "a Bundle of type `{kind}` is not loaded, only transaction, batch and collection."
                    ));
                }
            };
            batch.entries.push(Entry { number: at, ..entry });
        }
        Ok(batch)
    }

    fn new(file: &Arc<Path>, is_one: bool) -> Self {
        Self { file: Arc::clone(file), entries: Vec::new(), is_one, unreadable: Vec::new(), only: None }
    }

    /// Leaves out what was sent before; what is left refers to the same as before.
    pub fn narrow(&mut self) {
        if let Some(only) = &self.only {
            self.entries.retain(|entry| only.holds(entry.number));
        }
    }

    /// Makes what refers to an entry's `fullUrl` refer to its address.
    pub fn link(&mut self, shapes: &Shapes) {
        let mut addresses = HashMap::new();
        for entry in &self.entries {
            if let (Some(full_url), Some(address)) = (&entry.full_url, &entry.address) {
                addresses.insert(full_url.clone(), address.clone());
            }
        }
        if addresses.is_empty() {
            return;
        }
        for resource in self.entries.iter_mut().filter_map(|entry| entry.resource.as_mut()) {
            links_mut(shapes, resource, &mut |_: Link, text: &mut String| {
                if let Some(address) = addresses.get(text.as_str()) {
                    text.clone_from(address);
                }
            });
        }
    }
}

impl Entry {
    /// A resource that stands by itself.
    fn alone(place: Option<String>, resource: Value) -> Self {
        Self::collected_under(place, None, resource)
    }

    fn collected(place: String, mut entry: Value) -> Self {
        let full_url = entry["fullUrl"].as_str().map(str::to_owned);
        Self::collected_under(Some(place), full_url, entry["resource"].take())
    }

    fn collected_under(place: Option<String>, full_url: Option<String>, resource: Value) -> Self {
        let address = own_address(&resource);
        let request = request(address.as_deref(), &resource);
        Self { place, number: 0, address, full_url, request, resource: Some(resource) }
    }

    /// An entry that says itself what to do.
    fn requested(place: String, mut entry: Value) -> Self {
        let full_url = entry["fullUrl"].as_str().map(str::to_owned);
        let given = entry["request"].take();
        let resource = entry.get_mut("resource").map(Value::take);
        let method = given["method"].as_str().unwrap_or_default();
        let conditional =
            ["ifMatch", "ifNoneExist", "ifNoneMatch"].iter().any(|name| given.get(name).is_some());
        let own = resource.as_ref().and_then(own_address);
        let address = own.filter(|own| match method {
            "PUT" => given["url"].as_str() == Some(own) && !conditional,
            "POST" => !conditional && full_url.as_deref().is_some_and(|url| names(url, own)),
            _ => false,
        });
        let plain_create =
            method == "POST" && !conditional && given["url"] == json!(type_of(resource.as_ref()));
        let request = match (&resource, plain_create || address.is_some()) {
            (Some(resource), true) => request(address.as_deref(), resource),
            _ => given,
        };
        Self { place: Some(place), number: 0, address, full_url, request, resource }
    }

    /// The URL by which other entries refer to it; none where its address has taken the place of it everywhere.
    pub fn full_url(&self) -> Option<&str> {
        self.full_url.as_deref().filter(|_| self.address.is_none())
    }

    /// The entry as it stands in the Bundle that is sent.
    pub fn into_json(self) -> Value {
        let mut entry = Map::new();
        if let Some(full_url) = self.full_url() {
            entry.insert("fullUrl".into(), full_url.into());
        }
        if let Some(resource) = self.resource {
            entry.insert("resource".into(), resource);
        }
        entry.insert("request".into(), self.request);
        Value::Object(entry)
    }
}

/// How a resource is stored: under its address, once per identifier, or anew.
fn request(address: Option<&str>, resource: &Value) -> Value {
    if let Some(address) = address {
        return json!({ "method": "PUT", "url": address });
    }
    let mut request = json!({ "method": "POST", "url": type_of(Some(resource)) });
    let identifiers = resource["identifier"].as_array().map_or(&[][..], Vec::as_slice);
    let full = |one: &&Value| one["system"].is_string() && one["value"].is_string();
    if let Some(one) = identifiers.iter().find(full) {
        let text = |name: &str| encoded(one[name].as_str().unwrap_or_default());
        request["ifNoneExist"] = format!("identifier={}|{}", text("system"), text("value")).into();
    }
    request
}

fn own_address(resource: &Value) -> Option<String> {
    let (ty, id) = (resource["resourceType"].as_str()?, resource["id"].as_str()?);
    is_id(id).then(|| format!("{ty}/{id}"))
}

/// Whether a `fullUrl` is that of the resource at this address.
fn names(full_url: &str, address: &str) -> bool {
    let id = address.split('/').next_back().unwrap_or_default();
    let rest = full_url.strip_suffix(address);
    full_url.strip_prefix("urn:uuid:") == Some(id) || rest.is_some_and(|base| base.ends_with('/'))
}

fn type_of(resource: Option<&Value>) -> &str {
    resource.and_then(|resource| resource["resourceType"].as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bundle: Value) -> Batch {
        Batch::of_file(&Arc::from(Path::new("file.json")), bundle).expect("the Bundle is read")
    }

    fn sent(bundle: Value) -> Vec<Value> {
        let mut batch = batch(bundle);
        batch.link(&crate::definitions::Definitions::shared().expect("they load").shapes);
        batch.entries.into_iter().map(Entry::into_json).collect()
    }

    #[test]
    fn a_post_whose_full_url_names_its_id_keeps_the_id_and_is_referred_to_by_it() {
        let id = "34a17aef-dd20-4eda-bf6c-f121e454616d";
        let entries = sent(json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
            { "fullUrl": format!("urn:uuid:{id}"), "resource": { "resourceType": "Patient", "id": id },
              "request": { "method": "POST", "url": "Patient" } },
            { "fullUrl": "urn:uuid:7c8e0f4a-52f6-4f0b-9a35-1d2f8f6a1c01",
              "resource": { "resourceType": "Goal", "subject": { "reference": format!("urn:uuid:{id}") } },
              "request": { "method": "POST", "url": "Goal" } } ] }));
        assert_eq!(entries[0]["request"], json!({ "method": "PUT", "url": format!("Patient/{id}") }));
        assert_eq!(entries[1]["resource"]["subject"]["reference"], format!("Patient/{id}"));
        assert_eq!(entries[1]["request"], json!({ "method": "POST", "url": "Goal" }));
        assert_eq!(entries[1]["fullUrl"], "urn:uuid:7c8e0f4a-52f6-4f0b-9a35-1d2f8f6a1c01");
    }

    #[test]
    fn the_id_of_another_post_means_nothing_but_its_identifier_does() {
        let entries = sent(json!({ "resourceType": "Bundle", "type": "batch", "entry": [
            { "resource": { "resourceType": "Patient", "id": "1", "identifier": [{ "system": "urn:x", "value": "a b" }] },
              "request": { "method": "POST", "url": "Patient" } } ] }));
        let expected =
            json!({ "method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn%3Ax|a%20b" });
        assert_eq!(entries[0]["request"], expected);
    }

    #[test]
    fn what_an_entry_asks_for_itself_is_left_alone() {
        let requests = [
            json!({ "method": "DELETE", "url": "Patient/1" }),
            json!({ "method": "POST", "url": "Patient", "ifNoneExist": "identifier=1" }),
            json!({ "method": "PUT", "url": "Patient/1", "ifMatch": "W/\"2\"" }),
            json!({ "method": "POST", "url": "Patient/$match" }),
        ];
        for request in requests {
            let entries = sent(json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
                { "resource": { "resourceType": "Patient", "id": "1" }, "request": request } ] }));
            assert_eq!(entries[0]["request"], request);
        }
    }

    #[test]
    fn a_collection_and_a_lone_resource_keep_their_ids() {
        let patient = json!({ "resourceType": "Patient", "id": "1" });
        let put = json!({ "method": "PUT", "url": "Patient/1" });
        let collection =
            json!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": patient }] });
        assert_eq!(sent(collection)[0]["request"], put);
        assert_eq!(sent(patient)[0]["request"], put);
    }

    #[test]
    fn a_bundle_of_another_type_is_refused() {
        let file = Arc::from(Path::new("file.json"));
        let bundle = json!({ "resourceType": "Bundle", "type": "document", "entry": [{ "resource": {} }] });
        assert!(Batch::of_file(&file, bundle).err().expect("it is refused").contains("`document`"));
    }
}
