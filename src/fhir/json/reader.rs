//! The reader: one pass over the bytes, at most a fixed number of levels deep. <https://www.rfc-editor.org/rfc/rfc8259>

use serde_json::Map;
use serde_json::Number;
use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::json::MAX_DEPTH;

/// How many values a body may have whatever its size, and the fewest bytes that each takes on average beyond them: a
/// value costs memory of its own, and millions of tiny ones many times what they were sent in. The densest official
/// example has 13 bytes a value.
const FREE_VALUES: usize = 100_000;
const BYTES_A_VALUE: usize = 10;
/// The most members of one object: no type of R4 has as many names for its elements. The search for what each of a
/// million unknown ones was meant to be would take longer than any resource does.
const MOST_MEMBERS: usize = 1_000;
/// The longest number in characters; R4 asks for 18 digits.
const MAX_NUMBER: usize = 100;
/// The largest power of ten in a number's exponent, either way; an official example has 245.
const MAX_EXPONENT: u32 = 300;

/// What is wrong, where in the bytes, and (innermost first) where in the tree. Boxed, so that the good way stays
/// small.
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) text: String,
    steps: Vec<Step>,
}

enum Step {
    Key(String),
    Index(usize),
}

/// What a step of reading gives.
pub(super) type Parsed<T> = Result<T, Box<Problem>>;

impl Problem {
    /// Where in the tree, as a FHIRPath.
    pub(super) fn expression(&self) -> String {
        let mut path = String::new();
        for step in self.steps.iter().rev() {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => path.extend([".", key]),
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

/// The state of reading.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    depth: usize,
    /// How many values may still come.
    left: usize,
}

impl<'a> Parser<'a> {
    /// Starts at the beginning.
    pub(super) fn new(text: &'a str) -> Self {
        let left = FREE_VALUES + text.len() / BYTES_A_VALUE;
        Self { text, bytes: text.as_bytes(), at: 0, depth: 0, left }
    }

    /// One value and nothing else.
    pub(super) fn document(&mut self) -> Parsed<Value> {
        self.skip_space();
        if self.at == self.bytes.len() {
            return Err(self.problem("The body is empty; send JSON"));
        }
        let value = self.value()?;
        self.skip_space();
        if self.at < self.bytes.len() {
            return Err(self.problem("There is more after the end of the JSON value; send one value"));
        }
        Ok(value)
    }

    fn value(&mut self) -> Parsed<Value> {
        if self.left == 0 {
            return Err(self
                .problem("The body is made of very many tiny values, as no record is; send less at a time"));
        }
        self.left -= 1;
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err(self.problem("The body is not JSON: a value is expected here")),
            None => Err(self.problem("The body ends in the middle of the JSON; send all of it")),
        }
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Parsed<Value>) -> Parsed<Value> {
        if self.depth == MAX_DEPTH {
            let text = format!("The JSON is nested more than {MAX_DEPTH} levels deep; flatten it");
            return Err(self.problem(&text));
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let value = inner(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Parsed<Value> {
        let mut map = Map::new();
        if self.eat(b'}') {
            return Ok(Value::Object(map));
        }
        loop {
            if let Err(mut problem) = self.member(&mut map) {
                // The outermost object knows its type; the expression then starts with it, as FHIRPath does.
                if self.depth == 1 {
                    let ty = map.get("resourceType").and_then(Value::as_str).and_then(ResourceType::parse);
                    problem.steps.push(Step::Key(ty.map_or("Resource", ResourceType::name).to_owned()));
                }
                return Err(problem);
            }
            if self.eat(b'}') {
                return Ok(Value::Object(map));
            }
            self.expect(b',', "`,` or `}`")?;
        }
    }

    fn member(&mut self, map: &mut Map<String, Value>) -> Parsed<()> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(
                self.problem("The body is not JSON: the name of an element in quotes is expected here")
            );
        }
        if map.len() == MOST_MEMBERS {
            return Err(
                self.problem(&format!("An object has more than {MOST_MEMBERS} members, as none of R4 has"))
            );
        }
        let key = self.string()?;
        self.skip_space();
        self.expect(b':', "`:`")?;
        let value = match self.value() {
            Ok(value) => value,
            Err(mut problem) => {
                problem.steps.push(Step::Key(shortened(&key)));
                return Err(problem);
            }
        };
        if map.insert(key, value).is_some() {
            self.at = start;
            let key = shortened(&self.string()?);
            self.at = start;
            let mut problem = self.problem(&format!("`{key}` is given twice in one object; keep one"));
            problem.steps.push(Step::Key(key));
            return Err(problem);
        }
        self.skip_space();
        Ok(())
    }

    fn array(&mut self) -> Parsed<Value> {
        let mut items = Vec::new();
        if self.eat(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            match self.value() {
                Ok(value) => items.push(value),
                Err(mut problem) => {
                    problem.steps.push(Step::Index(items.len()));
                    return Err(problem);
                }
            }
            self.skip_space();
            if self.eat(b']') {
                return Ok(Value::Array(items));
            }
            self.expect(b',', "`,` or `]`")?;
        }
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let number = number(&self.text[start..self.at])
            .map_err(|text| Box::new(Problem { at: start, text: text.to_owned(), steps: Vec::new() }))?;
        Ok(Value::Number(number))
    }

    fn word(&mut self, word: &str, value: Value) -> Parsed<Value> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.problem("The body is not JSON: a value is expected here"))
    }

    /// The next byte.
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Takes this byte and the space after it, where it is next.
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
            if byte == b',' || byte == b':' {
                self.skip_space();
            }
        }
        found
    }

    fn expect(&mut self, byte: u8, what: &str) -> Parsed<()> {
        if self.eat(byte) {
            return Ok(());
        }
        if self.at == self.bytes.len() {
            return Err(self.problem("The body ends in the middle of the JSON; send all of it"));
        }
        Err(self.problem(&format!("The body is not JSON: {what} is expected here")))
    }

    /// Something is wrong here.
    pub(super) fn problem(&self, text: &str) -> Box<Problem> {
        Box::new(Problem { at: self.at, text: text.to_owned(), steps: Vec::new() })
    }
}

/// A number whose size is sane; every digit is kept.
pub(super) fn number(text: &str) -> Result<Number, &'static str> {
    if text.len() > MAX_NUMBER {
        return Err("A number has more than 100 characters; send fewer digits");
    }
    if let Some((_, exponent)) = text.split_once(['e', 'E']) {
        let digits = exponent.trim_start_matches(['+', '-', '0']);
        if digits.len() > 3 || digits.parse::<u32>().is_ok_and(|size| size > MAX_EXPONENT) {
            return Err("A number's exponent is beyond 300; no value in a record needs that");
        }
    }
    text.parse().map_err(|_| "This is not a number as JSON writes it")
}

fn shortened(key: &str) -> String {
    key.chars().take(60).collect()
}
