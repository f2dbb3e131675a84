//! Many people in pieces, of each of which not too much is read at once.
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>

use std::collections::BTreeMap;

/// How many people are read at once, and how many resources of theirs.
const PEOPLE: usize = 100;
const RESOURCES: usize = 20_000;

/// The people in pieces of whom not too much is on file; one of whom too much is, alone.
pub(crate) fn pieces<'a>(patients: &'a [String], on_file: &BTreeMap<String, usize>) -> Vec<&'a [String]> {
    let (mut pieces, mut begin, mut sum) = (Vec::new(), 0, 0);
    for (at, id) in patients.iter().enumerate() {
        let own = on_file.get(id).copied().unwrap_or_default();
        if at > begin && (at - begin == PEOPLE || sum + own > RESOURCES) {
            pieces.push(&patients[begin..at]);
            (begin, sum) = (at, 0);
        }
        sum += own;
    }
    if begin < patients.len() {
        pieces.push(&patients[begin..]);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn a_piece_has_so_many_people_and_resources_and_everybody_is_in_one() {
        let cut = |counts: &[usize]| {
            let ids: Vec<String> = (0..counts.len()).map(|at| format!("{at:04}")).collect();
            let on_file = ids.iter().cloned().zip(counts.iter().copied()).collect();
            let pieces = pieces(&ids, &on_file);
            assert_eq!(pieces.concat(), ids, "each once and in their order");
            pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>()
        };
        assert_eq!(cut(&[1; 250]), [100, 100, 50]);
        assert_eq!(cut(&[9_000, 9_000, 9_000, 30_000, 1, 19_999, 1]), [2, 1, 1, 2, 1]);
        assert_eq!(cut(&[0; 3]), [3]);
        assert!(cut(&[]).is_empty());
    }
}
