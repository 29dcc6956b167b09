//! Where a value of a JSON text stands.

use project::yaml::Position;

use super::read::Step;

/// The line and column of the value, or of the innermost object around it that is there. The text is known to be JSON.
pub(crate) fn position(text: &str, path: &[Step]) -> Position {
    let mut scanner = Scanner { text: text.as_bytes(), at: 0 };
    scanner.skip_space();
    for step in path {
        let before = scanner.at;
        let is_found = match step {
            Step::Member(name) => scanner.enter_member(name),
            Step::Item(index) => scanner.enter_item(*index),
        };
        if !is_found {
            scanner.at = before;
            break;
        }
    }
    after(text, Position { line: 1, column: 1 }, 0, scanner.at)
}

/// The places of all items of a list, in one walk; none where there is no list.
pub(crate) fn items(text: &str, path: &[Step]) -> Vec<Position> {
    let mut scanner = Scanner { text: text.as_bytes(), at: 0 };
    scanner.skip_space();
    let is_there = path.iter().all(|step| match step {
        Step::Member(name) => scanner.enter_member(name),
        Step::Item(index) => scanner.enter_item(*index),
    });
    let mut found = Vec::new();
    let (mut last, mut from) = (Position { line: 1, column: 1 }, 0);
    let mut is_item = is_there && scanner.enter_item(0);
    while is_item {
        last = after(text, last, from, scanner.at);
        from = scanner.at;
        found.push(last);
        scanner.skip_value();
        scanner.skip_separators();
        is_item = scanner.peek().is_some_and(|byte| byte != b']');
    }
    found
}

/// The place at `to`, when `from` has this one.
fn after(text: &str, place: Position, from: usize, to: usize) -> Position {
    let between = &text[from..to];
    match between.rfind('\n') {
        None => Position { column: place.column + between.chars().count(), ..place },
        Some(at) => {
            Position { line: place.line + between.matches('\n').count(), column: between[at + 1..].chars().count() + 1 }
        }
    }
}

/// Walks a text that was read before, so that nothing in it surprises.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Goes to the value of a member; of several, the last one counts.
    fn enter_member(&mut self, name: &str) -> bool {
        let mut found = None;
        if self.peek() != Some(b'{') {
            return false;
        }
        self.at += 1;
        loop {
            self.skip_separators();
            if self.peek() != Some(b'"') {
                break;
            }
            let from = self.at + 1;
            self.skip_value();
            let is_wanted = self.text.get(from..self.at - 1) == Some(name.as_bytes());
            self.skip_separators();
            if is_wanted {
                found = Some(self.at);
            }
            self.skip_value();
        }
        self.at = found.unwrap_or(self.at);
        found.is_some()
    }

    fn enter_item(&mut self, index: usize) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.at += 1;
        for _ in 0..index {
            self.skip_separators();
            self.skip_value();
        }
        self.skip_separators();
        self.peek().is_some_and(|byte| byte != b']')
    }

    fn skip_separators(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace() || byte == b',' || byte == b':') {
            self.at += 1;
        }
    }

    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.skip_text(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    if depth == 0 {
                        return;
                    }
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' if depth == 0 => return,
                _ if byte.is_ascii_whitespace() && depth == 0 => return,
                _ => self.at += 1,
            }
            if depth == 0 && matches!(byte, b'"' | b'}' | b']') {
                return;
            }
        }
    }

    fn skip_text(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found() {
        let text = "{\n \"a\": {\"b\": [1, \"x,]\\\"\", {\"c\": null}]},\n \"d\": 2}";
        let at = |path: &[Step]| {
            let Position { line, column } = position(text, path);
            (line, column)
        };
        assert_eq!(at(&[]), (1, 1));
        assert_eq!(at(&[Step::Member("d")]), (3, 7));
        assert_eq!(at(&[Step::Member("a"), Step::Member("b"), Step::Item(1)]), (2, 17));
        assert_eq!(at(&[Step::Member("a"), Step::Member("b"), Step::Item(2), Step::Member("c")]), (2, 32));
        // What is missing is shown where it should be.
        assert_eq!(at(&[Step::Member("a"), Step::Member("x")]), (2, 7));
        assert_eq!(at(&[Step::Member("a"), Step::Member("b"), Step::Item(3)]), (2, 13));
        let list = [Step::Member("a"), Step::Member("b")];
        let found = items(text, &list).into_iter().map(|Position { line, column }| (line, column));
        assert_eq!(found.collect::<Vec<_>>(), [(2, 14), (2, 17), (2, 26)]);
        assert!(items(text, &[Step::Member("d")]).is_empty());
    }
}
