//! Hive's grammar: the DDL of databases and tables, SHOW, DESCRIBE, MSCK.
//!
//! Source: Athena documentation, "DDL statements"; Apache Hive language manual.

mod alter;
mod create;
mod names;
mod show;

use crate::{
    error::ParseError,
    lexer::{Quotes, TokenKind, tokens},
    parser::{Parsed, Parser},
    statement::Statement,
    trino,
};

/// A whole statement.
pub(crate) fn statement(text: &str) -> Parsed<Statement> {
    refuse_double_quoted_name(text)?;
    let mut parser = Parser::new(text, Quotes::Hive)?;
    let statement = parser.hive_statement()?;
    parser.expect_end()?;
    Ok(statement)
}

/// `OPTIMIZE t REWRITE DATA USING BIN_PACK [WHERE …]`, `VACUUM t`: Hive's names, Trino's predicate.
pub(crate) fn maintenance(text: &str) -> Parsed<Statement> {
    refuse_double_quoted_name(text)?;
    let mut parser = Parser::new(text, Quotes::Hive)?;
    let optimize = parser.is_word("OPTIMIZE");
    parser.advance();
    let table = parser.hive_table()?;
    if !optimize {
        parser.expect_end()?;
        return Ok(Statement::Vacuum { table });
    }
    for word in ["REWRITE", "DATA", "USING", "BIN_PACK"] {
        parser.expect(word)?;
    }
    if !parser.accept("WHERE") {
        parser.expect_end()?;
        return Ok(Statement::Optimize { table, filter: None });
    }
    let mark = parser.mark();
    while *parser.token() != TokenKind::End {
        parser.advance();
    }
    let predicate = parser.text_since(mark).trim_end_matches(';').to_owned();
    Ok(Statement::Optimize { table, filter: Some(trino::expression(&predicate)?) })
}

/// Hive reads `"t"` as text; where a name is due it is refused as Athena refuses it, with all that was read until then.
fn refuse_double_quoted_name(text: &str) -> Parsed<()> {
    let found = tokens(text, Quotes::Hive)?;
    let mut only_words = true;
    let mut words = String::new();
    for token in &found {
        match &token.kind {
            TokenKind::Word(_) | TokenKind::Quoted(_) | TokenKind::Symbol(".") => {}
            TokenKind::String(_) if only_words && text[token.start..].starts_with('"') && !after_keyword(&words) => {
                let start = found.first().map_or(0, |first| first.start);
                let first = found.get(1).map_or(token.pos, |second| second.pos);
                let input = text[start..token.end].split_whitespace().collect::<Vec<_>>().join(" ");
                return Err(ParseError::at(first, format!("no viable alternative at input '{input}'")));
            }
            _ => only_words = false,
        }
        words.clear();
        words.push_str(&text[token.start..token.end]);
    }
    Ok(())
}

/// Behind these words a double-quoted text is a text.
fn after_keyword(word: &str) -> bool {
    ["LIKE", "COMMENT", "LOCATION"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

impl Parser<'_> {
    fn hive_statement(&mut self) -> Parsed<Statement> {
        let TokenKind::Word(word) = self.token().clone() else { return Err(ParseError::not_supported()) };
        match word.to_uppercase().as_str() {
            "CREATE" => self.hive_create(),
            "DROP" => self.hive_drop(),
            "ALTER" => self.hive_alter(),
            "MSCK" => {
                self.advance();
                self.expect("REPAIR")?;
                self.expect("TABLE")?;
                Ok(Statement::MsckRepair { table: self.hive_table()? })
            }
            "SHOW" => self.hive_show(),
            "DESCRIBE" | "DESC" => self.hive_describe(),
            _ => Err(ParseError::not_supported()),
        }
    }

    fn hive_drop(&mut self) -> Parsed<Statement> {
        self.advance();
        if self.accept("TABLE") {
            let if_exists = self.accept_all(&["IF", "EXISTS"]);
            let table = self.hive_table()?;
            // Files of Hive tables stay and those of Iceberg tables go, with the word or without.
            self.accept("PURGE");
            return Ok(Statement::DropTable { table, if_exists });
        }
        if !self.accept("DATABASE") {
            self.expect("SCHEMA")?;
        }
        let if_exists = self.accept_all(&["IF", "EXISTS"]);
        let name = self.hive_database()?;
        let cascade = self.accept("CASCADE");
        if !cascade {
            self.accept("RESTRICT");
        }
        Ok(Statement::DropDatabase { name, if_exists, cascade })
    }
}
