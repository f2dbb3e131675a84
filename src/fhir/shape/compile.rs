//! StructureDefinitions and ValueSets to tables. <https://hl7.org/fhir/R4/structuredefinition.html>

use std::collections::HashMap;

use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::shape::binding::CodeList;
use crate::fhir::shape::primitive::Primitive;
use crate::fhir::shape::rules::rules;
use crate::fhir::shape::tables::Content;
use crate::fhir::shape::tables::Element;
use crate::fhir::shape::tables::Kind;
use crate::fhir::shape::tables::MAX_ELEMENTS;
use crate::fhir::shape::tables::Property;
use crate::fhir::shape::tables::Shapes;
use crate::fhir::shape::tables::Type;

impl Shapes {
    /// Compiles definitions into tables.
    ///
    /// # Errors
    /// A sentence that names the definition that is wrong.
    pub fn compile<'a>(
        structures: impl Iterator<Item = &'a Value>,
        value_sets: impl Iterator<Item = &'a Value>,
    ) -> Result<Self, String> {
        let structures: Vec<&Value> =
            structures.filter(|structure| structure["kind"] != "primitive-type").collect();
        let mut compiler = Compiler::default();
        for value_set in value_sets {
            compiler.add_list(value_set)?;
        }
        for structure in &structures {
            compiler.add_types(structure)?;
        }
        for structure in &structures {
            for element in elements(structure)?.iter().skip(1) {
                compiler.add_element(element)?;
            }
        }
        compiler.finish()
    }
}

#[derive(Default)]
struct Compiler {
    types: Vec<Type>,
    by_name: HashMap<String, usize>,
    lists: Vec<CodeList>,
    list_by_url: HashMap<String, usize>,
    /// Of a list of media types, the one that takes the names of R4's formats beside.
    formats: HashMap<usize, usize>,
}

impl Compiler {
    fn add_list(&mut self, value_set: &Value) -> Result<(), String> {
        let url = text(value_set, "url").ok_or("a value set has no `url`")?;
        let Some(list) = CodeList::compile(value_set) else { return Ok(()) };
        self.list_by_url.insert(url.to_owned(), self.lists.len());
        if let Some(with_formats) = list.with_formats() {
            self.formats.insert(self.lists.len(), self.lists.len() + 1);
            self.lists.extend([list, with_formats]);
        } else {
            self.lists.push(list);
        }
        Ok(())
    }

    /// A type for the definition itself, and for each element that has children.
    fn add_types(&mut self, structure: &Value) -> Result<(), String> {
        let elements = elements(structure)?;
        let is_resource = structure["kind"] == "resource";
        for (at, element) in elements.iter().enumerate() {
            let path = path(element)?;
            let is_parent = elements
                .get(at + 1)
                .and_then(|next| text(next, "path"))
                .is_some_and(|next| next.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')));
            if at > 0 && !is_parent {
                continue;
            }
            let kind = if at == 0 { kind(path, is_resource) } else { Kind::Other };
            self.by_name.insert(path.to_owned(), self.types.len());
            self.types.push(Type {
                name: path.to_owned(),
                at: self.types.len(),
                kind,
                elements: Vec::new(),
                properties: Vec::new(),
                required: Vec::new(),
                rules: rules(element)?,
            });
        }
        Ok(())
    }

    fn add_element(&mut self, definition: &Value) -> Result<(), String> {
        let path = path(definition)?;
        let (parent, name) = path.rsplit_once('.').ok_or_else(|| format!("{path}: no parent"))?;
        let owner = *self.by_name.get(parent).ok_or_else(|| format!("{path}: `{parent}` is not defined"))?;
        let base = name.trim_end_matches("[x]");
        let number = self.types[owner].elements.len();
        let properties = self.properties(definition, number)?;
        let max = text(definition, "max").ok_or_else(|| format!("{path}: no `max`"))?;
        let element = Element {
            name: base.to_owned(),
            choice: base != name,
            many: max != "1" && max != "0",
            max: max.parse().unwrap_or(usize::MAX),
            // An element with elements of its own is a type, and keeps its rules there.
            rules: if self.by_name.contains_key(path) { Vec::new() } else { rules(definition)? },
        };
        let owner = &mut self.types[owner];
        if definition["min"].as_u64().is_some_and(|min| min > 0) {
            owner.required.push(number);
        }
        owner.elements.push(element);
        owner.properties.extend(properties);
        if number >= MAX_ELEMENTS {
            return Err(format!("{path}: more than {MAX_ELEMENTS} elements"));
        }
        Ok(())
    }

    fn properties(&self, definition: &Value, element: usize) -> Result<Vec<Property>, String> {
        let path = path(definition)?;
        let name = path.rsplit_once('.').map_or(path, |(_, name)| name);
        let property = |name: String, content| Property {
            shadow: format!("_{name}"),
            name,
            element,
            content,
            list: self.list(definition),
            targets: Vec::new(),
        };
        let referenced = text(definition, "contentReference").and_then(|reference| reference.split_once('#'));
        if let Some((_, path)) = referenced {
            let ty = self.by_name.get(path).ok_or_else(|| format!("`{path}` is not defined"))?;
            return Ok(vec![property(name.to_owned(), Content::Complex(*ty))]);
        }
        if let Some(ty) = self.by_name.get(path) {
            return Ok(vec![property(name.to_owned(), Content::Complex(*ty))]);
        }
        let types = definition["type"].as_array().ok_or_else(|| format!("{path}: no `type`"))?;
        let mut properties = Vec::with_capacity(types.len());
        for ty in types {
            let code = text(ty, "code").ok_or_else(|| format!("{path}: a type without `code`"))?;
            let full_name = match name.strip_suffix("[x]") {
                Some(base) => format!("{base}{}{}", code[..1].to_uppercase(), &code[1..]),
                None => name.to_owned(),
            };
            let content = self.content(path, code)?;
            properties.push(Property { targets: targets(ty, code), ..property(full_name, content) });
        }
        Ok(properties)
    }

    fn content(&self, path: &str, code: &str) -> Result<Content, String> {
        if code == "Resource" {
            return Ok(Content::Resource);
        }
        // R4 gives the id of a resource as a string, and says in words that it is an `id`.
        let is_resource_id = path.strip_suffix(".id").is_some_and(|ty| ResourceType::parse(ty).is_some());
        if is_resource_id {
            return Ok(Content::Primitive(Primitive::Id));
        }
        let complex = || self.by_name.get(code).map(|ty| Content::Complex(*ty));
        let content = Primitive::parse(code).map(Content::Primitive).or_else(complex);
        content.ok_or_else(|| format!("{path}: `{code}` is not defined"))
    }

    fn list(&self, definition: &Value) -> Option<usize> {
        let binding = definition.get("binding").filter(|binding| binding["strength"] == "required")?;
        let list = *self.list_by_url.get(text(binding, "valueSet")?)?;
        // What a server takes, and what a test asks of it, is named as `_format` is: `json` will do.
        let is_of_formats = text(definition, "path")
            .is_some_and(|path| path.starts_with("CapabilityStatement.") || path.starts_with("TestScript."));
        let formats = self.formats.get(&list).filter(|_| is_of_formats);
        Some(formats.copied().unwrap_or(list))
    }

    fn finish(mut self) -> Result<Shapes, String> {
        for ty in &mut self.types {
            ty.properties.sort_by(|one, other| one.name.cmp(&other.name));
        }
        let find = |name: &str| {
            self.by_name.get(name).copied().ok_or_else(|| format!("`{name}` has no StructureDefinition"))
        };
        let resources = ResourceType::all().map(|ty| find(ty.name())).collect::<Result<_, _>>()?;
        let element = find("Element")?;
        Ok(Shapes { types: self.types, resources, element, lists: self.lists })
    }
}

fn kind(name: &str, is_resource: bool) -> Kind {
    match name {
        _ if is_resource => Kind::Resource,
        "Reference" => Kind::Reference,
        "Coding" => Kind::Coding,
        "CodeableConcept" => Kind::CodeableConcept,
        "Quantity" | "Age" | "Count" | "Distance" | "Duration" => Kind::Quantity,
        _ => Kind::Other,
    }
}

/// The types that a reference may point to; a canonical's are not checked, since its URL does not tell its type.
fn targets(ty: &Value, code: &str) -> Vec<ResourceType> {
    let profiles = ty["targetProfile"].as_array().filter(|_| code == "Reference");
    let names: Vec<&str> = profiles.into_iter().flatten().filter_map(Value::as_str).collect();
    if names.contains(&"Resource") {
        return Vec::new();
    }
    names.into_iter().filter_map(ResourceType::parse).collect()
}

fn elements(structure: &Value) -> Result<&Vec<Value>, String> {
    let elements = structure["snapshot"]["element"].as_array();
    elements.ok_or_else(|| format!("{}: no snapshot", text(structure, "url").unwrap_or("a structure")))
}

fn path(element: &Value) -> Result<&str, String> {
    text(element, "path").ok_or_else(|| "an element has no `path`".to_owned())
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}
