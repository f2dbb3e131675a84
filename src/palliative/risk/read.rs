//! An algorithm of stratification as a PlanDefinition. <https://hl7.org/fhir/R4/plandefinition.html>
//!
//! Its actions are `items` (criteria, as a rule set has them, and series of values), `domains` with their levels,
//! `tiers` with the score at which each begins and the care that is recommended, `floors`, `overrides` and `tasks`.
//! A condition is an expression over items, as in a rule set. A parameter that is not read is refused, and everything
//! that is wrong is told at once, each with its place.

use serde_json::Value;

use crate::palliative::risk::document::Document;
use crate::palliative::risk::document::Floor;
use crate::palliative::risk::document::Override;
use crate::palliative::risk::document::Raising;
use crate::palliative::risk::document::Step;
use crate::palliative::risk::document::TaskRule;
use crate::palliative::risk::domain::Domain;
use crate::palliative::risk::intensity::Intensity;
use crate::palliative::risk::read_part::LEVEL_EXTENSION;
use crate::palliative::risk::read_part::item;
use crate::palliative::risk::read_part::level;
use crate::palliative::risk::read_part::missing;
use crate::palliative::risk::read_part::needed;
use crate::palliative::risk::read_part::positive;
use crate::palliative::risk::read_part::step;
use crate::palliative::risk::read_part::tier;
use crate::palliative::risk::series::SERIES;
use crate::palliative::risk::tier::Tier;
use crate::palliative::rule_frame;
use crate::palliative::rule_part::Part;
use crate::palliative::rule_part::Shape;
use crate::palliative::rule_part::distinct;
use crate::palliative::rule_part::ids;
use crate::palliative::screening::Problem;
use crate::palliative::screening::document::CRITERION;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::problem::noted;
use crate::palliative::vocabulary::RISK_ADJUSTMENT_SYSTEM;
use crate::palliative::vocabulary::RISK_DOMAIN_SYSTEM;
use crate::palliative::vocabulary::TASK_SYSTEM;

macro_rules! own {
    ($($name:ident = $id:literal;)*) => {
        $(const $name: &str = concat!("https://comfrey.health/fhir/StructureDefinition/", $id);)*
    };
}

own! {
    DOMAIN = "risk-domain";
    STEP = "risk-step";
    FLOOR = "risk-floor";
    OVERRIDE = "risk-override";
    TASK = "risk-task";
    TIER_ROW = "risk-tier-row";
    HYSTERESIS = "risk-hysteresis";
}

/// The parts of a document, each with what is read of its actions.
const PARTS: [(&str, Shape); 6] = [
    (
        "items",
        Shape {
            elements: &["id", "extension", "title", "description", "documentation", "code"],
            extensions: &[CRITERION, SERIES],
        },
    ),
    (
        "domains",
        Shape {
            elements: &["id", "extension", "title", "description", "documentation", "action"],
            extensions: &[DOMAIN, STEP],
        },
    ),
    (
        "tiers",
        Shape {
            elements: &["id", "extension", "title", "description", "documentation"],
            extensions: &[TIER_ROW],
        },
    ),
    (
        "floors",
        Shape {
            elements: &["id", "extension", "title", "description", "documentation"],
            extensions: &[FLOOR],
        },
    ),
    ("overrides", Shape { elements: JUDGED, extensions: &[OVERRIDE] }),
    ("tasks", Shape { elements: JUDGED, extensions: &[TASK] }),
];
const LEVELS: Shape = Shape { elements: JUDGED, extensions: &[LEVEL_EXTENSION] };
const JUDGED: &[&str] = &["id", "extension", "title", "description", "documentation", "condition"];

impl Document {
    /// Reads a PlanDefinition.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place from the PlanDefinition on.
    pub fn read(plan: &Value, terminology: &Terminology) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader { plan, terminology, ids: Vec::new(), problems: Vec::new() };
        match reader.document() {
            Some(document) if reader.problems.is_empty() => Ok(document),
            Some(_) | None => Err(reader.problems),
        }
    }
}

struct Reader<'a> {
    plan: &'a Value,
    terminology: &'a Terminology<'a>,
    /// The ids of the items, whether or not these can be read.
    ids: Vec<&'a str>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// Reads it as far as it can be read.
    fn document(&mut self) -> Option<Document> {
        let parts = PARTS.map(|(id, _)| id);
        rule_frame::check(self.plan, (&parts, &[HYSTERESIS]), &mut self.problems);
        self.ids = Part::action(self.plan, "items")
            .and_then(|items| items.inner("action"))
            .map_or_else(|_| Vec::new(), |items| ids(&items));
        let items = self.each("items", |reader, part| {
            let read = item(part, reader.terminology, &[]);
            reader.note(read)
        });
        let domains = self.each("domains", Self::domain);
        let tiers = self.tiers();
        let floors = self.each("floors", |reader, part| {
            let read = reader.floor(part);
            reader.note(read)
        });
        let overrides = self.each("overrides", |reader, part| {
            let read = reader.overriding(part);
            reader.note(read)
        });
        let tasks = self.each("tasks", |reader, part| {
            let read = reader.task(part);
            reader.note(read)
        });
        let whole = Part { value: self.plan, at: String::new() };
        let days = whole.with(HYSTERESIS, |parameters| needed(parameters, "days"));
        let hysteresis_days = self.note(days);
        let (domains, steps): (Vec<Domain>, Vec<Option<Step>>) = domains?.into_iter().unzip();
        Some(Document {
            items: items?,
            domains,
            steps: steps.into_iter().flatten().collect(),
            tiers: tiers?,
            floors: floors?,
            overrides: overrides?,
            tasks: tasks?,
            hysteresis_days: hysteresis_days?,
        })
    }

    fn note<T>(&mut self, read: Result<T, Problem>) -> Option<T> {
        noted(read, &mut self.problems)
    }

    /// The actions of a part, those that can be read.
    fn each<T>(&mut self, id: &str, read: impl Fn(&mut Self, &Part<'a>) -> Option<T>) -> Option<Vec<T>> {
        let (_, shape) = PARTS.iter().find(|(known, _)| *known == id)?;
        let part = self.note(Part::action(self.plan, id))?;
        self.below(&part, shape, read)
    }

    fn below<T>(
        &mut self,
        part: &Part<'a>,
        shape: &Shape,
        read: impl Fn(&mut Self, &Part<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let actions = self.note(part.inner("action"))?;
        let mut found = Vec::with_capacity(actions.len());
        for action in &actions {
            action.check(shape, &mut self.problems);
            found.extend(read(self, action));
        }
        distinct(actions.iter(), &mut self.problems);
        Some(found)
    }

    /// A domain, with the step of its scores where they come in such.
    fn domain(&mut self, part: &Part<'a>) -> Option<(Domain, Option<Step>)> {
        let code = self.note(part.code(RISK_DOMAIN_SYSTEM, self.terminology));
        let title = self.note(part.text("title"));
        let said = self.note(part.with(DOMAIN, missing));
        let step = if part.has(STEP) { self.note(part.with(STEP, step)) } else { None };
        let levels = self.below(part, &LEVELS, |reader, part| {
            let read = level(part, &reader.ids);
            reader.note(read)
        });
        let (missing, missing_text, none_text) = said?;
        let (code, title, levels) = (code?, title?, levels?);
        Some((Domain { code, title, missing, missing_text, none_text, levels }, step))
    }

    fn floor(&self, part: &Part<'a>) -> Result<Floor, Problem> {
        let (code, sentence) =
            (part.code(RISK_ADJUSTMENT_SYSTEM, self.terminology)?, part.text("description")?);
        part.with(FLOOR, |parameters| {
            let raising = match (parameters.text("ruleSet", "valueCanonical")?, parameters.flag("entry")?) {
                (Some(url), None) if self.terminology.is_no_rule_set(url) => {
                    let text = format!("{url} is no rule set of this server; name one that is.");
                    return Err(parameters.wrong("ruleSet", text));
                }
                (Some(url), None) => Raising::RuleSet(url.to_owned()),
                (None, Some(true)) => Raising::Entry,
                _ => {
                    let text = "A floor has one of `ruleSet` and `entry` (true); give one of them.";
                    return Err(parameters.wrong("ruleSet", text));
                }
            };
            Ok(Floor { code, sentence, tier: tier(parameters)?, raising })
        })
    }

    fn overriding(&self, part: &Part<'a>) -> Result<Override, Problem> {
        let (code, sentence) =
            (part.code(RISK_ADJUSTMENT_SYSTEM, self.terminology)?, part.text("description")?);
        let condition = part.needed_condition(&self.ids)?;
        let tier = part.with(OVERRIDE, tier)?;
        Ok(Override { code, sentence, tier, logic: condition.logic, items: condition.facts })
    }

    fn task(&self, part: &Part<'a>) -> Result<TaskRule, Problem> {
        part.id()?;
        let sentence = part.text("description")?;
        let condition = part.needed_condition(&self.ids)?;
        part.with(TASK, |parameters| {
            let code = parameters.text("code", "valueCode")?.ok_or_else(|| parameters.missing("code"))?;
            if let Some(text) = self.terminology.unknown(TASK_SYSTEM, code) {
                return Err(parameters.wrong("code", text));
            }
            let hours = positive(parameters, "hours")?;
            Ok(TaskRule {
                code: code.to_owned(),
                sentence,
                hours,
                logic: condition.logic,
                items: condition.facts,
            })
        })
    }

    /// The rows of the tiers, which stand in their order and begin at ever higher scores.
    fn tiers(&mut self) -> Option<[(u8, Intensity); 4]> {
        let before = self.problems.len();
        let rows = self.each("tiers", |reader, part| {
            let read = reader.tier_row(part);
            reader.note(read)
        })?;
        if self.problems.len() > before {
            return None;
        }
        let part = self.note(Part::action(self.plan, "tiers"))?;
        if rows.iter().map(|(tier, ..)| *tier).ne(Tier::ALL) {
            let known = Tier::ALL.map(Tier::code).join(", ");
            return self.note(Err(part.wrong(format!("The tiers are {known}, in this order."))));
        }
        let begins: Vec<u8> = rows.iter().map(|(_, from, _)| *from).collect();
        let is_rising = begins[0] == 0 && begins.windows(2).all(|pair| pair[0] < pair[1]);
        if !is_rising {
            return self
                .note(Err(part.wrong("The tiers begin at 0 and at ever higher scores; correct `from`.")));
        }
        let rows: Vec<(u8, Intensity)> = rows.into_iter().map(|(_, from, row)| (from, row)).collect();
        rows.try_into().ok()
    }

    fn tier_row(&self, part: &Part<'a>) -> Result<(Tier, u8, Intensity), Problem> {
        let id = part.id()?;
        let tier = Tier::parse(&id).ok_or_else(|| part.wrong_at("id", format!("`{id}` is no tier.")))?;
        let words = part.text("description")?;
        part.with(TIER_ROW, |parameters| {
            let from = parameters.number("from")?.ok_or_else(|| parameters.missing("from"))?;
            let from = u8::try_from(from)
                .map_err(|_| parameters.wrong("from", format!("No score is {from}; give a lower one.")))?;
            Ok((tier, from, Intensity::read(words, parameters, self.terminology)?))
        })
    }
}
