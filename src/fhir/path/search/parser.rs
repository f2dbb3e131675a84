//! The grammar of search expressions. <https://hl7.org/fhirpath/#expressions>

use crate::fhir::path::search::Comparison;
use crate::fhir::path::search::Expression;
use crate::fhir::path::search::Literal;
use crate::fhir::path::search::Step;
use crate::fhir::path::search::lexer::Lexer;
use crate::fhir::path::search::lexer::Token;

type Parsed<T> = Result<T, String>;

/// Parentheses may nest so deep; R4's own never exceed two.
const DEEPEST: u8 = 16;

/// Parses a whole expression.
pub(super) fn parse(text: &str) -> Parsed<Expression> {
    whole(&mut Lexer::new(text))
        .map_err(|problem| format!("the expression `{text}` is not supported: {problem}"))
}

fn whole(words: &mut Lexer) -> Parsed<Expression> {
    let expression = union(words, DEEPEST)?;
    match words.next() {
        Token::End => Ok(expression),
        other => Err(format!("{} is not understood here", show(other))),
    }
}

fn union(words: &mut Lexer, depth: u8) -> Parsed<Expression> {
    let first = both(words, depth)?;
    if words.peek() != Token::Sign("|") {
        return Ok(first);
    }
    let mut all = vec![first];
    while words.peek() == Token::Sign("|") {
        words.next();
        all.push(both(words, depth)?);
    }
    Ok(Expression::Union(all))
}

fn both(words: &mut Lexer, depth: u8) -> Parsed<Expression> {
    let mut left = compare(words, depth)?;
    while words.peek() == Token::Name("and") {
        words.next();
        left = Expression::And(Box::new(left), Box::new(compare(words, depth)?));
    }
    Ok(left)
}

fn compare(words: &mut Lexer, depth: u8) -> Parsed<Expression> {
    let left = steps(words, depth)?;
    let comparison = match words.peek() {
        Token::Sign("=") => Comparison::Equal,
        Token::Sign("!=") => Comparison::Unequal,
        _ => return Ok(left),
    };
    words.next();
    let literal = match words.next() {
        Token::Text(text) => Literal::Text(text.into()),
        Token::Name("true") => Literal::Truth(true),
        Token::Name("false") => Literal::Truth(false),
        other => return Err(format!("a literal is expected and {} found", show(other))),
    };
    Ok(Expression::Compare(Box::new(left), comparison, literal))
}

fn steps(words: &mut Lexer, depth: u8) -> Parsed<Expression> {
    let mut steps = Vec::new();
    match words.next() {
        Token::Sign("(") => {
            let inner = union(words, depth.checked_sub(1).ok_or("it nests too deep")?)?;
            sign(words, ")")?;
            match inner {
                Expression::Steps(inner) => steps = inner,
                other => steps.push(Step::Nested(Box::new(other))),
            }
        }
        Token::Name(name) if name.starts_with(char::is_uppercase) => steps.push(Step::Root(name.into())),
        Token::Name("%resource") => {}
        Token::Name(name) => member(words, name, &mut steps)?,
        other => return Err(format!("a path is expected and {} found", show(other))),
    }
    loop {
        match words.peek() {
            Token::Sign(".") => {
                words.next();
                let name = name(words)?;
                member(words, name, &mut steps)?;
            }
            Token::Sign("[") => {
                words.next();
                steps.push(Step::Index(index(words)?));
                sign(words, "]")?;
            }
            Token::Name("as") => {
                words.next();
                typed(&mut steps, name(words)?);
            }
            _ => return Ok(Expression::Steps(steps)),
        }
    }
}

/// A child, or one of the few functions.
fn member(words: &mut Lexer, word: &str, steps: &mut Vec<Step>) -> Parsed<()> {
    if words.peek() != Token::Sign("(") {
        if word.starts_with(['%', '$']) {
            return Err(format!("the variable `{word}`"));
        }
        steps.push(Step::Child(word.into()));
        return Ok(());
    }
    words.next();
    match word {
        "as" | "ofType" => typed(steps, name(words)?),
        "exists" => steps.push(Step::Exists),
        "where" => steps.push(condition(words)?),
        _ => return Err(format!("the function `{word}()`")),
    }
    sign(words, ")")
}

/// `resolve() is Patient` or `system = 'email'`.
fn condition(words: &mut Lexer) -> Parsed<Step> {
    let child = name(words)?;
    if child == "resolve" {
        sign(words, "(")?;
        sign(words, ")")?;
        return match name(words)? {
            "is" => Ok(Step::ResolvesTo(name(words)?.into())),
            other => Err(format!("`is` is expected after `resolve()` and `{other}` found")),
        };
    }
    sign(words, "=")?;
    match words.next() {
        Token::Text(text) => Ok(Step::Where(child.into(), text.into())),
        other => Err(format!("a text is expected and {} found", show(other))),
    }
}

/// `value as Quantity` is the JSON member `valueQuantity`; R4 writes `as(DateTime)` too, which the capital that
/// the member needs makes the same as `as(dateTime)`.
fn typed(steps: &mut Vec<Step>, ty: &str) {
    let mut ty = ty.to_owned();
    if let Some(first) = ty.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    match steps.pop() {
        Some(Step::Child(name)) => steps.push(Step::Typed(format!("{name}{ty}"), ty)),
        Some(other) => steps.extend([other, Step::OfType(ty)]),
        None => steps.push(Step::OfType(ty)),
    }
}

fn name<'a>(words: &mut Lexer<'a>) -> Parsed<&'a str> {
    match words.next() {
        // `FHIR.Quantity` names the model that is meant anyway.
        Token::Name("FHIR") if words.peek() == Token::Sign(".") => {
            words.next();
            name(words)
        }
        Token::Name(name) => Ok(name),
        other => Err(format!("a name is expected and {} found", show(other))),
    }
}

fn index(words: &mut Lexer) -> Parsed<usize> {
    match words.next() {
        Token::Number(number) => number.parse().map_err(|_| format!("the index {number}")),
        other => Err(format!("an index is expected and {} found", show(other))),
    }
}

fn sign(words: &mut Lexer, expected: &str) -> Parsed<()> {
    match words.next() {
        Token::Sign(found) if found == expected => Ok(()),
        other => Err(format!("`{expected}` is expected and {} found", show(other))),
    }
}

fn show(word: Token) -> String {
    match word {
        Token::Name(text) | Token::Number(text) | Token::Sign(text) => format!("`{text}`"),
        Token::Text(text) => format!("the text '{text}'"),
        Token::End => "its end".into(),
    }
}
