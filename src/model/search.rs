//! What a visitor searches for, and what is searched.

use std::collections::HashSet;

use super::NewRestaurant;
use super::folding::{Part, parts};

/// A search. It finds a restaurant if the restaurant's name, address or description has each of its terms.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Search {
    text: String,
    terms: Vec<Term>,
    shortened_to: Option<&'static str>,
}

/// A part of a search, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// The beginning of a word.
    Beginning(String),
    /// Characters that are adjacent in the text, such as 東京.
    Adjacent(String),
}

impl Search {
    /// The longest search text, in characters. Longer texts are cut off.
    const TEXT_MAX: usize = 100;

    /// The most words that are searched for. Each costs the database another look at its index.
    pub const WORDS_MAX: usize = 8;
    const FIRST_WORDS: &str = "first 8 words";

    /// The most characters of all words without spaces, such as 東京, that are searched for. Each costs a look, too.
    const CHARACTERS_MAX: usize = 24;

    /// Parses the text of the search field.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let visible: String = text.chars().filter(|c| !c.is_control()).collect();
        let cut: String = visible.trim().chars().take(Self::TEXT_MAX).collect();
        let text = cut.trim_end().to_owned();
        let mut parts = parts(&text);
        let mut shortened_to = (parts.len() > Self::WORDS_MAX).then_some(Self::FIRST_WORDS);
        parts.truncate(Self::WORDS_MAX);
        let mut left = Self::CHARACTERS_MAX;
        let mut terms = Vec::new();
        for part in parts {
            match part {
                Part::Word(word) => terms.push(Term::Beginning(word.replace('\'', ""))),
                Part::Characters(characters) => {
                    let kept: String = characters.chars().take(left).collect();
                    if kept.len() < characters.len() {
                        shortened_to = Some("beginning");
                    }
                    left -= kept.chars().count();
                    if !kept.is_empty() {
                        terms.push(Term::Adjacent(kept));
                    }
                }
            }
        }
        Self {
            text,
            terms,
            shortened_to,
        }
    }

    /// The text that was typed, to be shown again.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The part of the text that is searched for, if it is too long: its first words, or its beginning if it has too many
    /// characters in words without spaces.
    #[must_use]
    pub fn shortened_to(&self) -> Option<&'static str> {
        self.shortened_to
    }

    /// What to look for. `None` if nothing was typed, which shows every restaurant. Empty if only punctuation was
    /// typed, which matches no restaurant.
    #[must_use]
    pub fn terms(&self) -> Option<&[Term]> {
        (!self.text.is_empty()).then_some(self.terms.as_slice())
    }
}

/// The searchable text of a restaurant: its folded words and characters, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText(Vec<Token>);

/// A part of a searchable text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Token {
    /// A word, found by its beginning.
    Word(String),
    /// A character, found together with its neighbours.
    Character(char),
    /// The end of the name or the address. The characters on both sides are not neighbours.
    End,
}

impl SearchText {
    /// The most bytes that PostgreSQL needs for the tokens. Its index of names contains them too, and an entry of an
    /// index has at most 2,704 bytes. Only a text of some 200 different Chinese characters or more reaches the limit;
    /// its end is then not found.
    const BYTES_MAX: usize = 2440;

    /// The searchable text of that restaurant.
    #[must_use]
    pub fn of(restaurant: &NewRestaurant) -> Self {
        let mut tokens = Vec::new();
        for text in [&restaurant.name, &restaurant.street_address, &restaurant.description] {
            for part in parts(text) {
                match part {
                    Part::Word(word) => tokens.extend(spellings(&word).into_iter().map(Token::Word)),
                    Part::Characters(characters) => tokens.extend(characters.chars().map(Token::Character)),
                }
            }
            tokens.push(Token::End);
        }
        let mut seen = HashSet::new();
        let mut bytes = 0;
        let fits = tokens.iter().take_while(|token| {
            bytes += match token {
                // Each different token has a header, and each character a position.
                Token::Word(word) if seen.insert(*token) => 4 + word.len(),
                Token::Character(c) if seen.insert(*token) => 4 + c.len_utf8() + 5,
                Token::Character(_) => 2,
                Token::Word(_) | Token::End => 0,
            };
            bytes <= Self::BYTES_MAX
        });
        let count = fits.count();
        tokens.truncate(count);
        Self(tokens)
    }

    /// Its tokens.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.0
    }
}

/// The word without its apostrophes, and its parts that begin after one: L'Étoile is found by "letoile" and "etoile".
fn spellings(word: &str) -> Vec<String> {
    let parts: Vec<&str> = word.split('\'').filter(|part| !part.is_empty()).collect();
    (0..parts.len()).map(|first| parts[first..].concat()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn beginning(text: &str) -> Term {
        Term::Beginning(text.to_owned())
    }

    fn tokens(name: &str, description: &str) -> Vec<Token> {
        let restaurant = NewRestaurant {
            name: name.to_owned(),
            street_address: String::new(),
            description: description.to_owned(),
        };
        SearchText::of(&restaurant).tokens().to_vec()
    }

    #[test]
    fn a_search_has_words_and_adjacent_characters() {
        let search = Search::parse("  O'Brien   pub東京 ");
        assert_eq!(search.text(), "O'Brien   pub東京");
        let expected = [beginning("obrien"), beginning("pub"), Term::Adjacent("東京".to_owned())];
        assert_eq!(search.terms(), Some(&expected[..]));
    }

    #[test]
    fn an_empty_search_differs_from_punctuation_alone() {
        assert_eq!(Search::parse("   ").terms(), None);
        assert_eq!(Search::parse("%_\"").terms(), Some(&[][..]));
    }

    #[test]
    fn control_characters_are_removed_and_the_length_is_limited() {
        assert_eq!(Search::parse("a\0b").text(), "ab");
        assert_eq!(Search::parse(&"é".repeat(1000)).text().chars().count(), 100);
    }

    proptest! {
        #[test]
        fn the_text_of_a_search_is_the_same_search(text in "[ \0\u{a0}ab]{0,30}[^ ]{60,90}[ \0ab]{0,30}") {
            let search = Search::parse(&text);
            prop_assert_eq!(Search::parse(search.text()), search);
        }
    }

    #[test]
    fn only_the_first_words_count() {
        for count in 0..=Search::WORDS_MAX + 3 {
            let words: Vec<String> = (0..count).map(|word| format!("w{word}")).collect();
            let search = Search::parse(&words.join(" "));
            let expected: Vec<Term> = words.iter().take(8).map(|word| beginning(word)).collect();
            assert_eq!(search.terms().unwrap_or_default(), expected);
            assert_eq!(search.shortened_to(), (count > 8).then_some("first 8 words"), "{count}");
            assert_eq!(search.text(), words.join(" "), "what was typed is shown again");
        }
        // Punctuation is no word, and adjacent characters are one.
        let shortened_to = |text: &str| Search::parse(text).shortened_to();
        assert_eq!(shortened_to("a & b, c - d; e / f: g \"h\" !"), None);
        assert_eq!(shortened_to("東京a京都b大阪c奈良d"), None);
        assert_eq!(shortened_to("東京a京都b大阪c奈良d神戸"), Some("first 8 words"));
        // Nor does a run of characters: each is another look, too.
        for (text, searched) in [
            ("東".repeat(24), vec![24]),
            ("東".repeat(25), vec![24]),
            ("東".repeat(100), vec![24]),
            (format!("{0} {0} {0}", "東".repeat(11)), vec![11, 11, 2]),
            (format!("{} a {}", "東".repeat(30), "京".repeat(9)), vec![24, 1]),
        ] {
            let search = Search::parse(&text);
            let lengths = search.terms().unwrap().iter().map(|term| match term {
                Term::Beginning(word) => word.chars().count(),
                Term::Adjacent(characters) => characters.chars().count(),
            });
            assert_eq!(lengths.collect::<Vec<_>>(), searched, "{text}");
            let is_longer = text.chars().filter(|c| !c.is_ascii()).count() > 24;
            assert_eq!(search.shortened_to(), is_longer.then_some("beginning"), "{text}");
        }
    }

    #[test]
    fn a_word_is_found_after_its_apostrophes_too() {
        let word = |text: &str| Token::Word(text.to_owned());
        assert_eq!(
            tokens("L’Étoile 東", "Joe's"),
            [
                word("letoile"),
                word("etoile"),
                Token::Character('東'),
                Token::End,
                Token::End,
                word("joes"),
                word("s"),
                Token::End
            ]
        );
    }

    #[test]
    fn the_end_of_a_text_that_is_too_large_for_an_index_is_left_out() {
        let name: String = ('一'..).take(50).collect();
        let texts = [
            // 12 bytes each, and 13.
            ('十'..).take(250).collect(),
            ('\u{20000}'..).take(250).collect(),
            // Repeated characters need little, and words no position.
            ('一'..).take(50).flat_map(|c| [c; 5]).collect::<String>(),
            ('a'..='e')
                .flat_map(|a| ('a'..='y').map(move |b| format!("{a}{b}")))
                .collect::<Vec<_>>()
                .join(" "),
        ];
        let counts = texts.map(|description| tokens(&name, &description).len());
        assert_eq!(counts, [52 + 153, 52 + 141, 52 + 250 + 1, 52 + 125 + 1]);
    }
}
