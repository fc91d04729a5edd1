//! The cookies that the site sets for visitors. (Those of a session of the staff are in `pages/admin/gate.rs`.)

use std::borrow::Cow;
use std::time::Duration;

use axum_extra::extract::cookie::{Cookie, SameSite};

use crate::config::Config;

/// The notice of the next page.
pub(super) const NOTICE: Name = Name {
    plain: "notice",
    secure: "__Host-notice",
};
/// Pages come straight from the store.
pub(super) const FRESH: Name = Name {
    plain: "fresh",
    secure: "__Host-fresh",
};
/// The beginning of the names of those with the private links of new reviews.
pub(super) const WRITER: Name = Name {
    plain: "writer",
    secure: "__Host-writer",
};
/// The beginning of the names of those with the private links of deleted reviews.
pub(super) const GONE: Name = Name {
    plain: "gone",
    secure: "__Host-gone",
};

/// The name of a cookie. With the prefix `__Host-`, browsers accept it only from this host and over HTTPS, which a
/// development machine does not have.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) plain: &'static str,
    pub(super) secure: &'static str,
}

impl Name {
    pub(super) fn of(self, config: &Config) -> &'static str {
        if config.is_https() { self.secure } else { self.plain }
    }
}

/// A cookie for the whole site.
pub(super) fn cookie(
    config: &Config,
    name: impl Into<Cow<'static, str>>,
    value: impl Into<Cow<'static, str>>,
    max_age: Duration,
) -> Cookie<'static> {
    Cookie::build((name, value))
        .secure(config.is_https())
        .path("/")
        .max_age(max_age.try_into().expect("a short time"))
        .http_only(true)
        .same_site(SameSite::Lax)
        .build()
}
