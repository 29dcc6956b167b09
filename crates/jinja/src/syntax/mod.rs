//! The syntax: lexer, parser, tree, and what can be told from the tree without evaluating.

pub(crate) mod ast;
mod calls;
mod expressions;
mod lexer;
mod parser;
mod written;

use std::sync::Arc;

pub use calls::StaticCall;

use crate::Result;
use ast::{Body, Statement};

/// The name under which block filters find the captured text; no template can spell it.
pub(crate) const CAPTURED: &str = "{captured}";

/// A parsed template.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) name: Arc<str>,
    pub(crate) body: Body,
    pub(crate) calls: Vec<StaticCall>,
    pub(crate) names: Vec<Arc<str>>,
}

impl Parsed {
    pub(crate) fn is_static(&self) -> bool {
        self.static_text().is_some()
    }

    /// The text, when there is no Jinja in it.
    pub(crate) fn static_text(&self) -> Option<&str> {
        match self.body.as_slice() {
            [] => Some(""),
            [only] => match &only.kind {
                Statement::Text(text) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }
}

pub(crate) fn parse(source: &str, name: &str) -> Result<Parsed> {
    let name: Arc<str> = name.into();
    let source = lexer::normalize(source);
    let place = |error: crate::Error| {
        let line = error.line().unwrap_or(1);
        error.at(&name, line).in_source(&source)
    };
    let tokens = lexer::lex(&source).map_err(place)?;
    let mut parser = parser::Parser::new(tokens);
    let body = parser.template().map_err(place)?;
    let calls = calls::collect(&body);
    let names = std::mem::take(&mut parser.names);
    Ok(Parsed { name, body, calls, names })
}

/// The value of a Python literal (`ast.literal_eval`), `None` when it is not one.
pub(crate) fn python_literal(text: &str) -> Option<crate::Value> {
    let wrapped = format!("{{{{ {} }}}}", text.trim_start_matches([' ', '\t']));
    let tokens = lexer::lex(&wrapped).ok()?;
    let jinja_only = |token: &lexer::Token<'_>| matches!(token, lexer::Token::Name("true" | "false" | "none"));
    if tokens.iter().any(|lexed| jinja_only(&lexed.token)) {
        return None;
    }
    let body = parser::Parser::new(tokens).template().ok()?;
    match body.as_slice() {
        [ast::Node { kind: Statement::Emit(value), .. }] => value.literal(),
        _ => None,
    }
}
