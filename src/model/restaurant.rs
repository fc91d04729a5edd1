//! A restaurant, and the form that adds one.

use std::fmt;
use std::str::FromStr;

use super::RatingSummary;
use super::number::written_number;
use super::text::{self, FieldErrors};
use crate::photos::PhotoName;

/// A restaurant's number, as in its address `/<id>/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RestaurantId(pub i64);

impl RestaurantId {
    /// The path of this restaurant's page.
    #[must_use]
    pub fn url(self) -> String {
        format!("/{self}/")
    }
}

impl fmt::Display for RestaurantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RestaurantId {
    type Err = ();

    /// Accepts a number as it is written: one restaurant has one address, so `+1`, ` 1` and `01` are not ids.
    fn from_str(text: &str) -> Result<Self, ()> {
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(());
        }
        written_number(text).map(Self).ok_or(())
    }
}

/// A restaurant as its page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restaurant {
    /// Its id.
    pub id: RestaurantId,
    /// Its name, never empty.
    pub name: String,
    /// Its address; may be empty.
    pub street_address: String,
    /// A description.
    pub description: String,
    /// Average and number of its ratings.
    pub rating: RatingSummary,
    /// The number of reviews with 1, 2, 3, 4 and 5 stars.
    pub distribution: [u64; 5],
}

/// A restaurant as a row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestaurantSummary {
    /// Its id.
    pub id: RestaurantId,
    /// Its name.
    pub name: String,
    /// Its address; may be empty.
    pub street_address: String,
    /// Average and number of its ratings.
    pub rating: RatingSummary,
    /// The photo of the newest review that has one.
    pub cover: Option<PhotoName>,
}

/// A valid restaurant, to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRestaurant {
    /// 1 to 50 characters.
    pub name: String,
    /// At most 50 characters.
    pub street_address: String,
    /// 1 to 250 characters.
    pub description: String,
}

/// The fields of "Add New Restaurant", as they were sent.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RestaurantForm {
    /// Field `restaurant_name`.
    pub restaurant_name: String,
    /// Field `street_address`.
    pub street_address: String,
    /// Field `description`.
    pub description: String,
}

impl RestaurantForm {
    /// The longest name.
    pub const NAME_MAX: usize = 50;
    /// The longest address.
    pub const ADDRESS_MAX: usize = 50;
    /// The longest description.
    pub const DESCRIPTION_MAX: usize = 250;

    /// The restaurant, or the errors of the fields.
    pub fn validate(&self) -> Result<NewRestaurant, FieldErrors> {
        let new = NewRestaurant {
            name: text::normalised(&self.restaurant_name),
            street_address: text::normalised(&self.street_address),
            description: text::normalised(&self.description),
        };
        let mut errors = FieldErrors::default();
        if new.name.is_empty() {
            errors.add("restaurant_name", "Enter a name.");
        }
        if new.description.is_empty() {
            errors.add("description", "Enter a description.");
        }
        text::check(&mut errors, "restaurant_name", "Name", &new.name, Self::NAME_MAX, false);
        text::check(
            &mut errors,
            "street_address",
            "Street address",
            &new.street_address,
            Self::ADDRESS_MAX,
            false,
        );
        text::check(
            &mut errors,
            "description",
            "Description",
            &new.description,
            Self::DESCRIPTION_MAX,
            true,
        );
        if errors.is_empty() { Ok(new) } else { Err(errors) }
    }

    /// Whether a field that the sample requires is missing. The page then shows the sample's own message.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        text::normalised(&self.restaurant_name).is_empty() || text::normalised(&self.description).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(name: &str, address: &str, description: &str) -> RestaurantForm {
        RestaurantForm {
            restaurant_name: name.into(),
            street_address: address.into(),
            description: description.into(),
        }
    }

    #[test]
    fn a_complete_form_is_trimmed_and_accepted() {
        let new = form(" Contoso Café ", "", "Good\r\ncoffee").validate().expect("valid");
        assert_eq!(new.name, "Contoso Café");
        assert_eq!(new.street_address, "");
        assert_eq!(new.description, "Good\ncoffee");
    }

    #[test]
    fn a_blank_field_is_missing() {
        let errors = form("  ", "", "\r\n").validate().expect_err("invalid");
        assert!(errors.get("restaurant_name").is_some());
        assert!(errors.get("description").is_some());
        assert!(errors.get("street_address").is_none());
    }

    #[test]
    fn each_limit_has_its_message() {
        let errors = form(&"x".repeat(51), &"x".repeat(51), &"x".repeat(251))
            .validate()
            .expect_err("invalid");
        assert!(errors.get("restaurant_name").is_some_and(|m| m.contains("at most 50")));
        assert!(errors.get("street_address").is_some_and(|m| m.contains("at most 50")));
        assert!(errors.get("description").is_some_and(|m| m.contains("at most 250")));
    }

    #[test]
    fn an_id_is_digits() {
        assert_eq!("7".parse(), Ok(RestaurantId(7)));
        for bad in ["", "+7", "-7", " 7", "07", "00", "7a", "٧", "99999999999999999999"] {
            assert!(bad.parse::<RestaurantId>().is_err(), "{bad:?}");
        }
    }
}
