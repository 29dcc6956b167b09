//! The parser's expressions, in the order they bind.

use std::sync::Arc;

use super::ast::{Arguments, Comparison, Expr, ExprKind};
use super::lexer::Token;
use super::parser::Parser;
use crate::value::Operator;
use crate::{Error, Result, Value};

/// How deep an expression may be nested.
const MAX_DEPTH: u32 = 400;

impl<'s> Parser<'s> {
    /// A node of the tree, refused when the tree gets too deep.
    pub(super) fn expr(&self, kind: ExprKind, line: u32) -> Result<Expr> {
        let mut below = 0;
        kind.each_child(&mut |child| below = below.max(child.depth));
        let depth = 1 + below;
        if depth > MAX_DEPTH {
            return Err(Error::syntax("the expression is nested too deeply", line));
        }
        Ok(Expr { kind, depth, line })
    }

    fn constant(&self, value: Value, line: u32) -> Expr {
        Expr { kind: ExprKind::Const(value), depth: 1, line }
    }

    pub(super) fn expression(&mut self) -> Result<Expr> {
        // Most arguments: nothing of what binds an expression together need be looked for.
        if self.stands_alone() {
            return self.primary();
        }
        self.nested(Parser::conditional)
    }

    /// Whether a name or a literal is all of an expression.
    fn stands_alone(&self) -> bool {
        let is_one = match self.current() {
            Token::Name(name) => *name != "not",
            Token::Text(_) | Token::Number(_) => true,
            _ => false,
        };
        is_one && matches!(self.peek(), Token::VariableEnd | Token::BlockEnd | Token::Sign("," | ")" | "]" | "}"))
    }

    pub(super) fn expression_without_conditional(&mut self) -> Result<Expr> {
        self.nested(Parser::or)
    }

    fn conditional(&mut self) -> Result<Expr> {
        let mut then = self.or()?;
        while self.skip_name("if") {
            let line = self.line();
            let condition = Box::new(self.or()?);
            let otherwise = if self.skip_name("else") { Some(Box::new(self.expression()?)) } else { None };
            then = self.expr(ExprKind::Conditional { condition, then: Box::new(then), otherwise }, line)?;
        }
        Ok(then)
    }

    fn or(&mut self) -> Result<Expr> {
        let mut left = self.and()?;
        while self.skip_name("or") {
            let line = self.line();
            let right = self.and()?;
            left = self.expr(ExprKind::Or(Box::new(left), Box::new(right)), line)?;
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr> {
        let mut left = self.not()?;
        while self.skip_name("and") {
            let line = self.line();
            let right = self.not()?;
            left = self.expr(ExprKind::And(Box::new(left), Box::new(right)), line)?;
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr> {
        if !self.skip_name("not") {
            return self.comparison();
        }
        let line = self.line();
        let of = self.nested(Parser::not)?;
        self.expr(ExprKind::Not(Box::new(of)), line)
    }

    fn comparison(&mut self) -> Result<Expr> {
        let first = self.sum()?;
        let line = self.line();
        let mut rest = Vec::new();
        loop {
            let comparison = match self.current() {
                Token::Sign("==") => Comparison::Equal,
                Token::Sign("!=") => Comparison::NotEqual,
                Token::Sign("<") => Comparison::Less,
                Token::Sign("<=") => Comparison::LessOrEqual,
                Token::Sign(">") => Comparison::Greater,
                Token::Sign(">=") => Comparison::GreaterOrEqual,
                Token::Name("in") => Comparison::In,
                Token::Name("not") if matches!(self.peek(), Token::Name("in")) => {
                    self.advance();
                    Comparison::NotIn
                }
                _ => break,
            };
            self.advance();
            rest.push((comparison, self.sum()?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        self.expr(ExprKind::Compare(Box::new(first), rest), line)
    }

    fn sum(&mut self) -> Result<Expr> {
        let mut left = self.concatenation()?;
        loop {
            let operator = match self.current() {
                Token::Sign("+") => Operator::Add,
                Token::Sign("-") => Operator::Subtract,
                _ => return Ok(left),
            };
            let line = self.line();
            self.advance();
            let right = self.concatenation()?;
            left = self.expr(ExprKind::Operate(operator, Box::new(left), Box::new(right)), line)?;
        }
    }

    fn concatenation(&mut self) -> Result<Expr> {
        let first = self.product()?;
        if !self.at_sign("~") {
            return Ok(first);
        }
        let line = self.line();
        let mut parts = vec![first];
        while self.skip_sign("~") {
            parts.push(self.product()?);
        }
        self.expr(ExprKind::Concat(parts), line)
    }

    fn product(&mut self) -> Result<Expr> {
        let mut left = self.power()?;
        loop {
            let operator = match self.current() {
                Token::Sign("*") => Operator::Multiply,
                Token::Sign("/") => Operator::Divide,
                Token::Sign("//") => Operator::FloorDivide,
                Token::Sign("%") => Operator::Remainder,
                _ => return Ok(left),
            };
            let line = self.line();
            self.advance();
            let right = self.power()?;
            left = self.expr(ExprKind::Operate(operator, Box::new(left), Box::new(right)), line)?;
        }
    }

    fn power(&mut self) -> Result<Expr> {
        let mut left = self.unary(true)?;
        while self.at_sign("**") {
            let line = self.line();
            self.advance();
            let right = self.unary(true)?;
            left = self.expr(ExprKind::Operate(Operator::Power, Box::new(left), Box::new(right)), line)?;
        }
        Ok(left)
    }

    fn unary(&mut self, with_filter: bool) -> Result<Expr> {
        let line = self.line();
        let node = if self.skip_sign("-") {
            let of = self.nested(|parser| parser.unary(false))?;
            self.expr(ExprKind::Negate(Box::new(of)), line)?
        } else if self.skip_sign("+") {
            let of = self.nested(|parser| parser.unary(false))?;
            self.expr(ExprKind::Positive(Box::new(of)), line)?
        } else {
            self.primary()?
        };
        let node = self.postfix(node)?;
        if with_filter { self.filters(node) } else { Ok(node) }
    }

    pub(super) fn primary(&mut self) -> Result<Expr> {
        let line = self.line();
        match self.current().clone() {
            Token::Name(name) => {
                self.advance();
                let value = match name {
                    "true" | "True" => Value::Bool(true),
                    "false" | "False" => Value::Bool(false),
                    "none" | "None" => Value::None,
                    _ => {
                        let symbol = self.mention(name);
                        return self.expr(ExprKind::Name(symbol), line);
                    }
                };
                Ok(self.constant(value, line))
            }
            Token::Text(mut text) => {
                self.advance();
                while let Token::Text(more) = self.current() {
                    text.to_mut().push_str(more);
                    self.advance();
                }
                let text = self.intern_text(&text);
                Ok(self.constant(Value::Str(text), line))
            }
            Token::Number(number) => {
                self.advance();
                Ok(self.constant(number, line))
            }
            Token::Sign("(") => {
                self.advance();
                let node = self.tuple(true, true, |_| false)?;
                self.expect_sign(")")?;
                Ok(node)
            }
            Token::Sign("[") => {
                self.advance();
                let items = self.separated("]", Parser::expression)?;
                self.expr(ExprKind::List(items), line)
            }
            Token::Sign("{") => {
                self.advance();
                let entries = self.separated("}", |parser| {
                    let key = parser.expression()?;
                    parser.expect_sign(":")?;
                    Ok((key, parser.expression()?))
                })?;
                self.expr(ExprKind::Dict(entries), line)
            }
            other => Err(Error::syntax(format!("unexpected {}", Value::str(other.describe()).repr()), line)),
        }
    }

    /// Items with commas between (one may end them) up to the closing sign.
    fn separated<T>(&mut self, close: &'static str, item: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        while !self.at_sign(close) {
            if !items.is_empty() {
                self.expect_sign(",")?;
                if self.at_sign(close) {
                    break;
                }
            }
            items.push(item(self)?);
        }
        self.expect_sign(close)?;
        Ok(items)
    }

    /// An expression, or several with commas: a tuple.
    pub(super) fn tuple(
        &mut self,
        conditional: bool,
        parenthesized: bool,
        ends: impl Fn(&Token<'s>) -> bool,
    ) -> Result<Expr> {
        let line = self.line();
        let mut items = Vec::new();
        let mut is_tuple = false;
        loop {
            if !items.is_empty() {
                self.expect_sign(",")?;
            }
            let current = self.current();
            if matches!(current, Token::VariableEnd | Token::BlockEnd | Token::Sign(")")) || ends(current) {
                break;
            }
            items.push(if conditional { self.expression()? } else { self.expression_without_conditional()? });
            if !self.at_sign(",") {
                break;
            }
            is_tuple = true;
        }
        if !is_tuple {
            if let Some(only) = items.pop() {
                return Ok(only);
            }
            if !parenthesized {
                let got = Value::str(self.current().describe()).repr();
                return Err(Error::syntax(format!("Expected an expression, got {got}"), line));
            }
        }
        self.expr(ExprKind::Tuple(items), line)
    }

    fn postfix(&mut self, mut node: Expr) -> Result<Expr> {
        loop {
            node = match self.current() {
                Token::Sign(".") | Token::Sign("[") => self.subscript(node)?,
                Token::Sign("(") => self.call(node)?,
                _ => return Ok(node),
            };
        }
    }

    fn filters(&mut self, mut node: Expr) -> Result<Expr> {
        loop {
            node = match self.current() {
                Token::Sign("|") => {
                    self.advance();
                    self.filter(node)?
                }
                Token::Name("is") => self.test(node)?,
                Token::Sign("(") => self.call(node)?,
                _ => return Ok(node),
            };
        }
    }

    fn subscript(&mut self, of: Expr) -> Result<Expr> {
        let line = self.line();
        if self.skip_sign(".") {
            let at = self.line();
            return match self.current().clone() {
                Token::Name(name) => {
                    self.advance();
                    let name = self.intern_text(name);
                    self.expr(ExprKind::Attribute(Box::new(of), name), line)
                }
                Token::Number(number @ (Value::Int(_) | Value::BigInt(_))) => {
                    self.advance();
                    let index = Box::new(self.constant(number, line));
                    self.expr(ExprKind::Item(Box::new(of), index), line)
                }
                _ => Err(Error::syntax("expected name or number", at)),
            };
        }
        self.expect_sign("[")?;
        let mut parts = Vec::new();
        while !self.at_sign("]") {
            if !parts.is_empty() {
                self.expect_sign(",")?;
            }
            parts.push(self.subscribed()?);
        }
        self.expect_sign("]")?;
        match (parts.len(), parts.pop()) {
            (1, Some(Subscript::Item(index))) => self.expr(ExprKind::Item(Box::new(of), Box::new(index)), line),
            (1, Some(Subscript::Slice(slice))) => self.expr(ExprKind::Slice(Box::new(of), slice), line),
            (_, last) => {
                let items: Option<Vec<Expr>> = parts
                    .into_iter()
                    .chain(last)
                    .map(|part| match part {
                        Subscript::Item(index) => Some(index),
                        Subscript::Slice(_) => None,
                    })
                    .collect();
                let Some(items) = items else {
                    return Err(Error::syntax("a slice cannot be one of several subscripts", line));
                };
                let key = self.expr(ExprKind::Tuple(items), line)?;
                self.expr(ExprKind::Item(Box::new(of), Box::new(key)), line)
            }
        }
    }

    fn subscribed(&mut self) -> Result<Subscript> {
        let mut parts = [None, None, None];
        if !self.at_sign(":") {
            let start = self.expression()?;
            if !self.at_sign(":") {
                return Ok(Subscript::Item(start));
            }
            parts[0] = Some(start);
        }
        for part in &mut parts[1..] {
            if !self.skip_sign(":") {
                break;
            }
            if !matches!(self.current(), Token::Sign(":" | "]" | ",")) {
                *part = Some(self.expression()?);
            }
        }
        Ok(Subscript::Slice(Box::new(parts)))
    }

    fn call(&mut self, of: Expr) -> Result<Expr> {
        let line = self.line();
        let arguments = self.arguments()?;
        self.expr(ExprKind::Call(Box::new(of), Box::new(arguments)), line)
    }

    pub(super) fn arguments(&mut self) -> Result<Arguments> {
        let line = self.line();
        self.expect_sign("(")?;
        let invalid = || Error::syntax("invalid syntax for function call expression", line);
        let mut arguments = Arguments::default();
        let mut first = true;
        while !self.at_sign(")") {
            if !first {
                self.expect_sign(",")?;
                if self.at_sign(")") {
                    break;
                }
            }
            first = false;
            if self.skip_sign("*") {
                if arguments.spread.is_some() || arguments.spread_keyword.is_some() {
                    return Err(invalid());
                }
                arguments.spread = Some(self.expression()?);
            } else if self.skip_sign("**") {
                if arguments.spread_keyword.is_some() {
                    return Err(invalid());
                }
                arguments.spread_keyword = Some(self.expression()?);
            } else if let (Token::Name(name), Token::Sign("=")) = (self.current().clone(), self.peek()) {
                if arguments.spread_keyword.is_some() {
                    return Err(invalid());
                }
                self.advance();
                self.advance();
                let value = self.expression()?;
                let name = self.intern_text(name);
                if arguments.keyword.iter().any(|(known, _)| *known == name) {
                    return Err(Error::syntax(format!("keyword argument repeated: {name}"), line));
                }
                arguments.keyword.push((name, value));
            } else {
                if arguments.spread.is_some() || arguments.spread_keyword.is_some() || !arguments.keyword.is_empty() {
                    return Err(invalid());
                }
                arguments.positional.push(self.expression()?);
            }
        }
        self.expect_sign(")")?;
        Ok(arguments)
    }

    /// One filter, its name first, applied to `of`.
    pub(super) fn filter(&mut self, of: Expr) -> Result<Expr> {
        let line = self.line();
        let name = self.dotted_name()?;
        let arguments = if self.at_sign("(") { self.arguments()? } else { Arguments::default() };
        let filter = crate::filters::filter(&name);
        self.expr(ExprKind::Filter(Box::new(of), Arc::from(name), filter, Box::new(arguments)), line)
    }

    fn dotted_name(&mut self) -> Result<String> {
        let mut name = self.expect_name()?.to_owned();
        while self.skip_sign(".") {
            name.push('.');
            name.push_str(self.expect_name()?);
        }
        Ok(name)
    }

    fn test(&mut self, of: Expr) -> Result<Expr> {
        let line = self.line();
        self.advance();
        let negated = self.skip_name("not");
        let name = self.dotted_name()?;
        let arguments = match self.current() {
            Token::Sign("(") => self.arguments()?,
            Token::Name("else" | "or" | "and") => Arguments::default(),
            Token::Name("is") => return Err(Error::syntax("You cannot chain multiple tests with is", line)),
            Token::Name(_) | Token::Text(_) | Token::Number(_) | Token::Sign("[" | "{") => {
                let primary = self.primary()?;
                let argument = self.postfix(primary)?;
                Arguments { positional: vec![argument], ..Arguments::default() }
            }
            _ => Arguments::default(),
        };
        let test = crate::filters::test(&name);
        let node = self.expr(ExprKind::Test(Box::new(of), Arc::from(name), test, Box::new(arguments)), line)?;
        if negated { self.expr(ExprKind::Not(Box::new(node)), line) } else { Ok(node) }
    }
}

enum Subscript {
    Item(Expr),
    Slice(Box<[Option<Expr>; 3]>),
}
