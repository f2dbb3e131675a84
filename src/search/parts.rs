//! What composite parameters are composed of: which elements, which parts of each, and where the index has them.
//! <https://hl7.org/fhir/R4/search.html#combining>
//!
//! A row of `idx_composite` has places for two texts, each with a number beside it, and for two spans; that is
//! enough for every composite parameter of R4. A token takes the first text, so that a search that names a code is
//! a range of the index in which the other part is looked up. Numbers stand there as integers that keep their order,
//! which lets one pair of columns hold dates as exactly as numbers.
//!
//! R4 has parameters that look at the elements of two others (`combo-code-value-quantity`). Their elements are kept
//! once, under the widest of them, with the place of each; the narrower ones ask for their place.

use crate::definitions::SearchParameterDefinition;
use crate::fhir::path::Path;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameter;

/// What a composite parameter is composed of.
#[derive(Clone, Debug)]
pub struct Composite {
    /// The number under which the index has its rows.
    pub kept_under: i64,
    /// Which of the elements that are kept under this number are its own; all where none is named.
    pub place: Option<usize>,
    /// Where the elements are whose parts stand together; a place for each path.
    pub elements: Vec<Path>,
    /// Their parts, in the order in which a search names them.
    pub parts: Vec<Part>,
}

/// A part of a composite parameter.
#[derive(Clone, Debug)]
pub struct Part {
    /// The parameter by which it is searched.
    pub parameter: Parameter,
    /// Where its values are.
    pub path: Path,
    /// From where the path goes.
    pub from: From,
    /// The columns of its text.
    pub text: Option<TextColumns>,
    /// The columns of its span.
    pub span: Option<SpanColumns>,
}

/// From where the path of a part goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// From the element.
    Element,
    /// From the whole resource.
    Resource,
}

/// The columns of a text with the number beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextColumns {
    /// `code` and `system`.
    First,
    /// `code2` and `system2`.
    Second,
}

/// The columns of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanColumns {
    /// `low` and `high`.
    First,
    /// `low2` and `high2`.
    Second,
}

/// Compiles a composite parameter over the parameters of its type.
///
/// # Errors
/// A sentence that says which part cannot be indexed.
pub(super) fn compile(
    definition: &SearchParameterDefinition,
    own: &[Parameter],
) -> Result<Composite, String> {
    let whole = own.iter().find(|own| own.code == definition.code).ok_or("it is not there")?;
    let elements = whole.path.as_ref().map(Path::branches).unwrap_or_default();
    let mut parts = Vec::new();
    for component in &definition.component {
        let parameter = own.iter().find(|own| own.url == component.definition);
        let parameter = parameter.ok_or_else(|| format!("its type has no {}", component.definition))?;
        let from = match component.expression.starts_with("%resource.") {
            true => From::Resource,
            false => From::Element,
        };
        let path = Path::compile(&component.expression)?;
        parts.push(Part { parameter: parameter.clone(), path, from, text: None, span: None });
    }
    place(&mut parts)?;
    Ok(Composite { kept_under: whole.number, place: None, elements, parts })
}

/// Gives every part its columns; a token comes first.
fn place(parts: &mut [Part]) -> Result<(), String> {
    let mut texts = [TextColumns::First, TextColumns::Second].into_iter();
    let mut spans = [SpanColumns::First, SpanColumns::Second].into_iter();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|at| parts[*at].parameter.kind != Kind::Token);
    for at in order {
        let part = &mut parts[at];
        let (has_text, has_span) = match part.parameter.kind {
            Kind::Token | Kind::String | Kind::Reference | Kind::Uri => (true, false),
            Kind::Date | Kind::Number => (false, true),
            Kind::Quantity => (true, true),
            Kind::Composite | Kind::Special => {
                return Err(format!("its part `{}` has no value of its own", part.parameter.code));
            }
        };
        let full = || format!("there is no place in the index for its part `{}`", part.parameter.code);
        part.text = if has_text { Some(texts.next().ok_or_else(full)?) } else { None };
        part.span = if has_span { Some(spans.next().ok_or_else(full)?) } else { None };
    }
    Ok(())
}

/// Lets the composite parameters of a type whose elements another has among its own share that one's rows.
pub(super) fn share(own: &mut [Parameter]) {
    let wide: Vec<Composite> = own
        .iter()
        .filter_map(|parameter| parameter.composite.clone())
        .filter(|composite| composite.elements.len() > 1)
        .collect();
    for composite in own.iter_mut().filter_map(|parameter| parameter.composite.as_mut()) {
        let [element] = composite.elements.as_slice() else { continue };
        let wider = wide.iter().filter(|wider| is_alike(wider, composite));
        let place = |wider: &Composite| {
            wider.elements.iter().position(|other| other == element).map(|at| (wider.kept_under, at))
        };
        if let Some((number, at)) = wider.into_iter().find_map(place) {
            (composite.kept_under, composite.place) = (number, Some(at));
        }
    }
}

/// Whether the parts of two composite parameters have the same rows.
fn is_alike(one: &Composite, other: &Composite) -> bool {
    let alike = |(one, other): (&Part, &Part)| {
        one.path == other.path
            && one.from == other.from
            && one.parameter.kind == other.parameter.kind
            && one.parameter.target == other.parameter.target
    };
    one.parts.len() == other.parts.len() && one.parts.iter().zip(&other.parts).all(alike)
}
