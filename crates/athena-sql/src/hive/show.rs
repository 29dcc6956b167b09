//! `SHOW`, `DESCRIBE`.

use crate::{
    lexer::TokenKind,
    parser::{Parsed, Parser},
    statement::{Show, Statement},
};

impl Parser<'_> {
    pub(super) fn hive_show(&mut self) -> Parsed<Statement> {
        self.advance();
        let show = if self.accept("DATABASES") || self.accept("SCHEMAS") {
            Show::Databases { pattern: self.pattern()? }
        } else if self.accept("TABLES") {
            Show::Tables { database: self.in_database()?, pattern: self.pattern()? }
        } else if self.accept("VIEWS") {
            Show::Views { database: self.in_database()?, pattern: self.pattern()? }
        } else if self.accept("COLUMNS") {
            if !self.accept("IN") {
                self.expect("FROM")?;
            }
            let mut table = self.hive_table()?;
            if let Some(database) = self.in_database()? {
                table.database = Some(database);
            }
            Show::Columns(table)
        } else if self.accept("PARTITIONS") {
            Show::Partitions(self.hive_table()?)
        } else if self.accept("TBLPROPERTIES") {
            let table = self.hive_table()?;
            let mut key = None;
            if self.is_symbol("(") {
                key = self.bracketed(Self::string)?.into_iter().next();
            }
            Show::TableProperties { table, key }
        } else {
            self.expect("CREATE")?;
            self.expect("TABLE")?;
            Show::CreateTable(self.hive_table()?)
        };
        Ok(Statement::Show(show))
    }

    fn in_database(&mut self) -> Parsed<Option<String>> {
        if self.accept("IN") || self.accept("FROM") { self.hive_database().map(Some) } else { Ok(None) }
    }

    fn pattern(&mut self) -> Parsed<Option<String>> {
        if self.accept("LIKE") || matches!(self.token(), TokenKind::String(_)) {
            return self.string().map(Some);
        }
        Ok(None)
    }

    pub(super) fn hive_describe(&mut self) -> Parsed<Statement> {
        self.advance();
        self.accept("TABLE");
        let extended = self.accept("EXTENDED");
        let formatted = !extended && self.accept("FORMATTED");
        let table = self.hive_table()?;
        if self.accept("PARTITION") {
            self.partition_spec()?;
        }
        let mut column = Vec::new();
        if matches!(self.token(), TokenKind::Word(_) | TokenKind::Quoted(_)) {
            column.push(self.identifier()?.lower());
            while self.accept_symbol(".") {
                column.push(self.identifier()?.lower());
            }
        }
        Ok(Statement::Describe { table, extended, formatted, column })
    }
}
