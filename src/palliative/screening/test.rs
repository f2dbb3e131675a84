//! What a value must be: a number on one side of a limit in a known unit, one of some answers, or yes.
//! <https://hl7.org/fhir/R4/datatypes.html#quantity>

use crate::palliative::record::Concept;
use crate::palliative::record::Interval;
use crate::palliative::record::Meaning;
use crate::palliative::record::Observed;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::observation::Pick;
use crate::palliative::screening::units::Units;
use crate::palliative::screening::value_set::Codes;

/// A comparison with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Less than.
    Lt,
    /// At most.
    Le,
    /// Greater than.
    Gt,
    /// At least.
    Ge,
    /// Equal.
    Eq,
}

/// What a value must be.
#[derive(Clone, Debug)]
pub enum Test {
    /// A number on one side of a limit.
    Number {
        /// The comparison.
        op: Op,
        /// The limit.
        limit: f64,
        /// The units that it may have.
        units: Units,
        /// Up to which number it may be on another scale, so that it does not tell.
        other_scale_to: Option<f64>,
    },
    /// One of some answers.
    Answer {
        /// The answers that meet it.
        is: Box<Codes>,
        /// The answers that say the contrary; an answer in neither does not tell, unless it is a code of a
        /// system in which the set lists codes and there is no list of contrary ones.
        is_not: Option<Box<Codes>>,
    },
    /// Yes, or no.
    Boolean(bool),
}

/// What a value says of a criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The state.
    pub state: State,
    /// Where it is unknown, why: `unit`, `scale`, `range`, `value` or `answer`.
    pub reason: Option<&'static str>,
}

impl Verdict {
    /// The value does not tell.
    pub fn unusable(reason: &'static str) -> Self {
        Self { state: State::Unknown, reason: Some(reason) }
    }

    fn of(met: bool) -> Self {
        Self { state: State::of(met), reason: None }
    }
}

impl Test {
    /// What a value says.
    pub fn judge(&self, observed: &Observed) -> Verdict {
        match (self, &observed.meaning) {
            (Test::Number { op, limit, units, other_scale_to }, Meaning::Number(interval, unit)) => {
                match units.measure(interval, unit) {
                    None => Verdict::unusable("unit"),
                    Some(value) if other_scale_to.is_some_and(|to| value.low <= units.limit(to)) => {
                        Verdict::unusable("scale")
                    }
                    Some(value) => op.judge(&value, units.limit(*limit)),
                }
            }
            (Test::Answer { is, is_not }, Meaning::Concept(concept)) => {
                answer(concept, is, is_not.as_deref())
            }
            (Test::Answer { is, is_not }, Meaning::Number(interval, unit)) => {
                let scores = Units { accepted: vec!["{score}".to_owned()], optional: true };
                match scores.measure(interval, unit) {
                    None => Verdict::unusable("value"),
                    Some(number) => numbered(&number, is, is_not.as_deref()),
                }
            }
            (Test::Boolean(wanted), Meaning::Boolean(found)) => Verdict::of(wanted == found),
            _ => Verdict::unusable("value"),
        }
    }

    /// Whether one value that meets it is enough where the least (or greatest) counts; otherwise one that does
    /// not is enough against it.
    pub fn is_met_by_one(&self, pick: Pick) -> bool {
        let below = matches!(self, Test::Number { op: Op::Lt | Op::Le, .. });
        (pick == Pick::Min) == below
    }
}

impl Op {
    /// The comparison with this code.
    pub fn parse(code: &str) -> Option<Self> {
        [("lt", Op::Lt), ("le", Op::Le), ("gt", Op::Gt), ("ge", Op::Ge), ("eq", Op::Eq)]
            .into_iter()
            .find_map(|(known, op)| (known == code).then_some(op))
    }

    /// Met only if every number that the value can stand for is on the right side; not met if none is.
    fn judge(self, interval: &Interval, limit: f64) -> Verdict {
        let below =
            |high_open| Interval { high: limit, high_open, ..Interval::between(f64::NEG_INFINITY, limit) };
        let above = |low_open| Interval { low: limit, low_open, ..Interval::between(limit, f64::INFINITY) };
        let wanted = match self {
            Op::Lt => below(true),
            Op::Le => below(false),
            Op::Gt => above(true),
            Op::Ge => above(false),
            Op::Eq => Interval::exactly(limit),
        };
        if interval.is_within(&wanted) {
            Verdict::of(true)
        } else if interval.is_apart_from(&wanted) {
            Verdict::of(false)
        } else {
            Verdict::unusable("range")
        }
    }
}

/// A class, a stage or the score of an answer that was sent as a number: 3 for III. "Above 0" is one of the answers
/// from 1 on where the contrary ones are known, so that it can be none of those.
fn numbered(number: &Interval, is: &Codes, is_not: Option<&Codes>) -> Verdict {
    if number.low == number.high {
        let texts = vec![number.low.to_string()];
        return answer(&Concept { codings: Vec::new(), texts }, is, is_not);
    }
    let Some(is_not) = is_not else { return Verdict::unusable("value") };
    let may_be = |codes: &Codes| codes.numbers().any(|one| Interval::exactly(one).is_within(number));
    match (may_be(is), may_be(is_not)) {
        (true, true) => Verdict::unusable("range"),
        (true, false) => Verdict::of(true),
        (false, true) => Verdict::of(false),
        (false, false) => Verdict::unusable("answer"),
    }
}

fn answer(concept: &Concept, is: &Codes, is_not: Option<&Codes>) -> Verdict {
    let holds =
        |codes: &Codes| codes.has_any(concept) || concept.texts.iter().any(|text| codes.has_text(text));
    let contrary = match is_not {
        Some(codes) => holds(codes),
        None => {
            !concept.codings.is_empty()
                && concept.codings.iter().all(|coding| is.knows_system(&coding.system))
        }
    };
    match (holds(is), contrary) {
        (true, true) if is_not.is_some() => Verdict::unusable("answer"),
        (true, _) => Verdict::of(true),
        (false, true) => Verdict::of(false),
        (false, false) => Verdict::unusable("answer"),
    }
}
