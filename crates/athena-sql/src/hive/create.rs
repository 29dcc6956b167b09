//! `CREATE DATABASE`, `CREATE [EXTERNAL] TABLE`. The order of the clauses is fixed.

use indexmap::IndexMap;

use crate::{
    error::ParseError,
    lexer::TokenKind,
    parser::{Parsed, Parser},
    statement::{CreateTable, PartitionField, RowFormat, Statement, StorageFormat},
};

impl Parser<'_> {
    pub(super) fn hive_create(&mut self) -> Parsed<Statement> {
        self.advance();
        if self.accept("DATABASE") || self.accept("SCHEMA") {
            return self.create_database();
        }
        let external = self.accept("EXTERNAL");
        self.expect("TABLE")?;
        self.create_table(external)
    }

    fn create_database(&mut self) -> Parsed<Statement> {
        let if_not_exists = self.accept_all(&["IF", "NOT", "EXISTS"]);
        let name = self.hive_database()?;
        let comment = if self.accept("COMMENT") { Some(self.string()?) } else { None };
        let location = if self.accept("LOCATION") { Some(self.string()?) } else { None };
        let mut properties = IndexMap::new();
        if self.accept("WITH") {
            self.expect("DBPROPERTIES")?;
            properties = self.hive_properties()?;
        }
        Ok(Statement::CreateDatabase { name, if_not_exists, comment, location, properties })
    }

    fn create_table(&mut self, external: bool) -> Parsed<Statement> {
        let if_not_exists = self.accept_all(&["IF", "NOT", "EXISTS"]);
        let table = self.hive_table()?;
        if self.is_word("LIKE") {
            return Err(ParseError::not_supported());
        }
        let columns = if self.is_symbol("(") { self.bracketed(Self::column_definition)? } else { Vec::new() };
        let comment = if self.accept("COMMENT") { Some(self.string()?) } else { None };
        let mut partitioned_by = Vec::new();
        if self.accept("PARTITIONED") {
            self.expect("BY")?;
            partitioned_by = self.bracketed(Self::partition_field)?;
        }
        let (mut clustered_by, mut sorted_by) = (None, Vec::new());
        if self.accept("CLUSTERED") {
            self.expect("BY")?;
            let columns = self.bracketed(Self::hive_column)?;
            if self.accept("SORTED") {
                self.expect("BY")?;
                sorted_by = self.bracketed(|parser| {
                    let column = parser.hive_column()?;
                    Ok((column, parser.accept("ASC") || !parser.accept("DESC")))
                })?;
            }
            self.expect("INTO")?;
            let buckets = self.integer()?;
            self.expect("BUCKETS")?;
            clustered_by = Some((columns, buckets));
        }
        let row_format = if self.accept("ROW") { Some(self.row_format()?) } else { None };
        let stored_as = if self.accept("STORED") { Some(self.stored_as()?) } else { None };
        // `WITH SERDEPROPERTIES` is also written behind STORED AS by other tools; Hive itself refuses it there.
        let location = if self.accept("LOCATION") { Some(self.string()?) } else { None };
        let properties = if self.accept("TBLPROPERTIES") { self.hive_properties()? } else { IndexMap::new() };
        let create = CreateTable {
            table,
            external,
            if_not_exists,
            columns,
            comment,
            partitioned_by,
            clustered_by,
            sorted_by,
            row_format,
            stored_as,
            location,
            properties,
        };
        check(&create)?;
        Ok(Statement::CreateTable(Box::new(create)))
    }

    /// `col type`, `col`, `bucket(16, col)`, `day(col)`.
    fn partition_field(&mut self) -> Parsed<PartitionField> {
        let transforms = ["year", "month", "day", "hour", "bucket", "truncate"];
        if let TokenKind::Word(word) = self.token().clone()
            && self.is_symbol_ahead(1, "(")
            && transforms.contains(&word.trim_end_matches(['s', 'S']).to_lowercase().as_str())
        {
            self.advance();
            self.expect_symbol("(")?;
            let transform = word.trim_end_matches(['s', 'S']).to_lowercase();
            let mut argument = None;
            if let TokenKind::Integer(_) = self.token() {
                argument = Some(self.integer()?);
                self.expect_symbol(",")?;
            }
            let column = self.hive_column()?;
            if argument.is_none() && self.is_symbol(",") {
                self.advance();
                argument = Some(self.integer()?);
            }
            self.expect_symbol(")")?;
            return Ok(PartitionField::Transform { transform, argument, column });
        }
        if self.is_symbol_ahead(1, ",") || self.is_symbol_ahead(1, ")") {
            let column = self.hive_column()?;
            return Ok(PartitionField::Transform { transform: "identity".to_owned(), argument: None, column });
        }
        self.column_definition().map(PartitionField::Column)
    }

    fn row_format(&mut self) -> Parsed<RowFormat> {
        self.expect("FORMAT")?;
        if self.accept("SERDE") {
            let class = self.string()?;
            let mut properties = IndexMap::new();
            if self.accept("WITH") {
                self.expect("SERDEPROPERTIES")?;
                properties = self.hive_properties()?;
            }
            return Ok(RowFormat::Serde { class, properties });
        }
        self.expect("DELIMITED")?;
        let (mut field, mut escape, mut collection, mut map_key, mut line, mut null) =
            (None, None, None, None, None, None);
        loop {
            if self.accept_all(&["FIELDS", "TERMINATED", "BY"]) {
                field = Some(self.string()?);
                if self.accept_all(&["ESCAPED", "BY"]) {
                    escape = Some(self.string()?);
                }
            } else if self.accept_all(&["ESCAPED", "BY"]) {
                escape = Some(self.string()?);
            } else if self.accept_all(&["COLLECTION", "ITEMS", "TERMINATED", "BY"]) {
                collection = Some(self.string()?);
            } else if self.accept_all(&["MAP", "KEYS", "TERMINATED", "BY"]) {
                map_key = Some(self.string()?);
            } else if self.accept_all(&["LINES", "TERMINATED", "BY"]) {
                line = Some(self.string()?);
            } else if self.accept_all(&["NULL", "DEFINED", "AS"]) {
                null = Some(self.string()?);
            } else {
                return Ok(RowFormat::Delimited { field, escape, collection, map_key, line, null });
            }
        }
    }

    fn stored_as(&mut self) -> Parsed<StorageFormat> {
        self.expect("AS")?;
        if self.accept("INPUTFORMAT") {
            let input = self.string()?;
            self.expect("OUTPUTFORMAT")?;
            return Ok(StorageFormat::Classes { input, output: self.string()? });
        }
        let TokenKind::Word(format) = self.token().clone() else { return Err(self.expecting("'INPUTFORMAT'")) };
        self.advance();
        Ok(StorageFormat::Named(format.to_uppercase()))
    }
}

/// What Athena refuses when the statement is submitted.
fn check(create: &CreateTable) -> Parsed<()> {
    let refuse = |message: &str| {
        Err(ParseError { kind: crate::error::ParseErrorKind::Syntax, pos: None, message: message.to_owned() })
    };
    if create.is_iceberg() {
        if create.external {
            return refuse("External keyword not supported for table type ICEBERG");
        }
        if create.stored_as.is_some() {
            return refuse("Iceberg create table statement does not allow STORED AS/BY");
        }
        return Ok(());
    }
    if !create.external {
        return refuse(ParseError::NOT_SUPPORTED);
    }
    if create.location.is_none() {
        return refuse("No location was specified for table. An S3 location must be specified");
    }
    Ok(())
}
