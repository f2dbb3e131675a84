//! Whatever bytes come: no panic, no long wait, and what is accepted goes round unchanged.
//!
//! Each target mutates its seeds, and keeps what was accepted as a further seed. It runs for two seconds, or for
//! `COMFREY_TEST_FUZZ_SECONDS`; from `COMFREY_TEST_FUZZ_SEED` where that is given, else from the same beginning every time.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;
use std::time::Instant;

use comfrey::definitions::Definitions;
use comfrey::fhir::ResourceType;
use comfrey::fhir::Severity;
use comfrey::fhir::json;
use comfrey::fhir::patch::Patch;
use comfrey::fhir::path::Budget;
use comfrey::fhir::shape;
use comfrey::fhir::shape::Shapes;
use comfrey::fhir::xml;
use comfrey::fhir::xml::Style;
use comfrey::search;
use comfrey::search::Context;
use comfrey::search::Mistakes;
use comfrey::search::Parameters;
use comfrey::search::Restriction;
use jiff::tz::TimeZone;
use serde_json::Value;

/// No input of a few kilobytes takes more of a processor's time, without optimisation.
const SOON: Duration = Duration::from_secs(10);
/// How many accepted inputs become seeds beside the first ones.
const KEPT: usize = 300;
/// An input grows no longer than this.
const LONGEST: usize = 20_000;

/// Pseudo-random numbers that are the same at every run: xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % end.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// For how long this thread has had a processor: what it waits for one tells of the machine and not of the input. Where
/// the system does not say, what the clock says.
fn worked() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|told| told.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| START.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

/// What is fed to a target.
struct Fuzz {
    random: Random,
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
}

/// Shows the input at which a target panics.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input was {}", self.0.escape_ascii());
        }
    }
}

impl Fuzz {
    fn new(seeds: &str, words: &'static [&'static str]) -> Self {
        let seed = std::env::var("COMFREY_TEST_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok());
        let seeds = seeds.lines().map(|line| line.as_bytes().to_vec()).collect();
        Self { random: Random(seed.unwrap_or(0x5EED_C0FF_EE15_600D)), seeds, words }
    }

    /// Feeds the target until the time is over; it tells whether it accepted its input.
    fn run(mut self, mut target: impl FnMut(&[u8]) -> bool) {
        let seconds =
            std::env::var("COMFREY_TEST_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
        let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(2));
        let first = self.seeds.len();
        let (mut accepted, mut refused) = (0_u64, 0_u64);
        let fitting = self.seeds.iter().filter(|seed| {
            let _shown = Shown(seed);
            target(seed)
        });
        assert!(fitting.count() * 2 > first, "most seeds are accepted");
        while Instant::now() < end || accepted == 0 || refused == 0 {
            let input = self.mutant();
            let _shown = Shown(&input);
            let begun = worked();
            let is_accepted = target(&input);
            let took = worked().saturating_sub(begun);
            assert!(took < SOON, "it took {took:?}");
            if !is_accepted {
                refused += 1;
                continue;
            }
            accepted += 1;
            if self.seeds.len() < first + KEPT {
                self.seeds.push(input.clone());
            } else {
                let place = first + self.random.below(KEPT);
                self.seeds[place].clone_from(&input);
            }
        }
        eprintln!("{accepted} inputs accepted, {refused} refused, {:?} of a processor's time", worked());
    }

    fn mutant(&mut self) -> Vec<u8> {
        let mut input = self.random.pick(&self.seeds).clone();
        for _ in 0..=self.random.below(5) {
            self.mutate(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.random.below(input.len());
        let end = at + self.random.below((input.len() - at).min(64)) + usize::from(at < input.len());
        match self.random.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.random.below(8),
            1 if at < input.len() => input[at] = u8::try_from(self.random.below(256)).unwrap(),
            2 => drop(input.drain(at..end)),
            3 => {
                let again = input[at..end].to_vec();
                drop(input.splice(at..at, again));
            }
            4 => {
                let times = 1 + self.random.below(80);
                let again = input[at..end].repeat(times);
                drop(input.splice(at..at, again));
            }
            5 => {
                let other = self.random.pick(&self.seeds).clone();
                let from = self.random.below(other.len());
                let length = self.random.below((other.len() - from).min(200));
                drop(input.splice(at..end, other[from..from + length].iter().copied()));
            }
            6 => input.truncate(at),
            _ => {
                let word = self.random.pick(self.words).as_bytes();
                let end = if self.random.below(2) == 0 { at } else { end };
                drop(input.splice(at..end, word.iter().copied()));
            }
        }
    }
}

/// What a resource is held against.
struct Compiled {
    definitions: Arc<Definitions>,
    parameters: Parameters,
}

impl Compiled {
    fn new() -> Self {
        let definitions = Definitions::shared().unwrap();
        let parameters = Parameters::compile(&definitions).unwrap();
        Self { definitions, parameters }
    }

    fn shapes(&self) -> &Shapes {
        &self.definitions.shapes
    }

    fn is_valid(&self, value: &Value) -> bool {
        let issues = shape::validate(self.shapes(), value);
        issues.iter().all(|issue| issue.severity != Severity::Error)
    }

    /// What is valid is the same resource after a way through XML, and the index reads it.
    fn check_goes_round(&self, value: &Value) {
        for style in [Style::Compact, Style::Pretty] {
            let written = xml::write(self.shapes(), value, style).expect("a valid resource is written");
            let read = xml::read(self.shapes(), &written).unwrap_or_else(|failure| {
                panic!("{:?}: {}", failure.issues, String::from_utf8_lossy(&written));
            });
            if !has_html_references(value) {
                assert_eq!(&read, value);
            }
            let again = xml::write(self.shapes(), &read, style).expect("it is written again");
            assert_eq!(xml::read(self.shapes(), &again).expect("it is read again"), read);
        }
        drop(search::rows(&self.parameters, value, &TimeZone::UTC));
    }
}

/// A narrative's `&nbsp;` becomes `&#160;`, since XML does not know it.
fn has_html_references(value: &Value) -> bool {
    let text = value.to_string();
    let names = text.split('&').skip(1).map(|rest| rest.split(';').next().unwrap_or_default());
    names
        .filter(|name| !name.starts_with('#'))
        .any(|name| !matches!(name, "amp" | "lt" | "gt" | "quot" | "apos"))
}

#[test]
fn json_of_any_kind() {
    let compiled = Compiled::new();
    let words = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "null",
        "true",
        "1e5",
        "-0.0",
        "1.50",
        "\\u0000",
        "\\ud800",
        "\\n",
        "\"resourceType\":",
        "\"extension\":[{\"url\":\"a\",\"valueCode\":\"b\"}]",
        "\"_status\":{\"id\":\"x\"}",
        "\"contained\":[{\"resourceType\":\"Patient\",\"id\":\"p\"}]",
        "{}",
        "[]",
        "2023-02-29",
        "\u{FFFE}",
        "\"text\":{\"status\":\"empty\",\"div\":\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">a</div>\"}",
        "&nbsp;",
        "&#1;",
        "<p ",
        "<b>",
        "</b>",
        "<!--",
        "-->",
        "]]>",
        " a:b='c'",
        " a='c'",
        "\u{7F}",
        "😀",
    ];
    Fuzz::new(include_str!("../data/fuzz/json.txt"), words).run(|bytes| {
        let value = match json::parse(bytes) {
            Ok(value) => value,
            Err(failure) => {
                assert_eq!(failure.status(), 400);
                return false;
            }
        };
        let written = serde_json::to_vec(&value).unwrap();
        assert_eq!(json::parse(&written).expect("what is written is read"), value);
        let valid = compiled.is_valid(&value);
        if valid {
            compiled.check_goes_round(&value);
        } else {
            // a refusal is words alone
            drop(xml::write(compiled.shapes(), &value, Style::Compact));
        }
        valid
    });
}

#[test]
fn xml_of_any_kind() {
    let compiled = Compiled::new();
    let words = &[
        "<",
        ">",
        "/>",
        "</",
        "=",
        "\"",
        "'",
        "&amp;",
        "&#0;",
        "&#x10FFFF;",
        "&nbsp;",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?a b?>",
        "<!DOCTYPE a>",
        " xmlns=\"http://hl7.org/fhir\"",
        " xmlns:a=\"http://www.w3.org/1999/xhtml\"",
        "<a:b>",
        "</a:b>",
        "<extension url=\"a\"><valueCode value=\"b\"/></extension>",
        " value=\"x\"",
        " id=\"y\"",
        "<contained><Basic><id value=\"c\"/></Basic></contained>",
        "\u{FEFF}",
        "\u{FFFE}",
        "\0",
        "\r\n",
        "+1",
        "1e9",
    ];
    Fuzz::new(include_str!("../data/fuzz/xml.txt"), words).run(|bytes| {
        let value = match xml::read(compiled.shapes(), bytes) {
            Ok(value) => value,
            Err(failure) => {
                assert_eq!(failure.status(), 400);
                return false;
            }
        };
        let written = serde_json::to_vec(&value).unwrap();
        assert_eq!(json::parse(&written).expect("what came in XML is read as JSON"), value);
        if compiled.is_valid(&value) {
            compiled.check_goes_round(&value);
        }
        true
    });
}

#[test]
fn queries_of_any_kind() {
    let compiled = Compiled::new();
    let context = Context {
        parameters: &compiled.parameters,
        zone: &TimeZone::UTC,
        now: crate::app::START,
        effort: search::Effort::of(compiled.definitions.as_ref()),
        base_url: "http://localhost/fhir",
        lenient: false,
        mistakes: Mistakes::Found,
        default_count: 20,
        max_count: 1000,
    };
    let types =
        ["Patient", "Observation", "CarePlan", "Bundle"].map(|name| ResourceType::parse(name).unwrap());
    let words = &[
        "&",
        "=",
        ",",
        "|",
        "%7C",
        "$",
        ":",
        ".",
        "%",
        "%00",
        "%ff",
        "%2C",
        "\\,",
        "\\|",
        "+",
        "ge",
        "ap",
        ":missing",
        ":not",
        ":exact",
        ":contains",
        ":iterate",
        ":identifier",
        ":of-type",
        ":above",
        "_has:",
        "_include=",
        "_sort=",
        "_count=0",
        "_count=99999999999",
        "_id=",
        "name=",
        "1e400",
        "-0",
        "2023-02-29",
        "9999",
        "0000-00-00",
        "T24:00:00Z",
        "http://localhost/fhir/Patient/1",
        "*",
        "_elements=",
        "_summary=count",
        "_total=none",
        "é",
        "subject.",
    ];
    Fuzz::new(include_str!("../data/fuzz/query.txt"), words).run(|bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        let mut accepted = false;
        for ty in types {
            match search::parse(&context, ty, text) {
                Ok(query) => {
                    drop(search::plan(&compiled.parameters, &query, &Restriction::none()));
                    // what we say that we understood means the same to us again
                    let again =
                        search::parse(&context, ty, &query.self_query).expect("the link of a search is one");
                    assert_eq!(again.self_query, query.self_query);
                    accepted = true;
                }
                Err(failure) => assert_eq!(failure.status(), 400),
            }
        }
        accepted
    });
}

#[test]
fn patches_of_any_kind() {
    let compiled = Compiled::new();
    let resource =
        json::parse(include_str!("../data/fuzz/json.txt").lines().next().unwrap().as_bytes()).unwrap();
    let words = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "null",
        "\"/\"",
        "/-",
        "/0",
        "/99999999999999999999",
        "~0",
        "~1",
        "~2",
        "/name",
        "/resourceType",
        "\"op\":\"test\"",
        "\"op\":\"copy\"",
        "\"from\":\"\"",
        "\"value\":{}",
        "\"id\":\"x\"",
        "\"resourceType\":\"Basic\"",
        "Patient.name",
        ".where(use='usual')",
        ".first()",
        "valueString",
        "valueInteger",
    ];
    Fuzz::new(include_str!("../data/fuzz/patch.txt"), words).run(|bytes| {
        let Ok(document) = json::parse(bytes) else { return false };
        let mut accepted = false;
        let shapes = compiled.shapes();
        let kinds =
            [Patch::parameters(shapes, &document), Patch::json(document.clone()), Patch::merge(document)];
        for patch in kinds {
            let mut budget = Budget::default();
            let patched = match patch.and_then(|patch| patch.apply(shapes, resource.clone(), &mut budget)) {
                Ok(patched) => patched,
                Err(failure) => {
                    assert!(matches!(failure.status(), 400 | 422), "{failure:?}");
                    continue;
                }
            };
            assert_eq!((patched.ty().name(), patched.id()), ("Patient", Some("a.B-1")));
            drop(shape::validate(shapes, patched.value()));
            accepted = true;
        }
        accepted
    });
}
