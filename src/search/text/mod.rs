//! `_text`, words of the narrative, and `_content`, words of the whole resource.
//! <https://hl7.org/fhir/R4/search.html#content>
//!
//! Each resource is one row of the database's own word index: SQLite's FTS5, PostgreSQL's `tsvector` with GIN. The
//! words of texts and of questions are made here ([`words`]), so that both find the same; neither has stop words or
//! stems, which would lose codes and names. Each row has a word for the resource's type, so that a question finds no
//! more than its search can use. FTS5 gives rows in the order of their numbers, so that a page of a frequent word is
//! read from the newest on and no further; PostgreSQL is told the words when it plans, and walks the rows likewise where
//! they are frequent.

mod ask;
mod narrative;
mod question;
mod row;
mod words;

pub use row::TextRow;

use serde_json::json;

use crate::fhir::ResourceType;
use crate::search::modifier::Modifier;
use crate::search::query::Context;
use crate::search::query::Criterion;
use crate::search::query::Problem;
use crate::search::query::Test;
use crate::search::query::values;
use crate::search::sql::Bind;
use crate::search::sql::Sql;
use crate::search::value::unescaped;

/// Looks at the words of the narrative.
const NARRATIVE: &str = "_text";

/// Looks at all words.
const CONTENT: &str = "_content";

/// Words that a resource must have.
#[derive(Clone, Debug, PartialEq)]
pub struct Words {
    /// At which words it looks.
    code: &'static str,
    /// The question as SQLite and as PostgreSQL reads it: a JSON list of both.
    asked: String,
}

/// Whether a parameter looks at words.
pub(super) fn is_one(code: &str) -> bool {
    [NARRATIVE, CONTENT].contains(&code)
}

/// Reads a condition on the words of a type's resources.
pub(super) fn read(
    context: &Context,
    (ty, code): (ResourceType, &str),
    modifier: Option<Modifier>,
    value: &str,
) -> Result<Criterion, Problem> {
    if !context.parameters.keeps_words() {
        return Err(Problem::Unknown(format!(
            "This server keeps no words to search by `{code}`; its operator turns them on with COMFREY_FULL_TEXT=1 and \
             `comfrey reindex`."
        )));
    }
    let code = if code == NARRATIVE { NARRATIVE } else { CONTENT };
    if let Some(modifier) = modifier {
        return Err(Problem::Unknown(format!("`{code}` has no modifier `:{}`.", modifier.name())));
    }
    let wrong = |problem: String| Problem::Wrong(format!("`{code}`: {problem}"));
    let each = values(code, value)?.into_iter().map(|value| ask::read(&unescaped(value)));
    let all = question::either(each.collect::<Result<Vec<_>, String>>().map_err(wrong)?);
    if all.words > ask::MOST_WORDS {
        return Err(wrong(format!("it asks for more than {} words.", ask::MOST_WORDS)));
    }
    let ((mut sqlite, mut postgres), own) = ((String::new(), String::new()), row::type_word(ty));
    all.question.for_sqlite(&mut sqlite);
    let (columns, weight) = if code == NARRATIVE { ("narrative : ", "A") } else { ("", "") };
    all.question.for_postgres(weight, &mut postgres);
    let canonical = format!("{code}={}{sqlite}", if all.is_not { "NOT " } else { "" });
    let sqlite = format!("(content : \"{own}\") AND ({columns}({sqlite}))");
    let asked = json!([sqlite, format!("{own} & ({postgres})")]).to_string();
    Ok(Criterion { canonical, test: Test::Words(Words { code, asked }), negated: all.is_not })
}

/// Why no words are asked for at the end of a chain or in a filter.
pub(super) fn only_by_itself(code: &str) -> Problem {
    Problem::Wrong(format!(
        "`{code}` is a parameter of its own, for the resources that are searched; it goes into no chain, `_has` or \
         `_filter`."
    ))
}

impl Words {
    /// The parameter that asks for them.
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// The rows that have them: each resource once, with its number as `rid`.
    pub(super) fn rows(&self) -> Sql {
        let sql = Sql::default()
            .either("SELECT f.rowid AS rid FROM full_text f WHERE ", "SELECT f.rid FROM idx_text f WHERE ");
        sql.append(self.are_there())
    }

    /// The row with this number has them.
    pub(super) fn hold(&self, rid: Sql) -> Sql {
        let sql = Sql::default().either(
            "EXISTS (SELECT 1 FROM full_text f WHERE f.rowid = ",
            "EXISTS (SELECT 1 FROM idx_text f WHERE f.rid = ",
        );
        sql.append(rid).push(" AND ", []).append(self.are_there())
    }

    fn are_there(&self) -> Sql {
        let asked: Bind = self.asked.as_str().into();
        Sql::default()
            .either("f.full_text MATCH json_extract(", "f.words @@ CAST(CAST(")
            .push("?", [asked])
            .either(", '$[0]')", " AS json) ->> 1 AS tsquery)")
            .planned()
    }
}
