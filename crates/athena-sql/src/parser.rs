//! What both parsers stand on: a cursor over tokens that remembers what would have been allowed at the furthest token.

use std::collections::BTreeSet;

use crate::{
    ast::{Ident, Pos, QualifiedName},
    error::ParseError,
    lexer::{Quotes, Token, TokenKind, tokens},
};

/// A parse result.
pub(crate) type Parsed<T> = Result<T, ParseError>;

/// A cursor over the tokens of one text.
pub(crate) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    quotes: Quotes,
    expected_at: usize,
    expected: BTreeSet<String>,
    /// How many `?` there were.
    pub parameters: usize,
    depth: usize,
}

/// Deeper than this, a text is refused rather than the stack overrun.
const MAX_DEPTH: usize = 200;
/// Longer chains such as `1 + 1 + …` are trees that are too deep.
const MAX_CHAIN: usize = 1000;

impl<'a> Parser<'a> {
    pub(crate) fn new(text: &'a str, quotes: Quotes) -> Parsed<Self> {
        Ok(Self {
            text,
            tokens: tokens(text, quotes)?,
            at: 0,
            quotes,
            expected_at: 0,
            expected: BTreeSet::new(),
            parameters: 0,
            depth: 0,
        })
    }

    pub(crate) fn token(&self) -> &TokenKind {
        &self.tokens[self.at].kind
    }

    pub(crate) fn ahead(&self, count: usize) -> &TokenKind {
        &self.tokens[(self.at + count).min(self.tokens.len() - 1)].kind
    }

    pub(crate) fn pos(&self) -> Pos {
        self.tokens[self.at].pos
    }

    pub(crate) fn advance(&mut self) {
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    /// A mark to come back to with [`Self::reset`], or to take text from.
    pub(crate) fn mark(&self) -> usize {
        self.at
    }

    pub(crate) fn reset(&mut self, mark: usize) {
        self.at = mark;
    }

    /// The text from a mark to the last token that was taken.
    pub(crate) fn text_since(&self, mark: usize) -> &'a str {
        if self.at == mark { "" } else { &self.text[self.tokens[mark].start..self.tokens[self.at - 1].end] }
    }

    fn note(&mut self, what: String) {
        if self.expected_at != self.at {
            self.expected_at = self.at;
            self.expected.clear();
        }
        self.expected.insert(what);
    }

    pub(crate) fn is_word(&self, keyword: &str) -> bool {
        self.is_word_ahead(0, keyword)
    }

    pub(crate) fn is_word_ahead(&self, count: usize, keyword: &str) -> bool {
        matches!(self.ahead(count), TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    pub(crate) fn is_symbol(&self, symbol: &str) -> bool {
        self.is_symbol_ahead(0, symbol)
    }

    pub(crate) fn is_symbol_ahead(&self, count: usize, symbol: &str) -> bool {
        matches!(self.ahead(count), TokenKind::Symbol(is) if *is == symbol)
    }

    /// Takes the keyword when it is there.
    pub(crate) fn accept(&mut self, keyword: &str) -> bool {
        if self.is_word(keyword) {
            self.advance();
            return true;
        }
        self.note(format!("'{keyword}'"));
        false
    }

    /// Takes the keywords when all of them are there.
    pub(crate) fn accept_all(&mut self, keywords: &[&str]) -> bool {
        if keywords.iter().enumerate().all(|(at, keyword)| self.is_word_ahead(at, keyword)) {
            self.at += keywords.len();
            return true;
        }
        if let Some(first) = keywords.first() {
            self.note(format!("'{first}'"));
        }
        false
    }

    /// Takes the keyword or complains.
    pub(crate) fn expect(&mut self, keyword: &str) -> Parsed<()> {
        if self.accept(keyword) { Ok(()) } else { Err(self.mismatch()) }
    }

    pub(crate) fn accept_symbol(&mut self, symbol: &str) -> bool {
        if self.is_symbol(symbol) {
            self.advance();
            return true;
        }
        self.note(format!("'{symbol}'"));
        false
    }

    pub(crate) fn expect_symbol(&mut self, symbol: &str) -> Parsed<()> {
        if self.accept_symbol(symbol) { Ok(()) } else { Err(self.mismatch()) }
    }

    pub(crate) fn expect_end(&mut self) -> Parsed<()> {
        self.accept_symbol(";");
        if *self.token() == TokenKind::End {
            return Ok(());
        }
        self.note("<EOF>".to_owned());
        Err(self.mismatch())
    }

    /// The complaint about the current token, with what would have been allowed there.
    pub(crate) fn mismatch(&mut self) -> ParseError {
        let found = self.found();
        if self.expected_at != self.at {
            self.expected.clear();
        }
        // Rule names behind keywords, as Trino sorts them.
        let mut expected: Vec<&String> = self.expected.iter().collect();
        expected.sort_by_key(|what| (!what.starts_with('\''), what.as_str()));
        let list = expected.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let message = match (self.quotes, list.is_empty()) {
            (_, true) => format!("mismatched input '{found}'"),
            (Quotes::Trino, false) => format!("mismatched input '{found}'. Expecting: {list}"),
            (Quotes::Hive, false) if self.expected.len() == 1 => format!("mismatched input '{found}' expecting {list}"),
            (Quotes::Hive, false) => format!("mismatched input '{found}' expecting {{{list}}}"),
        };
        ParseError::at(self.pos(), message)
    }

    pub(crate) fn expecting(&mut self, what: &str) -> ParseError {
        self.note(what.to_owned());
        self.mismatch()
    }

    /// The current token as it was written.
    pub(crate) fn found(&self) -> String {
        let token = &self.tokens[self.at];
        if token.kind == TokenKind::End { "<EOF>".to_owned() } else { self.text[token.start..token.end].to_owned() }
    }

    /// Text.
    pub(crate) fn string(&mut self) -> Parsed<String> {
        if let TokenKind::String(text) = self.token() {
            let text = text.clone();
            self.advance();
            return Ok(text);
        }
        Err(self.expecting(if self.quotes == Quotes::Hive { "STRING" } else { "<string>" }))
    }

    /// A whole number.
    pub(crate) fn integer(&mut self) -> Parsed<u32> {
        if let TokenKind::Integer(digits) = self.token()
            && let Ok(number) = digits.parse()
        {
            self.advance();
            return Ok(number);
        }
        Err(self.expecting("<integer>"))
    }

    /// A name that is no reserved word.
    pub(crate) fn identifier(&mut self) -> Parsed<Ident> {
        let pos = self.pos();
        let ident = match self.token() {
            TokenKind::Quoted(name) => Ident { value: name.clone(), quoted: true, pos },
            TokenKind::Word(word) if !word.starts_with(|c: char| c.is_ascii_digit()) => {
                let reserved = match self.quotes {
                    Quotes::Trino => is_reserved(word),
                    Quotes::Hive => false,
                };
                if reserved {
                    return Err(self.expecting("<identifier>"));
                }
                Ident { value: word.clone(), quoted: false, pos }
            }
            TokenKind::Word(word) if self.quotes == Quotes::Hive => Ident { value: word.clone(), quoted: false, pos },
            TokenKind::Word(_) => {
                return Err(ParseError::at(
                    pos,
                    "identifiers must not start with a digit; surround the identifier with double quotes",
                ));
            }
            _ => return Err(self.expecting("<identifier>")),
        };
        self.advance();
        Ok(ident)
    }

    /// `a.b.c`.
    pub(crate) fn qualified_name(&mut self) -> Parsed<QualifiedName> {
        let mut parts = vec![self.identifier()?];
        while self.is_symbol(".") {
            self.advance();
            parts.push(self.identifier()?);
        }
        Ok(QualifiedName { parts })
    }

    /// `item, item, …`.
    pub(crate) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.accept_symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `( item, … )`.
    pub(crate) fn bracketed<T>(&mut self, item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect_symbol("(")?;
        let items = self.list(item)?;
        self.expect_symbol(")")?;
        Ok(items)
    }

    fn too_large(&self) -> ParseError {
        ParseError::at(self.pos(), "statement is too large (stack overflow during analysis)")
    }

    /// One more operator in a chain, unless there were too many.
    pub(crate) fn link(&self, length: &mut usize) -> Parsed<()> {
        *length += 1;
        if *length > MAX_CHAIN { Err(self.too_large()) } else { Ok(()) }
    }

    /// Runs a nested rule, unless the nesting is too deep for the stack.
    pub(crate) fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.too_large());
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }
}

/// Trino's reserved words. Source: Trino documentation, "Keywords and identifiers"; Athena adds SKIP.
const RESERVED: &[&str] = &[
    "ALTER",
    "AND",
    "AS",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CONSTRAINT",
    "CREATE",
    "CROSS",
    "CUBE",
    "CURRENT_CATALOG",
    "CURRENT_DATE",
    "CURRENT_PATH",
    "CURRENT_ROLE",
    "CURRENT_SCHEMA",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "DEALLOCATE",
    "DELETE",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXECUTE",
    "EXISTS",
    "EXTRACT",
    "FALSE",
    "FOR",
    "FROM",
    "FULL",
    "GROUP",
    "GROUPING",
    "HAVING",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "JSON_ARRAY",
    "JSON_EXISTS",
    "JSON_OBJECT",
    "JSON_QUERY",
    "JSON_TABLE",
    "JSON_VALUE",
    "LEFT",
    "LIKE",
    "LISTAGG",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "NATURAL",
    "NORMALIZE",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "PREPARE",
    "RECURSIVE",
    "RIGHT",
    "ROLLUP",
    "SELECT",
    "SKIP",
    "TABLE",
    "THEN",
    "TRIM",
    "TRUE",
    "UESCAPE",
    "UNION",
    "UNNEST",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Whether a word is reserved in Trino's grammar.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
}
