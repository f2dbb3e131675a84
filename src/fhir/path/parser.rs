//! The grammar of the whole language. <https://hl7.org/fhirpath/grammar.html>

use regex::RegexBuilder;

use crate::fhir::path::lexer;
use crate::fhir::path::lexer::Token;
use crate::fhir::path::lexer::unexpected;
use crate::fhir::path::number::Number;
use crate::fhir::path::tree::Function;
use crate::fhir::path::tree::Named;
use crate::fhir::path::tree::Operator;
use crate::fhir::path::tree::Tree;
use crate::fhir::path::tree::Typing;
use crate::fhir::path::value::System;

type Parsed<T> = Result<T, String>;

/// How deep parentheses and the like may nest.
const DEEPEST: usize = 40;
/// How high the tree may be, since whatever walks it goes as deep; R4's highest has some 20 levels.
const HIGHEST: usize = 200;
/// How many patterns an expression may have.
const MOST_PATTERNS: usize = 8;
/// The longest expression; R4's longest has 480 characters.
const LONGEST: usize = 16 * 1024;
/// How much memory a compiled pattern may take.
const LARGEST_PATTERN: usize = 1 << 20;
/// `is` and `as` bind more tightly than `|` and less than `+`.
const TYPE_BINDING: u8 = 8;

/// Parses a whole expression; with it, how many patterns it has.
///
/// # Errors
/// A sentence for whoever wrote it.
pub(super) fn parse(text: &str) -> Parsed<(Tree, usize)> {
    let refuse = |problem: String| {
        let shown: String = text.chars().take(200).collect();
        format!("the FHIRPath `{shown}` is not understood: {problem}")
    };
    if text.len() > LONGEST {
        return Err(refuse(format!("it has more than {LONGEST} characters")));
    }
    let words = lexer::words(text).map_err(refuse)?;
    let mut parser = Parser { words, at: 0, depth: 0, height: 0, patterns: 0 };
    let tree = parser.expression(0).map_err(refuse)?;
    match parser.peek() {
        Token::End => Ok((tree, parser.patterns)),
        other => Err(refuse(unexpected(other))),
    }
}

struct Parser {
    words: Vec<Token>,
    at: usize,
    depth: usize,
    /// The height of the tree that was parsed last.
    height: usize,
    patterns: usize,
}

impl Parser {
    /// An expression whose operators bind at least so tightly.
    fn expression(&mut self, least: u8) -> Parsed<Tree> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("it nests too deep".to_owned());
        }
        let mut left = self.unary()?;
        let mut height = self.height;
        loop {
            let word = match self.peek() {
                Token::Name(name) => name.as_str(),
                Token::Sign(sign) => sign,
                _ => break,
            };
            if matches!(word, "is" | "as") && TYPE_BINDING >= least {
                let typing = if word == "is" { Typing::Is } else { Typing::Filter };
                self.next();
                left = Tree::Typed(Box::new(left), typing, self.named()?);
                height = above(height)?;
                continue;
            }
            let Some((operator, binding)) = Operator::parse(word).filter(|(_, binding)| *binding >= least)
            else {
                break;
            };
            self.next();
            let right = self.expression(binding + 1)?;
            left = Tree::Binary(operator, Box::new(left), Box::new(right));
            height = above(height.max(self.height))?;
        }
        self.height = height;
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<Tree> {
        match self.peek() {
            Token::Sign("-") => {
                self.next();
                self.depth += 1;
                if self.depth > DEEPEST {
                    return Err("it nests too deep".to_owned());
                }
                let inner = self.unary()?;
                self.height = above(self.height)?;
                self.depth -= 1;
                Ok(Tree::Negated(Box::new(inner)))
            }
            Token::Sign("+") => {
                self.next();
                self.steps()
            }
            _ => self.steps(),
        }
    }

    /// A term with everything that follows it after points and in brackets.
    fn steps(&mut self) -> Parsed<Tree> {
        let mut tree = self.term()?;
        let mut height = self.height;
        loop {
            match self.peek() {
                Token::Sign(".") => {
                    self.next();
                    self.height = 0;
                    tree = match self.next() {
                        Token::Name(name) => self.invocation(tree, name)?,
                        Token::Quoted(name) => Tree::Child(Box::new(tree), name),
                        other => return Err(unexpected(&other)),
                    };
                }
                Token::Sign("[") => {
                    self.next();
                    let index = self.expression(0)?;
                    self.sign("]")?;
                    tree = Tree::At(Box::new(tree), Box::new(index));
                }
                _ => {
                    self.height = height;
                    return Ok(tree);
                }
            }
            height = above(height.max(self.height))?;
        }
    }

    fn term(&mut self) -> Parsed<Tree> {
        self.height = 1;
        match self.next() {
            Token::Sign("(") => {
                let inner = self.expression(0)?;
                self.sign(")")?;
                Ok(inner)
            }
            Token::Sign("{") => self.sign("}").map(|()| Tree::Nothing),
            Token::Text(text) => Ok(Tree::Literal(System::Text(text.into()))),
            Token::Number(text) => self.number(&text),
            Token::Moment(text) => System::moment(text.into())
                .map(Tree::Literal)
                .ok_or_else(|| "a date or time after `@` does not exist".to_owned()),
            Token::Special(name) => match name.as_str() {
                "this" => Ok(Tree::This),
                "index" => Ok(Tree::Index),
                "total" => Ok(Tree::Total),
                _ => Err(format!("`${name}` is not known")),
            },
            Token::Variable(name) => Tree::variable(&name),
            Token::Quoted(name) => Ok(Tree::Child(Box::new(Tree::This), name)),
            Token::Name(name) => match name.as_str() {
                "true" | "false" => Ok(Tree::Literal(System::Boolean(name == "true"))),
                _ if *self.peek() != Token::Sign("(") && name.starts_with(char::is_uppercase) => {
                    Ok(Tree::OfType(self.qualified(name)?))
                }
                _ => {
                    let tree = self.invocation(Tree::This, name)?;
                    self.height = above(self.height)?;
                    Ok(tree)
                }
            },
            other => Err(unexpected(&other)),
        }
    }

    /// A number, or with a unit after it a quantity.
    fn number(&mut self, text: &str) -> Parsed<Tree> {
        let number = Number::parse(text).ok_or_else(|| format!("`{text}` is not a number"))?;
        let unit = match self.peek() {
            Token::Text(unit) => unit.clone(),
            Token::Name(name) if System::calendar_unit(name).is_some() => {
                System::calendar_unit(name).unwrap_or_default().to_owned()
            }
            _ => return Ok(Tree::Literal(System::Number(number))),
        };
        self.next();
        Ok(Tree::Literal(System::Quantity(number, unit.into())))
    }

    /// A child or a function of what stands before; the height that is left is that of the arguments.
    fn invocation(&mut self, focus: Tree, name: String) -> Parsed<Tree> {
        let focus = Box::new(focus);
        if *self.peek() != Token::Sign("(") {
            return Ok(Tree::Child(focus, name));
        }
        self.next();
        let typing = match name.as_str() {
            "is" => Some(Typing::Is),
            "as" | "ofType" => Some(Typing::Filter),
            _ => None,
        };
        if let Some(typing) = typing {
            let named = self.named()?;
            self.sign(")")?;
            return Ok(Tree::Typed(focus, typing, named));
        }
        let (function, least, most) =
            Function::parse(&name).ok_or_else(|| format!("the function `{name}()` is not known"))?;
        let mut arguments = Vec::new();
        let mut height = 0;
        while *self.peek() != Token::Sign(")") {
            if !arguments.is_empty() {
                self.sign(",")?;
            }
            arguments.push(self.expression(0)?);
            height = height.max(self.height);
        }
        self.height = height;
        self.next();
        if arguments.len() < least || arguments.len() > most {
            return Err(format!("`{name}()` does not take {} arguments", arguments.len()));
        }
        if matches!(function, Function::Matches | Function::ReplaceMatches) {
            self.patterns += 1;
            if self.patterns > MOST_PATTERNS {
                return Err(format!("it has more than {MOST_PATTERNS} patterns"));
            }
        }
        call(focus, function, arguments)
    }

    fn named(&mut self) -> Parsed<Named> {
        match self.next() {
            Token::Name(name) | Token::Quoted(name) => self.qualified(name),
            other => Err(unexpected(&other)),
        }
    }

    /// A type's name, with what stands after `FHIR.` or `System.`.
    fn qualified(&mut self, first: String) -> Parsed<Named> {
        let system = first == "System";
        if !system && first != "FHIR" || *self.peek() != Token::Sign(".") {
            return Ok(Named { system: false, name: first });
        }
        self.next();
        match self.next() {
            Token::Name(name) | Token::Quoted(name) => Ok(Named { system, name }),
            other => Err(unexpected(&other)),
        }
    }

    fn sign(&mut self, wanted: &'static str) -> Parsed<()> {
        match self.next() {
            Token::Sign(sign) if sign == wanted => Ok(()),
            other => Err(format!("`{wanted}` is expected: {}", unexpected(&other))),
        }
    }

    fn peek(&self) -> &Token {
        self.words.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let word = self.peek().clone();
        self.at += 1;
        word
    }
}

/// The height of a tree above one of this height.
fn above(height: usize) -> Parsed<usize> {
    if height < HIGHEST { Ok(height + 1) } else { Err("it nests too deep".to_owned()) }
}

/// A call; a pattern that is known is compiled with it.
fn call(focus: Box<Tree>, function: Function, mut arguments: Vec<Tree>) -> Parsed<Tree> {
    if function != Function::Matches && function != Function::ReplaceMatches {
        return Ok(Tree::Call(focus, function, arguments));
    }
    let replaced = if function == Function::ReplaceMatches { arguments.pop().map(Box::new) } else { None };
    let Some(Tree::Literal(System::Text(pattern))) = arguments.first() else {
        return Err(format!("the pattern of `{}()` is not a literal", function.name()));
    };
    // `matches` asks for the whole text, as R4's own expressions rely on.
    let whole = if replaced.is_none() { format!("^(?:{pattern})$") } else { pattern.to_string() };
    let compiled = RegexBuilder::new(&whole).dot_matches_new_line(true).size_limit(LARGEST_PATTERN).build();
    let regex = compiled.map_err(|_| format!("`{pattern}` is not a pattern that is understood"))?;
    Ok(Tree::Pattern(focus, regex, replaced))
}
