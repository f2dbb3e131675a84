//! Decides by a plain reading of the R4 page which resources a search finds: every resource, every value, no index.
//! <https://hl7.org/fhir/R4/search.html>

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;

use serde_json::Value;

use crate::search_oracle::found::Found;
use crate::search_oracle::found::decimal;
use crate::search_oracle::found::fold;
use crate::search_oracle::found::found;
use crate::search_oracle::found::half;
use crate::search_oracle::found::span;
use crate::search_oracle::kept::is_kept;
use crate::search_oracle::parameters::CANONICAL;
use crate::search_oracle::parameters::COMPOSITES;
use crate::search_oracle::parameters::DIRECTORY;
use crate::search_oracle::parameters::Kind;
use crate::search_oracle::parameters::Parameter;
use crate::search_oracle::parameters::Table;
use crate::search_oracle::parameters::compartment;
use crate::search_oracle::parameters::walk;
use crate::search_oracle::words::Words;

/// The system of UCUM's units.
const UCUM: &str = "http://unitsofmeasure.org";

/// Units of UCUM: what each measures, and how many of a small part it is.
pub const UNITS: [(&str, &str, i128); 26] = [
    ("kg", "mass", 1_000_000_000_000_000),
    ("g", "mass", 1_000_000_000_000),
    ("mg", "mass", 1_000_000_000),
    ("pg", "mass", 1),
    ("[lb_av]", "mass", 453_592_370_000_000),
    ("m", "length", 10_000),
    ("cm", "length", 100),
    ("mm", "length", 10),
    ("[in_i]", "length", 254),
    ("h", "time", 3_600),
    ("d", "time", 86_400),
    ("wk", "time", 604_800),
    ("a", "time", 31_557_600),
    // What stands in braces means nothing to UCUM.
    ("{score}", "one", 100),
    ("{T-score}", "one", 100),
    ("%", "one", 1),
    ("g/dL", "concentration", 10_000_000_000),
    ("g/L", "concentration", 1_000_000_000),
    ("mg/dL", "concentration", 10_000_000),
    ("pg/mL", "concentration", 1),
    ("10*6/uL", "count", 1_000),
    ("10*3/uL", "count", 1),
    // To UCUM a mole is a number of things, and so compares with a count.
    ("mmol/L", "count", 602_214_076_000),
    ("L/min", "flow", 1_000),
    ("mL/min", "flow", 1),
    ("mL/min/{1.73_m2}", "flow", 1),
];

/// The codes of the value sets that are stored here.
pub const MEMBERS: [(&str, &str, &str); 3] = [
    ("http://example.org/fhir/ValueSet/a", "http://snomed.info/sct", "84114007"),
    ("http://example.org/fhir/ValueSet/a", "http://snomed.info/sct", "88805009"),
    ("http://example.org/fhir/ValueSet/a/b", "http://loinc.org", "29463-7"),
];

/// All that is stored, and by what it is found.
pub struct World {
    /// The parameters.
    pub table: Table,
    /// Every resource.
    pub all: Vec<Resource>,
    /// The address of the service: `http://…/fhir`.
    pub base: String,
    /// Now, in microseconds.
    pub now: i64,
    places: HashMap<String, usize>,
    /// By which URL and version a definition is published.
    published: HashMap<String, Vec<usize>>,
    /// What points to each resource, and by which parameter.
    pointing: Vec<Vec<(usize, &'static str)>>,
    /// What one search has found out of each resource.
    memo: RefCell<HashMap<(usize, String), bool>>,
}

/// One resource.
pub struct Resource {
    /// Its type.
    pub ty: String,
    /// Its id.
    pub id: String,
    /// When it was written, in microseconds.
    pub updated: i64,
    /// The values of each parameter of its type.
    pub values: Vec<Vec<Found>>,
    /// The values of composite parameters that stand together.
    pub pairs: Vec<Pair>,
    /// Its words.
    pub words: Words,
    /// Whether it is kept from the patient whom it is about.
    pub is_kept: bool,
}

/// What one element has for both parts of a composite parameter.
pub struct Pair {
    /// The parameter.
    pub code: &'static str,
    /// The values of each part.
    pub parts: [(Parameter, Vec<Found>); 2],
}

/// The pairs of a resource.
fn pairs(resource: &Value) -> Vec<Pair> {
    let mut all = Vec::new();
    for (_, code, places, parts) in COMPOSITES.iter().filter(|(ty, ..)| resource["resourceType"] == *ty) {
        let elements = places.iter().flat_map(|place| match *place {
            "." => vec![resource],
            place => walk(resource, place),
        });
        all.extend(elements.map(|element| {
            let parts = parts.map(Parameter::part);
            Pair { code, parts: parts.map(|part| (part.clone(), found(element, &part))) }
        }));
    }
    all
}

impl Resource {
    /// `Type/id`.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.ty, self.id)
    }
}

/// A search: a type, what to look for, and who asks.
#[derive(Clone, Debug)]
pub struct Question {
    /// The type.
    pub ty: String,
    /// In which compartment: `Patient/1`.
    pub compartment: Option<String>,
    /// The conditions: name and value.
    pub criteria: Vec<(String, String)>,
    /// The patient who asks; none for somebody who may see all.
    pub caller: Option<String>,
}

/// A key by which resources are sorted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A text.
    Text(String),
    /// A number or an instant.
    Number(i128),
}

impl World {
    /// Reads every resource.
    pub fn new(resources: &[Value], base: &str, now: i64) -> Self {
        let table = Table::read();
        let read = |resource: &Value| {
            let text = |name: &str| resource[name].as_str().expect("a stored resource has it").to_owned();
            let ty = text("resourceType");
            let values = table.of(&ty).iter().map(|parameter| found(resource, parameter)).collect();
            let updated =
                span(resource["meta"]["lastUpdated"].as_str().expect("it is stored")).expect("an instant").0;
            Resource {
                id: text("id"),
                updated,
                values,
                ty,
                pairs: pairs(resource),
                words: Words::of(resource),
                is_kept: is_kept(resource),
            }
        };
        let all: Vec<Resource> = resources.iter().map(read).collect();
        let places = all.iter().enumerate().map(|(at, one)| (one.reference(), at)).collect();
        let mut published: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, resource) in resources.iter().enumerate() {
            let url = resource["url"].as_str().unwrap_or_default();
            let version = resource["version"].as_str().unwrap_or_default();
            published.entry(url.to_owned()).or_default().push(at);
            published.entry(format!("{url}|{version}")).or_default().push(at);
        }
        let (base, memo) = (base.to_owned(), RefCell::default());
        let mut world = Self { table, all, base, now, places, published, pointing: Vec::new(), memo };
        let mut pointing = vec![Vec::new(); world.all.len()];
        for at in 0..world.all.len() {
            for parameter in
                world.table.of(&world.all[at].ty).iter().filter(|one| one.kind == Kind::Reference)
            {
                for target in world.targets(at, parameter.code) {
                    pointing[target].push((at, parameter.code));
                }
            }
        }
        world.pointing = pointing;
        world
    }

    /// What points to a resource, and by which parameter.
    pub fn pointing(&self, at: usize) -> &[(usize, &'static str)] {
        &self.pointing[at]
    }

    /// The places of all that a question finds.
    pub fn answer(&self, question: &Question) -> BTreeSet<usize> {
        self.memo.borrow_mut().clear();
        let seen = question.caller.as_deref().map(|patient| self.seen_by(patient));
        let matches = |at: &usize| {
            let inside = question.compartment.as_deref().is_none_or(|about| self.in_compartment(*at, about));
            self.all[*at].ty == question.ty
                && self.visible(*at, seen.as_ref())
                && inside
                && question.criteria.iter().all(|(name, value)| self.holds(*at, (name, value), seen.as_ref()))
        };
        (0..self.all.len()).filter(matches).collect()
    }

    /// What goes with these, by `_include` or `_revinclude` and `Type:code:Target`; with `:iterate`, from there on too.
    pub fn included(
        &self,
        matches: &[usize],
        includes: &[(String, String)],
        caller: Option<&str>,
    ) -> BTreeSet<usize> {
        let seen = caller.map(|patient| self.seen_by(patient));
        let mut all: BTreeSet<usize> = BTreeSet::new();
        let mut from = matches.to_vec();
        for hop in 0.. {
            let follow = includes.iter().filter(|(name, _)| hop == 0 || name.ends_with(":iterate"));
            let found: BTreeSet<usize> = follow.flat_map(|include| self.one_hop(&from, include)).collect();
            from = found.into_iter().filter(|at| self.visible(*at, seen.as_ref())).collect();
            from.retain(|at| !matches.contains(at) && all.insert(*at));
            if from.is_empty() {
                break;
            }
        }
        all
    }

    fn one_hop(&self, from: &[usize], (name, include): &(String, String)) -> Vec<usize> {
        let parts: Vec<&str> = include.split(':').collect();
        let fits = |target: usize| parts.get(2).is_none_or(|ty| self.all[target].ty == **ty);
        let source = |at: usize| parts[0] == "*" || self.all[at].ty == parts[0];
        let targets = |at: usize| match parts.get(1) {
            Some(&"*") | None => {
                let own = self.table.of(&self.all[at].ty).iter();
                own.filter(|one| one.kind == Kind::Reference)
                    .flat_map(|one| self.targets(at, one.code))
                    .collect()
            }
            Some(code) => self.targets(at, code),
        };
        if name.starts_with("_include") {
            let own = from.iter().filter(|at| source(**at));
            return own.flat_map(|at| targets(*at)).filter(|target| fits(*target)).collect();
        }
        let own = (0..self.all.len()).filter(|at| source(*at));
        own.filter(|at| targets(*at).into_iter().any(|target| from.contains(&target) && fits(target)))
            .collect()
    }

    /// The place of a resource by `Type/id`.
    pub fn place(&self, reference: &str) -> Option<usize> {
        self.places.get(reference).copied()
    }

    /// The key of a resource: its smallest value upwards, its largest downwards; none where it has no value.
    pub fn key(&self, at: usize, code: &str, down: bool) -> Option<Key> {
        let resource = &self.all[at];
        match code {
            "_id" => return Some(Key::Text(resource.id.clone())),
            "_lastUpdated" => return Some(Key::Number(resource.updated.into())),
            _ => {}
        }
        let keys = self.values(at, code).iter().filter_map(|value| match value {
            Found::Text(text) | Found::Part(text) => Some(Key::Text(fold(text))),
            // A version is a string, whose case says nothing.
            Found::Token(token) if code == "version" => {
                token.code.as_ref().map(|code| Key::Text(code.to_lowercase()))
            }
            // A system alone is nothing to sort by.
            Found::Token(token) => token.code.clone().map(Key::Text),
            Found::Span(low, high) => Some(Key::Number(i128::from(if down { *high } else { *low }))),
            Found::Number(low, high) | Found::Quantity { low, high, .. } => {
                Some(Key::Number(if down { *high } else { *low }))
            }
            // A profile that names a part stands where it is found without it.
            Found::Uri(uri) if code == "_profile" && uri.contains('#') => {
                let forms = profile_forms(uri);
                if down { forms.into_iter().max() } else { forms.into_iter().min() }.map(Key::Text)
            }
            Found::Uri(uri) => Some(Key::Text(uri.clone())),
            Found::Reference { .. } | Found::Said(_) | Found::Typed(..) => None,
        });
        if down { keys.max() } else { keys.min() }
    }

    /// How two resources stand in an order (`-date,code`); equal where the order does not say.
    pub fn compare(&self, one: usize, other: usize, sort: &str) -> Ordering {
        for key in sort.split(',') {
            let (down, code) = key.strip_prefix('-').map_or((false, key), |code| (true, code));
            let (one, other) = (self.key(one, code, down), self.key(other, code, down));
            let order = match (one, other) {
                (None, other) => other.is_some().cmp(&false),
                (Some(_), None) => Ordering::Less,
                (Some(one), Some(other)) if down => other.cmp(&one),
                (Some(one), Some(other)) => one.cmp(&other),
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }

    /// The values of a parameter.
    pub fn values(&self, at: usize, code: &str) -> &[Found] {
        let resource = &self.all[at];
        let (place, _) =
            self.table.find(&resource.ty, code).unwrap_or_else(|| panic!("{} {code}", resource.ty));
        &resource.values[place]
    }

    /// What is stored here and a reference parameter points to.
    pub fn targets(&self, at: usize, code: &str) -> Vec<usize> {
        let by_canonical = CANONICAL.contains(&(self.all[at].ty.as_str(), code));
        let target = |value: &Found| match value {
            Found::Reference { local: Some(local), .. } => self.place(local).into_iter().collect(),
            Found::Reference { url: Some(url), .. } if by_canonical => self.published_as(url),
            _ => Vec::new(),
        };
        self.values(at, code).iter().flat_map(target).collect()
    }

    /// What is published under a canonical URL, in any version or in the one that it names; what stands after `#` names a
    /// part of it.
    fn published_as(&self, canonical: &str) -> Vec<usize> {
        let whole = canonical.split('#').next().expect("a split has a first part");
        self.published.get(whole).cloned().unwrap_or_default()
    }

    /// Whether a resource stands in the compartment of `Type/id`.
    fn in_compartment(&self, at: usize, own: &str) -> bool {
        let (resource, about) = (&self.all[at], own.split('/').next().expect("a type"));
        let points = |code: &&str| {
            self.values(at, code)
                .iter()
                .any(|value| matches!(value, Found::Reference { local: Some(local), .. } if *local == own))
        };
        resource.reference() == own || compartment(about, &resource.ty).iter().any(points)
    }

    /// All that a patient may see: their compartment but for what is kept from them, what of the directory it refers to,
    /// and definitions.
    fn seen_by(&self, patient: &str) -> HashSet<usize> {
        let mut seen: HashSet<usize> = (0..self.all.len())
            .filter(|at| self.in_compartment(*at, &format!("Patient/{patient}")))
            .collect();
        let own: Vec<usize> = seen.iter().copied().collect();
        for at in own {
            for parameter in
                self.table.of(&self.all[at].ty).iter().filter(|parameter| parameter.kind == Kind::Reference)
            {
                let directory = |target: &usize| DIRECTORY.contains(&self.all[*target].ty.as_str());
                seen.extend(self.targets(at, parameter.code).into_iter().filter(directory));
            }
        }
        seen.retain(|at| !self.all[*at].is_kept);
        let definition = |at: &usize| ["ValueSet", "Questionnaire"].contains(&self.all[*at].ty.as_str());
        seen.extend((0..self.all.len()).filter(definition));
        seen
    }

    /// Whether the caller may see a resource.
    pub fn visible(&self, at: usize, seen: Option<&HashSet<usize>>) -> bool {
        seen.is_none_or(|seen| seen.contains(&at))
    }

    /// Whether a resource meets one condition.
    pub fn holds(&self, at: usize, (name, value): (&str, &str), seen: Option<&HashSet<usize>>) -> bool {
        let asked = (at, format!("{name}={value}"));
        let known = self.memo.borrow().get(&asked).copied();
        known.unwrap_or_else(|| {
            let holds = self.is_so(at, (name, value), seen);
            self.memo.borrow_mut().insert(asked, holds);
            holds
        })
    }

    fn is_so(&self, at: usize, (name, value): (&str, &str), seen: Option<&HashSet<usize>>) -> bool {
        if name == "_filter" {
            return self.meets(at, value, seen);
        }
        if name == "_list" {
            let named = split(value, ',');
            return self.pointing[at].iter().any(|(list, code)| {
                let list_named =
                    |name: &String| name.strip_prefix("List/").unwrap_or(name) == self.all[*list].id;
                self.all[*list].ty == "List"
                    && *code == "item"
                    && self.visible(*list, seen)
                    && named.iter().any(list_named)
            });
        }
        if let Some(rest) = name.strip_prefix("_has:") {
            let mut parts = rest.splitn(3, ':');
            let [ty, code, rest] = [(); 3].map(|()| parts.next().expect("three parts"));
            return self.pointing[at].iter().any(|(source, own)| {
                *own == code
                    && self.all[*source].ty == ty
                    && self.visible(*source, seen)
                    && self.holds(*source, (rest, value), seen)
            });
        }
        if let Some((head, rest)) = name.split_once('.') {
            let (code, ty) = head.split_once(':').map_or((head, None), |(code, ty)| (code, Some(ty)));
            return self.targets(at, code).into_iter().any(|target| {
                ty.is_none_or(|ty| self.all[target].ty == ty)
                    && self.visible(target, seen)
                    && self.knows(&self.all[target].ty, rest)
                    && self.holds(target, (rest, value), seen)
            });
        }
        let (code, modifier) = name.split_once(':').unwrap_or((name, ""));
        let resource = &self.all[at];
        match code {
            "_text" | "_content" => return resource.words.hold(code, value),
            "_id" => return split(value, ',').contains(&resource.id),
            "_lastUpdated" => {
                let instant = Found::Span(resource.updated, resource.updated);
                return split(value, ',').iter().any(|value| self.date(&instant, value));
            }
            _ => {}
        }
        if COMPOSITES.iter().any(|(ty, own, ..)| resource.ty == *ty && code == *own) {
            return split(value, ',').iter().any(|asked| self.has_pair(resource, code, asked));
        }
        let (_, parameter) = self.table.find(&resource.ty, code).unwrap_or_else(|| panic!("{name}"));
        let own = self.values(at, code);
        match modifier {
            // A definition is found by its URL and its version together.
            "" if code == "url" => split(value, ',').iter().any(|asked| match plain(asked).split_once('|') {
                Some((url, version)) => {
                    let (url, version) = (url.replace('|', "\\|"), version.replace('|', "\\|"));
                    self.any(parameter, own, "", &url) && self.holds(at, ("version", version.as_str()), seen)
                }
                None => self.any(parameter, own, "", asked),
            }),
            "missing" => (value == "false") == own.iter().any(|value| is_value(parameter, value)),
            "not" => !self.any(parameter, own, "", value),
            "not-in" => !self.any(parameter, own, "in", value),
            modifier => self.any(parameter, own, modifier, value),
        }
    }

    /// Whether one element has both parts of `code$value`.
    fn has_pair(&self, resource: &Resource, code: &str, asked: &str) -> bool {
        let asked = split(asked, '$');
        let has = |((parameter, own), asked): (&(Parameter, Vec<Found>), &String)| {
            own.iter().any(|own| self.one(parameter, own, "", asked))
        };
        let mut own = resource.pairs.iter().filter(|pair| pair.code == code);
        own.any(|pair| pair.parts.iter().zip(&asked).all(has))
    }

    /// Whether the type has the parameter with which a condition begins.
    pub fn knows(&self, ty: &str, name: &str) -> bool {
        let code = name.split(['.', ':']).next().expect("a split has a first part");
        let composite = COMPOSITES.iter().any(|(own, composite, ..)| ty == *own && code == *composite);
        composite
            || ["_has", "_filter", "_list"].contains(&code)
            || code == "_id"
            || code == "_lastUpdated"
            || self.table.find(ty, code).is_some()
    }

    fn any(&self, parameter: &Parameter, own: &[Found], modifier: &str, value: &str) -> bool {
        split(value, ',').iter().any(|asked| own.iter().any(|own| self.one(parameter, own, modifier, asked)))
    }

    /// Whether one value found is what one value asks for.
    pub fn one(&self, parameter: &Parameter, own: &Found, modifier: &str, asked: &str) -> bool {
        match own {
            Found::Text(text) => {
                let asked = plain(asked);
                match modifier {
                    "exact" => *text == asked,
                    "contains" => fold(text).contains(&fold(&asked)),
                    _ => fold(text).starts_with(&fold(&asked)),
                }
            }
            Found::Part(text) => {
                let (text, asked_for) = (fold(text), fold(&plain(asked)));
                let begins = |text: &str| text.starts_with(&asked_for);
                match modifier {
                    "exact" | "contains" => self.one(parameter, &as_text(own), modifier, asked),
                    _ => begins(&text) || text.match_indices(' ').any(|(at, _)| begins(&text[at + 1..])),
                }
            }
            Found::Said(text) => modifier == "text" && fold(text).starts_with(&fold(&plain(asked))),
            Found::Typed(system, code, value) => {
                let parts = [system, code, value].map(String::as_str);
                modifier == "of-type" && split(asked, '|').iter().map(|part| plain(part)).eq(parts)
            }
            Found::Token(_) if modifier == "text" || modifier == "of-type" => false,
            Found::Token(token) if modifier == "in" => {
                let members = MEMBERS.iter().filter(|(url, ..)| *url == plain(asked));
                let own = (token.system.as_deref(), token.code.as_deref());
                members.into_iter().any(|(_, system, code)| own == (Some(*system), Some(*code)))
            }
            Found::Token(token) if parameter.code == "version" => {
                let code = token.code.as_ref().map(|code| code.to_lowercase());
                code_is(token.system.as_deref(), code.as_deref(), &asked.to_lowercase())
            }
            Found::Token(token) => code_is(token.system.as_deref(), token.code.as_deref(), asked),
            Found::Reference { local, url, identifier } => match modifier {
                "identifier" => identifier
                    .as_ref()
                    .is_some_and(|token| code_is(token.system.as_deref(), token.code.as_deref(), asked)),
                ty => self.points(parameter, (local.as_deref(), url.as_deref()), ty, &plain(asked)),
            },
            Found::Span(..) => self.date(own, asked),
            Found::Number(low, high) => measures((*low, *high), asked),
            Found::Quantity { low, high, system, code, unit } => {
                let parts: Vec<String> = split(asked, '|').iter().map(|part| plain(part)).collect();
                let of_unit = match parts.as_slice() {
                    [_] => true,
                    [_, uri, wanted] if uri.is_empty() => {
                        code.as_ref() == Some(wanted) || unit.as_ref() == Some(wanted)
                    }
                    [_, uri, wanted] if uri == UCUM && system.as_ref() == Some(uri) && !wanted.is_empty() => {
                        return code
                            .as_ref()
                            .is_some_and(|code| in_units((*low, *high, code), (&parts[0], wanted)));
                    }
                    [_, uri, wanted] => {
                        system.as_ref() == Some(uri) && (wanted.is_empty() || code.as_ref() == Some(wanted))
                    }
                    _ => panic!("{asked}"),
                };
                of_unit && measures((*low, *high), &parts[0])
            }
            Found::Uri(uri) => {
                let asked = plain(asked);
                let is_profile = parameter.code == "_profile";
                let forms = if is_profile { profile_forms(uri) } else { vec![uri.clone()] };
                forms.iter().any(|uri| match modifier {
                    "below" => *uri == asked || uri.starts_with(&format!("{}/", asked.trim_end_matches('/'))),
                    "above" => *uri == asked || asked.starts_with(&format!("{}/", uri.trim_end_matches('/'))),
                    _ => *uri == asked,
                })
            }
        }
    }

    fn points(
        &self,
        parameter: &Parameter,
        own: (Option<&str>, Option<&str>),
        ty: &str,
        asked: &str,
    ) -> bool {
        let asked = asked.strip_prefix(&format!("{}/", self.base)).unwrap_or(asked);
        match own {
            (Some(local), _) if !ty.is_empty() => local == format!("{ty}/{asked}") || local == asked,
            (Some(local), _) if asked.contains('/') => local == asked,
            (Some(local), _) => {
                let (ty, id) = local.split_once('/').expect("a type and an id");
                id == asked && parameter.targets.contains(&ty)
            }
            (None, Some(url)) => {
                // With and without the version, and with and without the part.
                let (whole, part) = url.split_once('#').unwrap_or((url, ""));
                let short = whole.split('|').next().expect("a split has a first part");
                url == asked || whole == asked || short == asked || asked == format!("{short}#{part}")
            }
            (None, None) => false,
        }
    }

    /// How the span found stands to the span asked for. <https://hl7.org/fhir/R4/search.html#prefix>
    fn date(&self, own: &Found, asked: &str) -> bool {
        let Found::Span(low, high) = *own else { return false };
        let (prefix, text) = prefix(asked);
        let (mut first, mut last) = span(&text).expect("a date was asked for");
        if low > high {
            return false;
        }
        if prefix == "ap" {
            let distance = if self.now < first { first - self.now } else { (self.now - last).max(0) };
            (first, last) = (first - distance / 10, last + distance / 10);
        }
        stands(prefix, (low, high), (first, last))
    }
}

/// The prefixes on spans, both ends inside.
fn stands<T: Ord + Copy>(prefix: &str, (low, high): (T, T), (first, last): (T, T)) -> bool {
    let contained = first <= low && high <= last;
    match prefix {
        "eq" => contained,
        "ne" => !contained,
        "gt" => high > last,
        "lt" => low < first,
        "ge" => high > last || contained,
        "le" => low < first || contained,
        "sa" => low > last,
        "eb" => high < first,
        "ap" => low <= last && high >= first,
        other => panic!("no prefix {other}"),
    }
}

/// By what a profile is found: without a version it is that of any version, and without a part of any part.
fn profile_forms(uri: &str) -> Vec<String> {
    let (whole, part) = uri.split_once('#').unwrap_or((uri, ""));
    let url = whole.split('|').next().expect("a split has a first part");
    let mut forms = vec![uri.to_owned(), whole.to_owned(), url.to_owned()];
    forms.extend((!part.is_empty()).then(|| format!("{url}#{part}")));
    forms
}

/// How the number found stands to the number asked for: `eq`, `ne` and `ap` to what rounds to it, others to itself.
fn measures(own: (i128, i128), asked: &str) -> bool {
    by_factors(own, asked, (1, 1))
}

/// The same in units that may differ, if one can be made of the other.
fn in_units((low, high, code): (i128, i128, &str), (asked, wanted): (&str, &str)) -> bool {
    let factor = |code: &str| UNITS.iter().find(|(own, ..)| *own == code);
    match (factor(code), factor(wanted)) {
        (Some((_, one, own)), Some((_, other, wanted))) => {
            one == other && by_factors((low, high), asked, (*own, *wanted))
        }
        _ => code == wanted && measures((low, high), asked),
    }
}

fn by_factors((low, high): (i128, i128), asked: &str, (own, wanted): (i128, i128)) -> bool {
    let (prefix, text) = prefix(asked);
    let value = decimal(&text).expect("a number was asked for") * wanted;
    let half = half(&text).expect("a number was asked for") * wanted;
    let (low, high) = (low.saturating_mul(own), high.saturating_mul(own));
    match prefix {
        // The upper end is outside.
        "eq" | "ne" => stands(prefix, (low, high), (value - half, value + half - 1)),
        "ap" => {
            let around = (value.abs() / 10).max(half);
            stands("ap", (low, high), (value - around, value + around))
        }
        prefix => stands(prefix, (low, high), (value, value)),
    }
}

/// Whether a code is `code`, `system|code`, `|code` or `system|`.
fn code_is(system: Option<&str>, code: Option<&str>, asked: &str) -> bool {
    let parts: Vec<String> = split(asked, '|').iter().map(|part| plain(part)).collect();
    match parts.as_slice() {
        [wanted] => code == Some(wanted),
        [uri, wanted] if uri.is_empty() => system.is_none() && code == Some(wanted),
        [uri, wanted] if wanted.is_empty() => system == Some(uri),
        [uri, wanted] => system == Some(uri) && code == Some(wanted),
        _ => panic!("{asked}"),
    }
}

/// A value that is one for its parameter: a Period that ends before it begins covers nothing.
fn is_value(parameter: &Parameter, value: &Found) -> bool {
    match value {
        Found::Span(low, high) => low <= high,
        // A concept may be told in words alone.
        Found::Text(text) | Found::Part(text) | Found::Said(text) => !fold(text).is_empty(),
        // What is known by its identifier alone has no place to point to.
        Found::Reference { local, url, .. } => local.is_some() || url.is_some(),
        Found::Typed(..) => false,
        Found::Token(_) | Found::Number(..) | Found::Quantity { .. } | Found::Uri(_) => {
            !parameter.code.is_empty()
        }
    }
}

/// A part of a name as any other text.
fn as_text(part: &Found) -> Found {
    match part {
        Found::Part(text) => Found::Text(text.clone()),
        other => other.clone(),
    }
}

fn prefix(asked: &str) -> (&str, String) {
    let letters = asked.get(..2).filter(|letters| letters.bytes().all(|byte| byte.is_ascii_lowercase()));
    letters.map_or(("eq", asked.to_owned()), |letters| (letters, asked[2..].to_owned()))
}

/// The parts between the separators that no backslash stands before.
fn split(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut escaped) = (vec![String::new()], false);
    for letter in text.chars() {
        if letter == separator && !escaped {
            parts.push(String::new());
        } else {
            parts.last_mut().expect("there is one").push(letter);
        }
        escaped = letter == '\\' && !escaped;
    }
    parts
}

/// Without the backslashes.
fn plain(text: &str) -> String {
    let (mut plain, mut letters) = (String::new(), text.chars());
    while let Some(letter) = letters.next() {
        plain.push(if letter == '\\' { letters.next().unwrap_or(letter) } else { letter });
    }
    plain
}
