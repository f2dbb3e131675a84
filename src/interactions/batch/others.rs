//! References between the entries of a batch, which R4 does not allow to what is only made by it: it is not known what
//! will become of that, nor, of what is posted, under which id. <https://hl7.org/fhir/R4/http.html#brules>

use std::collections::HashMap;

use serde_json::Value;

use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::bundle::Method;
use crate::fhir::reference::base_of;
use crate::fhir::reference::place_of;
use crate::fhir::reference::strip_base;
use crate::fhir::shape::Link;
use crate::fhir::shape::links_mut;
use crate::interactions::Interaction;
use crate::interactions::batch::entry::Entry;
use crate::interactions::request::Body;
use crate::interactions::route::route;

/// What other entries write, by what refers to it.
type Written = HashMap<String, Making>;

/// Whether a resource is made by its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Making {
    /// It is.
    Yes,
    /// It is put at this place, where it is made only if there is none.
    Put(ResourceType, String),
}

/// Of each entry why it is refused, where its resource refers to what another one makes.
pub fn refused(session: &Session, entries: &mut [Entry]) -> Vec<Option<Failure>> {
    let written = written(entries);
    let mut made = Made { session, known: HashMap::new() };
    entries.iter_mut().map(|entry| check(&mut made, entry, &written).err()).collect()
}

fn written(entries: &[Entry]) -> Written {
    let mut written = Written::new();
    for entry in entries {
        let (method, url) = (entry.request.method, entry.full_url.as_deref());
        if method == Method::Post || url.is_some_and(|url| url.starts_with("urn:")) {
            written.extend(url.map(|url| (url.to_owned(), Making::Yes)));
        } else if let (Method::Put, Ok(Interaction::Update { ty, id: Some(id) })) =
            (method, route(method, &entry.request.path))
        {
            let put = Making::Put(ty, id.clone());
            written.extend(url.map(|url| (url.to_owned(), put.clone())));
            written.insert(format!("{ty}/{id}"), put);
        }
    }
    written
}

/// What is known already of what is put.
struct Made<'a> {
    session: &'a Session,
    known: HashMap<(ResourceType, String), bool>,
}

impl Made<'_> {
    /// Whether it is only made: there is none that the caller may know of. One who may not read learns nothing.
    fn is_made(&mut self, making: &Making) -> bool {
        let Making::Put(ty, id) = making else { return true };
        let session = self.session;
        let is_absent = || match session.read(*ty, id) {
            Ok(_) => false,
            Err(failure) => matches!(failure.reason, Reason::NotFound | Reason::Deleted),
        };
        *self.known.entry((*ty, id.clone())).or_insert_with(is_absent)
    }
}

fn check(made: &mut Made<'_>, entry: &mut Entry, written: &Written) -> Result<(), Failure> {
    let Some(Body::Resource(value)) = &mut entry.request.body else { return Ok(()) };
    // A document or message refers to entries of its own.
    if written.is_empty() || value.get("resourceType").and_then(Value::as_str) == Some("Bundle") {
        return Ok(());
    }
    let own = written.get(&entry.request.path);
    let base = entry.full_url.as_deref().and_then(base_of);
    let (shapes, base_url) = (&made.session.app().definitions.shapes, made.session.base_url());
    let mut found: Vec<(String, Making)> = Vec::new();
    links_mut(shapes, value, &mut |link, text| {
        if link != Link::Reference {
            return;
        }
        let local = strip_base(text, base_url);
        let local = local.split_once("/_history/").map_or(local, |(resource, _)| resource);
        let below = || base.and_then(|base| written.get(&format!("{base}/{text}")));
        let making = written.get(text.as_str()).or_else(below).or_else(|| written.get(local));
        // A resource may refer to itself.
        found.extend(
            making.filter(|making| Some(*making) != own).map(|making| (text.clone(), making.clone())),
        );
    });
    let Some((text, _)) = found.into_iter().find(|(_, making)| made.is_made(making)) else { return Ok(()) };
    let says = format!(
        "The reference `{text}` is to an entry of the same batch, whose entries are carried out independently; send a \
         transaction, or refer to what is stored."
    );
    let failure = Failure::new(Reason::Invalid, says).code("processing");
    Err(match place_of(value, &text) {
        Some(place) => failure.at(place),
        None => failure,
    })
}
