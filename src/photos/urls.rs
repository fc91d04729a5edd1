//! Where browsers find the photos.

use std::sync::Arc;

use photo_processing::{MEDIUM_SIDE, PHOTO_SIDE, THUMBNAIL_SIDE};

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

    /// The addresses of its sizes with their widths, for `<img srcset>`.
    ///
    /// Photos that earlier versions stored lack the middle size. This site serves the photo itself in its place; another
    /// one cannot, so there it is not named.
    #[must_use]
    pub fn sizes(&self, name: &PhotoName) -> String {
        let medium = if self.0.starts_with('/') {
            format!("{} {MEDIUM_SIDE}w, ", self.photo(&name.medium()))
        } else {
            String::new()
        };
        format!(
            "{} {THUMBNAIL_SIDE}w, {medium}{} {PHOTO_SIDE}w",
            self.thumbnail(name),
            self.photo(name)
        )
    }
}
