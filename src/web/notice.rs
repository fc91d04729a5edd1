//! A short message on the page after a redirect.
//!
//! A cookie carries it. The cookie holds only a known code: no session, no secret, and nothing that a stranger could
//! put on the page. Another cookie makes pages come straight from the store for a moment after a change: another instance
//! may answer next, and may not know about the change yet.

use std::time::Duration;

use axum::http::HeaderMap;
use axum_extra::extract::CookieJar;

use super::cookie::{FRESH, GONE, NOTICE, WRITER, cookie};
use crate::config::Config;

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
    /// A writer changed a review.
    ReviewCorrected,
    /// A writer took a review back.
    ReviewTakenBack,
    /// The staff saved a change.
    Saved,
    /// The staff changed or deleted what they had chosen.
    AllDone,
    /// The same, except for what others had changed meanwhile.
    SomeDone,
    /// The staff hid a review, but its photo can still be loaded.
    PhotoNotWithdrawn,
}

impl Notice {
    const ALL: [Self; 8] = [
        Self::RestaurantAdded,
        Self::ReviewAdded,
        Self::ReviewCorrected,
        Self::ReviewTakenBack,
        Self::Saved,
        Self::AllDone,
        Self::SomeDone,
        Self::PhotoNotWithdrawn,
    ];

    fn code(self) -> &'static str {
        match self {
            Self::RestaurantAdded => "restaurant-added",
            Self::ReviewAdded => "review-added",
            Self::ReviewCorrected => "review-corrected",
            Self::ReviewTakenBack => "review-taken-back",
            Self::Saved => "saved",
            Self::AllDone => "all-done",
            Self::SomeDone => "some-done",
            Self::PhotoNotWithdrawn => "photo-not-withdrawn",
        }
    }

    /// Whether something was left undone.
    #[must_use]
    pub fn is_warning(self) -> bool {
        matches!(self, Self::SomeDone | Self::PhotoNotWithdrawn)
    }

    /// The message.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::RestaurantAdded => "Restaurant added. Be the first to review it.",
            Self::ReviewAdded => "Review added. Thank you!",
            Self::ReviewCorrected => "Your review was changed.",
            Self::ReviewTakenBack => "Your review was deleted.",
            Self::Saved => "Saved.",
            Self::AllDone => "Done.",
            Self::SomeDone => {
                "Done, except for entries that someone else changed or deleted in the meantime. Check them, then try \
                 again."
            }
            Self::PhotoNotWithdrawn => {
                "Hidden, but one or more photos could not be moved just now, so they can still be opened at their old \
                 addresses. The site will try again every ten minutes."
            }
        }
    }

    /// The notice in the cookies of a request.
    #[must_use]
    pub fn from_cookies(config: &Config, cookies: &CookieJar) -> Option<Self> {
        let code = cookies.get(NOTICE.of(config))?.value();
        Self::ALL.into_iter().find(|notice| notice.code() == code)
    }

    /// Whether the page for this request must come straight from the store: there is a notice or a private link to show,
    /// or the visitor has just changed something. Here both names of a cookie count: the page is the same, whoever has
    /// set it.
    #[must_use]
    pub fn wants_fresh_page(headers: &HeaderMap) -> bool {
        let wanted = |name: &str| {
            let is_link = |kind: &str| name.strip_prefix(kind).is_some_and(|rest| rest.starts_with('-'));
            [NOTICE, FRESH]
                .iter()
                .any(|known| name == known.plain || name == known.secure)
                || [WRITER, GONE]
                    .iter()
                    .any(|known| is_link(known.plain) || is_link(known.secure))
        };
        CookieJar::from_headers(headers)
            .iter()
            .any(|cookie| wanted(cookie.name()))
    }

    /// The part of a response that leaves this notice for the next page.
    pub fn left(self, config: &Config) -> CookieJar {
        CookieJar::new()
            .add(cookie(config, NOTICE.of(config), self.code(), NOTICE_FOR))
            .add(cookie(config, FRESH.of(config), "1", FRESH_FOR))
    }

    /// The part of a response that removes the notice once it has been shown.
    pub fn shown(config: &Config) -> CookieJar {
        CookieJar::new().add(cookie(config, NOTICE.of(config), "", Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::{COOKIE, SET_COOKIE};
    use axum::response::IntoResponse as _;

    use super::*;
    use crate::model::{Capability, RestaurantId};
    use crate::web::WriterLinks;

    fn config(is_production: bool) -> Config {
        let mut config = Config::for_test("unused".into());
        config.website_hostname = is_production.then(|| "example.azurewebsites.net".to_owned());
        config
    }

    fn headers(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, cookie.parse().unwrap())])
    }

    #[test]
    fn only_known_codes_are_notices() {
        let read = |is_production, cookie: &str| {
            Notice::from_cookies(&config(is_production), &CookieJar::from_headers(&headers(cookie)))
        };
        for (is_production, name) in [(false, "notice"), (true, "__Host-notice")] {
            let known = format!("a=b; {name}=review-added");
            assert_eq!(read(is_production, &known), Some(Notice::ReviewAdded));
            assert_eq!(read(!is_production, &known), None, "the name of the other one");
            assert_eq!(read(is_production, &format!("{name}=<script>")), None);
            assert_eq!(read(is_production, &format!("other-{name}=review-added")), None);
        }
    }

    #[test]
    fn cookies_are_secure_in_production() {
        for is_production in [false, true] {
            let config = config(is_production);
            let responses = [
                Notice::RestaurantAdded.left(&config).into_response(),
                Notice::shown(&config).into_response(),
                WriterLinks::of_new_review(&config, RestaurantId(1), &Capability::random()).into_response(),
            ];
            let cookies: Vec<&str> = responses
                .iter()
                .flat_map(|response| response.headers().get_all(SET_COOKIE))
                .map(|cookie| cookie.to_str().unwrap())
                .collect();
            assert_eq!(cookies.len(), 4);
            for cookie in cookies {
                let mut attributes = cookie.split("; ");
                let pair = attributes.next().unwrap();
                assert_eq!(pair.starts_with("__Host-"), is_production, "{cookie}");
                assert!(Notice::wants_fresh_page(&headers(pair)), "{cookie}");
                assert!(
                    !Notice::wants_fresh_page(&headers(&format!("other-{pair}"))),
                    "{cookie}"
                );
                let attributes: Vec<&str> = attributes.collect();
                assert_eq!(attributes.contains(&"Secure"), is_production, "{cookie}");
                assert!(
                    attributes.contains(&"Path=/") && attributes.contains(&"HttpOnly"),
                    "{cookie}"
                );
                assert!(!cookie.contains("Domain"), "{cookie}");
            }
        }
    }
}
