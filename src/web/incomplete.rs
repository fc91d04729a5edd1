//! Why a form was not read to its end.

use super::received::{LostTurn, TooSlow};
use crate::error::AppError;

/// Why a form was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incomplete {
    /// It arrived too slowly.
    TooSlow,
    /// It fell behind while other forms waited for the memory that it used.
    LostTurn,
    /// It has too much text, or it is too long.
    TooLong,
    /// It has too many fields.
    TooManyFields,
    /// Other forms have taken the memory.
    NoRoom,
    /// It is malformed, or it ended early.
    Broken,
}

impl Incomplete {
    /// Distinguishes a body that is too long or too slow from one that is malformed or ended early.
    pub fn because_of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if error.is::<http_body_util::LengthLimitError>() {
                return Self::TooLong;
            }
            if error.is::<TooSlow>() || error.is::<tower_http::timeout::TimeoutError>() {
                return Self::TooSlow;
            }
            if error.is::<LostTurn>() {
                return Self::LostTurn;
            }
            cause = error.source();
        }
        Self::Broken
    }

    /// What to tell a visitor who gets the form back.
    #[must_use]
    pub fn problem(self) -> &'static str {
        match self {
            Self::TooSlow | Self::LostTurn => {
                "the form did not arrive in time. Check your connection and send it again."
            }
            Self::TooLong => "the form is larger than this site accepts. Shorten the text and send it again.",
            Self::TooManyFields => "the form has more fields than this site's form has. Send it again from this page.",
            Self::NoRoom => "the site is busy. Send the form again in a moment.",
            Self::Broken => "the form did not arrive complete. Send it again.",
        }
    }
}

impl From<Incomplete> for AppError {
    fn from(incomplete: Incomplete) -> Self {
        match incomplete {
            Incomplete::TooSlow | Incomplete::LostTurn => Self::RequestTimeout,
            Incomplete::TooLong => Self::PayloadTooLarge,
            Incomplete::TooManyFields => Self::BadRequest(
                "The form has more fields than the forms of this site have. Open the form here and send it again."
                    .into(),
            ),
            Incomplete::NoRoom => Self::TooManyRequests,
            Incomplete::Broken => {
                Self::BadRequest("The form did not arrive complete. Go back and send it again.".into())
            }
        }
    }
}
