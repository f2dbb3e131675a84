//! Bytes to a value tree, guarded. <https://hl7.org/fhir/R4/json.html>
//!
//! Our own parser rather than serde_json's, because that keeps the last of two equal keys, takes an object with a
//! certain key for a number (`arbitrary_precision`), and cannot say where in the resource it stopped. This one
//! refuses what no FHIR client has reason to send: broken UTF-8, bytes after the value, a key given twice, deep
//! nesting and absurd numbers. Decimals keep their digits and elements their order.

mod reader;
mod strings;

use serde_json::Number;
use serde_json::Value;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::json::reader::Parser;

/// The deepest nesting of objects and arrays. The deepest official example has 21.
pub const MAX_DEPTH: usize = 60;

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
    match Parser::new(text).document() {
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

/// A number, with the same limits as in a body.
///
/// # Errors
/// A sentence that says what is wrong, without its full stop.
pub(in crate::fhir) fn number(text: &str) -> Result<Number, &'static str> {
    reader::number(text)
}

/// Line and column, from one, of a byte.
pub(in crate::fhir) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    (line, column)
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
    fn an_object_has_no_more_members_than_any_type_has_elements() {
        let object = |count: usize| {
            let members: Vec<String> = (0..count).map(|at| format!("\"a{at}\":{at}")).collect();
            format!("{{\"resourceType\":\"Patient\",\"x\":{{{}}}}}", members.join(","))
        };
        assert!(parse(object(1_000).as_bytes()).is_ok());
        let (text, at) = failure(object(1_001).as_bytes());
        assert!(text.contains("1000 members"), "{text}");
        assert_eq!(at.as_deref(), Some("Patient.x"));
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
    fn a_body_of_tiny_values_alone_is_refused_before_it_fills_the_memory() {
        let list = |item: &str, times: usize| format!("[{}1]", item.repeat(times)).into_bytes();
        assert!(parse(&list("1,", 99_000)).is_ok());
        assert!(failure(&list("1,", 200_000)).0.contains("tiny values"));
        assert!(failure(&list("{\"a\":1},", 100_000)).0.contains("tiny values"));
        assert!(parse(&list("\"0123456789\",", 200_000)).is_ok(), "as dense as any record");
    }

    #[test]
    fn absurd_numbers_are_refused() {
        assert!(parse("9".repeat(100).as_bytes()).is_ok());
        assert!(failure("9".repeat(101).as_bytes()).0.contains("100 characters"));
        assert!(parse(b"1e300").is_ok());
        for body in ["1e301", "1E-301", "1e99999999999", "1e+99999999999"] {
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
