//! Functions that take lambdas, and TRY.
//!
//! A lambda's body becomes a physical expression over its parameters and the columns it uses. It is evaluated once for
//! all elements of a batch: the elements are one long column, the used columns are repeated to match.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array},
    compute::take,
    datatypes::{DataType, Field, Schema},
};
use athena_sql::{Expr as Ast, ExprKind, FunctionCall, Pos};
use datafusion::{
    common::{Column, DFSchema},
    execution::context::ExecutionProps,
    logical_expr::Expr,
    physical_expr::{PhysicalExpr, create_physical_expr},
};

use super::{
    Analyzer, Typed, column,
    expression::{Context, Parameters, mismatch},
    planning,
};
use crate::{
    cast::cast,
    error::QueryError,
    functions,
    scalar::{Body, call},
    types::{Type, array_of, common, map_of},
    value::{Value, build, values},
};

/// A body that can be evaluated.
struct Lambda {
    body: Arc<dyn PhysicalExpr>,
    schema: Arc<Schema>,
    /// The columns that the body uses from outside.
    captured: Vec<Column>,
    ty: Type,
    key: String,
}

impl Lambda {
    /// Evaluates the body for rows of parameters, each with the captured values of row `of[row]`.
    fn evaluate(&self, parameters: Vec<ArrayRef>, captured: &[ArrayRef], of: &[u32]) -> Result<ArrayRef, QueryError> {
        let indices = UInt32Array::from(of.to_vec());
        let mut columns = parameters;
        for array in captured {
            columns.push(take(array, &indices, None).map_err(QueryError::internal)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(of.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(QueryError::internal)?;
        let result = self.body.evaluate(&batch).and_then(|value| value.into_array(of.len()));
        result.map_err(crate::run::from_datafusion)
    }

    fn of_values(
        &self,
        parameters: &[(Vec<Value>, &Type)],
        captured: &[ArrayRef],
        of: &[u32],
    ) -> Result<Vec<Value>, QueryError> {
        let arrays = parameters.iter().map(|(items, ty)| build(items, &ty.arrow())).collect::<Result<Vec<_>, _>>()?;
        values(&self.evaluate(arrays, captured, of)?)
    }
}

impl<'a> Analyzer<'a> {
    fn lambda(&self, ast: &'a Ast, types: &[Type], context: &Context<'_, 'a>) -> Result<Lambda, QueryError> {
        let ExprKind::Lambda(names, body) = &ast.kind else {
            return Err(mismatch(ast.pos, "Expected a lambda expression"));
        };
        if names.len() != types.len() {
            let message = format!("Expected a lambda that takes {} argument(s) but got {}", types.len(), names.len());
            return Err(QueryError::at("INVALID_PARAMETER_USAGE", ast.pos, message));
        }
        let parameters: Vec<(String, Typed)> = names
            .iter()
            .zip(types)
            .map(|(name, ty)| (name.lower(), Typed::new(column(&self.unique(&name.lower())), ty.clone())))
            .collect();
        let scope = Parameters { names: parameters, outer: context.lambda };
        let inner = Context { lambda: Some(&scope), clause: "Lambda expression", ..*context };
        let typed = self.expression(body, &inner)?;
        self.compile(typed, &scope.names)
    }

    /// The physical form of an expression over parameters and whatever else it uses.
    fn compile(&self, typed: Typed, parameters: &[(String, Typed)]) -> Result<Lambda, QueryError> {
        let mut names: Vec<(Column, DataType)> = Vec::new();
        for (_, parameter) in parameters {
            if let Expr::Column(name) = &parameter.expr {
                names.push((name.clone(), parameter.ty.arrow()));
            }
        }
        let own = names.len();
        let mut used: Vec<Column> = typed.expr.column_refs().into_iter().cloned().collect();
        used.sort();
        used.retain(|name| !names.iter().any(|(own, _)| own == name));
        let types = self.column_types.borrow();
        for name in &used {
            let Some(ty) = types.get(&name.name) else {
                return Err(QueryError::not_supported(
                    "lambda expressions and TRY over this column are not supported yet",
                ));
            };
            names.push((name.clone(), ty.clone()));
        }
        let fields: Vec<Field> =
            names.iter().map(|(name, ty)| Field::new(name.name.clone(), ty.clone(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let plan_schema = DFSchema::try_from(Arc::clone(&schema)).map_err(planning)?;
        let key = typed.expr.to_string();
        let body = create_physical_expr(&typed.expr, &plan_schema, &ExecutionProps::new()).map_err(planning)?;
        Ok(Lambda {
            body,
            schema,
            captured: names[own..].iter().map(|(name, _)| name.clone()).collect(),
            ty: typed.ty,
            key,
        })
    }

    pub(super) fn higher_order(
        &self,
        name: &str,
        function: &'a FunctionCall,
        context: &Context<'_, 'a>,
    ) -> Result<Typed, QueryError> {
        let pos = function.pos;
        let arguments = &function.arguments;
        if name == "try" {
            let [inner] = arguments.as_slice() else { return Err(functions::unexpected(name, &[], pos)) };
            let typed = self.expression(inner, context)?;
            return self.tried(typed);
        }
        let plain: Vec<Option<Typed>> = arguments
            .iter()
            .map(|ast| match ast.kind {
                ExprKind::Lambda(..) => Ok(None),
                _ => self.expression(ast, context).map(Some),
            })
            .collect::<Result<_, QueryError>>()?;
        let shape: Vec<&Typed> = plain.iter().flatten().collect();
        let known: Vec<Type> = shape.iter().map(|typed| typed.ty.clone()).collect();
        let wrong = || functions::unexpected(name, &known, pos);
        match (name, known.as_slice(), arguments.len()) {
            (
                "transform" | "filter" | "any_match" | "all_match" | "none_match" | "find_first",
                [Type::Array(element), ..],
                2,
            ) => {
                let lambda = self.lambda(&arguments[1], &[(**element).clone()], context)?;
                self.over_elements(name, shape[0], element, lambda, pos)
            }
            ("array_sort", [Type::Array(element)], 2) => {
                let lambda = self.lambda(&arguments[1], &[(**element).clone(), (**element).clone()], context)?;
                Ok(self.sorted_by(shape[0], element, lambda))
            }
            ("zip_with", [Type::Array(a), Type::Array(b)], 3) => {
                let lambda = self.lambda(&arguments[2], &[(**a).clone(), (**b).clone()], context)?;
                Ok(self.zipped(shape[0], shape[1], a, b, lambda))
            }
            ("map_filter" | "transform_values" | "transform_keys", [Type::Map(key, value)], 2) => {
                let lambda = self.lambda(&arguments[1], &[(**key).clone(), (**value).clone()], context)?;
                self.over_entries(name, shape[0], key, value, lambda, pos)
            }
            ("map_zip_with", [Type::Map(k1, v1), Type::Map(k2, v2)], 3) => {
                let key = common(k1, k2).ok_or_else(wrong)?;
                let (a, b) = (map_of(key.clone(), (**v1).clone()), map_of(key.clone(), (**v2).clone()));
                let left = Typed::new(cast(shape[0].expr.clone(), &shape[0].ty, &a, false), a);
                let right = Typed::new(cast(shape[1].expr.clone(), &shape[1].ty, &b, false), b);
                let lambda = self.lambda(&arguments[2], &[key.clone(), (**v1).clone(), (**v2).clone()], context)?;
                Ok(self.zipped_maps(&left, &right, &key, v1, v2, lambda))
            }
            ("reduce", [Type::Array(element), state], 4) => {
                self.reduced(shape[0], element, shape[1], state, arguments, context, pos)
            }
            _ => {
                if functions::is_known(name) {
                    Err(wrong())
                } else {
                    Err(functions::not_registered(name, pos))
                }
            }
        }
    }

    fn call_with(&self, name: &str, returns: Type, mut arguments: Vec<Expr>, lambdas: &[&Lambda], body: Body) -> Typed {
        let key =
            lambdas.iter().map(|lambda| format!("{} {:?}", lambda.key, lambda.schema)).collect::<Vec<_>>().join(" | ");
        arguments.extend(lambdas.iter().flat_map(|lambda| &lambda.captured).map(column));
        Typed::new(call(name, format!("{returns} {key}"), returns.arrow(), false, body, arguments), returns)
    }

    fn over_elements(
        &self,
        name: &str,
        array: &Typed,
        element: &Type,
        lambda: Lambda,
        pos: Pos,
    ) -> Result<Typed, QueryError> {
        let element = element.clone();
        let returns = match name {
            "transform" => array_of(lambda.ty.clone()),
            _ if !matches!(lambda.ty, Type::Boolean | Type::Unknown) => {
                return Err(mismatch(pos, format!("{name} takes a lambda that returns a boolean, not {}", lambda.ty)));
            }
            "filter" => array.ty.clone(),
            "find_first" => element.clone(),
            _ => Type::Boolean,
        };
        let (lambda, which, data_type) = (Arc::new(lambda), name.to_owned(), returns.arrow());
        let inner = Arc::clone(&lambda);
        let body = Body::Columns(Arc::new(move |arrays, _| {
            let lists = values(&arrays[0])?;
            let (flat, of) = flattened(&lists);
            let results = inner.of_values(&[(flat, &element)], &arrays[1..], &of)?;
            let mut results = results.into_iter();
            let answers: Vec<Value> = lists
                .iter()
                .map(|list| {
                    if list.is_null() {
                        return Value::Null;
                    }
                    let items = list.array();
                    let of: Vec<Value> = results.by_ref().take(items.len()).collect();
                    match which.as_str() {
                        "transform" => Value::Array(of),
                        "filter" => Value::Array(
                            items
                                .iter()
                                .zip(&of)
                                .filter(|(_, keep)| keep.bool())
                                .map(|(item, _)| item.clone())
                                .collect(),
                        ),
                        "find_first" => items
                            .iter()
                            .zip(&of)
                            .find(|(_, keep)| keep.bool())
                            .map_or(Value::Null, |(item, _)| item.clone()),
                        "any_match" => three(of.iter().any(Value::bool), &of, true),
                        "none_match" => three(of.iter().any(Value::bool), &of, false),
                        _ => three(of.contains(&Value::Bool(false)), &of, false),
                    }
                })
                .collect();
            build(&answers, &data_type)
        }));
        Ok(self.call_with(name, returns, vec![array.expr.clone()], &[&lambda], body))
    }

    fn sorted_by(&self, array: &Typed, element: &Type, lambda: Lambda) -> Typed {
        let (returns, element) = (array.ty.clone(), element.clone());
        let (lambda, data_type) = (Arc::new(lambda), returns.arrow());
        let inner = Arc::clone(&lambda);
        let body = Body::Columns(Arc::new(move |arrays, _| {
            let mut lists = values(&arrays[0])?;
            for (at, list) in lists.iter_mut().enumerate() {
                let Value::Array(items) = list else { continue };
                // Insertion sort by the lambda, all comparisons of one element at once.
                let mut done: Vec<Value> = Vec::new();
                for item in items.iter() {
                    let of = vec![u32::try_from(at).unwrap_or(0); done.len()];
                    let mine = vec![item.clone(); done.len()];
                    let orders = inner.of_values(&[(mine, &element), (done.clone(), &element)], &arrays[1..], &of)?;
                    let place = orders.iter().position(|order| order.int() < 0).unwrap_or(done.len());
                    done.insert(place, item.clone());
                }
                *items = done;
            }
            build(&lists, &data_type)
        }));
        self.call_with("array_sort", returns, vec![array.expr.clone()], &[&lambda], body)
    }

    fn zipped(&self, left: &Typed, right: &Typed, a: &Type, b: &Type, lambda: Lambda) -> Typed {
        let (a, b, returns) = (a.clone(), b.clone(), array_of(lambda.ty.clone()));
        let (lambda, data_type) = (Arc::new(lambda), returns.arrow());
        let inner = Arc::clone(&lambda);
        let body = Body::Columns(Arc::new(move |arrays, _| {
            let (xs, ys) = (values(&arrays[0])?, values(&arrays[1])?);
            let (mut p, mut q, mut of, mut lengths) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for (at, (x, y)) in xs.iter().zip(&ys).enumerate() {
                let length = if x.is_null() || y.is_null() { None } else { Some(x.array().len().max(y.array().len())) };
                for item in 0..length.unwrap_or(0) {
                    p.push(x.array().get(item).cloned().unwrap_or(Value::Null));
                    q.push(y.array().get(item).cloned().unwrap_or(Value::Null));
                    of.push(u32::try_from(at).unwrap_or(0));
                }
                lengths.push(length);
            }
            let mut results = inner.of_values(&[(p, &a), (q, &b)], &arrays[2..], &of)?.into_iter();
            let answers: Vec<Value> = lengths
                .into_iter()
                .map(|length| {
                    length.map_or(Value::Null, |length| Value::Array(results.by_ref().take(length).collect()))
                })
                .collect();
            build(&answers, &data_type)
        }));
        self.call_with("zip_with", returns, vec![left.expr.clone(), right.expr.clone()], &[&lambda], body)
    }

    fn over_entries(
        &self,
        name: &str,
        map: &Typed,
        key: &Type,
        value: &Type,
        lambda: Lambda,
        pos: Pos,
    ) -> Result<Typed, QueryError> {
        let returns = match name {
            "transform_values" => map_of(key.clone(), lambda.ty.clone()),
            "transform_keys" => map_of(lambda.ty.clone(), value.clone()),
            _ if lambda.ty == Type::Boolean => map.ty.clone(),
            _ => return Err(mismatch(pos, format!("{name} takes a lambda that returns a boolean, not {}", lambda.ty))),
        };
        let (key, value, which, data_type) = (key.clone(), value.clone(), name.to_owned(), returns.arrow());
        let lambda = Arc::new(lambda);
        let inner = Arc::clone(&lambda);
        let body = Body::Columns(Arc::new(move |arrays, _| {
            let maps = values(&arrays[0])?;
            let (mut keys, mut items, mut of) = (Vec::new(), Vec::new(), Vec::new());
            for (at, map) in maps.iter().enumerate() {
                for (k, v) in map.map() {
                    keys.push(k.clone());
                    items.push(v.clone());
                    of.push(u32::try_from(at).unwrap_or(0));
                }
            }
            let mut results = inner.of_values(&[(keys, &key), (items, &value)], &arrays[1..], &of)?.into_iter();
            let mut answers = Vec::new();
            for map in &maps {
                if map.is_null() {
                    answers.push(Value::Null);
                    continue;
                }
                let mut entries = Vec::new();
                for (k, v) in map.map() {
                    let result = results.next().unwrap_or(Value::Null);
                    match which.as_str() {
                        "transform_values" => entries.push((k.clone(), result)),
                        "transform_keys" => entries.push((result, v.clone())),
                        _ if result.bool() => entries.push((k.clone(), v.clone())),
                        _ => {}
                    }
                }
                answers.push(functions::checked_map(entries)?);
            }
            build(&answers, &data_type)
        }));
        Ok(self.call_with(name, returns, vec![map.expr.clone()], &[&lambda], body))
    }

    fn zipped_maps(&self, left: &Typed, right: &Typed, key: &Type, v1: &Type, v2: &Type, lambda: Lambda) -> Typed {
        let returns = map_of(key.clone(), lambda.ty.clone());
        let (key, v1, v2, data_type) = (key.clone(), v1.clone(), v2.clone(), returns.arrow());
        let lambda = Arc::new(lambda);
        let inner = Arc::clone(&lambda);
        let body = Body::Columns(Arc::new(move |arrays, _| {
            let (xs, ys) = (values(&arrays[0])?, values(&arrays[1])?);
            let (mut keys, mut p, mut q, mut of, mut lengths) =
                (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for (at, (x, y)) in xs.iter().zip(&ys).enumerate() {
                if x.is_null() || y.is_null() {
                    lengths.push(None);
                    continue;
                }
                let find = |map: &Value, key: &Value| map.map().iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
                let mut all: Vec<Value> = x.map().iter().map(|(k, _)| k.clone()).collect();
                all.extend(y.map().iter().map(|(k, _)| k.clone()).filter(|k| find(x, k).is_none()));
                lengths.push(Some(all.len()));
                for k in all {
                    p.push(find(x, &k).unwrap_or(Value::Null));
                    q.push(find(y, &k).unwrap_or(Value::Null));
                    keys.push(k);
                    of.push(u32::try_from(at).unwrap_or(0));
                }
            }
            let results = inner.of_values(&[(keys.clone(), &key), (p, &v1), (q, &v2)], &arrays[2..], &of)?;
            let mut entries = keys.into_iter().zip(results);
            let answers: Vec<Value> = lengths
                .into_iter()
                .map(|length| length.map_or(Value::Null, |length| Value::Map(entries.by_ref().take(length).collect())))
                .collect();
            build(&answers, &data_type)
        }));
        self.call_with("map_zip_with", returns, vec![left.expr.clone(), right.expr.clone()], &[&lambda], body)
    }

    /// `reduce(array, start, (state, x) -> …, state -> …)`, step by step for all rows at once.
    #[expect(clippy::too_many_arguments, reason = "the arguments of one function with their types")]
    fn reduced(
        &self,
        array: &Typed,
        element: &Type,
        start: &Typed,
        state: &Type,
        arguments: &'a [Ast],
        context: &Context<'_, 'a>,
        pos: Pos,
    ) -> Result<Typed, QueryError> {
        let first = self.lambda(&arguments[2], &[state.clone(), element.clone()], context)?;
        // The state has the type that start and step have in common.
        let state = common(state, &first.ty)
            .ok_or_else(|| mismatch(pos, format!("reduce of {state} with a step to {}", first.ty)))?;
        let step = self.lambda(&arguments[2], &[state.clone(), element.clone()], context)?;
        let output = self.lambda(&arguments[3], std::slice::from_ref(&state), context)?;
        let start = cast(start.expr.clone(), &start.ty, &state, false);
        let returns = output.ty.clone();
        let (step, output, element, step_type) = (Arc::new(step), Arc::new(output), element.clone(), first.ty);
        let (inner, last) = (Arc::clone(&step), Arc::clone(&output));
        let own = inner.captured.len();
        let body = Body::Columns(Arc::new(move |arrays, rows| {
            let (lists, mut states) = (values(&arrays[0])?, values(&arrays[1])?);
            let (captured, captured_last) = arrays[2..].split_at(own);
            let longest = lists.iter().map(|list| list.array().len()).max().unwrap_or(0);
            for at in 0..longest {
                let of: Vec<u32> = (0..rows)
                    .filter(|row| lists[*row].array().len() > at)
                    .filter_map(|row| u32::try_from(row).ok())
                    .collect();
                let current = of.iter().map(|row| states[*row as usize].clone()).collect();
                let items = of.iter().map(|row| lists[*row as usize].array()[at].clone()).collect();
                let next = inner.of_values(&[(current, &state), (items, &element)], captured, &of)?;
                for (row, value) in of.iter().zip(next) {
                    states[*row as usize] = crate::cast::convert(&value, &step_type, &state)?;
                }
            }
            let of: Vec<u32> = (0..rows).filter_map(|row| u32::try_from(row).ok()).collect();
            let mut answers = last.of_values(&[(states, &state)], captured_last, &of)?;
            for (answer, list) in answers.iter_mut().zip(&lists) {
                if list.is_null() {
                    *answer = Value::Null;
                }
            }
            build(&answers, &last.ty.arrow())
        }));
        Ok(self.call_with("reduce", returns, vec![array.expr.clone(), start], &[&step, &output], body))
    }

    /// `TRY(x)`: NULL for each row that fails.
    fn tried(&self, typed: Typed) -> Result<Typed, QueryError> {
        let (returns, lambda) = (typed.ty.clone(), Arc::new(self.compile(typed, &[])?));
        let (inner, data_type) = (Arc::clone(&lambda), returns.arrow());
        let body = Body::Columns(Arc::new(move |arrays, rows| {
            let of: Vec<u32> = (0..rows).filter_map(|row| u32::try_from(row).ok()).collect();
            if let Ok(result) = inner.evaluate(Vec::new(), arrays, &of) {
                return Ok(result);
            }
            let mut answers = Vec::with_capacity(rows);
            for row in of {
                match inner.evaluate(Vec::new(), arrays, &[row]) {
                    Ok(result) => answers.extend(values(&result)?),
                    Err(error) if error.category == crate::error::ErrorCategory::User => answers.push(Value::Null),
                    Err(error) => return Err(error),
                }
            }
            build(&answers, &data_type)
        }));
        Ok(self.call_with("try", returns, Vec::new(), &[&lambda], body))
    }
}

/// All elements, and the row that each comes from.
fn flattened(lists: &[Value]) -> (Vec<Value>, Vec<u32>) {
    let (mut flat, mut of) = (Vec::new(), Vec::new());
    for (at, list) in lists.iter().enumerate() {
        flat.extend(list.array().iter().cloned());
        of.resize(flat.len(), u32::try_from(at).unwrap_or(0));
    }
    (flat, of)
}

/// SQL's three values: decided by one element, unknown with a NULL, else the opposite.
fn three(decided: bool, items: &[Value], outcome: bool) -> Value {
    if decided {
        Value::Bool(outcome)
    } else if items.iter().any(Value::is_null) {
        Value::Null
    } else {
        Value::Bool(!outcome)
    }
}

/// `positions` of the longest of several lists, for WITH ORDINALITY.
impl Analyzer<'_> {
    pub(super) fn positions(&self, lists: &[Typed]) -> Result<Typed, QueryError> {
        let returns = array_of(Type::BigInt);
        let function = Arc::new(|row: &[Value]| {
            let longest = row.iter().map(|list| list.array().len()).max().unwrap_or(0);
            Ok(Value::Array((1..=longest).filter_map(|at| i64::try_from(at).ok()).map(Value::Int).collect()))
        });
        let body = Body::Rows { strict: false, function };
        let arguments = lists.iter().map(|list| list.expr.clone()).collect();
        Ok(Typed::new(call("positions", String::new(), returns.arrow(), false, body, arguments), returns))
    }
}
