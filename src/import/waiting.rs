//! What of an import waits for something that is not there yet: a reference by a search may be to what a later file
//! holds. <https://hl7.org/fhir/R4/http.html#trules>
//!
//! Only where it stands is kept, not what it says, so that an import in which everything waits takes little memory:
//! neighbours share one entry.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Places in files.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    files: BTreeMap<Arc<Path>, Places>,
}

/// Places in one file: numbers of lines or of entries.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The first of neighbours, and the last.
    runs: BTreeMap<usize, usize>,
    many: u64,
}

impl Waiting {
    /// Adds a place that is not known yet.
    pub fn add(&mut self, file: &Arc<Path>, number: usize) {
        self.files.entry(Arc::clone(file)).or_default().add(number, number, 1);
    }

    /// Adds a file as a whole.
    pub fn add_file(&mut self, file: &Arc<Path>) {
        self.files.entry(Arc::clone(file)).or_default().add(0, usize::MAX, 1);
    }

    /// Adds those of another part of the import.
    pub fn extend(&mut self, other: Self) {
        for (file, places) in other.files {
            let own = self.files.entry(file).or_default();
            own.many += places.many;
            places.runs.into_iter().for_each(|(first, last)| own.add(first, last, 0));
        }
    }

    /// How many wait.
    pub fn many(&self) -> u64 {
        self.files.values().map(|places| places.many).sum()
    }

    /// The places by their files.
    pub fn into_files(self) -> impl Iterator<Item = (Arc<Path>, Places)> {
        self.files.into_iter()
    }
}

impl Places {
    /// Whether the place is one of them.
    pub fn holds(&self, number: usize) -> bool {
        self.runs.range(..=number).next_back().is_some_and(|(_, last)| number <= *last)
    }

    /// How many they are.
    pub fn many(&self) -> u64 {
        self.many
    }

    /// The last of them.
    pub fn last(&self) -> usize {
        self.runs.last_key_value().map_or(0, |(_, last)| *last)
    }

    fn add(&mut self, mut first: usize, mut last: usize, many: u64) {
        self.many += many;
        if let Some((before, end)) = self.runs.range(..=first).next_back()
            && end.saturating_add(1) >= first
        {
            (first, last) = (*before, last.max(*end));
        }
        while let Some((next, end)) = self.runs.range(first..=last.saturating_add(1)).next() {
            let next = *next;
            last = last.max(*end);
            self.runs.remove(&next);
        }
        self.runs.insert(first, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_again_and_neighbours_are_kept_together() {
        let file: Arc<Path> = Arc::from(Path::new("a.ndjson"));
        let (mut waiting, mut other) = (Waiting::default(), Waiting::default());
        for number in [5, 1, 3, 9, 4] {
            waiting.add(&file, number);
        }
        for number in [2, 6, 20] {
            other.add(&file, number);
        }
        waiting.extend(other);
        assert_eq!(waiting.many(), 8);
        let (_, places) = waiting.into_files().next().unwrap();
        assert_eq!(places.runs, BTreeMap::from([(1, 6), (9, 9), (20, 20)]));
        let held: Vec<usize> = (0..30).filter(|number| places.holds(*number)).collect();
        assert_eq!(held, [1, 2, 3, 4, 5, 6, 9, 20]);
    }

    #[test]
    fn a_file_as_a_whole_holds_every_place() {
        let file: Arc<Path> = Arc::from(Path::new("a.json"));
        let mut waiting = Waiting::default();
        waiting.add(&file, 3);
        waiting.add_file(&file);
        let (_, places) = waiting.into_files().next().unwrap();
        assert_eq!(places.runs, BTreeMap::from([(0, usize::MAX)]));
        assert!(places.holds(0) && places.holds(1_000_000));
    }
}
