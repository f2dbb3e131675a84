//! What R4's definitions say of each element, read apart from the shapes that are under test.

use std::collections::HashMap;
use std::collections::HashSet;

use comfrey::definitions;
use serde_json::Map;
use serde_json::Value;

pub type Object = Map<String, Value>;

/// An element under one of its names in JSON.
pub struct Member {
    pub required: bool,
    pub many: bool,
    /// The other names of a choice.
    pub others: Vec<String>,
    pub code: String,
    /// The types that a reference may point to; empty where any.
    pub targets: Vec<String>,
    /// Whether its codes are bound to a value set, as required.
    pub bound: bool,
    /// Where its own elements are defined.
    pub inner: String,
}

/// Members by the type that has them and by name.
pub struct Table {
    members: HashMap<String, HashMap<String, Member>>,
}

/// A member of an object somewhere in a resource.
pub struct Site<'t> {
    /// The way to the object: names and places.
    pub steps: Vec<Value>,
    pub owner: String,
    pub name: String,
    pub member: &'t Member,
}

impl Table {
    pub fn new() -> Self {
        let structures = definitions::r4_structures().unwrap();
        let all: Vec<&Value> =
            structures.iter().flat_map(|s| s["snapshot"]["element"].as_array().unwrap()).collect();
        let parents: Vec<&str> =
            all.iter().filter_map(|e| Some(e["path"].as_str()?.rsplit_once('.')?.0)).collect();
        let parents: HashSet<&str> = parents.into_iter().collect();
        let mut members: HashMap<String, HashMap<String, Member>> = HashMap::new();
        for element in all {
            let path = element["path"].as_str().unwrap();
            let Some((owner, name)) = path.rsplit_once('.') else { continue };
            let types = element["type"].as_array().cloned().unwrap_or_default();
            let base = name.trim_end_matches("[x]");
            let named = |ty: &Value| {
                let code = ty["code"].as_str().unwrap();
                if base == name {
                    name.to_owned()
                } else {
                    format!("{base}{}{}", code[..1].to_uppercase(), &code[1..])
                }
            };
            let bound = element.get("binding").filter(|binding| binding["strength"] == "required");
            let reference =
                element["contentReference"].as_str().map(|r| r.trim_start_matches('#').to_owned());
            let types =
                if types.is_empty() { vec![serde_json::json!({ "code": "BackboneElement" })] } else { types };
            for ty in &types {
                let code = ty["code"].as_str().unwrap().to_owned();
                let targets: Vec<String> = ty["targetProfile"]
                    .as_array()
                    .filter(|_| code == "Reference")
                    .map(|all| all.iter().map(|t| t.as_str().unwrap().to_owned()).collect())
                    .unwrap_or_default();
                let inner = match &reference {
                    Some(path) => path.clone(),
                    None if parents.contains(path) => path.to_owned(),
                    None => code.clone(),
                };
                let own = named(ty);
                let member = Member {
                    required: element["min"].as_u64() > Some(0),
                    many: element["max"] != "1",
                    others: types.iter().map(named).filter(|other| *other != own).collect(),
                    targets: if targets.iter().any(|t| t == "Resource") { Vec::new() } else { targets },
                    bound: bound.is_some(),
                    code,
                    inner,
                };
                members.entry(owner.to_owned()).or_default().insert(own, member);
            }
        }
        Self { members }
    }

    /// Every member of every object in a resource.
    pub fn sites(&self, resource: &Value) -> Vec<Site<'_>> {
        let mut sites = Vec::new();
        let ty = resource["resourceType"].as_str().unwrap();
        self.collect(ty, resource, &mut Vec::new(), &mut sites);
        sites
    }

    fn collect<'t>(&'t self, owner: &str, at: &Value, steps: &mut Vec<Value>, sites: &mut Vec<Site<'t>>) {
        let (Some(object), Some(members)) = (at.as_object(), self.members.get(owner)) else { return };
        for (name, value) in object {
            let Some(member) = members.get(name) else { continue };
            sites.push(Site { steps: steps.clone(), owner: owner.to_owned(), name: name.clone(), member });
            steps.push(name.as_str().into());
            let inner = |value: &Value| match member.code.as_str() {
                "Resource" => value["resourceType"].as_str().unwrap_or_default().to_owned(),
                _ => member.inner.clone(),
            };
            match value {
                Value::Array(items) => {
                    for (place, item) in items.iter().enumerate() {
                        steps.push(place.into());
                        self.collect(&inner(item), item, steps, sites);
                        steps.pop();
                    }
                }
                single => self.collect(&inner(single), single, steps, sites),
            }
            steps.pop();
        }
    }
}

/// What stands at the end of a way.
pub fn look<'v>(resource: &'v Value, steps: &[Value]) -> &'v Value {
    steps.iter().fold(resource, |value, step| match step.as_str() {
        Some(name) => &value[name],
        None => &value[usize::try_from(step.as_u64().unwrap()).unwrap()],
    })
}

/// The same, to change it.
pub fn at<'v>(resource: &'v mut Value, steps: &[Value]) -> &'v mut Value {
    steps.iter().fold(resource, |value, step| match step.as_str() {
        Some(name) => &mut value[name],
        None => &mut value[usize::try_from(step.as_u64().unwrap()).unwrap()],
    })
}
