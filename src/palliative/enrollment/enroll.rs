//! The start of the service: its guards, all checked and all reported together, and what it writes.
//! <https://hl7.org/fhir/R4/episodeofcare.html>

use fhir_typed::Resource as Typed;
use fhir_typed::types::Extension;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Issue;
use crate::fhir::outcome::Reason;
use crate::fhir::parameters::Input;
use crate::fhir::resource::Resource;
use crate::palliative::element::complex;
use crate::palliative::element::date_value;
use crate::palliative::element::extension;
use crate::palliative::element::plain_code;
use crate::palliative::element::reference_value;
use crate::palliative::element::string_value;
use crate::palliative::enrollment::attribution::Why;
use crate::palliative::enrollment::companions::flag;
use crate::palliative::enrollment::coverage_history;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::evidence::Evidence;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::guards;
use crate::palliative::enrollment::home_history;
use crate::palliative::enrollment::qualifying::qualify;
use crate::palliative::enrollment::request::Wanted;
use crate::palliative::enrollment::request::refused;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::table::transition;
use crate::palliative::enrollment::tiers;
use crate::palliative::enrollment::transition::Change;
use crate::palliative::enrollment::transition::finish;
use crate::palliative::enrollment::transition::impossible;
use crate::palliative::enrollment::transition::permit;
use crate::palliative::risk::decision::standing;
use crate::palliative::risk::tier::Earlier;
use crate::palliative::risk::tier::Tier;
use crate::palliative::vocabulary::CONSENT_EXTENSION;
use crate::palliative::vocabulary::COVERAGE_EXTENSION;
use crate::palliative::vocabulary::EPISODE_EXTENSION;
use crate::palliative::vocabulary::EVIDENCE_EXTENSION;
use crate::palliative::vocabulary::INTAKE_EXTENSION;
use crate::palliative::vocabulary::OVERRIDE_EXTENSION;
use crate::palliative::vocabulary::SETTING_EXTENSION;
use crate::palliative::vocabulary::TIER_EXTENSION;

/// What comes with the wish to enrol.
#[derive(Clone, Debug)]
pub struct Enrollment {
    /// `startDate`
    pub start: Date,
    /// `setting`
    pub setting: String,
    /// `coverage`: a reference.
    pub coverage: String,
    /// `consent`, if it is not on the episode already.
    pub consent: Option<Wanted>,
    /// `careTeam`
    pub care_team: Option<Wanted>,
    /// `pcmhSite`: a reference; without it the site that the patient is attributed to, and why.
    pub pcmh_site: Option<(String, Why)>,
    /// Where a site is named, the one that the patient is attributed to, if any.
    pub attributed: Option<String>,
    /// `intakeEncounter`: a reference.
    pub intake_encounter: Option<String>,
    /// `tier`
    pub tier: Option<String>,
    /// `overrideReason`
    pub override_reason: Option<String>,
}

const TIERS: [&str; 4] = ["tier-1", "tier-2", "tier-3", "tier-4"];

impl Enrollment {
    /// Reads the parameters of `$palliative-enroll`.
    ///
    /// # Errors
    /// 400 for a parameter that cannot be used.
    pub fn read(given: &Input) -> Result<Self, Failure> {
        let needed = |name: &str| refused(name, format!("`{name}` is missing or empty."));
        let tier = given.text("tier").map(str::to_owned);
        if let Some(tier) = tier.as_deref().filter(|tier| !TIERS.contains(tier)) {
            return Err(refused("tier", format!("`{tier}` is not a tier; use one of {}.", TIERS.join(", "))));
        }
        Ok(Self {
            start: given.day("startDate")?.ok_or_else(|| needed("startDate"))?,
            setting: given.text("setting").map(str::to_owned).ok_or_else(|| needed("setting"))?,
            coverage: given.reference("coverage").map(str::to_owned).ok_or_else(|| needed("coverage"))?,
            consent: Wanted::read(given, "consent"),
            care_team: Wanted::read(given, "careTeam"),
            pcmh_site: given.reference("pcmhSite").map(|to| (to.to_owned(), Why::Named)),
            attributed: None,
            intake_encounter: given.reference("intakeEncounter").map(str::to_owned),
            tier,
            override_reason: given.text("overrideReason").map(str::to_owned),
        })
    }

    /// The agreement: the one given here, or the one on the episode.
    pub fn agreement<'a>(&'a self, case: &Case<'a>) -> Option<&'a Resource> {
        match &self.consent {
            Some(Wanted::New(sent)) => Some(sent),
            Some(Wanted::Reference(to)) => case.chart.find(to),
            None => {
                let on_file = crate::palliative::enrollment::extension_of(case.episode, CONSENT_EXTENSION)?;
                case.chart.find(on_file.pointer("/valueReference/reference")?.as_str()?)
            }
        }
    }

    /// The team: the one given here, or the one on the episode.
    pub fn team<'a>(&'a self, case: &Case<'a>) -> Option<&'a Resource> {
        match &self.care_team {
            Some(Wanted::New(sent)) => Some(sent),
            Some(Wanted::Reference(to)) => case.chart.find(to),
            None => case.chart.find(case.episode.text("/team/0/reference")?),
        }
    }
}

/// Decides on the start of the service.
///
/// # Errors
/// 409 alone where the state does not allow it; else 422 with every guard that does not hold.
pub fn decide(case: &Case, wish: &Enrollment) -> Result<Decision, Failure> {
    let state = case.state()?;
    let stored = Episode::of(case.episode);
    if state == State::Enrolled && stored.start() == Some(wish.start) {
        return Ok(Decision::nothing(state));
    }
    let row = transition(state, Action::Enroll).ok_or_else(|| impossible(state, Action::Enroll))?;
    permit(case.actor, row)?;
    let issues: Vec<Issue> = guards::all(case, &stored, wish);
    if !issues.is_empty() {
        return Err(Failure::of(Reason::BusinessRule, issues));
    }
    start(case, wish, stored)
}

fn start(case: &Case, wish: &Enrollment, mut stored: Episode) -> Result<Decision, Failure> {
    let mut drafts = Drafts::default();
    stored.open_period(wish.start);
    freeze(case, wish, &mut stored);
    // What was decided upon long ago gives way to what speaks for the person now; an override speaks for itself.
    let proof = guards::proof(case, &stored, wish.start).filter(|_| wish.override_reason.is_none());
    let decided = stored.stored_extension(EVIDENCE_EXTENSION).and_then(Evidence::thaw);
    if let Some(proof) = proof.filter(|proof| decided.as_ref() != Some(proof)) {
        stored.set(proof.freeze());
        qualify(&mut stored, &proof.conditions);
    }
    if let Some(consent) = chosen(&wish.consent, &mut drafts, |_| ()) {
        stored.set(extension(CONSENT_EXTENSION, reference_value(&consent)));
    }
    let episode = case.episode_name();
    let team = chosen(&wish.care_team, &mut drafts, |team| mark_team(case, team, &episode));
    if let Some(team) = team {
        stored.lead_team(&team);
    }
    let manager = wish.team(case).and_then(|team| guards::manager(team, (wish.start, case.program)));
    if let Some(manager) = manager.filter(|_| !stored.has_care_manager()) {
        stored.set_care_manager(&manager);
    }
    stored.change_state(State::Enrolled, wish.start);
    drafts.add(Typed::Flag(Box::new(flag(
        case,
        "palliative-enrolled",
        "Enrolled in palliative care",
        wish.start,
    ))))?;
    let change =
        Change { to: State::Enrolled, on: wish.start, last_day: None, reasons: Vec::new(), note: None };
    let warnings = warnings(&stored);
    Ok(Decision { warnings, ..finish(case, stored, (Action::Enroll, change), drafts)? })
}

/// What does not stand in the way, and is better looked at.
fn warnings(stored: &Episode) -> Vec<Issue> {
    let tier = "No tier of need is on the episode; the care plan goes by the usual intervals.";
    let manager =
        "The care team names no nurse or prescriber with a resource; the episode has no careManager.";
    let lacking =
        [(!stored.has(TIER_EXTENSION), tier, "tier"), (!stored.has_care_manager(), manager, "careTeam")];
    let found = lacking.into_iter().filter(|(lacks, ..)| *lacks);
    found.map(|(_, text, at)| Issue::warning("informational", text).at(parameter(at))).collect()
}

/// What stays on the episode as it was on the first day.
fn freeze(case: &Case, wish: &Enrollment, stored: &mut Episode) {
    stored.set(extension(COVERAGE_EXTENSION, reference_value(&wish.coverage)));
    stored.set(extension(SETTING_EXTENSION, plain_code(&wish.setting)));
    let home = wish.pcmh_site.as_ref().map(|(to, why)| (to.as_str(), *why));
    let kept = [
        home.map(home_history::frozen),
        home.map(|home| home_history::first(home, wish.attributed.as_deref(), wish.start)),
        coverage_history::first(case, &wish.coverage, wish.start),
        wish.intake_encounter.as_ref().map(|to| extension(INTAKE_EXTENSION, reference_value(to))),
        wish.override_reason.as_ref().map(|text| extension(OVERRIDE_EXTENSION, string_value(text))),
        match &wish.tier {
            Some(tier) => {
                let named = extension("named", date_value(case.today()));
                Some(tier_extension((tier, wish.start), [named]))
            }
            None if stored.has(TIER_EXTENSION) => None,
            None => last_tier(case, wish.start).map(|(tier, until)| {
                let until = until.into_iter().flat_map(|(until, next)| {
                    let settled = extension("settled", plain_code(next.code()));
                    [extension("until", date_value(until)), settled]
                });
                tier_extension((tier.code(), wish.start), until)
            }),
        },
    ];
    for one in kept.into_iter().flatten() {
        stored.set(one);
    }
}

/// The tier of need that a team is to serve: the one that is wished, else the one on the episode, else the last
/// stratification's. Where the first day is past it is that of today, for the person may have been stratified since.
pub fn tier(case: &Case, wish: &Enrollment) -> Option<Tier> {
    let day = wish.start.max(case.today());
    let given = wish.tier.as_deref().or_else(|| tiers::on(case.episode, day));
    given.map_or_else(|| last_tier(case, day).map(|(tier, _)| tier), Tier::parse)
}

/// The tier that the last stratification for the programme gives on a day; what a clinician set ends on its day,
/// from which on the tier is the second.
fn last_tier(case: &Case, on: Date) -> Option<(Tier, Option<(Date, Tier)>)> {
    let all: Vec<Resource> = case.chart.of("RiskAssessment").cloned().collect();
    standing(&Earlier::among(&all, case.program), on)
}

fn tier_extension((tier, since): (&str, Date), more: impl IntoIterator<Item = Extension>) -> Extension {
    let parts = [extension("tier", plain_code(tier)), extension("since", date_value(since))];
    complex(TIER_EXTENSION, parts.into_iter().chain(more).collect())
}

/// The reference of a wanted resource; a new one is written along.
fn chosen(wanted: &Option<Wanted>, drafts: &mut Drafts, mark: impl Fn(&mut Resource)) -> Option<String> {
    match wanted.as_ref()? {
        Wanted::Reference(to) => Some(to.clone()),
        Wanted::New(sent) => {
            let name = drafts.name();
            let mut resource = sent.clone();
            mark(&mut resource);
            drafts.push(resource, Place::Sent(name.clone()));
            Some(name)
        }
    }
}

/// A team that came with the enrolment belongs to it.
fn mark_team(case: &Case, team: &mut Resource, episode: &str) {
    let team = team.object_mut();
    team.entry("subject").or_insert_with(|| json!({ "reference": case.patient() }));
    team.entry("status").or_insert_with(|| "active".into());
    let mut extensions: Vec<Value> = list(team.get("extension")).cloned().collect();
    extensions.push(json!({ "url": EPISODE_EXTENSION, "valueReference": { "reference": episode } }));
    team.insert("extension".into(), Value::Array(extensions));
}
