//! Python models: the calls of `dbt.ref`, `dbt.source` and `dbt.config` in their code, read without running it.
//!
//! Source: dbt Core, `ModelParser.parse_python_model`: which calls are seen is part of the behaviour (those in an operand of `+` are not).

mod nesting;

use diagnostic::{Diagnostic, Location};
use jinja::{CallArgs, State, UndefinedMode, Value};
use ruff_python_ast::{
    self as ast, Expr, Number, Stmt, UnaryOp,
    visitor::{Visitor, walk_expr, walk_stmt},
};
use ruff_python_parser::parse_module;
use ruff_text_size::Ranged;

use artifacts::manifest::Node;

use crate::context::node::{Capture, Context};

/// A call as it is written: the function, positional and named arguments.
#[derive(Debug)]
struct Call {
    function: &'static str,
    positional: Vec<Value>,
    named: Vec<(std::sync::Arc<str>, Value)>,
}

/// What a Python model refers to.
///
/// # Errors
/// Code that Python cannot read, that is no model, holds Jinja, or calls dbt with something other than literals.
pub(super) fn capture(node: &Node, context: &Context) -> Result<Capture, Diagnostic> {
    let code = node.raw_code.as_ref();
    if project::has_jinja(code) {
        let line = node.raw_code.find("{{").or_else(|| node.raw_code.find("{%")).map(|at| line_of(&node.raw_code, at));
        return Err(problem(node, line, "No jinja in python model code is allowed".to_owned())
            .fix("call `dbt.ref`, `dbt.source` and `dbt.config` in place of templates; write `{ {` where Python wants two braces"));
    }
    if let Some(line) = nesting::too_deep(code) {
        let what = "Python cannot read it: the code is nested too deeply".to_owned();
        return Err(problem(node, Some(line), what)
            .cause("Python gives up at such code, too")
            .fix("write the expression in several steps"));
    }
    // Each level takes a dozen calls of the parser.
    stacker::maybe_grow(STACK, STACK, || capture_module(node, context))
}

/// Enough for as many levels as [`nesting::too_deep`] lets through, without optimization.
const STACK: usize = 64 * 1024 * 1024;

fn capture_module(node: &Node, context: &Context) -> Result<Capture, Diagnostic> {
    let code = node.raw_code.as_ref();
    let module = parse_module(code).map_err(|error| {
        let line = line_of(code, error.location.start().to_usize());
        problem(node, Some(line), format!("Python cannot read it: {}", error.error)).fix("correct the Python code")
    })?;
    let module = module.syntax();
    if module.body.is_empty() {
        return Ok(context.take_capture());
    }
    validate(node, module)?;
    let mut calls = Calls { code, found: Vec::new(), failed: None };
    calls.visit_body(&module.body);
    if let Some((offset, what)) = calls.failed {
        let what = format!(
            "Error when trying to literal_eval an arg to dbt.ref(), dbt.source(), dbt.config() or dbt.config.get() \n{what}\nhttps://docs.python.org/3/library/ast.html#ast.literal_eval\nIn dbt python model, `dbt.ref`, `dbt.source`, `dbt.config`, `dbt.config.get` function args only support Python literal structures"
        );
        return Err(problem(node, Some(line_of(code, offset)), what)
            .cause("the code is read, not run: what a variable holds is not known")
            .fix("write the value itself"));
    }
    apply(node, context, calls.found)?;
    Ok(context.take_capture())
}

/// Does what the calls say: references and configs go to the context, the keys that the code asks of its config are noted.
fn apply(node: &Node, context: &Context, calls: Vec<Call>) -> Result<(), Diagnostic> {
    let mut asked: [(Vec<Value>, Vec<Value>); 2] = Default::default();
    let mut state = State::new(context, UndefinedMode::Capture);
    for call in calls {
        let index = match call.function {
            "get" => 0,
            "meta_get" => 1,
            function => {
                let callee = state.lookup(function).unwrap_or_else(|| state.undefined(function));
                let args = CallArgs { positional: call.positional, keyword: call.named };
                state.call(&callee, args).map_err(|error| super::errors::in_node(node, &error, 0))?;
                continue;
            }
        };
        let name = ["dbt.config.get()", "dbt.config.meta_get()"][index];
        let given = call.positional.len();
        let mut positional = call.positional.into_iter();
        let key = positional.next().filter(|_| given <= 2).ok_or_else(|| {
            let what = match given {
                0 => format!("{name} requires at least one argument"),
                _ => format!("{name} takes at most 2 arguments ({given} given)"),
            };
            problem(node, None, what).fix("give the key, and the value where there is none")
        })?;
        asked[index].0.push(key);
        asked[index].1.push(positional.next().unwrap_or(Value::None));
    }
    if asked.iter().any(|(keys, _)| !keys.is_empty()) {
        let [(config_keys, config_defaults), (meta_keys, meta_defaults)] = asked;
        let named = [
            ("config_keys_used", config_keys),
            ("config_keys_defaults", config_defaults),
            ("meta_keys_used", meta_keys),
            ("meta_keys_defaults", meta_defaults),
        ];
        let named = named.into_iter().map(|(key, values)| (key.into(), Value::list(values))).collect();
        let callee = state.lookup("config").unwrap_or_else(|| state.undefined("config"));
        state
            .call(&callee, CallArgs { positional: Vec::new(), keyword: named })
            .map_err(|error| super::errors::in_node(node, &error, 0))?;
    }
    Ok(())
}

fn problem(node: &Node, line: Option<usize>, what: String) -> Diagnostic {
    let location = match line {
        Some(line) => Location::in_source(&node.original_file_path, &node.raw_code, line, None),
        None => Location::file(&node.original_file_path),
    };
    let what = what.replace('\n', "\n  ");
    Diagnostic::error(format!("Parsing Error in model {} ({})\n  {what}", node.name, node.original_file_path))
        .at(location)
}

/// The line of `def model`, or the first.
fn line_of_model(code: &str) -> usize {
    code.lines().position(|line| line.starts_with("def model")).map_or(1, |index| index + 1)
}

fn line_of(code: &str, offset: usize) -> usize {
    code.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// One function `model(dbt, session)` that returns one value.
fn validate(node: &Node, module: &ast::ModModule) -> Result<(), Diagnostic> {
    struct Models {
        count: usize,
        errors: Vec<&'static str>,
    }
    impl<'a> Visitor<'a> for Models {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            let Stmt::FunctionDef(function) = statement else {
                walk_stmt(self, statement);
                return;
            };
            if function.is_async {
                walk_stmt(self, statement);
                return;
            }
            if function.name.as_str() != "model" {
                return;
            }
            self.count += 1;
            let args = &function.parameters.args;
            if args.first().is_some_and(|first| first.parameter.name.as_str() != "dbt") {
                self.errors.push("'dbt' not provided for model as the first argument");
            }
            if args.len() != 2 {
                self.errors.push("model function should have two args, `dbt` and a session to current warehouse");
            }
            let returned = function.body.last().and_then(Stmt::as_return_stmt);
            if returned.is_none_or(|last| last.value.as_deref().is_some_and(Expr::is_tuple_expr)) {
                self.errors.push("In current version, model function should return only one dataframe object");
            }
        }
    }
    let mut models = Models { count: 0, errors: Vec::new() };
    models.visit_body(&module.body);
    if models.count != 1 {
        let what = format!("dbt allows exactly one model defined per python file, found {}", models.count);
        return Err(problem(node, Some(line_of_model(&node.raw_code)), what)
            .fix("define one function `model(dbt, session)` in the file"));
    }
    if !models.errors.is_empty() {
        return Err(problem(node, Some(line_of_model(&node.raw_code)), models.errors.join("\n"))
            .fix("write `def model(dbt, session):` and return one data frame at its end"));
    }
    Ok(())
}

/// Collects dbt's calls, in the order of the code.
struct Calls<'a> {
    code: &'a str,
    found: Vec<Call>,
    failed: Option<(usize, String)>,
}

impl<'a> Visitor<'a> for Calls<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Assign(assignment) => {
                for target in &assignment.targets {
                    self.visit_expr(target);
                }
                self.visit_expr(&assignment.value);
            }
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        let (first, generators) = match expression {
            Expr::Call(call) => return self.call(call),
            Expr::ListComp(list) => (vec![&list.elt], &list.generators),
            Expr::SetComp(set) => (vec![&set.elt], &set.generators),
            Expr::Generator(generator) => (vec![&generator.elt], &generator.generators),
            Expr::DictComp(dict) => (vec![&dict.key, &dict.value], &dict.generators),
            _ => return walk_expr(self, expression),
        };
        for expression in first {
            self.visit_expr(expression);
        }
        for generator in generators {
            self.visit_comprehension(generator);
        }
    }
}

impl Calls<'_> {
    /// Looks at a call and at calls that are its arguments, or items of them; not deeper.
    fn call(&mut self, call: &ast::ExprCall) {
        if let Some(function) = dbt_function(&call.func) {
            match self.arguments(function, call) {
                Ok(call) => self.found.push(call),
                Err(failed) => {
                    self.failed.get_or_insert(failed);
                    return;
                }
            }
        }
        let arguments = call.arguments.args.iter().chain(call.arguments.keywords.iter().map(|keyword| &keyword.value));
        for argument in arguments {
            let items: Vec<&Expr> = match argument {
                Expr::Call(_) => vec![argument],
                Expr::List(list) => list.elts.iter().collect(),
                Expr::Tuple(tuple) => tuple.elts.iter().collect(),
                Expr::Dict(dict) => dict.items.iter().map(|item| &item.value).collect(),
                Expr::FString(text) => {
                    text.value.elements().filter_map(|element| Some(&*element.as_interpolation()?.expression)).collect()
                }
                _ => continue,
            };
            for call in items.into_iter().filter_map(Expr::as_call_expr) {
                self.call(call);
            }
        }
        let mut receiver = &*call.func;
        if receiver.is_attribute_expr() {
            while let Expr::Attribute(attribute) = receiver {
                receiver = &attribute.value;
            }
            if let Expr::Call(call) = receiver {
                self.call(call);
            }
        }
    }

    fn arguments(&self, function: &'static str, call: &ast::ExprCall) -> Result<Call, (usize, String)> {
        let literal = |expression: &Expr| {
            literal(expression).ok_or_else(|| {
                let offset = expression.range().start().to_usize();
                let text = &self.code[expression.range()];
                (offset, format!("malformed node or string on line {}: {text}", line_of(self.code, offset)))
            })
        };
        let positional = call.arguments.args.iter().map(literal).collect::<Result<_, _>>()?;
        let mut named = Vec::new();
        for keyword in &call.arguments.keywords {
            let offset = keyword.range.start().to_usize();
            let name = keyword.arg.as_ref().ok_or_else(|| (offset, "keywords must be strings".to_owned()))?;
            named.push((name.as_str().into(), literal(&keyword.value)?));
        }
        Ok(Call { function, positional, named })
    }
}

/// `dbt.ref`, `dbt.config.get` and their like.
fn dbt_function(callee: &Expr) -> Option<&'static str> {
    let attribute = callee.as_attribute_expr()?;
    let owner = match &*attribute.value {
        Expr::Name(name) if name.id.as_str() == "dbt" => "dbt",
        Expr::Attribute(inner)
            if inner.attr.as_str() == "config"
                && inner.value.as_name_expr().is_some_and(|name| name.id.as_str() == "dbt") =>
        {
            "dbt.config"
        }
        _ => return None,
    };
    match (owner, attribute.attr.as_str()) {
        ("dbt", "ref") => Some("ref"),
        ("dbt", "source") => Some("source"),
        ("dbt", "config") => Some("config"),
        ("dbt.config", "get") => Some("get"),
        ("dbt.config", "meta_get") => Some("meta_get"),
        _ => None,
    }
}

/// The value of a literal, as Python's `ast.literal_eval` takes it; bytes and complex numbers are none.
fn literal(expression: &Expr) -> Option<Value> {
    let all = |items: &[Expr]| items.iter().map(literal).collect::<Option<Vec<Value>>>();
    Some(match expression {
        Expr::StringLiteral(text) => Value::str(text.value.to_str()),
        Expr::NumberLiteral(number) => of_number(&number.value)?,
        Expr::BooleanLiteral(boolean) => Value::from(boolean.value),
        Expr::NoneLiteral(_) => Value::None,
        Expr::List(list) => Value::list(all(&list.elts)?),
        Expr::Tuple(tuple) => Value::tuple(all(&tuple.elts)?),
        Expr::Set(set) => Value::list(all(&set.elts)?),
        Expr::Dict(dict) => {
            let entries: Option<Vec<(Value, Value)>> =
                dict.items.iter().map(|item| Some((literal(item.key.as_ref()?)?, literal(&item.value)?))).collect();
            Value::dict(entries?)
        }
        Expr::UnaryOp(operation) => match (operation.op, &*operation.operand) {
            (UnaryOp::UAdd, Expr::NumberLiteral(number)) => of_number(&number.value)?,
            (UnaryOp::USub, Expr::NumberLiteral(number)) => match &number.value {
                Number::Int(int) => Value::from(-int.as_i64()?),
                Number::Float(float) => Value::from(-*float),
                Number::Complex { .. } => return None,
            },
            _ => return None,
        },
        _ => return None,
    })
}

fn of_number(number: &Number) -> Option<Value> {
    match number {
        Number::Int(int) => int.as_i64().map(Value::from),
        Number::Float(float) => Some(Value::from(*float)),
        Number::Complex { .. } => None,
    }
}
