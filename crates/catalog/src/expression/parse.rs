//! Tokens into a typed tree.

use athena_api::glue::Column;
use athena_api::{ApiError, ApiResult};

use super::token::{Token, tokens};
use super::value::{KeyType, Value};
use super::{Node, Operator};
use crate::invalid_input;

/// What stands on one side of an operator, or a whole condition; brackets may surround either.
enum Term {
    Key(usize, KeyType),
    Literal(String),
    Condition(Node),
}

struct Parser<'a> {
    text: &'a str,
    keys: &'a [Column],
    tokens: Vec<Token>,
    at: usize,
}

pub(super) fn parse(text: &str, keys: &[Column]) -> ApiResult<Node> {
    let unsupported = || invalid_input(format!("Unsupported expression '{text}'"));
    let tokens = tokens(text).ok_or_else(unsupported)?;
    let mut parser = Parser { text, keys, tokens, at: 0 };
    let term = parser.or()?;
    match term {
        Term::Condition(node) if parser.at == parser.tokens.len() => Ok(node),
        _ => Err(unsupported()),
    }
}

impl Parser<'_> {
    fn unsupported(&self) -> ApiError {
        invalid_input(format!("Unsupported expression '{}'", self.text))
    }

    fn keyword(&mut self, word: &str) -> bool {
        let found =
            matches!(self.tokens.get(self.at), Some(Token::Identifier(name)) if name.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Symbol(found)) if *found == symbol);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> ApiResult<Term> {
        let mut left = self.and()?;
        while self.keyword("or") {
            let right = self.and()?;
            left = Term::Condition(Node::Or(self.condition(left)?, self.condition(right)?));
        }
        Ok(left)
    }

    fn and(&mut self) -> ApiResult<Term> {
        let mut left = self.predicate()?;
        while self.keyword("and") {
            let right = self.predicate()?;
            left = Term::Condition(Node::And(self.condition(left)?, self.condition(right)?));
        }
        Ok(left)
    }

    fn condition(&self, term: Term) -> ApiResult<Box<Node>> {
        match term {
            Term::Condition(node) => Ok(Box::new(node)),
            _ => Err(self.unsupported()),
        }
    }

    fn predicate(&mut self) -> ApiResult<Term> {
        let left = self.term()?;
        let operator = match self.tokens.get(self.at) {
            Some(Token::Symbol("=")) => Some(Operator::Equal),
            Some(Token::Symbol("<>" | "!=")) => Some(Operator::NotEqual),
            Some(Token::Symbol("<")) => Some(Operator::Less),
            Some(Token::Symbol("<=")) => Some(Operator::LessOrEqual),
            Some(Token::Symbol(">")) => Some(Operator::Greater),
            Some(Token::Symbol(">=")) => Some(Operator::GreaterOrEqual),
            _ => None,
        };
        if let Some(operator) = operator {
            self.at += 1;
            let (key, key_type) = self.key(left)?;
            let right = self.term()?;
            let value = self.literal(right, key_type)?;
            return Ok(Term::Condition(Node::Compare { key, operator, value }));
        }
        if self.keyword("is") {
            let (key, _) = self.key(left)?;
            let negated = self.keyword("not");
            return if self.keyword("null") {
                Ok(Term::Condition(Node::IsNull { key, negated }))
            } else {
                Err(self.unsupported())
            };
        }
        let negated = self.keyword("not");
        if self.keyword("in") {
            let (key, key_type) = self.key(left)?;
            let values = self.list(key_type)?;
            return Ok(Term::Condition(Node::In { key, negated, values }));
        }
        if self.keyword("between") {
            let (key, key_type) = self.key(left)?;
            let low = self.term()?;
            let low = self.literal(low, key_type)?;
            if !self.keyword("and") {
                return Err(self.unsupported());
            }
            let high = self.term()?;
            let high = self.literal(high, key_type)?;
            return Ok(Term::Condition(Node::Between { key, negated, low, high }));
        }
        if self.keyword("like") {
            let (key, key_type) = self.key(left)?;
            if key_type != KeyType::Text {
                let title = key_type.title();
                return Err(invalid_input(format!("{title} data type doesn't support operation 'LIKE'")));
            }
            let Term::Literal(pattern) = self.term()? else { return Err(self.unsupported()) };
            return Ok(Term::Condition(Node::Like { key, negated, pattern: pattern.chars().collect() }));
        }
        if negated { Err(self.unsupported()) } else { Ok(left) }
    }

    fn list(&mut self, key_type: KeyType) -> ApiResult<Vec<Value>> {
        if !self.symbol("(") {
            return Err(self.unsupported());
        }
        let mut values = Vec::new();
        loop {
            let term = self.term()?;
            values.push(self.literal(term, key_type)?);
            if self.symbol(")") {
                return Ok(values);
            }
            if !self.symbol(",") {
                return Err(self.unsupported());
            }
        }
    }

    fn term(&mut self) -> ApiResult<Term> {
        if self.symbol("(") {
            let inner = self.or()?;
            return if self.symbol(")") { Ok(inner) } else { Err(self.unsupported()) };
        }
        let token = self.tokens.get(self.at).cloned().ok_or_else(|| self.unsupported())?;
        self.at += 1;
        match token {
            Token::Number(text) | Token::Text(text) => Ok(Term::Literal(text)),
            Token::Identifier(word) if word.eq_ignore_ascii_case("not") => Err(self.unsupported()),
            // A typed literal: DATE '2024-01-01'.
            Token::Identifier(word)
                if ["date", "timestamp"].iter().any(|kind| word.eq_ignore_ascii_case(kind))
                    && matches!(self.tokens.get(self.at), Some(Token::Text(_))) =>
            {
                self.term()
            }
            Token::Identifier(name) | Token::Quoted(name) => self.column(&name),
            Token::Symbol(_) => Err(self.unsupported()),
        }
    }

    fn column(&self, name: &str) -> ApiResult<Term> {
        let key = self.keys.iter().position(|key| key.name.eq_ignore_ascii_case(name));
        let key = key.ok_or_else(|| invalid_input("Invalid partition expression!"))?;
        let type_text = self.keys[key].type_text();
        let key_type = KeyType::of(type_text).ok_or_else(|| invalid_input(format!("Unknown type : '{type_text}'")))?;
        Ok(Term::Key(key, key_type))
    }

    fn key(&self, term: Term) -> ApiResult<(usize, KeyType)> {
        match term {
            Term::Key(key, key_type) => Ok((key, key_type)),
            _ => Err(self.unsupported()),
        }
    }

    fn literal(&self, term: Term, key_type: KeyType) -> ApiResult<Value> {
        match term {
            Term::Literal(text) => key_type.cast(&text).map_err(invalid_input),
            _ => Err(self.unsupported()),
        }
    }
}
