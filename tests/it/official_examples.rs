//! HL7's own examples of R4 are valid, but for those whose fault is theirs. <https://hl7.org/fhir/R4/downloads.html>

use std::io::BufRead;
use std::io::BufReader;

use comfrey::definitions::Definitions;
use comfrey::fhir::json;
use comfrey::fhir::shape;
use comfrey::fhir::xml;
use comfrey::fhir::xml::Style;
use flate2::read::GzDecoder;

/// The examples, one a line: file name, tab, JSON. See `tests/data/README.md`.
const EXAMPLES: &[u8] = include_bytes!("../data/r4-examples.ndjson.gz");

/// Examples that break R4's own rules, and which.
#[rustfmt::skip]
const EXCUSED: &[(&str, &str)] = &[
    ("ActivityDefinition-blood-tubes-supply.json", "its narrative is an empty div (txt-2)"),
    ("ActivityDefinition-heart-valve-replacement.json", "its narrative is an empty div (txt-2)"),
    ("DeviceMetric-example.json", "`parent` points to a DeviceDefinition, which R4 does not allow there"),
    ("DeviceUseStatement-example.json", "`reasonReference` points to a Procedure, which R4 does not allow there"),
    ("EventDefinition-example.json", "its narrative is an empty div (txt-2)"),
    ("MedicationRequest-medrx0301.json", "`dispenseRequest.performer` points to a Practitioner; R4 has Organization only"),
    ("Observation-clinical-gender.json", "`performer` points to an Encounter, which R4 does not allow there"),
    ("Questionnaire-qs1.json", "32 items lack their `linkId`, which has a minimum of one"),
    ("Questionnaire-zika-virus-exposure-assessment.json", "its narrative is an empty div (txt-2)"),
    ("SearchParameter-codesystem-extensions-CodeSystem-author.json", "it lacks `base`, which has a minimum of one"),
    ("SearchParameter-codesystem-extensions-CodeSystem-effective.json", "it lacks `base`"),
    ("SearchParameter-codesystem-extensions-CodeSystem-end.json", "it lacks `base`"),
    ("SearchParameter-codesystem-extensions-CodeSystem-keyword.json", "it lacks `base`"),
    ("SearchParameter-codesystem-extensions-CodeSystem-workflow.json", "it lacks `base`"),
    ("SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject.json",
        "its id has 71 characters; 64 are allowed"),
    ("SearchParameter-valueset-extensions-ValueSet-author.json", "it lacks `base`"),
    ("SearchParameter-valueset-extensions-ValueSet-effective.json", "it lacks `base`"),
    ("SearchParameter-valueset-extensions-ValueSet-end.json", "it lacks `base`"),
    ("SearchParameter-valueset-extensions-ValueSet-keyword.json", "it lacks `base`"),
    ("SearchParameter-valueset-extensions-ValueSet-workflow.json", "it lacks `base`"),
    ("StructureDefinition-FiveWs.json", "it is not abstract and has no `baseDefinition` (sdf-4)"),
];

#[test]
fn every_official_example_is_valid_but_for_those_at_fault_themselves() {
    let definitions = Definitions::shared().expect("the definitions load");
    let mut wrong = Vec::new();
    let mut excused: Vec<&str> = EXCUSED.iter().map(|(name, _)| *name).collect();
    let mut count = 0;
    for line in BufReader::new(GzDecoder::new(EXAMPLES)).lines() {
        let line = line.expect("the archive is whole");
        let (name, text) = line.split_once('\t').expect("a line is a name, a tab and JSON");
        count += 1;
        let resource =
            json::parse(text.as_bytes()).unwrap_or_else(|failure| panic!("{name}: {:?}", failure.issues));
        let mut issues = shape::validate(&definitions.shapes, &resource);
        // An invariant that cannot be worked out is as if it were not there.
        let advice = shape::advice(&definitions.shapes, &resource);
        issues.extend(advice.into_iter().filter(|issue| issue.code == "not-supported"));
        match excused.iter().position(|excused| *excused == name) {
            Some(at) if !issues.is_empty() => drop(excused.swap_remove(at)),
            Some(_) => {}
            None => wrong.extend(
                issues.into_iter().map(|issue| format!("{name} {:?}: {}", issue.expression, issue.text)),
            ),
        }
    }
    assert_eq!(count, 4917);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(excused.is_empty(), "these are valid or gone, so they need no excuse: {excused:?}");
}

/// Those of the whole package that are left out of `tests/data` and break R4's own rules, and which.
#[rustfmt::skip]
const EXCUSED_BESIDES: &[(&str, &str)] = &[
    ("Bundle-dataelements.json", "several entries have one `fullUrl` (bdl-7)"),
    ("ImplementationGuide-fhir.json", "it lacks `name` and `status`, and refers to an id of 66 characters"),
    ("StructureDefinition-Definition.json", "it is not abstract and has no `baseDefinition` (sdf-4)"),
    ("StructureDefinition-Event.json", "it is not abstract and has no `baseDefinition` (sdf-4)"),
    ("StructureDefinition-Request.json", "it is not abstract and has no `baseDefinition` (sdf-4)"),
    ("ig-r4.json", "it is ImplementationGuide-fhir.json once more"),
];

/// `COMFREY_TEST_PACKAGE=FOLDER` names the unpacked package of all examples, those included that are left out of
/// `tests/data` for their size.
#[test]
fn the_examples_of_a_whole_package_are_valid_and_the_same_in_xml() {
    let Some(folder) = std::env::var_os("COMFREY_TEST_PACKAGE") else { return };
    let definitions = Definitions::shared().expect("the definitions load");
    let (mut wrong, mut changed, mut count) = (Vec::new(), Vec::new(), 0);
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let file = entry.expect("a file").path();
        let name = file.file_name().expect("it has a name").to_string_lossy().into_owned();
        let text = std::fs::read(&file).expect("it is read");
        let Ok(resource) = json::parse(&text) else { continue };
        let mut excused = EXCUSED.iter().chain(EXCUSED_BESIDES);
        let is_excused = excused.any(|(excused, _)| *excused == name);
        if resource.get("resourceType").is_none() {
            continue;
        }
        count += 1;
        let mut issues = shape::validate(&definitions.shapes, &resource);
        if is_excused {
            issues.clear();
        }
        let said = |issue: comfrey::fhir::Issue| format!("{name} {:?}: {}", issue.expression, issue.text);
        wrong.extend(issues.into_iter().take(5).map(said));
        let written = xml::write(&definitions.shapes, &resource, Style::Compact).expect("it is a resource");
        match xml::read(&definitions.shapes, &written) {
            Ok(read) if read == resource => {}
            Ok(_) => changed.push(name),
            Err(failure) => changed.push(format!("{name}: {:?}", failure.issues)),
        }
    }
    println!("{count} examples, {} issues, {} changed", wrong.len(), changed.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}
