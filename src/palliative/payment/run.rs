//! A run: its lines, what it was made from, and the id that follows from both. <https://hl7.org/fhir/R4/parameters.html>
//!
//! The same question about the same facts gives the same run with the same id, however often it is asked; so asking
//! twice keeps one run, and an id that comes back unchanged says that nothing changed.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::datetime::date_in;
use crate::fhir::outcome::Failure;
use crate::palliative::payment::Asked;
use crate::palliative::payment::Intakes;
use crate::palliative::payment::line::Line;
use crate::palliative::payment::month::month_name;
use crate::palliative::payment::policy::MonthRule;
use crate::palliative::payment::policy::TierRule;
use crate::palliative::program::Program;
use crate::palliative::time_line::Holds;
use crate::palliative::time_line::Stretch;

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// What it was made from.
    pub made_from: Value,
    /// Its lines, in the order of their keys.
    pub lines: Vec<Line>,
}

impl Run {
    /// The run with these lines.
    ///
    /// # Errors
    /// `Internal` where the lines cannot be written: a fault of ours.
    pub fn new(asked: &Asked, made_from: Value, mut lines: Vec<Line>) -> Result<Self, Failure> {
        lines.sort_by(|one, other| one.key().cmp(&other.key()));
        let content = serde_json::to_vec(&(&made_from, &lines)).map_err(Failure::internal)?;
        let digest = digest::digest(&digest::SHA256, &content);
        let hash: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { id: format!("run-{}-{hash}", month_name(asked.period.last)), made_from, lines })
    }

    /// Reads a run that was kept.
    ///
    /// # Errors
    /// `Internal` where it cannot be read.
    pub fn read(id: &str, made_from: &[u8], lines: &[u8]) -> Result<Self, Failure> {
        Ok(Self {
            id: id.to_owned(),
            made_from: serde_json::from_slice(made_from).map_err(Failure::internal)?,
            lines: serde_json::from_slice(lines).map_err(Failure::internal)?,
        })
    }

    /// Its lines as they are kept.
    ///
    /// # Errors
    /// `Internal` where they cannot be written.
    pub fn kept_lines(&self) -> Result<Vec<u8>, Failure> {
        serde_json::to_vec(&self.lines).map_err(Failure::internal)
    }

    /// The ids of the episodes with the months for which something is payable and those who pay for it, each once. A
    /// month that is not over is not paid yet.
    pub fn paid(&self) -> Vec<(String, String, String)> {
        let payable = self.lines.iter().filter(|line| line.unit > 0 && !line.provisional);
        let mut paid: Vec<(String, String, String)> = payable
            .filter_map(|line| {
                let episode = line.episode.strip_prefix("EpisodeOfCare/")?;
                Some((episode.to_owned(), line.month.clone(), line.cover.payers()))
            })
            .collect();
        paid.sort();
        paid.dedup();
        paid
    }

    /// Whether it is about these people, programmes and payer (see [`about`]): only then does a difference to another
    /// run about them say what changed.
    pub fn is_about(&self, about: &Value) -> bool {
        self.made_from.get("about") == Some(about)
    }

    /// The months that it covers; none where what it was made from cannot be read.
    pub fn period(&self) -> Option<Stretch> {
        let date = |name: &str| self.made_from.get(name)?.as_str()?.parse::<Date>().ok();
        Stretch::new(date("periodStart")?, date("periodEnd")?)
    }

    /// Its lines of the months of a period.
    pub fn lines_of(&self, period: Stretch) -> Vec<Line> {
        let (first, last) = (month_name(period.first), month_name(period.last));
        self.lines.iter().filter(|line| first <= line.month && line.month <= last).cloned().collect()
    }
}

/// Whom and what a run is about.
pub fn about(asked: &Asked, patients: &[String]) -> Value {
    let sorted = |all: &[String]| {
        let mut all = all.to_vec();
        all.sort();
        all.dedup();
        all
    };
    json!({
        "programs": sorted(&asked.programs),
        "payer": asked.payer,
        "patients": sorted(patients),
        "includeIntake": asked.intakes == Intakes::Included,
    })
}

/// What a run was made from: the question, the policy of each programme as it was then, and the programmes whose rules
/// could not be read.
pub fn made_from(
    asked: &Asked,
    patients: &[String],
    (programs, without_rules): (&BTreeMap<String, Program>, &[String]),
) -> Value {
    let wanted = programs
        .iter()
        .filter(|(reference, _)| asked.programs.is_empty() || asked.programs.contains(*reference));
    let policies: Vec<Value> = wanted
        .map(|(reference, program)| {
            json!({
                "program": reference,
                "monthRule": asked.month_rule.unwrap_or(program.payment.month_rule).code(),
                "tierRule": asked.tier_rule.unwrap_or(program.payment.tier_rule).code(),
                "requiresService": program.payment.requires_service,
                "holdCountsForPayment": program.payment.holds == Holds::Counted,
                "through": date_in(asked.now, &program.zone).min(asked.period.last).to_string(),
            })
        })
        .collect();
    json!({
        "periodStart": asked.period.first.to_string(),
        "periodEnd": asked.period.last.to_string(),
        "about": about(asked, patients),
        "monthRule": asked.month_rule.map(MonthRule::code),
        "tierRule": asked.tier_rule.map(TierRule::code),
        "policies": policies,
        "withoutRules": without_rules,
    })
}
