//! The site's own addresses with scheme and host, as other programs need them: search engines, and those that show a
//! preview of a link.

use axum::http::HeaderMap;
use axum::http::header::HOST;

use crate::assets::asset;
use crate::config::Config;

/// The beginning of the site's addresses, if it is known.
#[derive(Debug, Clone)]
pub struct SiteUrl(Option<String>);

impl SiteUrl {
    /// For a page. It depends on the settings alone: pages are cached, so one client's `Host` must not get into them.
    /// Outside production it is therefore known only from `PUBLIC_URL`.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self(config.site_url())
    }

    /// For an answer that is not cached. Without the settings, the site has the name by which this request calls it.
    #[must_use]
    pub fn of_request(config: &Config, headers: &HeaderMap) -> Self {
        let called = || {
            let host = headers.get(HOST)?.to_str().ok()?;
            host.bytes().all(is_of_host).then(|| format!("http://{host}"))
        };
        Self(config.site_url().or_else(called))
    }

    /// The address of this path with scheme and host, if they are known. An address that has them already stays as it is.
    #[must_use]
    pub fn absolute(&self, path: &str) -> Option<String> {
        if path.starts_with('/') {
            Some(format!("{}{path}", self.0.as_ref()?))
        } else {
            Some(path.to_owned())
        }
    }

    /// The address of the picture in a preview of a link: this photo, or else the site's icon.
    #[must_use]
    pub fn picture(&self, photo: Option<&str>) -> Option<String> {
        self.absolute(photo.unwrap_or_else(|| asset("icon.png")))
    }
}

/// Whether a name, an address or a port may have this byte, so that the text needs no escape.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte)
}
