use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};

use super::*;

fn masker(secrets: &[&str]) -> Masker {
    let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(*text, "a test").expect("a secret")).collect();
    Masker::new(&secrets)
}

#[test]
fn plain_secrets_and_what_is_around_them() {
    let masker = masker(&["hunter2", "pass word", "schön☂"]);
    assert_eq!(masker.mask("no secret here: hunter, hunter 2\n"), "no secret here: hunter, hunter 2\n");
    assert_eq!(masker.mask("a=hunter2;b=hunter2hunter2"), "a=********;b=****************");
    assert_eq!(masker.mask("hunthunter2er2"), "hunt********er2");
    assert_eq!(masker.mask("pass%20word pass+word pass\\ word"), "******** ******** ********");
    assert_eq!(masker.mask("sch%C3%B6n%e2%98%82 sch\\u00f6n\\u2602 sch\\xf6n☂"), "******** ******** ********");
}

#[test]
fn overlapping_secrets_leave_nothing_between_them() {
    let masker = masker(&["abcdef", "defghi", "cdef"]);
    assert_eq!(masker.mask("-abcdefghi-"), "-********-");
    assert_eq!(masker.mask("-abcdefcdef-"), "-****************-");
}

#[test]
fn json_in_json_urls_in_urls_html_and_shells() {
    let secret = "a\"b\\c/d'e&f<g>\th";
    let masker = masker(&[secret]);
    let json = serde_json::to_string(secret).expect("JSON");
    let twice = serde_json::to_string(&json).expect("JSON");
    for text in [
        json.as_str(),
        &twice,
        &format!("{secret:?}"),
        "a\\u0022b\\u005cc\\/d\\u0027e\\u0026f\\u003cg\\u003e\\u0009h",
        "a%22b%5Cc%2Fd%27e%26f%3Cg%3E%09h",
        "a%2522b%255Cc%252Fd%2527e%2526f%253Cg%253E%2509h",
        "a&quot;b\\c/d&#x27;e&amp;f&lt;g&gt;\th",
    ] {
        let masked = masker.mask(&format!("see {text} there"));
        let trimmed: String = masked.chars().filter(|character| !"\"\\".contains(*character)).collect();
        assert_eq!(trimmed, "see ******** there", "{text}");
    }
}

#[test]
fn base64_at_each_alignment_in_both_alphabets() {
    for secret in ["hush", "p?s>w~rd??>>", "correct horse battery staple"] {
        let masker = masker(&[secret]);
        for before in ["", "x", "xy", "xyz", "user:"] {
            for after in ["", "\n", "!!", "end"] {
                let text = format!("{before}{secret}{after}");
                for encoded in [
                    BASE64_STANDARD.encode(&text),
                    BASE64_STANDARD_NO_PAD.encode(&text),
                    BASE64_URL_SAFE.encode(&text),
                    BASE64_URL_SAFE_NO_PAD.encode(&text),
                    BASE64_STANDARD.encode(&text).replace('+', "%2B").replace('/', "%2f"),
                    BASE64_STANDARD.encode(&text).replace('/', "\\/"),
                ] {
                    let masked = masker.mask(&format!("Basic {encoded} end"));
                    assert!(masked.contains(MASK), "{text:?} as {encoded}: {masked}");
                    // What is left belongs to what stood around it: at most the digits of the other bytes.
                    let left: usize = masked.replace(MASK, "").len() - "Basic  end".len();
                    assert!(left <= (before.len() + after.len()).div_ceil(3) * 4 + 4, "{text:?}: {masked}");
                }
            }
        }
    }
}

#[test]
fn wrapped_base64_and_hex() {
    let secret = "0123456789-the quick brown fox jumps over the lazy dog-0123456789-and once more, and again";
    let masker = masker(&[secret]);
    let wrap = |text: &str, width: usize, line_break: &str| {
        let lines: Vec<&str> =
            text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
        lines.join(line_break)
    };
    let encoded = BASE64_STANDARD.encode(format!("{secret}\n"));
    for (width, line_break) in [(76, "\n"), (64, "\r\n"), (5, "\n      "), (1, "\n")] {
        let masked = masker.mask(&format!("token:\n{}\n", wrap(&encoded, width, line_break)));
        // The last digits are the line break's after the secret.
        let masked = masked.replace(['C', 'g', '=', '\n', '\r', ' '], "");
        assert_eq!(masked, "token:********", "width {width}");
    }
    let hex = hex::encode(secret);
    assert_eq!(masker.mask(&wrap(&hex, 60, "\n")), MASK);
    assert_eq!(masker.mask(&hex.to_uppercase()), MASK);
}

#[test]
fn secrets_of_many_lines() {
    let secret = "-----BEGIN KEY-----\nTGluZSBvbmUgb2Yga2V5\nc2Vjb25kIGxpbmUgb2YgaXQ=\n-----END KEY-----\n";
    let masker = masker(&[secret]);
    assert_eq!(masker.mask(&format!("x{secret}y")), "x********y");
    assert_eq!(masker.mask(&format!("x{}y", secret.trim_end())), "x********y");
    assert_eq!(masker.mask(&secret.replace('\n', "\r\n")), MASK);
    assert_eq!(masker.mask(secret.trim_end().replace('\n', "\\n").as_str()), MASK);
    assert_eq!(masker.mask(secret.trim_end().replace('\n', " ").as_str()), MASK);
    let prefixed: Vec<String> = secret.lines().map(|line| format!("10:00:00  {line}")).collect();
    assert_eq!(
        masker.mask(&prefixed.join("\n")),
        "10:00:00  -----BEGIN KEY-----\n10:00:00  ********\n10:00:00  ********\n10:00:00  -----END KEY-----"
    );
}

#[test]
fn the_end_of_a_stream_shows_no_greater_half() {
    let masker = masker(&["correct horse battery staple"]);
    let shown = |text: &str| {
        let mut stream = masker.stream();
        let mut shown = stream.push(text.as_bytes());
        shown.extend(stream.finish());
        String::from_utf8(shown).expect("UTF-8")
    };
    assert_eq!(shown("it is correct horse battery sta"), "it is ********");
    assert_eq!(shown("it is correct"), "it is correct");
}

#[test]
fn nothing_is_held_back_without_need() {
    let masker = masker(&["hunter2"]);
    let mut stream = masker.stream();
    assert_eq!(stream.push(b"loading hun"), b"loading ");
    assert_eq!(stream.push(b"gry\n"), b"hungry\n");
    assert_eq!(stream.push(b"hunter"), b"");
    assert_eq!(stream.push(b"2"), MASK.as_bytes());
    assert_eq!(stream.finish(), b"");
    let none = Masker::new([]);
    assert_eq!(none.stream().push(b"\xff\x00anything"), b"\xff\x00anything");
}

#[test]
fn a_text_that_never_decides_does_not_fill_the_memory() {
    let masker = masker(&["a long secret text"]);
    let mut stream = masker.stream();
    let start = BASE64_STANDARD.encode("a long sec");
    let mut shown = stream.push(start.as_bytes()).len();
    for _ in 0..40 {
        shown += stream.push(&[b'\n'; 1 << 16]).len();
    }
    assert!(shown > 1 << 20, "{shown}");
}

/// xorshift64*: the seed is printed when a case fails.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn text(&mut self, alphabet: &[char], least: usize, most: usize) -> String {
        let length = least + self.below(most - least + 1);
        (0..length).map(|_| *self.pick(alphabet)).collect()
    }
}

/// However a text is cut, the same is shown; and no spelling of a secret is in it.
#[test]
fn no_cutting_leaks() {
    let wide: Vec<char> = ('!'..='~').chain(" \n\täß☂😀".chars()).collect();
    let narrow: Vec<char> = "ab/+\\".chars().collect();
    let encoders: [fn(&str) -> String; 7] = [
        str::to_owned,
        |text| BASE64_STANDARD.encode(text),
        |text| BASE64_URL_SAFE_NO_PAD.encode(text),
        |text| serde_json::to_string(text).expect("JSON"),
        |text| text.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        |text| hex::encode(text),
        |text| serde_json::to_string(&serde_json::to_string(text).expect("JSON")).expect("JSON"),
    ];
    for seed in 1..=400_u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let alphabet = if seed % 3 == 0 { &narrow } else { &wide };
        let mut secrets: Vec<String> = Vec::new();
        while secrets.len() < 3 {
            let secret = random.text(alphabet, 6, 24);
            if Secret::new(secret.as_str(), "a test").is_ok() && secret.trim() == secret {
                secrets.push(secret);
            }
        }
        let masker = masker(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
        let mut text = String::new();
        for _ in 0..8 {
            text.push_str(&random.text(alphabet, 0, 12));
            let secret = random.pick(&secrets).clone();
            let surrounded = match random.below(3) {
                0 => secret,
                1 => format!("{}{secret}", random.text(alphabet, 0, 4)),
                _ => format!("{secret}{}", random.text(alphabet, 0, 4)),
            };
            text.push_str(&random.pick(&encoders)(&surrounded));
            // A prefix of a secret that comes to nothing.
            let start: String = random.pick(&secrets).chars().take(random.below(4)).collect();
            text.push_str(&start);
            text.push('|');
        }
        let whole = masker.mask(&text);
        let mut stream = masker.stream();
        let mut shown = Vec::new();
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + random.below(9)).min(rest.len()));
            shown.extend(stream.push(piece));
            rest = after;
        }
        shown.extend(stream.finish());
        assert_eq!(String::from_utf8_lossy(&shown), whole, "seed {seed}, secrets {secrets:?}");
        for secret in &secrets {
            for encode in encoders {
                let spelled = encode(secret);
                // The quotes of JSON are not the secret's, nor are the last digits of base64, which its neighbours share.
                let core = match spelled.strip_suffix('"') {
                    Some(json) => json.trim_start_matches('"'),
                    None => spelled.trim_end_matches('='),
                };
                let core = if core == secret { core } else { &core[..core.floor_char_boundary(core.len() - 2)] };
                assert!(!whole.contains(core) || MASK.contains(core), "seed {seed}: {spelled} in {whole}, from {text}");
            }
        }
    }
}
