//! `_filter` by a plain reading of its page: read from its text, asked of every value; and such filters made at random.
//! <https://hl7.org/fhir/R4/search_filter.html>

use std::collections::HashSet;

use crate::search_oracle::evaluate::World;
use crate::search_oracle::found::Found;
use crate::search_oracle::found::fold;
use crate::search_oracle::found::span;
use crate::search_oracle::generate::Generator;
use crate::search_oracle::parameters::Kind;
use crate::search_oracle::parameters::Parameter;

/// A filter.
enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare { path: Vec<(String, Option<Filter>)>, operator: String, value: String },
}

/// Reads a filter from its text.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn filter(&mut self) -> Filter {
        let mut left = self.term();
        loop {
            self.0 = self.0.trim_start();
            if self.0.is_empty() || self.0.starts_with([')', ']']) {
                return left;
            }
            let joins = match self.until(&[' ']) {
                "and" => Filter::And,
                "or" => Filter::Or,
                other => panic!("{other}"),
            };
            left = joins(Box::new(left), Box::new(self.term()));
        }
    }

    fn term(&mut self) -> Filter {
        self.0 = self.0.trim_start();
        if self.0.starts_with('(') {
            return self.enclosed();
        }
        if let Some(rest) = self.0.strip_prefix("not (") {
            self.0 = &self.0[self.0.len() - rest.len() - 1..];
            return Filter::Not(Box::new(self.enclosed()));
        }
        let mut path = Vec::new();
        loop {
            let name = self.until(&[' ', '.', '[']).to_owned();
            let within = self.0.starts_with('[').then(|| self.enclosed());
            path.push((name, within));
            match self.0.strip_prefix('.') {
                Some(rest) => self.0 = rest,
                None => break,
            }
        }
        self.0 = self.0.trim_start();
        let operator = self.until(&[' ']).to_owned();
        self.0 = self.0.trim_start();
        Filter::Compare { path, operator, value: self.value() }
    }

    fn enclosed(&mut self) -> Filter {
        self.0 = &self.0[1..];
        let filter = self.filter();
        self.0 = &self.0[1..];
        filter
    }

    fn value(&mut self) -> String {
        if !self.0.starts_with('"') {
            return self.until(&[' ', ')', ']']).to_owned();
        }
        let mut texts = serde_json::Deserializer::from_str(self.0).into_iter::<String>();
        let text = texts.next().expect("a text").expect("a JSON string");
        self.0 = &self.0[texts.byte_offset()..];
        text
    }

    fn until(&mut self, ends: &[char]) -> &'a str {
        let (word, rest) = self.0.split_at(self.0.find(ends).unwrap_or(self.0.len()));
        self.0 = rest;
        word
    }
}

impl World {
    /// Whether a resource meets a filter.
    pub fn meets(&self, at: usize, filter: &str, seen: Option<&HashSet<usize>>) -> bool {
        self.filtered(at, &Reader(filter).filter(), seen)
    }

    fn filtered(&self, at: usize, filter: &Filter, seen: Option<&HashSet<usize>>) -> bool {
        match filter {
            Filter::And(one, other) => self.filtered(at, one, seen) && self.filtered(at, other, seen),
            Filter::Or(one, other) => self.filtered(at, one, seen) || self.filtered(at, other, seen),
            Filter::Not(inner) => !self.filtered(at, inner, seen),
            // That nothing is there is that it is not so that something is there, however long the way.
            Filter::Compare { path, operator, value } if operator == "pr" => {
                (value == "true") == self.compared(at, path, ("pr", "true"), seen)
            }
            Filter::Compare { path, operator, value } => self.compared(at, path, (operator, value), seen),
        }
    }

    fn compared(
        &self,
        at: usize,
        path: &[(String, Option<Filter>)],
        (operator, value): (&str, &str),
        seen: Option<&HashSet<usize>>,
    ) -> bool {
        let ((name, within), rest) = path.split_first().expect("a path has a name");
        if rest.is_empty() {
            return self.stands(at, name, (operator, value), seen);
        }
        let (code, ty) = name.split_once(':').map_or((name.as_str(), None), |(code, ty)| (code, Some(ty)));
        self.targets(at, code).into_iter().any(|target| {
            ty.is_none_or(|ty| self.all[target].ty == ty)
                && self.visible(target, seen)
                && self.knows(&self.all[target].ty, &rest[0].0)
                && within.as_ref().is_none_or(|within| self.filtered(target, within, seen))
                && self.compared(target, rest, (operator, value), seen)
        })
    }

    /// Whether one of the values stands so to the one asked for.
    fn stands(
        &self,
        at: usize,
        code: &str,
        (operator, asked): (&str, &str),
        seen: Option<&HashSet<usize>>,
    ) -> bool {
        match (code, operator) {
            ("_id" | "_lastUpdated", "pr") => return true,
            ("_id", "eq") => return self.all[at].id == asked,
            ("_id", "ne") => return self.all[at].id != asked,
            ("_lastUpdated", operator) => {
                return self.holds(at, ("_lastUpdated", &format!("{operator}{asked}")), seen);
            }
            _ => {}
        }
        if operator == "pr" {
            return self.holds(at, (&format!("{code}:missing"), "false"), seen);
        }
        let (_, parameter) = self.table.find(&self.all[at].ty, code).expect(code);
        self.values(at, code).iter().any(|own| self.compares(parameter, own, (operator, asked)))
    }

    fn compares(&self, parameter: &Parameter, own: &Found, (operator, asked): (&str, &str)) -> bool {
        let is = || self.one(parameter, own, "", asked);
        match own {
            Found::Text(text) | Found::Part(text) => {
                let (own_text, asked_for) = (fold(text), fold(asked));
                let (own_text, asked_for) = (own_text.as_str(), asked_for.as_str());
                match operator {
                    _ if own_text.is_empty() => false,
                    "eq" => own_text == asked_for,
                    "ne" => own_text != asked_for,
                    "co" => own_text.contains(asked_for),
                    "ew" => own_text.ends_with(asked_for),
                    "gt" => own_text > asked_for,
                    "lt" => own_text < asked_for,
                    "ge" => own_text >= asked_for,
                    "le" => own_text <= asked_for,
                    // As the parameter itself finds it: from the beginning, and of a name from any word.
                    "sw" => {
                        let words = own_text.match_indices(' ').map(|(at, _)| &own_text[at + 1..]);
                        let is_part = matches!(own, Found::Part(_));
                        own_text.starts_with(asked_for)
                            || is_part && words.into_iter().any(|rest| rest.starts_with(asked_for))
                    }
                    other => panic!("{other}"),
                }
            }
            Found::Said(_) | Found::Typed(..) => false,
            Found::Token(_) | Found::Uri(_) => is() == (operator == "eq"),
            Found::Reference { .. } => is(),
            Found::Span(low, high) => match operator {
                "co" | "po" => {
                    let (first, last) = span(asked).expect("a date");
                    let (covers, overlaps) = (*low <= first && last <= *high, *low <= last && first <= *high);
                    low <= high && if operator == "co" { covers } else { overlaps }
                }
                prefix => self.one(parameter, own, "", &format!("{prefix}{asked}")),
            },
            Found::Number(..) | Found::Quantity { .. } => {
                self.one(parameter, own, "", &format!("{operator}{asked}"))
            }
        }
    }
}

impl Generator<'_> {
    /// A filter on a type; of a witness, most often one that it meets.
    pub fn filter(&mut self, ty: &str, witness: Option<usize>, depth: usize) -> String {
        let inner = |own: &mut Self| own.filter(ty, witness, depth - 1);
        match self.random.below(7) {
            0 if depth > 0 => format!("({} and {})", inner(self), inner(self)),
            1 if depth > 0 => format!("({}) or {}", inner(self), inner(self)),
            2 if depth > 0 => format!("not ({})", inner(self)),
            3 if depth > 0 => format!("{} and {}", inner(self), inner(self)),
            4 if depth > 0 => self.along(ty, witness, depth).unwrap_or_else(|| self.comparison(ty, witness)),
            _ => self.comparison(ty, witness),
        }
    }

    /// A comparison at the end of a reference, now and then beside another there.
    fn along(&mut self, ty: &str, witness: Option<usize>, depth: usize) -> Option<String> {
        let (parameter, target, pointed) = self.step(ty, witness, 8)?;
        let within = self.random.one_in(3).then(|| format!("[{}]", self.filter(target, pointed, depth - 1)));
        let further = self.random.one_in(3);
        let rest = if further { self.along(target, pointed, depth) } else { None };
        let rest = rest.unwrap_or_else(|| self.comparison(target, pointed));
        Some(format!("{}:{target}{}.{rest}", parameter.code, within.unwrap_or_default()))
    }

    fn comparison(&mut self, ty: &str, witness: Option<usize>) -> String {
        if self.random.one_in(12) {
            let operator = *self.random.of(&["eq", "ne"]);
            return format!("_id {operator} {}", self.id_of(ty));
        }
        for _ in 0..8 {
            let parameter = self.used(ty);
            let present = (*self.random.of(&["true", "false"])).to_owned();
            if self.random.one_in(6) {
                return format!("{} pr {present}", parameter.code);
            }
            let found = self.some_value(ty, witness, parameter.code);
            if let Some((operator, value)) = found.and_then(|found| self.compared_with(&parameter, &found)) {
                let is_plain = !value.contains([' ', '"', '(', ')', '[', ']', '\\']) && !value.is_empty();
                let quoted = serde_json::Value::from(value.as_str()).to_string();
                let value = if is_plain && self.random.one_in(2) { value } else { quoted };
                return format!("{} {operator} {value}", parameter.code);
            }
        }
        "_lastUpdated pr true".to_owned()
    }

    /// An operator and a value; none where the value cannot be written in a filter.
    fn compared_with(&mut self, parameter: &Parameter, found: &Found) -> Option<(&'static str, String)> {
        const ORDER: [&str; 9] = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];
        const DATES: [&str; 11] = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "co", "po"];
        let operators: &[&'static str] = match parameter.kind {
            Kind::Text => &["eq", "eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le"],
            Kind::Token | Kind::Uri => &["eq", "eq", "ne"],
            Kind::Reference => &["re"],
            Kind::Date => &DATES,
            Kind::Number | Kind::Quantity => &ORDER,
        };
        let operator = *self.random.of(operators);
        if let Found::Text(text) | Found::Part(text) = found {
            let letters: Vec<char> = text.chars().collect();
            let (from, to) = match operator {
                "eq" => (0, letters.len()),
                "ew" => (self.random.below(letters.len()), letters.len()),
                "co" => {
                    let from = self.random.below(letters.len());
                    (from, from + 1 + self.random.below(letters.len() - from))
                }
                _ => (0, 1 + self.random.below(letters.len())),
            };
            let asked: String = letters[from..to].iter().collect();
            // What begins or ends with a blank is compared without it.
            return (!fold(&asked).is_empty()).then_some((operator, asked));
        }
        let value = self.value(parameter, found, "")?;
        let ordered = matches!(parameter.kind, Kind::Date | Kind::Number | Kind::Quantity);
        let has_prefix = value.bytes().take(2).filter(u8::is_ascii_lowercase).count() == 2;
        let value = if ordered && has_prefix { value[2..].to_owned() } else { value };
        // A backslash stands before what would be read otherwise in an ordinary search.
        let is_odd = value.contains('\\') || parameter.kind == Kind::Uri && value.contains('|');
        (!is_odd).then_some((operator, value))
    }
}
