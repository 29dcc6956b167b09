//! Expressions to values.

use std::cmp::Ordering;
use std::sync::Arc;

use super::State;
use crate::filters;
use crate::syntax::ast::{Arguments, Comparison, Expr, ExprKind};
use crate::value::{Slice, check_size};
use crate::{CallArgs, Dict, DictMap, Error, ErrorKind, Key, Result, Value};

impl State<'_> {
    pub(super) fn evaluate(&mut self, expr: &Expr) -> Result<Value> {
        match &expr.kind {
            ExprKind::Const(value) => Ok(value.clone()),
            ExprKind::Name(symbol) => Ok(self.variable(symbol)),
            ExprKind::Attribute(of, name) => {
                let of = self.evaluate(of)?;
                self.attribute(&of, name)
            }
            ExprKind::Item(of, key) => {
                let of = self.evaluate(of)?;
                let key = self.evaluate(key)?;
                self.item(&of, &key)
            }
            ExprKind::Call(function, arguments) => self.evaluate_call(function, arguments, None),
            // The rest is kept out of this frame: names, attributes and calls are what templates are deep in.
            _ if expr.depth > 24 => stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || self.evaluate_other(expr)),
            _ => self.evaluate_other(expr),
        }
    }

    #[inline(never)]
    fn evaluate_other(&mut self, expr: &Expr) -> Result<Value> {
        match &expr.kind {
            ExprKind::Const(_)
            | ExprKind::Name(_)
            | ExprKind::Attribute(..)
            | ExprKind::Item(..)
            | ExprKind::Call(..) => self.evaluate(expr),
            ExprKind::Filter(of, name, filter, arguments) => {
                let filter = filter.ok_or_else(|| unknown("filter", name))?;
                let of = self.evaluate(of)?;
                let args = self.evaluate_arguments(arguments)?;
                filters::apply(self, name, filter, of, args)
            }
            ExprKind::Test(of, name, test, arguments) => {
                let test = test.ok_or_else(|| unknown("test", name))?;
                let of = self.evaluate(of)?;
                let args = self.evaluate_arguments(arguments)?;
                filters::holds(self, name, test, &of, args).map(Value::Bool)
            }
            ExprKind::And(left, right) => {
                let left = self.evaluate(left)?;
                if left.is_true() { self.evaluate(right) } else { Ok(left) }
            }
            ExprKind::Or(left, right) => {
                let left = self.evaluate(left)?;
                if left.is_true() { Ok(left) } else { self.evaluate(right) }
            }
            ExprKind::Not(of) => Ok(Value::Bool(!self.evaluate(of)?.is_true())),
            ExprKind::Compare(first, rest) => self.evaluate_comparison(first, rest),
            ExprKind::Concat(parts) => {
                let mut text = String::new();
                for part in parts {
                    self.evaluate(part)?.write_str(&mut text);
                    check_size(text.len())?;
                }
                Ok(Value::Str(text.into()))
            }
            ExprKind::Operate(operator, left, right) => {
                let left = self.evaluate(left)?;
                let right = self.evaluate(right)?;
                left.operate(*operator, &right)
            }
            ExprKind::Negate(of) => self.evaluate(of)?.negate(),
            ExprKind::Positive(of) => self.evaluate(of)?.positive(),
            ExprKind::Conditional { condition, then, otherwise } => {
                if self.evaluate(condition)?.is_true() {
                    self.evaluate(then)
                } else if let Some(otherwise) = otherwise {
                    self.evaluate(otherwise)
                } else {
                    Ok(self.undefined_hint(
                        format!(
                            "the inline if-expression on line {} evaluated to false and no else section was defined.",
                            expr.line
                        ),
                        None,
                    ))
                }
            }
            ExprKind::List(items) => Ok(Value::list(self.evaluate_all(items)?)),
            ExprKind::Tuple(items) => Ok(Value::tuple(self.evaluate_all(items)?)),
            ExprKind::Dict(entries) => {
                let mut map = DictMap::default();
                for (key, value) in entries {
                    let key = self.evaluate(key)?;
                    let value = self.evaluate(value)?;
                    map.insert(Key::new(key)?, value);
                }
                Ok(Value::Dict(Dict::new(map)))
            }
            ExprKind::Slice(of, parts) => {
                let of = self.evaluate(of)?;
                let mut bounds = [None; 3];
                for (bound, part) in bounds.iter_mut().zip(parts.iter()) {
                    let Some(part) = part else { continue };
                    match self.evaluate(part)? {
                        Value::None => {}
                        Value::Int(number) => *bound = Some(number),
                        Value::Bool(flag) => *bound = Some(i64::from(flag)),
                        Value::BigInt(number) => {
                            let negative = *number < num_bigint::BigInt::from(0);
                            *bound = Some(if negative { i64::MIN } else { i64::MAX });
                        }
                        Value::Undefined(undefined) if undefined.propagates => return Ok(Value::Undefined(undefined)),
                        _ => {
                            return Err(Error::type_error(
                                "slice indices must be integers or None or have an __index__ method",
                            ));
                        }
                    }
                }
                let [start, stop, step] = bounds;
                if of.as_dict().is_some() {
                    return Err(Error::type_error("unhashable type: 'slice'"));
                }
                of.slice(&Slice { start, stop, step })
            }
        }
    }

    fn evaluate_all(&mut self, items: &[Expr]) -> Result<Vec<Value>> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.evaluate(item)?);
        }
        Ok(values)
    }

    pub(super) fn evaluate_call(
        &mut self,
        function: &Expr,
        arguments: &Arguments,
        caller: Option<Value>,
    ) -> Result<Value> {
        let with_caller = |mut args: CallArgs, caller: Option<Value>| {
            args.keyword.extend(caller.map(|caller| (Arc::from("caller"), caller)));
            args
        };
        if let ExprKind::Attribute(of, name) = &function.kind {
            let of = self.evaluate(of)?;
            if let Value::Undefined(undefined) = &of
                && !undefined.propagates
            {
                return Err(undefined.error());
            }
            let args = self.evaluate_arguments(arguments)?;
            return self.call_method(&of, name, with_caller(args, caller));
        }
        let function = self.evaluate(function)?;
        let args = self.evaluate_arguments(arguments)?;
        self.call(&function, with_caller(args, caller))
    }

    pub(super) fn evaluate_arguments(&mut self, arguments: &Arguments) -> Result<CallArgs> {
        let mut args = CallArgs {
            positional: self.evaluate_all(&arguments.positional)?,
            keyword: Vec::with_capacity(arguments.keyword.len()),
        };
        for (name, value) in &arguments.keyword {
            args.keyword.push((Arc::clone(name), self.evaluate(value)?));
        }
        if let Some(spread) = &arguments.spread {
            args.positional.extend(self.evaluate(spread)?.items()?);
        }
        if let Some(spread) = &arguments.spread_keyword {
            let spread = self.evaluate(spread)?;
            let Some(entries) = crate::methods::mapping_entries(&spread) else {
                return Err(Error::type_error(format!(
                    "argument after ** must be a mapping, not {}",
                    spread.type_name()
                )));
            };
            for (key, value) in entries {
                let Value::Str(name) = key else { return Err(Error::type_error("keywords must be strings")) };
                if args.keyword.iter().any(|(known, _)| *known == name) {
                    return Err(Error::type_error(format!("got multiple values for keyword argument '{name}'")));
                }
                args.keyword.push((name, value));
            }
        }
        Ok(args)
    }

    fn evaluate_comparison(&mut self, first: &Expr, rest: &[(Comparison, Expr)]) -> Result<Value> {
        let mut left = self.evaluate(first)?;
        for (comparison, right) in rest {
            let right = self.evaluate(right)?;
            let holds = compare(&left, *comparison, &right)?;
            if !holds {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }
}

pub(crate) fn compare(left: &Value, comparison: Comparison, right: &Value) -> Result<bool> {
    let ordered = |symbol: &str, accepted: &[Ordering]| {
        Ok(left.compare(right, symbol)?.is_some_and(|order| accepted.contains(&order)))
    };
    match comparison {
        Comparison::Equal => Ok(left == right),
        Comparison::NotEqual => Ok(left != right),
        Comparison::Less => ordered("<", &[Ordering::Less]),
        Comparison::LessOrEqual => ordered("<=", &[Ordering::Less, Ordering::Equal]),
        Comparison::Greater => ordered(">", &[Ordering::Greater]),
        Comparison::GreaterOrEqual => ordered(">=", &[Ordering::Greater, Ordering::Equal]),
        Comparison::In => right.contains(left),
        Comparison::NotIn => right.contains(left).map(|found| !found),
    }
}

fn unknown(kind: &str, name: &str) -> Error {
    Error::new(ErrorKind::Runtime, format!("No {kind} named {}.", Value::from(name).repr()))
}
