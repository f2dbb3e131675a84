//! A configured palliative programme: its HealthcareService, with the settings that it carries as one extension.
//! <https://hl7.org/fhir/R4/healthcareservice.html>
//!
//! A setting that is not known is refused and not passed over, so that nobody believes in one that does nothing.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Issue;
use crate::fhir::outcome::Reason;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::template::Template;
use crate::palliative::code_maps::CodeMaps;
use crate::palliative::enrollment::facts::list;
use crate::palliative::measures::conventions::OfProgram;
use crate::palliative::payment::policy::Policy;
use crate::palliative::program_setters::SETTERS;
use crate::palliative::program_setters::unknown;
use crate::palliative::program_settings::settings;
use crate::palliative::program_settings::wrong;
use crate::palliative::required_roles::TierRole;
use crate::palliative::required_roles::phone_all_day;
use crate::palliative::required_roles::phones;
use crate::palliative::risk::Algorithm;
use crate::palliative::vocabulary::SETTINGS_EXTENSION;

/// What an adult's or child's hospice election means for the episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HospicePolicy {
    /// It ends the episode.
    End,
    /// Both go on side by side below the age of 21, and above where the payer is one of `concurrentLob`.
    Concurrent,
}

/// A programme and its settings.
#[derive(Clone, Debug)]
pub struct Program {
    /// The id of its HealthcareService.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Whether it takes new people.
    pub active: bool,
    /// Whether it has the settings of a palliative programme; without them it is some other service.
    pub has_settings: bool,
    /// The organisation that runs it, as a reference.
    pub organization: Option<String>,
    /// Whether its telephone is answered all day, every day.
    pub phone_all_day: bool,
    /// Its telephone numbers, as ContactPoints.
    pub phones: Vec<Value>,
    /// The zone in which its dates are read. `tz`
    pub zone: TimeZone,
    /// The rule sets that admit, as canonicals. `ruleSet`
    pub rule_sets: Vec<String>,
    /// The lines of business that it serves; empty for all. `lobAllowed`
    pub lines_of_business: Vec<String>,
    /// Whether people without a payer are served. `selfPay`
    pub self_pay: bool,
    /// Whether the payer must approve. `requiresAuth`
    pub requires_authorization: bool,
    /// How often a person is invited. `maxAttempts`
    pub max_attempts: i64,
    /// How long an offer stands. `offerExpiresDays`
    pub offer_expires_days: i64,
    /// How long a finding of eligibility holds. `eligibilityValidDays`
    pub eligibility_valid_days: i64,
    /// How long a clinician's attestation holds. `attestationValidDays`
    pub attestation_valid_days: i64,
    /// How far back a start may lie. `retroLimitDays`
    pub retro_limit_days: i64,
    /// The policy that an agreement must name. `consentForm`
    pub consent_form: Option<String>,
    /// Whether an agreement given by word of mouth counts. `verbalConsent`
    pub verbal_consent: bool,
    /// How many may be enrolled at once; without it the team says when it is full. `capacity`
    pub capacity: Option<i64>,
    /// The other programmes that may not be open beside it, as references. `exclusiveWith`
    pub exclusive_with: Vec<String>,
    /// `hospicePolicy`
    pub hospice_policy: HospicePolicy,
    /// The lines of business whose adults may be in hospice and here at once, where `concurrent` holds. `concurrentLob`
    pub concurrent_lines: Vec<String>,
    /// `ageMin`
    pub age_min: Option<i64>,
    /// The last age that is served. `ageMax`
    pub age_max: Option<i64>,
    /// Whether a recognised medical home must be known. `pcmhRequired`
    pub pcmh_required: bool,
    /// The settings of care; empty for all. `setting`
    pub settings: Vec<String>,
    /// Roles that every team must have, as they are given; each is a list of alternatives. `requiredRole`, as
    /// `rn|prescriber`. What is asked for is [`Program::roles_of`].
    pub required_roles: Vec<Vec<String>>,
    /// Roles that the teams of a tier must have beside these. `tierRole`
    pub tier_roles: Vec<TierRole>,
    /// Whether every change must name the version it was made from. `strictConcurrency`
    pub strict_concurrency: bool,
    /// Whether the agreement given to another programme holds here too. `acceptsConsent`
    pub accepts_consent: bool,
    /// How its months are paid. `monthRule`, `tierRule`, `requiresService`, `holdCountsForPayment`, `payTable`
    pub payment: Policy,
    /// By which conventions its people are measured. `dischargeDay`, `hospitalAtHome`, `gipHospice`, `nfResident`,
    /// `holdCountsForMeasures`, `runoutDays`
    pub measures: OfProgram,
    /// Whether its contract is for specialist care. `specialist`
    pub specialist: bool,
    /// How its people are stratified, as a canonical; ours without it. `riskAlgorithm`
    pub risk_algorithm: Option<String>,
    /// Whether it is for those under 21 alone: without `ageMax`, nobody older is served. `pediatric`
    pub pediatric: bool,
    /// Whether a first visit by video or telephone is none. `inPersonRequired`
    pub in_person_required: bool,
    /// Within how many days of the referral the first visit is; without it the tier says. `firstVisitDays`
    pub first_visit_days: Option<i64>,
    /// Within how many days of the start the first assessments are made; without it the tier says. `assessDays`
    pub assess_days: Option<i64>,
    /// From which severity of 0 to 10 pain is to be assessed and answered; without it, from any and from 4. `painPositive`
    pub pain_positive: Option<i64>,
    /// The ConceptMaps by which codes of senders are read, as canonicals. `conceptMap`
    pub concept_maps: Vec<String>,
    /// The Group that attributes people to providers, as a reference. `attributionGroup`
    pub attribution_group: Option<String>,
    /// What these maps say, as whoever reads the programme fills in.
    pub maps: Arc<CodeMaps>,
    /// The algorithm that it names, where that is a client's, filled in likewise.
    pub algorithm: Option<Arc<Algorithm>>,
    /// From what its care plans are made, as a canonical; from ours without it. `carePlanTemplate`
    pub care_plan_template: Option<String>,
    /// That template, where it is a client's, as whoever reads the programme fills in.
    pub template: Option<Arc<Template>>,
    /// The rule set, with its version, that says when the aims are reached; else a clinician does. `exitRuleSet`
    pub exit_rule_set: Option<String>,
}

/// The last age of those whom a programme for children and the young serves.
const LAST_YOUNG_AGE: i64 = 20;

impl Program {
    /// Reads a programme from its HealthcareService.
    ///
    /// # Errors
    /// `Unprocessable`, with every setting that is unknown or has a wrong value.
    pub fn read(service: &Resource) -> Result<Self, Failure> {
        let mut program = Self::with_defaults(service);
        let mut issues = Vec::new();
        for (place, name, setting) in settings(service.value()) {
            let done = SETTERS.iter().find(|(known, ..)| *known == name).map(|(_, element, set)| {
                setting.get(*element).and_then(|value| set(&mut program, value)).ok_or(*element)
            });
            match done {
                Some(Ok(())) => {}
                Some(Err(element)) => issues.push(wrong(place, format!(
                    "The programme's setting `{name}` has no usable `{element}`; correct it in the HealthcareService."
                ))),
                None => issues.push(wrong(place, unknown(name))),
            }
        }
        if program.pediatric {
            program.age_max = program.age_max.or(Some(LAST_YOUNG_AGE));
        }
        if issues.is_empty() { Ok(program) } else { Err(Failure::of(Reason::Unprocessable, issues)) }
    }

    fn with_defaults(service: &Resource) -> Self {
        Self {
            id: service.id().unwrap_or_default().to_owned(),
            name: service.text("/name").unwrap_or("Palliative care programme").to_owned(),
            active: service.get("active").and_then(Value::as_bool).unwrap_or(true),
            has_settings: is_programme(service.value()),
            organization: service.text("/providedBy/reference").map(str::to_owned),
            phone_all_day: phone_all_day(service),
            phones: phones(service).cloned().collect(),
            zone: TimeZone::UTC,
            rule_sets: Vec::new(),
            lines_of_business: Vec::new(),
            self_pay: false,
            requires_authorization: false,
            max_attempts: 3,
            offer_expires_days: 30,
            eligibility_valid_days: 30,
            attestation_valid_days: 90,
            retro_limit_days: 90,
            consent_form: None,
            verbal_consent: true,
            capacity: None,
            exclusive_with: Vec::new(),
            hospice_policy: HospicePolicy::End,
            concurrent_lines: Vec::new(),
            age_min: None,
            age_max: None,
            pcmh_required: false,
            settings: Vec::new(),
            required_roles: Vec::new(),
            tier_roles: Vec::new(),
            strict_concurrency: false,
            accepts_consent: false,
            payment: Policy::default(),
            measures: OfProgram::default(),
            specialist: false,
            risk_algorithm: None,
            pediatric: false,
            in_person_required: false,
            first_visit_days: None,
            assess_days: None,
            pain_positive: None,
            concept_maps: Vec::new(),
            attribution_group: None,
            maps: Arc::default(),
            algorithm: None,
            care_plan_template: None,
            template: None,
            exit_rule_set: None,
        }
    }

    /// The reference by which episodes name it.
    pub fn reference(&self) -> String {
        format!("HealthcareService/{}", self.id)
    }
}

/// Whether a HealthcareService is a palliative programme: whether it has settings of one.
pub fn is_programme(service: &Value) -> bool {
    list(service.get("extension")).any(|extension| extension["url"] == SETTINGS_EXTENSION)
}

/// What is wrong with the settings of a HealthcareService that is to be stored; nothing where it has none.
pub fn issues(service: &Value) -> Vec<Issue> {
    if service["resourceType"] != "HealthcareService" || !is_programme(service) {
        return Vec::new();
    }
    let Ok(service) = Resource::from_value(service.clone()) else { return Vec::new() };
    Program::read(&service).err().map_or_else(Vec::new, |failure| failure.issues)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::HospicePolicy;
    use super::Program;
    use crate::fhir::resource::Resource;
    use crate::palliative::vocabulary::SETTINGS_EXTENSION;

    fn service(settings: Value) -> Resource {
        Resource::from_value(json!({
            "resourceType": "HealthcareService", "id": "p",
            "extension": [{ "url": SETTINGS_EXTENSION, "extension": settings }],
        }))
        .unwrap()
    }

    #[test]
    fn the_default_programme_reads_and_answers_its_telephone_day_and_night() {
        let text = include_str!("../definitions/programs/default.json");
        let program =
            Program::read(&Resource::from_value(serde_json::from_str(text).unwrap()).unwrap()).unwrap();
        assert_eq!(program.id, "default");
        assert_eq!(program.zone.iana_name(), Some("America/Los_Angeles"));
        assert_eq!(program.rule_sets.len(), 2);
        assert_eq!(
            program.required_roles,
            [vec!["rn", "prescriber"], vec!["social-worker"], vec!["phone-24-7"]]
        );
        assert_eq!(program.organization.as_deref(), Some("Organization/default"));
        assert!(program.phone_all_day && program.active);
    }

    #[test]
    fn settings_that_are_left_out_have_the_documented_defaults() {
        let program = Program::read(&service(json!([]))).unwrap();
        assert_eq!((program.max_attempts, program.offer_expires_days), (3, 30));
        assert_eq!((program.eligibility_valid_days, program.retro_limit_days), (30, 90));
        assert_eq!(program.hospice_policy, HospicePolicy::End);
        assert!(program.verbal_consent && !program.requires_authorization && !program.phone_all_day);
    }

    #[test]
    fn a_programme_for_children_serves_nobody_older_unless_it_says_so() {
        let last_age = |more: Value| {
            let mut settings = vec![json!({ "url": "pediatric", "valueBoolean": true })];
            settings.extend(more.as_array().unwrap().clone());
            Program::read(&service(Value::Array(settings))).unwrap().age_max
        };
        assert_eq!(last_age(json!([])), Some(20));
        assert_eq!(last_age(json!([{ "url": "ageMax", "valueInteger": 25 }])), Some(25));
    }

    #[test]
    fn every_unknown_or_wrong_setting_is_reported() {
        let failure = Program::read(&service(json!([
            { "url": "tz", "valueString": "Mars/Olympus" },
            { "url": "maxAttempts", "valueInteger": -1 },
            { "url": "maxAttempts", "valueString": "3" },
            { "url": "colour", "valueString": "green" },
            { "url": "retroLimitDays", "valueInteger": 10 },
        ])))
        .unwrap_err();
        assert_eq!(failure.status(), 422);
        let places: Vec<_> = failure.issues.iter().filter_map(|issue| issue.expression.as_deref()).collect();
        let place = |at: usize| format!("HealthcareService.extension[0].extension[{at}]");
        assert_eq!(places, [place(0), place(1), place(2), place(3)]);
    }

    /// The README's rows of settings: the name, the type and the default.
    fn rows() -> Vec<(&'static str, &'static str, &'static str)> {
        let table = include_str!("../../README.md").split("| Setting | Type | At most |").nth(1).unwrap();
        let rows = table.split("\n\n").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
        rows.map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let default = cells[3].split("Default: ").nth(1).unwrap().trim_end_matches('.');
            (cells[0].trim_end_matches('`'), cells[1], default)
        })
        .collect()
    }

    #[test]
    fn every_setting_is_told_of_and_holds_what_is_told_where_it_is_left_out() {
        let told: Vec<&str> = rows().iter().map(|row| row.0).collect();
        assert_eq!(told, super::SETTERS.map(|(name, ..)| name));
        let text = |program: &Program| format!("{program:?}");
        let left_out = Program::read(&service(json!([]))).unwrap();
        for (name, kind, default) in rows() {
            let value = match kind {
                "boolean" => json!({ "valueBoolean": default.parse::<bool>().unwrap() }),
                "integer" if default.parse::<i64>().is_ok() => {
                    json!({ "valueInteger": default.parse::<i64>().unwrap() })
                }
                "code" if !["all", "none"].contains(&default) => json!({ "valueCode": default }),
                "string" if name == "tz" => json!({ "valueString": default }),
                _ => continue,
            };
            let mut setting = value;
            setting["url"] = name.into();
            let said = Program::read(&service(json!([setting]))).unwrap();
            assert_eq!((text(&said), said.zone.clone()), (text(&left_out), left_out.zone.clone()), "{name}");
        }
        let nothing = (
            left_out.consent_form,
            left_out.capacity,
            left_out.age_min,
            left_out.age_max,
            left_out.risk_algorithm,
            (left_out.first_visit_days, left_out.assess_days, left_out.exit_rule_set),
            (left_out.attribution_group, left_out.care_plan_template),
        );
        assert_eq!(nothing, (None, None, None, None, None, (None, None, None), (None, None)));
        let lists = [
            left_out.rule_sets,
            left_out.lines_of_business,
            left_out.concurrent_lines,
            left_out.exclusive_with,
            left_out.settings,
            left_out.concept_maps,
        ];
        assert!(
            lists.concat().is_empty() && left_out.required_roles.is_empty() && left_out.tier_roles.is_empty()
        );
        assert!(left_out.payment.rates.is_empty());
    }

    #[test]
    fn every_setting_of_the_example_changes_what_holds() {
        let example: Value = serde_json::from_str(include_str!("../../tests/data/programme.json")).unwrap();
        let settings = example["extension"][0]["extension"].as_array().unwrap().clone();
        assert_eq!(settings.len(), super::SETTERS.len());
        let left_out = format!("{:?}", Program::read(&service(json!([]))).unwrap());
        for setting in settings {
            let name = setting["url"].clone();
            let said = Program::read(&service(json!([setting]))).unwrap();
            assert_ne!(format!("{said:?}"), left_out, "{name}");
        }
    }
}
