//! Where browsers find the photos.

use std::sync::Arc;

use super::PhotoName;
use crate::config::Config;

/// The addresses of photos, for the pages: under `PHOTOS_BASE_URL` where it is set, otherwise through this
/// site.
#[derive(Debug, Clone)]
pub struct PhotoUrls(Arc<str>);

impl PhotoUrls {
    /// As configured.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        match config.photos_base_url() {
            Some(url) => Self(url.as_str().trim_end_matches('/').into()),
            None => Self("/photos".into()),
        }
    }

    /// The address of a photo.
    #[must_use]
    pub fn photo(&self, name: &PhotoName) -> String {
        format!("{}/{name}", self.0)
    }

    /// The address of its thumbnail.
    #[must_use]
    pub fn thumbnail(&self, name: &PhotoName) -> String {
        self.photo(&name.thumbnail())
    }
}
