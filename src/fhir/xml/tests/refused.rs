//! What is refused, with its place. <https://hl7.org/fhir/R4/xml.html>

use super::*;

/// Holds what is sent against a part of the sentence that refuses it, and its place.
fn hold(cases: &[(String, &str, &str)]) {
    for (text, says, expression) in cases {
        let (sentence, at) = refused(text);
        assert!(sentence.contains(says), "{text}: {sentence}");
        assert_eq!(at, *expression, "{text}");
    }
}

#[test]
fn what_has_no_place_in_a_resource_is_refused_with_its_place() {
    hold(&[
        (String::new(), "empty", ""),
        ("<!-- -->".to_owned(), "empty", ""),
        ("plain".to_owned(), "not XML", ""),
        ("<Patient/>".to_owned(), "namespace http://hl7.org/fhir", "Patient"),
        ("<Patient xmlns='http://hl7.org/fhir/v2'/>".to_owned(), "namespace http://hl7.org/fhir", "Patient"),
        ("<Pat xmlns='http://hl7.org/fhir'/>".to_owned(), "`Pat` is not a resource type", ""),
        ("<Patient xmlns='http://hl7.org/fhir' id='1'/>".to_owned(), "no attributes", "Patient"),
        ("<x:Patient xmlns='http://hl7.org/fhir'/>".to_owned(), "No namespace is declared for `x:`", ""),
        ("<Patient xmlns='http://hl7.org/fhir'>".to_owned(), "ends in the middle", "Patient"),
        (patient("<name><family value='x'/>"), "closed where `name` is open", "Patient.name[0]"),
        (patient("") + "<a/>", "more after the end", ""),
        (patient("x"), "Text stands between elements", "Patient"),
        (patient("<![CDATA[ ]]>"), "Text stands", "Patient"),
        (patient("<name/><name>&lt;</name>"), "Text stands", "Patient.name[1]"),
        (patient("<birthDate/>"), "`birthDate` is empty", "Patient.birthDate"),
        (patient("<birthDate value='2000' value='2001'/>"), "`value` twice", "Patient.birthDate"),
        (patient("<birthDate value='2000' x='2001'/>"), "`x` is no attribute", "Patient.birthDate"),
        (patient("<birthDate value='2000' y:x='2001'/>"), "declared for `y:`", "Patient.birthDate"),
        (patient("<birthDate value='2000' url='2001'/>"), "no attribute `url`", "Patient.birthDate"),
        (patient("<birthDate value=2000/>"), "name=\"value\"", "Patient"),
        (patient("<birthDate value='a&b;'/>"), "reference", "Patient.birthDate"),
        (patient("<birthDate value='a & b'/>"), "reference", "Patient.birthDate"),
        (patient("<birthDate value='&#1;'/>"), "cannot hold", "Patient.birthDate"),
        (patient("<birthDate value='a<b'/>"), "bare `<`", "Patient.birthDate"),
        (patient("<birthDate value='1'/><birthDate value='2'/>"), "given twice", "Patient.birthDate"),
        (patient("<name value='x'/>"), "no attribute `value`", "Patient.name[0]"),
        (patient("<name url='x'/>"), "no attribute `url`", "Patient.name[0]"),
        (patient("<name><id value='x'/></name>"), "is an attribute here", "Patient.name[0].id"),
        (
            patient("<extension><url value='x'/></extension>"),
            "is an attribute here",
            "Patient.extension[0].url",
        ),
        (patient("<resourceType value='Basic'/>"), "JSON", "Patient.resourceType"),
        (patient("<_birthDate/>"), "JSON", "Patient._birthDate"),
        (patient("<birthDate xmlns='urn:x' value='2000'/>"), "namespace", "Patient.birthDate"),
        (patient("<x xmlns='urn:x'/>"), "namespace", "Patient.x"),
        (patient("<contained/>"), "holds one resource", "Patient.contained[0]"),
        (patient("<contained><Basic/><Basic/></contained>"), "holds one resource", "Patient.contained[0]"),
    ]);
    assert!(
        refused("<Patient xmlns='http://hl7.org/fhir'>\n <birthDate/></Patient>")
            .0
            .contains("line 2, column 2")
    );
    assert!(read(&SHAPES, b"<Patient\xFF/>").expect_err("no UTF-8").issues[0].text.contains("not UTF-8"));
    assert!(read(&SHAPES, &[0xFF, 0xFE, b'<', 0]).is_err(), "UTF-16 is not read");
}

#[test]
fn what_no_narrative_and_no_document_holds_is_refused() {
    let div = |inner: &str| {
        patient(&format!("<text><div xmlns='http://www.w3.org/1999/xhtml'>{inner}</div></text>"))
    };
    hold(&[
        (patient("<multipleBirthInteger value='1e999'/>"), "exponent", "Patient.multipleBirthInteger"),
        (patient("<text><div>a</div></text>"), "http://www.w3.org/1999/xhtml", "Patient.text.div"),
        (div("<p xmlns='urn:x'>a</p>"), "another namespace", "Patient.text.div"),
        (div("a&nbsp;b"), "XML does not know `&nbsp;`", "Patient.text.div"),
        (div("<p title='&nbsp;'>b</p>"), "XML does not know `&nbsp;`", "Patient.text.div"),
        (div("<p>a</b>"), "closed where `p` is open", "Patient.text.div"),
        ("<!DOCTYPE Patient [<!ENTITY a 'b'>]>".to_owned() + &patient(""), "DOCTYPE", ""),
        (patient("<!DOCTYPE x>"), "DOCTYPE", "Patient"),
        (" <?xml version='1.0'?>".to_owned() + &patient(""), "very beginning", ""),
        ("<?xml version='1.1'?>".to_owned() + &patient(""), "XML 1.0", ""),
        ("<?xml version='1.0' encoding='latin1'?>".to_owned() + &patient(""), "UTF-8", ""),
        (patient("\u{1}"), "cannot hold", ""),
        (patient("\u{0}"), "cannot hold", ""),
        (patient("<!-- a -- b -->"), "not well-formed", "Patient"),
    ]);
}

#[test]
fn nesting_and_declarations_are_bounded() {
    let nested = |levels: usize| {
        let (open, close) = ("<extension url='a'>".repeat(levels), "</extension>".repeat(levels));
        patient(&format!("{open}<valueCode value='a'/>{close}"))
    };
    assert!(read(&SHAPES, nested(25).as_bytes()).is_ok());
    for levels in [40, 100_000] {
        assert!(refused(&nested(levels)).0.contains("nested"), "{levels}");
    }
    assert!(refused(&patient(&"<nme>".repeat(100_000))).0.contains("nested"));
    let spans = "<b>".repeat(100_000);
    assert!(
        refused(&patient(&format!("<text><div xmlns='http://www.w3.org/1999/xhtml'>{spans}")))
            .0
            .contains("nested")
    );
    let declarations: String = (0..100_000).map(|at| format!(" xmlns:a{at}='urn:x'")).collect();
    assert!(
        refused(&format!("<Patient xmlns='http://hl7.org/fhir'{declarations}/>")).0.contains("declarations")
    );
    let attributes: String = (0..100_000).map(|at| format!(" a{at}='x'")).collect();
    assert!(refused(&patient(&format!("<name{attributes}/>"))).0.contains("no attribute"));
    let long = "x".repeat(1_000_000);
    assert!(refused(&patient(&format!("<{long}></b>"))).0.len() < 500);
}
