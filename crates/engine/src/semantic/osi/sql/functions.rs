//! How calls, types and units are written.

/// Functions that have another name, too.
const RENAMED: &[(&str, &str)] = &[
    ("APPROX_COUNT_DISTINCT", "APPROX_DISTINCT"),
    ("ARGMAX", "ARG_MAX"),
    ("ARGMIN", "ARG_MIN"),
    ("ARRAY_CAT", "ARRAY_CONCAT"),
    ("ARRAY_JOIN", "ARRAY_TO_STRING"),
    ("ARRAY_SIZE", "ARRAY_LENGTH"),
    ("BOOL_AND", "LOGICAL_AND"),
    ("BOOL_OR", "LOGICAL_OR"),
    ("CEILING", "CEIL"),
    ("CHARACTER_LENGTH", "LENGTH"),
    ("CHAR_LENGTH", "LENGTH"),
    ("COUNTIF", "COUNT_IF"),
    ("DAYOFMONTH", "DAY_OF_MONTH"),
    ("DAYOFWEEK", "DAY_OF_WEEK"),
    ("DAYOFYEAR", "DAY_OF_YEAR"),
    ("ENDSWITH", "ENDS_WITH"),
    ("IFNULL", "COALESCE"),
    ("INSTR", "STR_POSITION"),
    ("ISNAN", "IS_NAN"),
    ("JSON_PARSE", "PARSE_JSON"),
    ("LCASE", "LOWER"),
    ("LEN", "LENGTH"),
    ("MAX_BY", "ARG_MAX"),
    ("MIN_BY", "ARG_MIN"),
    ("NVL", "COALESCE"),
    ("POW", "POWER"),
    ("RANDOM", "RAND"),
    ("SHA1", "SHA"),
    ("SIGNUM", "SIGN"),
    ("STARTSWITH", "STARTS_WITH"),
    ("STDEV", "STDDEV"),
    ("STRING_AGG", "GROUP_CONCAT"),
    ("STRPOS", "STR_POSITION"),
    ("SUBSTR", "SUBSTRING"),
    ("TO_HEX", "HEX"),
    ("TRUNCATE", "TRUNC"),
    ("UCASE", "UPPER"),
    ("VARIANCE_SAMP", "VARIANCE"),
    ("VAR_POP", "VARIANCE_POP"),
    ("VAR_SAMP", "VARIANCE"),
    ("WEEKOFYEAR", "WEEK_OF_YEAR"),
];

/// Types that have another name, too.
const TYPES: &[(&str, &str)] = &[
    ("BOOL", "BOOLEAN"),
    ("FLOAT4", "FLOAT"),
    ("FLOAT8", "DOUBLE"),
    ("INT4", "INT"),
    ("INTEGER", "INT"),
    ("LONG", "BIGINT"),
    ("NUMBER", "DECIMAL"),
    ("NUMERIC", "DECIMAL"),
    ("NVARCHAR", "VARCHAR"),
    ("REAL", "FLOAT"),
    ("STRING", "TEXT"),
];

/// Types without another name.
const PLAIN_TYPES: &[&str] = &[
    "BIGINT",
    "BINARY",
    "BOOLEAN",
    "CHAR",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
    "INT",
    "JSON",
    "SMALLINT",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "TINYINT",
    "UUID",
    "VARBINARY",
    "VARCHAR",
];

/// A type by its name in upper case, if it is known.
pub(super) fn data_type(name: &str) -> Option<&'static str> {
    let other = TYPES.iter().find(|(known, _)| *known == name).map(|(_, canonical)| *canonical);
    other.or_else(|| PLAIN_TYPES.iter().find(|known| **known == name).copied())
}

/// A call of a function by its name in upper case; `None` where it cannot have these arguments, or we do not know how it is written.
pub(super) fn call(name: &str, arguments: &[String]) -> Option<String> {
    let listed = arguments.join(", ");
    match (name, arguments) {
        ("SUM" | "AVG", [_]) => {}
        ("SUM" | "AVG", _) => return None,
        ("IF" | "IIF", [condition, then]) => return Some(format!("CASE WHEN {condition} THEN {then} END")),
        ("IF" | "IIF", [condition, then, other]) => {
            return Some(format!("CASE WHEN {condition} THEN {then} ELSE {other} END"));
        }
        ("MOD", [number, by]) => return Some(format!("{number} % {by}")),
        ("LOG10", [number]) => return Some(format!("LOG(10, {number})")),
        ("LOG2", [number]) => return Some(format!("LOG(2, {number})")),
        ("DATE_TRUNC", [unit, of]) => {
            let unit = unit.trim_matches('\'').to_uppercase();
            return Some(format!("DATE_TRUNC('{unit}', {of})"));
        }
        ("DATE_DIFF" | "DATEDIFF", [first, second]) => return Some(format!("DATEDIFF({first}, {second})")),
        // The last argument is taken for a unit, whatever it is.
        ("DATE_DIFF" | "DATEDIFF", [unit, from, to]) => {
            return Some(format!("DATEDIFF({unit}, {from}, {})", as_unit(to)?));
        }
        ("DATE_ADD", [unit, count, to]) => {
            return Some(format!("DATE_ADD({unit}, {count}, '{}')", as_unit(to)?));
        }
        ("SAFE_DIVIDE", [above, below]) if is_word(above) && is_word(below) => {
            return Some(format!("CASE WHEN {below} <> 0 THEN {above} / {below} ELSE NULL END"));
        }
        ("TO_CHAR", [text, ..]) => return Some(format!("CAST({text} AS TEXT)")),
        ("FROM_ISO8601_DATE", [text]) => return Some(format!("CAST({text} AS DATE)")),
        ("FROM_ISO8601_TIMESTAMP", [text]) => return Some(format!("CAST({text} AS TIMESTAMPTZ)")),
        ("CURRENT_DATE", []) => return Some(name.to_owned()),
        ("CAST" | "TRY_CAST" | "EXTRACT" | "EXISTS" | "POSITION" | "INTERVAL" | "ARRAY" | "ROW" | "MAP", _) => {
            return None;
        }
        _ => {}
    }
    let name = RENAMED.iter().find(|(known, _)| *known == name).map_or(name, |(_, canonical)| canonical);
    Some(format!("{name}({listed})"))
}

fn as_unit(text: &str) -> Option<String> {
    is_word(text).then(|| text.to_uppercase())
}

fn is_word(text: &str) -> bool {
    text.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}
