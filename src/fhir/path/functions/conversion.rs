//! Functions that make one type of another. <https://hl7.org/fhirpath/#conversion>

use crate::fhir::path::evaluate::Evaluated;
use crate::fhir::path::evaluate::Evaluator;
use crate::fhir::path::evaluate::Items;
use crate::fhir::path::item::Item;
use crate::fhir::path::tree::Function;
use crate::fhir::path::value::Moment;
use crate::fhir::path::value::System;

impl<'a> Evaluator<'a> {
    /// The item as another type, or whether it can be that.
    pub(super) fn convert(&mut self, function: Function, items: &Items<'a>) -> Evaluated<Items<'a>> {
        let value = match items.as_slice() {
            [] => return Ok(Vec::new()),
            [item @ Item::Node(node)] => item.system().or_else(|| node.quantity(self.shapes)),
            [Item::Value(value)] => Some(value.clone()),
            _ => return Err(format!("`{}()` is asked of several items", function.name())),
        };
        let (to, asked): (fn(&System<'a>) -> Option<System<'a>>, _) = match function {
            Function::ToBoolean => (System::to_boolean, Asked::Value),
            Function::ConvertsToBoolean => (System::to_boolean, Asked::Whether),
            Function::ToInteger => (System::to_integer, Asked::Value),
            Function::ConvertsToInteger => (System::to_integer, Asked::Whether),
            Function::ToDecimal => (System::to_number, Asked::Value),
            Function::ConvertsToDecimal => (System::to_number, Asked::Whether),
            Function::ToText => (|value| Some(System::Text(value.to_text())), Asked::Value),
            Function::ConvertsToText => (|value| Some(System::Text(value.to_text())), Asked::Whether),
            Function::ToDate => (|value| value.to_moment(Moment::Date), Asked::Value),
            Function::ConvertsToDate => (|value| value.to_moment(Moment::Date), Asked::Whether),
            Function::ToDateTime => (|value| value.to_moment(Moment::DateTime), Asked::Value),
            Function::ConvertsToDateTime => (|value| value.to_moment(Moment::DateTime), Asked::Whether),
            Function::ToTime => (|value| value.to_moment(Moment::Time), Asked::Value),
            Function::ConvertsToTime => (|value| value.to_moment(Moment::Time), Asked::Whether),
            Function::ToQuantity => (System::to_quantity, Asked::Value),
            Function::ConvertsToQuantity => (System::to_quantity, Asked::Whether),
            other => return Err(format!("`{}()` does not take these arguments", other.name())),
        };
        let converted = value.as_ref().and_then(to);
        Ok(match asked {
            Asked::Whether => vec![Item::truth(converted.is_some())],
            Asked::Value => converted.map(Item::Value).into_iter().collect(),
        })
    }
}

/// What a conversion answers.
enum Asked {
    Value,
    Whether,
}
