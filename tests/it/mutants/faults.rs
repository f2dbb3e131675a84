//! The ways in which a valid resource is broken: each takes an object of it and one of its members, and gives the
//! object with something wrong, or nothing where that fault cannot be made there.

use serde_json::Value;
use serde_json::json;

use crate::mutants::table::Object;
use crate::mutants::table::Site;

pub type Fault = fn(&Object, &Site) -> Option<Object>;

#[rustfmt::skip]
pub const FAULTS: &[(&str, Fault)] = &[
    ("required element deleted", |object, site| {
        let mut object = object.clone();
        object.shift_remove(&format!("_{}", site.name));
        (site.member.required && object.shift_remove(&site.name).is_some()).then_some(object)
    }),
    ("wrong JSON type", |object, site| first(object, site, |value| Some(match value {
        Value::String(_) => json!(7),
        Value::Number(_) => json!("7"),
        Value::Bool(_) => json!("true"),
        _ => json!("x"),
    }))),
    ("unknown element", |object, _| Some(with(object, "unknownElement", json!("x")))),
    ("second choice", |object, site| {
        let other = site.member.others.first()?;
        Some(with(object, other, json!("x")))
    }),
    ("null", |object, site| Some(with(object, &site.name, Value::Null))),
    ("null in a list", |object, site| first(object, site, |_| {
        (site.member.many && !object.contains_key(&format!("_{}", site.name))).then_some(Value::Null)
    })),
    ("empty value", |object, site| first(object, site, |value| match value {
        Value::String(_) => Some(json!("")),
        Value::Object(_) => Some(json!({})),
        _ => None,
    })),
    ("empty list", |object, site| site.member.many.then(|| with(object, &site.name, json!([])))),
    ("list where single", |object, site| {
        (!site.member.many).then(|| with(object, &site.name, json!([object[&site.name]])))
    }),
    ("single where list", |object, site| {
        site.member.many.then(|| with(object, &site.name, object[&site.name][0].clone()))
    }),
    ("bad required code", |object, site| {
        let bound = site.member.bound && site.member.code == "code";
        first(object, site, |_| bound.then(|| json!("no-such-code")))
    }),
    ("bad required coding", |object, site| {
        let bad = json!({ "system": "http://a.org", "code": "no-such-code" });
        first(object, site, |_| match site.member.code.as_str() {
            "CodeableConcept" if site.member.bound => Some(json!({ "coding": [bad] })),
            "Coding" if site.member.bound => Some(bad.clone()),
            _ => None,
        })
    }),
    ("impossible date", |object, site| first(object, site, |_| match site.member.code.as_str() {
        "date" => Some(json!("2023-02-29")),
        "dateTime" => Some(json!("2023-02-29T10:00:00Z")),
        "instant" => Some(json!("2023-02-29T10:00:00.000Z")),
        "time" => Some(json!("24:01:00")),
        _ => None,
    })),
    ("time without zone", |object, site| first(object, site, |_| {
        matches!(site.member.code.as_str(), "dateTime" | "instant").then(|| json!("2023-02-28T10:00:00"))
    })),
    ("ill-formed value", |object, site| first(object, site, |_| match site.member.code.as_str() {
        "id" => Some(json!("a/b")),
        "uri" | "url" | "canonical" | "oid" | "uuid" => Some(json!("a b")),
        "base64Binary" => Some(json!("A")),
        "code" => Some(json!(" a")),
        "string" | "markdown" => Some(json!("a\u{1}b")),
        "xhtml" => Some(json!("plain")),
        _ => None,
    })),
    ("number out of range", |object, site| first(object, site, |_| match site.member.code.as_str() {
        "integer" => Some(json!(2_147_483_648_i64)),
        "unsignedInt" => Some(json!(-1)),
        "positiveInt" => Some(json!(0)),
        _ => None,
    })),
    ("fraction where whole", |object, site| first(object, site, |_| {
        matches!(site.member.code.as_str(), "integer" | "unsignedInt" | "positiveInt").then(|| json!(1.5))
    })),
    ("target not allowed", |object, site| first(object, site, |_| {
        let targets = &site.member.targets;
        let other = ["Slot", "Bundle", "Patient"].into_iter().find(|ty| !targets.iter().any(|target| target == ty));
        let other = other.filter(|_| !targets.is_empty())?;
        Some(json!({ "reference": format!("{other}/1") }))
    })),
    ("unreadable reference", |object, site| first(object, site, |_| {
        (site.member.code == "Reference").then(|| json!({ "reference": "no reference" }))
    })),
    ("reference to nothing contained", |object, site| first(object, site, |_| {
        (site.member.code == "Reference").then(|| json!({ "reference": "#nowhere" }))
    })),
    ("misplaced sibling", |object, site| {
        let primitive = site.member.inner.starts_with(char::is_lowercase) && site.member.code != "xhtml";
        let sibling = if primitive { json!("x") } else { json!({ "id": "x" }) };
        Some(with(object, &format!("_{}", site.name), sibling))
    }),
    ("id and nothing else", |object, site| first(object, site, |value| {
        (value.is_object() && site.member.code != "Resource").then(|| json!({ "id": "x" }))
    })),
    ("harmful narrative", |object, site| first(object, site, |value| {
        let text = value.as_str().filter(|_| site.member.code == "xhtml")?;
        let end = text.rfind("</")?;
        let places = ["<script>a()</script>", "<p onclick=\"a()\">a</p>", "<a href=\"javascript:a()\">a</a>", "&evil;",
            "<p foo=\"x\">a</p>"];
        Some(json!(format!("{}{}{}", &text[..end], places[text.len() % places.len()], &text[end..])))
    })),
    ("contained and not referred to", |object, _| contained(object, json!([basic("zz-unused")]))),
    ("contained twice", |object, _| contained(object, json!([basic("zz"), basic("zz")]))),
    ("contained with a version", |object, _| {
        let mut one = basic("zz");
        one["meta"] = json!({ "versionId": "1" });
        contained(object, json!([one]))
    }),
    ("contained in contained", |object, _| {
        let mut one = basic("zz");
        one["contained"] = json!([basic("yy")]);
        contained(object, json!([one]))
    }),
    ("broken invariant", broken),
];

/// The object with another member.
fn with(object: &Object, name: &str, value: Value) -> Object {
    let mut object = object.clone();
    object.insert(name.to_owned(), value);
    object
}

/// The object without a member.
fn without(object: &Object, names: &[&str]) -> Object {
    let kept = object.iter().filter(|(name, _)| !names.contains(&name.trim_start_matches('_')));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The object with the first value of a member changed, in a list or alone.
fn first(object: &Object, site: &Site, change: impl Fn(&Value) -> Option<Value>) -> Option<Object> {
    let value = &object[&site.name];
    let changed = match value.as_array() {
        Some(items) => {
            let place = items.iter().position(|item| !item.is_null())?;
            let mut items = items.clone();
            items[place] = change(&items[place])?;
            Value::Array(items)
        }
        None => change(value)?,
    };
    Some(with(object, &site.name, changed))
}

fn basic(id: &str) -> Value {
    json!({ "resourceType": "Basic", "id": id, "code": { "text": "a" } })
}

fn contained(object: &Object, contained: Value) -> Option<Object> {
    let ty = object.get("resourceType")?.as_str()?;
    let has = !matches!(ty, "Bundle" | "Binary" | "Parameters") && !object.contains_key("contained");
    has.then(|| with(object, "contained", contained))
}

/// What breaks an invariant of a type, whatever else the object holds.
#[rustfmt::skip]
fn broken(object: &Object, site: &Site) -> Option<Object> {
    let has = |name: &str| object.contains_key(name);
    let add = |pairs: &[(&str, Value)]| {
        Some(pairs.iter().fold(object.clone(), |object, (name, value)| with(&object, name, value.clone())))
    };
    let instead = |base: &str, pairs: &[(&str, Value)]| {
        let names: Vec<&str> = object.keys().map(String::as_str).filter(|name| name.trim_start_matches('_').starts_with(base)).collect();
        Some(pairs.iter().fold(without(object, &names), |object, (name, value)| with(&object, name, value.clone())))
    };
    let text = json!({ "text": "a" });
    let display = json!({ "display": "a" });
    let concept = |system: &str, code: &str| {
        json!({ "coding": [{ "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code }] })
    };
    match site.owner.as_str() {
        "Period" => add(&[("start", json!("2026-02-02")), ("end", json!("2026-02-01"))]),
        "Quantity" | "Duration" | "Age" | "Count" | "Distance" => Some(with(&without(object, &["system"]), "code", json!("x"))),
        "Range" => add(&[("low", json!({ "value": 2 })), ("high", json!({ "value": 1 }))]),
        "Ratio" => Some(without(object, &["denominator", "extension"])),
        "ContactPoint" => Some(with(&without(object, &["system"]), "value", json!("1"))),
        "Attachment" => Some(with(&without(object, &["contentType"]), "data", json!("AAAA"))),
        "Extension" if has("extension") => add(&[("valueBoolean", json!(true))]),
        "Extension" => add(&[("extension", json!([{ "url": "a", "valueBoolean": true }]))]),
        "Timing.repeat" => Some(with(&without(object, &["periodUnit"]), "period", json!(1))),
        "Patient.contact" => Some(json!({ "gender": "male" }).as_object()?.clone()),
        "Observation" if has("component") => {
            let mut components = object["component"].clone();
            let code = json!({ "coding": [{ "system": "http://a.org", "code": "a" }] });
            components[0]["code"] = code.clone();
            instead("value", &[("valueBoolean", json!(true)), ("code", code), ("component", components)])
        }
        "Observation" => instead("value", &[("valueBoolean", json!(true)), ("dataAbsentReason", text)]),
        "Observation.referenceRange" if has("low") => {
            let mut low = object["low"].clone();
            low["comparator"] = json!("<");
            add(&[("low", low)])
        }
        "Observation.referenceRange" => Some(json!({ "appliesTo": [{ "text": "a" }] }).as_object()?.clone()),
        "Condition" => instead("abatement", &[("abatementString", json!("a")), ("clinicalStatus", concept("condition-clinical", "active"))]),
        "Condition.stage" => Some(json!({ "type": { "text": "a" } }).as_object()?.clone()),
        "Condition.evidence" => Some(json!({ "extension": [{ "url": "http://a.org", "valueBoolean": true }] }).as_object()?.clone()),
        "Goal.target" => Some(json!({ "detailString": "a" }).as_object()?.clone()),
        "CarePlan.activity" => add(&[("reference", display), ("detail", json!({ "status": "in-progress" }))]),
        "Consent" => Some(without(object, &["policy", "policyRule"])),
        "Task" => add(&[("authoredOn", json!("2026-02-02")), ("lastModified", json!("2026-02-01"))]),
        "ServiceRequest" => Some(with(&without(object, &["code"]), "orderDetail", json!([text]))),
        "Organization" => Some(without(object, &["identifier", "name"])),
        "AllergyIntolerance" => add(&[
            ("clinicalStatus", concept("allergyintolerance-clinical", "active")),
            ("verificationStatus", concept("allergyintolerance-verification", "entered-in-error")),
        ]),
        "Appointment" => Some(with(&without(object, &["start"]), "end", json!("2026-01-01T00:00:00Z"))),
        "List" => add(&[("emptyReason", text), ("entry", json!([{ "item": display }]))]),
        "Group" => add(&[("actual", json!(false)), ("member", json!([{ "entity": display }]))]),
        "Composition.section" => Some(json!({ "title": "a" }).as_object()?.clone()),
        "QuestionnaireResponse.item" => add(&[("answer", json!([{ "valueBoolean": true }])), ("item", json!([{ "linkId": "a" }]))]),
        "Questionnaire.item" => add(&[("type", json!("display")), ("item", json!([{ "linkId": "zz", "type": "display" }]))]),
        "MedicationAdministration.dosage" => Some(json!({ "text": "a" }).as_object()?.clone()),
        "MedicationDispense" => add(&[("whenPrepared", json!("2026-02-02")), ("whenHandedOver", json!("2026-02-01"))]),
        "Bundle" if has("entry") => {
            let entry = json!({ "fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "resource": basic("a") });
            let ty = if object["type"] == "collection" { "transaction" } else { "collection" };
            add(&[("type", json!(ty)), ("entry", json!([entry, entry]))])
        }
        "Bundle" => add(&[("type", json!("collection")), ("total", json!(1))]),
        "Bundle.entry" if has("fullUrl") => add(&[("fullUrl", json!("http://a.org/fhir/Basic/1/_history/1"))]),
        "Bundle.entry" => Some(json!({ "fullUrl": "http://a.org/fhir/Basic/1" }).as_object()?.clone()),
        "Parameters.parameter" if has("resource") => add(&[("valueBoolean", json!(true))]),
        "Parameters.parameter" => Some(json!({ "name": "a" }).as_object()?.clone()),
        _ => None,
    }
}
