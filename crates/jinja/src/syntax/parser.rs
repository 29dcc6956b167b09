//! The parser: its cursor and the statements.

use std::collections::HashMap;
use std::sync::Arc;

use super::ast::{Body, Expr, ExprKind, For, Macro, MacroParameter, MacroTag, Node, Statement, Symbol, Target};
use super::lexer::{Lexed, Token};
use crate::{Error, Result, Value};

/// How deep statements and brackets may be nested.
const MAX_NESTING: u32 = 150;

pub(crate) struct Parser<'s> {
    tokens: Vec<Lexed<'s>>,
    at: usize,
    nesting: u32,
    symbols: HashMap<Arc<str>, u32>,
    pub(super) names: Vec<Arc<str>>,
    /// Every mention of a name, in order: how a macro knows that it uses `caller`.
    mentions: Vec<u32>,
    /// The open tags and their lines, for the message about an unknown one.
    open_tags: Vec<(String, u32)>,
    expected: Vec<&'static [&'static str]>,
    /// How many loops are open in the current macro.
    loops: u32,
}

impl<'s> Parser<'s> {
    pub(super) fn new(tokens: Vec<Lexed<'s>>) -> Parser<'s> {
        Parser {
            tokens,
            at: 0,
            nesting: 0,
            symbols: HashMap::new(),
            names: Vec::new(),
            mentions: Vec::new(),
            open_tags: Vec::new(),
            expected: Vec::new(),
            loops: 0,
        }
    }

    // The cursor.

    pub(super) fn current(&self) -> &Token<'s> {
        &self.tokens[self.at].token
    }

    pub(super) fn peek(&self) -> &Token<'s> {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].token
    }

    pub(super) fn line(&self) -> u32 {
        self.tokens[self.at].line
    }

    pub(super) fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    pub(super) fn at_sign(&self, sign: &str) -> bool {
        matches!(self.current(), Token::Sign(found) if *found == sign)
    }

    pub(super) fn skip_sign(&mut self, sign: &str) -> bool {
        let found = self.at_sign(sign);
        if found {
            self.advance();
        }
        found
    }

    fn at_name(&self, name: &str) -> bool {
        matches!(self.current(), Token::Name(found) if *found == name)
    }

    pub(super) fn skip_name(&mut self, name: &str) -> bool {
        let found = self.at_name(name);
        if found {
            self.advance();
        }
        found
    }

    fn unexpected<T>(&self, expected: &str) -> Result<T> {
        let expected_text = Value::str(expected).repr();
        let message = match self.current() {
            Token::End => format!("unexpected end of template, expected {expected_text}."),
            found => format!("expected token {expected_text}, got {}", Value::str(found.describe()).repr()),
        };
        Err(Error::syntax(message, self.line()))
    }

    pub(super) fn expect_sign(&mut self, sign: &'static str) -> Result<()> {
        if self.skip_sign(sign) { Ok(()) } else { self.unexpected(sign) }
    }

    pub(super) fn expect_name(&mut self) -> Result<&'s str> {
        match *self.current() {
            Token::Name(name) => {
                self.advance();
                Ok(name)
            }
            _ => self.unexpected("name"),
        }
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.skip_name(word) { Ok(()) } else { self.unexpected(word) }
    }

    fn expect_block_end(&mut self) -> Result<()> {
        if matches!(self.current(), Token::BlockEnd) {
            self.advance();
            return Ok(());
        }
        self.unexpected("end of statement block")
    }

    /// Runs a rule one level deeper, with a bound on the depth and stack enough for it.
    pub(super) fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.nesting >= MAX_NESTING {
            return Err(Error::syntax("the template is nested too deeply", self.line()));
        }
        self.nesting += 1;
        let result = stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || rule(self));
        self.nesting -= 1;
        result
    }

    // Names.

    pub(super) fn symbol(&mut self, name: &str) -> Symbol {
        if let Some((text, id)) = self.symbols.get_key_value(name) {
            return Symbol { id: *id, text: Arc::clone(text) };
        }
        let text: Arc<str> = name.into();
        let id = self.names.len() as u32;
        self.names.push(Arc::clone(&text));
        self.symbols.insert(Arc::clone(&text), id);
        Symbol { id, text }
    }

    pub(super) fn mention(&mut self, name: &str) -> Symbol {
        let symbol = self.symbol(name);
        self.mentions.push(symbol.id);
        symbol
    }

    pub(super) fn intern_text(&mut self, text: &str) -> Arc<str> {
        match self.symbols.get_key_value(text) {
            Some((text, _)) => Arc::clone(text),
            None => text.into(),
        }
    }

    fn mentioned_since(&mut self, start: usize, name: &str) -> Option<Symbol> {
        let symbol = self.symbol(name);
        self.mentions[start..].contains(&symbol.id).then_some(symbol)
    }

    // Statements.

    pub(super) fn template(&mut self) -> Result<Body> {
        self.body(&[])
    }

    /// Nodes up to one of these tags, at whose name the cursor is left.
    fn body(&mut self, ends: &'static [&'static str]) -> Result<Body> {
        let mut body = Vec::new();
        loop {
            let line = self.line();
            match self.current().clone() {
                Token::Data(text) => {
                    self.advance();
                    body.push(Node { line, kind: Statement::Text(text.into()) });
                }
                Token::VariableBegin => {
                    self.advance();
                    let value = self.tuple(true, false, |_| false)?;
                    if !matches!(self.current(), Token::VariableEnd) {
                        return self.unexpected("end of print statement");
                    }
                    self.advance();
                    body.push(Node { line, kind: Statement::Emit(value) });
                }
                Token::BlockBegin => {
                    self.advance();
                    if let Token::Name(name) = self.current()
                        && ends.contains(name)
                    {
                        return Ok(body);
                    }
                    let line = self.line();
                    if !ends.is_empty() {
                        self.expected.push(ends);
                    }
                    let statement = self.nested(Parser::statement);
                    if !ends.is_empty() {
                        self.expected.pop();
                    }
                    match statement? {
                        Parsed::One(kind) => body.push(Node { line, kind }),
                        Parsed::Many(kinds) => body.extend(kinds.into_iter().map(|kind| Node { line, kind })),
                    }
                    self.expect_block_end()?;
                }
                _ if ends.is_empty() => return Ok(body),
                _ => {
                    self.expected.push(ends);
                    let error = self.unknown_tag(None, line);
                    self.expected.pop();
                    return Err(error);
                }
            }
        }
    }

    /// The body of a tag: up to its end tag, which is passed.
    fn block(&mut self, ends: &'static [&'static str]) -> Result<Body> {
        let body = self.block_open(ends)?;
        self.advance();
        Ok(body)
    }

    fn block_open(&mut self, ends: &'static [&'static str]) -> Result<Body> {
        self.skip_sign(":");
        self.expect_block_end()?;
        self.body(ends)
    }

    fn unknown_tag(&self, name: Option<&str>, line: u32) -> Error {
        let mut message = match name {
            Some(name) => format!("Encountered unknown tag {}.", Value::str(name).repr()),
            None => "Unexpected end of template.".to_owned(),
        };
        if let Some(last) = self.expected.last() {
            let wanted: Vec<String> = last.iter().map(|tag| format!("'{tag}'")).collect();
            let wanted = wanted.join(" or ");
            let nesting = name.is_some_and(|name| self.expected.iter().any(|tags| tags.contains(&name)));
            if nesting {
                message.push_str(&format!(
                    " You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for {wanted}."
                ));
            } else {
                message.push_str(&format!(" Jinja was looking for the following tags: {wanted}."));
            }
        }
        let mut at = line;
        if let Some((tag, opened)) = self.open_tags.last() {
            message.push_str(&format!(" The innermost block that needs to be closed is '{tag}'."));
            // Jinja names the last line of the file, where nobody can see what is missing.
            if name.is_none() {
                at = *opened;
            }
        }
        Error::syntax(message, at)
    }

    fn statement(&mut self) -> Result<Parsed> {
        let line = self.line();
        let Token::Name(tag) = *self.current() else {
            return Err(Error::syntax("tag name expected", line));
        };
        self.open_tags.push((tag.to_owned(), line));
        let result = self.tag(tag, line);
        self.open_tags.pop();
        result
    }

    fn tag(&mut self, tag: &str, line: u32) -> Result<Parsed> {
        if !matches!(
            tag,
            "for"
                | "if"
                | "set"
                | "macro"
                | "test"
                | "materialization"
                | "docs"
                | "call"
                | "filter"
                | "with"
                | "do"
                | "break"
                | "continue"
                | "block"
                | "autoescape"
                | "print"
                | "include"
                | "import"
                | "from"
                | "extends"
        ) {
            self.open_tags.pop();
            let error = self.unknown_tag(Some(tag), line);
            self.open_tags.push((tag.to_owned(), line));
            return Err(error);
        }
        self.advance();
        Ok(Parsed::One(match tag {
            "for" => self.for_loop()?,
            "if" => self.if_chain()?,
            "set" => self.set()?,
            "macro" => {
                let name = self.expect_name()?;
                self.macro_block(MacroTag::Macro, format!("dbt_macro__{name}"), &["endmacro"])?
            }
            "test" => {
                let name = self.expect_name()?;
                self.macro_block(MacroTag::Test, format!("dbt_macro__test_{name}"), &["endtest"])?
            }
            "materialization" => self.materialization()?,
            "docs" => {
                let name = self.expect_name()?;
                let name = self.symbol(&format!("dbt_docs__{name}"));
                let body = self.block(&["enddocs"])?;
                Statement::Macro(Arc::new(Macro {
                    name,
                    kind: MacroTag::Docs,
                    parameters: Vec::new(),
                    body,
                    varargs: None,
                    kwargs: None,
                    caller: None,
                }))
            }
            "call" => self.call_block(line)?,
            "filter" => {
                let mut filter = self.captured_expr(line)?;
                filter = self.filter(filter)?;
                while self.skip_sign("|") {
                    filter = self.filter(filter)?;
                }
                Statement::Filter { filter, body: self.block(&["endfilter"])? }
            }
            "with" => {
                let mut bindings = Vec::new();
                while !matches!(self.current(), Token::BlockEnd) {
                    if !bindings.is_empty() {
                        self.expect_sign(",")?;
                    }
                    let target = self.target(false)?;
                    self.expect_sign("=")?;
                    bindings.push((target, self.expression()?));
                }
                Statement::With { bindings, body: self.block(&["endwith"])? }
            }
            "do" => Statement::Do(self.tuple(true, false, |_| false)?),
            "break" | "continue" if self.loops == 0 => {
                return Err(Error::syntax(format!("'{tag}' outside loop"), line));
            }
            "break" => Statement::Break,
            "continue" => Statement::Continue,
            "block" => {
                let name = self.expect_name()?;
                self.skip_name("scoped");
                self.skip_name("required");
                let body = self.block(&["endblock"])?;
                self.skip_name(name);
                Statement::Scope(body)
            }
            "autoescape" => {
                self.expression()?;
                Statement::Scope(self.block(&["endautoescape"])?)
            }
            "print" => {
                let mut items = Vec::new();
                while !matches!(self.current(), Token::BlockEnd) {
                    if !items.is_empty() {
                        self.expect_sign(",")?;
                    }
                    items.push(Statement::Emit(self.expression()?));
                }
                return Ok(Parsed::Many(items));
            }
            _ => {
                // Jinja has nothing to load from either: the tag only fails when it is reached.
                while !matches!(self.current(), Token::BlockEnd | Token::End) {
                    self.advance();
                }
                Statement::NoLoader
            }
        }))
    }

    /// What the filters of `{% filter %}` and `{% set x | … %}` are applied to.
    fn captured_expr(&mut self, line: u32) -> Result<Expr> {
        let symbol = self.symbol(super::CAPTURED);
        self.expr(ExprKind::Name(symbol), line)
    }

    fn for_loop(&mut self) -> Result<Statement> {
        let target = self.target_until(|token| matches!(token, Token::Name("in")), false)?;
        self.expect_word("in")?;
        let items = self.tuple(false, false, |token| matches!(token, Token::Name("recursive")))?;
        let start = self.mentions.len();
        let condition = if self.skip_name("if") { Some(self.expression()?) } else { None };
        let recursive = self.skip_name("recursive");
        self.loops += 1;
        let body = self.block_open(&["endfor", "else"]);
        self.loops -= 1;
        let body = body?;
        let loop_name = self.mentioned_since(start, "loop");
        let has_else = self.at_name("else");
        self.advance();
        let otherwise = if has_else { self.block(&["endfor"])? } else { Vec::new() };
        Ok(Statement::For(Arc::new(For { target, items, condition, body, otherwise, recursive, loop_name })))
    }

    fn if_chain(&mut self) -> Result<Statement> {
        let mut branches = Vec::new();
        loop {
            let condition = self.tuple(false, false, |_| false)?;
            let body = self.block_open(&["elif", "else", "endif"])?;
            branches.push((condition, body));
            if self.skip_name("elif") {
                continue;
            }
            let has_else = self.at_name("else");
            self.advance();
            let otherwise = if has_else { self.block(&["endif"])? } else { Vec::new() };
            return Ok(Statement::If { branches, otherwise });
        }
    }

    fn set(&mut self) -> Result<Statement> {
        let target = self.target(true)?;
        if self.skip_sign("=") {
            return Ok(Statement::Set { target, value: self.tuple(true, false, |_| false)? });
        }
        let line = self.line();
        let mut filter = None;
        while self.skip_sign("|") {
            let of = match filter.take() {
                Some(inner) => inner,
                None => self.captured_expr(line)?,
            };
            filter = Some(self.filter(of)?);
        }
        Ok(Statement::SetBlock { target, filter, body: self.block(&["endset"])? })
    }

    fn target(&mut self, attributes: bool) -> Result<Target> {
        self.target_until(|_| false, attributes)
    }

    fn target_until(&mut self, ends: impl Fn(&Token<'s>) -> bool, attributes: bool) -> Result<Target> {
        let mut targets = Vec::new();
        let mut is_tuple = false;
        loop {
            let at_end = matches!(self.current(), Token::BlockEnd | Token::Sign(")" | "=")) || ends(self.current());
            if at_end && is_tuple {
                break;
            }
            if at_end {
                let got = Value::str(self.current().describe()).repr();
                return Err(Error::syntax(format!("Expected an expression, got {got}"), self.line()));
            }
            targets.push(self.single_target(attributes)?);
            if !self.skip_sign(",") {
                break;
            }
            is_tuple = true;
        }
        match (is_tuple, targets.pop()) {
            (false, Some(only)) => Ok(only),
            (_, last) => {
                targets.extend(last);
                Ok(Target::Tuple(targets))
            }
        }
    }

    fn single_target(&mut self, attributes: bool) -> Result<Target> {
        let line = self.line();
        if self.skip_sign("(") {
            let target = self.nested(|parser| parser.target_until(|_| false, attributes))?;
            self.expect_sign(")")?;
            return Ok(target);
        }
        let kind = match *self.current() {
            Token::Name("true" | "false" | "none" | "True" | "False" | "None") | Token::Text(_) | Token::Number(_) => {
                "const"
            }
            Token::Name(name) => {
                self.advance();
                let attribute = attributes && self.skip_sign(".");
                // Setting an attribute reads the name.
                let symbol = if attribute { self.mention(name) } else { self.symbol(name) };
                if attribute {
                    let name = self.expect_name()?;
                    return Ok(Target::Attribute(symbol, name.into()));
                }
                if name == "loop" && !attributes {
                    return Err(Error::syntax("can't assign to special loop variable in for-loop target", line));
                }
                return Ok(Target::Name(symbol));
            }
            Token::Sign("[") => "list",
            Token::Sign("{") => "dict",
            ref other => {
                let shown = Value::str(other.describe()).repr();
                return Err(Error::syntax(format!("unexpected {shown}"), line));
            }
        };
        Err(Error::syntax(format!("can't assign to '{kind}'"), line))
    }

    // Macros.

    fn macro_block(&mut self, kind: MacroTag, name: String, ends: &'static [&'static str]) -> Result<Statement> {
        let name = self.symbol(&name);
        let start = self.mentions.len();
        let parameters = self.signature()?;
        let body = self.separate_body(ends)?;
        Ok(Statement::Macro(Arc::new(self.finish_macro(name, kind, parameters, body, start))))
    }

    fn finish_macro(
        &mut self,
        name: Symbol,
        kind: MacroTag,
        parameters: Vec<MacroParameter>,
        body: Body,
        start: usize,
    ) -> Macro {
        let mut implicit = |word: &str| {
            let declared = parameters.iter().any(|parameter| *parameter.name.text == *word);
            self.mentioned_since(start, word).filter(|_| !declared)
        };
        let (varargs, kwargs, caller) = (implicit("varargs"), implicit("kwargs"), implicit("caller"));
        Macro { name, kind, parameters, body, varargs, kwargs, caller }
    }

    /// A body that is run on its own: loops around it do not count.
    fn separate_body(&mut self, ends: &'static [&'static str]) -> Result<Body> {
        let loops = std::mem::take(&mut self.loops);
        let body = self.block(ends);
        self.loops = loops;
        body
    }

    fn signature(&mut self) -> Result<Vec<MacroParameter>> {
        self.expect_sign("(")?;
        let mut parameters: Vec<MacroParameter> = Vec::new();
        while !self.at_sign(")") {
            if !parameters.is_empty() {
                self.expect_sign(",")?;
            }
            let line = self.line();
            let name = self.expect_name()?;
            let name = self.symbol(name);
            if parameters.iter().any(|known| known.name.id == name.id) {
                return Err(Error::syntax(format!("duplicate argument '{}' in function definition", name.text), line));
            }
            let annotation = if self.skip_sign(":") { Some(self.annotation()?) } else { None };
            let default = if self.skip_sign("=") { Some(self.expression()?) } else { None };
            if default.is_none() && parameters.last().is_some_and(|last| last.default.is_some()) {
                return Err(Error::syntax("non-default argument follows default argument", self.line()));
            }
            parameters.push(MacroParameter { name, annotation, default });
        }
        self.expect_sign(")")?;
        Ok(parameters)
    }

    /// `Dict[str, List[int]]`
    fn annotation(&mut self) -> Result<String> {
        let mut text = self.expect_name()?.to_owned();
        if self.skip_sign("[") {
            let mut parts = Vec::new();
            while !self.at_sign("]") {
                if !parts.is_empty() {
                    self.expect_sign(",")?;
                }
                parts.push(self.nested(Parser::annotation)?);
            }
            self.expect_sign("]")?;
            text = format!("{text}[{}]", parts.join(", "));
        }
        Ok(text)
    }

    fn materialization(&mut self) -> Result<Statement> {
        let line = self.line();
        let name = self.expect_name()?;
        let start = self.mentions.len();
        let mut adapter = "default".to_owned();
        let mut languages = None;
        while self.skip_sign(",") {
            match self.expect_name()? {
                "default" => {}
                "adapter" => {
                    self.expect_sign("=")?;
                    let value = self.expression()?;
                    match value.literal() {
                        Some(Value::Str(text)) => adapter = text.to_string(),
                        _ => return Err(Error::syntax("the adapter of a materialization must be a string", line)),
                    }
                }
                "supported_languages" => {
                    self.expect_sign("=")?;
                    languages = Some(self.expression()?);
                }
                other => {
                    return Err(Error::syntax(
                        format!("materialization '{name}' received unknown argument '{other}'."),
                        line,
                    ));
                }
            }
        }
        let languages = match languages {
            Some(languages) => languages,
            None => {
                let sql = self.expr(ExprKind::Const(Value::str("sql")), line)?;
                self.expr(ExprKind::List(vec![sql]), line)?
            }
        };
        let parameter =
            MacroParameter { name: self.symbol("supported_languages"), annotation: None, default: Some(languages) };
        let name = self.symbol(&format!("dbt_macro__materialization_{name}_{adapter}"));
        let body = self.separate_body(&["endmaterialization"])?;
        let finished = self.finish_macro(name, MacroTag::Materialization, vec![parameter], body, start);
        Ok(Statement::Macro(Arc::new(finished)))
    }

    fn call_block(&mut self, line: u32) -> Result<Statement> {
        let name = self.symbol("caller");
        let start = self.mentions.len();
        let parameters = if self.at_sign("(") { self.signature()? } else { Vec::new() };
        let call = self.expression()?;
        if !matches!(call.kind, ExprKind::Call(..)) {
            return Err(Error::syntax("expected call", line));
        }
        let body_start = self.mentions.len();
        let body = self.separate_body(&["endcall"])?;
        let start = if parameters.is_empty() { body_start } else { start };
        let mut caller = self.finish_macro(name, MacroTag::Caller, parameters, body, start);
        // `caller` inside of a call block is the one of the macro around it.
        caller.caller = None;
        Ok(Statement::Call { call, caller: Arc::new(caller) })
    }
}

enum Parsed {
    One(Statement),
    Many(Vec<Statement>),
}
