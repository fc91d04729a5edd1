//! The name of a photo: random, so that it reveals nothing and cannot be guessed.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

const EXTENSION: &str = ".jpg";
const MEDIUM: &str = "-medium.jpg";
const THUMBNAIL: &str = "-thumb.jpg";

/// A photo's name, `<uuid>.jpg`, that of its middle size, `<uuid>-medium.jpg`, or its thumbnail's, `<uuid>-thumb.jpg`.
/// Nothing else is a name; in particular, a path is not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PhotoName(String);

impl PhotoName {
    /// A new random name.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("{}{EXTENSION}", Uuid::new_v4()))
    }

    /// A name from a seeded generator, for demo data that is the same every time.
    #[must_use]
    pub fn from_seeded(rng: &mut fastrand::Rng) -> Self {
        let id = uuid::Builder::from_random_bytes(rng.u128(..).to_be_bytes()).into_uuid();
        Self(format!("{id}{EXTENSION}"))
    }

    /// The name as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the photo itself, whichever of its sizes this is.
    #[must_use]
    pub fn photo(&self) -> Self {
        self.sized(EXTENSION)
    }

    /// The name of the photo at its middle size.
    #[must_use]
    pub fn medium(&self) -> Self {
        self.sized(MEDIUM)
    }

    /// The name of its thumbnail.
    #[must_use]
    pub fn thumbnail(&self) -> Self {
        self.sized(THUMBNAIL)
    }

    /// Whether this is the name of a photo at its middle size.
    #[must_use]
    pub fn is_medium(&self) -> bool {
        self.0.ends_with(MEDIUM)
    }

    fn sized(&self, ending: &str) -> Self {
        const UUID: usize = uuid::fmt::Hyphenated::LENGTH;
        Self(format!("{}{ending}", &self.0[..UUID]))
    }
}

impl fmt::Display for PhotoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PhotoName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let stem = text
            .strip_suffix(THUMBNAIL)
            .or_else(|| text.strip_suffix(MEDIUM))
            .or_else(|| text.strip_suffix(EXTENSION))
            .ok_or(())?;
        let id = Uuid::try_parse(stem).map_err(|_| ())?;
        // Only one spelling is valid: lower case with hyphens.
        if id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) != stem {
            return Err(());
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let name = PhotoName::random();
        assert_eq!(name.as_str().parse(), Ok(name.clone()));
        for size in [name.photo(), name.medium(), name.thumbnail()] {
            assert_eq!(size.as_str().parse(), Ok(size.clone()));
            assert_eq!(size.is_medium(), size == name.medium());
            assert_eq!((size.photo(), size.thumbnail()), (name.clone(), name.thumbnail()));
        }
    }

    #[test]
    fn nothing_else_is_a_name() {
        let id = "0b6e2b9e-0d5c-4d34-9d0f-0a4f0b0f6a01";
        assert!(format!("{id}.jpg").parse::<PhotoName>().is_ok());
        for bad in [
            "",
            ".jpg",
            "photo.jpg",
            "../../etc/passwd",
            &format!("../{id}.jpg"),
            &format!("{id}.png"),
            &format!("{id}.jpg.part"),
            &format!("{id}.jpg\0"),
            &format!("{}.jpg", id.to_uppercase()),
            &format!("{}.jpg", id.replace('-', "")),
            &format!("{{{id}}}.jpg"),
        ] {
            assert!(bad.parse::<PhotoName>().is_err(), "{bad:?}");
        }
    }
}
