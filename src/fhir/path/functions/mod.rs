//! The functions: those that look at their arguments item by item are here, the rest by what they are about.
//! <https://hl7.org/fhirpath/#functions>

mod collection;
mod conversion;
mod fhir;
mod text;

use crate::fhir::path::evaluate::Evaluated;
use crate::fhir::path::evaluate::Evaluator;
use crate::fhir::path::evaluate::Frame;
use crate::fhir::path::evaluate::Items;
use crate::fhir::path::evaluate::truth_of;
use crate::fhir::path::item::Item;
use crate::fhir::path::tree::Function;
use crate::fhir::path::tree::Tree;

impl<'a> Evaluator<'a> {
    /// Calls a function.
    pub(super) fn call(
        &mut self,
        focus: &'a Tree,
        (function, arguments): (Function, &'a [Tree]),
        frame: Frame<'_, 'a>,
    ) -> Evaluated<Items<'a>> {
        let items = self.evaluate(focus, frame)?;
        match (function, arguments) {
            (Function::Exists, [criterion]) => self.any(&items, criterion),
            (Function::All, [criterion]) => self.all(&items, criterion),
            (Function::Where, [criterion]) => self.filter(items, criterion),
            (Function::Select, [projection]) => self.select(&items, projection),
            (Function::Repeat, [projection]) => self.repeat(items, projection),
            (Function::Iif, _) => self.iif(&items, arguments, frame),
            (Function::Aggregate, _) => self.aggregate(&items, arguments, frame),
            (Function::Trace, _) => Ok(items),
            _ => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    // Arguments are worked out where the call stands, not upon what it is called on.
                    values.push(self.evaluate(argument, frame)?);
                }
                self.apply(function, items, values)
            }
        }
    }

    /// A function whose arguments are known.
    fn apply(
        &mut self,
        function: Function,
        items: Items<'a>,
        arguments: Vec<Items<'a>>,
    ) -> Evaluated<Items<'a>> {
        if let Some(found) = self.collection(function, &items, &arguments)? {
            return Ok(found);
        }
        if let Some(found) = self.of_text(function, &items, &arguments)? {
            return Ok(found);
        }
        if let Some(found) = self.of_fhir(function, &items, &arguments)? {
            return Ok(found);
        }
        self.convert(function, &items)
    }

    fn any(&mut self, items: &[Item<'a>], criterion: &'a Tree) -> Evaluated<Items<'a>> {
        for (index, item) in items.iter().enumerate() {
            if self.holds_for(item, index, criterion)? == Some(true) {
                return Ok(vec![Item::truth(true)]);
            }
        }
        Ok(vec![Item::truth(false)])
    }

    fn all(&mut self, items: &[Item<'a>], criterion: &'a Tree) -> Evaluated<Items<'a>> {
        for (index, item) in items.iter().enumerate() {
            if self.holds_for(item, index, criterion)? != Some(true) {
                return Ok(vec![Item::truth(false)]);
            }
        }
        Ok(vec![Item::truth(true)])
    }

    fn filter(&mut self, items: Items<'a>, criterion: &'a Tree) -> Evaluated<Items<'a>> {
        let mut kept = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            if self.holds_for(&item, index, criterion)? == Some(true) {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    fn holds_for(&mut self, item: &Item<'a>, index: usize, criterion: &'a Tree) -> Evaluated<Option<bool>> {
        self.step()?;
        self.truth(criterion, Frame { this: std::slice::from_ref(item), index, total: &[] })
    }

    fn select(&mut self, items: &[Item<'a>], projection: &'a Tree) -> Evaluated<Items<'a>> {
        let mut found = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let frame = Frame { this: std::slice::from_ref(item), index, total: &[] };
            found.extend(self.evaluate(projection, frame)?);
        }
        Ok(found)
    }

    /// Selects again from what was selected, until nothing new is found.
    fn repeat(&mut self, items: Items<'a>, projection: &'a Tree) -> Evaluated<Items<'a>> {
        let mut found: Items<'a> = Vec::new();
        let mut open = items;
        while !open.is_empty() {
            let mut new = Vec::new();
            for item in self.select(&open, projection)? {
                if !self.is_known(&item, &found)? && !self.is_known(&item, &new)? {
                    new.push(item);
                }
            }
            found.extend(new.iter().cloned());
            open = new;
        }
        Ok(found)
    }

    /// Whether an item was found before: an element by its place, a value by what it says.
    fn is_known(&mut self, item: &Item<'a>, among: &[Item<'a>]) -> Evaluated<bool> {
        match item {
            // Every step from an element leads deeper, so that it is never reached again.
            Item::Node(_) => Ok(false),
            Item::Value(_) => self.is_in(item, among),
        }
    }

    fn iif(
        &mut self,
        items: &[Item<'a>],
        arguments: &'a [Tree],
        frame: Frame<'_, 'a>,
    ) -> Evaluated<Items<'a>> {
        let inner = Frame { this: items, ..frame };
        let [criterion, then, rest @ ..] = arguments else { return Ok(Vec::new()) };
        match (self.truth(criterion, inner)?, rest.first()) {
            (Some(true), _) => self.evaluate(then, inner),
            (_, Some(otherwise)) => self.evaluate(otherwise, inner),
            (_, None) => Ok(Vec::new()),
        }
    }

    fn aggregate(
        &mut self,
        items: &[Item<'a>],
        arguments: &'a [Tree],
        frame: Frame<'_, 'a>,
    ) -> Evaluated<Items<'a>> {
        let [aggregator, rest @ ..] = arguments else { return Ok(Vec::new()) };
        let mut total = match rest.first() {
            Some(start) => self.evaluate(start, frame)?,
            None => Vec::new(),
        };
        for (index, item) in items.iter().enumerate() {
            let frame = Frame { this: std::slice::from_ref(item), index, total: &total };
            total = self.evaluate(aggregator, frame)?;
        }
        Ok(total)
    }

    /// Each item's own truth.
    fn truths(items: &[Item<'a>]) -> Evaluated<Vec<Option<bool>>> {
        items.iter().map(|item| truth_of(std::slice::from_ref(item))).collect()
    }
}
