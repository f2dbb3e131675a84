//! Contained resources against the evaluator: a copy of a resource that stands in another is found by whatever finds
//! the resource itself, together with nothing that stands beside it. <https://hl7.org/fhir/R4/search.html#contained>

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::client::Client;
use crate::search_oracle::generate::Generator;
use crate::search_oracle::generate::Search;
use crate::search_oracle::number;
use crate::search_oracle::run::EDGES;
use crate::search_oracle::run::Store;
use crate::search_oracle::run::query;
use crate::search_oracle::run::reference;

/// How many searches are asked.
const MANY: u64 = 150;

/// Where the copy of each resource stands: `Basic/in-1#c0`, by the place of the resource.
type Copies = BTreeMap<usize, String>;

/// Stores copies of the edges, two in each container.
fn copies(store: &Store, clinician: &Client) -> Copies {
    let edges = EDGES.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    let names: Vec<String> = edges.map(|edge| reference(&edge)).collect();
    let mut copies = Copies::new();
    for (at, names) in names.chunks(2).enumerate() {
        let each = names.iter().filter_map(|name| {
            let place = store.world.place(name)?;
            let mut copy = clinician.get(&format!("/{name}")).expect(200).json();
            let own = copy.as_object_mut().expect("a resource");
            own.remove("meta");
            let is_simple = !own.contains_key("contained");
            is_simple.then_some((place, copy))
        });
        let (places, mut inside): (Vec<usize>, Vec<Value>) = each.unzip();
        let fragments: Vec<Value> = (0..inside.len())
            .map(|at| json!({ "url": "http://example.org/part", "valueReference": { "reference": format!("#c{at}") } }))
            .collect();
        inside.iter_mut().enumerate().for_each(|(at, copy)| copy["id"] = format!("c{at}").into());
        let id = format!("in-{at}");
        let container = json!({ "resourceType": "Basic", "id": id, "code": { "text": "x" }, "contained": inside,
            "extension": fragments });
        // What may not stand in another resource is no subject of this.
        if clinician.put(&format!("/Basic/{id}"), &container).status == 201 {
            let named =
                places.into_iter().enumerate().map(|(at, place)| (place, format!("Basic/{id}#c{at}")));
            copies.extend(named);
        }
    }
    copies
}

/// `Type/id` or `Type/id#id` of each match in its order, and the total.
fn found(client: &Client, search: &Search, more: &str) -> (Vec<String>, Value) {
    let path = format!("/{}?{}&{more}", search.question.ty, query(search));
    let reply = client.get(&path);
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    let bundle = reply.json();
    assert!(bundle["link"].as_array().unwrap().iter().all(|link| link["relation"] != "next"), "{path}");
    let url = |entry: &Value| {
        let url = entry["fullUrl"].as_str().expect("an entry has a URL");
        url.rsplit_once("/fhir/").expect("it is one of here").1.to_owned()
    };
    let entries = bundle["entry"].as_array().into_iter().flatten();
    (entries.map(url).collect(), bundle["total"].clone())
}

#[test]
fn a_copy_that_stands_in_another_resource_is_found_by_what_finds_the_resource() {
    let store = Store::filled();
    let clinician = store.app.clinician();
    let copies = copies(&store, &clinician);
    assert!(copies.len() > 30, "{copies:?}");
    let types: BTreeSet<&str> = copies.keys().map(|place| store.world.all[*place].ty.as_str()).collect();
    let many = usize::try_from(number("COMFREY_ORACLE_QUERIES", MANY)).expect("fewer");
    let mut generator = Generator::new(&store.world, number("COMFREY_ORACLE_SEED", 11));
    let (mut asked, mut with_matches, mut wrong) = (0, 0, Vec::new());
    while asked < many {
        let mut search = generator.search(None);
        search.question.compartment = None;
        // What is asked of every resource is not the same of a copy, and `_has` is refused.
        search.question.criteria.retain(|(name, _)| !name.starts_with('_'));
        if search.question.criteria.is_empty() || !types.contains(search.question.ty.as_str()) {
            continue;
        }
        asked += 1;
        let sort = if search.sort.contains('_') { String::new() } else { search.sort.clone() };
        let search =
            Search { sort, count: 1000, includes: Vec::new(), total: true, only_total: None, ..search };
        let own = store.world.answer(&search.question);
        let expected: BTreeSet<String> = own.iter().filter_map(|place| copies.get(place)).cloned().collect();
        with_matches += usize::from(!expected.is_empty());
        let said =
            |what: &str, found: &[String]| format!("{what} {search:?}: {found:?}, expected {expected:?}");

        let (alone, total) = found(&clinician, &search, "_contained=true&_containedType=contained");
        if alone.iter().cloned().collect::<BTreeSet<_>>() != expected || total != alone.len() {
            wrong.push(said("alone", &alone));
            continue;
        }
        let place = |copy: &String| *copies.iter().find(|(_, own)| *own == copy).expect("it is a copy").0;
        let sorted = alone.windows(2).all(|pair| {
            search.sort.is_empty()
                || !store.world.compare(place(&pair[0]), place(&pair[1]), &search.sort).is_gt()
        });
        let containers: BTreeSet<String> =
            expected.iter().map(|copy| copy.split('#').next().expect("a first part").to_owned()).collect();
        let (shown, counted) = found(&clinician, &search, "_contained=true");
        let once =
            shown.iter().cloned().collect::<BTreeSet<_>>() == containers && counted == containers.len();
        let (both, counted) = found(&clinician, &search, "_contained=both&_containedType=contained");
        let all = own.len() + expected.len();
        if !sorted || !once || shown.len() != containers.len() || both.len() != all || counted != all {
            wrong.push(said("sorted, once or both", &[alone, shown, both].concat()));
        }
    }
    assert!(wrong.is_empty(), "{} of {asked} searches:\n{}", wrong.len(), wrong.join("\n"));
    assert!(with_matches > many / 5, "{with_matches}");
}
