//! What a misspelt name may have meant.

/// How many names a message lists.
const LISTED: usize = 12;

/// The known names, the nearest first, and how many more there are.
pub(in crate::search) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<(usize, &str)> = known.map(|other| (distance(name, other), other)).collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(LISTED);
    let listed: Vec<&str> = names.iter().take(LISTED).map(|(_, name)| *name).collect();
    match (listed.is_empty(), more) {
        (true, _) => "none".into(),
        (false, 0) => listed.join(", "),
        (false, more) => format!("{} and {more} more", listed.join(", ")),
    }
}

/// How many letters must be changed, added or taken away.
fn distance(one: &str, other: &str) -> usize {
    // A name from outside can be of any length; what is far longer than all names is far from all.
    let one: Vec<char> = one.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=one.len()).collect();
    for letter in other.chars() {
        let mut diagonal = row[0];
        row[0] += 1;
        for at in 0..one.len() {
            let changed = diagonal + usize::from(one[at] != letter);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[one.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_comes_first() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert!(nearest("familly", ["given", "family", "name"].into_iter()).starts_with("family, "));
        assert_eq!(nearest("x", std::iter::empty()), "none");
        let many: Vec<String> = (0..20).map(|n| format!("p{n}")).collect();
        assert!(nearest("p3", many.iter().map(String::as_str)).ends_with(" and 8 more"));
    }
}
