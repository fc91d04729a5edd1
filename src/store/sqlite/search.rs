//! Searchable texts and searches for FTS5 (<https://sqlite.org/fts5.html>). Words and characters are letters, digits
//! and marks alone, so nothing in them needs an escape.

use crate::model::{Search, SearchText, Term, Token};

/// A token that no search has.
const END: &str = "¦";

/// The text as its tokens, separated by spaces.
pub(super) fn text(text: &SearchText) -> String {
    let tokens = text.tokens().iter().map(|token| match token {
        Token::Word(word) => word.clone(),
        Token::Character(c) => c.to_string(),
        Token::End => END.to_owned(),
    });
    tokens.collect::<Vec<_>>().join(" ")
}

/// The search as a query: each word, quoted, as a prefix; adjacent characters as a phrase.
pub(super) fn match_expression(search: &Search) -> Option<String> {
    let terms = search.terms()?;
    if terms.is_empty() {
        // Only punctuation was typed: an empty phrase, which matches no row.
        return Some("\"\"".to_owned());
    }
    let terms = terms.iter().map(|term| match term {
        Term::Beginning(word) => format!("\"{word}\"*"),
        Term::Adjacent(characters) => {
            let characters: Vec<_> = characters.chars().map(String::from).collect();
            format!("\"{}\"", characters.join(" "))
        }
    });
    Some(terms.collect::<Vec<_>>().join(" "))
}
