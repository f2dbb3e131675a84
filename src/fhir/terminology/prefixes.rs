//! Code systems in which a code means more than all codes that begin with it, so that their hierarchy is known
//! without them. <https://hl7.org/fhir/R4/icd.html>

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Reason;
use crate::fhir::terminology::extent::Extent;
use crate::fhir::terminology::extent::excerpt;
use crate::fhir::terminology::value_set::not_held;

/// A code system whose hierarchy stands in its codes.
struct Scheme {
    url: &'static str,
    /// How many letters the shortest code has.
    shortest: usize,
    /// After how many letters a dot may stand that says nothing; 0 where there is none.
    dot: usize,
}

/// ICD writes a category of three letters and then, after a dot, what narrows it; ATC writes levels of 1, 3, 4, 5
/// and 7 letters.
const SCHEMES: [Scheme; 4] = [
    Scheme { url: "http://hl7.org/fhir/sid/icd-10-cm", shortest: 3, dot: 3 },
    Scheme { url: "http://hl7.org/fhir/sid/icd-10", shortest: 3, dot: 3 },
    Scheme { url: "http://fhir.de/CodeSystem/bfarm/icd-10-gm", shortest: 3, dot: 3 },
    Scheme { url: "http://www.whocc.no/atc", shortest: 1, dot: 0 },
];

/// A code and all codes below it.
pub(super) fn below(system: &str, code: &str) -> Result<Extent, Failure> {
    let scheme = scheme(system, code)?;
    Ok(Extent::Beginning(system.to_owned(), scheme.spellings(code)))
}

/// A code and all codes above it.
pub(super) fn above(system: &str, code: &str) -> Result<Extent, Failure> {
    let scheme = scheme(system, code)?;
    let plain = scheme.plain(code);
    let lengths = (scheme.shortest..=plain.len()).filter(|length| plain.is_char_boundary(*length));
    let mut codes: Vec<String> = lengths.flat_map(|length| scheme.spellings(&plain[..length])).collect();
    codes.push(code.to_owned());
    codes.sort_unstable();
    codes.dedup();
    Ok(Extent::Codes(system.to_owned(), codes))
}

/// Whether the hierarchy of a code system stands in its codes.
pub(super) fn is_known(system: &str) -> bool {
    SCHEMES.iter().any(|scheme| scheme.url == system)
}

fn scheme(system: &str, code: &str) -> Result<&'static Scheme, Failure> {
    let scheme = SCHEMES.iter().find(|scheme| scheme.url == system).ok_or_else(|| not_held(system))?;
    if scheme.plain(code).chars().count() >= scheme.shortest {
        return Ok(scheme);
    }
    let text = format!(
        "`{}` is no code of {system}; a code has {} letters or more.",
        excerpt(code),
        scheme.shortest
    );
    Err(Failure::new(Reason::Unprocessable, text).code("code-invalid"))
}

impl Scheme {
    /// The code without its dot.
    fn plain(&self, code: &str) -> String {
        match self.dot {
            0 => code.to_owned(),
            _ => code.replace('.', ""),
        }
    }

    /// The code with its dot and without.
    fn spellings(&self, code: &str) -> Vec<String> {
        let plain = self.plain(code);
        match (self.dot, plain.split_at_checked(self.dot)) {
            (1.., Some((category, rest))) if !rest.is_empty() => vec![format!("{category}.{rest}"), plain],
            _ => vec![plain],
        }
    }
}
