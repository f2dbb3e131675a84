//! Functions of collections. <https://hl7.org/fhirpath/#existence>

use std::collections::HashSet;

use crate::fhir::path::budget::weight;
use crate::fhir::path::evaluate::Evaluated;
use crate::fhir::path::evaluate::Evaluator;
use crate::fhir::path::evaluate::Items;
use crate::fhir::path::evaluate::truth_of;
use crate::fhir::path::item::Item;
use crate::fhir::path::tree::Function;

impl<'a> Evaluator<'a> {
    /// What a function of collections gives; none where it is no such function.
    pub(super) fn collection(
        &mut self,
        function: Function,
        items: &Items<'a>,
        arguments: &[Items<'a>],
    ) -> Evaluated<Option<Items<'a>>> {
        let other = arguments.first().map_or(&[][..], Vec::as_slice);
        let truth = |truth: bool| vec![Item::truth(truth)];
        let some = |wanted: bool| Self::truths(items).map(|all| all.contains(&Some(wanted)));
        Ok(Some(match function {
            Function::Empty => truth(items.is_empty()),
            Function::Exists => truth(!items.is_empty()),
            Function::Not => truth_of(items)?.map(|truth| Item::truth(!truth)).into_iter().collect(),
            Function::AllTrue => truth(!some(false)?),
            Function::AnyTrue => truth(some(true)?),
            Function::AllFalse => truth(!some(true)?),
            Function::AnyFalse => truth(some(false)?),
            Function::Count => vec![Item::whole(items.len())],
            Function::SubsetOf => truth(self.kept(items, other, Keep::Missing)?.is_empty()),
            Function::SupersetOf => truth(self.kept(other, items, Keep::Missing)?.is_empty()),
            Function::Distinct => self.copy_distinct(items)?,
            Function::IsDistinct => truth(self.copy_distinct(items)?.len() == items.len()),
            Function::Single if items.len() > 1 => return Err("`single()` finds several items".to_owned()),
            Function::Single | Function::First => items.first().cloned().into_iter().collect(),
            Function::Last => items.last().cloned().into_iter().collect(),
            Function::Tail => items.iter().skip(1).cloned().collect(),
            Function::Skip => items.iter().skip(self.count_of(other)?).cloned().collect(),
            Function::Take => items.iter().take(self.count_of(other)?).cloned().collect(),
            Function::Intersect => {
                let common = self.kept(items, other, Keep::Found)?;
                self.distinct(common)?
            }
            Function::Exclude => self.kept(items, other, Keep::Missing)?,
            Function::Union => {
                let both = self.combined(items, other)?;
                self.distinct(both)?
            }
            Function::Combine => self.combined(items, other)?,
            Function::Children => self.children(items)?,
            Function::Descendants => self.descendants(items)?,
            _ => return Ok(None),
        }))
    }

    /// The items without repetition.
    pub(in crate::fhir::path) fn distinct(&mut self, items: Items<'a>) -> Evaluated<Items<'a>> {
        let mut keys = HashSet::new();
        let mut kept: Items<'a> = Vec::new();
        let mut without_key: Items<'a> = Vec::new();
        for item in items {
            let new = match item.key() {
                Some(key) => keys.insert(key),
                None => {
                    let new = !self.is_in(&item, &without_key)?;
                    if new {
                        without_key.push(item.clone());
                    }
                    new
                }
            };
            self.step()?;
            if new {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    fn copy_distinct(&mut self, items: &[Item<'a>]) -> Evaluated<Items<'a>> {
        let copy = self.copy(items)?;
        self.distinct(copy)
    }

    fn combined(&mut self, items: &[Item<'a>], other: &[Item<'a>]) -> Evaluated<Items<'a>> {
        self.steps_by(weight(items).saturating_add(weight(other)))?;
        Ok(items.iter().chain(other).cloned().collect())
    }

    fn kept(&mut self, items: &[Item<'a>], among: &[Item<'a>], keep: Keep) -> Evaluated<Items<'a>> {
        let mut kept = Vec::new();
        for item in items {
            if self.is_in(item, among)? == (keep == Keep::Found) {
                kept.push(item.clone());
            }
        }
        Ok(kept)
    }

    /// A count given as an argument; below zero is as zero.
    fn count_of(&mut self, argument: &[Item<'a>]) -> Evaluated<usize> {
        let number = self.whole(argument)?.ok_or("a whole number is expected")?;
        Ok(usize::try_from(number.max(0)).unwrap_or(usize::MAX))
    }

    fn children(&mut self, items: &[Item<'a>]) -> Evaluated<Items<'a>> {
        let mut found = Vec::new();
        for item in items {
            if let Item::Node(node) = item {
                node.all_children(self.shapes, &mut |child| found.push(Item::Node(child)));
            }
        }
        self.steps_by(found.len())?;
        Ok(found)
    }

    fn descendants(&mut self, items: &[Item<'a>]) -> Evaluated<Items<'a>> {
        let mut found = Vec::new();
        let mut open = self.children(items)?;
        while !open.is_empty() {
            let deeper = self.children(&open)?;
            found.append(&mut open);
            open = deeper;
        }
        Ok(found)
    }
}

/// Which items are wanted: those that are among others, or those that are not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Found,
    Missing,
}
