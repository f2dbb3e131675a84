//! Profiles that are made to cost time come to an end.

use super::*;

#[test]
fn profiles_that_demand_one_another_come_to_an_end() {
    let elements = json!([{ "path": "Patient.contact",
                            "type": [{ "code": "BackboneElement", "profile": ["http://example.org/loop"] }] }]);
    let mut inner = profile("BackboneElement", &json!([]));
    inner["url"] = "http://example.org/loop".into();
    inner["snapshot"]["element"][0]["type"] =
        json!([{ "code": "BackboneElement", "profile": ["http://example.org/loop"] }]);
    let resource = patient(json!({ "contact": [{ "gender": "male" }] }));
    // So do those that offer themselves as one of several.
    let mut either = inner.clone();
    either["snapshot"]["element"][0]["type"][0]["profile"] =
        json!(["http://example.org/loop", "http://example.org/loop"]);
    let of_either = issues(&[profile("Patient", &elements), either], &resource);
    assert!(found(&of_either, Severity::Error).iter().all(|issue| issue.starts_with("too-costly")));
    assert_eq!(
        found(&issues(&[profile("Patient", &elements), inner], &resource), Severity::Error),
        Vec::<String>::new()
    );
}

#[test]
fn a_profile_made_to_cost_time_is_given_up() {
    let many: Vec<Value> = (0..2_000).map(|_| json!({ "path": "Patient.telecom.value", "min": 0 })).collect();
    let mut elements = vec![json!({ "path": "Patient.telecom" })];
    elements.extend(many);
    let resource = patient(json!({ "telecom": vec![json!({ "value": "1" }); 20_000] }));
    let issues = issues(&[profile("Patient", &elements.into())], &resource);
    assert_eq!(found(&issues, Severity::Error), ["too-costly Patient"]);
    // So are invariants that each come to an end and take too long together.
    let rule = json!({ "key": "a-1", "severity": "error", "human": "x", "source": "http://a.org",
        "expression": "%resource.descendants().select(%resource.telecom).count() > 0" });
    let elements = json!([{ "path": "Patient.telecom", "constraint": [rule] }]);
    let resource = patient(json!({ "telecom": vec![json!({ "value": "1" }); 700] }));
    let issues = self::issues(&[profile("Patient", &elements)], &resource);
    assert_eq!(found(&issues, Severity::Error), ["too-costly Patient"]);
    let too_many = vec![json!({ "path": "Patient.name" }); 5_001];
    assert!(Profile::compile(&profile("Patient", &too_many.into())).is_err());
}

#[test]
fn walks_for_one_request_share_what_it_may_cost() {
    let definitions = [profile(
        "Patient",
        &json!([{ "path": "Patient.telecom" }, { "path": "Patient.telecom.value", "min": 1 }]),
    )];
    let library = Library::compile(definitions.iter(), std::iter::empty()).expect("it compiles");
    let r4 = Definitions::shared().expect("the definitions load");
    let known = Known::new(&r4.shapes, vec![&library]);
    let resource = patient(json!({ "telecom": vec![json!({ "system": "phone" }); 600] }));
    let (subject, mut budget) = (Subject::of(&resource), Budget::default());
    let own = known.find(URL).expect("it is there");
    let mut walk = || validate(&known, own, &subject, &mut budget).len();
    assert_eq!([walk(), walk(), walk()], [600, 400, 0]);
    assert!(budget.is_used_up());
}

#[test]
fn a_profile_that_demands_itself_or_itself_of_one_value_ends() {
    let mut own = profile("Patient", &json!([]));
    own["snapshot"]["element"][0]["type"] = json!([{ "code": "Patient", "profile": [URL, URL] }]);
    assert_eq!(found(&issues(&[own], &patient(json!({}))), Severity::Error), Vec::<String>::new());
}
