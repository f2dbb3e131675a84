//! The operators of a filter, and what each means for each kind of parameter.
//! <https://hl7.org/fhir/R4/search_filter.html#ops>
//!
//! Where an ordinary search asks the same, the operator is that search: a prefix or a modifier. So a filter finds
//! what the parameter itself finds, and codes are as sensitive to case as they are there.

use crate::search::kinds::Text;
use crate::search::modifier::Modifier;
use crate::search::parameter::Kind;

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::search) enum Operator {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Lt,
    Ge,
    Le,
    Ap,
    Sa,
    Eb,
    Pr,
    Po,
    Ss,
    Sb,
    In,
    Ni,
    Re,
}

/// What an operator asks of a kind of parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Way {
    /// What the parameter with the value asks.
    Plain,
    /// A value that is unlike the one given.
    Unlike,
    /// What the parameter asks with this prefix before the value.
    Prefix(&'static str),
    /// What the parameter asks with this modifier.
    Modifier(Modifier),
    /// A text that stands so to the one given.
    Text(Text),
    /// A period that has all of the one given.
    Covers,
    /// A period that has some of the one given.
    Overlaps,
    /// Any value.
    Present,
}

const ALL: [(&str, Operator); 19] = [
    ("eq", Operator::Eq),
    ("ne", Operator::Ne),
    ("co", Operator::Co),
    ("sw", Operator::Sw),
    ("ew", Operator::Ew),
    ("gt", Operator::Gt),
    ("lt", Operator::Lt),
    ("ge", Operator::Ge),
    ("le", Operator::Le),
    ("ap", Operator::Ap),
    ("sa", Operator::Sa),
    ("eb", Operator::Eb),
    ("pr", Operator::Pr),
    ("po", Operator::Po),
    ("ss", Operator::Ss),
    ("sb", Operator::Sb),
    ("in", Operator::In),
    ("ni", Operator::Ni),
    ("re", Operator::Re),
];

impl Operator {
    /// The operator with this name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        ALL.iter().find(|(known, _)| *known == name).map(|(_, operator)| *operator)
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        ALL.iter().find(|(_, operator)| *operator == self).map_or("", |(name, _)| name)
    }

    /// All names, for a message.
    pub(super) fn names() -> String {
        ALL.map(|(name, _)| name).join(", ")
    }

    /// The names of those that a kind of parameter has.
    pub(super) fn names_of(kind: Kind) -> String {
        let names = ALL.iter().filter(|(_, operator)| operator.of(kind).is_some()).map(|(name, _)| *name);
        names.collect::<Vec<_>>().join(", ")
    }

    /// What it asks of a kind of parameter; none where the kind does not have it.
    pub(super) fn of(self, kind: Kind) -> Option<Way> {
        if self == Operator::Pr {
            return (kind != Kind::Composite).then_some(Way::Present);
        }
        match kind {
            Kind::String => self.of_text(),
            Kind::Token => self.of_token(),
            Kind::Date => match self {
                Operator::Co => Some(Way::Covers),
                Operator::Po => Some(Way::Overlaps),
                other => other.of_order(),
            },
            Kind::Number | Kind::Quantity => self.of_order(),
            Kind::Reference => (self == Operator::Re).then_some(Way::Plain),
            Kind::Uri => match self {
                Operator::Eq => Some(Way::Plain),
                Operator::Ne => Some(Way::Unlike),
                _ => None,
            },
            Kind::Composite | Kind::Special => (self == Operator::Eq).then_some(Way::Plain),
        }
    }

    fn of_text(self) -> Option<Way> {
        Some(match self {
            Operator::Eq => Way::Text(Text::Is),
            Operator::Ne => Way::Text(Text::IsNot),
            Operator::Co => Way::Modifier(Modifier::Contains),
            Operator::Sw => Way::Plain,
            Operator::Ew => Way::Text(Text::Ends),
            Operator::Gt => Way::Text(Text::After),
            Operator::Lt => Way::Text(Text::Before),
            Operator::Ge => Way::Text(Text::From),
            Operator::Le => Way::Text(Text::UpTo),
            _ => return None,
        })
    }

    fn of_token(self) -> Option<Way> {
        match self {
            Operator::Eq => Some(Way::Plain),
            Operator::Ne => Some(Way::Unlike),
            Operator::Ss => Some(Way::Modifier(Modifier::Below)),
            Operator::Sb => Some(Way::Modifier(Modifier::Above)),
            Operator::In => Some(Way::Modifier(Modifier::In)),
            Operator::Ni => Some(Way::Modifier(Modifier::NotIn)),
            _ => None,
        }
    }

    /// The prefixes of what has an order.
    fn of_order(self) -> Option<Way> {
        use Operator::{Ap, Eb, Eq, Ge, Gt, Le, Lt, Ne, Sa};
        matches!(self, Eq | Ne | Gt | Lt | Ge | Le | Ap | Sa | Eb).then(|| Way::Prefix(self.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_is_of_some_kind_and_every_kind_has_its_own() {
        let table = [
            (Kind::String, "eq, ne, co, sw, ew, gt, lt, ge, le, pr"),
            (Kind::Number, "eq, ne, gt, lt, ge, le, ap, sa, eb, pr"),
            (Kind::Quantity, "eq, ne, gt, lt, ge, le, ap, sa, eb, pr"),
            (Kind::Date, "eq, ne, co, gt, lt, ge, le, ap, sa, eb, pr, po"),
            (Kind::Reference, "pr, re"),
            (Kind::Uri, "eq, ne, pr"),
            (Kind::Token, "eq, ne, pr, ss, sb, in, ni"),
            (Kind::Special, "eq, pr"),
            (Kind::Composite, "eq"),
        ];
        for (kind, expected) in table {
            assert_eq!(Operator::names_of(kind), expected, "{kind:?}");
        }
        assert!(ALL.iter().all(|(name, operator)| Operator::parse(name) == Some(*operator)));
        assert!(ALL.iter().all(|(name, operator)| operator.name() == *name));
        assert_eq!(Operator::parse("EQ"), None);
    }
}
