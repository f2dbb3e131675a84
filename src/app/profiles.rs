//! What R4, the definitions of our extensions and profiles find wrong with a resource: US Core's profiles, and those
//! that clients have stored.
//! <https://hl7.org/fhir/R4/validation.html>

use std::collections::HashSet;

use serde_json::Value;

use crate::access::Action;
use crate::app::Origin;
use crate::app::defined;
use crate::app::session::Session;
use crate::app::unheard;
use crate::config::Validation;
use crate::definitions::US_CORE;
use crate::definitions::extension_issues;
use crate::definitions::us_core;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::Severity;
use crate::fhir::form;
use crate::fhir::path;
use crate::fhir::profile;
use crate::fhir::profile::Budget;
use crate::fhir::profile::Known;
use crate::fhir::profile::Library;
use crate::fhir::profile::Profile;
use crate::fhir::profile::Subject;
use crate::fhir::shape;
use crate::palliative::program;
use crate::palliative::program_names;
use crate::palliative::rule_kind::RuleKind;

/// The most definitions that one resource's profiles may name.
const MOST_DEFINITIONS: usize = 100;

/// The most claims of profiles that one request may have judged.
const MOST_CLAIMS: usize = 1_000;

/// Refuses a resource that is to be written and breaks a rule of R4 or of one of our extensions, or where that is set, of a US Core profile that
/// it claims. A profile that is not known stops nothing.
///
/// # Errors
/// `Structure` or `Unprocessable`, with every issue.
pub(crate) fn check(session: &Session, resource: &Value, origin: Origin) -> Result<(), Failure> {
    let (app, subject) = (session.app(), Subject::of(resource));
    let mut issues = session.validate(resource);
    issues.extend(defined::issues(app, resource));
    issues.extend(app.risk.between_steps(resource));
    match origin {
        Origin::Client => {
            issues.extend(of_ours(session, resource)?);
            issues.extend(unheard::issues(resource));
        }
        // What the programme writes is right by its tests.
        Origin::Programme | Origin::Effect => {}
    }
    if app.config.validation == Validation::UsCore && subject.claims().any(|claim| claim.starts_with(US_CORE))
    {
        let known = Known::new(&app.definitions.shapes, vec![us_core().map_err(Failure::internal)?]);
        let profiles = claims(&subject).into_iter().filter_map(|claim| known.find(claim));
        let pairs = profiles.map(|profile| (&subject, profile));
        let found = session.allowance.spend(|budget| judged(&known, pairs, budget));
        added(&mut issues, found);
        issues.retain(|issue| issue.severity != Severity::Information);
    }
    shape::verdict(issues)
}

/// What is wrong with our own extensions, or with the settings of a programme.
fn of_ours(session: &Session, resource: &Value) -> Result<Vec<Issue>, Failure> {
    let mut settings = program::issues(resource);
    settings.extend(program_names::issues(resource, &session.app().definitions, session.base_url()));
    // Rules are looked at as a whole where they are stored, which says more.
    if !settings.is_empty() || RuleKind::of(resource).is_some() {
        return Ok(settings);
    }
    let found = session.allowance.spend(|left| {
        let given = Budget::of(left.left());
        let mut budget = given.clone();
        let found = extension_issues(&session.app().definitions.shapes, resource, &mut budget);
        *left = path::Budget::for_request(left.left() - (given.steps() - budget.steps()));
        found
    });
    found.map_err(Failure::internal)
}

/// The profiles that a resource claims, each once.
fn claims<'a>(subject: &Subject<'a>) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    subject.claims().filter(|claim| seen.insert(*claim)).collect()
}

/// What these profiles find, each in its resource, together within what one request may cost.
fn judged<'a>(
    known: &Known<'_>,
    pairs: impl Iterator<Item = (&'a Subject<'a>, &'a Profile)>,
    left: &mut path::Budget,
) -> Vec<Issue> {
    let given = Budget::of(left.left());
    let (mut budget, mut done, mut found) = (given.clone(), HashSet::new(), Vec::new());
    for (count, (subject, profile)) in pairs.enumerate() {
        // two claims may name one profile, with its version and without it
        if !done.insert((subject.at.as_str(), std::ptr::from_ref(profile))) {
            continue;
        }
        if count >= MOST_CLAIMS || budget.is_used_up() {
            let text = format!(
                "Judging the resource by {} takes too long after all the others; claim fewer profiles, or send \
                 smaller resources.",
                profile.title
            );
            found.push(Issue::error("too-costly", text).at(&subject.at));
            break;
        }
        found.extend(profile::validate(known, profile, subject, &mut budget));
    }
    *left = path::Budget::for_request(left.left() - (given.steps() - budget.steps()));
    found
}

/// Leaves out what R4 itself has said of the same place.
fn added(issues: &mut Vec<Issue>, of_profiles: Vec<Issue>) {
    let of_r4 = issues.len();
    for issue in of_profiles {
        let again = |known: &Issue| {
            known.severity == Severity::Error
                && known.code == issue.code
                && known.expression == issue.expression
                && matches!(issue.code, "required" | "code-invalid")
        };
        if !issues[..of_r4].iter().any(again) {
            issues.push(issue);
        }
    }
}

impl Session {
    /// Everything that R4 and the profile that is asked for, else those that the resource claims, find in a resource.
    ///
    /// # Errors
    /// `NotFound` where the profile that is asked for is not known; `Unprocessable` where it is no profile or has no
    /// snapshot.
    pub fn judge(&self, resource: &Value, asked: Option<&str>) -> Result<Vec<Issue>, Failure> {
        let mut issues = self.validate(resource);
        issues.extend(self.app().risk.between_steps(resource));
        issues.extend(of_ours(self, resource)?);
        let mut stored = Stored::new(self)?;
        let (subjects, wanted) = match asked {
            Some(asked) => (vec![Subject::of(resource)], Some(asked)),
            None => (Subject::all(resource), None),
        };
        let mut wanting = Vec::new();
        for subject in &subjects {
            let claims: Vec<&str> = wanted.map_or_else(|| claims(subject), |asked| vec![asked]);
            for canonical in claims.into_iter().filter(|canonical| !is_base(canonical, subject.resource)) {
                match (stored.fetch(canonical), asked) {
                    (Ok(()), _) => wanting.push((subject, canonical)),
                    (Err(failure), Some(_)) => return Err(failure),
                    (Err(failure), None) if failure.status() >= 500 => return Err(failure),
                    (Err(failure), None) => issues.extend(not_judged(failure, subject)),
                }
            }
        }
        let known = stored.known();
        let pairs = wanting.into_iter().filter_map(|(subject, name)| Some((subject, known.find(name)?)));
        let found = self.allowance.spend(|budget| judged(&known, pairs, budget));
        added(&mut issues, found);
        Ok(issues)
    }
}

/// Whether the canonical is that of R4's own definition of the resource's type.
fn is_base(canonical: &str, resource: &Value) -> bool {
    let ty = canonical.split('|').next().and_then(|url| url.strip_prefix(profile::R4));
    ty.is_some() && ty == resource["resourceType"].as_str()
}

/// A claim that cannot be judged stops nothing.
fn not_judged(failure: Failure, subject: &Subject<'_>) -> Vec<Issue> {
    let warned = |issue: Issue| {
        Issue { severity: Severity::Warning, ..issue }.at(format!("{}.meta.profile", subject.at))
    };
    failure.issues.into_iter().map(warned).collect()
}

/// The profiles that clients have stored, as far as they are needed, beside US Core's.
struct Stored<'a> {
    session: &'a Session,
    us_core: &'static Library,
    stored: Library,
    seen: HashSet<String>,
}

impl<'a> Stored<'a> {
    fn new(session: &'a Session) -> Result<Self, Failure> {
        let us_core = us_core().map_err(Failure::internal)?;
        Ok(Self { session, us_core, stored: Library::default(), seen: HashSet::new() })
    }

    fn known(&self) -> Known<'_> {
        Known::new(&self.session.app().definitions.shapes, vec![self.us_core, &self.stored])
    }

    /// Makes a profile known, with the profiles and value sets that it names as far as they are stored.
    fn fetch(&mut self, canonical: &str) -> Result<(), Failure> {
        if self.known().find(canonical).is_some() {
            return Ok(());
        }
        let found = self.find("StructureDefinition", canonical)?.ok_or_else(|| {
            let text = format!(
                "The profile `{}` is not known here; store its StructureDefinition, or ask for one of US Core.",
                shortened(canonical)
            );
            Failure::new(Reason::NotFound, text)
        })?;
        let compiled = Profile::compile(&found).map_err(|text| Failure::new(Reason::Unprocessable, text))?;
        self.take(compiled)
    }

    fn take(&mut self, profile: Profile) -> Result<(), Failure> {
        let mut open: Vec<String> = profile.profiles().map(str::to_owned).collect();
        let mut value_sets: Vec<String> = profile.value_sets().map(str::to_owned).collect();
        self.stored.add(profile);
        while let Some(url) = open.pop() {
            if self.known().find(&url).is_some() {
                continue;
            }
            // One that cannot be compiled is like one that is not there: the issues name it as not checked.
            let found = self.find("StructureDefinition", &url)?;
            if let Some(Ok(profile)) = found.map(|found| Profile::compile(&found)) {
                open.extend(profile.profiles().map(str::to_owned));
                value_sets.extend(profile.value_sets().map(str::to_owned));
                self.stored.add(profile);
            }
        }
        for url in value_sets {
            if !self.known().has_codes(&url)
                && let Some(value_set) = self.find("ValueSet", &url)?
            {
                self.stored.add_codes(&value_set);
            }
        }
        Ok(())
    }

    /// The newest stored definition of a canonical that the caller may see.
    fn find(&mut self, ty: &str, canonical: &str) -> Result<Option<Value>, Failure> {
        let (url, version) = canonical.split_once('|').map_or((canonical, None), |(u, v)| (u, Some(v)));
        let ty = ResourceType::parse(ty).expect("definitions are of types of R4");
        let may_look = url.starts_with("http") || url.starts_with("urn:");
        let new = self.seen.len() < MOST_DEFINITIONS && self.seen.insert(canonical.to_owned());
        if !may_look || !new || !self.session.caller().may(Action::Search, ty) {
            return Ok(None);
        }
        let mut query = format!("_sort=-_lastUpdated&url={}", form::encoded(&escaped(url)));
        if let Some(version) = version {
            query = format!("{query}&version={}", form::encoded(&escaped(version)));
        }
        self.session.find(ty, &query)?.first().map(crate::store::Stored::value).transpose()
    }
}

/// A value as it stands in a search parameter. <https://hl7.org/fhir/R4/search.html#escaping>
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | ',' | '|' | '$') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
