//! The same resource in both forms, to and fro. <https://hl7.org/fhir/R4/xml.html>

use super::*;

#[test]
fn both_forms_say_the_same() {
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\">\r\n  <p>a &amp; b&#160;&lt;</p><!-- kept --><br/></div>";
    let cases = [
        (json!({ "resourceType": "Patient" }), "<Patient xmlns=\"http://hl7.org/fhir\"/>".to_owned()),
        (
            json!({ "resourceType": "Patient", "id": "1", "active": true, "multipleBirthInteger": 2 }),
            patient("<id value=\"1\"/><active value=\"true\"/><multipleBirthInteger value=\"2\"/>"),
        ),
        (
            json!({ "resourceType": "Patient", "text": { "status": "generated", "div": div } }),
            patient(&format!("<text><status value=\"generated\"/>{div}</text>")),
        ),
        (
            json!({
                "resourceType": "Patient",
                "extension": [{ "url": "http://a.org/e", "valueDecimal": serde_json::from_str::<Value>("1.10").expect("a number") }],
                "name": [{ "id": "n", "given": ["a", null, "c"], "_given": [null, { "id": "g" }, {
                    "extension": [{ "url": "u", "valueString": "x" }],
                }] }],
                "birthDate": "2000",
                "_birthDate": { "id": "b" },
            }),
            patient(
                "<extension url=\"http://a.org/e\"><valueDecimal value=\"1.10\"/></extension>\
                 <name id=\"n\"><given value=\"a\"/><given id=\"g\"/>\
                 <given value=\"c\"><extension url=\"u\"><valueString value=\"x\"/></extension></given></name>\
                 <birthDate id=\"b\" value=\"2000\"/>",
            ),
        ),
        (
            json!({
                "resourceType": "Patient",
                "contained": [{ "resourceType": "Organization", "id": "o" }],
                "_active": { "extension": [{ "url": "u", "valueBoolean": false }] },
            }),
            patient(
                "<contained><Organization><id value=\"o\"/></Organization></contained>\
                 <active><extension url=\"u\"><valueBoolean value=\"false\"/></extension></active>",
            ),
        ),
        (
            json!({ "resourceType": "Bundle", "type": "batch", "entry": [
                { "resource": { "resourceType": "Basic", "id": "x" } }, { "fullUrl": "urn:a" },
            ] }),
            "<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"batch\"/><entry><resource><Basic>\
             <id value=\"x\"/></Basic></resource></entry><entry><fullUrl value=\"urn:a\"/></entry></Bundle>"
                .to_owned(),
        ),
        (
            json!({ "resourceType": "Patient", "name": [{ "text": "\ta\n\r\"b\"<&>'é😀 " }] }),
            patient("<name><text value=\"&#9;a&#10;&#13;&quot;b&quot;&lt;&amp;&gt;'é😀 \"/></name>"),
        ),
    ];
    for (json, xml) in cases {
        assert_eq!(written(&json), xml);
        assert_eq!(taken(&xml), json, "{xml}");
    }
}

#[test]
fn elements_go_out_in_the_order_of_r4_whatever_that_of_json() {
    let json = json!({
        "_birthDate": { "id": "b" }, "name": [{ "given": ["g"], "family": "f", "use": "usual" }], "id": "1",
        "birthDate": "2000", "meta": { "tag": [{ "code": "c", "system": "s" }], "versionId": "1" },
        "resourceType": "Patient",
    });
    let xml = patient(
        "<id value=\"1\"/><meta><versionId value=\"1\"/><tag><system value=\"s\"/><code value=\"c\"/></tag></meta>\
         <name><use value=\"usual\"/><family value=\"f\"/><given value=\"g\"/></name>\
         <birthDate id=\"b\" value=\"2000\"/>",
    );
    assert_eq!(written(&json), xml);
    assert_eq!(taken(&xml), json);
}

#[test]
fn people_get_an_element_a_line_and_an_untouched_narrative() {
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a\n b</p></div>";
    let json =
        json!({ "resourceType": "Patient", "text": { "status": "generated", "div": div }, "active": true });
    let pretty = String::from_utf8(write(&SHAPES, &json, Style::Pretty).expect("a resource")).expect("UTF-8");
    let expected = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Patient xmlns=\"http://hl7.org/fhir\">\n  <text>\n    \
         <status value=\"generated\"/>\n    {div}\n  </text>\n  <active value=\"true\"/>\n</Patient>\n"
    );
    assert_eq!(pretty, expected);
    assert_eq!(taken(&pretty), json);
}

#[test]
fn what_means_nothing_is_passed_over() {
    let xml = "\u{FEFF}<?xml version='1.0' encoding='utf-8'?>\n<!-- a --><?b c?>\n\
        <f:Patient xmlns:f='http://hl7.org/fhir' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' \
        xsi:schemaLocation='http://hl7.org/fhir patient.xsd'>\r\n <?d e?><f:active <!-- --> value='true'/></f:Patient>";
    assert!(read(&SHAPES, xml.as_bytes()).is_err(), "a comment inside a tag is none");
    let xml = xml.replace("<!-- --> ", "") + "\n<!-- end --><?f?>\n";
    assert_eq!(taken(&xml), json!({ "resourceType": "Patient", "active": true }));
}

#[test]
fn values_take_the_type_that_they_have_in_json() {
    let observation =
        |inner: &str| taken(&format!("<Observation xmlns='http://hl7.org/fhir'>{inner}</Observation>"));
    for digits in ["1.10", "-0.000", "1e+5", "120000000000000000000000000000.50"] {
        let read = observation(&format!("<valueQuantity><value value='{digits}'/></valueQuantity>"));
        assert_eq!(read["valueQuantity"]["value"].to_string(), digits);
    }
    assert_eq!(observation("<valueInteger value='+7'/>")["valueInteger"], json!(7));
    assert_eq!(observation("<valueString value='7'/>")["valueString"], json!("7"));
    // of the wrong type, it stays as it is, and validation says so
    assert_eq!(observation("<valueInteger value='seven'/>")["valueInteger"], json!("seven"));
    assert_eq!(observation("<valueBoolean value='1'/>")["valueBoolean"], json!("1"));
    assert_eq!(observation("<valueString value='a&#10;b\r\nc\td'/>")["valueString"], json!("a\nb c d"));
}

#[test]
fn an_unknown_element_is_left_to_validation() {
    let read = taken(&patient("<nme><given value='x'/></nme><nme/><active value='true'/>"));
    assert_eq!(read, json!({ "resourceType": "Patient", "nme": "unknown", "active": true }));
}

#[test]
fn narratives_lose_prefixes_sections_and_instructions_and_nothing_else() {
    for (sent, kept) in [
        (
            "<h:div xmlns:h='http://www.w3.org/1999/xhtml'><h:p class='a'>x</h:p ><h:br/></h:div>",
            "<div xmlns=\"http://www.w3.org/1999/xhtml\" xmlns:h='http://www.w3.org/1999/xhtml'><p class='a'>x</p ><br/></div>",
        ),
        (
            "<div xmlns='http://www.w3.org/1999/xhtml'><![CDATA[a < b & c]]><?x y?><!-- z --></div>",
            "<div xmlns='http://www.w3.org/1999/xhtml'>a &lt; b &amp; c<!-- z --></div>",
        ),
    ] {
        let read = taken(&patient(&format!("<text>{sent}</text>")));
        assert_eq!(read["text"]["div"], json!(kept));
    }
}

#[test]
fn references_that_only_html_knows_go_out_as_numbers() {
    let div = |inner: &str| format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{inner}</div>");
    for (kept, out) in [
        ("a&nbsp;b&eacute;", "a&#160;b&#233;"),
        ("&lt;&#8211;&#xA0;&apos;", "&lt;&#8211;&#xA0;&apos;"),
        ("&nosuch;&#0;& b", "&amp;nosuch;&amp;#0;&amp; b"),
        ("a\u{FFFE}b", "a\u{FFFD}b"),
    ] {
        let json = json!({ "resourceType": "Patient", "text": { "div": div(kept) } });
        assert_eq!(written(&json), patient(&format!("<text>{}</text>", div(out))));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[<>/=\"'&;#x \\[\\]!?a-d:-]{0,60}") {
        let _ = read(&SHAPES, text.as_bytes());
        let _ = read(&SHAPES, patient(&text).as_bytes());
        let _ = read(&SHAPES, patient(&format!("<text><div xmlns='http://www.w3.org/1999/xhtml'>{text}</div></text>")).as_bytes());
    }

    #[test]
    fn any_text_that_xml_can_hold_comes_back(text in any::<String>()) {
        let text: String = text.chars().filter(|character| is_character(*character)).collect();
        let json = json!({ "resourceType": "Patient", "name": [{ "text": text }] });
        prop_assert_eq!(taken(&written(&json)), json);
    }
}
