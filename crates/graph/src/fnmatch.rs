//! Shell patterns: Python's `fnmatchcase` for names, `pathlib`'s `glob` for paths.

/// Whether `text` matches `pattern` with `*`, `?`, `[seq]` and `[!seq]`; case counts, and `*` crosses anything.
pub fn matches(text: &str, pattern: &str) -> bool {
    if !pattern.contains(['*', '?', '[']) {
        return text == pattern;
    }
    let text: Vec<char> = text.chars().collect();
    let pattern = compile(pattern);
    // The classic greedy match: on a mismatch, let the last star take one more.
    let (mut t, mut p) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Part::Star) => {
                star = Some((p, t));
                p += 1;
            }
            Some(part) if part.takes(text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((star_p, star_t)) => {
                    star = Some((star_p, star_t + 1));
                    p = star_p + 1;
                    t = star_t + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|part| matches!(part, Part::Star))
}

/// Whether a pattern has wildcards.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', ']'])
}

/// Whether a path with `/` matches a glob: `*` stays within one part, `**` is any number of directories.
pub fn glob_path_matches(path: &str, pattern: &str) -> bool {
    let pattern = pattern.trim_end_matches('/');
    let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let pattern: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    parts_match(&path, &pattern)
}

/// As [`matches`]: on a mismatch, the last `**` takes one directory more.
fn parts_match(path: &[&str], pattern: &[&str]) -> bool {
    let (mut at, mut p) = (0, 0);
    let mut stars: Option<(usize, usize)> = None;
    while at < path.len() {
        match pattern.get(p) {
            Some(&"**") => {
                stars = Some((p, at));
                p += 1;
            }
            Some(part) if matches(path[at], part) => {
                p += 1;
                at += 1;
            }
            _ => match stars {
                Some((stars_p, stars_at)) => {
                    stars = Some((stars_p, stars_at + 1));
                    p = stars_p + 1;
                    at = stars_at + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|part| *part == "**")
}

enum Part {
    Star,
    Any,
    Literal(char),
    OneOf { ranges: Vec<(char, char)>, negated: bool },
}

impl Part {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => true,
            Self::Literal(literal) => *literal == c,
            Self::OneOf { ranges, negated } => ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated,
        }
    }
}

fn compile(pattern: &str) -> Vec<Part> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(c) = chars.get(at).copied() {
        at += 1;
        match c {
            '*' => parts.push(Part::Star),
            '?' => parts.push(Part::Any),
            '[' => match set_end(&chars, at) {
                // An unclosed bracket is itself.
                None => parts.push(Part::Literal('[')),
                Some(end) => {
                    parts.push(set(&chars[at..end]));
                    at = end + 1;
                }
            },
            other => parts.push(Part::Literal(other)),
        }
    }
    parts
}

/// Where the set that starts at `at` is closed; a `]` in first place is a member.
fn set_end(chars: &[char], at: usize) -> Option<usize> {
    let mut from = at;
    if chars.get(from) == Some(&'!') {
        from += 1;
    }
    if chars.get(from) == Some(&']') {
        from += 1;
    }
    chars.iter().skip(from).position(|c| *c == ']').map(|offset| from + offset)
}

fn set(members: &[char]) -> Part {
    let (negated, members) = match members.split_first() {
        Some(('!', rest)) => (true, rest),
        _ => (false, members),
    };
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(from) = members.get(at).copied() {
        if members.get(at + 1) == Some(&'-')
            && let Some(to) = members.get(at + 2).copied()
        {
            ranges.push((from, to));
            at += 3;
        } else {
            ranges.push((from, from));
            at += 1;
        }
    }
    Part::OneOf { ranges, negated }
}
