//! The words that a visitor searches for.

/// The words of a search. It finds a restaurant if each word is the beginning of a word in the restaurant's name,
/// address or description, ignoring case and accents.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Search {
    text: String,
    words: Vec<String>,
}

impl Search {
    /// The longest search text, in characters. Longer texts are cut off.
    const TEXT_MAX: usize = 100;

    /// Parses the text of the search field.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text: String = text
            .trim()
            .chars()
            .filter(|c| !c.is_control())
            .take(Self::TEXT_MAX)
            .collect();
        let words = text
            .split_whitespace()
            .filter(|word| word.chars().any(char::is_alphanumeric))
            .map(str::to_owned)
            .collect();
        Self { text, words }
    }

    /// The text that was typed, to be shown again.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The words to look for. `None` if nothing was typed, which shows every restaurant. Empty if only punctuation was
    /// typed, which matches no restaurant.
    #[must_use]
    pub fn words(&self) -> Option<&[String]> {
        (!self.text.is_empty()).then_some(self.words.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_at_spaces() {
        let search = Search::parse("  O'Brien   pub ");
        assert_eq!(search.text(), "O'Brien   pub");
        assert_eq!(search.words(), Some(&["O'Brien".to_owned(), "pub".to_owned()][..]));
    }

    #[test]
    fn an_empty_search_differs_from_punctuation_alone() {
        assert_eq!(Search::parse("   ").words(), None);
        assert_eq!(Search::parse("%_\"").words(), Some(&[][..]));
    }

    #[test]
    fn control_characters_are_removed_and_the_length_is_limited() {
        assert_eq!(Search::parse("a\0b").text(), "ab");
        assert_eq!(Search::parse(&"é".repeat(1000)).text().chars().count(), 100);
    }
}
