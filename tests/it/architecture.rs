//! The house rules, held against `src`: who may use whom, which crate belongs where, how long a piece may be.

use std::fs;
use std::path::Path;

use regex::Regex;

/// The modules, outermost first: each may use those to its right, save what [`CLOSED`] names.
const LAYERS: &str =
    "http jobs import interactions operations app palliative access store search definitions fhir";

/// What a module may not use although it stands below it, and plain settings, which these may read.
const CLOSED: &[(&str, &str)] = &[
    ("http", "store"),
    ("jobs", "store"),
    ("import", "store"),
    ("interactions", "store"),
    ("operations", "store interactions"),
    ("palliative", "store search access"),
    ("search", "access"),
];
const READ_SETTINGS: &str = "http import app access store";

/// Each of these crates is known only in the places listed (a place is the start of a path below `src`).
const OWNERS: &[(&str, &[&str])] = &[
    ("actix_web", &["http/", "main.rs"]),
    ("utoipa(_swagger_ui)?", &["http/"]),
    ("diesel(_migrations)?", &["store/", "search/sql.rs", "search/tests/"]),
    ("r2d2", &["store/"]),
    ("jsonwebtoken", &["access/"]),
    ("fhir_typed", &["palliative/"]),
    ("octofhir_ucum", &["fhir/quantity.rs"]),
    ("indicatif", &["import/", "maintenance.rs"]),
    ("env_logger", &["main.rs"]),
];

/// Files and functions longer than the rule, as the test words them, with the reason; this may only shrink.
const LONGER: &[(&str, &str)] = &[];

#[test]
fn modules_use_only_what_stands_below_them() {
    let layers: Vec<&str> = LAYERS.split(' ').collect();
    let holds = |list: &str, name: &str| list.split(' ').any(|one| one == name);
    let allowed = |own: &str, used: &str| {
        let place = |name: &str| layers.iter().position(|known| *known == name);
        let closed = CLOSED.iter().any(|(from, to)| *from == own && holds(to, used));
        let below = place(own).zip(place(used)).is_some_and(|(from, to)| from < to && !closed);
        own == used
            || ["main", "lib"].contains(&own)
            || below
            || used == "config" && holds(READ_SETTINGS, own)
    };
    let uses = Regex::new(r"\bcrate::(\w+|\{)").unwrap();
    // What tests look at may stand above what they test.
    for (file, text) in sources().into_iter().filter(|(file, _)| !file.contains("/tests/")) {
        for used in uses.captures_iter(&text).map(|found| found[1].to_owned()) {
            assert_ne!(used, "{", "{file}: write one `use crate::…` a line");
            assert!(allowed(file.split(['/', '.']).next().unwrap(), &used), "{file} must not use {used}");
        }
    }
}

#[test]
fn a_crate_is_known_only_where_it_belongs() {
    for (name, places) in OWNERS {
        let used = Regex::new(&format!(r"(^|[^\w:]){name}::")).unwrap();
        for (file, text) in sources() {
            let known = places.iter().any(|place| file.starts_with(place));
            assert!(known || !used.is_match(&text), "{file} must not know {name}");
        }
    }
}

#[test]
fn files_and_functions_stay_short_and_say_what_they_are() {
    let function = Regex::new(r"^( *)(?:pub(?:\([a-z]+\))? )?(?:async )?fn (\w+)").unwrap();
    let mut long = Vec::new();
    for (file, text) in sources() {
        assert!(text.starts_with("//! "), "{file} does not begin with what it is");
        let lines: Vec<&str> = text.lines().collect();
        long.extend((lines.len() > 300).then(|| format!("{file} ({} lines)", lines.len())));
        for (at, start) in
            lines.iter().enumerate().filter_map(|(at, line)| Some((at, function.captures(line)?)))
        {
            let end = format!("{}}}", &start[1]);
            let length = lines[at..].iter().position(|line| *line == end).unwrap_or(0) + 1;
            long.extend((length > 60).then(|| format!("{file} fn {} ({length} lines)", &start[2])));
        }
    }
    long.retain(|one| !LONGER.iter().any(|(listed, _)| one == listed));
    assert!(long.is_empty(), "too long: {long:#?}");
}

/// Every file of `src` without its unit tests: its path below `src`, and its text.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut open, mut files) = (vec![root.clone()], Vec::new());
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            files.push((path.strip_prefix(&root).unwrap().display().to_string(), text));
        }
    }
    let tests = Regex::new(r"#\[cfg\(test\)\]\n(?:pub(?:\([a-z]+\))? )?mod (\w+);").unwrap();
    let of_tests =
        |text: &str| tests.captures_iter(text).map(|found| format!("{}.rs", &found[1])).collect::<Vec<_>>();
    let of_tests: Vec<_> = files.iter().flat_map(|(_, text)| of_tests(text)).collect();
    files.retain(|(file, _)| !of_tests.iter().any(|name| file.rsplit('/').next() == Some(name)));
    files
        .iter_mut()
        .for_each(|(_, text)| text.truncate(text.find("\n#[cfg(test)]\nmod tests").unwrap_or(text.len())));
    files
}
