//! "did you mean": the known word nearest to one that is not known.

use strsim::damerau_levenshtein;

/// The nearest of `known`, if it is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.to_lowercase();
    known
        .into_iter()
        .filter_map(|candidate| Some((distance(&folded, candidate)?, candidate)))
        .min()
        .map(|(_, near)| near)
}

/// How far a word is from a candidate; `None` when it is too far to be meant. A word cut short, or made longer, is nearest after a typing error.
fn distance(word: &str, candidate: &str) -> Option<usize> {
    let candidate = candidate.to_lowercase();
    let typed = damerau_levenshtein(word, &candidate);
    let allowed = (candidate.chars().count().max(3) / 3).min(3);
    let begins_alike =
        word.len() >= 3 && candidate.len() >= 3 && (candidate.starts_with(word) || word.starts_with(&candidate));
    if typed <= allowed { Some(typed) } else { begins_alike.then_some(allowed + typed) }
}

/// `a, b and c`, the last ones left out when there are many.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let words: Vec<&str> = words.into_iter().collect();
    match words.as_slice() {
        [] => "none".to_owned(),
        [word] => (*word).to_owned(),
        [rest @ .., last] if words.len() <= SHOWN => format!("{} and {last}", rest.join(", ")),
        _ => format!("{}, and {} more", words[..SHOWN].join(", "), words.len() - SHOWN),
    }
}
