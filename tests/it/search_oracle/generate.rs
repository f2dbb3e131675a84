//! Random searches from a seed: parameters, modifiers and prefixes, with values taken from what is stored or near it.

use crate::search_oracle::evaluate::MEMBERS;
use crate::search_oracle::evaluate::Pair;
use crate::search_oracle::evaluate::Question;
use crate::search_oracle::evaluate::UNITS;
use crate::search_oracle::evaluate::World;
use crate::search_oracle::found::EVER;
use crate::search_oracle::found::Found;
use crate::search_oracle::found::Token;
use crate::search_oracle::found::fold;
use crate::search_oracle::parameters::Kind;
use crate::search_oracle::parameters::Parameter;
use crate::search_oracle::parameters::compartment;

/// A search with what it asks about its result.
#[derive(Clone, Debug)]
pub struct Search {
    /// What is looked for.
    pub question: Question,
    /// `-date,code`; nothing where the order is the server's own.
    pub sort: String,
    /// How many a page has.
    pub count: usize,
    /// `_include` and `_revinclude`, with and without `:iterate`, and what.
    pub includes: Vec<(String, String)>,
    /// Whether the total is asked for.
    pub total: bool,
    /// `_summary=count` or `_count=0`, where the total alone is asked for.
    pub only_total: Option<&'static str>,
    /// Whether it is sent as a form.
    pub form: bool,
}

/// Numbers that look random and are the same for the same seed.
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below a number.
    pub fn below(&mut self, number: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(number).expect("small")).expect("small")
    }

    /// One in so many.
    pub fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    /// One of a list.
    pub fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Makes searches over what is stored.
pub struct Generator<'a> {
    /// What is stored.
    pub world: &'a World,
    /// What decides.
    pub random: Random,
}

/// How many steps a chain has at most.
const STEPS: usize = 6;

impl<'a> Generator<'a> {
    /// From a seed.
    pub fn new(world: &'a World, seed: u64) -> Self {
        Self { world, random: Random::new(seed) }
    }

    /// The next search, of somebody who may see all or of this patient.
    pub fn search(&mut self, caller: Option<&str>) -> Search {
        let any = self.world.all[self.random.below(self.world.all.len())].ty.clone();
        // What is there of other types is not searched for.
        let ty = match self.random.one_in(3) && !self.world.table.of(&any).is_empty() {
            true => any,
            false => (*self.random.of(&self.world.table.types())).to_owned(),
        };
        let of_type: Vec<usize> =
            (0..self.world.all.len()).filter(|at| self.world.all[*at].ty == ty).collect();
        let mut witness = *self.random.of(&of_type);
        let mut criteria = Vec::new();
        let listed = if self.random.one_in(25) { self.listed() } else { None };
        let ty = listed.map_or(ty, |(_, item)| self.world.all[item].ty.clone());
        if let Some((list, item)) = listed {
            witness = item;
            criteria.push(("_list".to_owned(), self.world.all[list].id.clone()));
        }
        let along = if listed.is_none() && self.random.one_in(20) { self.along_canonical() } else { None };
        let ty = along.as_ref().map_or(ty, |(at, _)| self.world.all[*at].ty.clone());
        if let Some((at, criterion)) = &along {
            witness = *at;
            criteria.push(criterion.clone());
        }
        let many = self.random.below(if criteria.is_empty() { 4 } else { 2 });
        criteria.extend((0..many).map(|_| self.criterion(&ty, Some(witness), STEPS)));
        // Beside others a filter mostly finds nothing.
        if self.random.one_in(2)
            && let Some(filter) = criteria.iter().find(|(name, _)| name.ends_with("_filter"))
        {
            criteria = vec![filter.clone()];
        }
        if self.random.one_in(6) {
            let steps = 4 + self.random.below(STEPS - 3);
            criteria.truncate(self.random.below(2));
            criteria.push(self.long(&ty, Some(witness), steps));
        }
        let question = Question {
            compartment: if self.random.one_in(6) { self.compartment(&ty, witness) } else { None },
            criteria,
            caller: caller.map(str::to_owned),
            ty: ty.clone(),
        };
        let includes =
            (0..self.random.below(6).saturating_sub(3)).filter_map(|_| self.include(&ty)).collect();
        Search {
            sort: if self.random.one_in(2) { self.sort(&ty) } else { String::new() },
            count: *self.random.of(&[1, 2, 3, 5, 10, 20, 50, 1000]),
            includes,
            total: self.random.one_in(2),
            only_total: if self.random.one_in(8) {
                Some(*self.random.of(&["_summary=count", "_count=0"]))
            } else {
                None
            },
            form: self.random.one_in(8),
            question,
        }
    }

    /// A list, and something of a type that is searched that stands in it.
    fn listed(&mut self) -> Option<(usize, usize)> {
        let lists = (0..self.world.all.len()).filter(|at| self.world.all[*at].ty == "List");
        let of_list =
            |list: usize| self.world.targets(list, "item").into_iter().map(move |item| (list, item));
        let all: Vec<(usize, usize)> = lists.flat_map(of_list).collect();
        let known = |(_, item): &(usize, usize)| !self.world.table.of(&self.world.all[*item].ty).is_empty();
        let all: Vec<(usize, usize)> = all.into_iter().filter(known).collect();
        (!all.is_empty()).then(|| *self.random.of(&all))
    }

    /// An answer by what its form has, or a form by what its answer has: one of the two, and the condition.
    fn along_canonical(&mut self) -> Option<(usize, (String, String))> {
        let answers =
            (0..self.world.all.len()).filter(|at| self.world.all[*at].ty == "QuestionnaireResponse");
        let of_answer =
            |at: usize| self.world.targets(at, "questionnaire").into_iter().map(move |form| (at, form));
        let all: Vec<(usize, usize)> = answers.flat_map(of_answer).collect();
        if all.is_empty() {
            return None;
        }
        let (answer, form) = *self.random.of(&all);
        let (from, to, head) = match self.random.one_in(2) {
            true => (answer, form, "questionnaire:Questionnaire."),
            false => (form, answer, "_has:QuestionnaireResponse:questionnaire:"),
        };
        let end = self.world.all[to].ty.clone();
        let (name, value) = self.long(&end, Some(to), 0);
        Some((from, (format!("{head}{name}"), value)))
    }

    /// A search by a condition that stands at the end of so many steps, or of as many as lead on.
    pub fn at_the_end_of(&mut self, steps: usize) -> Search {
        loop {
            let types = self.world.table.types();
            let ty = *self.random.of(&types);
            let of_type: Vec<usize> =
                (0..self.world.all.len()).filter(|at| self.world.all[*at].ty == ty).collect();
            let witness = *self.random.of(&of_type);
            let criterion = self.long(ty, Some(witness), steps);
            if criterion.0.matches('.').count() + criterion.0.matches("_has:").count() < 6 {
                continue;
            }
            let question =
                Question { ty: ty.to_owned(), compartment: None, criteria: vec![criterion], caller: None };
            return Search {
                question,
                sort: String::new(),
                count: 20,
                includes: Vec::new(),
                total: true,
                only_total: None,
                form: false,
            };
        }
    }

    /// A resource in whose compartment something of the type may stand: most often one in which the witness does.
    fn compartment(&mut self, ty: &str, witness: usize) -> Option<String> {
        if ty == "Patient" {
            return None;
        }
        let about = *self.random.of(&["Patient", "Encounter", "Practitioner"]);
        let codes = compartment(about, ty);
        let targets = codes.iter().flat_map(|code| self.world.targets(witness, code));
        let own: Vec<String> =
            targets.map(|at| self.world.all[at].reference()).filter(|name| name.starts_with(about)).collect();
        if !own.is_empty() && !self.random.one_in(4) {
            return Some(self.random.of(&own).clone());
        }
        (!codes.is_empty()).then(|| format!("{about}/{}", self.id_of(about)))
    }

    /// A condition at the end of so many steps, forth and back.
    fn long(&mut self, ty: &str, witness: Option<usize>, steps: usize) -> (String, String) {
        if steps == 0 {
            // Values are changed at random, and most of those that are changed find nothing.
            return match witness.filter(|_| self.random.one_in(2)) {
                Some(at) => ("_id".to_owned(), self.world.all[at].id.clone()),
                None => self.plain(ty, witness),
            };
        }
        // From what refers to nothing it goes back.
        let leads_on = witness.is_some_and(|at| {
            let mut references = self.world.table.of(ty).iter().filter(|one| one.kind == Kind::Reference);
            references.any(|one| !self.world.targets(at, one.code).is_empty())
        });
        if (self.random.one_in(3) || witness.is_some() && !leads_on)
            && let Some((source, parameter, from)) = self.step_back(ty, witness)
        {
            let (name, value) = self.long(source, from, steps - 1);
            return (format!("_has:{source}:{}:{name}", parameter.code), value);
        }
        match self.step(ty, witness, 40) {
            Some((parameter, target, pointed)) => {
                let (name, value) = self.long(target, pointed, steps - 1);
                (format!("{}:{target}.{name}", parameter.code), value)
            }
            None => self.plain(ty, witness),
        }
    }

    /// A step along a reference: one that the witness has, or once in so many times any.
    pub fn step(
        &mut self,
        ty: &str,
        witness: Option<usize>,
        stray: usize,
    ) -> Option<(Parameter, &'static str, Option<usize>)> {
        let mut all = Vec::new();
        for parameter in self.world.table.of(ty).iter().filter(|one| one.kind == Kind::Reference) {
            for at in witness.map_or(Vec::new(), |at| self.world.targets(at, parameter.code)) {
                let own = parameter.targets.iter().find(|target| **target == self.world.all[at].ty);
                all.extend(own.map(|target| (parameter.clone(), *target, Some(at))));
            }
        }
        if !all.is_empty() && !self.random.one_in(stray) {
            return Some(self.random.of(&all).clone());
        }
        let parameter = self.reference(ty)?;
        let target = *self.random.of(&parameter.targets);
        Some((parameter, target, None))
    }

    /// A step back along a reference: most often one that points to the witness.
    fn step_back(
        &mut self,
        ty: &str,
        witness: Option<usize>,
    ) -> Option<(&'static str, Parameter, Option<usize>)> {
        let pointing = witness.map_or(&[][..], |at| self.world.pointing(at));
        if !pointing.is_empty() && !self.random.one_in(40) {
            let (from, code) = *self.random.of(pointing);
            let source = self.world.table.types().into_iter().find(|ty| *ty == self.world.all[from].ty)?;
            let (_, parameter) = self.world.table.find(source, code)?;
            return parameter.targets.contains(&ty).then(|| (source, parameter.clone(), Some(from)));
        }
        let (source, parameter) = self.pointing(ty)?;
        Some((source, parameter, None))
    }

    /// The id of any resource of a type.
    pub fn id_of(&mut self, ty: &str) -> String {
        let ids: Vec<&str> =
            self.world.all.iter().filter(|one| one.ty == ty).map(|one| one.id.as_str()).collect();
        (*self.random.of(&ids)).to_owned()
    }

    /// A condition on a type; of a witness, most often one that it meets.
    fn criterion(&mut self, ty: &str, witness: Option<usize>, depth: usize) -> (String, String) {
        // Words go into no chain.
        if depth == STEPS
            && self.random.one_in(8)
            && let Some(words) = witness.and_then(|witness| self.words(witness))
        {
            return words;
        }
        if self.random.one_in(9) {
            return ("_filter".to_owned(), self.filter(ty, witness, 2));
        }
        if self.random.one_in(40) {
            return ("_list".to_owned(), self.lists());
        }
        match self.random.below(10) {
            0 | 1 if depth > 0 => self.chain(ty, witness, depth).unwrap_or_else(|| self.plain(ty, witness)),
            2 if depth > 0 => self.has(ty, depth).unwrap_or_else(|| self.plain(ty, witness)),
            3 if self.random.one_in(3) => self.of_row(ty),
            4 if ty == "Observation" => self.pair().unwrap_or_else(|| self.plain(ty, witness)),
            _ => self.plain(ty, witness),
        }
    }

    fn lists(&mut self) -> String {
        let ids: Vec<String> = (0..=self.random.below(2)).map(|_| self.id_of("List")).collect();
        let whole = self.random.one_in(2);
        ids.iter()
            .map(|id| if whole { format!("List/{id}") } else { id.clone() })
            .collect::<Vec<_>>()
            .join(",")
    }

    /// Words of the witness, beside or against words of another resource.
    fn words(&mut self, witness: usize) -> Option<(String, String)> {
        let code = *self.random.of(&["_text", "_content"]);
        let with_words = |at: usize| -> Vec<_> {
            let elements = self.world.all[at].words.elements(code);
            elements.iter().filter(|element| !element.is_empty()).collect()
        };
        let elements = with_words(witness);
        if elements.is_empty() {
            return None;
        }
        let element = *self.random.of(&elements);
        let at = self.random.below(element.len());
        let (word, rest) = (&element[at], &element[at..]);
        let mut other = word;
        let another = with_words(self.random.below(self.world.all.len()));
        if !another.is_empty() {
            let element = *self.random.of(&another);
            other = self.random.of(element);
        }
        let short: String = word.chars().take(2 + self.random.below(4)).collect();
        let asked = match self.random.below(9) {
            0 => format!("\"{}\"", rest[..rest.len().min(3)].join(" ")),
            1 => format!("\"{word}\" \"{other}\""),
            2 => format!("\"{word}\" -\"{other}\""),
            3 => format!("\"{other}\" OR \"{word}\""),
            4 if short.len() > 1 => format!("{short}*"),
            5 => format!("-\"{word}\""),
            6 => format!("-\"{other}\" OR \"{word}\" -\"{}\"", element[0]),
            7 => format!("\"{}\"", word.to_uppercase()),
            _ => format!("\"{word}\""),
        };
        Some((code.to_owned(), asked))
    }

    fn chain(&mut self, ty: &str, witness: Option<usize>, depth: usize) -> Option<(String, String)> {
        let (parameter, target, pointed) = self.step(ty, witness, 5)?;
        let (name, value) = self.criterion(target, pointed, depth - 1);
        // Without a type, the condition must be one that means the same for all of the types.
        let known = parameter.targets.iter().filter(|target| self.world.knows(target, &name)).count();
        let single = known == 1 && parameter.code == "patient" || parameter.targets.len() == 1;
        let typed = !single || self.random.one_in(2);
        let head = if typed { format!("{}:{target}", parameter.code) } else { parameter.code.to_owned() };
        Some((format!("{head}.{name}"), value))
    }

    fn has(&mut self, ty: &str, depth: usize) -> Option<(String, String)> {
        let (source, parameter) = self.pointing(ty)?;
        let sources: Vec<usize> =
            (0..self.world.all.len()).filter(|at| self.world.all[*at].ty == source).collect();
        let witness = (!sources.is_empty()).then(|| *self.random.of(&sources));
        let (name, value) = self.criterion(source, witness, depth - 1);
        Some((format!("_has:{source}:{}:{name}", parameter.code), value))
    }

    /// A reference parameter that names its types.
    fn reference(&mut self, ty: &str) -> Option<Parameter> {
        let fits = |one: &&Parameter| one.kind == Kind::Reference && !one.targets.is_empty();
        let list: Vec<&Parameter> = self.world.table.of(ty).iter().filter(fits).collect();
        (!list.is_empty()).then(|| (*self.random.of(&list)).clone())
    }

    /// A type with a reference parameter that points to this type.
    fn pointing(&mut self, ty: &str) -> Option<(&'static str, Parameter)> {
        let mut list = Vec::new();
        for source in self.world.table.types() {
            let own = self.world.table.of(source).iter().filter(|one| one.targets.contains(&ty));
            list.extend(own.map(|one| (source, one.clone())));
        }
        (!list.is_empty()).then(|| self.random.of(&list).clone())
    }

    /// A condition on a composite parameter; now and then its parts come from different elements.
    fn pair(&mut self) -> Option<(String, String)> {
        let pairs: Vec<&Pair> = self.world.all.iter().flat_map(|one| &one.pairs).collect();
        let full = |pair: &&&Pair| pair.parts.iter().all(|(_, own)| !own.is_empty());
        let full: Vec<&Pair> = pairs.iter().filter(full).copied().collect();
        let one = *self.random.of(&full);
        let other = if self.random.one_in(3) { *self.random.of(&full) } else { one };
        let other = if other.code == one.code { other } else { one };
        let mut parts = Vec::new();
        for (parameter, own) in [&one.parts[0], &other.parts[1]] {
            let own = self.random.of(own).clone();
            parts.push(self.value(parameter, &own, "")?);
        }
        Some((one.code.to_owned(), parts.join("$")))
    }

    fn of_row(&mut self, ty: &str) -> (String, String) {
        if self.random.one_in(2) {
            let ids: Vec<String> = (0..=self.random.below(3)).map(|_| self.id_of(ty)).collect();
            return ("_id".into(), ids.join(","));
        }
        let updated = self.world.all[self.random.below(self.world.all.len())].updated;
        ("_lastUpdated".into(), self.date(updated, updated))
    }

    /// A condition on a parameter of the type.
    fn plain(&mut self, ty: &str, witness: Option<usize>) -> (String, String) {
        let parameter = self.used(ty);
        if self.random.one_in(12) {
            return (format!("{}:missing", parameter.code), (*self.random.of(&["true", "false"])).to_owned());
        }
        let modifier = self.modifier(&parameter);
        let mut values = Vec::new();
        for _ in 0..=self.random.below(5).saturating_sub(2) {
            let Some(value) = self.some_value(ty, witness, parameter.code) else { continue };
            values.extend(self.value(&parameter, &value, modifier));
            if parameter.code == "url" && modifier.is_empty() && self.random.one_in(2) {
                values.extend(self.versioned(ty));
            }
        }
        let named = match modifier {
            "Type" => {
                // The type of the first value is the one that the modifier names.
                let ty = values.iter().find_map(|value| value.split_once('/')).map(|(ty, _)| ty.to_owned());
                let Some(ty) = ty else { return (format!("{}:missing", parameter.code), "false".into()) };
                values.retain(|value| value.starts_with(&format!("{ty}/")));
                values.iter_mut().for_each(|value| *value = value[ty.len() + 1..].to_owned());
                ty
            }
            other => other.to_owned(),
        };
        if values.is_empty() {
            return (format!("{}:missing", parameter.code), "true".into());
        }
        let name =
            if named.is_empty() { parameter.code.to_owned() } else { format!("{}:{named}", parameter.code) };
        (name, values.join(","))
    }

    /// A parameter that has values in resources of the type.
    pub fn used(&mut self, ty: &str) -> Parameter {
        let list = self.world.table.of(ty);
        let filled = |one: &&Parameter| {
            self.world
                .all
                .iter()
                .enumerate()
                .any(|(at, own)| own.ty == ty && !self.world.values(at, one.code).is_empty())
        };
        let used: Vec<&Parameter> = list.iter().filter(filled).collect();
        (*self.random.of(&used)).clone()
    }

    /// A value of a parameter: most often one that the witness has.
    pub fn some_value(&mut self, ty: &str, witness: Option<usize>, code: &str) -> Option<Found> {
        let own = witness.filter(|_| !self.random.one_in(4)).map(|at| self.world.values(at, code));
        let all = || {
            let own = self.world.all.iter().enumerate().filter(|(_, own)| own.ty == ty);
            own.flat_map(|(at, _)| self.world.values(at, code)).collect::<Vec<_>>()
        };
        let from: Vec<&Found> =
            own.filter(|own| !own.is_empty()).map_or_else(all, |own| own.iter().collect());
        (!from.is_empty()).then(|| (*self.random.of(&from)).clone())
    }

    /// The URL and the version of two definitions, most often the same.
    fn versioned(&mut self, ty: &str) -> Option<String> {
        let all: Vec<usize> = (0..self.world.all.len()).filter(|at| self.world.all[*at].ty == ty).collect();
        let one = *self.random.of(&all);
        let other = if self.random.one_in(4) { *self.random.of(&all) } else { one };
        match (self.world.values(one, "url"), self.world.values(other, "version")) {
            ([Found::Uri(url), ..], [Found::Token(version), ..]) => {
                Some(format!("{}|{}", escaped(url), escaped(version.code.as_deref()?)))
            }
            _ => None,
        }
    }

    fn modifier(&mut self, parameter: &Parameter) -> &'static str {
        let list: &'static [&'static str] = match parameter.kind {
            Kind::Text => &["", "", "exact", "contains"],
            Kind::Token if parameter.code == "code" => &["", "", "", "not", "text", "in", "not-in"],
            Kind::Token if parameter.code == "identifier" => &["", "", "", "not", "text", "of-type"],
            Kind::Token => &["", "", "", "not", "text"],
            Kind::Reference => &["", "", "Type", "identifier"],
            Kind::Date | Kind::Number | Kind::Quantity => &[""],
            Kind::Uri => &["", "below", "above"],
        };
        self.random.of::<&str>(list)
    }

    /// A value that asks for this one, or for something near it; none where it cannot be asked for.
    pub fn value(&mut self, parameter: &Parameter, found: &Found, modifier: &str) -> Option<String> {
        match found {
            Found::Text(text) => self.text(text, modifier),
            Found::Part(text) => {
                let words: Vec<(usize, &str)> = text.match_indices([' ', '-']).collect();
                let is_whole = words.is_empty() || modifier == "exact" || self.random.one_in(2);
                let from = if is_whole { 0 } else { self.random.of(&words).0 };
                self.text(&text[from..], modifier)
            }
            _ if modifier == "in" || modifier == "not-in" => Some(self.random.of(&MEMBERS).0.to_owned()),
            Found::Said(text) => (modifier == "text").then(|| self.text(text, "")).flatten(),
            Found::Typed(system, code, value) => {
                let value = if self.random.one_in(4) { "other" } else { value };
                (modifier == "of-type").then(|| format!("{}|{code}|{}", escaped(system), escaped(value)))
            }
            Found::Token(_) if modifier == "text" || modifier == "of-type" => None,
            Found::Token(token) if parameter.code == "version" && self.random.one_in(2) => {
                Some(self.token(token).to_uppercase())
            }
            Found::Token(token) => Some(self.token(token)),
            Found::Reference { identifier, .. } if modifier == "identifier" => {
                identifier.as_ref().map(|token| self.token(token))
            }
            Found::Reference { local: Some(local), .. } => {
                let (ty, id) = local.split_once('/').expect("a type and an id");
                if !parameter.targets.contains(&ty) || modifier == "Type" {
                    return parameter.targets.contains(&ty).then(|| local.clone());
                }
                Some(match self.random.below(4) {
                    0 => id.to_owned(),
                    1 => format!("{}/{local}", self.world.base),
                    _ => local.clone(),
                })
            }
            Found::Reference { url: Some(url), .. } if modifier.is_empty() && !url.starts_with('#') => {
                let until = |end: char| url.split(end).next().expect("a split has a first part");
                Some(match self.random.below(3) {
                    0 => escaped(url),
                    1 => escaped(until('#')),
                    _ => escaped(until('|')),
                })
            }
            Found::Reference { .. } => None,
            Found::Span(low, high) => Some(self.date(*low, *high)),
            Found::Number(low, high) => self.number(*low, *high),
            Found::Quantity { low, high, system, code, unit } => {
                if let Some(converted) = self.converted(*low, code.as_deref().unwrap_or_default()) {
                    return Some(converted);
                }
                let number = self.number(*low, *high)?;
                let part = |text: &Option<String>| escaped(text.as_deref().unwrap_or_default());
                Some(match (self.random.below(3), system, code, unit) {
                    (0, Some(_), Some(_), _) => format!("{number}|{}|{}", part(system), part(code)),
                    (1, _, Some(_), _) => format!("{number}||{}", part(code)),
                    (1, _, None, Some(_)) => format!("{number}||{}", part(unit)),
                    _ => number,
                })
            }
            // A URN has no parts.
            Found::Uri(uri) if !modifier.is_empty() && !uri.contains("://") => None,
            Found::Uri(uri) => Some(escaped(&match (modifier, self.random.below(3)) {
                ("", 0) => uri.split('|').next().unwrap_or_default().to_owned(),
                ("below", 0) => uri.rsplit_once('/').map_or(uri.clone(), |(parent, _)| parent.to_owned()),
                ("above", 0) => format!("{uri}/more"),
                (_, 1) => format!("{uri}x"),
                _ => uri.clone(),
            })),
        }
    }

    fn text(&mut self, text: &str, modifier: &str) -> Option<String> {
        let letters: Vec<char> = text.chars().collect();
        let end = 1 + self.random.below(letters.len());
        let part: String = match (modifier, self.random.below(3)) {
            (_, 0) | ("exact", 1) => text.to_owned(),
            ("contains", _) => letters[self.random.below(end)..end].iter().collect(),
            _ => letters[..end].iter().collect(),
        };
        let part = match self.random.below(4) {
            0 => part.to_uppercase(),
            1 => fold(&part),
            _ => part,
        };
        // A text of blanks asks for nothing.
        (!fold(&part).is_empty()).then(|| escaped(&part))
    }

    fn token(&mut self, token: &Token) -> String {
        let code = token.code.as_deref().map(escaped);
        let system = token.system.as_deref().map(escaped);
        match (code, system, self.random.below(6)) {
            (None, system, _) => format!("{}|", system.unwrap_or_default()),
            (Some(code), _, _) if token.bare => code,
            (Some(_), Some(system), 0) => format!("{system}|"),
            (Some(code), _, 1) => format!("|{code}"),
            (Some(code), Some(_), 2) => format!("urn:other|{code}"),
            (Some(code), Some(system), 3 | 4) => format!("{system}|{code}"),
            (Some(code), ..) => code,
        }
    }

    /// A date at one end of a span or near it, at any precision.
    fn date(&mut self, low: i64, high: i64) -> String {
        const SECOND: i64 = 1_000_000;
        let prefix = *self.random.of(&["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "", ""]);
        let ends: Vec<i64> = [low, high].into_iter().filter(|end| *end != EVER.0 && *end != EVER.1).collect();
        let near = *self.random.of(&[
            0,
            0,
            0,
            1,
            -1,
            SECOND,
            -SECOND,
            60 * SECOND,
            -3_600 * SECOND,
            86_400 * SECOND,
            -86_400 * SECOND,
        ]);
        let micros = self.random.of(&ends) + near;
        let at = jiff::Timestamp::from_microsecond(micros).expect("a date of our time");
        let at = at.to_zoned(jiff::tz::TimeZone::UTC);
        let zoned = |hours: i8| {
            let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(hours));
            at.with_time_zone(zone)
        };
        let text = match self.random.below(8) {
            0 => at.strftime("%Y").to_string(),
            1 => at.strftime("%Y-%m").to_string(),
            2 => at.strftime("%Y-%m-%d").to_string(),
            3 => at.strftime("%Y-%m-%dT%H:%MZ").to_string(),
            4 => at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            5 => zoned(-8).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            6 => zoned(2).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string(),
            _ => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        format!("{prefix}{text}")
    }

    /// A number at one end of a range or near it, with more or fewer digits.
    fn number(&mut self, low: i128, high: i128) -> Option<String> {
        let ends: Vec<i128> =
            [low, high].into_iter().filter(|end| *end != i128::MIN && *end != i128::MAX).collect();
        let prefix = *self.random.of(&["", "", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]);
        let end = *self.random.of(&ends);
        let sign = if end < 0 { "-" } else { "" };
        let digits = format!("{:019}", end.unsigned_abs());
        let (whole, fraction) = digits.split_at(digits.len() - 18);
        let fraction = match self.random.below(4) {
            0 => "",
            1 => &fraction[..1],
            2 => &fraction[..2],
            _ => fraction.trim_end_matches('0'),
        };
        let text = if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
        let text = match self.random.below(8) {
            0 => format!("{text}0").replace("00", "0"),
            1 if !text.contains('.') => format!("{text}.5"),
            2 if !text.contains('.') => format!("{text}e0"),
            _ => text,
        };
        Some(format!("{prefix}{sign}{text}"))
    }

    /// A number in another unit of what is measured.
    fn converted(&mut self, low: i128, code: &str) -> Option<String> {
        let (_, kind, own) = UNITS.iter().find(|(own, ..)| *own == code)?;
        let others: Vec<&(&str, &str, i128)> = UNITS.iter().filter(|(_, other, _)| other == kind).collect();
        let (other, _, factor) = **self.random.of(&others);
        if low == i128::MIN || self.random.one_in(2) {
            return None;
        }
        // With six decimals, and nine digits in all: where a number has all the digits of a float, the last ones are the
        // float's own, and of a count a mole's worth of them stands before the point.
        let value = low * own / factor;
        let mut part = 1_000_000_000_000;
        while value.abs() / part >= 1_000_000_000 {
            part *= 10;
        }
        let value = value / part * part;
        let text = self.number(value, value)?;
        Some(format!("{text}|http://unitsofmeasure.org|{other}"))
    }

    fn sort(&mut self, ty: &str) -> String {
        let known = |one: &&Parameter| !matches!(one.kind, Kind::Reference | Kind::Quantity);
        let list: Vec<&Parameter> = self.world.table.of(ty).iter().filter(known).collect();
        let mut keys = Vec::new();
        for _ in 0..=self.random.below(3) {
            let code = match self.random.below(8) {
                0 => "_id",
                _ => self.random.of(&list).code,
            };
            keys.push(if self.random.one_in(2) { format!("-{code}") } else { code.to_owned() });
        }
        // The service knows the time of a write finer than it shows it, so that what follows this key says nothing.
        if self.random.one_in(5) {
            keys.push((*self.random.of(&["_lastUpdated", "-_lastUpdated"])).to_owned());
        }
        keys.join(",")
    }

    fn include(&mut self, ty: &str) -> Option<(String, String)> {
        let iterate = if self.random.one_in(3) { ":iterate" } else { "" };
        if self.random.one_in(2) {
            if self.random.one_in(6) {
                return Some((
                    format!("_include{iterate}"),
                    (*self.random.of(&["*", &format!("{ty}:*")])).to_owned(),
                ));
            }
            // What is included may lead on from another type.
            let types = self.world.table.types();
            let source =
                if iterate.is_empty() || self.random.one_in(2) { ty } else { self.random.of::<&str>(&types) };
            let parameter = self.reference(source)?;
            let target = self.random.one_in(3).then(|| *self.random.of(&parameter.targets));
            let target = target.map(|ty| format!(":{ty}")).unwrap_or_default();
            return Some((format!("_include{iterate}"), format!("{source}:{}{target}", parameter.code)));
        }
        if self.random.one_in(8) {
            return Some((format!("_revinclude{iterate}"), "*".to_owned()));
        }
        let (source, parameter) = self.pointing(ty)?;
        let code = if self.random.one_in(6) { "*" } else { parameter.code };
        let target = if self.random.one_in(4) { format!(":{ty}") } else { String::new() };
        Some((format!("_revinclude{iterate}"), format!("{source}:{code}{target}")))
    }
}

/// With a backslash before what would separate.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        if matches!(letter, ',' | '|' | '$' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
