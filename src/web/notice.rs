//! A short message on the page after a redirect.
//!
//! It travels in a cookie that holds only a known code: no session, no secret, and nothing that a
//! stranger could put on the page. A second cookie lets whoever changed something see pages as the store
//! has them, for a moment: another instance may answer next, and hear of the change a little later.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponseParts, ResponseParts};

use crate::cache::LEASE;

/// For how many seconds pages come from the store after a change: longer than any instance uses a page that it
/// may not know to be old.
const FRESH_FOR: u64 = 2 + LEASE.as_secs();

/// What a page can be told by the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A restaurant was added.
    RestaurantAdded,
    /// A review was added.
    ReviewAdded,
}

impl Notice {
    const ALL: [Self; 2] = [Self::RestaurantAdded, Self::ReviewAdded];

    fn code(self) -> &'static str {
        match self {
            Self::RestaurantAdded => "restaurant-added",
            Self::ReviewAdded => "review-added",
        }
    }

    /// What the person reads.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::RestaurantAdded => "Restaurant added. Be the first to review it.",
            Self::ReviewAdded => "Review added. Thank you!",
        }
    }

    /// The notice that a request brings.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        cookies(headers)
            .filter_map(|cookie| cookie.strip_prefix("notice="))
            .find_map(|code| Self::ALL.into_iter().find(|notice| notice.code() == code))
    }

    /// Whether a page for this request must come from the store: it has a notice to show, or the person has just
    /// changed something.
    #[must_use]
    pub fn wants_fresh_page(headers: &HeaderMap) -> bool {
        cookies(headers).any(|cookie| cookie.starts_with("notice=") || cookie == "fresh=1")
    }

    /// Part of a response that takes the notice away: it has been shown.
    #[must_use]
    pub fn shown() -> impl IntoResponseParts {
        [(SET_COOKIE, "notice=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")]
    }
}

impl IntoResponseParts for Notice {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Self::Error> {
        for cookie in [
            format!("notice={}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax", self.code()),
            format!("fresh=1; Path=/; Max-Age={FRESH_FOR}; HttpOnly; SameSite=Lax"),
        ] {
            let cookie = HeaderValue::try_from(cookie).expect("plain ASCII");
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_codes_are_notices() {
        let read = |cookie: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, cookie.parse().unwrap());
            Notice::from_headers(&headers)
        };
        assert_eq!(read("a=b; notice=review-added"), Some(Notice::ReviewAdded));
        assert_eq!(read("notice=<script>"), None);
        assert_eq!(read("other-notice=review-added"), None);
    }
}
