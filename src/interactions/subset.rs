//! Which part of a resource a request asks for, in its query. <https://hl7.org/fhir/R4/http.html#general>

pub use crate::app::subset::Subset;
pub use crate::app::subset::both;

use crate::app::subset::shown;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::form;
use crate::interactions::request::Handling;
use crate::interactions::request::Request;

/// Reads the query of a read, in which only `_summary`, `_elements`, `_format` and `_pretty` have a meaning.
///
/// # Errors
/// `Invalid` for another parameter, unless the client prefers lenient handling, or another value.
pub fn of_read(ty: ResourceType, request: &Request) -> Result<Subset, Failure> {
    let (mut summary, mut elements) = (None, None);
    for (name, value) in form::pairs(&request.query)? {
        match name.as_str() {
            "_summary" => summary = Some(value),
            "_elements" => elements = Some(value),
            "_format" | "_pretty" => {}
            _ if request.prefer.handling == Handling::Lenient => {}
            _ => {
                let name = shown(&name);
                let text = format!("A read has no parameter `{name}`; it has `_summary` and `_elements`.");
                return Err(Failure::new(Reason::Invalid, text).at(format!("http.{name}")));
            }
        }
    }
    Subset::of(Some(ty), summary.as_deref(), elements.as_deref())
}

/// Takes out of the query of a write what is about its answer: `_summary` and `_elements`, where there is a resource in
/// it, and `_format` and `_pretty`, which an entry has from its Bundle. What is left says which resource is written.
///
/// # Errors
/// `Invalid` for a value that `_summary` or `_elements` does not have, or a query that cannot be read.
pub fn of_write(ty: Option<ResourceType>, request: &mut Request) -> Result<Subset, Failure> {
    if request.query.is_empty() {
        return Ok(Subset::All);
    }
    let (mut summary, mut elements) = (None, None);
    let texts = request.query.split('&').filter(|text| !text.is_empty());
    let mut rest: Vec<&str> = Vec::new();
    for (text, (name, value)) in texts.zip(form::pairs(&request.query)?) {
        match name.as_str() {
            "_summary" if ty.is_some() => summary = Some(value),
            "_elements" if ty.is_some() => elements = Some(value),
            "_format" | "_pretty" => {}
            _ => rest.push(text),
        }
    }
    request.query = rest.join("&");
    Subset::of(ty, summary.as_deref(), elements.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::request::Method;
    use crate::interactions::request::Prefer;

    fn ty(name: &str) -> ResourceType {
        ResourceType::parse(name).expect("a type of R4")
    }

    fn read(query: &str) -> Result<Subset, Failure> {
        let request = Request { query: query.into(), ..Request::new(Method::Get, "Observation/1") };
        of_read(ty("Observation"), &request)
    }

    #[test]
    fn what_a_read_does_not_know_is_refused() {
        for query in [
            "_summary=count",
            "_summary=maybe",
            "_elements=nope",
            "_elements=Patient.nope",
            "_elements=Nothing.name",
            "_elements=",
            "_summary=true&_elements=note",
            "name=x",
        ] {
            assert_eq!(read(query).expect_err(query).status(), 400, "{query}");
        }
        assert_eq!(read("_elements=note&_format=json"), Ok(Subset::Elements(vec!["note".into()])));
        let prefer = Prefer { handling: Handling::Lenient, ..Prefer::default() };
        let lenient =
            Request { query: "name=x".into(), prefer, ..Request::new(Method::Get, "Observation/1") };
        assert_eq!(of_read(ty("Observation"), &lenient), Ok(Subset::All));
    }

    #[test]
    fn a_write_keeps_of_its_query_what_says_which_resource_it_is_about() {
        let of = |ty: Option<ResourceType>, query: &str| {
            let mut request = Request { query: query.into(), ..Request::new(Method::Put, "Observation") };
            of_write(ty, &mut request).map(|subset| (subset, request.query)).map_err(|one| one.status())
        };
        let observation = Some(ty("Observation"));
        let rest = |subset: Subset, text: &str| Ok((subset, text.to_owned()));
        assert_eq!(of(observation, ""), rest(Subset::All, ""));
        assert_eq!(
            of(observation, "code=a%26b&_summary=text&&_format=json"),
            rest(Subset::Text, "code=a%26b")
        );
        assert_eq!(of(observation, "_elements=note"), rest(Subset::Elements(vec!["note".into()]), ""));
        assert_eq!(of(observation, "_elements=nope"), Err(400));
        assert_eq!(of(None, "_summary=true&_pretty=true"), rest(Subset::All, "_summary=true"));
    }
}
