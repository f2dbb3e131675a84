//! The kinds of criteria, and the parameters that each reads. <https://hl7.org/fhir/R4/plandefinition.html>

use std::sync::Arc;

use serde_json::Value;

use crate::definitions::CANONICAL;
use crate::palliative::record::ActKind;
use crate::palliative::record::Coding;
use crate::palliative::screening::acts::ActRule;
use crate::palliative::screening::acts::AskedBy;
use crate::palliative::screening::acts::Known;
use crate::palliative::screening::condition::ConditionRule;
use crate::palliative::screening::coverage::CoverageRule;
use crate::palliative::screening::coverage::Rank;
use crate::palliative::screening::criterion::Ages;
use crate::palliative::screening::criterion::Rule;
use crate::palliative::screening::document::Reader;
use crate::palliative::screening::document::attested;
use crate::palliative::screening::encounters::EncounterClass;
use crate::palliative::screening::encounters::EncounterRule;
use crate::palliative::screening::flag::Ends;
use crate::palliative::screening::flag::FlagRule;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::medication::MedicationRule;
use crate::palliative::screening::observation::ObservationRule;
use crate::palliative::screening::observation::Other;
use crate::palliative::screening::observation::Pick;
use crate::palliative::screening::problem::Problem;
use crate::palliative::screening::repeat::RepeatRule;
use crate::palliative::screening::stay::Setting;
use crate::palliative::screening::stay::StayRule;
use crate::palliative::screening::test::Op;
use crate::palliative::screening::test::Test;
use crate::palliative::screening::trend::Direction;
use crate::palliative::screening::trend::Step;
use crate::palliative::screening::trend::TrendRule;
use crate::palliative::screening::value_set::Codes;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::LOB_SYSTEM;
use crate::palliative::vocabulary::OBSERVATION_SYSTEM;

/// Of which kinds a device is known: it was ordered or is used, or what was done was to supply it.
const DEVICES: &[ActKind] = &[ActKind::Device, ActKind::Procedure];

impl Reader<'_> {
    /// The rule, by its kind.
    pub(super) fn rule(&self) -> Result<Rule, Problem> {
        let kind =
            self.parameters.text("kind", "valueCode")?.ok_or_else(|| self.parameters.missing("kind"))?;
        Ok(match kind {
            "condition" => Rule::Condition(ConditionRule {
                codes: self.needed_value_set("valueSet")?,
                lookback_days: self.parameters.number("lookbackDays")?,
                min_encounters: self.count("minEncounters")?.unwrap_or(1),
            }),
            "observation" => Rule::Observation(ObservationRule {
                if_none: self.conditions("ifNoneCondition")?,
                ..self.observation(self.pick()?)?
            }),
            "observationCount" => Rule::Repeat(self.repeat()?),
            "serviceDates" => Rule::Dates(self.dates()?),
            "trend" => Rule::Trend(self.trend()?),
            "attestation" => Rule::Attestation(self.attestation()?),
            "encounterCount" => Rule::Encounters(self.encounters()?),
            "stay" => Rule::Stay(self.stay()?),
            "coverage" => Rule::Coverage(self.coverage()?),
            "procedureCount" => Rule::Act(self.act(&[ActKind::Procedure], Known::ByClaims)?),
            "deviceUse" => Rule::Act(self.act(DEVICES, Known::ByClaims)?),
            "request" => Rule::Act(self.act(&[ActKind::Request], Known::IfWithdrawn)?),
            "document" => Rule::Act(self.act(&[ActKind::Document], Known::OnFile)?),
            "medicationActive" => Rule::Medication(self.medication()?),
            "flag" => Rule::Flag(self.flag()?),
            "medicalHome" => Rule::MedicalHome,
            "age" => Rule::Age,
            other => {
                let text = format!("`{other}` is not a kind of criterion; use one of: {KINDS}.");
                return Err(self.parameters.wrong("kind", text));
            }
        })
    }

    /// The ages for which it can be met: `ageMin` and `ageMax`, which the kind `age` calls `min` and `max`, too.
    pub(super) fn ages(&self) -> Result<Ages, Problem> {
        let possible = |name: &str, ages: Ages| self.terminology.possible(ages, (self.parameters, name));
        let ages = possible("ageMin", self.parameters.ages()?)?;
        let is_age = self.parameters.text("kind", "valueCode")? == Some("age");
        if !is_age {
            return Ok(ages);
        }
        let own = possible("min", self.parameters.ages_named("min", "max")?)?;
        let ages = possible("min", Ages { min: ages.min.or(own.min), max: ages.max.or(own.max) })?;
        if ages.is_unlimited() { Err(self.parameters.missing("min")) } else { Ok(ages) }
    }

    fn observation(&self, pick: Pick) -> Result<ObservationRule, Problem> {
        let codes = self.listed_codes()?;
        let test = self.test()?;
        Ok(ObservationRule {
            codes,
            item: self.text("title")?,
            also: self.also(&test)?,
            test,
            lookback_days: self.parameters.number("lookbackDays")?,
            pick,
            attested: false,
            about_another: self.parameters.flag("aboutAnother")?.unwrap_or(false),
            invalidated_by: self.value_set("invalidatedBy")?,
            if_none: None,
        })
    }

    /// The same on another scale: the same comparison, with another limit.
    fn also(&self, test: &Test) -> Result<Option<Box<Other>>, Problem> {
        let codings = self.codings("alsoCode")?;
        match (self.parameters.decimal("alsoValue")?, test) {
            (None, _) if codings.is_empty() => Ok(None),
            (Some(limit), Test::Number { op, units, .. }) if !codings.is_empty() => {
                let test = Test::Number { op: *op, limit, units: units.clone(), other_scale_to: None };
                Ok(Some(Box::new(Other { codes: Codes::of(&codings), test })))
            }
            _ => {
                let text = "`alsoCode` and `alsoValue` come together, beside an `op` that compares numbers.";
                Err(self.parameters.wrong("alsoCode", text))
            }
        }
    }

    fn pick(&self) -> Result<Pick, Problem> {
        match self.parameters.text("pick", "valueCode")? {
            None | Some("latest") => Ok(Pick::Latest),
            Some("min") => Ok(Pick::Min),
            Some("max") => Ok(Pick::Max),
            Some(other) => {
                let text = format!("`{other}` is no way to pick a value; use `latest`, `min` or `max`.");
                Err(self.parameters.wrong("pick", text))
            }
        }
    }

    fn repeat(&self) -> Result<RepeatRule, Problem> {
        Ok(RepeatRule {
            observation: self.observation(Pick::Latest)?,
            min: self.count("min")?.ok_or_else(|| self.parameters.missing("min"))?,
            apart_days: self.parameters.number("apartDays")?.unwrap_or(1),
        })
    }

    fn trend(&self) -> Result<TrendRule, Problem> {
        let direction = match self.parameters.text("direction", "valueCode")? {
            Some("down") => Direction::Down,
            Some("up") => Direction::Up,
            _ => return Err(self.parameters.wrong("direction", "`direction` is `down` or `up`.")),
        };
        let steps = [
            self.parameters.decimal("minDelta")?.map(Step::By),
            self.parameters.decimal("minPercent")?.map(Step::Percent),
            self.parameters.decimal("overPercent")?.map(Step::OverPercent),
        ];
        let step = match steps.into_iter().flatten().collect::<Vec<_>>()[..] {
            [step] => step,
            _ => {
                let text = "Say how far it must go, by one of `minDelta`, `minPercent` and `overPercent`.";
                return Err(self.parameters.wrong("minDelta", text));
            }
        };
        Ok(TrendRule {
            codes: self.listed_codes()?,
            item: self.text("title")?,
            units: self.units()?,
            direction,
            step,
            window_days: self.days("windowDays")?,
        })
    }

    fn attestation(&self) -> Result<ObservationRule, Problem> {
        let code =
            self.own_code("code", OBSERVATION_SYSTEM)?.ok_or_else(|| self.parameters.missing("code"))?;
        Ok(attested(code, self.test()?, self.parameters.number("validDays")?))
    }

    fn test(&self) -> Result<Test, Problem> {
        match self.parameters.text("op", "valueCode")? {
            None => {
                let wanted = self.parameters.flag("value")?;
                Ok(Test::Boolean(wanted.ok_or_else(|| self.parameters.missing("value"))?))
            }
            Some("in") => Ok(Test::Answer {
                is: Box::new(self.needed_value_set("value")?),
                is_not: self.value_set("contrary")?.map(Box::new),
            }),
            Some(op) => {
                let unknown = || {
                    let text = format!("`{op}` is no comparison; use `lt`, `le`, `gt`, `ge`, `eq` or `in`.");
                    self.parameters.wrong("op", text)
                };
                Ok(Test::Number {
                    op: Op::parse(op).ok_or_else(unknown)?,
                    limit: self
                        .parameters
                        .decimal("value")?
                        .ok_or_else(|| self.parameters.missing("value"))?,
                    units: self.units()?,
                    other_scale_to: self.parameters.decimal("otherScaleTo")?,
                })
            }
        }
    }

    fn encounters(&self) -> Result<EncounterRule, Problem> {
        let class = |code: &Value| {
            let unknown = || self.parameters.wrong("class", format!("{code} is no class of encounters."));
            EncounterClass::parse(code.as_str().unwrap_or_default()).ok_or_else(unknown)
        };
        let given = self.parameters.all("class", "valueCode")?;
        let classes = given.into_iter().map(class).collect::<Result<Vec<_>, _>>()?;
        if classes.is_empty() {
            return Err(self.parameters.missing("class"));
        }
        Ok(EncounterRule {
            classes,
            window_days: self.days("windowDays")?,
            min: self.count("min")?.ok_or_else(|| self.parameters.missing("min"))?,
            reasons: self.value_set("reasonValueSet")?,
            unclear_is_unplanned: self.parameters.flag("unclearIsUnplanned")?.unwrap_or(true),
            codes: Arc::clone(self.terminology.encounters()),
        })
    }

    fn stay(&self) -> Result<StayRule, Problem> {
        let code = self.parameters.text("setting", "valueCode")?.unwrap_or_default();
        let unknown =
            || self.parameters.wrong("setting", "`setting` is `snf`, `nursing-facility` or `home-health`.");
        let setting = Setting::parse(code).ok_or_else(unknown)?;
        let url = format!("{CANONICAL}/ValueSet/vs-stay-{}", setting.code());
        Ok(StayRule {
            setting,
            codes: self.codes("setting", &url)?,
            min_days: self.days("minDays")?,
            window_days: self.days("windowDays")?,
        })
    }

    fn coverage(&self) -> Result<CoverageRule, Problem> {
        Ok(CoverageRule {
            lines: self.own_codes("lob", LOB_SYSTEM)?.into_iter().map(str::to_owned).collect(),
            continuous_days: self.parameters.number("continuousDays")?,
            rank: if self.parameters.flag("primary")? == Some(true) { Rank::Primary } else { Rank::Any },
        })
    }

    fn act(&self, kinds: &'static [ActKind], known: Known) -> Result<ActRule, Problem> {
        let asked = match known {
            Known::IfWithdrawn => self.parameters.flag("byPatient")? == Some(true),
            Known::OnFile | Known::ByClaims => false,
        };
        Ok(ActRule {
            kinds,
            codes: self.needed_value_set("valueSet")?,
            item: self.text("title")?,
            window_days: self.parameters.number("windowDays")?,
            min: self.count("min")?.unwrap_or(1),
            asked_by: if asked { AskedBy::Patient } else { AskedBy::Anyone },
            known,
        })
    }

    fn medication(&self) -> Result<MedicationRule, Problem> {
        Ok(MedicationRule {
            codes: self.needed_value_set("valueSet")?,
            item: self.text("title")?,
            window_days: self.parameters.number("windowDays")?.unwrap_or(0),
            min: self.count("min")?.unwrap_or(1),
        })
    }

    fn flag(&self) -> Result<FlagRule, Problem> {
        let code = self.own_code("code", FLAG_SYSTEM)?.ok_or_else(|| self.parameters.missing("code"))?;
        let coding = Coding { system: FLAG_SYSTEM.to_owned(), code: code.to_owned() };
        let wanted = State::of(self.parameters.flag("active")?.unwrap_or(true));
        let lookback_days = self.parameters.number("lookbackDays")?.unwrap_or(0);
        // A revocation takes effect on its day, so that the day on which an election ends is none of it.
        let ends = if code == "hospice-election" { Ends::Before } else { Ends::After };
        Ok(FlagRule { codes: Codes::of(&[coding]), wanted, lookback_days, ends })
    }
}

/// The kinds, for one who asked for another.
const KINDS: &str = "age, attestation, condition, coverage, deviceUse, document, encounterCount, flag, \
    medicalHome, medicationActive, observation, observationCount, procedureCount, request, serviceDates, stay, trend";
