//! Bytes to a value tree, guarded. <https://hl7.org/fhir/R4/json.html>
//!
//! Our own parser rather than serde_json's, because that keeps the last of two equal keys, takes an object with a
//! certain key for a number (`arbitrary_precision`), and cannot say where in the resource it stopped. This one
//! refuses what no FHIR client has reason to send: broken UTF-8, bytes after the value, a key given twice, deep
//! nesting and absurd numbers. Decimals keep their digits and elements their order.

use serde_json::Map;
use serde_json::Number;
use serde_json::Value;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;

/// The deepest nesting of objects and arrays. The deepest official example has 21.
pub const MAX_DEPTH: usize = 60;
/// The longest number in characters; R4 asks for 18 digits.
const MAX_NUMBER: usize = 100;
/// The largest power of ten in a number's exponent, either way.
const MAX_EXPONENT: u32 = 100;

/// Parses a JSON body.
///
/// # Errors
/// `Structure`: a sentence that says what is wrong and at which line and column, with the FHIRPath of the place
/// as its expression where it lies inside an object.
pub fn parse(bytes: &[u8]) -> Result<Value, Failure> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|cause| {
        let at = cause.valid_up_to();
        refusal(&format!("The body is not UTF-8 (byte {at}); send JSON in UTF-8."), String::new())
    })?;
    let mut parser = Parser { text, bytes, at: 0, depth: 0 };
    match parser.document() {
        Ok(value) => Ok(value),
        Err(problem) => {
            let (line, column) = place(text, problem.at);
            let text = format!("{} (line {line}, column {column}).", problem.text);
            Err(refusal(&text, problem.expression()))
        }
    }
}

/// Parses a JSON body that must be an object, such as a resource.
///
/// # Errors
/// As [`parse`], and where the body is something else than an object.
pub fn parse_object(bytes: &[u8]) -> Result<Value, Failure> {
    let value = parse(bytes)?;
    if value.is_object() {
        return Ok(value);
    }
    Err(refusal("The body is JSON, but not an object; send one FHIR resource.", String::new()))
}

fn refusal(text: &str, expression: String) -> Failure {
    let failure = Failure::new(Reason::Structure, text);
    if expression.is_empty() { failure } else { failure.at(expression) }
}

/// Line and column, from one, of a byte.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    (line, column)
}

/// What is wrong, where in the bytes, and (innermost first) where in the tree. Boxed, so that the good way stays
/// small.
struct Problem {
    at: usize,
    text: String,
    steps: Vec<Step>,
}

enum Step {
    Key(String),
    Index(usize),
}

type Parsed<T> = Result<T, Box<Problem>>;

impl Problem {
    fn expression(&self) -> String {
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

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Parsed<Value> {
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
        let key = self.string()?;
        if map.contains_key(&key) {
            let text = format!("`{}` is given twice in one object; keep one", shortened(&key));
            let mut problem = self.problem(&text);
            problem.at = start;
            problem.steps.push(Step::Key(shortened(&key)));
            return Err(problem);
        }
        self.skip_space();
        self.expect(b':', "`:`")?;
        match self.value() {
            Ok(value) => {
                map.insert(key, value);
                self.skip_space();
                Ok(())
            }
            Err(mut problem) => {
                problem.steps.push(Step::Key(shortened(&key)));
                Err(problem)
            }
        }
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
        let text = &self.text[start..self.at];
        let fault = |text: &str| Box::new(Problem { at: start, text: text.to_owned(), steps: Vec::new() });
        if text.len() > MAX_NUMBER {
            return Err(fault("A number has more than 100 characters; send fewer digits"));
        }
        if let Some((_, exponent)) = text.split_once(['e', 'E']) {
            let digits = exponent.trim_start_matches(['+', '-', '0']);
            if digits.len() > 3 || digits.parse::<u32>().is_ok_and(|size| size > MAX_EXPONENT) {
                return Err(fault("A number's exponent is beyond 100; no value in a record needs that"));
            }
        }
        let number: Number = text.parse().map_err(|_| fault("This is not a number as JSON writes it"))?;
        Ok(Value::Number(number))
    }

    fn word(&mut self, word: &str, value: Value) -> Parsed<Value> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.problem("The body is not JSON: a value is expected here"))
    }

    /// A string; the quote is the next byte.
    fn string(&mut self) -> Parsed<String> {
        self.at += 1;
        let start = self.at;
        let run = self.plain_run();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(run.to_owned());
        }
        let mut text = run.to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => {
                    return Err(self.problem("A string holds a control character; write it as an escape"));
                }
                None => {
                    self.at = start;
                    return Err(self.problem("A string that starts here does not end; send the whole body"));
                }
            }
            text.push_str(self.plain_run());
        }
    }

    /// The text up to the next quote, backslash or control character.
    fn plain_run(&mut self) -> &'a str {
        let start = self.at;
        let rest = &self.bytes[start..];
        let length =
            rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)).unwrap_or(rest.len());
        self.at += length;
        let text = self.text;
        // The run ends at an ASCII byte or the end, which is a boundary between characters.
        &text[start..self.at]
    }

    fn escape(&mut self) -> Parsed<char> {
        let escaped = self.bytes.get(self.at + 1).copied();
        let plain = match escaped {
            Some(b'u') => return self.unicode_escape(),
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => return Err(self.problem("This is not an escape that JSON knows")),
        };
        self.at += 2;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let fault = || "This is not a Unicode character as JSON escapes it";
        let first = self.hex(self.at).ok_or_else(|| self.problem(fault()))?;
        let (code, length) = match first {
            0xD800..=0xDBFF => {
                let second = self.hex(self.at + 6).filter(|low| (0xDC00..=0xDFFF).contains(low));
                let low = second.ok_or_else(|| self.problem(fault()))?;
                (0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00), 12)
            }
            code => (code, 6),
        };
        let character = char::from_u32(code).ok_or_else(|| self.problem(fault()))?;
        self.at += length;
        Ok(character)
    }

    /// The value of `\uXXXX` at a byte.
    fn hex(&self, at: usize) -> Option<u32> {
        let escape = self.bytes.get(at..at + 6)?;
        let digits = escape.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
    }

    fn peek(&self) -> Option<u8> {
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

    fn problem(&self, text: &str) -> Box<Problem> {
        Box::new(Problem { at: self.at, text: text.to_owned(), steps: Vec::new() })
    }
}

fn shortened(key: &str) -> String {
    key.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failure(body: &[u8]) -> (String, Option<String>) {
        let failure = parse(body).expect_err("it is refused");
        assert_eq!(failure.status(), 400);
        (failure.issues[0].text.clone(), failure.issues[0].expression.clone())
    }

    #[test]
    fn decimals_and_order_are_kept() {
        let text = r#"{"b":1.10,"a":[0.000000,-3,120000000000000000000000000000.5],"c":{"é":"\u00e9\n\ud83d\ude00"}}"#;
        let value = parse(text.as_bytes()).expect("it is JSON");
        let written = serde_json::to_string(&value).expect("it is written");
        assert_eq!(written, text.replace("\\u00e9", "é").replace("\\ud83d\\ude00", "😀"));
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for (body, says) in [
            (&b""[..], "empty"),
            (b"  ", "empty"),
            (b"{", "name of an element"),
            (b"{\"a\":1", "ends in the middle"),
            (b"{\"a\":1}x", "more after the end"),
            (b"{\"a\" 1}", "`:`"),
            (b"{\"a\":1,}", "name of an element"),
            (b"[1,]", "value is expected"),
            (b"[1 2]", "`,` or `]`"),
            (b"\"\\x\"", "escape"),
            (b"\"\\ud800\"", "Unicode"),
            (b"\"\\ud800\\u0041\"", "Unicode"),
            (b"\"a\nb\"", "control character"),
            (b"\"abc", "does not end"),
            (b"01", "not a number"),
            (b"1.", "not a number"),
            (b"-", "not a number"),
            (b"+1", "value is expected"),
            (b"nul", "value is expected"),
            (b"\xFF\xFE{\0}\0", "not UTF-8"),
            (b"{\"a\":\"\xC3\x28\"}", "not UTF-8"),
        ] {
            let (text, _) = failure(body);
            assert!(text.contains(says), "{body:?}: {text}");
        }
        assert!(failure(b"{\n \"a\": 1,\n \"b\": tru}").0.contains("line 3, column 7"));
    }

    #[test]
    fn a_mark_of_byte_order_is_passed_over() {
        assert_eq!(parse(b"\xEF\xBB\xBF{}").expect("it is JSON"), serde_json::json!({}));
    }

    #[test]
    fn a_key_given_twice_is_refused_where_it_stands() {
        let (text, expression) =
            failure(br#"{"resourceType":"Patient","name":[{},{"family":"a","family":"b"}]}"#);
        assert!(text.contains("`family` is given twice"), "{text}");
        assert_eq!(expression.as_deref(), Some("Patient.name[1].family"));
        assert_eq!(failure(br#"{"a":1,"\u0061":2}"#).1.as_deref(), Some("Resource.a"));
    }

    #[test]
    fn nesting_is_limited_before_the_stack_is() {
        let nested = |levels: usize| [b"[".repeat(levels), b"]".repeat(levels)].concat();
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert!(failure(&nested(MAX_DEPTH + 1)).0.contains("nested"));
        assert!(failure(&b"{\"a\":".repeat(1_000_000)).0.contains("nested"));
    }

    #[test]
    fn absurd_numbers_are_refused() {
        assert!(parse("9".repeat(100).as_bytes()).is_ok());
        assert!(failure("9".repeat(101).as_bytes()).0.contains("100 characters"));
        assert!(parse(b"1e100").is_ok());
        for body in ["1e101", "1E-101", "1e99999999999", "1e+99999999999"] {
            assert!(failure(body.as_bytes()).0.contains("exponent"), "{body}");
        }
        assert!(failure(b"1e").0.contains("not a number"));
    }

    #[test]
    fn an_object_that_looks_like_an_inner_number_stays_an_object() {
        let value = parse(br#"{"$serde_json::private::Number":"1"}"#).expect("it is JSON");
        assert!(value.is_object());
    }

    #[test]
    fn a_body_that_must_be_an_object_is_one() {
        assert!(parse_object(b"[]").is_err());
        assert!(parse_object(b" {} ").is_ok());
    }

    fn value() -> impl Strategy<Value = Value> {
        let number = "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?(e[+-][1-9][0-9]?)?";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            number.prop_map(|text| Value::Number(text.parse().expect("it is a number"))),
            any::<String>().prop_map(Value::String),
        ];
        leaf.prop_recursive(6, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_near_json_makes_it_panic(text in "[\\[\\]{}\":,0-9eE.+\\-\\\\untrefalsd é]{0,60}") {
            let ours = parse(text.as_bytes());
            // What we take, serde_json takes too, with the same value (it keeps the last of two equal keys).
            if let Ok(value) = ours {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).expect("it is JSON"), value);
            }
        }

        #[test]
        fn what_is_written_is_read_as_it_was(value in value()) {
            let written = serde_json::to_vec(&value).expect("it is written");
            prop_assert_eq!(parse(&written).expect("it is JSON"), value);
        }
    }
}
