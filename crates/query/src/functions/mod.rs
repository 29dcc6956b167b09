//! Trino's functions under Trino's names.
//!
//! A family of functions is a module with a `resolve` that answers, for a name and the types of its arguments, what the
//! parameters coerce to, what comes out, and how. Source of all signatures: Trino documentation, "Functions and
//! operators".

mod aggregates;
mod binary;
mod collections;
mod datetime;
pub(crate) mod json;
mod math;
mod patterns;
mod strings;

use std::sync::{Arc, Mutex};

use arrow::{
    array::{Array, ArrayRef, AsArray, ListArray},
    buffer::OffsetBuffer,
    datatypes::{DataType, Field},
};
use athena_sql::Pos;
use datafusion::logical_expr::Expr;

pub(crate) use aggregates::{checksum, histogram, map_of_rows, most_frequent, percentile, top};
pub(crate) use collections::{MapBuilder, checked_map};
pub(crate) use strings::like;

use crate::{
    analyze::Typed,
    cast::cast,
    error::QueryError,
    scalar::{Body, ColumnFunction, RowFunction, call},
    types::{Type, coerces},
    value::Value,
};

/// A function of all rows of an aggregate.
pub(crate) type ListFunction = Arc<dyn Fn(&[Value]) -> Result<Value, QueryError> + Send + Sync>;

/// A function whose types are settled.
pub(crate) struct Resolved {
    params: Vec<Type>,
    returns: Type,
    /// NULL arguments make NULL.
    strict: bool,
    volatile: bool,
    function: RowFunction,
    /// The same for whole columns, where that is worth it.
    columns: Option<ColumnFunction>,
}

impl Resolved {
    /// Computes column by column.
    fn by_column(
        mut self,
        columns: impl Fn(&[ArrayRef], usize) -> Result<ArrayRef, QueryError> + Send + Sync + 'static,
    ) -> Self {
        self.columns = Some(Arc::new(columns));
        self
    }

    /// Sees NULL arguments.
    fn with_nulls(mut self) -> Self {
        self.strict = false;
        self
    }

    /// Answers differently each time.
    fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }
}

fn f(
    params: impl Into<Vec<Type>>,
    returns: Type,
    function: impl Fn(&[Value]) -> Result<Value, QueryError> + Send + Sync + 'static,
) -> Option<Resolved> {
    Some(Resolved {
        params: params.into(),
        returns,
        strict: true,
        volatile: false,
        function: Arc::new(function),
        columns: None,
    })
}

fn invalid(message: impl Into<String>) -> QueryError {
    QueryError::new("INVALID_FUNCTION_ARGUMENT", message)
}

/// A call of a function of values.
pub(crate) fn scalar(name: &str, arguments: Vec<Typed>, pos: Pos) -> Result<Typed, QueryError> {
    let types: Vec<Type> = arguments.iter().map(|argument| argument.ty.clone()).collect();
    let constants: Vec<Option<Value>> = arguments
        .iter()
        .map(|argument| match &argument.expr {
            Expr::Literal(..) => crate::run::constant(&argument.expr).ok(),
            _ => None,
        })
        .collect();
    let families =
        [strings::resolve, math::resolve, datetime::resolve, collections::resolve, json::resolve, binary::resolve];
    let resolved = families.iter().find_map(|resolve| resolve(name, &types, &constants));
    let Some(resolved) = resolved else {
        return Err(if is_known(name) { unexpected(name, &types, pos) } else { not_registered(name, pos) });
    };
    if resolved.params.len() != arguments.len()
        || !types.iter().zip(&resolved.params).all(|(from, to)| coerces(from, to) || is_text_to_char(from, to))
    {
        return Err(unexpected(name, &types, pos));
    }
    let arguments =
        arguments.into_iter().zip(&resolved.params).map(|(item, to)| cast(item.expr, &item.ty, to, false)).collect();
    let key = format!("{:?} {}", resolved.params, resolved.returns);
    let body = match resolved.columns {
        Some(columns) => Body::Columns(columns),
        None => Body::Rows { strict: resolved.strict, function: resolved.function },
    };
    let expr = call(name, key, resolved.returns.arrow(), resolved.volatile, body, arguments);
    Ok(Typed::new(expr, resolved.returns))
}

fn is_text_to_char(from: &Type, to: &Type) -> bool {
    from.is_text() && to.is_text()
}

pub(crate) fn not_registered(name: &str, pos: Pos) -> QueryError {
    QueryError::at("FUNCTION_NOT_FOUND", pos, format!("Function '{name}' not registered"))
}

pub(crate) fn unexpected(name: &str, types: &[Type], pos: Pos) -> QueryError {
    let types: Vec<String> = types.iter().map(Type::to_string).collect();
    QueryError::at(
        "FUNCTION_NOT_FOUND",
        pos,
        format!("Unexpected parameters ({}) for function {name}", types.join(", ")),
    )
}

/// The names of all functions of values.
pub(crate) const NAMES: &[&str] = &[
    "abs",
    "acos",
    "all_match",
    "any_match",
    "array_distinct",
    "array_except",
    "array_intersect",
    "array_join",
    "array_max",
    "array_min",
    "array_position",
    "array_remove",
    "array_sort",
    "array_union",
    "arrays_overlap",
    "asin",
    "at_timezone",
    "atan",
    "atan2",
    "bit_count",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "cardinality",
    "cbrt",
    "ceil",
    "ceiling",
    "chr",
    "codepoint",
    "combinations",
    "concat",
    "concat_ws",
    "contains",
    "cos",
    "cosh",
    "crc32",
    "date",
    "date_add",
    "date_diff",
    "date_format",
    "date_parse",
    "date_trunc",
    "day",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "degrees",
    "dow",
    "doy",
    "e",
    "element_at",
    "exp",
    "filter",
    "flatten",
    "floor",
    "format",
    "format_datetime",
    "from_base",
    "from_base64",
    "from_hex",
    "from_iso8601_date",
    "from_iso8601_timestamp",
    "from_unixtime",
    "from_utf8",
    "hour",
    "infinity",
    "is_finite",
    "is_infinite",
    "is_json_scalar",
    "is_nan",
    "json_array_contains",
    "json_array_get",
    "json_array_length",
    "json_extract",
    "json_extract_scalar",
    "json_format",
    "json_parse",
    "json_size",
    "last_day_of_month",
    "length",
    "levenshtein_distance",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "lpad",
    "ltrim",
    "map",
    "map_concat",
    "map_entries",
    "map_filter",
    "map_from_entries",
    "map_keys",
    "map_values",
    "map_zip_with",
    "md5",
    "millisecond",
    "minute",
    "mod",
    "month",
    "nan",
    "none_match",
    "normalize",
    "parse_datetime",
    "pi",
    "pow",
    "power",
    "quarter",
    "radians",
    "rand",
    "random",
    "reduce",
    "regexp_count",
    "regexp_extract",
    "regexp_extract_all",
    "regexp_like",
    "regexp_position",
    "regexp_replace",
    "regexp_split",
    "repeat",
    "replace",
    "reverse",
    "round",
    "rpad",
    "rtrim",
    "second",
    "sequence",
    "sha1",
    "sha256",
    "sha512",
    "shuffle",
    "sign",
    "sin",
    "sinh",
    "slice",
    "split",
    "split_part",
    "split_to_map",
    "sqrt",
    "starts_with",
    "strpos",
    "substr",
    "substring",
    "tan",
    "tanh",
    "to_base",
    "to_base64",
    "to_hex",
    "to_iso8601",
    "to_milliseconds",
    "to_unixtime",
    "to_utf8",
    "transform",
    "transform_keys",
    "transform_values",
    "translate",
    "trim",
    "trim_array",
    "truncate",
    "try",
    "upper",
    "url_decode",
    "url_encode",
    "url_extract_fragment",
    "url_extract_host",
    "url_extract_parameter",
    "url_extract_path",
    "url_extract_port",
    "url_extract_protocol",
    "url_extract_query",
    "uuid",
    "week",
    "week_of_year",
    "width_bucket",
    "with_timezone",
    "word_stem",
    "xxhash64",
    "year",
    "year_of_week",
    "yow",
    "zip",
    "zip_with",
];

pub(crate) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// `random()`.
pub(crate) fn random() -> Expr {
    let function: RowFunction = Arc::new(|_| Ok(Value::Double(math::random_double())));
    let body = Body::Rows { strict: true, function };
    call("random", String::new(), DataType::Float64, true, body, Vec::new())
}

/// A list that is NULL when it is empty.
pub(crate) fn null_if_empty(list: Expr) -> Expr {
    // A case keeps the list's type, which only the plan knows.
    let length = call(
        "length",
        "list".to_owned(),
        DataType::Int64,
        false,
        Body::Columns(Arc::new(|arrays, _| {
            let list = arrays[0].as_list::<i32>();
            let lengths: arrow::array::Int64Array =
                (0..list.len()).map(|at| list.is_valid(at).then(|| i64::from(list.value_length(at)))).collect();
            Ok(Arc::new(lengths))
        })),
        vec![list.clone()],
    );
    let branch = (Box::new(length.gt(datafusion::logical_expr::lit(0_i64))), Box::new(list));
    Expr::Case(datafusion::logical_expr::Case::new(None, vec![branch], None))
}

/// `ARRAY[a, b]`, column by column.
pub(crate) fn make_array(arrays: &[ArrayRef], rows: usize, element: &DataType) -> Result<ArrayRef, QueryError> {
    let field = Arc::new(Field::new("item", element.clone(), true));
    let child: ArrayRef = if arrays.is_empty() {
        arrow::array::new_empty_array(element)
    } else {
        let sources: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        let order: Vec<(usize, usize)> =
            (0..rows).flat_map(|row| (0..arrays.len()).map(move |column| (column, row))).collect();
        arrow::compute::interleave(&sources, &order).map_err(QueryError::internal)?
    };
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(arrays.len(), rows));
    Ok(Arc::new(ListArray::try_new(field, offsets, child, None).map_err(QueryError::internal)?))
}

/// The last regular expression that was used, as most calls have a constant one.
#[derive(Default)]
struct RegexCache(Mutex<Option<(String, Arc<fancy_regex::Regex>)>>);

impl RegexCache {
    fn get(&self, pattern: &str) -> Result<Arc<fancy_regex::Regex>, QueryError> {
        let mut last = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((of, regex)) = &*last
            && of == pattern
        {
            return Ok(Arc::clone(regex));
        }
        let regex = fancy_regex::Regex::new(pattern).map_err(|error| invalid(format!("{error}")))?;
        let regex = Arc::new(regex);
        *last = Some((pattern.to_owned(), Arc::clone(&regex)));
        Ok(regex)
    }
}
