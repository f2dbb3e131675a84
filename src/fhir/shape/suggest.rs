//! Sentences about names that are not there, with the name that was probably meant.
//! <https://hl7.org/fhir/R4/json.html>

use crate::fhir::shape::tables::Type;

/// What is wrong with a name that a type does not have.
pub(super) fn unknown(ty: &Type, key: &str) -> String {
    let name = key.strip_prefix('_').unwrap_or(key);
    if name != key && ty.property(name).is_some() {
        return format!(
            "`{name}` of {} is an object and keeps its extensions itself; remove `{key}`.",
            ty.name
        );
    }
    let shown = shortened(key);
    let choice = ty.elements.iter().filter(|element| element.choice).find(|element| {
        let rest = name.strip_prefix(element.name.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(|first: char| first.is_ascii_uppercase()))
    });
    if let Some(element) = choice {
        let names = ty.properties.iter().filter(|p| ty.elements[p.element].name == element.name);
        let names: Vec<String> = names.take(12).map(|property| format!("`{}`", property.name)).collect();
        let more = if names.len() == 12 { ", …" } else { "" };
        return format!("{} has no `{shown}`; use one of {}{more}.", ty.name, names.join(", "));
    }
    match nearest(ty, name) {
        Some(nearest) => format!("{} has no `{shown}`; did you mean `{nearest}`?", ty.name),
        None => format!("{} has no `{shown}`; remove it, or send it as an extension.", ty.name),
    }
}

/// A value as an issue shows it: enough to recognise it, not a body's worth.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The name that is a slip of the keyboard away.
fn nearest<'a>(ty: &'a Type, name: &str) -> Option<&'a str> {
    if name.len() > 40 {
        return None;
    }
    let allowed = if name.len() < 5 { 1 } else { 2 };
    let distances =
        ty.properties.iter().map(|property| (distance(name, &property.name), property.name.as_str()));
    distances.filter(|(distance, _)| *distance <= allowed).min().map(|(_, name)| name)
}

/// How many letters must be added, dropped or replaced to make one name from the other, whatever their case.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for place in 0..other.len() {
            let replaced = diagonal + usize::from(letter != other[place]);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_edits() {
        assert_eq!(distance("birthdate", "birthDate"), 0);
        assert_eq!(distance("brithDate", "birthDate"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "axcd"), 2);
    }
}
