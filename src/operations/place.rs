//! Where an operation is called, and by which methods, as its definition says.
//! <https://hl7.org/fhir/R4/operations.html#executing>

use crate::app::App;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::bundle::Method;
use crate::fhir::operation::Definition;
use crate::fhir::operation::Parameter;
use crate::operations::Offered;
use crate::operations::offered;

/// The operation of this code at a place.
///
/// # Errors
/// `NotFound` where there is none.
pub(super) fn find<'a>(
    offered: &'a [Offered],
    code: &str,
    target: Option<&(ResourceType, Option<String>)>,
) -> Result<&'a Offered, Failure> {
    let fits = |definition: &Definition| match target {
        None => definition.system,
        Some((ty, None)) => definition.type_level && definition.is_on(*ty),
        Some((ty, Some(_))) => definition.instance && definition.is_on(*ty),
    };
    let by_code = |offered: &&Offered| offered.definition.code == code;
    offered.iter().filter(by_code).find(|offered| fits(&offered.definition)).ok_or_else(|| {
        let text = match offered.iter().find(by_code) {
            Some(offered) => format!("${code} is not called here, but on {}.", places(&offered.definition)),
            None => {
                let code: String = code.chars().filter(|c| !c.is_control()).take(64).collect();
                format!(
                    "There is no operation ${code}; the CapabilityStatement lists those that are offered."
                )
            }
        };
        Failure::new(Reason::NotFound, text).code("not-supported")
    })
}

/// The methods of an operation at a place, as `Allow` has them.
///
/// # Errors
/// `NotFound` where there is none of that code at that place.
pub fn allowed(
    app: &App,
    code: &str,
    target: Option<&(ResourceType, Option<String>)>,
) -> Result<String, Failure> {
    find(offered(app), code, target).map(|offered| allow(&offered.definition).to_owned())
}

fn allow(definition: &Definition) -> &'static str {
    if definition.affects_state { "POST" } else { "GET, HEAD, POST" }
}

fn places(definition: &Definition) -> String {
    let types: Vec<&str> = match definition.resource.as_slice() {
        [] => vec!["{type}"],
        types => types.iter().map(|ty| ty.name()).collect(),
    };
    let code = &definition.code;
    let system = definition.system.then(|| format!("/${code}"));
    let on_type = |ty: &&str| definition.type_level.then(|| format!("/{ty}/${code}"));
    let on_instance = |ty: &&str| definition.instance.then(|| format!("/{ty}/{{id}}/${code}"));
    let places: Vec<String> = system
        .into_iter()
        .chain(types.iter().filter_map(on_type))
        .chain(types.iter().filter_map(on_instance))
        .collect();
    places.join(" or ")
}

/// The method by which an operation is carried out.
///
/// # Errors
/// `MethodNotAllowed`.
pub(super) fn method(definition: &Definition, method: Method) -> Result<Method, Failure> {
    match method {
        Method::Post => Ok(Method::Post),
        Method::Get | Method::Head if !definition.affects_state => Ok(Method::Get),
        Method::Get | Method::Head | Method::Put | Method::Patch | Method::Delete => {
            let text = format!("${} is called with POST.", definition.code);
            let mut failure = Failure::new(Reason::MethodNotAllowed, text);
            failure.allow = Some(allow(definition).to_owned());
            Err(failure)
        }
    }
}

/// Whether an operation leaves everything as it is.
///
/// # Errors
/// `NotFound` where there is none of that code at that place.
pub fn only_reads(
    app: &App,
    code: &str,
    target: Option<&(ResourceType, Option<String>)>,
) -> Result<bool, Failure> {
    find(offered(app), code, target).map(|offered| !offered.definition.affects_state)
}

/// The parameter of an operation's answer that may be had as a table, where it has one.
pub fn table(
    app: &App,
    code: &str,
    target: Option<&(ResourceType, Option<String>)>,
) -> Option<&'static Parameter> {
    let offered = find(offered(app), code, target).ok()?;
    let name = offered.operation.table?;
    offered.definition.output.iter().find(|parameter| parameter.name == name)
}
