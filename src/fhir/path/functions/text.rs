//! Functions of texts. <https://hl7.org/fhirpath/#string-manipulation>

use std::borrow::Cow;

use crate::fhir::path::budget::BYTES;
use crate::fhir::path::budget::check_length;
use crate::fhir::path::evaluate::Evaluated;
use crate::fhir::path::evaluate::Evaluator;
use crate::fhir::path::evaluate::Items;
use crate::fhir::path::item::Item;
use crate::fhir::path::number::Number;
use crate::fhir::path::tree::Function;
use crate::fhir::path::value::System;

impl<'a> Evaluator<'a> {
    /// What a function of texts gives; none where it is no such function.
    pub(super) fn of_text(
        &mut self,
        function: Function,
        items: &Items<'a>,
        arguments: &[Items<'a>],
    ) -> Evaluated<Option<Items<'a>>> {
        if function == Function::Join {
            return self.join(items, arguments).map(Some);
        }
        if !takes_text(function) {
            return Ok(None);
        }
        let Some(text) = self.text(items)? else { return Ok(Some(self.unknown())) };
        let own = |text: String| vec![Item::Value(System::Text(text.into()))];
        let item = |text: String| Item::Value(System::Text(text.into()));
        self.steps_by(text.len() / BYTES)?;
        match (function, arguments) {
            (Function::Length, _) => return Ok(Some(vec![Item::whole(text.chars().count())])),
            (Function::Upper, _) => return Ok(Some(own(text.to_uppercase()))),
            (Function::Lower, _) => return Ok(Some(own(text.to_lowercase()))),
            (Function::Trim, _) => return Ok(Some(own(text.trim().to_owned()))),
            (Function::ToChars, _) => {
                self.steps_by(text.len())?;
                return Ok(Some(text.chars().map(String::from).map(item).collect()));
            }
            (Function::Substring, [start, rest @ ..]) => {
                return self.substring(&text, start, rest.first()).map(Some);
            }
            _ => {}
        }
        let Some(first) = self.argument(arguments, 0)? else { return Ok(Some(Vec::new())) };
        let first = first.as_ref();
        Ok(Some(match function {
            Function::StartsWith => vec![Item::truth(text.starts_with(first))],
            Function::EndsWith => vec![Item::truth(text.ends_with(first))],
            Function::ContainsText => vec![Item::truth(text.contains(first))],
            Function::IndexOf => {
                let place = text.find(first).map(|at| text[..at].chars().count());
                let place = place.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1);
                vec![Item::Value(System::Number(Number::whole(place)))]
            }
            Function::Split => {
                self.steps_by(text.matches(first).count())?;
                text.split(first).map(str::to_owned).map(item).collect()
            }
            Function::Replace => {
                let Some(by) = self.argument(arguments, 1)? else { return Ok(Some(Vec::new())) };
                let longest =
                    text.len().saturating_add(text.len().saturating_add(1).saturating_mul(by.len()));
                check_length(longest)?;
                own(text.replace(first, &by))
            }
            _ => return Ok(None),
        }))
    }

    fn argument(&mut self, arguments: &[Items<'a>], place: usize) -> Evaluated<Option<Cow<'a, str>>> {
        match arguments.get(place) {
            Some(argument) => self.text(argument),
            None => Ok(None),
        }
    }

    fn substring(
        &mut self,
        text: &str,
        start: &Items<'a>,
        length: Option<&Items<'a>>,
    ) -> Evaluated<Items<'a>> {
        let place = |number: Option<i64>| number.and_then(|number| usize::try_from(number).ok());
        let Some(start) = place(self.whole(start)?) else { return Ok(Vec::new()) };
        let length = match length {
            Some(length) => place(self.whole(length)?).unwrap_or(0),
            None => usize::MAX,
        };
        let mut rest = text.chars().skip(start).peekable();
        if rest.peek().is_none() {
            return Ok(Vec::new());
        }
        Ok(vec![Item::Value(System::Text(rest.take(length).collect::<String>().into()))])
    }

    fn join(&mut self, items: &Items<'a>, arguments: &[Items<'a>]) -> Evaluated<Items<'a>> {
        let between = self.argument(arguments, 0)?.unwrap_or_default();
        let mut joined = String::new();
        let mut first = true;
        for value in items.iter().filter_map(Item::system) {
            let between = if std::mem::take(&mut first) { "" } else { between.as_ref() };
            let text = value.to_text();
            // Before it is built: few long texts between many short ones make more than there is memory.
            check_length(joined.len() + between.len() + text.len())?;
            joined.push_str(between);
            joined.push_str(&text);
        }
        Ok(vec![Item::Value(System::Text(joined.into()))])
    }
}

/// Whether a function is of one text.
fn takes_text(function: Function) -> bool {
    matches!(
        function,
        Function::StartsWith
            | Function::EndsWith
            | Function::ContainsText
            | Function::IndexOf
            | Function::Substring
            | Function::Replace
            | Function::Length
            | Function::Upper
            | Function::Lower
            | Function::Trim
            | Function::ToChars
            | Function::Split
    )
}
