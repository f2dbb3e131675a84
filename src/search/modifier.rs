//! The modifiers of search parameters, and which kinds have them. <https://hl7.org/fhir/R4/search.html#modifiers>

use crate::fhir::ResourceType;
use crate::search::parameter::Kind;

/// What follows the colon after a parameter's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifier {
    /// `:exact`: the text as it came.
    Exact,
    /// `:contains`: anywhere in the text.
    Contains,
    /// `:missing`: whether there is a value at all.
    Missing,
    /// `:not`: no value is one of these.
    Not,
    /// `:identifier`: the identifier in a reference.
    Identifier,
    /// `:above`: a URI that contains this one, a code that means more, what a resource is part of.
    Above,
    /// `:below`: a URI inside this one, a code that means less, the parts of a resource.
    Below,
    /// `:text`: what people read beside a code.
    Text,
    /// `:of-type`: an identifier of a type.
    OfType,
    /// `:in`: a code in a value set.
    In,
    /// `:not-in`: no code in a value set.
    NotIn,
    /// `:Patient`: a reference to this type.
    Type(ResourceType),
}

impl Modifier {
    /// The modifier with this name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "exact" => Some(Modifier::Exact),
            "contains" => Some(Modifier::Contains),
            "missing" => Some(Modifier::Missing),
            "not" => Some(Modifier::Not),
            "identifier" => Some(Modifier::Identifier),
            "above" => Some(Modifier::Above),
            "below" => Some(Modifier::Below),
            "text" => Some(Modifier::Text),
            "of-type" => Some(Modifier::OfType),
            "in" => Some(Modifier::In),
            "not-in" => Some(Modifier::NotIn),
            _ => ResourceType::parse(name).map(Modifier::Type),
        }
    }

    /// Its name, without the colon.
    pub fn name(self) -> &'static str {
        match self {
            Modifier::Exact => "exact",
            Modifier::Contains => "contains",
            Modifier::Missing => "missing",
            Modifier::Not => "not",
            Modifier::Identifier => "identifier",
            Modifier::Above => "above",
            Modifier::Below => "below",
            Modifier::Text => "text",
            Modifier::OfType => "of-type",
            Modifier::In => "in",
            Modifier::NotIn => "not-in",
            Modifier::Type(ty) => ty.name(),
        }
    }

    /// Whether it means that no value is one of those that are given.
    pub fn is_negation(self) -> bool {
        matches!(self, Modifier::Not | Modifier::NotIn)
    }

    /// Whether a kind of parameter has it.
    pub fn is_of(self, kind: Kind) -> bool {
        match self {
            Modifier::Type(_) => kind == Kind::Reference,
            other => names(kind).contains(&other.name()),
        }
    }
}

/// The modifiers that a kind of parameter has, for documentation; a reference has its target types besides.
pub fn names(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::String => &["exact", "contains", "missing"],
        Kind::Token => &["text", "of-type", "in", "not-in", "above", "below", "not", "missing"],
        Kind::Reference => &["identifier", "above", "below", "missing"],
        Kind::Date | Kind::Number | Kind::Quantity => &["missing"],
        Kind::Uri => &["above", "below", "missing"],
        Kind::Special => &["missing"],
        Kind::Composite => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_modifier_is_known_and_belongs_to_its_kind() {
        for kind in [Kind::String, Kind::Token, Kind::Reference, Kind::Date, Kind::Quantity, Kind::Uri] {
            for name in names(kind) {
                let modifier = Modifier::parse(name).unwrap();
                assert!(modifier.is_of(kind) && modifier.name() == *name);
            }
        }
        assert!(!Modifier::Exact.is_of(Kind::Token) && !Modifier::In.is_of(Kind::Uri));
        let with_not = |kind: &Kind| Modifier::Not.is_of(*kind);
        let all = [Kind::String, Kind::Token, Kind::Reference, Kind::Date, Kind::Number, Kind::Quantity];
        let others = [Kind::Uri, Kind::Composite, Kind::Special];
        assert_eq!(all.into_iter().chain(others).filter(with_not).collect::<Vec<_>>(), [Kind::Token]);
        let patient = Modifier::parse("Patient").unwrap();
        assert!(patient.is_of(Kind::Reference) && !patient.is_of(Kind::String));
        assert_eq!(Modifier::parse("fuzzy"), None);
    }
}
