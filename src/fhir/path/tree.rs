//! An expression as a tree, and the functions that it may call. <https://hl7.org/fhirpath/#functions>

use regex::Regex;

use crate::fhir::path::value::System;

/// An expression or a part of one.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    /// `{}`.
    Nothing,
    Literal(System<'static>),
    /// `$this`, or what an expression begins with.
    This,
    /// `$index`.
    Index,
    /// `$total`.
    Total,
    Variable(Variable),
    /// A type's name at the beginning: only what is of it goes on.
    OfType(Named),
    /// A child by its name.
    Child(Box<Tree>, String),
    /// `a[b]`.
    At(Box<Tree>, Box<Tree>),
    Call(Box<Tree>, Function, Vec<Tree>),
    /// `is`, `as` and `ofType`.
    Typed(Box<Tree>, Typing, Named),
    /// `matches` and `replaceMatches` with a pattern that is known beforehand, the latter with what is put in place.
    Pattern(Box<Tree>, Regex, Option<Box<Tree>>),
    Negated(Box<Tree>),
    Binary(Operator, Box<Tree>, Box<Tree>),
}

impl Tree {
    /// What `%` and a name stand for.
    pub(super) fn variable(name: &str) -> Result<Self, String> {
        let text = |url: &'static str| Ok(Self::Literal(System::Text(url.into())));
        match name {
            "resource" => Ok(Self::Variable(Variable::Resource)),
            "rootResource" => Ok(Self::Variable(Variable::RootResource)),
            "context" => Ok(Self::Variable(Variable::Context)),
            "ucum" => text("http://unitsofmeasure.org"),
            "sct" => text("http://snomed.info/sct"),
            "loinc" => text("http://loinc.org"),
            _ => Err(format!("the variable `%{name}` is not known")),
        }
    }
}

/// What stands after `%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Resource,
    RootResource,
    Context,
}

/// A type by its name, perhaps with `FHIR.` or `System.` in front.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    pub(super) system: bool,
    pub(super) name: String,
}

/// What is asked of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typing {
    /// `is`: is it?
    Is,
    /// `as`, `ofType`: only what is.
    Filter,
}

/// An operator between two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Times,
    Over,
    Div,
    Mod,
    Plus,
    Minus,
    Join,
    Union,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
    Equivalent,
    NotEquivalent,
    In,
    Contains,
    And,
    Or,
    Xor,
    Implies,
}

impl Operator {
    /// The operator with this word, and how tightly it binds.
    pub(super) fn parse(word: &str) -> Option<(Self, u8)> {
        Some(match word {
            "*" => (Self::Times, 10),
            "/" => (Self::Over, 10),
            "div" => (Self::Div, 10),
            "mod" => (Self::Mod, 10),
            "+" => (Self::Plus, 9),
            "-" => (Self::Minus, 9),
            "&" => (Self::Join, 9),
            "|" => (Self::Union, 7),
            "<" => (Self::Less, 6),
            "<=" => (Self::LessOrEqual, 6),
            ">" => (Self::Greater, 6),
            ">=" => (Self::GreaterOrEqual, 6),
            "=" => (Self::Equal, 5),
            "!=" => (Self::Unequal, 5),
            "~" => (Self::Equivalent, 5),
            "!~" => (Self::NotEquivalent, 5),
            "in" => (Self::In, 4),
            "contains" => (Self::Contains, 4),
            "and" => (Self::And, 3),
            "or" => (Self::Or, 2),
            "xor" => (Self::Xor, 2),
            "implies" => (Self::Implies, 1),
            _ => return None,
        })
    }
}

/// Lists each function once: its name in the tree and in the language, and how many arguments it takes.
macro_rules! functions {
    ($($variant:ident $name:literal $least:literal..=$most:literal),* $(,)?) => {
        /// A function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Function { $($variant),* }

        impl Function {
            /// The function with this name, with the fewest and the most arguments that it takes.
            pub(super) fn parse(name: &str) -> Option<(Self, usize, usize)> {
                match name { $($name => Some((Self::$variant, $least, $most)),)* _ => None }
            }

            /// The name in the language.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

#[rustfmt::skip]
functions! {
    // Whether there is something.
    Empty "empty" 0..=0, Exists "exists" 0..=1, All "all" 1..=1, AllTrue "allTrue" 0..=0, AnyTrue "anyTrue" 0..=0,
    AllFalse "allFalse" 0..=0, AnyFalse "anyFalse" 0..=0, SubsetOf "subsetOf" 1..=1, SupersetOf "supersetOf" 1..=1,
    Count "count" 0..=0, Distinct "distinct" 0..=0, IsDistinct "isDistinct" 0..=0, Not "not" 0..=0,
    HasValue "hasValue" 0..=0,
    // Which of it.
    Where "where" 1..=1, Select "select" 1..=1, Repeat "repeat" 1..=1, Aggregate "aggregate" 1..=2,
    Single "single" 0..=0, First "first" 0..=0, Last "last" 0..=0, Tail "tail" 0..=0, Skip "skip" 1..=1,
    Take "take" 1..=1, Intersect "intersect" 1..=1, Exclude "exclude" 1..=1, Union "union" 1..=1,
    Combine "combine" 1..=1, Iif "iif" 2..=3, Trace "trace" 1..=2, Children "children" 0..=0,
    Descendants "descendants" 0..=0,
    // Texts.
    StartsWith "startsWith" 1..=1, EndsWith "endsWith" 1..=1, ContainsText "contains" 1..=1, IndexOf "indexOf" 1..=1,
    Substring "substring" 1..=2, Replace "replace" 2..=2, Matches "matches" 1..=1,
    ReplaceMatches "replaceMatches" 2..=2, Length "length" 0..=0, Upper "upper" 0..=0, Lower "lower" 0..=0,
    Trim "trim" 0..=0, ToChars "toChars" 0..=0, Split "split" 1..=1, Join "join" 0..=1,
    // From one type to another.
    ToBoolean "toBoolean" 0..=0, ConvertsToBoolean "convertsToBoolean" 0..=0,
    ToInteger "toInteger" 0..=0, ConvertsToInteger "convertsToInteger" 0..=0,
    ToDecimal "toDecimal" 0..=0, ConvertsToDecimal "convertsToDecimal" 0..=0,
    ToText "toString" 0..=0, ConvertsToText "convertsToString" 0..=0,
    ToDate "toDate" 0..=0, ConvertsToDate "convertsToDate" 0..=0,
    ToDateTime "toDateTime" 0..=0, ConvertsToDateTime "convertsToDateTime" 0..=0,
    ToTime "toTime" 0..=0, ConvertsToTime "convertsToTime" 0..=0,
    ToQuantity "toQuantity" 0..=0, ConvertsToQuantity "convertsToQuantity" 0..=0,
    // What FHIR adds.
    Extension "extension" 1..=1, Resolve "resolve" 0..=0, MemberOf "memberOf" 1..=1,
    ConformsTo "conformsTo" 1..=1, HtmlChecks "htmlChecks" 0..=0, GetValue "getValue" 0..=0,
}
