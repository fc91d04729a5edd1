//! Where browsers find the photos.

use std::sync::Arc;

use super::PhotoName;
use crate::config::Config;

/// The addresses of photos, for the pages: below `PHOTOS_BASE_URL` if it is set, otherwise on this site.
#[derive(Debug, Clone)]
pub struct PhotoUrls(Arc<str>);

impl PhotoUrls {
    /// The addresses for this configuration.
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
