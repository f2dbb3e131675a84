//! For the tests of enrolment and care plans: a patient's resources in memory, to which decisions are written as
//! the session would write them.

mod made;
mod rows;

use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

use crate::definitions::Definitions;
use crate::definitions::extension_issues;
use crate::fhir::datetime::span;
use crate::fhir::outcome::Failure;
use crate::fhir::profile::Budget;
use crate::fhir::resource::Resource;
use crate::fhir::shape;
use crate::palliative::enrollment::EpisodeRow;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::enroll;
use crate::palliative::enrollment::enroll::Enrollment;
use crate::palliative::enrollment::episode_row;
use crate::palliative::enrollment::evidence::Evidence;
use crate::palliative::enrollment::facts::Actor;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::Side;
use crate::palliative::enrollment::facts::Who;
use crate::palliative::enrollment::facts::version;
use crate::palliative::enrollment::refer;
use crate::palliative::enrollment::refer::Duplicate;
use crate::palliative::enrollment::refer::Referral;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::transition;
use crate::palliative::enrollment::transition::Beside;
use crate::palliative::program::Program;
use crate::palliative::screening::Outcome;
use crate::palliative::vocabulary::CONSENT_CATEGORY_SYSTEM;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;
use crate::palliative::vocabulary::STATE_EXTENSION;
use crate::palliative::vocabulary::STATE_SYSTEM;

pub use made::agreed;
pub use made::care_team;
pub use made::consent;
pub use made::coverage;
pub use made::determined;
pub use made::on;
pub use made::programme;
pub use made::referral;
pub use made::request;
pub use made::resource;
pub use made::wish;

/// The rule set that the tests screen with.
pub const RULE_SET: &str = "https://comfrey.health/fhir/PlanDefinition/RS-CA-ADULT|1";

/// A patient in memory.
pub struct World {
    pub program: Program,
    pub resources: BTreeMap<String, Resource>,
    pub today: String,
    pub actor: Actor,
    pub rule_sets: Vec<String>,
    next: u32,
}

impl World {
    /// A patient born in 1950, with a consent, a coverage and a team, on 2026-01-15.
    pub fn new() -> Self {
        let program = json!({ "resourceType": "HealthcareService", "id": "prog",
            "providedBy": { "reference": "Organization/org" },
            "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings", "extension": [
                { "url": "tz", "valueString": "America/Phoenix" },
                { "url": "requiredRole", "valueString": "rn|prescriber" },
                { "url": "requiredRole", "valueString": "social-worker" },
                { "url": "lobAllowed", "valueCode": "medicaid-mc" },
                { "url": "setting", "valueCode": "home" },
                { "url": "ageMin", "valueInteger": 18 }] }] });
        let mut world = Self {
            program: Program::read(&resource(program)).unwrap(),
            resources: BTreeMap::new(),
            today: "2026-01-15".into(),
            actor: Actor {
                who: Who::Reference("Practitioner/dr".into()),
                roles: vec!["program-director".into()],
                side: Side::Team,
            },
            rule_sets: vec![RULE_SET.into()],
            next: 0,
        };
        world.put(json!({ "resourceType": "Patient", "id": "p", "birthDate": "1950-05-01" }));
        world.put(consent());
        world.put(coverage());
        world.put(care_team());
        world
    }

    /// Puts a resource into the record.
    pub fn put(&mut self, value: Value) {
        let mut resource = resource(value);
        resource.object_mut().insert("meta".into(), json!({ "versionId": "1" }));
        let problems = shape::validate(&Definitions::shared().unwrap().shapes, resource.value());
        assert_eq!(problems, Vec::new(), "{}", resource.value());
        self.resources.insert(crate::palliative::enrollment::facts::name(&resource), resource);
    }

    /// Changes an element of a resource.
    pub fn set(&mut self, name: &str, element: &str, value: Value) {
        self.resources.get_mut(name).unwrap().object_mut().insert(element.into(), value);
    }

    pub fn chart(&self) -> Chart {
        Chart::new(self.resources.values().cloned().collect())
    }

    /// Runs something with the case of an episode.
    pub fn with_case<T>(&self, episode: &Resource, run: impl FnOnce(&Case) -> T) -> T {
        let chart = self.chart();
        let now = span(&self.today, &self.program.zone).unwrap().low + 43_200_000_000;
        run(&Case {
            program: &self.program,
            episode,
            chart: &chart,
            actor: &self.actor,
            now,
            rule_sets: &self.rule_sets,
        })
    }

    pub fn refer(&mut self, referral: &Referral) -> Result<Decision, Failure> {
        let blank = refer::blank("Patient/p").unwrap();
        let open = self.with_case(&blank, |case| {
            refer::open_episode(case).map(crate::palliative::enrollment::facts::name)
        });
        let decision = match open {
            None => self.with_case(&blank, |case| refer::open(case, referral)),
            Some(open) => self.with_case(&self.resources[&open], |case| refer::add(case, referral)),
        }?;
        self.write(&decision);
        Ok(decision)
    }

    pub fn episode(&self) -> &Resource {
        self.episode_in("prog").expect("an episode")
    }

    pub fn episode_in(&self, program: &str) -> Option<&Resource> {
        let program = format!("HealthcareService/{program}");
        let mut of = self.resources.values().filter(|one| {
            one.ty().name() == "EpisodeOfCare"
                && crate::palliative::enrollment::facts::program_of(one) == Some(program.as_str())
        });
        of.next_back()
    }

    pub fn state(&self) -> &'static str {
        crate::palliative::enrollment::facts::state_of(self.episode()).unwrap().code()
    }

    pub fn act(&mut self, request: &Request) -> Result<Decision, Failure> {
        self.act_beside(request, Beside::default())
    }

    pub fn act_beside(&mut self, request: &Request, beside: Beside) -> Result<Decision, Failure> {
        let decision = self.with_case(self.episode(), |case| transition::decide(case, request, beside))?;
        self.write(&decision);
        Ok(decision)
    }

    pub fn enroll(&mut self, wish: &Enrollment) -> Result<Decision, Failure> {
        let decision = self.with_case(self.episode(), |case| enroll::decide(case, wish))?;
        self.write(&decision);
        Ok(decision)
    }

    /// Referred, screened, found eligible, agreed: all but enrolled.
    pub fn consented(&mut self) {
        self.refer(&referral()).unwrap();
        self.act(&request(Action::Screen)).unwrap();
        self.act(&determined(Outcome::Eligible)).unwrap();
        self.act(&agreed()).unwrap();
    }

    pub fn enrolled(&mut self) {
        self.consented();
        self.enroll(&wish()).unwrap();
    }

    /// Writes a decision as the session would: every resource must be valid R4, and written from the version read.
    pub fn write(&mut self, decision: &Decision) {
        let mut names = BTreeMap::new();
        for draft in &decision.drafts {
            if let Place::New(name) | Place::Sent(name) | Place::NewUnless(name, _) = &draft.place {
                self.next += 1;
                names.insert(name.clone(), format!("{}/n{}", draft.resource.ty(), self.next));
            }
        }
        for draft in &decision.drafts {
            let mut text = draft.resource.value().to_string();
            for (name, new) in &names {
                text = text.replace(name.as_str(), new);
            }
            let mut written = resource(serde_json::from_str(&text).unwrap());
            let problems = shape::validate(&Definitions::shared().unwrap().shapes, written.value());
            assert_eq!(problems, Vec::new(), "{text}");
            let shapes = &Definitions::shared().unwrap().shapes;
            let problems = extension_issues(shapes, written.value(), &mut Budget::default()).unwrap();
            assert_eq!(problems, Vec::new(), "{text}");
            let (name, next) = match &draft.place {
                Place::New(name) | Place::Sent(name) | Place::NewUnless(name, _) => (names[name].clone(), 1),
                Place::Existing(read) => {
                    let name = crate::palliative::enrollment::facts::name(&draft.resource);
                    let current = version(&self.resources[&name]);
                    assert_eq!(*read, current, "{name} was read at another version");
                    (name, current.unwrap() + 1)
                }
            };
            let id = name.split_once('/').unwrap().1.to_owned();
            written.object_mut().insert("id".into(), id.into());
            written.object_mut().insert("meta".into(), json!({ "versionId": next.to_string() }));
            self.resources.insert(name, written);
        }
    }
}

/// The codes of ours in a failure, sorted.
pub fn codes(failure: &Failure) -> Vec<String> {
    let mut codes: Vec<String> = failure
        .issues
        .iter()
        .filter_map(|issue| issue.coding.as_ref().map(|(_, code)| code.clone()))
        .collect();
    codes.sort();
    codes
}
