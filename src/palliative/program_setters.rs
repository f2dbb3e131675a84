//! What each setting of a programme sets: its name, the element that has its value, and how that is read.
//! <https://hl7.org/fhir/R4/healthcareservice.html>

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::palliative::measures::conventions::Residents;
use crate::palliative::measures::conventions::Side;
use crate::palliative::payment::policy::MonthRule;
use crate::palliative::payment::policy::Rate;
use crate::palliative::payment::policy::TierRule;
use crate::palliative::program::HospicePolicy;
use crate::palliative::program::Program;
use crate::palliative::required_roles::TierRole;
use crate::palliative::required_roles::alternatives;
use crate::palliative::time_line::Holds;

type Setter = fn(&mut Program, &Value) -> Option<()>;
/// All settings, in the order in which they are told of.
#[rustfmt::skip]
pub(super) const SETTERS: [(&str, &str, Setter); 46] = [
    ("tz", "valueString", |p, v| { p.zone = TimeZone::get(v.as_str()?).ok()?; Some(()) }),
    ("ruleSet", "valueCanonical", |p, v| { p.rule_sets.push(v.as_str()?.to_owned()); Some(()) }),
    ("lobAllowed", "valueCode", |p, v| { p.lines_of_business.push(v.as_str()?.to_owned()); Some(()) }),
    ("selfPay", "valueBoolean", |p, v| { p.self_pay = v.as_bool()?; Some(()) }),
    ("requiresAuth", "valueBoolean", |p, v| { p.requires_authorization = v.as_bool()?; Some(()) }),
    ("maxAttempts", "valueInteger", |p, v| { p.max_attempts = whole(v)?; Some(()) }),
    ("offerExpiresDays", "valueInteger", |p, v| { p.offer_expires_days = whole(v)?; Some(()) }),
    ("eligibilityValidDays", "valueInteger", |p, v| { p.eligibility_valid_days = whole(v)?; Some(()) }),
    ("attestationValidDays", "valueInteger", |p, v| { p.attestation_valid_days = whole(v)?; Some(()) }),
    ("retroLimitDays", "valueInteger", |p, v| { p.retro_limit_days = whole(v)?; Some(()) }),
    ("consentForm", "valueUri", |p, v| { p.consent_form = Some(v.as_str()?.to_owned()); Some(()) }),
    ("verbalConsent", "valueBoolean", |p, v| { p.verbal_consent = v.as_bool()?; Some(()) }),
    ("capacity", "valueInteger", |p, v| { p.capacity = Some(whole(v)?); Some(()) }),
    ("exclusiveWith", "valueReference", |p, v| { p.exclusive_with.push(v.get("reference")?.as_str()?.to_owned()); Some(()) }),
    ("hospicePolicy", "valueCode", |p, v| { p.hospice_policy = policy(v.as_str()?)?; Some(()) }),
    ("concurrentLob", "valueCode", |p, v| { p.concurrent_lines.push(v.as_str()?.to_owned()); Some(()) }),
    ("ageMin", "valueInteger", |p, v| { p.age_min = Some(whole(v)?); Some(()) }),
    ("ageMax", "valueInteger", |p, v| { p.age_max = Some(whole(v)?); Some(()) }),
    ("pcmhRequired", "valueBoolean", |p, v| { p.pcmh_required = v.as_bool()?; Some(()) }),
    ("setting", "valueCode", |p, v| { p.settings.push(v.as_str()?.to_owned()); Some(()) }),
    ("requiredRole", "valueString", |p, v| { p.required_roles.push(alternatives(v.as_str()?)); Some(()) }),
    ("tierRole", "extension", |p, v| { p.tier_roles.push(TierRole::read(v)?); Some(()) }),
    ("strictConcurrency", "valueBoolean", |p, v| { p.strict_concurrency = v.as_bool()?; Some(()) }),
    ("acceptsConsent", "valueBoolean", |p, v| { p.accepts_consent = v.as_bool()?; Some(()) }),
    ("monthRule", "valueCode", |p, v| { p.payment.month_rule = MonthRule::parse(v.as_str()?)?; Some(()) }),
    ("tierRule", "valueCode", |p, v| { p.payment.tier_rule = TierRule::parse(v.as_str()?)?; Some(()) }),
    ("requiresService", "valueBoolean", |p, v| { p.payment.requires_service = v.as_bool()?; Some(()) }),
    ("holdCountsForPayment", "valueBoolean", |p, v| { p.payment.holds = if v.as_bool()? { Holds::Counted } else { Holds::LeftOut }; Some(()) }),
    ("payTable", "extension", |p, v| { p.payment.rates.push(Rate::read(v)?); Some(()) }),
    ("specialist", "valueBoolean", |p, v| { p.specialist = v.as_bool()?; Some(()) }),
    ("riskAlgorithm", "valueCanonical", |p, v| { p.risk_algorithm = Some(v.as_str()?.to_owned()); Some(()) }),
    ("carePlanTemplate", "valueCanonical", |p, v| { p.care_plan_template = Some(v.as_str()?.to_owned()); Some(()) }),
    ("pediatric", "valueBoolean", |p, v| { p.pediatric = v.as_bool()?; Some(()) }),
    ("inPersonRequired", "valueBoolean", |p, v| { p.in_person_required = v.as_bool()?; Some(()) }),
    ("firstVisitDays", "valueInteger", |p, v| { p.first_visit_days = Some(whole(v)?); Some(()) }),
    ("assessDays", "valueInteger", |p, v| { p.assess_days = Some(whole(v)?); Some(()) }),
    ("painPositive", "valueInteger", |p, v| { p.pain_positive = Some(whole(v).filter(|least| (1..=10).contains(least))?); Some(()) }),
    ("attributionGroup", "valueReference", |p, v| { p.attribution_group = Some(v.get("reference")?.as_str()?.to_owned()); Some(()) }),
    ("conceptMap", "valueCanonical", |p, v| { p.concept_maps.push(v.as_str()?.to_owned()); Some(()) }),
    ("exitRuleSet", "valueCanonical", |p, v| { p.exit_rule_set = Some(versioned(v.as_str()?)?); Some(()) }),
    ("dischargeDay", "valueCode", |p, v| { p.measures.conventions.discharge_day = Side::parse(v.as_str()?)?; Some(()) }),
    ("hospitalAtHome", "valueCode", |p, v| { p.measures.conventions.hospital_at_home = Side::parse(v.as_str()?)?; Some(()) }),
    ("gipHospice", "valueCode", |p, v| { p.measures.conventions.hospice_inpatient = Side::parse(v.as_str()?)?; Some(()) }),
    ("nfResident", "valueCode", |p, v| { p.measures.conventions.residents = Residents::parse(v.as_str()?)?; Some(()) }),
    ("holdCountsForMeasures", "valueBoolean", |p, v| { p.measures.conventions.holds = if v.as_bool()? { Holds::Counted } else { Holds::LeftOut }; Some(()) }),
    ("runoutDays", "valueInteger", |p, v| { p.measures.run_out_days = whole(v)?; Some(()) }),
];

/// Settings that others know and that are not taken here, with why and what to do.
pub(super) const NOT_TAKEN: [(&str, &str); 5] = [
    ("losConvention", "no measure of the length of hospice stays is computed"),
    ("suppressN", "no measure with strata of people is computed"),
    ("referenceGroup", "no measure with strata of people is computed"),
    ("cardSuppressionDays", "there are no cards"),
    ("usCoreVersion", "the profiles of both versions are held; name the profile to `$validate`"),
];

/// What is said of a setting that is not taken.
pub(super) fn unknown(name: &str) -> String {
    let known = NOT_TAKEN.iter().find(|(known, _)| *known == name);
    let so = known.map_or("is not known".to_owned(), |(_, why)| format!("is not taken, for {why}"));
    format!("The programme's setting `{name}` {so}; remove it from the HealthcareService.")
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64().filter(|number| (0..=100_000).contains(number))
}

/// A canonical with its version: what is meant by it does not change.
fn versioned(canonical: &str) -> Option<String> {
    canonical.split_once('|').filter(|(url, version)| !url.is_empty() && !version.is_empty())?;
    Some(canonical.to_owned())
}

fn policy(code: &str) -> Option<HospicePolicy> {
    match code {
        "end" => Some(HospicePolicy::End),
        "concurrent" => Some(HospicePolicy::Concurrent),
        _ => None,
    }
}
