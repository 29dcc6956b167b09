//! Trino's grammar.
//!
//! Source: Trino documentation, "SQL statement syntax" and "SQL language".

mod expression;
mod query;
mod statement;
mod types;

use crate::{
    ast::{Expr, Query, TypeName},
    error::ParseError,
    lexer::{Quotes, TokenKind},
    parser::{Parsed, Parser},
    statement::Statement,
};

/// A whole statement. A text that ends too early is a statement of a type that Athena does not know, it says.
pub(crate) fn statement(text: &str) -> Parsed<Statement> {
    let mut parser = Parser::new(text, Quotes::Trino)?;
    let statement = parser.trino_statement().and_then(|statement| parser.expect_end().map(|()| statement));
    statement.map_err(|error| match parser.token() {
        TokenKind::End if error.pos == Some(parser.pos()) && parser.mark() > 0 => ParseError::not_supported(),
        _ => error,
    })
}

/// A whole expression.
pub(crate) fn expression(text: &str) -> Parsed<Expr> {
    whole(text, Parser::expression)
}

/// A whole query.
pub(crate) fn query(text: &str) -> Parsed<Query> {
    whole(text, Parser::query)
}

/// A whole type.
pub(crate) fn type_name(text: &str) -> Parsed<TypeName> {
    whole(text, Parser::type_name)
}

fn whole<'a, T>(text: &'a str, rule: impl FnOnce(&mut Parser<'a>) -> Parsed<T>) -> Parsed<T> {
    let mut parser = Parser::new(text, Quotes::Trino)?;
    let result = rule(&mut parser)?;
    parser.expect_end()?;
    Ok(result)
}
