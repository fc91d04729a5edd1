//! A short message on the page after a redirect.
//!
//! A cookie carries it. The cookie holds only a known code: no session, no secret, and nothing that a stranger could
//! put on the page. A second cookie makes pages come straight from the store for a moment after a change: another
//! instance may answer next, and may not know about the change yet.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::{IntoResponseParts, ResponseParts};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};

const NOTICE: &str = "notice";
const FRESH: &str = "fresh";

/// How long a notice waits for its page.
const NOTICE_FOR: Duration = Duration::from_mins(1);
/// How long pages come straight from the store after a change.
pub const FRESH_FOR: Duration = Duration::from_secs(5);

/// A message for the next page.
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

    /// The message.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::RestaurantAdded => "Restaurant added. Be the first to review it.",
            Self::ReviewAdded => "Review added. Thank you!",
        }
    }

    /// The notice in the cookies of a request.
    #[must_use]
    pub fn from_cookies(cookies: &CookieJar) -> Option<Self> {
        let code = cookies.get(NOTICE)?.value();
        Self::ALL.into_iter().find(|notice| notice.code() == code)
    }

    /// Whether the page for this request must come straight from the store: there is a notice to show, or the visitor
    /// has just changed something.
    #[must_use]
    pub fn wants_fresh_page(headers: &HeaderMap) -> bool {
        let cookies = CookieJar::from_headers(headers);
        cookies.get(NOTICE).is_some() || cookies.get(FRESH).is_some()
    }

    /// The part of a response that removes the notice once it has been shown.
    pub fn shown() -> CookieJar {
        CookieJar::new().add(cookie(NOTICE, "", Duration::ZERO))
    }
}

impl IntoResponseParts for Notice {
    type Error = Infallible;

    fn into_response_parts(self, response: ResponseParts) -> Result<ResponseParts, Infallible> {
        CookieJar::new()
            .add(cookie(NOTICE, self.code(), NOTICE_FOR))
            .add(cookie(FRESH, "1", FRESH_FOR))
            .into_response_parts(response)
    }
}

fn cookie(name: &'static str, value: &'static str, max_age: Duration) -> Cookie<'static> {
    Cookie::build((name, value))
        .path("/")
        .max_age(max_age.try_into().expect("a short time"))
        .http_only(true)
        .same_site(SameSite::Lax)
        .build()
}

#[cfg(test)]
mod tests {
    use axum::http::header::COOKIE;

    use super::*;

    #[test]
    fn only_known_codes_are_notices() {
        let read = |cookie: &str| {
            let headers = HeaderMap::from_iter([(COOKIE, cookie.parse().unwrap())]);
            Notice::from_cookies(&CookieJar::from_headers(&headers))
        };
        assert_eq!(read("a=b; notice=review-added"), Some(Notice::ReviewAdded));
        assert_eq!(read("notice=<script>"), None);
        assert_eq!(read("other-notice=review-added"), None);
    }
}
