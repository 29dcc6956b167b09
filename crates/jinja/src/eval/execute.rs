//! Statements.

use std::sync::Arc;

use super::local_macro::LocalMacro;
use super::{Sink, State};
use crate::syntax::ast::{Body, Expr, Node, Statement, Target};
use crate::value::check_size;
use crate::{Error, ErrorKind, Result, Value};

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

impl Sink {
    fn text(&mut self, text: &str) -> Result<()> {
        match self {
            Sink::Text(out) => out.push_str(text),
            Sink::Pieces(pieces) => pieces.push(Value::str(text)),
        }
        self.check()
    }

    pub(super) fn value(&mut self, value: Value, constant: bool) -> Result<()> {
        match self {
            Sink::Text(out) => value.write_str(out),
            Sink::Pieces(pieces) if constant => pieces.push(Value::from(value.to_string())),
            Sink::Pieces(pieces) => pieces.push(value),
        }
        self.check()
    }

    fn check(&self) -> Result<()> {
        check_size(match self {
            Sink::Text(out) => out.len(),
            Sink::Pieces(pieces) => pieces.len(),
        })
    }
}

impl State<'_> {
    pub(super) fn execute(&mut self, body: &[Node], out: &mut Sink) -> Result<Flow> {
        for node in body {
            let flow = match &node.kind {
                Statement::Text(text) => out.text(text).map(|()| Flow::Next),
                Statement::Emit(value) => self.evaluate(value).and_then(|found| {
                    out.value(found, matches!(out, Sink::Pieces(_)) && value.is_constant())?;
                    Ok(Flow::Next)
                }),
                other => stacker::maybe_grow(192 * 1024, 2 * 1024 * 1024, || self.statement(other, out)),
            };
            match flow {
                Ok(Flow::Next) => {}
                Ok(flow) => return Ok(flow),
                Err(error) => return Err(error.at(&self.frame.template, node.line)),
            }
        }
        Ok(Flow::Next)
    }

    #[inline(never)]
    fn statement(&mut self, statement: &Statement, out: &mut Sink) -> Result<Flow> {
        match statement {
            Statement::Text(text) => out.text(text)?,
            Statement::Emit(value) => {
                let found = self.evaluate(value)?;
                out.value(found, false)?;
            }
            Statement::Do(value) => {
                self.evaluate(value)?;
            }
            Statement::Set { target, value } => {
                let value = self.evaluate(value)?;
                self.assign_target(target, value)?;
            }
            Statement::If { branches, otherwise } => {
                for (condition, body) in branches {
                    if self.evaluate(condition)?.is_true() {
                        return self.execute(body, out);
                    }
                }
                return self.execute(otherwise, out);
            }
            Statement::For(each) => {
                let items = self.evaluate(&each.items)?;
                return self.for_loop(each, items, 0, out);
            }
            Statement::SetBlock { target, filter, body } => {
                let text = self.capture(body)?;
                let value = match filter {
                    Some(filter) => self.filter_text(filter, text)?,
                    None => text,
                };
                self.assign_target(target, value)?;
            }
            Statement::Filter { filter, body } => {
                let text = self.capture(body)?;
                let value = self.filter_text(filter, text)?;
                out.value(value, false)?;
            }
            Statement::Macro(definition) => {
                let value = Value::object(LocalMacro {
                    definition: Arc::clone(definition),
                    template: Arc::clone(&self.frame.template),
                    captured: self.captured(),
                    captures: self.captures(),
                });
                self.assign(definition.name.id, value);
            }
            Statement::Call { call, caller } => {
                let caller = Value::object(LocalMacro {
                    definition: Arc::clone(caller),
                    template: Arc::clone(&self.frame.template),
                    captured: self.captured(),
                    captures: self.captures(),
                });
                let crate::syntax::ast::ExprKind::Call(function, arguments) = &call.kind else {
                    return Err(Error::syntax("expected call", call.line));
                };
                let value = self.evaluate_call(function, arguments, Some(caller))?;
                out.value(value, false)?;
            }
            Statement::With { bindings, body } => {
                let mut values = Vec::with_capacity(bindings.len());
                for (_, value) in bindings {
                    values.push(self.evaluate(value)?);
                }
                let saved = self.enter_scope();
                let mut result = Ok(Flow::Next);
                for ((target, _), value) in bindings.iter().zip(values) {
                    if let Err(error) = self.assign_target(target, value) {
                        result = Err(error);
                        break;
                    }
                }
                if result.is_ok() {
                    result = self.execute(body, out);
                }
                self.leave_scope(saved);
                return result;
            }
            Statement::Scope(body) => {
                let saved = self.enter_scope();
                let result = self.execute(body, out);
                self.leave_scope(saved);
                return result;
            }
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
            Statement::NoLoader => {
                return Err(Error::type_error("no loader for this environment specified"));
            }
        }
        Ok(Flow::Next)
    }

    /// The text a body renders to.
    fn capture(&mut self, body: &Body) -> Result<Value> {
        let saved = self.enter_scope();
        let mut out = Sink::Text(String::new());
        let result = self.execute(body, &mut out);
        self.leave_scope(saved);
        result?;
        match out {
            Sink::Text(text) => Ok(text.into()),
            Sink::Pieces(_) => Ok(Value::None),
        }
    }

    fn filter_text(&mut self, filter: &Expr, text: Value) -> Result<Value> {
        let saved = self.enter_scope();
        if let Some(symbol) = innermost_name(filter) {
            self.locals.push((symbol, text));
        }
        let result = self.evaluate(filter);
        self.leave_scope(saved);
        result
    }

    pub(super) fn assign_target(&mut self, target: &Target, value: Value) -> Result<()> {
        match target {
            Target::Name(symbol) => self.assign(symbol.id, value),
            Target::Attribute(symbol, name) => {
                let set = match self.variable(symbol) {
                    Value::Object(object) => object.set_attr(name, value),
                    _ => false,
                };
                if !set {
                    return Err(Error::new(ErrorKind::Runtime, "cannot assign attribute on non-namespace object"));
                }
            }
            Target::Tuple(targets) => {
                let items = match &value {
                    Value::Tuple(items) if items.len() == targets.len() => {
                        for (target, item) in targets.iter().zip(items.iter()) {
                            self.assign_target(target, item.clone())?;
                        }
                        return Ok(());
                    }
                    Value::Undefined(_) | Value::Str(_) | Value::Dict(_) | Value::Set(_) => value.items()?,
                    _ if value.is_iterable() => value.items()?,
                    _ => {
                        return Err(Error::type_error(format!(
                            "cannot unpack non-iterable {} object",
                            value.type_name()
                        )));
                    }
                };
                let wanted = targets.len();
                if items.len() > wanted {
                    return Err(Error::value_error(format!("too many values to unpack (expected {wanted})")));
                }
                if items.len() < wanted {
                    return Err(Error::value_error(format!(
                        "not enough values to unpack (expected {wanted}, got {})",
                        items.len()
                    )));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign_target(target, item)?;
                }
            }
        }
        Ok(())
    }
}

/// The captured text's name at the root of a chain of filters.
fn innermost_name(filter: &Expr) -> Option<u32> {
    use crate::syntax::ast::ExprKind;
    let mut expr = filter;
    loop {
        match &expr.kind {
            ExprKind::Filter(of, ..) => expr = of,
            ExprKind::Name(symbol) => return Some(symbol.id),
            _ => return None,
        }
    }
}
