//! No search has a cliff: over twenty times the resources it takes the same steps over the same indexes, no table is
//! read from end to end, and the past of a resource costs its present nothing.
//! <https://hl7.org/fhir/R4/search.html>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::database::Database;
use crate::database::index_tables;
use crate::database::number;
use crate::database::tamper;
use crate::database::texts;

const FEW: usize = 50;
const MANY: usize = 1_100;

/// Twenty each have a code of their own and a patient; one in ten is of a common code.
fn observation(at: usize) -> Value {
    let code = if at.is_multiple_of(10) { "common".to_owned() } else { format!("rare{}", at / 20) };
    json!({ "resourceType": "Observation", "id": format!("o{at}"), "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": code }], "text": format!("Finding {at}") },
        "subject": { "reference": format!("Patient/p{}", at / 20) }, "identifier": [{ "system": "urn:o", "value": at.to_string() }],
        "effectiveDateTime": format!("20{:02}-{:02}-{:02}", 10 + at % 15, at % 12 + 1, at % 28 + 1),
        "valueQuantity": { "value": at, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" } })
}

fn patient(at: usize) -> Value {
    json!({ "resourceType": "Patient", "id": format!("p{at}"), "name": [{ "family": format!("Ash{at}") }],
        "birthDate": format!("19{:02}-01-01", 20 + at % 80) })
}

/// A form, and an answer to it: every second one names its version.
fn form(at: usize) -> [Value; 2] {
    let url = format!("http://example.org/form{at}");
    let version = if at.is_multiple_of(2) { "|1" } else { "" };
    [
        json!({ "resourceType": "Questionnaire", "id": format!("f{at}"), "status": "active", "url": url, "version": "1",
            "title": format!("Form {at}") }),
        json!({ "resourceType": "QuestionnaireResponse", "id": format!("a{at}"), "questionnaire": format!("{url}{version}"),
            "status": if at.is_multiple_of(5) { "amended" } else { "completed" },
            "subject": { "reference": format!("Patient/p{at}") } }),
    ]
}

fn store(client: &Client, resources: &[Value]) {
    let put = |resource: &Value| {
        let (ty, id) = (resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        json!({ "resource": resource, "request": { "method": "PUT", "url": format!("{ty}/{id}") } })
    };
    for some in resources.chunks(400) {
        let entries: Vec<Value> = some.iter().map(put).collect();
        client
            .post("", &json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }))
            .expect(200);
    }
}

/// A server with so many observations, on a database that plans by its indexes wherever one serves at all.
fn with(observations: usize) -> (TestApp, Database) {
    let database = Database::fresh();
    if database.is_postgres() {
        // A table of a few pages is read whole faster than through any index: what is looked for is whether there is one.
        let url = database.url();
        let name = texts(url, "SELECT CAST(current_database() AS TEXT) AS text").remove(0);
        tamper(url, &format!("ALTER DATABASE {name} SET enable_seqscan = off"));
    }
    let app = TestApp::on(&database);
    let patients = (0..=observations / 20).map(patient);
    let forms = (0..=observations / 20).flat_map(form);
    let all: Vec<Value> = patients.chain((0..observations).map(observation)).chain(forms).collect();
    store(&operator(&app), &all);
    tamper(database.url(), if database.is_postgres() { "ANALYZE" } else { "" });
    (app, database)
}

/// Who may have a search explained.
fn operator(app: &TestApp) -> Client {
    app.with_scope("system/*.cruds")
}

fn parts<'a>(value: &'a Value, name: &'a str) -> impl Iterator<Item = &'a Value> {
    let list = value.get("parameter").or_else(|| value.get("part")).and_then(Value::as_array);
    list.into_iter().flatten().filter(move |one| one["name"] == name)
}

fn text(value: &Value, name: &str) -> String {
    let part = parts(value, name).next();
    part.and_then(|part| part["valueString"].as_str().or(part["valueCode"].as_str()))
        .unwrap_or_default()
        .to_owned()
}

/// One statement of a search: for what, how many rows it gave, and the steps of its plan.
#[derive(Debug, PartialEq)]
struct Statement {
    purpose: String,
    rows: i64,
    steps: Vec<String>,
}

fn statements(client: &Client, search: &str) -> Vec<Statement> {
    let joint = if search.contains('?') { '&' } else { '?' };
    let answer = client.get(&format!("{search}{joint}_explain=true")).expect(200).json();
    let step = |step: &Value| {
        let words = ["operation", "table", "index"].map(|name| text(step, name));
        words.join(" ").trim().to_owned()
    };
    let statement = |one: &Value| Statement {
        purpose: text(one, "purpose"),
        rows: parts(one, "rows").next().map_or(-1, |rows| rows["valueInteger"].as_i64().unwrap()),
        steps: parts(one, "plan").map(step).collect(),
    };
    parts(&answer, "statement").map(statement).collect()
}

/// Every way to search, each for few of what is there or for one page of it.
const SEARCHES: &[&str] = &[
    "/Observation?code=http://loinc.org|rare1",
    "/Observation?code=rare1&patient=p1",
    "/Observation?patient=p1&_sort=-date&_count=10",
    "/Observation?code=common&_sort=-date&_count=10",
    "/Observation?date=2012-02-03",
    "/Observation?date=ge2024-01-01&_count=5",
    "/Observation?value-quantity=17|http://unitsofmeasure.org|kg",
    "/Observation?value-quantity=gt1|http://unitsofmeasure.org|kg&_count=5",
    "/Observation?code-value-quantity=rare1$21",
    "/Observation?identifier=urn:o|7",
    "/Observation?code:text=finding 7",
    "/Observation?patient.name=ash1",
    "/Observation?subject:Patient.birthdate=1921-01-01",
    "/Observation?_id=o1,o2",
    "/Observation?_lastUpdated=gt2020-01-01&_count=5",
    "/Observation?_lastUpdated=lt2020-01-01",
    "/Observation?patient=p1&code:not=common",
    "/Observation?patient=p1&value-quantity:missing=true",
    "/Observation?_content=finding&_count=5",
    "/Observation?_sort=-_lastUpdated&_count=5",
    "/Observation?_sort=date&_count=5",
    "/Observation?_sort=-date&_count=5",
    "/Observation?_sort=status&_count=5",
    "/Patient?_sort=-family&_count=5",
    "/Observation?_count=5",
    "/Observation?_summary=count",
    "/Observation?patient=p1&_include=Observation:subject",
    "/Patient?name=ash1",
    "/Patient?name:exact=Ash1",
    "/Patient?_id=p1&_revinclude=Observation:subject",
    "/Patient?_has:Observation:patient:code=rare1",
    "/QuestionnaireResponse?questionnaire.title=form 1",
    "/QuestionnaireResponse?questionnaire:Questionnaire.url=http://example.org/form1",
    "/QuestionnaireResponse?questionnaire.title=form 1&patient=p1",
    "/QuestionnaireResponse?questionnaire.title:contains=orm 1&_count=5",
    "/QuestionnaireResponse?questionnaire:below=http://example.org/form2|1",
    "/Questionnaire?_has:QuestionnaireResponse:questionnaire:subject=Patient/p1",
    "/Questionnaire?_has:QuestionnaireResponse:questionnaire:status:not=amended&_count=5",
    "/QuestionnaireResponse?_include=QuestionnaireResponse:questionnaire&patient=p1",
    "/Questionnaire?url=http://example.org/form1&_revinclude=QuestionnaireResponse:questionnaire",
    // From the end of the chain on.
    "/Observation?patient._has:QuestionnaireResponse:subject:questionnaire.title=form 1",
    "/QuestionnaireResponse?subject:Patient._has:Observation:subject:code=rare1",
    "/Patient?_has:QuestionnaireResponse:subject:questionnaire.url=http://example.org/form1",
    // Row by row, from the observations of one patient.
    "/Observation?patient=p1&patient._has:QuestionnaireResponse:subject:questionnaire.title=form 1",
    "/Observation?patient=p1&patient._has:QuestionnaireResponse:subject:questionnaire._has:QuestionnaireResponse:\
     questionnaire:subject:Patient._has:Observation:subject:code=rare1",
    "/Patient?birthdate=1921-01-01",
    "/Patient/p1/Observation?code=rare1",
    "/Patient/p1/*?_type=Observation",
    "?_type=Observation,Patient&_id=o1,p1",
];

/// The steps that read a table or an index from end to end.
fn scans(statement: &Statement) -> Vec<&String> {
    // What SQLite calls a scan of a name that an earlier step makes reads what that step found, and no table.
    let is_made = |name: &str| {
        let makes = ["CO-ROUTINE", "MATERIALIZE"].map(|word| format!("{word} {name}"));
        statement.steps.iter().any(|step| makes.contains(step))
    };
    let scans = |step: &&String| {
        let scanned = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
        let is_table = scanned.is_some_and(|name| !is_made(name) && !step.contains("VIRTUAL TABLE"));
        is_table || step.starts_with("Seq Scan") || step.contains("AUTOMATIC")
    };
    statement.steps.iter().filter(scans).collect()
}

#[test]
fn a_scan_is_told_from_a_look_up_and_from_what_an_earlier_step_made() {
    let scans_of = |steps: &[&str]| {
        let steps = steps.iter().map(|step| (*step).to_owned()).collect();
        scans(&Statement { purpose: "page".into(), rows: 0, steps }).len()
    };
    assert_eq!(scans_of(&["CO-ROUTINE q", "SEARCH d0 USING PRIMARY KEY (param=?)", "SCAN q"]), 0);
    assert_eq!(
        scans_of(&["SCAN f VIRTUAL TABLE INDEX 192:M2", "Index Only Scan idx_token idx_token_value"]),
        0
    );
    for step in ["SCAN r", "SCAN d0 USING COVERING INDEX idx_token_rid", "Seq Scan resource"] {
        assert_eq!(scans_of(&["CO-ROUTINE q", step]), 1, "{step}");
    }
    assert_eq!(scans_of(&["SEARCH x USING AUTOMATIC COVERING INDEX (rid=?)"]), 1);
}

#[test]
fn a_search_takes_the_same_steps_over_fifty_resources_and_over_a_thousand() {
    let ((few, database), (many, _other)) = (with(FEW), with(MANY));
    let (few, many) = (operator(&few), operator(&many));
    for search in SEARCHES {
        let (few, many) = (statements(&few, search), statements(&many, search));
        assert!(!many.is_empty() && many.iter().all(|one| !one.steps.is_empty()), "{search} {many:#?}");
        let purposes = |all: &[Statement]| all.iter().map(|one| one.purpose.clone()).collect::<Vec<_>>();
        assert_eq!(purposes(&few), purposes(&many), "{search}");
        for (few, many) in few.iter().zip(&many) {
            assert_eq!(scans(many), [""; 0], "{search} {many:#?}");
            assert!(many.rows <= 21, "a page of twenty and one more: {search} {many:#?}");
            // PostgreSQL weighs its plans by what is there; SQLite goes by the statement alone.
            assert!(database.is_postgres() || few.steps == many.steps, "{search} {few:#?} {many:#?}");
        }
    }
}

/// A search sorted by one key, and the index that has its order.
const SORTED: [(&str, &str); 6] = [
    ("/Observation?_sort=-date&_count=10", "idx_date_high"),
    ("/Observation?_sort=date&_count=10", "idx_date"),
    ("/Observation?status=final&_sort=-date&_count=10", "idx_date_high"),
    ("/Observation?_sort=status&_count=10", "idx_token"),
    ("/Observation?_sort=-code&_count=10", "idx_token"),
    ("/Patient?_sort=-family&_count=10", "idx_string"),
];

#[test]
fn a_page_in_the_order_of_one_key_is_a_walk_of_its_index_and_sorts_nothing() {
    let (app, database) = with(MANY);
    let client = operator(&app);
    for (search, index) in SORTED {
        let all = statements(&client, search);
        let page = all.iter().find(|one| one.purpose == "page").expect("a page is asked for");
        // Where an index has but the beginning of an order, both sort the rest of it, block by block.
        let sorts = |step: &&String| {
            ["RIGHT PART OF ORDER BY", "LAST", "Incremental Sort"].iter().any(|word| step.contains(word))
        };
        assert_eq!(page.steps.iter().find(sorts), None, "{search} {page:#?}");
        let walks = |step: &String| match database.is_postgres() {
            true => step.contains("Index") && step.contains(index),
            false => step.starts_with("SEARCH d0") && (step.contains(index) || step.contains("PRIMARY KEY")),
        };
        assert!(page.steps.iter().any(walks), "{search} {page:#?}");
    }
    // The next page begins at the row where this one ended, and not where its key begins.
    let first = client.get("/Observation?_sort=status&_count=400").expect(200);
    let next = first.link("next").expect("there are more");
    assert_eq!(client.get(&next).expect(200).ids().len(), 400);
}

#[test]
fn a_thousand_versions_of_a_resource_cost_its_searches_nothing() {
    let (app, database) = with(FEW);
    let (client, url) = (operator(&app), database.url());
    let searches =
        ["/Observation?identifier=urn:o|7", "/Observation?code=rare0&patient=p0", "/Observation?_id=o7"];
    let plans = || searches.map(|search| statements(&client, search));
    let rows = || {
        let of = "(SELECT rid FROM resource WHERE id = 'o7')";
        let count = |table: &String| number(url, &format!("SELECT count(*) FROM {table} WHERE rid = {of}"));
        index_tables(url).iter().map(count).collect::<Vec<_>>()
    };
    let (plans_before, rows_before) = (plans(), rows());
    for _ in 0..4 {
        let change = |at: i64| {
            let mut version = observation(7);
            version["valueQuantity"]["value"] = json!(at % 2 + 7);
            version["effectiveDateTime"] = json!(format!("20{:02}-01-01", at % 20));
            json!({ "resource": version, "request": { "method": "PUT", "url": "Observation/o7" } })
        };
        let entries: Vec<Value> = (0..250).map(change).collect();
        let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
        let answer = client.post("", &batch).expect(200).json();
        let updated = |entry: &Value| entry["response"]["status"].as_str().unwrap().starts_with("200");
        assert!(answer["entry"].as_array().unwrap().iter().all(updated), "{answer}");
    }
    assert_eq!(client.get("/Observation/o7").expect(200).header("etag"), Some("W/\"1001\""));
    assert_eq!(plans(), plans_before);
    assert_eq!(rows(), rows_before, "the index holds the current version alone");
    assert_eq!(client.get("/Observation?date=lt2020&_id=o7").expect(200).ids(), ["o7"]);
    assert_eq!(client.get("/Observation?date=2018-01-01&_id=o7").expect(200).ids().len(), 0);
    let history = client.get("/Observation/o7/_history?_count=10").expect(200);
    assert_eq!((history.resources().len(), history.json()["total"].as_i64()), (10, Some(1_001)));
    client.get("/Observation/o7/_history/1").expect(200);
}
