//! Which SerDe reads the files, and with which parameters.

use athena_api::glue::{Parameters, StorageDescriptor};

use crate::{LakeError, LakeResult};

/// How the bytes of the files become rows, by SerDe.
#[derive(Debug, Clone, PartialEq)]
pub enum FileFormat {
    Parquet {
        /// By position instead of by name (`parquet.column.index.access`).
        by_position: bool,
    },
    /// LazySimpleSerDe.
    Delimited(DelimitedFormat),
    /// OpenCSVSerde.
    Csv(CsvFormat),
    /// OpenX and Hive JSON.
    Json(JsonFormat),
}

/// Lines that are no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineFormat {
    /// `skip.header.line.count`
    pub header_lines: usize,
    /// `skip.footer.line.count`
    pub footer_lines: usize,
}

/// LazySimpleSerDe's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelimitedFormat {
    pub lines: LineFormat,
    /// Between fields, between elements of collections, between map keys and values, and so on inwards.
    pub separators: Vec<char>,
    pub escape: Option<char>,
    /// What stands for NULL.
    pub null: String,
}

/// OpenCSVSerde's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvFormat {
    pub lines: LineFormat,
    pub separator: char,
    pub quote: char,
    pub escape: char,
}

/// The JSON SerDes' parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFormat {
    pub lines: LineFormat,
    /// A line that is no JSON object is a row of NULLs instead of an error.
    pub ignore_malformed: bool,
    pub case_insensitive: bool,
    /// `a.b` in the files is `a_b` in the table.
    pub dots_in_keys: bool,
    /// Column and the key it is read from.
    pub mapping: Vec<(String, String)>,
}

/// Hive's separators of nested levels.
const SEPARATORS: [char; 8] = ['\u{1}', '\u{2}', '\u{3}', '\u{4}', '\u{5}', '\u{6}', '\u{7}', '\u{8}'];

/// Chooses by SerDe; by input format where there is no SerDe.
///
/// `skip.header.line.count` is a table property.
pub(super) fn format_of(storage: &StorageDescriptor, table: Option<&Parameters>) -> LakeResult<FileFormat> {
    let serde = storage.serde_info.as_ref();
    let library = serde.and_then(|serde| serde.serialization_library.as_deref()).unwrap_or_default();
    let input_format = storage.input_format.as_deref().unwrap_or_default();
    let all = [serde.and_then(|serde| serde.parameters.as_ref()), storage.parameters.as_ref(), table];
    let parameter = |key: &str| all.iter().flatten().find_map(|map| map.get(key)).map(String::as_str);
    let count = |key: &str| parameter(key).and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let flag = |key: &str, default: bool| parameter(key).map_or(default, |text| text.eq_ignore_ascii_case("true"));
    let character = |key: &str, default: char| parameter(key).and_then(single).unwrap_or(default);
    let lines =
        LineFormat { header_lines: count("skip.header.line.count"), footer_lines: count("skip.footer.line.count") };
    let name = library.rsplit('.').next().unwrap_or_default();
    Ok(match name {
        "ParquetHiveSerDe" => FileFormat::Parquet { by_position: flag("parquet.column.index.access", false) },
        "" if input_format.ends_with("MapredParquetInputFormat") => FileFormat::Parquet { by_position: false },
        "LazySimpleSerDe" => {
            let mut separators = SEPARATORS.to_vec();
            let field = parameter("field.delim").or(parameter("serialization.format")).and_then(delimiter);
            let collection = parameter("collection.delim").or(parameter("colelction.delim")).and_then(delimiter);
            let map_key = parameter("mapkey.delim").and_then(delimiter);
            for (separator, given) in separators.iter_mut().zip([field, collection, map_key]) {
                *separator = given.unwrap_or(*separator);
            }
            FileFormat::Delimited(DelimitedFormat {
                lines,
                separators,
                escape: parameter("escape.delim").and_then(delimiter),
                null: parameter("serialization.null.format").unwrap_or("\\N").to_owned(),
            })
        }
        "OpenCSVSerde" => FileFormat::Csv(CsvFormat {
            lines,
            separator: character("separatorChar", ','),
            quote: character("quoteChar", '"'),
            escape: character("escapeChar", '\\'),
        }),
        "JsonSerDe" => {
            let serde_parameters = serde.and_then(|serde| serde.parameters.as_ref());
            let mapping = serde_parameters.into_iter().flatten().filter_map(|(key, value)| {
                key.strip_prefix("mapping.").map(|column| (column.to_lowercase(), value.clone()))
            });
            FileFormat::Json(JsonFormat {
                lines,
                ignore_malformed: flag("ignore.malformed.json", false),
                case_insensitive: flag("case.insensitive", true),
                dots_in_keys: flag("dots.in.keys", false),
                mapping: mapping.collect(),
            })
        }
        "" => {
            return Err(LakeError::athena(
                "HIVE_UNSUPPORTED_FORMAT",
                format!("Unable to create input format {input_format}: the table has no SerDe"),
            ));
        }
        _ => {
            return Err(LakeError::not_supported(format!(
                "the SerDe {library} is not supported by the embedded lakehouse; \
                 fix: use Parquet, LazySimpleSerDe, OpenCSVSerde or a JSON SerDe"
            )));
        }
    })
}

/// A delimiter of LazySimpleSerDe: a character, or a byte's number.
fn delimiter(text: &str) -> Option<char> {
    if let Ok(number) = text.parse::<u8>() {
        return Some(char::from(number));
    }
    single(text)
}

/// The first character; `\t` and `\001` may be spelled out.
fn single(text: &str) -> Option<char> {
    if let Some(rest) = text.strip_prefix('\\').filter(|rest| !rest.is_empty()) {
        return match rest {
            "t" => Some('\t'),
            "n" => Some('\n'),
            "r" => Some('\r'),
            _ => match u8::from_str_radix(rest.trim_start_matches('u'), 8) {
                Ok(number) => Some(char::from(number)),
                Err(_) => rest.chars().next(),
            },
        };
    }
    text.chars().next()
}
