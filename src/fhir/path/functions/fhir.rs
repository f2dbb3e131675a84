//! Functions that FHIR adds to the language. <https://hl7.org/fhir/R4/fhirpath.html#functions>

use std::borrow::Cow;

use serde_json::Value;

use crate::fhir::path::evaluate::Evaluated;
use crate::fhir::path::evaluate::Evaluator;
use crate::fhir::path::evaluate::Items;
use crate::fhir::path::item::Item;
use crate::fhir::path::node::Node;
use crate::fhir::path::tree::Function;
use crate::fhir::path::tree::Named;
use crate::fhir::path::value::System;
use crate::fhir::shape;

impl<'a> Evaluator<'a> {
    /// What a function of FHIR gives; none where it is no such function.
    pub(super) fn of_fhir(
        &mut self,
        function: Function,
        items: &Items<'a>,
        arguments: &[Items<'a>],
    ) -> Evaluated<Option<Items<'a>>> {
        let first = match arguments.first() {
            Some(argument) => self.text(argument)?,
            None => None,
        };
        Ok(Some(match function {
            Function::HasValue => {
                let value = |item: &Item<'a>| item.system().is_some();
                vec![Item::truth(items.len() == 1 && items.iter().all(value))]
            }
            Function::GetValue => match items.as_slice() {
                [item] => item.system().map(Item::Value).into_iter().collect(),
                _ => Vec::new(),
            },
            Function::Extension => self.extensions(items, first.as_deref()),
            Function::Resolve => self.resolve(items)?,
            Function::HtmlChecks => {
                let text = self.text(items)?.unwrap_or_default();
                vec![Item::truth(shape::narrative_is_fine(&text))]
            }
            Function::MemberOf => {
                let url = first.ok_or("`memberOf()` needs the URL of a value set")?;
                self.member_of(items, &url)?
            }
            Function::ConformsTo => {
                let url = first.ok_or("`conformsTo()` needs the URL of a profile")?;
                let name = url.strip_prefix("http://hl7.org/fhir/StructureDefinition/");
                let name = name.filter(|name| self.shapes.has_type(name));
                let name = name.ok_or_else(|| format!("the profile {url} is not held"))?;
                let named = Named { system: false, name: name.to_owned() };
                let is = |item: &Item<'a>| item.is(self.shapes, &named);
                items.first().map(is).map(Item::truth).into_iter().collect()
            }
            _ => return Ok(None),
        }))
    }

    fn extensions(&self, items: &[Item<'a>], url: Option<&str>) -> Items<'a> {
        let mut found = Vec::new();
        for item in items {
            if let Item::Node(node) = item {
                node.each_child(self.shapes, "extension", &mut |child| {
                    let own = child.value().and_then(|value| value.get("url")).and_then(Value::as_str);
                    if own.is_some() && own == url {
                        found.push(Item::Node(child));
                    }
                });
            }
        }
        found
    }

    /// What references point to, as far as it is contained or in the same Bundle; elsewhere nothing is looked up.
    fn resolve(&mut self, items: &[Item<'a>]) -> Evaluated<Items<'a>> {
        let mut found = Vec::new();
        for item in items {
            let text = match item {
                Item::Value(System::Text(text)) => Some(text.clone()),
                Item::Value(_) => None,
                Item::Node(node) => match node.system() {
                    Some(value) => Some(value.to_text()),
                    None => {
                        node.value().and_then(|value| value.get("reference")?.as_str()).map(Cow::Borrowed)
                    }
                },
            };
            if let Some(target) = text.and_then(|text| self.target(&text)) {
                found.push(Item::Node(Node::resource(target)));
            }
            self.step()?;
        }
        Ok(found)
    }

    fn target(&mut self, reference: &str) -> Option<&'a Value> {
        let root = self.scope.root_resource;
        if let Some(id) = reference.strip_prefix('#') {
            let contained = root.get("contained").and_then(Value::as_array);
            let own = |value: &&Value| value.get("id").and_then(Value::as_str) == Some(id);
            return if id.is_empty() { Some(root) } else { contained?.iter().find(own) };
        }
        let reference = reference.split("/_history/").next().unwrap_or(reference);
        let entries = self.scope.outermost.get("entry")?.as_array()?;
        self.steps_by(entries.len()).ok()?;
        let names = |entry: &&Value| {
            let url = entry.get("fullUrl").and_then(Value::as_str).unwrap_or_default();
            url == reference || url.strip_suffix(reference).is_some_and(|base| base.ends_with('/'))
        };
        entries.iter().find(names)?.get("resource")
    }

    /// Whether codes are in a value set whose codes are held.
    fn member_of(&mut self, items: &[Item<'a>], url: &str) -> Evaluated<Items<'a>> {
        let [item] = items else { return Ok(Vec::new()) };
        let member = match item {
            Item::Value(value) => self.shapes.is_member(url, &Value::String(value.to_text().into_owned())),
            Item::Node(node) => match node.value() {
                Some(value) => self.shapes.is_member(url, value),
                None => return Ok(Vec::new()),
            },
        };
        let member = member.ok_or_else(|| format!("the value set {url} is not held"))?;
        Ok(vec![Item::truth(member)])
    }
}
