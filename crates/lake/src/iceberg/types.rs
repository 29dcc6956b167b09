//! Column types between Hive's spelling, as Athena's DDL and Glue have it, and Iceberg.

use std::sync::Arc;

use ::iceberg::spec::{ListType, MapType, NestedField, PrimitiveType, StructType, Type};
use athena_api::glue::{Column, Parameters};

use crate::{HiveType, LakeError, LakeResult, hive_type};

/// Iceberg's type for a spelling; ids are counted up from `last_id`.
pub(super) fn parse(text: &str, last_id: &mut i32) -> LakeResult<Type> {
    let plain = text.trim().to_ascii_lowercase();
    let without_precision = plain.split('(').next().unwrap_or_default().trim().to_owned();
    let zoned = plain.ends_with("with time zone") || plain == "timestamptz";
    let primitive = match without_precision.as_str() {
        "time" if !zoned => Some(PrimitiveType::Time),
        "uuid" => Some(PrimitiveType::Uuid),
        "timestamp" | "timestamptz" | "timestamp with time zone" if zoned => Some(PrimitiveType::Timestamptz),
        "timestamp" => Some(PrimitiveType::Timestamp),
        _ => None,
    };
    match primitive {
        Some(primitive) => Ok(Type::Primitive(primitive)),
        None => from_hive(&hive_type::parse(text)?, last_id),
    }
}

fn from_hive(hive: &HiveType, last_id: &mut i32) -> LakeResult<Type> {
    let unsupported = || LakeError::not_supported(format!("Type not supported for Iceberg: {hive}"));
    let mut next = || {
        *last_id += 1;
        *last_id
    };
    Ok(match hive {
        HiveType::Boolean => Type::Primitive(PrimitiveType::Boolean),
        HiveType::Int => Type::Primitive(PrimitiveType::Int),
        HiveType::BigInt => Type::Primitive(PrimitiveType::Long),
        HiveType::Float => Type::Primitive(PrimitiveType::Float),
        HiveType::Double => Type::Primitive(PrimitiveType::Double),
        HiveType::Decimal(precision, scale) => {
            Type::decimal(u32::from(*precision), u32::try_from(*scale).map_err(|_| unsupported())?)
                .map_err(|_| unsupported())?
        }
        HiveType::String | HiveType::Varchar(_) => Type::Primitive(PrimitiveType::String),
        HiveType::Binary => Type::Primitive(PrimitiveType::Binary),
        HiveType::Date => Type::Primitive(PrimitiveType::Date),
        HiveType::Timestamp => Type::Primitive(PrimitiveType::Timestamp),
        HiveType::TinyInt | HiveType::SmallInt | HiveType::Char(_) => return Err(unsupported()),
        HiveType::Array(element) => {
            let id = next();
            let element = from_hive(element, last_id)?;
            Type::List(ListType::new(Arc::new(NestedField::list_element(id, element, false))))
        }
        HiveType::Map(key, value) => {
            let (key_id, value_id) = (next(), next());
            let (key, value) = (from_hive(key, last_id)?, from_hive(value, last_id)?);
            Type::Map(MapType::optional(key_id, key, value_id, value))
        }
        HiveType::Struct(fields) => {
            let ids: Vec<i32> = fields.iter().map(|_| next()).collect();
            let fields = fields.iter().zip(ids).map(|((name, kind), id)| {
                Ok(Arc::new(NestedField::optional(id, name.to_lowercase(), from_hive(kind, last_id)?)))
            });
            Type::Struct(StructType::new(fields.collect::<LakeResult<_>>()?))
        }
    })
}

/// Hive's spelling, as Athena writes it into Glue.
pub(super) fn to_hive(kind: &Type) -> String {
    match kind {
        Type::Primitive(primitive) => match primitive {
            PrimitiveType::Boolean => "boolean".to_owned(),
            PrimitiveType::Int => "int".to_owned(),
            PrimitiveType::Long => "bigint".to_owned(),
            PrimitiveType::Float => "float".to_owned(),
            PrimitiveType::Double => "double".to_owned(),
            PrimitiveType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
            PrimitiveType::Date => "date".to_owned(),
            PrimitiveType::Timestamp
            | PrimitiveType::Timestamptz
            | PrimitiveType::TimestampNs
            | PrimitiveType::TimestamptzNs => "timestamp".to_owned(),
            PrimitiveType::Time | PrimitiveType::String | PrimitiveType::Uuid => "string".to_owned(),
            PrimitiveType::Fixed(_) | PrimitiveType::Binary => "binary".to_owned(),
        },
        Type::List(list) => format!("array<{}>", to_hive(&list.element_field.field_type)),
        Type::Map(map) => {
            format!("map<{},{}>", to_hive(&map.key_field.field_type), to_hive(&map.value_field.field_type))
        }
        Type::Struct(fields) => {
            let fields = fields.fields().iter().map(|field| format!("{}:{}", field.name, to_hive(&field.field_type)));
            format!("struct<{}>", fields.collect::<Vec<_>>().join(","))
        }
        #[expect(unreachable_patterns, reason = "later versions of the format have more types")]
        other => other.to_string(),
    }
}

/// A column as Athena describes it in Glue; dropped ones stay with `current` false.
pub(super) fn glue_column(field: &NestedField, current: bool) -> Column {
    let parameters: Parameters = [
        ("iceberg.field.id", field.id.to_string()),
        ("iceberg.field.optional", (!field.required).to_string()),
        ("iceberg.field.current", current.to_string()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    Column {
        name: field.name.to_lowercase(),
        r#type: Some(to_hive(&field.field_type)),
        comment: field.doc.clone(),
        parameters: Some(parameters),
    }
}

/// Whether a column may change so. Source: Iceberg table spec, "Schema evolution".
pub(super) fn may_become(from: &Type, to: &Type) -> bool {
    use PrimitiveType as P;
    match (from, to) {
        (from, to) if from == to => true,
        (Type::Primitive(P::Int), Type::Primitive(P::Long))
        | (Type::Primitive(P::Float), Type::Primitive(P::Double)) => true,
        (
            Type::Primitive(P::Decimal { precision: before, scale: same }),
            Type::Primitive(P::Decimal { precision: after, scale }),
        ) => scale == same && after >= before,
        _ => false,
    }
}
