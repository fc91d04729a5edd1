//! What must be true after a soak.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::to_bytes;
use futures_util::{StreamExt as _, stream};
use image::GenericImageView as _;
use restaurant_review::photos::{PhotoName, PhotoStore};

use super::journal::{Journal, Kind, Write};

/// How many such lines of the log are shown.
const LINES: usize = 10;
/// How many photos are read at the same time.
const AT_ONCE: usize = 8;

/// What the site has saved.
pub struct Saved {
    /// The names of the restaurants.
    pub restaurants: Vec<String>,
    /// The name and the photo of each review.
    pub reviews: Vec<(String, Option<String>)>,
    /// The photos that the clean-up knows.
    pub unclaimed: Vec<String>,
    /// The names of all stored photos and thumbnails.
    pub files: Vec<String>,
}

impl Saved {
    /// Compares it with what was sent, and looks for errors in the log that the site did not foresee. Returns what is
    /// wrong.
    pub async fn check(&self, journal: &Journal, photos: &dyn PhotoStore, log: &str) -> Vec<String> {
        let mut wrong = journal.surprises();
        let unforeseen = log.lines().filter(|line| line.contains("the request failed"));
        wrong.extend(unforeseen.take(LINES).map(str::to_owned));
        let mut found: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
        for name in &self.restaurants {
            found.entry(name).or_default().push(None);
        }
        for (name, photo) in &self.reviews {
            found.entry(name).or_default().push(photo.as_deref());
        }
        let mut stored = Vec::new();
        for write in journal.writes() {
            let found = found.get(write.name.as_str()).map_or(&[][..], Vec::as_slice);
            match found {
                [] if write.is_acknowledged => {
                    journal.lost(&write);
                    wrong.push(format!("lost: {write:?}"));
                }
                [] => {}
                [one] => stored.push(photo_is_wrong(write, one.map(str::to_owned), photos)),
                [..] => {
                    journal.doubled(&write);
                    wrong.push(format!("doubled: {write:?}"));
                }
            }
        }
        let stored = stream::iter(stored).buffer_unordered(AT_ONCE);
        wrong.extend(stored.filter_map(async |wrong| wrong).collect::<Vec<_>>().await);
        wrong.extend(self.forgotten().map(|file| format!("{file} would stay for ever")));
        wrong
    }

    /// The files that no review shows, and that the clean-up does not know.
    fn forgotten(&self) -> impl Iterator<Item = &String> {
        let shown = self.reviews.iter().filter_map(|(_, photo)| photo.as_ref());
        let known: BTreeSet<&String> = shown.chain(&self.unclaimed).collect();
        self.files.iter().filter(move |file| {
            let name = file
                .trim_end_matches(".part")
                .replace("-thumb.jpg", ".jpg")
                .replace("-medium.jpg", ".jpg");
            !known.contains(&name)
        })
    }
}

/// What is wrong with the photo of a review.
async fn photo_is_wrong(write: Write, photo: Option<String>, photos: &dyn PhotoStore) -> Option<String> {
    let (brightness, name) = match (write.kind, photo) {
        (Kind::Restaurant | Kind::Review, None) => return None,
        (Kind::ReviewWithPhoto(brightness), Some(name)) => (brightness, name),
        (_, photo) => return Some(format!("{write:?} has the photo {photo:?}")),
    };
    let name: PhotoName = name.parse().unwrap();
    for file in [name.clone(), name.medium(), name.thumbnail()] {
        let Some(stored) = photos.get(&file).await.unwrap() else {
            return Some(format!("{write:?} lacks its photo {file}"));
        };
        let bytes = to_bytes(stored.body, usize::MAX).await.unwrap();
        let picture = match image::load_from_memory(&bytes) {
            Ok(picture) => picture,
            Err(error) => return Some(format!("{write:?} has a broken photo {file}: {error}")),
        };
        let shown = picture.get_pixel(picture.width() / 2, picture.height() / 2).0[0];
        if shown.abs_diff(brightness) > 5 {
            return Some(format!("{write:?} shows another photo"));
        }
    }
    None
}
