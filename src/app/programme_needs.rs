//! What a programme names and that is stored beside it: rules and ConceptMaps of clients.
//! <https://hl7.org/fhir/R4/healthcareservice.html>
//!
//! It must be here by the time at which the programme is, from before or from the same transaction.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::app::Session;
use crate::app::prepare::Batch;
use crate::app::prepare::place;
use crate::app::resolve::Condition;
use crate::app::rule_document::value_of;
use crate::app::rule_sets::named;
use crate::app::session::LARGEST_PAGE;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::palliative::code_maps;
use crate::palliative::program_names;
use crate::palliative::rule_kind::RuleKind;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::matches;

/// How many of a kind a programme names at most.
const MOST: usize = 50;

/// What is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rules(RuleKind),
    ConceptMap,
}

/// What a programme is to be stored with, and that is none of ours.
pub(crate) struct Need {
    kind: Kind,
    at: String,
    canonical: String,
    /// Finds those that have its URL.
    holders: Condition,
}

impl Kind {
    const ALL: [Self; 4] = [
        Self::Rules(RuleKind::RuleSet),
        Self::Rules(RuleKind::Algorithm),
        Self::Rules(RuleKind::Template),
        Self::ConceptMap,
    ];

    /// The settings that name such: rule sets by which a programme admits and lets go, ConceptMaps by which it reads.
    fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Rules(RuleKind::RuleSet) => &["ruleSet", "exitRuleSet"],
            Self::Rules(RuleKind::Algorithm) => &["riskAlgorithm"],
            Self::Rules(RuleKind::Template) => &["carePlanTemplate"],
            Self::ConceptMap => &["conceptMap"],
        }
    }

    fn type_name(self) -> &'static str {
        match self {
            Self::Rules(_) => "PlanDefinition",
            Self::ConceptMap => "ConceptMap",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Rules(kind) => kind.words(),
            Self::ConceptMap => "ConceptMap",
        }
    }

    fn is_ours(self, session: &Session, canonical: &str) -> bool {
        match self {
            Self::Rules(RuleKind::RuleSet) => session.app().rule_sets.meant(canonical).is_some(),
            Self::Rules(RuleKind::Algorithm) => session.app().risk.find(canonical).is_some(),
            Self::Rules(RuleKind::Template) => session.app().care_plans.find(canonical).is_some(),
            Self::ConceptMap => false,
        }
    }

    fn is_usable(self, resource: &Value) -> bool {
        match self {
            Self::Rules(kind) => RuleKind::of(resource) == Some(kind),
            Self::ConceptMap => code_maps::is_usable(resource),
        }
    }

    fn missing(self, canonical: &str) -> String {
        match self {
            Self::Rules(kind) => format!(
                "There is no {} {canonical} here, or only a draft; store it first, or in the same transaction.",
                kind.words()
            ),
            Self::ConceptMap => format!(
                "There is no ConceptMap {canonical} here that is active and says of a code that it is `equal` or \
                 `equivalent` to another; store it first, or in the same transaction."
            ),
        }
    }
}

/// What a programme names and that others must have stored, by the time at which it is.
///
/// # Errors
/// `Unprocessable`, with the place, for what is named twice, for more than there may be, and for a Group of which the
/// request has none.
pub(crate) fn needs(session: &Session, service: &Value) -> Result<Vec<Need>, Failure> {
    let stray = program_names::stray_groups(service, session.base_url());
    if !stray.is_empty() {
        return Err(Failure::of(Reason::Unprocessable, stray));
    }
    let mut needs = Vec::new();
    for kind in Kind::ALL {
        let mut seen = BTreeSet::new();
        for (which, (at, canonical)) in program_names::canonicals(service, kind.settings()).enumerate() {
            let words = kind.words();
            let text = if which >= MOST {
                format!("A programme names at most {MOST} {words}s; leave this one out.")
            } else if seen.insert(canonical) {
                if !kind.is_ours(session, canonical) {
                    needs.push(need(session, (kind, at, canonical))?);
                }
                continue;
            } else {
                format!("{canonical} is named twice; keep one of them.")
            };
            let issue = Issue::error("business-rule", text).at(at);
            return Err(Failure::of(Reason::Unprocessable, vec![issue]));
        }
    }
    Ok(needs)
}

fn need(session: &Session, (kind, at, canonical): (Kind, String, &str)) -> Result<Need, Failure> {
    let url = canonical.split_once('|').map_or(canonical, |(url, _)| url);
    let ty = ResourceType::parse(kind.type_name()).expect("it is a type of R4");
    let criteria = format!("url={}", value_of(url));
    let holders = session.as_service().condition(ty, &criteria, LARGEST_PAGE)?;
    Ok(Need { kind, at, canonical: canonical.to_owned(), holders })
}

/// Refuses a programme, after everything is written, that names what is not here. No rules can be deleted, so that those
/// that are here stay.
///
/// # Errors
/// `Unprocessable`, with the place of each.
pub(crate) fn are_here(conn: &mut Conn, batch: &Batch) -> Result<(), Fault> {
    for change in &batch.changes {
        let mut issues = Vec::new();
        for need in change.work.content().into_iter().flat_map(|content| &content.needs) {
            let hits = matches::hits(conn, need.holders.plan.page.clone())?;
            let found = hits.iter().map(|hit| hit.stored.value()).collect::<Result<Vec<_>, _>>()?;
            let usable: Vec<Value> = found.into_iter().filter(|one| need.kind.is_usable(one)).collect();
            if named(&usable, &need.canonical).is_none() {
                let text = need.kind.missing(&need.canonical);
                issues.push(Issue::error("business-rule", text).at(need.at.clone()));
            }
        }
        if !issues.is_empty() {
            return Err(place(Failure::of(Reason::Unprocessable, issues), &change.at).into());
        }
    }
    Ok(())
}
