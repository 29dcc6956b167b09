//! An expression back into text, as dbt writes the arguments of `config()` into `unrendered_config`.
//!
//! What dbt has no spelling for (a filter, a conditional, arithmetic) it writes as Jinja2's `repr` of the syntax tree.

use super::ast::{Arguments, Comparison, Expr, ExprKind};
use crate::{Value, value::Operator};

/// The text of a keyword argument's value; a text literal stands without quotes.
pub(super) fn argument(value: &Expr) -> String {
    match &value.kind {
        ExprKind::Const(Value::Str(text)) => text.to_string(),
        _ => source(value),
    }
}

fn source(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Const(value) => value.repr(),
        ExprKind::Name(symbol) => symbol.text.to_string(),
        ExprKind::Call(function, arguments) => {
            let mut parts: Vec<String> = arguments.positional.iter().map(source).collect();
            parts.extend(arguments.keyword.iter().map(|(name, value)| format!("{name}={}", source(value))));
            parts.extend(arguments.spread.iter().map(|spread| format!("*{}", source(spread))));
            parts.extend(arguments.spread_keyword.iter().map(|spread| format!("**{}", source(spread))));
            format!("{}({})", source(function), parts.join(", "))
        }
        ExprKind::List(items) => format!("[{}]", joined(items, ", ", source)),
        ExprKind::Tuple(items) if items.len() == 1 => format!("({},)", source(&items[0])),
        ExprKind::Tuple(items) => format!("({})", joined(items, ", ", source)),
        ExprKind::Dict(entries) => {
            let pairs: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", source(key), source(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        ExprKind::Attribute(of, name) => format!("{}.{name}", source(of)),
        ExprKind::Item(of, key) => format!("{}[{}]", source(of), source(key)),
        ExprKind::Slice(of, parts) => format!("{}[{}]", source(of), slice(parts)),
        ExprKind::Concat(parts) => joined(parts, " ~ ", source),
        ExprKind::Compare(first, rest) => {
            let rest: Vec<String> =
                rest.iter().map(|(comparison, of)| format!("{} {}", comparison.sign(), source(of))).collect();
            format!("{} {}", source(first), rest.join(" "))
        }
        ExprKind::Not(of) => format!("not {}", source(of)),
        ExprKind::Negate(of) => format!("-{}", source(of)),
        ExprKind::And(a, b) => format!("{} and {}", source(a), source(b)),
        ExprKind::Or(a, b) => format!("{} or {}", source(a), source(b)),
        ExprKind::Positive(_)
        | ExprKind::Filter(..)
        | ExprKind::Test(..)
        | ExprKind::Operate(..)
        | ExprKind::Conditional { .. } => tree(expr),
    }
}

/// Jinja2's `repr` of a node.
fn tree(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Const(value) => format!("Const(value={})", value.repr()),
        ExprKind::Name(symbol) => format!("Name(name={}, ctx='load')", text(&symbol.text)),
        ExprKind::List(items) => format!("List(items={})", trees(items)),
        ExprKind::Tuple(items) => format!("Tuple(items={}, ctx='load')", trees(items)),
        ExprKind::Dict(entries) => {
            let pairs: Vec<String> =
                entries.iter().map(|(key, value)| format!("Pair(key={}, value={})", tree(key), tree(value))).collect();
            format!("Dict(items=[{}])", pairs.join(", "))
        }
        ExprKind::Attribute(of, name) => format!("Getattr(node={}, attr={}, ctx='load')", tree(of), text(name)),
        ExprKind::Item(of, key) => format!("Getitem(node={}, arg={}, ctx='load')", tree(of), tree(key)),
        ExprKind::Slice(of, parts) => format!("Getitem(node={}, arg={}, ctx='load')", tree(of), slice(parts)),
        ExprKind::Call(of, arguments) => format!("Call(node={}, {})", tree(of), passed(arguments)),
        ExprKind::Filter(of, name, _, arguments) => {
            format!("Filter(node={}, name={}, {})", tree(of), text(name), passed(arguments))
        }
        ExprKind::Test(of, name, _, arguments) => {
            format!("Test(node={}, name={}, {})", tree(of), text(name), passed(arguments))
        }
        ExprKind::Operate(operator, a, b) => {
            let name = match operator {
                Operator::Add => "Add",
                Operator::Subtract => "Sub",
                Operator::Multiply => "Mul",
                Operator::Divide => "Div",
                Operator::FloorDivide => "FloorDiv",
                Operator::Remainder => "Mod",
                Operator::Power => "Pow",
            };
            format!("{name}(left={}, right={})", tree(a), tree(b))
        }
        ExprKind::Compare(first, rest) => {
            let operands: Vec<String> = rest
                .iter()
                .map(|(comparison, of)| format!("Operand(op='{}', expr={})", comparison.word(), tree(of)))
                .collect();
            format!("Compare(expr={}, ops=[{}])", tree(first), operands.join(", "))
        }
        ExprKind::And(a, b) => format!("And(left={}, right={})", tree(a), tree(b)),
        ExprKind::Or(a, b) => format!("Or(left={}, right={})", tree(a), tree(b)),
        ExprKind::Not(of) => format!("Not(node={})", tree(of)),
        ExprKind::Negate(of) => format!("Neg(node={})", tree(of)),
        ExprKind::Positive(of) => format!("Pos(node={})", tree(of)),
        ExprKind::Concat(parts) => format!("Concat(nodes={})", trees(parts)),
        ExprKind::Conditional { condition, then, otherwise } => {
            let otherwise = otherwise.as_ref().map_or_else(|| "None".to_owned(), |otherwise| tree(otherwise));
            format!("CondExpr(test={}, expr1={}, expr2={otherwise})", tree(condition), tree(then))
        }
    }
}

fn trees(items: &[Expr]) -> String {
    format!("[{}]", joined(items, ", ", tree))
}

fn joined(items: &[Expr], separator: &str, write: fn(&Expr) -> String) -> String {
    items.iter().map(write).collect::<Vec<_>>().join(separator)
}

fn slice(parts: &[Option<Expr>; 3]) -> String {
    let [start, stop, step] = parts.each_ref().map(optional);
    format!("Slice(start={start}, stop={stop}, step={step})")
}

fn optional(part: &Option<Expr>) -> String {
    part.as_ref().map_or_else(|| "None".to_owned(), tree)
}

fn passed(arguments: &Arguments) -> String {
    let keyword: Vec<String> = arguments
        .keyword
        .iter()
        .map(|(name, value)| format!("Keyword(key={}, value={})", text(name), tree(value)))
        .collect();
    format!(
        "args={}, kwargs=[{}], dyn_args={}, dyn_kwargs={}",
        trees(&arguments.positional),
        keyword.join(", "),
        optional(&arguments.spread),
        optional(&arguments.spread_keyword)
    )
}

fn text(text: &str) -> String {
    Value::str(text).repr()
}

impl Comparison {
    fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::In => "in",
            Comparison::NotIn => "not in",
        }
    }

    /// Jinja2's name of the operator.
    fn word(self) -> &'static str {
        match self {
            Comparison::Equal => "eq",
            Comparison::NotEqual => "ne",
            Comparison::Less => "lt",
            Comparison::LessOrEqual => "lteq",
            Comparison::Greater => "gt",
            Comparison::GreaterOrEqual => "gteq",
            Comparison::In => "in",
            Comparison::NotIn => "notin",
        }
    }
}
