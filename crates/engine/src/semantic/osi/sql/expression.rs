//! Expressions: read by precedence, written again as they are read.

use super::{
    functions,
    tokens::{Token, Unclosed, tokens},
};

/// An expression as it is written, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Sql {
    pub text: String,
    pub kind: Kind,
}

/// What matters of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// Its last name, without quotes.
    Column(String),
    /// Of a number or a text, without quotes.
    Literal(String),
    /// What is in them.
    Parentheses(Box<Sql>),
    Division {
        above: Box<Sql>,
        below: Box<Sql>,
    },
    /// `name` is in upper case.
    Call {
        name: String,
        distinct: bool,
        arguments: Vec<Sql>,
    },
    /// `CASE WHEN condition THEN value ELSE otherwise END` of one condition.
    Choice {
        condition: Box<Sql>,
        value: Box<Sql>,
        otherwise: Option<Box<Sql>>,
    },
    /// Any other `CASE`.
    Case,
    /// A call, and the first of what its rows are sorted by.
    WithinGroup {
        call: Box<Sql>,
        by: Box<Sql>,
    },
    Other,
}

impl Sql {
    fn other(text: String) -> Self {
        Self { text, kind: Kind::Other }
    }
}

/// Reads a text as one expression; `None` where it is not understood.
///
/// # Errors
/// A quote is not closed.
pub(in super::super) fn parse(text: &str) -> Result<Option<Sql>, Unclosed> {
    let Some(tokens) = tokens(text)? else { return Ok(None) };
    let mut parser = Parser { tokens, at: 0, depth: 0 };
    let read = parser.expression();
    Ok(read.filter(|_| parser.at == parser.tokens.len()))
}

/// Deeper expressions are not understood.
const MAX_DEPTH: usize = 200;

/// Words that are no column and no function.
const RESERVED: [&str; 32] = [
    "AND", "AS", "ASC", "BETWEEN", "BY", "CASE", "CROSS", "DESC", "DISTINCT", "DIV", "ELSE", "END", "ESCAPE", "EXISTS",
    "FILTER", "FROM", "GROUP", "HAVING", "ILIKE", "IN", "IS", "JOIN", "LIKE", "LIMIT", "NOT", "ON", "OR", "ORDER",
    "SELECT", "THEN", "WHEN", "WHERE",
];

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Symbol(next)) if *next == symbol);
        self.at += usize::from(is_next);
        is_next
    }

    fn is_word(&self, ahead: usize, word: &str) -> bool {
        matches!(self.tokens.get(self.at + ahead), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word))
    }

    fn word(&mut self, word: &str) -> bool {
        let is_next = self.is_word(0, word);
        self.at += usize::from(is_next);
        is_next
    }

    /// All of these words, one behind the other.
    fn words(&mut self, words: &[&str]) -> bool {
        let are_next = words.iter().enumerate().all(|(ahead, word)| self.is_word(ahead, word));
        self.at += if are_next { words.len() } else { 0 };
        are_next
    }

    fn any_word(&mut self) -> Option<String> {
        let Some(Token::Word(word)) = self.peek() else { return None };
        let word = word.to_uppercase();
        self.at += 1;
        Some(word)
    }

    fn expression(&mut self) -> Option<Sql> {
        self.depth += 1;
        let read = if self.depth > MAX_DEPTH { None } else { self.chain(&["OR"], Self::conjunction) };
        self.depth -= 1;
        read
    }

    fn conjunction(&mut self) -> Option<Sql> {
        self.chain(&["AND"], Self::equality)
    }

    /// Operands with a word between them.
    fn chain(&mut self, operators: &[&str], operand: fn(&mut Self) -> Option<Sql>) -> Option<Sql> {
        let mut left = operand(self)?;
        while let Some(operator) = operators.iter().find(|operator| self.word(operator)) {
            left = Sql::other(format!("{} {operator} {}", left.text, operand(self)?.text));
        }
        Some(left)
    }

    /// Operands with a symbol between them; each symbol as it is read, and as it is written.
    fn operators(&mut self, known: &[(&str, &str)], operand: fn(&mut Self) -> Option<Sql>) -> Option<Sql> {
        let mut left = operand(self)?;
        while let Some((_, operator)) = known.iter().find(|(symbol, _)| self.symbol(symbol)) {
            let right = operand(self)?;
            let text = format!("{} {operator} {}", left.text, right.text);
            let kind = match *operator {
                "/" => Kind::Division { above: Box::new(left), below: Box::new(right) },
                _ => Kind::Other,
            };
            left = Sql { text, kind };
        }
        Some(left)
    }

    fn equality(&mut self) -> Option<Sql> {
        let known = [("==", "="), ("=", "="), ("<>", "<>"), ("!=", "<>"), ("<=>", "IS NOT DISTINCT FROM")];
        self.operators(&known, Self::comparison)
    }

    fn comparison(&mut self) -> Option<Sql> {
        self.operators(&[("<=", "<="), (">=", ">="), ("<", "<"), (">", ">")], Self::predicate)
    }

    /// `BETWEEN`, `IN`, `LIKE` and `IS`.
    fn predicate(&mut self) -> Option<Sql> {
        let mut left = self.bitwise()?;
        let negated = self.word("NOT");
        let not = if negated { "NOT " } else { "" };
        if self.word("BETWEEN") {
            let low = self.bitwise()?;
            if !self.word("AND") {
                return None;
            }
            let high = self.bitwise()?;
            left = Sql::other(format!("{not}{} BETWEEN {} AND {}", left.text, low.text, high.text));
        } else if self.word("IN") {
            if !self.symbol("(") {
                return None;
            }
            let items = self.list()?;
            left = Sql::other(format!("{not}{} IN ({})", left.text, texts(&items).join(", ")));
        } else if let Some(operator) = ["LIKE", "ILIKE"].iter().find(|operator| self.word(operator)) {
            let pattern = self.bitwise()?;
            let mut text = format!("{} {not}{operator} {}", left.text, pattern.text);
            if self.word("ESCAPE") {
                text = format!("{text} ESCAPE {}", self.primary()?.text);
            }
            left = Sql::other(text);
        } else if negated {
            return None;
        }
        if self.word("IS") {
            let not = if self.word("NOT") { "NOT " } else { "" };
            if self.words(&["DISTINCT", "FROM"]) {
                let right = self.bitwise()?;
                return Some(Sql::other(format!("{} IS {not}DISTINCT FROM {}", left.text, right.text)));
            }
            let what = ["NULL", "TRUE", "FALSE"].into_iter().find(|what| self.word(what))?;
            left = Sql::other(format!("{not}{} IS {what}", left.text));
        }
        Some(left)
    }

    fn bitwise(&mut self) -> Option<Sql> {
        let known = [("||", "||"), ("&", "&"), ("|", "|"), ("^", "^"), ("<<", "<<"), (">>", ">>")];
        self.operators(&known, Self::term)
    }

    fn term(&mut self) -> Option<Sql> {
        self.operators(&[("+", "+"), ("-", "-"), ("%", "%")], Self::factor)
    }

    fn factor(&mut self) -> Option<Sql> {
        self.operators(&[("*", "*"), ("/", "/")], Self::unary)
    }

    fn unary(&mut self) -> Option<Sql> {
        self.depth += 1;
        let read = if self.depth > MAX_DEPTH { None } else { self.signed() };
        self.depth -= 1;
        read
    }

    fn signed(&mut self) -> Option<Sql> {
        if self.symbol("-") {
            let of = self.unary()?.text;
            let space = if of.starts_with('-') { " " } else { "" };
            return Some(Sql::other(format!("-{space}{of}")));
        }
        if self.symbol("+") {
            return self.unary();
        }
        if self.symbol("~") {
            return Some(Sql::other(format!("~{}", self.unary()?.text)));
        }
        if self.word("NOT") {
            return Some(Sql::other(format!("NOT {}", self.equality()?.text)));
        }
        let mut of = self.primary()?;
        while self.symbol("::") {
            of = Sql::other(format!("CAST({} AS {})", of.text, self.data_type()?));
        }
        Some(of)
    }

    fn primary(&mut self) -> Option<Sql> {
        match self.peek()?.clone() {
            Token::Number(text) => {
                self.at += 1;
                Some(Sql { kind: Kind::Literal(text.clone()), text })
            }
            Token::Text(text) => {
                self.at += 1;
                let inner = text[1..text.len() - 1].replace("''", "'");
                // Two texts side by side are joined, which is not written here.
                let is_last = !matches!(self.peek(), Some(Token::Text(_)));
                is_last.then_some(Sql { text, kind: Kind::Literal(inner) })
            }
            Token::Quoted(_) => self.path(),
            Token::Word(word) => self.named(&word),
            Token::Symbol("*") => {
                self.at += 1;
                Some(Sql::other("*".to_owned()))
            }
            Token::Symbol("(") => {
                self.at += 1;
                let mut items = self.list()?;
                if items.len() == 1 {
                    let inner = items.pop()?;
                    return Some(Sql { text: format!("({})", inner.text), kind: Kind::Parentheses(Box::new(inner)) });
                }
                Some(Sql::other(format!("({})", texts(&items).join(", "))))
            }
            Token::Symbol(_) => None,
        }
    }

    /// Expressions with commas between them, and the parenthesis behind.
    fn list(&mut self) -> Option<Vec<Sql>> {
        let mut items = Vec::new();
        if self.symbol(")") {
            return Some(items);
        }
        loop {
            items.push(self.expression()?);
            if self.symbol(")") {
                return Some(items);
            }
            if !self.symbol(",") {
                return None;
            }
        }
    }

    fn named(&mut self, word: &str) -> Option<Sql> {
        let upper = word.to_uppercase();
        let next = self.tokens.get(self.at + 1).cloned();
        let is_call = next == Some(Token::Symbol("("));
        match upper.as_str() {
            "CASE" => return self.case(),
            "CAST" | "TRY_CAST" if is_call => {
                self.at += 2;
                let of = self.expression()?;
                let is_whole = self.word("AS");
                let to = self.data_type().filter(|_| is_whole)?;
                return self.symbol(")").then(|| Sql::other(format!("{upper}({} AS {to})", of.text)));
            }
            "EXTRACT" if is_call => {
                self.at += 2;
                let part = self.any_word()?;
                let of = self.word("FROM").then(|| self.expression()).flatten()?;
                return self.symbol(")").then(|| Sql::other(format!("EXTRACT({part} FROM {})", of.text)));
            }
            "INTERVAL" if matches!(next, Some(Token::Text(_) | Token::Number(_))) => {
                self.at += 1;
                let count = self.primary()?;
                let Kind::Literal(count) = count.kind else { return None };
                let unit = self.any_word()?;
                return Some(Sql::other(format!("INTERVAL '{count}' {unit}")));
            }
            "DATE" | "TIME" | "TIMESTAMP" if matches!(next, Some(Token::Text(_))) => {
                self.at += 1;
                let of = self.primary()?;
                return Some(Sql::other(format!("CAST({} AS {upper})", of.text)));
            }
            "TRUE" | "FALSE" | "NULL" | "CURRENT_DATE" | "LOCALTIME" | "LOCALTIMESTAMP" if !is_call => {
                self.at += 1;
                return Some(Sql::other(upper));
            }
            "CURRENT_TIMESTAMP" | "CURRENT_TIME" if !is_call => {
                self.at += 1;
                return Some(Sql::other(format!("{upper}()")));
            }
            word if RESERVED.contains(&word) => return None,
            _ => {}
        }
        if is_call { self.call(&upper) } else { self.path() }
    }

    /// `table.column`, `schema.function(…)`.
    fn path(&mut self) -> Option<Sql> {
        let (mut parts, mut last) = (Vec::new(), String::new());
        loop {
            match self.peek()? {
                Token::Word(word) => {
                    last.clone_from(word);
                    parts.push(word.clone());
                }
                Token::Quoted(name) => {
                    last.clone_from(name);
                    parts.push(format!("\"{}\"", name.replace('"', "\"\"")));
                }
                Token::Symbol("*") if !parts.is_empty() => {
                    "*".clone_into(&mut last);
                    parts.push("*".to_owned());
                }
                _ => return None,
            }
            self.at += 1;
            if last == "*" || !self.symbol(".") {
                break;
            }
        }
        let text = parts.join(".");
        if parts.len() > 1 && self.symbol("(") {
            let arguments = self.list()?;
            return Some(Sql::other(format!("{text}({})", texts(&arguments).join(", "))));
        }
        // A name in quotes before a parenthesis is a function, which is not known here by such a name.
        let is_call = matches!(self.peek(), Some(Token::Symbol("(" | "[")));
        let kind = if parts.len() > 4 { Kind::Other } else { Kind::Column(last) };
        (!is_call).then_some(Sql { text, kind })
    }

    fn call(&mut self, name: &str) -> Option<Sql> {
        self.at += 2;
        let distinct = self.word("DISTINCT");
        let arguments = self.list()?;
        let mut written = texts(&arguments);
        if distinct {
            let first = written.first_mut()?;
            first.insert_str(0, "DISTINCT ");
        }
        let text = functions::call(name, &written)?;
        let kind = match name {
            "IF" | "IIF" | "MOD" | "SAFE_DIVIDE" | "TO_CHAR" => Kind::Other,
            _ => Kind::Call { name: name.to_owned(), distinct, arguments },
        };
        let mut call = Sql { text, kind };
        if self.words(&["WITHIN", "GROUP"]) {
            if !self.symbol("(") || !self.words(&["ORDER", "BY"]) {
                return None;
            }
            let (by, order) = self.order()?;
            let text = format!("{} WITHIN GROUP (ORDER BY {order})", call.text);
            call = Sql { text, kind: Kind::WithinGroup { call: Box::new(call), by: Box::new(by) } };
        }
        if self.is_word(0, "FILTER") {
            self.at += 1;
            let is_whole = self.symbol("(") && self.word("WHERE");
            let condition = is_whole.then(|| self.expression()).flatten()?;
            let text = format!("{} FILTER(WHERE {})", call.text, condition.text);
            call = self.symbol(")").then_some(Sql::other(text))?;
        }
        if self.word("OVER") { self.window(&call) } else { Some(call) }
    }

    /// What rows are sorted by, up to the parenthesis behind; the first of it, and all as text.
    fn order(&mut self) -> Option<(Sql, String)> {
        let (mut first, mut all) = (None, Vec::new());
        loop {
            let by = self.expression()?;
            let mut text = by.text.clone();
            let descends = self.word("DESC");
            if descends {
                text.push_str(" DESC");
            } else if self.word("ASC") {
                text.push_str(" ASC");
            }
            if self.word("NULLS") {
                let nulls = self.any_word()?;
                // Nulls are small: those that stand there anyway are not written.
                match (nulls.as_str(), descends) {
                    ("FIRST", true) | ("LAST", false) => text = format!("{text} NULLS {nulls}"),
                    ("FIRST", false) | ("LAST", true) => {}
                    _ => return None,
                }
            }
            all.push(text);
            first.get_or_insert(by);
            if self.symbol(")") {
                return Some((first?, all.join(", ")));
            }
            if !self.symbol(",") {
                return None;
            }
        }
    }

    /// A window without a frame.
    fn window(&mut self, of: &Sql) -> Option<Sql> {
        if !self.symbol("(") {
            return None;
        }
        let mut parts = Vec::new();
        let mut is_open = true;
        if self.words(&["PARTITION", "BY"]) {
            let mut items = vec![self.expression()?.text];
            while self.symbol(",") {
                items.push(self.expression()?.text);
            }
            parts.push(format!("PARTITION BY {}", items.join(", ")));
        }
        if self.words(&["ORDER", "BY"]) {
            parts.push(format!("ORDER BY {}", self.order()?.1));
            is_open = false;
        }
        if is_open && !self.symbol(")") {
            return None;
        }
        Some(Sql::other(format!("{} OVER ({})", of.text, parts.join(" "))))
    }

    fn case(&mut self) -> Option<Sql> {
        self.at += 1;
        let operand = if self.is_word(0, "WHEN") { None } else { Some(self.expression()?) };
        let mut branches = Vec::new();
        while self.word("WHEN") {
            let condition = self.expression()?;
            let value = self.word("THEN").then(|| self.expression()).flatten()?;
            branches.push((condition, value));
        }
        let otherwise = if self.word("ELSE") { Some(self.expression()?) } else { None };
        if branches.is_empty() || !self.word("END") {
            return None;
        }
        let mut text = "CASE".to_owned();
        for part in operand
            .iter()
            .map(|of| of.text.clone())
            .chain(branches.iter().map(|(condition, value)| format!("WHEN {} THEN {}", condition.text, value.text)))
        {
            text = format!("{text} {part}");
        }
        if let Some(otherwise) = &otherwise {
            text = format!("{text} ELSE {}", otherwise.text);
        }
        text.push_str(" END");
        let only = if branches.len() == 1 { branches.pop() } else { None };
        let kind = match only {
            Some((condition, value)) => Kind::Choice {
                condition: Box::new(condition),
                value: Box::new(value),
                otherwise: otherwise.map(Box::new),
            },
            None => Kind::Case,
        };
        Some(Sql { text, kind })
    }

    fn data_type(&mut self) -> Option<String> {
        let name = self.any_word()?;
        if name == "DOUBLE" {
            self.word("PRECISION");
        }
        let mut of = functions::data_type(&name)?.to_owned();
        if self.symbol("(") {
            let parameters = self.list()?;
            of = format!("{of}({})", texts(&parameters).join(", "));
        }
        if self.words(&["WITH", "TIME", "ZONE"]) {
            of = of.replacen("TIMESTAMP", "TIMESTAMPTZ", 1);
        }
        Some(of)
    }
}

fn texts(of: &[Sql]) -> Vec<String> {
    of.iter().map(|each| each.text.clone()).collect()
}
