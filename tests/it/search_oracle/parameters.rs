//! A hand-written table of search parameters, as the R4 pages of the types list them, and a walker over its paths.
//! <https://hl7.org/fhir/R4/searchparameter-registry.html>
//!
//! `telecom[system=phone]` is what has that value, `subject{Patient}` is a reference to that type.

use std::collections::HashMap;

use serde_json::Value;

/// Type, code, kind, paths, and for a reference the types it may point to (those that are stored here; `*` for any).
const TABLE: &str = "
Patient active token active
Patient address string address
Patient address-city string address.city
Patient address-country string address.country
Patient address-postalcode string address.postalCode
Patient address-state string address.state
Patient address-use token address.use
Patient birthdate date birthDate
Patient death-date date deceasedDateTime
Patient deceased token =deceased
Patient email token telecom[system=email]
Patient family string name.family
Patient gender token gender
Patient general-practitioner reference generalPractitioner Practitioner,Organization
Patient given string name.given
Patient identifier token identifier
Patient language token communication.language
Patient link reference link.other Patient
Patient name string name
Patient organization reference managingOrganization Organization
Patient phone token telecom[system=phone]
Patient telecom token telecom
Condition abatement-age quantity abatementAge|abatementRange
Condition abatement-date date abatementDateTime|abatementPeriod
Condition abatement-string string abatementString
Condition asserter reference asserter Practitioner,Patient
Condition body-site token bodySite
Condition category token category
Condition clinical-status token clinicalStatus
Condition code token code
Condition encounter reference encounter Encounter
Condition evidence token evidence.code
Condition evidence-detail reference evidence.detail *
Condition identifier token identifier
Condition onset-age quantity onsetAge|onsetRange
Condition onset-date date onsetDateTime|onsetPeriod
Condition onset-info string onsetString
Condition patient reference subject{Patient} Patient
Condition recorded-date date recordedDate
Condition severity token severity
Condition stage token stage.summary
Condition subject reference subject Patient
Condition verification-status token verificationStatus
Observation based-on reference basedOn CarePlan,MedicationRequest,ServiceRequest
Observation category token category
Observation code token code
Observation combo-code token code|component.code
Observation combo-value-quantity quantity valueQuantity|component.valueQuantity
Observation combo-value-concept token valueCodeableConcept|component.valueCodeableConcept
Observation component-code token component.code
Observation component-value-quantity quantity component.valueQuantity
Observation component-value-concept token component.valueCodeableConcept
Observation data-absent-reason token dataAbsentReason
Observation combo-data-absent-reason token dataAbsentReason|component.dataAbsentReason
Observation date date effectiveDateTime|effectivePeriod|effectiveInstant|effectiveTiming
Observation derived-from reference derivedFrom Observation
Observation encounter reference encounter Encounter
Observation focus reference focus *
Observation has-member reference hasMember Observation
Observation identifier token identifier
Observation method token method
Observation part-of reference partOf Immunization,Procedure
Observation patient reference subject{Patient} Patient
Observation performer reference performer Practitioner,Organization,CareTeam,Patient
Observation status token status
Observation subject reference subject Patient,Location
Observation value-concept token valueCodeableConcept
Observation value-date date valueDateTime|valuePeriod
Observation value-quantity quantity valueQuantity
Observation value-string string valueString|valueCodeableConcept.text
Encounter based-on reference basedOn ServiceRequest
Encounter class token class
Encounter date date period
Encounter diagnosis reference diagnosis.condition Condition,Procedure
Encounter identifier token identifier
Encounter length quantity length
Encounter location reference location.location Location
Encounter location-period date location.period
Encounter part-of reference partOf Encounter
Encounter participant reference participant.individual Practitioner
Encounter participant-type token participant.type
Encounter patient reference subject{Patient} Patient
Encounter practitioner reference participant.individual{Practitioner} Practitioner
Encounter reason-code token reasonCode
Encounter reason-reference reference reasonReference Condition,Observation,Procedure
Encounter service-provider reference serviceProvider Organization
Encounter status token status
Encounter subject reference subject Patient
Encounter type token type
CarePlan activity-code token activity.detail.code
CarePlan activity-date date activity.detail.scheduledPeriod|activity.detail.scheduledTiming
CarePlan activity-reference reference activity.reference MedicationRequest,ServiceRequest
CarePlan based-on reference basedOn CarePlan
CarePlan care-team reference careTeam CareTeam
CarePlan category token category
CarePlan condition reference addresses Condition
CarePlan date date period
CarePlan encounter reference encounter Encounter
CarePlan goal reference goal Goal
CarePlan identifier token identifier
CarePlan instantiates-canonical reference instantiatesCanonical Questionnaire
CarePlan instantiates-uri uri instantiatesUri
CarePlan intent token intent
CarePlan part-of reference partOf CarePlan
CarePlan patient reference subject{Patient} Patient
CarePlan performer reference activity.detail.performer Practitioner,Organization,CareTeam,Patient
CarePlan replaces reference replaces CarePlan
CarePlan status token status
CarePlan subject reference subject Patient
Goal achievement-status token achievementStatus
Goal category token category
Goal identifier token identifier
Goal lifecycle-status token lifecycleStatus
Goal patient reference subject{Patient} Patient
Goal start-date date startDate
Goal subject reference subject Patient,Organization
Goal target-date date target.dueDate
MedicationRequest authoredon date authoredOn
MedicationRequest category token category
MedicationRequest code token medicationCodeableConcept
MedicationRequest date date dosageInstruction.timing.event
MedicationRequest encounter reference encounter Encounter
MedicationRequest identifier token identifier
MedicationRequest intended-dispenser reference dispenseRequest.performer Organization
MedicationRequest intent token intent
MedicationRequest patient reference subject{Patient} Patient
MedicationRequest priority token priority
MedicationRequest requester reference requester Practitioner,Organization,Patient
MedicationRequest status token status
MedicationRequest subject reference subject Patient
Procedure based-on reference basedOn CarePlan,ServiceRequest
Procedure category token category
Procedure code token code
Procedure date date performedDateTime|performedPeriod
Procedure encounter reference encounter Encounter
Procedure identifier token identifier
Procedure location reference location Location
Procedure part-of reference partOf Observation,Procedure
Procedure patient reference subject{Patient} Patient
Procedure performer reference performer.actor Practitioner,Organization,Patient
Procedure reason-code token reasonCode
Procedure reason-reference reference reasonReference Condition,Observation,Procedure,DiagnosticReport
Procedure status token status
Procedure subject reference subject Patient
Immunization date date occurrenceDateTime
Immunization identifier token identifier
Immunization location reference location Location
Immunization lot-number string lotNumber
Immunization manufacturer reference manufacturer Organization
Immunization patient reference patient Patient
Immunization performer reference performer.actor Practitioner,Organization
Immunization reaction-date date reaction.date
Immunization reason-code token reasonCode
Immunization series string protocolApplied.series
Immunization status token status
Immunization status-reason token statusReason
Immunization target-disease token protocolApplied.targetDisease
Immunization vaccine-code token vaccineCode
DiagnosticReport based-on reference basedOn CarePlan,MedicationRequest,ServiceRequest
DiagnosticReport category token category
DiagnosticReport code token code
DiagnosticReport conclusion token conclusionCode
DiagnosticReport date date effectiveDateTime|effectivePeriod
DiagnosticReport encounter reference encounter Encounter
DiagnosticReport identifier token identifier
DiagnosticReport issued date issued
DiagnosticReport patient reference subject{Patient} Patient
DiagnosticReport performer reference performer Practitioner,Organization,CareTeam
DiagnosticReport result reference result Observation
DiagnosticReport results-interpreter reference resultsInterpreter Practitioner,Organization,CareTeam
DiagnosticReport status token status
DiagnosticReport subject reference subject Patient,Location
Practitioner active token active
Practitioner address string address
Practitioner address-city string address.city
Practitioner address-state string address.state
Practitioner communication token communication
Practitioner family string name.family
Practitioner gender token gender
Practitioner given string name.given
Practitioner identifier token identifier
Practitioner name string name
Practitioner phone token telecom[system=phone]
Organization active token active
Organization address string address
Organization address-city string address.city
Organization identifier token identifier
Organization name string name|alias
Organization partof reference partOf Organization
Organization type token type
Location address string address
Location identifier token identifier
Location name string name|alias
Location organization reference managingOrganization Organization
Location partof reference partOf Location
Location status token status
Claim care-team reference careTeam.provider Practitioner,Organization
Claim created date created
Claim encounter reference item.encounter Encounter
Claim enterer reference enterer Practitioner
Claim facility reference facility Location
Claim identifier token identifier
Claim insurer reference insurer Organization
Claim patient reference patient Patient
Claim payee reference payee.party Practitioner,Organization,Patient
Claim priority token priority
Claim provider reference provider Practitioner,Organization
Claim status token status
Claim use token use
Coverage beneficiary reference beneficiary Patient
Coverage class-type token class.type
Coverage class-value string class.value
Coverage dependent string dependent
Coverage identifier token identifier
Coverage patient reference beneficiary Patient
Coverage payor reference payor Organization,Patient
Coverage policy-holder reference policyHolder Organization,Patient
Coverage status token status
Coverage subscriber reference subscriber Patient
Coverage type token type
CareTeam category token category
CareTeam date date period
CareTeam encounter reference encounter Encounter
CareTeam identifier token identifier
CareTeam participant reference participant.member Practitioner,Organization,CareTeam,Patient
CareTeam patient reference subject{Patient} Patient
CareTeam status token status
CareTeam subject reference subject Patient
Consent action token provision.action
Consent actor reference provision.actor.reference Practitioner,Organization,CareTeam,Patient
Consent category token category
Consent consentor reference performer Practitioner,Organization,Patient
Consent date date dateTime
Consent identifier token identifier
Consent organization reference organization Organization
Consent patient reference patient Patient
Consent period date provision.period
Consent purpose token provision.purpose
Consent scope token scope
Consent status token status
RiskAssessment condition reference condition Condition
RiskAssessment date date occurrenceDateTime
RiskAssessment encounter reference encounter Encounter
RiskAssessment identifier token identifier
RiskAssessment method token method
RiskAssessment patient reference subject{Patient} Patient
RiskAssessment performer reference performer Practitioner
RiskAssessment probability number prediction.probabilityDecimal|prediction.probabilityRange
RiskAssessment risk token prediction.qualitativeRisk
RiskAssessment subject reference subject Patient
ServiceRequest authored date authoredOn
ServiceRequest based-on reference basedOn CarePlan,MedicationRequest,ServiceRequest
ServiceRequest category token category
ServiceRequest code token code
ServiceRequest encounter reference encounter Encounter
ServiceRequest identifier token identifier
ServiceRequest instantiates-uri uri instantiatesUri
ServiceRequest intent token intent
ServiceRequest occurrence date occurrenceDateTime|occurrencePeriod|occurrenceTiming
ServiceRequest patient reference subject{Patient} Patient
ServiceRequest performer reference performer Practitioner,Organization,CareTeam,Patient
ServiceRequest priority token priority
ServiceRequest replaces reference replaces ServiceRequest
ServiceRequest requester reference requester Practitioner,Organization,Patient
ServiceRequest requisition token requisition
ServiceRequest status token status
ServiceRequest subject reference subject Patient,Location
List code token code
List date date date
List empty-reason token emptyReason
List encounter reference encounter Encounter
List identifier token identifier
List item reference entry.item *
List patient reference subject{Patient} Patient
List source reference source Practitioner,Patient
List status token status
List subject reference subject Patient,Location
List title string title
Questionnaire date date date
Questionnaire identifier token identifier
Questionnaire name string name
Questionnaire publisher string publisher
Questionnaire status token status
Questionnaire title string title
Questionnaire url uri url
Questionnaire version token version
QuestionnaireResponse author reference author Practitioner,Organization,Patient
QuestionnaireResponse authored date authored
QuestionnaireResponse based-on reference basedOn CarePlan,ServiceRequest
QuestionnaireResponse encounter reference encounter Encounter
QuestionnaireResponse identifier token identifier
QuestionnaireResponse part-of reference partOf Observation,Procedure
QuestionnaireResponse patient reference subject{Patient} Patient
QuestionnaireResponse questionnaire reference questionnaire Questionnaire
QuestionnaireResponse source reference source Practitioner,Patient
QuestionnaireResponse status token status
QuestionnaireResponse subject reference subject *
ValueSet date date date
ValueSet name string name
ValueSet publisher string publisher
ValueSet reference uri compose.include.system
ValueSet status token status
ValueSet title string title
ValueSet url uri url
ValueSet version token version
* _profile uri meta.profile
* _security token meta.security
* _source uri meta.source
* _tag token meta.tag
";

/// References that name what is published under a canonical URL.
pub const CANONICAL: [(&str, &str); 2] =
    [("QuestionnaireResponse", "questionnaire"), ("CarePlan", "instantiates-canonical")];

/// What of each type puts a resource into an encounter's compartment.
/// <https://hl7.org/fhir/R4/compartmentdefinition-encounter.html>
const OF_ENCOUNTER: &[(&str, &[&str])] = &[
    ("CarePlan", &["encounter"]),
    ("CareTeam", &["encounter"]),
    ("Claim", &["encounter"]),
    ("Condition", &["encounter"]),
    ("DiagnosticReport", &["encounter"]),
    ("MedicationRequest", &["encounter"]),
    ("Observation", &["encounter"]),
    ("Procedure", &["encounter"]),
    ("QuestionnaireResponse", &["encounter"]),
    ("ServiceRequest", &["encounter"]),
];

/// What of each type puts a resource into a practitioner's compartment.
/// <https://hl7.org/fhir/R4/compartmentdefinition-practitioner.html>
const OF_PRACTITIONER: &[(&str, &[&str])] = &[
    ("CarePlan", &["performer"]),
    ("CareTeam", &["participant"]),
    ("Claim", &["enterer", "provider", "payee", "care-team"]),
    ("Condition", &["asserter"]),
    ("DiagnosticReport", &["performer"]),
    ("Encounter", &["practitioner", "participant"]),
    ("Immunization", &["performer"]),
    ("List", &["source"]),
    ("MedicationRequest", &["requester"]),
    ("Observation", &["performer"]),
    ("Procedure", &["performer"]),
    ("QuestionnaireResponse", &["author", "source"]),
    ("RiskAssessment", &["performer"]),
    ("ServiceRequest", &["performer", "requester"]),
];

/// What of each type puts a resource into a patient's compartment.
/// <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>
const COMPARTMENT: &[(&str, &[&str])] = &[
    ("CarePlan", &["patient", "performer"]),
    ("CareTeam", &["patient", "participant"]),
    ("Claim", &["patient", "payee"]),
    ("Condition", &["patient", "asserter"]),
    ("Consent", &["patient"]),
    ("Coverage", &["policy-holder", "subscriber", "beneficiary", "payor"]),
    ("DiagnosticReport", &["subject"]),
    ("Encounter", &["patient"]),
    ("Goal", &["patient"]),
    ("Immunization", &["patient"]),
    ("List", &["subject", "source"]),
    ("MedicationRequest", &["subject"]),
    ("Observation", &["subject", "performer"]),
    ("Procedure", &["patient", "performer"]),
    ("QuestionnaireResponse", &["subject", "author"]),
    ("RiskAssessment", &["subject"]),
    ("ServiceRequest", &["subject", "performer"]),
];

/// A composite parameter.
type Composite = (&'static str, &'static str, &'static [&'static str], [(Kind, &'static str); 2]);

/// Type, code, the elements in which both parts stand (`.` for the resource), and the two parts with their kinds.
/// <https://hl7.org/fhir/R4/search.html#composite>
pub const COMPOSITES: [Composite; 8] = [
    (
        "Observation",
        "code-value-quantity",
        &["."],
        [(Kind::Token, "code"), (Kind::Quantity, "valueQuantity")],
    ),
    (
        "Observation",
        "code-value-concept",
        &["."],
        [(Kind::Token, "code"), (Kind::Token, "valueCodeableConcept")],
    ),
    ("Observation", "code-value-string", &["."], [(Kind::Token, "code"), (Kind::Text, "valueString")]),
    (
        "Observation",
        "code-value-date",
        &["."],
        [(Kind::Token, "code"), (Kind::Date, "valueDateTime|valuePeriod")],
    ),
    (
        "Observation",
        "component-code-value-quantity",
        &["component"],
        [(Kind::Token, "code"), (Kind::Quantity, "valueQuantity")],
    ),
    (
        "Observation",
        "component-code-value-concept",
        &["component"],
        [(Kind::Token, "code"), (Kind::Token, "valueCodeableConcept")],
    ),
    (
        "Observation",
        "combo-code-value-quantity",
        &[".", "component"],
        [(Kind::Token, "code"), (Kind::Quantity, "valueQuantity")],
    ),
    (
        "Observation",
        "combo-code-value-concept",
        &[".", "component"],
        [(Kind::Token, "code"), (Kind::Token, "valueCodeableConcept")],
    ),
];

/// Who and where: a patient sees those that their own compartment refers to.
pub const DIRECTORY: [&str; 3] = ["Practitioner", "Organization", "Location"];

/// What a parameter searches by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A code.
    Token,
    /// A reference.
    Reference,
    /// A date or time.
    Date,
    /// A number.
    Number,
    /// A number with a unit.
    Quantity,
    /// A URI.
    Uri,
}

/// One parameter of one type.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub code: &'static str,
    /// What it searches by.
    pub kind: Kind,
    /// Where its values are.
    pub paths: Vec<&'static str>,
    /// The types that a reference may point to.
    pub targets: Vec<&'static str>,
}

/// The parameters of each type.
pub struct Table(HashMap<&'static str, Vec<Parameter>>);

impl Table {
    /// Reads the table.
    pub fn read() -> Self {
        let mut all: HashMap<&'static str, Vec<Parameter>> = HashMap::new();
        let mut common = Vec::new();
        let lines = || TABLE.lines().filter(|line| !line.is_empty());
        let names: Vec<&str> =
            lines().filter_map(|line| line.split(' ').next()).filter(|ty| *ty != "*").collect();
        for line in lines() {
            let mut words = line.split(' ');
            let [ty, code, kind, paths] = [(); 4].map(|()| words.next().expect(line));
            let targets = match words.next() {
                Some("*") => names.clone(),
                Some(list) => list.split(',').collect(),
                None => Vec::new(),
            };
            let kind = match kind {
                "string" => Kind::Text,
                "token" => Kind::Token,
                "reference" => Kind::Reference,
                "date" => Kind::Date,
                "number" => Kind::Number,
                "quantity" => Kind::Quantity,
                "uri" => Kind::Uri,
                other => panic!("{other} of {line}"),
            };
            let parameter = Parameter { code, kind, paths: paths.split('|').collect(), targets };
            match ty {
                "*" => common.push(parameter),
                ty => all.entry(ty).or_default().push(parameter),
            }
        }
        all.values_mut().for_each(|own| own.extend(common.iter().cloned()));
        Self(all)
    }

    /// The types, in the order of their names.
    pub fn types(&self) -> Vec<&'static str> {
        let mut types: Vec<_> = self.0.keys().copied().collect();
        types.sort_unstable();
        types
    }

    /// The parameters of a type.
    pub fn of(&self, ty: &str) -> &[Parameter] {
        self.0.get(ty).map_or(&[], Vec::as_slice)
    }

    /// A parameter of a type, and its place among them.
    pub fn find(&self, ty: &str, code: &str) -> Option<(usize, &Parameter)> {
        self.of(ty).iter().enumerate().find(|(_, parameter)| parameter.code == code)
    }
}

/// The reference parameters that put a resource of the type into a compartment of what the first is.
pub fn compartment(about: &str, ty: &str) -> &'static [&'static str] {
    let all = match about {
        "Patient" => COMPARTMENT,
        "Encounter" => OF_ENCOUNTER,
        "Practitioner" => OF_PRACTITIONER,
        other => panic!("{other}"),
    };
    all.iter().find(|(own, _)| *own == ty).map_or(&[], |(_, codes)| codes)
}

impl Parameter {
    /// A part of a composite.
    pub fn part((kind, paths): (Kind, &'static str)) -> Self {
        Self { code: "part", kind, paths: paths.split('|').collect(), targets: Vec::new() }
    }
}

/// What stands at a path, lists taken apart.
pub fn walk<'a>(resource: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut here = vec![resource];
    for step in path.split('.') {
        let (name, filter) = step
            .split_once('[')
            .map_or((step, None), |(name, rest)| (name, rest.trim_end_matches(']').split_once('=')));
        let name = name.split('{').next().expect("a split has a first part");
        let members = here.iter().filter_map(|value| value.get(name));
        let items: Vec<&Value> = members.flat_map(each).collect();
        here = match filter {
            Some((member, wanted)) => items.into_iter().filter(|item| item[member] == wanted).collect(),
            None => items,
        };
    }
    here
}

/// The items of a list, or the value itself.
pub fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().filter(|item| !item.is_null()).collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}
