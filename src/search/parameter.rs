//! The search parameters of every resource type, compiled. <https://hl7.org/fhir/R4/searchparameter.html>

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

use crate::definitions::Definitions;
use crate::definitions::Members;
use crate::definitions::SearchParameterDefinition;
use crate::fhir::ResourceType;
use crate::fhir::path::Path;
use crate::fhir::shape::Shapes;
use crate::search::bearing;
use crate::search::bearing::Nature;
use crate::search::joined;
use crate::search::joined::Joined;
use crate::search::parts;
use crate::search::parts::Composite;
use crate::search::rows::ANY_ELEMENT;
use crate::search::text;

/// What a parameter searches by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A text.
    String,
    /// A code.
    Token,
    /// A reference.
    Reference,
    /// A date or time.
    Date,
    /// A number.
    Number,
    /// A number with a unit.
    Quantity,
    /// A URI.
    Uri,
    /// Several parameters of one element together.
    Composite,
    /// What has rules of its own.
    Special,
}

impl Kind {
    /// FHIR's word.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Token => "token",
            Kind::Reference => "reference",
            Kind::Date => "date",
            Kind::Number => "number",
            Kind::Quantity => "quantity",
            Kind::Uri => "uri",
            Kind::Composite => "composite",
            Kind::Special => "special",
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        use Kind::*;
        [String, Token, Reference, Date, Number, Quantity, Uri, Composite, Special]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// One search parameter of one resource type.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The number under which the index knows it: a hash of `Type.code`, the same at every start.
    pub number: i64,
    /// For a reference, the number under which the index knows the `identifier` of what is referred to; for a URL, that
    /// of the URL with the version.
    pub identifier_number: i64,
    /// For a token, the number under which the index knows the text that goes with it; for a text, its pieces.
    pub text_number: i64,
    /// For a token, the number under which the index knows identifiers with their type; for a name, its later words.
    pub of_type_number: i64,
    /// For a token in an element of type `code`, the hashes of the systems that a code implies; R4 has one for
    /// nearly all of them.
    pub implied: HashMap<String, Vec<i64>>,
    /// The types of the values that it finds; none where it says whether something is so.
    pub finds: Vec<String>,
    /// In what elements its values are.
    pub nature: Nature,
    /// Whether a resource has one value at most.
    pub is_single: bool,
    /// The type of the resources that are searched.
    pub ty: ResourceType,
    /// Its name in a query.
    pub code: String,
    /// What it searches by.
    pub kind: Kind,
    /// The canonical URL of its definition.
    pub url: String,
    /// Where its values are; none where it is not indexed (`_text`).
    pub path: Option<Path>,
    /// For a composite parameter, what it is composed of.
    pub composite: Option<Composite>,
    /// The two parameters whose rows tell what it finds, where its own do not tell all of it.
    pub joins: Option<Joined>,
    /// For a reference, the types to which it may point; empty where that is not said.
    pub target: Vec<ResourceType>,
    /// Whether it looks at the words of a resource, and these are kept.
    pub of_words: bool,
    /// What it means, for people.
    pub documentation: String,
    /// Whether all that is stored has its rows; not so of a client's own that is newer than the index.
    pub is_ready: bool,
}

impl Parameter {
    /// Whether it can be searched by its values, or by the words of a resource; of the special parameters, by `near`
    /// alone.
    pub fn is_searchable(&self) -> bool {
        let has_values = self.path.is_some() && (self.kind != Kind::Special || self.code == "near");
        self.is_ready && (self.of_words || has_values)
    }
}

/// Whether all that is stored has the rows of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It has.
    Yes,
    /// What was stored before it has not.
    AfterReindex,
}

/// The search parameters of all types.
#[derive(Clone, Debug)]
pub struct Parameters {
    of_type: BTreeMap<ResourceType, Vec<Parameter>>,
    by_number: HashMap<i64, (ResourceType, usize)>,
    compartments: BTreeMap<ResourceType, Members>,
    keeps_words: bool,
}

impl Parameters {
    /// Compiles the definitions.
    ///
    /// # Errors
    /// Where an expression is not supported, a kind is unknown, or two parameters have the same number or code.
    pub fn compile(definitions: &Definitions) -> Result<Self, String> {
        let mut all = Self {
            of_type: ResourceType::all().map(|ty| (ty, Vec::new())).collect(),
            by_number: HashMap::new(),
            compartments: definitions.compartments.clone(),
            keeps_words: true,
        };
        for definition in &definitions.search_parameters {
            all.add(definition, &definitions.shapes, Ready::Yes)?;
        }
        let composed = |definition: &&SearchParameterDefinition| !definition.component.is_empty();
        for definition in definitions.search_parameters.iter().filter(composed) {
            all.compose(definition)?;
        }
        for own in all.of_type.values_mut() {
            parts::share(own);
            joined::join(own);
        }
        Ok(all)
    }

    /// The same where no words of resources are kept.
    #[must_use]
    pub fn without_words(mut self) -> Self {
        self.of_type.values_mut().flatten().for_each(|parameter| parameter.of_words = false);
        Self { keeps_words: false, ..self }
    }

    /// Whether the words of resources are kept, for `_text` and `_content`.
    pub fn keeps_words(&self) -> bool {
        self.keeps_words
    }

    /// The parameters of a type, in the order of their definitions.
    pub fn of(&self, ty: ResourceType) -> impl Iterator<Item = &Parameter> {
        self.of_type.get(&ty).into_iter().flatten()
    }

    /// The parameter of a type with this code.
    pub fn find(&self, ty: ResourceType, code: &str) -> Option<&Parameter> {
        self.of(ty).find(|parameter| parameter.code == code)
    }

    /// The parameter with this number, or with the one that its rows of contained resources have.
    pub fn by_number(&self, number: i64) -> Option<&Parameter> {
        let (ty, at) = self.by_number.get(&number.abs())?;
        self.of_type.get(ty)?.get(*at)
    }

    /// The codes of the parameters that put a resource of this type in a patient's compartment; none where no
    /// resource of the type stands in one.
    pub fn compartment(&self, ty: ResourceType) -> Option<&[String]> {
        self.members(ResourceType::parse("Patient")?)?.get(&ty).map(Vec::as_slice)
    }

    /// What stands in the compartments of this type, and by which parameters; none where it has no compartments.
    pub fn members(&self, about: ResourceType) -> Option<&Members> {
        self.compartments.get(&about)
    }

    /// Adds what a definition defines, of which all that is stored has its rows or not.
    ///
    /// # Errors
    /// As [`Parameters::compile`]; then nothing is added.
    pub fn add(
        &mut self,
        definition: &SearchParameterDefinition,
        shapes: &Shapes,
        ready: Ready,
    ) -> Result<(), String> {
        let named = |problem: String| format!("search parameter {}: {problem}", definition.url);
        let kind =
            Kind::parse(&definition.kind).ok_or_else(|| named(format!("no kind `{}`", definition.kind)))?;
        let path = definition.expression.as_deref().map(Path::compile).transpose().map_err(named)?;
        self.room(definition, path.as_ref()).map_err(named)?;
        for ty in &definition.base {
            let own = path.as_ref().and_then(|path| path.for_type(ty.name()));
            let place = self.of_type.entry(*ty).or_default();
            let numbers = numbers(*ty, &definition.code);
            self.by_number.extend(numbers.map(|number| (number, (*ty, place.len()))));
            let [number, identifier_number, text_number, of_type_number] = numbers;
            let of_codes = own.as_ref().filter(|_| kind == Kind::Token);
            place.push(Parameter {
                number,
                identifier_number,
                text_number,
                of_type_number,
                is_single: own.as_ref().is_some_and(|path| shapes.is_single(*ty, path)),
                finds: own.as_ref().map(|path| bearing::finds(shapes, *ty, path)).unwrap_or_default(),
                implied: of_codes.map(|path| bearing::implied(shapes, *ty, path)).unwrap_or_default(),
                nature: bearing::nature(shapes, (*ty, kind), own.as_ref()),
                ty: *ty,
                code: definition.code.clone(),
                kind,
                url: definition.url.clone(),
                target: bearing::targets(definition, own.as_ref()),
                path: own,
                composite: None,
                joins: None,
                of_words: path.is_none() && text::is_one(&definition.code),
                documentation: bearing::documentation(definition),
                is_ready: ready == Ready::Yes,
            });
        }
        Ok(())
    }

    /// Whether each type of a definition has a branch of its expression, and room for its code and its numbers.
    fn room(&self, definition: &SearchParameterDefinition, path: Option<&Path>) -> Result<(), String> {
        let mut taken = HashSet::from([ANY_ELEMENT]);
        for ty in &definition.base {
            if path.is_some_and(|path| path.for_type(ty.name()).is_none()) {
                return Err(format!("its expression has no branch for {ty}"));
            }
            let code = &definition.code;
            if self.find(*ty, code).is_some() {
                return Err(format!("{ty} has a parameter `{code}` already"));
            }
            let is_taken = |number: i64| self.by_number.contains_key(&number) || !taken.insert(number);
            if numbers(*ty, code).into_iter().any(is_taken) {
                return Err(format!("its number for {ty} is taken; give it another code"));
            }
        }
        Ok(())
    }

    /// Gives a composite parameter its parts, which are parameters of the same type.
    fn compose(&mut self, definition: &SearchParameterDefinition) -> Result<(), String> {
        for ty in &definition.base {
            let own = self.of_type.get(ty).map_or(&[][..], Vec::as_slice);
            let composite = parts::compile(definition, own)
                .map_err(|problem| format!("search parameter {} of {ty}: {problem}", definition.url))?;
            let own = self.of_type.get_mut(ty).into_iter().flatten();
            own.filter(|own| own.code == definition.code)
                .for_each(|own| own.composite = Some(composite.clone()));
        }
        Ok(())
    }
}

/// The numbers under which a parameter of this type and code would be known.
pub fn numbers(ty: ResourceType, code: &str) -> [i64; 4] {
    ["", ":identifier", ":text", ":of-type"].map(|suffix| number(ty, &format!("{code}{suffix}")))
}

/// FNV-1a of `Type.code`, folded to 31 bits: small in every index row and the same on every machine.
fn number(ty: ResourceType, code: &str) -> i64 {
    let bytes = ty.name().bytes().chain([b'.']).chain(code.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    i64::try_from((hash ^ (hash >> 32)) & 0x7fff_ffff).expect("31 bits fit")
}
