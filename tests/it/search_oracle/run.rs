//! Stores the resources, asks the service, and compares with the evaluator: page by page, to the last one.

use std::collections::BTreeSet;

use comfrey::definitions::Definitions;
use comfrey::import::samples;
use serde_json::Value;

use crate::app::START;
use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::search_oracle::evaluate::World;
use crate::search_oracle::generate::Search;

/// Small resources with what generated lives lack: partial dates, open periods, texts with accents, odd references.
pub const EDGES: &str = include_str!("edges.ndjson");

/// More pages than this say nothing new.
const MOST_PAGES: usize = 12;

const SECOND: i64 = 1_000_000;

/// A service with resources in it, and what the evaluator knows of them.
pub struct Store {
    /// The service.
    pub app: TestApp,
    /// What is stored.
    pub world: World,
}

impl Store {
    /// With the samples and the edges, some of them changed and deleted since.
    pub fn filled() -> Self {
        let app = TestApp::new();
        let clinician = app.clinician();
        let report = samples::load(app.app()).expect("the samples load");
        assert_eq!(report.not_stored, 0, "{report}");
        let mut references = stored_by_samples();
        // The programme's own organization, which the service makes.
        references.insert("Organization/default".to_owned());
        // Its own value sets, which the others of its definitions are like.
        let definitions = Definitions::shared().expect("the definitions load");
        let sets = definitions.value_sets.values().filter_map(|own| own["id"].as_str());
        references.extend(sets.map(|id| format!("ValueSet/{id}")));
        // And its own forms.
        references.extend(
            clinician
                .get("/Questionnaire?_count=1000")
                .expect(200)
                .ids()
                .into_iter()
                .map(|id| format!("Questionnaire/{id}")),
        );
        let mut refused = Vec::new();
        for (at, line) in EDGES.lines().enumerate() {
            app.clock().set(START + i64::try_from(at).expect("few") * SECOND * 3_600);
            let resource: Value = serde_json::from_str(line).expect(line);
            let name = reference(&resource);
            let reply = clinician.put(&format!("/{name}"), &resource);
            refused.extend((reply.status != 201).then(|| format!("{name}: {}", reply.text())));
            references.insert(name);
        }
        assert!(refused.is_empty(), "{}", refused.join("\n"));
        app.clock().set(START + 30 * 86_400 * SECOND);
        change(&clinician, &mut references);
        let resources: Vec<Value> = references
            .iter()
            .map(|reference| clinician.get(&format!("/{reference}")).expect(200).json())
            .collect();
        let world = World::new(&resources, &app.url("/fhir"), START + 30 * 86_400 * SECOND);
        Self { app, world }
    }

    /// Asks every search; the smallest form of each that has another answer than it must, and what that has wrong.
    pub fn wrong(&self, client: &Client, searches: &[Search]) -> Vec<String> {
        let mut wrong = Vec::new();
        for search in searches {
            if let Err(first) = self.ask(client, search) {
                let smallest = self.smallest(client, search.clone());
                // One that took too long on a busy machine may be answered rightly the second time.
                let why = self.ask(client, &smallest).err().unwrap_or(first);
                wrong.push(format!("{} ({:?})\n    {why}", path(&smallest), smallest.question.caller));
            }
        }
        wrong
    }

    /// Leaves out whatever the disagreement does not need.
    fn smallest(&self, client: &Client, mut search: Search) -> Search {
        loop {
            let mut smaller: Vec<Search> = Vec::new();
            for at in 0..search.question.criteria.len() {
                let mut one = search.clone();
                one.question.criteria.remove(at);
                smaller.push(one);
            }
            for (at, (name, value)) in search.question.criteria.iter().enumerate() {
                if name.ends_with("_filter") {
                    continue;
                }
                for part in value.split(',').filter(|_| value.contains(',') && !value.contains("\\,")) {
                    let mut one = search.clone();
                    one.question.criteria[at].1 = part.to_owned();
                    smaller.push(one);
                }
            }
            for at in 0..search.includes.len() {
                let mut one = search.clone();
                one.includes.remove(at);
                smaller.push(one);
            }
            let plain = Search { sort: String::new(), ..search.clone() };
            let whole = Search { count: 1000, ..search.clone() };
            smaller.extend([plain].into_iter().filter(|_| !search.sort.is_empty()));
            smaller.extend([whole].into_iter().filter(|_| search.count != 1000));
            if search.question.compartment.is_some() {
                let mut one = search.clone();
                one.question.compartment = None;
                smaller.push(one);
            }
            match smaller.into_iter().find(|one| self.ask(client, one).is_err()) {
                Some(one) => search = one,
                None => return search,
            }
        }
    }

    /// Asks one search, and says what its answer has wrong.
    fn ask(&self, client: &Client, search: &Search) -> Result<(), String> {
        let expected = self.world.answer(&search.question);
        if search.only_total.is_some() {
            let total = send(client, search)?.json()["total"].clone();
            return same("the total", &total, &Value::from(expected.len()));
        }
        // A page of one for hundreds of matches says no more than a larger one.
        let search =
            Search { count: search.count.max(expected.len().div_ceil(MOST_PAGES)), ..search.clone() };
        let mut reply = send(client, &search)?;
        let mut all: Vec<usize> = Vec::new();
        loop {
            let page = self.page(&reply, &search)?;
            self.check(&search, &page, expected.len())?;
            all.extend(&page.matches);
            let Some(next) = reply.link("next") else { break };
            if page.matches.len() != search.count {
                return Err(format!("a page of {} is followed by another", page.matches.len()));
            }
            reply = client.get(&next);
            if reply.status != 200 {
                return Err(reply.text());
            }
            if self.page(&reply, &search)?.matches.is_empty() {
                return Err("an empty page follows".into());
            }
        }
        let found: BTreeSet<usize> = all.iter().copied().collect();
        let names = |places: &mut dyn Iterator<Item = &usize>| {
            places.take(8).map(|at| self.world.all[*at].reference()).collect::<Vec<_>>().join(" ")
        };
        if found != expected {
            let more = names(&mut found.difference(&expected));
            let missing = names(&mut expected.difference(&found));
            return Err(format!(
                "{} found, {} expected; too many: {more}; missing: {missing}",
                found.len(),
                expected.len()
            ));
        }
        if found.len() != all.len() {
            return Err(format!("{} matches, and {} different ones", all.len(), found.len()));
        }
        let wrong = all.windows(2).find(|pair| {
            !search.sort.is_empty() && self.world.compare(pair[0], pair[1], &search.sort).is_gt()
        });
        wrong.map_or(Ok(()), |pair| Err(format!("the order of {}", names(&mut pair.iter()))))
    }

    fn check(&self, search: &Search, page: &Page, expected: usize) -> Result<(), String> {
        if search.total || !page.total.is_null() {
            same("the total", &page.total, &Value::from(expected))?;
        }
        let included =
            self.world.included(&page.matches, &search.includes, search.question.caller.as_deref());
        let names = |places: &BTreeSet<usize>| {
            places.iter().map(|at| self.world.all[*at].reference()).collect::<Vec<_>>()
        };
        let own: BTreeSet<usize> = page.included.iter().copied().collect();
        same("the includes", &names(&own), &names(&included))?;
        same("the number of includes", &page.included.len(), &own.len())
    }

    fn page(&self, reply: &Reply, search: &Search) -> Result<Page, String> {
        let is_from_anywhere =
            search.includes.iter().any(|(name, what)| name.starts_with("_revinclude") && what == "*");
        let bundle = reply.json();
        let mut page = Page { total: bundle["total"].clone(), ..Page::default() };
        for entry in bundle["entry"].as_array().into_iter().flatten() {
            let name = reference(&entry["resource"]);
            let ty = entry["resource"]["resourceType"].as_str().expect("a resource has a type");
            // Of these types, such as what the service itself publishes, no parameters are known here.
            if is_from_anywhere && entry["search"]["mode"] == "include" && self.world.table.of(ty).is_empty()
            {
                continue;
            }
            let place = self.world.place(&name).ok_or_else(|| format!("{name} should not be there"))?;
            match entry["search"]["mode"].as_str() {
                Some("match") => page.matches.push(place),
                Some("include") => page.included.push(place),
                other => return Err(format!("{name} is there as {other:?}")),
            }
        }
        Ok(page)
    }
}

#[derive(Default)]
struct Page {
    matches: Vec<usize>,
    included: Vec<usize>,
    total: Value,
}

/// `Type/id` of what the samples hold, as the files say.
pub fn stored_by_samples() -> BTreeSet<String> {
    let today = jiff::civil::date(2026, 3, 1);
    let bundles = samples::bundles(today).expect("the samples are JSON");
    let entries =
        bundles.iter().flat_map(|(_, bundle)| bundle["entry"].as_array().expect("a Bundle has entries"));
    entries.map(|entry| reference(&entry["resource"])).collect()
}

/// Writes that must leave nothing behind: another version, a deletion, one that came back.
fn change(clinician: &Client, references: &mut BTreeSet<String>) {
    let store = |json: &str| reference(&clinician.store(&serde_json::from_str(json).expect(json)));
    store(r#"{"resourceType":"Patient","id":"e5","name":[{"family":"After"}],"birthDate":"1941-02"}"#);
    for id in ["gone", "back"] {
        store(&format!(
            r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"x"}},"subject":{{"reference":"Patient/e1"}},"valueQuantity":{{"value":70,"system":"http://unitsofmeasure.org","code":"kg"}},"performer":[{{"reference":"Practitioner/left"}}]}}"#
        ));
        clinician.delete(&format!("/Observation/{id}"));
    }
    references.insert(store(r#"{"resourceType":"Observation","id":"back","status":"final","code":{"text":"y"},"subject":{"reference":"Patient/e2"}}"#));
    store(r#"{"resourceType":"Practitioner","id":"left","name":[{"family":"O'Brien"}],"gender":"female"}"#);
    clinician.delete("/Practitioner/left");
}

/// `Type/id`.
pub fn reference(resource: &Value) -> String {
    let text = |name: &str| resource[name].as_str().expect("a resource has it").to_owned();
    format!("{}/{}", text("resourceType"), text("id"))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, expected {expected:?}")) }
}

fn send(client: &Client, search: &Search) -> Result<Reply, String> {
    let (path, query) = (base(search), query(search));
    let reply = match search.form {
        false => client.get(&format!("{path}?{query}")),
        true => client
            .request("POST", &format!("{path}/_search"))
            .body("application/x-www-form-urlencoded", query)
            .send(),
    };
    if reply.status == 200 { Ok(reply) } else { Err(reply.text()) }
}

fn path(search: &Search) -> String {
    format!("{}?{}", base(search), query(search))
}

fn base(search: &Search) -> String {
    let ty = &search.question.ty;
    match &search.question.compartment {
        Some(about) => format!("/{about}/{ty}"),
        None => format!("/{ty}"),
    }
}

/// The query of a search, percent-encoded.
pub fn query(search: &Search) -> String {
    let mut parts: Vec<String> = search
        .question
        .criteria
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    if !search.sort.is_empty() {
        parts.push(format!("_sort={}", search.sort));
    }
    for (name, include) in &search.includes {
        parts.push(format!("{name}={include}"));
    }
    match search.only_total {
        Some(only) => parts.push(only.to_owned()),
        None => {
            parts.push(format!("_count={}", search.count));
            parts.extend(search.total.then(|| "_total=accurate".to_owned()));
        }
    }
    parts.join("&")
}

/// Percent-encoded but for what a query may hold as it is.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:,/".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
