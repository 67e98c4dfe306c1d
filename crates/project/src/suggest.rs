//! Suggestions: what a misspelt word was probably meant to be.

/// What to do about an unknown word: take the nearest known one, or else one of all. Nothing where none is known.
pub fn instead_of(word: &str, known: impl IntoIterator<Item = impl ToString>) -> Option<String> {
    let known: Vec<String> = known.into_iter().map(|each| each.to_string()).collect();
    match (nearest(word, &known), known.as_slice()) {
        (Some(nearest), _) => Some(format!("did you mean `{nearest}`?")),
        (None, []) => None,
        (None, [only]) => Some(format!("expected `{only}`")),
        (None, many) => Some(format!("expected one of `{}`", many.join("`, `"))),
    }
}

/// The known word that differs least from a word, if it differs by a slip of the keyboard and no more.
fn nearest<'a>(word: &str, known: &'a [String]) -> Option<&'a str> {
    let distance = |other: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &other.to_lowercase());
    // One letter in three; codes of one or two letters differ in case alone.
    let slip = word.chars().count() / 3;
    let ranked = known.iter().map(|other| (distance(other), other.as_str())).filter(|(far, _)| *far <= slip);
    ranked.min().map(|(_, nearest)| nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_is_shown_all() {
        let known = ["customer", "partner_enrichment"];
        assert_eq!(instead_of("custmer", known).unwrap(), "did you mean `customer`?");
        assert_eq!(instead_of("Customer", known).unwrap(), "did you mean `customer`?");
        assert_eq!(instead_of("event", known).unwrap(), "expected one of `customer`, `partner_enrichment`");
        assert_eq!(instead_of("event", [""; 0]), None);
    }
}
