//! Names, types, properties of Hive DDL.

use indexmap::IndexMap;

use crate::{
    error::ParseError,
    hive_type::HiveType,
    lexer::TokenKind,
    parser::{Parsed, Parser},
    statement::{ColumnDefinition, PartitionSpec, TableName},
};

/// Words that Hive DDL takes as names only in backticks. Source: Athena documentation, "Reserved keywords".
const RESERVED: &[&str] = &[
    "ALL",
    "ALTER",
    "AND",
    "ARRAY",
    "AS",
    "AUTHORIZATION",
    "BETWEEN",
    "BIGINT",
    "BINARY",
    "BOOLEAN",
    "BOTH",
    "BY",
    "CASE",
    "CAST",
    "CHAR",
    "COLUMN",
    "CONF",
    "CONSTRAINT",
    "COMMIT",
    "CREATE",
    "CROSS",
    "CUBE",
    "CURRENT",
    "CURRENT_DATE",
    "CURRENT_TIMESTAMP",
    "CURSOR",
    "DATABASE",
    "DATE",
    "DAYOFWEEK",
    "DECIMAL",
    "DELETE",
    "DESCRIBE",
    "DISTINCT",
    "DOUBLE",
    "DROP",
    "ELSE",
    "END",
    "EXCHANGE",
    "EXISTS",
    "EXTENDED",
    "EXTERNAL",
    "EXTRACT",
    "FALSE",
    "FETCH",
    "FLOAT",
    "FLOOR",
    "FOLLOWING",
    "FOR",
    "FOREIGN",
    "FROM",
    "FULL",
    "FUNCTION",
    "GRANT",
    "GROUP",
    "GROUPING",
    "HAVING",
    "IF",
    "IMPORT",
    "IN",
    "INNER",
    "INSERT",
    "INT",
    "INTEGER",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LESS",
    "LIKE",
    "LOCAL",
    "MACRO",
    "MAP",
    "MORE",
    "NONE",
    "NOT",
    "NULL",
    "NUMERIC",
    "OF",
    "ON",
    "ONLY",
    "OR",
    "ORDER",
    "OUT",
    "OUTER",
    "OVER",
    "PARTIALSCAN",
    "PARTITION",
    "PERCENT",
    "PRECEDING",
    "PRECISION",
    "PRESERVE",
    "PRIMARY",
    "PROCEDURE",
    "RANGE",
    "READS",
    "REDUCE",
    "REFERENCES",
    "REGEXP",
    "REVOKE",
    "RIGHT",
    "RLIKE",
    "ROLLBACK",
    "ROLLUP",
    "ROW",
    "ROWS",
    "SELECT",
    "SET",
    "SMALLINT",
    "START",
    "TABLE",
    "TABLESAMPLE",
    "THEN",
    "TIME",
    "TIMESTAMP",
    "TO",
    "TRANSFORM",
    "TRIGGER",
    "TRUE",
    "TRUNCATE",
    "UNBOUNDED",
    "UNION",
    "UNIQUEJOIN",
    "UPDATE",
    "USER",
    "USING",
    "UTC_TIMESTAMP",
    "VALUES",
    "VARCHAR",
    "VIEWS",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

impl Parser<'_> {
    /// A name; reserved words and leading underscores need backticks.
    pub(crate) fn hive_identifier(&mut self) -> Parsed<String> {
        if let TokenKind::Word(word) = self.token()
            && (RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word)) || word.starts_with('_'))
        {
            let found = self.found();
            return Err(ParseError::at(self.pos(), format!("no viable alternative at input '{found}'")));
        }
        self.identifier().map(|name| name.lower())
    }

    /// A name of a column inside a statement where nothing else can stand.
    pub(crate) fn hive_column(&mut self) -> Parsed<String> {
        self.hive_identifier()
    }

    /// `t`, `db.t`, `catalog.db.t`, `` `db.t` ``.
    pub(crate) fn hive_table(&mut self) -> Parsed<TableName> {
        let pos = self.pos();
        let mut parts = vec![self.hive_identifier()?];
        while self.is_symbol(".") {
            self.advance();
            parts.push(self.hive_identifier()?);
        }
        if let [only] = parts.as_slice()
            && let Some((database, table)) = only.split_once('.')
        {
            parts = vec![database.to_owned(), table.to_owned()];
        }
        let mut parts = parts.into_iter().rev();
        let table = parts.next().unwrap_or_default();
        let (database, catalog) = (parts.next(), parts.next());
        if parts.next().is_some() {
            return Err(ParseError::at(pos, "mismatched input '.' expecting <EOF>"));
        }
        Ok(TableName { catalog, database, table, pos })
    }

    /// `db` or `catalog.db`.
    pub(crate) fn hive_database(&mut self) -> Parsed<String> {
        let mut name = self.hive_identifier()?;
        while self.is_symbol(".") {
            self.advance();
            name = self.hive_identifier()?;
        }
        Ok(name)
    }

    /// `name type [COMMENT '…']`.
    pub(crate) fn column_definition(&mut self) -> Parsed<ColumnDefinition> {
        let name = self.hive_column()?;
        let data_type = self.hive_type()?;
        let comment = if self.accept("COMMENT") { Some(self.string()?) } else { None };
        Ok(ColumnDefinition { name, data_type, comment })
    }

    /// A type.
    pub(crate) fn hive_type(&mut self) -> Parsed<HiveType> {
        self.nested(Self::hive_type_rule)
    }

    fn hive_type_rule(&mut self) -> Parsed<HiveType> {
        let pos = self.pos();
        let TokenKind::Word(word) = self.token().clone() else { return Err(self.expecting("<type>")) };
        let name = word.to_lowercase();
        self.advance();
        match name.as_str() {
            "array" => {
                self.expect_symbol("<")?;
                let element = self.hive_type()?;
                self.close_type()?;
                Ok(HiveType::Array(Box::new(element)))
            }
            "map" => {
                self.expect_symbol("<")?;
                let key = self.hive_type()?;
                self.expect_symbol(",")?;
                let value = self.hive_type()?;
                self.close_type()?;
                Ok(HiveType::Map(Box::new(key), Box::new(value)))
            }
            "struct" => {
                self.expect_symbol("<")?;
                let fields = self.list(|parser| {
                    // Any word may name a field.
                    let name = parser.identifier()?.lower();
                    parser.expect_symbol(":")?;
                    let ty = parser.hive_type()?;
                    if parser.accept("COMMENT") {
                        parser.string()?;
                    }
                    Ok((name, ty))
                })?;
                self.close_type()?;
                Ok(HiveType::Struct(fields))
            }
            "boolean" | "tinyint" | "smallint" | "int" | "bigint" | "double" | "float" | "string" | "binary"
            | "date" | "timestamp" => Ok(HiveType::Primitive { name, arguments: Vec::new() }),
            "integer" => Ok(HiveType::primitive("int")),
            "decimal" | "dec" | "numeric" => {
                let mut arguments = vec![10, 0];
                if self.is_symbol("(") {
                    let given = self.bracketed(Self::integer)?;
                    arguments = vec![given[0], given.get(1).copied().unwrap_or(0)];
                }
                Ok(HiveType::Primitive { name: "decimal".to_owned(), arguments })
            }
            "varchar" | "char" => Ok(HiveType::Primitive { name, arguments: self.bracketed(Self::integer)? }),
            // Known to Iceberg DDL, refused by Hive tables when they are created.
            "time" | "uuid" | "timestamptz" => Ok(HiveType::Primitive { name, arguments: Vec::new() }),
            _ => Err(ParseError::at(pos, format!("no viable alternative at input '{word}'"))),
        }
    }

    /// A `>`; the second one of `>=` never closes a type.
    fn close_type(&mut self) -> Parsed<()> {
        self.expect_symbol(">")
    }

    /// `('k' = 'v', …)`.
    pub(crate) fn hive_properties(&mut self) -> Parsed<IndexMap<String, String>> {
        let pairs = self.bracketed(|parser| {
            let key = parser.string()?;
            parser.expect_symbol("=")?;
            Ok((key, parser.string()?))
        })?;
        Ok(pairs.into_iter().collect())
    }

    /// `(k = 'v', …)`.
    pub(crate) fn partition_spec(&mut self) -> Parsed<PartitionSpec> {
        self.bracketed(|parser| {
            let key = parser.hive_column()?;
            parser.expect_symbol("=")?;
            let value = match parser.token().clone() {
                TokenKind::String(text) => text,
                TokenKind::Integer(digits) | TokenKind::Decimal(digits) => digits,
                TokenKind::Word(word) if word.eq_ignore_ascii_case("date") => {
                    parser.advance();
                    let TokenKind::String(text) = parser.token().clone() else {
                        return Err(parser.expecting("STRING"));
                    };
                    text
                }
                TokenKind::Word(word) if ["true", "false"].contains(&word.to_lowercase().as_str()) => {
                    word.to_lowercase()
                }
                TokenKind::Symbol("-") => {
                    parser.advance();
                    let TokenKind::Integer(digits) = parser.token().clone() else {
                        return Err(parser.expecting("<integer>"));
                    };
                    format!("-{digits}")
                }
                _ => return Err(parser.expecting("STRING")),
            };
            parser.advance();
            Ok((key, value))
        })
    }
}
