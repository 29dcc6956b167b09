//! The tree of a template.

use std::sync::Arc;

use crate::Value;
use crate::filters::{Filter, Test};
use crate::value::Operator;

/// A name: its number in the template, and its text.
#[derive(Clone, Debug)]
pub(crate) struct Symbol {
    pub(crate) id: u32,
    pub(crate) text: Arc<str>,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) kind: Statement,
}

pub(crate) type Body = Vec<Node>;

#[derive(Debug)]
pub(crate) enum Statement {
    Text(Box<str>),
    Emit(Expr),
    If {
        branches: Vec<(Expr, Body)>,
        otherwise: Body,
    },
    For(Arc<For>),
    Set {
        target: Target,
        value: Expr,
    },
    SetBlock {
        target: Target,
        filter: Option<Expr>,
        body: Body,
    },
    Macro(Arc<Macro>),
    Call {
        call: Expr,
        caller: Arc<Macro>,
    },
    Filter {
        filter: Expr,
        body: Body,
    },
    With {
        bindings: Vec<(Target, Expr)>,
        body: Body,
    },
    /// `{% block %}`, `{% autoescape %}`: a scope without further meaning.
    Scope(Body),
    Do(Expr),
    Break,
    Continue,
    /// `include`, `import`, `extends`: there is nothing to load templates from.
    NoLoader,
}

#[derive(Debug)]
pub(crate) struct For {
    pub(crate) target: Target,
    pub(crate) items: Expr,
    pub(crate) condition: Option<Expr>,
    pub(crate) body: Body,
    pub(crate) otherwise: Body,
    pub(crate) recursive: bool,
    /// `loop`, when the loop mentions it.
    pub(crate) loop_name: Option<Symbol>,
}

/// What `set`, `for` and `with` assign to.
#[derive(Debug)]
pub(crate) enum Target {
    Name(Symbol),
    Attribute(Symbol, Arc<str>),
    Tuple(Vec<Target>),
}

/// A macro, or the body of a `call` block.
#[derive(Debug)]
pub(crate) struct Macro {
    pub(crate) name: Symbol,
    pub(crate) kind: MacroTag,
    pub(crate) parameters: Vec<MacroParameter>,
    pub(crate) body: Body,
    pub(crate) varargs: Option<Symbol>,
    pub(crate) kwargs: Option<Symbol>,
    pub(crate) caller: Option<Symbol>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MacroTag {
    Macro,
    Test,
    Materialization,
    Docs,
    Caller,
}

#[derive(Debug)]
pub(crate) struct MacroParameter {
    pub(crate) name: Symbol,
    pub(crate) annotation: Option<String>,
    pub(crate) default: Option<Expr>,
}

#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    /// How deep the tree below is; bounded, as it is walked recursively.
    pub(crate) depth: u32,
    pub(crate) line: u32,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Const(Value),
    Name(Symbol),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Attribute(Box<Expr>, Arc<str>),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Box<[Option<Expr>; 3]>),
    Call(Box<Expr>, Box<Arguments>),
    /// Without a filter of that name it is an error where it is reached, as in Jinja where it stands in a macro or a branch.
    Filter(Box<Expr>, Arc<str>, Option<Filter>, Box<Arguments>),
    Test(Box<Expr>, Arc<str>, Option<Test>, Box<Arguments>),
    Operate(Operator, Box<Expr>, Box<Expr>),
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Positive(Box<Expr>),
    Concat(Vec<Expr>),
    Conditional {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Option<Box<Expr>>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) positional: Vec<Expr>,
    pub(crate) keyword: Vec<(Arc<str>, Expr)>,
    pub(crate) spread: Option<Expr>,
    pub(crate) spread_keyword: Option<Expr>,
}

impl Arguments {
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let keyword = self.keyword.iter().map(|(_, value)| value);
        self.positional.iter().chain(keyword).chain(&self.spread).chain(&self.spread_keyword)
    }
}

impl ExprKind {
    /// Tells the expressions right below, in their order.
    pub(crate) fn each_child<'a>(&'a self, tell: &mut impl FnMut(&'a Expr)) {
        match self {
            ExprKind::Const(_) | ExprKind::Name(_) => {}
            ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Concat(items) => items.iter().for_each(tell),
            ExprKind::Dict(entries) => entries.iter().flat_map(|(key, value)| [key, value]).for_each(tell),
            ExprKind::Attribute(of, _) | ExprKind::Not(of) | ExprKind::Negate(of) | ExprKind::Positive(of) => tell(of),
            ExprKind::Item(a, b) | ExprKind::Operate(_, a, b) | ExprKind::And(a, b) | ExprKind::Or(a, b) => {
                [a, b].into_iter().for_each(|child| tell(child));
            }
            ExprKind::Slice(of, parts) => std::iter::once(&**of).chain(parts.iter().flatten()).for_each(tell),
            ExprKind::Call(of, arguments)
            | ExprKind::Filter(of, _, _, arguments)
            | ExprKind::Test(of, _, _, arguments) => {
                std::iter::once(&**of).chain(arguments.expressions()).for_each(tell);
            }
            ExprKind::Compare(first, rest) => {
                std::iter::once(&**first).chain(rest.iter().map(|(_, e)| e)).for_each(tell);
            }
            ExprKind::Conditional { condition, then, otherwise } => {
                [&**condition, &**then].into_iter().chain(otherwise.as_deref()).for_each(tell);
            }
        }
    }
}

impl Expr {
    /// Whether Jinja folds it while compiling; in native rendering such an expression is text.
    pub(crate) fn is_constant(&self) -> bool {
        match &self.kind {
            ExprKind::Const(_) => true,
            ExprKind::Name(_) | ExprKind::Call(..) => false,
            ExprKind::Filter(_, name, ..)
                if matches!(&**name, "as_text" | "as_bool" | "as_native" | "as_number" | "random") =>
            {
                false
            }
            // Filters that are given the context are not folded, nor those whose result is an iterator.
            ExprKind::Filter(_, name, ..)
                if matches!(
                    &**name,
                    "map"
                        | "select"
                        | "reject"
                        | "selectattr"
                        | "rejectattr"
                        | "unique"
                        | "batch"
                        | "slice"
                        | "reverse"
                ) =>
            {
                false
            }
            other => {
                let mut is_constant = true;
                other.each_child(&mut |child| is_constant = is_constant && child.is_constant());
                is_constant
            }
        }
    }

    /// The value of a literal.
    pub(crate) fn literal(&self) -> Option<Value> {
        let all = |items: &[Expr]| items.iter().map(Expr::literal).collect::<Option<Vec<Value>>>();
        match &self.kind {
            ExprKind::Const(value) => Some(value.clone()),
            ExprKind::List(items) => all(items).map(Value::list),
            ExprKind::Tuple(items) => all(items).map(Value::tuple),
            ExprKind::Negate(of) => of.literal()?.negate().ok(),
            ExprKind::Dict(entries) => {
                let entries: Option<Vec<(Value, Value)>> =
                    entries.iter().map(|(key, value)| Some((key.literal()?, value.literal()?))).collect();
                let mut map = crate::DictMap::default();
                for (key, value) in entries? {
                    map.insert(crate::Key::new(key).ok()?, value);
                }
                Some(Value::Dict(crate::Dict::new(map)))
            }
            _ => None,
        }
    }
}
