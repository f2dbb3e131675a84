//! Whether one code is in a value set, told without listing all of its codes where that can be.
//! <https://hl7.org/fhir/R4/valueset.html#compositions>

use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::terminology::code_system::list;
use crate::fhir::terminology::code_system::weight;
use crate::fhir::terminology::editions::listed;
use crate::fhir::terminology::filter::Filter;
use crate::fhir::terminology::member::Member;
use crate::fhir::terminology::value_set::Answer;
use crate::fhir::terminology::value_set::Question;

impl Question<'_> {
    /// Whether a code is in a value set that is open already.
    pub(super) fn find_open(&mut self, set: &Value, asked: (&str, &str)) -> Result<Answer, Failure> {
        let Some(compose) = set.get("compose") else {
            let members = self.expanded_before(set)?;
            let own = members.into_iter().find(|one| (one.system.as_str(), one.code.as_str()) == asked);
            return Ok(own.map_or(Answer::No, |own| Answer::Yes(Box::new(own))));
        };
        let mut answer = Answer::No;
        for include in list(compose, "include") {
            match self.find_in(include, asked)? {
                Answer::Yes(member) => {
                    answer = Answer::Yes(member);
                    break;
                }
                Answer::Unknown(system) => answer = Answer::Unknown(system),
                Answer::No => {}
            }
        }
        if answer == Answer::No {
            return Ok(answer);
        }
        for exclude in list(compose, "exclude") {
            match self.find_in(exclude, asked)? {
                Answer::Yes(_) => return Ok(Answer::No),
                Answer::Unknown(system) => answer = Answer::Unknown(system),
                Answer::No => {}
            }
        }
        let active_only = compose.get("inactive") == Some(&Value::Bool(false));
        match &answer {
            Answer::Yes(member) if active_only && member.inactive => Ok(Answer::No),
            Answer::Yes(_) | Answer::No | Answer::Unknown(_) => Ok(answer),
        }
    }

    /// Whether one include, or exclude, names the code.
    pub(super) fn find_in(&mut self, include: &Value, asked: (&str, &str)) -> Result<Answer, Failure> {
        let length = |name: &str| include.get(name).and_then(Value::as_str).map_or(0, str::len);
        self.spend(weight(length("system") + length("version")))?;
        let mut answer = Answer::No;
        if let Some(canonical) = self.system_of(include)? {
            if canonical.split('|').next() != Some(asked.0) {
                return Ok(Answer::No);
            }
            answer = self.find_in_system(&canonical, include, asked.1)?;
            if answer == Answer::No {
                return Ok(answer);
            }
        }
        for url in list(include, "valueSet").filter_map(Value::as_str) {
            let set = self.imported(url)?;
            match (self.find(&set, asked)?, &answer) {
                (Answer::No, _) => return Ok(Answer::No),
                (Answer::Unknown(system), _) => answer = Answer::Unknown(system),
                (found @ Answer::Yes(_), Answer::No) => answer = found,
                (Answer::Yes(_), Answer::Yes(_) | Answer::Unknown(_)) => {}
            }
        }
        Ok(answer)
    }

    fn find_in_system(&mut self, canonical: &str, include: &Value, code: &str) -> Result<Answer, Failure> {
        let system = self.shelf.code_system(canonical)?;
        let mut concepts = list(include, "concept").peekable();
        if concepts.peek().is_some() {
            self.spend(list(include, "concept").count())?;
            let own = concepts.find(|one| one.get("code").and_then(Value::as_str) == Some(code));
            let member = own.and_then(|one| listed((canonical, system.as_deref()), include, one));
            return Ok(member.map_or(Answer::No, |member| Answer::Yes(Box::new(member))));
        }
        let filters = self.filters(include)?;
        if let Some((system, concept)) = system.as_ref().and_then(|system| Some((system, system.find(code)?)))
        {
            let passes = self.passes(&filters, system, concept)?;
            return Ok(if passes { Answer::Yes(Box::new(Member::of(system, concept))) } else { Answer::No });
        }
        if system.is_some_and(|system| system.complete) {
            return Ok(Answer::No);
        }
        self.by_form(canonical, code, &filters)
    }

    /// What the filters say of a code whose system is not at hand: its form alone may tell.
    fn by_form(&mut self, canonical: &str, code: &str, filters: &[Filter]) -> Result<Answer, Failure> {
        let mut said = Vec::with_capacity(filters.len());
        for filter in filters {
            said.push(filter.passes_by_form(code, &mut |cost| self.spend(cost))?);
        }
        let system = canonical.split('|').next().unwrap_or_default().to_owned();
        Ok(if said.contains(&Some(false)) {
            Answer::No
        } else if said.is_empty() || said.contains(&None) {
            Answer::Unknown(system)
        } else {
            Answer::Yes(Box::new(Member {
                system,
                code: code.to_owned(),
                by_form: true,
                ..Member::default()
            }))
        })
    }
}
