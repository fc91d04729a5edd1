//! Searchable texts and searches, as PostgreSQL writes them
//! (<https://www.postgresql.org/docs/current/datatype-textsearch.html>). Words and characters are letters, digits and
//! marks alone, so nothing in them needs an escape.

use std::fmt::Write as _;

use crate::model::{SearchText, Term, Token};

/// The text as a `tsvector`. Only characters have positions: words need none, and are smaller without.
pub(super) fn vector(text: &SearchText) -> String {
    let mut vector = String::new();
    for (token, position) in text.tokens().iter().zip(1..) {
        match token {
            Token::Word(word) => write!(vector, "'{word}' "),
            Token::Character(c) => write!(vector, "'{c}':{position} "),
            Token::End => Ok(()),
        }
        .expect("a string can be written to");
    }
    vector
}

/// The terms as a `tsquery`. `None` if there are none: that matches nothing.
pub(super) fn query(terms: &[Term]) -> Option<String> {
    let conditions = terms.iter().map(|term| match term {
        Term::Beginning(word) => format!("'{word}':*"),
        Term::Adjacent(characters) => {
            let characters: Vec<_> = characters.chars().map(|c| format!("'{c}'")).collect();
            format!("({})", characters.join(" <-> "))
        }
    });
    let conditions: Vec<_> = conditions.collect();
    (!conditions.is_empty()).then(|| conditions.join(" & "))
}
