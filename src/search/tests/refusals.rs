//! What is said about query strings that are not understood.

use super::database::query;

/// What is said of a search that is refused, each with where it is wrong.
pub(super) fn refused(search: &str) -> Vec<(String, String)> {
    let failure = query(search).expect_err(search);
    assert_eq!(failure.status(), 400, "{search}");
    failure.issues.into_iter().map(|issue| (issue.expression.unwrap_or_default(), issue.text)).collect()
}

#[test]
fn what_is_wrong_is_named_with_what_is_known() {
    let table = [
        (
            "Patient?familly=x",
            "http.familly",
            "`familly` is not a search parameter of Patient; known are family",
        ),
        ("Patient?name:fuzzy=x", "http.name:fuzzy", "`:fuzzy`"),
        ("Patient?birthdate:exact=2024", "http.birthdate:exact", "known are :missing"),
        ("Patient?birthdate=zz2024", "http.birthdate", "`zz` is not a prefix; known are eq, ne"),
        ("Patient?birthdate=31.12.1999", "http.birthdate", "is not a date"),
        ("Patient?name=,", "http.name", "empty value"),
        ("Patient?familly=", "http.familly", "`familly` is not a search parameter of Patient"),
        ("Patient?name:fuzzy=", "http.name:fuzzy", "`:fuzzy`"),
        ("Patient?birthdate:exact=", "http.birthdate:exact", "does not go with"),
        ("Patient?_sort:up=", "http._sort:up", "`:up`"),
        ("Patient?_has:Observation:patient:colour=", "http._has:Observation:patient:colour", "`colour`"),
        ("Observation?subject.colour=", "http.subject.colour", "`colour`"),
        ("Patient?name=a\\b", "http.name", "write `\\\\` for a backslash"),
        ("Patient?_id=a\\", "http._id", "write `\\\\` for a backslash"),
        ("Patient?family:not=x", "http.family:not", "known are :exact, :contains, :missing"),
        ("Patient?organization:not=1", "http.organization:not", "does not go with"),
        ("Patient?birthdate:not=2000", "http.birthdate:not", "does not go with"),
        ("Patient?_lastUpdated:not=2000", "http._lastUpdated:not", "does not go with"),
        ("RiskAssessment?probability:not=1", "http.probability:not", "does not go with"),
        ("Observation?value-quantity:not=1", "http.value-quantity:not", "does not go with"),
        ("ValueSet?url:not=urn:a", "http.url:not", "does not go with"),
        ("ValueSet?url:below=urn:oid:1.2", "http.url:below", "a URN has none"),
        ("ValueSet?url:above=URN:oid:1.2.3", "http.url:above", "a URN has none"),
        ("QuestionnaireResponse?questionnaire:identifier=a|b", "http.questionnaire:identifier", "by the URL"),
        (
            "QuestionnaireResponse?questionnaire:above=http://x/q",
            "http.questionnaire:above",
            "part of one another",
        ),
        ("QuestionnaireResponse?questionnaire:below=q1", "http.questionnaire:below", "is a canonical URL"),
        (
            "QuestionnaireResponse?questionnaire:below=http://x/q|",
            "http.questionnaire:below",
            "is a canonical URL",
        ),
        ("Patient?active=|true", "http.active", "has no system"),
        ("Patient?deceased=urn:s|true", "http.deceased", "has no system"),
        ("Patient?phone=home|555", "http.phone", "has no system"),
        ("Patient?_filter=active eq |true", "http._filter", "has no system"),
        ("Patient?_count=1&_count=2", "http._count", "different values"),
        ("Patient?_total=none&_totalMethod=accurate", "http._totalMethod", "different values"),
        ("Patient?_summary=true&_summary=data&_summary=true", "http._summary", "different values"),
        ("Patient?_contained=true&_contained=both", "http._contained", "different values"),
        (
            "Patient?_summary=text&_include=Patient:organization",
            "http._summary",
            "does not go with `_include`",
        ),
        ("Patient?_summary=text&_revinclude=Goal:patient", "http._summary", "does not go with `_include`"),
        ("Patient?name=a,,b", "http.name", "empty value"),
        ("Patient?active:missing=yes", "http.active:missing", "`true` or `false`"),
    ];
    each_is_refused(&table);
}

#[test]
fn what_is_wrong_of_the_result_includes_and_chains_is_named() {
    let table = [
        ("Patient?identifier=a|b|c", "http.identifier", "system|code"),
        ("Patient?identifier=|", "http.identifier", "The code is empty"),
        ("Patient?_count=-1", "http._count", "whole number"),
        ("Patient?_count=many", "http._count", "whole number"),
        ("Patient?_total=all", "http._total", "known are"),
        ("Patient?_sort=colour", "http._sort", "`colour` is not a search parameter"),
        ("Patient?_sort=name&_sort=birthdate", "http._sort", "twice"),
        ("Patient?_elements=name.given", "http._elements", "top level"),
        ("Patient?_include=Patient", "http._include", "Type:parameter"),
        ("Patient?_include=Patient:link:other:x", "http._include", "Type:parameter"),
        ("Patient?_include=Nothing:*", "http._include", "`Nothing` is not a resource type"),
        ("Patient?_include=Patient:*:Nothing", "http._include", "`Nothing` is not a resource type"),
        ("Patient?_include=Observation:*", "http._include", "begins at Observation"),
        ("Patient?_revinclude=Medication:*", "http._revinclude", "never refers to Patient"),
        ("Patient?_revinclude=Observation:subject:Group", "http._revinclude", "never refers to Patient"),
        ("Patient?_include:all=Patient:link", "http._include:all", "known is :iterate"),
        ("Patient?_include:iterate=Patient:name", "http._include:iterate", "only a reference"),
        ("Patient?_include=Patient:name", "http._include", "only a reference"),
        ("Patient?_include=Observation:subject", "http._include", "begins at Observation"),
        ("Patient?_include=Patient:organization:Patient", "http._include", "never refers to `Patient`"),
        ("Patient?_revinclude=Encounter:location", "http._revinclude", "never refers to Patient"),
        ("Patient?_contained=maybe", "http._contained", "known are false, true, both"),
        ("Observation?patient=Group/1", "http.patient", "only to Patient"),
        ("Observation?patient=a b", "http.patient", "an id, `Type/id` or an absolute URL"),
        ("Observation?subject:Encounter=1", "http.subject:Encounter", "never refers to Encounter"),
        ("Observation?subject:Patient=Group/1", "http.subject:Patient", "not of the type"),
        ("Observation?subject.colour=1", "http.subject.colour", "`colour` is not a search parameter"),
        ("Observation?code.name=1", "http.code.name", "only a reference"),
        ("Observation?value-quantity=5|kg", "http.value-quantity", "number|system|code"),
        ("Observation?value-quantity=five", "http.value-quantity", "prefix"),
        ("Patient?_has:Observation:code=1", "http._has:Observation:code", "_has:Type:reference:parameter"),
        ("Patient?_has:Observation:performer:code=1&_id:text=x", "http._id:text", "no modifier"),
        ("Patient?_id:missing=x", "http._id:missing", "`true` or `false`"),
    ];
    each_is_refused(&table);
}

#[test]
fn what_asks_for_no_words_is_named() {
    each_is_refused(&[
        ("Patient?_text:exact=x", "http._text:exact", "no modifier"),
        ("Patient?_text:missing=true", "http._text:missing", "no modifier"),
        ("Patient?_text=%22x", "http._text", "quotation mark"),
        ("Patient?_content=--", "http._content", "neither a letter nor a digit"),
        ("Patient?_content=a,", "http._content", "empty value"),
        ("Patient?_sort=_text", "http._sort", "not supported"),
        ("Binary?_text=x", "http._text", "not a search parameter of Binary"),
        ("Patient?organization._text=x", "http.organization._text", "goes into no chain"),
        (
            "Patient?_has:Observation:patient:_content=x",
            "http._has:Observation:patient:_content",
            "goes into no chain",
        ),
        ("Patient?_filter=_text%20co%20x", "http._filter", "goes into no chain"),
    ]);
}

#[test]
fn what_is_no_id_is_named_and_not_answered_with_nothing() {
    each_is_refused(&[
        ("Patient?_id=Patient/1", "http._id", "the id alone"),
        ("Patient?_id=1,http://a/Patient/2", "http._id", "`http://a/Patient/2` is none"),
        ("Patient?_id:not=|1", "http._id:not", "the id alone"),
        ("Observation?patient._id=urn:uuid:1", "http.patient._id", "the id alone"),
        ("Patient?_filter=_id eq Patient/1", "http._filter", "the id alone"),
    ]);
    assert!(query("Patient?_id=no_such,a b").is_ok(), "there is none, and none is found");
}

/// Each search with where it is wrong, and a part of what is said about it.
fn each_is_refused(table: &[(&str, &str, &str)]) {
    for (search, at, text) in table {
        let issues = refused(search);
        assert_eq!(issues.len(), 1, "{search}: {issues:?}");
        assert_eq!(issues[0].0, *at, "{search}");
        assert!(issues[0].1.contains(text), "{search}: {}", issues[0].1);
    }
}

#[test]
fn a_composite_that_lacks_a_part_and_a_place_that_is_none_are_named() {
    each_is_refused(&[
        ("Location?near=1", "http.near", "latitude|longitude|distance|unit"),
        ("Location?near=1|2|3|km|5", "http.near", "latitude|longitude|distance|unit"),
        ("Location?near=north|2", "http.near", "latitude|longitude|distance|unit"),
        ("Location?near=91|2", "http.near", "from -90 to 90"),
        ("Location?near=1|181", "http.near", "from -90 to 90"),
        ("Location?near=1|NaN", "http.near", "from -90 to 90"),
        ("Location?near=1|2|-3|km", "http.near", "latitude|longitude|distance|unit"),
        ("Location?near=1|2|3|kg", "http.near", "no length"),
        ("Location?near=1|2|3|miles", "http.near", "no length"),
        ("Location?_sort=near", "http._sort", "Sorting by `near`"),
        ("Observation?code-value-quantity=a$b", "http.code-value-quantity", "`value-quantity`: `b` is not"),
        ("Observation?code-value-quantity=a", "http.code-value-quantity", "2 parts, `code$value-quantity`"),
        ("Observation?code-value-quantity=a$", "http.code-value-quantity", "2 parts"),
        ("Observation?code-value-quantity=a$1$2", "http.code-value-quantity", "2 parts"),
        ("Observation?code-value-quantity=$1", "http.code-value-quantity", "2 parts"),
        ("Observation?code-value-quantity=a$zz1", "http.code-value-quantity", "`zz` is not a prefix"),
        (
            "Observation?code-value-quantity:missing=true",
            "http.code-value-quantity:missing",
            "does not go with `code-value-quantity`",
        ),
        ("Observation?code-value-quantity:not=a$1", "http.code-value-quantity:not", "does not go with"),
        ("Observation?_sort=code-value-quantity", "http._sort", "Sorting by `code-value-quantity`"),
    ]);
}
