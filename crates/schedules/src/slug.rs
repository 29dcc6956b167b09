//! Identifiers: what they look like, and how one is made from a label.

/// The longest identifier, in characters.
pub(crate) const LONGEST: usize = 80;
/// How much of the label goes into a minted one.
const OF_LABEL: usize = 24;

/// Whether `text` is an identifier: `^[a-z0-9]+(-[a-z0-9]+)*$`, at most 80 characters.
pub fn is_slug(text: &str) -> bool {
    let word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.len() <= LONGEST && text.split('-').all(word)
}

/// An identifier for a label: its first 24 characters in the identifier's alphabet, a hyphen, and `random` in hexadecimal.
///
/// The official service cuts without looking where; a hyphen left at the end, or a label without any letter of the alphabet, would give what
/// its own rule forbids, so that is mended here.
pub fn mint_slug(label: &str, random: [u8; 3]) -> String {
    let normalised = normalised(label);
    let cut: String = normalised.chars().take(OF_LABEL).collect();
    let [a, b, c] = random;
    match cut.trim_end_matches('-') {
        "" => format!("schedule-{a:02x}{b:02x}{c:02x}"),
        cut => format!("{cut}-{a:02x}{b:02x}{c:02x}"),
    }
}

/// The label in the identifier's alphabet.
pub(crate) fn normalised(label: &str) -> String {
    let lower = label.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minted_identifiers_are_identifiers() {
        let random = [0x0a, 0xb1, 0xff];
        let cases = [
            ("Orders lake refresh", "orders-lake-refresh-0ab1ff"),
            ("Nightly — build (EU)", "nightly-build-eu-0ab1ff"),
            ("  --Daily--  ", "daily-0ab1ff"),
            ("abcdefghijklmnopqrstuvw xyz", "abcdefghijklmnopqrstuvw-0ab1ff"),
            ("Übersicht", "bersicht-0ab1ff"),
            ("日本", "schedule-0ab1ff"),
            ("", "schedule-0ab1ff"),
        ];
        for (label, slug) in cases {
            assert_eq!(mint_slug(label, random), slug);
            assert!(is_slug(slug), "{slug}");
        }
        for not in ["", "-a", "a-", "a--b", "A", "a_b", "ä", &"a".repeat(81)] {
            assert!(!is_slug(not), "{not}");
        }
    }
}
