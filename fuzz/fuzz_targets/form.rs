//! Any form without a photo is read within its bounds, wherever it is cut into pieces; what was read reads the same when it
//! is sent again; and what is valid in it is short, stays the same when it is sent again, and is found by a search.
//!
//! The first byte of an input is the size of a piece.

#![no_main]

#[path = "../shared/forms.rs"]
mod forms;

use form_urlencoded::Serializer;
use libfuzzer_sys::fuzz_target;
use restaurant_review::model::{NewRestaurant, RestaurantForm, ReviewForm, Search, SearchText, Term, Token};
use restaurant_review::pages::{add_restaurant, add_review};
use restaurant_review::web::FormFields;

const TYPE: &str = "application/x-www-form-urlencoded";

fuzz_target!(|input: &[u8]| {
    let Some((piece, body)) = input.split_first() else {
        return;
    };
    let piece = 1 + usize::from(*piece);
    if let Some([_, user_name, rating, review_text]) = texts(body, piece, &add_review::FIELDS) {
        check_review(&ReviewForm {
            user_name,
            rating,
            review_text,
        });
    }
    if let Some([_, restaurant_name, street_address, description]) = texts(body, piece, &add_restaurant::FIELDS) {
        check_restaurant(&RestaurantForm {
            restaurant_name,
            street_address,
            description,
        });
    }
});

/// The texts of a form, if it is complete.
fn texts(body: &[u8], piece: usize, fields: &FormFields) -> Option<[String; 4]> {
    let whole = forms::read(TYPE, body, 64 << 10, fields);
    let in_pieces = forms::read(TYPE, body, piece, fields);
    assert_eq!(whole.refused, in_pieces.refused);
    if whole.refused.is_some() {
        return None;
    }
    assert_eq!(whole, in_pieces);
    let written = Serializer::new(String::new())
        .extend_pairs(fields.texts.iter().zip(&whole.texts))
        .finish();
    let again = forms::read(TYPE, written.as_bytes(), 64 << 10, fields);
    // It may be too long now: every byte of it may have become three.
    if again.refused.is_none() {
        assert_eq!(whole.texts, again.texts);
    }
    whole.texts.try_into().ok()
}

fn check_review(form: &ReviewForm) {
    let Ok(new) = form.validate() else {
        return;
    };
    assert!((1..=ReviewForm::USER_NAME_MAX).contains(&new.user_name.chars().count()));
    assert!(new.review_text.chars().count() <= ReviewForm::TEXT_MAX);
    let again = ReviewForm {
        user_name: new.user_name.clone(),
        rating: new.rating.stars().to_string(),
        review_text: new.review_text.clone(),
    };
    assert_eq!(again.validate().as_ref(), Ok(&new));
}

fn check_restaurant(form: &RestaurantForm) {
    let Ok(new) = form.validate() else {
        return;
    };
    assert!((1..=RestaurantForm::NAME_MAX).contains(&new.name.chars().count()));
    assert!(new.street_address.chars().count() <= RestaurantForm::ADDRESS_MAX);
    assert!((1..=RestaurantForm::DESCRIPTION_MAX).contains(&new.description.chars().count()));
    let again = RestaurantForm {
        restaurant_name: new.name.clone(),
        street_address: new.street_address.clone(),
        description: new.description.clone(),
    };
    assert_eq!(again.validate().as_ref(), Ok(&new));
    assert_found(&new);
}

/// A restaurant is found by its name.
fn assert_found(restaurant: &NewRestaurant) {
    let text = SearchText::of(restaurant);
    let search = Search::parse(&restaurant.name);
    for term in search.terms().expect("a name is not empty") {
        let is_found = match term {
            Term::Beginning(beginning) => text.tokens().iter().any(|token| match token {
                Token::Word(word) => word.starts_with(beginning),
                Token::Character(_) | Token::End => false,
            }),
            Term::Adjacent(characters) => {
                let wanted: Vec<Token> = characters.chars().map(Token::Character).collect();
                text.tokens()
                    .windows(wanted.len().max(1))
                    .any(|tokens| tokens == wanted)
            }
        };
        assert!(is_found, "{term:?} is not in {text:?}");
    }
}
