//! What the word index is asked: one question for what is there, in each database's own words. What is asked not to be
//! there is either taken from that, or the whole is turned round, because no index lists what does not have a word.
//! <https://hl7.org/fhir/R4/search.html#content>

use std::fmt::Write as _;

/// Words side by side; of the last perhaps only the beginning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Phrase {
    pub(super) words: Vec<String>,
    pub(super) is_beginning: bool,
}

/// What the index is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    /// These words.
    Words(Phrase),
    /// All of these.
    All(Vec<Question>),
    /// One of these.
    Any(Vec<Question>),
    /// The first and not the second.
    But(Box<Question>, Box<Question>),
}

/// A question, and whether it is what it does not find that is meant.
pub(super) struct Turned {
    pub(super) question: Question,
    pub(super) is_not: bool,
    /// How many words it has.
    pub(super) words: usize,
}

/// One of several values must hold, as commas mean.
pub(super) fn either(all: Vec<Turned>) -> Turned {
    let words = all.iter().map(|one| one.words).sum();
    let (question, is_not) = any(all.into_iter().map(|one| (one.question, one.is_not)).collect());
    Turned { question, is_not, words }
}

/// One of the questions, some of which are turned round.
pub(super) fn any(parts: Vec<(Question, bool)>) -> (Question, bool) {
    let (against, with): (Vec<_>, Vec<_>) = parts.into_iter().partition(|(_, is_not)| *is_not);
    let plain = |parts: Vec<(Question, bool)>| parts.into_iter().map(|(question, _)| question).collect();
    let (against, with): (Vec<_>, Vec<_>) = (plain(against), plain(with));
    if against.is_empty() {
        return (joined(with, Question::Any), false);
    }
    // What one of them does not have, all of them together do not.
    let all = joined(against, Question::All);
    if with.is_empty() {
        return (all, true);
    }
    (Question::But(Box::new(all), Box::new(joined(with, Question::Any))), true)
}

/// The parts each once and in one order, so that what means the same is written the same.
fn joined(mut parts: Vec<Question>, join: fn(Vec<Question>) -> Question) -> Question {
    parts.sort_unstable();
    parts.dedup();
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => join(parts),
    }
}

impl Question {
    /// How many words it asks for.
    pub(super) fn words(&self) -> usize {
        match self {
            Self::Words(phrase) => phrase.words.len(),
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::words).sum(),
            Self::But(one, other) => one.words() + other.words(),
        }
    }

    /// As SQLite's FTS5 reads it: <https://www.sqlite.org/fts5.html#full_text_query_syntax>. Words hold letters and
    /// digits alone, so that nothing in them is a sign of its language.
    pub(super) fn for_sqlite(&self, out: &mut String) {
        match self {
            Self::Words(phrase) => {
                let star = if phrase.is_beginning { " *" } else { "" };
                write!(out, "\"{}\"{star}", phrase.words.join(" ")).expect("a String takes all");
            }
            Self::All(parts) => between(parts, " AND ", out, &Self::for_sqlite),
            Self::Any(parts) => between(parts, " OR ", out, &Self::for_sqlite),
            Self::But(one, other) => {
                between(&[one.as_ref(), other.as_ref()], " NOT ", out, &|part, out| part.for_sqlite(out));
            }
        }
    }

    /// As PostgreSQL reads a `tsquery`: <https://www.postgresql.org/docs/15/datatype-textsearch.html#DATATYPE-TSQUERY>.
    /// Words of this weight are meant, or of any where there is none.
    pub(super) fn for_postgres(&self, weight: &str, out: &mut String) {
        match self {
            Self::Words(phrase) => {
                let last = phrase.words.len().saturating_sub(1);
                out.push('(');
                for (at, word) in phrase.words.iter().enumerate() {
                    let star = if phrase.is_beginning && at == last { "*" } else { "" };
                    let marks = if star.is_empty() && weight.is_empty() { "" } else { ":" };
                    let before = if at > 0 { " <-> " } else { "" };
                    write!(out, "{before}{word}{marks}{star}{weight}").expect("a String takes all");
                }
                out.push(')');
            }
            Self::All(parts) => between(parts, " & ", out, &|part, out| part.for_postgres(weight, out)),
            Self::Any(parts) => between(parts, " | ", out, &|part, out| part.for_postgres(weight, out)),
            Self::But(one, other) => {
                let parts = [one.as_ref(), other.as_ref()];
                between(&parts, " & !", out, &|part, out| part.for_postgres(weight, out));
            }
        }
    }
}

fn between<T>(parts: &[T], sign: &str, out: &mut String, write: &dyn Fn(&T, &mut String)) {
    out.push('(');
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push_str(sign);
        }
        write(part, out);
    }
    out.push(')');
}
