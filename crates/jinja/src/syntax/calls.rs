//! The calls a template contains, found without evaluating it.

use super::{
    ast::{Expr, ExprKind, Node, Statement},
    written,
};
use crate::Value;

/// A call as written: `ref('a', v=2)`, `dbt_utils.star(x)`, `adapter.dispatch('m', 'p')`.
#[derive(Clone, Debug)]
pub struct StaticCall {
    /// The dotted name of what is called.
    pub name: String,
    /// Positional arguments; `None` when not a literal.
    pub positional: Vec<Option<Value>>,
    /// Keyword arguments; `None` when not a literal.
    pub keyword: Vec<(String, Option<Value>)>,
    /// The keyword arguments of a `config(…)` in the spelling of dbt's `unrendered_config`; empty for other calls.
    pub written: Vec<(String, String)>,
    /// Whether it is all that a `{{ … }}` outside of blocks has.
    pub is_alone: bool,
    /// Whether `*args` or `**kwargs` are passed too.
    pub spreads: bool,
    /// The line, from 1.
    pub line: u32,
}

pub(super) fn collect(body: &[Node]) -> Vec<StaticCall> {
    let mut calls = Vec::new();
    for node in body {
        let outer = calls.len();
        in_body(std::slice::from_ref(node), &mut calls);
        if let Statement::Emit(Expr { kind: ExprKind::Call(function, _), .. }) = &node.kind
            && dotted(function).is_some()
            && let Some(call) = calls.get_mut(outer)
        {
            call.is_alone = true;
        }
    }
    calls
}

fn in_body(body: &[Node], calls: &mut Vec<StaticCall>) {
    for node in body {
        match &node.kind {
            Statement::Text(_) | Statement::Break | Statement::Continue | Statement::NoLoader => {}
            Statement::Emit(value) | Statement::Do(value) | Statement::Set { value, .. } => in_expr(value, calls),
            Statement::If { branches, otherwise } => {
                for (condition, body) in branches {
                    in_expr(condition, calls);
                    in_body(body, calls);
                }
                in_body(otherwise, calls);
            }
            Statement::For(each) => {
                in_expr(&each.items, calls);
                if let Some(condition) = &each.condition {
                    in_expr(condition, calls);
                }
                in_body(&each.body, calls);
                in_body(&each.otherwise, calls);
            }
            Statement::SetBlock { filter, body, .. } => {
                if let Some(filter) = filter {
                    in_expr(filter, calls);
                }
                in_body(body, calls);
            }
            Statement::Macro(definition) => in_macro(definition, calls),
            Statement::Call { call, caller } => {
                in_expr(call, calls);
                in_macro(caller, calls);
            }
            Statement::Filter { filter, body } => {
                in_expr(filter, calls);
                in_body(body, calls);
            }
            Statement::With { bindings, body } => {
                for (_, value) in bindings {
                    in_expr(value, calls);
                }
                in_body(body, calls);
            }
            Statement::Scope(body) => in_body(body, calls),
        }
    }
}

fn in_macro(definition: &super::ast::Macro, calls: &mut Vec<StaticCall>) {
    for parameter in &definition.parameters {
        if let Some(default) = &parameter.default {
            in_expr(default, calls);
        }
    }
    in_body(&definition.body, calls);
}

fn in_expr(expr: &Expr, calls: &mut Vec<StaticCall>) {
    if let ExprKind::Call(function, arguments) = &expr.kind
        && let Some(name) = dotted(function)
    {
        let written = match name.as_str() {
            "config" => {
                arguments.keyword.iter().map(|(name, value)| (name.to_string(), written::argument(value))).collect()
            }
            _ => Vec::new(),
        };
        calls.push(StaticCall {
            name,
            written,
            is_alone: false,
            positional: arguments.positional.iter().map(Expr::literal).collect(),
            keyword: arguments.keyword.iter().map(|(name, value)| (name.to_string(), value.literal())).collect(),
            spreads: arguments.spread.is_some() || arguments.spread_keyword.is_some(),
            line: expr.line,
        });
    }
    expr.kind.each_child(&mut |child| in_expr(child, calls));
}

fn dotted(function: &Expr) -> Option<String> {
    match &function.kind {
        ExprKind::Name(symbol) => Some(symbol.text.to_string()),
        ExprKind::Attribute(of, name) => dotted(of).map(|of| format!("{of}.{name}")),
        _ => None,
    }
}
