//! `ALTER TABLE`, `ALTER DATABASE`.

use crate::{
    error::ParseError,
    parser::{Parsed, Parser},
    statement::{AlterTable, AlterTableAction, ColumnDefinition, ColumnPosition, PartitionSpec, Statement},
};

impl Parser<'_> {
    pub(super) fn hive_alter(&mut self) -> Parsed<Statement> {
        self.advance();
        if self.accept("DATABASE") || self.accept("SCHEMA") {
            let name = self.hive_database()?;
            self.expect("SET")?;
            self.expect("DBPROPERTIES")?;
            return Ok(Statement::AlterDatabase { name, properties: self.hive_properties()? });
        }
        self.expect("TABLE")?;
        let table = self.hive_table()?;
        let partition = if self.accept("PARTITION") { Some(self.partition_spec()?) } else { None };
        let action = self.alter_action(partition)?;
        Ok(Statement::AlterTable(Box::new(AlterTable { table, action })))
    }

    fn alter_action(&mut self, partition: Option<PartitionSpec>) -> Parsed<AlterTableAction> {
        if self.accept("ADD") {
            if self.accept("COLUMNS") {
                return Ok(AlterTableAction::AddColumns { partition, columns: self.new_columns()? });
            }
            let if_not_exists = self.accept_all(&["IF", "NOT", "EXISTS"]);
            let mut partitions = Vec::new();
            self.expect("PARTITION")?;
            loop {
                let spec = self.partition_spec()?;
                let location = if self.accept("LOCATION") { Some(self.string()?) } else { None };
                partitions.push((spec, location));
                self.accept_symbol(",");
                if !self.accept("PARTITION") {
                    return Ok(AlterTableAction::AddPartitions { if_not_exists, partitions });
                }
            }
        }
        if self.accept("REPLACE") {
            self.expect("COLUMNS")?;
            return Ok(AlterTableAction::ReplaceColumns { partition, columns: self.new_columns()? });
        }
        if self.accept("CHANGE") {
            self.accept("COLUMN");
            let old = self.hive_column()?;
            let new = self.column_definition()?;
            let position = if self.accept("FIRST") {
                Some(ColumnPosition::First)
            } else if self.accept("AFTER") {
                Some(ColumnPosition::After(self.hive_column()?))
            } else {
                None
            };
            return Ok(AlterTableAction::ChangeColumn { old, new, position });
        }
        if self.accept("DROP") {
            // Only Iceberg has it; for a Hive table the service complains at run time.
            if self.accept("COLUMN") {
                return Ok(AlterTableAction::DropColumn { column: self.hive_column()? });
            }
            let if_exists = self.accept_all(&["IF", "EXISTS"]);
            let partitions = self.list(|parser| {
                parser.expect("PARTITION")?;
                parser.partition_spec()
            })?;
            return Ok(AlterTableAction::DropPartitions { if_exists, partitions });
        }
        if self.accept("RENAME") {
            if !self.is_word("TO") {
                let found = self.found();
                return Err(ParseError::at(self.pos(), format!("missing 'TO' at '{found}'")));
            }
            self.advance();
            if let Some(from) = partition {
                self.expect("PARTITION")?;
                return Ok(AlterTableAction::RenamePartition { from, to: self.partition_spec()? });
            }
            return Ok(AlterTableAction::RenameTo { table: self.hive_table()? });
        }
        if self.accept("SET") {
            if self.accept("TBLPROPERTIES") {
                return Ok(AlterTableAction::SetProperties(self.hive_properties()?));
            }
            if self.accept("LOCATION") {
                return Ok(AlterTableAction::SetLocation { partition, location: self.string()? });
            }
            return Err(ParseError::not_supported());
        }
        if self.accept("UNSET") {
            self.expect("TBLPROPERTIES")?;
            self.accept_all(&["IF", "EXISTS"]);
            return Ok(AlterTableAction::UnsetProperties(self.bracketed(Self::string)?));
        }
        Err(ParseError::not_supported())
    }

    /// Brackets, which Athena does not insist on around one column.
    fn new_columns(&mut self) -> Parsed<Vec<ColumnDefinition>> {
        if self.is_symbol("(") { self.bracketed(Self::column_definition) } else { self.list(Self::column_definition) }
    }
}
