//! `_explain=true`: how a search is carried out, for those who run the service. <https://hl7.org/fhir/R4/search.html>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;

/// Twenty observations of one patient, with a value that no explanation may show.
fn stored(app: &TestApp) -> Client {
    let operator = app.with_scope("system/*.cruds");
    operator
        .store(&json!({ "resourceType": "Patient", "id": "secretid", "name": [{ "family": "Secretname" }] }));
    for at in 0..20 {
        operator.store(
            &json!({ "resourceType": "Observation", "status": "final", "subject": { "reference": "Patient/secretid" },
            "code": { "coding": [{ "system": "http://loinc.org", "code": "secretcode" }] },
            "effectiveDateTime": format!("1987-06-{:02}", at + 1) }),
        );
    }
    operator
}

fn parts<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    let list = value.get("parameter").or_else(|| value.get("part")).and_then(Value::as_array);
    list.into_iter().flatten().filter(|one| one["name"] == name).collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    parts(value, name)[0]["valueString"].as_str().unwrap()
}

fn code<'a>(value: &'a Value, name: &str) -> &'a str {
    parts(value, name)[0]["valueCode"].as_str().unwrap()
}

#[test]
fn a_search_is_explained_by_its_statements_their_plans_and_where_it_begins() {
    let app = TestApp::new();
    let operator = stored(&app);
    let search = "/Observation?code=http://loinc.org|secretcode&patient=secretid&_count=5&_total=accurate";
    let reply = operator.get(&format!("{search}&_include=Observation:subject&_explain=true")).expect(200);
    let answer = reply.json();
    assert_eq!(answer["resourceType"], "Parameters");
    let number = |name: &str| parts(&answer, name)[0]["valueInteger"].clone();
    assert_eq!((number("matches"), number("included"), number("total")), (json!(5), json!(1), json!(20)));
    let kinds: Vec<&str> = parts(&answer, "statement").into_iter().map(|one| code(one, "purpose")).collect();
    assert_eq!(kinds, ["page", "include", "total"]);
    for one in parts(&answer, "statement") {
        let sql = text(one, "sql");
        assert!(sql.contains("idx_") && (sql.contains('?') || sql.contains("$1")), "{sql}");
        assert!(parts(one, "milliseconds")[0]["valueDecimal"].is_number());
        assert!(!parts(one, "plan").is_empty());
        assert!(parts(one, "values")[0]["valueInteger"].as_i64().unwrap() > 1);
    }
    let page = parts(&answer, "statement")[0];
    assert_eq!(parts(page, "rows")[0]["valueInteger"], 6, "one more than the page, which tells of the next");
    let indexes = parts(page, "plan").into_iter().flat_map(|step| parts(step, "index")).count();
    assert!(indexes > 0, "{page}");
    let of_type = parts(&answer, "search")[0];
    assert_eq!((code(of_type, "type"), text(of_type, "beginsWith")), ("Observation", "patient"));
    assert_eq!(parts(of_type, "condition").len(), 2);
    assert!(parts(of_type, "probe").is_empty(), "what belongs to one patient is few");
    assert_eq!(parts(&answer, "database").len(), 1);
}

#[test]
fn where_a_condition_may_be_met_by_many_the_probe_says_what_it_saw() {
    let app = TestApp::new();
    let operator = stored(&app);
    let answer = operator.get("/Observation?code=secretcode&_explain=true").expect(200).json();
    let probe = parts(parts(&answer, "search")[0], "probe")[0];
    assert_eq!(parts(probe, "counted")[0]["valueInteger"], 20);
    assert!(parts(probe, "most")[0]["valueInteger"].as_i64().unwrap() >= 1_000);
    assert!(text(parts(&answer, "search")[0], "course").contains("collected"));
    let all = operator.get("/Observation?_sort=-date&_explain=true").expect(200).json();
    let of_type = parts(&all, "search")[0];
    assert!(parts(of_type, "beginsWith").is_empty() && text(of_type, "course").contains("walked"));
    let negated = operator.get("/Observation?status:not=final&_explain=true").expect(200).json();
    let condition = parts(parts(&negated, "search")[0], "condition")[0];
    assert_eq!(text(condition, "name"), "not status");
    assert!(text(condition, "expected").contains("row by row"));
}

#[test]
fn nothing_that_was_asked_for_or_found_shows() {
    let app = TestApp::new();
    let operator = stored(&app);
    for search in [
        "/Observation?code=http://loinc.org|secretcode&patient=secretid&date=1987-06-07&_sort=-date",
        "/Observation?subject:Patient.name=secretname&code:text=secretcode",
        "/Observation?_filter=code eq secretcode or subject re Patient/secretid",
        "/Observation?date=1987-06-07,1987-06-08&code:not=secretcode,secretother&_include=*",
        "/Patient?_id=secretid&_revinclude=Observation:subject&name:contains=secretname",
        "/Patient?_has:Observation:patient:code=secretcode&_summary=count",
        "/Patient/secretid/Observation?code=secretcode",
        "/Patient/secretid/*?_type=Observation,Condition&code=secretcode",
        "?_type=Observation,Condition&patient=secretid&code=secretcode",
    ] {
        let reply = operator.get(&format!("{search}&_explain=true")).expect(200);
        let shown = reply.text().to_lowercase();
        assert_eq!(reply.json()["resourceType"], "Parameters", "{search}");
        // 1987-06-07T00:00:00Z in seconds
        for secret in ["secret", "1987", "550022400"] {
            assert!(!shown.contains(secret), "{search} shows {secret}: {shown}");
        }
    }
}

#[test]
fn a_page_further_on_and_a_form_are_explained_too_and_false_changes_nothing() {
    let app = TestApp::new();
    let operator = stored(&app);
    let plain = operator.get("/Observation?_count=5&_explain=false").expect(200).json();
    assert_eq!(
        (plain["resourceType"].as_str(), plain["entry"].as_array().unwrap().len()),
        (Some("Bundle"), 5)
    );
    let next = plain["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next").unwrap();
    let next = next["url"].as_str().unwrap();
    let answer = operator.get(&format!("{next}&_explain=true")).expect(200).json();
    assert_eq!(parts(&answer, "matches")[0]["valueInteger"], 5);
    let form = operator.request("POST", "/Observation/_search");
    let form = form.body("application/x-www-form-urlencoded", "code=secretcode&_explain=true").send();
    assert_eq!(form.expect(200).json()["resourceType"], "Parameters");
    let xml = operator.get("/Observation?_explain=true&_format=xml").expect(200).text();
    assert!(xml.contains("<Parameters"), "{xml}");
    operator.get("/Observation?_explain=maybe").expect_issue(400, "invalid");
    operator.get("/Observation?_explain=true&_explain=true").expect_issue(400, "invalid");
    operator.get("/Observation?_explain=true&unknown=1").expect_issue(400, "not-supported");
}

#[test]
fn only_a_system_that_may_do_everything_has_a_search_explained() {
    let app = TestApp::new();
    stored(&app);
    for path in
        ["/Observation?_explain=true", "?_type=Observation&_explain=true", "/Patient/x/*?_explain=true"]
    {
        app.anonymous().get(path).expect_issue(401, "login");
        for refused in
            [app.clinician(), app.partner(), app.patient("secretid"), app.patient("other"), app.stranger()]
        {
            refused.get(path).expect_issue(403, "forbidden");
        }
        for scope in ["system/Observation.cruds", "user/*.*", "system/*.read system/*.cu"] {
            app.with_scope(scope).get(path).expect_issue(403, "forbidden");
        }
        for scope in ["system/*.*", "system/*.cruds", "system/*.rs system/*.cud"] {
            app.with_scope(scope).get(path).expect(200);
        }
    }
}

#[test]
fn within_a_bundle_no_search_is_explained() {
    let app = TestApp::new();
    let operator = stored(&app);
    let entry = |method: &str, url: &str| json!({ "request": { "method": method, "url": url } });
    let search = "Observation?code=secretcode&_explain=true";
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry("GET", search), entry("GET", "Patient/secretid")] });
    let answer = operator.post("", &batch).expect(200).json();
    let status = |at: usize| answer["entry"][at]["response"]["status"].as_str().unwrap().to_owned();
    assert!(status(0).starts_with("400") && status(1).starts_with("200"), "{answer}");
    let transaction =
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry("GET", search)] });
    operator.post("", &transaction).expect_issue(400, "not-supported");
}

#[test]
fn a_long_chain_that_comes_back_to_the_same_people_is_one_list() {
    let app = TestApp::new();
    let operator = app.with_scope("system/*.cruds");
    for at in 0..12 {
        let others = (0..12).filter(|other| *other != at);
        let links = others
            .map(|other| json!({ "type": "seealso", "other": { "reference": format!("Patient/p{other}") } }));
        operator.store(
            &json!({ "resourceType": "Patient", "id": format!("p{at}"), "name": [{ "family": "Ring" }],
            "link": Vec::from_iter(links) }),
        );
    }
    // 11 to the power of 15 ways, and 12 people: walked, it would never end.
    let links = "link:Patient.".repeat(15);
    let answer = operator.get(&format!("/Patient?{links}family=none&_explain=true")).expect(200).json();
    let of_type = parts(&answer, "search")[0];
    assert!(parts(of_type, "probe").is_empty() && text(of_type, "course").contains("collected"), "{of_type}");
    assert_eq!(parts(&answer, "matches")[0]["valueInteger"], 0);
    let page = parts(&answer, "statement")[0];
    let sql = text(page, "sql");
    assert_eq!(sql.matches("WITH RECURSIVE").count(), 1, "{sql}");
    let plan = page.to_string().to_lowercase();
    assert!(plan.contains("recursive union") || plan.contains("recursive step"), "{plan}");
    let found = operator.get(&format!("/Patient?{links}family=ring&_count=20&_total=accurate")).expect(200);
    assert_eq!((found.ids().len(), found.json()["total"].clone()), (12, json!(12)));
    // A chain of two steps has no such list.
    let short =
        operator.get("/Patient?link:Patient.link:Patient.family=ring&_explain=true").expect(200).json();
    assert!(!text(parts(&short, "statement")[0], "sql").contains("RECURSIVE"));
}

#[test]
fn what_is_asked_of_a_row_is_looked_up_by_the_row_where_nothing_is_known_of_the_tables() {
    // So few rows that PostgreSQL never counts them: what it plans for them it plans for all that an import has written.
    let app = TestApp::new();
    let operator = stored(&app);
    // The condition on the resource itself is the beginning.
    for (search, values) in [
        ("/Observation?_id=o1&subject:Patient.active=true", "idx_reference_value"),
        (
            "/Observation?_id=o1&subject:Patient.general-practitioner:Practitioner.active=true",
            "idx_reference_value",
        ),
        ("/QuestionnaireResponse?_id=o1&questionnaire.title=form", "idx_reference_value"),
        ("/Observation?_id=o1&_sort=date", "idx_date_value"),
        ("/Observation?_id=o1&_sort=-code", "idx_token_value"),
    ] {
        let explained = operator.get(&format!("{search}&_explain=true")).expect(200).json();
        let steps = parts(&explained, "statement").into_iter().flat_map(|statement| parts(statement, "plan"));
        let indexes =
            steps.filter_map(|step| parts(step, "index").pop()).map(|index| index["valueString"].clone());
        let by_value = indexes.filter(|index| *index == values).count();
        // The canonicals that name the row are looked up by both.
        assert!(by_value <= usize::from(search.contains("questionnaire")) * 3, "{search} {explained:#}");
    }
}

#[test]
fn what_is_sorted_by_is_looked_up_by_the_row_and_never_by_going_through_all_values() {
    let app = TestApp::new();
    let operator = stored(&app);
    let own = operator.get("/Observation?_count=50").expect(200).ids();
    let entries: Vec<_> =
        own.iter().map(|id| json!({ "item": { "reference": format!("Observation/{id}") } })).collect();
    operator.store(&json!({ "resourceType": "List", "id": "l", "status": "current", "mode": "working", "entry": entries }));
    for way in [
        "_list=l",
        "_has:List:item:status=current",
        "subject:Patient.family=secretname",
        "patient=secretid,x",
    ] {
        for sort in ["-date", "date", "-code", "code,-date", "-value-string"] {
            let search = format!("/Observation?{way}&_sort={sort}");
            let answer = operator.get(&format!("{search}&_explain=true")).expect(200).json();
            let page = parts(&answer, "statement")[0];
            for step in parts(page, "plan") {
                let operation = text(step, "operation");
                let of_key = operation.starts_with("SEARCH s ");
                assert!(!of_key || operation.contains("_rid (rid=?"), "{search} {operation}");
            }
            assert_eq!(operator.get(&format!("{search}&_count=50")).expect(200).ids().len(), 20, "{search}");
        }
    }
}
