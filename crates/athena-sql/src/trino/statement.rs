//! Statements in Trino's grammar.

use crate::{
    ast::{Expr, ExprKind, Ident, QualifiedName, Quantifier},
    error::ParseError,
    lexer::TokenKind,
    parser::{Parsed, Parser},
    statement::{
        CreateTableAs, Explain, ExplainFormat, ExplainType, Insert, Merge, MergeClause, MergeInsert, Property, Show,
        Statement, TableName, Unload,
    },
};

/// What Trino lists for a statement's first word.
const FIRST_WORDS: &[&str] = &[
    "ALTER",
    "ANALYZE",
    "CALL",
    "COMMENT",
    "COMMIT",
    "CREATE",
    "DEALLOCATE",
    "DELETE",
    "DENY",
    "DESC",
    "DESCRIBE",
    "DROP",
    "EXECUTE",
    "EXPLAIN",
    "GRANT",
    "INSERT",
    "MERGE",
    "PREPARE",
    "REFRESH",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SET",
    "SHOW",
    "START",
    "TRUNCATE",
    "UNLOAD",
    "UPDATE",
    "USE",
    "USING",
];

impl Parser<'_> {
    /// A statement.
    pub(crate) fn trino_statement(&mut self) -> Parsed<Statement> {
        if self.starts_query() {
            return self.query().map(|query| Statement::Query(Box::new(query)));
        }
        let TokenKind::Word(word) = self.token().clone() else { return Err(self.first_word()) };
        match word.to_uppercase().as_str() {
            "EXPLAIN" => self.explain(),
            "INSERT" => self.insert(),
            "UPDATE" => self.update(),
            "DELETE" => self.delete(),
            "MERGE" => self.merge(),
            "CREATE" => self.create(),
            "DROP" => self.drop_view(),
            "SHOW" => self.show(),
            "UNLOAD" => self.unload(),
            "PREPARE" => self.prepare(),
            "EXECUTE" => self.execute(),
            "DEALLOCATE" => {
                self.advance();
                self.expect("PREPARE")?;
                Ok(Statement::Deallocate { name: self.identifier()?.value })
            }
            _ => Err(self.first_word()),
        }
    }

    fn first_word(&mut self) -> ParseError {
        for word in FIRST_WORDS {
            self.accept(word);
        }
        self.expecting("<query>")
    }

    fn table_name(&mut self) -> Parsed<TableName> {
        let name = self.qualified_name()?;
        TableName::try_from(&name).map_err(|message| ParseError::at(name.pos(), message))
    }

    fn explain(&mut self) -> Parsed<Statement> {
        self.advance();
        let analyze = self.accept("ANALYZE");
        let verbose = analyze && self.accept("VERBOSE");
        let (mut format, mut explain_type) = (ExplainFormat::default(), ExplainType::default());
        if self.is_symbol("(") && (self.is_word_ahead(1, "FORMAT") || self.is_word_ahead(1, "TYPE")) {
            self.bracketed(|parser| {
                if parser.accept("FORMAT") {
                    format = if parser.accept("TEXT") {
                        ExplainFormat::Text
                    } else if parser.accept("GRAPHVIZ") {
                        ExplainFormat::Graphviz
                    } else {
                        parser.expect("JSON")?;
                        ExplainFormat::Json
                    };
                } else {
                    parser.expect("TYPE")?;
                    explain_type = if parser.accept("LOGICAL") {
                        ExplainType::Logical
                    } else if parser.accept("DISTRIBUTED") {
                        ExplainType::Distributed
                    } else if parser.accept("VALIDATE") {
                        ExplainType::Validate
                    } else {
                        parser.expect("IO")?;
                        ExplainType::Io
                    };
                }
                Ok(())
            })?;
        }
        let statement = self.trino_statement()?;
        Ok(Statement::Explain(Box::new(Explain { statement, analyze, verbose, format, explain_type })))
    }

    fn insert(&mut self) -> Parsed<Statement> {
        self.advance();
        self.expect("INTO")?;
        let table = self.table_name()?;
        let mut columns = Vec::new();
        if self.is_symbol("(") && !self.starts_query() {
            columns = self.bracketed(Self::identifier)?;
        }
        let query = self.query()?;
        Ok(Statement::Insert(Box::new(Insert { table, columns, query })))
    }

    fn assignments(&mut self, alias: Option<&Ident>) -> Parsed<Vec<(Ident, Expr)>> {
        self.list(|parser| {
            let mut column = parser.identifier()?;
            // `SET target.a = …` is no Trino, but harmless when it names the target.
            if parser.is_symbol(".") && alias.is_some_and(|alias| alias.lower() == column.lower()) {
                parser.advance();
                column = parser.identifier()?;
            }
            parser.expect_symbol("=")?;
            Ok((column, parser.expression()?))
        })
    }

    fn update(&mut self) -> Parsed<Statement> {
        self.advance();
        let table = self.table_name()?;
        self.expect("SET")?;
        let assignments = self.assignments(None)?;
        let filter = if self.accept("WHERE") { Some(self.expression()?) } else { None };
        Ok(Statement::Update { table, assignments, filter })
    }

    fn delete(&mut self) -> Parsed<Statement> {
        self.advance();
        self.expect("FROM")?;
        let table = self.table_name()?;
        let filter = if self.accept("WHERE") { Some(self.expression()?) } else { None };
        Ok(Statement::Delete { table, filter })
    }

    fn merge(&mut self) -> Parsed<Statement> {
        self.advance();
        self.expect("INTO")?;
        let target = self.table_name()?;
        let mut target_alias = None;
        if self.accept("AS") || !self.is_word("USING") {
            target_alias = Some(self.identifier()?);
        }
        self.expect("USING")?;
        let source = self.relation()?;
        self.expect("ON")?;
        let condition = self.expression()?;
        let mut clauses = Vec::new();
        while self.accept("WHEN") {
            clauses.push(self.merge_clause(target_alias.as_ref())?);
        }
        if clauses.is_empty() {
            return Err(self.mismatch());
        }
        Ok(Statement::Merge(Box::new(Merge { target, target_alias, source, condition, clauses })))
    }

    fn merge_clause(&mut self, alias: Option<&Ident>) -> Parsed<MergeClause> {
        let matched = !self.accept("NOT");
        self.expect("MATCHED")?;
        let condition = if self.accept("AND") { Some(self.expression()?) } else { None };
        self.expect("THEN")?;
        if !matched {
            self.expect("INSERT")?;
            let columns = if self.is_symbol("(") { self.bracketed(Self::identifier)? } else { Vec::new() };
            self.expect("VALUES")?;
            let values = self.bracketed(Self::expression)?;
            return Ok(MergeClause::Insert { condition, insert: MergeInsert { columns, values } });
        }
        if self.accept("DELETE") {
            return Ok(MergeClause::Delete { condition });
        }
        self.expect("UPDATE")?;
        self.expect("SET")?;
        Ok(MergeClause::Update { condition, assignments: self.assignments(alias)? })
    }

    fn create(&mut self) -> Parsed<Statement> {
        self.advance();
        let or_replace = self.accept_all(&["OR", "REPLACE"]);
        if self.is_word("VIEW") {
            return self.create_view(or_replace);
        }
        if or_replace || !self.is_word("TABLE") {
            for word in ["MATERIALIZED", "MULTI", "PROTECTED", "VIEW"] {
                self.accept(word);
            }
            return Err(self.mismatch());
        }
        self.advance();
        let if_not_exists = self.accept_all(&["IF", "NOT", "EXISTS"]);
        let table = self.table_name()?;
        let column_aliases = if self.is_symbol("(") { self.bracketed(Self::identifier)? } else { Vec::new() };
        let comment = if self.accept("COMMENT") { Some(self.string()?) } else { None };
        let properties = if self.accept("WITH") { self.bracketed(Self::property)? } else { Vec::new() };
        self.expect("AS")?;
        let query = self.query()?;
        let mut with_data = true;
        if self.accept("WITH") {
            with_data = !self.accept("NO");
            self.expect("DATA")?;
        }
        Ok(Statement::CreateTableAs(Box::new(CreateTableAs {
            table,
            if_not_exists,
            comment,
            column_aliases,
            properties,
            query,
            with_data,
        })))
    }

    fn property(&mut self) -> Parsed<Property> {
        let name = self.identifier()?;
        self.expect_symbol("=")?;
        Ok(Property { name: name.lower(), value: self.expression()?, pos: name.pos })
    }

    fn create_view(&mut self, or_replace: bool) -> Parsed<Statement> {
        self.advance();
        let name = self.table_name()?;
        let comment = if self.accept("COMMENT") { Some(self.string()?) } else { None };
        let mut invoker = false;
        if self.accept("SECURITY") && !self.accept("DEFINER") {
            self.expect("INVOKER")?;
            invoker = true;
        }
        self.expect("AS")?;
        let mark = self.mark();
        let query = Box::new(self.query()?);
        let query_text = self.text_since(mark).to_owned();
        Ok(Statement::CreateView { name, or_replace, comment, invoker, query, query_text })
    }

    fn drop_view(&mut self) -> Parsed<Statement> {
        self.advance();
        self.expect("VIEW")?;
        let if_exists = self.accept_all(&["IF", "EXISTS"]);
        Ok(Statement::DropView { name: self.table_name()?, if_exists })
    }

    fn show(&mut self) -> Parsed<Statement> {
        self.advance();
        if self.accept("FUNCTIONS") {
            let pattern = if self.accept("LIKE") { Some(self.string()?) } else { None };
            return Ok(Statement::Show(Show::Functions { pattern }));
        }
        self.expect("CREATE")?;
        self.expect("VIEW")?;
        Ok(Statement::Show(Show::CreateView(self.table_name()?)))
    }

    fn unload(&mut self) -> Parsed<Statement> {
        self.advance();
        let query = if self.is_symbol("(") {
            self.advance();
            let query = self.query()?;
            self.expect_symbol(")")?;
            query
        } else {
            Err(self.expecting("'('"))?
        };
        self.expect("TO")?;
        let location = self.string()?;
        let properties = if self.accept("WITH") { self.bracketed(Self::property)? } else { Vec::new() };
        Ok(Statement::Unload(Box::new(Unload { query, location, properties })))
    }

    fn prepare(&mut self) -> Parsed<Statement> {
        self.advance();
        let name = self.identifier()?.value;
        self.expect("FROM")?;
        let mark = self.mark();
        let statement = Box::new(self.trino_statement()?);
        let statement_text = self.text_since(mark).to_owned();
        Ok(Statement::Prepare { name, statement, statement_text })
    }

    fn execute(&mut self) -> Parsed<Statement> {
        self.advance();
        let name = self.identifier()?.value;
        let mut parameters = Vec::new();
        if self.accept("USING") {
            parameters = self.list(|parser| {
                let mark = parser.mark();
                parser.expression()?;
                Ok(parser.text_since(mark).to_owned())
            })?;
        }
        Ok(Statement::Execute { name, parameters })
    }
}

impl Expr {
    /// A function call that nobody wrote, such as the `date_trunc` behind a partition transform.
    pub fn call(name: &str, arguments: Vec<Self>) -> Self {
        let pos = arguments.first().map(|argument| argument.pos).unwrap_or_default();
        let name = QualifiedName { parts: vec![Ident { value: name.to_owned(), quoted: false, pos }] };
        let call = crate::ast::FunctionCall {
            name,
            arguments,
            star: false,
            quantifier: Quantifier::All,
            order_by: Vec::new(),
            filter: None,
            nulls: None,
            over: None,
            pos,
        };
        Self { pos, kind: ExprKind::Function(Box::new(call)) }
    }
}
